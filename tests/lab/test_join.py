# SPDX-License-Identifier: Apache-2.0
"""Two calls that the centre has joined through our own addresses: local audio meets inside and never crosses the WAN."""
import pytest
import truth
from appliance import Crowd, host_port, to_text

SECONDS = 4
SPEECH = 50 * SECONDS
LOST_ON_LAN = "loss", "5%"


def pair(edge, phones, family):
    """What a B2BUA makes of a local call: each call's WAN leg is the other's remote. As signalling does it, the first
    WAN leg learns of the second by an update."""
    (first, second) = phones
    a = edge.add_call("a", {"remote": to_text(first)}, {"family": family})
    b = edge.add_call("b", {"remote": to_text(second)}, {"remote": a[1]["local"]})
    assert b[1]["next_hop"] == {"state": "local"}
    updated = edge.ask("leg.update", leg=a[1]["leg"], remote=b[1]["local"])
    assert updated["next_hop"] == {"state": "local"} and updated["remote"] == b[1]["local"]
    return a, b


@pytest.mark.parametrize("topology,take,family", [("inline", "shared", 4), ("inline", "owned", 6),
                                                  ("one-armed", "owned", 4)])
def test_two_local_calls_meet_inside(appliance, topology, take, family):
    edge = appliance(topology=topology, take=take)
    box = edge.box
    box.fault(*LOST_ON_LAN, lan=True, match="rtp", towards="hq")
    phones = (box.phone4(10), 4000), (box.phone4(11), 4000)
    calls = pair(edge, phones, family)
    # The WAN's death is nothing to them.
    box.fault("wan-cut")
    crowd = Crowd(box, "branch", [
        {"source": phone, "to": host_port(legs[0]["local"]), "rtcp_to": host_port(legs[0]["local_rtcp"]), "ssrc": ssrc}
        for phone, legs, ssrc in zip(phones, calls, (0xA, 0xB))], SECONDS)
    crowd.wait()
    legs = {name: edge.ask("call.delete", call=name)["legs"] for name in "ab"}
    ports = {port["name"]: port for port in edge.status()["ports"]}
    wires = edge.close()

    own = {address for _, _, _, media in edge.ports.values() for address in media.addresses}
    seen = truth.packets(wires / "edge-lan.pcap")
    came, went = truth.towards(seen, *own), truth.coming_from(seen, *own)
    through = truth.matched(came, went)
    assert through.entered == through.left > 0 and not through.missing and not through.unexplained
    heard = {p.dst: p.ssrc for p in went if not p.rtcp}
    assert heard == {phones[0]: 0xB, phones[1]: 0xA}
    assert {p.dst[1] for p in went if p.rtcp} == {4001}
    assert ports["lan"]["joined"] == ports["lan"]["relayed"] == len(came)
    if "edge-wan" in (peer for _, peer, _, _ in edge.ports.values()):
        assert not truth.packets(wires / "edge-wan.pcap"), "local audio crossed the WAN"

    # Each stream is seen twice: as it came from its phone, and at the WAN leg of the other call, both with the LAN's
    # loss and no more.
    on_wire = {stream.ssrc: stream for stream in truth.streams(came).values()}
    for near, far, ssrc in ((legs["a"], legs["b"], 0xA), (legs["b"], legs["a"], 0xB)):
        wanted = on_wire[ssrc]
        assert 0 < wanted.lost < SPEECH
        for leg in (near[0], far[1]):
            stream, = leg["streams"]
            assert int(stream["ssrc"], 16) == ssrc
            assert (stream["expected"], stream["received"], stream["lost"]) == \
                (wanted.expected, wanted.unique, wanted.lost)
        assert near[1]["joined"]["sent"] == far[1]["joined"]["received"] == wanted.packets + near[0]["rtcp"]["received"]
        assert not far[1]["drops"] and not near[0]["drops"]
