#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many calls of one SIP end over UDP, as caller or as callee:

sip_crowd.py [--srtp SUITE] OWN PORT FIRST_MEDIA_PORT [PROXY PORT DOMAIN]

Reads "invite N", "rekey N" and "bye N" lines and says {"event": "answered"|"rekeyed"|"ended"|"refused", "call": N,
...}. Call N is one to sip:7N@DOMAIN, its media is at FIRST_MEDIA_PORT + 2 * N, where phones.py speaks. Requests and
answers are sent again as RFC 3261 section 17 and 13.3.1.4 have it, so that a proxy may be away for a while. Knows no
authentication: the callee
plays the centre as well and answers its probes. With --srtp all media is SRTP of that suite (RFC 4568), each call with
keys of its own, which "answered" tells: those of what it sends, and of what it is sent. "rekey" offers another key in a
re-INVITE, which is answered with another one; "rekeyed" tells both ends of it, once each.
"""
import base64
import json
import os
import re
import select
import socket
import sys
import time

T1_S, T2_S, GIVES_UP_S = 0.5, 4.0, 32.0
KEY_AND_SALT = {"AES_CM_128_HMAC_SHA1_80": 30, "AES_CM_128_HMAC_SHA1_32": 30, "AEAD_AES_128_GCM": 28,
                "AEAD_AES_256_GCM": 44}


def headers(message, name):
    return re.findall(rf"^{name}:[ \t]*(.*?)\r?$", message.split("\r\n\r\n", 1)[0], re.MULTILINE | re.IGNORECASE)


def listed(message, name):
    """The values of a header that may stand in one line or in several."""
    return [value.strip() for line in headers(message, name) for value in re.split(r",(?=\s*<)", line)]


def between(text, first, last):
    return text.split(first, 1)[1].split(last, 1)[0]


class Resent:
    """A message on its way until somebody answers."""

    def __init__(self, message, to):
        self.message, self.to, self.wait_s = message, to, T1_S
        self.due, self.end = time.monotonic() + T1_S, time.monotonic() + GIVES_UP_S


class Dialog:
    def __init__(self, number, call_id, own, peer):
        self.number, self.call_id, self.own, self.peer = number, call_id, own, peer
        self.target, self.route, self.cseq, self.over = "", [], 1, False
        self.answers = {}  # SDP by the CSeq of the INVITE


class End:
    def __init__(self, suite, own, first_media, proxy=None, domain=None):
        self.suite, self.own, self.first_media, self.proxy, self.domain = suite, own, first_media, proxy, domain
        self.keys = {}  # by call: of what it sends
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(own)
        self.dialogs, self.resent, self.told = {}, {}, {}

    def say(self, event, dialog, **more):
        print(json.dumps({"event": event, "call": dialog.number, **more}), flush=True)

    def send(self, message, to, again_as=None):
        self.socket.sendto(message.encode(), to)
        if again_as:
            self.resent[again_as] = Resent(message, to)

    # What it begins.

    def request(self, method, dialog, uri, cseq, body=""):
        words = [f"{method} {uri} SIP/2.0",
                 f"Via: SIP/2.0/UDP {self.own[0]}:{self.own[1]};branch=z9hG4bK{dialog.call_id[:8]}{dialog.number}{method}{cseq}",
                 "Max-Forwards: 70", f"From: {dialog.own}", f"To: {dialog.peer}", f"Call-ID: {dialog.call_id}",
                 f"CSeq: {cseq} {method}", f"Contact: <sip:end@{self.own[0]}:{self.own[1]}>",
                 *(f"Route: {route}" for route in dialog.route)]
        if body:
            words.append("Content-Type: application/sdp")
        return "\r\n".join([*words, f"Content-Length: {len(body)}", "", body])

    def sdp(self, number, tag=1, protocol=None, version=1):
        words = ["v=0", f"o=end {number} {version} IN IP4 {self.own[0]}", "s=-", f"c=IN IP4 {self.own[0]}", "t=0 0",
                 f"m=audio {self.first_media + 2 * number} {protocol or ('RTP/SAVP' if self.suite else 'RTP/AVP')} 8",
                 "a=rtpmap:8 PCMA/8000"]
        if self.suite:
            if number not in self.keys:
                self.keys[number] = base64.b64encode(os.urandom(KEY_AND_SALT[self.suite])).decode()
            words.append(f"a=crypto:{tag} {self.suite} inline:{self.keys[number]}")
        return "\r\n".join([*words, ""])

    def crypto(self, message):
        """(tag, key and salt in base64) of the other end's line of our suite."""
        found = re.search(rf"^a=crypto:(\d+) {self.suite} inline:([A-Za-z0-9+/=]+)", message, re.MULTILINE)
        return found.groups() if found else (1, None)

    def sealed(self, message, number):
        return {"srtp": {"suite": self.suite, "sends": self.keys[number], "hears": self.crypto(message)[1]}} \
            if self.suite else {}

    def next_hop(self, dialog):
        uri = between(dialog.route[0], "<", ">") if dialog.route else dialog.target
        host, _, port = re.split(r"[;>]", uri.split("@")[-1].removeprefix("sip:"))[0].partition(":")
        return host, int(port or 5060)

    def invite(self, number):
        tag = f"{os.getpid():x}{number}"
        dialog = Dialog(number, f"{os.urandom(6).hex()}@{self.own[0]}", f"<sip:1010@{self.domain}>;tag={tag}",
                        f"<sip:7{number}@{self.domain}>")
        self.dialogs[dialog.call_id] = dialog
        dialog.target = f"sip:7{number}@{self.domain}"
        self.send(self.request("INVITE", dialog, dialog.target, 1, self.sdp(number)), self.proxy, ("INVITE", dialog.call_id))

    def dialog(self, number):
        return next(d for d in self.dialogs.values() if d.number == number and not d.over)

    def rekey(self, number):
        dialog = self.dialog(number)
        dialog.cseq += 1
        del self.keys[number]
        message = self.request("INVITE", dialog, dialog.target, dialog.cseq, self.sdp(number, version=dialog.cseq))
        self.send(message, self.next_hop(dialog), ("INVITE", dialog.call_id))

    def bye(self, number):
        dialog = self.dialog(number)
        dialog.cseq += 1
        self.send(self.request("BYE", dialog, dialog.target, dialog.cseq), self.next_hop(dialog), ("BYE", dialog.call_id))

    # What it hears.

    def heard(self, message, source):
        start = message.split("\r\n", 1)[0]
        call_id = (headers(message, "Call-ID") or [""])[0]
        cseq, method = headers(message, "CSeq")[0].split()
        if start.startswith("SIP/2.0"):
            self.answered(message, int(start.split()[1]), method, int(cseq), self.dialogs.get(call_id))
        else:
            self.asked(message, method, int(cseq), call_id, source)

    def answered(self, message, status, method, cseq, dialog):
        if dialog is None:
            return
        waiting = (method, dialog.call_id)
        if status < 200:
            if method == "INVITE":
                self.resent.pop(waiting, None)
            return
        first = (*waiting, cseq) not in self.told
        self.told[*waiting, cseq] = status
        if cseq == dialog.cseq:
            self.resent.pop(waiting, None)
        if method == "BYE":
            dialog.over = True
            if first:
                self.say("ended", dialog, by="us", status=status)
        elif method == "INVITE" and status < 300:
            dialog.peer = headers(message, "To")[0]
            if cseq == 1:  # RFC 3261 section 12.2.1.2: the route stays as it was
                dialog.route = listed(message, "Record-Route")[::-1]
            dialog.target = between(headers(message, "Contact")[0], "<", ">")
            self.send(self.request("ACK", dialog, dialog.target, cseq), self.next_hop(dialog))
            if first:
                self.say("answered" if cseq == 1 else "rekeyed", dialog, media=self.media(message),
                         **self.sealed(message, dialog.number))
        elif method == "INVITE":
            dialog.peer = headers(message, "To")[0]
            self.send(self.request("ACK", dialog, dialog.target, cseq), self.proxy)
            if first:
                dialog.over = cseq == 1
                self.say("refused", dialog, status=status)

    @staticmethod
    def media(message):
        return [re.search(r"^c=IN IP4 (\S+)", message, re.MULTILINE)[1],
                int(re.search(r"^m=audio (\d+)", message, re.MULTILINE)[1])]

    def answer(self, message, status, source, tag="", body="", again_as=None):
        to = headers(message, "To")[0]
        words = [f"SIP/2.0 {status}", *(f"Via: {via}" for via in headers(message, "Via")),
                 *(f"Record-Route: {route}" for route in headers(message, "Record-Route")),
                 f"From: {headers(message, 'From')[0]}", f"To: {to if 'tag=' in to else to + ';tag=' + tag}",
                 f"Call-ID: {headers(message, 'Call-ID')[0]}", f"CSeq: {headers(message, 'CSeq')[0]}",
                 f"Contact: <sip:end@{self.own[0]}:{self.own[1]}>"]
        if body:
            words.append("Content-Type: application/sdp")
        self.send("\r\n".join([*words, f"Content-Length: {len(body)}", "", body]), source, again_as)

    def asked(self, message, method, cseq, call_id, source):
        dialog = self.dialogs.get(call_id)
        if method == "INVITE":
            if dialog is None:
                number = int(re.match(r"INVITE sips?:7(\d+)@", message)[1])
                dialog = Dialog(number, call_id, "", headers(message, "From")[0])
                dialog.own = headers(message, "To")[0] + f";tag=callee{number}"
                dialog.route = listed(message, "Record-Route")
                dialog.target = between(headers(message, "Contact")[0], "<", ">")
                self.dialogs[call_id] = dialog
            if cseq not in dialog.answers:
                self.keys.pop(dialog.number, None)
                protocol = re.search(r"^m=audio \d+ (\S+)", message, re.MULTILINE)[1]
                dialog.answers[cseq] = self.sdp(dialog.number, self.crypto(message)[0], protocol,
                                                len(dialog.answers) + 1)
                self.say("answered" if len(dialog.answers) == 1 else "rekeyed", dialog, media=self.media(message),
                         **self.sealed(message, dialog.number))
            if len(dialog.answers) == 1:
                self.answer(message, "180 Ringing", source, f"callee{dialog.number}")
            self.answer(message, "200 OK", source, f"callee{dialog.number}", dialog.answers[cseq], ("200", call_id))
        elif method == "ACK":
            self.resent.pop(("200", call_id), None)
        elif method == "BYE" and dialog is None:
            self.answer(message, "481 Unknown", source, "none")
        else:
            self.answer(message, "200 OK", source, "none")
            if method == "BYE" and not dialog.over:
                dialog.over = True
                self.say("ended", dialog, by="peer")

    def send_again(self):
        now = time.monotonic()
        for key, one in list(self.resent.items()):
            if now >= one.end:
                del self.resent[key]
                self.say("unanswered", self.dialogs[key[1]], what=key[0])
            elif now >= one.due:
                self.socket.sendto(one.message.encode(), one.to)
                one.wait_s = one.wait_s * 2 if key[0] == "INVITE" else min(one.wait_s * 2, T2_S)
                one.due = now + one.wait_s

    def run(self):
        print("ready", flush=True)
        while True:
            ready = select.select([self.socket, 0], [], [], 0.05)[0]
            if self.socket in ready:
                message, source = self.socket.recvfrom(65536)
                self.heard(message.decode(), source)
            if 0 in ready:
                words = os.read(0, 65536).decode()
                if not words:
                    return
                for line in words.splitlines():
                    verb, number = line.split()
                    {"invite": self.invite, "rekey": self.rekey, "bye": self.bye}[verb](int(number))
            self.send_again()


def main():
    words, suite = sys.argv[1:], None
    if words[0] == "--srtp":
        suite, words = words[1], words[2:]
    own, port, first_media, *proxy = words
    End(suite, (own, int(port)), int(first_media), *([(proxy[0], int(proxy[1])), proxy[2]] if proxy else [])).run()


main()
