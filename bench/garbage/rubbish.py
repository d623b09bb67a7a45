# SPDX-License-Identifier: Apache-2.0
"""What a branch box may be sent on its media ports and must not care for: frames of every kind of wrong, from a seed.

All are UDP over IPv4 or IPv6 to the media addresses and into the range, so each is the dataplane's to count."""
import ipaddress
import random
import struct

UDP, FRAGMENT = 17, 44
PADDED = 60    # bytes of the shortest frame on a real wire
LONGEST = 1440
AT_USED = 0.1  # so many of them at ports that calls use; the others anywhere in the range
STUN = struct.pack(">HHI", 1, 0, 0x2112A442) + bytes(12)


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def rtp(chance, size=160):
    return struct.pack(">BBHII", 0x80, chance.choice((0, 8, 18, 101)), chance.randrange(65536), chance.randrange(2**32),
                       chance.randrange(2**32)) + bytes(size)


def lying_rtcp(chance):
    """Lengths and counts that are not true, alone and behind a good report (RFC 3550 appendix A.2)."""
    good = struct.pack(">BBHI", 0x80, 201, 1, chance.randrange(2**32))
    lie = struct.pack(">BBH", 0x80 | chance.randrange(64), chance.choice((200, 201, 202, 203, 204, 205, 206, 207)),
                      chance.choice((0, 1, 7, 200, 65535))) + chance.randbytes(4 * chance.randrange(8))
    return chance.choice((b"", good)) + lie


KINDS = {
    "random": lambda chance: chance.randbytes(chance.randrange(LONGEST)),
    "rtp": rtp,
    "rtcp": lying_rtcp,
    "stun": lambda chance: STUN,
    "dtls": lambda chance: b"\x16\xfe\xfd" + chance.randbytes(60),
    "empty": lambda chance: b"",
    "huge": lambda chance: rtp(chance, LONGEST - 12),
    "csrc_past_end": lambda chance: b"\x8f" + rtp(chance, 20)[1:],
}
DAMAGES = ("none", "none", "none", "udp_checksum", "udp_length", "ip_length", "first_fragment")


def packet(chance, source, to, data):
    """IPv4 or IPv6, with or without damage to its headers."""
    damage = chance.choice(DAMAGES)
    ends = ipaddress.ip_address(source[0]).packed + ipaddress.ip_address(to[0]).packed
    size = 8 + len(data)
    head = struct.pack(">HHHH", source[1], to[1], 7 if damage == "udp_length" else size, 0)
    right = checksum(ends + struct.pack(">HH", UDP, size) + head + data) or 0xFFFF
    datagram = head[:6] + struct.pack(">H", right ^ (damage == "udp_checksum")) + data
    six = len(ends) == 32
    more = 300 if damage == "ip_length" else 0
    if six:
        cut = struct.pack(">BBHI", UDP, 0, 1, 7) if damage == "first_fragment" else b""
        return b"\x86\xdd" + struct.pack(">IHBB", 6 << 28, len(cut) + size + more, FRAGMENT if cut else UDP, 64) + \
            ends + cut + datagram
    more_fragments = 0x2000 if damage == "first_fragment" else 0
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + size + more, 7, more_fragments, 64, UDP, 0) + ends
    return b"\x08\0" + header[:10] + struct.pack(">H", checksum(header)) + header[12:] + datagram


def frames(macs, ours, remotes, ports, used, count, seed):
    """macs: (destination, source). ours, remotes: addresses of both families, {4: ..., 6: ...}; remotes[4] are lists,
    those that calls know. ports: (first, last); used: those that calls have, in the order of remotes[4]."""
    chance = random.Random(seed)
    for _ in range(count):
        version = chance.choice((4, 4, 6))
        at_used = chance.random() < AT_USED
        place = chance.randrange(len(used))
        port = used[place] + chance.randrange(2) if at_used else chance.randint(*ports)
        # The caller's own address, its RTP port or another; or somebody else's.
        known = at_used and version == 4 and chance.random() < 0.5
        address = remotes[4][place] if known else chance.choice(remotes[version])
        data = KINDS[chance.choice(list(KINDS))](chance)
        # What comes from a caller's own address and port and is RTP would be its own, good stream.
        source = (address, chance.choice((4001, 4001, 5004)) if known else chance.randint(1024, 65535))
        yield (macs + packet(chance, source, (ours[version], port), data)).ljust(PADDED, b"\0")
