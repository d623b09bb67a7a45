#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A provisioning server of headquarters, HTTP/1.1, which fails as it is told: lab/origin starts it.

    origin-server.py --root DIR --generate SEED [--firmware-kb N] [--phones N]    makes the files of a branch
    origin-server.py --root DIR --listen 127.0.0.1:8088              serves them
    origin-server.py --control PATH --ask answer denied '*.cfg'      tells a running one what to do

GET and HEAD with validators and single ranges, PUT and POST that store, keep-alive as RFC 9112 has it. A MAC without a
file gets provisional.cfg. With --by-user-agent /X is by-user-agent/MAC/X for the MAC in the User-Agent, if that is
there.
"""
import argparse
import asyncio
import base64
import contextlib
import email.utils
import fnmatch
import hashlib
import json
import os
import pathlib
import re
import secrets
import signal
import socket
import ssl
import sys
import time
import urllib.parse

from origin_files import generate, next_mac, write_whole

HEAD_LIMIT = 64 * 1024
BODY_LIMIT = 64 * 1024 * 1024
PIECE = 64 * 1024
IDLE_S = 60
REALM, USER, PASSWORD = "provision", "PlcmSpIp", "violet-origin"
TYPES = {".cfg": "text/plain", ".xml": "text/xml", ".log": "text/plain"}
REASONS = {100: "Continue", 200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content", 304: "Not Modified",
           400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed",
           412: "Precondition Failed", 413: "Content Too Large", 416: "Range Not Satisfiable",
           431: "Request Header Fields Too Large", 500: "Internal Server Error", 501: "Not Implemented",
           503: "Service Unavailable"}
# What `answer` may do to a GET, beside codes of REASONS. The first five come with status 200.
KINDS = {"denied": "access denied", "empty": "no body", "html": "an HTML page",
         "short": "half of the file, as if whole", "other-mac": "the file of the next MAC",
         "provisional": "what an unknown MAC gets",
         "truncated": "the connection ends half way", "wrong-length": "a Content-Length seven bytes too small",
         "stall": "half of the file, then silence", "silent": "no answer at all", "reset": "a reset connection"}
HTML = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body>The session has expired.</body></html>\n"
MAC = re.compile(r"(?<![0-9a-f])(?:[0-9a-f]{2}[:-]?){5}[0-9a-f]{2}(?![0-9a-f])", re.IGNORECASE)

# ---- requests

class Refused(Exception):
    """A request that gets this status, and no further one on its connection."""

    def __init__(self, status):
        super().__init__(status)
        self.status = status


class Request:
    def __init__(self, method, target, version, fields):
        self.method, self.target, self.version, self.fields, self.body = method, target, version, fields, b""
        path = urllib.parse.unquote(target.partition("?")[0], errors="surrogateescape")
        self.path = path.lstrip("/")
        if "\0" in path or ".." in path.split("/") or not target.startswith("/"):
            raise Refused(400)

    def get(self, name):
        values = [value for field, value in self.fields if field.lower() == name]
        return ", ".join(values) if values else None

    def tokens(self, name):
        return [token.strip().lower() for token in (self.get(name) or "").split(",")]

    def keep_alive(self):
        tokens = self.tokens("connection")
        return "close" not in tokens and (self.version == "HTTP/1.1" or "keep-alive" in tokens)

    def mac(self):
        """Of the path, else of the User-Agent: twelve digits, or None."""
        for text in (self.path, self.get("user-agent") or ""):
            if found := MAC.search(text):
                return re.sub("[:-]", "", found.group()).lower()
        return None


async def read_head(reader):
    """None at the end of the connection."""
    try:
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), IDLE_S)
    except (asyncio.IncompleteReadError, asyncio.TimeoutError, ConnectionError):
        return None
    except asyncio.LimitOverrunError:
        raise Refused(431) from None
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    words = first.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.0", "HTTP/1.1"):
        raise Refused(400)
    fields = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name):
            raise Refused(400)
        fields.append((name, value.strip(" \t")))
    return Request(*words, fields)


async def read_body(reader, writer, request):
    coding, length = request.get("transfer-encoding"), request.get("content-length")
    if coding is None and length is None:
        return
    if coding is not None and (length is not None or coding.lower() != "chunked"):
        raise Refused(400)
    if length is not None and not re.fullmatch("[0-9]{1,12}", length):
        raise Refused(400)
    if length is not None and int(length) > BODY_LIMIT:
        raise Refused(413)
    if "100-continue" in request.tokens("expect"):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    if length is not None:
        request.body = await reader.readexactly(int(length))
        return
    pieces, total = [], 0
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        total += size
        if total > BODY_LIMIT:
            raise Refused(413)
        pieces.append(await reader.readexactly(size))
        if await reader.readexactly(2) != b"\r\n":
            raise Refused(400)
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass  # trailers
    request.body = b"".join(pieces)


# ---- answers

class Answer:
    """What is sent. sent: how much of the body, None: all; length: what Content-Length says; after: what comes then."""

    def __init__(self, status, body=b"", **fields):
        self.status, self.body = status, body
        self.fields = {name.replace("_", "-"): value for name, value in fields.items()}
        self.sent, self.length, self.after = None, None, None


class Files:
    """The root, and what is known of its files."""

    def __init__(self, root):
        self.root, self.tags, self.bodies = root, {}, {}

    def find(self, path):
        """(bytes, entity tag, seconds of the last change), or None."""
        place = self.root / path
        try:
            about = place.stat()
            key = (about.st_mtime_ns, about.st_size, about.st_ino)
            if self.tags.get(path, (None,))[0] != key:
                data = place.read_bytes()
                self.tags[path], self.bodies[path] = (key, f'"{hashlib.sha256(data).hexdigest()[:32]}"'), data
        except (OSError, ValueError):
            return None
        return self.bodies[path], self.tags[path][1], int(about.st_mtime)

    def choose(self, request, by_user_agent):
        """The file that a request asks for."""
        mac = request.mac()
        if by_user_agent and mac and (own := self.find(f"by-user-agent/{mac}/{request.path}")):
            return own
        if found := self.find(request.path):
            return found
        if re.fullmatch("[0-9a-f]{12}[.]cfg", request.path, re.IGNORECASE):
            return self.find(f"{request.path.lower()}") or self.find("provisional.cfg")
        return None


def not_changed(request, tag, changed_s):
    """RFC 9110 section 13.2.2, for GET and HEAD."""
    if (tags := request.get("if-none-match")) is not None:
        return tags == "*" or tag in [t.strip().removeprefix("W/") for t in tags.split(",")]
    with contextlib.suppress(TypeError, ValueError):
        return changed_s <= email.utils.parsedate_to_datetime(request.get("if-modified-since")).timestamp()
    return False


def wanted_range(request, size, tag, changed):
    """(first, last) of one range; None: the whole; Refused(416)."""
    found = re.fullmatch(r"bytes=([0-9]*)-([0-9]*)", request.get("range") or "")
    if not found or found.groups() == ("", "") or request.get("if-range") not in (None, tag, changed):
        return None
    first, last = found.groups()
    if not first:
        first, last = max(0, size - int(last)), size - 1
    else:
        first, last = int(first), min(int(last or size - 1), size - 1)
        if found.group(2) and int(found.group(2)) < first:
            return None
    if first >= size or first > last:
        raise Refused(416)
    return first, last


class Origin:
    def __init__(self, options):
        self.options, self.files = options, Files(pathlib.Path(options.root))
        self.kind, self.pattern = None, "*"
        self.listeners, self.connections, self.open = [], 0, set()
        self.nonce = secrets.token_hex(16)
        self.log = open(options.log, "a", encoding="utf-8", buffering=1) if options.log else None

    # -- what is answered

    def authorized(self, request):
        given = request.get("authorization") or ""
        if self.options.auth == "basic":
            return given == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        words = dict(re.findall(r'(\w+)=(?:"([^"]*)"|[^",\s]+)', given))
        plain = dict(re.findall(r'(\w+)=([^",\s]+)', given))
        if not given.startswith("Digest ") or words.get("nonce") != self.nonce or words.get("uri") != request.target:
            return False
        one = hashlib.md5(f"{USER}:{REALM}:{PASSWORD}".encode()).hexdigest()
        two = hashlib.md5(f"{request.method}:{request.target}".encode()).hexdigest()
        middle = f"{self.nonce}:{plain.get('nc', '')}:{words.get('cnonce', '')}:auth"
        return words.get("response") == hashlib.md5(f"{one}:{middle}:{two}".encode()).hexdigest()

    def challenge(self):
        if self.options.auth == "basic":
            return Answer(401, WWW_Authenticate=f'Basic realm="{REALM}"')
        return Answer(401, WWW_Authenticate=f'Digest realm="{REALM}", nonce="{self.nonce}", qop="auth", algorithm=MD5')

    def store(self, request):
        if request.path in ("", ".") or request.path.endswith("/"):
            return Answer(405, Allow="GET, HEAD, PUT, POST")
        there = self.files.find(request.path)
        try:
            write_whole(self.files.root / request.path, request.body)
        except OSError:
            return Answer(403)
        return Answer(204 if there else 201)

    def file_answer(self, request):
        found = self.files.choose(request, self.options.by_user_agent)
        if found is None:
            return Answer(404, b"not found\n", Content_Type="text/plain")
        data, tag, changed_s = found
        changed = email.utils.formatdate(changed_s, usegmt=True)
        fields = {"Content_Type": TYPES.get(pathlib.PurePath(request.path).suffix, "application/octet-stream")}
        if self.options.no_store:
            fields["Cache_Control"] = "no-store, must-revalidate"
        if self.options.no_validators:
            return Answer(200, data, **fields)
        fields |= {"ETag": tag, "Last_Modified": changed, "Accept_Ranges": "bytes"}
        if not_changed(request, tag, changed_s):
            del fields["Content_Type"]
            return Answer(304, **fields)
        try:
            part = wanted_range(request, len(data), tag, changed)
        except Refused:
            return Answer(416, Content_Range=f"bytes */{len(data)}")
        if part is None:
            return Answer(200, data, **fields)
        first, last = part
        return Answer(206, data[first:last + 1], Content_Range=f"bytes {first}-{last}/{len(data)}", **fields)

    def of_next_mac(self, request):
        """The file that another phone would get; that of a path without a MAC is the same for all."""
        mac, path = request.mac() or "", request.path.lower()
        if not mac or mac in path:
            return self.files.find(path.replace(mac, next_mac(mac)) if mac else request.path)
        return self.files.find(f"by-user-agent/{next_mac(mac)}/{request.path}") or self.files.find(request.path)

    def poisoned(self, request):
        """The answer of the kind that was asked for."""
        kind = self.kind
        if kind.isdigit():
            return Answer(int(kind), f"{kind}\n".encode(), Content_Type="text/plain")
        plain = {"denied": (b"access denied\n", "text/plain"), "empty": (b"", "text/plain"),
                 "html": (HTML, "text/html")}
        if kind in plain:
            body, media = plain[kind]
            return Answer(200, body, Content_Type=media)
        if kind in ("other-mac", "provisional"):
            body = self.files.find("provisional.cfg") if kind == "provisional" else self.of_next_mac(request)
            return Answer(200, body[0] if body else b"", Content_Type="text/plain")
        answer = self.file_answer(request)
        size = len(answer.body)
        if kind == "short":
            answer.body = answer.body[:size // 2]
        elif kind in ("truncated", "stall"):
            answer.sent, answer.after = size // 2, kind
        elif kind == "wrong-length":
            answer.length = max(0, size - 7)
        else:
            answer.after = kind
        return answer

    def answer(self, request):
        if self.options.auth and not self.authorized(request):
            return self.challenge()
        if request.method in ("PUT", "POST"):
            return self.store(request)
        if request.method not in ("GET", "HEAD"):
            return Answer(501)
        if self.kind and fnmatch.fnmatch(request.path, self.pattern):
            return self.poisoned(request)
        return self.file_answer(request)

    # -- connections

    @staticmethod
    def head(request, answer, close):
        size = len(answer.body) if answer.length is None else answer.length
        lines = [f"HTTP/1.1 {answer.status} {REASONS.get(answer.status, '')}",
                 f"Date: {email.utils.formatdate(usegmt=True)}"]
        lines += [f"{name}: {value}" for name, value in answer.fields.items()]
        if answer.status not in (204, 304):
            lines.append(f"Content-Length: {size}")
        if close:
            lines.append("Connection: close")
        elif request.version == "HTTP/1.0":
            lines.append("Connection: keep-alive")
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    async def send(self, writer, request, answer, close, note):
        """note(bytes of the body) comes before the last of them go: who has an answer finds it in the log."""
        if answer.after in ("silent", "reset"):
            return note(0)
        bodiless = request.method == "HEAD" or answer.status in (204, 304)
        body = memoryview(b"" if bodiless else answer.body)[:answer.sent]
        pieces = [(self.head(request, answer, close), 0)]
        pieces += [(body[at:at + PIECE], min(at + PIECE, len(body))) for at in range(0, len(body), PIECE)]
        sent = 0
        for piece, after in pieces:
            if after == len(body):
                note(after)
            writer.write(piece)
            try:
                await writer.drain()
            except ConnectionError:
                if after < len(body):
                    note(sent)
                raise
            sent = after

    async def serve_one(self, reader, writer, about):
        """False: the connection ends."""
        request = await read_head(reader)
        if request is None:
            return False
        about["requests"] += 1
        await read_body(reader, writer, request)
        answer = self.answer(request)
        close = not request.keep_alive() or answer.after is not None or answer.length is not None
        await self.send(writer, request, answer, close, lambda sent: self.note(about, request, answer, sent))
        if answer.after in ("stall", "silent"):
            await reader.read()  # until the peer has had enough
        if answer.after == "reset":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()
        return not close

    async def serve(self, reader, writer, tls):
        self.connections += 1
        self.open.add(writer)
        about = {"connection": self.connections, "requests": 0, "tls": tls,
                 "peer": "{}:{}".format(*writer.get_extra_info("peername")[:2])}
        try:
            while await self.serve_one(reader, writer, about):
                pass
        except Refused as refused:
            with contextlib.suppress(ConnectionError):
                nothing, answer = Request("GET", "/", "HTTP/1.1", []), Answer(refused.status)
                await self.send(writer, nothing, answer, True, lambda sent: self.note(about, nothing, answer, sent))
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            self.open.discard(writer)
            writer.close()

    def note(self, about, request, answer, sent):
        if not self.log:
            return
        row = {"time": round(time.time(), 3), **about, "method": request.method, "target": request.target,
               "status": answer.status, "sent": sent, "received": len(request.body)}
        row |= {name: request.get(name) for name in ("user-agent", "range", "if-none-match", "if-modified-since")
                if request.get(name)}
        if self.kind and answer.status != 401:
            row["kind"] = self.kind
        self.log.write(json.dumps(row) + "\n")

    # -- listeners and commands

    async def listen(self):
        tls = None
        if self.options.tls_listen:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(self.options.certificate, self.options.key)
        for places, context in ((self.options.listen, None), (self.options.tls_listen, tls)):
            for number, place in enumerate(places):
                host, _, port = place.rpartition(":")
                server = await asyncio.start_server(
                    lambda r, w, secure=context is not None: self.serve(r, w, secure), host.strip("[]"), int(port),
                    limit=HEAD_LIMIT, ssl=context, backlog=512)
                self.listeners.append(server)
                bound = server.sockets[0].getsockname()
                places[number] = f"{host}:{bound[1]}"  # the same again after `refuse`
                print(f"listening on {bound[0]} port {bound[1]}", flush=True)

    def refuse(self):
        for server in self.listeners:
            server.close()
        self.listeners.clear()
        for writer in list(self.open):
            writer.transport.abort()

    async def command(self, words):
        """"" or what is wrong with it."""
        if words[:1] == ["answer"] and 2 <= len(words) <= 3 and (words[1] in KINDS or words[1].isdigit() and
                                                                 int(words[1]) in range(400, 600)):
            self.kind, self.pattern = words[1], words[2].lstrip("/") if len(words) == 3 else "*"
        elif words == ["heal"]:
            self.kind, self.pattern = None, "*"
            if not self.listeners:
                await self.listen()
        elif words == ["refuse"]:
            self.refuse()
        else:
            return "the commands are: answer KIND [GLOB], refuse, heal; the kinds: " + ", ".join([*KINDS, "a status"])
        return ""

    async def take_command(self, reader, writer):
        words = json.loads(await reader.readline())
        try:
            wrong = await self.command(words)
        except OSError as error:
            wrong = str(error)
        writer.write((wrong + "\n").encode())
        await writer.drain()
        writer.close()

    async def run(self):
        ended = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ended.set)
        await self.listen()
        if self.options.control:
            pathlib.Path(self.options.control).unlink(missing_ok=True)
            await asyncio.start_unix_server(self.take_command, self.options.control)
        await ended.wait()
        self.refuse()


def ask(control, words):
    with socket.socket(socket.AF_UNIX) as server:
        server.settimeout(5)
        server.connect(control)
        server.sendall((json.dumps(words) + "\n").encode())
        return server.makefile().readline().strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     epilog="kinds: " + "; ".join(f"{kind}: {text}" for kind, text in KINDS.items()))
    parser.add_argument("--root", help="directory of the files")
    parser.add_argument("--generate", type=int, metavar="SEED", help="make the files of a branch, and end")
    parser.add_argument("--firmware-kb", type=int, default=4096, help="size of sip.ld; others follow")
    parser.add_argument("--phones", type=int, default=10, help="how many have files")
    parser.add_argument("--listen", action="append", default=[], metavar="ADDRESS:PORT")
    parser.add_argument("--tls-listen", action="append", default=[], metavar="ADDRESS:PORT")
    parser.add_argument("--certificate")
    parser.add_argument("--key")
    parser.add_argument("--log", help="a JSON line for each request is appended")
    parser.add_argument("--control", help="UNIX socket for commands")
    parser.add_argument("--ask", nargs="+", metavar="WORD", help="one command to a running server")
    parser.add_argument("--no-validators", action="store_true", help="no ETag, no Last-Modified, no ranges")
    parser.add_argument("--no-store", action="store_true", help="Cache-Control: no-store, must-revalidate")
    parser.add_argument("--by-user-agent", action="store_true", help="one URL, a file for each phone")
    parser.add_argument("--auth", choices=("basic", "digest"), help=f"as {USER}, {PASSWORD}")
    options = parser.parse_args()
    if options.ask:
        if wrong := ask(options.control, options.ask):
            sys.exit(wrong)
    elif not options.root:
        parser.error("--root is needed")
    elif options.generate is not None:
        generate(pathlib.Path(options.root), options.generate, options.firmware_kb, options.phones)
    else:
        asyncio.run(Origin(options).run())


if __name__ == "__main__":
    main()
