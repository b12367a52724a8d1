"""The agent shows itself: /healthz, /metrics and /status over HTTP, and to HAProxy by its agent-check."""

import json
import os
import pathlib
import re
import signal
import socket
import unittest
import urllib.error
import urllib.request

import haproxy
import harness
import test_agent

# A sample of Prometheus' text format: a name, labels, a number.
SAMPLE = re.compile(r'[a-z_]+(\{[a-z_]+="(\\.|[^"\\])*"(,[a-z_]+="(\\.|[^"\\])*")*\})? [0-9.e+-]+')


class ShowCase(test_agent.AgentCase):
    def port_in(self, agent, words):
        """The port from the kernel, as the log tells it."""
        found = harness.eventually(lambda: re.search(words + r".*? port=(\d+)", agent.output()), f"it says: {words}", 30)
        return int(found[1])

    def get(self, port, path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20 * harness.SLOW) as page:
                return page.status, page.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def sibling(self):
        self.join(self.metadata_of(2), "--address", "192.0.2.2", "--set-identifier", "i-2")


class Pages(ShowCase):
    def test_health_metrics_and_status_follow_the_membership(self):
        self.sibling()
        agent = self.agent("--metrics", "0", "--margin", "60s", "--lease", "3s")
        port = self.port_in(agent, "shows metrics")
        self.joined()
        harness.eventually(lambda: self.get(port, "/healthz") == (200, "in service\n"), "it is in service", 30)
        status, text = self.get(port, "/metrics")
        self.assertEqual(status, 200)
        self.assertEqual([line for line in text.splitlines() if not line.startswith("#") and not SAMPLE.fullmatch(line)], [])
        rota = f'name="{test_agent.NAME}.",type="A"'
        for line in (f"rota_agent_in_service{{{rota}}} 1", f'rota_agent_phase{{{rota},phase="in_service"}} 1', f"rota_agent_weight{{{rota}}} 10",
                     'rota_agent_calls_total{call="upsert"} 1', "rota_agent_leaving 0"):  # fmt: skip
            self.assertIn(line + "\n", text)
        self.assertIn("\nprocess_resident_memory_bytes ", text)
        harness.eventually(lambda: "rota_agent_lease_age_seconds{" in self.get(port, "/metrics")[1], "its lease is renewed", 30)
        ours = json.loads(self.get(port, "/status")[1])
        theirs = json.loads(self.command("status", "--json").stdout)
        self.assertEqual(ours["rotas"][0]["set_identifier"], "i-1")
        self.assertEqual(ours.keys(), theirs.keys())
        self.assertEqual(self.get(port, "/")[0], 404)

        self.draw("i-1")
        agent.child.send_signal(signal.SIGTERM)
        harness.eventually(lambda: "rota_agent_drain_seconds_left{" in self.get(port, "/metrics")[1], "it drains", 30)
        status, text = self.get(port, "/healthz")
        self.assertEqual(status, 503)
        self.assertRegex(text, r"^leaving on SIGTERM: draining, safe in \d+ s\n$")
        self.assertIn("\nrota_agent_leaving 1\n", self.get(port, "/metrics")[1])

    def test_an_agent_that_cannot_join_says_so(self):
        self.server.stop()
        agent = self.agent("--metrics", "127.0.0.1:0")
        port = self.port_in(agent, "shows metrics")
        harness.eventually(lambda: "rota_agent_call_failures_total{" in self.get(port, "/metrics")[1], "it counts the failures", 30)
        self.assertEqual(self.get(port, "/healthz")[0], 503)

    def test_leave_ends_with_0_though_who_asked_before_does_not_ask_again(self):
        agent = self.agent("--agent-check", "0", "--margin", "0s")
        port = self.port_in(agent, "answers agent checks")
        self.joined()
        with socket.create_connection(("127.0.0.1", port), timeout=20 * harness.SLOW) as asker:
            self.assertTrue(asker.makefile().readline().startswith("ready "))
        left = self.command("leave")
        self.assertEqual(left.returncode, 0, left.stderr + agent.output())
        self.assertEqual(agent.wait(60), 0, agent.output())

    def test_an_address_that_is_none_or_taken_is_refused(self):
        agent = self.agent("--metrics", "localhost:0")
        self.assertEqual(agent.wait(), 78)
        self.assertIn("write it as 127.0.0.1:8053", agent.output())
        taken = self.agent("--metrics", f"127.0.0.1:{self.server.api_port}", name="taken")
        self.assertEqual(taken.wait(), 73)
        self.assertIn("another process listens there", taken.output())


class Haproxy(ShowCase):
    """Debian's HAProxy follows the agent."""

    def setUp(self):
        super().setUp()
        self.sibling()
        self.ready = os.path.join(self.directory, "ready")

    def balance(self, *options, inter="100ms"):
        """Starts an agent and a HAProxy that asks it."""
        self.one = self.agent(
            "--agent-check", "0", "--weight", "50", "--watch-interval", "1s", "--ready", f"exec:test -e {self.ready}", "--ready-interval", "1s",
            "--drain-file", os.path.join(self.directory, "drain"), *options)  # fmt: skip
        port = self.port_in(self.one, "answers agent checks")
        self.haproxy = haproxy.Haproxy(self, self.directory, port, rf"inter 1s agent-inter {inter} agent-send hello\n")

    def becomes(self, *wanted):
        self.haproxy.becomes(*wanted)

    def test_it_follows_readiness_weight_drain_and_the_end(self):
        self.balance("--margin", "60s")
        self.becomes("DOWN (agent)", 100)
        pathlib.Path(self.ready).touch()
        record = self.joined()
        self.becomes("UP", 100)
        record["Weight"] = 20
        harness.change(self.client, self.zone, ("UPSERT", record))
        self.becomes("UP", 40)
        self.assertEqual(self.command("drain", "--no-wait", "--reason", "disk, fan").returncode, 0)
        self.becomes("DRAIN (agent)", 40)
        harness.eventually(lambda: "i-1" not in self.members(), "it is out of the rota", 30)
        self.assertEqual(self.command("resume").returncode, 0)
        self.becomes("UP", 40)  # the weight that was set stays
        self.joined()
        self.draw("i-1")
        self.one.child.send_signal(signal.SIGTERM)
        self.becomes("DRAIN (agent)", 40)
        self.one.stop(signal.SIGKILL)
        self.becomes("DRAIN (agent)", 40)

    def test_a_leave_that_nothing_else_holds_up_waits_until_it_is_heard(self):
        pathlib.Path(self.ready).touch()
        self.balance("--margin", "0s", inter="4s")
        self.joined()
        # Before it has asked, it takes the server for up.
        harness.eventually(lambda: (self.haproxy.statistics() or {}).get("agent_status") == "L7OK", "it has asked", 60)
        self.becomes("UP", 100)
        self.assertEqual(self.one.stop(seconds=60), 0, self.one.output())  # its drain takes 2 s at most
        self.becomes("DRAIN (agent)", 100)


if __name__ == "__main__":
    unittest.main()
