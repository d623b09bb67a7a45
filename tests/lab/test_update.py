# SPDX-License-Identifier: Apache-2.0
"""leg.update on a live call: held, moved to another phone, RTCP beside RTP; the captures tell who got what when."""
import time

import truth
from appliance import Crowd, host_port, to_text
from control import Refused
import pytest

PACKETS_PER_S = 50


def test_a_live_leg_is_held_moved_and_muxed(appliance):
    edge = appliance()
    box = edge.box
    first, second, far = (box.phone4(10), 4000), (box.phone4(11), 4100), (box.CENTRE4, 30000)
    lan, wan = edge.add_call("a", {"remote": to_text(first)}, {"remote": to_text(far)})
    listeners = Crowd(box, "branch", [{"source": end, "to": host_port(lan["local"]), "ssrc": ssrc}
                                      for end, ssrc in ((first, 1), (second, 2))], 0.2, 8)
    caller = Crowd(box, "hq", [{"source": far, "to": host_port(wan["local"]), "ssrc": 3,
                                "rtcp_to": host_port(wan["local_rtcp"])}], 5)
    time.sleep(1.5)
    held = edge.ask("leg.update", leg=lan["leg"], remote=None)
    held_ns = time.time_ns()
    assert "remote" not in held and "learned_source" not in held and held["next_hop"]["state"] == "unknown"
    with pytest.raises(Refused, match="bad_request"):
        edge.ask("leg.update", leg=lan["leg"], learn="strict")
    time.sleep(1)
    moving_ns = time.time_ns()
    moved = edge.ask("leg.update", leg=lan["leg"], remote=to_text(second), learn="strict", rtcp_mux=True,
                     clock_rates=[{"payload_type": 96, "hz": 48000}])
    assert moved["remote"] == to_text(second) and moved["local_rtcp"] == moved["local"]
    caller.wait()
    listeners.wait()
    lan, wan = edge.ask("call.delete", call="a")["legs"]
    wires = edge.close()

    went = truth.coming_from(truth.packets(wires / "edge-lan.pcap"), box.EDGE_LAN4)
    assert {p.dst for p in went if p.time_ns < held_ns} == {first, (first[0], first[1] + 1)}
    assert not [p for p in went if held_ns < p.time_ns < moving_ns], "held, and yet something was sent"
    after = [p for p in went if p.time_ns > moving_ns]
    assert {(p.dst, p.rtcp) for p in after} == {(second, False), (second, True)}, "RTCP is to go to the RTP port"
    sent = sum(1 for p in went if not p.rtcp)
    assert lan["tx"]["packets"] == sent
    assert wan["rx"]["packets"] - sent == wan["drops"]["no_remote"] - wan["rtcp"]["received"] + lan["rtcp"]["sent"]
    assert wan["drops"]["no_remote"] > 0.8 * PACKETS_PER_S
