# SPDX-License-Identifier: Apache-2.0
"""SRTP by libsrtp as Debian has it, with the keys of SDES: what peers send, and whether what they are sent is right."""
import base64
import re

try:
    import pylibsrtp
except ImportError:  # of tests without SRTP nobody asks
    pylibsrtp = None

PROFILES = {"AES_CM_128_HMAC_SHA1_80": "SRTP_PROFILE_AES128_CM_SHA1_80",
            "AES_CM_128_HMAC_SHA1_32": "SRTP_PROFILE_AES128_CM_SHA1_32",
            "AEAD_AES_128_GCM": "SRTP_PROFILE_AEAD_AES_128_GCM", "AEAD_AES_256_GCM": "SRTP_PROFILE_AEAD_AES_256_GCM"}

CRYPTO = re.compile(r"^a=crypto:\d+ (\S+) inline:([A-Za-z0-9+/=]+)", re.MULTILINE)


def told(messages):
    """The keys in the SDP of SIP messages: [(suite, base64)] in order, each once."""
    return list(dict.fromkeys(key for text in messages for key in CRYPTO.findall(text)))


def _session(suite, key, **who):
    policy = pylibsrtp.Policy(key=base64.b64decode(key), srtp_profile=getattr(pylibsrtp.Policy, PROFILES[suite]), **who)
    return pylibsrtp.Session(policy=policy)


def sends(suite, key, ssrc):
    return _session(suite, key, ssrc_type=pylibsrtp.Policy.SSRC_SPECIFIC, ssrc_value=ssrc)


def hears(suite, key):
    return _session(suite, key, ssrc_type=pylibsrtp.Policy.SSRC_ANY_INBOUND)


def opened(keys, packets):
    """The packets in the clear, each under whichever of the keys, [(suite, base64)], opens it; None: none does. The
    wrapper of libsrtp has no names for AES_256_CM."""
    sessions = [hears(*key) for key in keys if key[0] in PROFILES]

    def plain(packet):
        for session in sessions:
            try:
                return session.unprotect(packet)
            except pylibsrtp.Error:
                continue
        return None

    return [plain(packet) for packet in packets]


class Unsealed:
    """Reads a leg's packets in the order of a capture: what they were, which were none, which index came twice."""

    def __init__(self, suite, key):
        self.session, self.highest, self.seen = hears(suite, key), {}, {}
        self.rtcp_tag = 0 if suite.startswith("AEAD") else 10  # behind the index (RFC 7714 section 9)
        self.forged, self.repeated = [], []

    def rtp(self, packet):
        """The plain packet; None: it is not right."""
        seq, ssrc = int.from_bytes(packet[2:4], "big"), int.from_bytes(packet[8:12], "big")
        highest = self.highest.get(ssrc, seq)
        index = highest + (seq - highest + 0x8000) % 0x10000 - 0x8000
        self.highest[ssrc] = max(highest, index)
        if self.seen.setdefault((ssrc, index), packet) is not packet:
            self.repeated.append((ssrc, index))
        return self._open(self.session.unprotect, packet)

    def rtcp(self, packet):
        end = len(packet) - self.rtcp_tag
        index, ssrc = int.from_bytes(packet[end - 4:end], "big") & 0x7FFFFFFF, int.from_bytes(packet[4:8], "big")
        if self.seen.setdefault(("rtcp", ssrc, index), packet) is not packet:
            self.repeated.append(("rtcp", ssrc, index))
        return self._open(self.session.unprotect_rtcp, packet)

    def _open(self, unprotect, packet):
        try:
            return unprotect(packet)
        except pylibsrtp.Error as error:
            self.forged.append((packet[:12].hex(), str(error)))
            return None
