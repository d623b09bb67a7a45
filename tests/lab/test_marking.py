# SPDX-License-Identifier: Apache-2.0
"""Marks on both wires: each class leaves with its own, ECN as it came; what came otherwise is counted to the packet."""
import dataclasses
import threading

import truth
from appliance import host_port, to_text

VLAN = 100
SECONDS = 1
EF, AF41, CS1, CS3 = 46, 34, 8, 24
NOT_ECT, ECT1, ECT0, CE = 0, 1, 2, 3
RTCP_DSCP, RTCP_PCP = 26, 3
PCP = {"audio": 5, "video": 4, "fax": 6}
OPTIONS = [f"interface.dscp-rtcp={RTCP_DSCP}", f"interface.pcp-rtcp={RTCP_PCP}", f"interface.pcp-fax={PCP['fax']}",
           "interface.dscp-fax=\"copy\""]
EXPECTED = {"audio": EF, "video": AF41, "fax": None}  # None: copied


@dataclasses.dataclass
class Talk:
    """One way of a call: what its sender marks with, a DSCP after the other."""
    media: str
    ssrc: int
    ecn: int
    dscps: tuple


class Speaker(threading.Thread):
    """Sends for SECONDS with each mark, one stream: sequence numbers go on."""

    def __init__(self, box, place, source, to, talk):
        super().__init__()
        self.arguments, self.box, self.talk, self.done = (place, source, to, SECONDS), box, talk, []
        self.start()

    def run(self):
        for turn, dscp in enumerate(self.talk.dscps):
            sender = self.box.send(*self.arguments, ssrc=self.talk.ssrc, ecn=self.talk.ecn, dscp=dscp,
                                   first_seq=100 + turn * SECONDS * 50)
            self.done.append(sender.wait(timeout=SECONDS + 20))


def calls_of(box):
    """(phone, headquarters, the way from the phone, the way from headquarters): IPv4, IPv6, from one to the other."""
    return [
        (box.phone4(10), f"{box.HQ_NET4}.10", Talk("audio", 1001, CE, (EF, 0)), Talk("audio", 1002, NOT_ECT, (0,))),
        (box.phone6(11), f"{box.HQ_NET6}:11", Talk("video", 1003, ECT1, (AF41,)), Talk("video", 1004, CE, (CS1,))),
        (box.phone4(12), f"{box.HQ_NET6}:12", Talk("fax", 1005, ECT0, (CS3, CS1)), Talk("fax", 1006, ECT1, (EF,))),
    ]


def test_each_class_has_its_marks_and_what_came_is_counted(appliance):
    edge = appliance(start=False, vlan=VLAN)
    edge.start(set=OPTIONS)
    talks, speakers = {}, []
    for phone, centre, *ways in calls_of(edge.box):
        ends = ((phone, 4000), (centre, 30000))
        legs = edge.add_call(ways[0].media + phone, *({"remote": to_text(end), "media": ways[0].media} for end in ends))
        for place, end, leg, talk in zip(("branch", "hq"), ends, legs, ways):
            talks[talk.ssrc] = talk
            speakers.append(Speaker(edge.box, place, end, host_port(leg["local"]), talk))
    for speaker in speakers:
        speaker.join()
    assert [s.done for s in speakers] == [[0] * len(s.talk.dscps) for s in speakers]
    calls = edge.calls()
    wires = edge.close()
    found = {name: truth.packets(wires / f"{peer}.pcap") for name, (_, peer, _, _) in edge.ports.items()}
    check_what_left(edge, found, calls, talks)
    check_what_came(edge, found, calls, talks)


def check_what_left(edge, found, calls, talks):
    """Class by class on both wires: DSCP, priority on the tagged one, ECN from end to end; all RTP that came left."""
    legs = {host_port(leg[local]): leg["media"] for call in calls for leg in call["legs"]
            for local in ("local", "local_rtcp")}
    for name, packets in found.items():
        own = edge.ports[name][3].addresses
        media, rtcp = set(), set()
        for p in truth.coming_from(packets, *own):
            kind = legs[p.src]
            if p.rtcp:
                rtcp.add((p.dscp, p.pcp))
            else:
                media.add((kind, p.ssrc, p.dscp, p.ecn, p.pcp))
        pcps = PCP if name == "lan" else dict.fromkeys(PCP)
        arriving = {p.ssrc for p in truth.towards(packets, *own) if not p.rtcp}
        assert media == {(t.media, t.ssrc, dscp, t.ecn, pcps[t.media])
                         for t in talks.values() if t.ssrc not in arriving
                         for dscp in (t.dscps if EXPECTED[t.media] is None else (EXPECTED[t.media],))}
        assert rtcp == {(RTCP_DSCP, RTCP_PCP if name == "lan" else None)}
    every = [p for packets in found.values() for p in packets]
    own = [address for _, _, _, media in edge.ports.values() for address in media.addresses]
    through = truth.matched(truth.towards(every, *own), truth.coming_from(every, *own))
    assert through.entered == through.left > 0 and not through.missing and not through.unexplained


def check_what_came(edge, found, calls, talks):
    """The report's counts are those of the wire that the stream arrives on."""
    reported, captured = {}, {}
    for call in calls:
        for leg in call["legs"]:
            for s in leg["streams"]:
                reported[int(s["ssrc"], 16)] = (s["dscp_in_first"], s["dscp_in"], s["unmarked"], s["remarked"])
    for name, packets in found.items():
        for stream in truth.streams(truth.towards(packets, *edge.ports[name][3].addresses)).values():
            talk = talks[stream.ssrc]
            expected = EXPECTED[talk.media]
            right = {0, talk.dscps[0] if expected is None else expected}
            assert set(stream.dscp) == set(talk.dscps)
            captured[stream.ssrc] = (talk.dscps[0], talk.dscps[-1], stream.dscp.get(0, 0),
                                     sum(n for dscp, n in stream.dscp.items() if dscp not in right))
    assert reported == captured
    assert captured[1001][2] > 0 and captured[1002][2] > 0 and captured[1004][3] > 0 and captured[1005][3] > 0
