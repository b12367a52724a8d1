"""awscli judges the API, with an explicit endpoint: zones, record sets, paging, its own waiter."""

import json
import pathlib
import subprocess
import tempfile
import unittest

import harness


class AwsCli(unittest.TestCase):
    def setUp(self):
        self.server = harness.Server().start()
        self.addCleanup(self.server.close)

    def aws(self, *words, check=True):
        command = ["aws", "--endpoint-url", self.server.endpoint, "--output", "json", "route53", *words]
        run = subprocess.run(command, capture_output=True, text=True, env=self.server.environment(), timeout=60 * harness.SLOW)
        if check:
            self.assertEqual(run.returncode, 0, run.stderr)
            return json.loads(run.stdout) if run.stdout.strip() else None
        return run

    def batch(self, *changes):
        sent = {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}
        with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
            json.dump(sent, file)
        self.addCleanup(pathlib.Path(file.name).unlink)
        return f"file://{file.name}"

    def test_the_whole_life_of_a_rota(self):
        made = self.aws("create-hosted-zone", "--name", "example.com", "--caller-reference", "once")
        zone = made["HostedZone"]["Id"]
        self.aws("wait", "resource-record-sets-changed", "--id", made["ChangeInfo"]["Id"])
        self.assertEqual([one["Id"] for one in self.aws("list-hosted-zones")["HostedZones"]], [zone])
        self.assertEqual(self.aws("list-hosted-zones-by-name", "--dns-name", "example.com")["HostedZones"][0]["Id"], zone)
        self.assertEqual(self.aws("get-hosted-zone-count"), {"HostedZoneCount": 1})

        members = [harness.record_set("www.example.com", "A", f"192.0.2.{n}", identifier=f"i-{n}") for n in range(1, 8)]
        sent = self.aws(
            "change-resource-record-sets", "--hosted-zone-id", zone,
            "--change-batch", self.batch(*(("UPSERT", one) for one in members)),
        )  # fmt: skip
        self.aws("wait", "resource-record-sets-changed", "--id", sent["ChangeInfo"]["Id"])
        self.assertEqual(self.aws("get-change", "--id", sent["ChangeInfo"]["Id"])["ChangeInfo"]["Status"], "INSYNC")
        self.assertEqual(set(harness.drawn(self.server, "www.example.com", 300)), {f"192.0.2.{n}" for n in range(1, 8)})

        whole = self.aws("list-resource-record-sets", "--hosted-zone-id", zone)["ResourceRecordSets"]
        self.assertEqual(len(whole), 9)
        paged = self.aws("list-resource-record-sets", "--hosted-zone-id", zone, "--page-size", "2")["ResourceRecordSets"]
        self.assertEqual(paged, whole)
        first = self.aws("list-resource-record-sets", "--hosted-zone-id", zone, "--max-items", "4")
        rest = self.aws("list-resource-record-sets", "--hosted-zone-id", zone, "--starting-token", first["NextToken"])
        self.assertEqual(first["ResourceRecordSets"] + rest["ResourceRecordSets"], whole)

        refused = self.aws("delete-hosted-zone", "--id", zone, check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("HostedZoneNotEmpty", refused.stderr)

        gone = self.batch(*(("DELETE", one) for one in whole if one["Type"] == "A"))
        sent = self.aws("change-resource-record-sets", "--hosted-zone-id", zone, "--change-batch", gone)
        self.aws("wait", "resource-record-sets-changed", "--id", sent["ChangeInfo"]["Id"])
        self.assertEqual(self.server.dig("www.example.com", "A").status, "NXDOMAIN")
        self.aws("delete-hosted-zone", "--id", zone)
        self.assertEqual(self.aws("list-hosted-zones")["HostedZones"], [])


if __name__ == "__main__":
    unittest.main(warnings="ignore")
