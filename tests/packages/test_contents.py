"""What is in the packages: files, modes, configuration, scriptlets, dependencies, and what the programs need to start."""

import collections
import os
import pathlib
import re
import shutil
import subprocess
import tarfile
import tempfile
import unittest

import packages

File = collections.namedtuple("File", "mode target")

UNITS = {f"/usr/lib/systemd/system/rota-{service}.service" for service in packages.SERVICES}
SETTINGS = {f"/etc/rota/{service}.toml" for service in packages.SERVICES}
BOTH = UNITS | SETTINGS | {
    "/usr/bin/rota", "/usr/lib/sysusers.d/rota.conf", "/usr/lib/systemd/system-preset/80-rota.preset", "/usr/share/man/man1/rota.1.gz",
    "/usr/share/man/man1/rota-agent.1.gz", "/usr/share/bash-completion/completions/rota", "/usr/share/doc/rota/README.md",
    "/usr/share/doc/rota/install.md", "/usr/share/doc/rota/THIRD-PARTY-NOTICES",
}  # fmt: skip


def version(text):
    return tuple(int(part) for part in text.split("."))


class Program:
    """What the dynamic linker must find for a program: libraries, and versions of their symbols."""

    def __init__(self, path):
        self.libraries = set(re.findall(r"\(NEEDED\).*\[(.*)\]", packages.run("readelf", "-dW", path)))
        self.symbols = collections.defaultdict(set)
        for owner, number in re.findall(r"\b(GLIBC|GCC|GLIBCXX|CXXABI)_([0-9.]+)\b", packages.run("objdump", "-T", path)):
            self.symbols[owner].add(version(number))
        self.header = packages.run("readelf", "-hW", path)
        self.segments = packages.run("readelf", "-lW", path)
        self.dynamic = packages.run("readelf", "-dW", path)


class Folder(unittest.TestCase):
    """A test with the package's files unpacked below `root`."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        cls.unpack()

    def check_hardened(self, program):
        self.assertIn("Type:                              DYN", program.header)
        self.assertIn("GNU_RELRO", program.segments)
        self.assertRegex(program.segments, r"GNU_STACK .* RW ", "the stack is not executable")
        self.assertIn("BIND_NOW", program.dynamic)
        self.assertNotIn("RUNPATH", program.dynamic)
        self.assertNotIn("RPATH", program.dynamic)

    def check_runs_with_glibc_234(self, program):
        self.assertLessEqual(max(program.symbols["GLIBC"]), (2, 34))
        # What GCC 11's libgcc_s has, which RHEL 9 and Amazon Linux 2023 come with.
        self.assertLessEqual(max(program.symbols["GCC"], default=(0,)), (7, 0, 0))
        self.assertEqual(program.symbols["GLIBCXX"] | program.symbols["CXXABI"], set())

    def check_says_its_version(self, path):
        self.assertIn(packages.VERSION, packages.run(path, "--version"))


SYSTEM = {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


class Deb(Folder):
    @classmethod
    def unpack(cls):
        packages.run("dpkg-deb", "-x", packages.deb(), cls.root)
        cls.control = cls.root / "DEBIAN"
        packages.run("dpkg-deb", "-e", packages.deb(), cls.control)
        cls.files = {}
        for line in packages.run("dpkg-deb", "-c", packages.deb()).splitlines():
            mode, owner, _, _, _, name = line.split(maxsplit=5)
            name, _, target = name.partition(" -> ")
            assert owner == "root/root", line
            cls.files[name.removeprefix(".")] = File(mode, target)

    def test_the_files_are_where_debian_has_them(self):
        wanted = BOTH | {f"/etc/default/rota-{service}" for service in packages.SERVICES}
        wanted |= {"/etc/init.d/rota-agent", "/etc/needrestart/conf.d/rota.conf", "/usr/share/doc/rota/copyright"}
        self.assertEqual(wanted - set(self.files), set())
        strange = [name for name in self.files if re.search(r"^/usr/(local|share/rota)|sysconfig|/usr/bin/route53", name)]
        self.assertEqual(strange, [])

    def test_every_file_in_etc_is_a_conffile(self):
        conffiles = set((self.control / "conffiles").read_text().split())
        self.assertEqual(conffiles, {name for name in self.files if name.startswith("/etc/") and not name.endswith("/")})

    def test_modes(self):
        self.assertEqual(self.files["/usr/bin/rota"].mode, "-rwxr-xr-x")
        self.assertEqual(self.files["/etc/init.d/rota-agent"].mode, "-rwxr-xr-x")
        self.assertEqual(self.files["/etc/default/rota-agent"].mode, "-rw-------")
        self.assertEqual(self.files["/etc/rota/agent.toml"].mode, "-rw-r--r--")
        self.assertEqual({name for name, file in self.files.items() if name.endswith("/") and file.mode != "drwxr-xr-x"}, set())

    def test_it_depends_on_nothing_that_ubuntu_2204_lacks(self):
        """libc6 2.35, libssl3 3.0.2, libsqlite3-0 3.37.2 and libgcc-s1 12 are Ubuntu 22.04's."""
        depends = packages.run("dpkg-deb", "-f", packages.deb(), "Depends")
        found = {name: version(at_least) for name, at_least in re.findall(r"(\S+) \(>= ([0-9.]+)[^)]*\)", depends)}
        limits = {"libc6": (2, 34), "libgcc-s1": (12,), "libssl3": (3, 0, 2), "libsqlite3-0": (3, 37, 2)}
        self.assertEqual(set(re.findall(r"(?:^|, )([^ ,]+)", depends)), set(limits), depends)
        for name, at_least in found.items():
            self.assertLessEqual(at_least, limits[name], depends)

    def test_the_program_uses_the_distributions_openssl_and_sqlite(self):
        program = Program(self.root / "usr/bin/rota")
        self.assertEqual(program.libraries - SYSTEM, {"libssl.so.3", "libcrypto.so.3", "libsqlite3.so.0"})
        self.check_runs_with_glibc_234(program)
        self.check_hardened(program)
        self.check_says_its_version(self.root / "usr/bin/rota")

    def test_scriptlets_are_shell(self):
        for name in ("postinst", "prerm", "postrm"):
            packages.run("dash", "-n", self.control / name)
            self.assertTrue(os.access(self.control / name, os.X_OK))

    def test_lintian_finds_nothing_that_is_not_accepted_with_a_reason(self):
        if not shutil.which("lintian"):
            self.skipTest("no lintian here")
        said = subprocess.run(["lintian", "--fail-on", "none", "--allow-root", "--tag-display-limit", "0", packages.deb()],
                              capture_output=True, text=True, check=False)  # fmt: skip
        self.assertEqual(said.returncode, 0, said.stderr)
        self.assertEqual([line for line in said.stdout.splitlines() if line.startswith(("E:", "W:"))], [])


class Rpm(Folder):
    @classmethod
    def unpack(cls):
        packages.run("sh", "-c", 'rpm2cpio "$1" | cpio -idm --quiet -D "$2"', "sh", packages.rpm(), cls.root)
        listed = cls.query("--qf", "[%{FILENAMES}\t%{FILEMODES:perms}\t%{FILEFLAGS:fflags}\t%{FILEUSERNAME}:%{FILEGROUPNAME}\n]")
        cls.files, cls.flags = {}, {}
        for line in listed.splitlines():
            name, mode, flags, owner = line.split("\t")
            assert owner == "root:root", line
            cls.files[name], cls.flags[name] = File(mode, ""), flags

    @staticmethod
    def query(*what):
        return packages.run("rpm", "-qp", "--nosignature", *what, packages.rpm())

    def test_the_files_are_where_red_hat_has_them(self):
        wanted = BOTH | {f"/etc/sysconfig/rota-{service}" for service in packages.SERVICES}
        wanted |= {"/usr/share/rota/sysv/rota-agent", "/usr/share/licenses/rota/LICENSE", "/etc/rota"}
        self.assertEqual(wanted - set(self.files), set())
        strange = [name for name in self.files if re.search(r"^/usr/local|/etc/(default|init.d|rc.d|needrest)|build-id|/usr/bin/route53", name)]
        self.assertEqual(strange, [])

    def test_it_owns_no_folder_of_others(self):
        folders = {name for name, file in self.files.items() if file.mode.startswith("d")}
        self.assertEqual(folders, {"/etc/rota", "/usr/share/doc/rota", "/usr/share/rota", "/usr/share/rota/sysv", "/usr/share/licenses/rota"})

    def test_configuration_is_never_replaced(self):
        etc = {name for name, file in self.files.items() if name.startswith("/etc/") and file.mode.startswith("-")}
        self.assertEqual({name for name, flags in self.flags.items() if "c" in flags}, etc)
        self.assertEqual({name for name in etc if "n" not in self.flags[name]}, set())
        self.assertEqual(self.files["/etc/sysconfig/rota-agent"].mode, "-rw-------")
        self.assertEqual(self.files["/usr/bin/rota"].mode, "-rwxr-xr-x")

    def test_the_program_needs_nothing_but_glibc_234(self):
        program = Program(self.root / "usr/bin/rota")
        self.assertEqual(program.libraries - SYSTEM, set())
        self.check_runs_with_glibc_234(program)
        self.check_hardened(program)
        self.check_says_its_version(self.root / "usr/bin/rota")

    def test_it_requires_nothing_but_glibc_libgcc_and_a_shell(self):
        required = {line.split()[0] for line in self.query("--requires").splitlines()}
        allowed = re.compile(r"lib(c|m)\.so\.6\(|libgcc_s\.so\.1\(|ld-linux|rpmlib\(|rtld\(|/bin/sh$|config\(rota\)$")
        self.assertEqual({name for name in required if not allowed.match(name)}, set())

    def test_scriptlets_are_shell(self):
        scripts = self.query("--qf", "%{POSTIN}\n#--\n%{PREUN}\n#--\n%{POSTUN}\n").split("#--\n")
        self.assertEqual(len(scripts), 3)
        for script in scripts:
            self.assertNotIn("(none)", script)
            packages.run("dash", "-n", "/dev/stdin", input=script)


class Tarball(Folder):
    @classmethod
    def unpack(cls):
        with tarfile.open(packages.tarball()) as archive:
            archive.extractall(cls.root)
            cls.names = archive.getnames()
        cls.top = cls.root / packages.tarball().name.removesuffix(".tar.gz")

    def test_all_is_in_one_folder(self):
        self.assertEqual({name.split("/")[0] for name in self.names}, {self.top.name})
        for name in ("bin/rota", "share/man/man1/rota.1", "share/rota/systemd/rota-agent.service", "share/rota/sysv/rota-agent",
                     "share/rota/etc/agent.toml", "share/rota/default/rota-agent", "share/rota/sysusers.d/rota.conf",
                     "share/doc/rota/LICENSE", "share/doc/rota/install.md"):  # fmt: skip
            self.assertTrue((self.top / name).is_file(), name)

    def test_the_program_is_the_rpms(self):
        program = Program(self.top / "bin/rota")
        self.assertEqual(program.libraries - SYSTEM, set())
        self.check_runs_with_glibc_234(program)
        self.check_hardened(program)
        self.check_says_its_version(self.top / "bin/rota")


class Texts(unittest.TestCase):
    def test_installed_configuration_configures_nothing(self):
        for folder in ("etc", "default"):
            for path in (packages.ROOT / "packaging" / folder).iterdir():
                self.assertEqual([line for line in path.read_text().splitlines() if line and not line.startswith("#")], [], path.name)

    def test_preset_names_every_unit(self):
        preset = (packages.ROOT / "packaging/preset/80-rota.preset").read_text()
        units = {path.name for path in (packages.ROOT / "packaging/systemd").iterdir()}
        self.assertEqual(set(re.findall(r"(?m)^disable (\S+)$", preset)), units)

    def test_needrestart_takes_the_file(self):
        path = packages.ROOT / "packaging/deb/needrestart.conf"
        code = 'our %nrconf; our $nrconf = \\%nrconf; do shift or die $@; print join ",", map { 0 + ("rota-agent.service" =~ $_) } keys %{$nrconf{override_rc}};'
        self.assertEqual(packages.run("perl", "-e", code, path), "1")


if __name__ == "__main__":
    unittest.main(warnings="ignore")
