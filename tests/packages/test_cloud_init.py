"""deploy/cloud-init/agent.yaml given to cloud-init on a machine that boots for the first time: it fetches the deb, installs it beside the
configuration that is there before it, and the instance is in its rota. There is no way out of the network; the package comes from
a web server in it, the keys from a file instead of a role."""

import hashlib
import re
import unittest

import chroots
import harness
import machines
import packages
import parts
from machines import CLIENT, INSTANCE, NAME

# Only a folder is looked into for user data, the network is left as it is, and of cloud-init's modules those run that the user data needs.
CLOUD = """datasource_list: [NoCloud]
network: {config: disabled}
cloud_init_modules: [write-files]
cloud_config_modules: [runcmd]
cloud_final_modules: [scripts-user]
"""

WEB_SERVER = """
import functools, http.server, sys
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer((sys.argv[1], 80), functools.partial(Quiet, directory=sys.argv[2]))
print("ready", flush=True)
server.serve_forever()
"""


def user_data(**values):
    text = (packages.ROOT / "deploy/cloud-init/agent.yaml").read_text()
    given = {
        "zone_id": "example.com", "record_name": NAME, "address": "local-ipv4", "ttl": "2", "port": "80", "health_path": "/", "application": "true",
        "package_url": f"http://{CLIENT}/{packages.deb().name}", "package_sha256": hashlib.sha256(packages.deb().read_bytes()).hexdigest(),
    }  # fmt: skip
    return re.sub(r"\$\{(\w+)\}", lambda hole: (given | values)[hole[1]], text)


class Schema(unittest.TestCase):
    def test_cloud_init_takes_it(self):
        chroot = chroots.Chroot("cloud", self)
        chroot.path("/user-data").write_text(user_data())
        self.assertIn("Valid", chroot.run("cloud-init", "schema", "--config-file", "/user-data"))


class FirstBoot(machines.InstanceCase):
    def boot(self, data):
        parts.python_in(self.network, "cli", WEB_SERVER, CLIENT, packages.MADE)
        chroot = chroots.Chroot("cloud", self)
        chroot.path("/etc/cloud/cloud.cfg.d/99-test.cfg").write_text(CLOUD)
        seed = chroot.path("/var/lib/cloud/seed/nocloud")
        seed.mkdir(parents=True)
        (seed / "meta-data").write_text("instance-id: i-0abc\n")
        (seed / "user-data").write_text(data)
        keys = chroot.path("/etc/default/rota-agent")
        keys.write_text("".join(f"{k}={v}\n" for k, v in self.server.environment.items()))
        self.machine = machines.SystemdMachine(self.network, "i1", {}, str(self.directory / "out"), base=chroot.as_image())
        self.addCleanup(self.machine.close)

    def log(self):
        return self.machine.run("sh", "-c", "cat /var/log/cloud-init-output.log; journalctl -u rota-agent --no-pager", check=False).stdout

    def status(self):
        return self.machine.run("cloud-init", "status", check=False).stdout

    def test_user_data_makes_a_member(self):
        self.boot(user_data())
        harness.eventually(lambda: self.server.answers(NAME) == [INSTANCE], self.log, 240)
        harness.eventually(lambda: "status: done" in self.status(), lambda: self.status() + self.log(), 120)
        self.assertEqual(self.machine.run("systemctl", "is-enabled", "rota-agent").stdout.strip(), "enabled")
        self.assertIn(f'name = "{NAME}"', self.machine.run("cat", "/etc/rota/agent.toml").stdout)
        self.assertIn("in service", self.machine.run("rota", "status").stdout)

    def test_another_package_than_the_one_meant_is_not_installed(self):
        self.boot(user_data(package_sha256="0" * 64))
        harness.eventually(lambda: "status: error" in self.status(), lambda: self.status() + self.log(), 240)
        self.assertIn("rota.deb: FAILED", self.log())
        self.assertNotEqual(self.machine.run("sh", "-c", "command -v rota", check=False).returncode, 0)
        self.assertEqual(self.server.answers(NAME), [])


if __name__ == "__main__":
    chroots.in_a_mount_namespace_of_its_own()
    WHY_NOT = machines.cannot("systemd-nspawn", "mmdebstrap", "unshare", "nsenter")
    machines.run_tests(WHY_NOT)
