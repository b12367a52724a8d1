"""The parts of a story: a metadata service, a service worth balancing, a caching resolver, clients that count what fails."""

import collections
import http.client
import http.server
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse

import harness


class _Threaded(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Running:
    """An HTTP server in threads of this process; close() shuts the door at once."""

    def __init__(self, host, port, handler):
        self.server = _Threaded((host, port), handler)
        self.server.owner = self
        self.host, self.port = self.server.server_address[:2]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Metadata(_Running):
    """EC2's metadata service: version 2 with tokens, version 1 only where `v1`. `items` may change while it runs; a missing one is 404.
    `user_data` is another, and so are the instance's `tags`, where they are allowed in the metadata."""

    def __init__(self, items, host="127.0.0.1", port=0, v1=False):
        self.items, self.v1, self.user_data, self.tags = dict(items), v1, None, None
        self.requests = []
        super().__init__(host, port, _MetadataHandler)

    @property
    def endpoint(self):
        return f"http://{self.host}:{self.port}"


class AutoScaling(_Running):
    """A group with two hooks, as far as an instance asks for it: `state` is where the group has it, `calls` what was asked, in order."""

    HOOKS = {"launch-hook": "LAUNCHING", "leave-hook": "TERMINATING"}

    def __init__(self, group, instance, state):
        self.group, self.instance, self.state, self.calls = group, instance, state, []
        super().__init__("127.0.0.1", 0, _AutoScalingHandler)

    @property
    def endpoint(self):
        return f"http://{self.host}:{self.port}"

    def answer(self, form):
        action = form["Action"]
        self.calls.append((action, form.get("LifecycleHookName", ""), form.get("LifecycleActionResult", "")))
        members = ""
        if action == "DescribeAutoScalingInstances" and form["InstanceIds.member.1"] == self.instance:
            members = f"<AutoScalingInstances><member><InstanceId>{self.instance}</InstanceId><AutoScalingGroupName>{self.group}"
            members += f"</AutoScalingGroupName><LifecycleState>{self.state}</LifecycleState></member></AutoScalingInstances>"
        elif action == "DescribeLifecycleHooks" and form["AutoScalingGroupName"] == self.group:
            members = "".join(
                f"<member><LifecycleHookName>{name}</LifecycleHookName><AutoScalingGroupName>{self.group}</AutoScalingGroupName>"
                f"<LifecycleTransition>autoscaling:EC2_INSTANCE_{word}</LifecycleTransition><HeartbeatTimeout>30</HeartbeatTimeout></member>"
                for name, word in self.HOOKS.items()
            )
            members = f"<LifecycleHooks>{members}</LifecycleHooks>"
        elif not self.state.endswith(":Wait") or form["InstanceId"] != self.instance or form["AutoScalingGroupName"] != self.group:
            message = f"No active Lifecycle Action found with instance ID {form['InstanceId']}"
            return 400, f"<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>{message}</Message></Error></ErrorResponse>"
        elif action == "CompleteLifecycleAction":
            self.state = "InService" if self.state == "Pending:Wait" else "Terminating:Proceed"
        space = 'xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"'
        return 200, f"<{action}Response {space}><{action}Result>{members}</{action}Result></{action}Response>"


class _AutoScalingHandler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        status, body = self.server.owner.answer({key: values[0] for key, values in form.items()})
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


class _MetadataHandler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    TOKEN = "a-token-of-the-test=="

    def answer(self, status, text="", headers=()):
        body = text.encode()
        self.send_response(status)
        for name, value in (("Content-Type", "text/plain"), ("Content-Length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        seconds = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        if self.path != "/latest/api/token" or not seconds.isdigit() or not 1 <= int(seconds) <= 21600:
            return self.answer(400)
        return self.answer(200, self.TOKEN, [("X-aws-ec2-metadata-token-ttl-seconds", seconds)])

    def do_GET(self):
        owner = self.server.owner
        token = self.headers.get("X-aws-ec2-metadata-token")
        owner.requests.append((self.path, token is not None))
        if token != self.TOKEN and not (owner.v1 and token is None):
            return self.answer(401)
        item = self.path.removeprefix("/latest/meta-data/")
        text = owner.items.get(item)
        if self.path == "/latest/user-data":
            text = owner.user_data
        elif item == "tags/instance" and owner.tags is not None:
            text = "\n".join(owner.tags)
        elif item.startswith("tags/instance/") and owner.tags is not None:
            text = owner.tags.get(item.removeprefix("tags/instance/"))
        return self.answer(404) if text is None else self.answer(200, text)

    def log_message(self, *_):
        pass


class Service(_Running):
    """What the members serve: says who answers. After close() a request fails, as on a machine that went away."""

    def __init__(self, name, host, port=0):
        self.name = name
        self.served = 0
        super().__init__(host, port, _ServiceHandler)


class _ServiceHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.owner.served += 1
        body = self.server.owner.name.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class ServerCase(unittest.TestCase):
    """A test with a directory, a `rota serve` and the zone example.com of its own."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="rota-test-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.server = harness.Server("--ns", "ns.example.com", directory=self.directory).start()
        self.addCleanup(self.server.close)
        self.client = self.server.boto3()
        self.zone = self.server.zone("example.com", self.client)


class Resolver:
    """unbound as the clients' cache; asks the server under test for `zone`."""

    @staticmethod
    def configure(config, zone, server, host, port=53):
        directory = config.parent
        config.write_text(
            f"""
server:
    username: ""
    chroot: ""
    directory: "{directory}"
    pidfile: ""
    use-syslog: no
    interface: {host}
    port: {port}
    do-daemonize: no
    do-not-query-localhost: no
    access-control: 0.0.0.0/0 allow
    module-config: "iterator"
    root-hints: "{directory}/hints"
    local-zone: "test." nodefault
    num-threads: 1
    so-reuseport: no
remote-control:
    control-enable: no
stub-zone:
    name: "{zone}"
    stub-addr: {server}
"""
        )
        (directory / "hints").write_text(". 3600 IN NS nowhere.\nnowhere. 3600 IN A 127.0.0.254\n")

    def __init__(self, server, zone, directory, host="127.0.0.1", port=None):
        self.host, self.port = host, port or harness.free_port(host)
        config = pathlib.Path(directory) / "unbound.conf"
        self.configure(config, zone, f"{server.host}@{server.dns_port}", host, self.port)
        program = shutil.which("unbound", path=os.environ.get("PATH", "") + ":/usr/sbin")
        self.process = harness.Process([program, "-d", "-c", config], directory, "unbound")
        harness.eventually(lambda: self.address(zone, "SOA") is not None, "unbound answers")

    def ask(self, name, kind="A"):
        """The reply's octets; nothing when there is none."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(3 * harness.SLOW)
            try:
                udp.connect((self.host, self.port))
                udp.send(harness.query(name, kind, flags=0x0100))
                return udp.recv(4096)
            except OSError:
                return None

    def address(self, name, kind="A"):
        """The answer's address; "" when the answer is empty; nothing without an answer."""
        reply = self.ask(name, kind)
        if reply is None or reply[3] & 15 not in (0, 3):
            return None
        return socket.inet_ntoa(reply[-4:]) if kind == "A" and struct.unpack(">H", reply[6:8])[0] else ""

    def close(self):
        self.process.stop()


class Traffic:
    """Clients that resolve for every request and count what failed and who answered."""

    def __init__(self, resolver, name, port, clients=4):
        self.resolver, self.name, self.port = resolver, name, port
        self.counts = collections.Counter()
        self.failures = []
        self.lock = threading.Lock()
        self.end = threading.Event()
        self.threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def _run(self):
        while not self.end.wait(0.004):
            address = None
            try:
                address = self.resolver.address(self.name)
                if not address:
                    raise OSError(f"{self.name} has no address ({address!r})")
                connection = http.client.HTTPConnection(address, self.port, timeout=5 * harness.SLOW)
                connection.request("GET", "/")
                who = connection.getresponse().read().decode()
                connection.close()
                with self.lock:
                    self.counts[who] += 1
            except (OSError, http.client.HTTPException) as error:
                with self.lock:
                    self.failures.append(f"{address}: {error!r}")

    def total(self):
        return sum(self.counts.values())

    def more(self, count=50):
        """Waits until so many more requests were answered."""
        start = self.total()
        harness.eventually(lambda: self.total() >= start + count or self.failures, f"{count} more requests", 30)

    def close(self):
        self.end.set()
        for thread in self.threads:
            thread.join()


def python_in(network, host, code, *arguments):
    """Runs Python with the tests' own modules in a machine of the network, from when it prints "ready"; its standard input and output
    are pipes."""
    path = os.pathsep.join([str(harness.ROOT / "tests" / "system"), str(harness.ROOT / "tests" / "conformance")])
    child = network.popen(
        host, sys.executable, "-c", code, *map(str, arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": path},
    )  # fmt: skip
    line = child.stdout.readline()
    if line != "ready\n":
        raise AssertionError(f"{host} did not get ready: {line!r}")
    return child


# For python_in: the metadata service of one instance, whose address is the argument.
METADATA_OF_ONE = """
import sys, threading
import parts
service = parts.Metadata({"instance-id": "i-0abc", "local-ipv4": sys.argv[1]}, host="169.254.169.254", port=80)
print("ready", flush=True)
threading.Event().wait()
"""


def serves(network, address, seconds=2):
    """Whether the machine `cli` gets a page from there."""
    return network.run("cli", "curl", "-s", "-m", str(seconds), "-o", "/dev/null", "-w", "%{http_code}", f"http://{address}/").stdout == "200"


def groups_are_fixed():
    """Whether this is a user namespace in which setgroups(2) is denied, so that nobody can change users."""
    with open("/proc/self/setgroups", encoding="ascii") as setgroups:
        return setgroups.read() == "deny\n"


def _user():
    """Options of `rota serve` that keep it root, which it is anyway in such a user namespace."""
    return () if groups_are_fixed() else ("--user", "root")


class NameServer:
    """`rota serve` on a machine of the network, with the zone example.com; `rota` asks it from the machine `cli`."""

    def __init__(self, network, host, address, directory):
        self.network, self.host, self.dns_port = network, address, 53
        data = pathlib.Path(directory) / "data"
        keys = subprocess.run([harness.ROTA, "keys", "create", "--data", data, "--json"], check=True, capture_output=True, text=True)
        key = json.loads(keys.stdout)
        self.environment = {
            "AWS_ACCESS_KEY_ID": key["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
            "AWS_ENDPOINT_URL_ROUTE_53": f"http://{address}:8053",
        }
        self.log = pathlib.Path(directory) / "serve.log"
        with open(self.log, "wb") as log:
            network.popen(
                host, harness.ROTA, "serve", "--data", data, "--dns", f"{address}:53", "--api", f"{address}:8053", "--api-insecure",
                "--ns", "ns.example.com", *_user(), stderr=log,
            )  # fmt: skip
        harness.eventually(lambda: b"event=ready" in self.log.read_bytes(), "rota serve is ready", 20)
        made = self.rota("route53", "create", "example.com")
        assert made.returncode == 0, made.stdout + made.stderr

    def rota(self, *arguments):
        return self.network.run("cli", harness.ROTA, *arguments, env=harness.clean_environment(**self.environment))

    def answers(self, name):
        found = self.network.run("cli", "dig", "+short", "+tries=1", "+time=1", f"@{self.host}", name, "A")
        return sorted(found.stdout.split())

    def members(self, name):
        """What `rota list` says: {set identifier: member}; empty when there is none."""
        listed = self.rota("list", name, "--zone", "example.com", "--json")
        assert listed.returncode in (0, 66), listed.stdout + listed.stderr
        return {one["set_identifier"]: one for rota in json.loads(listed.stdout)["rotas"] for one in rota["members"]}


# Loopback, a place for named network namespaces that nobody else sees, and no user `rota`, whom a user namespace does not have.
PREPARE = """ip link set lo up && mount -t tmpfs tmpfs /run && mkdir /run/netns &&
    sed /^rota:/d /etc/passwd >/run/passwd && mount --bind /run/passwd /etc/passwd"""


def in_a_network_of_its_own():
    """Runs this test file again as root inside fresh network and mount namespaces with nothing but loopback: as root, by a user
    namespace, or by a sudo that asks for no password; exits with 77 (skipped) where none of them is to be had."""
    if os.environ.get("ROTA_IN_NAMESPACE"):
        subprocess.run(["sh", "-c", PREPARE], check=True)
        return
    own = ["unshare", "--net", "--mount"]
    environment = {**os.environ, "ROTA_IN_NAMESPACE": "1"}
    ways = [own] if os.geteuid() == 0 else [
        [*own, "--user", "--map-root-user"],
        ["sudo", "-n", "env", *(f"{name}={value}" for name, value in environment.items()), *own],
    ]  # fmt: skip
    probe = ["sh", "-c", PREPARE + " && ip netns add probe && ip netns exec probe true"]
    refusals = []
    for way in ways:
        if not shutil.which(way[0]):
            refusals.append(f"no {way[0]} here")
            continue
        tried = subprocess.run([*way, *probe], capture_output=True, text=True, check=False)
        if tried.returncode == 0:
            os.execvpe(way[0], [*way, sys.executable, *sys.argv], environment)
        refusals.append(f"{way[0]}: {' '.join(tried.stderr.split())}")
    print(f"skipped: a network of its own needs root, user namespaces or sudo without a password ({'; '.join(refusals)})")
    sys.exit(77)


def add_address(address):
    subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
