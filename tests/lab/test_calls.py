# SPDX-License-Identifier: Apache-2.0
"""Phones register and call through the appliance, with both kinds of centre; the captures at the peer ends judge."""
import time

import pytest
import signalling
import truth
from drill import Branch, both_heard, hear_each_other, wait_until
from office import CENTRES, register_answers

DSCP_CS3, DSCP_EF = 24, 46
PHONES = {"1010": ("udp", 4), "1011": ("tcp", 4), "1012": ("udp", 6), "1013": ("tcp", 6)}
HQ_PHONES = ("3011", "3012")
SETTLE_S = 0.4  # until the first packets of a call have found their way
PAIRS = (("1010", "3011"), ("3012", "1011"), ("1012", "1013"))  # branch to HQ, HQ to branch, branch to branch


@pytest.fixture(name="branch", scope="module", params=CENTRES)
def branch_fixture(request, tmp_path_factory):
    branch = Branch(request.param)
    try:
        for user in HQ_PHONES:
            branch.phone(user)
        branch.start_wires = tmp_path_factory.mktemp("start")
        with branch.record(branch.start_wires):
            for user, (transport, family) in PHONES.items():
                branch.branch_phone(user, transport=transport, family=family)
        yield branch
    finally:
        branch.close()


def test_phones_register_through_the_appliance(branch):
    """RFC 3261 16, RFC 3327: the centre challenges the phone, not us, and its 200 comes back to it."""
    wires = branch.wires(branch.start_wires)
    for user, (transport, _) in PHONES.items():
        asked = wires.asked_centre("REGISTER", to_user=user)
        assert asked and {m.src[0] for m in asked} <= set(wires.wan_own)
        at_phone = [m for m in wires.sip("phone0") if m.to_user == user and m.status]
        for answers in (wires.centre_answered("REGISTER", None), at_phone):
            assert register_answers(answers, user)[:2] == [401, 200]  # it may have refreshed since
        assert {m.transport for m in at_phone} == {transport}
    ours = [m for point, own in wires.ports.items() for m in wires.sip(point) if m.src[0] in own]
    assert ours and {m.dscp for m in ours} == {DSCP_CS3}


def test_calls_of_every_direction_have_sound(branch, request, tmp_path):
    seconds = request.config.getoption("--sound-seconds")
    phones, wires = branch.phones, branch.wires(tmp_path)
    with branch.record(tmp_path):
        for caller, callee in PAIRS:
            phones[caller].call(callee)
        time.sleep(SETTLE_S)
        began_ns = time.time_ns()
        time.sleep(seconds)
        ended_ns = time.time_ns()
        live = branch.say("calls")
        for caller, _ in PAIRS:
            phones[caller].hang_up()
        time.sleep(0.5)

    assert len(live["live"]) == 4, live  # the local call passes the appliance twice
    for caller, callee in PAIRS:
        both_heard(phones[caller], phones[callee], seconds - 1)
    wires.only_anchored()
    assert wires.lost_by_us((began_ns, ended_ns)) == []
    entered = truth.streams(wires.entered((began_ns, ended_ns)))
    assert len(entered) == 2 * len(PAIRS)
    assert min(stream.unique for stream in entered.values()) > 45 * seconds
    assert {p.dscp for p in wires.left()} == {DSCP_EF}
    for point in wires.ports:  # RTCP is relayed as well
        assert truth.rtcp_counts(truth.coming_from(wires.media(point), *wires.ports[point])), point
    assert len(wires.streams_told_right()) == 2 * len(PAIRS)


def test_rtcp_mux_is_of_each_side_for_itself(branch, request, tmp_path):
    """RFC 5761: a phone that offers it gets it, the far one that does not know it is none the wiser. When the far one
    calls, it is not offered, and the phone does without."""
    if branch.kind != CENTRES[0] and not request.config.getoption("--all-drills"):
        pytest.skip("one kind of centre is enough: runs with --all-drills")
    phone, far = branch.branch_phone("1014", **{"rtcp-mux": "yes"}), branch.phones["3011"]
    wires = branch.wires(tmp_path)
    with branch.record(tmp_path):
        for caller, callee in ((phone, far), (far, phone)):
            caller.call(callee.user)
            time.sleep(SETTLE_S)
            caller.hang_up()
            time.sleep(0.3)
    branch.drop("1014")
    edges = {}  # first call, second call: at each port of the appliance, {who sends: local ports of RTCP}
    for point, own in wires.ports.items():
        for packet in wires.media(point):
            if packet.rtcp:
                ours, theirs = sorted((packet.src, packet.dst), key=lambda end: end[0] not in own)
                edges.setdefault(point if point == "edge-wan" else (point, theirs[1] % 2), set()).add(ours[1] % 2)
    # Towards the phone RTCP was on even ports with even ports, later on odd with odd; on the WAN never on even ones.
    assert edges == {("edge-lan", 0): {0}, ("edge-lan", 1): {1}, "edge-wan": {1}}
    said = {point: set(truth.tshark(tmp_path / f"{point}.pcap", "-Y", 'sdp contains "rtcp-mux"', "-T", "fields", "-e",
                                    "ip.src").split()) for point in wires.ports}
    assert said == {"edge-lan": {branch.box.EDGE_LAN4, phone.address}, "edge-wan": set()}


def test_media_of_one_side_only_is_told_of(branch, request):
    """A firewall, say, that lets media out and not in: the call goes on, and whoever looks is told who is not heard."""
    if not request.config.getoption("--all-drills"):
        pytest.skip("waits for timers: runs with --all-drills")
    phone, far = branch.phones["1010"], branch.phones["3011"]
    phone.call("3011")
    time.sleep(SETTLE_S)
    key = branch.say("calls", "--live")["live"][0]["call"]

    def not_heard():
        return branch.say("calls", "--live")["live"][0]["not_heard"]

    assert not_heard() == []
    branch.box.fault("loss", "100%", towards="branch")
    wait_until(lambda: not_heard() == ["callee"], 25, "nobody is told of")
    assert any("one side only" in line for line in branch.say("status")["holdfastd"]["warnings"])
    branch.box.fault("heal")
    wait_until(lambda: not not_heard(), 15, "it does not end")
    # On hold nobody is missed.
    far.ask("hold")
    time.sleep(20)
    assert not_heard() == []
    phone.hang_up()
    wait_until(lambda: branch.say("calls")["records"][0]["end"], 5, "no record")
    record = branch.say("calls")["records"][0]
    assert (record["call"], record["end"], record["remarks"]) == (key, "caller_hung_up", ["no_media_from_callee"])
    told = [event["event"] for event in branch.say("events")["events"] if event["call"] == key]
    assert told == ["media_from_callee_again", "no_media_from_callee"]


def test_local_audio_never_crosses_the_wan(branch, tmp_path):
    """Whatever the centre makes of the call: an address of ours that comes back is joined inside."""
    phones = branch.phones
    with branch.record(tmp_path):
        for caller, callee in (("1010", "1011"), ("1013", "1012")):
            phones[caller].call(callee)
        for caller, callee in (("1010", "1011"), ("1012", "1013")):
            hear_each_other(phones[caller], phones[callee], 1.2)
        call_id = next(call["call_id"] for call in branch.say("calls")["live"] if "1010" in call["from"])
        kept = branch.say("capture", "--call", call_id, "--packets", 100, "-w", tmp_path / "call.pcapng")
        for caller in ("1010", "1013"):
            phones[caller].hang_up()
        time.sleep(0.3)
    wires = branch.wires(tmp_path)
    assert wires.asked_centre("INVITE", to_user="1011"), "the centre had no part in it"
    assert wires.media("edge-wan") == [] and wires.media("hq0") == []
    # What never was on a wire is in a capture of the call by its Call-ID, and no other call is.
    assert kept["frames"] == 100 and kept["missed"] == 0
    hosts = {host for p in truth.packets(tmp_path / "call.pcapng") for host in (p.src[0], p.dst[0])}
    assert phones["1010"].address in hosts and hosts & set(wires.wan_own)
    assert not hosts & {phones[user].address for user in ("1012", "1013")}


def test_hold_and_resume_and_a_hang_up_of_either_side(branch, tmp_path):
    phones, wires = branch.phones, branch.wires(tmp_path)
    calls = (("1010", "3011", "1010", "3011"), ("3012", "1011", "3012", "1011"))  # caller, callee, holder, ender
    with branch.record(tmp_path):
        for caller, callee, holder, _ in calls:
            phones[caller].call(callee)
            time.sleep(SETTLE_S)
            other = callee if holder == caller else caller
            for command in ("hold", "resume"):
                phones[holder].change(command, phones[other])
        time.sleep(SETTLE_S)
        resumed_ns = time.time_ns()
        time.sleep(1.5)
        ended_ns = time.time_ns()
        for *_, ender in calls:
            phones[ender].hang_up()
        time.sleep(0.5)
    for caller, callee, holder, _ in calls:
        assert not phones[caller].in_call() and not phones[callee].in_call(), "a BYE did not arrive"
        again = [m for m in signalling.requests(wires.sip("edge-wan"), "INVITE", from_user=holder) if m.in_dialog]
        assert len(again) >= 2, "no re-INVITE crossed the appliance"
    assert wires.lost_by_us((resumed_ns, ended_ns)) == []
    sounding = [s for s in truth.streams(wires.entered((resumed_ns, ended_ns))).values() if s.unique > 60]
    assert len(sounding) == 2 * len(calls), "not every side is heard again"
