"""A Debian to install into and throw away: an overlay over a bare one, in a mount namespace of this process."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import machines
import packages


def in_a_mount_namespace_of_its_own():
    """Runs this program again where its mounts are nobody else's, and end with it."""
    if os.environ.get("ROTA_OWN_MOUNTS"):
        return
    why_not = machines.cannot("unshare", "mmdebstrap", "chroot")
    if why_not:
        print(f"skipped: {why_not}")
        sys.exit(77)
    os.environ["ROTA_OWN_MOUNTS"] = "1"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, "-B", *sys.argv])


class Chroot:
    """`kind` as in machines.rootfs; the packages are seen in /packages."""

    def __init__(self, kind, case):
        self.scratch = pathlib.Path(tempfile.mkdtemp(prefix="rota-test-"))
        case.addCleanup(self.close)
        packages.run("mount", "-t", "tmpfs", "scratch", self.scratch)
        self.root = self.scratch / "root"
        for name in ("upper", "work", "root"):
            (self.scratch / name).mkdir()
        layers = f"lowerdir={machines.rootfs(kind)},upperdir={self.scratch / 'upper'},workdir={self.scratch / 'work'}"
        packages.run("mount", "-t", "overlay", "root", "-o", layers, self.root)
        # As on a system that somebody uses, man pages and the like are installed.
        for path in (self.root / "etc/dpkg/dpkg.cfg.d").iterdir():
            path.unlink()
        (self.root / "etc/dpkg/dpkg.cfg.d/fast").write_text("force-unsafe-io\n")
        (self.root / "packages").mkdir()
        (self.root / "dev/null").touch()
        self.mounted = [self.root / name for name in ("packages", "proc", "dev/null")]
        packages.run("mount", "--bind", packages.MADE, self.mounted[0])
        packages.run("mount", "-t", "proc", "proc", self.mounted[1])
        packages.run("mount", "--bind", "/dev/null", self.mounted[2])

    def as_image(self):
        """Its root folder, with nothing mounted in it: to boot from."""
        for folder in self.mounted:
            packages.run("umount", folder)
        return str(self.root)

    def close(self):
        subprocess.run(["umount", "-R", self.scratch], check=False)
        shutil.rmtree(self.scratch, ignore_errors=True)

    def path(self, name):
        return self.root / name.lstrip("/")

    def exists(self, name):
        return os.path.lexists(self.path(name))

    def inside(self, package):
        return f"/packages/{package.relative_to(packages.MADE)}"

    def attempt(self, *command):
        """Runs a command in it; the finished process."""
        return subprocess.run(
            ["chroot", self.root, *command], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
        )  # fmt: skip

    def run(self, *command):
        """Runs a command in it that must succeed; what it said."""
        done = self.attempt(*command)
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def tree(self):
        """{path: (mode, owner, size or link)} of everything but the records of package managers and users."""
        found = packages.run("find", self.root, "-xdev", "-printf", "%P\t%M %u:%g\t%s %l\n")
        theirs = ("packages", "proc", "dev/", "var/lib/dpkg", "var/log", "var/cache", "var/lib/rpm", "var/lib/systemd", "usr/lib/sysimage")
        users = {f"etc/{name}{old}" for name in ("passwd", "group", "shadow", "gshadow", "subuid", "subgid") for old in ("", "-")}
        tree = {}
        for line in found.splitlines():
            name, mode, size = line.split("\t")
            if not name.startswith(theirs) and name not in users:
                tree[name] = (mode, "" if mode.startswith("d") else size)
        return tree
