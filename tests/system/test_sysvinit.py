"""Debian with sysvinit as PID 1, and its own rc or one with RHEL's rule: the init script starts the agent after the service and stops it before, the shutdown waits
for the drain, and the service answers all the while. Root, network namespaces and mmdebstrap; skipped where they are not."""

import time
import unittest

import harness
import machines
from machines import INSTANCE, MARGIN, NAME, TTL

WHY_NOT = machines.cannot("mmdebstrap", "unshare", "nsenter", "dig", "curl")


class Instance(machines.InstanceCase):
    """A member with sysvinit."""

    def boot(self, services=("nginx", "rota-agent"), scripts=(), rc="", ready=f"http://{INSTANCE}/"):
        """`scripts` ({name: text}) are more init scripts."""
        settings = self.directory / "rota-agent"
        options = f"--zone example.com --name {NAME} --address local-ipv4 --ttl {TTL} --margin {MARGIN} --ready {ready}"
        variables = {**self.server.environment, "ROTA_OPTIONS": f"'{options}'", "ROTA_LOG_FILE": "/var/log/rota/agent.log"}
        settings.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        binds = {
            "/usr/bin/rota": harness.ROTA,
            "/etc/default/rota-agent": settings,
            "/etc/init.d/rota-agent": harness.ROOT / "packaging" / "sysv" / "rota-agent",
        }
        for name, text in dict(scripts).items():
            script = self.directory / name
            script.write_text(text)
            script.chmod(0o755)
            binds[f"/etc/init.d/{name}"] = script
        out = self.directory / "out"
        out.mkdir()
        machine = machines.SysvinitMachine(self.network, "i1", binds, str(out), services, rc)
        self.addCleanup(machine.close)
        return machine

    def joined(self, machine):
        harness.eventually(lambda: self.server.answers(NAME) == [INSTANCE], machine.log, 30)

    def end_is_drained(self, machine, *command):
        """Gives the command; the record goes, the service stays until the drain is over, the machine ends."""
        machine.run(*command, check=False)
        given_out = 0.0  # when an answer with the address was asked for last
        requests = []  # (when it ended, whether it was served)
        deadline = time.monotonic() + 240
        while machine.is_running() and time.monotonic() < deadline:
            asked = time.monotonic()
            if self.server.answers(NAME) == [INSTANCE]:
                given_out = asked
            else:  # whoever still holds the answer is served
                served = self.serves(30)
                requests.append((time.monotonic(), served))
        self.assertFalse(machine.is_running(), machine.log())
        self.assertGreaterEqual(time.monotonic(), given_out + TTL)
        missed = [when for when, served in requests if when < given_out + TTL and not served]
        self.assertEqual(missed, [], f"the service went away during the drain: {machine.log()}")
        self.assertEqual(self.server.answers(NAME), [])
        self.assertIn("rota-agent: out of the rota", machine.log())


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Debian(Instance):
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


# The service as a well-behaved script on RHEL starts it, and one that forgets its lock, which is how the rule shows.
APP = """#!/bin/sh
# chkconfig: 35 85 15
case $1 in
    start) /etc/init.d/nginx start && touch /var/lock/subsys/app ;;
    stop) /etc/init.d/nginx stop && rm /var/lock/subsys/app ;;
esac
"""
FORGETFUL = """#!/bin/sh
# chkconfig: 35 86 14
"""


@unittest.skipIf(WHY_NOT, WHY_NOT)
class RedHat(Instance):
    """sysvinit with RHEL's rule of the locks."""

    def boot(self, **options):
        return super().boot(["app", "forgetful", "rota-agent"], {"app": APP, "forgetful": FORGETFUL}, machines.RED_HATS_RC, **options)

    def stamps(self):
        return (self.directory / "out" / "stamps").read_text().splitlines()

    def started(self):
        stamps = self.directory / "out" / "stamps"
        return stamps.exists() and "rota-agent started" in self.stamps()

    def test_the_agent_starts_last_and_stops_first(self):
        machine = self.boot()
        self.joined(machine)
        harness.eventually(self.started, machine.log, 60)
        self.assertEqual(self.stamps(), ["app started", "forgetful started", "rota-agent started"])
        self.end_is_drained(machine, "shutdown", "-h", "now")
        self.assertEqual(self.stamps()[3:], ["rota-agent stopped", "app stopped"], "what has no lock is not stopped")

    def test_a_change_of_the_runlevel_starts_no_second_agent(self):
        machine = self.boot()
        self.joined(machine)
        harness.eventually(self.started, machine.log, 60)
        before = machine.run("cat", "/run/rota/agent.pid").stdout
        machine.run("telinit", "5")
        harness.eventually(lambda: self.stamps()[3:] == ["forgetful started"], machine.log, 60)
        self.assertEqual(machine.run("cat", "/run/rota/agent.pid").stdout, before)
        self.assertEqual(self.server.answers(NAME), [INSTANCE])

    def test_an_agent_that_waits_for_readiness_is_stopped_too(self):
        machine = self.boot(ready=f"tcp://{INSTANCE}:1")
        harness.eventually(lambda: "rota-agent" in machine.run("ls", "/var/lock/subsys").stdout, machine.log, 60)
        machine.run("shutdown", "-h", "now", check=False)
        machine.wait(120)
        self.assertIn("rota-agent stopped", self.stamps())
        self.assertEqual(self.server.answers(NAME), [])


if __name__ == "__main__":
    machines.run_tests(WHY_NOT)
