#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The independent judge of the lab tests: what a capture says about its RTP, as tshark reads it.

It knows nothing of the product: no code, file or counter of it. Usable by itself: truth.py FILE.pcap [--json]

What is counted, for each (ssrc, src, dst): expected is highest - lowest + 1 of the extended sequence numbers that the
capture shows, lost is expected less the distinct ones seen. Each number is extended by the nearest way round from the
highest so far (RFC 3550 A.1 without its restart rule), so losses of up to 32,767 in a row are told from reordering; a
sender that starts again at another number within one SSRC is not what this judge is for.
"""
import argparse
import collections
import dataclasses
import ipaddress
import json
import subprocess
import sys

MEDIA_PORTS = "20000-29999"
TSHARK_TIMEOUT_S = 180

FIELDS = (
    "frame.time_epoch", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport",
    "rtp.ssrc", "rtp.seq", "rtp.timestamp", "rtp.marker", "rtp.p_type", "rtcp.pt",
    "ip.dsfield.dscp", "ip.dsfield.ecn", "ipv6.tclass.dscp", "ipv6.tclass.ecn", "vlan.id", "vlan.priority",
    "icmp.type", "icmpv6.type",
)


@dataclasses.dataclass(frozen=True)
class Packet:
    """One RTP or RTCP packet as captured. src and dst are (address, port)."""
    time_ns: int
    src: tuple
    dst: tuple
    dscp: int
    ecn: int
    vlan: int | None
    pcp: int | None
    rtcp: bool
    ssrc: int | None = None
    seq: int | None = None
    timestamp: int | None = None
    payload_type: int | None = None


@dataclasses.dataclass
class Stream:
    """What one capture shows of one stream. loss_runs is {run length: how many}."""
    ssrc: int
    src: tuple
    dst: tuple
    packets: int = 0
    unique: int = 0
    expected: int = 0
    lost: int = 0
    duplicates: int = 0
    reordered: int = 0
    first_seq: int = 0
    last_ext_seq: int = 0
    loss_runs: dict = dataclasses.field(default_factory=dict)
    dscp: dict = dataclasses.field(default_factory=dict)
    ecn: dict = dataclasses.field(default_factory=dict)
    vlan: dict = dataclasses.field(default_factory=dict)
    payload_types: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Matched:
    """Which packets of one place were seen at a later one. Keys are (ssrc, seq, timestamp)."""
    entered: int
    left: int
    missing: list
    unexplained: list  # left but never entered
    delays_ns: list

    def delay_us(self, quantile):
        """Added delay at a quantile (0..1) in microseconds, None when nothing matched."""
        if not self.delays_ns:
            return None
        ordered = sorted(self.delays_ns)
        return ordered[min(len(ordered) - 1, int(quantile * len(ordered)))] / 1000

    def summary(self):
        return {"entered": self.entered, "left": self.left, "missing": len(self.missing),
                "unexplained": len(self.unexplained), "p50_us": self.delay_us(0.5),
                "p99_us": self.delay_us(0.99), "p999_us": self.delay_us(0.999)}


def tshark(pcap, *arguments):
    """Runs tshark on a file; raises with its own words when it fails, and when it takes too long."""
    command = ["tshark", "-n", "-r", str(pcap), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TSHARK_TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"tshark {pcap}: {done.stderr.strip() or done.returncode}")
    return done.stdout


def _ns(epoch):
    seconds, _, fraction = epoch.partition(".")
    return int(seconds) * 1_000_000_000 + int((fraction + "000000000")[:9])


def _number(text):
    return int(text, 0) if text else None


def _address(text, port):
    return (str(ipaddress.ip_address(text)), int(port))


def _flag(text):
    return 1 if text in ("1", "True") else 0


def _packet(row):
    version = "ip" if row["ip.src"] else "ipv6"
    differentiated = "ip.dsfield" if version == "ip" else "ipv6.tclass"
    common = {
        "time_ns": _ns(row["frame.time_epoch"]),
        "src": _address(row[f"{version}.src"], row["udp.srcport"]),
        "dst": _address(row[f"{version}.dst"], row["udp.dstport"]),
        "dscp": int(row[f"{differentiated}.dscp"]),
        "ecn": int(row[f"{differentiated}.ecn"]),
        "vlan": _number(row["vlan.id"]),
        "pcp": _number(row["vlan.priority"]),
    }
    if row["rtcp.pt"]:
        return Packet(rtcp=True, **common)
    if not row["rtp.ssrc"] or not row["rtp.seq"]:
        return None
    payload_type = int(row["rtp.p_type"])
    if _flag(row["rtp.marker"]) and 64 <= payload_type <= 95:  # RFC 5761 section 4: RTCP 192-223
        return Packet(rtcp=True, **common)
    return Packet(rtcp=False, ssrc=int(row["rtp.ssrc"], 16), seq=int(row["rtp.seq"]),
                  timestamp=int(row["rtp.timestamp"]), payload_type=payload_type, **common)


def rows(pcap, display_filter):
    """Every frame that the filter lets through, as {field: first value}."""
    arguments = ["-d", f"udp.port=={MEDIA_PORTS},rtp", "-Y", display_filter, "-T", "fields", "-E", "separator=/t",
                 "-E", "occurrence=f"]
    for field in FIELDS:
        arguments += ["-e", field]
    for line in tshark(pcap, *arguments).splitlines():
        yield dict(zip(FIELDS, line.split("\t")))


def frames_of(pcap, mac, since_ns=0):
    """{hash of its bytes: how often}: the frames that one interface sent, whatever is in them, from a time on."""
    lines = tshark(pcap, "-o", "frame.generate_md5_hash:TRUE", "-Y", f"eth.src == {mac}", "-T", "fields",
                   "-e", "frame.time_epoch", "-e", "frame.md5_hash").splitlines()
    pairs = (line.split("\t") for line in lines)
    return collections.Counter(digest for epoch, digest in pairs if _ns(epoch) >= since_ns)


def packets(pcap):
    """All RTP and RTCP packets of a capture, in its order. ICMP errors, which quote packets, are left out."""
    found = (_packet(row) for row in rows(pcap, "(rtp or rtcp) and !icmp and !icmpv6"))
    return [p for p in found if p is not None]


def icmp_errors(pcap):
    """ICMP and ICMPv6 destination unreachable messages: how many frames of the capture are such."""
    return sum(1 for _ in rows(pcap, "icmp.type == 3 or icmpv6.type == 1"))


def towards(packet_list, *hosts):
    """Those packets whose destination is one of the addresses."""
    return [p for p in packet_list if p.dst[0] in hosts]


def coming_from(packet_list, *hosts):
    """Those packets whose source is one of the addresses."""
    return [p for p in packet_list if p.src[0] in hosts]


def _extend(seqs):
    """16-bit numbers in the order seen, made continuous by the nearest way from the highest so far."""
    highest = None
    for seq in seqs:
        if highest is None:
            highest = seq
            yield seq
            continue
        step = (seq - highest + 0x8000) % 0x10000 - 0x8000
        yield highest + step
        highest = max(highest, highest + step)


def _judge(key, members):
    stream = Stream(*key, packets=len(members), first_seq=members[0].seq)
    seen, highest = set(), None
    for number in _extend(p.seq for p in members):
        if number not in seen and highest is not None and number < highest:
            stream.reordered += 1
        seen.add(number)
        highest = number if highest is None else max(highest, number)
    ordered = sorted(seen)
    stream.unique = len(ordered)
    stream.last_ext_seq = ordered[-1]
    stream.expected = ordered[-1] - ordered[0] + 1
    stream.lost = stream.expected - stream.unique
    stream.duplicates = stream.packets - stream.unique
    gaps = (b - a - 1 for a, b in zip(ordered, ordered[1:]))
    stream.loss_runs = dict(sorted(collections.Counter(g for g in gaps if g > 0).items()))
    for name, value in (("dscp", "dscp"), ("ecn", "ecn"), ("vlan", "vlan"), ("payload_types", "payload_type")):
        setattr(stream, name, dict(collections.Counter(getattr(p, value) for p in members)))
    return stream


def streams(source):
    """{(ssrc, src, dst): Stream} of a capture, given as a path or as what packets() returned."""
    members = collections.defaultdict(list)
    for packet in source if isinstance(source, list) else packets(source):
        if not packet.rtcp:
            members[packet.ssrc, packet.src, packet.dst].append(packet)
    return {key: _judge(key, found) for key, found in members.items()}


def rtcp_counts(source):
    """{(src, dst): RTCP packets}."""
    found = source if isinstance(source, list) else packets(source)
    return dict(collections.Counter((p.src, p.dst) for p in found if p.rtcp))


def matched(before, after):
    """Compares the RTP of two captures made with the same clock: paths, or lists from packets(), which a caller
    narrows with towards() and coming_from() when a capture holds both directions. Copies of one packet are matched in
    their order."""
    before = before if isinstance(before, list) else packets(before)
    after = after if isinstance(after, list) else packets(after)
    waiting = collections.defaultdict(collections.deque)
    entered = left = 0
    for packet in before:
        if not packet.rtcp:
            entered += 1
            waiting[packet.ssrc, packet.seq, packet.timestamp].append(packet.time_ns)
    unexplained, delays = [], []
    for packet in after:
        if packet.rtcp:
            continue
        left += 1
        key = (packet.ssrc, packet.seq, packet.timestamp)
        if waiting[key]:
            delays.append(packet.time_ns - waiting[key].popleft())
        else:
            unexplained.append(key)
    missing = [key for key, times in waiting.items() for _ in times]
    return Matched(entered, left, missing, unexplained, delays)


def main():
    parser = argparse.ArgumentParser(description="What a capture says about its RTP streams.")
    parser.add_argument("pcap")
    parser.add_argument("--json", action="store_true", help="one object a stream")
    arguments = parser.parse_args()
    try:
        found = streams(arguments.pcap)
    except (OSError, RuntimeError, subprocess.TimeoutExpired) as error:
        print(f"truth: {error}", file=sys.stderr)
        return 1
    for stream in found.values():
        if arguments.json:
            print(json.dumps(dataclasses.asdict(stream)))
        else:
            print(f"{stream.ssrc:08x} {stream.src[0]}:{stream.src[1]} -> {stream.dst[0]}:{stream.dst[1]} "
                  f"packets {stream.packets} expected {stream.expected} lost {stream.lost} "
                  f"duplicates {stream.duplicates} reordered {stream.reordered} runs {stream.loss_runs} "
                  f"dscp {stream.dscp} ecn {stream.ecn} vlan {stream.vlan}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
