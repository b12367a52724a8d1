"""The JavaScript SDK (v3, pinned by package-lock.json) judges the API."""

import json
import pathlib
import subprocess
import unittest

import harness

HERE = pathlib.Path(__file__).resolve().parent


class JavaScriptSdk(unittest.TestCase):
    def test_the_life_of_a_rota(self):
        self.assertTrue((HERE / "node_modules/@aws-sdk/client-route-53").exists(), "the SDK is missing: ./dev setup test")
        with harness.Server() as server:
            run = subprocess.run(
                ["node", "sdk.mjs"], cwd=HERE, env=server.environment(ENDPOINT=server.endpoint), capture_output=True, text=True,
                timeout=120 * harness.SLOW,
            )  # fmt: skip
            self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
            said = json.loads(run.stdout.splitlines()[-1])
            self.assertEqual((said["created"], said["zones"], said["byName"]), (201, 1, 1))
            self.assertEqual((said["changed"]["Status"], said["changed"]["Comment"]), ("INSYNC", "CREATE by the JavaScript SDK"))
            self.assertEqual([one.get("SetIdentifier") for one in said["listed"] if one["Type"] == "A"], ["i-1", "i-2", "i-3", "i-4"])
            self.assertEqual((said["twice"]["name"], said["twice"]["status"]), ("InvalidChangeBatch", 400))
            self.assertEqual((said["notEmpty"]["name"], said["notEmpty"]["status"]), ("HostedZoneNotEmpty", 400))
            self.assertEqual([one["ResourceRecords"] for one in said["left"]], [[{"Value": "192.0.2.4"}]])
            self.assertEqual(server.dig("www.example.com", "A").values(), ["192.0.2.4"])


if __name__ == "__main__":
    unittest.main(warnings="ignore")
