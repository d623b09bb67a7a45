# SPDX-License-Identifier: Apache-2.0
"""Where it is measured: a branch with the proxy and the phones, a centre with the origin, and a link of 50 Mbit/s
between them, each in a network namespace of its own."""
import contextlib
import json
import pathlib
import random
import subprocess
import sys
import time

import machine

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parents[1] / "build"
LINK, LOAD = BUILD / "lab/hf-link", BUILD / "bench/provision/holdfast-provision-load"
BRANCH, CENTRE, ORIGIN_PORT = "198.18.61.1", "198.18.61.2", 8080
MACS = {BRANCH: "02:00:00:00:3d:01", CENTRE: "02:00:00:00:3d:02"}
RATE = "50mbit"
SERVER_CPU, OTHER_CPU = 0, 1
SMALL_FILES, SMALL_BYTES, BIG_BYTES = 100, 2048, 10 << 20
START_S = 10


def pinned(cpu, words):
    return ["taskset", "-c", cpu, *words]


def text_of(name, size):
    """A file as phones have them, another one for each name."""
    lines = [f'<?xml version="1.0" encoding="UTF-8"?>\n<settings name="{name}">\n']
    while sum(map(len, lines)) < size - 100:
        lines.append(f'  <item reg.{len(lines)}.label="{name}" reg.{len(lines)}.server="sip.example"/>\n')
    text = "".join(lines)
    return (text + " " * (size - len(text) - len("</settings>\n")) + "</settings>\n").encode()


def write_files(folder):
    folder.mkdir()
    for kind in ("hit-", "plain-"):
        for i in range(SMALL_FILES):
            name = f"{kind}{i:03}.cfg"
            (folder / name).write_bytes(text_of(name, SMALL_BYTES))
    for name in ("stale-a.cfg", "stale-b.cfg"):
        (folder / name).write_bytes(text_of(name, SMALL_BYTES))
    (folder / "big-image.ld").write_bytes(random.Random(1).randbytes(BIG_BYTES))


class Place:
    """`folder` is for all that is written; `branch` and `centre` stand before commands that run there."""

    def __init__(self, folder, branch, wire, centre):
        self.folder, self.files = folder, folder / "files"
        self.branch, self.centre = (["ip", "netns", "exec", name] for name in (branch, centre))
        self._names, self._wire = (branch, wire, centre), wire
        self._processes = []
        self._origin = None
        write_files(self.files)

    def __enter__(self):
        try:
            self._lay_link()
            self.start_origin()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self._processes):
            machine.stop(process)

    def _lay_link(self):
        branch, wire, centre = self._names
        for end, far, name, address, other in (("branch0", "wan0", branch, BRANCH, CENTRE),
                                               ("centre0", "lan0", centre, CENTRE, BRANCH)):
            machine.ip("-n", wire, "link", "add", "name", end, "type", "veth", "peer", "name", far, "address",
                       MACS[address], "netns", name)
            machine.ip("-n", wire, "link", "set", end, "up")
            machine.ip("-n", name, "addr", "add", f"{address}/24", "dev", far)
            machine.ip("-n", name, "link", "set", far, "up")
            # A branch's next hop is its router, which is still there when the WAN is cut: no error tells of it.
            machine.ip("-n", name, "neigh", "add", other, "lladdr", MACS[other], "dev", far, "nud", "permanent")
            # The link takes whole frames with whole checksums.
            subprocess.run(("ip", "netns", "exec", name, "ethtool", "-K", far, "tx", "off", "tso", "off", "gso", "off",
                            "gro", "off"), check=True, capture_output=True)
        self._control = self.folder / "link.sock"
        self._start(["ip", "netns", "exec", wire, LINK, "--a", "branch0", "--b", "centre0", "--control", self._control,
                     "--a-to-b", f"rate={RATE}", "--b-to-a", f"rate={RATE}"])

    def _start(self, words):
        process = machine.start(pinned(OTHER_CPU, words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL)
        self._processes.append(process)
        return process

    def start_origin(self):
        """Waits until it answers."""
        self._sent = self.folder / "sent"
        with self._sent.open("w") as sent, (self.folder / "origin.log").open("w") as log:
            self._origin = machine.start(
                pinned(OTHER_CPU, [*self.centre, sys.executable, HERE / "origin.py", self.files, CENTRE, ORIGIN_PORT]),
                stdin=subprocess.DEVNULL, stdout=sent, stderr=log)
        self._processes.append(self._origin)
        wait_for_answer(self, CENTRE, ORIGIN_PORT, lambda: self._origin.poll() is None)

    def bodies_sent(self, name):
        return self._sent.read_text().split().count(name)

    # ---- what can happen to the centre

    def hang(self):
        """It takes connections and says nothing."""
        self._origin.send_signal(10)  # SIGUSR1
        time.sleep(0.1)

    def refuse(self):
        """Nobody listens."""
        machine.stop(self._origin)

    def cut(self):
        """No packet passes."""
        subprocess.run((LINK, "--control", self._control, "--ask", "set", "both", "cut=on"), check=True,
                       capture_output=True)

    # ---- phones

    def begin_load(self, *words):
        words = (*pinned(OTHER_CPU, self.branch), LOAD, "--files", self.files, *words)
        process = machine.start(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self._processes.append(process)
        return process

    def begin_get(self, name, address, port, connections=1, patience=60):
        """`name`: how it begins. One request on each connection."""
        return self.begin_load("--prefix", name, "--address", address, "--port", port, "--connections", connections,
                               "--patience", patience)

    def result(self, process, limit_s=300):
        """What the load program found."""
        try:
            out, errors = process.communicate(timeout=limit_s)
        finally:
            machine.stop(process)
            self._processes.remove(process)
        if process.returncode:
            raise RuntimeError("the load program: " + " ".join(errors.split())[-300:])
        return json.loads(out)

    def load(self, *words):
        return self.result(self.begin_load(*words))

    def get(self, name, address, port, connections=1, patience=60):
        return self.result(self.begin_get(name, address, port, connections, patience), patience + 30)


def wait_for_answer(place, address, port, alive):
    end = time.monotonic() + START_S
    while time.monotonic() < end and alive():
        if place.get("stale-a", address, port, patience=1)["answers"] == 1:
            return
        time.sleep(0.05)
    raise RuntimeError(f"nobody answers at {address}:{port}")


@contextlib.contextmanager
def new_place(part=""):
    """`part` tells several apart that are there at the same time."""
    with machine.namespace(f"branch{part}") as branch, machine.namespace(f"wire{part}") as wire, \
            machine.namespace(f"centre{part}") as centre, machine.work_folder() as folder, \
            Place(folder, branch, wire, centre) as place:
        yield place
