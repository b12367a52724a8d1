"""Debian's HAProxy with one server whose agent-check it asks; its statistics tell what it made of the agent's words."""

import os
import pathlib
import shutil
import signal
import socket

import harness

PROGRAM = shutil.which("haproxy", path=os.environ["PATH"] + ":/usr/sbin")


class Haproxy:
    """Runs until the test case has ended."""

    def __init__(self, case, directory, agent_port, words):
        """`words` are those of the server's line besides its addresses: how often it is checked, what the agent is sent."""
        case.assertIsNotNone(PROGRAM, "haproxy is missing: tools/packages/test.txt")
        service = socket.create_server(("127.0.0.1", 0))
        case.addCleanup(service.close)
        self.stats = os.path.join(directory, "stats")
        configuration = pathlib.Path(directory, "haproxy.cfg")
        configuration.write_text(
            f"global\n  stats socket {self.stats}\n  maxconn 10\n"
            "defaults\n  mode tcp\n  timeout connect 1s\n  timeout client 1s\n  timeout server 1s\n"
            f"backend app\n  server one 127.0.0.1:{service.getsockname()[1]} weight 100 check agent-check agent-addr 127.0.0.1 "
            f"agent-port {agent_port} {words}\n"
        )
        process = harness.Process([PROGRAM, "-db", "-f", configuration], directory, "haproxy")
        case.addCleanup(process.stop, signal.SIGKILL)

    def statistics(self):
        """The server's, by HAProxy's names; nothing before it runs."""
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(self.stats)
            except OSError:
                return None
            client.sendall(b"show stat\n")
            text = b"".join(iter(lambda: client.recv(65536), b"")).decode()
        names = text.splitlines()[0].lstrip("# ").split(",")
        for row in text.splitlines()[1:]:
            values = dict(zip(names, row.split(",")))
            if values.get("svname") == "one":
                return values
        return None

    def shown(self):
        """(status, weight) of the server."""
        found = self.statistics()
        return found and (found["status"], int(found["weight"]))

    def becomes(self, *wanted, after=""):
        harness.eventually(lambda: self.shown() == wanted, lambda: f"{wanted} {after}; it is {self.shown()}", 60)
