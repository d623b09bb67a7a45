#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Has a queue of a network interface by AF_XDP until its input ends: queue_holder.py INTERFACE QUEUE. Says "ready"."""
import ctypes
import mmap
import socket
import struct
import sys

AF_XDP, SOL_XDP = 44, 283
RX_RING, UMEM_REG, UMEM_FILL_RING, UMEM_COMPLETION_RING = 2, 4, 5, 6
COPY = 1 << 1
FRAME, FRAMES = 4096, 64


def main():
    interface, queue = sys.argv[1], int(sys.argv[2])
    memory = mmap.mmap(-1, FRAME * FRAMES)
    end = socket.socket(AF_XDP, socket.SOCK_RAW)
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    end.setsockopt(SOL_XDP, UMEM_REG, struct.pack("QQIII4x", address, FRAME * FRAMES, FRAME, 0, 0))
    for ring in (UMEM_FILL_RING, UMEM_COMPLETION_RING, RX_RING):
        end.setsockopt(SOL_XDP, ring, struct.pack("i", FRAMES))
    where = struct.pack("HHIII", AF_XDP, COPY, socket.if_nametoindex(interface), queue, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.bind(end.fileno(), where, len(where)) != 0:
        raise OSError(ctypes.get_errno(), f"bind to {interface}")
    print("ready", flush=True)
    sys.stdin.read()


main()
