# SPDX-License-Identifier: Apache-2.0
"""Real senders across the appliance over a bad WAN, in every way it can stand: the report equals the captures."""
import pytest
import truth
import wire
from appliance import host_port, to_text
from drill import wait_until

DSCP_EF = 46
ECT1 = 1
# topology, take, VLAN, seconds of sound
MATRIX = [
    ("inline", "shared", None, 8),
    ("inline", "owned", None, 3),
    ("one-armed", "shared", None, 3),
    ("one-armed", "owned", None, 3),
    ("inline", "owned", 100, 3),
    ("one-armed", "owned", 100, 3),
    ("inline", "shared", 100, 3),
    ("one-armed", "shared", 100, 3),
]
MATRIX_NAMES = [f"{topology}_{take}{'_vlan' if vlan else ''}" for topology, take, vlan, _ in MATRIX]


class Job:
    """The calls of one row: who sends with what, and what is to become of their marks."""

    def __init__(self, appliance, seconds):
        self.appliance, self.box, self.seconds = appliance, appliance.box, seconds
        self.senders, self.marks = [], {}

    def call(self, name, ends, kinds, dscp=None, dscp_in=0):
        """ends: the phone's and headquarters' (address, port). dscp: of both legs; None: the interface's default.
        dscp_in: what the senders mark with."""
        asked = {} if dscp is None else {"dscp": dscp}
        legs = self.appliance.add_call(name, *({"remote": to_text(end), **asked} for end in ends))
        for place, kind, end, leg in zip(("branch", "hq"), kinds, ends, legs):
            ssrc = 1000 + len(self.marks)
            self.marks[ssrc] = DSCP_EF if dscp is None else dscp
            self.senders.append(self.box.send(place, end, host_port(leg["local"]), self.seconds, kind=kind, ecn=ECT1,
                                              dscp=dscp_in, ssrc=ssrc))

    def wait(self):
        assert [s.wait(timeout=self.seconds + 30) for s in self.senders] == [0] * len(self.senders)


def speak(job):
    """Four calls, the first with a burst of 60 to itself: IPv4, speech, IPv6, IPv6 at the phone and IPv4 beyond."""
    box = job.box
    job.call("tone-ipv4", ((box.phone4(10), 4000), (f"{box.HQ_NET4}.10", 30000)), ("ffmpeg", "ffmpeg"))
    wait_until(lambda: job.appliance.calls()[0]["legs"][1]["rx"]["packets"] > 5, 20, "headquarters does not send")
    box.fault("--towards", "branch", "--match", "rtp", "burst", "60")
    wait_until(lambda: box.show()["b-to-a"]["burst_left"] == 0, 20, "there is no burst")
    job.call("speech", ((box.phone4(11), 4000), (f"{box.HQ_NET4}.11", 30000)), ("sipp", "sipp"))
    job.call("tone-ipv6", ((box.phone6(12), 4000), (f"{box.HQ_NET6}:12", 30000)), ("ffmpeg", "ffmpeg"))
    job.call("unmarked", ((box.phone6(13), 4000), (f"{box.HQ_NET4}.13", 30000)), ("ffmpeg", "ffmpeg"), dscp=0,
             dscp_in=10)
    job.wait()


def captured_streams(appliance, found):
    """{(interface, ssrc): Stream} as they arrive on the wire of a port. found: {port: packets}."""
    streams = {}
    for name, (_, _, _, media) in appliance.ports.items():
        for stream in truth.streams(truth.towards(found[name], *media.addresses)).values():
            assert (name, stream.ssrc) not in streams, "a stream came twice"
            streams[name, stream.ssrc] = stream
    return streams


def counts(report):
    runs = {int(length): count for length, count in report["loss_runs"].items()}
    return (report["expected"], report["received"], report["lost"], report["duplicates"], report["reordered"], runs,
            report["dscp_in"])


def captured_counts(stream):
    assert len(stream.dscp) == 1, "the sender changed its mark"
    return (stream.expected, stream.unique, stream.lost, stream.duplicates, stream.reordered, stream.loss_runs,
            next(iter(stream.dscp)))


@pytest.mark.parametrize("topology,take,vlan,seconds", MATRIX, ids=MATRIX_NAMES)
def test_report_equals_captures(appliance, topology, take, vlan, seconds):
    """RFC 3550 6.4.1, A.1 to A.3: expected, received and lost of each stream are those of the wire it arrives on."""
    edge = appliance(topology=topology, take=take, vlan=vlan)
    edge.box.fault("delay", "20ms", "loss", "2%")
    job = Job(edge, seconds)
    speak(job)
    calls, rows = edge.calls(), edge.command("report")["streams"]
    wires = edge.close()

    found = {name: truth.packets(wires / f"{peer}.pcap") for name, (_, peer, _, _) in edge.ports.items()}
    captured = captured_streams(edge, found)
    assert len(captured) == 8 == len(job.marks)
    legs = [leg for call in calls for leg in call["legs"]]
    reported = {(leg["interface"], int(s["ssrc"], 16)): counts(s) for leg in legs for s in leg["streams"]}
    assert reported == {key: captured_counts(stream) for key, stream in captured.items()}
    assert {(r["interface"], int(r["ssrc"], 16)): counts(r) for r in rows} == reported, "holdfast report differs"
    # The WAN lost for certain: the burst as one run, and single packets.
    assert max(length for stream in captured.values() for length in stream.loss_runs) >= 60
    check_rtcp(edge, legs, found)
    check_way_through(edge, found, job.marks)
    if vlan:
        check_tags(edge, wires, found, vlan)


def check_rtcp(edge, legs, found):
    """RTCP is relayed too, to where the far end takes it, and counted."""
    for leg in legs:
        packets = found[leg["interface"]]
        came = [p for p in packets if p.rtcp and p.dst == host_port(leg["local_rtcp"])]
        went = [p for p in packets if p.rtcp and p.src == host_port(leg["local_rtcp"])]
        assert leg["rtcp"] == {"received": len(came), "sent": len(went)}
        assert all(p.dst == host_port(leg["remote_rtcp"]) for p in went)
        assert not leg["drops"]


def check_way_through(edge, found, marks):
    """Whatever came went out, nothing else did, with the class's DSCP and the sender's ECN."""
    own = [address for _, _, _, media in edge.ports.values() for address in media.addresses]
    every = [p for packets in found.values() for p in packets]
    came, went = truth.towards(every, *own), truth.coming_from(every, *own)
    through = truth.matched(came, went)
    assert through.entered == through.left > 0 and not through.missing and not through.unexplained
    assert sum(p.rtcp for p in came) == sum(p.rtcp for p in went) > 0
    assert {p.ecn for p in every} == {ECT1}
    assert {(p.ssrc, p.dscp) for p in went if not p.rtcp} == set(marks.items())


def check_tags(edge, wires, found, vlan):
    """802.1Q on the appliance's own wire: both ways the frames bear the tag, and media its priority."""
    _, peer, mac, _ = edge.ports["lan"]
    assert {(p.vlan, p.pcp) for p in found["lan"]} == {(vlan, int(edge.box.VLAN_PCP))}
    if edge.take == "shared":  # this kernel has no 802.1Q for the rest
        return
    seen = wire.frames(wires / f"{peer}.pcap")
    assert {(f.source == mac, f.vlan) for f in seen} == {(True, vlan), (False, vlan)}
