"""The whole of it on a network of its own: a name server, real resolvers (unbound, BIND, dnsmasq), a metadata service at its real address that
tells instances apart by their address, instances with nginx and an agent, a sweeper, and clients that count what fails. Each is a machine:
a network namespace. test_traffic.py plays on it small, bench/proof.py large.
"""

import collections
import ctypes
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import sys
import threading
import time

import harness
import machines
import parts

NAME = "www.example.com"
AUTH, IMDS, OPS, CLIENT = "10.77.0.2", "10.77.0.5", "10.77.0.6", "10.77.0.4"
INSTANCES = "10.77.1.0/24"
CLONE_NEWNET = 0x40000000

WHY_NOT = machines.cannot("unbound", "named", "dnsmasq", "nginx", "curl", "dig")


def program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/sbin:/usr/sbin")


def on_machine(network, host, make):
    """What `make` gives, made on a machine of the network: a socket stays where it was made."""
    made = []

    def work():
        with open(f"/run/netns/{network.name(host)}", "rb") as place:
            if ctypes.CDLL(None, use_errno=True).setns(place.fileno(), CLONE_NEWNET):
                made.append(OSError(ctypes.get_errno(), "setns"))
                return
        made.append(make())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


class Metadata(parts.Metadata):
    """EC2's metadata service for all instances: `of` has the items by address."""

    def __init__(self, network):
        self.of = {}
        self.requests = collections.deque(maxlen=100)

        def make():
            made = parts._Threaded(("169.254.169.254", 80), _ByAddress)
            made.owner = self
            return made

        self.server = on_machine(network, "imds", make)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.5}, daemon=True)
        self.thread.start()


class _ByAddress(parts._MetadataHandler):
    def do_GET(self):
        owner = self.server.owner
        if self.headers.get("X-aws-ec2-metadata-token") != self.TOKEN:
            return self.answer(401)
        items = owner.of.get(self.client_address[0], {})
        item = self.path.removeprefix("/latest/meta-data/")
        return self.answer(200, items[item]) if item in items else self.answer(404)


NGINX = """
daemon off;
user root;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/nginx.log;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi; scgi_temp_path {directory}/scgi;
    server {{
        listen {address}:80;
        location = / {{ return 200 "{name}\\n"; }}
        location = /health {{ if (-f {directory}/sick) {{ return 503; }} return 200 "well\\n"; }}
        location = /status {{ stub_status; }}
    }}
}}
"""

# What the application says of its load: requests a second since it was last asked, by what it can carry.
LOAD = """
set -- $(curl -s -m 2 http://{address}/status | sed -n 3p) $(cut -d' ' -f1 /proc/uptime | tr -d .) $(cat {directory}/capacity) \\
    $(cat {directory}/last 2>/dev/null || echo 0 0)
echo "$3 $4" >{directory}/last
[ "$6" -gt 0 ] && [ "$4" -gt "$7" ] || exit 1
awk "BEGIN {{ printf \\"{{\\\\\\"utilisation\\\\\\":%.3f,\\\\\\"requests\\\\\\":%d}}\\\\n\\", ($3-$6)*100/($4-$7)/$5, $3 }}"
"""


class Instance:
    """A machine with nginx and, once join() was called, an agent. Its identifier is its name on the network."""

    def __init__(self, stage, number):
        self.stage, self.name = stage, f"i-{number:03}"
        self.address = f"10.77.1.{number}"
        self.directory = stage.directory / self.name
        self.directory.mkdir()
        self.agent = None
        self.times = {"launched": time.monotonic()}
        stage.network.host(self.name, self.address)
        stage.metadata.of[self.address] = {"instance-id": self.name, "local-ipv4": self.address, "public-ipv4": self.address}
        config = self.directory / "nginx.conf"
        config.write_text(NGINX.format(directory=self.directory, address=self.address, name=self.name))
        (self.directory / "load.sh").write_text(LOAD.format(directory=self.directory, address=self.address))
        self.nginx = stage.network.popen(self.name, program("nginx"), "-c", config, stderr=open(self.directory / "nginx.err", "wb"))

    def join(self, *options):
        stage = self.stage
        self.agent = harness.Process(
            stage.network.command(
                self.name, harness.ROTA, "agent", "--zone", "example.com", "--name", NAME, "--address", "local-ipv4", "--ttl", stage.ttl,
                "--margin", stage.margin, "--port", "80", "--socket", self.directory / "agent.sock",
                "--drain-file", self.directory / "drain", "--health", f"http://{self.address}/health", "--health-interval", stage.health_interval,
                *stage.options(self), *options,
            ),
            self.directory, "agent", env=stage.environment,
        )  # fmt: skip

    def status(self):
        found = self.stage.network.run(self.name, harness.ROTA, "status", "--json", "--socket", self.directory / "agent.sock")
        return json.loads(found.stdout) if found.returncode == 0 else None

    def item(self, item, value):
        """What its metadata service says from now on."""
        self.stage.metadata.of[self.address][item] = value

    def sicken(self, is_sick=True):
        mark = self.directory / "sick"
        mark.touch() if is_sick else mark.unlink(missing_ok=True)

    def leave(self):
        self.times.setdefault("told", time.monotonic())
        self.agent.child.send_signal(signal.SIGTERM)  # `ip netns exec` became the agent

    def ended(self, seconds=120):
        """Waits for the agent's end, then takes the machine away as a shutdown would: first the application, then the network."""
        status = self.agent.wait(seconds)
        self.times["left"] = time.monotonic()
        if self.nginx.poll() is None:
            self.nginx.send_signal(signal.SIGQUIT)
            self.nginx.wait(30 * harness.SLOW)
        self.cut()
        return status

    def cut(self):
        self.stage.network.run(self.name, "ip", "link", "set", "eth0", "down")
        self.times["off"] = time.monotonic()
        self.stage.instances.pop(self.name, None)

    def die(self):
        """The machine is gone at one moment: no goodbye by anybody."""
        self.times["died"] = time.monotonic()
        self.stage.network.run(self.name, "ip", "link", "set", "eth0", "down")
        self.agent.child.kill()
        self.agent.child.wait()
        self.nginx.kill()
        self.nginx.wait()
        self.cut()


BIND = """
options {{
    directory "{directory}"; pid-file none; session-keyfile none; listen-on {{ {addresses} }}; listen-on-v6 {{ none; }};
    dnssec-validation no; allow-query {{ any; }}; allow-recursion {{ any; }}; recursion yes; empty-zones-enable no;
}};
controls {{ }};
{views}
"""

# A view has a cache of its own, and counts as a resolver of its own.
VIEW = """view {name} {{ match-destinations {{ {address}; }};
    zone "example.com" {{ type static-stub; server-addresses {{ {server}; }}; }}; }};"""


class Resolvers:
    """`count` caches each of unbound, BIND and dnsmasq, as Debian ships them; `addresses` are {address: which}."""

    def __init__(self, network, directory, count):
        self.addresses = {}
        self.directory = directory
        directory.mkdir()
        for number, (kind, start) in enumerate((("unbound", self._unbound), ("bind", self._bind), ("dnsmasq", self._dnsmasq)), 2):
            own = [f"10.77.{number}.{one}" for one in range(1, count + 1)]
            network.host(kind, own[0])
            for address in own[1:]:
                machines.run("ip", "-n", network.name(kind), "addr", "add", f"{address}/16", "dev", "eth0")
            start(network, own)
            self.addresses.update(dict.fromkeys(own, kind))
        for address in self.addresses:
            harness.eventually(lambda address=address: self._answers(network, address), f"{self.addresses[address]} at {address} answers", 30)

    def _answers(self, network, address):
        return "NOERROR" in network.run("cli", "dig", "+tries=1", "+time=2", f"@{address}", "example.com", "SOA").stdout

    def _start(self, network, host, *command):
        with open(self.directory / f"{host}.log", "ab") as log:
            network.popen(host, *command, stdout=log, stderr=log)

    def _unbound(self, network, addresses):
        for address in addresses:
            config = self.directory / f"unbound-{address}.conf"
            parts.Resolver.configure(config, "example.com", AUTH, address)
            self._start(network, "unbound", program("unbound"), "-d", "-c", config)

    def _bind(self, network, addresses):
        views = "\n".join(VIEW.format(name=f"v{number}", address=address, server=AUTH) for number, address in enumerate(addresses))
        config = self.directory / "named.conf"
        config.write_text(BIND.format(directory=self.directory, addresses="".join(f"{address}; " for address in addresses), views=views))
        self._start(network, "bind", program("named"), "-f", "-g", "-n", "1", "-c", config)

    def _dnsmasq(self, network, addresses):
        foreground = "-d" if parts.groups_are_fixed() else "-k"  # to debug it does not change users
        for address in addresses:
            self._start(
                network, "dnsmasq", program("dnsmasq"), foreground, "-C", "/dev/null", f"--server=/example.com/{AUTH}", "--no-resolv", "--no-hosts",
                "-u", "root", f"--listen-address={address}", "--bind-interfaces", "--pid-file", "--log-facility=-",
            )  # fmt: skip


Request = collections.namedtuple("Request", "ended seconds address who failed resolver kind")


class Clients:
    """A client a cache, on the machine `cli`, each with a resolv.conf of its own; a third keep connections, some are curl."""

    KINDS = ("once", "kept", "once", "kept", "curl")

    def __init__(self, network, directory, resolvers, rate):
        self.logs = {}
        directory.mkdir()
        client = pathlib.Path(__file__).with_name("traffic_client.py")
        for number, (address, resolver) in enumerate(resolvers.items()):
            conf, log = directory / f"resolv-{number}.conf", directory / f"{number}.log"
            conf.write_text(f"nameserver {address}\noptions timeout:5 attempts:2\n")
            log.touch()
            kind = self.KINDS[number % len(self.KINDS)]
            # A place for mounts that nobody else sees comes with `ip netns exec`.
            network.popen(
                "cli", "sh", "-c", 'mount --bind "$0" /etc/resolv.conf && exec "$@"', conf, sys.executable, "-B", client, kind, NAME, log, str(rate),
                stderr=open(directory / f"{number}.err", "wb"),
            )  # fmt: skip
            self.logs[log] = [0, resolver, kind]
        self.requests = []

    def read(self):
        """All requests so far."""
        for log, place in self.logs.items():
            with open(log, "rb") as lines:
                lines.seek(place[0])
                fresh = lines.read()
            whole = fresh[: fresh.rfind(b"\n") + 1]
            place[0] += len(whole)
            self.requests += [Request(*json.loads(line), *place[1:]) for line in whole.splitlines()]
        return self.requests

    def failures(self):
        return [one for one in self.read() if one.failed]

    def more(self, count=100):
        """Waits for so many more."""
        start = len(self.read())
        harness.eventually(lambda: len(self.read()) >= start + count, f"{count} more requests", 60)


class Stage:
    """Everything but the instances; launch() makes those. `options`, a function of an instance, gives its agent's further options."""

    def __init__(self, directory, ttl=5, margin=5, caches=2, rate=8, health_interval="2s", options=lambda instance: ()):
        self.directory, self.ttl, self.margin = pathlib.Path(directory), f"{ttl}s", f"{margin}s"
        self.health_interval, self.options = health_interval, options
        self.instances, self.launched = {}, 0
        self.network = machines.Network()
        try:
            self._build(caches, rate)
        except BaseException:
            self.close()
            raise

    def _build(self, caches, rate):
        for host, address in {"auth": AUTH, "cli": CLIENT, "ops": OPS}.items():
            self.network.host(host, address)
        self.network.host("imds", IMDS, metadata=True)
        self.metadata = Metadata(self.network)
        self.server = parts.NameServer(self.network, "auth", AUTH, self.directory)
        self.environment = harness.clean_environment(**self.server.environment)
        del self.environment["AWS_EC2_METADATA_DISABLED"]
        self.resolvers = Resolvers(self.network, self.directory / "resolvers", caches)
        self.sweeper = harness.Process(
            self.network.command("ops", harness.ROTA, "sweep", "--zone", "example.com", "--name", NAME), self.directory, "sweep",
            env=self.environment,
        )  # fmt: skip
        self.rate, self.clients = rate, None

    def begin_traffic(self):
        self.clients = Clients(self.network, self.directory / "clients", self.resolvers.addresses, self.rate)

    def launch(self, count=1, *options):
        """So many more instances; waits until they are in the rota."""
        new = []
        for _ in range(count):
            self.launched += 1
            one = Instance(self, self.launched)
            self.instances[one.name] = one
            new.append(one)
        for one in new:
            one.join(*options)
        for one in new:
            harness.eventually(lambda one=one: one.name in self.members(), lambda one=one: f"{one.name} has joined: {one.agent.output()}", 60)
            one.times["joined"] = time.monotonic()
        return new

    def replace(self, old, while_leaving=lambda: None):
        """A rolling update's wave: new ones join, then the old ones leave, all side by side."""
        new = self.launch(len(old))
        for one in old:
            one.leave()
        while_leaving()
        statuses = {one.name: one.ended() for one in old}
        assert not any(statuses.values()), "\n".join(f"{one.name}: {statuses[one.name]}\n{one.agent.output()}" for one in old)
        return new

    def members(self):
        return self.server.members(NAME)

    def drawn(self, count=1000):
        """How often the name server gave each address."""
        made = on_machine(self.network, "cli", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        seen = collections.Counter()
        with made as udp:
            udp.settimeout(10 * harness.SLOW)
            udp.connect((AUTH, 53))
            for number in range(count):
                udp.send(harness.query(NAME, identity=number & 0xFFFF))
                seen[socket.inet_ntoa(udp.recv(4096)[-4:])] += 1
        return seen

    def caches(self):
        """The address that each resolver gives at the moment."""
        said = {}
        for address, kind in self.resolvers.addresses.items():
            answer = self.network.run("cli", "dig", "+short", "+tries=1", "+time=5", f"@{address}", NAME, "A")
            said[f"{kind} at {address}"] = answer.stdout.strip()
        return said

    def metric(self, name):
        """A number of the name server's."""
        page = self.network.run("auth", "curl", "-s", "-m", "5", f"http://{AUTH}:8053/metrics").stdout
        return next((float(line.split()[1]) for line in page.splitlines() if line.startswith(name + " ")), 0)

    def api(self, is_on):
        """Whether instances reach the API: what the name server sends them is lost, as are their requests for all they can tell."""
        word = "del" if is_on else "add"
        machines.run("ip", "-n", self.network.name("auth"), "route", word, "blackhole", INSTANCES)

    def close(self):
        for one in list(self.instances.values()):
            if one.agent and one.agent.child.poll() is None:
                one.agent.child.kill()
                one.agent.child.wait()
        if hasattr(self, "sweeper") and self.sweeper.child.poll() is None:
            self.sweeper.child.kill()
            self.sweeper.child.wait()
        if hasattr(self, "metadata"):
            self.metadata.close()
        self.network.close()
