"""`rota list` where the answer has many pages, beside boto3's paginator: names before and after the rota's, a full rota of 100 members, and
an API that gives few record sets a page."""

import http.client
import http.server
import json
import socketserver
import subprocess
import threading
import unittest
import urllib.parse

import harness
import parts
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class SmallPages(parts._Running):
    """The API of `server` with at most `size` record sets a page, signed anew, as an API may choose to. Counts the pages."""

    def __init__(self, server, size):
        self.api, self.size, self.pages = server, size, 0
        self.stuck = False
        super().__init__("127.0.0.1", 0, _SmallPages)

    @property
    def endpoint(self):
        return f"http://{self.host}:{self.port}"


class _SmallPages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        owner = self.server.owner
        path, _, query = self.path.partition("?")
        items = dict(urllib.parse.parse_qsl(query))
        if path.endswith("/rrset"):
            owner.pages += 1
            if owner.stuck:
                items.pop("identifier", None)
            items["maxitems"] = str(min(owner.size, int(items.get("maxitems", "300"))))
        target = path + ("?" + urllib.parse.urlencode(items, quote_via=urllib.parse.quote) if items else "")
        request = AWSRequest("GET", owner.api.endpoint + target)
        SigV4Auth(Credentials(owner.api.key_id, owner.api.secret), "route53", "us-east-1").add_auth(request)
        upstream = http.client.HTTPConnection(owner.api.host, owner.api.api_port, timeout=30 * harness.SLOW)
        upstream.request("GET", target, headers=dict(request.headers))
        reply = upstream.getresponse()
        body = reply.read()
        upstream.close()
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.getheader("Content-Type", "text/xml"))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def setUpModule():
    global server, client, zone
    server = harness.Server("--ns", "ns.example.com").start()
    unittest.addModuleCleanup(server.close)
    client = server.boto3()
    zone = server.zone("example.com", client)
    # 350 names on either side of the rota's, its own name with other types, 100 members in each family.
    fill([harness.record_set(f"a{n:03}.example.com", "A", "192.0.2.1") for n in range(350)])
    fill([harness.record_set(f"z{n:03}.example.com", "A", "192.0.2.1") for n in range(350)])
    fill([harness.record_set("m.example.com", "TXT", '"beside"'), harness.record_set("m.example.com", "MX", "10 mail.example.com")])
    fill([member("m.example.com", "A", f"10.0.0.{n}", n) for n in range(100)])
    fill([member("m.example.com", "AAAA", f"2001:db8::{n + 1:x}", n) for n in range(100)])
    fill([member("*.m.example.com", "A", f"10.0.1.{n}", n) for n in range(30)])
    fill([harness.record_set("simple.example.com", "A", "192.0.2.1", "192.0.2.2")])


def member(name, kind, address, number):
    return harness.record_set(name, kind, address, identifier=f"i-{number:03}", weight=number)


def fill(record_sets):
    harness.change(client, zone, *(("CREATE", one) for one in record_sets))


class RefusingProxy(socketserver.ThreadingTCPServer):
    """Notes where it is asked to connect to, and refuses."""

    daemon_threads = True

    def __init__(self):
        self.asked = []
        super().__init__(("127.0.0.1", 0), _RefusingProxy)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


class _RefusingProxy(socketserver.StreamRequestHandler):
    def handle(self):
        self.server.asked.append(self.rfile.readline().decode().split()[1])
        while self.rfile.readline().strip():
            pass
        self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


class Partition(unittest.TestCase):
    """Where Route 53 is asked for, when neither an option nor the environment names a region."""

    def asked(self, region, **environment):
        role = {"Code": "Success", "AccessKeyId": "AKIDEXAMPLE", "SecretAccessKey": "secret", "Token": "token",
                "Expiration": "2999-01-01T00:00:00Z"}  # fmt: skip
        items = {"iam/security-credentials/": "web", "iam/security-credentials/web": json.dumps(role)}
        metadata = parts.Metadata(items | ({"placement/region": region} if region else {}))
        self.addCleanup(metadata.close)
        proxy = RefusingProxy()
        self.addCleanup(proxy.close)
        environment = harness.clean_environment(
            HTTPS_PROXY=f"http://127.0.0.1:{proxy.server_address[1]}", AWS_EC2_METADATA_DISABLED="false",
            AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.endpoint, **environment,
        )  # fmt: skip
        command = [harness.ROTA, "list", "www.example.com", "--zone", "Z1"]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60 * harness.SLOW)
        self.assertNotEqual(run.returncode, 0)
        return set(proxy.asked) or run.stderr

    def test_is_the_instance_s_own(self):
        self.assertEqual(self.asked("us-gov-west-1"), {"route53.us-gov.amazonaws.com:443"})
        self.assertEqual(self.asked("cn-north-1"), {"route53.amazonaws.com.cn:443"})
        self.assertEqual(self.asked("eu-central-1"), {"route53.amazonaws.com:443"})
        self.assertEqual(self.asked(None), {"route53.amazonaws.com:443"})
        self.assertIn("us-iso-east-1", self.asked("us-iso-east-1"))

    def test_is_the_one_that_was_named_all_the_same(self):
        self.assertEqual(self.asked("us-gov-west-1", AWS_REGION="eu-central-1"), {"route53.amazonaws.com:443"})
        keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
        self.assertEqual(self.asked("us-gov-west-1", **keys), {"route53.amazonaws.com:443"})  # nobody asks the metadata


class Lists(unittest.TestCase):
    def rota(self, *arguments, endpoint=None, status=0):
        environment = server.environment()
        environment["AWS_ENDPOINT_URL_ROUTE_53"] = endpoint or server.endpoint
        run = subprocess.run([harness.ROTA, "list", *arguments], env=environment, capture_output=True, text=True, timeout=60 * harness.SLOW)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run

    def listed(self, name, *arguments, **keywords):
        """What `rota list --json` shows: {type: members}."""
        shown = json.loads(self.rota(name, "--json", *arguments, **keywords).stdout)
        return {rota["type"]: rota["members"] for rota in shown["rotas"]}

    def expected(self, name, kinds=("A", "AAAA")):
        """The same from boto3's paginator, which turns page after page of the whole zone."""
        pages = client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone, PaginationConfig={"PageSize": 100})
        sets = [one for page in pages for one in page["ResourceRecordSets"]]
        self.assertGreater(len(sets), 900)
        found = {}
        for kind in kinds:
            rota = [one for one in sets if (one["Name"], one["Type"]) == (name, kind)]
            total = sum(one.get("Weight", 0) for one in rota)
            for one in rota:
                values = [value["Value"] for value in one["ResourceRecords"]]
                weight = one.get("Weight")
                found.setdefault(kind, []).append({
                    "set_identifier": one.get("SetIdentifier", ""), "address": values[0], "values": values, "weight": weight,
                    "ttl": one["TTL"], "share": None if weight is None else weight / total,
                })  # fmt: skip
        return found

    def test_a_full_rota_between_many_names(self):
        expected = self.expected("m.example.com.")
        self.assertEqual([len(members) for members in expected.values()], [100, 100])
        self.assertEqual(self.listed("m.example.com"), expected)
        self.assertEqual(self.listed("M.example.COM.", "--zone", "example.com"), expected)
        self.assertEqual(self.listed("m.example.com", "--type", "AAAA"), {"AAAA": expected["AAAA"]})

    def test_every_size_of_page_shows_the_same(self):
        for name, listed in (("m.example.com", "m.example.com."), ("*.m.example.com", "\\052.m.example.com.")):
            expected = self.expected(listed)
            for size in (1, 7, 33, 100, 101):
                with self.subTest(name=name, size=size):
                    api = SmallPages(server, size)
                    self.addCleanup(api.close)
                    self.assertEqual(self.listed(name, endpoint=api.endpoint), expected)
                    self.assertGreaterEqual(api.pages, sum(-(-len(one) // size) for one in expected.values()))

    def test_a_page_that_ends_with_the_rota_is_the_last(self):
        api = SmallPages(server, 50)
        self.addCleanup(api.close)
        self.assertEqual(len(self.listed("m.example.com", "--type", "AAAA", endpoint=api.endpoint)["AAAA"]), 100)
        self.assertEqual(api.pages, 2)

    def test_an_api_that_never_comes_to_the_end_is_an_error(self):
        api = SmallPages(server, 1)
        self.addCleanup(api.close)
        api.stuck = True
        self.assertIn("does not come to the end of m.example.com. A", self.rota("m.example.com", endpoint=api.endpoint, status=65).stderr)

    def test_the_last_names_of_the_zone_and_names_that_are_not_there(self):
        self.assertEqual(self.listed("z349.example.com"), self.expected("z349.example.com."))
        self.assertEqual(self.listed("simple.example.com")["A"][0]["values"], ["192.0.2.1", "192.0.2.2"])
        for missing in ("n.example.com", "zz.example.com", "0.example.com"):
            run = self.rota(missing, status=66)
            self.assertIn(f"{missing}. has no members", run.stderr)

    def test_the_table_has_a_line_a_member(self):
        lines = self.rota("m.example.com", "--type", "A").stdout.splitlines()
        self.assertEqual(lines[0], "m.example.com. A: 100 members")
        self.assertEqual([line.split()[0] for line in lines[2:]], [f"i-{n:03}" for n in range(100)])
        self.assertEqual(lines[-1].split(), ["i-099", "10.0.0.99", "99", "60", "2.0%"])


if __name__ == "__main__":
    unittest.main(warnings="ignore")
