"""The proof under traffic, small: real clients behind real resolvers (unbound, BIND, dnsmasq) ask instances with nginx without a pause, while the
instances are replaced, fall ill and die; test_pressure.py goes on. bench/proof.py plays the same with 20 instances."""

import os
import shutil
import tempfile
import time
import unittest

import harness
import machines
import parts
import stage

TTL = 5
# A process may be stopped for that long between its resolver's answer and its request.
MARGIN = 10
KEPT = 3  # seconds, for which a client keeps a connection


def options(instance):
    """Load moves the weights, by a figure that the test tells."""
    tell(instance, 0.5)
    return (
        "--load", f"exec:cat {instance.directory}/load", "--load-interval", "1s", "--weight-interval", "1s", "--slow-start", "0",
        "--load-gain", "0.75",
    )  # fmt: skip


def tell(instance, utilisation):
    path = instance.directory / "load"
    fresh = path.with_suffix(".new")
    fresh.write_text(f"{utilisation:.3f}\n")
    os.replace(fresh, path)


class TrafficCase(unittest.TestCase):
    """Four instances in the rota before each test, and after it."""

    @classmethod
    def setUpClass(cls):
        directory = tempfile.mkdtemp(prefix="rota-test-")
        cls.addClassCleanup(shutil.rmtree, directory, ignore_errors=True)
        cls.stage = stage.Stage(directory, ttl=TTL, margin=MARGIN, options=options)
        cls.addClassCleanup(cls.stage.close)
        cls.stage.launch(4)
        cls.stage.begin_traffic()

    def setUp(self):
        self.began = time.monotonic()
        self.stage.clients.more()
        self.assertEqual(len(self.stage.members()), 4)

    def instances(self):
        return list(self.stage.instances.values())

    def requests(self, since=None):
        return [one for one in self.stage.clients.read() if one.ended - one.seconds > (since or self.began)]

    def after(self, seconds, count=50):
        """So many requests that begin so much later than now."""
        since = time.monotonic() + seconds
        return harness.eventually(lambda: len(self.requests(since)) > count and self.requests(since), "more requests", 60)

    def assert_nothing_failed(self):
        self.stage.clients.more()
        self.assertEqual([one for one in self.requests() if one.failed][:3], [])

    def in_the_rota(self, instance, is_in=True):
        word = "in" if is_in else "out of"
        harness.eventually(
            lambda: (instance.name in self.stage.members()) == is_in,
            lambda: f"{instance.name} is {word} the rota: {instance.agent.output()}", 90,
        )  # fmt: skip


class Traffic(TrafficCase):
    def test_a_rolling_replacement_and_a_spot_notice_in_its_middle(self):
        one, two, three, four = self.instances()

        def notice():
            three.item("spot/instance-action", '{"action":"terminate","time":"2030-01-01T00:02:00Z"}')

        self.stage.replace([one, two], while_leaving=notice)
        self.in_the_rota(three, False)
        self.assertIn("spot notice: terminate", three.agent.output())
        self.stage.replace([three, four])
        self.assertEqual(set(self.stage.members()), set(self.stage.instances))
        self.assert_nothing_failed()

    def test_an_unhealthy_application_goes_out_and_comes_back(self):
        sick = self.instances()[0]
        sick.sicken()
        self.in_the_rota(sick, False)
        self.assertEqual(len(self.stage.members()), 3)
        harness.eventually(lambda: sick.address not in self.stage.caches().values(), "no cache holds it", 60)
        self.assertNotIn(sick.address, self.stage.drawn(200))
        self.assertNotIn(sick.address, {one.address for one in self.after(KEPT)})
        sick.sicken(False)
        self.in_the_rota(sick)
        self.assert_nothing_failed()

    def test_one_that_dies_without_a_word_is_swept(self):
        dead = self.instances()[0]
        dead.die()
        self.in_the_rota(dead, False)
        swept = time.monotonic() - dead.times["died"]
        harness.eventually(lambda: dead.address not in self.stage.caches().values(), "no cache holds it", 60)
        self.assertEqual([one for one in self.after(KEPT) if one.failed], [])
        failed = [one for one in self.requests() if one.failed]
        self.assertEqual([one for one in failed if one.address != dead.address], [], "requests to the living never fail")
        self.stage.launch()
        print(f"swept {swept:.1f} s after its death; {len(failed)} requests to it failed, of {len(self.requests())} in all")


def main():
    if os.geteuid() != 0 or os.environ.get("ROTA_IN_NAMESPACE"):
        parts.in_a_network_of_its_own()
    machines.run_tests(stage.WHY_NOT)


if __name__ == "__main__":
    main()
