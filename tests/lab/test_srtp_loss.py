# SPDX-License-Identifier: Apache-2.0
"""Links that lose 1 to 20 %, one by one and in runs beyond 128 packets, repeat and reorder, under many calls with SRTP
on one leg or on both, in IPv4 and IPv6, while the ROC of many that come in rolls over. Captures are the judge of what
is told of each stream; libsrtp, as the phones have it, of what reaches them: it must know the ROC through all of it."""
import base64
import collections
import itertools
import os
import time

import lossy
import pytest
import sealing
import truth
import wire
from appliance import Crowd, host_port, to_text
from rehearsal import FAMILIES

pytestmark = pytest.mark.drill

KEY_AND_SALT = {"AES_CM_128_HMAC_SHA1_80": 30, "AES_CM_128_HMAC_SHA1_32": 30, "AEAD_AES_128_GCM": 28,
                "AEAD_AES_256_GCM": 44}
SIDES = (("lan",), ("wan",), ("lan", "wan"))
CALLS = 24
PACE = 50          # packets/s of each stream
LONG_BURST = 150   # packets of each stream
SPOKEN = bytes(range(160))
FIRST_S, PHASE_S, LAST_S = 1.0, 5.0, 1.0
PHASES = (("loss", "1%"), ("loss", "20%"), ("loss-burst", "10%:8"), ("duplicate", "5%", "reorder", "5%:40"),
          ("loss", "5%", "duplicate", "5%", "reorder", "5%:100"), ("burst",), ("loss", "20%", "duplicate", "10%"))
TALK_S = FIRST_S + len(PHASES) * PHASE_S + LAST_S


class Side:
    """One end of a call: its phone, the appliance's leg towards it, and the keys between the two, if there are any."""

    def __init__(self, place, address, port, ssrc, first_seq, suite):
        self.place, self.phone, self.ssrc, self.first_seq = place, (address, port), ssrc, first_seq
        self.suite, self.leg, self.local = suite, None, None
        size = KEY_AND_SALT[suite] if suite else 0
        self.sends, self.hears = (base64.b64encode(os.urandom(size)).decode() for _ in range(2))

    def spec(self):
        srtp = {way: {"suite": self.suite, "key": key} for way, key in (("in", self.sends), ("out", self.hears))}
        return {"remote": to_text(self.phone), **({"srtp": srtp} if self.suite else {})}

    def plan(self):
        srtp = {"srtp": {"suite": self.suite, "key": self.sends}} if self.suite else {}
        return {"source": self.phone, "to": self.local, "ssrc": self.ssrc, "first_seq": self.first_seq, **srtp}


def first_seqs(call):
    """Three of four streams roll over, each somewhere else in the talk; so does one that RTP may move by 2^15."""
    at = round(PACE * (2 + (TALK_S - 4) * call / CALLS))
    return ((65536 - at, 1 + call), (65536 - at, 32768 - at), (32768 - at, 65536 - at), (65536 - at, 65000))[call % 4]


def place_calls(edge):
    box, sides = edge.box, []
    for call, (suite, sealed) in zip(range(CALLS), itertools.cycle(itertools.product(KEY_AND_SALT, SIDES))):
        family = FAMILIES[call // len(SIDES) % len(FAMILIES)]
        lan = getattr(box, f"phone{family[0]}")(10 + call % 10)
        wan = box.CENTRE4 if family[1] == "4" else box.CENTRE6
        ports, first_ssrc = (4000 + 2 * (call // 10), 30000 + 2 * call), 0x60000000 + 2 * call
        pair = [Side(place, address, port, first_ssrc + (place == "hq"), seq, suite if name in sealed else None)
                for name, place, address, port, seq in zip(("lan", "wan"), ("branch", "hq"), (lan, wan), ports,
                                                           first_seqs(call))]
        for side, leg in zip(pair, edge.add_call(f"call-{call}", *(side.spec() for side in pair))):
            side.leg, side.local = leg["leg"], host_port(leg["local"])
        sides.append(pair)
    return sides


def damage(box):
    time.sleep(FIRST_S)
    for faults in PHASES:
        words = faults if faults != ("burst",) else ("burst", str(LONG_BURST * CALLS))
        with lossy.damaged(box, *words):
            time.sleep(PHASE_S)


def datagrams(path):
    """UDP payloads, each with where it was to go, in the order of a capture."""
    found = (frame.ip() for frame in wire.frames(path))
    for ip in found:
        if ip and ip[0] == wire.UDP:
            yield (ip[2], int.from_bytes(ip[3][2:4], "big")), ip[3][8:]


def heard_right(packets, suite, key):
    """What a phone makes of what came to it: each packet once, in whatever order. Gives how many."""
    reader, ready, plain = sealing.Unsealed(suite, key) if suite else None, set(), []
    for packet in packets:
        if packet[:12] not in ready:  # a copy: to libsrtp a replay
            ready.add(packet[:12])
            plain.append(reader.rtp(packet) if reader else packet)
    wrong = [n for n, packet in enumerate(plain) if packet is None or packet[12:] != SPOKEN]
    assert not wrong, (len(wrong), wrong[:5], reader and reader.forged[:3])
    return len(plain)


def wrong_of(side, other, report, stream):
    """What does not agree, one text each: the stream that this side sent, told by its leg."""
    row, = report["streams"]
    if lossy.numbers_told(row) != lossy.numbers(stream) or row["lost_by_us"]:
        yield f"{side.suite} {stream}: told {row}"
    replays, copies = report["drops"].get("srtp_replayed", 0), row["duplicates"]
    if (replays, copies) != ((stream.duplicates, 0) if side.suite else (0, stream.duplicates)):
        yield f"{side.suite} {stream}: {replays} replays, {copies} copies are told"
    sent_before = other["drops"].get("srtp_sent_before", 0)
    if sent_before != (stream.duplicates if other.get("srtp") and not side.suite else 0):
        yield f"{stream}: {sent_before} indices were asked for again"


def test_each_suite_and_family_over_links_of_all_kinds(appliance):
    edge = appliance()
    calls = place_calls(edge)
    crowds = [Crowd(edge.box, place, [side.plan() for pair in calls for side in pair if side.place == place], TALK_S)
              for place in ("branch", "hq")]
    damage(edge.box)
    for crowd in crowds:
        crowd.wait()
    legs = {leg["leg"]: leg for call in edge.calls() for leg in call["legs"]}
    wires = edge.close()

    came, left = [], []
    for name, (_, point, _, media) in edge.ports.items():
        packets = truth.packets(wires / f"{point}.pcap")
        came += truth.towards(packets, *media.addresses)
        left += truth.coming_from(packets, *media.addresses)
    streams, wrong, sums = lossy.judged(came, left), [], collections.Counter()
    for pair in calls:
        for side, other in (pair, pair[::-1]):
            stream = streams[side.ssrc]
            wrong += wrong_of(side, legs[other.leg], legs[side.leg], stream)
            assert max(stream.loss_runs) >= 128, stream
            sums.update(packets=stream.packets, lost=stream.lost, copies=stream.duplicates, reordered=stream.reordered,
                        rolled_over=bool(side.suite) and stream.last_ext_seq > 0xFFFF)
    assert not wrong, (len(wrong), wrong[:5])

    arrived = collections.defaultdict(list)
    for point in ("phone0", "hq0"):
        for to, packet in datagrams(wires / f"{point}.pcap"):
            arrived[to].append(packet)
    for side in itertools.chain(*calls):
        sums.update(heard=heard_right(arrived[side.phone], side.suite, side.hears))
    print(f"{2 * CALLS} streams, {dict(sums)}")
    assert sums["rolled_over"] >= CALLS / 2
