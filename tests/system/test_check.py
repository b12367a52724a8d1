"""One image for every group: an instance's settings from its user data and its tags."""

import os
import subprocess
import unittest

import harness
import test_agent
import test_join_leave as story

TAGS = {"Name": "web", "rota:zone": "example.com", "rota:name": story.NAME, "rota:ttl": "2", "rota:margin": "1s"}


class InstanceSettings(test_agent.AgentCase):
    def run_rota(self, *words, status=0, **variables):
        run = subprocess.run(
            [harness.ROTA, *words], env={**self.environment(self.metadata), "ROTA_AGENT_SOCKET": self.socket, **variables},
            capture_output=True, text=True, timeout=60 * harness.SLOW, check=False,
        )  # fmt: skip
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run.stdout + run.stderr

    def asked(self):
        """Which settings the metadata service was asked for."""
        return [path for path, _ in self.metadata.requests if "tags" in path or "user-data" in path]

    def test_an_agent_that_is_told_nothing_joins_by_its_tags_and_leaves(self):
        self.metadata.tags = TAGS
        agent = harness.Process(
            [harness.ROTA, "agent"], self.directory, "agent", env=self.environment(self.metadata, ROTA_AGENT_SOCKET=self.socket)
        )
        self.addCleanup(agent.stop, 9)
        self.assertEqual(self.joined()["TTL"], 2)
        asked = len(self.asked())
        harness.eventually(lambda: self.command("status").returncode == 0, "it is in service", 30)
        self.assertEqual(len(self.asked()), asked, "whoever has an agent asks it")
        self.assertEqual(agent.stop(), 0, agent.output())
        self.assertNotIn("i-1", self.members())

    def test_one_shot_commands_know_the_rota_too(self):
        self.metadata.tags = TAGS
        self.metadata.user_data = "#!/bin/sh\n# rota-agent begin\n# ttl = 3\n# weight = 7\n# rota-agent end\nreboot\n"
        self.run_rota("join", ROTA_AGENT_WEIGHT="9")
        member = self.members()["i-1"]
        self.assertEqual((member["TTL"], member["Weight"]), (3, 9), "the environment, user data, tags")
        self.assertIn("in service", self.run_rota("status"))
        self.run_rota("leave")
        self.assertEqual(self.members(), {})

    def test_what_is_wrong_there_is_78_and_named(self):
        self.metadata.tags = TAGS | {"rota:ready": "exec:reboot"}
        self.assertIn("tag rota:ready: exec: is not taken", self.run_rota("join", status=78))
        self.metadata.tags = TAGS
        self.metadata.user_data = "#rota-agent\n\nweight = 256\n"
        self.assertIn("user data:3: weight: ", self.run_rota("join", status=78))
        self.metadata.user_data = "\x1f\x7f"
        self.metadata.tags = None
        self.assertIn("no rota is configured", self.run_rota("join", status=64))

    def test_nobody_is_asked_where_a_rota_is_named(self):
        self.metadata.tags = TAGS
        file = os.path.join(self.directory, "agent.toml")
        with open(file, "w", encoding="utf-8") as text:
            text.write(f'zone = "example.com"\n[[rota]]\nname = "{story.NAME}"\nweight = 5\n')
        self.run_rota("join", "--config", file)
        self.assertEqual(self.members()["i-1"]["TTL"], 60)
        self.run_rota("join", "--zone", "example.com", "--name", "b.example.com")
        self.run_rota("join", "--instance-settings", "never", status=64)
        self.assertEqual(self.asked(), [])
        self.run_rota("join", "--config", file, "--instance-settings", "always")
        self.assertEqual(self.members()["i-1"]["Weight"], 5)
        self.assertNotEqual(self.asked(), [])

    def test_a_metadata_service_that_does_not_answer_is_told_from_one_that_says_nothing(self):
        self.metadata.close()
        said = self.run_rota("join", status=69)
        self.assertIn("no rota is configured", said)
        self.assertIn("metadata service", said)
        always = ("--zone", "example.com", "--name", story.NAME, "--instance-settings", "always")
        self.assertIn("--instance-settings always: metadata service", self.run_rota("join", *always, status=69))
        self.assertIn("AWS_EC2_METADATA_DISABLED", self.run_rota("join", *always, AWS_EC2_METADATA_DISABLED="true", status=78))
        self.assertIn("no rota is configured", self.run_rota("status", status=4))


if __name__ == "__main__":
    unittest.main(warnings="ignore")
