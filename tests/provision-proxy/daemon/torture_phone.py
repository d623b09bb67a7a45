# SPDX-License-Identifier: Apache-2.0
"""A phone of a torture: HTTP/1.1 over one kept connection, which notices everything that ends early."""
import asyncio
import dataclasses

AGENT = "FileTransport PolycomVVX-VVX_500-UA/5.9.7.47435 (SN:{}) Type/Application"
TIMEOUT_S = 20
PIECE = 64 * 1024


@dataclasses.dataclass
class Got:
    """An answer. status 0: none; whole: the body came to the end that its head speaks of."""
    status: int = 0
    fields: dict = dataclasses.field(default_factory=dict)
    body: bytes = b""
    whole: bool = False


class Phone:
    def __init__(self, address, mac):
        self.address, self.mac = address, mac
        self.links = {}  # port: (reader, writer)

    def close(self):
        for _, writer in self.links.values():
            writer.transport.abort()
        self.links.clear()

    async def ask(self, port, method, path, pause_s=0.0, **fields):
        """None: nobody listens. pause_s: how long it takes for each piece."""
        if port not in self.links:
            try:
                self.links[port] = await asyncio.open_connection(self.address, port)
            except OSError:
                return None
        reader, writer = self.links[port]
        lines = [f"{method} {path} HTTP/1.1", f"Host: {self.address}:{port}"]
        lines += [f"User-Agent: {AGENT.format(self.mac)}"] if self.mac else []
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in fields.items()]
        got = Got()
        try:
            writer.write("\r\n".join([*lines, "", ""]).encode())
            await asyncio.wait_for(self.read(reader, got, method, pause_s), TIMEOUT_S)
        except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError):
            pass
        if not got.whole or "close" in got.fields.get("connection", ""):
            writer.transport.abort()
            self.links.pop(port, None)
        return got

    @staticmethod
    async def read(reader, got, method, pause_s):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head[:-4].split("\r\n")
        got.fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        got.status = int(first.split(" ")[1])
        if method == "HEAD" or got.status in (204, 304):
            got.whole = True
            return
        pieces = []

        async def take(size):
            while size > 0:
                data = await reader.read(min(size, PIECE))
                if not data:
                    raise asyncio.IncompleteReadError(b"", size)
                pieces.append(data)
                size -= len(data)
                if pause_s:
                    await asyncio.sleep(pause_s)

        try:
            if got.fields.get("transfer-encoding") == "chunked":
                while size := int(await reader.readuntil(b"\r\n"), 16):
                    await take(size)
                    await reader.readexactly(2)
                await reader.readexactly(2)
            else:
                await take(int(got.fields["content-length"]))
            got.whole = True
        finally:
            got.body = b"".join(pieces)
