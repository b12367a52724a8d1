"""Instances join, take traffic that unbound's clients send them, and leave; not one request fails. Loopback only, no root."""

import json
import os
import re
import signal
import subprocess
import time
import unittest

import harness
import parts

NAME, TTL, MARGIN = "www.example.com", 2, 1


class Story(parts.ServerCase):
    def setUp(self):
        super().setUp()
        self.port = harness.free_port()

    def instance(self, number):
        """A metadata service and a service on an address of its own."""
        address = f"127.77.0.{number}"
        metadata = parts.Metadata({"instance-id": f"i-{number}", "public-ipv4": address, "local-ipv4": address})
        self.addCleanup(metadata.close)
        service = parts.Service(f"i-{number}", address, self.port)
        return metadata, service

    def environment(self, metadata, **extra):
        found = self.server.environment(AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.endpoint, **extra)
        del found["AWS_EC2_METADATA_DISABLED"]
        return found

    def rota(self, command, metadata, *options, check=0, seconds=60):
        words = [harness.ROTA, command, "--zone", "example.com", "--name", NAME, *options]
        run = subprocess.run(words, env=self.environment(metadata), capture_output=True, text=True, timeout=seconds * harness.SLOW)
        if check is not None:
            self.assertEqual(run.returncode, check, run.stdout + run.stderr)
        return run

    def join(self, metadata, *options, **kw):
        return self.rota("join", metadata, "--ttl", f"{TTL}s", *options, **kw)

    def leave(self, metadata, *options, **kw):
        return self.rota("leave", metadata, "--margin", f"{MARGIN}s", *options, **kw)

    def members(self, name=NAME):
        pages = self.client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=self.zone)
        sets = [one for page in pages for one in page["ResourceRecordSets"] if one["Name"] == name + "."]
        return {one["SetIdentifier"]: one for one in sets}

    def draw(self, identifier):
        """Asks until that member is given out: a leave right after it has nearly the whole TTL to wait for."""
        (address,) = (record["Value"] for record in self.members()[identifier]["ResourceRecords"])
        harness.eventually(lambda: address in self.server.dig(NAME, "A").values("A"), f"{identifier} is drawn", 30)

    def traffic(self):
        resolver = parts.Resolver(self.server, "example.com", self.directory)
        self.addCleanup(resolver.close)
        traffic = parts.Traffic(resolver, NAME, self.port)
        self.addCleanup(traffic.close)
        return traffic


class OneInstance(Story):
    """A story of one instance, whose metadata service is `metadata`."""

    def setUp(self):
        super().setUp()
        self.metadata, service = self.instance(1)
        self.addCleanup(service.close)


class JoinAndLeave(Story):
    def test_three_join_and_two_leave_without_a_failed_request(self):
        instances = [self.instance(number) for number in (1, 2, 3)]
        self.join(instances[0][0])
        traffic = self.traffic()
        traffic.more()
        for metadata, _ in instances[1:]:
            self.join(metadata)
        self.assertEqual(set(self.members()), {"i-1", "i-2", "i-3"})
        harness.eventually(lambda: len(traffic.counts) == 3, "all three take traffic", 60)
        for metadata, service in instances[:2]:
            self.leave(metadata)
            # The instance goes away the moment that leave says it may.
            service.close()
            traffic.more()

        self.assertEqual(traffic.failures, [])
        self.assertEqual(set(self.members()), {"i-3"})
        self.addCleanup(instances[2][1].close)

    def watched_among_two(self):
        """The first of two members, when the server has watched its answers for longer than a drain takes."""
        instances = [self.instance(number) for number in (1, 2)]
        for metadata, service in instances:
            self.addCleanup(service.close)
            self.join(metadata)
        began = time.monotonic()
        harness.eventually(lambda: time.monotonic() - began > TTL + MARGIN + 1, "the server has watched for a while", 20)
        return instances[0][0]

    def test_a_member_that_nobody_was_sent_to_leaves_at_once(self):
        metadata = self.watched_among_two()
        run = self.leave(metadata)
        self.assertIn("the address was given to nobody: safe now", run.stdout)

    def test_a_member_that_was_just_given_out_waits_for_the_rest_of_its_ttl(self):
        metadata = self.watched_among_two()
        self.draw("i-1")
        drawn = time.monotonic()
        self.leave(metadata)
        self.assertGreaterEqual(time.monotonic() - drawn, TTL + MARGIN - 0.2)

    def test_joining_twice_changes_nothing(self):
        metadata, service = self.instance(1)
        self.addCleanup(service.close)
        self.join(metadata)
        before = self.members()
        self.join(metadata)
        self.assertEqual(self.members(), before)
        self.assertEqual(before["i-1"]["Weight"], 10)

    def test_leave_deletes_what_is_stored_whatever_it_is_now(self):
        (one, service), (two, other) = self.instance(1), self.instance(2)
        self.addCleanup(service.close)
        self.addCleanup(other.close)
        self.join(one)
        self.join(two)
        changed = dict(self.members()["i-1"], Weight=77, TTL=1)
        harness.change(self.client, self.zone, ("UPSERT", changed))
        self.leave(one)
        self.assertEqual(set(self.members()), {"i-2"})
        again = self.leave(one)
        self.assertEqual(again.returncode, 0, "already gone is success")

    def test_dry_run_changes_nothing(self):
        metadata, service = self.instance(1)
        self.addCleanup(service.close)
        said = self.join(metadata, "--dry-run")
        self.assertIn("127.77.0.1", said.stdout + said.stderr)
        self.assertEqual(self.members(), {})
        self.join(metadata)
        self.leave(metadata, "--dry-run")
        self.assertEqual(set(self.members()), {"i-1"})

    def test_the_last_member_is_kept_when_asked_to(self):
        metadata, service = self.instance(1)
        self.addCleanup(service.close)
        self.join(metadata)
        refused = self.leave(metadata, "--last", "refuse", check=None)
        self.assertNotEqual(refused.returncode, 0)
        self.assertEqual(set(self.members()), {"i-1"})
        self.leave(metadata, "--last", "remove")
        self.assertEqual(self.members(), {})

    def test_the_deadline_ends_with_75_when_the_api_is_gone(self):
        metadata, service = self.instance(1)
        self.addCleanup(service.close)
        self.join(metadata)
        # Stopped, not ended: connections are taken by the kernel and never answered.
        self.server.process.child.send_signal(signal.SIGSTOP)
        try:
            run = self.leave(metadata, "--deadline", "4s", "--last", "remove", check=75)
        finally:
            self.server.process.child.send_signal(signal.SIGCONT)
        self.assertIn(NAME, run.stdout + run.stderr)

    def test_taking_over_an_identifier_is_said_loudly(self):
        (one, service), (two, other) = self.instance(1), self.instance(2)
        self.addCleanup(service.close)
        self.addCleanup(other.close)
        self.join(one, "--set-identifier", "web")
        taken = self.join(two, "--set-identifier", "web")
        self.assertIn("the set identifier is in use: was 127.77.0.1, becomes 127.77.0.2", taken.stderr)

    def test_an_address_that_nobody_can_reach_is_said(self):
        metadata, service = self.instance(1)
        self.addCleanup(service.close)
        self.assertIn("no client can reach 0.0.0.0", self.join(metadata, "--address", "0.0.0.0").stderr)
        self.assertNotIn("no client", self.join(metadata, "--address", "127.0.0.1").stderr)

    def test_no_metadata_is_an_error_and_no_record(self):
        metadata, service = self.instance(1)
        service.close()
        del metadata.items["public-ipv4"]
        run = self.join(metadata, check=None)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("public-ipv4", run.stderr)
        self.assertEqual(self.members(), {})

    def test_version_1_of_the_metadata_service_only_when_asked(self):
        metadata, service = self.instance(1)
        self.addCleanup(service.close)
        self.join(metadata)
        self.assertTrue(all(with_token for _, with_token in metadata.requests), metadata.requests)

    def test_several_rotas_at_once(self):
        metadata, service = self.instance(1)
        self.addCleanup(service.close)
        both = ["--rota", f"name={NAME},type=A", "--rota", "name=six.example.com,type=AAAA,address=2001:db8::7"]
        run = subprocess.run(
            [harness.ROTA, "join", "--zone", "example.com", *both], env=self.environment(metadata), capture_output=True, text=True,
            timeout=60 * harness.SLOW,
        )  # fmt: skip
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertEqual(list(self.members()), ["i-1"])
        self.assertEqual(self.server.dig("six.example.com", "AAAA").values(), ["2001:db8::7"])

    def test_json_is_one_object(self):
        metadata, service = self.instance(1)
        self.addCleanup(service.close)
        joined = json.loads(self.join(metadata, "--json").stdout)
        self.assertIsInstance(joined, dict)
        listed = subprocess.run(
            [harness.ROTA, "list", NAME, "--json"], env=self.environment(metadata), capture_output=True, text=True, timeout=30 * harness.SLOW
        )
        self.assertEqual(listed.returncode, 0, listed.stderr)
        self.assertIn("127.77.0.1", listed.stdout)
        json.loads(listed.stdout)
        shown = subprocess.run(
            [harness.ROTA, "list", NAME], env=self.environment(metadata), capture_output=True, text=True, timeout=30 * harness.SLOW
        )
        self.assertRegex(shown.stdout, r"i-1.*127\.77\.0\.1")
        self.assertRegex(shown.stdout, r"100(\.0+)? ?%")


class Agent(Story):
    def agent(self, metadata, *options, name="agent"):
        words = [
            harness.ROTA, "agent", "--zone", "example.com", "--name", NAME, "--ttl", f"{TTL}s", "--margin", f"{MARGIN}s",
            "--socket", os.path.join(self.directory, f"{name}.sock"), *options,
        ]  # fmt: skip
        started = harness.Process(words, self.directory, name, env=self.environment(metadata))
        self.addCleanup(started.stop, signal.SIGKILL)
        return started

    def test_it_joins_when_ready_stays_and_leaves_on_sigterm(self):
        stays, service = self.instance(9)
        self.addCleanup(service.close)
        self.join(stays)
        traffic = self.traffic()
        metadata, ours = self.instance(1)
        agent = self.agent(metadata, "--ready", f"tcp://127.77.0.1:{self.port}")
        harness.eventually(lambda: "i-1" in self.members(), "the agent joins")
        harness.eventually(lambda: traffic.counts["i-1"], "it takes traffic", 30)
        began = time.monotonic()
        self.assertEqual(agent.stop(), 0, agent.output())
        ours.close()
        self.assertGreaterEqual(time.monotonic() - began, TTL + MARGIN)
        traffic.more()
        self.assertEqual(traffic.failures, [])
        self.assertEqual(set(self.members()), {"i-9"})

    def test_leave_says_what_the_agent_decides(self):
        metadata, service = self.instance(1)
        self.addCleanup(service.close)
        agent = self.agent(metadata, "--deadline", "100s")
        harness.eventually(lambda: "i-1" in self.members(), "the agent joins")
        socket = ["--socket", os.path.join(self.directory, "agent.sock")]
        for words in (self.leave, lambda *given, **kw: self.rota("leave", *given, **kw)):
            rehearsed = words(metadata, *socket, "--deadline", "4", "--dry-run", check=0)
            self.assertIn("with its own margin 1 s and deadline 100 s", rehearsed.stdout)
            self.assertIn(f"drain for {TTL + MARGIN} s after INSYNC", rehearsed.stdout)
            self.assertIn("the name would have no address from then on", rehearsed.stderr)
            self.assertIn("--deadline has no effect", rehearsed.stderr)
        self.assertEqual(set(self.members()), {"i-1"})
        bare = subprocess.run(
            [harness.ROTA, "leave", "--dry-run", *socket], env=self.environment(metadata), capture_output=True, text=True, timeout=60
        )
        self.assertIn(f"would delete 127.77.0.1 TTL {TTL} s and drain for {TTL + MARGIN} s", bare.stdout, bare.stderr)
        left = self.rota("leave", metadata, *socket, "--deadline", "4", check=0)
        self.assertIn("--deadline has no effect: the agent on this instance does the leaving, with its own, 100 s", left.stderr)
        self.assertNotIn("--margin", left.stderr)
        self.assertEqual(agent.wait(), 0)

    def test_it_waits_for_readiness(self):
        metadata, service = self.instance(1)
        service.close()
        agent = self.agent(metadata, "--ready", f"http://127.77.0.1:{self.port}/", "--ready-interval", "1s")
        harness.eventually(lambda: re.search("(?i)readiness", agent.output()), "it says that it waits")
        self.assertEqual(self.members(), {})
        ready = parts.Service("i-1", "127.77.0.1", self.port)
        self.addCleanup(ready.close)
        harness.eventually(lambda: "i-1" in self.members(), "it joins once the service answers", 20)
        self.assertEqual(agent.stop(), 0, agent.output())
        self.assertEqual(self.members(), {})


if __name__ == "__main__":
    unittest.main(warnings="ignore")
