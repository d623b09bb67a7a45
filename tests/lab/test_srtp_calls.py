# SPDX-License-Identifier: Apache-2.0
"""SRTP with keys by SDES: each side of a call has its own, and what the phones hear is compared."""
import collections
import re
import time

import pytest
import sealing
import sound
import wire
from drill import EXPIRES_S, SOON, both_heard, wait_until
from lossy import MOST_UNREAD
from office import CENTRES
from test_srtp import PLAIN_BYTES, SrtpBranch, rtp_sizes

pytestmark = pytest.mark.drill

SETTLE_S = 0.4
TALK_S = 3
TAG_BYTES = {"AES_CM_128_HMAC_SHA1_80": 10, "AES_CM_128_HMAC_SHA1_32": 4, "AES_256_CM_HMAC_SHA1_80": 10,
             "AES_256_CM_HMAC_SHA1_32": 4, "AEAD_AES_128_GCM": 16, "AEAD_AES_256_GCM": 16}


class SuitesBranch(SrtpBranch):
    """What each side has of SRTP is in `settings`; the appliance speaks UDP to the centre."""

    def __init__(self, kind, **settings):
        named = {name.replace("_", "-").replace("-", ".", 1): value for name, value in settings.items()}
        super().__init__(kind, appliance=("--tls", "phones"), settings={**SOON, **named})


def told_right(branch, wires, key_changes=0):
    """The loss report has of every stream what could be read of it, to the packet. What a phone sends before we know its
    key, or after the BYE, is counted by name and not relayed; nor is what is under way when it changes its key, which is
    a loss."""
    came, went = collections.defaultdict(set), collections.defaultdict(set)
    for packet in wires.entered():
        came[packet.ssrc].add(packet.seq)
    for packet in wires.left():
        went[packet.ssrc].add(packet.seq)
    told = collections.defaultdict(list)
    for call in branch.say("report", "loss")["calls"]:
        for row in call["streams"]:
            told[int(row["ssrc"], 16)].append((row["received"], row["lost"], row["duplicates"]))
    assert came.keys() == went.keys() and len(came) >= 2
    for ssrc, seqs in came.items():
        unread, first_read, last_read = seqs - went[ssrc], min(went[ssrc]), max(went[ssrc])
        within = [seq for seq in unread if first_read < seq < last_read]
        assert len(within) <= key_changes * MOST_UNREAD, (hex(ssrc), within)
        assert len(unread) <= MOST_UNREAD, (hex(ssrc), unread)
        assert set(told[ssrc]) == {(len(went[ssrc]), len(within), 0)}, (hex(ssrc), told[ssrc], len(went[ssrc]))


def g711(directory, point, source):
    """Payloads of A-law that an address sent, in the clear."""
    found = (frame.ip() for frame in wire.frames(directory / f"{point}.pcap"))
    return [ip[3][20:] for ip in found if ip and ip[0] == wire.UDP and ip[1] == source
            and len(ip[3]) == 8 + PLAIN_BYTES and ip[3][9] & 0x7F == 8]


def seconds_sealed(branch, user, directory, inwards, talker, between=(0, 2**63)):
    """Seconds of a talker's tone in the SRTP that a phone of the branch sent to the appliance, or got from it, between
    two moments. It is opened with the keys of that phone's SDP, and none of the packets is left over."""
    phone = branch.phones[user]
    own = branch.box.EDGE_LAN6 if ":" in phone.address else branch.box.EDGE_LAN4
    source, to = (phone.address, own) if inwards else (own, phone.address)
    came = [(frame.time_ns, frame.ip()) for frame in wire.frames(directory / "edge-lan.pcap")]
    came = [(at, ip[3][8:]) for at, ip in came if ip and ip[0] == wire.UDP and ip[1:3] == (source, to)
            and ip[3][8:9] == b"\x80" and ip[3][9] & 0x7F == 8]
    plain = sealing.opened(phone.keys(sent=inwards), [packet for _, packet in came])
    assert plain and None not in plain, (len(plain), plain.count(None))
    return sound.seconds_spoken([packet[12:] for (at, _), packet in zip(came, plain, strict=True)
                                 if between[0] < at < between[1]], talker)


@pytest.fixture(name="branch", scope="module", params=CENTRES)
def branch_fixture(request):
    """The phones' side may have SRTP, the centre's has none."""
    branch = SuitesBranch(request.param, lan_srtp='"offer"', wan_srtp='"forbid"')
    try:
        branch.branch_phone("1010", transport="tls", srtp="only", trace="yes")
        branch.branch_phone("1011", transport="tls", family=6, srtp="offer")
        branch.branch_phone("1012")
        branch.phone("3011")
        yield branch
    finally:
        branch.close()


def talk(branch, caller, callee, directory, seconds=TALK_S):
    """A call with sound both ways, recorded at the peer ends."""
    wires = branch.wires(directory)
    directory.mkdir()
    with branch.record(directory):
        branch.phones[caller].call(callee)
        time.sleep(seconds)
        branch.phones[caller].hang_up()
        time.sleep(0.3)
    both_heard(branch.phones[caller], branch.phones[callee], seconds - 1)
    wires.only_anchored()
    return wires


def test_encrypted_towards_the_phone_plain_towards_the_centre(branch, tmp_path):
    """RFC 3711, RFC 4568: whoever calls. The phone hears the far one, and the wire of each side has what it is to have."""
    encrypted = PLAIN_BYTES + TAG_BYTES["AES_CM_128_HMAC_SHA1_80"]
    for number, (caller, callee) in enumerate((("1010", "3011"), ("1011", "3011"), ("3011", "1011"))):
        directory = tmp_path / str(number)
        told_right(branch, talk(branch, caller, callee, directory))
        phone = branch.phones[caller if callee == "3011" else callee]
        own = branch.box.EDGE_LAN6 if ":" in phone.address else branch.box.EDGE_LAN4
        assert rtp_sizes(directory, "edge-lan", phone.address) == rtp_sizes(directory, "edge-lan", own) == {encrypted}
        for source in (branch.phones["3011"].address, branch.box.EDGE_WAN4):
            assert rtp_sizes(directory, "edge-wan", source) == {PLAIN_BYTES}


def test_phones_with_and_without_srtp_talk_to_each_other(branch, tmp_path):
    """All in the branch: to the plain one SIP is UDP, where no key is told, so its side is plain."""
    pairs = (("1010", "1012"), ("1012", "1011"), ("1010", "1011"))
    for number, (caller, callee) in enumerate(pairs):
        talk(branch, caller, callee, tmp_path / str(number))


OFFERED = re.compile(r"^INVITE .*^m=audio \d+ (\S+) ", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("caller", ["3011", "1011", "1012"])
def test_a_phone_that_takes_savp_alone(branch, tmp_path, caller):
    """RTP/AVP with keys, as we offer optional SRTP, it refuses (488); RTP/SAVP, offered then, it takes. Whoever calls
    it has SRTP, or may have it, or knows none. The way back is RTP/SAVP from the start."""
    phone = branch.phones["1010"]
    sent, got = len(phone.messages(sent=True)), len(phone.messages(sent=False))
    talk(branch, caller, "1010", tmp_path / "to")
    assert [text.split()[1] for text in phone.messages(sent=True)[sent:] if text.startswith("SIP/2.0 488")] == ["488"]
    offers = [found[1] for found in map(OFFERED.match, phone.messages(sent=False)[got:]) if found]
    assert list(dict.fromkeys(offers)) == ["RTP/AVP", "RTP/SAVP"], offers
    encrypted = PLAIN_BYTES + TAG_BYTES["AES_CM_128_HMAC_SHA1_80"]
    for inwards, talker in ((True, "1010"), (False, caller)):
        assert seconds_sealed(branch, "1010", tmp_path / "to", inwards, talker) >= TALK_S - 1
    assert rtp_sizes(tmp_path / "to", "edge-lan", phone.address) == {encrypted}
    talk(branch, "1010", caller, tmp_path / "from")


def test_hold_and_the_way_back_keep_the_call_encrypted(branch, tmp_path):
    """A re-INVITE tells keys again: the same ones go on, other ones take their place; RTP/SAVP stays."""
    phone, far = branch.phones["1010"], branch.phones["3011"]
    wires = branch.wires(tmp_path)
    with branch.record(tmp_path):
        phone.call("3011")
        time.sleep(1)
        for holder, other in ((phone, far), (far, phone)):
            holder.change("hold", other)
            time.sleep(0.5)
            holder.change("resume", other)
            time.sleep(SETTLE_S)
        began_ns = time.time_ns()
        time.sleep(TALK_S)
        ended_ns = time.time_ns()
        phone.hang_up()
        time.sleep(0.3)
    assert wires.lost_by_us((began_ns, ended_ns)) == []
    assert len(wires.entered((began_ns, ended_ns))) > 2 * 45 * TALK_S
    # Recordings end with the first hold: what was heard after it is in the captures, opened with the phone's keys.
    assert seconds_sealed(branch, "1010", tmp_path, inwards=False, talker="3011", between=(began_ns, ended_ns)) \
        > TALK_S - 0.5
    assert sound.seconds_spoken(g711(tmp_path, "edge-wan", branch.box.EDGE_WAN4), "1010") > TALK_S
    told_right(branch, wires)


def test_calls_go_on_encrypted_without_the_centre(branch, tmp_path):
    branch.centre("kill")
    wait_until(lambda: branch.say("upstreams")["state"] == "survival", 10, "it is still trusted")
    # One that was late with its REGISTER when the centre was lost takes its binding up again.
    wait_until(lambda: branch.knows("1010", "1011"), EXPIRES_S, "a phone is not known any more")
    talk(branch, "1010", "1011", tmp_path / "survival")


@pytest.mark.parametrize("kind", CENTRES)
def test_each_side_has_a_suite_of_its_own(kind, tmp_path):
    """SRTP on both sides of the appliance. The phones offer one suite and take several: each is offered another one."""
    cm, gcm, gcm256 = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"
    branch = SuitesBranch(kind, lan_srtp='"require"', lan_srtp_suites=f'["{gcm}", "{cm}"]', wan_srtp='"require"',
                        wan_srtp_suites=f'["{gcm256}", "{cm}"]', wan_srtp_without_tls="true")
    try:
        branch.branch_phone("1010", transport="tls", srtp="only")
        branch.phone("3011", srtp="only")
        lan = (branch.phones["1010"].address, branch.box.EDGE_LAN4)
        wan = (branch.phones["3011"].address, branch.box.EDGE_WAN4)
        for caller, callee, of_lan, of_wan in (("1010", "3011", cm, gcm256), ("3011", "1010", gcm, cm)):
            directory = tmp_path / caller
            told_right(branch, talk(branch, caller, callee, directory))
            for point, suite, ends in (("edge-lan", of_lan, lan), ("edge-wan", of_wan, wan)):
                for end in ends:
                    assert rtp_sizes(directory, point, end) == {PLAIN_BYTES + TAG_BYTES[suite]}, (point, end)
    finally:
        branch.close()
