"""`rota serve` as a process: start, stop, ports, keys that come and go, users, limits, configuration."""

import contextlib
import json
import os
import pathlib
import pwd
import re
import secrets
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.request

import harness

READY = re.compile(r"event=ready dns=(\S+) api=(\S+)")


class Serve:
    """`rota serve` with ports of the kernel's choice, read from its ready line."""

    def __init__(self, directory, *options, dns=("127.0.0.1:0",), api=("127.0.0.1:0",), env=None, name="serve", before=()):
        command = [*before, harness.ROTA, "serve"]
        for address in dns:
            command += ["--dns", address]
        for address in api:
            command += ["--api", address]
        environment = harness.clean_environment(**(env or {}))
        self.process = harness.Process([*command, *options], directory, name, env=environment)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.child.poll() is None:
            self.process.stop(signal.SIGKILL)

    def ready(self):
        def line():
            if self.process.child.poll() is not None:
                raise AssertionError(f"it ended:\n{self.process.output()}")
            return READY.search(self.process.output())

        self.dns, self.api = (found.split(",") for found in harness.eventually(line, "ready", 20).groups())
        return self

    def get(self, path):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://{self.api[0]}{path}", timeout=10) as answer:
            return answer.read().decode()

    def metric(self, name):
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.get("/metrics"), re.MULTILINE)
        return float(found.group(1)) if found else None


def run(*words, stdin=None, env=None):
    return subprocess.run(
        [harness.ROTA, *map(str, words)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30 * harness.SLOW,
        env=harness.clean_environment(**(env or {})),
    )


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="rota-test-serve-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.data = self.directory / "data"

    def serve(self, *options, data=None, **more):
        server = Serve(self.directory, "--data", str(data or self.data), *options, **more)
        self.addCleanup(server.__exit__)
        return server

    def failing(self, *options, **more):
        """The status and the last line of a server that does not start."""
        server = self.serve(*options, name=f"failing-{time.monotonic_ns()}", **more)
        status = server.process.wait()
        return status, server.process.output().splitlines()[-1]


class StartAndStop(Case):
    def test_it_says_where_it_serves_and_ends_cleanly(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.serve(name=f"serve-{number}").ready()
            self.assertEqual(server.get("/healthz"), "ok\n")
            self.assertEqual(server.process.stop(number), 0)
            self.assertIn("event=stopped", server.process.output())

    def test_several_addresses_and_both_families(self):
        server = self.serve(dns=("127.0.0.1:0", "127.0.0.2:0", "[::1]:0"), api=("127.0.0.1:0", "[::1]:0")).ready()
        self.assertEqual(len(server.dns), 3)
        self.assertEqual([address.rsplit(":", 1)[0] for address in server.api], ["127.0.0.1", "[::1]"])
        for address in server.dns:
            host, port = address.rsplit(":", 1)
            family = socket.AF_INET6 if "[" in host else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as udp:
                udp.settimeout(10)
                udp.sendto(harness.query("www.example.com"), (host.strip("[]"), int(port)))
                self.assertEqual(udp.recv(512)[3] & 15, 5, "REFUSED: there is no zone")

    def test_it_tells_systemd(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(str(self.directory / "notify"))
            manager.settimeout(20)
            server = self.serve(env={"NOTIFY_SOCKET": str(self.directory / "notify")})
            self.assertEqual(manager.recv(4096).decode(), "READY=1\nSTATUS=serving 0 hosted zones")
            server.ready()
            server.process.stop()
            self.assertEqual(manager.recv(4096).decode(), "STOPPING=1\nSTATUS=ending on SIGTERM")

    def test_one_json_object_a_line_when_asked(self):
        server = self.serve("--log-format", "json")
        harness.eventually(lambda: '"event":"ready"' in server.process.output(), "ready")
        server.process.stop()
        events = [json.loads(line)["event"] for line in server.process.output().splitlines()]
        self.assertIn("ready", events)
        self.assertEqual(events[-1], "stopped")

    def test_repeats_of_a_signal_are_one(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.serve(name=f"repeats-{number}").ready()
            for _ in range(20):
                server.process.child.send_signal(number)
            self.assertEqual(server.process.wait(), 0)
            self.assertIn("event=stopped", server.process.output())

    def test_a_second_server_on_the_same_directory(self):
        server = self.serve().ready()
        status, line = self.failing()
        self.assertEqual(status, 73)
        self.assertIn(f"{self.data} is served by another rota already (pid {server.process.child.pid})", line)
        server.process.stop(signal.SIGKILL)
        self.serve(name="third").ready()

    def test_ports_that_are_taken(self):
        server = self.serve().ready()
        status, line = self.failing(data=self.directory / "other", dns=(server.dns[0],))
        self.assertEqual(status, 73)
        self.assertIn(server.dns[0], line)
        status, line = self.failing(data=self.directory / "other", api=(server.api[0],))
        self.assertEqual(status, 73)
        self.assertIn(server.api[0], line)

    def test_an_api_for_strangers_is_refused_without_tls(self):
        for address in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0"):
            status, line = self.failing(api=(address,))
            self.assertEqual(status, 78)
            self.assertIn("--api-insecure", line)
        server = self.serve("--api-insecure", api=("0.0.0.0:0",)).ready()
        self.assertIn("the API has no TLS", server.process.output())

    def test_a_directory_of_other_things_is_left_alone(self):
        other = self.directory / "home"
        other.mkdir(mode=0o755)
        (other / "letter").write_text("dear")
        status, line = self.failing(data=other)
        self.assertEqual(status, 73)
        self.assertIn("holds other things (letter)", line)
        self.assertEqual(stat.S_IMODE(other.stat().st_mode), 0o755)

    def test_everything_in_the_directory_is_private(self):
        self.serve().ready()
        self.assertEqual(stat.S_IMODE(self.data.stat().st_mode), 0o700)
        for file in self.data.iterdir():
            self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600, file)

    def test_name_servers_that_lead_elsewhere_are_warned_about(self):
        server = self.serve("--ns", "localhost", dns=("127.0.0.1:0",)).ready()
        other = self.serve("--ns", "ns.rota.invalid", data=self.directory / "other", name="other").ready()
        harness.eventually(lambda: 'event="name server does not resolve"' in other.process.output(), "the warning")
        derived = self.serve(data=self.directory / "third", name="derived").ready()
        self.assertIn("no --ns given", derived.process.output())
        self.assertNotIn("name server", server.process.output().replace("running as root", ""))


class Configuration(Case):
    def test_from_a_file_and_the_environment(self):
        file = self.directory / "serve.toml"
        file.write_text(f'data = "{self.data}"\nworkers = 1\nns = ["ns1.example.net"]\nlog-format = "json"\n')
        server = Serve(self.directory, "--config", str(file), env={"ROTA_SERVE_LOG_FORMAT": "key-value", "ROTA_SERVE_WORKERS": "3"})
        self.addCleanup(server.__exit__)
        server.ready()
        self.assertRegex(server.process.output(), r"event=ready .*data=\S+/data .*workers=3 ns=ns1\.example\.net\.")

    def test_an_unknown_key_is_named(self):
        file = self.directory / "serve.toml"
        file.write_text('workers = 1\ndnss = ["127.0.0.1:53"]\n')
        status, line = self.failing("--config", str(file))
        self.assertEqual(status, 78)
        self.assertIn(f"{file}:2: unknown key 'dnss'", line)

    def test_a_wrong_address_is_named(self):
        file = self.directory / "serve.toml"
        for option in ("dns", "api"):
            for address in ("127.0.0.1:99999", "localhost:5392"):
                server = self.serve(name="wrong", **{option: (address,)})
                self.assertEqual(server.process.wait(), 64, server.process.output())
                self.assertIn(f"--{option}: '{address}' is no address", server.process.output())
                file.write_text(f'workers = 1\n{option} = ["{address}"]\n')
                status, line = self.failing("--config", str(file), **{option: ()})
                self.assertEqual(status, 78, line)
                self.assertIn(f"{file}:2: ", line)
                self.assertIn(address, line)

    def test_a_wrong_value_is_named(self):
        self.assertIn("ROTA_SERVE_WORKERS", self.failing(env={"ROTA_SERVE_WORKERS": "many"})[1])
        self.assertEqual(self.failing("--ns", "a..b")[0], 64)


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Users(Case):
    def setUp(self):
        super().setUp()
        self.user = pwd.getpwnam("nobody")
        self.directory.chmod(0o755)

    def test_privileges_are_dropped_and_files_belong_to_the_user(self):
        server = self.serve("--user", "nobody").ready()
        status = pathlib.Path(f"/proc/{server.process.child.pid}/status").read_text()
        uids = re.search(r"^Uid:\s+(\d+)\s+(\d+)\s+(\d+)\s+(\d+)$", status, re.MULTILINE).groups()
        self.assertEqual(set(map(int, uids)), {self.user.pw_uid})
        for name, wanted in (("CapEff", 0), ("CapPrm", 0), ("NoNewPrivs", 1)):
            self.assertEqual(int(re.search(rf"^{name}:\s+(\w+)$", status, re.MULTILINE).group(1), 16), wanted, name)
        self.assertEqual(self.data.stat().st_uid, self.user.pw_uid)
        for file in self.data.iterdir():
            self.assertEqual(file.stat().st_uid, self.user.pw_uid, file)

    def test_keys_made_by_root_are_the_servers(self):
        server = self.serve("--user", "nobody").ready()
        self.assertEqual(run("keys", "create", "--data", self.data).returncode, 0)
        harness.eventually(lambda: server.metric("rota_access_keys") == 1, "the key is known", 1)
        for file in self.data.iterdir():
            self.assertEqual(file.stat().st_uid, self.user.pw_uid, file)

    def test_a_directory_begun_by_root_is_handed_over(self):
        self.assertEqual(run("keys", "create", "--data", self.data).returncode, 0)
        server = self.serve("--user", "nobody").ready()
        self.assertEqual(server.metric("rota_access_keys"), 1)
        self.assertEqual((self.data / "keys.db").stat().st_uid, self.user.pw_uid)

    def test_a_capability_to_bind_is_given_back(self):
        if not shutil.which("setpriv"):
            self.skipTest("needs setpriv")
        data = self.directory / "nobodys"
        data.mkdir(mode=0o700)
        os.chown(data, self.user.pw_uid, self.user.pw_gid)
        dressed = ["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups"]
        dressed += ["--inh-caps=-all,+net_bind_service", "--ambient-caps=-all,+net_bind_service"]
        server = Serve(self.directory, "--data", str(data), dns=(f"127.{secrets.randbelow(250) + 2}.0.53:53",), before=dressed)
        self.addCleanup(server.__exit__)
        server.ready()
        status = pathlib.Path(f"/proc/{server.process.child.pid}/status").read_text()
        for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            self.assertEqual(int(re.search(rf"^{name}:\s+(\w+)$", status, re.MULTILINE).group(1), 16), 0, name)

    def test_a_user_that_is_none(self):
        status, line = self.failing("--user", "no-such-user-here")
        self.assertEqual(status, 64)
        self.assertIn("there is no user 'no-such-user-here'", line)


class Keys(Case):
    def create(self, *options):
        made = run("keys", "create", "--data", self.data, "--json", *options)
        self.assertEqual(made.returncode, 0, made.stderr)
        return json.loads(made.stdout)

    def list_zones(self, server, key):
        import boto3
        from botocore.config import Config
        from botocore.exceptions import ClientError

        client = boto3.client(
            "route53", endpoint_url=f"http://{server.api[0]}", region_name="us-east-1",
            aws_access_key_id=key["access_key_id"], aws_secret_access_key=key["secret_access_key"],
            config=Config(retries={"max_attempts": 0}, proxies={}),
        )  # fmt: skip
        with contextlib.closing(client):
            try:
                client.list_hosted_zones()
                return "ok"
            except ClientError as error:
                return error.response["Error"]["Code"]

    def test_a_running_server_follows_within_a_second(self):
        server = self.serve().ready()
        key = self.create("--comment", "the deploy script")
        harness.eventually(lambda: self.list_zones(server, key) == "ok", "the new key is taken", 1)
        self.assertEqual(run("keys", "delete", "--data", self.data, key["access_key_id"]).returncode, 0)
        harness.eventually(lambda: self.list_zones(server, key) == "InvalidClientTokenId", "the deleted key is refused", 1)

    def test_the_secret_is_shown_once(self):
        key = self.create("--comment", "the deploy script")
        self.assertEqual((len(key["access_key_id"]), len(key["secret_access_key"])), (20, 40))
        for options in ((), ("--json",)):
            listed = run("keys", "list", "--data", self.data, *options)
            self.assertIn(key["access_key_id"], listed.stdout)
            self.assertIn("the deploy script", listed.stdout)
            self.assertNotIn(key["secret_access_key"], listed.stdout + listed.stderr)

    def test_what_is_printed_can_be_pasted(self):
        made = run("keys", "create", "--data", self.data)
        shell = subprocess.run(["sh", "-c", made.stdout + 'echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY"'], capture_output=True, text=True)
        self.assertRegex(shell.stdout, r"^AKIA[A-Z2-7]{16} [A-Za-z0-9/+]{40}\n$")

    def test_a_given_pair(self):
        made = run("keys", "create", "--data", self.data, "--id", "MYKEY1", "--secret-stdin", stdin="my own secret\n")
        self.assertEqual((made.returncode, made.stdout), (0, "key MYKEY1 created\n"))
        again = run("keys", "create", "--data", self.data, "--id", "MYKEY1", "--secret-stdin", stdin="another secret\n")
        self.assertEqual(again.returncode, 73)
        self.assertIn("exists already", again.stderr)
        server = self.serve().ready()
        self.assertEqual(self.list_zones(server, {"access_key_id": "MYKEY1", "secret_access_key": "my own secret"}), "ok")

    def test_mistakes(self):
        self.assertEqual(run("keys", "list", "--data", self.data).returncode, 66)
        self.assertFalse(self.data.exists())
        self.assertEqual(run("keys", "create", "--data", self.data, "--id", "MYKEY1").returncode, 64)
        self.assertEqual(run("keys", "create", "--data", self.data, "--id", "a b", "--secret-stdin", stdin="12345678\n").returncode, 64)
        self.create()
        self.assertEqual(run("keys", "delete", "--data", self.data, "NOSUCHKEY").returncode, 66)


class Strangers(Case):
    def test_a_slow_client_holds_nobody_up(self):
        server = self.serve().ready()
        host, port = server.api[0].rsplit(":", 1)
        with contextlib.ExitStack() as slow:
            for _ in range(50):
                tcp = slow.enter_context(socket.create_connection((host, int(port)), timeout=10))
                tcp.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            began = time.monotonic()
            self.assertEqual(server.get("/healthz"), "ok\n")
            self.assertLess(time.monotonic() - began, 5 * harness.SLOW)

    def test_one_address_cannot_take_every_connection(self):
        server = self.serve().ready()
        host, port = server.api[0].rsplit(":", 1)
        with contextlib.ExitStack() as many:
            for _ in range(300):
                with contextlib.suppress(OSError):
                    many.enter_context(socket.create_connection((host, int(port)), timeout=10))
            with socket.socket() as other:
                other.bind(("127.0.0.3", 0))
                other.settimeout(10)
                other.connect((host, int(port)))
                other.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                self.assertIn(b"200", other.recv(64))
        self.assertIsNone(server.process.child.poll())

    def test_noise_on_every_port(self):
        server = self.serve().ready()
        noise = os.urandom(4096)
        for address in (server.api[0], server.dns[0]):
            host, port = address.rsplit(":", 1)
            for size in (1, 2, 11, 12, 13, 100, 4096):
                with socket.create_connection((host, int(port)), timeout=10) as tcp:
                    tcp.sendall(noise[:size])
        host, port = server.dns[0].rsplit(":", 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            for size in range(0, 600, 7):
                udp.sendto(noise[:size], (host, int(port)))
        self.assertEqual(server.get("/healthz"), "ok\n")
        self.assertIsNone(server.process.child.poll())


class Disk(Case):
    def test_a_full_disk_refuses_changes_and_answers_go_on(self):
        if os.geteuid() != 0:
            self.skipTest("needs root for a small file system")
        small = self.directory / "small"
        small.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(small)], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("no tmpfs can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(small)])
        server = harness.Server(directory=small)
        with server:
            client = server.boto3()
            zone = server.zone("example.com", client)
            (small / "filler").write_bytes(b"")
            with contextlib.suppress(OSError), open(small / "filler", "ab", buffering=0) as filler:
                while True:
                    filler.write(bytes(1024))
            stored = []
            for number in range(400):
                record = harness.record_set(f"r{number}.example.com", "TXT", '"' + "x" * 200 + '"')
                try:
                    client.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]})
                    stored.append(record["Name"] + ".")
                except client.exceptions.ClientError as error:
                    self.assertEqual(error.response["Error"]["Code"], "ServiceUnavailable")
                    self.assertEqual(error.response["ResponseMetadata"]["HTTPStatusCode"], 503)
                    break
            else:
                self.fail("the disk never filled")
            self.assertEqual(server.dig("example.com", "SOA").status, "NOERROR")
            (small / "filler").unlink()
            harness.change(client, zone, ("CREATE", harness.record_set("after.example.com", "A", "192.0.2.7")))
            stored.append("after.example.com.")
            server.stop()
            server.start()
            pages = server.boto3().get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
            listed = [record["Name"] for page in pages for record in page["ResourceRecordSets"] if record["Type"] in ("A", "TXT")]
            self.assertEqual(sorted(listed), sorted(stored))


class Ending(Case):
    def test_a_change_that_was_acknowledged_is_there_after_any_end(self):
        server = harness.Server()
        self.addCleanup(server.close)
        server.start()
        zone = server.zone("example.com")
        for number, end in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGINT)):
            client = server.boto3()
            client.change_resource_record_sets(
                HostedZoneId=zone,
                ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": harness.record_set(f"r{number}.example.com", "A", "192.0.2.1")}]},
            )
            server.stop(end)
            server.start()
            self.assertEqual(server.dig(f"r{number}.example.com", "A").values(), ["192.0.2.1"])

    def test_requests_under_way_are_finished(self):
        server = harness.Server()
        self.addCleanup(server.close)
        server.start()
        zone = server.zone("example.com")
        accepted, ended = [], threading.Event()

        def write():
            client = server.boto3()
            number = 0
            while not ended.is_set():
                name = f"w{number}.example.com"
                try:
                    client.change_resource_record_sets(
                        HostedZoneId=zone,
                        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": harness.record_set(name, "A", "192.0.2.1")}]},
                    )
                except Exception:
                    return
                accepted.append(name + ".")
                number += 1

        writer = threading.Thread(target=write)
        writer.start()
        harness.eventually(lambda: len(accepted) > 10, "some changes")
        server.stop()
        ended.set()
        writer.join()
        server.start()
        pages = server.boto3().get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
        listed = {record["Name"] for page in pages for record in page["ResourceRecordSets"]}
        self.assertLessEqual(set(accepted), listed)


if __name__ == "__main__":
    unittest.main(verbosity=1)
