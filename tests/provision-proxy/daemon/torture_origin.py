# SPDX-License-Identifier: Apache-2.0
"""The centre of a torture: an HTTP/1.1 server whose files change, which is slow at times and breaks off bodies."""
import asyncio
import contextlib
import email.utils
import re
import time

from torture_world import body_of

FIRST_DATE = 1_500_000_000  # a version's Last-Modified: a second later than that of the one before
PIECE = 32 * 1024
SLOW, BREAKS = 0.3, 0.04  # shares of the bodies
MOST_PAUSE_S = 0.02       # of a slow one, after each piece
MAC = re.compile(r"SN:([0-9a-f]{12})")


class Origin:
    """Serves world at address:port. Modes: serve, refuse (nobody listens), silent (nobody answers)."""

    def __init__(self, world, address, port):
        self.world, self.address, self.port = world, address, port
        self.server, self.writers, self.mode = None, set(), "refuse"
        self.mode_since = 0.0
        self.counts = {"asked": 0, "renewed": 0, "bodies": 0, "broken": 0}

    async def be(self, mode):
        if mode == self.mode:
            return
        self.mode, self.mode_since = mode, time.monotonic()
        for writer in list(self.writers):
            writer.transport.abort()
        if mode == "refuse":
            self.server.close()
            self.server = None
        elif self.server is None:
            self.server = await asyncio.start_server(self.serve, self.address, self.port, backlog=256)

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                if self.mode != "serve":
                    await reader.read()
                    return
                if not await self.answer(writer, head):
                    return
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.writers.discard(writer)
            writer.transport.abort()

    async def answer(self, writer, head):
        """False: the connection ends."""
        method, target, _ = head.split("\r\n", 1)[0].split(" ")
        fields = {name.lower(): value.strip() for name, _, value in
                  (line.partition(":") for line in head.split("\r\n")[1:] if line)}
        self.counts["asked"] += 1
        agent = MAC.search(fields.get("user-agent", ""))
        cell = self.world.cell(target, agent.group(1) if agent else "")
        if cell is None:  # the probe, and strangers
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            return True
        number, version = self.world.say(cell)
        lines = [f"Date: {email.utils.formatdate(usegmt=True)}", f"X-Answer: {number}"]
        if version == 0:
            lines += ["Content-Length: 7", "Content-Type: text/plain"]
            writer.write("\r\n".join(["HTTP/1.1 404 Not Found", *lines, "", "absent\n" if method == "GET" else ""]).encode())
            return True
        tag, date = f'"{version}"', email.utils.formatdate(FIRST_DATE + version, usegmt=True)
        lines += [f"ETag: {tag}"] if "tag" in cell.validators else []
        lines += [f"Last-Modified: {date}"] if "date" in cell.validators else []
        lines += [f"Cache-Control: {cell.cache_control}"] if cell.cache_control else []
        if self.unchanged(cell, fields, tag, version):
            self.counts["renewed"] += 1
            writer.write("\r\n".join(["HTTP/1.1 304 Not Modified", *lines, "", ""]).encode())
            return True
        self.counts["bodies"] += method == "GET"
        return await self.send(writer, cell, body_of(cell, version), method == "HEAD", lines)

    @staticmethod
    def unchanged(cell, fields, tag, version):
        if "tag" in cell.validators and "if-none-match" in fields:
            return tag in [part.strip() for part in fields["if-none-match"].split(",")]
        if "date" in cell.validators and "if-modified-since" in fields:
            since = email.utils.parsedate_to_datetime(fields["if-modified-since"]).timestamp()
            return FIRST_DATE + version <= since
        return False

    async def send(self, writer, cell, body, is_head, lines):
        """False: broken off."""
        draw = self.world.draw
        lines.append("Transfer-Encoding: chunked" if cell.chunked else f"Content-Length: {len(body)}")
        writer.write("\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode())
        if is_head:
            return True
        pause = draw.random() * MOST_PAUSE_S if draw.random() < SLOW else 0
        end = draw.randrange(len(body)) if draw.random() < BREAKS else len(body)
        piece = PIECE if not pause else max(1000, len(body) // 8)
        for at in range(0, end, piece):
            data = body[at:min(at + piece, end)]
            writer.write(b"%x\r\n%b\r\n" % (len(data), data) if cell.chunked else data)
            await writer.drain()
            if pause:
                await asyncio.sleep(pause)
        if end < len(body):
            self.counts["broken"] += 1
            self.world.broke[cell] = time.monotonic()
            with contextlib.suppress(ConnectionError):
                await writer.drain()
            writer.close()
            return False
        if cell.chunked:
            writer.write(b"0\r\n\r\n")
        return True
