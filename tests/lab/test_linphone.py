# SPDX-License-Identifier: Apache-2.0
"""SRTP of linphonec, by SDES over TLS: another maker's phone, whose every re-INVITE brings new keys, and which records
all of a call. The sound that was heard is compared, and what is on its wire opened with the keys that it knows."""
import contextlib
import os
import shutil
import signal
import time

import lossy
import pytest
import sound
from drill import EXPIRES_S, both_heard, wait_until
from linphone import Linphone
from office import CENTRES
from test_srtp import PLAIN_BYTES, rtp_sizes
from test_srtp_calls import TAG_BYTES, SuitesBranch, g711, seconds_sealed, told_right

pytestmark = [pytest.mark.drill, pytest.mark.skipif(
    not shutil.which("linphonec"), reason="linphonec is missing (scripts/setup tests/lab/debian-packages.txt)")]

CM80 = "AES_CM_128_HMAC_SHA1_80"
SETTLE_S = 0.4
TALK_S = 3


class LinphoneBranch(SuitesBranch):
    """Linphone 1013 and, by IPv6, 1014; baresip 1010; their srtp in this order. 3011 is at headquarters. Linphone
    finds an address in a certificate only where names stand."""
    NAMES = "IP:198.18.1.2,DNS:198.18.1.2,IP:2001:db8:1::2,DNS:2001:db8:1::2"

    def __init__(self, kind, lan="require", srtp=("only", "only", "only"), far=None, **settings):
        super().__init__(kind, lan_srtp=f'"{lan}"', **settings)
        try:
            self.branch_phone("1013", kind="linphone", transport="tls", srtp=srtp[0])
            self.branch_phone("1014", kind="linphone", transport="tls", srtp=srtp[1], family=6)
            self.branch_phone("1010", transport="tls", srtp=srtp[2])
            self.phone("3011", **(far or {}))
        except BaseException:
            self.close()
            raise

    @contextlib.contextmanager
    def talk(self, caller, callee, directory, seconds=TALK_S):
        """A call with sound both ways, recorded at the peer ends, which ends with the block. Gives the captures."""
        ends = self.phones[caller], self.phones[callee]
        for phone in ends:
            if isinstance(phone, Linphone):
                phone.record_anew()
        directory.mkdir(exist_ok=True)
        with self.record(directory):
            ends[0].call(callee)
            time.sleep(seconds)
            try:
                yield self.wires(directory)
            finally:
                ends[0].hang_up()
                time.sleep(0.3)


@pytest.fixture(name="branch", scope="module", params=CENTRES)
def branch_fixture(request):
    """The centre's side has no SRTP."""
    branch = LinphoneBranch(request.param, wan_srtp='"forbid"')
    try:
        yield branch
    finally:
        branch.close()


@pytest.mark.parametrize("caller, callee", [("1013", "3011"), ("3011", "1013"), ("1014", "3011"), ("3011", "1014")])
def test_to_and_from_a_plain_phone(branch, tmp_path, caller, callee):
    """RFC 4568: the one in RTP/SAVP, the other in RTP/AVP; both hear each other, and linphone's wire has SRTP alone."""
    with branch.talk(caller, callee, tmp_path) as wires:
        assert branch.suites() == [("lan", CM80, CM80), ("wan", None)]
        assert min(branch.opened()) > 0
    linphone = caller if callee == "3011" else callee
    both_heard(branch.phones[caller], branch.phones[callee], TALK_S - 1)
    wires.only_anchored()
    told_right(branch, wires)
    assert rtp_sizes(tmp_path, "edge-lan") == {PLAIN_BYTES + TAG_BYTES[CM80]}
    assert rtp_sizes(tmp_path, "edge-wan") == {PLAIN_BYTES}
    assert seconds_sealed(branch, linphone, tmp_path, inwards=True, talker=linphone) >= TALK_S - 1
    assert seconds_sealed(branch, linphone, tmp_path, inwards=False, talker="3011") >= TALK_S - 1


def test_each_hold_brings_new_keys(branch, tmp_path):
    """Hold and resume of either side. Linphone tells new keys in each offer of its own; it hears the far one, and is
    heard, under all of them."""
    phone, far = branch.phones["1013"], branch.phones["3011"]
    before = len(phone.keys(sent=True))
    with branch.talk("1013", "3011", tmp_path) as wires:
        phone.hold()
        time.sleep(1)
        phone.resume()
        time.sleep(TALK_S)
        far.ask("hold")
        time.sleep(1)
        far.ask("resume")
        time.sleep(SETTLE_S)
        began_ns = time.time_ns()
        time.sleep(TALK_S)
        ended_ns = time.time_ns()
        assert branch.suites() == [("lan", CM80, CM80), ("wan", None)]
    own = [key for key in phone.keys(sent=True)[before:] if key[0] == CM80]
    assert len(own) >= 3, own
    assert wires.lost_by_us((began_ns, ended_ns)) == []
    enough = 3 * TALK_S - 1  # before the holds, between them, after them
    assert phone.heard("3011") >= enough
    assert sound.seconds_spoken(g711(tmp_path, "edge-wan", branch.box.EDGE_WAN4), "1013") >= enough
    assert seconds_sealed(branch, "1013", tmp_path, inwards=True, talker="1013") >= enough
    assert seconds_sealed(branch, "1013", tmp_path, inwards=False, talker="3011") >= enough
    told_right(branch, wires, key_changes=len(own) - 1)


@pytest.mark.parametrize("caller, callee", [("1013", "1010"), ("1010", "1014"), ("1014", "1013")])
def test_between_phones_of_the_branch(branch, tmp_path, caller, callee):
    """Each with keys of its own; their call spirals through the centre in the clear. SRTCP goes both ways too."""
    with branch.talk(caller, callee, tmp_path):
        assert branch.suites() == [("lan", CM80, CM80)] * 2 + [("wan", None)] * 2
        assert min(branch.opened()) > 0
    both_heard(branch.phones[caller], branch.phones[callee], TALK_S - 1)


@pytest.mark.parametrize("daemon", ["holdfastd", "dataplane"])
def test_new_keys_after_a_daemon_died(branch, tmp_path, daemon):
    """kill -9 in the call: sound goes on, and a hold after it brings new keys to who came after."""
    phone = branch.phones["1013"]
    with branch.talk("1013", "3011", tmp_path):
        os.kill(branch.box.pid(daemon), signal.SIGKILL)
        time.sleep(0.1)
        branch.restart(daemon)
        time.sleep(TALK_S)
        wait_until(lambda: branch.say("upstreams")["state"] == "online", 10, "the centre is not found")
        before = phone.keys(sent=True)
        phone.hold()
        phone.resume()
        assert len({key for key in phone.keys(sent=True) if key[0] == CM80} - set(before)) == 2
        began_ns = time.time_ns()
        time.sleep(TALK_S)
        ended_ns = time.time_ns()
    assert phone.heard("3011") >= 3 * TALK_S - 2
    for inwards, talker in ((True, "1013"), (False, "3011")):
        assert seconds_sealed(branch, "1013", tmp_path, inwards, talker, (began_ns, ended_ns)) >= TALK_S - 0.5
    assert sound.seconds_spoken(g711(tmp_path, "edge-wan", branch.box.EDGE_WAN4), "1013") >= 3 * TALK_S - 2


def test_calls_go_on_encrypted_without_the_centre(branch, tmp_path):
    branch.centre("kill")
    wait_until(lambda: branch.say("upstreams")["state"] == "survival", 10, "it is still trusted")
    # One that was late with its REGISTER when the centre was lost takes its binding up again.
    wait_until(lambda: branch.knows("1013", "1010"), EXPIRES_S, "a phone is not known any more")
    for caller, callee in (("1013", "1010"), ("1010", "1013")):
        directory = tmp_path / caller
        with branch.talk(caller, callee, directory):
            assert branch.suites() == [("lan", CM80, CM80)] * 2
        both_heard(branch.phones[caller], branch.phones[callee], TALK_S - 1)
        assert rtp_sizes(directory, "edge-lan") == {PLAIN_BYTES + TAG_BYTES[CM80]}


@pytest.mark.parametrize("kind", CENTRES)
@pytest.mark.parametrize("suite", ["AES_CM_128_HMAC_SHA1_32", "AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32"])
def test_each_side_has_a_suite_of_its_own(kind, suite, tmp_path):
    """The appliance forces another suite on linphone than on baresip, whoever calls."""
    branch = LinphoneBranch(kind, far={"srtp": "only"}, lan_srtp_suites=f'["{suite}"]', wan_srtp='"require"',
                            wan_srtp_suites=f'["AEAD_AES_256_GCM", "{CM80}"]', wan_srtp_without_tls="true")
    try:
        for caller, callee, of_wan in (("1013", "3011", "AEAD_AES_256_GCM"), ("3011", "1013", CM80)):
            directory = tmp_path / caller
            with branch.talk(caller, callee, directory) as wires:
                assert branch.suites() == [("lan", suite, suite), ("wan", of_wan, of_wan)]
            both_heard(branch.phones[caller], branch.phones[callee], TALK_S - 1)
            told_right(branch, wires)
            assert rtp_sizes(directory, "edge-lan") == {PLAIN_BYTES + TAG_BYTES[suite]}
            assert rtp_sizes(directory, "edge-wan") == {PLAIN_BYTES + TAG_BYTES[of_wan]}
    finally:
        branch.close()


@pytest.mark.parametrize("suite", ["AES_256_CM_HMAC_SHA1_80", "AES_256_CM_HMAC_SHA1_32"])
def test_what_the_links_do_is_told_to_the_packet(suite, tmp_path):
    """In the suites that only linphone has here, by IPv4 and IPv6, SRTP on the other side too."""
    branch = LinphoneBranch("kamailio", far={"srtp": "only"}, lan_srtp_suites=f'["{suite}"]', wan_srtp='"require"',
                            wan_srtp_suites=f'["AEAD_AES_256_GCM", "{CM80}"]', wan_srtp_without_tls="true")
    try:
        for caller, callee in (("1013", "3011"), ("3011", "1014")):
            with lossy.damaged(branch.box, "loss-burst", "10%:3", "duplicate", "4%", "reorder", "4%:5"):
                with branch.talk(caller, callee, tmp_path / caller, seconds=2 * TALK_S) as wires:
                    branch.box.fault("burst", "130", match="rtp")
                    time.sleep(TALK_S)
            rows = lossy.told(branch)
            for ssrc, stream in lossy.judged(wires.entered(), wires.left()).items():
                assert lossy.numbers_told(rows[ssrc]) == lossy.numbers(stream)
                assert (rows[ssrc]["duplicates"], rows[ssrc]["lost_by_us"]) == (0, 0)
                assert stream.lost > 0 and stream.duplicates > 0 and stream.reordered > 0
    finally:
        branch.close()


@pytest.mark.parametrize("kind", CENTRES)
def test_who_may_have_srtp_and_who_has_none(kind, tmp_path):
    """Linphone offers RTP/SAVP where it may have SRTP, and takes our RTP/AVP with keys for a plain one."""
    branch = LinphoneBranch(kind, lan="offer", srtp=("offer", "no", "offer"), wan_srtp='"forbid"')
    sealed, plain, far = ("lan", CM80, CM80), ("lan", None), ("wan", None)
    calls = (("1013", "3011", [sealed, far]), ("3011", "1013", [plain, far]), ("1014", "3011", [plain, far]),
             ("3011", "1014", [plain, far]), ("1013", "1014", [sealed, plain, far, far]),
             ("1013", "1010", [sealed, sealed, far, far]), ("1010", "1013", [sealed, plain, far, far]))
    try:
        for caller, callee, suites in calls:
            with branch.talk(caller, callee, tmp_path / f"{caller}-{callee}"):
                assert branch.suites() == suites
                assert min(branch.opened()) > 0
            both_heard(branch.phones[caller], branch.phones[callee], TALK_S - 1)
    finally:
        branch.close()


@pytest.mark.parametrize("kind", CENTRES)
def test_phones_that_may_not_be_without_srtp_are_called(kind, tmp_path):
    """Our side offers keys on RTP/AVP, which the phone may refuse: it is offered RTP/SAVP then."""
    branch = LinphoneBranch(kind, lan="offer", wan_srtp='"forbid"')
    try:
        for caller, callee in (("3011", "1013"), ("3011", "1014"), ("1014", "1013"), ("1010", "1013"),
                               ("1013", "1010")):
            directory = tmp_path / f"{caller}-{callee}"
            with branch.talk(caller, callee, directory):
                assert {suites for suites in branch.suites() if suites[0] == "lan"} == {("lan", CM80, CM80)}
            both_heard(branch.phones[caller], branch.phones[callee], TALK_S - 1)
            assert rtp_sizes(directory, "edge-lan") == {PLAIN_BYTES + TAG_BYTES[CM80]}
    finally:
        branch.close()
