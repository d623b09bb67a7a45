# SPDX-License-Identifier: Apache-2.0
"""rtpengine's NG control protocol: bencoded dictionaries over UDP, each behind a cookie."""
import contextlib
import ctypes
import dataclasses
import os
import re
import socket

CLONE_NEWNET = 0x40000000
ANSWER_S = 2
_libc = ctypes.CDLL(None, use_errno=True)


def encode(value):
    if isinstance(value, dict):
        return b"d" + b"".join(encode(key) + encode(value[key]) for key in sorted(value)) + b"e"
    if isinstance(value, (list, tuple)):
        return b"l" + b"".join(map(encode, value)) + b"e"
    if isinstance(value, int):
        return b"i%de" % value
    data = value.encode()
    return b"%d:%s" % (len(data), data)


def decode(data):
    value, rest = _decode(data)
    if rest:
        raise ValueError(f"{len(rest)} bytes behind the value")
    return value


def _decode(data):
    kind = data[:1]
    if kind == b"i":
        number, end, rest = data[1:].partition(b"e")
        if not end:
            raise ValueError("a number without an end")
        return int(number), rest
    if kind in (b"l", b"d"):
        items, rest = [], data[1:]
        while not rest.startswith(b"e"):
            item, rest = _decode(rest)
            items.append(item)
        return (items if kind == b"l" else dict(zip(items[::2], items[1::2]))), rest[1:]
    size, colon, rest = data.partition(b":")
    if not colon or len(rest) < int(size):
        raise ValueError("cut short")
    return rest[:int(size)].decode(), rest[int(size):]


@contextlib.contextmanager
def inside(namespace):
    """This thread is in a network namespace meanwhile; sockets that it opens there stay there."""
    def enter(path):
        with open(path, "rb") as there:
            if _libc.setns(there.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), f"setns {path}")

    with open("/proc/thread-self/ns/net", "rb") as here:
        enter(f"/run/netns/{namespace}")
        try:
            yield
        finally:
            enter(f"/proc/self/fd/{here.fileno()}")


@dataclasses.dataclass
class Phone:
    """Who speaks from where, by RTP, or by SRTP with a key by SDES (RFC 4568)."""
    address: str
    port: int
    suite: str = ""
    key: str = ""

    def profile(self):
        return "RTP/SAVP" if self.suite else "RTP/AVP"

    def sdp(self, tag=1):
        """`tag`: of the suite in the offer, if this is the answer."""
        return "\r\n".join(("v=0", f"o=- 1 1 IN IP4 {self.address}", "s=-", f"c=IN IP4 {self.address}", "t=0 0",
                            f"m=audio {self.port} {self.profile()} 8", "a=rtpmap:8 PCMA/8000", "a=ptime:20",
                            *([f"a=crypto:{tag} {self.suite} inline:{self.key}"] if self.suite else []),
                            "a=sendrecv", ""))


def crypto_tag(text, suite):
    found = re.search(rf"^a=crypto:([0-9]+) {suite} ", text, re.MULTILINE)
    if not found:
        raise RuntimeError(f"rtpengine offers no {suite}: {text!r}")
    return int(found[1])


def media_port(text):
    found = re.search(r"^m=audio ([0-9]+) ", text, re.MULTILINE)
    if not found:
        raise RuntimeError(f"rtpengine's SDP has no audio: {text!r}")
    return int(found[1])


class Client:
    """One request at a time."""

    def __init__(self, namespace, address, port):
        with inside(namespace):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(ANSWER_S)
        self._socket.connect((address, port))
        self._cookies = 0

    def ask(self, command, **fields):
        self._cookies += 1
        cookie = b"%d_%d" % (os.getpid(), self._cookies)
        self._socket.send(cookie + b" " + encode({"command": command, **fields}))
        while True:
            got, _, answer = self._socket.recv(65536).partition(b" ")
            if got == cookie:  # else it answers an older request
                break
        answer = decode(answer)
        if answer.get("result") not in ("ok", "pong"):
            raise RuntimeError(f"rtpengine: {command}: {answer.get('error-reason', answer)}")
        return answer

    def call(self, name, offerer, answerer):
        """A call between two Phones, behind the interfaces lan and wan. Returns the ports that it has for them
        there."""
        common = {"call-id": name, "from-tag": "f", "replace": ["origin"], "ICE": "remove", "DTLS": "off",
                  "rtcp-mux": ["demux"]}
        offered = self.ask("offer", sdp=offerer.sdp(), direction=["lan", "wan"], **common,
                           **{"transport-protocol": answerer.profile()})
        tag = crypto_tag(offered["sdp"], answerer.suite) if answerer.suite else 1
        answered = self.ask("answer", sdp=answerer.sdp(tag), **common, **{"to-tag": "t"})
        return media_port(answered["sdp"]), media_port(offered["sdp"])

    def close(self):
        self._socket.close()
