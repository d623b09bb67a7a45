# SPDX-License-Identifier: Apache-2.0
"""A dataplane that does not look for a while: what its port could not keep is counted, and the books meet the wire."""
import os
import signal
import time

import pytest
from appliance import host_port, to_text
from conftest import PYTHON, ROOT

BLAST = ROOT / "tests" / "lab" / "blast.py"
FRAMES = 8000        # more than any of the queues holds
INTERVAL_US = 100
SETTLE_S = 5
NAMES = ("rtp_on_rtcp_port", "port_missed")


def drops_of_lan(edge):
    return next(port for port in edge.status()["ports"] if port["name"] == "lan")["drops"]


@pytest.mark.parametrize("take, driver", [("shared", "af_xdp"), ("owned", "af_xdp"),
                                          pytest.param("owned", "af_packet", marks=pytest.mark.drill)])
def test_frames_that_found_the_queue_full_are_dropped_by_name(appliance, take, driver):
    edge = appliance(start=False, take=take).start(driver=driver)
    box = edge.box
    # A dataplane that is stopped hands no ARP to the kernel of an owned port.
    assert box.popen("branch", "ping", "-qc1", "-W2", box.EDGE_LAN4).wait(timeout=5) == 0
    legs = edge.add_call("slow", {"remote": to_text((box.phone4(10), 4000))}, {"remote": to_text((box.CENTRE4, 30000))})
    rtcp = host_port(legs[0]["local_rtcp"])
    pid = int(box.run("appliance", "pid", "dataplane").stdout)
    os.kill(pid, signal.SIGSTOP)
    try:
        # To a leg's port for RTCP: what is received ends in rtp_on_rtcp_port.
        blast = box.popen("branch", PYTHON, BLAST, box.phone4(10), 4001, *rtcp, FRAMES, INTERVAL_US, 7, 0)
        assert blast.wait(timeout=20) == 0
    finally:
        os.kill(pid, signal.SIGCONT)
    deadline, drops = time.monotonic() + SETTLE_S, {}
    while time.monotonic() < deadline and sum(drops.get(name, 0) for name in NAMES) < FRAMES:
        time.sleep(0.1)
        drops = drops_of_lan(edge)
    assert all(drops.get(name, 0) > 0 for name in NAMES), drops
    edge.close()  # holds rx, which counts the missed ones, against the capture of the wire
    assert sum(drops[name] for name in NAMES) == FRAMES, drops
