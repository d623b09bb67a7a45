# SPDX-License-Identifier: Apache-2.0
"""what 100 calls lose when the whole media range is sent garbage at three times what the relay takes"""
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import time

import machine
import quota
import rubbish

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "rtpengine"))
import relays  # noqa: E402  (the path above comes first)
import wires as wire  # noqa: E402

PROGRAMS = ("nft", "ethtool")
BUILT = ("dataplane/holdfast-dataplane", "dataplane/xdp/steer.bpf.o", "bench/relay/holdfast-relay-calls",
         "bench/garbage/holdfast-garbage-load")
LOAD = pathlib.Path("build/bench/garbage/holdfast-garbage-load")
WATCHED, OTHERS, RATE = 100, 100, 50  # calls, and packets/s of a watched stream
SHARE = 0.1  # of one CPU, so that the generator can offer three times what it lets through
FIRST_RATE, STEP, LAST_RATE = 5_000, 1.2, 400_000  # packets/s of a side, while looking for what it takes
TRIAL_S, TAKEN = 1, 0.95
FACTOR, LEAST_FACTOR = 3, 2.8
RUN_S, QUICK_S = 5, 2
WARM_S, DRAIN_S = 0.5, 0.3
KINDS = ("watched", "others", "garbage")  # of frames, to holdfast-garbage-load
GARBAGE = 20_000  # different frames of each side


class Relay(relays.Holdfast):
    """On IPv6 too."""

    def _configuration(self):
        text = super()._configuration()
        for side in wire.SIDES:
            text = text.replace(f'["{wire.appliance(side)}"]', f'["{wire.appliance(side)}", "{appliance6(side)}"]')
        return text


def appliance6(side):
    return f"2001:db8:{18 + wire.SIDES.index(side)}::2"


class Place:
    """The relay with its calls under its share, and the generator. By turns with others of its kind."""

    def __init__(self, wires):
        self.wires, self.load = wires, None
        for side in wire.SIDES:
            switch = f"net.ipv6.conf.{side}.disable_ipv6=0"  # the namespace has it off
            subprocess.run(("ip", "netns", "exec", wires.edge, "sysctl", "-qw", switch), check=True)
            machine.ip("-n", wires.edge, "addr", "add", f"{appliance6(side)}/64", "dev", side, "nodad")
        self.share = quota.Quota(SHARE)
        try:
            self.relay = Relay(wires)
        except BaseException:
            self.share.close()
            raise

    def __enter__(self):
        try:
            ports = self.relay.start_calls()
            words = [LOAD, "--interface", wire.FAR, "--cpu", wire.LOAD_CPU, "--calls", WATCHED + OTHERS, "--watched",
                     WATCHED]
            for side in wire.SIDES:
                words += [f"--{side}", self.wires.networks[side], f"--{side}-garbage", self._garbage(side, ports[side])]
            with (self.wires.folder / "garbage.log").open("w") as log:
                self.load = machine.start(words, stdin=-1, stdout=-1, stderr=log)
            self._answer()
            self.share.join(self.relay.process.pid)
            # The calls go on when the garbage comes: their legs know who speaks.
            self.send(WARM_S, WATCHED * RATE, OTHERS * RATE)
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        if self.load:
            machine.stop(self.load)
        with contextlib.suppress(OSError):  # it has died
            self.share.leave(self.relay.process.pid)
        self.relay.stop()
        self.share.close()

    def _garbage(self, side, ports):
        number = wire.SIDES.index(side)
        remotes = {4: [wire.remote(side, call)[0] for call in range(WATCHED + OTHERS)],
                   6: [f"2001:db8:{18 + number}::{n:x}" for n in range(16, 80)]}
        macs = bytes.fromhex((wire.mac(side, 2) + wire.mac(side, 1)).replace(":", ""))
        path = self.wires.folder / f"{side}.garbage"
        with path.open("wb") as file:
            for frame in rubbish.frames(macs, {4: wire.appliance(side), 6: appliance6(side)}, remotes,
                                        (relays.FIRST_MEDIA_PORT, relays.LAST_MEDIA_PORT), ports, GARBAGE, number):
                file.write(len(frame).to_bytes(2, "big") + frame)
        return path

    def _answer(self):
        line = self.load.stdout.readline()
        if not line:
            raise RuntimeError("the generator died: " + (self.wires.folder / "garbage.log").read_text()[-300:])
        return json.loads(line)

    def send(self, seconds, watched, others=0, garbage=0):
        """Frames a second of each side and kind. Gives (what was sent of each kind; how many packets of the watched
        calls and of the others had come out when the last was sent, and a while later; the seconds it took)."""
        before = self._arrived()
        self.load.stdin.write(f"{seconds} {watched} {others} {garbage}\n")
        self.load.stdin.flush()
        tally = self._answer()
        at_once = [b - a for a, b in zip(before, self._arrived())]
        time.sleep(DRAIN_S)
        sent = {kind: sum(tally["sent"][side][kind] for side in wire.SIDES) for kind in KINDS}
        return sent, at_once, [b - a for a, b in zip(before, self._arrived())], tally["seconds"]

    def _arrived(self):
        watched = {wire.remote(side, call)[0] for side in wire.SIDES for call in range(WATCHED)}
        counts = self.wires.arrived()
        return (sum(count for (_, address), count in counts.items() if address in watched),
                sum(count for (_, address), count in counts.items() if address not in watched))

    def books(self):
        """(frames in by the relay's own count, those of them that it has no word for)"""
        ports = self.relay.status()["ports"]
        return (sum(port["rx"] for port in ports),
                sum(port["rx"] - port["relayed"] - port["to_kernel"] - sum(port["drops"].values()) for port in ports))


def capacity():
    """Packets a second of both sides that it relays, all of them good."""
    with wire.lay(WATCHED + OTHERS) as wires, Place(wires) as place:
        taken, rate = None, FIRST_RATE
        while rate <= LAST_RATE:
            sent, at_once, _, seconds = place.send(TRIAL_S, rate / 2, rate / 2)
            offered = sent["watched"] + sent["others"]
            if sum(at_once) < TAKEN * offered:
                break
            taken, rate = offered / seconds, rate * STEP
    if taken is None:
        raise RuntimeError(f"{SHARE:.0%} of a CPU does not take {2 * FIRST_RATE} packets/s")
    return taken


class Results:
    def __init__(self):
        self.capacity, self.lost, self.unaccounted, self.factors = [], {}, [], []
        self.cost = []  # of a frame of garbage, in microseconds of the relay's CPU time
        self._alone_ns = 0

    def measure(self, kind, rate, seconds):
        """What the watched calls lose, in percent, when `rate` frames a second are offered in all."""
        own = WATCHED * RATE
        more = max(0, rate / 2 - own)
        with wire.lay(WATCHED + OTHERS) as wires, Place(wires) as place:
            before, _ = place.books()
            busy = place.share.busy_ns()
            sent, _, arrived, took = place.send(seconds, own, **({kind: more} if kind != "nothing" else {}))
            busy = place.share.busy_ns() - busy
            came, unexplained = place.books()
        self.lost.setdefault(kind, []).append(100 * (1 - arrived[0] / sent["watched"]))
        self.unaccounted.append(abs(came - before - sum(sent.values())) + abs(unexplained))
        if kind == "nothing":
            self._alone_ns = busy
        elif kind == "garbage":
            self.cost.append((busy - self._alone_ns) / 1000 / sent["garbage"])
        if kind != "nothing":
            self.factors.append(sum(sent.values()) / took / self.capacity[-1])

    def run(self, seconds):
        self.capacity.append(capacity())
        for kind in ("nothing", "others", "garbage"):
            self.measure(kind, FACTOR * self.capacity[-1], seconds)


def add_arguments(_parser):
    pass


def preflight(_options):
    """What is wrong with the request or the machine; None when nothing is."""
    return machine.missing(PROGRAMS, BUILT) or quota.missing()


def run(options, output):
    results = Results()
    case = f"what {WATCHED} calls lose at {FACTOR} times that"
    try:
        for _ in range(options.runs):
            results.run(QUICK_S if options.quick else RUN_S)
    except (RuntimeError, OSError) as failure:
        output.row("garbage", case, "%", [], ok=False, reason=" ".join(str(failure).split())[-300:])
        return
    weak = f"it was given only {min(results.factors):.1f} times what it takes" \
        if min(results.factors) < LEAST_FACTOR else None
    alone, beside, garbage = (statistics.median(results.lost[kind]) for kind in ("nothing", "others", "garbage"))
    output.row("garbage", f"{SHARE:.0%} of one CPU: what it takes", "packets/s", results.capacity)
    output.row("garbage", f"what {WATCHED} calls lose by themselves", "%", results.lost["nothing"], target=0,
               ok=alone == 0)
    output.row("garbage", f"{case}, all of it good media", "%", results.lost["others"], reason=weak)
    output.row("garbage", f"{case}, the rest garbage", "%", results.lost["garbage"],
               limit=("all of it good media", beside), target="no more", ok=garbage <= beside, reason=weak)
    output.row("garbage", "CPU time of the relay for a frame of garbage", "us/frame", results.cost)
    output.row("garbage", "frames unaccounted for", "frames", results.unaccounted, target=0,
               ok=not any(results.unaccounted))
