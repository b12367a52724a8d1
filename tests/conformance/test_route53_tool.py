"""`rota route53`, boto 2's tool: against `rota serve`, through a proxy that loses answers, and against scripted answers."""

import contextlib
import http.client
import http.server
import os
import pathlib
import re
import subprocess
import tempfile
import threading
import unittest
import xml.etree.ElementTree as ET

import harness

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden/route53"
MEMBER = ("www.example.com", "A", "192.0.2.10", "60", "i-0abc", "10")
ALIAS = ("alias.example.com", "A", "Z3DZXE0Q79N41H", "lb-1218761514.us-east-1.elb.amazonaws.com.")


def route53(*words, endpoint, environment, program=(harness.ROTA, "route53")):
    environment = {**environment, "AWS_ENDPOINT_URL_ROUTE_53": endpoint}
    return subprocess.run([*program, *words], capture_output=True, text=True, env=environment, timeout=100 * harness.SLOW)


class Api(http.server.BaseHTTPRequestHandler):
    """Hands each request to the server's `answer(method, path, headers, body)`; None loses the answer."""

    protocol_version = "HTTP/1.1"

    def handle_any(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, body))
        answer = self.server.answer(self.command, self.path, dict(self.headers), body)
        if answer is None:
            self.close_connection = True
            return
        status, text = answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = do_DELETE = handle_any

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def api(answer):
    """An HTTP server on a port of its own; `seen` lists what it was asked."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Api)
    server.answer, server.seen = answer, []
    server.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def scripted(*answers):
    """The answers in turn: bytes for status 200, (status, bytes) or None; the last one for ever."""
    left = list(answers)

    def answer(*_):
        one = left.pop(0) if len(left) > 1 else left[0]
        return (200, one) if isinstance(one, bytes) else one

    return answer


def error(code, message="words", status=400):
    return status, (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>r</RequestId></ErrorResponse>"
    ).encode()


def golden(name):
    return (GOLDEN / name).read_bytes()


def tree(text):
    return ET.canonicalize(text, strip_text=True)


class AgainstServe(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = harness.Server().start()
        cls.addClassCleanup(cls.server.close)
        cls.zone = cls.server.zone("example.com").removeprefix("/hostedzone/")

    def run_tool(self, *words, status=0, endpoint=None, **more):
        run = route53(*words, endpoint=endpoint or self.server.endpoint, environment=self.server.environment(), **more)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run

    def losing(self, times):
        """A proxy to the server which loses the answers of the first `times` changes."""
        left = [times]

        def answer(method, path, headers, body):
            onward = http.client.HTTPConnection(self.server.host, self.server.api_port, timeout=30)
            with contextlib.closing(onward):
                onward.request(method, path, body=body or None, headers=headers)
                answer = onward.getresponse()
                text = answer.read()
            if method != "GET" and left[0] > 0:
                left[0] -= 1
                return None
            return answer.status, text

        return api(answer)

    def listed(self):
        run = self.run_tool("get", self.zone)
        return [line.split(None, 3) for line in run.stdout.splitlines()[1:]]

    def test_the_life_of_a_member(self):
        zone = self.zone
        first = self.run_tool("--wait", "add_record", zone, *MEMBER)
        self.assertRegex(first.stdout, r"^\{'ChangeResourceRecordSetsResponse': \{'ChangeInfo': \{'Id': '/change/C\w+', 'Status': 'PENDING'")
        self.assertIn("'Status': 'INSYNC'", first.stdout)
        self.assertEqual(self.server.dig("www.example.com", "A").values(), ["192.0.2.10"])
        again = self.run_tool("add_record", zone, *MEMBER)
        self.assertEqual(again.stdout, "www.example.com A i-0abc is there already\n")
        other = self.run_tool("add_record", zone, "www.example.com", "A", "192.0.2.11", "60", "i-0abc", "10", status=73)
        self.assertIn("but it already exists", other.stderr)
        self.assertIn("stored is 192.0.2.10 (WRR id=i-0abc, w=10) with TTL 60", other.stderr)
        self.assertIn(["www.example.com.", "A", "60", "192.0.2.10 (WRR id=i-0abc, w=10)"], self.listed())

        self.run_tool("change_record", zone, "www.example.com", "A", "192.0.2.12", "60", "i-0abc", "20")
        self.assertIn(["www.example.com.", "A", "60", "192.0.2.12 (WRR id=i-0abc, w=20)"], self.listed())
        wrong = self.run_tool("del_record", zone, *MEMBER, status=73)
        self.assertIn("the values provided do not match the current values", wrong.stderr)
        self.run_tool("del_record", zone, "www.example.com.", "a", "192.0.2.12", "60", "i-0abc", "20", "bye")
        gone = self.run_tool("del_record", zone, *MEMBER)
        self.assertEqual(gone.stdout, "www.example.com A i-0abc is gone already\n")

    def test_nothing_is_called_gone_whose_address_is_answered(self):
        self.run_tool("add_record", self.zone, "left.example.com", "A", "192.0.2.20", "60", "i-0abc", "10")
        for identifier in ((), ("60", "i-0abd", "10")):
            kept = self.run_tool("del_record", self.zone, "left.example.com", "A", "192.0.2.20", *identifier, status=73)
            self.assertIn("but left.example.com. A i-0abc is answered on with 192.0.2.20 (WRR id=i-0abc, w=10)", kept.stderr)
        self.run_tool("del_record", self.zone, "left.example.com", "A", "192.0.2.21")  # that one is nowhere
        self.assertEqual(self.server.dig("left.example.com", "A").values(), ["192.0.2.20"])

    def test_simple_records_and_several_values(self):
        self.run_tool("add_record", self.zone, "two.example.com", "A", "192.0.2.1,192.0.2.2")
        self.assertIn(["two.example.com.", "A", "600", "192.0.2.1,192.0.2.2"], self.listed())
        self.assertIn("there already", self.run_tool("add_record", self.zone, "two.example.com", "A", "192.0.2.2,192.0.2.1").stdout)
        self.run_tool("add_record", self.zone, "text.example.com", "TXT", '"one, two","three"', "60")
        self.assertIn(["text.example.com.", "TXT", "60", '"one, two","three"'], self.listed())
        one = self.run_tool("get", f"/hostedzone/{self.zone}", "A", "two.example.com", "1").stdout.splitlines()
        self.assertEqual(len(one), 2)
        self.run_tool("del_record", self.zone, "two.example.com", "A", "192.0.2.1,192.0.2.2")
        self.run_tool("del_record", self.zone, "text.example.com", "TXT", '"one, two","three"', "60")

    def test_zones(self):
        made = self.run_tool("create", "fresh.example", "", "a comment")
        self.assertRegex(made.stdout, r"\APending, please add the following Name Servers:\n(\t\S+\n)+\Z")
        shown = self.run_tool("ls").stdout
        zone = re.search(r"\| ID:   (\w+)\n\| Name: fresh\.example\.\n\| Ref:  (\S+)\n=+\n(.*)", shown)
        self.assertEqual(zone[3], "{'Comment': 'a comment', 'PrivateZone': 'false'}")
        again = self.run_tool("create", "fresh.example", zone[2], status=73)
        self.assertIn("HostedZoneAlreadyExists", again.stderr)
        self.run_tool("delete_zone", zone[1])
        self.assertIn("NoSuchHostedZone", self.run_tool("delete_zone", zone[1], status=66).stderr)
        self.assertIn("NoSuchHostedZone", self.run_tool("get", zone[1], status=66).stderr)

    def test_lost_answers_are_not_carried_out_twice(self):
        for words, said in (
            (("add_record", self.zone, "lost.example.com", "A", "192.0.2.1"), "is there already"),
            (("change_record", self.zone, "lost.example.com", "A", "192.0.2.2"), "is there now"),
            (("del_record", self.zone, "lost.example.com", "A", "192.0.2.2"), "is gone already"),
        ):
            with self.losing(1) as proxy:
                run = self.run_tool(*words, endpoint=proxy.endpoint)
            self.assertIn(said, run.stdout)
            self.assertIn("trying again in", run.stderr)
        with self.losing(1) as proxy:
            made = self.run_tool("create", "lost.example", endpoint=proxy.endpoint)
        self.assertIn("\n\t", made.stdout)
        zone = re.search(r"ID:   (\w+)\n\| Name: lost\.example", self.run_tool("ls").stdout)[1]
        with self.losing(1) as proxy:
            self.assertIn("is gone", self.run_tool("delete_zone", zone, endpoint=proxy.endpoint).stdout)

    def test_a_failed_metadata_request_changes_nothing(self):
        before = self.listed()
        for words in (
            ("add_record", self.zone, "www.example.com", "A", "", "60", "i-0abc", "10"),
            ("add_record", self.zone, "www.example.com", "A", "60", "i-0abc", "10"),
            ("add_record", self.zone, "www.example.com", "A", "192.0.2.10", "60", "10"),
            ("add_record", self.zone, "www.example.com", "A", "192.0.2.10", "60", "", "10"),
            ("del_record", self.zone, "www.example.com", "A", "60", "i-0abc", "10"),
        ):
            self.assertIn("usage: ", self.run_tool(*words, status=64).stderr)
        self.assertEqual(self.listed(), before)

    def test_the_program_answers_to_the_old_name(self):
        with tempfile.TemporaryDirectory() as folder:
            link = os.path.join(folder, "route53")
            os.symlink(os.path.realpath(harness.ROTA), link)
            self.assertIn("example.com.", self.run_tool("ls", program=(link,)).stdout)

    def test_aliases_are_refused_by_name(self):
        run = self.run_tool("add_alias", self.zone, *ALIAS, status=65)
        self.assertIn("AliasTarget is not supported by this server yet", run.stderr)

    def test_wrong_keys_say_so(self):
        environment = {**self.server.environment(), "AWS_SECRET_ACCESS_KEY": "wrong"}
        run = route53("ls", endpoint=self.server.endpoint, environment=environment)
        self.assertEqual(run.returncode, 77, run.stderr)
        self.assertIn("SignatureDoesNotMatch", run.stderr)


class AgainstAScript(unittest.TestCase):
    """Answers that only Amazon's Route 53 gives."""

    environment = harness.clean_environment(AWS_ACCESS_KEY_ID="AKIDEXAMPLE", AWS_SECRET_ACCESS_KEY="secret")

    def run_tool(self, server, *words, status=0):
        run = route53(*words, endpoint=server.endpoint, environment=self.environment)
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run

    def test_alias_commands_are_sent_faithfully(self):
        with api(scripted(golden("change_response.xml"))) as server:
            self.run_tool(server, "add_alias", "Z1", *ALIAS, "one", "10")
            self.run_tool(server, "del_alias", "Z1", *ALIAS, "one", "10")
        created, deleted = (body for _, _, body in server.seen)
        self.assertEqual(created.decode() + "\n", golden("change_alias_request.xml").decode())
        self.assertEqual(deleted, created.replace(b"CREATE", b"DELETE"))
        self.assertEqual({path for _, path, _ in server.seen}, {"/2013-04-01/hostedzone/Z1/rrset/"})

    def test_change_alias_deletes_what_is_stored_and_creates_the_new(self):
        answers = scripted(golden("foreign_record_sets_response.xml"), golden("change_response.xml"))
        with api(answers) as server:
            self.run_tool(server, "change_alias", "Z1", "alias.example.com", "A", "Z3DZXE0Q79N41H", "lb2.example.net.")
        self.assertEqual(server.seen[0][1], "/2013-04-01/hostedzone/Z1/rrset?maxitems=1&name=alias.example.com&type=A")
        self.assertEqual(tree(server.seen[1][2].decode()), tree(golden("change_alias_stored_request.xml").decode()))

    def test_listings_show_every_policy(self):
        with api(scripted(golden("foreign_record_sets_response.xml"))) as server:
            shown = self.run_tool(server, "get", "Z1").stdout
        self.assertIn("ALIAS Z3DZXE0Q79N41H lb-1218761514.us-east-1.elb.amazonaws.com. (EvalTarget False)", shown)
        self.assertIn("192.0.2.10 (LBR id=one, region=us-east-1)", shown)
        self.assertIn("192.0.2.10 (GEO id=ca, CountryCode=US,SubdivisionCode=CA)", shown)

    def test_throttling_and_unfinished_requests_are_tried_again(self):
        answers = scripted(
            error("Throttling"), error("PriorRequestNotComplete"), error("ServiceUnavailable", status=503),
            golden("change_response.xml"),
        )  # fmt: skip
        with api(answers) as server:
            run = self.run_tool(server, "add_record", "Z1", *MEMBER)
        self.assertEqual(len(server.seen), 4)
        self.assertEqual(run.stderr.count("trying again in"), 3)

    def test_the_deadline_ends_with_75(self):
        with api(scripted(error("Throttling"))) as server:
            run = self.run_tool(server, "--timeout", "1", "add_record", "Z1", *MEMBER, status=75)
        self.assertIn("Throttling", run.stderr)

    def test_a_missing_permission_is_named(self):
        with api(scripted(error("AccessDenied", "User: arn:aws:iam::1:user/x is not authorized", 403))) as server:
            run = self.run_tool(server, "add_record", "Z1", *MEMBER, status=77)
        self.assertEqual(len(server.seen), 1)
        self.assertIn("route53:ChangeResourceRecordSets on arn:aws:route53:::hostedzone/Z1", run.stderr)

    def test_expired_credentials_are_looked_up_once_more(self):
        expired = error("ExpiredToken", "The security token included in the request is expired", 403)
        with api(scripted(expired, golden("change_response.xml"))) as server:
            self.run_tool(server, "add_record", "Z1", *MEMBER)
            self.assertEqual(len(server.seen), 2)
        with api(scripted(expired)) as server:
            self.assertIn("ExpiredToken", self.run_tool(server, "add_record", "Z1", *MEMBER, status=77).stderr)
            self.assertEqual(len(server.seen), 2)

    def test_what_is_no_answer_is_an_error(self):
        with api(scripted(b"<html>captive portal</html>")) as server:
            self.assertIn("the answer is html", self.run_tool(server, "ls", status=65).stderr)
        with api(scripted((404, b"nothing here"))) as server:
            self.assertIn("HTTP 404", self.run_tool(server, "ls", status=66).stderr)


if __name__ == "__main__":
    unittest.main(verbosity=1)
