"""Load moves the weights: an instance that says it is overloaded sheds its share, and takes it back."""

import json
import os
import socketserver
import threading
import unittest

import harness
import test_agent


class AgentCheck:
    """An application that answers HAProxy's agent-check."""

    def __init__(self, line):
        self.line = line
        outer = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.sendall(outer.line.encode())

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Load(test_agent.AgentCase):
    """A second in place of minutes: the TTL and the least between two changes."""

    QUICK = ("--ttl", "1s", "--load-interval", "1s", "--weight-interval", "1s", "--slow-start", "0")

    def tell(self, number, text):
        path = os.path.join(self.directory, f"load{number}")
        with open(path + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.replace(path + ".new", path)
        return path

    def weight(self, identifier):
        return self.members()[identifier]["Weight"]

    def status(self, *options):
        return self.command("status", *options).stdout

    def test_an_overloaded_instance_sheds_its_share_and_takes_it_back(self):
        agents = []  # not stopped, but killed: drains are another test's
        for number in (1, 2):
            path = self.tell(number, "30%")
            agents.append(
                self.agent(
                    "--load", f"exec:cat {path}", *self.QUICK, "--socket", os.path.join(self.directory, f"{number}.sock"),
                    name=f"agent{number}", metadata=self.metadata_of(number),
                )
            )  # fmt: skip
            self.joined(f"i-{number}")
        self.socket = os.path.join(self.directory, "1.sock")
        self.assertEqual([self.weight("i-1"), self.weight("i-2")], [100, 100])

        self.tell(1, "150%")
        harness.eventually(lambda: self.weight("i-1") <= 70, "i-1 sheds", 60)
        self.assertEqual(self.weight("i-2"), 100)
        drawn = harness.drawn(self.server, test_agent.NAME, 2000)
        self.assertLess(drawn["192.0.2.1"], 0.85 * drawn["192.0.2.2"], "its share of the answers fell")
        load = json.loads(self.status("--json"))
        self.assertEqual(load["load"], {"utilisation": 1.5, "problems": []})
        self.assertEqual(load["rotas"][0]["weighing"]["base"], 100)
        self.assertIn("  load 150%, weight ", self.status())
        self.assertIn("150% busy, the target 60%", agents[0].output())

        self.tell(1, "10%")
        harness.eventually(lambda: self.weight("i-1") >= 80, "i-1 takes it back", 60)
        self.assertNotIn("by someone else", agents[0].output())
        self.assertNotIn("the weight is", agents[1].output())

    def test_three_report_to_each_other_and_the_busiest_sheds_below_its_target(self):
        agents = []
        for number, load in ((1, "50%"), (2, "20%"), (3, "20%")):
            agents.append(
                self.agent(
                    "--load", f"exec:cat {self.tell(number, load)}", *self.QUICK, "--lease", "3s",
                    "--socket", os.path.join(self.directory, f"{number}.sock"),
                    name=f"agent{number}", metadata=self.metadata_of(number),
                )
            )  # fmt: skip
        for number in (1, 2, 3):
            self.joined(f"i-{number}")
        harness.eventually(lambda: self.weight("i-1") < 85, "the busiest sheds", 60)
        harness.eventually(lambda: self.weight("i-2") > 105, "another takes more", 60)
        self.assertIn("50% busy, the fleet 30%", agents[0].output())
        self.socket = os.path.join(self.directory, "1.sock")
        fleet = json.loads(self.status("--json"))["rotas"][0]["weighing"]["fleet"]
        self.assertEqual(fleet["members"], 3)

    def test_a_new_member_starts_slowly(self):
        agent = self.agent("--load", "loadavg", "--load-target", "1", "--weight-interval", "1s", "--load-interval", "1s", "--slow-start", "2s", "--ttl", "1s")
        self.joined()
        harness.eventually(lambda: "weight 10 TTL" in agent.output(), "it joins with a tenth", 30)
        harness.eventually(lambda: self.weight("i-1") > 10, "its weight rises", 60)

    def test_the_words_of_an_agent_check_are_the_weight(self):
        says = AgentCheck("up ready 40%\n")
        self.addCleanup(says.close)
        health = ("--health", f"agent-check://127.0.0.1:{says.port}", "--health-interval", "1s")
        self.agent("--load", "agent-check", *health, *self.QUICK)
        self.assertEqual(self.joined()["Weight"], 40)
        says.line = "up 100%\n"
        harness.eventually(lambda: self.weight("i-1") == 100, "its weight follows", 60)

    def test_a_source_that_hangs_holds_nothing_up(self):
        agent = self.agent("--load", "exec:sleep 3600", *self.QUICK, "--margin", "0s")
        self.joined()
        harness.eventually(lambda: "took longer than" in agent.output(), "it says which source cannot tell", 60)
        self.assertIn("in service", self.status())
        self.assertEqual(agent.stop(), 0, agent.output())

    def test_what_cannot_work_is_refused_at_the_start(self):
        for options, words in (
            (("--load", "cpu", "--load-gain", "1.2"), "gain 1.2 must be above 0 and below 1.000"),
            (("--load", "cpu", "--load-gain", "0.3", "--connection-life", "5m"), "below 0.241"),
            (("--load", "cpu", "--weight", "0"), "a base weight of 0 is none"),
            (("--load", "connections:100"), "connections:100"),
            (("--load", "agent-check"), "--load agent-check: nobody is asked"),
            (("--load", "cpu", "--load-target", "2"), "target utilisation 2"),
            (("--load", "cpu", "--load-interval", "5m"), "load-interval: 300 s is not from 1 to 30 s"),
        ):
            agent = self.agent(*options, name="refused-" + "-".join(options).replace("/", "_"))
            self.assertEqual(agent.wait(), 78, agent.output())
            self.assertIn(words, agent.output())

    def test_a_file_and_variables_turn_it_on(self):
        path = os.path.join(self.directory, "agent.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write('load = ["loadavg", "memory"]\nload-target = 0.7\nslow-start = 0\n')
        self.agent("--config", path)
        self.assertEqual(self.joined()["Weight"], 100)
        self.agent(
            "--socket", os.path.join(self.directory, "two.sock"), name="two", metadata=self.metadata_of(2),
            ROTA_AGENT_LOAD="loadavg, memory", ROTA_AGENT_WEIGHT="40", ROTA_AGENT_SLOW_START="0",
        )  # fmt: skip
        self.assertEqual(self.joined("i-2")["Weight"], 40)


if __name__ == "__main__":
    unittest.main()
