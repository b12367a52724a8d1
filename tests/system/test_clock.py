"""A machine whose clock is wrong, or is set while the agent runs: wall_clock.cpp moves the wall clock of one agent by what a file says, and
leaves the clocks alone that never step. The server's is right, and refuses signatures that are more than five minutes off."""

import email.utils
import json
import os
import signal
import time
import unittest
import urllib.error
import urllib.request

import harness
import test_agent

HOUR = 3600


def boot_time():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Clock(test_agent.AgentCase):
    def setUp(self):
        super().setUp()
        self.offset = os.path.join(self.directory, "offset")
        self.file = os.path.join(self.directory, "state", "drain")

    def set_clock(self, seconds):
        """So far off is the agent's clock from now on."""
        with open(self.offset + ".new", "w", encoding="ascii") as new:
            new.write(f"{seconds}\n")
        os.replace(self.offset + ".new", self.offset)

    def agent(self, *options, name="agent", **environment):
        # Heartbeats are signed requests too, and so is every look at the own record set.
        return super().agent(
            "--drain-file", self.file, "--watch-interval", "1s", *options, name=name,
            LD_PRELOAD=os.environ["ROTA_TEST_PRELOAD"], ROTA_TEST_CLOCK=self.offset, **environment,
        )  # fmt: skip

    def sibling(self):
        self.join(self.metadata_of(2), "--address", "192.0.2.2", "--set-identifier", "i-2")

    def says(self, agent, text, count=1):
        harness.eventually(lambda: agent.output().count(text) >= count, lambda: f"it says {text} {count} times:\n{agent.output()}", 60)

    def serial(self):
        """Changes with every change of the zone."""
        return self.server.dig("example.com", "SOA").answer[0].value.split()[2]

    def test_a_refusal_tells_the_time(self):
        with self.assertRaises(urllib.error.HTTPError) as refused:
            urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{self.server.endpoint}/2013-04-01/hostedzone")
        self.addCleanup(refused.exception.close)
        self.assertEqual(refused.exception.code, 403)
        told = email.utils.parsedate_to_datetime(refused.exception.headers["Date"])
        self.assertLess(abs(told.timestamp() - time.time()), 120)

    def test_an_hour_off_it_joins_says_so_and_leaves(self):
        for number, (seconds, words) in enumerate(((HOUR, "ahead"), (-HOUR, "behind"))):
            self.set_clock(seconds)
            agent = self.agent(name=f"agent{number}")
            self.says(agent, "in the rota" if number else "joined, INSYNC")
            self.assertRegex(agent.output(), rf'level=warning event="the clock is wrong: [^"]*" .*clock="(3599|3600|3601) s {words}" advice=')
            if seconds > 0:  # the next one finds the record set
                agent.stop(signal.SIGKILL)
                continue
            self.assertEqual(agent.stop(), 0, agent.output())
            self.assertEqual(self.members(), {})
            self.assertEqual(agent.output().count("the clock is wrong"), 1, agent.output())

    def test_a_step_while_in_service_changes_nothing_in_the_zone(self):
        self.sibling()
        self.set_clock(0)
        agent = self.agent()
        record = self.joined()
        self.says(agent, "joined, INSYNC")
        before = self.serial()
        self.set_clock(HOUR)
        self.says(agent, 's ahead"')
        self.set_clock(-2 * HOUR)
        self.says(agent, 's behind"')
        self.set_clock(0)
        self.says(agent, "the clock is right again")
        self.assertEqual(self.members()["i-1"], record)
        self.assertEqual(self.serial(), before, "nobody wrote")
        self.assertNotIn("SignatureDoesNotMatch", agent.output())
        told = agent.output().count("the clock is")
        self.assertEqual(told, 3, agent.output())
        self.set_clock(HOUR)
        self.assertEqual(agent.stop(), 0, agent.output())
        self.assertEqual(set(self.members()), {"i-2"})

    def test_an_order_with_an_end_outlives_a_step(self):
        self.sibling()
        self.set_clock(HOUR)
        agent = self.agent()
        self.joined()
        self.assertEqual(self.command("drain", "--for", "30m").returncode, 0)
        self.assertEqual(set(self.members()), {"i-2"})
        self.set_clock(3 * HOUR)  # the end is past, by this clock, but half an hour is not
        self.assertIn("maintenance", self.command("status").stdout)
        self.assertEqual(set(self.members()), {"i-2"})
        self.assertTrue(os.path.exists(self.file))

    def drain(self, seconds, *options):
        """Orders a drain of that length. Returns the earliest and the latest end that it may have, on the clock that does not step."""
        before = boot_time()
        run = self.command("drain", "--for", f"{seconds}s", *options)
        self.assertEqual(run.returncode, 0, run.stderr)
        return before + seconds, boot_time() + seconds + 1  # written in whole seconds

    def ends(self, end):
        """As `rota status` tells the end, it is between those two."""
        before = boot_time()
        run = self.command("status", "--json")
        (absence,) = json.loads(run.stdout)["absences"]
        self.assertLess(before + absence["seconds_left"] - 1, end[1], run.stdout)
        self.assertGreater(boot_time() + absence["seconds_left"], end[0], run.stdout)
        return absence["text"]

    def look_again(self):
        """Anything that happens in the order's directory has the agent read the order; it does so before it answers the next command."""
        with open(os.path.join(os.path.dirname(self.file), "other"), "w", encoding="ascii"):
            pass

    def restart(self, agent, name):
        agent.stop(signal.SIGKILL)
        return self.agent(name=name)

    def test_an_order_with_an_end_ends_neither_early_nor_late(self):
        self.sibling()
        self.set_clock(0)
        agent = self.agent()
        self.joined()
        end = self.drain(1800)
        self.assertEqual(set(self.members()), {"i-2"})
        for step in (HOUR, -HOUR):
            self.set_clock(step)
            self.look_again()
            self.ends(end)
            agent = self.restart(agent, f"after{step}")
            self.says(agent, "not in the rota: nothing to do")
            self.ends(end)
        self.assertEqual(set(self.members()), {"i-2"})

        # The same, to the end: the last agent's clock is an hour behind the one that the order was written by.
        self.assertEqual(self.command("resume").returncode, 0)
        self.set_clock(0)
        earliest, _ = self.drain(6, "--no-wait")
        self.set_clock(-HOUR)
        self.restart(agent, "last")
        harness.eventually(lambda: not os.path.exists(self.file), "the order's time is over", 60)
        self.assertGreaterEqual(boot_time(), earliest)
        self.joined()

    def test_an_order_of_another_boot_or_of_an_operators_hand_ends_by_the_wall_clock(self):
        self.sibling()
        self.set_clock(HOUR)
        agent = self.agent()
        self.joined()
        end = self.drain(1800)
        with open(self.file, encoding="utf-8") as file:
            lines = file.read().splitlines(keepends=True)
        (boot,) = (line for line in lines if line.startswith("boot="))
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            this = file.read().strip()
        self.assertIn(this, boot)
        # An hour later than half an hour from now: the clock has been put right since the order was written, before a reboot.
        late = tuple(moment + HOUR for moment in end)
        for name, changed in (("rebooted", boot.replace(this, "another-boot")), ("by_hand", "")):
            agent.stop(signal.SIGKILL)
            self.set_clock(0)
            with open(self.file, "w", encoding="utf-8") as file:
                file.writelines(changed if line == boot else line for line in lines)
            agent = self.agent(name=name)
            self.says(agent, "not in the rota: nothing to do")
            self.ends((late[0] - 1, late[1]))  # until= is cut to the second
        self.assertEqual(self.command("resume").returncode, 0)
        self.assertEqual(set(self.members()), {"i-1", "i-2"})


if __name__ == "__main__":
    unittest.main(verbosity=2)
