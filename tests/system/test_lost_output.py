"""A full disk, a closed pipe or nothing at all behind standard output and standard error: what is done stays done, no command dies of it, and
who asked for an answer learns that it is lost."""

import os
import subprocess
import unittest

import harness
import test_join_leave as story

NOBODY = "http://127.0.0.9:1"
DONE, LOST = 0, 74


class LostOutput(story.OneInstance):
    def full(self, *words, both=True, env=None):
        """The exit status with a full disk behind the output, and what standard error got."""
        with open("/dev/full", "w", encoding="utf-8") as full:
            run = subprocess.run(
                [harness.ROTA, *map(str, words)], env=env or self.environment(self.metadata), stdout=full,
                stderr=full if both else subprocess.PIPE, text=True, timeout=60 * harness.SLOW, check=False,
            )  # fmt: skip
        return run.returncode, run.stderr

    def rota_words(self, command, *options):
        return [command, "--zone", "example.com", "--name", story.NAME, *options]

    def test_a_join_and_a_leave_are_done_all_the_same(self):
        self.assertEqual(self.full(*self.rota_words("join", "--ttl", "1"))[0], DONE)
        self.assertEqual(set(self.members()), {"i-1"})
        self.assertEqual(self.full(*self.rota_words("leave", "--margin", "1"))[0], DONE)
        self.assertEqual(self.members(), {})

    def test_a_leave_says_on_standard_error_that_its_output_is_lost(self):
        status, said = self.full(*self.rota_words("leave", "--margin", "0", "--json"), both=False)
        self.assertEqual(status, DONE)
        self.assertIn("rota: cannot write to standard output: No space left on device\n", said)

    def test_nobody_answers_and_nobody_reads(self):
        for status, *words in (
            (75, *self.rota_words("leave", "--endpoint-url", NOBODY, "--deadline", "2")),
            (75, *self.rota_words("join", "--endpoint-url", NOBODY, "--deadline", "2")),
            (64, "route53", "nonsense"),
            (64, "nonsense"),
            (64, "keys", "create", "--id", "K", "--data", self.directory),
            (73, "lab", "--headless", "--keep", self.directory),
        ):
            with self.subTest(words=words):
                self.assertEqual(self.full(*words)[0], status)

    def test_a_lost_answer_is_no_success(self):
        self.join(self.metadata)
        for words in (["list", story.NAME], ["list", story.NAME, "--json"], ["route53", "ls"], ["route53", "get", self.zone], ["--help"],
                      ["keys", "list", "--data", self.server.data], ["--version"]):  # fmt: skip
            with self.subTest(words=words):
                status, said = self.full(*words, both=False)
                self.assertEqual(status, LOST, said)
                self.assertIn("cannot write to standard output", said)
                self.assertEqual(self.full(*words)[0], LOST)

    def test_a_key_that_nobody_saw_is_not_kept(self):
        directory = os.path.join(self.directory, "fresh")
        status, said = self.full("keys", "create", "--data", directory, both=False)
        self.assertEqual(status, LOST)
        self.assertRegex(said, r"No space left on device: nobody saw the secret of the new key \w+, which is deleted again\n")
        listed = subprocess.run([harness.ROTA, "keys", "list", "--json", "--data", directory], capture_output=True, text=True, check=True)
        self.assertEqual(listed.stdout, "[]\n")

    def test_closed_descriptors_and_closed_pipes(self):
        join = " ".join(self.rota_words("join", "--ttl", "1"))
        leave = " ".join(self.rota_words("leave", "--margin", "0"))
        for line, status in (
            (f"exec $ROTA {join} >&- 2>&- <&-", DONE),
            (f"exec $ROTA list {story.NAME} >&-", LOST),
            (f"{{ $ROTA {leave} 2>&1; echo $? >&3; }} | true", DONE),
        ):
            with self.subTest(line=line):
                run = subprocess.run(
                    ["sh", "-c", f"exec 3>{self.directory}/status; {line}"],
                    env=dict(self.environment(self.metadata), ROTA=str(harness.ROTA)), timeout=60 * harness.SLOW, check=False,
                )  # fmt: skip
                with open(f"{self.directory}/status", encoding="utf-8") as written:
                    said = written.read()
                self.assertEqual(int(said) if said else run.returncode, status)
        self.assertEqual(self.members(), {})


if __name__ == "__main__":
    unittest.main(warnings="ignore")
