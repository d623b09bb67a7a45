# SPDX-License-Identifier: Apache-2.0
"""A branch with its appliance, centre, phones and gateway, and what the captures at the peer ends say of its calls.

The appliance's own words are read for one purpose: to hold its reports against the captures.
"""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest
import reported
import signalling
import truth
import wire
from conftest import ROOT
from office import Office

HOLDFAST = ROOT / "build" / "control" / "holdfast"
HOLDFASTD = pathlib.Path(os.environ.get("HF_HOLDFASTD", ROOT / "build" / "control" / "holdfastd"))
SNAP = 4000  # signalling is read from the captures too
# In CI the way back is shortened: the promises are about the way into survival, whose timers are left alone.
SOON = {"centre.hold-down-ms": 2000, "centre.probe-down-ms": 500, "sip.survival-expiry-min-s": 10,
        "sip.survival-expiry-max-s": 12}
EXPIRES_S = 10  # of phones: what a drill waits for them to register again
GATEWAY = "gateway"
ONLINE_WITHIN_S = 30
HEARD_WITHIN_S = 20
LEAVES_WITHIN_NS = 100_000_000


class Branch(Office):
    """The lab with appliance and centre running; phones come by phone()."""

    def __init__(self, kind, topology="inline", centre=(), appliance=(), settings=None, **options):
        if not HOLDFASTD.exists():
            pytest.skip("holdfastd is not built")
        super().__init__(topology=topology, **options)
        self.kind, self.topology = kind, topology
        self.appliance_words = list(appliance)
        for name, value in (SOON if settings is None else settings).items():
            self.appliance_words += ["--set", f"{name}={value}"]
        try:
            self.centre("start", kind, *centre)
            self.appliance("start", *self.appliance_words)
            wait_until(lambda: self.say("upstreams")["state"] == "online", ONLINE_WITHIN_S, "the centre is not found")
        except BaseException:
            self.close()
            raise

    def appliance(self, *words):
        return self.box.run("appliance", *words)

    def restart(self, daemon):
        """A killed daemon is started again; gives the moment of the command."""
        began_ns = time.time_ns()
        self.appliance("start", daemon, *self.appliance_words)
        return began_ns

    def say(self, *words):
        """The operator's command, its --json answer."""
        return json.loads(self.operate(*words, "--json"))

    def operate(self, *words):
        """The operator's command, what it prints."""
        command = [HOLDFAST, "--socket", f"{self.box.LAB_STATE}/dataplane.sock",
                   "--daemon-socket", f"{self.box.LAB_STATE}/holdfastd.sock", *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def log(self):
        with open(f"{self.box.LAB_STATE}/holdfastd.log", encoding="utf-8") as file:
            return file.read()

    def counter(self, name):
        return self.say("status")["holdfastd"]["counters"].get(name, 0)

    def reload(self):
        """Has holdfastd read its certificates again."""
        mark = self.log().count("read again")
        os.kill(self.box.pid("holdfastd"), signal.SIGHUP)
        wait_until(lambda: self.log().count("read again") > mark, 5, "the certificates are not read again")

    def knows(self, *users):
        """Whether it has a binding of each that is alive."""
        known = {row["aor"].removeprefix("sip:").split("@")[0] for row in self.say("registrations")["registrations"]}
        return known >= set(users)

    def branch_phone(self, user, **options):
        return self.phone(user, **{"expires": EXPIRES_S, **options})

    def wires(self, directory):
        return Wires(self, directory)

    def record(self, directory):
        """Captures at the peer ends while the block runs."""
        return self.box.capture(directory, snap=SNAP)


class Wires:
    """Captures at the peer ends, read when asked for."""

    def __init__(self, branch, directory):
        self.branch, self.box, self.directory = branch, branch.box, directory
        one_armed = branch.topology == "one-armed"
        self.lan_own = (self.box.EDGE_LAN4, self.box.EDGE_LAN6)
        self.wan_own = self.lan_own if one_armed else (self.box.EDGE_WAN4, self.box.EDGE_WAN6)
        self.ports = {"edge-lan": self.lan_own}
        if not one_armed:
            self.ports["edge-wan"] = self.wan_own
        self._media, self._signalling = {}, {}

    def media(self, point):
        if point not in self._media:
            self._media[point] = truth.packets(self.directory / f"{point}.pcap")
        return self._media[point]

    def sip(self, point):
        if point not in self._signalling:
            self._signalling[point] = signalling.messages(self.directory / f"{point}.pcap")
        return self._signalling[point]

    def entered(self, between=None):
        """RTP that came in at the appliance's ports; between: (from_ns, to_ns)."""
        found = [p for point, own in self.ports.items() for p in truth.towards(self.media(point), *own)]
        return [p for p in found if not p.rtcp and (between is None or between[0] < p.time_ns < between[1])]

    def left(self):
        """RTP that the appliance sent."""
        return [p for point, own in self.ports.items() for p in truth.coming_from(self.media(point), *own)
                if not p.rtcp]

    def lost_by_us(self, between):
        """RTP that came in between two moments and never went out. It must have come in for that to say anything. What came
        in just before the second may be there yet when the call is hung up then."""
        began_ns, ended_ns = between
        entered = self.entered((began_ns, ended_ns - LEAVES_WITHIN_NS))
        assert entered, "no media came in"
        return truth.matched(entered, self.left()).missing

    def streams_told_right(self, **called):
        """`holdfast report loss` against the captures: every stream that came in is told to the packet. Gives them.
        called: by what other name a phone was called, gateway="95551234"."""
        own = {*self.lan_own, *self.wan_own}
        ended = reported.ends([m for point in self.ports for m in self.sip(point)], own)
        users = {phone.address: called.get(user, user) for user, phone in self.branch.phones.items()}
        told = reported.compare(self.branch.say("report", "loss"), self.entered(), ended, users, own)
        wrong = [t for t in told if not t.equal]
        assert not wrong, wrong
        return told

    def only_anchored(self):
        """Asserts that no phone's media went past the appliance, and that no ICMP error left it."""
        own = {*self.lan_own, *self.wan_own}
        past = [p for p in self.media("phone0") if not {p.src[0], p.dst[0]} & own]
        assert not past, f"{len(past)} packets went past the appliance, the first {past[0]}"
        macs = {self.box.EDGE_LAN_MAC, self.box.EDGE_WAN_MAC}
        for point in self.ports:
            frames = wire.frames(self.directory / f"{point}.pcap")
            assert not [f for f in frames if f.source in macs and f.is_unreachable()], point

    def rtp_of(self, point, *addresses):
        """RTP and RTCP at a point that one of the addresses sent or was to get."""
        return [p for p in self.media(point) if {p.src[0], p.dst[0]} & set(addresses)]

    def seconds_to_ring(self, caller, callee):
        """From a caller's first INVITE for that user, until it hears that it rings or is answered; None: never."""
        calls = signalling.requests(self.sip("phone0"), "INVITE", from_user=caller, to_user=callee, in_dialog=False)
        calls = [m for m in calls if m.dst[0] in self.lan_own]
        assert calls, f"{caller} did not call {callee}"
        rings = [m for m in signalling.answers(self.sip("phone0"), "INVITE", call_id=calls[0].call_id)
                 if 180 <= m.status < 300 and m.src[0] in self.lan_own]
        return (rings[0].time_ns - calls[0].time_ns) / 1e9 if rings else None

    def asked_centre(self, method, after_ns=0, **members):
        """Requests of the appliance that reached headquarters."""
        return [m for m in signalling.requests(self.sip("hq0"), method, **members)
                if m.src[0] in self.wan_own and m.time_ns > after_ns]

    def centre_answered(self, method, status, after_ns=0, **members):
        """Answers of the centre that left headquarters for the appliance."""
        return [m for m in signalling.answers(self.sip("hq0"), method, status, **members)
                if m.dst[0] in self.wan_own and m.time_ns > after_ns]


def both_heard(first, second, seconds):
    """Each of two phones heard the other for that long in one piece of recording."""
    for phone, other in ((first, second), (second, first)):
        got = phone.heard(other.user)
        assert got >= seconds, f"{phone.user} heard {other.user} for {got:.1f} s of {seconds}"


def hear_each_other(first, second, seconds):
    """Waits until each of two phones that talk has heard the other for that long."""
    wait_until(lambda: all(phone.heard(other.user) >= seconds for phone, other in ((first, second), (second, first))),
               HEARD_WITHIN_S, f"{first.user} and {second.user} do not hear each other")


def wait_until(condition, timeout_s, what):
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)
