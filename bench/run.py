#!/usr/bin/python3
"""Measures rota beside its peers in one run and writes bench/RESULTS.md. Called by ./dev bench.

Peers alternate round by round and figures are medians, because machines are noisy: judge by CPU per operation and by ratios.
"""

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import peers
import registration
import rest
import route53_http

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build", "bench")
TOOLS = os.path.join(BUILD, "bench")


def run_json(command, **options):
    out = subprocess.run(command, check=True, capture_output=True, text=True, **options)
    return json.loads(out.stdout.splitlines()[-1])


def busy_share(before, after, cpu):
    """The share of a CPU that was not idle between two readings of /proc/stat."""
    delta = [b - a for a, b in zip(before[cpu], after[cpu])]
    total = sum(delta)
    return (total - delta[3] - delta[4]) / total if total else 0.0


def cpu_times():
    with open("/proc/stat", encoding="ascii") as stat:
        lines = [line.split() for line in stat if re.match(r"cpu\d", line)]
    return {int(fields[0][3:]): [int(value) for value in fields[1:9]] for fields in lines}


def dns_window(peer, workload, seconds, rate=0):
    """One window of load: CPU µs a correct answer, answers/s, latencies, and whether something else ran on the server's core."""
    before_ns, before = peer.cpu_ns(), cpu_times()
    name = "echo" if isinstance(peer, peers.Echo) else workload
    command = ["taskset", "-c", "1", f"{TOOLS}/bench_dns_load", peers.ADDRESS, str(peer.port), name, str(seconds)]
    load = run_json(command + ([str(rate)] if rate else []))
    used, after = peer.cpu_ns() - before_ns, cpu_times()
    other = busy_share(before, after, 0) - used / 1e9 / load["seconds"]
    return {
        "us": used / 1000 / max(load["correct"], 1),
        "qps": load["correct"] / load["seconds"],
        "mean": load["mean_us"],
        "p99": load["p99_us"],
        "answered": load["correct"] / max(load["sent"], 1),
        "wrong": load["wrong"],
        "clean": other < 0.04,
    }


def clean_window(peer, workload, seconds, rate=0):
    for _ in range(4):
        window = dns_window(peer, workload, seconds, rate)
        if window["clean"]:
            break
    return window


def bench_dns(rounds, seconds, workloads, scratch):
    """{workload: {peer: {us, qps, mean, p99, clean, start_ms, rss, pss}}}, medians over rounds."""
    results = {}
    for workload in workloads:
        samples = {}
        for turn in range(rounds):
            for kind in peers.PEERS:
                if workload not in kind.workloads or not kind.available():
                    continue
                directory = os.path.join(scratch, f"{kind.name}-{workload}-{turn}")
                peer = kind(directory, workload)
                try:
                    start_ms = peer.start(cpu=0)
                    saturated = clean_window(peer, workload, seconds)
                    half = clean_window(peer, workload, seconds, rate=int(saturated["qps"] / 2))
                    rss, pss = peer.memory_mib()
                finally:
                    peer.stop()
                    shutil.rmtree(directory, ignore_errors=True)
                samples.setdefault(kind.name, []).append((saturated, half, start_ms, rss, pss))
                print(f"dns {workload} round {turn + 1} {kind.name}: {saturated['us']:.2f} us", file=sys.stderr)
        results[workload] = {name: summary(rows) for name, rows in samples.items()}
    return results


def summary(rows):
    good = [row for row in rows if row[0]["clean"]] or rows
    median = lambda pick: statistics.median(pick(row) for row in good)
    return {
        "us": median(lambda r: r[0]["us"]),
        "qps": median(lambda r: r[0]["qps"]),
        "half_us": median(lambda r: r[1]["us"]),
        "mean": median(lambda r: r[1]["mean"]),
        "p99": median(lambda r: r[1]["p99"]),
        "answered": median(lambda r: r[1]["answered"]),
        "wrong": sum(row[0]["wrong"] + row[1]["wrong"] for row in rows),
        "start_ms": median(lambda r: r[2]),
        "rss": median(lambda r: r[3]),
        "pss": median(lambda r: r[4]),
        "clean": sum(row[0]["clean"] for row in rows),
        "rounds": len(rows),
    }


def dns_report(results):
    weighted = {kind.name: kind.weighted for kind in peers.PEERS}
    lines = [
        "## Answering: CPU per query",
        "",
        "One UDP worker on CPU 0, load on CPU 1; closed loop with 128 outstanding, then an open loop at half of the server's own rate.",
        "CPU µs is what the scheduler charged to the server's process tree, by correct answers. × is against `echo+16`.",
        "`static` peers cannot weight and answer one plain A in w2 and w3: an upper bound, not comparable. gdnsd takes 64 members in w2.",
        "",
    ]
    titles = {"w1": "w1: 1,000 names, one A", "w2": "w2: one name, 100 weighted members",
              "w3": "w3: 10,000 names, 10 weighted members each", "w4": "w4: names that do not exist"}
    for workload, rows in results.items():
        floor = rows.get("echo+16", {}).get("us")
        lines += [f"### {titles[workload]}", "",
                  "| server | CPU µs | × echo+16 | queries/s | µs at half load | mean / p99 µs at half load | answered | start ms | RSS / PSS MiB | clean |",
                  "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"]
        for name, row in sorted(rows.items(), key=lambda item: item[1]["us"]):
            static = " (static)" if workload in ("w2", "w3") and not weighted[name] and name != "echo" else ""
            ratio = f"{row['us'] / floor:.2f}" if floor else "–"
            lines.append(
                f"| {name}{static} | {row['us']:.2f} | {ratio} | {row['qps'] / 1000:.0f}k | {row['half_us']:.2f} | "
                f"{row['mean']:.0f} / {row['p99']:.0f} | {row['answered'] * 100:.2f} % | {row['start_ms']:.1f} | "
                f"{row['rss']:.1f} / {row['pss']:.1f} | {row['clean']}/{row['rounds']} |"
            )
        lines.append("")
        if any(row["wrong"] for row in rows.values()):
            lines += ["Wrong answers: " + ", ".join(f"{n} {r['wrong']}" for n, r in rows.items() if r["wrong"]), ""]
    return lines


def bench_answer():
    """{benchmark: (ns, instructions or None)}: ns by Google Benchmark, instructions of answer() by callgrind."""
    binary = f"{TOOLS}/bench_answer"
    out = subprocess.run([binary, "--benchmark_format=json", "--benchmark_repetitions=5", "--benchmark_min_time=0.1",
                          "--benchmark_report_aggregates_only=true"], check=True, capture_output=True, text=True)
    times = {}
    for row in json.loads(out.stdout)["benchmarks"]:
        if row["aggregate_name"] == "median":
            times[row["run_name"]] = row["cpu_time"]
    return {name: (ns, instructions(binary, name) if name.startswith("answer/") else None) for name, ns in times.items()}


def instructions(binary, name):
    """User-space instructions an iteration: the difference of two runs, so that start-up does not count."""
    if shutil.which("valgrind") is None:
        return None
    counts = []
    for iterations in (1000, 6000):
        with tempfile.TemporaryDirectory() as directory:
            out = subprocess.run(
                ["valgrind", "--tool=callgrind", f"--callgrind-out-file={directory}/out", binary,
                 f"--benchmark_filter=^{re.sub('[^0-9A-Za-z/]', '.', name)}/iterations"],
                env={**os.environ, "BENCH_ITERATIONS": str(iterations)}, capture_output=True, text=True, check=True)
        counts.append(int(re.search(r"Collected : (\d+)", out.stderr)[1]))
    return (counts[1] - counts[0]) / 5000


def answer_report(rows):
    lines = ["## `zone::answer`: one query, octets to octets; and one change", "",
             "Google Benchmark (median of 5) and callgrind (difference of runs with 1,000 and 6,000 queries). A batch is 64 answers; a change",
             "is one member of a zone with so many names and members a name.", "",
             "| workload | ns | instructions |", "|---|--:|--:|"]
    for name, (ns, count) in rows.items():
        lines.append(f"| {name} | {ns:.0f} | {'–' if count is None else f'{count:.0f}'} |")
    return lines + [""]


def bench_visible(scratch, changes):
    results = []
    for sets in (10, 10000):
        directory = os.path.join(scratch, f"visible-{sets}")
        server = peers.Rota(directory, "w1")
        server.zone_id = "later"  # filled here, not by start()
        try:
            command = server.command()
            server.log = open(os.path.join(directory, "log"), "wb")
            server.process = subprocess.Popen(command, stdout=server.log, stderr=server.log)
            deadline = time.monotonic() + 30
            while not route53_http.ready(peers.ADDRESS, server.api_port) and time.monotonic() < deadline:
                time.sleep(0.005)
            api = route53_http.Api(peers.ADDRESS, server.api_port, server.key_id, server.secret)
            zone_id = api.create_zone("bench.test")
            records = [(f"v{i:05}.bench.test", "10.8.0.1", None, 0) for i in range(sets)]
            for start in range(0, sets, 1000):
                api.create_records(zone_id, records[start : start + 1000])
            row = run_json(
                [f"{TOOLS}/bench_visible", peers.ADDRESS, str(server.api_port), str(server.port), zone_id, str(changes), str(sets)],
                env={**os.environ, "AWS_ACCESS_KEY_ID": server.key_id, "AWS_SECRET_ACCESS_KEY": server.secret})
        finally:
            server.stop()
        row["sets"] = sets
        row.update(run_json([f"{TOOLS}/bench_fsync", os.path.join(directory, "probe"), str(changes)]))
        results.append(row)
        print(f"visible {row}", file=sys.stderr)
    return results


def visible_report(rows):
    lines = ["## From a change to a changed answer", "",
             "One UPSERT after the other over one kept connection; a query is asked without pause meanwhile. A bare 4 KiB write + fsync",
             "on the same file system beside it: a change is acknowledged only after its own.", "",
             "| record sets | changes | visible p50 / p99 ms | API answer p50 / p99 ms | write + fsync p50 / p99 ms |", "|--:|--:|--:|--:|--:|"]
    for row in rows:
        cell = lambda key: f"{row[key + '_p50_us'] / 1000:.2f} / {row[key + '_p99_us'] / 1000:.2f}"
        lines.append(f"| {row['sets']:,} | {row['changes']:,} | {cell('visible')} | {cell('api')} | {cell('fsync')} |")
    return lines + [""]


def header(arguments):
    with open("/proc/cpuinfo", encoding="ascii") as info:
        model = re.search(r"model name\s*: (.*)", info.read())
    commit = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    return ["# Measured", "",
            f"Made by `./dev bench{' ' + ' '.join(arguments) if arguments else ''}` at {commit}, Linux {platform.release()}, "
            f"{os.cpu_count()} × {model[1] if model else 'CPU'}, Debian's peers.",
            "Machines are noisy: judge by CPU per operation and by the ratios within one run. docs/benchmarks.md has the method.", ""]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", default="registration,answer,dns,visible", help="comma-separated parts; rest too, which takes 25 min")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of the DNS comparison (registration: twice as many + 1)")
    parser.add_argument("--seconds", type=float, default=1.2, help="length of a window of load")
    parser.add_argument("--workloads", default="w1,w2,w3,w4")
    parser.add_argument("--changes", type=int, default=2000)
    parser.add_argument("--output", default=os.path.join(ROOT, "bench", "RESULTS.md"))
    options = parser.parse_args()
    peers.Rota.binary = os.path.join(BUILD, "bin", "rota")
    peers.Echo.tools = TOOLS
    lines = header(sys.argv[1:])
    parts = options.only.split(",")
    with tempfile.TemporaryDirectory(prefix="rota-bench-") as scratch:
        os.chmod(scratch, 0o755)
        if "registration" in parts:
            lines += registration.report(registration.bench(scratch, TOOLS, 2 * options.rounds + 1))
        if "answer" in parts:
            lines += answer_report(bench_answer())
        if "dns" in parts:
            lines += dns_report(bench_dns(options.rounds, options.seconds, options.workloads.split(","), scratch))
        if "visible" in parts:
            lines += visible_report(bench_visible(scratch, options.changes))
        if "rest" in parts:
            lines += rest.report(rest.bench(scratch, peers.Rota.binary))
    with open(options.output, "w", encoding="utf-8") as out:
        out.write("\n".join(lines))
    print(f"written: {options.output}")


if __name__ == "__main__":
    main()
