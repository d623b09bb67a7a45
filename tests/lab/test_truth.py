# SPDX-License-Identifier: Apache-2.0
"""The judge is judged: captures made on purpose, and tshark's own stream statistics beside it."""
import re

import pytest
import truth
from scapy.all import Dot1Q, Ether, ICMP, IP, IPv6, Raw, UDP, wrpcap

SRC, DST = ("198.18.1.10", 4000), ("198.18.1.2", 20000)
SSRC = 0x11223344


def rtp(seq, ssrc=SSRC, src=SRC, dst=DST, tos=0, vlan=None, timestamp=None, payload_type=8):
    timestamp = seq * 160 if timestamp is None else timestamp
    body = bytes([0x80, payload_type]) + (seq & 0xFFFF).to_bytes(2, "big") + (timestamp % 2**32).to_bytes(4, "big") \
        + ssrc.to_bytes(4, "big") + bytes(160)
    network = IPv6(src=src[0], dst=dst[0], tc=tos) if ":" in src[0] else IP(src=src[0], dst=dst[0], tos=tos)
    link = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
    link = link / Dot1Q(vlan=vlan, prio=5) if vlan else link
    return link / network / UDP(sport=src[1], dport=dst[1]) / Raw(body)


def rtcp(src=(SRC[0], 4001), dst=(DST[0], 20001)):
    report = bytes.fromhex("80c80006") + SSRC.to_bytes(4, "big") + bytes(20)
    description = bytes.fromhex("81ca0002") + SSRC.to_bytes(4, "big") + bytes(4)
    return Ether() / IP(src=src[0], dst=dst[0]) / UDP(sport=src[1], dport=dst[1]) / Raw(report + description)


def write(path, frames, step_s=0.02, start_s=1000.0):
    for n, frame in enumerate(frames):
        frame.time = start_s + n * step_s
    wrpcap(str(path), frames)
    return path


def tshark_streams(pcap):
    """{ssrc: (packets, lost)} as tshark's own statistics have it."""
    table = truth.tshark(pcap, "-q", "-d", f"udp.port=={truth.MEDIA_PORTS},rtp", "-z", "rtp,streams")
    found = re.findall(r"0x([0-9A-Fa-f]{8})\s+\S+\s+(\d+)\s+(-?\d+) \(", table)
    return {int(ssrc, 16): (int(n), int(lost)) for ssrc, n, lost in found}


PATTERNS = [
    # name, sequence numbers in order, expected, lost, duplicates, reordered, loss runs
    ("nothing_lost", list(range(100)), 100, 0, 0, 0, {}),
    ("one_lost", [*range(50), *range(51, 100)], 100, 1, 0, 0, {1: 1}),
    ("burst_of_60", [*range(50), *range(110, 200)], 200, 60, 0, 0, {60: 1}),
    ("two_runs_of_3", [*range(10), *range(13, 20), *range(23, 30)], 30, 6, 0, 0, {3: 2}),
    ("rfc3550_A.1_wrap", [n & 0xFFFF for n in range(65500, 65600)], 100, 0, 0, 0, {}),
    ("rfc3550_A.1_loss_over_wrap", [n & 0xFFFF for n in range(65500, 65600) if not 65530 <= n < 65545],
     100, 15, 0, 0, {15: 1}),
    ("burst_of_5000", [*range(10), *range(5010, 5020)], 5020, 5000, 0, 0, {5000: 1}),
    ("duplicates", [0, 1, 1, 2, 2, 2, 3], 4, 0, 3, 0, {}),
    ("reordered_by_3", [0, 2, 3, 4, 1, 5], 6, 0, 0, 1, {}),
    ("first_two_swapped", [1, 0, 2, 3], 4, 0, 0, 1, {}),
    ("single_packet", [65535], 1, 0, 0, 0, {}),
]


@pytest.mark.parametrize("name,seqs,expected,lost,duplicates,reordered,runs", PATTERNS, ids=[p[0] for p in PATTERNS])
def test_pattern(tmp_path, name, seqs, expected, lost, duplicates, reordered, runs):
    pcap = write(tmp_path / f"{name}.pcap", [rtp(seq, timestamp=((seq - seqs[0]) & 0xFFFF) * 160) for seq in seqs])
    found = truth.streams(pcap)
    assert list(found) == [(SSRC, SRC, DST)]
    stream = found[SSRC, SRC, DST]
    assert stream.packets == len(seqs)
    assert (stream.expected, stream.lost, stream.duplicates, stream.reordered) == (expected, lost, duplicates,
                                                                                  reordered)
    assert stream.loss_runs == runs
    if not duplicates and not reordered:  # tshark takes a duplicate for the missing packet's stand-in
        assert tshark_streams(pcap) == {SSRC: (len(seqs), lost)}


def test_streams_are_told_apart_and_marks_are_read(tmp_path):
    v6 = ("2001:db8:1::10", 4000), ("2001:db8:1::2", 20002)
    frames = [f for n in range(10) for f in (
        rtp(n, tos=0xB9), rtp(n, ssrc=5, tos=0x02, vlan=100),
        rtp(n, src=v6[0], dst=v6[1], tos=0xB8 | 1), rtp(n, src=DST, dst=SRC))]
    found = truth.streams(write(tmp_path / "x.pcap", frames))
    assert set(found) == {(SSRC, SRC, DST), (5, SRC, DST), (SSRC, *v6), (SSRC, DST, SRC)}
    assert all(s.packets == 10 and s.lost == 0 for s in found.values())
    assert (found[SSRC, SRC, DST].dscp, found[SSRC, SRC, DST].ecn) == ({46: 10}, {1: 10})
    assert (found[5, SRC, DST].dscp, found[5, SRC, DST].ecn, found[5, SRC, DST].vlan) == ({0: 10}, {2: 10}, {100: 10})
    assert (found[SSRC, *v6].dscp, found[SSRC, *v6].ecn) == ({46: 10}, {1: 10})


def test_rtcp_is_counted_apart_even_on_the_rtp_port(tmp_path):
    frames = [rtp(n) for n in range(5)] + [rtcp(), rtcp(), rtcp(src=SRC, dst=DST)]
    pcap = write(tmp_path / "x.pcap", frames)
    assert truth.streams(pcap)[SSRC, SRC, DST].packets == 5
    assert truth.rtcp_counts(pcap) == {((SRC[0], 4001), (DST[0], 20001)): 2, (SRC, DST): 1}


def test_packets_quoted_in_icmp_errors_do_not_count(tmp_path):
    quoted = rtp(3)[IP]
    frames = [rtp(n) for n in range(5)] + [Ether() / IP(src=DST[0], dst=SRC[0]) / ICMP(type=3, code=3) / quoted]
    pcap = write(tmp_path / "x.pcap", frames)
    assert {k: s.packets for k, s in truth.streams(pcap).items()} == {(SSRC, SRC, DST): 5}
    assert truth.icmp_errors(pcap) == 1


def test_matched_names_what_is_missing_and_measures_delay(tmp_path):
    before = write(tmp_path / "a.pcap", [rtp(n) for n in range(100)])
    after = write(tmp_path / "b.pcap", [rtp(n, src=DST, dst=("198.18.1.11", 4000)) for n in range(100)],
                  start_s=1000.005)
    result = truth.matched(before, after)
    assert (result.entered, result.left, result.missing, result.unexplained) == (100, 100, [], [])
    assert result.delay_us(0.5) == pytest.approx(5000, abs=2)

    part = [p for p in truth.packets(after) if p.seq not in (7, 8)]
    result = truth.matched(truth.packets(before), part + [part[0]])
    assert [key[1] for key in result.missing] == [7, 8]
    assert [key[1] for key in result.unexplained] == [0]


def test_empty_and_broken_captures(tmp_path):
    empty = write(tmp_path / "empty.pcap", [Ether() / IP() / UDP(sport=1, dport=2)])
    assert truth.streams(empty) == {}
    assert truth.matched(empty, empty).delay_us(0.5) is None
    broken = tmp_path / "broken.pcap"
    broken.write_bytes(b"this is no capture")
    with pytest.raises(RuntimeError, match="tshark"):
        truth.streams(broken)
