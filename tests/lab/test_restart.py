# SPDX-License-Identifier: Apache-2.0
"""kill -9 in the middle of calls: of holdfastd, which costs no media; of the dataplane, which is back within a second."""
import collections
import time

import pytest
import reported
import signalling
import truth
from drill import Branch, both_heard, wait_until
from office import CENTRES

AUDIO_BACK_WITHIN_S = 1
MINUTES_WITHIN_S = 10  # of a call's end: the collector asks every 5 s
SETTLE_S = 0.5
DRAIN_LOOKS_S = 0.6  # longer than until holdfastd looks once more whether all calls have ended
# caller, callee, who changes the session after the restart. A TCP phone speaks first: its connection died with us,
# and nobody can reach it before it has made another (RFC 3261 section 18.2.2 knows no way back to an ephemeral port).
CALLS = (("1010", "3011", ("3011", "1010")), ("3012", "1011", ("1011", "3012")), ("1013", "1012", ("1013", "1012")))


@pytest.fixture(name="branch", scope="module", params=CENTRES)
def branch_fixture(request):
    if request.param != "b2bua" and not request.config.getoption("--all-drills"):
        pytest.skip("runs with --all-drills")
    branch = Branch(request.param)
    try:
        branch.phone("3011")
        branch.phone("3012", transport="tcp")
        for user in ("1010", "1012", "1011", "1013"):
            branch.branch_phone(user, transport="tcp" if user in ("1011", "1013") else "udp")
        yield branch
    finally:
        branch.close()


def test_holdfastd_dies_in_mid_call(branch, tmp_path):
    phones, wires = branch.phones, branch.wires(tmp_path)
    with branch.record(tmp_path):
        for caller, callee, _ in CALLS:
            phones[caller].call(callee)
        time.sleep(SETTLE_S)
        began_ns = time.time_ns()
        time.sleep(0.5)
        branch.appliance("kill", "holdfastd")
        time.sleep(1)
        branch.restart("holdfastd")
        # Nobody has said anything yet, and they are shown all the same; the local call passes us twice.
        wait_until(lambda: branch.say("status")["holdfastd"]["calls"] == len(CALLS) + 1, 5, "calls of before are not told")
        shown = branch.say("calls")["live"]
        assert {(call["from_before_restart"], call["phase"], bool(call["from"])) for call in shown} == {
            (True, "answered", True)}, shown
        branch.operate("drain")
        time.sleep(DRAIN_LOOKS_S)
        assert branch.say("status")["holdfastd"]["draining"], "it ended before calls that live"
        branch.operate("drain", "--off")
        for caller, callee, speakers in CALLS:
            for speaker in speakers:
                other = callee if speaker == caller else caller
                for command in ("hold", "resume"):
                    phones[speaker].change(command, phones[other])
        time.sleep(1.5)
        ended_ns = time.time_ns()
        for _, callee, _ in CALLS:
            phones[callee].hang_up()
        time.sleep(0.5)

    for caller, callee, _ in CALLS:
        assert not phones[caller].in_call() and not phones[callee].in_call(), "a BYE did not arrive"
        both_heard(phones[caller], phones[callee], 2)
    assert wires.lost_by_us((began_ns, ended_ns)) == []
    for caller, callee, _ in CALLS:
        byes = [m for m in signalling.answers(wires.sip("phone0"), "BYE", 200) if m.time_ns > ended_ns
                and {m.from_user, m.to_user} == {caller, callee}]
        assert byes, f"the BYE of {callee} was not answered"
    told = branch.say("calls")["records"][:len(CALLS) + 1]  # the newest; the local call passes us twice
    assert {row["end"] for row in told} == {"callee_hung_up"}, told
    assert branch.say("calls")["live"] == []


def test_dataplane_dies_in_mid_call(branch, tmp_path):
    phones, wires = branch.phones, branch.wires(tmp_path)
    with branch.record(tmp_path):
        for caller, callee in (("1010", "3011"), ("1012", "1013")):
            phones[caller].call(callee)
        time.sleep(1)
        dying_ns = time.time_ns()
        branch.appliance("kill", "dataplane")
        killed_ns = time.time_ns()
        time.sleep(1)
        began_ns = branch.restart("dataplane")
        up_ns = time.time_ns()
        time.sleep(2)
        settled_ns = began_ns + int((AUDIO_BACK_WITHIN_S + (up_ns - began_ns) / 1e9) * 1e9)
        ended_ns = time.time_ns()
        phones["3012"].call("1011")  # signalling works, by the centre
        for user in ("1010", "1012", "3012"):
            phones[user].hang_up()
        time.sleep(0.5)

    dark = [p for p in wires.left() if killed_ns < p.time_ns < began_ns]
    assert not dark, "media flowed without a dataplane"
    first = {}
    for packet in wires.left():
        if packet.time_ns > began_ns:
            first.setdefault((packet.ssrc, packet.dst), (packet.time_ns - up_ns) / 1e9)
    streams = {(s.ssrc, s.dst) for s in truth.streams([p for p in wires.left() if p.time_ns < killed_ns]).values()}
    assert len(streams) == 4
    for stream in streams:
        assert first.get(stream, 99) <= AUDIO_BACK_WITHIN_S, f"{stream} came back after {first.get(stream)} s"
    assert wires.lost_by_us((settled_ns, ended_ns)) == []
    the_gap_is_ours(branch, wires, (dying_ns, ended_ns))
    # Signalling took no notice, and nobody blamed the centre.
    assert {m.status for m in wires.sip("phone0") if m.status and m.src[0] in wires.lan_own} <= {
        100, 180, 183, 200, 401, 407}
    assert branch.say("upstreams")["state"] == "online"


def the_gap_is_ours(branch, wires, between):
    """The loss report tells what came in and never went out as missed by us, and nothing as lost by the network."""
    own = {*wires.lan_own, *wires.wan_own}
    told = reported.gaps(branch.say("report", "loss"), wires.entered(between), wires.left(), own)
    assert len(told) == 4
    for missing, row, call in told:
        print(f"{branch.kind}, call {call['call']}, {row['from']} at {row['interface']}: {missing} packets came in and "
              f"did not go out; told {row['lost_by_us']} by us, {row['lost']} lost, of {row['expected']} expected")
        assert missing > 0 and abs(row["lost_by_us"] - missing) <= reported.ON_ITS_WAY
        assert (row["lost"], row["loss_runs"], row["measured_by"]) == (0, {}, "us")
        assert row["received"] + row["lost_by_us"] == row["expected"]
    keys = {call["call"] for _, _, call in told}
    wait_until(lambda: all(ours(call["minutes"]) == ours(call["streams"]) for call in calls_of(branch, keys)),
               MINUTES_WITHIN_S, "the minutes do not tell the gap")
    for call in calls_of(branch, keys):
        assert not call["live"], "what is told is not the record's"
        assert (call["totals"]["lost"], call["totals"]["lost_by_us"]) == (0, sum(ours(call["streams"]).values()))


def calls_of(branch, keys):
    return [call for call in branch.say("report", "loss")["calls"] if call["call"] in keys]


def ours(rows):
    """{(leg, ssrc): packets missed by us} of streams or minutes."""
    found = collections.Counter()
    for row in rows:
        found[row["leg"], row["ssrc"]] += row["lost_by_us"]
    return +found
