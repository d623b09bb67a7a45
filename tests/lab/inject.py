#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends raw Ethernet frames out of an interface at a steady pace: inject.py INTERFACE COUNT RATE HEX

COUNT frames at RATE a second; closes with what it sent and how long that took."""
import socket
import sys
import time

TICK_S = 0.0005


def main(argv):
    interface, count, rate, frame = argv[1], int(argv[2]), float(argv[3]), bytes.fromhex(argv[4])
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((interface, 0))
        start, sent = time.monotonic(), 0
        while sent < count:
            due = min(count, int((time.monotonic() - start) * rate) + 1)
            for _ in range(sent, due):
                sender.send(frame)
            sent = due
            time.sleep(TICK_S)
        print(sent, time.monotonic() - start)


main(sys.argv)
