"""The agent where things go wrong: no API, no metadata, a lost record, a second agent, an API that swallows everything."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import unittest
import urllib.request

import harness
import parts
import test_join_leave as story

NAME = story.NAME


class BlackHole:
    """Takes connections and never says a word."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.taken = []
        threading.Thread(target=self.take, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}"

    def take(self):
        while True:
            try:
                self.taken.append(self.listener.accept()[0])
            except OSError:
                return

    def close(self):
        self.listener.close()
        for one in self.taken:
            one.close()


class AgentCase(story.Story):
    def setUp(self):
        super().setUp()
        self.socket = os.path.join(self.directory, "agent.sock")
        self.metadata = self.metadata_of(1)

    def metadata_of(self, number):
        made = parts.Metadata({"instance-id": f"i-{number}", "public-ipv4": f"192.0.2.{number}"})
        self.addCleanup(made.close)
        return made

    def agent(self, *options, name="agent", metadata=None, **environment):
        words = [harness.ROTA, "agent", "--zone", "example.com", "--name", NAME, "--ttl", f"{story.TTL}s"]
        words += ["--margin", f"{story.MARGIN}s", "--socket", self.socket, *options]
        variables = {**self.environment(metadata or self.metadata), **environment}
        started = harness.Process(words, self.directory, name, env=variables)
        self.addCleanup(started.stop, signal.SIGKILL)
        return started

    def joined(self, identifier="i-1"):
        return harness.eventually(lambda: self.members().get(identifier), f"{identifier} is in the rota", 30)

    def command(self, *words, metadata=None, seconds=60):
        return subprocess.run(
            [harness.ROTA, *words, "--socket", self.socket],
            env=self.environment(metadata or self.metadata), capture_output=True, text=True, timeout=seconds * harness.SLOW,
        )  # fmt: skip


class Agent(AgentCase):
    def test_the_operator_is_told_when_a_drain_begins_and_ends(self):
        told = os.path.join(self.directory, "told")
        tell = f"""echo "$1 $2" >> {told}; test "$1" = begin"""
        agent = self.agent("--drain-begin", tell, "--drain-end", tell)
        self.joined()
        self.assertEqual(agent.stop(), 0, agent.output())
        with open(told, encoding="utf-8") as file:
            self.assertEqual(file.read(), "begin SIGTERM\nend SIGTERM\n")
        self.assertIn("drain-end: ", agent.output())
        self.assertIn("ended with 1", agent.output())

    def test_it_restores_what_someone_deleted_and_leaves_a_weight_alone(self):
        agent = self.agent("--watch-interval", "1s")
        record = self.joined()
        harness.change(self.client, self.zone, ("DELETE", record))
        self.assertEqual(self.joined()["Weight"], 10)
        self.assertIn("deleted by someone else", agent.output())
        record["Weight"] = 77
        harness.change(self.client, self.zone, ("UPSERT", record))
        harness.eventually(lambda: "from 10 to 77" in agent.output(), "it sees the operator's weight", 30)
        self.assertEqual(self.members()["i-1"]["Weight"], 77)
        self.assertEqual(agent.stop(), 0, agent.output())
        self.assertEqual(self.members(), {})

    def metric(self, name):
        with urllib.request.urlopen(f"{self.server.endpoint}/metrics") as page:
            found = re.search(rf"^{name} (\d+)", page.read().decode(), re.M)
        return int(found[1]) if found else 0

    def test_it_holds_a_lease_while_it_lives(self):
        agent = self.agent("--lease", "3s")
        self.joined()
        harness.eventually(lambda: self.metric("rota_leases_held") == 1, "its lease is held", 30)
        agent.stop(signal.SIGKILL)
        harness.eventually(lambda: self.metric("rota_leases_expired_total") == 1, "the lease runs out", 30)

    def test_it_joins_when_the_api_comes_up(self):
        self.server.stop()
        agent = self.agent()
        harness.eventually(lambda: "in a row" in agent.output(), "it says that it cannot reach the API", 30)
        self.server.start()
        self.joined()
        self.assertEqual(agent.stop(), 0, agent.output())

    def test_it_joins_when_the_metadata_comes(self):
        self.metadata.items.clear()
        agent = self.agent()
        harness.eventually(lambda: "public-ipv4" in agent.output(), "it says what is missing", 30)
        self.assertEqual(self.members(), {})
        self.metadata.items.update({"instance-id": "i-1", "public-ipv4": "192.0.2.1"})
        self.assertEqual(self.joined()["ResourceRecords"], [{"Value": "192.0.2.1"}])

    def test_garbled_metadata_never_makes_a_record(self):
        for text in ("", "<html>not found</html>", "2001:db8::1"):
            self.metadata.items["public-ipv4"] = text
            run = self.join(self.metadata, check=65)
            self.assertIn("no IPv4 address", run.stderr)
        self.assertEqual(self.members(), {})

    def test_a_second_boot_with_another_address_takes_the_same_place(self):
        first = self.agent()
        self.joined()
        first.stop(signal.SIGKILL)  # a crash: nothing has left
        self.metadata.items["public-ipv4"] = "192.0.2.99"
        second = self.agent(name="second")
        harness.eventually(lambda: self.joined()["ResourceRecords"] == [{"Value": "192.0.2.99"}], "the new address", 30)
        self.assertEqual(len(self.members()), 1)
        self.assertEqual(second.stop(), 0, second.output())

    def test_it_wakes_from_hibernation_with_another_address(self):
        agent = self.agent("--watch-interval", "1s")
        record = self.joined()
        agent.child.send_signal(signal.SIGSTOP)
        harness.change(self.client, self.zone, ("DELETE", record))  # swept, meanwhile
        self.metadata.items["public-ipv4"] = "192.0.2.77"
        agent.child.send_signal(signal.SIGCONT)
        harness.eventually(lambda: self.joined()["ResourceRecords"] == [{"Value": "192.0.2.77"}], "the new address", 60)
        self.metadata.items["public-ipv4"] = "192.0.2.78"  # an Elastic IP
        harness.eventually(lambda: self.joined()["ResourceRecords"] == [{"Value": "192.0.2.78"}], "the next address", 60)
        self.assertIn("the instance's address is 192.0.2.78 instead of 192.0.2.77 now", agent.output())
        self.assertEqual(agent.stop(), 0, agent.output())
        self.assertEqual(self.members(), {})

    def test_two_clones_with_one_set_identifier_say_so_and_do_not_fight_for_ever(self):
        common = ("--watch-interval", "1s", "--set-identifier", "baked-in")
        one = self.agent(*common)
        self.joined("baked-in")
        socket = os.path.join(self.directory, "two.sock")
        two = self.agent(*common, "--socket", socket, name="two", metadata=self.metadata_of(2))
        harness.eventually(lambda: "if another instance has it, give each its own" in two.output(), "the newcomer says so", 30)
        told = "was changed to 192.0.2.2 by someone else who uses this set identifier: restoring it"
        harness.eventually(lambda: told in one.output(), "the first one says so", 30)
        harness.eventually(lambda: "in a row, restoring it in" in one.output() + two.output(), "they slow down", 60)
        self.assertEqual(len(self.members()), 1)

    def test_a_second_agent_on_the_same_socket_is_refused(self):
        self.agent()
        self.joined()
        second = self.agent(name="second")
        self.assertEqual(second.wait(), 73)
        self.assertIn("another agent answers", second.output())
        self.assertEqual(set(self.members()), {"i-1"})

    def test_a_black_hole_ends_at_the_deadline_with_75_and_what_is_still_there(self):
        self.join(self.metadata)
        hole = BlackHole()
        self.addCleanup(hole.close)
        began = time.monotonic()
        run = self.leave(self.metadata, "--deadline", "3s", "--endpoint-url", hole.url, check=75)
        self.assertLess(time.monotonic() - began, 10 * harness.SLOW)
        self.assertIn("has not been deleted", run.stderr)
        self.assertRegex(run.stderr, rf"no answer from the metadata service or {re.escape(hole.url)} to ListHostedZonesByName for [23] s")
        again = self.leave(self.metadata, "--deadline", "2s", "--endpoint-url", hole.url, "--set-identifier", "i-1", "--address", "192.0.2.1",
                           "--json", check=75)  # fmt: skip
        (shown,) = json.loads(again.stdout)["rotas"]
        self.assertEqual((shown["zone"], shown["set_identifier"], shown["address"]), ("example.com", "i-1", "192.0.2.1"))
        self.assertEqual(shown["error"]["kind"], "timeout")
        self.assertIn(hole.url, shown["error"]["message"])
        self.assertRegex(again.stderr, r"www\.example\.com\. A i-1: the deadline of 2 s has passed; still: .*( for [12] s|timed out)")
        self.assertEqual(set(self.members()), {"i-1"})

    def test_an_agent_stopped_over_a_black_hole_ends_with_75(self):
        hole = BlackHole()
        self.addCleanup(hole.close)
        agent = self.agent("--deadline", "2s", AWS_ENDPOINT_URL_ROUTE_53=hole.url)
        harness.eventually(lambda: hole.taken, "it asks", 30)
        self.assertEqual(agent.stop(), 75, agent.output())
        self.assertIn("has not been deleted", agent.output())

    def test_a_second_sigterm_ends_at_once(self):
        agent = self.agent("--margin", "60s")
        self.joined()
        agent.child.send_signal(signal.SIGTERM)
        harness.eventually(lambda: "draining for" in agent.output(), "it drains", 30)


        def ended():  # the first ones may be within the half second of repeats
            if agent.child.poll() is None:
                agent.child.send_signal(signal.SIGTERM)
            return agent.child.poll() is not None

        harness.eventually(ended, "it ends", 20)
        self.assertEqual(agent.wait(), 75)
        self.assertRegex(agent.output(), r"ends at once on SIGTERM; draining, safe in \d+ s")

    def test_repeats_of_a_signal_are_one(self):
        agent = self.agent()
        self.joined()
        for _ in range(10):
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                agent.child.send_signal(number)
        self.assertEqual(agent.wait(), 0, agent.output())
        self.assertEqual(self.members(), {})

    def test_leave_makes_the_agent_leave(self):
        agent = self.agent()
        self.joined()
        run = self.command("leave", "--zone", "example.com", "--name", NAME, "--json")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        told = json.loads(run.stdout)
        self.assertEqual((told["exit_status"], told["rotas"][0]["phase"]), (0, "gone"))
        self.assertEqual(agent.wait(), 0, agent.output())
        self.assertIn("rota leave by uid", agent.output())
        self.assertEqual(self.members(), {})

    def test_the_last_member_is_kept_by_leave_on_request_and_removed_on_sigterm(self):
        agent = self.agent()
        self.joined()
        run = self.command("leave", "--zone", "example.com", "--name", NAME, "--last", "refuse")
        self.assertEqual(run.returncode, 73, run.stdout + run.stderr)
        self.assertIsNone(agent.child.poll(), "it goes on")
        self.assertEqual(set(self.members()), {"i-1"})
        self.assertEqual(agent.stop(), 0)
        self.assertEqual(self.members(), {})

    def test_status_by_the_agent_and_by_the_api(self):
        self.assertEqual(self.command("status").returncode, 4)
        agent = self.agent()
        self.joined()
        harness.eventually(lambda: self.command("status").returncode == 0, "in service", 30)
        shown = self.command("status").stdout
        self.assertRegex(shown, r"www\.example\.com\. A i-1: in service \(192\.0\.2\.1 weight 10 TTL 2 s\)")
        told = json.loads(self.command("status", "--json").stdout)
        self.assertEqual(told["rotas"][0]["address"], "192.0.2.1")
        self.assertEqual(oct(os.stat(self.socket).st_mode & 0o777), "0o600")
        agent.stop()
        without = self.command("status", "--zone", "example.com", "--name", NAME)
        self.assertEqual(without.returncode, 3)
        self.assertIn("not in the rota", without.stdout)

    def test_it_tells_the_service_manager(self):
        path = os.path.join(self.directory, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(path)
            manager.settimeout(30)
            agent = self.agent(NOTIFY_SOCKET=path)
            said = ""
            while "READY=1" not in said:
                said += manager.recv(4096).decode() + "\n"
            self.assertIn("i-1", self.members(), "READY means that it is in")
            self.draw("i-1")
            self.assertEqual(agent.stop(), 0, agent.output())
            manager.setblocking(False)
            try:
                while True:
                    said += manager.recv(4096).decode() + "\n"
            except BlockingIOError:
                pass
        self.assertIn("STOPPING=1", said)
        self.assertIn("EXTEND_TIMEOUT_USEC=", said)
        self.assertIn("STATUS=draining, safe in", said)

    def test_two_agents_two_members_and_a_ttl_that_the_group_decides(self):
        self.join(self.metadata_of(2), "--ttl", "1s", check=0)
        agent = self.agent("--ttl", "60s")
        self.assertEqual(self.joined()["TTL"], 1)
        self.assertIn("adopted", agent.output())

    def test_its_settings_come_from_a_file(self):
        config = os.path.join(self.directory, "agent.toml")
        with open(config, "w", encoding="utf-8") as out:
            out.write(f'zone = "example.com"\nttl = "{story.TTL}s"\nmargin = {story.MARGIN}\nsocket = "{self.socket}"\n')
            out.write('[[rota]]\nname = "a.example.com"\nweight = 3\n[[rota]]\nname = "b.example.com"\naddress = "192.0.2.44"\n')
        process = harness.Process([harness.ROTA, "agent", "--config", config], self.directory, "agent", env=self.environment(self.metadata))
        self.addCleanup(process.stop, signal.SIGKILL)
        harness.eventually(lambda: self.members("a.example.com") and self.members("b.example.com"), "both are in", 30)
        self.assertEqual(self.members("a.example.com")["i-1"]["Weight"], 3)
        self.assertEqual(process.stop(), 0, process.output())
        self.assertEqual((self.members("a.example.com"), self.members("b.example.com")), ({}, {}))

    def test_list_goes_on_beyond_a_page_of_300(self):
        for first in (0, 160):
            changes = [
                ("CREATE", harness.record_set(f"n{n}.example.com", "A", "192.0.2.1", identifier="x", weight=1))
                for n in range(first, first + 160)
            ]
            harness.change(self.client, self.zone, *changes)
        changes = [("CREATE", harness.record_set(NAME, "A", f"192.0.2.{n}", identifier=f"i-{n:03}", weight=n % 3)) for n in range(100)]
        harness.change(self.client, self.zone, *changes)
        run = subprocess.run([harness.ROTA, "list", NAME, "--json"], env=self.environment(self.metadata), capture_output=True, text=True, timeout=60)
        members = json.loads(run.stdout)["rotas"][0]["members"]
        self.assertEqual([one["set_identifier"] for one in members], [f"i-{n:03}" for n in range(100)])
        self.assertAlmostEqual(sum(one["share"] for one in members), 1)
        over = self.join(self.metadata, check=73)
        self.assertIn("the rota is full", over.stderr)
        self.assertNotIn("members with this one", over.stderr, "nobody counts one that does not fit")

    def test_a_name_that_a_simple_record_holds(self):
        harness.change(self.client, self.zone, ("CREATE", harness.record_set(NAME, "A", "192.0.2.7")))
        for options in ((), ("--no-read",)):
            run = self.join(self.metadata, *options, check=73)
            self.assertRegex(run.stderr, "a rota needs weighted record sets alone")


if __name__ == "__main__":
    unittest.main(warnings="ignore")
