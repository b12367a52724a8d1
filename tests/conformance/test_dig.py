"""dig and kdig judge the name server: UDP, TCP, EDNS, names, negative answers, delegations, weights."""

import math
import socket
import struct
import unittest

import harness
from harness import change, record_set

LONG = [f'"{"x" * 250}{index:03}"' for index in range(12)]


def setUpModule():
    global server, client, zone
    server = harness.Server().start()
    unittest.addModuleCleanup(server.close)
    client = server.boto3()
    zone = server.zone("example.com", client)
    sets = [
        record_set("www.example.com", "A", "192.0.2.1"),
        record_set("all.example.com", "A", "192.0.2.1", "192.0.2.2", "192.0.2.3"),
        record_set("six.example.com", "AAAA", "2001:db8::1"),
        record_set("alias.example.com", "CNAME", "hop.example.com"),
        record_set("hop.example.com", "CNAME", "www.example.com"),
        record_set("outside.example.com", "CNAME", "www.example.net"),
        record_set("loop.example.com", "CNAME", "pool.example.com"),
        record_set("pool.example.com", "CNAME", "loop.example.com"),
        record_set("dangling.example.com", "CNAME", "nothing.example.com"),
        record_set("*.wild.example.com", "TXT", '"any"'),
        record_set("here.wild.example.com", "A", "192.0.2.9"),
        record_set("below.deep.empty.example.com", "A", "192.0.2.4"),
        record_set("sub.example.com", "NS", "ns1.sub.example.com", "ns.example.net"),
        record_set("sub.example.com", "DS", "12345 13 2 " + "AB" * 32),
        record_set("ns1.sub.example.com", "A", "192.0.2.53"),
        record_set("big.example.com", "TXT", *LONG),
        record_set("example.com", "MX", "10 mail.example.com", "20 mail2.example.com"),
        record_set("mail.example.com", "A", "192.0.2.25"),
        record_set("example.com", "CAA", '0 issue "ca.example.net"'),
        record_set("_s._tcp.example.com", "SRV", "1 2 80 www.example.com"),
        record_set("n.example.com", "NAPTR", '100 10 "U" "SIP+D2U" "!^.*$!sip:x@example.com!" .'),
        record_set("svc.example.com", "HTTPS", '1 . alpn="h2,h3" ipv4hint=192.0.2.1'),
        record_set("svc.example.com", "SVCB", "1 www.example.com port=8443"),
        record_set("_443._tcp.example.com", "TLSA", "3 1 1 " + "0D" * 32),
        record_set("ssh.example.com", "SSHFP", "4 2 " + "1A" * 32),
        record_set("ptr.example.com", "PTR", "www.example.com"),
        record_set("spf.example.com", "SPF", '"v=spf1 -all"'),
    ]
    change(client, zone, *(("CREATE", one) for one in sets))
    members = [("a", "192.0.2.101", 10), ("b", "192.0.2.102", 20), ("c", "192.0.2.103", 70), ("off", "192.0.2.104", 0)]
    for name in ("rota.example.com", "example.com"):
        change(client, zone, *(("UPSERT", record_set(name, "A", ip, identifier=i, weight=w)) for i, ip, w in members))


class Judge:
    """What both tools must see; subclasses name the tool."""

    def ask(self, *arguments):
        return server.dig(*arguments, tool=self.tool)

    def assert_negative(self, reply, status):
        self.assertEqual((reply.status, reply.answer), (status, []), reply.text)
        self.assertEqual([record.kind for record in reply.authority], ["SOA"], reply.text)
        # min(SOA TTL 900, minimum 86400), RFC 2308.
        self.assertEqual(reply.authority[0].ttl, 900)
        self.assertIn("aa", reply.flags)

    def test_a_record_over_udp(self):
        reply = self.ask("www.example.com", "A")
        self.assertEqual((reply.status, reply.values(), reply.tcp), ("NOERROR", ["192.0.2.1"], False))
        self.assertEqual(reply.answer[0].ttl, 60)
        self.assertLessEqual({"qr", "aa"}, reply.flags)
        self.assertFalse({"ra", "tc", "ad"} & reply.flags)

    def test_recursion_desired_is_echoed_and_not_offered(self):
        self.assertIn("rd", self.ask("www.example.com", "A", "+rec" if self.tool == "kdig" else "+rec").flags)
        self.assertNotIn("rd", self.ask("www.example.com", "A", "+norec").flags)

    def test_a_record_over_tcp(self):
        reply = self.ask("www.example.com", "A", "+tcp")
        self.assertEqual((reply.status, reply.values(), reply.tcp), ("NOERROR", ["192.0.2.1"], True))

    def test_all_values_of_a_simple_set(self):
        reply = self.ask("all.example.com", "A")
        self.assertEqual(reply.values(), ["192.0.2.1", "192.0.2.2", "192.0.2.3"])

    def test_nxdomain_has_the_soa(self):
        self.assert_negative(self.ask("nobody.example.com", "A"), "NXDOMAIN")

    def test_nodata_has_the_soa(self):
        self.assert_negative(self.ask("www.example.com", "AAAA"), "NOERROR")

    def test_an_empty_non_terminal_is_nodata(self):
        self.assert_negative(self.ask("empty.example.com", "A"), "NOERROR")
        self.assert_negative(self.ask("deep.empty.example.com", "TXT"), "NOERROR")
        self.assert_negative(self.ask("other.empty.example.com", "A"), "NXDOMAIN")

    def test_a_cname_chain_is_followed_inside_the_zone(self):
        reply = self.ask("alias.example.com", "A")
        chain = [(record.name, record.kind) for record in reply.answer]
        expected = [("alias.example.com.", "CNAME"), ("hop.example.com.", "CNAME"), ("www.example.com.", "A")]
        self.assertEqual((reply.status, chain), ("NOERROR", expected))

    def test_a_cname_asked_for_is_not_followed(self):
        self.assertEqual([record.kind for record in self.ask("alias.example.com", "CNAME").answer], ["CNAME"])

    def test_a_cname_that_leads_outside_ends_there(self):
        reply = self.ask("outside.example.com", "A")
        self.assertEqual((reply.status, reply.values()), ("NOERROR", ["www.example.net."]))

    def test_a_cname_to_nothing_is_nxdomain_with_the_chain(self):
        reply = self.ask("dangling.example.com", "A")
        self.assertEqual((reply.status, reply.values()), ("NXDOMAIN", ["nothing.example.com."]))
        self.assertEqual([record.kind for record in reply.authority], ["SOA"])

    def test_a_cname_loop_ends(self):
        reply = self.ask("loop.example.com", "A")
        self.assertIn(reply.status, ("NOERROR", "SERVFAIL"))
        self.assertLessEqual(len(reply.answer), 16)

    def test_a_wildcard_answers_with_the_name_asked_for(self):
        for name in ("x.wild.example.com.", "y.x.wild.example.com."):
            reply = self.ask(name, "TXT")
            self.assertEqual([(r.name, r.value) for r in reply.answer], [(name, '"any"')])

    def test_a_wildcard_has_nodata_for_other_types(self):
        self.assert_negative(self.ask("x.wild.example.com", "A"), "NOERROR")

    def test_a_wildcard_does_not_cover_a_name_that_exists(self):
        self.assert_negative(self.ask("here.wild.example.com", "TXT"), "NOERROR")
        # RFC 4592: nor what is below a name that exists.
        self.assert_negative(self.ask("x.here.wild.example.com", "TXT"), "NXDOMAIN")

    def test_a_delegation_is_a_referral_with_glue(self):
        reply = self.ask("host.sub.example.com", "A", "+norec")
        self.assertEqual((reply.status, reply.answer), ("NOERROR", []))
        self.assertNotIn("aa", reply.flags)
        self.assertEqual(sorted(r.value for r in reply.authority if r.kind == "NS"), ["ns.example.net.", "ns1.sub.example.com."])
        self.assertEqual([(r.name, r.value) for r in reply.additional if r.kind == "A"], [("ns1.sub.example.com.", "192.0.2.53")])

    def test_ds_at_the_cut_is_answered_by_the_parent(self):
        reply = self.ask("sub.example.com", "DS")
        self.assertIn("aa", reply.flags)
        self.assertEqual([record.kind for record in reply.answer], ["DS"])

    def test_truncation_and_the_retry_over_tcp(self):
        cut = self.ask("big.example.com", "TXT", "+ignore", "+bufsize=1232")
        self.assertIn("tc", cut.flags)
        whole = self.ask("big.example.com", "TXT")
        self.assertTrue(whole.tcp, whole.text)
        self.assertEqual(whole.values(), sorted(LONG))

    def test_edns_answers_advertise_1232(self):
        reply = self.ask("www.example.com", "A", "+bufsize=4096")
        self.assertEqual(reply.edns_size, 1232)

    def test_no_edns_is_answered_without_edns(self):
        self.assertIsNone(self.ask("www.example.com", "A", "+noedns").edns_size)

    def test_other_zones_are_refused(self):
        reply = self.ask("www.example.org", "A")
        self.assertEqual((reply.status, reply.answer, reply.authority), ("REFUSED", [], []))
        self.assertNotIn("aa", reply.flags)

    def test_any_is_short(self):
        reply = self.ask("example.com", "ANY", "+notcp")
        self.assertEqual(reply.status, "NOERROR")
        self.assertEqual(len({record.kind for record in reply.answer}), 1, reply.text)

    def test_every_type_comes_out_as_it_went_in(self):
        expected = {
            ("example.com", "MX"): ["10 mail.example.com.", "20 mail2.example.com."],
            ("example.com", "CAA"): ['0 issue "ca.example.net"'],
            ("_s._tcp.example.com", "SRV"): ["1 2 80 www.example.com."],
            ("n.example.com", "NAPTR"): ['100 10 "U" "SIP+D2U" "!^.*$!sip:x@example.com!" .'],
            ("six.example.com", "AAAA"): ["2001:db8::1"],
            ("ptr.example.com", "PTR"): ["www.example.com."],
            ("spf.example.com", "SPF"): ['"v=spf1 -all"'],
        }
        for (name, kind), values in expected.items():
            with self.subTest(kind):
                self.assertEqual(self.ask(name, kind).values(kind), values)
        for name, kind, part in [
            ("svc.example.com", "HTTPS", "alpn="),
            ("svc.example.com", "SVCB", "port="),
            ("_443._tcp.example.com", "TLSA", "3 1 1 0D0D"),
            ("ssh.example.com", "SSHFP", "4 2 1A1A"),
        ]:
            with self.subTest(kind):
                (value,) = self.ask(name, kind).values()
                self.assertIn(part, value)

    def test_the_zone_has_its_soa_and_ns(self):
        soa = self.ask("example.com", "SOA")
        self.assertEqual([(r.ttl, r.value.split()[3:]) for r in soa.answer], [(900, ["7200", "900", "1209600", "86400"])])
        served = self.ask("example.com", "NS")
        told = client.get_hosted_zone(Id=zone)["DelegationSet"]["NameServers"]
        self.assertEqual(served.values(), sorted(name.rstrip(".") + "." for name in told))

    def test_one_member_of_a_rota_is_answered(self):
        for name in ("rota.example.com", "example.com"):
            self.assertEqual(len(self.ask(name, "A").answer), 1, name)


class Dig(Judge, unittest.TestCase):
    tool = "dig"

    # kdig shows every name in lower case.
    def test_the_case_of_the_question_comes_back(self):
        reply = self.ask("wWw.eXaMpLe.CoM", "A")
        self.assertEqual((reply.question, reply.values()), ("wWw.eXaMpLe.CoM.", ["192.0.2.1"]))

    def test_a_later_edns_version_is_badvers(self):
        reply = self.ask("www.example.com", "A", "+edns=1", "+noednsnegotiation")
        self.assertEqual((reply.status, reply.answer), ("BADVERS", []))

    def test_unknown_options_are_not_echoed(self):
        reply = self.ask("www.example.com", "A", "+ednsopt=65001:deadbeef")
        self.assertEqual(reply.values(), ["192.0.2.1"])
        self.assertNotIn("65001", reply.text.split("OPT PSEUDOSECTION")[1])

    def test_another_opcode_is_notimp(self):
        self.assertEqual(self.ask("www.example.com", "A", "+opcode=4").status, "NOTIMP")

    def test_chaos_is_refused(self):
        self.assertIn(self.ask("version.bind", "TXT", "-c", "CH").status, ("REFUSED", "NOTIMP"))


class Kdig(Judge, unittest.TestCase):
    tool = "kdig"


class Wire(unittest.TestCase):
    """What no tool sends: octets by hand."""

    def exchange(self, octets, seconds=5.0):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(seconds * harness.SLOW)
            udp.connect((server.host, server.dns_port))
            udp.send(octets)
            return udp.recv(65535)

    def assert_alive(self):
        self.assertEqual(server.dig("www.example.com", "A").values(), ["192.0.2.1"])

    def test_a_response_is_dropped(self):
        with self.assertRaises(TimeoutError):
            self.exchange(harness.query("www.example.com", flags=0x8000), seconds=0.3)
        self.assert_alive()

    def test_a_cut_header_is_dropped(self):
        with self.assertRaises(TimeoutError):
            self.exchange(b"\x12\x34\x00", seconds=0.3)
        self.assert_alive()

    def test_two_questions_are_formerr(self):
        one = harness.query("www.example.com")
        reply = self.exchange(one[:4] + b"\0\2" + one[6:] + one[12:])
        self.assertEqual(reply[3] & 15, 1)

    def test_a_pointer_that_loops_is_formerr(self):
        reply = self.exchange(struct.pack(">6H", 7, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1")
        self.assertEqual(reply[3] & 15, 1)

    def test_several_questions_on_one_tcp_connection(self):
        with socket.create_connection((server.host, server.dns_port), timeout=5 * harness.SLOW) as tcp:
            for number in range(3):
                one = harness.query("www.example.com", identity=number)
                tcp.sendall(struct.pack(">H", len(one)) + one)
            stream = tcp.makefile("rb")
            seen = []
            for _ in range(3):
                (length,) = struct.unpack(">H", stream.read(2))
                seen.append(struct.unpack(">H", stream.read(length)[:2])[0])
        self.assertEqual(sorted(seen), [0, 1, 2])

    def test_shares_follow_the_weights(self):
        for name in ("rota.example.com", "example.com"):
            count = 4000
            seen = harness.drawn(server, name, count)
            self.assertEqual(seen["192.0.2.104"], 0, "weight 0 while others have weight")
            for address, share in (("192.0.2.101", 0.1), ("192.0.2.102", 0.2), ("192.0.2.103", 0.7)):
                # Five standard deviations: once in about two million runs by chance.
                slack = 5 * math.sqrt(count * share * (1 - share))
                self.assertAlmostEqual(seen[address], count * share, delta=slack, msg=f"{name} {address} {seen}")

    def test_a_simple_set_is_answered_in_random_order(self):
        first = {server.dig("all.example.com", "A").answer[0].value for _ in range(24)}
        self.assertGreater(len(first), 1)


class V6(unittest.TestCase):
    def test_udp_tcp_and_the_api_over_ipv6(self):
        with harness.Server(host="::1") as six:
            client = six.boto3()
            zone = six.zone("example.com", client)
            change(client, zone, ("CREATE", record_set("www.example.com", "AAAA", "2001:db8::1")))
            for transport in ("+notcp", "+tcp"):
                self.assertEqual(six.dig("www.example.com", "AAAA", transport).values(), ["2001:db8::1"])


if __name__ == "__main__":
    unittest.main(warnings="ignore")
