"""A fleet as it would stand in a data centre: a name server, three instances and their clients, each a machine of its own on one network.
Every instance finds its metadata service (version 2) at its real address; the clients sit behind caches of unbound. As root, in a
user namespace or by sudo; skipped where none is to be had."""

import json
import math
import os
import re
import signal
import time
import unittest

import harness
import machines
import parts

NAME, TTL, MARGIN = "www.example.com", 2, 1
AUTH, CLIENT = "10.77.0.2", "10.77.0.4"
ADDRESSES = {"i-1": "10.77.1.1", "i-2": "10.77.1.2", "i-3": "10.77.1.3"}
WEIGHTS = {"i-1": 10, "i-2": 10, "i-3": 20}

INSTANCE = """
import sys, threading
import parts
name, address = sys.argv[1:]
parts.Metadata({"instance-id": name, "local-ipv4": address}, host="169.254.169.254", port=80)
parts.Service(name, address, 80)
print("ready", flush=True)
threading.Event().wait()
"""

# Reads a command a line, answers each with a line of JSON.
CLIENTS = """
import json, os, sys, types
import harness, parts
address, name, directory, caches = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
server = types.SimpleNamespace(host=address, dns_port=53)
traffic = []
print("ready", flush=True)
for line in sys.stdin:
    word, *arguments = line.split()
    if word == "begin":
        for number in range(caches):
            folder = os.path.join(directory, f"cache{number}")
            os.mkdir(folder)
            resolver = parts.Resolver(server, "example.com", folder, host=f"127.0.0.{number + 10}", port=53)
            traffic.append(parts.Traffic(resolver, name, 80, clients=2))
        said = len(traffic)
    elif word == "counts":
        counts = sum((one.counts for one in traffic), parts.collections.Counter())
        said = {"counts": counts, "failures": [text for one in traffic for text in one.failures]}
    elif word == "draw":
        said = harness.drawn(server, name, int(arguments[0]))
    print(json.dumps(said), flush=True)
"""

WHY_NOT = machines.cannot("unbound", "dig")


class Clients:
    """The machine `cli`: it resolves by three caches and makes requests."""

    def __init__(self, network, directory):
        self.child = parts.python_in(network, "cli", CLIENTS, AUTH, NAME, directory, 3)

    def ask(self, *words):
        self.child.stdin.write(" ".join(map(str, words)) + "\n")
        self.child.stdin.flush()
        return json.loads(self.child.stdout.readline())

    def total(self):
        return sum(self.ask("counts")["counts"].values())

    def more(self, count=100):
        start = self.total()
        harness.eventually(lambda: self.total() >= start + count, f"{count} more requests", 30)


@unittest.skipIf(WHY_NOT, WHY_NOT)
class Fleet(machines.Case):
    HOSTS = {"auth": AUTH, "cli": CLIENT}

    def setUp(self):
        super().setUp()
        self.instances, self.agents = {}, {}
        for name, address in ADDRESSES.items():
            self.network.host(name, address, metadata=True)
            self.instances[name] = parts.python_in(self.network, name, INSTANCE, name, address)
        self.server = parts.NameServer(self.network, "auth", AUTH, self.directory)
        self.clients = Clients(self.network, self.directory)

    def environment(self):
        found = harness.clean_environment(**self.server.environment)
        del found["AWS_EC2_METADATA_DISABLED"]
        return found

    def socket(self, name):
        return self.directory / f"{name}.sock"

    def start_agent(self, name):
        self.agents[name] = harness.Process(
            self.network.command(
                name, harness.ROTA, "agent", "--zone", "example.com", "--name", NAME, "--address", "local-ipv4", "--ttl", TTL,
                "--margin", MARGIN, "--weight", WEIGHTS[name], "--ready", f"http://{ADDRESSES[name]}/", "--socket", self.socket(name),
            ),
            self.directory, name, env=self.environment(),
        )  # fmt: skip
        self.addCleanup(self.agents[name].stop, signal.SIGKILL)

    def status(self, name):
        return self.network.run(name, harness.ROTA, "status", "--socket", self.socket(name)).stdout

    def assert_shares(self, expected):
        """What `rota list` says, and what 2,000 answers of the name server say, within five standard deviations."""
        listed = {name: one["share"] for name, one in self.server.members(NAME).items()}
        self.assertEqual(listed, expected)
        count = 2000
        drawn = self.clients.ask("draw", count)
        self.assertEqual(set(drawn), {ADDRESSES[name] for name in expected})
        for name, share in expected.items():
            deviation = math.sqrt(count * share * (1 - share))
            self.assertAlmostEqual(drawn[ADDRESSES[name]], count * share, delta=5 * deviation, msg=f"{name} in {drawn}")

    def test_three_join_and_one_leaves_without_a_failed_request(self):
        for name in ADDRESSES:
            self.start_agent(name)
        harness.eventually(lambda: set(self.server.members(NAME)) == set(ADDRESSES), "all three have joined", 30)
        members = self.server.members(NAME)
        self.assertEqual({name: one["address"] for name, one in members.items()}, ADDRESSES)
        self.assertEqual({name: one["weight"] for name, one in members.items()}, WEIGHTS)
        for name in ADDRESSES:
            harness.eventually(lambda name=name: "in service" in self.status(name), f"{name} is in service", 10)
        self.assert_shares({"i-1": 0.25, "i-2": 0.25, "i-3": 0.5})

        self.clients.ask("begin")
        harness.eventually(lambda: set(self.clients.ask("counts")["counts"]) == set(ADDRESSES), "all three take traffic", 60)

        drawn = self.clients.ask("draw", 200)  # a member that nobody was sent to would leave at once
        began = time.monotonic()
        self.assertIn(ADDRESSES["i-1"], drawn)
        self.agents["i-1"].child.send_signal(signal.SIGTERM)  # `ip netns exec` became the agent
        harness.eventually(lambda: "i-1" not in self.server.members(NAME), "the record is gone", 20)
        drain = harness.eventually(lambda: re.search(r"draining, safe in (\d+) s", self.status("i-1")), "it says that it drains", 5)
        self.assertLessEqual(int(drain.group(1)), TTL + MARGIN)
        self.assert_shares({"i-2": 1 / 3, "i-3": 2 / 3})
        agent = self.agents["i-1"]
        self.assertEqual(agent.wait(30), 0, agent.output())
        self.assertGreaterEqual(time.monotonic() - began, TTL)
        # The machine goes away the moment that its agent has ended.
        self.instances["i-1"].kill()
        self.instances["i-1"].wait()
        self.network.run("i-1", "ip", "link", "set", "eth0", "down")

        self.clients.more(300)
        seen = self.clients.ask("counts")
        self.assertEqual(seen["failures"][:3], [])
        self.assertIn("drained: no cache holds the address any more", agent.output())
        self.assertEqual(set(self.server.members(NAME)), {"i-2", "i-3"})


if __name__ == "__main__":
    if os.geteuid() != 0 or os.environ.get("ROTA_IN_NAMESPACE"):
        parts.in_a_network_of_its_own()
    machines.run_tests(WHY_NOT)
