"""Maintenance without a shutdown: rota drain and rota resume, the operator's file, and an agent that is restarted meanwhile."""

import json
import os
import signal
import unittest

import harness
import test_agent


class Drain(test_agent.AgentCase):
    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.directory, "state", "drain")
        self.one = self.agent(name="one")
        self.joined()

    def agent(self, *options, **kw):
        return super().agent("--drain-file", self.file, *options, **kw)

    def sibling(self):
        self.join(self.metadata_of(2), "--address", "192.0.2.2", "--set-identifier", "i-2")

    def gone(self, identifier="i-1"):
        harness.eventually(lambda: identifier not in self.members(), f"{identifier} is out of the rota", 30)

    def test_it_drains_waits_and_resumes(self):
        self.sibling()
        run = self.command("drain", "--reason", "kernel upgrade")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("out of the rota: maintenance: kernel upgrade by uid", run.stdout)
        self.assertEqual(list(self.members()), ["i-2"])
        status = json.loads(self.command("status", "--json").stdout)
        self.assertEqual(status["absences"][0]["reason"], "maintenance")
        self.assertEqual(status["rotas"][0]["phase"], "out")
        run = self.command("resume")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(sorted(self.members()), ["i-1", "i-2"])
        self.assertFalse(os.path.exists(self.file))

    def test_it_outlives_the_agent(self):
        self.sibling()
        self.assertEqual(self.command("drain", "--no-wait").returncode, 0)
        self.gone()
        self.one.stop(signal.SIGKILL)
        two = self.agent(name="two")
        harness.eventually(lambda: "not in the rota: nothing to do" in two.output(), "the new agent stays out", 30)
        self.assertEqual(list(self.members()), ["i-2"])
        self.assertEqual(self.command("resume").returncode, 0)
        self.assertIn("i-1", self.members())

    def test_it_ends_by_itself(self):
        self.sibling()
        self.assertEqual(self.command("drain", "--for", "6s").returncode, 0)
        self.assertNotIn("i-1", self.members())
        self.joined()
        harness.eventually(lambda: not os.path.exists(self.file), "the file is removed", 10)

    def test_it_keeps_the_last_member_unless_told_otherwise(self):
        run = self.command("drain")
        self.assertEqual(run.returncode, 73)
        self.assertIn("the last member", run.stderr)
        self.assertIn("--last remove", run.stderr)
        self.assertIn("i-1", self.members())
        self.assertFalse(os.path.exists(self.file))
        self.assertEqual(self.command("drain", "--last", "remove").returncode, 0)
        self.assertEqual(self.members(), {})

    def test_a_file_made_by_hand_is_an_order(self):
        self.sibling()
        with open(self.file, "w", encoding="utf-8") as order:
            order.write("disk is failing\n")
        self.gone()
        self.assertIn("maintenance: disk is failing", self.one.output())
        os.unlink(self.file)
        self.joined()

    def test_a_stop_while_drained_ends_at_once(self):
        self.sibling()
        self.assertEqual(self.command("drain").returncode, 0)
        self.assertEqual(self.one.stop(), 0, self.one.output())
        self.assertTrue(os.path.exists(self.file))

    def test_a_leave_may_begin_with_a_ttl_at_weight_zero(self):
        self.sibling()
        self.assertEqual(self.one.stop(), 0, self.one.output())
        one = self.agent("--drain-mode", "weight-zero", name="two")
        self.joined()
        self.assertEqual(one.stop(seconds=60), 0, one.output())
        self.assertEqual(list(self.members()), ["i-2"])
        told = one.output()
        self.assertLess(told.index("at weight 0 for"), told.index("removed from the rota"), told)

    def test_nobody_to_ask_and_wrong_words_are_told(self):
        self.one.stop()
        run = self.command("drain")
        self.assertEqual(run.returncode, 66)
        self.assertIn("no agent answers", run.stderr)
        run = self.command("drain", "--for", "soon")
        self.assertEqual(run.returncode, 64, run.stderr)


class ByWayOfWeightZero(test_agent.AgentCase):
    def setUp(self):
        super().setUp()
        self.join(self.metadata_of(2), "--address", "192.0.2.2", "--set-identifier", "i-2", "--ttl", "60s")
        self.one = self.agent("--drain-mode", "weight-zero", "--drain-file", os.path.join(self.directory, "drain"))
        self.joined()

    def weight_is(self, weight):
        harness.eventually(lambda: self.members()["i-1"]["Weight"] == weight, f"the weight is {weight}", 30)

    def test_whoever_comes_back_has_its_weight_again(self):
        self.assertEqual(self.command("drain", "--no-wait").returncode, 0)
        self.weight_is(0)
        status = json.loads(self.command("status", "--json").stdout)
        self.assertEqual(status["rotas"][0]["phase"], "fading")
        self.assertIn("at weight 0 (it was 10), deleted in", self.command("status").stdout)
        self.assertEqual({value for _ in range(20) for value in self.server.dig(test_agent.NAME, "A").values("A")}, {"192.0.2.2"})
        self.assertEqual(self.command("resume").returncode, 0)
        self.weight_is(10)

    def test_a_second_order_deletes_at_once(self):
        self.assertEqual(self.command("drain", "--no-wait").returncode, 0)
        self.weight_is(0)
        self.one.child.send_signal(signal.SIGTERM)
        harness.eventually(lambda: list(self.members()) == ["i-2"], "it is deleted", 30)


if __name__ == "__main__":
    unittest.main()
