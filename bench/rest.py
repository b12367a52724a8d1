"""What an agent costs while nothing happens: health by HTTPS every 10 s, the metadata service every 5 s, a lease renewed every 3 s.

Everything else of the agent is as it comes. The figures are the kernel's: smaps_rollup for memory, schedstat for CPU. The name server runs from a
copy of the program, so that the agent shares none of its pages with anybody; all agents share theirs with each other.
"""

import http.server
import os
import re
import shutil
import ssl
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("conformance", "system"):
    sys.path.insert(0, os.path.join(HERE, "..", "tests", folder))
import harness  # noqa: E402
import parts  # noqa: E402  the tests' metadata service

WINDOW = 600  # seconds, of which the first are not measured
START = 15


class _Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"well\n")

    def log_message(self, *_):
        pass


class _Https(http.server.ThreadingHTTPServer):
    """The handshake is done in the connection's own thread."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, scratch):
        super().__init__(("127.0.0.1", 0), _Health)
        key, certificate = os.path.join(scratch, "key.pem"), os.path.join(scratch, "certificate.pem")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=localhost"],
            check=True, capture_output=True,
        )  # fmt: skip
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        self.asked = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def finish_request(self, request, client_address):
        self.asked += 1
        with self.tls.wrap_socket(request, server_side=True) as stream:
            super().finish_request(stream, client_address)

    def handle_error(self, request, client_address):
        pass


class Agent:
    def __init__(self, binary, scratch, server, metadata, health, number, options):
        identifier = f"i-{number:03}"
        items = {"instance-id": identifier, "local-ipv4": f"192.0.2.{number}"}
        self.metadata = metadata if metadata else parts.Metadata(items)
        environment = server.environment(AWS_EC2_METADATA_SERVICE_ENDPOINT=self.metadata.endpoint)
        del environment["AWS_EC2_METADATA_DISABLED"]
        self.process = harness.Process(
            [binary, "agent", "--zone", "example.com", "--name", "www.example.com", "--address", "local-ipv4", "--socket",
             os.path.join(scratch, identifier + ".sock"), "--health", f"https://127.0.0.1:{health.server_address[1]}/", *options],
            scratch, identifier, env=environment,
        )  # fmt: skip
        self.pid = self.process.child.pid
        harness.eventually(lambda: "joined, INSYNC" in self.process.output(), lambda: f"it has joined: {self.process.output()}", 60)

    def memory(self):
        """KiB by kind."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as found:
            sizes = {name: int(size) for name, size in re.findall(r"^(\w+):\s+(\d+) kB", found.read(), re.M)}
        return {"private": sizes["Private_Clean"] + sizes["Private_Dirty"], "anonymous": sizes["Anonymous"], "pss": sizes["Pss"], "rss": sizes["Rss"]}

    def cpu_seconds(self):
        """What the scheduler charged to all its threads, those that have ended too: the process's CPU clock (clock_getcpuclockid(3))."""
        return time.clock_gettime((~self.pid << 3) | 2)


def measure(binary, scratch, count, seconds, options=()):
    """`count` agents; memory and CPU of each after so many seconds of rest."""
    copy = os.path.join(scratch, "server")
    shutil.copy2(binary, copy)
    harness.ROTA = copy
    directory = os.path.join(scratch, f"serve-{count}")
    os.mkdir(directory)
    health = _Https(directory)
    agents = []
    with harness.Server(directory=directory) as server:
        server.zone("example.com")
        try:
            for number in range(1, count + 1):
                agents.append(Agent(binary, directory, server, None, health, number, options))
            pause = threading.Event()
            pause.wait(START)
            before, began, asked = [one.cpu_seconds() for one in agents], time.monotonic(), health.asked
            polled = len(agents[0].metadata.requests)
            pause.wait(max(0, seconds - START))
            elapsed = time.monotonic() - began
            rows = [
                {**one.memory(), "cpu": (one.cpu_seconds() - start) / elapsed} for one, start in zip(agents, before)
            ]
            return {
                "rows": rows, "seconds": elapsed, "probes": (health.asked - asked) / count / elapsed,
                "polls": (len(agents[0].metadata.requests) - polled) / elapsed,
            }  # fmt: skip
        finally:
            for one in agents:
                one.process.child.kill()
                one.process.child.wait()
                one.metadata.close()
            health.shutdown()
            health.server_close()


def bench(scratch, binary, seconds=WINDOW):
    return {count: measure(binary, scratch, count, seconds) for count in (1, 100)}


def report(results):
    lines = [
        "## An agent at rest",
        "",
        f"{next(iter(results.values()))['seconds'] + START:.0f} s after the start, in service, with `--health https://…` every 10 s (TLS 1.3, RSA 2048), notices from the metadata service",
        "every 5 s and a lease renewed every 3 s; all else as it comes. The static program, which shares no page with another one. Private is",
        "Private_Clean + Private_Dirty of smaps_rollup: of one agent alone it holds the program's own pages, which many agents share.",
        "CPU is what the scheduler charged, of one core.",
        "",
        "| agents | private MiB | of it anonymous MiB | PSS MiB | RSS MiB | CPU % of a core, mean / most | probes/s | metadata requests/s |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for count, found in results.items():
        rows = found["rows"]
        most = lambda key: max(row[key] for row in rows) / 1024
        pss = sum(row["pss"] for row in rows) / 1024
        total = f"{pss:.2f}" if count == 1 else f"{pss / count:.2f} (all: {pss:.0f})"
        cpu = [row["cpu"] * 100 for row in rows]
        lines.append(
            f"| {count} | {most('private'):.2f} | {most('anonymous'):.2f} | {total} | {most('rss'):.2f} | {sum(cpu) / count:.4f} / {max(cpu):.4f} | "
            f"{found['probes']:.3f} | {found['polls']:.2f} |"
        )
    return lines + [""]
