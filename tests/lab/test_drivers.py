# SPDX-License-Identifier: Apache-2.0
"""Every driver of an owned port that this machine can try, with real frames of another process at its other end.

The traffic program of the relay bench sends media and every kind of bad frame at a pace; its books and the dataplane's
must agree to the frame. af_xdp, shared and owned, is what the other tests of this folder run on.
"""
import contextlib
import subprocess
import sys
import time

import pytest
from conftest import ROOT

sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "bench" / "relay")]
import books  # noqa: E402
import device  # noqa: E402
import machine  # noqa: E402
import peer  # noqa: E402

CALLS = 1000  # more than the peer has frames under way: its virtio_user ports send without a copy
PACE = 4000   # packets/s
# driver of ours, of the other end, and who makes the sockets
SOCKETS = [("virtio_user", "vhost", "peer"), ("vhost", "virtio_user", "us"), ("memif", "memif", "peer")]


@contextlib.contextmanager
def running(thing):
    try:
        yield thing
    finally:
        thing.stop()


@pytest.fixture(name="place")
def place_fixture(monkeypatch):
    """A namespace with a folder for sockets; the bench's programs run from the top of the tree."""
    monkeypatch.chdir(ROOT)
    with machine.namespace() as namespace, machine.work_folder() as folder:
        yield namespace, folder


def talk(ours, other):
    """Media and bad frames for half a second; the difference between the books of both ends."""
    assert other.ask("wait", 5)["links"], "the ports are not joined"
    for _ in range(4):
        tally = other.ask("warm", 3)
        if all(tally["sides"][a]["good"] == tally["sides"][b]["returned"] for a, b in (books.SIDES, books.SIDES[::-1])):
            break
    before = ours.status()
    tally = other.ask("pace", 0.5, PACE)
    sent = tally["sides"]["lan"]
    assert sent["good"] > PACE / 8 and sum(sent["bad"].values()) > 5 and tally["inspected"] > 10, tally
    assert books.audit(tally, before, ours.status()) == (0, [])
    assert all(lcore["heap_allocated_bytes"] == 0 for lcore in ours.status()["lcores"])


def start_ours(place, driver, places=None):
    namespace, folder = place
    return device.Holdfast(folder, namespace, CALLS, False, driver, places)


@pytest.mark.parametrize("driver, other, first", SOCKETS, ids=[row[0] for row in SOCKETS])
def test_books_balance_over_sockets(place, driver, other, first):
    _, folder = place
    with contextlib.ExitStack() as stack:
        if first == "us":
            ours = stack.enter_context(running(start_ours(place, driver)))
            ours.wait_ready(CALLS)
            traffic = stack.enter_context(running(peer.Peer(folder, CALLS, False, False, other)))
        else:
            traffic = stack.enter_context(running(peer.Peer(folder, CALLS, False, False, other)))
            ours = stack.enter_context(running(start_ours(place, driver)))
            ours.wait_ready(CALLS)
        talk(ours, traffic)


def test_books_balance_over_af_packet(place):
    namespace, folder = place
    for i, side in enumerate(device.SIDES):
        machine.ip("-n", namespace, "link", "add", f"{side}0", "address", device.mac(side, 2), "type", "veth", "peer",
                   "name", f"{side}1")
        machine.ip("-n", namespace, "link", "set", f"{side}1", "up")
    with running(start_ours(place, "af_packet", ("lan0", "wan0"))) as ours:
        ours.wait_ready(CALLS)
        inside = ("ip", "netns", "exec", namespace)
        with running(peer.Peer(folder, CALLS, False, False, "af_packet", ("lan1", "wan1"), inside)) as traffic:
            talk(ours, traffic)
