"""What a script learns from the exit status, and a person from the message: wrong on the command line is 64, wrong in a file or a variable 78 with
the place, nobody there 69."""

import json
import pathlib
import re
import subprocess
import unittest

import harness
import test_join_leave as story

NOBODY = "http://127.0.0.9:1"


class ExitStatus(story.OneInstance):
    def setUp(self):
        super().setUp()
        self.file = pathlib.Path(self.directory) / "agent.toml"

    def run_rota(self, *words, status, **variables):
        run = subprocess.run(
            [harness.ROTA, *map(str, words)], env=self.environment(self.metadata, **variables), capture_output=True, text=True,
            timeout=60 * harness.SLOW, check=False,
        )  # fmt: skip
        self.assertEqual(run.returncode, status, run.stdout + run.stderr)
        return run.stderr

    def configured(self, text, *words, status=78):
        self.file.write_text(text)
        return self.run_rota("join", "--config", self.file, *words, status=status)

    def test_the_command_line_is_64(self):
        good = {"--zone": "example.com", "--name": story.NAME, "--deadline": "5"}
        for option, value in (
            ("--ttl", "1x"), ("--address", "bogus"), ("--zone", None), ("--name", None), ("--type", "AAAA"), ("--type", "MX"), ("--ready", "bogus"),
            ("--name", "a..b"), ("--deadline", "0"), ("--margin", "soon"), ("--endpoint-url", "ftp://x"), ("--set-identifier", "x" * 129),
            ("--rota", "ttl=1x"),
        ):  # fmt: skip
            with self.subTest(option=option, value=value):
                given = {**good, option: value}
                words = [word for pair in given.items() if pair[1] is not None for word in pair]
                said = self.run_rota("join", *words, status=64)
                if value and len(value) < 100:
                    self.assertIn(value.removeprefix("ttl="), said)
        self.run_rota("join", status=64)
        bare = self.run_rota(status=64)
        self.assertTrue(bare.startswith("rota: A subcommand is required"), bare)
        self.assertIn("\n  leave", bare)
        self.run_rota("leave", "--socket", "/nowhere", "--ttl", "1x", status=64)
        self.run_rota("list", story.NAME, "--endpoint-url", "ftp://x", status=64)
        self.run_rota("route53", "--endpoint-url", "ftp://x", "ls", status=64)

    def test_a_file_is_78_and_the_message_has_the_place(self):
        for key in ("margin", "deadline", "watch-interval", "ready-interval", "ttl"):
            with self.subTest(key=key):
                said = self.configured(f'zone = "example.com"\n{key} = "soon"\n', "--name", story.NAME)
                self.assertIn(f"{self.file}:2: {key}: 'soon' is not a duration", said)
        for line, words in (
            ('address = "bogus"', "address 'bogus' is none of"),
            ('type = "MX"', "type 'MX' is neither A nor AAAA"),
            ('ready = "bogus"', "check 'bogus' is none of"),
            ("weight = 256", "256"),
            ("deadline = 0", "'0' is less than the least, 1 s"),
            ('endpoint-url = "ftp://x"', "ftp"),
        ):
            with self.subTest(line=line):
                said = self.configured(f"\n\n{line}\n", "--zone", "example.com", "--name", story.NAME)
                key = line.split()[0]
                self.assertIn(f"{self.file}:3: {key}: ", said)
                self.assertNotIn(f"--{key}: ", said)
                self.assertIn(words, said)
        self.configured(f'name = "{story.NAME}"\n')
        self.configured(f'[[rota]]\nname = "{story.NAME}"\nzone = "example.com"\nttl = "1x"\n')

    def test_an_empty_string_is_78_in_a_file_and_64_on_the_command_line(self):
        way_out = "is empty; leave the"
        for key in ("data", "dns", "api", "user", "ns", "log-format", "log-level"):
            for value in ('""', '[""]') if key in ("dns", "api", "ns") else ('""',):
                with self.subTest(key=key, value=value):
                    self.file.write_text(f"\n{key} = {value}\n")
                    said = self.run_rota("serve", "--config", self.file, status=78)
                    self.assertIn(f"{self.file}:2: {key}: the string {way_out} key out", said)
        for option in ("--data", "--user"):
            with self.subTest(option=option):
                self.assertIn(f"{option}: the value {way_out} option out", self.run_rota("serve", option, "", status=64))
        self.assertIn("--data: ", self.run_rota("keys", "list", "--data", "", status=64))
        for key in ("zone", "name", "type", "address", "set-identifier", "endpoint-url", "region", "profile", "socket", "ready", "margin"):
            with self.subTest(key=key):
                self.assertIn(f"{self.file}:1: {key}: the string {way_out} key out", self.configured(f'{key} = ""\n'))
                self.assertIn(f"--{key}: ", self.run_rota("join", "--name", story.NAME, "--zone", "example.com", f"--{key}", "", status=64))

    def test_what_the_agent_reads_from_the_file_no_other_verb_refuses(self):
        self.file.write_text(
            f'zone = "example.com"\nname = "{story.NAME}"\nset-identifier = "nobody"\nlog-format = "json"\nready = "tcp://127.0.0.1:1"\n'
            f'ready-interval = 5\nwatch-interval = 300\nmargin = 1\ndeadline = 20\nsocket = "{self.directory}/none.sock"\n'
        )
        self.run_rota("join", "--dry-run", "--config", self.file, status=0)
        self.run_rota("leave", "--config", self.file, status=0)
        self.run_rota("status", "--config", self.file, status=3)

    def test_a_mistyped_subcommand_is_named_with_the_nearest(self):
        for typed, meant in (("jion", "join"), ("leav", "leave"), ("sttaus", "status"), ("routes53", "route53")):
            said = self.run_rota(typed, "--zone", "x", status=64)
            self.assertEqual(said, f"rota: there is no subcommand '{typed}': did you mean '{meant}'?; rota --help lists them\n")
        self.assertNotIn("did you mean", self.run_rota("frobnicate", status=64))

    def test_help_and_version_have_their_other_names(self):
        def shown(*words):
            return subprocess.run([harness.ROTA, *words], capture_output=True, text=True, timeout=30, check=True).stdout

        self.assertEqual(shown("help"), shown("--help"))
        self.assertEqual(shown("help", "join"), shown("join", "--help"))
        self.assertEqual(shown("help", "keys", "create"), shown("keys", "create", "--help"))
        self.assertEqual(shown("help", "route53"), shown("route53", "help"))
        self.assertEqual(shown("route53", "ls", "--help"), shown("route53", "help", "ls"))
        self.assertEqual(shown("-V"), shown("--version"))

    def test_dns_and_api_on_one_port_is_64(self):
        for dns, api in (("127.0.0.1:5399", "127.0.0.1:5399"), ("0.0.0.0:5399", "127.0.0.1:5399")):
            said = self.run_rota("serve", "--data", f"{self.directory}/other", "--dns", dns, "--api", api, status=64)
            self.assertIn("are the same TCP port", said)

    def test_list_asks_where_the_agents_file_says(self):
        self.file.write_text(f'zone = "example.com"\nname = "{story.NAME}"\nendpoint-url = "{NOBODY}"\nlog-format = "json"\n')
        said = self.run_rota("list", story.NAME, "--config", self.file, status=69)
        self.assertIn(NOBODY.removeprefix("http://"), said)
        self.run_rota("list", "nobody.example.com", "--config", self.file, "--endpoint-url", self.server.endpoint, status=66)

    def test_https_to_a_plain_endpoint_says_so_at_once(self):
        said = self.run_rota("list", story.NAME, "--endpoint-url", self.server.endpoint.replace("http:", "https:"), status=69)
        self.assertIn("if it is plain HTTP, write http://", said)
        self.assertNotIn("trying again", said)

    def test_keys_that_others_may_read_are_made_private(self):
        file = self.server.data / "keys.db"
        file.chmod(0o644)
        self.assertIn("made private", self.run_rota("keys", "list", "--data", self.server.data, status=0))
        self.assertEqual(file.stat().st_mode & 0o777, 0o600)

    def test_json_has_the_error_as_its_one_object(self):
        def told(*words, status, **variables):
            run = subprocess.run(
                [harness.ROTA, *map(str, words), "--json"], env=self.environment(self.metadata, **variables), capture_output=True, text=True,
                timeout=60 * harness.SLOW, check=False,
            )  # fmt: skip
            self.assertEqual(run.returncode, status, run.stdout + run.stderr)
            self.assertEqual(run.stdout.count("\n"), 1, run.stdout)
            error = json.loads(run.stdout)["error"]
            self.assertEqual(sorted(error), ["kind", "message"])
            self.assertIn(error["message"], run.stderr)
            return error["kind"]

        socket = ["--socket", f"{self.directory}/none.sock"]
        self.assertEqual(told("status", *socket, status=4), "not_found")
        self.assertEqual(told("leave", *socket, status=78), "config")
        self.assertEqual(told("list", "nobody.example.com", status=66), "not_found")
        self.assertEqual(told("list", "nobody.example.net", status=66), "not_found")
        self.assertEqual(told("join", "--zone", "example.com", "--name", story.NAME, status=78, ROTA_AGENT_MARGIN="soon"), "config")
        self.assertEqual(told("keys", "delete", "AKIANOBODY", "--data", self.server.data, status=66), "not_found")
        self.assertEqual(told("lab", "--report", f"{self.directory}/none/report.html", status=74), "io")
        self.assertEqual(told("lab", "--report", self.directory, status=74), "io")
        self.assertEqual(told("lab", "--duration", "1s", status=64), "usage")

    def test_a_variable_is_78_and_is_named(self):
        said = self.run_rota("join", "--zone", "example.com", "--name", story.NAME, status=78, ROTA_AGENT_MARGIN="soon")
        self.assertIn("ROTA_AGENT_MARGIN: 'soon' is not a duration", said)

    def test_a_name_outside_the_zone_is_65(self):
        self.assertIn("is not permitted in zone", self.run_rota("join", "--zone", "example.com", "--name", "www.example.net", status=65))

    def test_nobody_there_is_69(self):
        self.run_rota("route53", "--endpoint-url", NOBODY, "--timeout", "1", "ls", status=69)
        said = self.run_rota("list", story.NAME, "--endpoint-url", NOBODY, status=69)
        for seconds in re.findall(r"; trying again in (\S+) s", said):
            self.assertLess(float(seconds), 30)
        self.assertNotIn("trying again", said.splitlines()[-1])


if __name__ == "__main__":
    unittest.main(warnings="ignore")
