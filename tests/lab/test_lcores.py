# SPDX-License-Identifier: Apache-2.0
"""Two lcores: a call belongs to one, its ports to the other as often as not. Order, counts and books are the wire's."""
import time

import pytest
import truth
from appliance import Crowd, host_port, to_text
from control import Control, Refused
from drill import Branch, both_heard
from test_relay import captured_counts, captured_streams, counts

CALLS = 12
SECONDS = 1
TALK_S = 2


def two_lcores(appliance, **options):
    """One pair of queues for each port of the lab, so that frames change lcores by ring."""
    return appliance(start=False, **options).start(cpus="0,1")


def plan_calls(edge):
    """Calls of both families, half of them on each lcore; gives what the phones of each place are to do."""
    box, plans, ports = edge.box, ([], []), []
    for n in range(CALLS):
        six = n % 3 == 0
        ends = (((box.phone6 if six else box.phone4)(10 + n % 10), 4000 + 2 * n),
                (f"{box.HQ_NET6}:{11 + n % 8}" if six else f"{box.HQ_NET4}.{11 + n % 8}", 30000 + 2 * n))
        legs = edge.add_call(f"call-{n}", *({"remote": to_text(end)} for end in ends))
        ports.append(host_port(legs[0]["local"])[1])
        for side, (end, leg) in enumerate(zip(ends, legs)):
            plans[side].append({"source": end, "to": host_port(leg["local"]), "ssrc": 1 + 2 * n + side,
                                "rtcp_to": host_port(leg["local_rtcp"])})
    middle = (int(box.MEDIA_FIRST_PORT) + int(box.MEDIA_LAST_PORT)) / 2
    assert sum(port < middle for port in ports) == CALLS / 2, ports
    return plans


def plan_joined(edge):
    """Two phones of the branch whose calls meet inside, each on its own lcore: (packets of it cross no WAN)."""
    box = edge.box
    ends = [(box.phone4(10 + n), 6000 + 2 * n) for n in range(2)]
    calls = [edge.add_call(f"half-{n}", {"remote": to_text(end)}, {"family": 4}) for n, end in enumerate(ends)]
    for this, other in (calls, calls[::-1]):
        edge.ask("leg.update", leg=this[1]["leg"], remote=other[1]["local"])
    return [{"source": end, "to": host_port(call[0]["local"]), "ssrc": 900 + n}
            for n, (end, call) in enumerate(zip(ends, calls))]


def order(packets):
    """{ssrc: numbers in the order of the capture}."""
    found = {}
    for packet in packets:
        if not packet.rtcp:
            found.setdefault(packet.ssrc, []).append(packet.seq)
    return found


@pytest.mark.parametrize("topology, take", [("inline", "shared"),
                                            pytest.param("one-armed", "owned", marks=pytest.mark.drill)])
def test_streams_over_two_lcores(appliance, topology, take):
    edge = two_lcores(appliance, topology=topology, take=take)
    branch, centre = plan_calls(edge)
    joined = plan_joined(edge)
    for crowd in [Crowd(edge.box, "branch", branch + joined, SECONDS), Crowd(edge.box, "hq", centre, SECONDS)]:
        crowd.wait()
    calls, status = edge.calls(), edge.status()
    wires = edge.close()

    assert [lcore["polls"] > 0 for lcore in status["lcores"]] == [True, True]
    found = {name: truth.packets(wires / f"{peer}.pcap") for name, (_, peer, _, _) in edge.ports.items()}
    own = [address for _, _, _, media in edge.ports.values() for address in media.addresses]
    every = [p for packets in found.values() for p in packets]
    came, went = truth.towards(every, *own), truth.coming_from(every, *own)
    assert len(order(came)) == 2 * CALLS + 2
    assert order(went) == order(came), "order within each stream, and nothing lost"
    assert sum(p.rtcp for p in came) == sum(p.rtcp for p in went) > 0
    reported = {(leg["interface"], int(s["ssrc"], 16)): counts(s) for call in calls for leg in call["legs"][:1]
                for s in leg["streams"]}
    reported |= {(leg["interface"], int(s["ssrc"], 16)): counts(s) for call in calls for leg in call["legs"][1:]
                 for s in leg["streams"] if int(s["ssrc"], 16) < 900}  # the others came from a leg, not from a wire
    assert reported == {key: captured_counts(stream) for key, stream in captured_streams(edge, found).items()}
    meant = {(p.ssrc, p.dst[0]) for p in went if not p.rtcp and p.ssrc >= 900}
    assert meant == {(900 + n, edge.box.phone4(11 - n)) for n in range(2)}, "each hears the other"


@pytest.mark.drill
def test_phones_talk_over_two_lcores_until_the_ports_are_out(tmp_path):
    """A call of SIP phones through the centre; then every port is taken, and the next caller gets a 503."""
    branch = Branch("kamailio", appliance=("--cpus", "0,1", "--set", 'interface.media-ports="20000-20023"'))
    try:
        for user in ("3011", "3012"):
            branch.phone(user)
        near = [branch.branch_phone(user) for user in ("1010", "1011")]
        with branch.record(tmp_path):
            near[0].call("3011")
            near[1].call("3012")
            time.sleep(0.5)
            began_ns = time.time_ns()
            time.sleep(TALK_S)
            ended_ns = time.time_ns()
            for phone in near:
                phone.hang_up()
            time.sleep(0.4)
        for phone, far in zip(near, ("3011", "3012")):
            both_heard(phone, branch.phones[far], TALK_S - 1)
        wires = branch.wires(tmp_path)
        wires.only_anchored()
        assert wires.lost_by_us((began_ns, ended_ns)) == []
        assert len(wires.streams_told_right()) == 4
        refuse_one_too_many(branch, near[0])
    finally:
        branch.close()


def refuse_one_too_many(branch, phone):
    """The ports of the two calls rest, all others are lent: the name of the refusal says which it is."""
    with Control(f"{branch.box.LAB_STATE}/dataplane.sock") as control:
        legs = [{"interface": "lan", "family": 4}, {"interface": "wan", "family": 4}]
        with pytest.raises(Refused, match="ports_resting"):
            for n in range(13):
                control.ask("call.add", call=f"fill-{n}", legs=legs)
        ports = {port["name"]: port["media_ports"] for port in control.ask("status")["ports"]}
        assert ports["lan"]["resting"] >= 2, ports
    mark = phone.dial("3011")
    closed = phone.wait("CALL_CLOSED", timeout=5, after=mark)
    assert "503" in closed["param"], closed
    assert branch.say("status")["holdfastd"]["counters"]["media_dataplane_ports_resting"] == 1
