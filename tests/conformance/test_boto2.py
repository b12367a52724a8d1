"""boto 2's library judges the API: the old scripts' own client, plain HTTP, AWS3-HTTPS signatures (--allow-aws3)."""

import unittest

import harness


def connect(server, secret=None):
    # Debian's boto 2.49 with today's python: it still imports, with warnings about string escapes.
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import boto
        from boto.route53.connection import Route53Connection

    if not boto.config.has_section("Boto"):
        boto.config.add_section("Boto")
    boto.config.set("Boto", "num_retries", "0")

    class Plain(Route53Connection):
        # Its constructor insists on TLS on port 443; the fields are what counts.
        def __init__(self):
            super().__init__(server.key_id, secret or server.secret, host=server.host, port=server.api_port)
            self.is_secure = False
            self.protocol = "http"

        def get_path(self, path="/"):
            return path

    return Plain()


class Boto2(unittest.TestCase):
    def test_zones_and_weighted_records(self):
        from boto.route53.record import ResourceRecordSets

        with harness.Server("--allow-aws3") as server:
            old = connect(server)
            made = old.create_hosted_zone("example.com.", caller_ref="once", comment="old")["CreateHostedZoneResponse"]
            zone = made["HostedZone"]["Id"].split("/")[-1]
            self.assertGreaterEqual(len(made["DelegationSet"]["NameServers"]), 1)

            changes = ResourceRecordSets(old, zone, comment="two members")
            for number in (1, 2):
                one = changes.add_change("CREATE", "www.example.com.", "A", ttl=60, identifier=f"i-{number}", weight=10)
                one.add_value(f"192.0.2.{number}")
            info = changes.commit()["ChangeResourceRecordSetsResponse"]["ChangeInfo"]
            change_id = info["Id"].split("/")[-1]

            def insync():
                return old.get_change(change_id)["GetChangeResponse"]["ChangeInfo"]["Status"] == "INSYNC"

            harness.eventually(insync, "INSYNC by boto 2")
            listed = [(r.name, r.type, r.identifier, r.weight, r.ttl, r.resource_records) for r in old.get_all_rrsets(zone)]
            self.assertIn(("www.example.com.", "A", "i-1", "10", "60", ["192.0.2.1"]), listed)
            self.assertEqual(set(harness.drawn(server, "www.example.com", 100)), {"192.0.2.1", "192.0.2.2"})
            zones = old.get_all_hosted_zones()["ListHostedZonesResponse"]["HostedZones"]
            self.assertEqual([one["Name"] for one in zones], ["example.com."])

            gone = ResourceRecordSets(old, zone)
            for number in (1, 2):
                one = gone.add_change("DELETE", "www.example.com.", "A", ttl=60, identifier=f"i-{number}", weight=10)
                one.add_value(f"192.0.2.{number}")
            gone.commit()
            old.delete_hosted_zone(zone)
            self.assertEqual(old.get_all_hosted_zones()["ListHostedZonesResponse"]["HostedZones"], [])

    def test_a_wrong_secret_is_refused(self):
        from boto.route53.exception import DNSServerError

        with harness.Server("--allow-aws3") as server:
            with self.assertRaises(DNSServerError) as caught:
                connect(server, secret="not the secret").get_all_hosted_zones()
            self.assertEqual(caught.exception.status, 403)

    def test_it_is_refused_unless_allowed(self):
        from boto.route53.exception import DNSServerError

        with harness.Server() as server:
            with self.assertRaises(DNSServerError) as caught:
                connect(server).get_all_hosted_zones()
            self.assertIn(caught.exception.status, (400, 403))


if __name__ == "__main__":
    unittest.main(warnings="ignore")
