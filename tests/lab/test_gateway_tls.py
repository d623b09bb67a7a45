# SPDX-License-Identifier: Apache-2.0
"""A gateway by TLS, with SRTP, and a second one by UDP behind it: calls both ways while the centre is away, gateways
that are not believed, new certificates, and gateways that are started anew."""
import os
import time

import pytest
from drill import GATEWAY, SOON, both_heard, wait_until
from test_srtp import GATEWAY_BY_TLS, PLAIN_BYTES, SRTP_BYTES, SrtpBranch, rtp_sizes

pytestmark = pytest.mark.drill

SECOND = "gateway-b"
OUTSIDE, INSIDE = "95551234", "+12125551010"
TALK_S = 1.3
SUITE = "AES_CM_128_HMAC_SHA1_80"


class TrunkBranch(SrtpBranch):
    """The first gateway speaks TLS and has a CA of its own, the second UDP."""

    def __init__(self):
        super().__init__("kamailio", appliance=("--tls", "phones", "--gateways", "ab"), settings={
            **SOON, **GATEWAY_BY_TLS, "centre.probe-online-ms": 500, "centre.probe-suspect-ms": 200,
            "lan.srtp": '"offer"'})

    def trouble(self):
        """What `holdfast status` says of the first gateway."""
        return [line for line in self.say("status")["holdfastd"]["warnings"] if line.startswith("gateway pstn (")]

    def last_hop(self):
        """Of the newest call: where it went."""
        return self.say("calls")["records"][0]["hop"]

    def by_first(self):
        return self.last_hop() == "198.18.1.20:5061"


@pytest.fixture(name="branch", scope="module")
def branch_fixture():
    branch = TrunkBranch()
    try:
        branch.branch_phone("1010")
        branch.branch_phone("1011", transport="tls", srtp="only")
        branch.phone(SECOND)
        branch.gateway()
        branch.centre("kill")
        wait_until(lambda: branch.say("upstreams")["state"] == "survival", 10, "the centre is still trusted")
        yield branch
    finally:
        branch.close()


def call_out(branch, caller="1010", seconds=0.3, number=OUTSIDE):
    """A call that is answered by one of the gateways, and ended."""
    branch.phones[caller].call(number)
    time.sleep(seconds)
    branch.phones[caller].hang_up()


def test_out_and_in_with_srtp(branch, tmp_path):
    """By TLS alone, RTP/SAVP towards the gateway; the phone has what its own side of the interface speaks."""
    phones, box = branch.phones, branch.box
    with branch.record(tmp_path):
        for caller, number in (("1010", OUTSIDE), ("1011", OUTSIDE), (GATEWAY, INSIDE), ("1010", "911")):
            where = {"domain": box.EDGE_LAN4} if caller == GATEWAY else {}
            phones[caller].call(number, **where)
            time.sleep(TALK_S)
            other = GATEWAY if caller != GATEWAY else "1010"
            mine = SUITE if "1011" in (caller, other) else None
            suites = [suite[1:] for suite in branch.suites()]
            assert sorted(suites, key=str) == sorted([(SUITE, SUITE), (mine, mine) if mine else (None,)], key=str)
            phones[caller].hang_up()
            both_heard(phones[caller], phones[other], TALK_S - 0.4)
    gateway = phones[GATEWAY].address
    assert rtp_sizes(tmp_path, "edge-lan", gateway) == {SRTP_BYTES}
    assert rtp_sizes(tmp_path, "edge-lan", phones["1010"].address) == {PLAIN_BYTES}
    sip = [m for m in branch.wires(tmp_path).sip("edge-lan") if gateway in (m.src[0], m.dst[0])]
    assert not sip, f"SIP of the gateway in the clear: {sip[0]}"
    assert branch.counter("tls_opened") == 1, "one connection carries all calls out"
    assert branch.trouble() == []


REFUSED = [
    ("gateway-stranger", ("--by", "line-ca"), "unknown_ca", " of CN=lab line-ca"),
    ("gateway-elsewhere", ("--names", "DNS:elsewhere.example"), "wrong_name",
     "it is for DNS:elsewhere.example, wanted was pstn.example"),
    ("gateway-expired", ("--days", "-1"), "expired", "expired on "),
]


@pytest.mark.parametrize("which, options, reason, words", REFUSED, ids=[row[2] for row in REFUSED])
def test_that_is_not_believed_is_passed_over(branch, which, options, reason, words):
    """Calls take the next gateway at once, or are refused if there is none; log and status say why, until it is
    believed. That it has called us before makes no difference."""
    phones, box = branch.phones, branch.box
    box.run("certificate", which, "--names", branch.NAME_OF_GATEWAY, "--by", "pstn-ca", *options)
    branch.gateway(which)
    phones[GATEWAY].call(INSIDE, domain=box.EDGE_LAN4)
    phones[GATEWAY].hang_up()
    mark = phones["1010"].dial(OUTSIDE)
    phones["1010"].wait("CALL_ESTABLISHED", timeout=1, after=mark)
    phones["1010"].hang_up()
    assert branch.last_hop().startswith(box.GATEWAY_B4)
    assert f"TLS to 198.18.1.20:5061 (lan) refused, {reason}: " in branch.log()
    assert f"gateway pstn (tls 198.18.1.20:5061) cannot be reached: TLS {reason}: " in branch.log()
    trouble = branch.trouble()
    assert len(trouble) == 1 and f": TLS {reason}: " in trouble[0] and words in trouble[0], trouble
    branch.drop(SECOND)
    mark = phones["1010"].dial(OUTSIDE)
    closed = phones["1010"].wait("CALL_CLOSED", timeout=5, after=mark)
    assert closed["param"].startswith("5"), closed
    branch.phone(SECOND)
    branch.gateway()
    call_out(branch)
    assert branch.by_first() and branch.trouble() == []


def test_new_certificates_under_a_call(branch):
    """Of the gateway and of its CA: SIGHUP reads it again. The call that stands goes on, the next handshakes go by the
    new one: who is of the old CA is refused then."""
    phones, box = branch.phones, branch.box
    phones["1010"].call(OUTSIDE)
    tls = f"{box.LAB_STATE}/tls"
    for name in ("pstn-ca.pem", "pstn-ca.key"):
        os.rename(f"{tls}/{name}", f"{tls}/old-{name}")
    box.run("certificate", "gateway-new", "--names", branch.NAME_OF_GATEWAY, "--by", "pstn-ca")
    branch.reload()
    time.sleep(TALK_S)
    phones["1010"].hang_up()
    both_heard(phones["1010"], phones[GATEWAY], TALK_S - 0.4)
    branch.gateway()
    call_out(branch)
    assert not branch.by_first() and ": TLS unknown_ca: " in branch.trouble()[0]
    branch.gateway("gateway-new")
    call_out(branch)
    assert branch.by_first() and branch.trouble() == []
    for name in ("pstn-ca.pem", "pstn-ca.key"):
        os.rename(f"{tls}/old-{name}", f"{tls}/{name}")
    branch.reload()
    branch.gateway()
    call_out(branch)
    assert branch.by_first()


@pytest.mark.parametrize("inwards", [False, True], ids=["out", "in"])
@pytest.mark.parametrize("unseen", [False, True], ids=["seen", "unseen"])
def test_that_is_started_anew_hears_the_bye(branch, inwards, unseen):
    """Its connections are gone. Unseen: as by a power cut, nothing tells us so. The BYE of a call of before reaches it
    (which it does not know any more), and so does the next call, by one new connection."""
    phones, box = branch.phones, branch.box
    phone = phones["1010"]
    if inwards:
        phones[GATEWAY].call(INSIDE, domain=box.EDGE_LAN4)
    else:
        phone.call(OUTSIDE)
    time.sleep(0.5)
    before = branch.counter("tls_opened")
    if unseen:
        box.fault("wan-cut", lan=True)
    branch.gateway()
    if unseen:
        box.fault("heal", lan=True)
    phone.hang_up()
    wait_until(lambda: any(text.startswith("BYE ") for text in phones[GATEWAY].messages(sent=False)), 3,
               "the BYE has not reached the gateway")
    call_out(branch)
    assert branch.by_first() and branch.counter("tls_opened") == before + 1
    wait_until(lambda: branch.say("calls")["live"] == [], 3, "a call is left over")


def test_that_is_started_anew_is_called_again_when_nobody_has_told_us(branch):
    """The connection of before is dead without our knowing: the call goes by a new one, not to the second gateway."""
    box = branch.box
    call_out(branch)
    before = branch.counter("sent_by_new_connection")
    box.fault("wan-cut", lan=True)
    branch.gateway()
    box.fault("heal", lan=True)
    call_out(branch)
    assert branch.by_first() and branch.counter("sent_by_new_connection") == before + 1


def test_help_takes_the_gateway_that_is_left(branch):
    """911 with the first gateway gone, and gone without a word."""
    box, phone = branch.box, branch.phones["1010"]
    branch.drop(GATEWAY, "kill")
    mark = phone.dial("911")
    phone.wait("CALL_ESTABLISHED", timeout=1, after=mark)
    phone.hang_up()
    assert branch.last_hop().startswith(box.GATEWAY_B4)
    assert "could not be opened" in branch.trouble()[0]
    branch.gateway()
    branch.box.run("phone", "freeze", GATEWAY)
    mark = phone.dial("911")
    phone.wait("CALL_ESTABLISHED", timeout=4, after=mark)
    phone.hang_up()
    assert branch.last_hop().startswith(box.GATEWAY_B4) and "no answer of any kind" in branch.trouble()[0]
    branch.box.run("phone", "thaw", GATEWAY)
    call_out(branch)
    assert branch.by_first() and branch.trouble() == []
