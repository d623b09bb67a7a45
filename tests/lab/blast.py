#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends numbered RTP packets at a steady pace: blast.py SOURCE PORT TO PORT COUNT INTERVAL_US SSRC FIRST_SEQ"""
import socket
import struct
import sys
import time

PAYLOAD = bytes(160)


def main(argv):
    source, source_port, to, to_port, count, interval_us, ssrc, first_seq = argv[1:]
    family = socket.AF_INET6 if ":" in source else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.bind((source, int(source_port)))
        start = time.monotonic()
        for n in range(int(count)):
            due = start + n * int(interval_us) / 1e6
            while (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            seq = (int(first_seq) + n) & 0xFFFF
            header = struct.pack(">BBHII", 0x80, 8, seq, n * 160 & 0xFFFFFFFF, int(ssrc))
            # Not connected: an ICMP error that a refused packet draws must not stop the rest.
            sender.sendto(header + PAYLOAD, (to, int(to_port)))


main(sys.argv)
