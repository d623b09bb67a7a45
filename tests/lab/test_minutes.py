# SPDX-License-Identifier: Apache-2.0
"""Minute records against the wire: a call that crosses a full minute has two for each stream, which add up."""
import time

import pytest
import truth
from appliance import Crowd, host_port, to_text

BEFORE_S, AFTER_S = 5, 4
TICK_S = 0.25  # a minute is told within a tenth of a second of its end, and the machine may be busy


def wait_for_second(second):
    time.sleep((second - time.time()) % 60)


def test_a_call_over_a_full_minute_has_two_records_of_each_stream(appliance, request):
    if not request.config.getoption("--all-drills"):
        pytest.skip("waits for a full minute: runs with --all-drills")
    edge = appliance()
    box = edge.box
    box.fault("loss-burst", "4%:3", match="rtp")
    phone, far = (box.phone4(10), 4000), (box.CENTRE4, 30000)
    legs = edge.add_call("a", {"remote": to_text(phone)}, {"remote": to_text(far)})
    wait_for_second(60 - BEFORE_S)
    boundary_s = (int(time.time()) // 60 + 1) * 60
    crowds = [Crowd(box, place, [{"source": end, "to": host_port(leg["local"]), "ssrc": ssrc}], BEFORE_S + AFTER_S)
              for place, end, leg, ssrc in (("branch", phone, legs[0], 0xA), ("hq", far, legs[1], 0xB))]
    for crowd in crowds:
        crowd.wait()
    first = edge.ask("minute.list")
    assert [r["minute"] for r in first["records"]] == [boundary_s - 60] * 2 and not first["more"]
    legs = edge.ask("call.delete", call="a")["legs"]
    rest = edge.ask("minute.list", after=first["next"], epoch=first["epoch"])
    assert [r["minute"] for r in rest["records"]] == [boundary_s] * 2 and not rest["missed"]
    again = edge.ask("minute.list", after=rest["next"], epoch=first["epoch"] + 1)["records"]
    assert again == first["records"] + rest["records"], "another epoch begins at the beginning"
    assert edge.status()["minute_records"] == {"kept": 4, "dropped": 0}
    wires = edge.close()

    for leg, peer, ssrc in ((legs[0], "edge-lan", "0x0000000a"), (legs[1], "edge-wan", "0x0000000b")):
        before, after = (r for r in again if r["ssrc"] == ssrc)
        assert (before["call"], before["leg"], before["interface"]) == ("a", leg["leg"], leg["interface"])
        stream, = leg["streams"]
        for name in ("expected", "received", "lost", "duplicates"):
            assert before[name] + after[name] == stream[name]
        came = [p for p in truth.packets(wires / f"{peer}.pcap") if p.ssrc == int(ssrc, 16)
                and p.dst == host_port(leg["local"])]
        early = sum(p.time_ns < boundary_s * 10**9 for p in came)
        late = sum(p.time_ns < (boundary_s + TICK_S) * 10**9 for p in came)
        assert early <= before["received"] <= late
    wan = [r for r in again if r["interface"] == "wan"]
    assert sum(r["lost"] for r in wan) > 0 and max(r["longest_loss_run"] for r in wan) >= 1
    assert all(r["longest_loss_run"] <= r["lost"] for r in wan)
