"""The old scripts, as they were: curl asks the metadata service at its real address (version 1), route53 adds and deletes the record,
sleep waits for the caches; traffic meanwhile. In a network namespace of its own."""

import os
import pathlib
import subprocess
import time
import unittest

import harness
import parts

HERE = pathlib.Path(__file__).resolve().parent
NAME, PORT = "www.example.com", 80
ITEMS = {"public-ipv4": "10.77.1.1", "instance-id": "i-0abc"}


class OldScripts(parts.ServerCase):
    def setUp(self):
        super().setUp()
        tools = pathlib.Path(self.directory) / "bin"
        tools.mkdir()
        (tools / "route53").symlink_to(harness.ROTA)
        self.environment = self.server.environment(
            ZONEID=self.zone.split("/")[-1], NAME=NAME, DRAIN="61", PATH=f"{tools}:{os.environ['PATH']}"
        )  # fmt: skip

    def metadata(self, items=None):
        service = parts.Metadata(ITEMS if items is None else items, host="169.254.169.254", port=80, v1=True)
        self.addCleanup(service.close)
        return service

    def script(self, name, **environment):
        return subprocess.run(
            ["sh", HERE / "old-script" / name], env={**self.environment, **environment}, capture_output=True, text=True,
            timeout=120 * harness.SLOW,
        )  # fmt: skip

    def members(self):
        pages = self.client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=self.zone)
        sets = [one for page in pages for one in page["ResourceRecordSets"] if one["Name"] == NAME + "."]
        return {one["SetIdentifier"]: (one["ResourceRecords"][0]["Value"], one["TTL"], one["Weight"]) for one in sets}

    def test_boot_traffic_and_shutdown_without_a_failed_request(self):
        # Another member that stays, so that the name is never empty.
        stays = parts.Service("i-stays", "10.77.1.2", PORT)
        self.addCleanup(stays.close)
        kept = harness.record_set(NAME, "A", "10.77.1.2", ttl=60, identifier="i-stays")
        harness.change(self.client, self.zone, ("CREATE", kept))
        self.metadata()
        ours = parts.Service("i-0abc", "10.77.1.1", PORT)
        resolver = parts.Resolver(self.server, "example.com", self.directory, host="10.77.0.3", port=53)
        self.addCleanup(resolver.close)
        traffic = parts.Traffic(resolver, NAME, PORT)
        self.addCleanup(traffic.close)
        traffic.more()

        up = self.script("startup.sh")
        self.assertEqual(up.returncode, 0, up.stdout + up.stderr)
        self.assertEqual(self.members(), {"i-stays": ("10.77.1.2", 60, 10), "i-0abc": ("10.77.1.1", 60, 10)})
        # It boots a second time: the identical record is there already, which is success.
        again = self.script("startup.sh")
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.assertEqual(len(self.members()), 2)
        self.assertEqual(set(harness.drawn(self.server, NAME, 100)), {"10.77.1.1", "10.77.1.2"})
        traffic.more()

        # The TTL of 60 s is written in the scripts: the wait is the real one, less the 14 s that local caches do not need.
        began = time.monotonic()
        down = self.script("shutdown.sh")
        self.assertEqual(down.returncode, 0, down.stdout + down.stderr)
        self.assertGreaterEqual(time.monotonic() - began, 61)
        ours.close()
        self.assertEqual(self.members(), {"i-stays": ("10.77.1.2", 60, 10)})
        traffic.more()
        self.assertEqual(traffic.failures, [])
        self.assertGreater(traffic.counts["i-stays"], 0)

    def assert_no_record(self, run):
        self.assertNotEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertEqual(self.members(), {})
        self.assertTrue(run.stderr.strip(), "it says why")

    def test_no_metadata_service_ends_in_an_error_and_no_record(self):
        self.assert_no_record(self.script("startup.sh"))

    def test_no_public_address_ends_in_an_error_and_no_record(self):
        self.metadata({"instance-id": "i-0abc"})
        self.assert_no_record(self.script("startup.sh"))

    def test_no_instance_id_ends_in_an_error_and_no_record(self):
        self.metadata({"public-ipv4": "10.77.1.1"})
        self.assert_no_record(self.script("startup.sh"))

    def test_deleting_what_is_gone_says_so(self):
        self.metadata()
        run = self.script("shutdown.sh", DRAIN="0")
        self.assertRegex(run.stdout + run.stderr, "gone|not found")


if __name__ == "__main__":
    parts.in_a_network_of_its_own()
    parts.add_address("169.254.169.254")
    for last in ("10.77.0.3", "10.77.1.1", "10.77.1.2"):
        parts.add_address(last)
    unittest.main(warnings="ignore")
