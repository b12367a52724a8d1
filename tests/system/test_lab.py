"""`rota lab`, headless: instances join and leave under load, and no request fails; a kill without warning costs what it costs."""

import json
import pathlib
import re
import signal
import subprocess
import tempfile
import unittest

import harness


def children_of(run_directory):
    """The processes whose command line names the run's directory."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if str(run_directory) in line:
                found.append(line.replace("\0", " "))
    return found


class Lab(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="rota-lab-test-")
        self.addCleanup(self.directory.cleanup)
        self.keep = pathlib.Path(self.directory.name) / "run"

    def command(self, *options):
        return [harness.ROTA, "lab", "--headless", "--json", "--keep", str(self.keep), *options]

    def run_lab(self, *options, status=0):
        result = subprocess.run(self.command(*options), capture_output=True, text=True, timeout=300 * harness.SLOW)
        self.assertEqual(result.returncode, status, result.stderr[-6000:])
        lines = result.stdout.splitlines()
        self.assertEqual(len(lines), 1, "standard output is the JSON object alone")
        self.assertEqual(children_of(self.keep), [], "nothing is left behind")
        return json.loads(lines[-1]), result.stderr

    def test_members_join_and_leave_and_no_request_fails(self):
        run, _ = self.run_lab("--duration", "36s", "--ttl", "2", "--margin", "1", "--seed", "11")
        self.assertEqual(run["failed"], 0)
        self.assertGreater(run["requests"], 500)
        self.assertGreaterEqual(run["joins"], 3)
        self.assertGreaterEqual(run["leaves"], 1)
        self.assertGreater(run["largest_group"], run["smallest_group"])
        self.assertEqual((run["ttl"], run["margin"], run["seed"]), (2, 1, 11))
        self.assertEqual(len(run["drain_seconds"]), run["leaves"])
        for seconds in run["drain_seconds"]:  # less than TTL and margin: the server proves when it gave the address out last
            self.assertLess(seconds, 10)
        self.check_members(run)
        page = pathlib.Path(run["report"]).read_text()
        self.assertIn("</html>", page)
        self.assertNotIn("<script", page)
        self.assertIsNone(re.search(r"\bnan\b", page))

    def check_members(self, run):
        members = run["members"]
        self.assertEqual(sum(member["requests"] for member in members), run["requests"])
        self.assertAlmostEqual(sum(member["share"] for member in members), 1, delta=0.01)
        self.assertAlmostEqual(sum(member["expected_share"] for member in members), 1, delta=0.01)
        for member in members:
            self.assertLess(abs(member["share"] - member["expected_share"]), 0.25, member)
            if member["drained"] is not None and member["last_connection"] is not None:
                self.assertLess(member["last_connection"], member["drained"], "nobody new came after it was safe to go down")

    def test_a_kill_costs_its_share_and_is_told_apart(self):
        run, _ = self.run_lab("--duration", "24s", "--ttl", "2", "--margin", "1", "--seed", "5", "--chaos")
        killed = [member for member in run["members"] if member["killed"] is not None]
        self.assertEqual(len(killed), 1)
        self.assertGreater(run["failed_because_of_kill"], 0)
        self.assertEqual(run["failed"], run["failed_because_of_kill"], "nothing else failed")
        self.assertEqual(killed[0]["failed"], run["failed"])
        self.assertEqual(killed[0]["state"], "dead")
        self.assertGreater(killed[0]["swept"], killed[0]["killed"])

    def test_an_interrupt_ends_everything(self):
        process = subprocess.Popen(self.command("--duration", "60s"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            harness.eventually(lambda: len(children_of(self.keep)) > 3, "the first agents run", 30)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=30 * harness.SLOW)
        finally:
            process.kill()
        self.assertEqual(process.returncode, 130, err)
        json.loads(out.splitlines()[-1])
        self.assertEqual(children_of(self.keep), [])

    def test_a_killed_lab_leaves_no_process_behind(self):
        process = subprocess.Popen(self.command("--duration", "60s"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        harness.eventually(lambda: len(children_of(self.keep)) > 3, "the first agents run", 30)
        process.kill()
        process.wait(30)
        harness.eventually(lambda: children_of(self.keep) == [], "its children are gone")

    def test_wrong_usage_is_told(self):
        for options, word in ((["--duration", "3s"], "--duration"), (["--instances", "6:2"], "--instances"), (["--ttl", "0"], "--ttl")):
            result = subprocess.run([harness.ROTA, "lab", *options], capture_output=True, text=True, timeout=30)
            self.assertEqual(result.returncode, 64, result.stderr)
            self.assertIn(word, result.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
