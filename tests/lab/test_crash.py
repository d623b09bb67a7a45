# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the dataplane in mid-call: the next one goes on with the calls, and the gap is ours, not the network's."""
import time

import pytest
import truth
from appliance import Crowd, host_port, to_text
from control import Refused
from reported import ON_ITS_WAY

SECONDS = 60  # at most: the talk ends some time after the start, however long that took
DOWN_S = 1
AFTER_S = 3


def streams_of(calls):
    return {int(s["ssrc"], 16): s for call in calls for leg in call["legs"] for s in leg["streams"]}


def on_wire(wires, edge, ssrc, place):
    """(came, left, when each number that is missing came) of a stream at the appliance."""
    captures = {name: truth.packets(wires / f"{peer}.pcap") for name, (_, peer, _, _) in edge.ports.items()}
    near, far = ("lan", "wan") if place == "branch" else ("wan", "lan")
    came = [p for p in truth.towards(captures[near], *edge.ports[near][3].addresses) if p.ssrc == ssrc]
    left = {p.seq for p in truth.coming_from(captures[far], *edge.ports[far][3].addresses) if p.ssrc == ssrc}
    return came, left, [p.time_ns for p in came if p.seq not in left]


@pytest.mark.parametrize("take,death", [("shared", "kill"), ("owned", "kill"), ("shared", "stop")])
def test_calls_go_on_and_the_gap_is_ours(appliance, take, death):
    edge = appliance(take=take)
    box = edge.box
    box.fault("loss", "3%", towards="branch", match="rtp")  # the network's own, at the WAN port
    phone, far = (box.phone4(10), 4000), (box.CENTRE4, 30000)
    # The phone is behind a NAT, so to speak: only its packets tell where it is.
    before = edge.add_call("a", {"family": 4}, {"remote": to_text(far)})
    ends = (("branch", phone, before[0], 0xA), ("hq", far, before[1], 0xB))
    crowds = [Crowd(box, place, [{"source": end, "to": host_port(leg["local"]), "ssrc": ssrc,
                                  "rtcp_to": host_port(leg["local_rtcp"])}], SECONDS)
              for place, end, leg, ssrc in ends]
    time.sleep(3)
    died_ns = time.time_ns()
    if death == "kill":
        edge.kill(books=False)
    else:
        edge.box.run("appliance", "stop", "dataplane")
        edge.opening = None
    time.sleep(DOWN_S)
    edge.box.run("appliance", "start", "dataplane")
    back_ns = time.time_ns()
    resumed = edge.status()["resumed"]
    assert (resumed["calls"], resumed["refused"]) == (1, 0) and DOWN_S * 1000 <= resumed["down_ms"] < 10_000

    # The control plane adds its calls again: what is there is taken up, as it is.
    specs = [{"interface": "lan", "local_port": host_port(before[0]["local"])[1]},
             {"interface": "wan", "remote": to_text(far), "local_port": host_port(before[1]["local"])[1]}]
    with pytest.raises(Refused, match="call_exists"):
        edge.ask("call.add", call="a", legs=specs)
    with pytest.raises(Refused, match="call_exists"):
        edge.ask("call.add", call="a", resume=True, legs=[{**specs[0], "local_port": 29000}, specs[1]])
    after = edge.ask("call.add", call="a", resume=True, legs=specs)["legs"]
    assert [leg["local"] for leg in after] == [leg["local"] for leg in before]
    assert after[0]["learned_source"] == to_text(phone)
    time.sleep(AFTER_S)
    for crowd in crowds:
        crowd.end()
    edge.opening = edge.read_books()
    minutes = edge.ask("minute.list")["records"]
    last = edge.ask("call.delete", call="a")
    minutes += edge.ask("minute.list", after=len(minutes))["records"]
    wires = edge.close()

    for place, ssrc in (("branch", 0xA), ("hq", 0xB)):
        came, left, missing = on_wire(wires, edge, ssrc, place)
        stream = streams_of([last])[ssrc]
        print(f"{take} {death} from {place}: {len(missing)} packets lost by us, for "
              f"{(max(missing) - died_ns) / 1e9:.2f} s from the death on, {(back_ns - died_ns) / 1e9 - DOWN_S:.2f} s of"
              f" them the start; told {stream['lost_by_us']}")
        sent = {p.seq for p in came}
        assert stream["expected"] == max(sent) - min(sent) + 1
        assert stream["received"] + stream["lost"] + stream["lost_by_us"] == stream["expected"]
        gap = [number for number in range(min(sent), max(sent) + 1) if number not in left]
        network = [number for number in gap if number not in sent]
        # What the network lost within our gap cannot be told from what we lost.
        assert len(missing) - ON_ITS_WAY <= stream["lost_by_us"] <= len(gap) + ON_ITS_WAY
        assert abs(stream["lost"] + stream["lost_by_us"] - len(gap)) <= ON_ITS_WAY
        assert stream["lost"] <= len(network) and (place == "branch") == (stream["lost"] == 0)
        # The first of them may have been on its way when it died.
        passed = [p.seq for p in came if min(missing) < p.time_ns < max(missing) and p.seq in left]
        assert not passed and died_ns < max(missing), "some were lost while it lived"
        assert max(missing) < back_ns, "audio was not back when the start had ended"
        assert sum(r["lost_by_us"] for r in minutes if int(r["ssrc"], 16) == ssrc) == stream["lost_by_us"]
