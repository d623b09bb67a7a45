# SPDX-License-Identifier: Apache-2.0
"""Drives the traffic program: a command a line in, a JSON object a line back."""
import json
import pathlib
import select
import subprocess
import time

import books
import machine

PROGRAM = pathlib.Path("build/bench/relay/holdfast-relay-peer")
CPU = 1
START_SECONDS = 15
WARMINGS, WARM_S, WARM_PAUSE_S = 8, 5, 0.2
GRACE_SECONDS = 10  # beyond the time that a command asks for


class Peer:
    def __init__(self, folder, calls, reflect, huge, driver="vhost", places=None, before=(), more=()):
        """`places`: the socket or network device of lan and wan, files of the folder unless given; `before`: words in
        front of the command, `ip netns exec NAME` for instance; `more`: options behind it."""
        lan, wan = places or (folder / "lan.sock", folder / "wan.sock")
        words = [*before, PROGRAM, "--lan", lan, "--wan", wan, "--calls", calls, "--cpu", CPU, "--driver", driver]
        words += more
        words += ["--reflect"] if reflect else []
        words += ["--huge-pages"] if huge else []
        self.log = folder / "peer.log"
        with self.log.open("w") as log:
            self.process = machine.start(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self._read(GRACE_SECONDS)

    def ask(self, verb, seconds, *more):
        self.process.stdin.write(" ".join(map(str, (verb, seconds, *more))) + "\n")
        self.process.stdin.flush()
        answer = self._read(seconds + GRACE_SECONDS)
        if "error" in answer:
            raise RuntimeError(f"{verb}: {answer['error']}")
        return answer

    def join(self, name):
        """Waits for a device's ports, and sends it the first frames of each stream until they come back."""
        if not self.ask("wait", START_SECONDS)["links"]:
            raise RuntimeError(f"{name} did not connect to the vhost-user sockets")
        for _ in range(WARMINGS):  # it may begin a moment after its ports are there
            sides = self.ask("warm", WARM_S)["sides"]
            if all(sides[a]["good"] == sides[b]["returned"] for a, b in (books.SIDES, books.SIDES[::-1])):
                return
            time.sleep(WARM_PAUSE_S)
        raise RuntimeError(f"{name}: frames of the first seconds do not come back: {sides}")

    def _read(self, seconds):
        """DPDK's libraries may print lines of their own; ours are objects."""
        while select.select([self.process.stdout], [], [], seconds)[0]:
            line = self.process.stdout.readline()
            if not line:
                break
            if line.startswith("{"):
                return json.loads(line)
        raise RuntimeError("the traffic program does not answer: " + self.log.read_text()[-400:])

    def stop(self):
        machine.stop(self.process)
