"""Debian with sysvinit as PID 1 and its own rc: the init script starts the agent after the service and stops it before, the shutdown waits
for the drain, and the service answers all the while. Root, network namespaces and mmdebstrap; skipped where they are not."""

import sys
import time
import unittest

import harness
import machines
import parts

NAME, TTL, MARGIN = "www.example.com", 2, 1
AUTH, INSTANCE, CLIENT, METADATA = "10.77.0.2", "10.77.1.1", "10.77.0.4", "10.77.0.5"

WHY_NOT = machines.cannot("mmdebstrap", "unshare", "nsenter", "dig", "curl")


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Sysvinit(machines.Case):
    HOSTS = {"auth": AUTH, "cli": CLIENT, "i1": INSTANCE}

    def setUp(self):
        super().setUp()
        self.network.host("imds", METADATA, metadata=True)
        parts.python_in(self.network, "imds", parts.METADATA_OF_ONE, INSTANCE)
        self.server = parts.NameServer(self.network, "auth", AUTH, self.directory)

    def serves(self):
        return parts.serves(self.network, INSTANCE)

    def boot(self):
        settings = self.directory / "rota-agent"
        options = f"--zone example.com --name {NAME} --address local-ipv4 --ttl {TTL} --margin {MARGIN} --ready http://{INSTANCE}/"
        variables = {**self.server.environment, "ROTA_OPTIONS": f"'{options}'", "ROTA_LOG_FILE": "/var/log/rota/agent.log"}
        settings.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        binds = {
            "/usr/bin/rota": harness.ROTA,
            "/etc/default/rota-agent": settings,
            "/etc/init.d/rota-agent": harness.ROOT / "packaging" / "sysv" / "rota-agent",
        }
        out = self.directory / "out"
        out.mkdir()
        machine = machines.SysvinitMachine(self.network, "i1", binds, str(out), ["nginx", "rota-agent"])
        self.addCleanup(machine.close)
        return machine

    def joined(self, machine):
        harness.eventually(lambda: self.server.answers(NAME) == [INSTANCE], machine.log, 30)

    def end_is_drained(self, machine, *command):
        """Gives the command; the record goes, the service stays until the drain is over, the machine ends."""
        asked = time.monotonic()
        machine.run(*command, check=False)
        harness.eventually(lambda: self.server.answers(NAME) == [], machine.log, 20)
        gone = time.monotonic()
        while time.monotonic() < gone + TTL:  # whoever still holds the answer is served
            self.assertTrue(self.serves(), f"the service went away during the drain: {machine.log()}")
        machine.wait(60)
        self.assertGreaterEqual(time.monotonic() - asked, TTL)
        self.assertFalse(self.serves())
        self.assertIn("rota-agent: out of the rota", machine.log())

    def test_it_joins_at_boot_and_a_shutdown_waits_for_the_drain(self):
        machine = self.boot()
        self.joined(machine)
        self.assertTrue(self.serves())
        harness.eventually(lambda: "in service" in machine.run("/etc/init.d/rota-agent", "status", check=False).stdout, machine.log, 10)
        self.assertEqual(machine.run("ls", "/var/lock/subsys").stdout, "rota-agent\n")
        self.end_is_drained(machine, "shutdown", "-h", "now")

    def test_a_reboot_drains_too(self):
        machine = self.boot()
        self.joined(machine)
        self.end_is_drained(machine, "reboot")

    def test_a_stop_by_hand_leaves_the_service_alone(self):
        machine = self.boot()
        self.joined(machine)
        asked = time.monotonic()
        stopped = machine.run("service", "rota-agent", "stop", check=False)
        self.assertEqual(stopped.returncode, 0, stopped.stdout + stopped.stderr)
        self.assertGreaterEqual(time.monotonic() - asked, TTL)
        self.assertEqual(self.server.answers(NAME), [])
        self.assertTrue(self.serves())
        self.assertEqual(machine.run("service", "rota-agent", "status", check=False).returncode, 3)


if __name__ == "__main__":
    if WHY_NOT:
        print(f"skipped: {WHY_NOT}")
        sys.exit(77)
    unittest.main(warnings="ignore")
