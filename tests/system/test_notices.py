"""Ends that can be foreseen, as the metadata service tells them: the agent leaves before them and comes back after them."""

import os
import unittest

import harness
import parts
import test_agent

STATE = "autoscaling/target-lifecycle-state"
SPOT = "spot/instance-action"


class Hooks(test_agent.AgentCase):
    """Auto Scaling waits for the instance; what it is told is in the stand-in's list of calls."""

    def group(self, state):
        made = parts.AutoScaling("web", "i-1", state)
        self.addCleanup(made.close)
        return made

    def told(self, group, action, hook):
        """CONTINUE, once; nothing else completes anything."""
        harness.eventually(lambda: (action, hook, "CONTINUE") in group.calls, lambda: f"{hook} is completed: {group.calls}", 60)

    def test_a_launch_goes_on_once_the_instance_is_in_the_rota(self):
        group = self.group("Pending:Wait")
        self.metadata.items[STATE] = "InService"
        ready = os.path.join(self.directory, "ready")
        agent = self.agent("--ready", f"exec:test -e {ready}", "--ready-interval", "1s", AWS_ENDPOINT_URL_AUTO_SCALING=group.endpoint)
        harness.eventually(lambda: any(call[0] == "DescribeLifecycleHooks" for call in group.calls), "it asks for the hooks", 30)
        self.assertNotIn("CompleteLifecycleAction", [call[0] for call in group.calls])
        with open(ready, "w"):
            pass
        self.joined()
        self.told(group, "CompleteLifecycleAction", "launch-hook")
        self.assertEqual(agent.stop(), 0, agent.output())

    def test_a_termination_waits_for_the_drain(self):
        group = self.group("InService")
        agent = self.agent(AWS_ENDPOINT_URL_AUTO_SCALING=group.endpoint)
        self.joined()
        group.state = "Terminating:Wait"
        self.metadata.items[STATE] = "Terminated"
        self.told(group, "CompleteLifecycleAction", "leave-hook")
        self.assertNotIn("i-1", self.members())
        self.assertIn("lifecycle hook leave-hook: termination hook completed with CONTINUE", agent.output())
        self.assertEqual(agent.stop(), 0, agent.output())

    def test_without_the_right_to_ask_it_says_so_and_serves_on(self):
        agent = self.agent()  # nobody answers there
        self.metadata.items[STATE] = "InService"
        self.joined()
        harness.eventually(lambda: "lifecycle hooks: " in agent.output(), "it says so", 30)


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

    def test_a_spot_instance_is_known_for_one(self):
        self.metadata.items["instance-life-cycle"] = "spot"
        agent = self.agent("--ttl", "200s")
        words = "TTL 200 cannot drain within a 120 s spot notice: use"
        harness.eventually(lambda: words in agent.output(), "it says so", 30)


if __name__ == "__main__":
    unittest.main()
