# SPDX-License-Identifier: Apache-2.0
"""What a relayed packet costs the whole machine, less what the generator costs it by itself."""
import os
import statistics
import time

import balance
import machine
import relays
import wires as wire

CALLS, RATE = 100, 50  # G.711, 20 ms a packet
WARM_S, RUN_S, QUICK_S = 0.5, 4, 2
DRAIN_S = 0.2
TARGET = 1 / 3
BUSY_MACHINE = 0.02  # of all CPUs: other work that is worth a remark
CROWDED_MACHINE = 0.25  # from here on there is nothing to be seen
SINK = "sink"


class Cost:
    """`suites`: of the remotes that speak SRTP, by side."""

    def __init__(self, seconds, calls=CALLS, ours=(relays.Holdfast, relays.Prompt), suites=None):
        self.seconds, self.calls, self.ours, self.suites = seconds, calls, ours, suites
        self.busy = {}  # by name: microseconds of CPU time a good packet, one a run
        self.own = {}   # the same of the generator and the relay alone, from the kernel's scheduler
        self.lost = {}  # good packets
        self.other = []  # run by run: the part of all CPUs that was busy while nothing of ours ran
        self.bad = balance.BadFrames()

    def run_all(self):
        self.sink()
        for make in (*self.ours, relays.Rtpengine):
            self.relay(make)

    def sink(self):
        with wire.lay(self.calls, self.suites) as wires:
            wires.sink_at_edge()
            wires.speak({side: [relays.FIRST_MEDIA_PORT] * self.calls for side in wire.SIDES})
            self.other.append(wires.send(1, 0)["busy_s"] / os.cpu_count())
            wires.begin_calls(WARM_S, RATE)
            tally, arrived = self._measure(SINK, wires, wires.arrived_at_edge, wires.load_ns)
            self._count(SINK, wire.good(tally) + wire.bad(tally, wire.UNTOLD) - arrived)

    def relay(self, make):
        with wire.lay(self.calls, self.suites) as wires:
            relay = make(wires)
            try:
                wires.speak(relay.start_calls())
                wires.begin_calls(relay.learns_s, RATE)
                time.sleep(DRAIN_S)
                held = balance.Balance(wires, relay)
                tally, arrived = self._measure(relay.name, wires, lambda: sum(wires.arrived().values()),
                                               lambda: wires.load_ns() + machine.schedule_ns(relay.process.pid)[0])
                self._count(relay.name, wire.good(tally) - arrived)
                self.bad.take(held, tally)
            finally:
                relay.stop()

    def _count(self, name, lost):
        self.lost[name] = self.lost.get(name, 0) + lost

    def _measure(self, name, wires, arrived, own_ns):
        """Gives what was sent, and how many packets came out that cannot be told from good ones."""
        time.sleep(DRAIN_S)
        before, own = arrived(), own_ns()
        tally = wires.send(self.seconds, RATE)
        own = own_ns() - own
        time.sleep(DRAIN_S)
        sent = wire.good(tally)
        self.busy.setdefault(name, []).append(1e6 * tally["busy_s"] / sent)
        self.own.setdefault(name, []).append(own / 1000 / sent)
        return tally, arrived() - before

    def above_sink(self, times, name):
        """Run by run: the sink's run was just before. Whole-machine times of crowded runs say nothing."""
        return [ours - sink for ours, sink, other in zip(times[name], times[SINK], self.other)
                if times is self.own or other <= CROWDED_MACHINE]

    def all_arrived(self):
        """A replay that a peer relays is no packet that got lost."""
        return not any(lost > 0 or lost and name != relays.Rtpengine.name for name, lost in self.lost.items())

    def remarks(self):
        for name, lost in self.lost.items():
            if lost > 0:
                yield f"{name}: {lost} packets did not arrive"
            elif lost < 0:
                yield f"{name}: {-lost} packets more arrived than were good"
        if max(self.other) > BUSY_MACHINE:
            yield f"other work had up to {max(self.other):.0%} of the CPUs"


def judge(cost, runs, output, bench, case, target):
    """`target`: how much of rtpengine's a packet of ours may cost."""
    try:
        for _ in range(runs):
            cost.run_all()
    except (RuntimeError, OSError) as failure:
        output.row(bench, case, "us/packet", [], ok=False, reason=" ".join(str(failure).split())[-300:])
        return
    remark = "; ".join(cost.remarks()) or None
    for times, what in ((cost.busy, "whole machine"), (cost.own, "generator and relay alone")):
        name = f"{case}, above the sink: {what}"
        if not cost.above_sink(times, SINK):
            output.row(bench, name, "us/packet", [], target=target, reason=remark)
            continue
        output.row(bench, f"{case}, into a sink: {what}", "us/packet", times[SINK])
        peer = statistics.median(cost.above_sink(times, relays.Rtpengine.name))
        beside = (relays.Rtpengine.name, relays.rtpengine_version(), peer)
        ours = cost.above_sink(times, relays.Holdfast.name)
        ok = cost.all_arrived() and 0 < statistics.median(ours) <= target * peer
        output.row(bench, name, "us/packet", ours, beside, target=target, ok=ok, reason=remark)
        if relays.Prompt in cost.ours:
            output.row(bench, f"{name}, idle-sleep-us 200", "us/packet", cost.above_sink(times, relays.Prompt.name),
                       beside, reason=remark)
    cost.bad.report(output, bench, case)


def report(options, output):
    judge(Cost(QUICK_S if options.quick else RUN_S), options.runs, output, "rtpengine", f"{CALLS} calls over veth",
          TARGET)
