# SPDX-License-Identifier: Apache-2.0
"""A client of the appliance's control socket, written from docs/control-socket.md and from nothing else."""
import json
import socket
import struct

PROTOCOL = 1
LONGEST_FRAME = 1 << 20
TIMEOUT_S = 5


class Refused(Exception):
    """An answer with ok = false. code is the error's name."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['message']}")
        self.code = error["code"]


class Control:
    """One connection. ask() sends one request and waits for its answer."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(TIMEOUT_S)
        self.next_id = 1
        try:
            self.socket.connect(str(path))
            self.greeting = self._receive()
            self.ask("hello", protocol=PROTOCOL, client="lab-tests")
        except BaseException:
            self.socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def ask(self, operation, **members):
        request = {"id": self.next_id, "op": operation, **members}
        self.next_id += 1
        text = json.dumps(request).encode()
        self.socket.sendall(struct.pack(">I", len(text)) + text)
        answer = self._receive()
        assert answer["id"] == request["id"], answer
        if not answer["ok"]:
            raise Refused(answer["error"])
        return answer

    def calls(self, finished=False):
        """Every call, over as many pages as it takes."""
        found, page = [], self.ask("call.list", finished=finished)
        found += page["calls"]
        while "next" in page:
            page = self.ask("call.list", finished=finished, after=page["next"])
            found += page["calls"]
        return found

    def _receive(self):
        size, = struct.unpack(">I", self._exactly(4))
        assert size <= LONGEST_FRAME, f"a frame of {size} bytes"
        return json.loads(self._exactly(size))

    def _exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("the appliance closed its control socket")
            data += part
        return data
