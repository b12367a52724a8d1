"""The packages installed, upgraded, removed and purged in chroots: with systemd's files but no systemd running, with SysV init, and, to see
what scriptlets ask of it, with something that only writes down what systemctl was called with."""

import subprocess
import unittest

import chroots
import packages

RECORDER = """#!/bin/sh
echo "systemctl $*" >>/systemctl.log
case "$*" in *"show --property=ExecMainStatus"*) echo 0 ;; esac
"""
AGENT_STOPPED = r"systemctl .*\b(stop|restart|try-restart|reload|kill|disable|disable --now)\b.*rota-agent"


class Installed(unittest.TestCase):
    KIND = "systemd"

    def setUp(self):
        self.chroot = chroots.Chroot(self.KIND, self)
        self.before = self.chroot.tree()

    def pretend_systemd(self):
        """From here on systemd "runs", and every unit is active; the calls are in calls()."""
        self.chroot.path("/run/systemd/system").mkdir(parents=True)
        systemctl = self.chroot.path("/usr/bin/systemctl")
        systemctl.unlink()
        systemctl.write_text(RECORDER)
        systemctl.chmod(0o755)

    def calls(self):
        log = self.chroot.path("/systemctl.log")
        text = log.read_text() if log.exists() else ""
        log.unlink(missing_ok=True)
        return text

    def check_the_program_runs(self):
        self.assertIn(packages.VERSION, self.chroot.run("rota", "--version"))

    def check_the_user_is_there(self):
        name, _, uid, _, _, home, shell = self.chroot.run("getent", "passwd", "rota").strip().split(":")
        self.assertEqual((name, home), ("rota", "/"))
        self.assertLess(int(uid), 1000)
        self.assertRegex(shell, "/nologin$")

    def check_nothing_is_on(self):
        for service in packages.SERVICES:
            self.assertEqual(self.chroot.attempt("systemctl", "is-enabled", f"rota-{service}").stdout.strip(), "disabled")
        self.assertFalse(list(self.chroot.path("/etc/systemd/system").glob("*.wants/rota-*")))

    def check_nothing_is_left(self):
        after = self.chroot.tree()
        changed = {name: (self.before.get(name), after.get(name)) for name in self.before.keys() | after.keys()
                   if self.before.get(name) != after.get(name)}  # fmt: skip
        self.assertEqual(changed, {})


class BesideSystemd:
    """What holds of every package where systemd is."""

    def test_the_user_is_made_without_systemd_too(self):
        self.chroot.path("/usr/bin/systemd-sysusers").unlink()
        self.install()
        self.check_the_user_is_there()

    def test_a_first_install_starts_nothing(self):
        self.pretend_systemd()
        self.install()
        self.assertNotRegex(self.calls(), r"\b(start|restart|try-restart|enable)\b")

    def test_a_removal_stops_the_agent_first(self):
        self.install()
        self.pretend_systemd()
        said = self.remove()
        self.assertRegex(self.calls(), r"systemctl stop rota-agent\.service rota-sweep\.service rota-serve\.service")
        self.assertIn("draining", said)

    def check_the_running_agent_is_left_alone(self, said):
        """After an upgrade, which said that; gives what was called."""
        calls = self.calls()
        self.assertNotRegex(calls, AGENT_STOPPED)
        self.assertIn("daemon-reload", calls)
        self.assertRegex(calls, r"try-restart rota-serve\.service rota-sweep\.service")
        self.assertIn("rota: the running agent is of the old version", said)
        return calls


class Deb:
    """What holds with every init."""

    def install(self, version=packages.VERSION):
        return self.chroot.run("dpkg", "-i", self.chroot.inside(packages.deb(version)))

    def remove(self):
        return self.chroot.run("dpkg", "-r", "rota")

    def test_the_name_route53_is_left_to_who_has_it(self):
        self.chroot.path("/usr/bin/route53").write_text("another's")
        self.install()
        self.chroot.run("dpkg", "-P", "rota")
        self.assertEqual(self.chroot.path("/usr/bin/route53").read_text(), "another's")

    def test_a_purge_keeps_what_an_administrator_put_there(self):
        self.install()
        self.chroot.path("/etc/rota/cacert.pem").write_text("mine")
        self.chroot.run("dpkg", "-P", "rota")
        self.assertEqual([path.name for path in self.chroot.path("/etc/rota").iterdir()], ["cacert.pem"])


class DebBesideSystemd(BesideSystemd, Deb, Installed):
    def test_install(self):
        self.install()
        self.check_the_program_runs()
        self.check_the_user_is_there()
        self.check_nothing_is_on()
        self.assertFalse(self.chroot.exists("/usr/bin/route53"))
        self.assertIn("rota-agent", self.chroot.run("ls", "/usr/share/man/man1"))
        # As systemd does on an image's first boot; that it says what it cannot do for other units is no matter.
        self.chroot.attempt("systemctl", "preset-all", "--preset-mode=enable-only")
        self.assertTrue(self.chroot.exists("/etc/systemd/system/multi-user.target.wants/remote-cryptsetup.target"))
        self.check_nothing_is_on()
        self.chroot.run("systemctl", "enable", "rota-agent")
        self.assertTrue(self.chroot.exists("/etc/systemd/system/multi-user.target.wants/rota-agent.service"))

    def test_an_upgrade_keeps_what_was_changed(self):
        self.install()
        settings = self.chroot.path("/etc/rota/agent.toml")
        settings.write_text('zone = "example.org"\nname = "www.example.org"\n')
        self.chroot.run("systemctl", "enable", "rota-agent")
        self.install(packages.LATER)
        self.assertIn(packages.LATER, self.chroot.run("dpkg-query", "-W", "rota"))
        self.assertIn("example.org", settings.read_text())
        self.assertEqual(self.chroot.run("systemctl", "is-enabled", "rota-agent").strip(), "enabled")
        self.assertEqual(self.chroot.attempt("systemctl", "is-enabled", "rota-serve").stdout.strip(), "disabled")

    def test_an_upgrade_does_not_touch_a_running_agent(self):
        self.install()
        self.pretend_systemd()
        self.check_the_running_agent_is_left_alone(self.install(packages.LATER))

    def test_a_removal_keeps_settings_and_state_and_a_purge_does_not(self):
        self.install()
        self.chroot.path("/var/lib/private/rota-sweep").mkdir()
        self.chroot.path("/var/lib/rota-sweep").symlink_to("private/rota-sweep")
        for name in ("/var/lib/rota/rota.db", "/var/lib/rota-agent/drain", "/var/lib/private/rota-sweep/memory.json", "/var/log/rota-agent.log"):
            self.chroot.path(name).parent.mkdir(exist_ok=True)
            self.chroot.path(name).write_text("")
        self.chroot.run("systemctl", "enable", "rota-agent")
        self.remove()
        self.assertFalse(self.chroot.exists("/usr/bin/rota"))
        for name in ("/etc/rota/agent.toml", "/etc/default/rota-agent", "/var/lib/rota/rota.db"):
            self.assertTrue(self.chroot.exists(name), name)
        self.assertEqual(self.chroot.attempt("systemctl", "is-enabled", "rota-agent").stdout.strip(), "masked", "the init script is there")
        self.install()
        self.assertEqual(self.chroot.run("systemctl", "is-enabled", "rota-agent").strip(), "enabled", "as before the removal")
        self.chroot.run("dpkg", "-P", "rota")
        self.assertFalse(self.chroot.exists("/var/log/rota-agent.log"))
        self.check_nothing_is_left()


class DebBesideSysvinit(Deb, Installed):
    """The same on a Debian with SysV init: without systemctl and without systemd-sysusers."""

    KIND = "sysvinit"

    def links(self):
        return sorted(path.name for path in self.chroot.path("/etc").glob("rc[2-5].d/S??rota-agent"))

    def check_nothing_is_on(self):
        self.assertEqual(self.links(), [])

    def test_install(self):
        self.install()
        self.check_the_program_runs()
        self.check_the_user_is_there()
        self.check_nothing_is_on()
        self.chroot.run("update-rc.d", "rota-agent", "enable")
        self.assertEqual(len(self.links()), 4)
        self.install(packages.LATER)
        self.assertEqual(len(self.links()), 4, "as the administrator left it")

    def test_a_removal_keeps_settings_and_state_and_a_purge_does_not(self):
        self.install()
        self.chroot.run("update-rc.d", "rota-agent", "enable")
        self.remove()
        self.assertTrue(self.chroot.exists("/etc/init.d/rota-agent"))
        self.assertFalse(self.chroot.exists("/usr/bin/rota"))
        self.chroot.run("dpkg", "-P", "rota")
        self.check_nothing_is_left()


class Rpm(BesideSystemd, Installed):
    def rpm(self, *arguments):
        done = subprocess.run(["rpm", "--root", self.chroot.root, *arguments],
                              capture_output=True, text=True, check=False)  # fmt: skip
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def setUp(self):
        super().setUp()
        self.rpm("--initdb")
        self.before = self.chroot.tree()

    def install(self):
        return self.rpm("-i", "--nodeps", packages.rpm())

    def remove(self):
        return self.rpm("-e", "rota")

    def test_install(self):
        said = self.install()
        self.assertNotIn("failed", said)
        self.check_the_program_runs()
        self.check_the_user_is_there()
        self.check_nothing_is_on()
        self.assertFalse(self.chroot.exists("/usr/bin/route53"))
        self.assertEqual(self.rpm("-V", "--nodeps", "rota"), "")

    def test_an_administrators_preset_wins(self):
        preset = self.chroot.path("/etc/systemd/system-preset/10-here.preset")
        preset.parent.mkdir(exist_ok=True)
        preset.write_text("enable rota-agent.service\n")
        self.install()
        self.assertEqual(self.chroot.run("systemctl", "is-enabled", "rota-agent").strip(), "enabled")
        self.assertEqual(self.chroot.attempt("systemctl", "is-enabled", "rota-serve").stdout.strip(), "disabled")

    def test_settings_that_are_there_before_are_kept(self):
        self.chroot.path("/etc/rota").mkdir()
        settings = self.chroot.path("/etc/rota/agent.toml")
        settings.write_text('zone = "example.org"\n')
        self.install()
        self.assertIn("example.org", settings.read_text())

    def test_an_upgrade_keeps_what_was_changed_and_does_not_touch_a_running_agent(self):
        self.install()
        self.chroot.run("systemctl", "enable", "rota-agent")
        settings = self.chroot.path("/etc/rota/agent.toml")
        settings.write_text('zone = "example.org"\n')
        self.pretend_systemd()
        calls = self.check_the_running_agent_is_left_alone(self.rpm("-U", "--nodeps", packages.rpm(packages.LATER)))
        self.assertNotIn("preset", calls)
        self.assertIn("example.org", settings.read_text())
        self.assertTrue(self.chroot.exists("/etc/systemd/system/multi-user.target.wants/rota-agent.service"))

    def test_a_removal_leaves_nothing_but_what_was_changed(self):
        self.install()
        self.chroot.run("systemctl", "enable", "rota-agent")
        self.chroot.path("/etc/rota/agent.toml").write_text('zone = "example.org"\n')
        self.remove()
        after = self.chroot.tree()
        of_others = {"etc/sysconfig", "usr/share/licenses", "usr/share/man/man1"}  # which Red Hat's systems have
        self.assertEqual(set(after) - set(self.before) - of_others, {"etc/rota", "etc/rota/agent.toml.rpmsave"})


if __name__ == "__main__":
    chroots.in_a_mount_namespace_of_its_own()
    unittest.main(warnings="ignore")
