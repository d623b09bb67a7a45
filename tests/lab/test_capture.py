# SPDX-License-Identifier: Apache-2.0
"""holdfast capture: what it writes is, frame by frame, what the wire at the port saw of that call, and of no other."""
import json
import statistics
import subprocess
import time

import pytest
import truth
import wire
from appliance import HOLDFAST, Crowd, host_port, to_text
from control import Control, Refused

SECONDS = 2
NEAR_NS = 50_000_000  # between our time of a frame and the wire's, in the middle: both ends may be put to sleep
STRANGERS_SSRC = 0xBAD


class Capture:
    """One run of the command; end() gives its summary."""

    def __init__(self, box, file, *words):
        self.process = subprocess.Popen(
            [HOLDFAST, "--socket", f"{box.LAB_STATE}/dataplane.sock", "capture", "-w", file, "--json", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.said = self.process.stderr.readline()
        assert "capturing leg" in self.said, self.said

    def end(self, timeout_s=10):
        out, said = self.process.communicate(timeout=timeout_s)
        assert self.process.returncode == 0, said
        return json.loads(out)


def refusal(box, *words, status=1):
    done = subprocess.run([HOLDFAST, "--socket", f"{box.LAB_STATE}/dataplane.sock", "--daemon-socket", "/nonexistent",
                           "capture", *words], capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == status, done
    return done.stderr


def two_calls(edge):
    """a and b, each between a phone and headquarters, and a stranger who talks into a: {name: legs}, and who is to
    speak where."""
    box, legs, plans = edge.box, {}, {"branch": [], "hq": []}
    for number, name in enumerate("ab"):
        ends = (box.phone4(10 + number), 4000), (f"{box.HQ_NET4}.{10 + number}", 30000)
        legs[name] = edge.add_call(name, *({"remote": to_text(end), "learn": "strict"} for end in ends))
        for place, end, leg in zip(plans, ends, legs[name]):
            plans[place].append({"source": end, "to": host_port(leg["local"]), "rtcp_to": host_port(leg["local_rtcp"]),
                                 "ssrc": 1 + len(plans["branch"]) + 16 * len(plans["hq"])})
    plans["branch"].append({"source": (box.phone4(12), 4000), "to": host_port(legs["a"][0]["local"]),
                            "ssrc": STRANGERS_SSRC})
    return legs, plans


def speak(box, plans):
    return [Crowd(box, place, plan, SECONDS) for place, plan in plans.items()]


def on_wire(edge, wires, leg):
    """([frames that came for a leg], [that left by it]) in the capture at the port's peer end."""
    _, peer, _, _ = edge.ports[leg["interface"]]
    ours = {host_port(leg["local"]), host_port(leg["local_rtcp"])}
    came, left = [], []
    for frame in wire.frames(wires / f"{peer}.pcap"):
        found = frame.ip()
        if found is None or found[0] != wire.UDP:
            continue
        source, to = (int.from_bytes(found[3][at:at + 2], "big") for at in (0, 2))
        if (found[2], to) in ours:
            came.append(frame)
        elif (found[1], source) in ours:
            left.append(frame)
    return came, left


def judged_by_tshark(file, legs):
    """{(leg, direction): how many}: tshark reads interface and direction out of pcapng."""
    rows = truth.tshark(file, "-T", "fields", "-e", "frame.interface_name", "-e", "frame.interface_description", "-e",
                        "frame.packet_flags_direction").splitlines()
    counted = {}
    for row in rows:
        name, description, direction = row.split("\t")
        leg, = (one for one in legs if description.startswith(f"leg {one['leg']} of call a, "))
        assert name == leg["interface"]
        way = {1: "in", 2: "out"}[int(direction, 0)]
        counted[leg["leg"], way] = counted.get((leg["leg"], way), 0) + 1
    return counted


def key(frame):
    return frame.size, frame.data


def test_the_file_equals_the_wire(appliance, tmp_path):
    """Both legs of a call as pcapng; nothing of its neighbour is in it."""
    edge = appliance(take="owned", vlan=100)
    box = edge.box
    legs, plans = two_calls(edge)
    capture = Capture(box, tmp_path / "call.pcapng", "--call", "a")
    with edge.control() as other, pytest.raises(Refused, match="capture_busy: another capture is under way, of call a"):
        other.ask("capture.start", calls=["b"])
    for crowd in speak(box, plans):
        crowd.wait()
    drops = edge.ask("call.delete", call="a")["legs"][0]["drops"]
    summary = capture.end()
    edge.ask("call.delete", call="b")
    wires = edge.close()

    assert summary["ended"] == "call ended" and summary["missed"] == summary["refused"] == 0
    seen = {leg["leg"]: on_wire(edge, wires, leg) for leg in legs["a"]}
    assert judged_by_tshark(tmp_path / "call.pcapng", legs["a"]) == {
        (leg, way): len(frames) for leg, ways in seen.items() for way, frames in zip(("in", "out"), ways)}
    assert summary["frames"] == sum(len(frames) for ways in seen.values() for frames in ways)
    # tshark makes a plain file of it, in the order of ours: every byte is that of the wire.
    truth.tshark(tmp_path / "call.pcapng", "-F", "pcap", "-w", str(tmp_path / "call.pcap"))
    ours = wire.frames(tmp_path / "call.pcap")
    theirs = [frame for ways in seen.values() for frames in ways for frame in frames]
    assert sorted(map(key, ours)) == sorted(map(key, theirs))
    assert {frame.vlan for frame in ours} == {None, 100}, "the port's tag is on the frames of the LAN"
    at = {key(frame): frame.time_ns for frame in theirs}
    assert statistics.median(abs(frame.time_ns - at[key(frame)]) for frame in ours) < NEAR_NS
    assert [frame.time_ns for frame in ours] == sorted(frame.time_ns for frame in ours)
    # The stranger's packets are there as they came, though none of them was let through.
    strangers = [p for p in truth.packets(tmp_path / "call.pcapng") if p.ssrc == STRANGERS_SSRC]
    assert len(strangers) == drops["wrong_source"] > 50


def test_bounds_and_errors(appliance, tmp_path):
    """Ends by count, time and signal; says in a line what cannot be, and leaves the dataplane free for the next."""
    edge = appliance()
    box = edge.box
    legs, plans = two_calls(edge)
    crowds = speak(box, plans)
    lan = str(legs["a"][0]["leg"])
    summary = Capture(box, tmp_path / "some.pcap", "--leg", lan, "--packets", "20", "--snap", "64").end()
    frames = wire.frames(tmp_path / "some.pcap")
    assert summary["ended"] == "packets" and len(frames) == summary["frames"] == 20
    assert {len(frame.data) for frame in frames} == {64} and min(frame.size for frame in frames) > 64
    began = time.monotonic()
    assert Capture(box, tmp_path / "time.pcap", "--call", "b", "--seconds", "1").end()["ended"] == "time"
    assert time.monotonic() - began >= 1
    interrupted = Capture(box, tmp_path / "signal.pcap", "--call", "b")
    interrupted.process.terminate()
    assert interrupted.end()["ended"] == "signal"
    assert truth.packets(tmp_path / "signal.pcap") is not None

    killed = Capture(box, tmp_path / "killed.pcap", "--call", "a")
    assert "capture_busy" in refusal(box, "--call", "b", "-w", tmp_path / "x")
    assert not (tmp_path / "x").exists(), "a file that is there must outlive a refusal"
    killed.process.kill()
    killed.process.communicate()
    assert "no call nobody in the dataplane" in refusal(box, "--call", "nobody", "-w", tmp_path / "x")
    assert "no leg 4000" in refusal(box, "--leg", "4000", "-w", tmp_path / "x")
    assert "No such file or directory" in refusal(box, "--call", "a", "-w", tmp_path / "none" / "x")
    assert "No space left on device" in refusal(box, "--call", "a", "-w", "/dev/full")
    assert "--call ID or --leg N" in refusal(box, "-w", tmp_path / "x", status=2)
    with Control(f"{box.LAB_STATE}/dataplane.sock") as control:
        assert control.ask("capture.start", legs=[int(lan)])["legs"][0]["call"] == "a"
    for crowd in crowds:
        crowd.wait()
    wires = edge.close()
    ours = {key(frame) for frame in wire.frames(tmp_path / "time.pcap")}
    assert len(ours) > 20
    assert ours <= {key(frame) for leg in legs["b"] for frames in on_wire(edge, wires, leg) for frame in frames}
