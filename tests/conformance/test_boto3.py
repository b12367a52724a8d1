"""boto3 judges the API: operations, paging, the waiter, limits, and every error that Route 53's users have met."""

import secrets
import threading
import unittest

import harness
from botocore.exceptions import ClientError
from harness import change, insync, record_set


def setUpModule():
    global server, client
    server = harness.Server().start()
    unittest.addModuleCleanup(server.close)
    client = server.boto3()


class Case(unittest.TestCase):
    def fresh(self, name=None):
        """A new zone with a name of its own: (id, name)."""
        name = name or f"z{secrets.token_hex(4)}.test"
        return server.zone(name, client), name

    def assert_error(self, code, status, call, *parts, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        response = caught.exception.response
        self.assertEqual((response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]), (code, status), response)
        self.assertEqual(response["Error"].get("Type", "Sender"), "Sender")
        for part in parts:
            self.assertIn(part, response["Error"]["Message"])
        self.assertTrue(response["ResponseMetadata"].get("RequestId"))
        return response["Error"]["Message"]

    def refuse(self, zone, *changes, message, code="InvalidChangeBatch", status=400):
        """The batch is refused with the message, and leaves nothing behind."""
        before = self.listed(zone)
        with self.assertRaises(ClientError) as caught:
            change(client, zone, *changes)
        error = caught.exception.response
        self.assertEqual((error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]), (code, status), error)
        self.assertIn(message, error["Error"]["Message"])
        self.assertEqual(self.listed(zone), before)
        return error["Error"]["Message"]

    def listed(self, zone):
        pages = client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
        return [one for page in pages for one in page["ResourceRecordSets"]]


class HostedZones(Case):
    def test_a_new_zone_has_soa_and_ns_and_a_location(self):
        reference = secrets.token_hex(8)
        name = f"n{secrets.token_hex(4)}.test"
        made = client.create_hosted_zone(Name=name, CallerReference=reference, HostedZoneConfig={"Comment": "ours & <theirs>"})
        self.assertEqual(made["ResponseMetadata"]["HTTPStatusCode"], 201)
        zone = made["HostedZone"]
        self.assertRegex(zone["Id"], r"^/hostedzone/Z[A-Z0-9]+$")
        self.assertTrue(made["Location"].endswith("/2013-04-01" + zone["Id"]), made["Location"])
        self.assertEqual((zone["Name"], zone["CallerReference"]), (name + ".", reference))
        self.assertEqual(zone["Config"], {"Comment": "ours & <theirs>", "PrivateZone": False})
        self.assertEqual(zone["ResourceRecordSetCount"], 2)
        self.assertRegex(made["ChangeInfo"]["Id"], r"^/change/C[A-Z0-9]+$")
        self.assertIn(made["ChangeInfo"]["Status"], ("PENDING", "INSYNC"))
        self.assertGreaterEqual(len(made["DelegationSet"]["NameServers"]), 1)
        self.assertEqual([(one["Type"], one["Name"]) for one in self.listed(zone["Id"])], [("NS", name + "."), ("SOA", name + ".")])
        got = client.get_hosted_zone(Id=zone["Id"])
        self.assertEqual(got["HostedZone"], zone)
        self.assertEqual(got["DelegationSet"]["NameServers"], made["DelegationSet"]["NameServers"])

    def test_the_same_caller_reference_is_refused(self):
        reference = secrets.token_hex(8)
        client.create_hosted_zone(Name="once.test", CallerReference=reference)
        self.assert_error("HostedZoneAlreadyExists", 409, client.create_hosted_zone, Name="once.test", CallerReference=reference)

    def test_a_bad_name_is_refused(self):
        for bad in ("a..test", "x" * 64 + ".test", "." * 3):
            with self.subTest(bad):
                self.assert_error("InvalidDomainName", 400, client.create_hosted_zone, Name=bad, CallerReference=secrets.token_hex(8))

    def test_an_unknown_zone_is_named(self):
        unknown = "ZAAAAAAAAAAAAA"
        message = f"No hosted zone found with ID: {unknown}"
        self.assert_error("NoSuchHostedZone", 404, client.get_hosted_zone, message, Id=unknown)
        self.assert_error("NoSuchHostedZone", 404, client.delete_hosted_zone, message, Id=unknown)
        self.assert_error("NoSuchHostedZone", 404, client.list_resource_record_sets, message, HostedZoneId=unknown)

    def test_listing_pages(self):
        ids = {self.fresh()[0] for _ in range(3)}
        pages = list(client.get_paginator("list_hosted_zones").paginate(PaginationConfig={"PageSize": 2}))
        seen = [zone["Id"] for page in pages for zone in page["HostedZones"]]
        self.assertEqual(len(seen), len(set(seen)))
        self.assertLessEqual(ids, set(seen))
        self.assertTrue(all(len(page["HostedZones"]) <= 2 and page["MaxItems"] == "2" for page in pages))
        self.assertEqual([page["IsTruncated"] for page in pages], [True] * (len(pages) - 1) + [False])
        self.assertEqual(client.get_hosted_zone_count()["HostedZoneCount"], len(seen))

    def test_listing_by_name_starts_at_the_name(self):
        zone, name = self.fresh(f"m{secrets.token_hex(4)}.test")
        found = client.list_hosted_zones_by_name(DNSName=name, MaxItems="1")
        self.assertEqual([one["Id"] for one in found["HostedZones"]], [zone])
        self.assertEqual(found["DNSName"].rstrip("."), name)
        names = [one["Name"] for one in client.list_hosted_zones_by_name()["HostedZones"]]
        self.assertEqual(names, sorted(names, key=lambda n: n.rstrip(".").split(".")[::-1]))

    def test_deleting_needs_an_empty_zone(self):
        zone, name = self.fresh()
        www = record_set("www." + name, "A", "192.0.2.1")
        change(client, zone, ("CREATE", www))
        self.assert_error("HostedZoneNotEmpty", 400, client.delete_hosted_zone, Id=zone)
        change(client, zone, ("DELETE", www))
        self.assertIn("ChangeInfo", client.delete_hosted_zone(Id=zone))
        self.assert_error("NoSuchHostedZone", 404, client.get_hosted_zone, Id=zone)

        def refused():
            return server.dig(name, "SOA").status == "REFUSED"

        harness.eventually(refused, "the deleted zone is not served any more")

    def test_ids_work_with_and_without_their_prefix(self):
        zone, _ = self.fresh()
        self.assertEqual(client.get_hosted_zone(Id=zone.split("/")[-1])["HostedZone"]["Id"], zone)


class Changes(Case):
    def test_create_list_delete_and_the_waiter(self):
        zone, name = self.fresh()
        www = record_set("www." + name, "A", "192.0.2.1", "192.0.2.2", ttl=300)
        made = client.change_resource_record_sets(
            HostedZoneId=zone, ChangeBatch={"Comment": "first", "Changes": [{"Action": "CREATE", "ResourceRecordSet": www}]}
        )["ChangeInfo"]
        self.assertEqual(made["Comment"], "first")
        client.get_waiter("resource_record_sets_changed").wait(Id=made["Id"], WaiterConfig={"Delay": 1, "MaxAttempts": 20})
        got = client.get_change(Id=made["Id"])["ChangeInfo"]
        self.assertEqual((got["Status"], got["Comment"], got["SubmittedAt"]), ("INSYNC", "first", made["SubmittedAt"]))
        self.assertEqual(server.dig("www." + name, "A").values(), ["192.0.2.1", "192.0.2.2"])
        (listed,) = [one for one in self.listed(zone) if one["Type"] == "A"]
        self.assertEqual(listed, dict(www, Name="www." + name + "."))
        change(client, zone, ("DELETE", www))
        self.assertEqual(server.dig("www." + name, "A").status, "NXDOMAIN")

    def test_insync_means_that_it_is_answered(self):
        zone, name = self.fresh()
        for number in range(30):
            address = f"192.0.2.{number + 1}"
            change(client, zone, ("UPSERT", record_set("now." + name, "A", address, ttl=0)))
            self.assertEqual(server.dig("now." + name, "A").values(), [address])

    def test_an_unknown_change_is_refused(self):
        self.assert_error("NoSuchChange", 404, client.get_change, Id="CAAAAAAAAAAAAA")

    def test_create_of_what_exists(self):
        zone, name = self.fresh()
        www = record_set("www." + name, "A", "192.0.2.1")
        change(client, zone, ("CREATE", www))
        text = f"Tried to create resource record set [name='www.{name}.', type='A'] but it already exists"
        self.assertEqual(self.refuse(zone, ("CREATE", www), message=text), f"[{text}]")
        member = record_set("rota." + name, "A", "192.0.2.1", identifier="i-1")
        change(client, zone, ("CREATE", member))
        text = f"Tried to create resource record set [name='rota.{name}.', type='A', set-identifier='i-1'] but it already exists"
        self.refuse(zone, ("CREATE", member), message=text)

    def test_delete_of_what_is_not_there(self):
        zone, name = self.fresh()
        text = f"Tried to delete resource record set [name='x.{name}.', type='A'] but it was not found"
        self.refuse(zone, ("DELETE", record_set("x." + name, "A", "192.0.2.1")), message=text)

    def test_delete_must_match_every_value(self):
        zone, name = self.fresh()
        stored = record_set("rota." + name, "A", "192.0.2.1", ttl=60, identifier="i-1", weight=10)
        change(client, zone, ("CREATE", stored))
        text = f"Tried to delete resource record set [name='rota.{name}.', type='A', set-identifier='i-1'] but the values provided do not match the current values"
        for field, value in (("TTL", 61), ("Weight", 11), ("ResourceRecords", [{"Value": "192.0.2.2"}])):
            self.refuse(zone, ("DELETE", {**stored, field: value}), message=text)
        change(client, zone, ("DELETE", stored))

    def test_delete_takes_the_values_in_any_order(self):
        zone, name = self.fresh()
        change(client, zone, ("CREATE", record_set("www." + name, "A", "192.0.2.1", "192.0.2.2")))
        change(client, zone, ("DELETE", record_set("WWW." + name + ".", "A", "192.0.2.2", "192.0.2.1")))

    def test_a_batch_is_applied_whole_or_not_at_all(self):
        zone, name = self.fresh()
        good = ("CREATE", record_set("good." + name, "A", "192.0.2.1"))
        bad = ("DELETE", record_set("bad." + name, "A", "192.0.2.1"))
        other = ("DELETE", record_set("worse." + name, "A", "192.0.2.1"))
        text = self.refuse(zone, good, bad, other, message="but it was not found")
        self.assertTrue(text.startswith("[Tried to delete") and text.endswith("]"))
        self.assertIn(f"name='bad.{name}.'", text)
        self.assertIn(f"name='worse.{name}.'", text)

    def test_a_batch_is_read_in_order(self):
        zone, name = self.fresh()
        old, new = record_set("www." + name, "CNAME", "a.example.net"), record_set("www." + name, "A", "192.0.2.1")
        change(client, zone, ("CREATE", old))
        change(client, zone, ("DELETE", old), ("CREATE", new))
        self.refuse(zone, ("CREATE", old), ("DELETE", new), message="CNAME")
        self.refuse(zone, ("DELETE", new), ("DELETE", new), message="but it was not found")

    def test_upsert_replaces_whole(self):
        zone, name = self.fresh()
        change(client, zone, ("UPSERT", record_set("www." + name, "A", "192.0.2.1", ttl=60)))
        change(client, zone, ("UPSERT", record_set("www." + name, "A", "192.0.2.2", ttl=30)))
        (listed,) = [one for one in self.listed(zone) if one["Type"] == "A"]
        self.assertEqual((listed["TTL"], listed["ResourceRecords"]), (30, [{"Value": "192.0.2.2"}]))

    def test_one_ttl_for_a_group_and_the_last_write_wins(self):
        zone, name = self.fresh()
        for number, ttl in ((1, 60), (2, 60), (3, 20)):
            change(client, zone, ("UPSERT", record_set("rota." + name, "A", f"192.0.2.{number}", ttl=ttl, identifier=f"i-{number}")))
        self.assertEqual({one["TTL"] for one in self.listed(zone) if one["Type"] == "A"}, {20})

    def test_simple_and_weighted_exclude_each_other(self):
        zone, name = self.fresh()
        simple, member = record_set("r." + name, "A", "192.0.2.1"), record_set("r." + name, "A", "192.0.2.2", identifier="i-1")
        change(client, zone, ("CREATE", simple))
        text = f"RRSet with DNS name r.{name}., type A, SetIdentifier i-1 cannot be created as a non-weighted set exists with the same name and type."
        self.refuse(zone, ("CREATE", member), message=text)
        change(client, zone, ("DELETE", simple), ("CREATE", member))
        text = f"RRSet with DNS name r.{name}., type A cannot be created as other RRSets exist with the same name and type."
        self.refuse(zone, ("CREATE", simple), message=text)

    def test_a_cname_stands_alone(self):
        zone, name = self.fresh()
        change(client, zone, ("CREATE", record_set("c." + name, "CNAME", "www.example.net")))
        text = f"RRSet of type A with DNS name c.{name}. is not permitted because a conflicting RRSet of type  CNAME with the same DNS name already exists in zone {name}."
        self.refuse(zone, ("CREATE", record_set("c." + name, "A", "192.0.2.1")), message=text)
        change(client, zone, ("CREATE", record_set("a." + name, "A", "192.0.2.1")))
        text = f"RRSet of type CNAME with DNS name a.{name}. is not permitted as it conflicts with other records with the same DNS name in zone {name}."
        self.refuse(zone, ("CREATE", record_set("a." + name, "CNAME", "www.example.net")), message=text)

    def test_a_cname_at_the_apex_is_refused(self):
        zone, name = self.fresh()
        self.refuse(zone, ("CREATE", record_set(name, "CNAME", "www.example.net")), message="is not permitted")

    def test_a_name_outside_the_zone_is_refused(self):
        zone, name = self.fresh()
        text = f"RRSet with DNS name www.example.org. is not permitted in zone {name}."
        self.refuse(zone, ("CREATE", record_set("www.example.org", "A", "192.0.2.1")), message=text)

    def test_the_soa_and_ns_of_the_apex_stay(self):
        zone, _ = self.fresh()
        for one in self.listed(zone):
            with self.assertRaises(ClientError) as caught:
                change(client, zone, ("DELETE", one))
            self.assertEqual(caught.exception.response["Error"]["Code"], "InvalidChangeBatch")

    def test_a_hundred_members_and_no_more(self):
        zone, name = self.fresh()
        members = [("CREATE", record_set("r." + name, "A", f"192.0.2.{n}", identifier=f"i-{n:03}")) for n in range(1, 102)]
        change(client, zone, *members[:100])
        text = f"Exceeded limit on number of weighted RRSets for r.{name}., type A in this zone."
        self.refuse(zone, members[100], message=text)

    def test_a_thousand_records_a_batch_where_an_upsert_counts_twice(self):
        zone, name = self.fresh()

        def batch(action, count):
            return [(action, record_set(f"h{n}.{name}", "A", f"10.0.{n // 250}.{n % 250}")) for n in range(count)]

        text = "Number of records limit of 1000 exceeded."
        self.refuse(zone, *batch("CREATE", 1001), message=text)
        self.refuse(zone, *batch("UPSERT", 501), message=text)
        change(client, zone, *batch("CREATE", 1000))
        change(client, zone, *batch("UPSERT", 500))
        self.assertEqual(client.get_hosted_zone(Id=zone)["HostedZone"]["ResourceRecordSetCount"], 1002)

    def test_values_are_checked(self):
        zone, name = self.fresh()
        for kind, value in (
            ("A", "192.0.2"), ("A", "2001:db8::1"), ("AAAA", "192.0.2.1"), ("MX", "mail.example.com"), ("TXT", "unquoted"),
            ("SRV", "1 2 www.example.com"), ("CAA", "issue ca"), ("CNAME", "a..b"), ("TXT", '"' + "x" * 256 + '"'),
        ):  # fmt: skip
            with self.subTest((kind, value[:20])):
                with self.assertRaises(ClientError) as caught:
                    change(client, zone, ("CREATE", record_set("v." + name, kind, value)))
                self.assertIn(caught.exception.response["Error"]["Code"], ("InvalidChangeBatch", "InvalidInput"))

    def test_neither_values_nor_alias_is_invalid(self):
        zone, name = self.fresh()
        with self.assertRaises(ClientError) as caught:
            change(client, zone, ("CREATE", {"Name": "x." + name, "Type": "A"}))
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], "InvalidInput")
        self.assertIn("Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId]", error["Message"])

    def test_what_is_not_built_is_named(self):
        with self.assertRaises(ClientError) as caught:
            client.list_health_checks()
        error = caught.exception.response
        self.assertGreaterEqual(error["ResponseMetadata"]["HTTPStatusCode"], 400)
        self.assertRegex(error["Error"]["Message"], r"(?i)health ?check")


class Listing(Case):
    def test_names_are_sorted_by_reversed_labels(self):
        zone, name = self.fresh()
        names = ["b", "a", "x.a", "*", "a-b", "0.a", "_tcp", "z.z", "a!b"]
        change(client, zone, *(("CREATE", record_set(f"{one}.{name}", "TXT", '"x"')) for one in names))
        shown = [one["Name"] for one in self.listed(zone) if one["Type"] == "TXT"]

        def plain(text):
            return text.replace("\\052", "*").replace("\\041", "!")

        self.assertEqual(shown, sorted(shown, key=lambda n: ".".join(plain(n).rstrip(".").split(".")[::-1]) + "."))
        self.assertIn(f"\\052.{name}.", shown)
        self.assertIn(f"a\\041b.{name}.", shown)

    def test_types_and_set_identifiers_are_sorted(self):
        zone, name = self.fresh()
        change(client, zone, *(("CREATE", record_set("r." + name, "AAAA", "2001:db8::1", identifier=i)) for i in ("c", "a", "b")))
        change(client, zone, ("CREATE", record_set("r." + name, "TXT", '"x"')), ("CREATE", record_set("r." + name, "A", "192.0.2.1")))
        shown = [(one["Type"], one.get("SetIdentifier")) for one in self.listed(zone) if one["Name"] == f"r.{name}."]
        self.assertEqual(shown, [("A", None), ("AAAA", "a"), ("AAAA", "b"), ("AAAA", "c"), ("TXT", None)])

    def test_paging_goes_through_everything_once(self):
        zone, name = self.fresh()
        members = [("CREATE", record_set("r." + name, "A", f"192.0.2.{n}", identifier=f"i-{n:02}")) for n in range(1, 24)]
        change(client, zone, *members, ("CREATE", record_set("w." + name, "A", "192.0.2.1")))
        whole = client.list_resource_record_sets(HostedZoneId=zone)
        self.assertEqual((whole["IsTruncated"], whole["MaxItems"], len(whole["ResourceRecordSets"])), (False, "300", 26))
        for size in (1, 5, 7):
            pages = list(client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone, PaginationConfig={"PageSize": size}))
            self.assertEqual([one for page in pages for one in page["ResourceRecordSets"]], whole["ResourceRecordSets"])
        first = client.list_resource_record_sets(HostedZoneId=zone, MaxItems="5")
        expected = {"NextRecordName": f"r.{name}.", "NextRecordType": "A", "NextRecordIdentifier": "i-04"}
        self.assertEqual({key: first.get(key) for key in expected}, expected)

    def test_it_starts_where_asked(self):
        zone, name = self.fresh()
        change(client, zone, *(("CREATE", record_set(f"{one}.{name}", "A", "192.0.2.1")) for one in ("a", "b", "c")))
        found = client.list_resource_record_sets(HostedZoneId=zone, StartRecordName="b." + name, MaxItems="1")["ResourceRecordSets"]
        self.assertEqual([one["Name"] for one in found], [f"b.{name}."])
        found = client.list_resource_record_sets(HostedZoneId=zone, StartRecordName="b." + name, StartRecordType="AAAA", MaxItems="1")
        self.assertEqual([one["Name"] for one in found["ResourceRecordSets"]], [f"c.{name}."])
        self.assert_error("InvalidInput", 400, client.list_resource_record_sets, HostedZoneId=zone, StartRecordType="A")

    def test_escapes_come_back_as_octal(self):
        zone, name = self.fresh()
        change(client, zone, ("CREATE", record_set("Two\\040Words." + name, "TXT", '"a\\"b" "c\\\\d" "\\344"')))
        (listed,) = [one for one in self.listed(zone) if one["Type"] == "TXT"]
        self.assertEqual(listed["Name"], f"two\\040words.{name}.")
        change(client, zone, ("DELETE", listed))


class Signatures(Case):
    def test_an_unknown_key(self):
        stranger = server.boto3(key_id="AKIAUNKNOWNUNKNOWN00")
        self.assert_error("InvalidClientTokenId", 403, stranger.get_hosted_zone_count)

    def test_a_wrong_secret(self):
        liar = server.boto3(secret="not the secret at all")
        self.assert_error("SignatureDoesNotMatch", 403, liar.get_hosted_zone_count)

    def test_any_region_in_the_scope(self):
        elsewhere = server.boto3(region="eu-central-1")
        self.assertGreaterEqual(elsewhere.get_hosted_zone_count()["HostedZoneCount"], 0)

    def test_no_signature(self):
        import urllib.error
        import urllib.request

        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(server.endpoint + "/2013-04-01/hostedzone")
        self.assertEqual(caught.exception.code, 403)
        self.assertIn("MissingAuthenticationToken", caught.exception.read().decode())

    def test_a_key_made_and_deleted_while_the_server_runs(self):
        import subprocess

        server.make_key("AKIASECONDSECOND0000", "second-secret-of-the-test")
        second = server.boto3(key_id="AKIASECONDSECOND0000", secret="second-secret-of-the-test")

        def allowed():
            try:
                return second.get_hosted_zone_count()["ResponseMetadata"]["HTTPStatusCode"] == 200
            except ClientError:
                return False

        harness.eventually(allowed, "a new key works", 3)
        listed = subprocess.run([harness.ROTA, "keys", "list", "--data", server.data], capture_output=True, text=True, check=True)
        self.assertIn("AKIASECONDSECOND0000", listed.stdout)
        self.assertNotIn("second-secret", listed.stdout)
        subprocess.run([harness.ROTA, "keys", "delete", "--data", server.data, "AKIASECONDSECOND0000"], check=True, capture_output=True)
        harness.eventually(lambda: not allowed(), "a deleted key is refused", 3)


class Durability(unittest.TestCase):
    def test_what_was_acknowledged_survives_kill(self):
        import signal

        with harness.Server() as own:
            client = own.boto3()
            zone = own.zone("example.com", client)
            acknowledged = change(client, zone, ("CREATE", record_set("www.example.com", "A", "192.0.2.1")), comment="kept")
            own.stop(signal.SIGKILL)
            own.start()
            client = own.boto3()
            got = client.get_change(Id=acknowledged["Id"])["ChangeInfo"]
            self.assertEqual((got["Status"], got["Comment"]), ("INSYNC", "kept"))
            self.assertEqual(own.dig("www.example.com", "A").values(), ["192.0.2.1"])

    def test_many_writers_at_once(self):
        with harness.Server() as own:
            zone = own.zone("example.com")
            errors = []

            def write(number):
                try:
                    client = own.boto3()
                    for turn in range(5):
                        name = f"w{number}-{turn}.example.com"
                        info = client.change_resource_record_sets(
                            HostedZoneId=zone,
                            ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record_set(name, "A", "192.0.2.1")}]},
                        )["ChangeInfo"]
                        insync(client, info["Id"])
                        assert own.dig(name, "A").values() == ["192.0.2.1"], name
                except Exception as error:  # noqa: BLE001 - reported by the main thread
                    errors.append(error)

            writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
            for writer in writers:
                writer.start()
            for writer in writers:
                writer.join()
            self.assertEqual(errors, [])
            self.assertEqual(own.boto3().get_hosted_zone(Id=zone)["HostedZone"]["ResourceRecordSetCount"], 42)



class KeepMembers(Case):
    """X-Rota-Keep-Members, put in by botocore's events: before it signs, and after."""

    def keeping(self, event, count):
        other = server.boto3()

        def add(request=None, params=None, **_):
            (request.headers if request is not None else params["headers"])["X-Rota-Keep-Members"] = str(count)

        other.meta.events.register(f"{event}.route53.ChangeResourceRecordSets", add)
        return other

    def test_a_rota_keeps_as_many_members_as_the_signed_header_says(self):
        zone, name = self.fresh()
        members = [record_set(f"www.{name}", "A", f"192.0.2.{n}", identifier=f"i-{n}") for n in (1, 2)]
        change(client, zone, *(("CREATE", member) for member in members))
        careful = self.keeping("before-call", 1)
        change(careful, zone, ("DELETE", members[0]))
        batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": {**members[1], "Weight": 0}}]}
        for action in (batch, {"Changes": [{"Action": "DELETE", "ResourceRecordSet": members[1]}]}):
            self.assert_error(
                "PreconditionFailed", 400, careful.change_resource_record_sets, f"The rota www.{name}. A would hold 0 members",
                HostedZoneId=zone, ChangeBatch=action,
            )  # fmt: skip
        self.assertEqual(len(self.listed(zone)), 3)

    def test_a_header_that_is_not_signed_is_refused(self):
        zone, name = self.fresh()
        batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record_set(f"a.{name}", "A", "192.0.2.1")}]}
        self.assert_error(
            "SignatureDoesNotMatch", 403, self.keeping("before-send", 1).change_resource_record_sets,
            "'x-rota-keep-members' must be a 'SignedHeader'", HostedZoneId=zone, ChangeBatch=batch,
        )  # fmt: skip


if __name__ == "__main__":
    unittest.main(warnings="ignore")
