# SPDX-License-Identifier: Apache-2.0
"""kill -9 of either daemon at random moments of calls that talk both ways, restarted at once as systemd does.

No call is lost, audio is away no longer than promised, and the records tell it right: one for each call with its end,
what came and did not go out as lost by us, nothing as lost by the network. Captures at the peer ends are the judge.
lab/drills kills 100 times in 50 calls, on both kinds of port, and prints the gaps.
"""
import collections
import random
import time

import pytest
from drill import wait_until
from kills import (BACK_IN_CI_S, BACK_WITHIN_S, FROM_HOLDFASTD_WITHIN_S, SEED, SETTLED_S, Site, captured,
                   dataplane_starts, deaths_of, gaps_after, in_turn, kill_in_turn, one_record_each, spoil, spread)

CALLS_IN_CI, KILLS_IN_CI = 6, 3
CALLS_IN_ALL, KILLS_IN_ALL = 50, 100
SETUPS = 30
AGAIN_S = 1.2  # the first repetition comes after T1, 500 ms
ON_ITS_WAY = 2  # packets that a process had counted and not sent, or sent and not counted, when it died


def judge_streams(site, came, left, deaths):
    """Each stream is told as the captures have it."""
    rows = {}
    for call in site.say("report", "loss")["calls"]:
        for row in call["streams"]:
            assert int(row["ssrc"], 16) not in rows, f"told twice: {row}"
            rows[int(row["ssrc"], 16)] = row
    assert rows.keys() == came.keys()
    total = missed = 0
    for ssrc, row in rows.items():
        missing = len(came[ssrc].keys() - left[ssrc].keys())
        assert row["expected"] == max(came[ssrc]) - min(came[ssrc]) + 1 == len(came[ssrc]), row
        assert row["received"] + row["lost"] + row["lost_by_us"] == row["expected"], row
        assert row["lost"] == 0, row
        assert abs(row["lost_by_us"] - missing) <= ON_ITS_WAY * deaths, (row, missing)
        total, missed = total + row["lost_by_us"], missed + missing
    return total, missed


def minutes_add_up(site):
    """What the minutes tell is in the streams' sums; the last minute of a dataplane that died is not told."""
    for call in site.say("report", "loss")["calls"]:
        told = {kind: sum(row["lost_by_us"] for row in call[kind]) for kind in ("minutes", "streams")}
        assert told["minutes"] <= told["streams"], call


@pytest.fixture(name="site", params=("shared", "owned"))
def site_fixture(request, tmp_path):
    in_ci = request.param == "shared" and request.function is test_either_daemon_is_killed
    if not in_ci and not request.config.getoption("--all-drills"):
        pytest.skip("runs with --all-drills")
    site = Site(request.param, tmp_path)
    try:
        yield site
    finally:
        site.close()


def test_either_daemon_is_killed(site, request, tmp_path):
    drill = request.config.getoption("--all-drills")
    calls, kills = (range(CALLS_IN_ALL), KILLS_IN_ALL) if drill else (range(CALLS_IN_CI), KILLS_IN_CI)
    names, chance = in_turn(kills)
    with captured(site, tmp_path, calls, lambda: site.speak(seconds=len(names) * 1.5 + 10)) as wires:
        time.sleep(0.5)
        kill_in_turn(site, names, chance, drill)
    came, left = wires.read()
    lives = collections.Counter((one["name"], one["event"]) for one in site.keeper.hear())
    assert {lives[name, event] for name in set(names) for event in ("killed", "died")} == {kills}, lives
    deaths = deaths_of(site, "holdfast-dataplane")
    starts = dataplane_starts(site)[1:]
    back = gaps_after(deaths, left)
    from_start = gaps_after(starts, left)
    assert len(back) == kills
    one_record_each(site, calls)
    told, missed = judge_streams(site, came, left, kills)
    print(f"{site.take}, {len(calls)} calls, {kills} deaths of each daemon: audio was back {spread(back)} after the "
          f"dataplane's death, {spread(from_start)} after the start of the next; {missed} packets came and did not go out, told {told}")
    if drill:
        minutes_add_up(site)
    within_s = BACK_WITHIN_S if drill else BACK_IN_CI_S
    assert max(back) <= within_s
    outages = [(death_ns, death_ns + within_s * 1e9) for death_ns in deaths]
    for ssrc, stream in came.items():
        stray = [t for seq, t in stream.items() if seq not in left[ssrc]
                 and not any(begin - 5e6 <= t <= end for begin, end in outages)]
        assert not stray, f"{ssrc}: {len(stray)} packets were lost while the dataplane lived"


@pytest.mark.parametrize("how", ("missing", "another_version", "damaged"))
def test_holdfastd_gives_the_calls_back(site, how, tmp_path):
    calls = range(CALLS_IN_ALL)
    with captured(site, tmp_path, calls, lambda: site.speak(seconds=20)) as wires:
        time.sleep(1)
        spoil(site.state, how)
        site.kill("holdfast-dataplane")
        time.sleep(3)
    came, left = wires.read()
    start_ns = dataplane_starts(site)[-1]
    back = gaps_after([start_ns], left)
    print(f"{site.take}, memory file {how}: {len(calls)} calls were back {back[0] * 1000:.0f} ms after the start")
    assert len(came) == 2 * len(calls) and back[0] <= FROM_HOLDFASTD_WITHIN_S
    one_record_each(site, calls)


def test_holdfastd_is_killed_in_setup_and_teardown(site):
    """Whoever asked asks again, as SIP over UDP does; no call is lost, and none leaves anything behind."""
    chance = random.Random(SEED)
    for done, verb in (("answered", "invite"), ("ended", "bye")):
        for number in range(SETUPS):
            site.callers.tell(f"{verb} {number}")
            time.sleep(chance.uniform(0, 0.05))
            site.kill("holdfastd")
            time.sleep(AGAIN_S)
        for end in (site.callers, site.callees):
            wait_until(lambda end=end, done=done: end.count(done) == SETUPS, SETTLED_S, f"a call is not {done}")
    statuses = {e["status"] for e in site.callers.events if e["event"] == "ended"}
    assert statuses == {200}, statuses
    wait_until(lambda: site.say("status")["legs"]["in_use"] == 0, SETTLED_S, "a leg is left")
    wait_until(lambda: not open_records(site), SETTLED_S, f"a record is open: {open_records(site)}")
    told = site.say("calls", "--limit", 1000)
    ends = collections.Counter(record["end"] for record in told["records"])
    print(f"{site.take}: holdfastd died {SETUPS} times in the setup of a call and {SETUPS} times in a BYE: {dict(ends)}")
    # One that died before it could write down how a call ended says that it lost track.
    assert told["live"] == [] and set(ends) <= {"caller_hung_up", "lost_track"}, ends
    assert len(told["records"]) == len({record["call_id"] for record in told["records"]}) == SETUPS


def open_records(site):
    return [record for record in site.say("calls", "--limit", 1000)["records"] if record["end"] is None]
