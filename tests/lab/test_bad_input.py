# SPDX-License-Identifier: Apache-2.0
"""Frames wrong on purpose: each ends in its own named drop, nothing of it leaves, calls beside lose nothing."""
import subprocess
import time

import pytest
import truth
import wire
from appliance import Crowd, host_port, to_text
from bad_frames import KERNEL, Attacker, rtp
from conftest import PYTHON, ROOT

PLAY = ROOT / "tests" / "lab" / "play.py"
TIMES = 3
RATE = 5000
FLOOD = 3000
COUNTED_WITHIN_S = 2


class Player:
    """Puts frames on the appliance's LAN wire."""

    def __init__(self, box):
        self.process = box.popen("access", PYTHON, PLAY, "edge-lan", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 text=True)

    def send(self, frame, times=TIMES):
        self.process.stdin.write(f"{times} {RATE} {frame.hex()}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "sent\n", "the interface refuses the frame"

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        assert self.process.wait(timeout=5) == 0


def lan_port(edge):
    return next(port for port in edge.status()["ports"] if port["name"] == "lan")


def leg_drops(edge, number):
    return next(leg["drops"] for call in edge.calls() for leg in call["legs"] if leg["leg"] == number)


def drops_of(edge, total, before=None):
    """What the LAN port has dropped since, by name: once it is so many, or will not be."""
    deadline, found = time.monotonic() + COUNTED_WITHIN_S, {}
    while time.monotonic() < deadline and sum(found.values()) < total:
        time.sleep(0.05)
        found = gained(lan_port(edge)["drops"], before or {})
    return found


def gained(after, before):
    return {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}


def source_of(frame):
    _, source, _, datagram = frame.ip()
    return source, int.from_bytes(datagram[:2], "big")


class Bench:
    """A call to attack, and one beside it that talks all the while."""

    def __init__(self, edge, seconds):
        self.edge, self.seconds, box = edge, seconds, edge.box
        self.phone, self.far = (box.phone4(11), 4000), (box.CENTRE4, 31000)
        self.phone6, self.far6 = (box.phone6(11), 4000), (box.CENTRE6, 31100)
        ends = {"beside": ((box.phone4(10), 4000), (box.CENTRE4, 30000)), "target": (self.phone, self.far),
                "target6": (self.phone6, self.far6)}
        self.legs = {name: edge.add_call(name, *({"remote": to_text(end)} for end in pair))
                     for name, pair in ends.items()}
        self.crowds = [Crowd(box, place, [
            {"source": ends["beside"][side], "to": host_port(self.legs["beside"][side]["local"]), "ssrc": 1 + side}],
            seconds) for side, place in enumerate(("branch", "hq"))]
        self.player = Player(box)
        self.attacker = Attacker(box.PHONE_MAC, box.EDGE_LAN_MAC, self.phone, self.local("target"), self.phone6,
                                 self.local("target6"))

    def local(self, call, side=0):
        return host_port(self.legs[call][side]["local"])

    def lock(self):
        """One good packet each: the legs know their sources now, and the far ends get these two."""
        for frame in (self.attacker.ip4(rtp()), self.attacker.ip6(rtp())):
            self.player.send(frame, times=1)

    def expect(self, case):
        """Sends a case; its drops, and no others, must have grown by what was sent."""
        wanted = getattr(case, self.edge.take)
        leg = self.legs["target6" if case.frame[12:14] == b"\x86\xdd" else "target"][0]["leg"]
        before, leg_before = lan_port(self.edge)["drops"], leg_drops(self.edge, leg)
        self.player.send(case.frame)
        expected = {} if wanted == KERNEL else {wanted: TIMES}
        deadline, seen = time.monotonic() + COUNTED_WITHIN_S, None
        while time.monotonic() < deadline:
            seen = gained(lan_port(self.edge)["drops"], before)
            if seen == expected and (expected or time.monotonic() > deadline - COUNTED_WITHIN_S + 0.05):
                break
            time.sleep(0.005)
        of_leg = gained(leg_drops(self.edge, leg), leg_before)
        if seen != expected or of_leg != (expected if case.of_leg else {}):
            return f"{case.name}: port {seen}, leg {of_leg}; wanted {expected}"
        return None

    def close(self, good):
        """All has been sent, of which `good` frames were to be relayed. What left is these, and the call beside."""
        self.player.close()
        for crowd in self.crowds:
            crowd.wait()
        reports = {call["call"]: call["legs"] for call in self.edge.calls()}
        wires = self.edge.close()
        packets = {name: truth.packets(wires / f"{peer}.pcap") for name, (_, peer, _, _) in self.edge.ports.items()}
        for side, (came_at, went_at) in enumerate((("lan", "wan"), ("wan", "lan"))):
            came = [p for p in packets[came_at] if p.dst == self.local("beside", side)]
            went = [p for p in packets[went_at] if p.src == self.local("beside", 1 - side)]
            through = truth.matched(came, went)
            assert through.entered == through.left == self.seconds * 50 and not through.missing
            assert [s["lost"] for s in reports["beside"][side]["streams"]] == [0]
        leaked = {}
        beside = {self.local("beside", side) for side in (0, 1)}
        for name, (_, peer, mac, media) in self.edge.ports.items():
            left = [f for f in wire.frames(wires / f"{peer}.pcap") if f.source == mac and media.sent(f)]
            leaked[name] = sum(1 for f in left if source_of(f) not in beside)
        assert leaked == {"lan": 0, "wan": good}


@pytest.mark.parametrize("take", ["shared", "owned"])
def test_each_bad_frame_ends_in_its_named_drop(appliance, take):
    edge = appliance(take=take)
    bench = Bench(edge, seconds=6)
    bench.lock()
    attacker = bench.attacker
    wrong = [bench.expect(case) for case in attacker.frames() + attacker.datagrams() + attacker.strangers()]
    before = lan_port(edge)["drops"]
    bench.player.send(attacker.ip4(rtp(), port=29000), times=FLOOD)
    flooded = drops_of(edge, FLOOD, before)
    assert not [w for w in wrong if w]
    assert flooded == {"no_leg": FLOOD}
    bench.close(good=2)


@pytest.mark.parametrize("take", ["shared", "owned"])
def test_fragments_into_the_media_range_are_dropped_by_name(appliance, take):
    edge = appliance(take=take)
    bench = Bench(edge, seconds=2)
    bench.lock()
    wrong = [bench.expect(case) for case in bench.attacker.fragments()]
    assert not [w for w in wrong if w]
    bench.close(good=2)


@pytest.mark.parametrize("take", ["shared", "owned"])
def test_only_frames_of_the_voice_vlan_are_taken(appliance, take):
    """802.1Q 9.6: the tag names the network; the same datagram on another one is not the call's."""
    edge = appliance(take=take, vlan=100)
    box, player = edge.box, Player(edge.box)
    phone, far = (box.phone4(11), 4000), (box.CENTRE4, 31000)
    legs = edge.add_call("tagged", {"remote": to_text(phone)}, {"remote": to_text(far)})
    listener = Crowd(box, "hq", [{"source": far, "to": (box.EDGE_WAN4, 29000), "ssrc": 1}], 0, linger_s=1)
    attacker = Attacker(box.PHONE_MAC, box.EDGE_LAN_MAC, phone, host_port(legs[0]["local"]), None, None)
    plain = attacker.ip4(rtp())

    def tagged(tag):
        return plain[:12] + b"\x81\x00" + tag.to_bytes(2, "big") + plain[12:]

    for frame in (plain, tagged(200), tagged(0xE000), tagged(0xE000 | 101)):
        player.send(frame)
    for tag in (100, 0xE000 | 100, 0x1000 | 100):  # whatever its priority
        player.send(tagged(tag), times=1)
    listener.wait()
    player.close()
    assert lan_port(edge)["drops"] == ({"wrong_vlan": 4 * TIMES} if take == "owned" else {})
    assert edge.calls()[0]["legs"][1]["tx"]["packets"] == 3
    edge.close()


def test_what_cannot_leave_is_named(appliance):
    """Valid media for which there is no way out: nobody to send to, no neighbour, too long for the way."""
    edge = appliance(take="shared")
    box, player = edge.box, Player(edge.box)
    phone, far6 = (box.phone4(11), 4000), (box.CENTRE6, 31000)
    remote = {"remote": to_text(phone)}
    calls = {
        "no_remote": (edge.add_call("nobody", remote, {}), rtp()),
        "too_big": (edge.add_call("longer-header", remote, {"remote": to_text(far6)}), rtp(payload=bytes(1460))),
        "no_next_hop": (edge.ask("call.add", call="no-neighbour", legs=[
            {"interface": "lan", **remote}, {"interface": "lan", "remote": f"{box.PHONE_NET4}.99:4000"}])["legs"],
                        rtp()),
    }
    for legs, datagram in calls.values():
        frame = Attacker(box.PHONE_MAC, box.EDGE_LAN_MAC, phone, host_port(legs[0]["local"]), None, None).ip4(datagram)
        player.send(frame)
    player.close()
    assert drops_of(edge, TIMES * len(calls)) == {reason: TIMES for reason in calls}
    for reason, (legs, _) in calls.items():
        assert leg_drops(edge, legs[0]["leg"]) == {reason: TIMES}
    wires = edge.close()
    for _, peer, mac, media in edge.ports.values():
        assert not [f for f in wire.frames(wires / f"{peer}.pcap") if f.source == mac and media.sent(f)]


def test_a_leg_learns_from_valid_media_only(appliance):
    """RFC 4961: a leg without a signalled remote locks to the first who sends it RTP, not to who knocks with less."""
    edge = appliance(take="owned")
    box, player = edge.box, Player(edge.box)
    phone, far, stranger = (box.phone4(11), 4000), (box.CENTRE4, 31000), (box.phone4(12), 5000)
    legs = edge.add_call("learned", {}, {"remote": to_text(far)})
    attacker = Attacker(box.PHONE_MAC, box.EDGE_LAN_MAC, phone, host_port(legs[0]["local"]), None, None)
    for datagram in (rtp(0x8F, b""), rtp(0xC0), b"", bytes(20)):
        player.send(attacker.ip4(datagram, source=stranger), times=1)
    for seq in range(5):
        player.send(attacker.ip4(rtp(seq=seq)), times=1)
    player.send(attacker.ip4(rtp(seq=100), source=stranger))
    player.close()
    drops_of(edge, 4 + TIMES)
    leg = edge.calls()[0]["legs"][0]
    assert leg["learned_source"] == to_text(phone)
    assert leg["drops"] == {"rtp_csrc_past_end": 1, "unknown_payload": 2, "stun": 1, "wrong_source": TIMES}
    wires = edge.close()
    went = truth.coming_from(truth.packets(wires / "edge-wan.pcap"), *edge.ports["wan"][3].addresses)
    assert [p.seq for p in went] == list(range(5))
