"""The deb on a machine: an image with it, configured and enabled, boots Debian with systemd as PID 1 in a network of its own. The agent
starts last and stops first, goes on through an upgrade, and leaves before a removal has taken it away."""

import json
import time
import unittest

import chroots
import harness
import machines
import packages
from machines import AUTH, CLIENT, INSTANCE, MARGIN, NAME, TTL

SETTINGS = f"""zone = "example.com"
name = "{NAME}"
address = "local-ipv4"
ttl = {TTL}
margin = "{MARGIN}s"
ready = "http://{INSTANCE}/"
"""
STAMP = """[Service]
ExecStartPost=+/bin/sh -c 'echo %N started $(date +%%s.%%N) >>/var/log/rota/stamps'
ExecStopPost=+/bin/sh -c 'echo %N stopped $(date +%%s.%%N) >>/var/log/rota/stamps'
"""


class Machine(machines.InstanceCase):
    def setUp(self):
        super().setUp()
        self.machine = machines.SystemdMachine(
            self.network, "i1", {"/packages": str(packages.MADE)}, str(self.directory / "out"), base=self.image()
        )
        self.addCleanup(self.machine.close)
        harness.eventually(lambda: self.machine.is_active("rota-agent") == "active", lambda: self.machine.log() + self.journal(), 120)

    def image(self):
        """A Debian with the deb installed, its settings written and the agent enabled, as an image builder does it."""
        chroot = chroots.Chroot("systemd", self)
        chroot.run("dpkg", "-i", chroot.inside(packages.deb()))
        chroot.path("/etc/rota/agent.toml").write_text(SETTINGS)
        chroot.path("/etc/default/rota-agent").write_text("".join(f"{k}={v}\n" for k, v in self.server.environment.items()))
        for unit in ("rota-agent", "nginx"):
            drop_in = chroot.path(f"/etc/systemd/system/{unit}.service.d/stamp.conf")
            drop_in.parent.mkdir(parents=True)
            drop_in.write_text(STAMP)
        chroot.run("systemctl", "enable", "rota-agent", "nginx")
        return chroot.as_image()

    def journal(self):
        return self.machine.run("journalctl", "-u", "rota-agent", "--no-pager", "-o", "cat", check=False).stdout

    def answers(self):
        """The rota's addresses; a name server that does not answer is a failure."""
        found = self.network.run("cli", "dig", "+short", "+tries=3", "+time=10", f"@{AUTH}", NAME, "A")
        self.assertEqual(found.returncode, 0, found.stdout)
        return found.stdout.split()

    def stamps(self):
        """[(unit, what)] in the order of writing, and {(unit, what): when}."""
        lines = [line.split() for line in (self.directory / "out" / "stamps").read_text().splitlines()]
        return [(unit, what) for unit, what, _ in lines], {(unit, what): float(when) for unit, what, when in lines}

    def main_pid(self):
        return self.machine.run("systemctl", "show", "--property=MainPID", "--value", "rota-agent").stdout.strip()

    def program(self):
        return self.machine.run("readlink", f"/proc/{self.main_pid()}/exe").stdout.strip()

    def agents(self):
        """How many agents run."""
        found = self.machine.run("pgrep", "-fc", "^/usr/bin/rota agent", check=False)
        return int(found.stdout)

    def check_the_rota_is_never_empty(self, until):
        """Asks without a pause, until `until`, and at least once."""

        def look():
            self.assertEqual(self.answers(), [INSTANCE], self.journal())
            return until()

        harness.eventually(look, self.journal, 60)

    def test_an_image_boots_into_its_rota_and_poweroff_waits_for_the_drain(self):
        self.assertEqual(self.answers(), [INSTANCE])
        self.assertEqual(self.stamps()[0], [("nginx", "started"), ("rota-agent", "started")])
        self.assertEqual(self.agents(), 1, "by the unit or by the script, not by both")
        self.assertEqual(
            self.machine.run("systemctl", "show", "--property=FragmentPath", "--value", "rota-agent").stdout.strip(),
            "/lib/systemd/system/rota-agent.service",
        )
        self.assertIn("in service", self.machine.run("rota", "status").stdout)
        said = self.machine.run("/etc/init.d/rota-agent", "start", check=False)
        self.assertEqual((said.returncode, self.agents()), (0, 1), said.stdout + said.stderr)
        said = self.machine.run("/etc/init.d/rota-agent", "status", check=False)
        self.assertEqual(said.returncode, 0)
        self.assertIn("rota-agent.service", said.stdout)

        self.machine.run("systemctl", "poweroff", check=False)
        given_out = 0.0  # when an answer with the address was asked for last
        requests = []  # (when it ended, whether it was served)
        deadline = time.monotonic() + 240
        while self.machine.is_running() and time.monotonic() < deadline:
            asked = time.time()
            if self.answers() == [INSTANCE]:
                given_out = asked
            else:
                served = self.serves(30)
                requests.append((time.time(), served))
        self.assertFalse(self.machine.is_running(), "poweroff never ended")
        when = self.stamps()[1]
        self.assertLess(when["rota-agent", "stopped"], when["nginx", "stopped"])
        self.assertGreaterEqual(when["rota-agent", "stopped"], given_out + TTL)
        self.assertEqual([one for one in requests if one[0] < when["rota-agent", "stopped"] and not one[1]], [], "the service went first")

    def test_the_init_script_and_the_unit_are_one_service(self):
        before = self.main_pid()
        self.machine.run("/etc/init.d/rota-agent", "stop")
        self.assertEqual((self.agents(), self.answers(), self.machine.is_active("rota-agent")), (0, [], "inactive"))
        self.assertEqual(self.machine.run("/etc/init.d/rota-agent", "status", check=False).returncode, 3)
        self.machine.run("/etc/init.d/rota-agent", "start")
        self.assertEqual((self.agents(), self.answers(), self.machine.is_active("rota-agent")), (1, [INSTANCE], "active"))
        self.assertNotEqual(self.main_pid(), before)

    def test_a_forced_poweroff_leaves_the_record_behind(self):
        self.machine.run("systemctl", "poweroff", "--force", "--force", check=False)
        self.machine.wait(120)
        self.assertEqual(self.answers(), [INSTANCE], "for rota sweep to find")

    def test_an_upgrade_leaves_the_agent_in_service(self):
        before = self.main_pid()
        done = []

        def upgrade():
            if not done:
                said = self.machine.run("dpkg", "-i", f"/packages/later/{packages.deb(packages.LATER).name}", check=False)
                self.assertEqual(said.returncode, 0, said.stdout + said.stderr)
                self.assertIn("the running agent is of the old version", said.stdout)
                done.append(said)
                return False
            return True

        self.check_the_rota_is_never_empty(upgrade)
        self.assertEqual((self.main_pid(), self.machine.is_active("rota-agent")), (before, "active"))
        self.assertEqual(self.program(), "/usr/bin/rota (deleted)")

        # The way that the documentation tells for taking the new program up without a drain.
        self.machine.run("systemctl", "kill", "--signal=KILL", "rota-agent")
        self.check_the_rota_is_never_empty(lambda: self.main_pid() not in ("0", before) and self.machine.is_active("rota-agent") == "active")
        self.assertEqual(self.program(), "/usr/bin/rota")
        self.check_the_rota_is_never_empty(lambda: True)
        self.assertNotIn("leaving", self.journal())

    def test_a_removal_drains_first_and_a_purge_leaves_nothing(self):
        removal = self.machine.run("dpkg", "-r", "rota", check=False)
        self.assertEqual(removal.returncode, 0, removal.stdout + removal.stderr)
        self.assertIn("draining", removal.stdout)
        self.assertEqual(self.answers(), [])
        self.assertTrue(self.serves(30))
        self.assertEqual(self.agents(), 0)
        self.machine.run("systemctl", "daemon-reload")
        self.assertNotEqual(self.machine.is_active("rota-agent"), "active")
        self.machine.run("dpkg", "-P", "rota")
        left = self.machine.run("find", "/etc", "/usr", "/var/lib", "/run", "-path", "/var/lib/dpkg", "-prune", "-o", "-name", "*rota*", "-print")
        mine = [line for line in left.stdout.split() if not line.startswith(("/etc/systemd/system/rota-agent.service.d", "/run/systemd"))]
        self.assertEqual([line for line in mine if "logrotate" not in line and "rotat" not in line], [])


class NameServer(machines.Case):
    """rota-serve from the deb, over an upgrade."""

    HOSTS = {"auth": AUTH, "cli": CLIENT}

    def test_it_serves_goes_on_after_an_upgrade_and_a_purge_takes_its_zones(self):
        chroot = chroots.Chroot("systemd", self)
        chroot.run("dpkg", "-i", chroot.inside(packages.deb()))
        image = chroot.as_image()
        machine = machines.SystemdMachine(
            self.network, "auth", {"/packages": str(packages.MADE)}, str(self.directory / "out"), base=image
        )
        self.addCleanup(machine.close)
        harness.eventually(lambda: machine.is_active("multi-user.target") == "active", machine.log, 120)
        self.assertEqual(machine.is_active("rota-serve"), "inactive")
        machine.run("systemctl", "enable", "--now", "rota-serve")
        key = json.loads(machine.run("rota", "keys", "create", "--json").stdout)
        environment = [f"AWS_ACCESS_KEY_ID={key['access_key_id']}", f"AWS_SECRET_ACCESS_KEY={key['secret_access_key']}"]
        environment.append("AWS_ENDPOINT_URL_ROUTE_53=http://127.0.0.1:8053")

        def made():
            return machine.run("env", *environment, "rota", "route53", "create", "example.com", check=False).returncode == 0

        harness.eventually(made, lambda: machine.run("journalctl", "-u", "rota-serve", "--no-pager", check=False).stdout, 60)
        before = machine.run("systemctl", "show", "--property=MainPID", "--value", "rota-serve").stdout
        machine.run("dpkg", "-i", f"/packages/later/{packages.deb(packages.LATER).name}")
        self.assertNotEqual(machine.run("systemctl", "show", "--property=MainPID", "--value", "rota-serve").stdout, before)
        found = self.network.run("cli", "dig", "+short", "+tries=3", f"@{AUTH}", "example.com", "SOA")
        self.assertNotEqual(found.stdout, "", "the zone is there and answered")
        machine.run("dpkg", "-P", "rota")
        self.assertEqual(machine.is_active("rota-serve"), "inactive")
        self.assertNotEqual(machine.run("ls", "-d", "/var/lib/rota", check=False).returncode, 0)


if __name__ == "__main__":
    chroots.in_a_mount_namespace_of_its_own()
    WHY_NOT = machines.cannot("systemd-nspawn", "mmdebstrap", "unshare", "nsenter")
    if WHY_NOT:
        raise SystemExit(f"skipped: {WHY_NOT}")
    unittest.main(warnings="ignore")
