"""In the rota exactly while healthy: the application's answers decide, and the last member stays."""

import http.server
import json
import os
import threading
import unittest

import harness
import test_agent

NAME = test_agent.NAME


class Application:
    """Answers /health with the status that it is told."""

    def __init__(self):
        self.status = 200
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(outer.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def check(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}/health"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Health(test_agent.AgentCase):
    def setUp(self):
        super().setUp()
        self.application = Application()
        self.addCleanup(self.application.close)

    def sibling(self, identifier="i-2"):
        self.join(self.metadata_of(2), "--address", "192.0.2.2", "--set-identifier", identifier)

    def gone(self, identifier="i-1"):
        harness.eventually(lambda: identifier not in self.members(), f"{identifier} is out of the rota", 60)

    def status(self):
        return json.loads(self.command("status", "--json").stdout)

    def test_it_leaves_when_sick_and_comes_back_when_well(self):
        self.sibling()
        agent = self.agent("--health", self.application.check, "--health-interval", "1s")
        self.joined()
        self.application.status = 503
        self.gone()
        harness.eventually(lambda: self.status()["rotas"][0]["phase"] == "out", "it is drained", 30)
        status = self.status()
        self.assertEqual(status["health"], "unhealthy")
        self.assertIn("503", status["checks"][0]["reason"])
        self.assertEqual(list(self.members()), ["i-2"])
        self.application.status = 200
        self.joined()
        self.assertEqual(self.status()["health"], "healthy")
        self.assertEqual(agent.stop(), 0, agent.output())

    def test_it_may_stay_at_weight_zero_instead(self):
        self.sibling()
        agent = self.agent("--health", self.application.check, "--health-interval", "1s", "--unhealthy", "weight-zero")
        self.joined()
        self.application.status = 503
        harness.eventually(lambda: self.members()["i-1"]["Weight"] == 0, "its weight is 0", 60)
        self.assertEqual({value for _ in range(20) for value in self.server.dig(NAME, "A").values("A")}, {"192.0.2.2"})
        self.assertEqual(self.status()["rotas"][0]["phase"], "in_service")
        self.application.status = 200
        harness.eventually(lambda: self.members()["i-1"]["Weight"] == 10, "it has its weight again", 60)
        self.assertEqual(agent.stop(), 0, agent.output())

    def test_it_does_not_join_before_the_first_pass(self):
        self.application.status = 500
        agent = self.agent("--health", self.application.check, "--health-interval", "1s")
        harness.eventually(lambda: "is unhealthy" in agent.output(), "it says that the check fails", 30)
        harness.eventually(lambda: self.status()["rotas"][0]["phase"] == "out", "it has looked for an earlier run's record", 30)
        self.assertEqual(self.members(), {})
        self.application.status = 200
        self.joined()

    def test_the_last_member_stays_however_sick(self):
        agent = self.agent("--health", self.application.check, "--health-interval", "1s")
        self.joined()
        self.application.status = 503
        harness.eventually(lambda: "it is the last member" in agent.output(), "it says that it stays", 60)
        self.assertIn("i-1", self.members())
        status = self.status()
        self.assertEqual(status["rotas"][0]["phase"], "in_service")
        self.assertIn("last member", status["rotas"][0]["held"])

    def test_two_that_fall_sick_together_never_leave_the_name_empty(self):
        self.agent("--health", self.application.check, "--health-interval", "1s")
        two = self.agent(
            "--health", self.application.check, "--health-interval", "1s", "--socket", os.path.join(self.directory, "two.sock"),
            name="two", metadata=self.metadata_of(2))  # fmt: skip
        self.joined("i-1")
        self.joined("i-2")
        self.application.status = 503
        harness.eventually(lambda: len(self.members()) == 1, "one of them leaves", 60)
        (stays,) = self.members()
        log = two.output() if stays == "i-2" else ""
        if log:
            harness.eventually(lambda: "stays in the rota all the same" in two.output(), "the other one says that it stays", 60)
        self.assertEqual(len(self.members()), 1)

    def test_a_file_tunes_each_check(self):
        path = os.path.join(self.directory, "agent.toml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f'[[health]]\ncheck = "{self.application.check}"\ninterval = "1s"\nstatus = "418"\nfall = 1\n')
        self.sibling()
        self.application.status = 418
        self.agent("--config", path)
        self.joined()
        self.application.status = 200
        self.gone()

    def test_wrong_tables_are_told_with_their_place(self):
        path = os.path.join(self.directory, "agent.toml")
        for text, words in (
            ("[[health]]\n", "agent.toml:1: a [[health]] without check"),
            ('[[health]]\ncheck = "gopher://x"\n', "agent.toml:2: check: "),
            ('[[health]]\ncheck = "tcp://127.0.0.1:80"\nfall = 0\n', "agent.toml:3: fall"),
            ('[[health]]\ncheck = "tcp://127.0.0.1:80"\nfalls = 2\n', "agent.toml:3: unknown key 'falls'"),
            ('[[health]]\ncheck = "tcp://127.0.0.1:80"\ninterval = "1h"\n', "agent.toml:1: "),
        ):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            agent = self.agent("--config", path, name="wrong")
            self.assertEqual(agent.wait(), 78, text)
            self.assertIn(words, agent.output())


if __name__ == "__main__":
    unittest.main()
