# SPDX-License-Identifier: Apache-2.0
"""Frames of a capture, read as bytes: what the books of a port are held against, malformed frames included.

tshark judges streams (truth.py); for counting frames that break the rules of their protocols, bytes are the better
witness. This reader knows the appliance's address and port range, and nothing else of it.
"""
import dataclasses
import ipaddress
import struct

MAGICS = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}  # of a capture with microseconds, nanoseconds
UDP, ICMP, ICMP6, FRAGMENT = 17, 1, 58, 44


@dataclasses.dataclass(frozen=True)
class Frame:
    """data is what was kept of it, size what it had on the wire."""
    time_ns: int
    data: bytes
    size: int

    @property
    def source(self):
        return self.data[6:12].hex(":")

    @property
    def vlan(self):
        """The tag's id, None without a tag."""
        return int.from_bytes(self.data[14:16], "big") & 0xFFF if self.data[12:14] == b"\x81\x00" else None

    @property
    def packet(self):
        """(EtherType, what follows) behind a tag, if there is one."""
        at = 12 if self.vlan is None else 16
        return int.from_bytes(self.data[at:at + 2], "big"), self.data[at + 2:]

    def ip(self):
        """(protocol, source, destination, payload) of an IP packet, also of a first fragment; None for later ones and
        where another IPv6 extension header stands first."""
        kind, data = self.packet
        if kind == 0x0800 and len(data) >= 20 and data[0] >> 4 == 4 and data[0] & 15 >= 5:
            if int.from_bytes(data[6:8], "big") & 0x1FFF:
                return None
            return data[9], _address(data[12:16]), _address(data[16:20]), data[(data[0] & 15) * 4:]
        if kind == 0x86DD and len(data) >= 40 and data[0] >> 4 == 6:
            fragment = data[6] == FRAGMENT and len(data) >= 48
            if fragment and int.from_bytes(data[42:44], "big") & 0xFFF8:
                return None
            protocol, payload = (data[40], data[48:]) if fragment else (data[6], data[40:])
            return protocol, _address(data[8:24]), _address(data[24:40]), payload
        return None

    def is_unreachable(self):
        """An ICMP destination unreachable, the word that makes phones hang up."""
        found = self.ip()
        return found is not None and (found[0], found[3][:1]) in ((ICMP, b"\x03"), (ICMP6, b"\x01"))


def _address(data):
    return str(ipaddress.ip_address(data))


def address_bytes(text):
    return ipaddress.ip_address(text).packed


def checksum(data):
    """RFC 1071, of whole or odd bytes; the one to put in where it was zero."""
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


@dataclasses.dataclass(frozen=True)
class MediaRange:
    """Where a port takes media: UDP to its addresses, in its range, on its VLAN (None: untagged)."""
    addresses: tuple
    first_port: int
    last_port: int
    vlan: int | None = None

    def takes(self, frame):
        return self._holds(frame, address_at=2, port_at=2)

    def sent(self, frame):
        return self._holds(frame, address_at=1, port_at=0)

    def _holds(self, frame, address_at, port_at):
        found = frame.ip()
        if frame.vlan != self.vlan or found is None or found[0] != UDP or len(found[3]) < 8:
            return False
        port = int.from_bytes(found[3][port_at:port_at + 2], "big")
        return found[address_at] in self.addresses and self.first_port <= port <= self.last_port


def frames(path):
    """All frames of a pcap file, in its order. A record that the writer has not finished is not there yet."""
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if struct.unpack("<I", data[:4])[0] in MAGICS else ">"
    unit_ns = MAGICS[struct.unpack(order + "I", data[:4])[0]]
    found, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, kept, size = struct.unpack_from(order + "IIII", data, at)
        at += 16
        if at + kept > len(data):
            break
        found.append(Frame(seconds * 1_000_000_000 + fraction * unit_ns, data[at:at + kept], size))
        at += kept
    return found
