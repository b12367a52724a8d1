"""Debian with systemd as PID 1: the agent's unit starts last and stops first, poweroff waits for the drain, and the service answers
all the while. Root, network namespaces and systemd-nspawn; skipped where they are not."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import harness
import machines

NAME, TTL, MARGIN = "www.example.com", 2, 1
AUTH, METADATA, INSTANCE, CLIENT = "10.77.0.2", "10.77.0.5", "10.77.1.1", "10.77.0.4"

STAMP = """[Service]
ExecStartPost=+/bin/sh -c 'echo %n started $(date +%%s.%%N) >>/var/log/rota/stamps'
ExecStopPost=+/bin/sh -c 'echo %n stopped $(date +%%s.%%N) >>/var/log/rota/stamps'
"""

METADATA_SERVICE = """
import sys, threading
import parts
service = parts.Metadata({"instance-id": "i-0abc", "local-ipv4": sys.argv[1]}, host="169.254.169.254", port=80)
print("ready", flush=True)
threading.Event().wait()
"""


def cannot():
    if os.geteuid() != 0:
        return "needs root"
    for program in ("systemd-nspawn", "mmdebstrap", "ip", "unshare", "nsenter"):
        if shutil.which(program) is None:
            return f"needs {program}"
    return None


@unittest.skipIf(cannot(), cannot())
class Systemd(unittest.TestCase):
    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="rota-test-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.network = machines.Network()
        self.addCleanup(self.network.close)
        self.network.host("auth", AUTH)
        self.network.host("imds", METADATA, metadata=True)
        self.network.host("cli", CLIENT)
        self.network.host("i1", INSTANCE)
        self.start_metadata()
        self.start_server()

    def start_metadata(self):
        path = os.pathsep.join([str(harness.ROOT / "tests" / "system"), str(harness.ROOT / "tests" / "conformance")])
        service = self.network.popen(
            "imds", sys.executable, "-c", METADATA_SERVICE, INSTANCE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": path},
        )  # fmt: skip
        self.addCleanup(service.stdout.close)
        self.assertEqual(service.stdout.readline(), "ready\n")

    def start_server(self):
        data = self.directory / "data"
        keys = subprocess.run([harness.ROTA, "keys", "create", "--data", data, "--json"], check=True, capture_output=True, text=True)
        key = json.loads(keys.stdout)
        self.environment = {
            "AWS_ACCESS_KEY_ID": key["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": key["secret_access_key"],
            "AWS_ENDPOINT_URL_ROUTE_53": f"http://{AUTH}:8053",
        }
        log = open(self.directory / "serve.log", "wb")
        self.addCleanup(log.close)
        self.network.popen(
            "auth", harness.ROTA, "serve", "--data", data, "--dns", f"{AUTH}:53", "--api", f"{AUTH}:8053", "--api-insecure",
            "--ns", "ns.example.com", "--user", "root", stderr=log,
        )  # fmt: skip
        machines.wait_for(lambda: b"event=ready" in (self.directory / "serve.log").read_bytes(), 20, "rota serve is ready")
        made = self.client("route53", "create", "example.com")
        self.assertEqual(made.returncode, 0, made.stdout + made.stderr)

    def client(self, *arguments):
        """Runs rota in the clients' namespace with the server's key."""
        return self.network.run("cli", harness.ROTA, *arguments, env=harness.clean_environment(**self.environment))

    def answers(self):
        found = self.network.run("cli", "dig", "+short", "+tries=1", "+time=1", f"@{AUTH}", NAME, "A")
        return sorted(found.stdout.split())

    def serves(self):
        return self.network.run("cli", "curl", "-s", "-m", "2", "-o", "/dev/null", "-w", "%{http_code}", f"http://{INSTANCE}/").stdout == "200"

    def boot(self):
        settings = self.directory / "rota-agent"
        options = f"--zone example.com --name {NAME} --address local-ipv4 --ttl {TTL} --margin {MARGIN} --ready http://{INSTANCE}/"
        settings.write_text("".join(f"{k}={v}\n" for k, v in self.environment.items()) + f'ROTA_OPTIONS="{options}"\n')
        stamp = self.directory / "stamp.conf"
        stamp.write_text(STAMP)
        wants = self.directory / "wants"
        wants.mkdir()
        units = harness.ROOT / "packaging" / "systemd"
        (wants / "rota-agent.service").symlink_to("/etc/systemd/system/rota-agent.service")
        (wants / "nginx.service").symlink_to("/lib/systemd/system/nginx.service")
        binds = {
            "/usr/bin/rota": harness.ROTA,
            "/etc/default/rota-agent": settings,
            "/etc/systemd/system/rota-agent.service": units / "rota-agent.service",
            "/etc/systemd/system/rota-agent.service.d/stamp.conf": stamp,
            "/etc/systemd/system/nginx.service.d/stamp.conf": stamp,
            "/etc/systemd/system/multi-user.target.wants": wants,
        }
        machine = machines.SystemdMachine(self.network, "i1", binds, str(self.directory / "out"))
        self.addCleanup(machine.close)
        machines.wait_for(
            lambda: machine.is_active("rota-agent") == "active", 60,
            lambda: machine.log() + machine.run("journalctl", "-u", "rota-agent", "--no-pager", check=False).stdout,
        )  # fmt: skip
        return machine

    def stamps(self):
        """[(unit, what, time)] in the order of writing."""
        lines = (self.directory / "out" / "stamps").read_text().splitlines()
        return [(unit.removesuffix(".service"), what, float(when)) for unit, what, when in map(str.split, lines)]

    def test_the_agent_starts_last_and_stops_first_and_poweroff_waits_for_the_drain(self):
        machine = self.boot()
        self.assertEqual(self.answers(), [INSTANCE])
        self.assertEqual([unit for unit, what, _ in self.stamps() if what == "started"], ["nginx", "rota-agent"])
        self.assertIn("in service", machine.run("rota", "status").stdout)

        asked = time.time()
        machine.run("systemctl", "poweroff", check=False)
        machines.wait_for(lambda: self.answers() == [], 20, "the record is gone")
        gone = time.time()
        while time.time() < gone + TTL:  # whoever still holds the answer is served
            self.assertTrue(self.serves(), "the service went away during the drain")
        machine.wait(60)
        stopped = {unit: when for unit, what, when in self.stamps() if what == "stopped"}
        self.assertLess(stopped["rota-agent"], stopped["nginx"])
        self.assertGreaterEqual(stopped["rota-agent"] - asked, TTL + MARGIN)

    def test_a_crash_leaves_the_record_behind(self):
        machine = self.boot()
        machine.crash()
        self.assertEqual(self.answers(), [INSTANCE])
        self.assertFalse(self.serves())

    def test_a_stop_of_the_unit_alone_drains_too(self):
        machine = self.boot()
        asked = time.time()
        machine.run("systemctl", "stop", "rota-agent")
        self.assertGreaterEqual(time.time() - asked, TTL + MARGIN)
        self.assertEqual(self.answers(), [])
        self.assertTrue(self.serves())
        self.assertEqual(machine.is_active("rota-agent"), "inactive")


if __name__ == "__main__":
    if cannot():
        print(f"skipped: {cannot()}")
        sys.exit(77)
    unittest.main()
