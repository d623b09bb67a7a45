#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A DNS server for the centre's names, which fails as it is told: lab/dns starts it.

Names: centre.example (both servers), a.centre.example, b.centre.example (A, AAAA), and SRV records of equal priority
and weight at _sip._udp and _sip._tcp.centre.example. Answers stand in random order. The mode is the first word of the
mode file, read at each question: answer, fail (SERVFAIL), nxdomain, empty, silent.
"""
import argparse
import ipaddress
import random
import socket
import struct
import sys
import selectors

A, AAAA, SRV, IN = 1, 28, 33, 1
NOERROR, SERVFAIL, NXDOMAIN = 0, 2, 3
QUESTION_LIMIT = 512


def encode_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def decode_name(packet, at):
    labels = []
    while packet[at]:
        size = packet[at]
        if size > 63:
            raise ValueError("a question has no compressed name")
        labels.append(packet[at + 1:at + 1 + size].decode("ascii"))
        at += 1 + size
    return ".".join(labels).lower(), at + 1


class Zone:
    """The records: {(name, type): [data]}."""

    def __init__(self, domain, port, servers):
        self.records, self.domain = {}, domain
        for label, addresses in servers:
            host = f"{label}.{domain}"
            for address in map(ipaddress.ip_address, addresses):
                kind = A if address.version == 4 else AAAA
                for name in (host, domain):
                    self.records.setdefault((name, kind), []).append(address.packed)
            for service in ("_sip._udp", "_sip._tcp"):
                data = struct.pack(">HHH", 0, 0, port) + encode_name(host)
                self.records.setdefault((f"{service}.{domain}", SRV), []).append(data)
        self.names = {name for name, _ in self.records}

    def find(self, name, kind):
        """(response code, data of the records in random order)."""
        if name not in self.names:
            return NXDOMAIN, []
        found = list(self.records.get((name, kind), []))
        random.shuffle(found)
        return NOERROR, found


def answer(packet, zone, ttl_s, mode):
    """The answer to one question, or None for silence."""
    identity, flags, questions = struct.unpack(">HHH", packet[:6])
    if mode == "silent" or questions != 1 or flags & 0x8000:
        return None
    name, end = decode_name(packet, 12)
    kind, _ = struct.unpack(">HH", packet[end:end + 4])
    code, found = zone.find(name, kind)
    if mode != "answer":
        code, found = {"fail": SERVFAIL, "nxdomain": NXDOMAIN, "empty": NOERROR}[mode], []
    print(f"{name} {kind}: code {code}, {len(found)} records", flush=True)
    header = struct.pack(">HHHHHH", identity, 0x8400 | (flags & 0x0100) | code, 1, len(found), 0, 0)
    records = b"".join(b"\xc0\x0c" + struct.pack(">HHIH", kind, IN, ttl_s, len(data)) + data for data in found)
    return header + packet[12:end + 4] + records


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--listen", action="append", required=True, help="address, UDP port 53")
    parser.add_argument("--server", action="append", required=True, help="LABEL=ADDRESS,ADDRESS of the centre")
    parser.add_argument("--domain", required=True)
    parser.add_argument("--port", type=int, required=True, help="that SRV records name")
    parser.add_argument("--ttl", type=int, default=10)
    parser.add_argument("--mode-file", required=True)
    options = parser.parse_args()
    zone = Zone(options.domain, options.port,
                [(label, addresses.split(",")) for label, addresses in (s.split("=") for s in options.server)])
    selector = selectors.DefaultSelector()
    for address in options.listen:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_DGRAM)
        listener.bind((address, 53))
        selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            packet, peer = key.fileobj.recvfrom(QUESTION_LIMIT)
            with open(options.mode_file, encoding="ascii") as file:
                mode = file.read().split()[0]
            try:
                reply = answer(packet, zone, options.ttl, mode)
            except (ValueError, IndexError, struct.error) as error:
                print(f"no question from {peer[0]}: {error}", file=sys.stderr)
                continue
            if reply is not None:
                key.fileobj.sendto(reply, peer)


if __name__ == "__main__":
    main()
