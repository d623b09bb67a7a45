#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Both ends of TCP tests: tcp_peer.py serve PORT | ask ADDRESS PORT TIMES INTERVAL_S | send ADDRESS PORT BYTES

serve says "ready" and lives until it is killed. ask has a word echoed TIMES on one connection; send moves BYTES and
waits for the other side to confirm them. Both end with 0 only if all of it arrived."""
import socket
import sys
import threading
import time

PATIENCE_S = 1
TRANSFER_PATIENCE_S = 60
CHUNK = bytes(1 << 16)
WORD = b"word"


def answer(peer):
    """The first byte tells what is wanted: e echoes, c counts until the sender has finished."""
    with peer:
        wanted, counted = peer.recv(1), 0
        while data := peer.recv(len(CHUNK)):
            counted += len(data)
            if wanted == b"e":
                peer.sendall(data)
        if wanted == b"c":
            peer.sendall(str(counted).encode())


def serve(port):
    with socket.create_server(("::", int(port)), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        print("ready", flush=True)
        while True:
            threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()


def ask(address, port, times, interval_s):
    with socket.create_connection((address, int(port)), timeout=PATIENCE_S) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.sendall(b"e")
        for _ in range(int(times)):
            peer.sendall(WORD)
            if peer.recv(len(WORD), socket.MSG_WAITALL) != WORD:
                return 1
            time.sleep(float(interval_s))
    return 0


def send(address, port, size):
    with socket.create_connection((address, int(port)), timeout=TRANSFER_PATIENCE_S) as peer:
        peer.sendall(b"c")
        left = int(size)
        while left > 0:
            peer.sendall(CHUNK[:left])
            left -= min(left, len(CHUNK))
        peer.shutdown(socket.SHUT_WR)
        return 0 if peer.recv(100) == size.encode() else 1


try:
    sys.exit({"serve": serve, "ask": ask, "send": send}[sys.argv[1]](*sys.argv[2:]))
except OSError as error:
    sys.exit(f"tcp_peer: {error}")
