# SPDX-License-Identifier: Apache-2.0
"""Holds what was sent over the wires against what came out of them, and against what the relay says it did."""
import statistics

import relays
import wires as wire

import books  # of bench/relay, as relays has it


class Balance:
    """Of a relay from now on; ours has to say what it dropped, and by what name."""

    def __init__(self, wires, relay):
        self._wires, self.relay = wires, relay
        self._arrived, self._bad = wires.arrived(), wires.bad_arrived()
        self._before = relay.status() if self.is_ours() else None

    def is_ours(self):
        return isinstance(self.relay, relays.Holdfast)

    def _came_out(self):
        """Packets that cannot be told from good ones, by side."""
        came = dict.fromkeys(wire.SIDES, 0)
        for stream, count in self._wires.arrived().items():
            came[stream[0]] += count - self._arrived[stream]
        return came

    def bad_relayed(self, tally):
        """Those that can be told, and what came out beyond the good ones: replays."""
        return self._wires.bad_arrived() - self._bad + max(0, sum(self._came_out().values()) - wire.good(tally))

    def audit(self, tally, overloaded=False):
        """As books.audit, when all has come out. `tally`: of the generator."""
        came = self._came_out()
        sides = {side: {**sent, "returned": came[side]} for side, sent in tally["sides"].items()}
        seen = {"sides": sides, "wrong": self._wires.bad_arrived() - self._bad, "inspected": "all",
                "first_wrong": "bad on purpose, and relayed"}
        return books.audit(seen, self._before, self.relay.status(), overloaded)


class BadFrames:
    """What became of the frames that were bad on purpose, run by run."""

    def __init__(self):
        self._relayed = {}  # by relay
        self._sent, self._unaccounted, self._wrong = [], [], {}

    def take(self, held, tally, overloaded=False):
        self._relayed.setdefault(held.relay.name, []).append(held.bad_relayed(tally))
        self._sent.append(wire.bad(tally))
        if held.is_ours():
            off, wrong = held.audit(tally, overloaded)
            self._unaccounted.append(off)
            self._wrong |= dict.fromkeys(wrong)

    def report(self, output, bench, case):
        ours, peer = (self._relayed[relay.name] for relay in (relays.Holdfast, relays.Rtpengine))
        output.row(bench, f"{case}, 1 % bad: bad frames that were relayed", "frames", ours,
                   (relays.Rtpengine.name, relays.rtpengine_version(), statistics.median(peer)), target=0,
                   ok=not any(ours), reason=f"of {statistics.median(self._sent):,.0f}")
        output.row(bench, f"{case}, 1 % bad: frames unaccounted for", "frames", self._unaccounted, target=0,
                   ok=not any(self._unaccounted), reason="; ".join(self._wrong)[:400] or None)
