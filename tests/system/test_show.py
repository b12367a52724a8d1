"""The agent shows itself: /healthz, /metrics and /status over HTTP."""

import json
import re
import signal
import unittest
import urllib.error
import urllib.request

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

    def test_an_address_that_is_none_or_taken_is_refused(self):
        agent = self.agent("--metrics", "localhost:0")
        self.assertEqual(agent.wait(), 78)
        self.assertIn("write it as 127.0.0.1:8053", agent.output())
        taken = self.agent("--metrics", f"127.0.0.1:{self.server.api_port}", name="taken")
        self.assertEqual(taken.wait(), 73)
        self.assertIn("another process listens there", taken.output())


if __name__ == "__main__":
    unittest.main()
