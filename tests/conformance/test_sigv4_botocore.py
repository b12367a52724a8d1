#!/usr/bin/python3
"""SigV4 against botocore: random requests signed by both, botocore's verified by ours; the golden Route 53 requests.

Usage: test_sigv4_botocore.py SIGN_TOOL [--write-golden]
"""
import datetime
import pathlib
import random
import sys
import unittest
from unittest import mock
from urllib.parse import quote

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import harness

ID = "AKIDEXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
NOW = "20261122T164000Z"
GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden/sigv4/route53"
TOOL = None

LIST = "/2013-04-01/hostedzone/Z1PA6795UKMFR9/rrset?type=A&name=%5C052.example.com.&identifier=i-0abc&maxitems=1"
CHANGE = "/2013-04-01/hostedzone/Z1PA6795UKMFR9/rrset/"
BODY = ('<?xml version="1.0" encoding="UTF-8"?><ChangeResourceRecordSetsRequest '
        'xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><ChangeBatch><Changes><Change><Action>UPSERT</Action>'
        "<ResourceRecordSet><Name>www.example.com.</Name><Type>A</Type><SetIdentifier>i-0abc</SetIdentifier>"
        "<Weight>10</Weight><TTL>60</TTL><ResourceRecords><ResourceRecord><Value>192.0.2.10</Value></ResourceRecord>"
        "</ResourceRecords></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>")
TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJHMEUCIQ=="

GOLDEN_REQUESTS = {
    "list-us-east-1": ("GET", "route53.amazonaws.com", LIST, "", "us-east-1", ""),
    "list-session-token": ("GET", "route53.amazonaws.com", LIST, "", "us-east-1", TOKEN),
    "change-us-east-1": ("POST", "route53.amazonaws.com", CHANGE, BODY, "us-east-1", ""),
    "change-session-token": ("POST", "route53.amazonaws.com", CHANGE, BODY, "us-east-1", TOKEN),
    "change-us-gov-west-1": ("POST", "route53.us-gov.amazonaws.com", CHANGE, BODY, "us-gov-west-1", ""),
    "change-cn-northwest-1": ("POST", "route53.amazonaws.com.cn", CHANGE, BODY, "cn-northwest-1", ""),
    "get-change-port": ("GET", "127.0.0.1:8053", "/2013-04-01/change/C2682N5HXP0BZ4", "", "us-east-1", ""),
}


def botocore_sign(method, host, target, headers, body, region, service, token):
    """The headers of the request as botocore signs it at NOW, Host included."""
    request = AWSRequest(method=method, url="http://" + host + target, data=body.encode())
    for name, value in headers:
        request.headers.add_header(name, value)
    moment = datetime.datetime.strptime(NOW, "%Y%m%dT%H%M%SZ")
    signer = botocore.auth.SigV4Auth(Credentials(ID, SECRET, token or None), service, region)
    with mock.patch.object(botocore.auth, "datetime") as module:
        module.datetime.utcnow.return_value = moment
        signer.add_auth(request)
    return [["Host", host]] + [[k, v] for k, v in request.headers.items()]


def ask(tool, **what):
    return tool.ask(**what, now=NOW, access_key_id=ID, secret_access_key=SECRET)


def golden_text(method, host, target, body, region, token):
    headers = [["Content-Type", "application/xml"]] if body else []
    fields = botocore_sign(method, host, target, headers, body, region, "route53", token)
    return "%s %s HTTP/1.1\n%s\n%s" % (method, target, "".join("%s:%s\n" % (k, v) for k, v in fields), body)


def random_text(rng, alphabet, longest):
    return "".join(rng.choice(alphabet) for _ in range(rng.randrange(longest)))


class SigV4(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tool = harness.JsonTool(TOOL)
        cls.addClassCleanup(cls.tool.close)

    def random_request(self, rng):
        nasty = "abcXYZ019-._~/ %*+&=?:@!$'()[]\\\"<>\u00e9\u1234"
        path = "/" + "/".join(rng.choice([quote(random_text(rng, nasty, 8), safe=""), ".", "..", "", "rrset"])
                              for _ in range(rng.randrange(5)))
        pairs = [quote(random_text(rng, nasty, 6) or "k", safe="-_.~") + "=" + quote(random_text(rng, nasty, 10), safe="-_.~")
                 for _ in range(rng.randrange(5))]
        target = path + ("?" + "&".join(pairs) if pairs else "")
        headers = [["x-amz-meta-%d" % i, random_text(rng, "ab \t,;\"=", 12)] for i in range(rng.randrange(3))]
        if headers and rng.random() < 0.5:
            headers.append([headers[0][0].upper(), "again"])
        method = rng.choice(["GET", "POST", "DELETE", "PUT"])
        body = random_text(rng, nasty + "\n", 200) if method in ("POST", "PUT") else ""
        if body:
            headers.append(["Content-Type", rng.choice(["application/xml", "text/xml; charset=utf-8"])])
        return method, rng.choice(["route53.amazonaws.com", "127.0.0.1:8053", "[::1]:8053"]), target, headers, body

    def test_random_requests_are_signed_alike_and_verify(self):
        seed = random.randrange(2**32)
        rng = random.Random(seed)
        for i in range(2000):
            method, host, target, headers, body = self.random_request(rng)
            region = rng.choice(["us-east-1", "us-gov-west-1", "cn-northwest-1", "eu-central-1"])
            token = rng.choice(["", "", TOKEN])
            fields = botocore_sign(method, host, target, headers, body, region, "route53", token)
            theirs = dict((k.lower(), v) for k, v in fields)["authorization"]
            what = "seed %d, request %d: %s %s %r" % (seed, i, method, target, headers)
            ours = ask(self.tool, do="sign", method=method, target=target, headers=headers, body=body, host=host,
                       region=region, service="route53", session_token=token)
            self.assertEqual(ours["authorization"], theirs, what)
            if not token:
                self.check_verified(rng, what, method, target, fields, body)

    def check_verified(self, rng, what, method, target, fields, body):
        verdict = ask(self.tool, do="verify", method=method, target=target, headers=fields, body=body,
                      service="route53")
        self.assertEqual(verdict, {"access_key_id": ID}, what)
        verdict = ask(self.tool, do="verify", method=method, target=target, headers=fields,
                      body=body + rng.choice("ab"), service="route53")
        self.assertEqual(verdict["code"], "SignatureDoesNotMatch", what)

    def test_the_golden_requests_are_what_botocore_says(self):
        for name, request in GOLDEN_REQUESTS.items():
            self.assertEqual((GOLDEN / (name + ".txt")).read_text(), golden_text(*request), name)

    def test_boto_2_signs_what_we_accept_as_aws3(self):
        try:
            from boto.auth import HmacAuthV3Handler
            from boto.provider import Provider
        except ImportError:
            self.skipTest("boto 2 is not installed")
        handler = HmacAuthV3Handler("host", None, Provider("aws", ID, SECRET))
        request = mock.Mock(headers={"Date": "Sun, 22 Nov 2026 16:40:00 GMT"})
        handler.add_auth(request)
        verdict = ask(self.tool, do="verify", method="GET", target="/", headers=list(request.headers.items()),
                      body="", service="route53", allow_aws3=True)
        self.assertEqual(verdict, {"access_key_id": ID})


if __name__ == "__main__":
    TOOL = sys.argv[1]
    if "--write-golden" in sys.argv:
        for golden_name, golden_request in GOLDEN_REQUESTS.items():
            (GOLDEN / (golden_name + ".txt")).write_text(golden_text(*golden_request))
        sys.exit(0)
    unittest.main(argv=sys.argv[:1])
