"""The peers of ./dev bench: how each name server is configured, started and stopped.

Every peer serves the zone bench.test of one workload on one UDP port of 127.0.0.1 with one worker:
  w1  1,000 names n0000… with one A;            w2  www with 100 members of weights 1 to 100 (static peers: one A);
  w3  10,000 names s00000… with 10 members each; w4  the w1 zone, asked for names that do not exist.
Minimal responses everywhere, so that sizes are equal.
"""

import base64
import json
import os
import re
import shutil
import socket
import subprocess
import time

ADDRESS = "127.0.0.1"
WORKLOADS = ("w1", "w2", "w3", "w4")
SOA = "bench.test. 900 IN SOA ns.bench.test. hostmaster.bench.test. 1 7200 900 1209600 86400"


def free_port():
    """A port that is free for UDP and TCP now."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, socket.socket(
            socket.AF_INET, socket.SOCK_DGRAM
        ) as udp:
            tcp.bind((ADDRESS, 0))
            port = tcp.getsockname()[1]
            try:
                udp.bind((ADDRESS, port))
                return port
            except OSError:
                continue


def services(workload):
    """The names of a workload with their members: [(label, [(address, weight)])]."""
    if workload in ("w1", "w4"):
        return [(f"n{i:04}", [(f"10.1.{i // 250}.{i % 250 + 1}", 1)]) for i in range(1000)]
    if workload == "w2":
        return [("www", [(f"10.2.0.{i + 1}", i + 1) for i in range(100)])]
    return [
        (f"s{i:05}", [(f"10.{3 + m}.{i // 250}.{i % 250 + 1}", m + 1) for m in range(10)]) for i in range(10000)
    ]


def zone_file(path, workload, one_address=True, skip=()):
    with open(path, "w", encoding="ascii") as out:
        out.write(f"$TTL 60\n{SOA}\nbench.test. 900 IN NS ns.bench.test.\nns.bench.test. IN A 127.0.0.1\n")
        if "services" not in skip:
            for label, members in services(workload):
                for address, _ in members[:1] if one_address else members:
                    out.write(f"{label}.bench.test. IN A {address}\n")


class Peer:
    """One server; subclasses write their configuration into self.dir and say what to run."""

    name = ""
    program = ""
    weighted = False
    workloads = WORKLOADS
    start_timeout = 60

    def __init__(self, directory, workload):
        self.dir = directory
        self.workload = workload
        self.port = free_port()
        self.process = None
        os.makedirs(directory, exist_ok=True)

    @classmethod
    def available(cls):
        return shutil.which(cls.program, path=os.environ["PATH"] + ":/usr/sbin") is not None

    def command(self):
        raise NotImplementedError

    def start(self, cpu=None):
        command = self.command()
        if cpu is not None:
            command = ["taskset", "-c", str(cpu), *command]
        self.log = open(os.path.join(self.dir, "log"), "wb")
        began = time.monotonic()
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=self.dir)
        self.after_start()
        label = services(self.workload)[0][0]
        while not self.answers(label):
            if self.process.poll() is not None or time.monotonic() - began > self.start_timeout:
                self.stop()
                with open(os.path.join(self.dir, "log"), encoding="utf-8", errors="replace") as log:
                    raise RuntimeError(f"{self.name} did not start:\n{log.read()[-2000:]}")
        took = (time.monotonic() - began) * 1000
        self.settle()
        return took

    def settle(self):
        """Waits until the server has been idle for a while: some go on working after their first answer."""
        deadline = time.monotonic() + 30
        idle = 0
        before = self.cpu_ns()
        while idle < 5 and time.monotonic() < deadline:
            time.sleep(0.02)
            now = self.cpu_ns()
            idle = idle + 1 if now - before < 1_000_000 else 0
            before = now

    def after_start(self):
        pass

    def answers(self, label):
        return ask(self.port, f"{label}.bench.test") is not None

    def pids(self):
        """The server's process and its descendants."""
        found = [self.process.pid]
        for pid in found:
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as children:
                        found.extend(int(child) for child in children.read().split())
            except OSError:
                continue
        return found

    def cpu_ns(self):
        """Nanoseconds that the scheduler charged to all threads of the process tree."""
        total = 0
        for pid in self.pids():
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as stat:
                        total += int(stat.read().split()[0])
            except OSError:
                continue
        return total

    def memory_mib(self):
        rss = pss = 0
        for pid in self.pids():
            try:
                with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as rollup:
                    text = rollup.read()
            except OSError:
                continue
            rss += int(re.search(r"^Rss: +(\d+)", text, re.M)[1])
            pss += int(re.search(r"^Pss: +(\d+)", text, re.M)[1])
        return rss / 1024, pss / 1024

    def stop(self):
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        self.process = None


def ask(port, name, timeout=0.3):
    """Asks for an A record; gives the first address, "" for an answer without one, None for no answer."""
    question = b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0\0\1\0\1"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(timeout)
        client.connect((ADDRESS, port))
        try:
            client.send(b"\x12\x34\0\0\0\1\0\0\0\0\0\0" + question)
            reply = client.recv(4096)
        except OSError:
            time.sleep(0.002)
            return None
    if reply[3] & 15 != 0:
        return None
    if reply[6:8] == b"\0\0":
        return ""
    return socket.inet_ntoa(reply[-4:])


class Echo(Peer):
    """A bare recvmmsg/sendmmsg loop: the floor of the socket path."""

    name = "echo"
    append = 0
    tools = "build/bench/bench"

    @classmethod
    def available(cls):
        return True

    def command(self):
        return [os.path.join(self.tools, "bench_udp_echo"), ADDRESS, str(self.port), str(self.append)]


class EchoPlus(Echo):
    name = "echo+16"
    append = 16
    weighted = True


class Nsd(Peer):
    name = "nsd"
    program = "nsd"

    def command(self):
        zone_file(f"{self.dir}/zone", self.workload)
        with open(f"{self.dir}/nsd.conf", "w", encoding="ascii") as out:
            out.write(
                f"""server:
  ip-address: {ADDRESS}@{self.port}
  server-count: 1
  username: ""
  zonesdir: "{self.dir}"
  database: ""
  pidfile: "{self.dir}/pid"
  xfrdfile: "{self.dir}/xfrd"
  xfrdir: "{self.dir}"
  zonelistfile: "{self.dir}/zonelist"
  cookie-secret-file: "{self.dir}/cookies"
  rrl-ratelimit: 0
  minimal-responses: yes
  chroot: ""
remote-control:
  control-enable: no
zone:
  name: bench.test
  zonefile: "{self.dir}/zone"
"""
            )
        return ["/usr/sbin/nsd", "-d", "-c", f"{self.dir}/nsd.conf"]


class Knot(Peer):
    name = "knot"
    program = "knotd"
    module = ""

    def zone(self):
        zone_file(f"{self.dir}/zone", self.workload)

    def command(self):
        self.zone()
        with open(f"{self.dir}/knot.conf", "w", encoding="ascii") as out:
            out.write(
                f"""server:
    listen: {ADDRESS}@{self.port}
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    rundir: {self.dir}
    pidfile: {self.dir}/pid
database:
    storage: {self.dir}
log:
  - target: stderr
    any: error
{self.module_text()}
zone:
  - domain: bench.test
    file: {self.dir}/zone
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
{self.module}"""
            )
        return ["/usr/sbin/knotd", "-c", f"{self.dir}/knot.conf"]

    def module_text(self):
        return ""


class KnotGeoip(Knot):
    name = "knot-geoip"
    weighted = True
    workloads = ("w2", "w3")
    module = "    module: mod-geoip/weights\n"

    def zone(self):
        zone_file(f"{self.dir}/zone", self.workload)
        with open(f"{self.dir}/geo.conf", "w", encoding="ascii") as out:
            for label, members in services(self.workload):
                out.write(f"{label}.bench.test:\n")
                for address, weight in members:
                    out.write(f"  - weight: {weight}\n    A: {address}\n")

    def module_text(self):
        return (
            f"mod-geoip:\n  - id: weights\n    config-file: {self.dir}/geo.conf\n    ttl: 60\n    mode: weighted\n"
        )


class Gdnsd(Peer):
    name = "gdnsd"
    program = "gdnsd"
    weighted = True
    MEMBERS = 64  # a resource takes 64 members at most

    def command(self):
        os.makedirs(f"{self.dir}/etc/zones", exist_ok=True)
        for sub in ("run", "state"):
            os.makedirs(f"{self.dir}/{sub}", exist_ok=True)
        resources = []
        with open(f"{self.dir}/etc/zones/bench.test", "w", encoding="ascii") as out:
            out.write(
                "@ 900 SOA ns.bench.test. hostmaster.bench.test. 1 7200 900 1209600 900\n@ NS ns\nns A 127.0.0.1\n"
            )
            for label, members in services(self.workload):
                if len(members) == 1:
                    out.write(f"{label} 60 A {members[0][0]}\n")
                    continue
                out.write(f"{label} 60 DYNA weighted!{label}\n")
                entries = "\n".join(
                    f"m{i} = [ {address}, {weight} ]" for i, (address, weight) in enumerate(members[: self.MEMBERS])
                )
                resources.append(f"{label} = {{ multi = false, service_types = none\n{entries} }}")
        plugins = "plugins => { weighted => {\n" + "\n".join(resources) + "\n} }" if resources else ""
        with open(f"{self.dir}/etc/config", "w", encoding="ascii") as out:
            out.write(
                f"""options => {{ listen => {ADDRESS}:{self.port}, udp_threads = 1, tcp_threads = 1,
 run_dir = {self.dir}/run, state_dir = {self.dir}/state, zones_default_ttl = 60 }}
service_types => {{ none => {{ plugin = null }} }}
{plugins}
"""
            )
        return ["/usr/sbin/gdnsd", "-c", f"{self.dir}/etc", "start"]


class Pdns(Peer):
    name = "pdns"
    program = "pdns_server"
    weighted = True

    def command(self):
        with open(f"{self.dir}/zone", "w", encoding="ascii") as out:
            out.write(f"$TTL 60\n{SOA}\nbench.test. 900 IN NS ns.bench.test.\nns.bench.test. IN A 127.0.0.1\n")
            for label, members in services(self.workload):
                if len(members) == 1:
                    out.write(f"{label}.bench.test. IN A {members[0][0]}\n")
                    continue
                table = ",".join(f"{{{weight},'{address}'}}" for address, weight in members)
                out.write(f"{label}.bench.test. IN LUA A \"pickwrandom({{{table}}})\"\n")
        with open(f"{self.dir}/named.conf", "w", encoding="ascii") as out:
            out.write(f'zone "bench.test" {{ type master; file "{self.dir}/zone"; }};\n')
        with open(f"{self.dir}/pdns.conf", "w", encoding="ascii") as out:
            out.write(
                f"""launch=bind
bind-config={self.dir}/named.conf
local-address={ADDRESS}
local-port={self.port}
socket-dir={self.dir}
receiver-threads=1
distributor-threads=1
enable-lua-records=shared
daemon=no
guardian=no
disable-syslog=yes
loglevel=3
security-poll-suffix=
setuid=
setgid=
"""
            )
        return ["/usr/sbin/pdns_server", f"--config-dir={self.dir}"]


class Bind(Peer):
    name = "bind"
    program = "named"

    def command(self):
        zone_file(f"{self.dir}/zone", self.workload)
        with open(f"{self.dir}/named.conf", "w", encoding="ascii") as out:
            out.write(
                f"""options {{ directory "{self.dir}"; listen-on port {self.port} {{ {ADDRESS}; }}; listen-on-v6 {{ none; }};
 recursion no; minimal-responses yes; pid-file "{self.dir}/pid"; session-keyfile "{self.dir}/session.key"; dnssec-validation no;
 notify no; }};
controls {{ }};
zone "bench.test" {{ type primary; file "{self.dir}/zone"; }};
"""
            )
        return ["/usr/sbin/named", "-f", "-n", "1", "-c", f"{self.dir}/named.conf"]


class Rota(Peer):
    """rota serve, filled over its API."""

    name = "rota"
    weighted = True
    binary = "build/release/bin/rota"

    @classmethod
    def available(cls):
        return os.path.exists(cls.binary)

    def __init__(self, directory, workload):
        super().__init__(directory, workload)
        self.api_port = free_port()
        self.zone_id = ""
        data = os.path.join(directory, "data")
        key = json.loads(
            subprocess.run(
                [self.binary, "keys", "create", "--data", data, "--json"], check=True, capture_output=True
            ).stdout
        )
        self.key_id, self.secret = key["access_key_id"], key["secret_access_key"]

    def command(self):
        return [
            self.binary,
            "serve",
            "--data",
            os.path.join(self.dir, "data"),
            "--dns",
            f"{ADDRESS}:{self.port}",
            "--api",
            f"{ADDRESS}:{self.api_port}",
            "--workers",
            "1",
            "--ns",
            "ns.bench.test",
            "--allow-aws3",
            "--max-record-sets",
            "200000",
        ]

    def after_start(self):
        import route53_http  # beside this file

        deadline = time.monotonic() + 30
        while not route53_http.ready(ADDRESS, self.api_port):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise RuntimeError("rota serve did not start")
            time.sleep(0.002)
        if self.zone_id:
            return
        api = route53_http.Api(ADDRESS, self.api_port, self.key_id, self.secret)
        self.zone_id = api.create_zone("bench.test")
        batch = []
        for label, members in services(self.workload):
            for i, (address, weight) in enumerate(members):
                identifier = f"i-{i:03}" if len(members) > 1 else None
                batch.append((f"{label}.bench.test", address, identifier, weight))
                if len(batch) == 1000:
                    api.create_records(self.zone_id, batch)
                    batch = []
        if batch:
            api.create_records(self.zone_id, batch)


PEERS = (Rota, Gdnsd, KnotGeoip, Pdns, Nsd, Knot, Bind, Echo, EchoPlus)
