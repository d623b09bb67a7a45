# SPDX-License-Identifier: Apache-2.0
"""A phone that is somebody else with each packet: another address, port and SSRC, then SSRC alone. The leg keeps to who
spoke first, its state stays bounded, nothing is counted twice or not at all, and the call beside loses nothing."""
import subprocess

import pytest
import rehearsal
from bad_frames import rtp
from conftest import PYTHON
from test_bad_input import Bench, lan_port

pytestmark = pytest.mark.drill

COUNT, RATE = 750, 3000
MOST_STREAMS = 8  # docs/control-socket.md: of a leg at a time


def with_ssrc(number):
    return rtp(seq=number & 0xFFFF)[:8] + (0x10000 + number).to_bytes(4, "big") + bytes(160)


def shift(bench, family, number):
    """A frame to the target's leg from an address that nobody had before."""
    box, local = bench.edge.box, bench.local(f"target{family}" if family == "6" else "target")
    source = f"{box.PHONE_NET4}.{30 + number % 200}" if family == "4" else f"{box.PHONE_NET6}:{0x100 + number:x}"
    return rehearsal.frame(box, (source, 2000 + number), local, with_ssrc(number))


def stay(bench, family, number):
    """From where its first packet came."""
    own, call = (bench.phone, "target") if family == "4" else (bench.phone6, "target6")
    return rehearsal.frame(bench.edge.box, own, bench.local(call), with_ssrc(number))


def play(bench, path, frames):
    rehearsal.write_capture(path, [(1000 * n / RATE, frame) for n, frame in enumerate(frames)])
    player = bench.edge.box.popen("access", PYTHON, rehearsal.REPLAY, "edge-lan", path, stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True)
    player.communicate("go\n", timeout=30)
    assert player.returncode == 0


def test_a_phone_that_is_another_with_each_packet(appliance, tmp_path):
    edge = appliance(take="shared")
    bench = Bench(edge, seconds=2)
    bench.lock()
    play(bench, tmp_path / "shift.pcap", (shift(bench, "46"[n % 2], n // 2) for n in range(2 * COUNT)))
    play(bench, tmp_path / "stay.pcap", (stay(bench, "46"[n % 2], n // 2) for n in range(2 * COUNT)))
    assert lan_port(edge)["drops"] == {"wrong_source": 2 * COUNT}
    legs = {call["call"]: call["legs"][0] for call in edge.calls()}
    for name in ("target", "target6"):
        leg = legs[name]
        assert leg["drops"] == {"wrong_source": COUNT}
        assert leg["rx"]["packets"] == 1 + COUNT and len(leg["streams"]) == MOST_STREAMS
        folded = leg["folded"]
        assert folded["streams"] == 1 + COUNT - MOST_STREAMS
        assert folded["received"] + sum(s["received"] for s in leg["streams"]) == 1 + COUNT
        assert folded["lost"] == 0 == sum(s["lost"] for s in leg["streams"])
    bench.close(good=2 + 2 * COUNT)
