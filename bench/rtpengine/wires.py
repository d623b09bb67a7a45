# SPDX-License-Identifier: Apache-2.0
"""Where it is measured: the remotes of lan and of wan, and between them the edge, where the device under test is; a
network namespace for each, and veth pairs between them. What comes out is counted by stream and dropped at once, in
the kernel; what was bad on purpose and comes out all the same is counted apart."""
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
BAD_EVERY = 100  # one frame in so many is bad
# By their SSRC (bench/relay/frames.hh), or forged: by the marker bit (bench/relay/srtp_defects.hh).
BAD = ("@th,128,32 0x42616421", "@th,72,8 & 0x80 == 0x80")
UNTOLD = "srtp_replayed"  # a replay is what it repeats, byte for byte
SINK = """table netdev hf_bench {{
  set streams {{ type ipv4_addr; counter; elements = {{ {addresses} }} }}
  counter bad {{ }}
  chain sink {{
    type filter hook ingress device "{device}" priority 0;
    udp dport {ports} {bad[0]} counter name bad drop
    udp dport {ports} {bad[1]} counter name bad drop
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
                       input=SINK.format(device=device, ports=ports, addresses=addresses, bad=BAD))

    def sink_at_edge(self):
        """For the generator's own cost: its packets end as they come off the first wire."""
        for side in SIDES:
            network = f"hf_bench_{side}"
            text = SINK.format(device=side, ports="1024-65535", addresses=appliance(side), bad=BAD)
            text = text.replace("hf_bench", network)
            subprocess.run(("ip", "netns", "exec", self.edge, "nft", "-f", "-"), text=True, input=text, check=True,
                           capture_output=True)

    def arrived_at_edge(self):
        return sum(sum(self._counts(self.edge, f"hf_bench_{side}").values()) for side in SIDES)

    def arrived(self):
        """Packets by (side where it came out, call), so far."""
        return {(side, address): count for side in SIDES
                for address, count in self._counts(self.networks[side], "hf_bench").items()}

    def bad_arrived(self):
        """Of those that can be told, so far, whatever the side."""
        return sum(self._list(self.networks[side], "counter", "hf_bench", "bad")["packets"] for side in SIDES)

    @classmethod
    def _counts(cls, name, table):
        found = cls._list(name, "set", table, "streams")
        return {one["elem"]["val"]: one["elem"]["counter"]["packets"] for one in found["elem"]}

    @staticmethod
    def _list(name, kind, table, what):
        done = subprocess.run(("ip", "netns", "exec", name, "nft", "-j", "list", kind, "netdev", table, what),
                              text=True, capture_output=True, check=True)
        return next(one[kind] for one in json.loads(done.stdout)["nftables"] if kind in one)

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

    def send(self, seconds, rate, bad_every=BAD_EVERY):
        """All streams, `rate` frames/s each."""
        self._load.stdin.write(f"{seconds} {rate} {bad_every}\n")
        self._load.stdin.flush()
        return self._answer()

    def begin_calls(self, learns_s, rate):
        """Good frames alone, until the device knows who speaks: what is bad then must not be taken for a caller."""
        self.send(learns_s, rate, 0)

    def _answer(self):
        line = self._load.stdout.readline()
        if not line:
            raise RuntimeError("the generator died: " + (self.folder / "load.log").read_text()[-300:])
        return json.loads(line)

    def close(self):
        if self._load:
            machine.stop(self._load)


def good(tally):
    """Frames of what was sent."""
    return sum(side["good"] for side in tally["sides"].values())


def bad(tally, names=None):
    """Those of these names, or all."""
    return sum(count for side in tally["sides"].values() for name, count in side["bad"].items()
               if names is None or name in names)


@contextlib.contextmanager
def lay(calls, suites=None):
    with machine.namespace("lan") as lan, machine.namespace("edge") as edge, machine.namespace("wan") as wan, \
            machine.work_folder() as folder:
        wires = Wires(calls, lan, edge, wan, folder, suites or {})
        try:
            yield wires
        finally:
            wires.close()
