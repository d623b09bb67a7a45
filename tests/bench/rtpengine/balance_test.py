# SPDX-License-Identifier: Apache-2.0
"""The balance of the benches over veth sees each bad frame that was relayed, also those that look like good ones."""
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "bench/rtpengine")]
import balance  # noqa: E402
import relays  # noqa: E402


class Wires:
    """Counts of a stream of each side, and of the bad frames that can be told."""

    def __init__(self):
        self.streams, self.bad = {("lan", "a"): 7, ("wan", "b"): 9}, 1

    def arrived(self):
        return dict(self.streams)

    def bad_arrived(self):
        return self.bad


class Ours(relays.Holdfast):
    def __init__(self):  # pylint: disable=super-init-not-called
        self.ports = {"lan": (5, 5, {}), "wan": (6, 5, {"stun": 1})}

    def status(self):
        return {"ports": [{"name": name, "rx": rx, "relayed": relayed, "drops": drops}
                          for name, (rx, relayed, drops) in self.ports.items()]}


class Balance(unittest.TestCase):
    def setUp(self):
        self.wires, self.ours = Wires(), Ours()
        self.held = balance.Balance(self.wires, self.ours)
        self.tally = {"sides": {"lan": {"good": 50, "bad": {"stun": 1}}, "wan": {"good": 40, "bad": {}}}}
        self.wires.streams = {("lan", "a"): 47, ("wan", "b"): 59}
        self.ours.ports = {"lan": (56, 55, {"stun": 1}), "wan": (46, 45, {"stun": 1})}

    def test_balanced(self):
        self.assertEqual(self.held.audit(self.tally), (0, []))
        self.assertEqual(self.held.bad_relayed(self.tally), 0)

    def test_a_bad_frame_that_is_marked(self):
        self.wires.bad += 1
        self.assertEqual(self.held.bad_relayed(self.tally), 1)
        self.assertEqual(self.held.audit(self.tally)[0], 1)

    def test_a_replay(self):
        self.wires.streams["wan", "b"] += 2
        self.assertEqual(self.held.bad_relayed(self.tally), 2)
        self.assertGreater(self.held.audit(self.tally)[0], 0)

    def test_a_good_frame_that_is_lost(self):
        self.wires.streams["lan", "a"] -= 1
        self.assertEqual(self.held.bad_relayed(self.tally), 0)
        self.assertGreater(self.held.audit(self.tally)[0], 0)


if __name__ == "__main__":
    unittest.main()
