"""docs/proof.md and its plots, of what bench/proof.py recorded."""

import bisect
import collections
import os
import statistics

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

Request = collections.namedtuple("Request", "ended seconds address who failed resolver kind")
WORDS = {
    "quiet": "nothing happens",
    "overload": "one instance can carry less than half of what the others can, then as much again",
    "first rolling replacement": "all instances replaced, in waves; a spot notice in the middle",
    "unhealthy application": "nginx answers 503 to the health check (and 200 to everybody else), then 200 again",
    "API outage": "no instance reaches the API; one is told to leave meanwhile",
    "second rolling replacement": "all instances replaced, in waves",
    "death": "one instance dies without a word: agent, nginx, network",
}


class Run:
    def __init__(self, record):
        self.options, self.machine = record["options"], record["machine"]
        self.phases = {phase["name"]: phase for phase in record["phases"]}
        self.requests = sorted((Request(*one) for one in record["requests"]), key=lambda one: one.ended)
        self.capacity = record["capacity"]
        self.members, self.instances = record["members"], record["instances"]
        self.answered = collections.defaultdict(list)  # when, by who answered; "" for all
        for one in self.requests:
            if one.who:
                self.answered[one.who].append(one.ended)
                self.answered[""].append(one.ended)
        self.start = self.requests[0].ended
        self.stop = self.requests[-1].ended
        dead = self.phases.get("death")
        # Of the dead one's: whoever was given its address before no cache held it any more, and a connection that was kept.
        self.apart = [one for one in self.requests if one.failed and dead and one.address == dead["address"] and one.ended > dead["died"]]
        excused = set(map(id, self.apart))
        self.failed = [one for one in self.requests if one.failed and id(one) not in excused]

    def minute(self, moment):
        return (moment - self.start) / 60

    def during(self, phase, requests=None):
        return [one for one in (self.requests if requests is None else requests) if phase["begin"] <= one.ended - one.seconds < phase["end"]]


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def shade(run, axes, label=False):
    for number, phase in enumerate(run.phases.values()):
        begin, end = run.minute(phase["begin"]), run.minute(phase["end"])
        axes.axvspan(begin, end, color="0.92" if number % 2 else "0.98", zorder=0)
        if label:
            axes.text((begin + end) / 2, 1.01, phase["name"].replace(" ", "\n"), transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=7)


def plot_requests(run, axes, width=10):
    """Requests a second by instance, one on the other."""
    count = int((run.stop - run.start) / width) + 1
    names = [one["name"] for one in run.instances]
    bins = {name: [0.0] * count for name in names}
    for one in run.requests:
        if one.who in bins:
            bins[one.who][int((one.ended - run.start) / width)] += 1 / width
    minutes = [number * width / 60 for number in range(count)]
    colours = [plt.cm.tab20(number % 20) for number in range(len(names))]
    axes.stackplot(minutes, *bins.values(), colors=colours, linewidth=0)
    axes.set_ylabel("requests/s\nby instance")
    for failures, colour, words in ((run.apart, "black", "failed: at the dead instance"), (run.failed, "red", "failed")):
        if failures:
            axes.plot([run.minute(one.ended) for one in failures], [0] * len(failures), "x", color=colour, label=words, clip_on=False)
    if run.apart or run.failed:
        axes.legend(loc="lower left", fontsize=7)


def plot_members(run, axes):
    axes.step([run.minute(moment) for moment, _ in run.members], [len(members) for _, members in run.members], where="post", color="tab:blue")
    axes.set_ylim(0)
    axes.set_ylabel("members\nof the rota")


def plot_lives(run, axes):
    for row, one in enumerate(run.instances):
        told = one.get("told", one.get("died", one.get("off", run.stop)))
        begin = max(run.minute(one["joined"]), 0)
        axes.barh(row, run.minute(told) - begin, left=begin, color="tab:green", height=0.8)
        if "left" in one:
            axes.barh(row, (one["left"] - told) / 60, left=run.minute(told), color="tab:orange", height=0.8)
        if "died" in one:
            axes.plot(run.minute(one["died"]), row, "x", color="black")
    axes.set_ylabel("instances: in service,\nleaving, dead (x)")
    axes.set_yticks([])
    axes.invert_yaxis()


def plot_run(run, path):
    figure, rows = plt.subplots(3, 1, figsize=(11, 8), sharex=True, height_ratios=(3, 1, 3))
    for number, (axes, draw) in enumerate(zip(rows, (plot_requests, plot_members, plot_lives))):
        draw(run, axes)
        shade(run, axes, label=number == 0)
        axes.set_xlim(0, run.minute(run.stop))
    rows[-1].set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=80)


def served(run, name, begin, end):
    """Requests a second that the instance answered, or with "" all of them."""
    times = run.answered[name]
    return (bisect.bisect_left(times, end) - bisect.bisect_left(times, begin)) / max(end - begin, 1)


def plot_overload(run, path):
    phase = run.phases["overload"]
    name, begin, end = phase["instance"], phase["begin"] - 60, phase["end"] + 60
    figure, (above, below) = plt.subplots(2, 1, figsize=(11, 5), sharex=True)
    spans = [(moment, members) for moment, members in run.members if begin <= moment <= end and len(members) > 1 and name in members]
    minutes = [run.minute(moment) for moment, _ in spans]
    above.step(minutes, [members[name] for _, members in spans], where="post", label=f"{name}: weight")
    others = [sum(weight for other, weight in members.items() if other != name) / (len(members) - 1) for _, members in spans]
    above.step(minutes, others, where="post", color="0.5", label="the others' mean weight")
    window = 60
    rates = [served(run, name, moment - window, moment) for moment, _ in spans]
    rest = [served(run, "", moment - window, moment) - rate for (moment, _), rate in zip(spans, rates)]
    below.plot(minutes, rates, label=f"{name}: requests/s, mean of {window} s")
    below.plot(minutes, [rate / (len(spans[0][1]) - 1) for rate in rest], color="0.5", label="the others, each")
    below.hlines([run.capacity[1]], run.minute(phase["cut"]), run.minute(phase["mended"]), color="tab:red", linestyle="--", label="what it can carry")
    for axes in (above, below):
        axes.axvline(run.minute(phase["cut"]), color="tab:red", linewidth=0.8)
        axes.axvline(run.minute(phase["mended"]), color="tab:green", linewidth=0.8)
        axes.set_ylim(0)
        axes.legend(fontsize=7, loc="lower right")
    below.set_xlabel("minutes")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def phase_table(run):
    lines = ["| | what | minutes | requests | failed | p50 / p99 ms |", "|---|---|--:|--:|--:|--:|"]
    for name, phase in run.phases.items():
        own = run.during(phase)
        failed = len([one for one in own if one.failed])
        apart = len(run.during(phase, run.apart))
        said = f"{failed - apart}" + (f", and {apart} at the dead instance" if apart else "")
        times = [one.seconds * 1000 for one in own if not one.failed]
        lines.append(
            f"| {name} | {WORDS[name]} | {(phase['end'] - phase['begin']) / 60:.1f} | {len(own):,} | {said} | "
            f"{percentile(times, 0.5):.1f} / {percentile(times, 0.99):.1f} |"
        )
    return lines


def client_table(run):
    rows = collections.Counter((one.resolver, one.kind) for one in run.requests)
    failed = collections.Counter((one.resolver, one.kind) for one in run.failed)
    apart = collections.Counter((one.resolver, one.kind) for one in run.apart)
    words = {"once": "a connection a request", "kept": "connections kept for up to 3 s", "curl": "curl, anew each time"}
    lines = ["| resolver | client | requests | failed | at the dead instance |", "|---|---|--:|--:|--:|"]
    for resolver, kind in sorted(rows):
        key = (resolver, kind)
        lines.append(f"| {resolver} | {words[kind]} | {rows[key]:,} | {failed[key]} | {apart[key]} |")
    return lines


def rolling_facts(run, name):
    drains = run.phases[name]["drains"]
    return f"{len(drains)} instances left in {min(drains):.0f} to {max(drains):.0f} s each, the median {statistics.median(drains):.0f} s"


def findings(run):
    phases, lines = run.phases, []
    if "overload" in phases:
        one = phases["overload"]
        ttl, (full, cut) = run.options["ttl"], run.capacity
        before = served(run, one["instance"], one["cut"] - ttl, one["shed"])
        rate = served(run, one["instance"], one["mended"] - ttl, one["mended"])
        others = (served(run, "", one["mended"] - ttl, one["mended"]) - rate) / (run.options["instances"] - 1)
        lines += [
            f"- **Overload.** Every 10 s each instance measures how busy it was: what nginx counted, over the {full} requests/s that it can carry. {one['instance']} could",
            f"  then carry only {cut}, and was sent {before:.1f}. {one['shed'] - one['cut']:.0f} s later its weight was within a quarter of what it can carry, in the end {one['level']}",
            f"  instead of {one['before']}; in its last {ttl} s it was sent {rate:.1f} requests/s, each of the others {others:.1f}. {one['back'] - one['mended']:.0f} s after it",
            f"  could carry all again it had {one['after']}. Resolvers are coarse: each sends its client to one instance for a TTL.",
        ]
    for name in ("first rolling replacement", "second rolling replacement"):
        if name in phases:
            lines.append(f"- **{name.capitalize()}.** {rolling_facts(run, name)}.")
            one = phases[name]
            if "spot" in one:
                lines.append(f"  {one['spot']} was given a spot notice in between and was out of the rota {one['heeded']:.1f} s later (it asks every 5 s).")
    if "unhealthy application" in phases:
        one = phases["unhealthy application"]
        lines += [
            f"- **Unhealthy.** {one['instance']} was out of the rota {one['out']:.0f} s after its health check began to fail (three failures, 10 s apart),",
            f"  {one['clean']:.0f} s later no resolver gave its address, and {one['back']:.0f} s after it was well again it was back.",
        ]
    if "API outage" in phases:
        one = phases["API outage"]
        lines += [
            f"- **API outage** of {one['seconds']:.0f} s. {one['expired']:.0f} leases ran out, and the sweeper, which reaches the API and the instances, left all {one['members']}",
            f"  in the rota: their probes pass. {one['held']:.1f} s after the outage all leases were held again; the instance that was to leave meanwhile",
            f"  served on and had left {one['left']:.0f} s after the API was back.",
        ]
    if "death" in phases:
        one = phases["death"]
        lines += [
            f"- **Death.** {one['instance']} was out of the answers {one['swept']:.1f} s after it died. Resolvers hold an answer for the TTL: {one['clean']:.0f} s after its death none gave",
            f"  its address. In between {len(run.apart)} requests failed, all at the dead instance. That is the price of a death that nobody could foresee:",
            "  it falls with the TTL.",
        ]
    return lines


def write(record, folder):
    """Writes the report; gives how many requests failed that should not have."""
    run = Run(record)
    plot_run(run, os.path.join(folder, "proof-run.png"))
    overload = "overload" in run.phases
    if overload:
        plot_overload(run, os.path.join(folder, "proof-overload.png"))
    options, machine = run.options, run.machine
    verdict = "None of them failed" if not run.failed else f"{len(run.failed)} of them failed"
    lines = [
        "# The proof under traffic",
        "",
        f"{options['instances']} instances, TTL {options['ttl']} s, margin {options['margin']} s, replaced in waves of {options['wave']}, twice; {3 * options['caches']} clients, each behind a",
        f"resolver cache of its own, made {len(run.requests):,} requests in {(run.stop - run.start) / 60:.0f} minutes. **{verdict}**, but for the {len(run.apart)} that went to an instance",
        "after it had died without a word.",
        "",
        f"Made by `./dev proof` on the tree of {machine['commit']}, Linux {machine['kernel']}, {machine['cpus']} × {machine['model']}, all of it on this machine. tests/system/test_traffic.py",
        "and test_pressure.py play the same with 4 instances and TTL 5 in every run of the tests.",
        "",
        "![Requests a second by instance, members of the rota, and the lives of the instances](proof-run.png)",
        "",
        *phase_table(run),
        "",
        *findings(run),
        "",
        *(["![Weight and requests a second of the overloaded instance](proof-overload.png)", ""] if overload else []),
        "## Who asked",
        "",
        "A request has failed on any connect error, reset, time-out of 10 s, missing address or status other than 200. Nothing is tried again, except as RFC",
        "9110 (9.2.2) allows: a GET on a kept connection that ended before an octet of the answer came.",
        "",
        *client_table(run),
        "",
        "## What is real",
        "",
        "Each of these is a machine of its own: a network namespace on one bridge.",
        "",
        "- `rota serve`, DNS on port 53 and the API; `rota sweep`; on each instance `rota agent`: health by HTTP every 10 s, notices, leases, the load moving",
        "  the weights, and `--port 80`, so that a drain waits for clients that are connected.",
        f"- unbound ({options['caches']} processes), BIND ({options['caches']} views, each with its cache) and dnsmasq ({options['caches']} processes), as Debian ships them, with their defaults.",
        "- nginx on each instance; it ends (SIGQUIT) after the agent has, then the network goes down.",
        "- Clients with a resolv.conf of their own that ask the C library, and curl.",
        "- The metadata service (version 2) at 169.254.169.254, which tells instances apart by their address. It is the tests' own; so is what plays Auto",
        "  Scaling: a script that launches, tells to leave (SIGTERM, as systemd does), and waits.",
        "",
        "What an instance can carry is a number in the overload: nginx would carry it all, so nobody waits. One bridge loses no packets.",
        "",
    ]
    with open(os.path.join(folder, "proof.md"), "w", encoding="utf-8") as out:
        out.write("\n".join(lines))
    return len(run.failed)
