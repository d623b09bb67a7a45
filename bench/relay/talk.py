# SPDX-License-Identifier: Apache-2.0
"""Speaks for many phones at once: talk.py SECONDS, and on standard input a JSON list of streams, each
[source address, source port, destination address, destination port, SSRC]. G.711, 20 ms a packet."""
import json
import socket
import struct
import sys
import time

PACKET_S = 0.02
TICKS = 160
PAYLOAD_TYPE = 8  # PCMA
SILENCE = bytes([0xD5]) * TICKS
EF = 46 << 2


def open_socket(source, port):
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    sender = socket.socket(family, socket.SOCK_DGRAM)
    sender.bind((source, port))
    if family == socket.AF_INET:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, EF)
    return sender


def main():
    seconds = float(sys.argv[1])
    streams = [(open_socket(source, port), (to, to_port), ssrc)
               for source, port, to, to_port, ssrc in json.load(sys.stdin)]
    start = time.monotonic()
    for n in range(int(seconds / PACKET_S)):
        for i, (sender, to, ssrc) in enumerate(streams):
            # Phones are not in step: the streams share the 20 ms evenly.
            wait = start + (n + i / len(streams)) * PACKET_S - time.monotonic()
            if wait > 0:
                time.sleep(wait)
            header = struct.pack(">BBHII", 0x80, PAYLOAD_TYPE, n & 0xFFFF, n * TICKS & 0xFFFFFFFF, ssrc)
            sender.sendto(header + SILENCE, to)


main()
