#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A crowd of phones in one process, each sending G.711 every 20 ms from where it listens; the plan is a line on stdin:

{"seconds": N, "linger_s": N, "phones": [{"source": [ADDRESS, PORT], "to": [ADDRESS, PORT], "ssrc": N,
  "first_seq": N, "tos": BYTE, "rtcp_to": [ADDRESS, PORT], "listens": BOOL, "xr": BOOL, "mux": BOOL,
  "srtp": {"suite": NAME, "key": BASE64}}, ...]}

Says "ready" once every port is bound. SIGTERM ends the talk early, after a whole round. RTCP sender reports go out once
a second where rtcp_to stands. What arrives is left in the sockets: the captures are the judge. A phone that listens
takes it, and its sender reports have a block on the stream that it hears (RFC 3550 section 6.4.1, A.3); one with XR
adds VoIP metrics of it (RFC 3611 section 4.7), its loss and the rest made up. One with mux has RTCP on its RTP port.
One with srtp protects what it sends, by libsrtp; it cannot listen. Lines after the plan, {"ssrc": N, "srtp": {...}},
give it another key, in a new session of libsrtp, whose ROC begins at 0.
"""
import json
import os
import signal
import socket
import struct
import sys
import time

import sealing

INTERVAL_S = 0.02
SAMPLES = 160
PACKETS_PER_REPORT = 50
PAYLOAD = bytes(range(160))


class Heard:
    """The one stream that a phone listens to."""

    def __init__(self):
        self.ssrc, self.seqs, self.highest, self.told = None, set(), None, (0, 0)
        self.last_sr = None  # (middle of its NTP time, when it came)

    def rtp(self, packet):
        _, _, seq, _, ssrc = struct.unpack(">BBHII", packet[:12])
        if self.ssrc is None:
            self.ssrc, self.highest = ssrc, seq
        if ssrc == self.ssrc:
            number = self.highest + (seq - self.highest + 0x8000) % 0x10000 - 0x8000
            self.highest = max(self.highest, number)
            self.seqs.add(number)

    def rtcp(self, packet):
        if packet[1] == 200:
            seconds, fraction = struct.unpack(">II", packet[8:16])
            self.last_sr = ((seconds & 0xFFFF) << 16 | fraction >> 16, time.monotonic())

    def block(self):
        if not self.seqs:
            return b""
        expected, received = self.highest - min(self.seqs) + 1, len(self.seqs)
        lost = expected - received
        (expected_before, lost_before), self.told = self.told, (expected, lost)
        fraction = 256 * max(0, lost - lost_before) // max(1, expected - expected_before)
        lsr, dlsr = (0, 0) if self.last_sr is None else \
            (self.last_sr[0], int((time.monotonic() - self.last_sr[1]) * 65536))
        return struct.pack(">IIIIII", self.ssrc, min(fraction, 255) << 24 | lost & 0xFFFFFF, self.highest, 0, lsr, dlsr)


    def extended(self, sender):
        """An XR with VoIP metrics: a tenth lost, bursts of 300 ms, R 81, MOS 4.1 and 4.0, a buffer of 60 ms."""
        if not self.seqs:
            return b""
        return struct.pack(">BBHIBBHIBBBBHHHHBBBBBBBBBBHHH", 0x80, 207, 10, sender, 7, 0, 8, self.ssrc, 26, 3, 128, 2,
                           300, 20000, 42, 120, 0, 0, 0, 16, 81, 127, 41, 40, 0, 0, 60, 120, 240)


class Phone:
    def __init__(self, plan):
        self.plan = plan
        self.to = tuple(plan["to"])
        self.rtcp_to = tuple(plan["rtcp_to"]) if plan.get("rtcp_to") else None
        address, port = plan["source"]
        self.rtp = self._bound(address, port)
        self.rtcp = self.rtp if plan.get("mux") else self._bound(address, port + 1)
        self.heard = Heard() if plan.get("listens") else None
        self.sealed = None
        self.seal(plan.get("srtp"))

    def seal(self, srtp):
        """Under that key from now on."""
        self.sealed = srtp and sealing.sends(srtp["suite"], srtp["key"], self.plan["ssrc"])

    def _bound(self, address, port):
        six = ":" in address
        bound = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
        tos = self.plan.get("tos", 0)
        if six:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
        else:
            bound.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
        bound.bind((address, port))
        return bound

    def listen(self):
        for waiting in {self.rtp, self.rtcp}:
            try:
                while True:
                    packet = waiting.recv(2048, socket.MSG_DONTWAIT)
                    (self.heard.rtcp if 192 <= packet[1] <= 223 else self.heard.rtp)(packet)
            except BlockingIOError:
                pass

    def speak(self, number):
        if self.heard:
            self.listen()
        seq = (self.plan.get("first_seq", 0) + number) & 0xFFFF
        ssrc = self.plan["ssrc"]
        stamp = number * SAMPLES & 0xFFFFFFFF
        packet = struct.pack(">BBHII", 0x80, 8, seq, stamp, ssrc) + PAYLOAD
        self.rtp.sendto(self.sealed.protect(packet) if self.sealed else packet, self.to)
        if self.rtcp_to and number % PACKETS_PER_REPORT == 0:
            report = self._report(number + 1, stamp)
            self.rtcp.sendto(self.sealed.protect_rtcp(report) if self.sealed else report, self.rtcp_to)

    def _report(self, sent, stamp):
        """SR and SDES with a CNAME (RFC 3550 section 6.1)."""
        ssrc = self.plan["ssrc"]
        now = time.time() + 2_208_988_800  # NTP counts from 1900
        block = self.heard.block() if self.heard else b""
        sender = struct.pack(">BBHIIIIII", 0x80 | len(block) // 24, 200, 6 + len(block) // 4, ssrc, int(now),
                             int(now % 1 * 2**32), stamp, sent, sent * 160)
        block += self.heard.extended(ssrc) if self.plan.get("xr") else b""
        return sender + block + struct.pack(">BBHIBB6s", 0x81, 202, 3, ssrc, 1, 5, b"phone\0")


class Keys:
    """New keys, as they come on stdin while the phones speak."""

    def __init__(self, crowd):
        self.crowd, self.rest = {phone.plan["ssrc"]: phone for phone in crowd}, b""
        os.set_blocking(0, False)

    def take(self):
        try:
            self.rest += os.read(0, 65536)
        except BlockingIOError:
            return
        *lines, self.rest = self.rest.split(b"\n")
        for told in map(json.loads, lines):
            self.crowd[told["ssrc"]].seal(told["srtp"])


def main():
    plan = json.loads(sys.stdin.buffer.readline())
    crowd = [Phone(phone) for phone in plan["phones"]]
    keys = Keys(crowd)
    told_to_end = []
    signal.signal(signal.SIGTERM, lambda *_: told_to_end.append(True))
    print("ready", flush=True)
    start = time.monotonic() + 0.05
    for number in range(int(plan["seconds"] / INTERVAL_S)):
        if told_to_end:
            break
        for place, phone in enumerate(crowd):
            due = start + INTERVAL_S * (number + place / len(crowd))
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            keys.take()
            phone.speak(number)
    time.sleep(plan.get("linger_s", 0.5))


main()
