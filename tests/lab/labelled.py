# SPDX-License-Identifier: Apache-2.0
"""What a capture says of packets that bear what they are: an independent count, with nothing to decide.

It shares nothing with the product, and no code with what decides about real streams: truth.py does that by tshark. Here
the label in the payload tells which packets are copies, strays, or of which run of their sender.
"""
import collections
import dataclasses
import struct

from patterns import STRAY, Answer

LABEL = struct.Struct(">4siI")
RTP = struct.Struct(">BBHII")
MAGIC = b"LBLD"
RTP_VERSION = 0x80
LEAST_OF_IP4, IP6, UDP = 20, 40, 8


def payload(packet, ssrc, size, payload_type=8):
    """The RTP packet of a patterns.Packet."""
    label = LABEL.pack(MAGIC, packet.run, packet.number)
    return RTP.pack(RTP_VERSION, payload_type, packet.seq, packet.stamp, ssrc) + label.ljust(size, b"\0")


@dataclasses.dataclass(frozen=True)
class Seen:
    time_ns: int
    ssrc: int
    seq: int
    stamp: int
    run: int
    number: int

    @property
    def identity(self):
        return self.ssrc, self.seq, self.stamp, self.run, self.number


def read(frames):
    """(MAC of who sent it, Seen) of each labelled packet among wire.Frames."""
    for frame in frames:
        data = frame.data
        at = 14 + (IP6 if data[12:14] == b"\x86\xdd" else (data[14] & 15) * 4 if data[12:14] == b"\x08\0" else 1500) \
            + UDP
        if data[at + RTP.size:at + RTP.size + len(MAGIC)] != MAGIC:
            continue
        _, _, seq, stamp, ssrc = RTP.unpack_from(data, at)
        _, run, number = LABEL.unpack_from(data, at + RTP.size)
        yield frame.source, Seen(frame.time_ns, ssrc, seq, stamp, run, number)


def by_stream(found):
    streams = collections.defaultdict(list)
    for seen in found:
        streams[seen.ssrc].append(seen)
    return streams


def count(found):
    """The Answer for one stream's packets, in the order in which they were seen."""
    runs, highest, duplicates, reordered, strays = {}, {}, 0, 0, 0
    for seen in found:
        if seen.run == STRAY:
            strays += 1
            continue
        numbers = runs.setdefault(seen.run, set())
        if seen.number in numbers:
            duplicates += 1
        elif seen.number < highest.get(seen.run, seen.number):
            reordered += 1
        numbers.add(seen.number)
        highest[seen.run] = max(seen.number, highest.get(seen.run, seen.number))
    ordered = [sorted(numbers) for numbers in runs.values()]
    gaps = collections.Counter(b - a - 1 for numbers in ordered for a, b in zip(numbers, numbers[1:]) if b - a > 1)
    expected = sum(numbers[-1] - numbers[0] + 1 for numbers in ordered)
    lost = expected - sum(map(len, ordered))
    return Answer(expected, lost, duplicates, reordered, strays, len(runs) - 1, tuple(sorted(gaps.items())))
