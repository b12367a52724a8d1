"""Requests that no SDK sends: altered, stale, replayed, oversized, malformed. Signed by botocore, then spoilt by hand."""

import datetime
import http.client
import re
import socket
import unittest
from unittest import mock

import harness
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

PREFIX = "/2013-04-01/"


def setUpModule():
    global server, zone
    server = harness.Server().start()
    unittest.addModuleCleanup(server.close)
    zone = server.zone("example.com")


def signed(method="GET", path=PREFIX + "hostedzone", body=b"", when=None, headers=None, query=""):
    """The headers of a request signed by botocore at `when`."""
    request = AWSRequest(method, server.endpoint + path + query, data=body, headers=dict(headers or {}))
    signer = SigV4Auth(Credentials(server.key_id, server.secret), "route53", "us-east-1")
    now = when or datetime.datetime.utcnow()
    with mock.patch("botocore.auth.datetime") as clock:
        clock.datetime.utcnow.return_value = now
        signer.add_auth(request)
    return dict(request.prepare().headers)


def send(method, path, headers, body=b""):
    connection = http.client.HTTPConnection(server.host, server.api_port, timeout=30 * harness.SLOW)
    try:
        connection.request(method, path, body=body or None, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode(errors="replace")
        return answer.status, (re.search(r"<Code>(.*?)</Code>", text) or [None, None])[1], text
    finally:
        connection.close()


def change_body(name="www.example.com", action="UPSERT", extra=""):
    return (
        '<?xml version="1.0" encoding="UTF-8"?><ChangeResourceRecordSetsRequest xmlns="https://route53.amazonaws.com/doc/2013-04-01/">'
        f"<ChangeBatch><Changes><Change><Action>{action}</Action><ResourceRecordSet><Name>{name}</Name><Type>A</Type>{extra}<TTL>60</TTL>"
        "<ResourceRecords><ResourceRecord><Value>192.0.2.1</Value></ResourceRecord></ResourceRecords></ResourceRecordSet></Change></Changes>"
        "</ChangeBatch></ChangeResourceRecordSetsRequest>"
    ).encode()


class Case(unittest.TestCase):
    def assert_refused(self, answer, status, code, pattern="<"):
        self.assertEqual(answer[:2], (status, code), answer[2])
        self.assertRegex(answer[2], pattern)
        self.assertEqual(send("GET", PREFIX + "hostedzone", signed())[0], 200, "it still answers")


class Signed(Case):
    def test_a_good_request_passes(self):
        self.assertEqual(send("GET", PREFIX + "hostedzone", signed())[0], 200)

    def test_the_same_request_again_is_accepted(self):
        path = zone_path()
        headers = signed("POST", path, change_body())
        self.assertEqual([send("POST", path, headers, change_body())[0] for _ in range(2)], [200, 200])

    def test_an_altered_signature(self):
        headers = signed()
        last = headers["Authorization"][-1]
        headers["Authorization"] = headers["Authorization"][:-1] + ("0" if last != "0" else "1")
        self.assert_refused(send("GET", PREFIX + "hostedzone", headers), 403, "SignatureDoesNotMatch")

    def test_an_altered_path(self):
        self.assert_refused(send("GET", PREFIX + "hostedzonecount", signed()), 403, "SignatureDoesNotMatch")

    def test_an_altered_query(self):
        headers = signed(query="?maxitems=1")
        self.assert_refused(send("GET", PREFIX + "hostedzone?maxitems=2", headers), 403, "SignatureDoesNotMatch")

    def test_an_altered_method(self):
        self.assert_refused(send("DELETE", PREFIX + "hostedzone/ZAAAAAAAAAAAAA", signed(path=PREFIX + "hostedzone/ZAAAAAAAAAAAAA")), 403, "SignatureDoesNotMatch")

    def test_an_altered_body(self):
        path = zone_path()
        headers = signed("POST", path, change_body())
        altered = change_body().replace(b"192.0.2.1", b"192.0.2.6")
        self.assert_refused(send("POST", path, headers, altered), 403, "SignatureDoesNotMatch")

    def test_an_altered_signed_header(self):
        headers = signed(headers={"X-Amz-Meta": "one"})
        headers["X-Amz-Meta"] = "two"
        self.assert_refused(send("GET", PREFIX + "hostedzone", headers), 403, "SignatureDoesNotMatch")

    def test_another_host(self):
        headers = {**signed(), "Host": "route53.example.net"}
        self.assert_refused(send("GET", PREFIX + "hostedzone", headers), 403, "SignatureDoesNotMatch")

    def test_six_minutes_late(self):
        headers = signed(when=datetime.datetime.utcnow() - datetime.timedelta(minutes=6))
        pattern = r"Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)"
        self.assert_refused(send("GET", PREFIX + "hostedzone", headers), 403, "SignatureDoesNotMatch", pattern)

    def test_six_minutes_early(self):
        headers = signed(when=datetime.datetime.utcnow() + datetime.timedelta(minutes=6))
        pattern = r"Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ 5 min\.\)"
        self.assert_refused(send("GET", PREFIX + "hostedzone", headers), 403, "SignatureDoesNotMatch", pattern)

    def test_four_minutes_off_is_accepted(self):
        for minutes in (-4, 4):
            headers = signed(when=datetime.datetime.utcnow() + datetime.timedelta(minutes=minutes))
            self.assertEqual(send("GET", PREFIX + "hostedzone", headers)[0], 200)

    def test_garbage_in_the_authorization_header(self):
        good = signed()
        for value in ("AWS4-HMAC-SHA256", "Bearer x", "AWS4-HMAC-SHA256 Credential=/, SignedHeaders=, Signature=", "\x80" * 40):
            status, code, text = send("GET", PREFIX + "hostedzone", {**good, "Authorization": value.encode("latin-1")})
            self.assertIn(status, (400, 403), text)
            self.assertIsNotNone(code)
        self.assertEqual(send("GET", PREFIX + "hostedzone", signed())[0], 200)


def zone_path():
    return f"{PREFIX}{zone.lstrip('/')}/rrset/"


class Bodies(Case):
    def post(self, body, path=None):
        path = path or zone_path()
        return send("POST", path, signed("POST", path, body), body)

    def test_not_xml(self):
        self.assert_refused(self.post(b"{}"), 400, "MalformedInput")
        self.assert_refused(self.post(b""), 400, "MalformedInput")

    def test_an_entity_bomb_is_not_expanded(self):
        bomb = b'<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><b>&b;</b>'
        self.assert_refused(self.post(bomb), 400, "MalformedInput")

    def test_an_unknown_action(self):
        self.assert_refused(self.post(change_body(action="REPLACE")), 400, "InvalidInput", "REPLACE")

    def test_a_weight_out_of_range(self):
        body = change_body(extra="<SetIdentifier>i</SetIdentifier><Weight>256</Weight>")
        self.assert_refused(self.post(body), 400, "InvalidInput", "256")

    def test_deep_nesting(self):
        self.assert_refused(self.post(b"<a>" * 5000 + b"</a>" * 5000), 400, "MalformedInput")

    def test_elements_in_any_order(self):
        body = change_body(name="order.example.com").replace(b"<Name>order.example.com</Name><Type>A</Type><TTL>60</TTL>", b"<TTL>60</TTL><Type>A</Type><Name>order.example.com</Name>")
        self.assertEqual(self.post(body)[0], 200)

    def test_with_and_without_the_trailing_slash(self):
        path = zone_path().rstrip("/")
        self.assertEqual(self.post(change_body(), path)[0], 200)

    def test_a_body_that_is_too_large(self):
        connection = http.client.HTTPConnection(server.host, server.api_port, timeout=30 * harness.SLOW)
        connection.putrequest("POST", zone_path())
        connection.putheader("Content-Length", str(64 << 20))
        connection.endheaders()
        self.assertIn(connection.getresponse().status, (400, 413))
        connection.close()

    def test_a_header_that_is_too_large(self):
        with socket.create_connection((server.host, server.api_port), timeout=30 * harness.SLOW) as tcp:
            tcp.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * (1 << 17) + b"\r\n\r\n")
            answer = tcp.recv(200)
        self.assertRegex(answer, rb"^(HTTP/1\.1 4\d\d|$)")

    def test_an_unknown_path(self):
        path = PREFIX + "nothing"
        status, code, text = send("GET", path, signed(path=path))
        self.assertGreaterEqual(status, 400, text)
        self.assertIsNotNone(code)

    def test_not_http_at_all(self):
        with socket.create_connection((server.host, server.api_port), timeout=30 * harness.SLOW) as tcp:
            tcp.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(60) + b"\r\n\r\n")
            tcp.recv(200)
        self.assertEqual(send("GET", PREFIX + "hostedzone", signed())[0], 200)


class Metrics(unittest.TestCase):
    def test_prometheus_text(self):
        status, _, text = send("GET", "/metrics", {})
        self.assertEqual(status, 200)
        names = re.findall(r"^# TYPE (\w+) (?:counter|gauge|histogram)$", text, re.MULTILINE)
        self.assertGreater(len(names), 3)
        for line in text.splitlines():
            if line and not line.startswith("#"):
                self.assertRegex(line, r'^[a-z_:][a-z0-9_:]*(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.eE+-]+$')
                self.assertTrue(line.startswith(("rota_", "process_")), line)


if __name__ == "__main__":
    unittest.main(warnings="ignore")
