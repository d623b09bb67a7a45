# SPDX-License-Identifier: Apache-2.0
"""What the appliance's own kernel sends through an owned port is bounded, and media does not wait for it."""
import struct
import time

import pytest
import truth
import wire
from conftest import PYTHON
from test_exception_path import CALLS, MARGIN_P50_US, MARGIN_P99_US, add_calls, talk

pytestmark = pytest.mark.drill

LIMIT_MBPS = 40
SECONDS = 2
FLOOD_PORT = 9
MOST_OTHERS = 10
FIRST_ONES = 100  # what comes first of a flood is not what is dropped
FLOOD = f"""
import socket, struct, sys, time
end, sent, out = time.monotonic() + {SECONDS}, 0, socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while time.monotonic() < end:
    for _ in range(50):
        try:
            out.sendto(struct.pack(">I", sent) + bytes(1396), (sys.argv[1], {FLOOD_PORT}))
            sent += 1
        except OSError:
            pass
    time.sleep(0.001)
print(sent)
"""


def flood_frames(path, mac):
    """(time, number, size) of what the flood brought onto the wire."""
    found = []
    for frame in wire.frames(path):
        packet = frame.ip() if frame.source == mac else None
        if packet and packet[0] == wire.UDP and packet[3][2:4] == struct.pack(">H", FLOOD_PORT):
            found.append((frame.time_ns, struct.unpack(">I", packet[3][8:12])[0], frame.size))
    return found


def test_a_flood_of_the_kernel_is_bounded_and_costs_media_nothing(appliance):
    edge = appliance(start=False, take="owned").start(set=f"interface.exception-mbps={LIMIT_MBPS}")
    box = edge.box
    assert len(box.ping_ms("edge", box.phone4(10))) == 5
    plans = add_calls(edge)
    for crowd in talk(box, plans, SECONDS, first_seq=0):
        crowd.wait()
    crowds = talk(box, plans, SECONDS, first_seq=10_000)
    sent = int(box.exec("edge", PYTHON, "-c", FLOOD, box.phone4(10)).stdout)
    for crowd in crowds:
        crowd.wait()
    time.sleep(0.3)
    lan = edge.status()["ports"][0]
    wires = edge.close()

    flood = flood_frames(wires / "edge-lan.pcap", box.EDGE_LAN_MAC)
    dropped = lan["tx_drops"]["tap_full"]
    others = len(flood) + dropped - sent  # frames of the kernel beside the flood that found the queue full too
    assert dropped > 0 and 0 <= others < MOST_OTHERS, (sent, len(flood), lan)
    assert [number for _, number, _ in flood[:FIRST_ONES]] == list(range(FIRST_ONES)), "the oldest were dropped"
    assert lan["from_kernel"] >= sent
    took_s = (flood[-1][0] - flood[0][0]) / 1e9
    mbps = sum(size for *_, size in flood) * 8 / took_s / 1e6
    assert LIMIT_MBPS / 4 < mbps < LIMIT_MBPS * 1.1, mbps

    found = {name: truth.packets(wires / f"{peer}.pcap") for name, (_, peer, _, _) in edge.ports.items()}
    for came_at, went_at in (("lan", "wan"), ("wan", "lan")):
        came = truth.towards(found[came_at], *edge.ports[came_at][3].addresses)
        went = truth.coming_from(found[went_at], *edge.ports[went_at][3].addresses)
        quiet, loud = (truth.matched([p for p in came if (p.seq >= 10_000) == late],
                                     [p for p in went if (p.seq >= 10_000) == late]) for late in (False, True))
        for phase in (quiet, loud):
            assert phase.entered == phase.left == CALLS * SECONDS * 50 and not phase.unexplained
        figures = (came_at, quiet.summary(), loud.summary())
        assert loud.delay_us(0.5) < quiet.delay_us(0.5) + MARGIN_P50_US, figures
        assert loud.delay_us(0.99) < quiet.delay_us(0.99) + MARGIN_P99_US, figures
