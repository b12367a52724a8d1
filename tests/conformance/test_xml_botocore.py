"""The XML codec against botocore and boto 2: their requests read by ours, our responses read by theirs.

Our responses are the files of tests/golden/route53, which the unit tests hold the encoder to.
Usage: test_xml_botocore.py CODEC_TOOL
"""
import pathlib
import random
import sys
import unittest
import warnings
import xml.etree.ElementTree as ET
import xml.sax

import botocore.parsers
import botocore.serialize
import botocore.session

import harness

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden/route53"
TOOL = None
NS = "{https://route53.amazonaws.com/doc/2013-04-01/}"
SERVICE = botocore.session.get_session().get_service_model("route53")
HOSTILE = ["<", ">", "&", '"', "'", "]]>", "<![CDATA[", "&amp;", "é", "€", "🐌", "a", "\\052", " ", "\t", "\n"]


def golden(name):
    return (GOLDEN / name).read_bytes()


def parse(operation, name, status=200):
    response = {"body": golden(name), "headers": {"x-amzn-RequestId": "r"}, "status_code": status}
    shape = SERVICE.operation_model(operation).output_shape
    return botocore.parsers.RestXMLParser().parse(response, shape)


def serialize(operation, parameters):
    serializer = botocore.serialize.RestXMLSerializer()
    return serializer.serialize_to_request(parameters, SERVICE.operation_model(operation))["body"]


def tree(text):
    """A document as nested (name, text, children), without white space between elements."""

    def of(element):
        children = [of(child) for child in element]
        return (element.tag.removeprefix(NS), "" if children else element.text or "", children)

    return of(ET.fromstring(text))


class Requests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.tool = harness.JsonTool(TOOL)
        cls.addClassCleanup(cls.tool.close)

    def recode(self, kind, body):
        body = body.decode() if isinstance(body, bytes) else body
        answer = self.tool.ask(kind=kind, body=body)
        self.assertIn("xml", answer, f"{answer}: {body}")
        return answer["xml"]

    def assert_same(self, kind, body):
        self.assertEqual(tree(self.recode(kind, body)), tree(body))

    def test_change_batches_of_botocore_come_back_the_same(self):
        rng = random.Random(53)

        def text(most):
            return "".join(rng.choice(HOSTILE) for _ in range(rng.randint(1, most)))

        def record_set():
            record = {"Name": rng.choice(["www.example.com.", "a-1._b.example.com.", "\\052.example.com."])}
            record["Type"] = rng.choice(["A", "AAAA", "TXT", "CNAME", "MX", "CAA"])
            if rng.random() < 0.5:
                record.update(SetIdentifier=text(13), Weight=rng.randint(0, 255))
            record["TTL"] = rng.choice([0, 60, 2147483647])
            record["ResourceRecords"] = [{"Value": text(40)} for _ in range(rng.randint(1, 3))]
            return record

        for _ in range(300):
            changes = [
                {"Action": rng.choice(["CREATE", "DELETE", "UPSERT"]), "ResourceRecordSet": record_set()}
                for _ in range(rng.randint(1, 4))
            ]
            batch = {"Comment": text(28)} if rng.random() < 0.7 else {}
            batch["Changes"] = changes  # botocore writes in the order given
            body = serialize("ChangeResourceRecordSets", {"HostedZoneId": "Z1", "ChangeBatch": batch})
            self.assert_same("change", body)

    def test_what_is_not_stored_yet_is_still_read(self):
        alias = {"HostedZoneId": "Z2", "DNSName": "lb.example.net.", "EvaluateTargetHealth": False}
        base = {"Name": "www.example.com.", "Type": "A"}
        records = {"TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
        sets = [
            {**base, "AliasTarget": alias},
            {**base, "SetIdentifier": "x", "Weight": 3, "AliasTarget": alias},
            {**base, "SetIdentifier": "x", "Region": "us-east-1", **records},
            {**base, "SetIdentifier": "x", "Failover": "PRIMARY", **records, "HealthCheckId": "h"},
            {**base, "SetIdentifier": "x", "MultiValueAnswer": True, **records},
        ]
        for one in sets:
            batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": one}]}
            body = serialize("ChangeResourceRecordSets", {"HostedZoneId": "Z1", "ChangeBatch": batch})
            self.assert_same("raw", body)

    def test_zones_of_botocore_come_back_the_same(self):
        for parameters in (
            {"Name": "example.com", "CallerReference": "r"},
            {"Name": "example.com", "CallerReference": "r", "HostedZoneConfig": {"Comment": "a<b & c", "PrivateZone": True}},
        ):
            self.assert_same("create", serialize("CreateHostedZone", parameters))

    def test_aliases_are_those_that_boto_2_sends(self):
        self.assertEqual(
            tree(self.recode("raw", golden("boto2_add_alias_request.xml"))), tree(golden("change_alias_request.xml"))
        )


class Responses(unittest.TestCase):
    def test_zones(self):
        made = parse("CreateHostedZone", "create_hosted_zone_response.xml", 201)
        self.assertEqual(made["HostedZone"]["Id"], "/hostedzone/Z1PA6795UKMFR9")
        self.assertEqual(made["HostedZone"]["Config"], {"Comment": "the first zone", "PrivateZone": False})
        self.assertEqual(made["HostedZone"]["ResourceRecordSetCount"], 17)
        self.assertEqual(made["ChangeInfo"]["Status"], "PENDING")
        self.assertEqual(made["ChangeInfo"]["SubmittedAt"].isoformat(), "2026-11-22T16:40:00.123000+00:00")
        self.assertEqual(made["DelegationSet"]["NameServers"], ["ns1.example.net", "ns2.example.net"])
        got = parse("GetHostedZone", "get_hosted_zone_response.xml")
        self.assertEqual(got["HostedZone"], made["HostedZone"])
        listed = parse("ListHostedZones", "list_hosted_zones_response.xml")
        self.assertEqual([zone["Name"] for zone in listed["HostedZones"]], ["example.com.", "corp.example."])
        self.assertEqual((listed["Marker"], listed["NextMarker"]), ("Z1PA6795UKMFR9", "Z4N4NEXAMPLE"))
        self.assertEqual((listed["IsTruncated"], listed["MaxItems"]), (True, "2"))
        empty = parse("ListHostedZones", "list_hosted_zones_empty_response.xml")
        self.assertEqual((empty["HostedZones"], empty["IsTruncated"]), ([], False))
        by_name = parse("ListHostedZonesByName", "list_hosted_zones_by_name_response.xml")
        self.assertEqual((by_name["NextDNSName"], by_name["NextHostedZoneId"]), ("example.net.", "Z5P5PEXAMPLE"))
        self.assertEqual(parse("GetHostedZoneCount", "hosted_zone_count_response.xml")["HostedZoneCount"], 3)
        self.assertEqual(parse("DeleteHostedZone", "delete_hosted_zone_response.xml")["ChangeInfo"]["Status"], "PENDING")

    def test_record_sets_and_changes(self):
        listed = parse("ListResourceRecordSets", "list_record_sets_response.xml")
        self.assertEqual(
            listed["ResourceRecordSets"][1],
            {"Name": "www.example.com.", "Type": "A", "SetIdentifier": "i-0abd", "Weight": 0, "TTL": 60,
             "ResourceRecords": [{"Value": "192.0.2.11"}]},
        )  # fmt: skip
        self.assertEqual(listed["ResourceRecordSets"][2]["TTL"], 2147483647)
        self.assertEqual((listed["NextRecordName"], listed["NextRecordIdentifier"]), ("www.example.com.", "i-0abe"))
        self.assertEqual(parse("ChangeResourceRecordSets", "change_response.xml")["ChangeInfo"]["Id"], "/change/C2682N5HXP0BZ4")
        self.assertEqual(parse("GetChange", "get_change_response.xml")["ChangeInfo"]["Status"], "INSYNC")

    def test_errors(self):
        throttled = parse("GetChange", "throttling_error.xml", 400)["Error"]
        self.assertEqual(throttled, {"Type": "Sender", "Code": "Throttling", "Message": "Rate exceeded"})
        refused = parse("ChangeResourceRecordSets", "invalid_change_batch_error.xml", 400)["Error"]
        self.assertEqual(refused["Code"], "InvalidChangeBatch")
        self.assertTrue(refused["Message"].startswith("[Tried to create resource record set [name='www.example.com.'"))


class Boto2(unittest.TestCase):
    """boto 2's own parsers, without a connection."""

    @classmethod
    def setUpClass(cls):
        warnings.simplefilter("ignore")

    def dictionary(self, name, **markers):
        import boto.jsonresponse

        element = boto.jsonresponse.Element(**markers)
        boto.jsonresponse.XmlHandler(element, None).parse(golden(name))
        return element

    def test_zones(self):
        markers = {"list_marker": "HostedZones", "item_marker": ("HostedZone",)}
        listed = self.dictionary("list_hosted_zones_response.xml", **markers)["ListHostedZonesResponse"]
        self.assertEqual([zone["Id"] for zone in listed["HostedZones"]], ["/hostedzone/Z1PA6795UKMFR9", "/hostedzone/Z3M3LMPEXAMPLE"])
        self.assertEqual(listed["NextMarker"], "Z4N4NEXAMPLE")
        empty = self.dictionary("list_hosted_zones_empty_response.xml", **markers)["ListHostedZonesResponse"]
        self.assertNotIn("NextMarker", empty)
        made = self.dictionary("create_hosted_zone_response.xml", list_marker="NameServers", item_marker=("NameServer",))
        self.assertEqual(made.NameServers, ["ns1.example.net", "ns2.example.net"])
        self.assertEqual(self.dictionary("get_change_response.xml").Status, "INSYNC")

    def test_record_sets_and_errors(self):
        from boto import handler
        from boto.route53.exception import DNSServerError
        from boto.route53.record import ResourceRecordSets

        record_sets = ResourceRecordSets()
        xml.sax.parseString(golden("list_record_sets_response.xml"), handler.XmlHandler(record_sets, None))
        self.assertTrue(record_sets.is_truncated)
        self.assertEqual(record_sets.next_record_identifier, "i-0abe")
        first = list.__getitem__(record_sets, 0)
        self.assertEqual((first.name, first.identifier, first.weight, first.ttl), ("www.example.com.", "i-0abc", "10", "60"))
        error = DNSServerError(400, "Bad Request", golden("throttling_error.xml").decode())
        self.assertEqual((error.error_code, error.message), ("Throttling", "Rate exceeded"))


if __name__ == "__main__":
    TOOL = sys.argv.pop(1)
    unittest.main()
