# SPDX-License-Identifier: Apache-2.0
"""A transmit queue that takes nothing, a peer that dies and returns: what is lost has a name, no packet buffer leaks, and
all goes on by itself when the other side does."""
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import types

import pytest
import rehearsal
from conftest import PYTHON, ROOT
from test_drivers import place_fixture, running, start_ours, talk  # noqa: F401  (place is a fixture)
from test_link import cpu_ticks

sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "bench" / "relay")]
import device  # noqa: E402
import machine  # noqa: E402
import peer  # noqa: E402

CALLS = 1000
POOL_FRAMES = 2 * 8192 + 4096  # packet buffers of a dataplane with two ports and one lcore
# More than there are buffers: were one kept for each that is refused, nothing would be received any more.
FLOOD, RATE = POOL_FRAMES * 3 // 2, 20_000
QUEUE = 1024
FEW = 500
PHONE, LOCAL = ("198.18.16.1", 4000), ("198.18.0.2", device.FIRST_MEDIA_PORT)
WITHIN_S = 10
LOOK_TICKS = 5  # of 10 ms of CPU


class Between(device.Holdfast):
    """Its lan is a veth, its wan a socket that somebody else serves."""

    def __init__(self, folder, namespace):  # pylint: disable=super-init-not-called
        self.folder = folder
        self._make_taps(namespace)
        lan = f'driver = "virtio_user"\ndevice = "{folder}/lan.sock"\nmac = "{device.mac("lan", 2)}"'
        text = device.configuration(folder, 1, False)
        assert lan in text
        config = folder / "dataplane.toml"
        config.write_text(text.replace(lan, 'driver = "af_packet"\ndevice = "lan0"'))
        self.log = folder / "dataplane.log"
        with self.log.open("w") as log:
            self.process = machine.start(
                ("ip", "netns", "exec", namespace, device.BUILD / "dataplane/holdfast-dataplane", "--config", config),
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def port(self, name):
        return next(port for port in self.status()["ports"] if port["name"] == name)


class Sink:
    """Takes what comes out of wan, and counts it: dpdk-testpmd."""

    def __init__(self, folder):
        self.log = folder / "sink.log"
        words = ["dpdk-testpmd", "--lcores", "0@(0-1),1@1", "--main-lcore", "0", "--no-pci", "--no-telemetry",
                 "--no-huge", "--no-shconf", "-m", "256", "--iova-mode", "va", "--file-prefix",
                 f"hf-sink-{folder.name}", "--vdev", f"net_vhost0,iface={folder}/wan.sock,queues=1", "--",
                 "--forward-mode=rxonly", "--nb-cores=1", f"--rxd={QUEUE}", f"--txd={QUEUE}", "--total-num-mbufs=8192", "--no-mlockall", "--auto-start"]
        with self.log.open("w") as log:
            self.process = machine.start(words, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)
        end = time.monotonic() + 10
        while not (folder / "wan.sock").exists():
            assert time.monotonic() < end and self.process.poll() is None, self.log.read_text()[-300:]
            time.sleep(0.05)

    def pause(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def look(self):
        """Until it has run for a while: it does nothing but look for frames."""
        had = cpu_ticks(self.process.pid)
        wait_for(lambda: cpu_ticks(self.process.pid) >= had + LOOK_TICKS, lambda: "the sink does not run")

    def came(self):
        """Frames, once it has ended."""
        with contextlib.suppress(OSError):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        self.process.wait(10)
        return int(re.search(r"RX-packets:\s*([0-9]+)", self.log.read_text())[1])

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            self.go_on()
        machine.stop(self.process)


def send(namespace, folder, count, first_seq):
    """RTP of the call's phone onto lan."""
    macs = types.SimpleNamespace(EDGE_LAN_MAC=device.mac("lan", 2), PHONE_MAC=device.mac("lan", 1))
    timed = []
    for n in range(count):
        datagram = b"\x80\x08" + (first_seq + n & 0xFFFF).to_bytes(2, "big") + bytes(8 + 160)
        timed.append((1000 * n / RATE, rehearsal.frame(macs, PHONE, LOCAL, datagram)))
    path = rehearsal.write_capture(folder / "load.pcap", timed)
    done = subprocess.run(["ip", "netns", "exec", namespace, PYTHON, rehearsal.REPLAY, "lan1", path], input="go\n",
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def wait_for(condition, what):
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(0.05)


def test_a_transmit_queue_that_stops(place):  # noqa: F811
    """What it does not take is dropped by name, more of it than there are packet buffers; then it moves again."""
    namespace, folder = place
    machine.ip("-n", namespace, "link", "add", "lan0", "address", device.mac("lan", 2), "type", "veth", "peer", "name",
               "lan1")
    machine.ip("-n", namespace, "link", "set", "lan1", "up")
    with running(Sink(folder)) as sink, running(Between(folder, namespace)) as ours:
        ours.wait_ready(1)

        def after(sent):
            """The lan port's counts once all that was sent is in them; a crowded machine may miss frames, by name."""
            def known():
                lan = ours.port("lan")
                return lan["relayed"] + sum(lan["drops"].get(name, 0) for name in ("tx_full", "port_missed"))

            wait_for(lambda: known() == sent, lambda: ours.port("lan"))
            return ours.port("lan")

        send(namespace, folder, FEW, 0)
        assert "tx_full" not in after(FEW)["drops"]
        sink.pause()
        send(namespace, folder, FLOOD, FEW)
        stopped = after(FEW + FLOOD)
        assert stopped["relayed"] <= FEW + QUEUE and stopped["drops"]["tx_full"] > POOL_FRAMES
        sink.go_on()
        sink.look()
        send(namespace, folder, FEW, FEW + FLOOD)
        lan = after(2 * FEW + FLOOD)
        assert lan["drops"]["tx_full"] == stopped["drops"]["tx_full"] and lan["relayed"] > stopped["relayed"]
        assert lan["rx"] == lan["relayed"] + lan["to_kernel"] + sum(lan["drops"].values())
        sent = ours.port("wan")["tx"]
        sink.look()
        assert sink.came() == sent


@pytest.mark.drill
@pytest.mark.parametrize("in_the_middle", [False, True], ids=["quiet", "talking"])
def test_a_peer_dies_and_another_takes_its_place(place, in_the_middle):  # noqa: F811
    namespace, folder = place
    with running(start_ours((namespace, folder), "vhost")) as ours:
        ours.wait_ready(CALLS)
        with running(peer.Peer(folder, CALLS, False, False, "virtio_user")) as first:
            talk(ours, first)
            if in_the_middle:
                first.process.stdin.write("pace 5 4000\n")
                first.process.stdin.flush()
                time.sleep(0.3)
            first.process.kill()
            first.process.wait(5)
        wait_for(lambda: {port["link"] for port in ours.status()["ports"]} == {"down"}, ours.status)
        with running(peer.Peer(folder, CALLS, False, False, "virtio_user")) as second:
            talk(ours, second)
