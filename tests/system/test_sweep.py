"""Members that die without leaving, and `rota sweep` against a real `rota serve`: who goes, who stays, and why."""

import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time
import unittest
import urllib.parse
import urllib.request

import harness
from harness import change, record_set
from test_rota_api import botocore

# Ports are the kernel's, so every member is an address of its own on one port.
HOSTS = [f"127.0.1.{number}" for number in range(1, 13)]


class Door:
    """What a probe knocks at: a listening socket at one address."""

    def __init__(self, host, port=0):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((host, port))
        self.socket.listen(64)
        self.port = self.socket.getsockname()[1]

    def close(self):
        self.socket.close()


class Heartbeats:
    """Keeps members' leases until they are stopped, as their agents would."""

    def __init__(self, server, zone, name, identifiers, lease=1, probe=None):
        self.server, self.zone, self.name, self.lease, self.probe = server, zone.split("/")[-1], name, lease, probe
        self.identifiers = set(identifiers)
        self.end = threading.Event()
        self.beat()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def beat(self):
        for identifier in sorted(self.identifiers):
            body = {"zone": self.zone, "name": self.name, "type": "A", "set_identifier": identifier, "lease_seconds": self.lease}
            if self.probe:
                body["probe"] = self.probe
            botocore(self.server, "/rota/v1/heartbeats", "POST", json.dumps(body).encode())

    def run(self):
        while not self.end.wait(self.lease / 4):
            self.beat()

    def stop(self):
        self.end.set()
        self.thread.join()


class Aws:
    """As much of EC2 and Auto Scaling as says which instances there are; `instances` of nothing: not allowed."""

    def __init__(self):
        self.instances, self.groups, self.requests = {}, {}, []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                owner.requests.append(form)
                status, body = owner.answer(form)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body.encode())))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def environment(self):
        url = f"http://127.0.0.1:{self.server.server_address[1]}"
        return {"AWS_ENDPOINT_URL_EC2": url, "AWS_ENDPOINT_URL_AUTO_SCALING": url}

    def answer(self, form):
        if form["Action"] == ["DescribeInstances"]:
            if self.instances is None:
                return 403, "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>no</Message></Error></Errors></Response>"
            asked = {value for key, values in form.items() if ".Value." in key for value in values}
            items = "".join(
                f"<item><instanceId>{one}</instanceId><instanceState><code>0</code><name>{state}</name></instanceState></item>"
                for one, state in self.instances.items() if one in asked
            )  # fmt: skip
            return 200, (
                '<DescribeInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><reservationSet><item><instancesSet>'
                f"{items}</instancesSet></item></reservationSet></DescribeInstancesResponse>"
            )
        names = [values[0] for key, values in form.items() if key.startswith("AutoScalingGroupNames")]
        groups = "".join(
            f"<member><AutoScalingGroupName>{name}</AutoScalingGroupName><Instances>"
            + "".join(
                f"<member><InstanceId>{one}</InstanceId><LifecycleState>{state}</LifecycleState><HealthStatus>Healthy</HealthStatus></member>"
                for one, state in self.groups[name].items()
            )
            + "</Instances></member>"
            for name in names if name in self.groups
        )  # fmt: skip
        return 200, (
            '<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"><DescribeAutoScalingGroupsResult>'
            f"<AutoScalingGroups>{groups}</AutoScalingGroups></DescribeAutoScalingGroupsResult></DescribeAutoScalingGroupsResponse>"
        )


class Witnesses(unittest.TestCase):
    def said(self, *options):
        """What a sweeper says at Route 53, whom it does not reach."""
        environment = harness.clean_environment(
            AWS_REGION="us-east-1", AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="secret", HTTPS_PROXY="http://127.0.0.1:1"
        )
        command = [harness.ROTA, "sweep", "--config", "/dev/null", "--zone", "Z1", "--name", "www.example.com", "--once", *options]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60 * harness.SLOW)
        self.assertNotEqual(run.returncode, 0)
        return run.stderr

    def test_that_can_never_be_enough_are_told_at_the_start(self):
        probe = ("--probe", "tcp://{address}:80")
        for options in ((), probe, ("--fleet", "asg:web"), ("--fleet", "list:i-1")):
            self.assertIn("nobody will be removed", self.said(*options), options)
        for options in (("--fleet", "ec2"), ("--fleet", "asg:web", *probe), ("--fleet", "file:/none")):
            self.assertNotIn("nobody will be removed", self.said(*options), options)


class Denying:
    """A door before the API through which no change goes while it `denies`."""

    REFUSAL = b"<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"

    def __init__(self, endpoint):
        self.denies, owner = True, self

        class Handler(http.server.BaseHTTPRequestHandler):
            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if owner.denies and self.command == "POST":
                    status, answer = 403, owner.REFUSAL
                else:
                    connection = http.client.HTTPConnection(endpoint.split("//")[1], timeout=30)
                    connection.request(self.command, self.path, body, dict(self.headers.items()))
                    reply = connection.getresponse()
                    status, answer = reply.status, reply.read()
                    connection.close()
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST = pass_on

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()


def fetch(port):
    """The metrics of a sweeper."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{port}/metrics", timeout=10).read().decode()


class Sweep(unittest.TestCase):
    """One server for all; a zone and a rota a test."""

    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server().start()
        cls.addClassCleanup(cls.server.close)
        cls.client = cls.server.boto3()

    def setUp(self):
        self.zone_name = re.sub(r"[^a-z]", "", self.id().split(".")[-1])[:50] + ".test"
        self.zone = self.server.zone(self.zone_name, self.client)
        self.name = "www." + self.zone_name
        self.doors = {}
        self.port = 0
        self.fleet = pathlib.Path(self.server.directory) / f"{self.zone_name}.fleet"

    def add(self, *identifiers, weight=10):
        for identifier in identifiers:
            host = HOSTS[len(self.doors)]
            door = Door(host, self.port)
            self.addCleanup(door.close)
            self.port = door.port
            self.doors[identifier] = door
            change(self.client, self.zone, ("CREATE", record_set(self.name, "A", host, identifier=identifier, weight=weight)))

    def agent(self, identifier):
        """A member whose agent is a real one."""
        host = HOSTS[len(self.doors)]
        self.doors[identifier] = Door(host, self.port)
        self.addCleanup(self.doors[identifier].close)
        process = harness.Process(
            [harness.ROTA, "agent", "--zone", self.zone_name, "--name", self.name, "--address", host, "--set-identifier", identifier,
             "--socket", pathlib.Path(self.server.directory) / f"{identifier}.sock", "--margin", "1"],
            self.server.directory, f"{self.zone_name}-agent", env=self.server.environment(ROTA_AGENT_CONFIG="/dev/null"),
        )  # fmt: skip
        self.addCleanup(process.stop, signal.SIGKILL)
        harness.eventually(lambda: identifier in self.members(), process.output)
        return process

    def beats(self, *identifiers, **options):
        beats = Heartbeats(self.server, self.zone, self.name, identifiers, **options)
        self.addCleanup(beats.stop)
        return beats

    def members(self):
        listed = self.client.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        return {one.get("SetIdentifier") for one in listed if one["Name"] == self.name + "."}

    def words(self, *options):
        return [harness.ROTA, "sweep", "--zone", self.zone_name, "--name", self.name, "--type", "A", *map(str, options)]

    def probe(self):
        return ["--probe", "tcp://{address}:" + str(self.port), "--probe-interval", "1"]

    def sweeper(self, *options, number=1, endpoints=(), interval=1):
        process = harness.Process(
            self.words("--interval", interval, *options), self.server.directory, f"{self.zone_name}-{number}",
            env={**self.server.environment(ROTA_SWEEP_CONFIG="/dev/null"), **dict(endpoints)},
        )  # fmt: skip
        self.addCleanup(process.stop)
        harness.eventually(lambda: "event=ready" in process.output(), process.output)
        return process

    def once(self, *options, status=0, endpoints=()):
        run = subprocess.run(
            self.words("--once", *options), capture_output=True, text=True, timeout=60 * harness.SLOW,
            env=self.server.environment(ROTA_SWEEP_CONFIG="/dev/null", **dict(endpoints)),
        )  # fmt: skip
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run

    def old_server(self):
        """No lease counts as run out within the server's first half minute."""
        def uptime():
            return botocore(self.server, f"/rota/v1/leases?zone={self.zone.split('/')[-1]}")[1]["server_uptime_seconds"]

        harness.eventually(lambda: uptime() > 31, "the server is up for half a minute", 40)

    def remembered(self, path):
        """The members in a sweeper's memory, by set identifier."""
        if not path.exists():
            return {}
        (rota,) = json.loads(path.read_text())["rotas"]
        return {one["set_identifier"]: one for one in rota["members"]}

    def test_a_sweeper_that_was_killed_remembers_who_was_alive(self):
        self.add("i-1", "i-2")
        self.fleet.write_text("i-1\ni-2\n")
        options = [*self.probe(), "--fleet", f"file:{self.fleet}", "--young", "1"]
        memory = pathlib.Path(self.server.directory) / self.zone_name / "memory.json"
        first = self.sweeper(*options, "--memory", memory)
        harness.eventually(lambda: self.remembered(memory).get("i-2", {}).get("alive"), "i-2 is remembered alive", 30)
        first.stop(signal.SIGKILL)
        # It dies while nobody looks.
        self.fleet.write_text("i-1\n")
        self.doors["i-2"].close()
        second = self.sweeper(*options, "--memory", memory, number=2)
        harness.eventually(lambda: self.members() == {"i-1"}, second.output, 60)
        harness.eventually(lambda: "the probe has failed" in second.output(), "it says why", 30)
        harness.eventually(lambda: "i-2" not in self.remembered(memory), "it is forgotten", 30)

    def test_a_sweeper_that_is_killed_between_polls_counts_them_together(self):
        self.add("i-1", "i-2")
        self.fleet.write_text("i-1\ni-2 terminated\n")
        memory = pathlib.Path(self.server.directory) / self.zone_name / "memory.json"
        # An interval so long that one process never polls twice.
        sweeper = self.sweeper("--fleet", f"file:{self.fleet}", "--memory", memory, interval=3600)
        harness.eventually(lambda: self.remembered(memory).get("i-2", {}).get("terminated_polls") == 1, "the first poll is remembered", 30)
        sweeper.stop(signal.SIGKILL)
        self.assertEqual(self.members(), {"i-1", "i-2"})
        sweeper = self.sweeper("--fleet", f"file:{self.fleet}", "--memory", memory, number=2)
        harness.eventually(lambda: self.members() == {"i-1"}, sweeper.output, 60)

    def test_a_memory_that_makes_no_sense_is_passed_over(self):
        self.add("i-1", "i-2")
        memory = pathlib.Path(self.server.directory) / self.zone_name / "memory.json"
        memory.parent.mkdir()
        memory.write_text("[" * 100000)
        sweeper = self.sweeper(*self.probe(), "--memory", memory)
        self.assertIn("begins anew", sweeper.output())
        harness.eventually(lambda: memory.read_text().startswith('{"version":1'), "it is written anew", 30)

    def test_a_dead_probe_and_a_lease_that_ran_out_remove_a_member(self):
        self.old_server()
        self.add("i-1", "i-3")
        agent = self.agent("i-2")
        beats = self.beats("i-1", "i-2", "i-3")
        metrics_port = harness.free_port()
        sweeper = self.sweeper(*self.probe(), "--metrics", f"127.0.0.1:{metrics_port}")
        time_of_life = time.monotonic() + 1.5
        harness.eventually(lambda: time.monotonic() > time_of_life, "each was probed alive once")
        agent.stop(signal.SIGKILL)
        self.doors["i-2"].close()
        beats.identifiers -= {"i-2"}
        died = time.monotonic()
        harness.eventually(lambda: self.members() == {"i-1", "i-3"}, sweeper.output, 20)
        self.assertLess(time.monotonic() - died, 12 * harness.SLOW)
        line = harness.eventually(
            lambda: next((line for line in sweeper.output().splitlines() if 'event="removed a dead member"' in line), None), sweeper.output
        )
        self.assertIn("set_identifier=i-2", line)
        self.assertRegex(line, r"reason=\"the probe has failed 3 times in a row, for [0-9.]+ s: .*; the lease ran out [0-9.]+ s ago\"")
        self.assertGreater(float(re.search(r"dangled_seconds=([0-9.]+)", line).group(1)), 0.9)
        shown = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"http://127.0.0.1:{metrics_port}/metrics", timeout=10).read().decode()
        self.assertIn(f'rota_sweep_removals_total{{name="{self.name}.",type="A"}} 1\n', shown)
        self.assertIn(f'rota_sweep_members{{name="{self.name}.",type="A"}} 2\n', shown)
        self.assertEqual(sweeper.stop(), 0, sweeper.output())

    def test_a_lease_that_runs_out_during_a_probe_counts_right_after_it(self):
        self.old_server()
        self.add("i-1", "i-2", "i-3")
        beats = self.beats("i-1", "i-2", "i-3")
        # A dead machine does not answer: the probe takes its timeout of 2 s, the lease less.
        place = pathlib.Path(self.server.directory) / self.zone_name
        place.mkdir()
        probe = place / "probe"
        probe.write_text('test ! -e "$0.$1" || { echo >>"$0.$1"; exec sleep 60; }\n')
        dead = place / f"probe.{HOSTS[1]}"
        sweeper = self.sweeper("--probe", f"exec:sh {probe} {{address}}", "--probe-interval", "10", "--fall", "1")
        dead.touch()
        harness.eventually(dead.read_text, "it is probed", 30)
        beats.identifiers -= {"i-2"}
        harness.eventually(lambda: self.members() == {"i-1", "i-3"}, sweeper.output, 60)
        self.assertEqual(dead.read_text(), "\n", "it is not probed once more")

    def test_the_heartbeat_says_where_to_probe(self):
        self.old_server()
        self.add("i-1", "i-2")
        beats = self.beats("i-1", "i-2", probe={"port": self.port})
        sweeper = self.sweeper("--probe-interval", "1", "--fall", "1")
        time_of_life = time.monotonic() + 2.5
        harness.eventually(lambda: time.monotonic() > time_of_life, "each was probed alive once")
        self.doors["i-1"].close()
        beats.identifiers -= {"i-1"}
        harness.eventually(lambda: self.members() == {"i-2"}, sweeper.output, 20)

    def test_one_witness_alone_removes_nobody(self):
        self.old_server()
        self.add("i-1", "i-2", "i-3")
        beats = self.beats("i-1", "i-2", "i-3")
        sweeper = self.sweeper(*self.probe())
        time_of_life = time.monotonic() + 1.5
        harness.eventually(lambda: time.monotonic() > time_of_life, "each was probed alive once")
        self.doors["i-1"].close()
        beats.identifiers -= {"i-3"}
        for identifier, word in (("i-1", "the probe has failed"), ("i-3", "the lease ran out")):
            harness.eventually(
                lambda: re.search(f'event="a witness against a member".*set_identifier={identifier} .*{word}.*two are needed', sweeper.output()),
                sweeper.output, 20,
            )  # fmt: skip
        self.assertEqual(self.members(), {"i-1", "i-2", "i-3"})

    def test_terminated_twice_suffices_and_the_last_member_stays(self):
        self.add("i-1", "i-2")
        self.fleet.write_text("i-9\ni-1 terminated\ni-2 terminated  # both\n")
        sweeper = self.sweeper("--fleet", f"file:{self.fleet}")
        harness.eventually(lambda: len(self.members()) == 1, sweeper.output)
        harness.eventually(lambda: "a dead member stays" in sweeper.output(), sweeper.output)
        self.assertRegex(sweeper.output(), r'level=warning event="a dead member stays".*stays: it is the last member')
        self.assertEqual(self.members(), {"i-2"})

    def test_ec2_says_who_is_terminated(self):
        self.add("i-1", "i-2", "i-3")
        with Aws() as aws:
            aws.instances = {"i-1": "running", "i-2": "shutting-down", "i-3": "stopped"}
            sweeper = self.sweeper("--fleet", "ec2", endpoints=aws.environment())
            harness.eventually(lambda: self.members() == {"i-1", "i-3"}, sweeper.output)
            self.assertIn("the fleet says terminated", sweeper.output())
            aws.instances = None
            harness.eventually(lambda: re.search(r'event="cannot ask" source=fleet error=.*UnauthorizedOperation', sweeper.output()), sweeper.output)
            asked = [one for one in aws.requests if one["Action"] == ["DescribeInstances"]]
            self.assertEqual({one["Filter.1.Name"][0] for one in asked}, {"instance-id"})
            self.assertIn("i-2", str(asked[0]))

    def test_an_auto_scaling_group_knows_its_instances(self):
        self.old_server()
        self.add("i-1", "i-2")
        beats = self.beats("i-1", "i-2")
        with Aws() as aws:
            aws.groups = {"web": {"i-1": "InService"}}
            sweeper = self.sweeper("--fleet", "asg:web", "--young", "2", endpoints=aws.environment())
            harness.eventually(lambda: "the fleet does not know the instance" in sweeper.output(), sweeper.output)
            self.assertEqual(self.members(), {"i-1", "i-2"})
            beats.identifiers -= {"i-2"}
            harness.eventually(lambda: self.members() == {"i-1"}, sweeper.output)
            self.assertIn("the fleet does not know the instance, for", sweeper.output())
            run = self.once("--fleet", "asg:api", endpoints=aws.environment())
            self.assertIn("there is no Auto Scaling group api", run.stderr)

    def test_a_file_that_changes_is_read_again(self):
        self.add("i-1", "i-2")
        self.fleet.write_text("i-1\ni-2\n")
        sweeper = self.sweeper("--fleet", f"file:{self.fleet}")
        new = self.fleet.with_suffix(".new")
        new.write_text("i-1 stopped\n")
        os.replace(new, self.fleet)
        harness.eventually(lambda: f"{self.fleet}:1: after the instance id" in sweeper.output(), sweeper.output)
        new.write_text("i-1 terminated\ni-2\n")
        os.replace(new, self.fleet)
        harness.eventually(lambda: self.members() == {"i-2"}, sweeper.output)
        self.assertIn('event="works again"', sweeper.output())

    def test_a_fifth_goes_in_a_pass(self):
        identifiers = [f"i-{number:02}" for number in range(1, 12)]
        self.add(*identifiers)
        self.fleet.write_text("".join(f"{one} terminated\n" for one in identifiers[:6]))
        run = self.once("--fleet", f"file:{self.fleet}", "--json")
        rota = json.loads(run.stdout)["rotas"][0]
        removed = [one["set_identifier"] for one in rota["decisions"] if one["outcome"] == "removed"]
        self.assertEqual(removed, ["i-01", "i-02"])
        capped = [one for one in rota["decisions"] if one["verdict"] == "cap"]
        self.assertEqual(len(capped), 4)
        self.assertIn("no more than 2 of this rota may go", capped[0]["reason"])
        self.assertEqual(self.members(), set(identifiers[2:]))

    def test_what_no_agent_made_stays(self):
        self.add("blue", "i-1", "i-2")
        self.fleet.write_text("i-1\nblue terminated\ni-2 terminated\n")
        run = self.once("--fleet", f"file:{self.fleet}")
        self.assertEqual(self.members(), {"blue", "i-1"})
        self.assertRegex(run.stdout, r"\n  blue  127\.0\.1\.1  kept: the fleet says terminated.*; stays: no agent's")
        self.assertRegex(run.stdout, r"\n  i-2  127\.0\.1\.3  removed: the fleet says terminated")
        self.once("--fleet", f"file:{self.fleet}", "--own", "bl*")
        self.assertEqual(self.members(), {"i-1"})

    def test_a_dry_run_changes_nothing(self):
        self.add("i-1", "i-2")
        self.fleet.write_text("i-2\ni-1 terminated\n")
        run = self.once("--fleet", f"file:{self.fleet}", "--dry-run")
        self.assertRegex(run.stdout, r"i-1  127\.0\.1\.1  would be removed: the fleet says terminated, for")
        self.assertNotIn("removed a dead member", run.stderr)
        watching = harness.Process(
            self.words("--interval", "1", "--dry-run", "--json", "--fleet", f"file:{self.fleet}"), self.server.directory,
            f"{self.zone_name}-dry", env=self.server.environment(ROTA_SWEEP_CONFIG="/dev/null"),
        )  # fmt: skip
        self.addCleanup(watching.stop)
        harness.eventually(lambda: '"verdict":"remove","outcome":"planned"' in watching.output(), watching.output)
        self.assertEqual(watching.stop(), 0)
        self.assertEqual(self.members(), {"i-1", "i-2"})

    def test_several_sweepers_at_once_are_harmless(self):
        self.add("i-1", "i-2", "i-3", "i-4")
        self.fleet.write_text("i-3\ni-4\n")
        sweepers = [self.sweeper("--fleet", f"file:{self.fleet}", number=number) for number in (1, 2, 3)]
        new = self.fleet.with_suffix(".new")
        new.write_text("i-1 terminated\ni-2 terminated\ni-3\ni-4\n")
        os.replace(new, self.fleet)
        harness.eventually(lambda: self.members() == {"i-3", "i-4"}, lambda: "".join(one.output() for one in sweepers), 20)
        said = "".join(one.output() for one in sweepers)
        for sweeper in sweepers:
            self.assertEqual(sweeper.stop(), 0, sweeper.output())
        self.assertNotIn("could not remove", said)
        self.assertEqual(said.count('event="removed a dead member"'), 2, said)

    def test_a_refused_removal_is_said_once_and_counted_all_the_while(self):
        self.add("i-1", "i-2", "i-3")
        self.fleet.write_text("i-1\ni-2 terminated\ni-3 terminated\n")
        metrics_port = harness.free_port()
        with Denying(self.server.endpoint) as door:
            sweeper = self.sweeper(
                "--fleet", f"file:{self.fleet}", "--metrics", f"127.0.0.1:{metrics_port}", "--probe-interval", "1", interval=2,
                endpoints={"AWS_ENDPOINT_URL_ROUTE_53": door.url},
            )  # fmt: skip

            def figure(name):
                text = fetch(metrics_port)
                return int(re.search(rf"^rota_sweep_{name}\{{.*\}} (\d+)$", text, re.MULTILINE).group(1))

            harness.eventually(lambda: figure("removal_failures_total") >= 1, sweeper.output, 60)
            first, seen = figure("removal_failures_total"), set()

            def watched():
                seen.add((figure("suspects"), figure("kept")))
                return figure("removal_failures_total") > first

            harness.eventually(watched, sweeper.output, 60)
            self.assertEqual(seen, {(2, 2)}, sweeper.output())
            self.assertEqual(sweeper.output().count("could not remove a dead member"), 1, sweeper.output())
            self.assertEqual(sweeper.output().count("a dead member stays"), 1, sweeper.output())
            door.denies = False
            harness.eventually(lambda: self.members() == {"i-1"}, sweeper.output, 60)
        self.assertNotIn("a witness against", sweeper.output())

    def test_a_server_that_is_away_is_told_and_waited_for(self):
        with harness.Server() as other:
            client = other.boto3()
            zone = other.zone("away.test", client)
            for identifier, host in (("i-1", HOSTS[0]), ("i-2", HOSTS[1])):
                change(client, zone, ("CREATE", record_set("www.away.test", "A", host, identifier=identifier)))
            fleet = pathlib.Path(other.directory) / "fleet"
            fleet.write_text("i-1\ni-2\n")
            sweeper = harness.Process(
                [harness.ROTA, "sweep", "--zone", "away.test", "--name", "www.away.test", "--interval", "1", "--probe-interval", "1",
                 "--fleet", f"file:{fleet}"],
                other.directory, "away", env=other.environment(ROTA_SWEEP_CONFIG="/dev/null"),
            )  # fmt: skip
            self.addCleanup(sweeper.stop)
            harness.eventually(lambda: "event=ready" in sweeper.output(), sweeper.output)
            other.stop(signal.SIGKILL)
            harness.eventually(lambda: 'event="cannot ask"' in sweeper.output(), sweeper.output)
            other.start()
            harness.eventually(lambda: 'event="works again"' in sweeper.output(), sweeper.output)
            self.assertEqual(sweeper.stop(), 0, sweeper.output())

    def test_a_wrong_configuration_is_told(self):
        def refused(status, *words, **variables):
            run = subprocess.run(
                [harness.ROTA, "sweep", *map(str, words)], capture_output=True, text=True, timeout=60 * harness.SLOW,
                env=self.server.environment(**variables),
            )  # fmt: skip
            self.assertEqual(run.returncode, status, run.stdout + run.stderr)
            return run.stderr

        rota = ["--zone", self.zone_name, "--name", self.name, "--once"]
        self.assertIn("no rota to sweep", refused(64))
        self.assertIn("give the hosted zone", refused(64, "--name", self.name))
        self.assertIn("has no {address}", refused(64, *rota, "--probe", "http://127.0.0.1/"))
        self.assertIn("'bogus' is none of ec2, asg:GROUP,…, list:ID,ID,…, file:PATH", refused(64, *rota, "--fleet", "bogus"))
        self.assertIn("'0' is less than the least, 1 s", refused(64, *rota, "--interval", "0"))
        self.assertIn("named twice", refused(64, *rota, "--name", self.name))
        self.assertIn("nowhere.test", refused(66, "--zone", "nowhere.test", "--name", "www.nowhere.test", "--once"))
        file = pathlib.Path(self.server.directory) / "sweep.toml"
        for text, words in (
            ('zone = "a.test"\n[[rota]]\nzone = "b.test"\n', f"{file}:2: a rota without a name"),
            ('[[rota]]\nname = "www.a.test"\n', f"{file}:1: www.a.test: give the hosted zone"),
            ('[[rota]]\nname = "www.a.test"\ntype = "MX"\n', "type 'MX' is neither A nor AAAA"),
            ('[[rota]]\nname = "www.a.test"\nweight = 3\n', f"{file}:3: unknown key 'weight'"),
            ('probe = "tcp://{address}"\n', f"{file}:1: probe: "),
            ("bogus = 1\n", f"{file}:1: unknown key 'bogus'"),
        ):
            file.write_text(text)
            self.assertIn(words, refused(78, "--config", file, "--once"))
        file.write_text(f'zone = "{self.zone_name}"\nfleet = "list:i-1"\nown = ["i-*", "web-*"]\n[[rota]]\nname = "{self.name}"\ntype = "A"\n')
        run = subprocess.run([harness.ROTA, "sweep", "--config", file, "--once"], capture_output=True, text=True, env=self.server.environment())
        self.assertEqual((run.returncode, run.stdout), (0, f"{self.name}. A: 0 members, 0 with a witness against them\n"), run.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1, warnings="ignore")
