# SPDX-License-Identifier: Apache-2.0
"""SRTP whose keys pass through: the phones agree them between each other, we have none. RTCP of both reaches the other
as it was sent, and of the streams the report says what headers in the clear tell, over links that lose, repeat and
reorder."""
import time

import lossy
import pylibsrtp
import pytest
import sealing
import truth
import wire
from drill import both_heard
from office import CENTRES
from test_srtp_calls import SuitesBranch

pytestmark = pytest.mark.drill

TALK_S = 12  # baresip reports every 5 s
SENDER_REPORT, GOODBYE = 200, 203
RTCP_EVERY_S = 5
IN_THE_CLEAR = b"PINGPONG"  # by which baresip tries its ports before it has keys (APP, RFC 3550 section 6.7)


def rtcp(path, source, to):
    """SRTCP from one address to another, in the order of a capture. What baresip says in the clear is left out: of a
    goodbye, when its keys are gone already, nobody between can tell that it is no cipher text."""
    found = (frame.ip() for frame in wire.frames(path))
    packets = [ip[3][8:] for ip in found if ip and ip[0] == wire.UDP and ip[1:3] == (source, to)
               and 192 <= ip[3][9] <= 223 and ip[3][8] >> 6 == 2]
    return [packet for packet in packets if packet[8:16] != IN_THE_CLEAR and packet[1] != GOODBYE]


def ssrcs_reported(keys, packets):
    """SSRCs of the sender reports in SRTCP, which opens with the keys of the phone that sent it; none stays closed."""
    sessions = [sealing.hears(*key) for key in keys if key[0] in sealing.PROFILES]
    found = set()
    for packet in packets:
        plain = None
        for session in sessions:
            try:
                plain = session.unprotect_rtcp(packet)
                break
            except pylibsrtp.Error:
                continue
        assert plain, packet[:12].hex()
        if plain[1] == SENDER_REPORT:
            found.add(int.from_bytes(plain[4:8], "big"))
    return found


@pytest.mark.parametrize("kind", CENTRES)
def test_keys_pass_and_so_does_rtcp(kind, tmp_path):
    branch = SuitesBranch(kind, lan_srtp='"pass-through"', wan_srtp='"pass-through"', wan_srtp_without_tls="true")
    try:
        near, far = (branch.branch_phone("1010", transport="tls", srtp="only", trace="yes"),
                     branch.phone("3011", srtp="only", trace="yes"))
        for caller, callee in ((near, far), (far, near)):
            keys = {phone.user: len(phone.keys(sent=True)) for phone in (near, far)}
            directory = tmp_path / caller.user
            wires = branch.wires(directory)
            faults = ("loss", "3%", "duplicate", "3%", "reorder", "3%:3")
            with branch.record(directory), lossy.damaged(branch.box, *faults):
                caller.call(callee.user)
                time.sleep(TALK_S)
                legs = [leg for call in branch.say("relay", "list")["calls"] for leg in call["legs"]]
                far_end = branch.say("report")["far_end"]
                far.hang_up()
                time.sleep(0.3)
            both_heard(near, far, TALK_S / 2)
            assert [(leg["sealed"], leg.get("srtp")) for leg in legs] == [(True, None)] * 2
            judge_reports(branch, wires, legs, far_end)
            judge_rtcp(branch, directory, near, far, keys, wires)
    finally:
        branch.close()


def judge_reports(branch, wires, legs, far_end):
    """Copies are copies here: nobody can tell a replay without the key. Of RTCP there is the count alone."""
    rows = lossy.told(branch)
    for ssrc, stream in lossy.judged(wires.entered(), wires.left()).items():
        assert lossy.numbers_told(rows[ssrc]) == lossy.numbers(stream)
        assert (rows[ssrc]["duplicates"], rows[ssrc]["lost_by_us"]) == (stream.duplicates, 0)
        assert stream.lost > 0 and stream.duplicates > 0 and stream.reordered > 0
    assert all("far_end" not in leg and min(leg["rtcp"].values()) >= TALK_S // RTCP_EVERY_S for leg in legs), legs
    of_legs = {leg["leg"] for leg in legs}
    assert not [row for row in far_end if row["leg"] in of_legs]


def judge_rtcp(branch, directory, near, far, before, wires):
    """Byte for byte, and what each phone sent opens with its keys."""
    box, ssrcs = branch.box, {stream.src[0]: ssrc for (ssrc, *_), stream in truth.streams(wires.entered()).items()}
    for sender, receiver, came, went in ((near, far, ("edge-lan", box.EDGE_LAN4), ("edge-wan", box.EDGE_WAN4)),
                                         (far, near, ("edge-wan", box.EDGE_WAN4), ("edge-lan", box.EDGE_LAN4))):
        sent = rtcp(directory / f"{came[0]}.pcap", sender.address, came[1])
        assert len(sent) >= TALK_S // RTCP_EVERY_S
        assert rtcp(directory / f"{went[0]}.pcap", went[1], receiver.address) == sent
        assert ssrcs_reported(sender.keys(sent=True)[before[sender.user]:], sent) == {ssrcs[sender.address]}
