# SPDX-License-Identifier: Apache-2.0
"""More calls than the ports of one media address carry, one too many, and ports that rest between two calls, whichever
process comes between them."""
import time

import pytest
import truth
import wire
from appliance import Crowd, host_port, to_text
from control import Refused
from test_bad_input import drops_of

PAIRS = 6  # of each address
FIRST = 20000
CALLS = 2 * PAIRS
REST_TICK_S = 0.25  # a port rests for up to so much longer (dataplane/state/port_mark.hh)
REST_S = 600  # longer than all this takes, on whatever machine
SECONDS = 1
LATE = 20
STATUS_OF_LATE = {"call_ended": LATE}


def call(edge, n):
    box = edge.box
    ends = ((box.phone4(10 + n % 10), 4000 + 2 * n), (f"{box.HQ_NET4}.{11 + n % 8}", 30000 + 2 * n))
    return ends, edge.add_call(f"call-{n}", *({"remote": to_text(end)} for end in ends))


def refusal(edge, n):
    with pytest.raises(Refused) as refused:
        call(edge, n)
    return refused.value.code


def test_two_addresses_then_refusals_by_name_then_rest(appliance):
    edge = appliance(start=False)
    box = edge.box
    seconds = {"lan": (box.EDGE_LAN4_SECOND, box.EDGE_LAN6_SECOND), "wan": (box.EDGE_WAN4_SECOND, box.EDGE_WAN6_SECOND)}
    for name, (place, peer, mac, media) in edge.ports.items():
        both = wire.MediaRange((*media.addresses, *seconds[name]), FIRST, FIRST + 2 * PAIRS - 1, media.vlan)
        edge.ports[name] = (place, peer, mac, both)

    def start(rest_s):
        edge.start(addresses="2", set=[f'interface.media-ports="{FIRST}-{FIRST + 2 * PAIRS - 1}"',
                                       f"dataplane.port-rest-s={rest_s}"])

    start(REST_S)
    plans = ([], [])
    for n in range(CALLS):
        ends, legs = call(edge, n)
        for side, (end, leg) in enumerate(zip(ends, legs)):
            plans[side].append({"source": end, "to": host_port(leg["local"]), "ssrc": 1 + 2 * n + side})
    assert refusal(edge, CALLS) == "no_free_port"
    for crowd in [Crowd(box, place, plan, SECONDS) for place, plan in zip(("branch", "hq"), plans)]:
        crowd.wait()

    # The far end of a call that has ended goes on for a while.
    last = next(c for c in edge.calls() if c["call"] == "call-0")["legs"][0]
    edge.ask("call.delete", call="call-0")
    ended = time.monotonic()
    box.blast("branch", host_port(last["remote"]), host_port(last["local"]), LATE, ssrc=1, first_seq=50)
    assert drops_of(edge, LATE) == STATUS_OF_LATE
    assert refusal(edge, CALLS) == "ports_resting"
    status = edge.status()
    assert status["refused"] == {"no_free_port": 1, "ports_resting": 1}
    lan = edge.status()["ports"][0]
    assert lan["drops"] == STATUS_OF_LATE
    # Of IPv4 and IPv6 addresses: the latter's ports are free.
    assert lan["media_ports"] == {"pairs": 4 * PAIRS, "lent": CALLS - 1, "resting": 1}
    edge.kill()
    start(REST_S)
    assert refusal(edge, CALLS) == "ports_resting", "the next process knows of it"
    assert edge.status()["ports"][0]["media_ports"] == lan["media_ports"]
    edge.kill()
    rest_s = int(time.monotonic() - ended) + 2  # each process goes by its own
    start(rest_s)
    time.sleep(max(0.0, rest_s - (time.monotonic() - ended)) + REST_TICK_S + 0.2)
    _, legs = call(edge, CALLS)
    assert legs[0]["local"] == last["local"], "the port that had rested"

    wires = edge.close()
    found = {name: truth.packets(wires / f"{peer}.pcap") for name, (_, peer, _, _) in edge.ports.items()}
    every = [p for packets in found.values() for p in packets]
    own = [address for *_, media in edge.ports.values() for address in media.addresses]
    late = [p for p in found["lan"] if p.dst == host_port(last["local"])][-LATE:]
    through = truth.matched([p for p in truth.towards(every, *own) if p not in late], truth.coming_from(every, *own))
    assert through.entered == through.left == 2 * CALLS * SECONDS * 50 and not through.unexplained
    for name, four in (("lan", box.EDGE_LAN4), ("wan", box.EDGE_WAN4)):
        carried = {address: len({p.ssrc for p in truth.towards(found[name], address)})
                   for address in (four, seconds[name][0])}
        assert carried == {four: PAIRS, seconds[name][0]: PAIRS}, name
