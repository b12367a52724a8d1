#!/usr/bin/python3
"""Our client of the Auto Scaling and EC2 query APIs against a server that judges with botocore: the signature by its SigV4Auth, the form
by its model, validator and serializer, and the answers as its parser reads them.

Usage: test_query_botocore.py QUERY_TOOL
"""
import hmac
import http.server
import json
import os
import pathlib
import random
import re
import subprocess
import sys
import threading
import unittest
import urllib.parse

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.parsers
import botocore.serialize
import botocore.session
import botocore.validate

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden/query"
TOOL = None
KEYS = botocore.credentials.Credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "token+of/a=session")
REGION = "eu-central-1"
SESSION = botocore.session.get_session()
SERVICES = {name: SESSION.get_service_model(name) for name in ("autoscaling", "ec2")}
HOSTILE = "ab-_/.~ +&=%?#*!'()äé€🐌:;,@$\"<>\\|[]{}"


def parameters_of(shape, form, prefix, protocol):
    """The parameters that a flat form holds, by the operation's model; takes what it reads out of the form."""
    if shape.type_name == "structure":
        found = {}
        for name, member in shape.members.items():
            key = member.serialization.get("name", name)
            if protocol == "ec2":
                key = member.serialization.get("queryName") or key[0].upper() + key[1:]
            value = parameters_of(member, form, f"{prefix}.{key}" if prefix else key, protocol)
            if value is not None:
                found[name] = value
        return found or ({} if not prefix else None)
    if shape.type_name == "list":
        base = prefix if protocol == "ec2" else f"{prefix}.{shape.member.serialization.get('name', 'member')}"
        values = []
        while (value := parameters_of(shape.member, form, f"{base}.{len(values) + 1}", protocol)) is not None:
            values.append(value)
        return values or None
    text = form.pop(prefix, None)
    if text is None:
        return None
    return int(text) if shape.type_name == "integer" else text


class Judge(http.server.BaseHTTPRequestHandler):
    """Answers with the golden file of the action, or with what the test wants."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.problems += [*self.signature_problems(body), *self.form_problems(body)]
        action = urllib.parse.parse_qs(body.decode())["Action"][0]
        status, name = self.server.answers.get(action, (200, action))
        if b"NextToken=" in body:
            name += "_2"
        answer = (GOLDEN / f"{name}.xml").read_bytes()
        self.send_response(status)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def service(self):
        return self.headers["Authorization"].split("Credential=")[1].split("/")[3]

    def signature_problems(self, body):
        """Signs what was received once more, by botocore, and compares."""
        fields = dict(re.findall(r"(\w+)=([^,\s]+)", self.headers["Authorization"]))
        date, region, service, _ = fields["Credential"].split("/")[1:]
        signed = fields["SignedHeaders"].split(";")
        headers = {name: value for name, value in self.headers.items() if name.lower() in signed}
        request = botocore.awsrequest.AWSRequest("POST", f"http://{self.headers['Host']}{self.path}", headers, body)
        request.context["timestamp"] = self.headers["X-Amz-Date"]
        auth = botocore.auth.SigV4Auth(KEYS, service, region)
        string_to_sign = auth.string_to_sign(request, auth.canonical_request(request))
        expected = auth.signature(string_to_sign, request)
        if not hmac.compare_digest(expected, fields["Signature"]):
            yield f"{self.path}: signature {fields['Signature']}, botocore has {expected}"
        if region != REGION or not self.headers["X-Amz-Date"].startswith(date):
            yield f"scope {fields['Credential']}"
        if missing := {"host", "x-amz-date", "x-amz-security-token", "content-type"} - set(signed):
            yield f"not signed: {missing}"
        if self.headers["X-Amz-Security-Token"] != KEYS.token:
            yield "the session token is not ours"

    def form_problems(self, body):
        """Reads the form by the model, has the parameters validated and serialized again."""
        model = SERVICES[self.service()]
        pairs = urllib.parse.parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
        form = dict(pairs)
        if len(form) != len(pairs):
            yield f"a name twice: {pairs}"
        if self.headers["Content-Type"] != "application/x-www-form-urlencoded; charset=utf-8":
            yield f"content type {self.headers['Content-Type']}"
        operation = model.operation_model(form["Action"])
        left = {name: value for name, value in form.items() if name not in ("Action", "Version")}
        parameters = parameters_of(operation.input_shape, left, "", model.metadata["protocol"])
        if left:
            yield f"{form['Action']}: not in the model: {left}"
        report = botocore.validate.ParamValidator().validate(parameters, operation.input_shape)
        if report.has_errors():
            yield report.generate_report()
        serializer = botocore.serialize.create_serializer(model.metadata["protocol"])
        theirs = serializer.serialize_to_request(parameters, operation)["body"]
        if {name: str(value) for name, value in theirs.items()} != form:
            yield f"{form}, botocore has {theirs}"
        self.server.seen.append((form["Action"], parameters))

    def log_message(self, *arguments):
        pass


def parsed(service, action, name=None):
    model = SERVICES[service]
    parser = botocore.parsers.create_parser(model.metadata["protocol"])
    response = {"body": (GOLDEN / f"{name or action}.xml").read_bytes(), "headers": {}, "status_code": 200}
    return parser.parse(response, model.operation_model(action).output_shape)


class Calls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Judge)
        cls.server.daemon_threads = True
        threading.Thread(target=cls.server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{cls.server.server_port}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_") and not name.lower().endswith("_proxy")}
        environment |= {
            "AWS_ENDPOINT_URL_AUTO_SCALING": url, "AWS_ENDPOINT_URL_EC2": url, "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
            "AWS_ACCESS_KEY_ID": KEYS.access_key, "AWS_SECRET_ACCESS_KEY": KEYS.secret_key, "AWS_SESSION_TOKEN": KEYS.token,
            "AWS_REGION": REGION, "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }
        cls.process = subprocess.Popen([TOOL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)

    @classmethod
    def tearDownClass(cls):
        cls.process.stdin.close()
        cls.process.wait(timeout=10)
        cls.process.stdout.close()
        cls.server.shutdown()
        cls.server.server_close()

    def setUp(self):
        self.server.answers, self.server.problems, self.server.seen = {}, [], []

    def ask(self, what, **order):
        self.process.stdin.write(json.dumps({"do": what, **order}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        self.assertEqual(self.server.problems, [])
        return answer

    def test_lifecycle_actions(self):
        order = {"hook": "my-hook", "group": "my-asg", "instance": "i-0598c7d356eba48d7"}
        self.assertEqual(self.ask("complete", **order), {"answer": True})
        self.assertEqual(self.ask("heartbeat", **order), {"answer": True})
        named = {"LifecycleHookName": "my-hook", "AutoScalingGroupName": "my-asg", "InstanceId": "i-0598c7d356eba48d7"}
        self.assertEqual(
            self.server.seen,
            [("CompleteLifecycleAction", {**named, "LifecycleActionResult": "CONTINUE"}), ("RecordLifecycleActionHeartbeat", named)],
        )

    def test_any_group_name_arrives_as_it_is(self):
        rng = random.Random(53)
        for _ in range(200):
            group = "".join(rng.choice(HOSTILE) for _ in range(rng.randint(1, 40)))
            self.ask("complete", hook="my-hook", group=group, instance="i-1")
            self.assertEqual(self.server.seen[-1][1]["AutoScalingGroupName"], group)

    def test_instances_of_groups(self):
        theirs = parsed("autoscaling", "DescribeAutoScalingInstances")["AutoScalingInstances"][0]
        ours = self.ask("instance", instance="i-12345678")["answer"]
        self.assertEqual(ours, {name: theirs[name] for name in ours})
        self.server.answers["DescribeAutoScalingInstances"] = (200, "DescribeAutoScalingInstances_none")
        self.assertEqual(self.ask("instance", instance="i-12345678"), {"answer": None})

    def test_hooks(self):
        theirs = parsed("autoscaling", "DescribeLifecycleHooks")["LifecycleHooks"]
        ours = self.ask("hooks", group="my-asg")["answer"]
        self.assertEqual(ours, [{name: hook[name] for name in ours[0]} for hook in theirs])

    def test_groups_page_by_page(self):
        pages = [parsed("autoscaling", "DescribeAutoScalingGroups", f"DescribeAutoScalingGroups{suffix}") for suffix in ("", "_2")]
        names = [f"group {number}" for number in range(12)]
        ours = self.ask("groups", names=names)["answer"]
        for group, page in zip(ours, pages):
            (theirs,) = page["AutoScalingGroups"]
            self.assertEqual(group["AutoScalingGroupName"], theirs["AutoScalingGroupName"])
            self.assertEqual(
                [(one["InstanceId"], one["LifecycleState"], one["HealthStatus"]) for one in group["Instances"]],
                [(one["InstanceId"], one["LifecycleState"], one["HealthStatus"]) for one in theirs["Instances"]],
            )
        wanted = {"AutoScalingGroupNames": names, "MaxRecords": 100}
        self.assertEqual([seen for _, seen in self.server.seen], [wanted, {**wanted, "NextToken": pages[0]["NextToken"]}])

    def test_instances_page_by_page_and_in_lots_of_200(self):
        ids = [f"i-{number:017x}" for number in range(201)]
        ours = self.ask("instances", ids=ids)["answer"]
        pages = [parsed("ec2", "DescribeInstances", f"DescribeInstances{suffix}") for suffix in ("", "_2")]
        theirs = [page["Reservations"][0]["Instances"][0] for page in pages]
        self.assertEqual(len(ours), 4)
        for one, other in zip(ours, theirs):
            self.assertEqual(one["InstanceId"], other["InstanceId"])
            self.assertEqual(one["State"], other["State"]["Name"])
            self.assertEqual(one["PublicIpAddress"], other.get("PublicIpAddress", ""))
            self.assertEqual(one["PrivateIpAddress"], other.get("PrivateIpAddress", ""))
            self.assertEqual(one["Ipv6"], [each["Ipv6Address"] for each in other["NetworkInterfaces"][0]["Ipv6Addresses"]])
            self.assertEqual(one["LaunchTime"], other["LaunchTime"].strftime("%Y-%m-%dT%H:%M:%SZ"))
        lots = [(seen["Filters"][0]["Values"], seen.get("NextToken")) for _, seen in self.server.seen]
        token = pages[0]["NextToken"]
        self.assertEqual(lots, [(ids[:200], None), (ids[:200], token), (ids[200:], None), (ids[200:], token)])

    def test_errors_say_what_botocore_reads(self):
        for service, action, name, ask in (
            ("autoscaling", "CompleteLifecycleAction", "error_autoscaling", lambda: self.ask("complete", hook="h", group="my-asg", instance="i-1")),
            ("ec2", "DescribeInstances", "error_ec2", lambda: self.ask("instances", ids=["i-1"])),
        ):
            model = SERVICES[service]
            parser = botocore.parsers.create_parser(model.metadata["protocol"])
            response = {"body": (GOLDEN / f"{name}.xml").read_bytes(), "headers": {}, "status_code": 403}
            theirs = parser.parse(response, model.operation_model(action).output_shape)["Error"]
            self.server.answers[action] = (403, name)
            ours = ask()
            self.assertEqual(ours["code"], theirs["Code"])
            self.assertIn(theirs["Message"].rstrip("."), ours["error"])
            self.assertIn(f"IAM action {service}:{action}", ours["error"])
            self.assertFalse(ours["retryable"])


if __name__ == "__main__":
    TOOL = sys.argv.pop(1)
    unittest.main()
