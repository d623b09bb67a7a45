#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sends the frames of a capture out of an interface, each at its own time after the first: replay.py INTERFACE FILE

In real time where the kernel allows it, as the lab's links run. Says "ready" when it has read the file, begins with a
line on stdin, and closes with the longest time that a frame was late, in milliseconds."""
import contextlib
import os
import socket
import sys
import time

import wire


def real_time():
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        with contextlib.suppress(OSError):
            os.nice(-10)


def main(interface, path):
    frames = [(frame.time_ns, frame.data) for frame in wire.frames(path)]
    first_ns = frames[0][0]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.bind((interface, 0))
        print("ready", flush=True)
        sys.stdin.readline()
        real_time()
        start_ns, latest_ns = time.monotonic_ns(), 0
        for time_ns, data in frames:
            due_ns = start_ns + time_ns - first_ns
            while (wait_ns := due_ns - time.monotonic_ns()) > 0:
                time.sleep(wait_ns / 1e9)
            latest_ns = max(latest_ns, -wait_ns)
            sender.send(data)
    print(latest_ns / 1e6)


main(*sys.argv[1:])
