# SPDX-License-Identifier: Apache-2.0
"""Frames that break a rule of their protocol, with the name of the drop that each must end in.

Written from the RFCs; a case says what the appliance does with it where it owns the port and where it shares it with
the kernel. There only what looks like media to its addresses and range is steered to it: the rest is the kernel's.
"""
import dataclasses
import struct

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw

KERNEL = "(the kernel's)"
SSRC = 0xBAD


def rtp(first=0x80, payload=bytes(160), payload_type=8, seq=1):
    return struct.pack(">BBHII", first, payload_type, seq, seq * 160, SSRC) + payload


def rtcp(kind, words, body, first=0x80):
    """A packet whose length says `words`, whatever stands in it."""
    return struct.pack(">BBH", first, kind, words) + body


RECEIVER_REPORT = rtcp(201, 1, struct.pack(">I", SSRC))
STUN_BINDING = struct.pack(">HHI", 1, 0, 0x2112A442) + bytes(12)
DTLS_HELLO = bytes([22, 0xFE, 0xFD]) + bytes(10)


@dataclasses.dataclass(frozen=True)
class Case:
    """owned, shared: the drop's name, or KERNEL. of_leg: the leg's report must name it too."""
    name: str
    frame: bytes
    owned: str
    shared: str
    of_leg: bool = False


class Attacker:
    """Makes frames towards one leg of the appliance, as if from the phone that the leg is locked to."""

    def __init__(self, phone_mac, edge_mac, phone, local4, phone6, local6):
        self.phone_mac, self.edge_mac = phone_mac, edge_mac
        self.phone, self.local = phone, local4
        self.phone6, self.local6 = phone6, local6

    def ether(self, **fields):
        return Ether(**{"src": self.phone_mac, "dst": self.edge_mac, **fields})

    def ip4(self, payload, ip=(), udp=(), ether=(), source=None, port=None):
        source = source or self.phone
        return bytes(self.ether(**dict(ether)) / IP(**{"src": source[0], "dst": self.local[0], "ttl": 64, **dict(ip)})
                     / UDP(**{"sport": source[1], "dport": port or self.local[1], **dict(udp)}) / Raw(payload))

    def ip6(self, payload, ip=(), udp=(), fragment=None):
        inner = UDP(**{"sport": self.phone6[1], "dport": self.local6[1], **dict(udp)}) / Raw(payload)
        outer = IPv6(**{"src": self.phone6[0], "dst": self.local6[0], "hlim": 64, **dict(ip)})
        return bytes(self.ether() / outer / fragment / inner if fragment else self.ether() / outer / inner)

    def frames(self):
        """Ethernet, IP and UDP: RFC 791, 8200, 768, 802.1Q."""
        rtcp_port = self.local[1] + 1
        good = rtp()
        tagged = bytes(self.ether() / Dot1Q(vlan=200) / IP(src=self.phone[0], dst=self.local[0])
                       / UDP(sport=self.phone[1], dport=self.local[1]) / Raw(good))
        return [
            Case("802.3_nothing_behind_the_header", self.ip4(b"")[:14], "ip_truncated", KERNEL),
            Case("802.1Q_tag_on_an_untagged_port", tagged, "wrong_vlan", KERNEL),
            Case("802.3_another_station", self.ip4(good, ether={"dst": "02:00:00:00:00:99"}), "wrong_mac", "wrong_mac"),
            Case("802.3_broadcast_to_a_media_address", self.ip4(good, ether={"dst": "ff:ff:ff:ff:ff:ff"}), KERNEL,
                 "not_media"),
            Case("RFC791_3.1_version_5", self.ip4(good, ip={"version": 5}), "ip_bad_version", KERNEL),
            Case("RFC791_3.1_header_of_16_bytes", self.ip4(good, ip={"ihl": 4}), "ip_bad_length", KERNEL),
            Case("RFC791_3.1_total_length_below_header", self.ip4(good, ip={"len": 16}), "ip_bad_length",
                 "ip_bad_length"),
            Case("RFC791_3.1_total_length_past_frame", self.ip4(good, ip={"len": 1400}), "ip_truncated",
                 "ip_truncated"),
            Case("RFC791_3.1_cut_inside_header", self.ip4(good)[:30], "ip_truncated", KERNEL),
            Case("RFC791_3.1_checksum", self.ip4(good, ip={"chksum": 0x1234}), "ip_bad_checksum", "ip_bad_checksum"),
            Case("RFC768_no_room_for_a_header", self.ip4(good, ip={"len": 24}), "udp_truncated", "udp_truncated"),
            Case("RFC768_length_7", self.ip4(good, udp={"len": 7}), "udp_bad_length", "udp_bad_length"),
            Case("RFC768_length_past_packet", self.ip4(good, udp={"len": 181}), "udp_bad_length", "udp_bad_length"),
            Case("RFC768_checksum", self.ip4(good, udp={"chksum": 0x1234}), "udp_bad_checksum", "udp_bad_checksum",
                 True),
            Case("RFC768_checksum_rtcp", self.ip4(RECEIVER_REPORT, udp={"chksum": 0x1234}, port=rtcp_port),
                 "udp_bad_checksum", "udp_bad_checksum", True),
            Case("RFC8200_3_version_4", self.ip6(good, ip={"version": 4}), "ip_bad_version", KERNEL),
            Case("RFC8200_3_payload_past_frame", self.ip6(good, ip={"plen": 1400}), "ip_truncated", "ip_truncated"),
            Case("RFC8200_3_cut_inside_header", self.ip6(good)[:50], "ip_truncated", KERNEL),
            Case("RFC8200_8.1_no_udp_checksum", self.ip6(good, udp={"chksum": 0}), "udp_bad_checksum",
                 "udp_bad_checksum", True),
            Case("RFC8200_udp_length_past_packet", self.ip6(good, udp={"len": 181}), "udp_bad_length",
                 "udp_bad_length"),
            Case("unused_port", self.ip4(good, port=29998), "no_leg", "no_leg"),
            Case("unused_port_ipv6", self.ip6(good, udp={"dport": 29998}), "no_leg", "no_leg"),
        ]

    def fragments(self):
        """RFC 791 section 3.2, RFC 8200 section 4.5: only the first one says that it is for a media port."""
        def header6(offset, more):
            return IPv6ExtHdrFragment(nh=17, offset=offset, m=more, id=1)

        first, rest = rtp(), bytes(160)
        return [
            Case("RFC791_3.2_first", self.ip4(first, ip={"flags": "MF"}), "fragment", "fragment"),
            Case("RFC791_3.2_later", self.ip4(rest, ip={"frag": 23}), KERNEL, KERNEL),
            Case("RFC8200_4.5_first", self.ip6(first, fragment=header6(0, 1)), "fragment", "fragment"),
            Case("RFC8200_4.5_later", self.ip6(rest, fragment=header6(23, 0)), KERNEL, KERNEL),
        ]

    def datagrams(self):
        """What stands in a datagram to a media port: RFC 3550, 3611, 5761, 7983."""
        rtp_cases = [
            ("RFC7983_stun", STUN_BINDING, "stun"), ("RFC7983_dtls", DTLS_HELLO, "dtls"),
            ("RFC7983_zrtp", b"\x10\x00" + bytes(10), "zrtp"),
            ("RFC7983_turn_channel", b"\x40\x00" + bytes(10), "turn"),
            ("RFC3550_5.1_version_1", rtp(0x50), "unknown_payload"),
            ("RFC3550_5.1_version_3", rtp(0xC0), "unknown_payload"),
            ("RFC768_empty_datagram", b"", "unknown_payload"), ("RFC3550_5.1_11_bytes", rtp()[:11], "rtp_too_short"),
            ("RFC3550_5.1_15_CSRCs_in_no_room", rtp(0x8F, bytes(56)), "rtp_csrc_past_end"),
            ("RFC3550_5.3.1_extension_without_header", rtp(0x90, bytes(3)), "rtp_extension_past_end"),
            ("RFC3550_5.3.1_extension_past_end", rtp(0x90, b"\xbe\xde\x00\x29" + bytes(160)), "rtp_extension_past_end"),
            ("RFC3550_5.1_padding_of_0", rtp(0xA0, bytes(160)), "rtp_bad_padding"),
            ("RFC3550_5.1_padding_past_header", rtp(0xA0, bytes(159) + b"\xff"), "rtp_bad_padding"),
        ]
        after = RECEIVER_REPORT
        rtcp_cases = [
            ("RFC5761_rtp_on_the_rtcp_port", rtp(), "rtp_on_rtcp_port"),
            ("RFC7983_stun_on_the_rtcp_port", STUN_BINDING, "stun"),
            ("RFC3550_6.4_two_bytes", b"\x80\xc9", "rtcp_too_short"),
            ("RFC3550_A.2_version_1_behind_a_report", after + rtcp(202, 0, b"", first=0x40), "rtcp_bad_version"),
            ("RFC5761_4_type_0_behind_a_report", after + rtcp(0, 0, b""), "rtcp_bad_type"),
            ("RFC3550_A.2_length_past_end", rtcp(201, 200, bytes(4)), "rtcp_length_past_end"),
            ("RFC3550_6.4.1_report_without_sender_info", rtcp(200, 1, bytes(4)), "rtcp_length_too_small"),
            ("RFC3550_6.4.2_31_blocks_in_no_room", rtcp(201, 1, bytes(4), first=0x9F), "rtcp_count_past_end"),
            ("RFC3550_6.5_item_past_end", rtcp(202, 2, bytes(4) + b"\x01\xff\x61\x61", first=0x81),
             "rtcp_item_past_end"),
            ("RFC3550_6.6_reason_past_end", rtcp(203, 2, bytes(4) + b"\xff\x61\x61\x61", first=0x81),
             "rtcp_item_past_end"),
            ("RFC3611_3_block_past_end", rtcp(207, 2, bytes(4) + b"\x04\x00\xff\xff"), "rtcp_item_past_end"),
            ("RFC3550_6.4.1_padding_not_last", rtcp(201, 1, bytes(4), first=0xA0) + after, "rtcp_bad_padding"),
            ("RFC3550_6.4.1_padding_past_header", rtcp(201, 2, bytes(7) + b"\x0c", first=0xA0), "rtcp_bad_padding"),
        ]
        cases = [Case(name, self.ip4(data), drop, drop, True) for name, data, drop in rtp_cases]
        return cases + [Case(name, self.ip4(data, port=self.local[1] + 1), drop, drop, True)
                        for name, data, drop in rtcp_cases]

    def strangers(self):
        """RFC 4961 and the lock: valid media, from elsewhere."""
        other_port, other_host = (self.phone[0], self.phone[1] + 10), ("198.18.1.19", self.phone[1])
        return [Case(f"another_{what}", self.ip4(rtp(), source=source), "wrong_source", "wrong_source", True)
                for what, source in (("port", other_port), ("host", other_host))]
