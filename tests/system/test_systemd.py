"""Debian with systemd as PID 1: the agent's unit starts last and stops first, poweroff waits for the drain, and the service answers
all the while. Root, network namespaces and systemd-nspawn; skipped where they are not."""

import os
import pathlib
import shutil
import sys
import tempfile
import time
import unittest

import harness
import machines
import parts

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

WHY_NOT = machines.cannot("systemd-nspawn", "mmdebstrap", "unshare", "nsenter")


@unittest.skipIf(WHY_NOT, WHY_NOT)
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
        parts.python_in(self.network, "imds", METADATA_SERVICE, INSTANCE)
        self.server = parts.NameServer(self.network, "auth", AUTH, self.directory)

    def answers(self):
        return self.server.answers(NAME)

    def serves(self):
        return self.network.run("cli", "curl", "-s", "-m", "2", "-o", "/dev/null", "-w", "%{http_code}", f"http://{INSTANCE}/").stdout == "200"

    def boot(self):
        settings = self.directory / "rota-agent"
        options = f"--zone example.com --name {NAME} --address local-ipv4 --ttl {TTL} --margin {MARGIN} --ready http://{INSTANCE}/"
        settings.write_text("".join(f"{k}={v}\n" for k, v in self.server.environment.items()) + f'ROTA_OPTIONS="{options}"\n')
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
    if WHY_NOT:
        print(f"skipped: {WHY_NOT}")
        sys.exit(77)
    unittest.main(warnings="ignore")
