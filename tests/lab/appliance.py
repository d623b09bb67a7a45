# SPDX-License-Identifier: Apache-2.0
"""The appliance in the lab, as tests drive it, and its books, which are held against captures at the end of every test.

For each port and each life of the dataplane: what came in by its own count is what the capture at the peer end of the
port saw arrive; all of it went out, went to the kernel, or was dropped by name; and what it sent is what the capture
saw leave. Nothing was allocated in the packet loop, and no ICMP error left.
"""
import dataclasses
import json
import subprocess
import time

import pytest
import wire
from conftest import PYTHON, ROOT
from control import Control

PHONES = ROOT / "tests" / "lab" / "phones.py"
HOLDFAST = ROOT / "build" / "control" / "holdfast"
READS = 4           # of the counters, of which one must have been taken while the wire was quiet
READ_EVERY_S = 0.06
QUIET_NS = 30_000_000
SETTLE_S = 3


@dataclasses.dataclass
class Read:
    """The counters, asked for and answered between two moments of the captures' clock."""
    began_ns: int
    ended_ns: int
    status: dict

    def ports(self):
        return {port["name"]: port for port in self.status["ports"]}


class Appliance:
    """One lab with captures running and, once start() is called, a dataplane. close() ends the captures and judges."""

    def __init__(self, box, directory, vlan=None, take="shared"):
        self.box, self.directory, self.take = box, directory, take
        one_armed = box.topology == "one-armed"
        first, last = int(box.MEDIA_FIRST_PORT), int(box.MEDIA_LAST_PORT)
        lan = wire.MediaRange((box.EDGE_LAN4, box.EDGE_LAN6), first, last, vlan)
        wan = wire.MediaRange((box.EDGE_WAN4, box.EDGE_WAN6), first, last)
        # port: (place of the peer end, the peer end, the port's MAC, where it takes media)
        self.ports = {"lan": ("access", "edge-lan", box.EDGE_LAN_MAC, lan)}
        if not one_armed:
            self.ports["wan"] = ("wan", "edge-wan", box.EDGE_WAN_MAC, wan)
        self.wan = "lan" if one_armed else "wan"  # the interface towards headquarters
        self.lives = []  # of the dataplane: (readings at its start, readings at its end)
        self.opening = None
        self.closed = False
        box.run("capture", "start", directory)

    # The process.

    def start(self, **options):
        """options: those of lab/appliance, a list for one that is given several times."""
        several = {key: value if isinstance(value, list) else [value] for key, value in options.items()}
        words = [word for key, values in several.items() for value in values for word in (f"--{key}", value)]
        self.box.run("appliance", "start", "dataplane", *words)
        self.opening = self.read_books()
        return self

    def stop(self):
        self.close_books()
        self.box.run("appliance", "stop", "dataplane")

    def kill(self, books=True):
        """kill -9. Without books, counts of this life die with it: for a death in the middle of traffic."""
        if books:
            self.close_books()
        self.opening = None
        self.box.run("appliance", "kill", "dataplane")

    # The control socket.

    def control(self):
        return Control(f"{self.box.LAB_STATE}/dataplane.sock")

    def ask(self, operation, **members):
        with self.control() as control:
            return control.ask(operation, **members)

    def status(self):
        return self.ask("status")

    def calls(self, finished=False):
        with self.control() as control:
            return control.calls(finished)

    def add_call(self, name, lan, wan):
        """Adds a call of two LegSpecs, each without its interface; gives the legs' reports."""
        legs = [{"interface": "lan", **lan}, {"interface": self.wan, **wan}]
        return self.ask("call.add", call=name, legs=legs)["legs"]

    def command(self, *words):
        """The operator's command, its --json answer."""
        command = [HOLDFAST, "--socket", f"{self.box.LAB_STATE}/dataplane.sock", *words, "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    # The books.

    def read_books(self):
        """Waits until the counters stand still, then reads them a few times: chatter of the kernels goes on."""
        deadline, last = time.monotonic() + SETTLE_S, None
        while time.monotonic() < deadline:
            counted = [(p["rx"], p["tx"]) for p in self.status()["ports"]]
            if counted == last:
                break
            last = counted
            time.sleep(0.1)
        reads = []
        for _ in range(READS):
            time.sleep(READ_EVERY_S)
            began_ns = time.time_ns()
            status = self.status()
            reads.append(Read(began_ns, time.time_ns(), status))
        return reads

    def close_books(self):
        if self.opening is not None:
            self.lives.append((self.opening, self.read_books()))
        self.opening = None

    def close(self):
        """Ends the captures, holds the books against them; gives the captures' directory. Once is enough."""
        if self.closed:
            return self.directory
        self.closed = True
        try:
            self.close_books()
        finally:
            stopped = self.box.run("capture", "stop", self.directory, check=False)
        assert stopped.returncode == 0, stopped.stderr
        for name, (_, peer, mac, media) in self.ports.items():
            captured = wire.frames(self.directory / f"{peer}.pcap")
            errors = [f for f in captured if f.source == mac and f.is_unreachable()]
            assert not errors, f"{name}: {len(errors)} ICMP errors left the appliance"
            if self.take == "shared":  # the rest is between the kernel and its peers
                captured = [f for f in captured if media.takes(f) or media.sent(f)]
            for opening, closing in self.lives:
                self._judge(name, mac, captured, opening, closing)
        for _, closing in self.lives:
            for lcore in closing[-1].status["lcores"]:
                assert lcore["heap_allocated_bytes"] == 0, lcore
        return self.directory

    def _judge(self, name, mac, captured, opening, closing):
        first, last = quiet_read(opening, captured), quiet_read(closing, captured)
        assert first and last, f"{name}: no reading of the counters fell into a quiet moment"
        before, port = first.ports()[name], last.ports()[name]
        assert port["rx"] == port["relayed"] + port["to_kernel"] + sum(port["drops"].values()), port
        assert port["take"] == self.take, port
        between = [f for f in captured if first.began_ns < f.time_ns < last.began_ns]
        left = sum(1 for f in between if f.source == mac)
        came = len(between) - left
        assert (port["rx"] - before["rx"], port["tx"] - before["tx"]) == (came, left), \
            f"{name}: the wire saw {came} come and {left} leave: {before} {port}"


def quiet_read(reads, frames):
    """The last of the readings at which nothing was on its way, or None."""
    for read in reversed(reads):
        if not any(read.began_ns - QUIET_NS < f.time_ns < read.ended_ns for f in frames):
            return read
    return None


@pytest.fixture(name="appliance")
def appliance_fixture(lab, tmp_path):
    """appliance(topology=..., take=..., vlan=...) raises the lab, captures and starts the appliance (start=False: not
    yet). When the test is over its books are judged, if the test has not closed them itself."""
    made = []

    def up(start=True, **options):
        box = lab(**options)
        made.append(Appliance(box, tmp_path / "wires", options.get("vlan"), options.get("take", "shared")))
        return made[-1].start() if start else made[-1]

    yield up
    for one in made:
        one.close()


class Crowd:
    """Phones of one place that speak for some seconds (phones.py); wait() until they have finished."""

    def __init__(self, box, place, phones, seconds, linger_s=0.5):
        plan = json.dumps({"seconds": seconds, "linger_s": linger_s, "phones": phones})
        self.timeout_s = seconds + linger_s + 20
        self.process = box.popen(place, PYTHON, PHONES, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._tell(plan)
        assert self.process.stdout.readline() == "ready\n", "the phones did not come up"

    def _tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def seal(self, ssrc, srtp):
        """The phone with that SSRC protects with another key from its next packet on."""
        self._tell(json.dumps({"ssrc": ssrc, "srtp": srtp}))

    def end(self):
        """Before its time."""
        self.process.terminate()
        self.wait()

    def wait(self):
        assert self.process.wait(timeout=self.timeout_s) == 0, "the phones failed"
        self.process.stdin.close()
        self.process.stdout.close()


def host_port(text):
    """("198.18.1.2", 20000) of "198.18.1.2:20000", and of IPv6 in brackets."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def to_text(end):
    """The other way round."""
    return f"[{end[0]}]:{end[1]}" if ":" in end[0] else f"{end[0]}:{end[1]}"
