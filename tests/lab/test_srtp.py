# SPDX-License-Identifier: Apache-2.0
"""SRTP of phones by SDES over TLS: to a phone that has none, and between two under keys of their own. The sound that
each heard is compared, and the wire read."""
import os
import signal
import time

import lossy
import pytest
import wire
from drill import GATEWAY, SOON, Branch, both_heard, hear_each_other, wait_until

PLAIN_BYTES = 12 + 160  # an RTP header and 20 ms of G.711
SRTP_BYTES = PLAIN_BYTES + 10  # with the tag of AES_CM_128_HMAC_SHA1_80
TALK_S = 1.3
HEARD_S = 0.9
GATEWAY_BY_TLS = {"gateway.transport": '"tls"', "gateway.address": '"198.18.1.20"',
                  "gateway.tls-names": '["pstn.example"]', "gateway.ca": '"/run/holdfast-lab/tls/pstn-ca.pem"'}
SETTINGS = {**SOON, **GATEWAY_BY_TLS, "lan.srtp": '"offer"', "wan.srtp": '"forbid"'}


class SrtpBranch(Branch):
    """A branch whose phones, and the gateway if it is told so, speak TLS to the appliance; certificates are made before
    anything starts."""
    NAMES = "DNS:edge.branch.example,IP:198.18.1.2,IP:2001:db8:1::2"
    NAME_OF_GATEWAY = "DNS:pstn.example"

    def centre(self, *words, server="a"):
        if words[0] == "start":
            for name in ("edge-lan", "edge-wan"):
                self.box.run("certificate", name, "--names", self.NAMES)
            self.box.run("certificate", GATEWAY, "--names", self.NAME_OF_GATEWAY, "--by", "pstn-ca")
        return super().centre(*words, server=server)

    def gateway(self, certificate=GATEWAY):
        """Starts the gateway that speaks TLS and SRTP, or starts it anew."""
        if GATEWAY in self.phones:
            self.drop(GATEWAY, "kill")
        return self.phone(GATEWAY, transport="tls", certificate=certificate, srtp="only", trace="yes")

    def suites(self):
        """Of the legs of all calls, by interface: the suites on the way in and out, None for plain RTP."""
        legs = [leg for call in self.say("relay", "list")["calls"] for leg in call["legs"]]
        suites = [(leg["interface"], *(leg["srtp"].values() if "srtp" in leg else (None,))) for leg in legs]
        return sorted(suites, key=str)

    def opened(self):
        """Media packets that were taken from each leg, those of SRTP decrypted; none failed."""
        legs = [leg for call in self.say("relay", "list")["calls"] for leg in call["legs"]]
        assert all("srtp_auth_failed" not in leg["drops"] for leg in legs)
        return [leg["rx"]["packets"] for leg in legs]

    def dropped(self, *names):
        """Packets that all ports have dropped by these names."""
        ports = self.say("status")["ports"]
        return [sum(port["drops"].get(name, 0) for port in ports) for name in names]

    def logs(self):
        text = ""
        for name in ("holdfastd", "dataplane"):
            with open(f"{self.box.LAB_STATE}/{name}.log", encoding="utf-8") as file:
                text += file.read()
        return text


@pytest.fixture(name="branch", scope="module")
def branch_fixture():
    branch = SrtpBranch("kamailio", appliance=("--tls", "phones"), settings=SETTINGS)
    try:
        branch.branch_phone("1010", transport="tls", srtp="only")
        branch.branch_phone("1011", transport="tls", srtp="offer")
        branch.phone("3011")
        branch.gateway()
        yield branch
    finally:
        branch.close()


def rtp_sizes(directory, point, source=None):
    """Of G.711 at a point, of one sender or of all: how many bytes its packets of RTP or SRTP have."""
    found = (frame.ip() for frame in wire.frames(directory / f"{point}.pcap"))
    return {len(ip[3]) - 8 for ip in found if ip and ip[0] == wire.UDP and source in (None, ip[1])
            and ip[3][8:9] == b"\x80" and ip[3][9] & 0x7F in (0, 8)}


def test_srtp_to_a_plain_phone_over_hold_and_to_another(branch, tmp_path):
    """RFC 4568, RFC 3711: RTP/SAVP with the one, RTP/AVP with the other, also after a hold (re-INVITE); and between two
    phones of the branch, whose call spirals through the centre in the clear."""
    phones, suite = branch.phones, "AES_CM_128_HMAC_SHA1_80"
    with branch.record(tmp_path):
        phones["1010"].call("3011")
        hear_each_other(phones["1010"], phones["3011"], HEARD_S)
        assert branch.suites() == [("lan", suite, suite), ("wan", None)]
        for command in ("hold", "resume"):
            phones["1010"].change(command, phones["3011"])
        before = branch.opened()
        time.sleep(TALK_S)
        after = branch.opened()
        phones["1010"].hang_up()
    # A phone's recording ends with the hold: of what came after it the books are the witness.
    assert min(b - a for a, b in zip(before, after, strict=True)) > 40
    assert rtp_sizes(tmp_path, "edge-lan") == {SRTP_BYTES} and rtp_sizes(tmp_path, "edge-wan") == {PLAIN_BYTES}
    phones["3011"].call("1011")
    hear_each_other(phones["3011"], phones["1011"], HEARD_S)
    phones["3011"].hang_up()
    phones["1010"].call("1011")  # who will have RTP/SAVP refuses the RTP/AVP that we offer
    hear_each_other(phones["1010"], phones["1011"], HEARD_S)
    assert branch.suites() == [("lan", suite, suite)] * 2 + [("wan", None)] * 2
    phones["1010"].hang_up()
    assert "inline:" not in branch.logs()


def test_help_by_a_gateway_that_speaks_tls(branch):
    """RTP/SAVP on both sides, and the gateway's certificate checked by its own CA; more in test_gateway_tls.py."""
    phones, suite = branch.phones, "AES_CM_128_HMAC_SHA1_80"
    phones["1011"].call("911")
    hear_each_other(phones["1011"], phones[GATEWAY], 0.4)
    assert branch.suites() == [("lan", suite, suite)] * 2
    phones["1011"].hang_up()
    record = branch.say("calls")["records"][0]
    assert (record["decision"], record["hop_transport"], record["hop"]) == ("emergency", "tls", "198.18.1.20:5061")


def test_what_the_links_do_to_srtp_is_told_to_the_packet(branch, tmp_path):
    """Loss, copies and reordering on both links, both ways: the report has what the captures show to have come in. A
    copy of SRTP is a replay, and one of RTP would be sent under an index a second time: both are dropped by name."""
    phone, far = branch.phones["1010"], branch.phones["3011"]
    names = ("srtp_replayed", "srtp_sent_before")
    before = branch.dropped(*names)
    wires = branch.wires(tmp_path)
    with branch.record(tmp_path), lossy.damaged(branch.box, "loss-burst", "8%:2", "duplicate", "6%", "reorder", "5%:3"):
        phone.call("3011")
        time.sleep(0.8)
        for lan in (True, False):
            branch.box.fault("burst", "20", lan=lan, match="rtp")
        time.sleep(0.8)
        far.hang_up()
        time.sleep(0.2)
    streams = lossy.judged(wires.entered(), wires.left())
    rows = lossy.told(branch)
    sealed, plain = sorted(streams.values(), key=lambda stream: stream.src[0] != phone.address)
    for stream in (sealed, plain):
        assert lossy.numbers_told(rows[stream.ssrc]) == lossy.numbers(stream)
        assert stream.lost >= 20 and max(stream.loss_runs) >= 20 and rows[stream.ssrc]["lost_by_us"] == 0
    assert (rows[sealed.ssrc]["duplicates"], rows[plain.ssrc]["duplicates"]) == (0, plain.duplicates)
    assert [now - then for now, then in zip(branch.dropped(*names), before, strict=True)] \
        == [sealed.duplicates, plain.duplicates]
    assert sealed.duplicates + plain.duplicates > 0 and sealed.reordered + plain.reordered > 0


@pytest.mark.drill
@pytest.mark.parametrize("daemon", ["holdfastd", "dataplane"])
def test_srtp_outlives_a_daemon(branch, daemon):
    """kill -9 in the call: sound goes on, and a re-INVITE after it brings keys anew."""
    phones = branch.phones
    phones["1010"].call("3011")
    time.sleep(TALK_S)
    os.kill(branch.box.pid(daemon), signal.SIGKILL)
    time.sleep(0.1)
    branch.restart(daemon)
    time.sleep(3 * TALK_S)
    wait_until(lambda: branch.say("upstreams")["state"] == "online", 10, "the centre is not found")
    for command in ("hold", "resume"):
        phones["1010"].change(command, phones["3011"])
    time.sleep(TALK_S)
    phones["1010"].hang_up()
    both_heard(phones["1010"], phones["3011"], 2 * TALK_S)
