# SPDX-License-Identifier: Apache-2.0
"""Where it is measured: the remotes of lan and of wan, and between them the edge, where the device under test is; a
network namespace for each, and veth pairs between them. What comes out is counted by stream and dropped at once, in
the kernel."""
import base64
import contextlib
import ipaddress
import json
import pathlib
import subprocess
import sys

import machine

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "relay"))
import device  # noqa: E402  (the path above comes first)

LOAD = pathlib.Path("build/bench/rtpengine/holdfast-rtp-load")
SIDES = ("lan", "wan")
FAR = "far0"  # the remotes' end of a wire; the edge's is called after the side
LOAD_CPU = 1
REMOTE_PORT = 4000  # bench/relay/plan.cc, as all addresses here
GRACE_S = 10
SINK = """table netdev hf_bench {{
  set streams {{ type ipv4_addr; counter; elements = {{ {addresses} }} }}
  chain sink {{
    type filter hook ingress device "{device}" priority 0;
    udp dport {ports} ip daddr @streams drop
  }}
}}
"""


def appliance(side):
    return f"198.{18 + SIDES.index(side)}.0.2"


def gateway(side):
    return f"198.{18 + SIDES.index(side)}.0.1"


def mac(side, last):
    return f"02:00:00:00:{SIDES.index(side) + 1:02x}:{last:02x}"


def remote(side, call):
    """Address and port of who talks behind a side."""
    first = ipaddress.IPv4Address(f"198.{18 + SIDES.index(side)}.16.1")
    return str(first + 256 * (call // 200) + call % 200), REMOTE_PORT


def srtp_key(suite, side, call):
    """What the remote of a side protects with, in base64: bench/relay/srtp_plan.cc."""
    size = {"AES_CM_128_HMAC_SHA1_80": 30, "AEAD_AES_128_GCM": 28}[suite]
    head = bytes([2 * SIDES.index(side)]) + call.to_bytes(4, "big")
    return base64.b64encode(head + bytes(7 * i % 256 for i in range(len(head), size))).decode()


class Wires:
    """`suites`: of the remotes that speak SRTP, by side."""

    def __init__(self, calls, lan, edge, wan, folder, suites):
        self.calls, self.edge, self.folder, self.suites = calls, edge, folder, suites
        self.networks = dict(zip(SIDES, (lan, wan)))
        for side in SIDES:
            self._lay(side)
            addresses = ", ".join(remote(side, call)[0] for call in range(calls))
            self._drop(self.networks[side], FAR, REMOTE_PORT, addresses)
        self._load = None

    def _lay(self, side):
        far = self.networks[side]
        machine.ip("-n", self.edge, "link", "add", "name", side, "address", mac(side, 2), "type", "veth",
                   "peer", "name", FAR, "address", mac(side, 1), "netns", far)
        for name, device, address in ((self.edge, side, appliance(side)), (far, FAR, gateway(side))):
            machine.ip("-n", name, "addr", "add", f"{address}/24", "dev", device)
            machine.ip("-n", name, "link", "set", device, "up")
            subprocess.run(("ip", "netns", "exec", name, "ethtool", "-K", device, "tx", "off", "tso", "off", "gso",
                            "off", "gro", "off"), check=True, capture_output=True)
        machine.ip("-n", self.edge, "neigh", "add", gateway(side), "lladdr", mac(side, 1), "dev", side, "nud",
                   "permanent")
        machine.ip("-n", self.edge, "route", "add", f"198.{18 + SIDES.index(side)}.0.0/16", "via", gateway(side), "dev",
                   side)

    @staticmethod
    def _drop(name, device, ports, addresses):
        subprocess.run(("ip", "netns", "exec", name, "nft", "-f", "-"), text=True, capture_output=True, check=True,
                       input=SINK.format(device=device, ports=ports, addresses=addresses))

    def sink_at_edge(self):
        """For the generator's own cost: its packets end as they come off the first wire."""
        for side in SIDES:
            network = f"hf_bench_{side}"
            text = SINK.format(device=side, ports="1024-65535", addresses=appliance(side)).replace("hf_bench", network)
            subprocess.run(("ip", "netns", "exec", self.edge, "nft", "-f", "-"), text=True, input=text, check=True,
                           capture_output=True)

    def arrived_at_edge(self):
        return sum(sum(self._counts(self.edge, f"hf_bench_{side}").values()) for side in SIDES)

    def arrived(self):
        """Packets by (side where it came out, call), so far."""
        return {(side, address): count for side in SIDES
                for address, count in self._counts(self.networks[side], "hf_bench").items()}

    @staticmethod
    def _counts(name, table):
        done = subprocess.run(("ip", "netns", "exec", name, "nft", "-j", "list", "set", "netdev", table, "streams"),
                              text=True, capture_output=True, check=True)
        found = next(one["set"] for one in json.loads(done.stdout)["nftables"] if "set" in one)
        return {one["elem"]["val"]: one["elem"]["counter"]["packets"] for one in found["elem"]}

    # ---- the generator

    def speak(self, ports):
        """Starts it; `ports`: by side, where the device listens, call by call."""
        words = [LOAD, "--interface", FAR, "--cpu", LOAD_CPU, *device.srtp_words(self.suites)]
        for side in SIDES:
            words += [f"--{side}", self.networks[side], f"--{side}-ports", ",".join(map(str, ports[side]))]
        with (self.folder / "load.log").open("w") as log:
            self._load = machine.start(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log)
        self._answer()

    def load_ns(self):
        """CPU time of the generator so far."""
        return machine.schedule_ns(self._load.pid)[0]

    def begin(self, seconds, rate):
        self._load.stdin.write(f"{seconds} {rate}\n")
        self._load.stdin.flush()

    def result(self):
        return self._answer()

    def send(self, seconds, rate):
        """All streams, `rate` packets/s each."""
        self.begin(seconds, rate)
        return self._answer()

    def _answer(self):
        line = self._load.stdout.readline()
        if not line:
            raise RuntimeError("the generator died: " + (self.folder / "load.log").read_text()[-300:])
        return json.loads(line)

    def close(self):
        if self._load:
            machine.stop(self._load)


@contextlib.contextmanager
def lay(calls, suites=None):
    with machine.namespace("lan") as lan, machine.namespace("edge") as edge, machine.namespace("wan") as wan, \
            machine.work_folder() as folder:
        wires = Wires(calls, lan, edge, wan, folder, suites or {})
        try:
            yield wires
        finally:
            wires.close()
