#!/usr/bin/python3
"""The proof under traffic, large: 20 instances, TTL 60, replaced in waves of 5, twice; a spot notice in the middle, an unhealthy application, an
overloaded instance, an API that is away, a death. Writes docs/proof.md with its plots; ./dev proof calls it. Root, about 45 minutes.

What happened is kept in build/proof.json; --render makes the report of it again.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
for folder in ("conformance", "system"):
    sys.path.insert(0, os.path.join(HERE, "..", "tests", folder))
os.environ.setdefault("ROTA", os.path.join(ROOT, "build", "bench", "bin", "rota"))
import harness  # noqa: E402
import parts  # noqa: E402
import stage  # noqa: E402

CAPACITY = 9  # requests a second that an instance carries
SLOW_CAPACITY = 4
LONG = 900  # seconds, for what is slow by law


def load(instance):
    """The load that nginx itself counts, over what the machine carries."""
    carries(instance, CAPACITY)
    return ("--load", f"exec:. {instance.directory}/load.sh", "--weight-interval", instance.stage.ttl)


def carries(instance, capacity):
    (instance.directory / "capacity").write_text(f"{capacity}\n")


class Play:
    def __init__(self, options, directory):
        self.options = options
        self.stage = stage.Stage(
            directory, ttl=options.ttl, margin=options.margin, caches=options.caches, rate=options.rate, health_interval="10s", options=load
        )
        self.phases, self.members, self.everybody = [], [], []
        self.end = threading.Event()
        self.watch = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.end.wait(2):
            now = time.monotonic()
            with contextlib.suppress(AssertionError):  # a picture less
                self.members.append((now, {name: one["weight"] for name, one in self.stage.members().items()}))

    def say(self, text):
        print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)

    def rest(self, seconds):
        self.end.wait(seconds)

    def phase(self, name, play):
        self.say(f"{name} …")
        began = time.monotonic()
        facts = play() or {}
        self.phases.append({"name": name, "begin": began, "end": time.monotonic(), **facts})
        failed = len(self.stage.clients.failures())
        self.say(f"{name}: {time.monotonic() - began:.0f} s, {len(self.stage.clients.read())} requests, {failed} failed so far; {facts}")

    def launch(self, count):
        new = self.stage.launch(count)
        self.everybody += new
        return new

    def instances(self):
        return list(self.stage.instances.values())

    def weight(self, instance):
        return self.stage.members()[instance.name]["weight"]

    def quiet(self):
        """Nothing happens for two TTLs, and until all carry their part, after a slow start."""
        self.rest(2 * self.options.ttl)
        harness.eventually(lambda: min(one["weight"] for one in self.stage.members().values()) >= 60, "all weights have risen", LONG)

    def overload(self):
        slow = self.instances()[0]
        before = self.weight(slow)
        carries(slow, SLOW_CAPACITY)
        cut = time.monotonic()
        low = SLOW_CAPACITY / CAPACITY * 1.25 * before
        harness.eventually(lambda: self.weight(slow) <= low, lambda: f"{slow.name} sheds: {slow.agent.output()}", LONG)
        shed = time.monotonic()
        self.rest(3 * self.options.ttl)
        level = self.weight(slow)
        carries(slow, CAPACITY)
        mended = time.monotonic()
        harness.eventually(lambda: self.weight(slow) >= 0.8 * before, lambda: f"{slow.name} takes it back: {slow.agent.output()}", LONG)
        return {
            "instance": slow.name, "cut": cut, "shed": shed, "mended": mended, "back": time.monotonic(), "before": before, "level": level,
            "after": self.weight(slow),
        }  # fmt: skip

    def roll(self, with_notice):
        """All are replaced; with a notice, one of the last wave hears of its end while an earlier wave, the second of four, leaves."""
        old = self.instances()
        waves = [old[at : at + self.options.wave] for at in range(0, len(old), self.options.wave)]
        facts = {"drains": []}

        def notice():
            one = waves[-1][-1]
            one.item("spot/instance-action", '{"action":"terminate","time":"2030-01-01T00:02:00Z"}')
            told = time.monotonic()
            harness.eventually(lambda: one.name not in self.stage.members(), "the notice is heeded", 60)
            facts.update(spot=one.name, notice=told, heeded=time.monotonic() - told)

        for number, wave in enumerate(waves):
            new = self.stage.replace(wave, while_leaving=notice if with_notice and number == (len(waves) - 1) // 2 else lambda: None)
            self.everybody += new
            facts["drains"] += [one.times["left"] - one.times["told"] for one in wave]
            self.say(f"wave {number + 1} of {len(waves)}: {', '.join(one.name for one in wave)} left")
        return facts

    def unhealthy(self):
        sick = self.instances()[0]
        sick.sicken()
        began = time.monotonic()
        harness.eventually(lambda: sick.name not in self.stage.members(), "the sick one is out", 120)
        out = time.monotonic()
        harness.eventually(lambda: sick.address not in self.stage.caches().values(), "no cache holds it", 3 * self.options.ttl)
        clean = time.monotonic()
        self.rest(self.options.ttl)
        sick.sicken(False)
        healed = time.monotonic()
        harness.eventually(lambda: sick.name in self.stage.members(), "the healed one is back", 300)
        return {"instance": sick.name, "out": out - began, "clean": clean - out, "back": time.monotonic() - healed}

    def away(self):
        leaving = self.instances()[1]  # not the one that was ill, which few are sent to yet
        expired = self.stage.metric("rota_leases_expired_total")
        began = time.monotonic()
        self.stage.api(False)
        self.rest(self.options.ttl)
        leaving.leave()
        self.rest(2 * self.options.ttl)
        expired = self.stage.metric("rota_leases_expired_total") - expired
        members = len(self.stage.members())
        self.stage.api(True)
        up = time.monotonic()
        count = len(self.instances())
        harness.eventually(lambda: self.stage.metric("rota_leases_held") >= count - 1, "the leases are held again", 120)
        held = time.monotonic() - up
        assert leaving.ended(300) == 0, leaving.agent.output()
        self.launch(1)
        return {"seconds": up - began, "expired": expired, "members": members, "held": held, "left": leaving.times["left"] - up}

    def death(self):
        dead = self.instances()[0]
        dead.die()
        harness.eventually(lambda: dead.name not in self.stage.members(), "the dead one is swept", 120)
        swept = time.monotonic()
        harness.eventually(lambda: dead.address not in self.stage.caches().values(), "no cache holds it", 3 * self.options.ttl)
        clean = time.monotonic()
        self.launch(1)
        self.quiet()
        died = dead.times["died"]
        return {"instance": dead.name, "address": dead.address, "died": died, "swept": swept - died, "clean": clean - died, "clean_at": clean}

    def play(self):
        options = self.options
        self.say("joining")
        for _ in range(0, options.instances, options.wave):
            self.launch(min(options.wave, options.instances - self.stage.launched))
        self.stage.begin_traffic()
        self.watch.start()
        self.phase("quiet", self.quiet)
        self.phase("overload", self.overload)
        self.phase("first rolling replacement", lambda: self.roll(True))
        self.phase("unhealthy application", self.unhealthy)
        self.phase("API outage", self.away)
        self.phase("second rolling replacement", lambda: self.roll(False))
        self.phase("death", self.death)

    def close(self):
        self.end.set()
        if self.watch.ident:
            self.watch.join()
        self.stage.close()

    def record(self):
        return {
            "options": vars(self.options), "machine": machine(), "capacity": [CAPACITY, SLOW_CAPACITY], "phases": self.phases, "members": self.members,
            "requests": [list(one) for one in self.stage.clients.read()],
            "instances": [{"name": one.name, "address": one.address, **one.times} for one in self.everybody],
        }  # fmt: skip


def machine():
    with open("/proc/cpuinfo", encoding="ascii") as info:
        model = re.search(r"model name\s*: (.*)", info.read())
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False).stdout.strip()
    return {"kernel": platform.release(), "cpus": os.cpu_count(), "model": model[1] if model else "CPU", "commit": commit}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--instances", type=int, default=20)
    parser.add_argument("--wave", type=int, default=5, help="instances replaced at a time")
    parser.add_argument("--ttl", type=int, default=60)
    parser.add_argument("--margin", type=int, default=15)
    parser.add_argument("--caches", type=int, default=20, help="of each of unbound, BIND and dnsmasq; each has a client")
    parser.add_argument("--rate", type=float, default=1.5, help="requests a second a client")
    parser.add_argument("--record", default=os.path.join(ROOT, "build", "proof.json"))
    parser.add_argument("--output", default=os.path.join(ROOT, "docs"), help="folder of proof.md and its plots")
    parser.add_argument("--render", action="store_true", help="only make the report of what was recorded")
    options = parser.parse_args()
    if importlib.util.find_spec("matplotlib") is None:
        sys.exit("proof.py: needs matplotlib (python3-matplotlib), and Debian's own /usr/bin/python3")
    if not options.render:
        if os.geteuid() != 0 or os.environ.get("ROTA_IN_NAMESPACE"):
            parts.in_a_network_of_its_own()
        if stage.WHY_NOT:
            sys.exit(f"proof.py: {stage.WHY_NOT}")
        with tempfile.TemporaryDirectory(prefix="rota-proof-") as directory:
            os.chmod(directory, 0o755)
            play = Play(options, directory)
            try:
                play.play()
            finally:
                record = play.record() if play.stage.clients else None
                play.close()
                if record:
                    with open(options.record, "w", encoding="utf-8") as out:
                        json.dump(record, out)
    import proof_report  # after the arguments, since it needs matplotlib

    with open(options.record, encoding="utf-8") as found:
        failed = proof_report.write(json.load(found), options.output)
    print(f"written: {options.output}/proof.md")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
