# SPDX-License-Identifier: Apache-2.0
"""How long a dataplane that takes the calls of a killed one needs until it serves: from its start to the line that says
so, all calls relayed and the control socket open."""
import contextlib
import statistics
import subprocess
import time

import device
import machine

PLAIN = {}
SECURE = {side: "AES_CM_128_HMAC_SHA1_80" for side in device.SIDES}
CASES = ((50, PLAIN), (4000, PLAIN), (16384, PLAIN), (4000, SECURE), (16384, SECURE))
MOST_MS = 200
LOOK_EVERY_S = 0.001
IN_MEMORY = "/dev/shm"  # where the state file lies, beside the control socket, as it does in /run


@contextlib.contextmanager
def links(namespace):
    """Devices for the ports: kernel interfaces whose far ends nobody serves."""
    names = [f"hf-r-{side}" for side in device.SIDES]
    for side, name in zip(device.SIDES, names):
        machine.ip("-n", namespace, "link", "add", "name", name, "address", device.mac(side, 2), "type", "veth", "peer",
                   "name", name + "-far")
        for end in (name, name + "-far"):
            machine.ip("-n", namespace, "link", "set", end, "up")
    try:
        yield names
    finally:
        for name in names:
            subprocess.run(("ip", "-n", namespace, "link", "delete", name), capture_output=True, check=False)


class Lives:
    """One dataplane after the other on the same folder, each but the first with the calls of the one before."""

    def __init__(self, folder, namespace, calls, places, suites):
        self._make = lambda: device.Holdfast(folder, namespace, calls, None, "af_xdp", places)
        self.calls = calls
        self.now = self._make()
        self.now.wait_ready(calls, suites)

    def kill(self):
        """kill -9, and the next one: ms from its start to its line, with all calls."""
        self.now.process.kill()
        self.now.process.wait(device.START_SECONDS)
        started = time.monotonic()
        self.now = self._make()
        self.now.wait_started(LOOK_EVERY_S)
        passed = time.monotonic() - started
        resumed = self.now.status().get("resumed", {})
        if (resumed.get("calls"), resumed.get("refused")) != (self.calls, 0):
            raise RuntimeError(f"of {self.calls} calls it goes on with {resumed}")
        return passed * 1000

    def stop(self):
        self.now.stop()


def measure(namespace, calls, suites, runs):
    with links(namespace) as places, machine.work_folder(IN_MEMORY) as folder:
        lives = Lives(folder, namespace, calls, places, suites)
        try:
            return [lives.kill() for _ in range(runs)]
        finally:
            lives.stop()


def report(options, output):
    for calls, suites in CASES:
        what = "calls with SRTP on both legs" if suites else "calls"
        case = f"kill -9 in {calls:,} {what}: the next one's start"
        try:
            with machine.namespace("restart") as namespace:
                values = measure(namespace, calls, suites, options.runs)
        except RuntimeError as failure:
            output.row("relay", case, "ms", [], ok=False, reason=" ".join(str(failure).split())[-300:])
            continue
        output.row("relay", case, "ms", values, limit=("at most", MOST_MS), target=1,
                   ok=statistics.median(values) <= MOST_MS)
