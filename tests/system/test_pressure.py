"""The proof under traffic, on: an instance that cannot carry its share, and an API that cannot be reached."""

import harness
import test_traffic


class Pressure(test_traffic.TrafficCase):
    def test_an_overloaded_instance_sheds_what_it_cannot_carry_and_takes_it_back(self):
        """It can do half of what the others can: each is as busy as the share that it is given makes it."""
        slow = self.instances()[0]

        def carries(capacity):
            members = self.stage.members()
            for one in self.instances():
                test_traffic.tell(one, 0.5 * members[one.name]["share"] * len(members) / (capacity if one is slow else 1))
            others = [member["weight"] for name, member in members.items() if name != slow.name]
            return members[slow.name]["weight"] * len(others) / sum(others)

        harness.eventually(lambda: carries(0.5) <= 0.75, lambda: f"it sheds: {slow.agent.output()}", 120)
        drawn = self.stage.drawn(3000)
        self.assertLess(drawn[slow.address], 0.92 * (3000 - drawn[slow.address]) / 3, drawn)
        harness.eventually(lambda: carries(1) >= 0.9, lambda: f"it takes it back: {slow.agent.output()}", 180)
        for one in self.instances():
            test_traffic.tell(one, 0.5)
        self.assert_nothing_failed()

    def test_an_api_that_is_away_hurts_nobody(self):
        leaving, *others = self.instances()
        expired = self.stage.metric("rota_leases_expired_total")
        self.stage.api(False)
        leaving.leave()
        harness.eventually(lambda: self.stage.metric("rota_leases_expired_total") >= expired + 4, "all leases run out", 60)
        self.assertEqual(len(self.stage.members()), 4)
        self.assertIsNone(leaving.agent.child.poll(), "it serves on until it could leave")
        self.stage.clients.more()
        self.stage.api(True)
        self.assertEqual(leaving.ended(), 0, leaving.agent.output())
        self.assertEqual(set(self.stage.members()), {one.name for one in others}, "nobody was swept")
        harness.eventually(lambda: self.stage.metric("rota_leases_held") == 3, "the others hold their leases again", 60)
        self.stage.launch()
        self.assert_nothing_failed()


if __name__ == "__main__":
    test_traffic.main()
