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
from kills import (BACK_IN_CI_S, BACK_WITHIN_S, BETWEEN_LCORES, FROM_HOLDFASTD_WITHIN_S, ON_ITS_WAY, SEED, SETTLED_S,
                   Site, captured, dataplane_starts, deaths_of, gaps_after, in_turn, judge_streams, kill_in_turn,
                   one_record_each, spoil, spread)

CALLS_IN_CI, KILLS_IN_CI = 6, 3
# In CI each next dataplane has another number of lcores; some calls then have ports of the slices of two.
FEW_PORTS = ("--set", 'lan.media-ports="20000-20015"')
LCORES_IN_CI = [("--cpus", cpus, *FEW_PORTS) for cpus in ("0", "0,1", "0", "0,1")]
CALLS_IN_ALL, KILLS_IN_ALL = 50, 100
SETUPS = 30
AGAIN_S = 1.2  # the first repetition comes after T1, 500 ms


def minutes_add_up(site):
    """What the minutes tell is in the streams' sums; the last minute of a dataplane that died is not told."""
    for call in site.say("report", "loss")["calls"]:
        told = {kind: sum(row["lost_by_us"] for row in call[kind]) for kind in ("minutes", "streams")}
        assert told["minutes"] <= told["streams"], call


@pytest.fixture(name="site", params=("shared", "owned"))
def site_fixture(request, tmp_path):
    in_ci = request.param == "shared" and request.function is test_either_daemon_is_killed
    drill = request.config.getoption("--all-drills")
    if not in_ci and not drill:
        pytest.skip("runs with --all-drills")
    site = Site(request.param, tmp_path, words=() if drill else LCORES_IN_CI[0])
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
        kill_in_turn(site, names, chance, drill, () if drill else LCORES_IN_CI[1:])
    came, left = wires.read()
    lives = collections.Counter((one["name"], one["event"]) for one in site.keeper.hear())
    assert {lives[name, event] for name in set(names) for event in ("killed", "died")} == {kills}, lives
    deaths = deaths_of(site, "holdfast-dataplane")
    starts = dataplane_starts(site)[1:]
    back = gaps_after(deaths, left)
    from_start = gaps_after(starts, left)
    assert len(back) == kills
    one_record_each(site, calls)
    told, missed = judge_streams(site, came, left, kills, ON_ITS_WAY if drill else BETWEEN_LCORES)
    print(f"{site.take}, {len(calls)} calls, {kills} deaths of each daemon: audio was back {spread(back)} after the "
          f"dataplane's death, {spread(from_start)} after the start of the next; {missed} packets came and did not go out, told {told}")
    if drill:
        minutes_add_up(site)
    within_s = BACK_WITHIN_S if drill else BACK_IN_CI_S
    assert max(back) <= within_s
    for ssrc, stream in came.items():
        # Of what came after the last that a dataplane passed on, some was on its way when it died.
        outages = [(max((stream[seq] for seq, t in left[ssrc].items() if t < death_ns), default=0),
                    death_ns + within_s * 1e9) for death_ns in deaths]
        stray = [t for seq, t in stream.items() if seq not in left[ssrc]
                 and not any(begin < t <= end for begin, end in outages)]
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
