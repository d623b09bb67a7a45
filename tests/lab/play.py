#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends raw Ethernet frames out of an interface as asked: play.py INTERFACE, then lines "COUNT RATE HEX" on stdin.

Each line's frame goes out COUNT times at RATE a second; "sent" answers a line. An interface that refuses
a frame ends it."""
import socket
import sys
import time


def main(interface):
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((interface, 0))
        for line in sys.stdin:
            count, rate, frame = line.split()
            start, frame = time.monotonic(), bytes.fromhex(frame)
            for number in range(int(count)):
                if (wait := start + number / float(rate) - time.monotonic()) > 0:
                    time.sleep(wait)
                sender.send(frame)
            print("sent", flush=True)


main(sys.argv[1])
