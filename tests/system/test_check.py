"""Before an agent is started: an instance's settings from its user data and its tags, and `rota agent --check`, which looks at everything and
changes nothing."""

import email.utils
import http.server
import json
import os
import subprocess
import time
import unittest

import harness
import parts
import test_agent
import test_join_leave as story

TAGS = {"Name": "web", "rota:zone": "example.com", "rota:name": story.NAME, "rota:ttl": "1", "rota:margin": "0s"}


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
        self.assertEqual(self.joined()["TTL"], 1)
        asked = len(self.asked())
        harness.eventually(lambda: self.command("status").returncode == 0, "it is in service", 30)
        self.assertEqual(len(self.asked()), asked, "whoever has an agent asks it")
        self.assertEqual(agent.stop(), 0, agent.output())
        self.assertNotIn("i-1", self.members())

    def test_one_shot_commands_know_the_rota_too(self):
        self.metadata.tags = TAGS
        self.metadata.user_data = "#!/bin/sh\n# rota-agent begin\n# ttl = 2\n# weight = 7\n# rota-agent end\nreboot\n"
        self.run_rota("join", ROTA_AGENT_WEIGHT="9")
        member = self.members()["i-1"]
        self.assertEqual((member["TTL"], member["Weight"]), (2, 9), "the environment, user data, tags")
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


class Api(parts._Running):
    """As much of Route 53 as `--check` asks for, over an empty zone: `denied` operations are refused, `ahead` is how wrong its clock is."""

    ZONE = "Z123"

    def __init__(self, denied=(), ahead=0):
        self.denied, self.ahead, self.calls = set(denied), ahead, []
        super().__init__("127.0.0.1", 0, _ApiHandler)

    @property
    def endpoint(self):
        return f"http://{self.host}:{self.port}"

    def answer(self, method, path):
        space = 'xmlns="https://route53.amazonaws.com/doc/2013-04-01/"'
        operation = {
            ("GET", f"/2013-04-01/hostedzone/{self.ZONE}"): "GetHostedZone",
            ("GET", f"/2013-04-01/hostedzone/{self.ZONE}/rrset"): "ListResourceRecordSets",
            ("POST", f"/2013-04-01/hostedzone/{self.ZONE}/rrset/"): "ChangeResourceRecordSets",
        }.get((method, path.split("?")[0]), "GetChange" if path.startswith("/2013-04-01/change/") else "")
        self.calls.append(operation)

        def error(code, message):
            return f"<ErrorResponse {space}><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"

        if operation in self.denied or not operation:
            return 403, error("AccessDenied", f"User: arn:aws:iam::1:user/x is not authorized to perform: route53:{operation}")
        if operation == "GetHostedZone":
            zone = f"<Id>/hostedzone/{self.ZONE}</Id><Name>example.com.</Name><CallerReference>x</CallerReference>"
            zone += "<Config><PrivateZone>false</PrivateZone></Config><ResourceRecordSetCount>2</ResourceRecordSetCount>"
            return 200, f"<GetHostedZoneResponse {space}><HostedZone>{zone}</HostedZone></GetHostedZoneResponse>"
        if operation == "ListResourceRecordSets":
            rest = "<ResourceRecordSets/><IsTruncated>false</IsTruncated><MaxItems>300</MaxItems>"
            return 200, f"<ListResourceRecordSetsResponse {space}>{rest}</ListResourceRecordSetsResponse>"
        if operation == "GetChange":
            return 404, error("NoSuchChange", "A change with the specified change ID does not exist.")
        return 400, f"<InvalidChangeBatch {space}><Messages><Message>Tried to delete, but it was not found</Message></Messages></InvalidChangeBatch>"


class _ApiHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, body = self.server.owner.answer(self.command, self.path)
        self.send_response_only(status)
        self.send_header("Date", email.utils.formatdate(time.time() + self.server.owner.ahead, usegmt=True))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_GET

    def log_message(self, *_):
        pass


class Check(test_agent.AgentCase):
    def setUp(self):
        super().setUp()
        self.file = os.path.join(self.directory, "agent.toml")
        self.configure(f'zone = "{self.zone}"\nname = "{story.NAME}"\nttl = 2\nmargin = "1s"\n')

    def configure(self, text, mode=0o644):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(self.file, mode)

    def check(self, *words, status=0, **variables):
        run = subprocess.run(
            [harness.ROTA, "agent", "--check", "--config", self.file, "--socket", self.socket, *words],
            env={**self.environment(self.metadata), "ROTA_AGENT_DRAIN_FILE": os.path.join(self.directory, "drain"), **variables},
            capture_output=True, text=True, timeout=60 * harness.SLOW, check=False,
        )  # fmt: skip
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        self.assertEqual(run.stderr, "")
        return run.stdout

    def found(self, text, level):
        """The findings of a level, as (subject, message)."""
        return [(one["subject"], one["message"]) for one in json.loads(text)["findings"] if one["level"] == level]

    def zone_as_it_is(self):
        pages = self.client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=self.zone)
        return [one for page in pages for one in page["ResourceRecordSets"]]

    def test_all_is_well_and_nothing_is_changed(self):
        before = self.zone_as_it_is()
        touched = os.path.join(self.directory, "touched")
        said = self.check("--health", "exec:true", "--drain-begin", f"touch {touched}", ROTA_AGENT_WEIGHT="9")
        name = story.NAME + ". A"
        for line in (
            f"ok    setting: name = {story.NAME} ({self.file}:2)", "ok    setting: weight = 9 (ROTA_AGENT_WEIGHT)",
            "ok    setting: health = exec:true (--health)", "ok    metadata service: instance i-1", f"ok    permissions: {self.file} (0644)",
            "ok    clock: ", "ok    credentials: access key AKIA", f"ok    {name}: address 192.0.2.1 (public-ipv4), set identifier i-1",
            f"ok    {name}: zone {self.zone.rpartition('/')[2]} (example.com., public)", f"ok    {name}: the rota has no members yet",
            f"ok    {name}: may be written and deleted", f"ok    {name}: a leave takes up to", "ok    following changes: ",
            "ok    health check exec:true: passes", "ok    drain-begin: ",
        ):  # fmt: skip
            self.assertIn("\n" + line, "\n" + said)
        self.assertIn(", 0 to repair\n", said)
        self.assertEqual(self.zone_as_it_is(), before)
        self.assertFalse(os.path.exists(touched), "the drain's commands are read, not run")
        self.assertFalse(os.path.exists(os.path.join(self.directory, "drain")))

    def test_beside_a_running_agent_and_its_members_it_changes_nothing_either(self):
        self.agent()
        self.joined()
        harness.eventually(lambda: self.command("status").returncode == 0, "it is in service", 30)
        before = self.zone_as_it_is()
        said = self.check("--json", "--weight", "100")
        self.assertEqual(self.zone_as_it_is(), before)
        self.assertIn((story.NAME + ". A", "i-1 is a member already, with 192.0.2.1"), self.found(said, "ok"))
        self.assertIn(("socket", f"an agent runs here and answers at {self.socket}"), self.found(said, "ok"))
        self.assertEqual((json.loads(said)["result"], json.loads(said)["exit_status"]), ("warn", 0))

    def test_settings_name_their_source(self):
        self.metadata.tags = TAGS
        self.metadata.user_data = "#!/bin/sh\n# rota-agent begin\n# weight = 7\n# rota-agent end\n"
        self.configure('deadline = "60s"\n')
        settings = {one["key"]: (one["values"], one["source"]) for one in json.loads(self.check("--json"))["settings"]}
        self.assertEqual(settings["ttl"], (["1"], "tag rota:ttl"))
        self.assertEqual(settings["weight"], (["7"], "user data:3"))
        self.assertEqual(settings["deadline"], (["60s"], f"{self.file}:1"))
        self.assertEqual(settings["socket"], ([self.socket], "--socket"))

    def test_what_is_to_be_repaired_is_named_and_decides_the_status(self):
        good = f'zone = "{self.zone}"\nname = "{story.NAME}"\n'
        self.configure(good + "tll = 60\n")
        self.assertIn(f"fail  configuration: {self.file}:3: unknown key 'tll' (did you mean 'ttl'?)", self.check(status=78))
        self.configure(good, mode=0o666)
        self.assertIn(f"fail  permissions: {self.file} (0666) may be written by others", self.check(status=77))
        self.configure(good.replace(self.zone, "ZNOTTHERE"))
        self.assertIn("fail  www.example.com. A: ", self.check(status=66))
        self.configure(good.replace(story.NAME, "www.example.org"))
        self.assertIn("fail  www.example.org. A: the name is not in zone", self.check(status=78))
        self.configure(good)
        said = self.check("--drain-end", "if then", "--health", "exec:/nowhere/probe", status=78)
        self.assertIn("fail  drain-end: 'if then' is not shell", said)
        self.assertIn("fail  health check: /nowhere/probe: there is no such program", said)
        self.assertIn("warn  health check exec:/nowhere/probe: does not pass", said)

    def test_a_simple_record_set_in_the_way_is_found(self):
        record = {"Name": story.NAME + ".", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.9"}]}
        harness.change(self.client, self.zone, ("CREATE", record))
        before = self.zone_as_it_is()
        self.assertIn("fail  www.example.com. A: the name is held by a simple record set (192.0.2.9)", self.check(status=73))
        self.assertEqual(self.zone_as_it_is(), before)

    def test_rights_and_the_clock_are_those_that_the_api_tells(self):
        api = Api(denied=["GetHostedZone"])
        self.addCleanup(api.close)
        self.configure(f'zone = "{api.ZONE}"\nname = "{story.NAME}"\nttl = 60\n')
        said = self.check(AWS_ENDPOINT_URL_ROUTE_53=api.endpoint)
        self.assertIn("ok    www.example.com. A: may be written and deleted", said)
        self.assertIn("ok    following changes: GetChange is allowed", said)
        self.assertEqual(api.calls.count("ChangeResourceRecordSets"), 1)
        self.metadata.items["instance-life-cycle"] = "spot"
        self.configure(f'zone = "{api.ZONE}"\nname = "{story.NAME}"\nttl = 120\n')
        self.assertIn("warn  www.example.com. A: TTL 120 cannot drain within a 120 s spot notice", self.check(AWS_ENDPOINT_URL_ROUTE_53=api.endpoint))
        api.denied = {"ChangeResourceRecordSets", "GetChange"}
        api.ahead = 4000
        said = self.check("--json", AWS_ENDPOINT_URL_ROUTE_53=api.endpoint, status=77)
        self.assertRegex(str(self.found(said, "warn")), "'clock', .(39..|40..) s behind")
        self.assertRegex(str(self.found(said, "fail")), "www.example.com. A', .*route53:ChangeResourceRecordSets")
        self.assertRegex(str(self.found(said, "warn")), "'following changes', .*route53:GetChange")

    def test_without_metadata_the_zone_is_looked_at_all_the_same(self):
        self.metadata.close()
        said = self.check("--json", status=69)
        self.assertEqual([subject for subject, _ in self.found(said, "fail")], ["metadata service"])
        self.assertIn((story.NAME + ". A", "may be written and deleted with these credentials (dry call)"), self.found(said, "ok"))

    def test_an_api_that_says_nothing_is_waited_for_once(self):
        hole = test_agent.BlackHole()
        self.addCleanup(hole.close)
        said = self.check("--json", AWS_ENDPOINT_URL_ROUTE_53=hole.url, status=75)
        self.assertEqual([subject for subject, _ in self.found(said, "fail")], ["API"])
        self.assertIn(("www.example.com. A", "not looked at, because the API cannot be asked"), self.found(said, "warn"))
        self.assertEqual(len(hole.taken), 1)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
