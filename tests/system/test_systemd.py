"""Debian with systemd as PID 1. rota-serve.service serves under its limits; rota-agent.service starts last and stops first, poweroff
waits for the drain, and the service answers all the while. Root, network namespaces and systemd-nspawn; skipped where they are not."""

import json
import time
import unittest

import harness
import machines
from machines import AUTH, CLIENT, INSTANCE, MARGIN, NAME, TTL

STAMP = """[Service]
ExecStartPost=+/bin/sh -c 'echo %n started $(date +%%s.%%N) >>/var/log/rota/stamps'
ExecStopPost=+/bin/sh -c 'echo %n stopped $(date +%%s.%%N) >>/var/log/rota/stamps'
"""

WHY_NOT = machines.cannot("systemd-nspawn", "mmdebstrap", "unshare", "nsenter")


@unittest.skipIf(WHY_NOT, WHY_NOT)
class ServeUnit(machines.Case):
    """rota-serve.service with what packaging/ ships, on a machine of its own; its clients on another."""

    ZONE, OPTIONS = "example.com", "--ns here.rota.test --ns elsewhere.rota.test"

    HOSTS = {"auth": AUTH, "cli": CLIENT}

    def setUp(self):
        super().setUp()
        settings = self.directory / "rota-serve"
        settings.write_text(f'ROTA_OPTIONS="{self.OPTIONS}"\n')
        hosts = self.directory / "hosts"
        hosts.write_text(f"127.0.0.1 localhost\n{AUTH} here.rota.test\n192.0.2.9 elsewhere.rota.test\n")
        packaging = harness.ROOT / "packaging"
        binds = {
            "/usr/bin/rota": harness.ROTA,
            "/etc/default/rota-serve": settings,
            "/etc/hosts": hosts,
            "/etc/systemd/system/rota-serve.service": packaging / "systemd" / "rota-serve.service",
            "/etc/systemd/system/rota-agent.service": packaging / "systemd" / "rota-agent.service",
            "/usr/lib/sysusers.d/rota.conf": packaging / "sysusers.d" / "rota.conf",
        }
        self.machine = machines.SystemdMachine(self.network, "auth", binds, str(self.directory / "out"))
        self.addCleanup(self.machine.close)
        harness.eventually(lambda: self.machine.is_active("multi-user.target") == "active", self.machine.log, 60)
        self.machine.run("systemd-sysusers")
        started = self.machine.run("systemctl", "enable", "--now", "rota-serve", check=False)
        self.assertEqual(started.returncode, 0, started.stderr + self.journal())

    def journal(self):
        return self.machine.run("journalctl", "-u", "rota-serve", "--no-pager", "-o", "cat", check=False).stdout

    def show(self, *properties):
        shown = self.machine.run("systemctl", "show", "rota-serve", *(f"--property={one}" for one in properties)).stdout
        return dict(line.split("=", 1) for line in shown.splitlines())

    def dig(self, *arguments):
        found = self.network.run("cli", "dig", "+tries=1", "+time=2", f"@{AUTH}", *arguments)
        return harness.Reply(found.stdout, found.returncode)

    def make_zone(self):
        """With a key made by root while it runs."""
        key = json.loads(self.machine.run("rota", "keys", "create", "--data", "/var/lib/rota", "--json").stdout)
        harness.eventually(lambda: "keys=1" in self.journal(), self.journal, 10)
        environment = [f"AWS_ACCESS_KEY_ID={key['access_key_id']}", f"AWS_SECRET_ACCESS_KEY={key['secret_access_key']}"]
        environment.append("AWS_ENDPOINT_URL_ROUTE_53=http://127.0.0.1:8053")
        made = self.machine.run("env", *environment, "rota", "route53", "create", self.ZONE, check=False)
        self.assertEqual(made.returncode, 0, made.stdout + made.stderr)

    def answers(self):
        return self.dig(self.ZONE, "NS").values("NS") == ["elsewhere.rota.test.", "here.rota.test."]

    def test_it_says_when_it_is_ready_and_has_given_up_what_it_need_not_have(self):
        shown = self.show("ActiveState", "SubState", "StatusText", "MainPID")
        self.assertEqual((shown["ActiveState"], shown["SubState"]), ("active", "running"))
        self.assertEqual(shown["StatusText"], "serving 0 hosted zones")
        text = self.machine.run("cat", f"/proc/{shown['MainPID']}/status").stdout
        status = {name: value.split() for name, value in (line.split(":", 1) for line in text.splitlines())}
        uid, gid = (self.machine.run("id", flag, "rota").stdout.strip() for flag in ("-u", "-g"))
        self.assertNotEqual(uid, "0")
        self.assertEqual((status["Uid"], status["Gid"]), ([uid] * 4, [gid] * 4))
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            self.assertEqual(int(status[name][0], 16), 0, name)
        self.assertEqual((status["NoNewPrivs"], status["Seccomp"]), (["1"], ["2"]))
        self.assertEqual(self.machine.run("stat", "-c", "%U:%G %a", "/var/lib/rota").stdout, "rota:rota 700\n")

    def test_it_serves_under_its_limits_and_comes_back_after_a_crash(self):
        self.assertEqual(self.dig(self.ZONE, "SOA").status, "REFUSED")
        self.make_zone()
        self.assertTrue(self.answers())
        self.assertEqual(self.dig(self.ZONE, "SOA", "+tcp").status, "NOERROR")
        before = self.show("MainPID")["MainPID"]
        self.machine.run("kill", "-KILL", before)
        harness.eventually(lambda: self.show("ActiveState", "NRestarts") == {"ActiveState": "active", "NRestarts": "1"}, self.journal, 30)
        self.assertNotEqual(self.show("MainPID")["MainPID"], before)
        self.assertTrue(self.answers(), self.journal())
        self.assertEqual(self.show("StatusText")["StatusText"], "serving 1 hosted zones")

    def test_a_stop_is_clean_and_a_start_goes_on(self):
        self.make_zone()
        self.machine.run("systemctl", "stop", "rota-serve")
        wanted = {"ActiveState": "inactive", "Result": "success", "ExecMainCode": "1", "ExecMainStatus": "0"}
        self.assertEqual(self.show(*wanted), wanted, self.journal())
        self.assertRegex(self.journal(), r"event=stopping signal=SIGTERM\n(.*\n)*.*event=stopped\n")
        self.assertIsNone(self.dig(self.ZONE, "SOA").status)
        self.machine.run("systemctl", "start", "rota-serve")
        self.assertTrue(self.answers())

    def test_the_name_servers_are_checked_against_the_machines_own_addresses(self):
        harness.eventually(lambda: "ns=elsewhere.rota.test" in self.journal(), self.journal, 20)
        warning = next(line for line in self.journal().splitlines() if "ns=elsewhere.rota.test" in line)
        self.assertIn("resolves_to=192.0.2.9", warning)
        self.assertIn(AUTH, warning)
        self.assertNotIn("ns=here.rota.test resolves_to", self.journal(), "the first is checked first, and leads here")

    def test_systemd_has_nothing_to_say_about_the_units(self):
        for unit in ("rota-serve.service", "rota-agent.service"):
            said = self.machine.run("systemd-analyze", "verify", "--man=no", unit, check=False)
            self.assertEqual((said.returncode, said.stdout + said.stderr), (0, ""), unit)
        # systemd's own measure, in tenths: 0 is shut in, 100 is free.
        rated = self.machine.run("systemd-analyze", "security", "--threshold=25", "rota-serve.service", check=False)
        self.assertEqual(rated.returncode, 0, rated.stdout[-400:])


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Systemd(machines.InstanceCase):
    def answers(self):
        return self.server.answers(NAME)

    def boot(self, ready=f"http://{INSTANCE}/", **more):
        settings = self.directory / "rota-agent"
        options = f"--zone example.com --name {NAME} --address local-ipv4 --ttl {TTL} --margin {MARGIN} --ready {ready}"
        variables = self.server.environment | more
        settings.write_text("".join(f"{k}={v}\n" for k, v in variables.items()) + f'ROTA_OPTIONS="{options}"\n')
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
        harness.eventually(
            lambda: machine.is_active("rota-agent") == "active",
            lambda: machine.log() + machine.run("journalctl", "-u", "rota-agent", "--no-pager", check=False).stdout, 60,
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
        harness.eventually(lambda: self.answers() == [], "the record is gone", 20)
        gone = time.time()
        while time.time() < gone + TTL:  # whoever still holds the answer is served
            self.assertTrue(self.serves(), "the service went away during the drain")
        machine.wait(60)
        stopped = {unit: when for unit, what, when in self.stamps() if what == "stopped"}
        self.assertLess(stopped["rota-agent"], stopped["nginx"])
        self.assertGreaterEqual(stopped["rota-agent"] - asked, TTL)

    def test_a_unit_is_waited_for(self):
        machine = self.boot("systemd:nginx")
        self.assertIn("in service", machine.run("rota", "status").stdout)
        machine.run("systemctl", "stop", "rota-agent", "nginx")
        machine.run("systemctl", "start", "--no-block", "rota-agent")
        # Started last, but nobody starts nginx for it.

        def said():
            return machine.run("journalctl", "-u", "rota-agent", "--no-pager", check=False).stdout

        harness.eventually(lambda: "unit nginx is inactive (dead)" in said(), said, 20)
        self.assertEqual(self.answers(), [])
        machine.run("systemctl", "start", "nginx")
        harness.eventually(lambda: self.answers() == [INSTANCE], said, 20)

    def test_a_crash_leaves_the_record_behind(self):
        machine = self.boot()
        machine.crash()
        self.assertEqual(self.answers(), [INSTANCE])
        self.assertFalse(self.serves())

    def test_a_stop_of_the_unit_alone_drains_too(self):
        # What a command may do within the unit's limits: ask systemd, and write where the unit has a folder.
        machine = self.boot(ROTA_AGENT_DRAIN_BEGIN="systemctl reload nginx && touch /var/lib/rota-agent/drains")
        self.assertEqual(self.answers(), [INSTANCE])
        asked = time.time()
        machine.run("systemctl", "stop", "rota-agent")
        self.assertGreaterEqual(time.time() - asked, TTL)
        self.assertEqual(self.answers(), [])
        self.assertTrue(self.serves())
        self.assertEqual(machine.is_active("rota-agent"), "inactive")
        log = machine.run("journalctl", "--no-pager", "-o", "cat").stdout
        self.assertEqual(machine.run("test", "-e", "/var/lib/rota-agent/drains", check=False).returncode, 0, log)
        self.assertRegex(log, "Reloaded nginx")


if __name__ == "__main__":
    machines.run_tests(WHY_NOT)
