# SPDX-License-Identifier: Apache-2.0
"""The devices under test: the shipped dataplane on af_xdp, and Debian's rtpengine in user space, on the same wires."""
import pathlib
import subprocess
import sys
import time

import machine
import ng
import versions
import wires as wire

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "relay"))
import device  # noqa: E402  (the path above comes first)

CPU = 0
START_S = 15
NG_PORT = 2223
FIRST_MEDIA_PORT, LAST_MEDIA_PORT = 10000, 19999


class Holdfast(device.Holdfast):
    """With the shipped defaults."""
    name = "Holdfast"
    learns_s = 0.5  # good media, before it knows who speaks
    options = ()  # more lines for [dataplane]

    def __init__(self, wires):  # pylint: disable=super-init-not-called
        self.folder, self.calls, self.suites = wires.folder, wires.calls, wires.suites
        config = self.folder / "dataplane.toml"
        config.write_text(self._configuration())
        self.log = self.folder / "dataplane.log"
        with self.log.open("w") as log:
            self.process = machine.start(
                ("ip", "netns", "exec", wires.edge, device.BUILD / "dataplane/holdfast-dataplane", "--config",
                 config), stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    def _configuration(self):
        text = ["[dataplane]", f'control-socket = "{self.folder}/dataplane.sock"', f"cpus = [{CPU}]", *self.options]
        for side in wire.SIDES:
            text += ["[[interface]]", f'name = "{side}"', f'device = "{side}"',
                     f'media-addresses = ["{wire.appliance(side)}"]',
                     f'media-ports = "{FIRST_MEDIA_PORT}-{LAST_MEDIA_PORT}"']
        return "\n".join(text) + "\n"

    def start_calls(self):
        """Returns the ports by side."""
        self.wait_ready(self.calls, self.suites)
        ports = [FIRST_MEDIA_PORT + 2 * call for call in range(self.calls)]  # bench/relay/plan.hh
        return {side: ports for side in wire.SIDES}


class Prompt(Holdfast):
    """It may gather packets for less time before it looks."""
    name = "Holdfast, idle-sleep-us 200"
    options = ("idle-sleep-us = 200",)


class Rtpengine:
    """Its default number of threads, its packets never in the kernel module."""
    name = "rtpengine"
    learns_s = 4.5  # for 3 s it follows whoever sends

    def __init__(self, wires):
        self._wires = wires
        self.log = wires.folder / "rtpengine.log"
        words = ["ip", "netns", "exec", wires.edge, "rtpengine", "--config-file=none", "--foreground",
                 "--log-stderr", "--log-level=4", "--table=-1", f"--listen-ng=127.0.0.1:{NG_PORT}",
                 f"--port-min={FIRST_MEDIA_PORT}", f"--port-max={LAST_MEDIA_PORT}"]
        words += [f"--interface={side}/{wire.appliance(side)}" for side in wire.SIDES]
        with self.log.open("w") as log:
            self.process = machine.start(words, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)

    def start_calls(self):
        client = ng.Client(self._wires.edge, "127.0.0.1", NG_PORT)
        try:
            self._wait(client)
            ports = [client.call(f"bench-{call}", *(self._phone(side, call) for side in wire.SIDES))
                     for call in range(self._wires.calls)]
        finally:
            client.close()
        return dict(zip(wire.SIDES, zip(*ports)))

    def _phone(self, side, call):
        suite = self._wires.suites.get(side)
        return ng.Phone(*wire.remote(side, call), *((suite, wire.srtp_key(suite, side, call)) if suite else ()))

    def _wait(self, client):
        end = time.monotonic() + START_S
        while time.monotonic() < end and self.process.poll() is None:
            try:
                client.ask("ping")
                return
            except OSError:  # nobody listens yet
                time.sleep(0.05)
        raise RuntimeError("rtpengine did not start: " + self.log.read_text()[-300:])

    def stop(self):
        machine.stop(self.process)


def rtpengine_version():
    return versions.of("rtpengine-daemon")
