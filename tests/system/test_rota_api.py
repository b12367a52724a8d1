"""What `rota serve` offers beyond Route 53's API, asked by dig, by curl --aws-sigv4 and by botocore's signer."""

import json
import subprocess
import unittest
import urllib.parse
import urllib.request

import harness
from harness import change, record_set


def curl(server, path, *options, method="GET"):
    """The status and the JSON of an answer to a request that curl signed."""
    command = ["curl", "-sS", "--max-time", "30", "--noproxy", "*", "-X", method, "-w", "\n%{http_code}"]
    command += ["--aws-sigv4", "aws:amz:us-east-1:route53", "--user", f"{server.key_id}:{server.secret}"]
    run = subprocess.run(
        [*command, *options, server.endpoint + path], capture_output=True, text=True, timeout=60, env=harness.clean_environment()
    )
    assert run.returncode == 0, run.stderr
    body, status = run.stdout.rsplit("\n", 1)
    return int(status), json.loads(body)


def botocore(server, path, method="GET", body=b""):
    """The same, signed by botocore."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(method=method, url=server.endpoint + path, data=body, headers={"Content-Type": "application/json"})
    SigV4Auth(Credentials(server.key_id, server.secret), "route53", "us-east-1").add_auth(request)
    plain = urllib.request.Request(request.url, data=body or None, headers=dict(request.headers.items()), method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(plain, timeout=30) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def setUpModule():
    global server, client
    server = harness.Server().start()
    unittest.addModuleCleanup(server.close)
    client = server.boto3()


def member(name, number, ttl=60):
    return record_set(name, "A", f"192.0.2.{number}", ttl=ttl, identifier=f"i-{number}")


class Ages(unittest.TestCase):
    def ask(self, zone, name, number, by=curl):
        # Sorted, as curl signs a query as it stands.
        query = urllib.parse.urlencode({"name": name, "set-identifier": f"i-{number}", "type": "A", "zone": zone.split("/")[-1]})
        return by(server, f"/rota/v1/ages?{query}")

    def test_the_age_of_a_member_that_was_answered_and_deleted(self):
        zone = server.zone("ages.test", client)
        name = "www.ages.test"
        change(client, zone, ("CREATE", member(name, 1)))
        status, before = self.ask(zone, name, 1)
        self.assertEqual((status, before["state"], before["last_answered_seconds_ago"]), (200, "present", None))
        self.assertEqual(server.dig(name, "A").values(), ["192.0.2.1"])
        answered = self.ask(zone, name, 1)[1]["last_answered_seconds_ago"]
        self.assertIsNotNone(answered)
        change(client, zone, ("CREATE", member(name, 2)), ("DELETE", member(name, 1)))
        status, gone = self.ask(zone, name, 1, by=botocore)
        self.assertEqual((status, gone["state"], gone["insync"], gone["largest_ttl"]), (200, "gone", True, 60))
        self.assertTrue(gone["authoritative_for_all_answers"])
        self.assertGreaterEqual(gone["last_answered_seconds_ago"], answered)
        self.assertLessEqual(gone["last_answered_seconds_ago"], gone["watched_since_seconds"])
        for tool in ("UDP", "TCP"):
            self.assertEqual(server.dig(name, "A", *(["+tcp"] if tool == "TCP" else [])).values(), ["192.0.2.2"])
        later = self.ask(zone, name, 1)[1]
        self.assertGreaterEqual(later["last_answered_seconds_ago"], gone["last_answered_seconds_ago"])
        self.assertLess(self.ask(zone, name, 2)[1]["last_answered_seconds_ago"], gone["watched_since_seconds"])

    def test_a_member_that_nobody_asked_for(self):
        zone = server.zone("quiet.test", client)
        change(client, zone, ("CREATE", member("www.quiet.test", 1, ttl=300)), ("CREATE", member("www.quiet.test", 2, ttl=20)))
        change(client, zone, ("DELETE", member("www.quiet.test", 1, ttl=20)))
        status, age = self.ask(zone, "www.quiet.test", 1)
        self.assertEqual((status, age["state"], age["last_answered_seconds_ago"]), (200, "gone", None))
        self.assertEqual(age["largest_ttl"], 20, "a batch is published as a whole, so 300 was never in force")

    def test_a_chain_of_rotas_and_a_wildcard(self):
        zone = server.zone("chain.test", client)
        alias = record_set("www.chain.test", "CNAME", "pool.chain.test", identifier="east", weight=1)
        change(client, zone, ("CREATE", alias), ("CREATE", member("pool.chain.test", 1)), ("CREATE", member("*.chain.test", 2)))
        self.assertEqual(server.dig("www.chain.test", "A").values("A"), ["192.0.2.1"])
        self.assertIsNotNone(self.ask(zone, "pool.chain.test", 1)[1]["last_answered_seconds_ago"])
        query = urllib.parse.urlencode({"name": "www.chain.test", "set-identifier": "east", "type": "CNAME", "zone": zone.split("/")[-1]})
        self.assertIsNotNone(curl(server, f"/rota/v1/ages?{query}")[1]["last_answered_seconds_ago"])
        self.assertIsNone(self.ask(zone, "*.chain.test", 2, by=botocore)[1]["last_answered_seconds_ago"])
        self.assertEqual(server.dig("else.chain.test", "A").values(), ["192.0.2.2"])
        self.assertIsNotNone(self.ask(zone, "*.chain.test", 2, by=botocore)[1]["last_answered_seconds_ago"])

    def test_a_restart_makes_the_watch_young(self):
        other = harness.Server().start()
        self.addCleanup(other.close)
        zone = other.zone("young.test")
        change(other.boto3(), zone, ("CREATE", member("www.young.test", 1)))
        other.dig("www.young.test", "A")
        path = f"/rota/v1/ages?name=www.young.test&set-identifier=i-1&type=A&zone={zone.split('/')[-1]}"
        before = curl(other, path)[1]
        self.assertIsNotNone(before["last_answered_seconds_ago"])
        other.stop()
        other.start()
        after = curl(other, path)[1]
        self.assertIsNone(after["last_answered_seconds_ago"])
        self.assertLess(after["watched_since_seconds"], 30 * harness.SLOW)

    def test_errors_are_json(self):
        zone = server.zone("errors.test", client)
        self.assertEqual(self.ask(zone, "www.errors.test", 1)[0], 404)
        self.assertEqual(self.ask("Z0NONE", "www.errors.test", 1)[1]["code"], "NoSuchHostedZone")
        self.assertEqual(curl(server, "/rota/v1/ages")[1]["code"], "InvalidInput")
        status, error = curl(server, "/rota/v1/ages", "--user", f"{server.key_id}:wrong")
        self.assertEqual((status, error["code"]), (403, "SignatureDoesNotMatch"))
        self.assertEqual(curl(server, "/rota/v1/none")[1]["code"], "NoSuchResource")


class Leases(unittest.TestCase):
    def beat(self, zone, name, number, by=curl, **more):
        body = json.dumps({"zone": zone, "name": name, "type": "A", "set_identifier": f"i-{number}", **more})
        if by is curl:
            return curl(server, "/rota/v1/heartbeats", "-H", "Content-Type: application/json", "-d", body, method="POST")
        return by(server, "/rota/v1/heartbeats", "POST", body.encode())

    def held(self, zone):
        listed = curl(server, f"/rota/v1/leases?zone={zone.split('/')[-1]}")[1]["leases"]
        return {lease["set_identifier"]: lease["held"] for lease in listed}

    def test_a_lease_that_is_renewed_and_one_that_runs_out(self):
        zone, name = server.zone("leases.test", client), "www.leases.test"
        change(client, zone, *(("CREATE", member(name, number)) for number in (1, 2, 3)))
        self.assertEqual(self.held(zone), {})
        status, answer = self.beat(zone, name, 1, lease_seconds=300, load={"utilisation": 0.25})
        self.assertEqual((status, answer["members"], answer["reporting"]), (200, 3, 1))
        status, answer = self.beat(zone, name, 2, by=botocore, lease_seconds=1, load={"utilisation": 0.75}, probe={"port": 80})
        self.assertEqual((status, answer["mean_utilisation"], len(answer["reports"])), (200, 0.5, 2))
        harness.eventually(lambda: self.held(zone) == {"i-1": True, "i-2": False}, "the lease of i-2 ran out")
        self.assertEqual(self.beat(zone, name, 1, lease_seconds=300)[1]["mean_utilisation"], None)
        metrics = urllib.request.urlopen(server.endpoint + "/metrics", timeout=30).read().decode()
        self.assertIn("\nrota_leases_held 1\n", metrics)
        self.assertIn("\nrota_leases_expired_total 1\n", metrics)
        change(client, zone, ("DELETE", member(name, 2)))
        self.assertEqual(self.held(zone), {"i-1": True})
        self.assertEqual(self.beat(zone, name, 2)[1]["code"], "NoSuchRecordSet")

    def test_many_heartbeats_over_one_connection(self):
        zone, name = server.zone("many.test", client), "www.many.test"
        change(client, zone, ("CREATE", member(name, 1)))
        body = json.dumps({"zone": zone, "name": name, "type": "A", "set_identifier": "i-1"})
        next_one = ["--next", "-sS", "--max-time", "30", "--noproxy", "*", "--aws-sigv4", "aws:amz:us-east-1:route53"]
        next_one += ["--user", f"{server.key_id}:{server.secret}", "-d", body, "-o", "/dev/null", "-w", "%{num_connects} %{http_code}\\n"]
        command = ["curl", *(next_one + [server.endpoint + "/rota/v1/heartbeats"]) * 20]
        run = subprocess.run(command, capture_output=True, text=True, timeout=60, env=harness.clean_environment())
        self.assertEqual(run.stdout.splitlines(), ["1 200"] + ["0 200"] * 19, run.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
