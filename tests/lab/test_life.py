# SPDX-License-Identifier: Apache-2.0
"""A dataplane that stops, dies and comes back: what the kernel goes on doing, and that stray media stays unanswered."""
import concurrent.futures
import json
import subprocess
import time

import pytest
import truth
import wire
from appliance import Crowd, host_port, to_text
from conftest import PYTHON, ROOT

TCP_PEER = ROOT / "tests" / "lab" / "tcp_peer.py"
TCP_PORT = 5060
STRAY_PORTS = (28000, 28001, 29999)
STRAY_SECONDS = 0.4
STRAYS = 20  # packets a sender in that time


def serve(box):
    """A TCP service of the appliance's kernel; the lab's end is its end."""
    server = box.popen("edge", PYTHON, TCP_PEER, "serve", TCP_PORT, stdout=subprocess.PIPE, text=True)
    assert server.stdout.readline() == "ready\n"
    server.stdout.close()


def own_addresses(box):
    return [("branch", box.EDGE_LAN4), ("branch", box.EDGE_LAN6), ("hq", box.EDGE_WAN4), ("hq", box.EDGE_WAN6)]


def answered(box):
    """Which of the appliance's addresses answer ping, and TCP, with neighbours asked anew: {(kind, address)}."""
    for place, device in (("branch", "phone0"), ("hq", "hq0")):
        box.exec(place, "ip", "neigh", "flush", "dev", device)

    def ping(place, address):
        return ("ping", address) if box.ping_ms(place, address, count=2, patience_s=2) else None

    def tcp(place, address):
        asked = box.exec(place, PYTHON, TCP_PEER, "ask", address, TCP_PORT, 1, 0, check=False)
        return ("tcp", address) if asked.returncode == 0 else None

    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = [pool.submit(how, *target) for how in (ping, tcp) for target in own_addresses(box)]
        return {one.result() for one in asked} - {None}


def everything(box):
    return {(kind, address) for kind in ("ping", "tcp") for _, address in own_addresses(box)}


def addressed_interfaces(box):
    links = json.loads(box.exec("edge", "ip", "-j", "addr").stdout)
    return {link["ifname"] for link in links if link["addr_info"]}


def stray_media(box):
    """RTP and RTCP to ports that no leg has, from both sides, IPv4 and IPv6."""
    ends = {"branch": ((box.phone4(15), box.EDGE_LAN4), (box.phone6(15), box.EDGE_LAN6)),
            "hq": ((box.CENTRE4, box.EDGE_WAN4), (box.CENTRE6, box.EDGE_WAN6))}
    crowds = [Crowd(box, place, [{"source": [source, 6000 + 4 * n], "to": [to, port], "ssrc": 1}
                                 for source, to in pairs for n, port in enumerate(STRAY_PORTS)], STRAY_SECONDS, 0.1)
              for place, pairs in ends.items()]
    for crowd in crowds:
        crowd.wait()


def call_passes(edge, name):
    """A call of a second, both ways; all of it must come through."""
    box = edge.box
    phone, far = (box.phone4(10), 4000), (box.CENTRE4, 30000)
    legs = edge.add_call(name, {"remote": to_text(phone)}, {"remote": to_text(far)})
    crowds = [Crowd(box, place, [{"source": end, "to": host_port(leg["local"]), "ssrc": ssrc}], 1)
              for place, end, leg, ssrc in (("branch", phone, legs[0], 1), ("hq", far, legs[1], 2))]
    for crowd in crowds:
        crowd.wait()
    legs = edge.ask("call.delete", call=name)["legs"]
    assert [(leg["rx"]["packets"], leg["tx"]["packets"], leg["drops"]) for leg in legs] == [(50, 50, {})] * 2


@pytest.mark.parametrize("death", ["stop", "kill"])
def test_owned_port_is_silent_without_its_dataplane(appliance, death):
    edge = appliance(take="owned")
    box = edge.box
    serve(box)
    assert addressed_interfaces(box) == {"lo", "hf-lan", "hf-wan"}
    assert answered(box) == everything(box)
    stray_media(box)
    getattr(edge, death)()

    fell_silent_ns = time.time_ns()
    stray_media(box)  # while the neighbours still know where to
    assert answered(box) == set()
    assert addressed_interfaces(box) == {"lo", "hf-lan", "hf-wan"}
    came_back_ns = time.time_ns()
    edge.start()
    assert answered(box) == everything(box), "something else than a start was needed"
    call_passes(edge, "after")
    stray_media(box)

    assert addressed_interfaces(box) == {"lo", "hf-lan", "hf-wan"}
    wires = edge.close()
    for _, peer, mac, _ in edge.ports.values():
        meanwhile = [f for f in wire.frames(wires / f"{peer}.pcap") if fell_silent_ns < f.time_ns < came_back_ns]
        assert any(f.packet[0] == 0x0806 for f in meanwhile), "nobody asked by ARP"
        assert not [f for f in meanwhile if f.source == mac]
    expect_strays(edge, wires, times=3)


@pytest.mark.parametrize("death", ["stop", "kill"])
def test_shared_port_goes_on_without_the_dataplane(appliance, death):
    edge = appliance(take="shared")
    box = edge.box
    serve(box)
    stray_media(box)
    talks = [box.popen(place, *command, stdout=subprocess.DEVNULL) for place, address in own_addresses(box)
             for command in (("ping", "-n", "-i", "0.05", "-c", "60", "-W", "1", address),
                             (PYTHON, TCP_PEER, "ask", address, TCP_PORT, 60, 0.05))]
    time.sleep(1)
    getattr(edge, death)()
    assert [talk.wait(timeout=20) for talk in talks] == [0] * len(talks), "ping or TCP noticed"

    assert answered(box) == everything(box), "neighbours and new connections need the dataplane"
    stray_media(box)
    edge.start()
    call_passes(edge, "after")
    stray_media(box)
    assert answered(box) == everything(box)
    expect_strays(edge, edge.close(), times=3)


def expect_strays(edge, wires, times):
    """The strays did arrive, in each of the states, and those of the last life were dropped by their name.
    That no ICMP error left is checked for every test."""
    last = edge.lives[-1][1][-1].ports()
    for name, (_, peer, _, media) in edge.ports.items():
        packets = truth.towards(truth.packets(wires / f"{peer}.pcap"), *media.addresses)
        strays = sum(1 for p in packets if p.dst[1] in STRAY_PORTS)
        assert strays == times * STRAYS * len(STRAY_PORTS) * 2
        assert last[name]["drops"] == {"no_leg": strays // times}
