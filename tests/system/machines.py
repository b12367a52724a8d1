"""Whole machines for tests: network namespaces on a bridge with a metadata service at its real address, and Debian with
systemd or sysvinit as PID 1 in them. Root only. Everything made here is named after this process and taken down again.

The bridge's network is 10.77.0.0/16; it has no way out.
"""

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import harness
import parts

CACHE = os.environ.get("ROTA_TEST_CACHE", "/var/cache/rota-test")
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LIBRARIES = ["libfmt9", "libnghttp2-14", "libpugixml1v5", "libssl3", "libsqlite3-0", "libstdc++6"]


def cannot(*programs):
    """Why machines cannot be made here with those programs; nothing when they can."""
    if os.geteuid() != 0:
        return "needs root"
    for program in ("ip", *programs):
        if shutil.which(program, path=os.environ.get("PATH", "") + ":/sbin:/usr/sbin") is None:
            return f"needs {program}"
    return None


def run_tests(why_not):
    """Runs the tests of this program; with what cannot() says against it, ends as ctest wants skipped ones to."""
    if why_not:
        print(f"skipped: {why_not}")
        sys.exit(77)
    unittest.main(warnings="ignore")


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options)


def rootfs(kind):
    """A bare Debian 12 with `kind` ("systemd" or "sysvinit") as init, made once and kept; never written to by tests. "cloud" is the one with
    systemd and cloud-init."""
    base = os.path.join(CACHE, kind)
    if os.path.exists(os.path.join(base, ".done")):
        return base
    init = {
        "systemd": ["systemd-sysv", "dbus", "iproute2", "curl", "nginx-light", "procps"],
        "cloud": ["systemd-sysv", "dbus", "iproute2", "curl", "nginx-light", "procps", "cloud-init", "ca-certificates"],
        "sysvinit": ["sysvinit-core", "initscripts", "sysv-rc", "insserv", "startpar", "iproute2", "curl", "procps", "nginx-light"],
    }[kind]
    shutil.rmtree(base, ignore_errors=True)
    os.makedirs(CACHE, exist_ok=True)
    excluded = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale")]
    run("mmdebstrap", "--quiet", "--variant=minbase", *excluded, "--include=" + ",".join(init + LIBRARIES), "bookworm", base,
        "/etc/apt/sources.list.d/debian.sources")
    if kind != "sysvinit":
        run("systemctl", "--root", base, "mask", "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer",
            "dpkg-db-backup.timer", "systemd-timesyncd.service", "console-getty.service", "getty@tty1.service",
            "systemd-networkd-wait-online.service")
    with open(os.path.join(base, ".done"), "w", encoding="ascii"):
        pass
    return base


class Network:
    """A bridge; host(name, address) makes a namespace on it."""

    def __init__(self):
        self.prefix = f"rt{os.getpid()}"
        self.hosts = []
        self.processes = []
        self._namespace("vpc")
        run("ip", "-n", self.name("vpc"), "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.name("vpc"), "link", "set", "br0", "up")

    def name(self, host):
        return f"{self.prefix}-{host}"

    def _namespace(self, host):
        run("ip", "netns", "add", self.name(host))
        self.hosts.append(host)
        run("ip", "-n", self.name(host), "link", "set", "lo", "up")

    def host(self, host, address, metadata=False):
        """A namespace with `address` on eth0; with `metadata` it also holds 169.254.169.254, else it has a route there."""
        self._namespace(host)
        name, vpc = self.name(host), self.name("vpc")
        run("ip", "link", "add", f"v{host}", "netns", vpc, "type", "veth", "peer", "name", "eth0", "netns", name)
        run("ip", "-n", vpc, "link", "set", f"v{host}", "master", "br0", "up")
        run("ip", "-n", name, "addr", "add", f"{address}/16", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        if metadata:
            run("ip", "-n", name, "addr", "add", "169.254.169.254/32", "dev", "eth0")
        else:
            run("ip", "-n", name, "route", "add", "169.254.169.254/32", "dev", "eth0")

    def command(self, host, *command):
        return ["ip", "netns", "exec", self.name(host), *command]

    def popen(self, host, *command, **options):
        self.processes.append(subprocess.Popen(self.command(host, *command), **options))
        return self.processes[-1]

    def run(self, host, *command, **options):
        return subprocess.run(self.command(host, *command), capture_output=True, text=True, check=False, **options)

    def close(self):
        for process in self.processes:  # `ip netns exec` becomes the command
            process.kill()
            process.wait()
        for host in reversed(self.hosts):
            pids = subprocess.run(["ip", "netns", "pids", self.name(host)], capture_output=True, text=True, check=False).stdout.split()
            for pid in pids:
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    pass
            subprocess.run(["ip", "netns", "del", self.name(host)], check=False, capture_output=True)
        self.hosts = []


class Case(unittest.TestCase):
    """A test with a directory and a network of its own; HOSTS ({name: address}) are on it."""

    HOSTS = {}

    def setUp(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="rota-test-"))
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.network = Network()
        self.addCleanup(self.network.close)
        for host, address in self.HOSTS.items():
            self.network.host(host, address)


# The machines of an InstanceCase, and the instance's rota. Every init is to do the same with it.
AUTH, METADATA, INSTANCE, CLIENT = "10.77.0.2", "10.77.0.5", "10.77.1.1", "10.77.0.4"
NAME, TTL, MARGIN = "www.example.com", 2, 1


class InstanceCase(Case):
    """A name server, a metadata service and a client; the test boots the instance, on `i1`."""

    HOSTS = {"auth": AUTH, "cli": CLIENT, "i1": INSTANCE}

    def setUp(self):
        super().setUp()
        self.network.host("imds", METADATA, metadata=True)
        parts.python_in(self.network, "imds", parts.METADATA_OF_ONE, INSTANCE)
        self.server = parts.NameServer(self.network, "auth", AUTH, self.directory)

    def serves(self, seconds=2):
        return parts.serves(self.network, INSTANCE, seconds)


def _children(pid):
    found = subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout
    return [int(child) for child in found.split()]


BOOT_SYSTEMD = r"""
set -e
if [ -z "$INNER" ]; then
    for unified in /sys/fs/cgroup/unified /sys/fs/cgroup; do [ -e $unified/cgroup.procs ] && break; done
    mkdir -p $unified/$NAME; echo $$ >$unified/$NAME/cgroup.procs
    INNER=1 exec unshare -m -C -p -f --mount-proc --kill-child=SIGTERM bash -c "$SCRIPT" boot "$@"
fi
mount --make-rprivate /
mount -t cgroup2 none /sys/fs/cgroup
exec systemd-nspawn -q -D "$BASE" -b --volatile=overlay --register=no --keep-unit --console=pipe -M "$NAME" "$@" </dev/null
"""


class Machine:
    """Debian with an init of its own as PID 1 in a namespace of the network; what it writes is gone with it, except into the folder
    `out`, which is its /var/log/rota. `binds` ({path inside: path here}) are seen in it."""

    INIT, DEPTH = "", 0  # the init's name, and how many children down from the first process it is

    def __init__(self, network, host, out, script, arguments, **variables):
        self.name = network.name(host)
        self.out = out
        self.init = None
        self.console = open(os.path.join(out, "console"), "ab")
        self.process = subprocess.Popen(
            ["bash", "-c", script, "boot", *arguments], env={**os.environ, "NAME": self.name, "SCRIPT": script, "INNER": "", **variables},
            stdin=subprocess.DEVNULL, stdout=self.console, stderr=self.console,
        )  # fmt: skip
        try:
            self.init = harness.eventually(self._find_init, lambda: f"init of {self.name}: {self.log()}", 60)
        except AssertionError:
            self.process.terminate()
            raise

    def _find_init(self):
        """The machine's PID 1 as seen from here. On the way to it there are other children for moments."""
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended at once: {self.log()}")
        pids = [self.process.pid]
        for _ in range(self.DEPTH):
            pids = [child for pid in pids for child in _children(pid)]
        return next((pid for pid in pids if self._is_init(pid)), None)

    def _is_init(self, pid):
        """Whether it is the init and number 1 in a process namespace of its own, never ours."""
        try:
            with open(f"/proc/{pid}/status", encoding="ascii") as status:
                fields = dict(line.split(":", 1) for line in status.read().splitlines())
            numbers = fields["NSpid"].split()
            own = os.readlink(f"/proc/{pid}/ns/pid") == os.readlink("/proc/self/ns/pid")
            return fields["Name"].strip() == self.INIT and len(numbers) > 1 and numbers[-1] == "1" and not own
        except (OSError, KeyError):
            return False

    def log(self):
        with open(os.path.join(self.out, "console"), encoding="utf-8", errors="replace") as console:
            return console.read()[-4000:]

    def run(self, *command, check=True):
        """Runs a command inside."""
        if not self._is_init(self.init):
            raise AssertionError(f"{self.name} has ended: {self.log()}")
        return subprocess.run(
            ["nsenter", "-t", str(self.init), *self.NAMESPACES, *command], check=check, capture_output=True, text=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        )  # fmt: skip

    def is_running(self):
        return self.process.poll() is None

    def wait(self, seconds):
        self.process.wait(seconds)

    def crash(self):
        """The power fails."""
        if not self._is_init(self.init):
            raise AssertionError(f"{self.name} has ended already: {self.log()}")
        os.kill(self.init, signal.SIGKILL)
        self.process.wait(20)

    def close(self):
        if self._is_init(self.init):
            self.crash()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.console.close()


class SystemdMachine(Machine):
    """With systemd."""

    INIT, DEPTH = "systemd", 2  # unshare, nspawn, systemd
    NAMESPACES = ["-m", "-u", "-i", "-n", "-p", "-C", "-r"]

    def __init__(self, network, host, binds, out, base=None):
        """`base` is its root folder, rootfs("systemd") unless given."""
        os.makedirs(out, exist_ok=True)
        arguments = [f"--network-namespace-path=/run/netns/{network.name(host)}", f"--bind={out}:/var/log/rota"]
        arguments += [f"--bind-ro={source}:{target}" for target, source in binds.items()]
        super().__init__(network, host, out, BOOT_SYSTEMD, arguments, BASE=base or rootfs("systemd"))

    def is_active(self, unit):
        return self.run("systemctl", "is-active", unit, check=False).stdout.strip()

    def close(self):
        super().close()
        for unified in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
            for folder, _, _ in os.walk(os.path.join(unified, self.name), topdown=False):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass


# Debian's rc and startpar, and of its scripts only the ones named: the others would mount, set the clock and turn off the swap of the
# host's kernel, which is this machine's too.
BOOT_SYSVINIT = r"""
set -e
if [ -z "$INNER" ]; then
    INNER=1 exec ip netns exec "$NAME" unshare -m -p -u -i -f --kill-child=SIGKILL bash -c "$SCRIPT" boot "$@"
fi
mount --make-rprivate /
mount -t tmpfs scratch "$SCRATCH"
mkdir "$SCRATCH/upper" "$SCRATCH/work" "$SCRATCH/root"
mount -t overlay root -o "lowerdir=$BASE,upperdir=$SCRATCH/upper,workdir=$SCRATCH/work" "$SCRATCH/root"
cd "$SCRATCH/root"
mount -t proc proc proc
mount -t tmpfs dev dev
for node in null zero full random urandom tty; do touch dev/$node; mount --bind /dev/$node dev/$node; done
touch dev/console; mkdir -p dev/shm
mount -t tmpfs run run
mkdir -p run/lock var/log/rota
mount --bind "$OUT" var/log/rota
for bind in "$@"; do
    target=.${bind#*:}; mkdir -p "${target%/*}"; touch "$target"; mount --bind "${bind%%:*}" "$target"
done
rm -f etc/rc?.d/[SK]*
rc=/etc/init.d/rc level=2
if [ -z "$RC" ]; then
    for service in $SERVICES; do chroot . update-rc.d "$service" defaults; done
else # Red Hat's: links as chkconfig makes them
    rc=/etc/rc level=3
    printf '%s' "$RC" >etc/rc
    mkdir run/lock/subsys
    for service in $SERVICES; do
        read -r levels start stop <<<"$(sed -n 's/^# chkconfig: //p' "etc/init.d/$service")"
        for each in 0 1 2 3 4 5 6; do
            case $levels in *$each*) link=S$start ;; *) link=K$stop ;; esac
            ln -s "../init.d/$service" "etc/rc$each.d/$link$service"
        done
    done
fi
printf '%s\n' 'exec >>/var/log/rota/console 2>&1' "/bin/sh $rc \$1" 'case $1 in 0 | 6) exec halt -d -f -p ;; esac' >etc/rc.machine
printf '%s\n' "id:$level:initdefault:" 'l0:0:wait:/bin/sh /etc/rc.machine 0' 'l2:2:wait:/bin/sh /etc/rc.machine 2' \
    'l3:3:wait:/bin/sh /etc/rc.machine 3' 'l5:5:wait:/bin/sh /etc/rc.machine 5' 'l6:6:wait:/bin/sh /etc/rc.machine 6' >etc/inittab
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /sbin/init
"""


# Which scripts RHEL 6's rc runs (/etc/rc.d/rc of its initscripts), retold: a K script only where its lock is, an S script only where
# it is not, one after the other. It writes down what it did.
RED_HATS_RC = r"""
has_lock() { [ -e "/var/lock/subsys/$1" ] || [ -e "/var/lock/subsys/$1.init" ]; }
for script in /etc/rc$1.d/K*; do
    name=${script##*/K??}
    has_lock "$name" && "$script" stop && echo "$name stopped" >>/var/log/rota/stamps
done
for script in /etc/rc$1.d/S*; do
    name=${script##*/S??}
    [ -x "$script" ] && ! has_lock "$name" && "$script" start && echo "$name started" >>/var/log/rota/stamps
done
"""


class SysvinitMachine(Machine):
    """With sysvinit; `services` are the names of the init scripts that belong to its runlevels. Runs Debian's rc, or the script `rc`."""

    INIT, DEPTH = "init", 1  # unshare, init
    NAMESPACES = ["-m", "-u", "-i", "-n", "-p", "-r", "-w"]

    def __init__(self, network, host, binds, out, services, rc=""):
        scratch = os.path.join(out, "scratch")
        os.makedirs(scratch, exist_ok=True)
        arguments = [f"{source}:{target}" for target, source in binds.items()]
        super().__init__(
            network, host, out, BOOT_SYSVINIT, arguments, BASE=rootfs("sysvinit"), SCRATCH=scratch, OUT=out, SERVICES=" ".join(services),
            RC=rc,
        )
