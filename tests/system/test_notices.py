"""Ends that can be foreseen, as the metadata service tells them: the agent leaves before them and comes back after them."""

import unittest

import harness
import test_agent

STATE = "autoscaling/target-lifecycle-state"
SPOT = "spot/instance-action"


class Notices(test_agent.AgentCase):
    def gone(self):
        harness.eventually(lambda: "i-1" not in self.members(), "i-1 is out of the rota", 60)

    def test_standby_takes_it_out_and_in_service_brings_it_back(self):
        agent = self.agent()
        self.joined()
        self.metadata.items[STATE] = "Standby"
        self.gone()
        self.assertIn("standby: Auto Scaling says Standby", agent.output())
        self.metadata.items[STATE] = "InService"
        self.joined()
        self.assertEqual(agent.stop(), 0, agent.output())

    def test_a_warm_pool_keeps_it_out_from_the_start(self):
        self.metadata.items[STATE] = "Warmed:Running"
        agent = self.agent()
        harness.eventually(lambda: "Auto Scaling says Warmed:Running" in agent.output(), "it has read its state", 30)
        self.gone()
        self.metadata.items[STATE] = "InService"
        self.joined()

    def test_a_spot_notice_takes_out_even_the_last_member(self):
        agent = self.agent()
        self.joined()
        self.metadata.items[SPOT] = '{"action":"terminate","time":"2030-01-01T00:02:00Z"}'
        self.gone()
        self.assertIn("ending: spot notice: terminate at 2030-01-01T00:02:00Z", agent.output())
        self.assertEqual(agent.stop(), 0, agent.output())

    def test_without_notices_none_is_heeded(self):
        self.metadata.items[STATE] = "Standby"
        self.agent("--no-notices")
        self.joined()

    def test_a_ttl_that_cannot_drain_within_the_notice_is_told_at_the_start(self):
        agent = self.agent("--ttl", "200s", "--notice", "120s")
        words = "TTL 200 cannot drain within a 120 s spot notice: use"
        harness.eventually(lambda: words in agent.output(), "it says so on joining", 30)


if __name__ == "__main__":
    unittest.main()
