# SPDX-License-Identifier: Apache-2.0
"""Owned ports carry the kernel's own traffic beside media: much of it passes, and media does not wait for it."""
import re
import subprocess
import time

import truth
from appliance import Crowd, host_port, to_text
from conftest import PYTHON
from test_life import TCP_PEER, TCP_PORT, own_addresses, serve

CALLS = 50
QUIET_SECONDS = 4
LOUD_SECONDS = 240  # at most: the calls end when the transfer and the pings have passed
TRANSFER_BYTES = 100_000_000
PINGS = 10_000
# Other work on the machine may hold up either phase by a scheduler's slice or two; what an exception path that media
# waits for adds is longer: a full tap queue of 1,500-byte frames is tens of milliseconds.
MARGIN_P50_US = 1_000
MARGIN_P99_US = 8_000


def add_calls(edge):
    """50 calls; gives the plans of the phones at both sides."""
    box, plans = edge.box, ([], [])
    for n in range(CALLS):
        ends = ((box.phone4(10 + n % 10), 4000 + 2 * n), (f"{box.HQ_NET4}.{10 + n % 10}", 30000 + 2 * n))
        legs = edge.add_call(f"call-{n}", *({"remote": to_text(end)} for end in ends))
        for side, (end, leg) in enumerate(zip(ends, legs)):
            plans[side].append({"source": end, "to": host_port(leg["local"]), "ssrc": 1 + 2 * n + side})
    return plans


def talk(box, plans, seconds, first_seq):
    return [Crowd(box, place, [{**phone, "first_seq": first_seq} for phone in plan], seconds)
            for place, plan in zip(("branch", "hq"), plans)]


def test_fragmented_datagrams_reach_the_kernel(appliance):
    """RFC 3261 18.1.1: SIP requests over UDP may come in fragments; they are the kernel's to put together."""
    edge = appliance(take="owned")
    box = edge.box
    for place, address in own_addresses(box):
        for size in (1400, 3000, 9000):
            assert len(box.ping_ms(place, address, count=3, size=size)) == 3, (address, size)


def test_transfer_and_pings_beside_50_calls(appliance):
    edge = appliance(take="owned")
    box = edge.box
    serve(box)
    plans = add_calls(edge)
    for crowd in talk(box, plans, QUIET_SECONDS, first_seq=0):
        crowd.wait()
    crowds = talk(box, plans, LOUD_SECONDS, first_seq=10_000)
    transfer = box.popen("branch", PYTHON, TCP_PEER, "send", box.EDGE_LAN4, TCP_PORT, TRANSFER_BYTES)
    pings = box.popen("branch", "ping", "-n", "-q", "-f", "-c", PINGS, box.EDGE_LAN4, stdout=subprocess.PIPE, text=True)
    while None in (transfer.poll(), pings.poll()):  # state is readable at any time
        assert edge.status()["legs"]["in_use"] == 2 * len(edge.calls()) == 2 * CALLS
        assert crowds[0].process.poll() is None, "it did not pass while the calls talked"
        time.sleep(0.2)
    for crowd in crowds:
        crowd.end()
    assert transfer.returncode == 0
    said = pings.communicate()[0]
    assert re.search(rf"{PINGS} packets transmitted, {PINGS} received", said), said

    wires = edge.close()
    found = {name: truth.packets(wires / f"{peer}.pcap") for name, (_, peer, _, _) in edge.ports.items()}
    for came_at, went_at in (("lan", "wan"), ("wan", "lan")):
        came = truth.towards(found[came_at], *edge.ports[came_at][3].addresses)
        went = truth.coming_from(found[went_at], *edge.ports[went_at][3].addresses)
        quiet, loud = (truth.matched([p for p in came if (p.seq >= 10_000) == late],
                                     [p for p in went if (p.seq >= 10_000) == late]) for late in (False, True))
        assert quiet.entered == CALLS * QUIET_SECONDS * 50 and loud.entered > 0
        for phase in (quiet, loud):
            assert phase.entered == phase.left and not phase.missing and not phase.unexplained
        figures = (came_at, quiet.summary(), loud.summary())
        assert loud.delay_us(0.5) < quiet.delay_us(0.5) + MARGIN_P50_US, figures
        assert loud.delay_us(0.99) < quiet.delay_us(0.99) + MARGIN_P99_US, figures
