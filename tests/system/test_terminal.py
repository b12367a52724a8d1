"""`rota leave` as people and journals see it: on a terminal the progress is one line, rewritten in place; in a pipe whole lines."""

import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
import unittest

import harness
import test_join_leave as story

CLEAR = "\r\033[K"
ESCAPE = re.compile(r"\033\[([0-9;]*)([A-Za-z])")
DRAINING = re.compile(r"draining, safe in (\d+) s")


def screen(text, columns):
    """What a terminal that many columns wide shows in the end, row by row."""
    rows, column, at = [""], 0, 0
    while at < len(text):
        escape = ESCAPE.match(text, at)
        if escape:
            if escape.group(2) == "K":
                rows[-1] = rows[-1][:column]
            at = escape.end()
            continue
        letter = text[at]
        at += 1
        if letter == "\r":
            column = 0
        elif letter == "\n":
            rows.append("")
        else:
            if column == columns:
                rows.append("")
                column = 0
            rows[-1] = rows[-1][:column].ljust(column) + letter + rows[-1][column + 1 :]
            column += 1
    return rows


class Terminal(story.Story):
    def setUp(self):
        super().setUp()
        for number in (1, 2):
            metadata, service = self.instance(number)
            self.addCleanup(service.close)
            self.join(metadata)
            self.metadata = metadata

    def words(self, *options, margin="1s"):
        return [harness.ROTA, "leave", "--zone", "example.com", "--name", story.NAME, "--margin", margin, *options]

    def at_terminal(self, *options, columns=120, margin="1s", expect=0, **variables):
        """Runs `rota leave` with a terminal for its input, output and errors; gives what it wrote, octet by octet."""
        self.draw(self.metadata.items["instance-id"])
        main, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
        environment = {**self.environment(self.metadata), "TERM": "xterm", **variables}
        environment = {name: value for name, value in environment.items() if value is not None}
        child = subprocess.Popen(self.words(*options, margin=margin), stdin=side, stdout=side, stderr=side, env=environment)
        os.close(side)
        written = b""
        deadline = time.monotonic() + 60 * harness.SLOW
        try:
            while time.monotonic() < deadline:
                if select.select([main], [], [], 1)[0]:
                    try:
                        part = os.read(main, 4096)
                    except OSError:  # EIO: the other side is closed by all
                        break
                    if not part:
                        break
                    written += part
            self.assertEqual(child.wait(10 * harness.SLOW), expect, written)
        finally:
            os.close(main)
            if child.poll() is None:
                child.kill()
                child.wait()
        return written.decode()

    def test_progress_is_rewritten_in_place_and_gone_in_the_end(self):
        written = self.at_terminal(margin="2s", NO_COLOR=None)
        seconds = [int(found) for found in DRAINING.findall(written)]
        self.assertGreaterEqual(len(seconds), 3, written)
        self.assertEqual(seconds, sorted(set(seconds), reverse=True), "each number once, downwards")
        # From the first to the last it stays on its line.
        between = written[DRAINING.search(written).start() : written.rindex("draining, safe in")]
        self.assertNotIn("\n", between)
        self.assertEqual(written.count("draining, safe in"), written.count(f"{CLEAR}\033[36mdraining, safe in"))
        rows = screen(written, 120)
        self.assertTrue(all(row.startswith("rota: ") for row in rows[:-1]), rows)
        self.assertEqual(rows[-1], "", "the prompt begins on an empty line")
        self.assertIn("drained: no cache holds the address any more", rows[-2])
        self.assertEqual(set(self.members()), {"i-1"})

    def test_no_color_is_respected_and_empty_counts_for_nothing(self):
        written = self.at_terminal(NO_COLOR="1")
        self.assertGreaterEqual(written.count(f"{CLEAR}draining, safe in"), 2, written)
        self.assertEqual({kind for _, kind in ESCAPE.findall(written)}, {"K"})
        self.join(self.metadata)
        self.assertIn("\033[36m", self.at_terminal(NO_COLOR=""))

    def test_a_narrow_terminal_never_wraps_the_progress(self):
        written = self.at_terminal(columns=16)
        progress = [ESCAPE.sub("", part.split("\n")[0]).rstrip("\r") for part in written.split(CLEAR)[1:]]
        progress = [part for part in progress if part and not part.startswith("rota: ")]
        self.assertIn("draining, safe ", progress)
        self.assertLess(max(map(len, progress)), 16)

    def test_a_terminal_that_can_do_nothing_gets_lines(self):
        written = self.at_terminal(TERM="dumb")
        self.assertNotIn("\033", written)
        self.assertTrue(all(row.startswith("rota: ") for row in written.replace("\r\n", "\n").splitlines()), written)

    def test_json_at_a_terminal_is_one_object_and_nothing_else(self):
        written = self.at_terminal("--json")
        self.assertNotIn("\033", written)
        self.assertIsInstance(json.loads(written), dict)

    def test_the_last_member_is_refused_at_a_terminal_in_red(self):
        self.at_terminal()
        self.metadata, service = self.instance(3)
        service.close()
        self.metadata.items["instance-id"] = "i-1"
        written = self.at_terminal(expect=73)
        self.assertIn("\033[31m", written)
        self.assertEqual(set(self.members()), {"i-1"})

    def test_a_pipe_gets_whole_lines(self):
        run = self.leave(self.metadata)
        for text in (run.stdout, run.stderr):
            self.assertNotRegex(text, r"[\r\033]")
            self.assertTrue(text == "" or text.endswith("\n"), text)
            self.assertTrue(all(line.startswith("rota: ") for line in text.splitlines()), text)
        self.assertIn("draining for", run.stdout)
        self.assertNotIn("safe in", run.stdout, "half a minute between lines of progress, and this is shorter")
        self.assertIn("drained: no cache holds the address any more", run.stdout.splitlines()[-1])


if __name__ == "__main__":
    unittest.main(warnings="ignore")
