# SPDX-License-Identifier: Apache-2.0
"""Replays rows of the accounting table into legs, and holds three things against each other for each stream: the
page's answer, what an independent count makes of the capture of the wire that the stream came in on, and the
dataplane's report. Whatever came in must leave on the other side, as it was."""
import collections
import struct
import subprocess
import time

import labelled
import patterns
import wire
from appliance import host_port, to_text
from conftest import PYTHON, ROOT

REPLAY = ROOT / "tests" / "lab" / "replay.py"
SAMPLES_PER_MS = 8
# Of a packet on its way from the table's hands to the dataplane's clock: more, and a pace may have been changed.
ON_TIME_MS = 2.5
ROUNDS = 3          # of those streams that a crowded machine delayed
QUIET_MS = 20       # jitter below this is of the machine; what the rows are about would be more than twice that
FAMILIES = [("4", "4"), ("6", "6"), ("4", "6"), ("6", "4")]  # the phone's, the far end's
SETTLE_S = 0.2      # what is on its way through appliance and captures
STAGGER_MS = 0.73


class Talk:
    """One row on a leg of its own."""

    def __init__(self, edge, row, family, place):
        self.row, self.family, self.ssrcs = row, family, [0x50000000 + 16 * place + n for n in range(16)]
        box, number, port = edge.box, place % 10, 2 * (place // 10)
        self.phone = (getattr(box, f"phone{family[0]}")(10 + number), 4000 + port)
        far = (box.CENTRE4 if family[1] == "4" else box.CENTRE6, 30000 + 2 * place)
        self.call = f"{row.name}-{place}"
        legs = edge.add_call(self.call, {"remote": to_text(self.phone)}, {"remote": to_text(far)})
        self.leg, self.local = legs[0]["leg"], host_port(legs[0]["local"])
        self.name = f"{row.name}, IPv{family[0]} to IPv{family[1]}"
        # So that streams are not in step: each begins somewhere within the time of one packet.
        self.offset_ms = place * STAGGER_MS % max(STAGGER_MS, row.packets[1].at_ms - row.packets[0].at_ms)

    def frames(self, box):
        """[(time in ms, frame)]"""
        size = max(2 * labelled.LABEL.size, 80)
        for packet in self.row.packets:
            datagram = labelled.payload(packet, self.ssrcs[packet.stream], size)
            yield packet.at_ms + self.offset_ms, frame(box, self.phone, self.local, datagram)


def frame(box, source, to, payload):
    """Ethernet, IP and UDP by hand: a test's own frame."""
    udp = struct.pack(">HHHH", source[1], to[1], 8 + len(payload), 0) + payload
    ends = wire.address_bytes(source[0]) + wire.address_bytes(to[0])
    total = wire.checksum(ends + struct.pack(">HH", wire.UDP, len(udp)) + udp)
    udp = udp[:6] + struct.pack(">H", total or 0xFFFF) + udp[8:]
    macs = bytes.fromhex((box.EDGE_LAN_MAC + box.PHONE_MAC).replace(":", ""))
    if ":" in source[0]:
        return macs + b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(udp), wire.UDP, 64) + ends + udp
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0x4000, 64, wire.UDP, 0) + ends
    return macs + b"\x08\0" + header[:10] + struct.pack(">H", wire.checksum(header)) + header[12:] + udp


def write_capture(path, timed):
    """A pcap with nanoseconds."""
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1))
        for at_ms, data in sorted(timed, key=lambda pair: pair[0]):
            at_ns = round(at_ms * 1e6)
            file.write(struct.pack("<IIII", at_ns // 10**9, at_ns % 10**9, len(data), len(data)) + data)
    return path


def play(edge, talks, path):
    write_capture(path, [each for talk in talks for each in talk.frames(edge.box)])
    player = edge.box.popen("access", PYTHON, REPLAY, "edge-lan", path, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            text=True)
    assert player.stdout.readline() == "ready\n"
    last_ms = max(talk.row.packets[-1].at_ms for talk in talks)
    late_ms, _ = player.communicate("go\n", timeout=last_ms / 1000 + 30)
    assert player.returncode == 0
    return float(late_ms)


def answers_of(reports):
    """{ssrc: (Answer, row)} of the dataplane's stream reports."""
    found = {}
    for s in reports:
        assert s["expected"] == s["received"] + s["lost"] + s["lost_by_us"]
        runs = tuple(sorted((int(length), how_many) for length, how_many in s["loss_runs"].items()))
        found[int(s["ssrc"], 16)] = (patterns.Answer(s["expected"], s["lost"], s["duplicates"], s["reordered"],
                                                     s["strays"], s["restarts"], runs), s)
    return found


class Judge:
    """Holds the reports against the page and the capture."""

    def __init__(self, edge):
        self.reports = {leg["leg"]: leg["streams"] for call in edge.calls() for leg in call["legs"]}
        # The captures are written frame by frame: they are read while they go on.
        self.came, self.went = self.read(edge, "edge-lan"), self.read(edge, "edge-wan")

    @staticmethod
    def read(edge, point):
        own = {edge.box.EDGE_LAN_MAC, edge.box.EDGE_WAN_MAC}
        frames = labelled.read(wire.frames(edge.directory / f"{point}.pcap"))
        return labelled.by_stream(seen for source, seen in frames if (source in own) == (point == "edge-wan"))

    def wrong(self, talk):
        """What does not agree, one text each."""
        told = answers_of(self.reports[talk.leg])
        if len(told) != len(talk.row.answers):
            yield f"{talk.name}: {len(told)} streams are told"
            return
        for ssrc, wanted in zip(talk.ssrcs, talk.row.answers):
            answer, report = told[ssrc]
            captured = labelled.count(self.came[ssrc])
            if answer != captured or wanted not in (None, answer):
                yield f"{talk.name}: told {answer}, captured {captured}, wanted {wanted}"
            if talk.row.quiet and report["jitter_max"] >= QUIET_MS * SAMPLES_PER_MS:
                yield f"{talk.name}: jitter_max {report['jitter_max']}"
            if collections.Counter(s.identity for s in self.came[ssrc]) != \
                    collections.Counter(s.identity for s in self.went[ssrc]):
                yield f"{talk.name}: what left is not what came"

    def total_came(self):
        return sum(map(len, self.came.values()))

    def busiest_second(self):
        """Packets that came in it."""
        return max(collections.Counter(s.time_ns // 10**9 for seen in self.came.values() for s in seen).values())

    def total_told(self):
        """Packets that the streams account for, copies and strays included."""
        return sum(s["received"] + s["duplicates"] + s["strays"] for leg in self.reports.values() for s in leg)

    def delay_ms(self, talk):
        """The longest time that one of its packets needed to pass the appliance."""
        longest = 0
        for ssrc in talk.ssrcs[:len(talk.row.answers)]:
            left = collections.defaultdict(collections.deque)
            for seen in self.went[ssrc]:
                left[seen.identity].append(seen.time_ns)
            for seen in self.came[ssrc]:
                if left[seen.identity]:
                    longest = max(longest, left[seen.identity].popleft() - seen.time_ns)
        return longest / 1e6


def hold(edge, plan, path):
    """Plays rows ([(row, family)]) until each was seen on time, and gives what was wrong then."""
    place, wrong = 0, []
    for _ in range(ROUNDS):
        talks = [Talk(edge, row, family, place + n) for n, (row, family) in enumerate(plan)]
        place += len(talks)
        late_ms = play(edge, talks, path)
        time.sleep(SETTLE_S)
        judge, plan, wrong = Judge(edge), [], []
        for talk in talks:
            if found := list(judge.wrong(talk)):
                wrong += found
                if late_ms + judge.delay_ms(talk) > ON_TIME_MS:
                    plan.append((talk.row, talk.family))
        if not plan:
            break
    return wrong
