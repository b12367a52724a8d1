"""Starts `rota serve` for the judges: fresh data, loopback addresses, ports from the kernel, stopped by its own id.

Nothing here sleeps for a guessed time: `eventually` waits for a condition with a deadline. SLOW stretches the deadlines for
sanitizer builds.
"""

import collections
import contextlib
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROTA = os.environ.get("ROTA", "rota")
ROOT = pathlib.Path(os.environ.get("ROTA_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
SLOW = float(os.environ.get("ROTA_TEST_SLOW", "1"))


def eventually(condition, what, seconds=10.0):
    """The first true value of `condition`; AssertionError naming `what` (a text, or a function that gives one) when the deadline passes."""
    deadline = time.monotonic() + seconds * SLOW
    pause = threading.Event()
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds * SLOW:g} s: {what() if callable(what) else what}")
        pause.wait(0.02)


def free_port(host="127.0.0.1"):
    """A port that is free for UDP and TCP at the moment; whoever uses it must be ready to try another."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(50):
        with socket.socket(family, socket.SOCK_STREAM) as tcp, socket.socket(family, socket.SOCK_DGRAM) as udp:
            tcp.bind((host, 0))
            port = tcp.getsockname()[1]
            with contextlib.suppress(OSError):
                udp.bind((host, port))
                return port
    raise AssertionError(f"no port is free for UDP and TCP at {host}")


def clean_environment(**extra):
    """The environment without anything that would point an AWS client or rota elsewhere."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "ROTA_")) and k.upper() not in PROXIES}
    kept.update(AWS_CONFIG_FILE="/dev/null", AWS_SHARED_CREDENTIALS_FILE="/dev/null", AWS_EC2_METADATA_DISABLED="true")
    kept.update(AWS_ENDPOINT_URL_AUTO_SCALING="http://127.0.0.1:1", AWS_ENDPOINT_URL_EC2="http://127.0.0.1:1")  # nobody
    kept.update(AWS_PAGER="", LC_ALL="C.UTF-8", ROTA_AGENT_DRAIN_FILE=NO_DRAIN_FILE)
    kept.update(extra)
    return kept


# An agent must not heed, or make, what an operator of this machine has.
NO_DRAIN_FILE = os.path.join(tempfile.gettempdir(), "rota-test-drain", "none")

PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"}


class Process:
    """A child with its output in a file; ended by its own id."""

    def __init__(self, command, directory, name, env=None, stdin=None):
        self.log = pathlib.Path(directory) / f"{name}.log"
        self.name = name
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen(
                [str(word) for word in command], stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=out, env=env
            )

    def output(self):
        return self.log.read_text(errors="replace")

    def wait(self, seconds=20):
        try:
            return self.child.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
            raise AssertionError(f"{self.name} did not end within {seconds * SLOW:g} s:\n{self.output()}") from None

    def stop(self, number=signal.SIGTERM, seconds=20):
        if self.child.poll() is None:
            self.child.send_signal(number)
        return self.wait(seconds)


class JsonTool:
    """One of the tests' own programs, which answers every line of JSON with one."""

    def __init__(self, path):
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, **what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=20 * SLOW)
        self.process.stdout.close()


class Server:
    """`rota serve` over a fresh data directory. `with Server() as server:` or start() and stop()."""

    def __init__(self, *options, host="127.0.0.1", directory=None):
        self.options = options
        self.host = host
        self.own = directory is None
        self.directory = pathlib.Path(directory or tempfile.mkdtemp(prefix="rota-test-"))
        self.data = self.directory / "data"
        self.key_id = "AKIA" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))
        self.secret = secrets.token_urlsafe(30)
        self.process = None
        self.have_key = False
        self.dns_port = self.api_port = 0

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.close()

    @property
    def endpoint(self):
        return f"http://{self.bracketed}:{self.api_port}"

    @property
    def bracketed(self):
        return f"[{self.host}]" if ":" in self.host else self.host

    def make_key(self, key_id=None, secret=None):
        run = subprocess.run(
            [ROTA, "keys", "create", "--data", self.data, "--id", key_id or self.key_id, "--secret-stdin"],
            input=(secret or self.secret) + "\n",
            capture_output=True,
            text=True,
            timeout=30 * SLOW,
        )
        assert run.returncode == 0, f"rota keys create: {run.returncode}\n{run.stdout}{run.stderr}"

    def start(self):
        """Starts it (again) and waits until it answers; the ports stay the same once they were chosen."""
        if not self.have_key:
            self.make_key()
            self.have_key = True
        chosen = bool(self.dns_port)
        for attempt in range(5):
            if not chosen:
                self.dns_port, self.api_port = free_port(self.host), free_port(self.host)
            self.process = Process(
                [ROTA, "serve", "--data", self.data, "--dns", f"{self.bracketed}:{self.dns_port}", "--api"]
                + [f"{self.bracketed}:{self.api_port}", *self.options],
                self.directory,
                "serve",
                env=clean_environment(ROTA_SERVE_CONFIG="", ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "")),
            )
            eventually(lambda: self.process.child.poll() is not None or self.healthy(), "rota serve is ready", 20)
            if self.process.child.poll() is None:
                return self
        raise AssertionError(f"rota serve ended with {self.process.child.returncode}:\n{self.process.output()}")

    def healthy(self):
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(self.endpoint + "/healthz", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, number=signal.SIGTERM):
        """Ends it; a clean end by SIGTERM is checked."""
        status = self.process.stop(number)
        if number == signal.SIGTERM:
            assert status == 0, f"rota serve ended with {status}:\n{self.process.output()}"

    def close(self):
        try:
            if self.process and self.process.child.poll() is None:
                self.stop()
        finally:
            if self.own:
                shutil.rmtree(self.directory, ignore_errors=True)

    def environment(self, **extra):
        """For clients of the API."""
        return clean_environment(
            AWS_ACCESS_KEY_ID=self.key_id, AWS_SECRET_ACCESS_KEY=self.secret, AWS_DEFAULT_REGION="us-east-1",
            AWS_ENDPOINT_URL_ROUTE_53=self.endpoint, **extra
        )  # fmt: skip

    def boto3(self, key_id=None, secret=None, region="us-east-1", validate=True):
        import boto3
        from botocore.config import Config

        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update({k: v for k, v in clean_environment().items() if k.startswith("AWS_")})
        return boto3.client(
            "route53",
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id=key_id or self.key_id,
            aws_secret_access_key=secret or self.secret,
            config=Config(retries={"max_attempts": 0}, parameter_validation=validate, proxies={}, read_timeout=30 * SLOW),
        )

    def dig(self, *arguments, tool="dig"):
        """A question put by dig or kdig; see Reply."""
        command = [tool, f"@{self.host}", "-p", str(self.dns_port), *map(str, arguments)]
        if tool == "dig":
            command += ["+tries=1", "+time=5"]
        else:
            command += ["+retry=0", "+time=5"]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60 * SLOW, env=clean_environment(HOME="/nonexistent"))
        return Reply(run.stdout, run.returncode)

    def zone(self, name="example.com", client=None):
        """Makes a zone by boto3, waits until it is served, gives its id."""
        client = client or self.boto3()
        made = client.create_hosted_zone(Name=name, CallerReference=secrets.token_hex(8))
        insync(client, made["ChangeInfo"]["Id"])
        return made["HostedZone"]["Id"]


def insync(client, change):
    def done():
        return client.get_change(Id=change)["ChangeInfo"]["Status"] == "INSYNC"

    eventually(done, f"{change} is INSYNC")


def record_set(name, kind, *values, ttl=60, identifier=None, weight=None):
    made = {"Name": name, "Type": kind, "TTL": ttl, "ResourceRecords": [{"Value": value} for value in values]}
    if identifier is not None:
        made.update(SetIdentifier=identifier, Weight=10 if weight is None else weight)
    return made


def change(client, zone, *changes, comment=""):
    """Sends (ACTION, record set) pairs as one batch and waits for INSYNC; gives the change's information."""
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}
    if comment:
        batch["Comment"] = comment
    info = client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)["ChangeInfo"]
    insync(client, info["Id"])
    return info


Record = collections.namedtuple("Record", "name ttl kind value")


class Reply:
    """What dig or kdig printed, taken apart: status, flags, sections (answer, authority, additional), question, edns."""

    def __init__(self, text, returncode):
        self.text = text
        self.returncode = returncode
        status = re.search(r"status: (\w+)", text)
        self.status = status.group(1) if status else None
        flags = re.search(r"(?i)^;; flags: ([a-z ]*);", text, re.MULTILINE)
        self.flags = set(flags.group(1).split()) if flags else set()
        self.sections = {"answer": [], "authority": [], "additional": []}
        self.question = None
        self.tcp = bool(re.search(r"(?i)\(TCP\)", text))
        self.truncated_first = "Truncated, retrying in TCP" in text or "truncated reply" in text
        size = re.search(r"udp: (\d+)|UDP size: (\d+)", text)
        self.edns_size = int(size.group(1) or size.group(2)) if size else None
        self._read(text)

    def _read(self, text):
        section = None
        for line in text.splitlines():
            heading = re.match(r";; (QUESTION|ANSWER|AUTHORITY|ADDITIONAL) SECTION:", line)
            if heading:
                section = heading.group(1).lower()
            elif not line.strip():
                section = None
            elif section == "question":
                self.question = line.lstrip("; ").split()[0]
            elif section and not line.startswith(";"):
                name, ttl, _, kind, value = line.rstrip().split(None, 4)
                self.sections[section].append(Record(name, int(ttl), kind, value))

    def __getattr__(self, name):
        try:
            return self.__dict__["sections"][name]
        except KeyError:
            raise AttributeError(name) from None

    def values(self, kind=None):
        return sorted(record.value for record in self.sections["answer"] if kind in (None, record.kind))


TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "TXT": 16, "AAAA": 28, "ANY": 255}


def query(name, kind="A", identity=0x1234, edns=None, flags=0):
    """A question as octets."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".") if label)
    additional = b"" if edns is None else struct.pack(">BHHIH", 0, 41, edns, 0, 0)
    header = struct.pack(">6H", identity, flags, 1, 0, 0, 1 if additional else 0)
    return header + labels + b"\0" + struct.pack(">2H", TYPES.get(kind, kind), 1) + additional


def drawn(server, name, count):
    """How often each address was answered in `count` A queries over one UDP socket."""
    seen = collections.Counter()
    family = socket.AF_INET6 if ":" in server.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as udp:
        udp.settimeout(5 * SLOW)
        udp.connect((server.host, server.dns_port))
        for number in range(count):
            udp.send(query(name, identity=number & 0xFFFF))
            reply = udp.recv(4096)
            if struct.unpack(">H", reply[6:8])[0] == 1:
                seen[socket.inet_ntoa(reply[-4:])] += 1
            else:
                seen[None] += 1
    return seen
