# SPDX-License-Identifier: Apache-2.0
"""The audit of the relay bench finds every frame that is not accounted for."""
import copy
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "bench/relay")]
import books  # noqa: E402
import delay  # noqa: E402
import output  # noqa: E402


def port(name, rx, relayed, drops):
    return {"name": name, "rx": rx, "relayed": relayed, "drops": drops}


class Audit(unittest.TestCase):
    def setUp(self):
        self.before = {"ports": [port("lan", 10, 10, {"stun": 3}), port("wan", 10, 10, {})]}
        self.after = {"ports": [port("lan", 112, 110, {"stun": 4, "no_leg": 1}), port("wan", 60, 60, {})]}
        self.tally = {"wrong": 0, "inspected": 5, "sides": {
            "lan": {"good": 100, "bad": {"stun": 1, "no_leg": 1}, "returned": 50},
            "wan": {"good": 50, "bad": {}, "returned": 100}}}

    def test_balanced(self):
        self.assertEqual(books.audit(self.tally, self.before, self.after), (0, []))

    def test_each_missing_frame_is_found(self):
        changes = {
            "lost on the way out": lambda t, a: t["sides"]["wan"].update(returned=99),
            "never received": lambda t, a: a["ports"][0].update(rx=111),
            "relayed but bad": lambda t, a: a["ports"][0].update(relayed=111),
            "dropped by another name": lambda t, a: a["ports"][0].update(drops={"stun": 3, "no_leg": 1, "turn": 1}),
            "dropped without being offered": lambda t, a: a["ports"][1].update(drops={"tx_full": 2}),
            "wrong frame": lambda t, a: t.update(wrong=1, first_wrong="DSCP"),
        }
        for name, change in changes.items():
            with self.subTest(name):
                tally, after = copy.deepcopy(self.tally), copy.deepcopy(self.after)
                change(tally, after)
                off, wrong = books.audit(tally, self.before, after)
                self.assertGreater(off, 0)
                self.assertTrue(wrong)

    def overloaded(self, **lan):
        """lan was sent 100 good frames and 2 bad ones; nothing came to wan. The audit of what its port says."""
        start = {"ports": [port("lan", 0, 0, {}), port("wan", 0, 0, {})]}
        end = {"ports": [port("lan", 102, **lan), port("wan", 0, 0, {})]}
        tally = {"wrong": 0, "inspected": 0, "sides": {
            "lan": {"good": 100, "bad": {"stun": 1, "no_leg": 1}, "returned": 0},
            "wan": {"good": 0, "bad": {}, "returned": lan["relayed"]}}}
        return books.audit(tally, start, end, True)[0]

    def test_without_room_frames_of_each_kind_may_be_missed(self):
        self.assertEqual(self.overloaded(relayed=100, drops={"stun": 1, "no_leg": 1}), 0)
        self.assertEqual(self.overloaded(relayed=40, drops={"port_missed": 60, "stun": 1, "no_leg": 1}), 0)
        self.assertEqual(self.overloaded(relayed=40, drops={"port_missed": 50, "tx_full": 11, "stun": 1}), 0)

    def test_room_explains_no_other_drop(self):
        self.assertGreater(self.overloaded(relayed=98, drops={"stun": 2, "no_leg": 2}), 0)
        self.assertGreater(self.overloaded(relayed=40, drops={"port_missed": 60, "stun": 2}), 0)
        self.assertGreater(self.overloaded(relayed=40, drops={"port_missed": 61, "turn": 1}), 0)
        self.assertGreater(self.overloaded(relayed=40, drops={"port_missed": 59, "stun": 1, "no_leg": 1}), 0)


class Delays(unittest.TestCase):
    def test_quantiles_of_buckets_in_any_order(self):
        buckets = [(30, 1), (10, 90), (20, 8), (10, 1)]  # two slices together
        for part, wanted in ((0.5, 10), (0.91, 10), (0.92, 20), (0.99, 20), (0.991, 30), (1, 30)):
            self.assertEqual(delay.quantile(buckets, part), wanted, part)

    def test_no_delay_at_all(self):
        self.assertIsNone(delay.quantile([], 0.99))


class Figures(unittest.TestCase):
    def test_rounded(self):
        for value, wanted in ((None, None), (7, 7), (1234567.0, 1235000.0), (0.123456, 0.1235), (0.0, 0.0)):
            self.assertEqual(output.rounded(value), wanted)

    def test_figure(self):
        for value, wanted in ((0, "0"), (12.345, "12.3"), (5237890.0, "5,237,890"), (0.5, "0.5")):
            self.assertEqual(output.figure(value), wanted)


if __name__ == "__main__":
    unittest.main()
