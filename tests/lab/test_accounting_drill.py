# SPDX-License-Identifier: Apache-2.0
"""The table of docs/accounting.md at the pace of phones, in all families; with real minutes where it speaks of minutes;
and many streams with all kinds of damage at the highest rate at which the captures lose nothing. With --all-drills."""
import itertools

import damage
import patterns
import pytest
import rehearsal
from appliance import Appliance

pytestmark = pytest.mark.drill

MOST_STREAMS = 2000  # each with two legs: what the appliance has by default, less a few
STREAM_RATE = 50
SECONDS = 3
FIRST_RATE, LAST_RATE, CLOSE_ENOUGH = 20_000, 200_000, 1.1


@pytest.mark.parametrize("take", ["shared", "owned"])
def test_every_row_in_every_family(appliance, tmp_path, take):
    edge = appliance(take=take)
    rows = patterns.table(step=20, slow_step=20, fast_step=20, silence_ms=5000)
    wrong = rehearsal.hold(edge, list(itertools.product(rows, rehearsal.FAMILIES)), tmp_path / "table.pcap")
    edge.close()
    assert not wrong, "\n".join(wrong)


def test_rows_that_take_minutes_take_minutes(appliance, tmp_path):
    """Nothing is compressed: neither the appliance's clock nor the phones' is touched."""
    edge = appliance(take="shared")
    plan = list(itertools.product(patterns.long_table(), rehearsal.FAMILIES[:2]))
    wrong = rehearsal.hold(edge, plan, tmp_path / "long.pcap")
    edge.close()
    assert not wrong, "\n".join(wrong)


class Trial:
    """All streams at a rate, on a dataplane of their own."""

    def __init__(self, box, directory, rate):
        edge = Appliance(box, directory / "wires")
        streams = min(MOST_STREAMS, round(rate / STREAM_RATE))
        try:
            edge.start()
            talks = [rehearsal.Talk(edge, row, rehearsal.FAMILIES[place % len(rehearsal.FAMILIES)], place)
                     for place, row in enumerate(damage.streams(streams, rate, SECONDS))]
            self.late_ms = rehearsal.play(edge, talks, directory / "load.pcap")
            port = next(p for p in edge.read_books()[-1].status["ports"] if p["name"] == "lan")
            self.missed = port["drops"].get("port_missed", 0)
            judge = rehearsal.Judge(edge)
            with edge.control() as control:  # else the next dataplane would go on with them
                for talk in talks:
                    control.ask("call.delete", call=talk.call)
        finally:
            self.capture_lost = box.run("capture", "stop", edge.directory, check=False).returncode != 0
            edge.closed = True
            box.run("appliance", "stop", "dataplane")
        self.came = judge.total_came()
        self.rate = judge.busiest_second()
        self.told = judge.total_told()
        self.wrong = [] if self.capture_lost or self.missed else [w for talk in talks for w in judge.wrong(talk)]

    def words(self):
        what = "the capture lost frames" if self.capture_lost else f"{self.missed} missed" if self.missed else "equal"
        return f"{self.rate:.0f} packets/s, {self.came} packets, at worst {self.late_ms:.1f} ms late: {what}"


def test_many_damaged_streams_at_the_highest_rate(lab, tmp_path):
    """To the packet; frames that found the port's queue full are told by its name for it, and nothing else is missing."""
    box, best, rate, high = lab(take="shared"), None, FIRST_RATE, LAST_RATE
    while best is None or high > CLOSE_ENOUGH * rate:
        trial = Trial(box, tmp_path / str(int(rate)), rate)
        print(f"asked for {rate:.0f}: {trial.words()}")
        assert not trial.wrong, "\n".join(trial.wrong[:20])
        assert trial.capture_lost or trial.told + trial.missed == trial.came
        if trial.capture_lost or trial.missed:
            assert best is not None, "the machine is too slow for a rate at all"
            high = rate
        else:
            best = trial
            floor = rate
        rate = (floor * high) ** 0.5
    print(f"highest: {best.words()}")
    assert best.rate > FIRST_RATE / 2
