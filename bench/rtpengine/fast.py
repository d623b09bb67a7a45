# SPDX-License-Identifier: Apache-2.0
"""What a packet costs the whole machine at a rate that no kernel carries: ours between DPDK peers, beside rtpengine
at the rate over veth at which a packet costs it least."""
import contextlib
import os
import statistics
import time

import books  # of bench/relay, as relays has it
import device
import machine
import peer
import relays
import wires as wire

CALLS = 100
PACKETS_PER_S = 1_000_000  # over both sides
RATES = (50, 100, 200, 300, 400)  # of a stream, for rtpengine, as long as it carries them
CARRIED = 0.999
RUN_S, QUICK_S = 4, 2
WARM_S, DRAIN_S = 0.5, 0.2
TARGET = 1 / 30
CROWDED_MACHINE = 0.1  # of all CPUs, by other work
HUGE_MIB = 2 * device.MEMORY_MIB
FULL_RATE = 0.95


class Fast:
    def __init__(self, seconds, huge, namespace):
        self.seconds, self.huge, self.namespace = seconds, huge, namespace
        self.ours = []       # us of CPU time a packet above the generator's, one a run
        self.alone = []      # the same of the dataplane's threads alone, from the kernel's scheduler
        self.delay = []      # p99, us
        self.rate = []       # packets/s that came out
        self.rtpengine = []  # us a packet above the sink, at the best rate of a run
        self.best_rate = []
        self.other = 0
        self.unaccounted, self.wrong = [], {}

    def run_all(self):
        idle = machine.BusyTime()
        time.sleep(1)
        self.other = max(self.other, idle.seconds() / os.cpu_count())
        own = self._generator()
        self._holdfast(own)
        self._rtpengine(self._sink())

    def _generator(self):
        """CPU seconds a second with the traffic program polling, and nobody at the other ends."""
        with machine.work_folder() as folder, contextlib.ExitStack() as stack:
            traffic = self._traffic(folder, stack)
            busy, start = machine.BusyTime(), time.monotonic()
            traffic.ask("pace", self.seconds, PACKETS_PER_S)
            return busy.seconds() / (time.monotonic() - start)

    def _traffic(self, folder, stack):
        traffic = peer.Peer(folder, CALLS, False, bool(self.huge))
        stack.callback(traffic.stop)
        return traffic

    def _holdfast(self, generator):
        with machine.work_folder() as folder, contextlib.ExitStack() as stack:
            traffic = self._traffic(folder, stack)
            ours = device.Holdfast(folder, self.namespace, CALLS, self.huge)
            stack.callback(ours.stop)
            ours.wait_ready(CALLS)
            if not traffic.ask("wait", device.START_SECONDS)["links"]:
                raise RuntimeError("the dataplane did not connect to the vhost-user sockets")
            traffic.ask("warm", WARM_S)
            traffic.ask("pace", WARM_S, PACKETS_PER_S)
            before = ours.status()
            busy, start, own = machine.BusyTime(), time.monotonic(), machine.schedule_ns(ours.process.pid)[0]
            tally = traffic.ask("pace", self.seconds, PACKETS_PER_S)
            took, busy = time.monotonic() - start, busy.seconds()
            own = machine.schedule_ns(ours.process.pid)[0] - own
            off, wrong = books.audit(tally, before, ours.status())
        self.unaccounted.append(off)
        self.wrong |= dict.fromkeys(wrong)
        returned = sum(side["returned"] for side in tally["sides"].values())
        if lost := sum(side["good"] for side in tally["sides"].values()) - returned:
            raise RuntimeError(f"{lost} packets did not come back")
        self.ours.append(1e6 * (busy - generator * took) / returned)
        self.alone.append(own / 1000 / returned)
        self.delay.append(tally["delay_ns"]["p99"] / 1000)
        self.rate.append(returned / tally["seconds"])

    def _sink(self):
        """By rate: us of CPU time a packet that the generator costs by itself over veth."""
        with wire.lay(CALLS) as wires:
            wires.sink_at_edge()
            wires.speak({side: [relays.FIRST_MEDIA_PORT] * CALLS for side in wire.SIDES})
            return {rate: self._busy(wires, rate)[0] for rate in RATES}

    def _busy(self, wires, rate):
        tally = wires.send(self.seconds / 2, rate)
        sent = wire.good(tally)
        return 1e6 * tally["busy_s"] / sent, sent

    def _rtpengine(self, sink):
        costs = {}
        with wire.lay(CALLS) as wires:
            relay = relays.Rtpengine(wires)
            try:
                wires.speak(relay.start_calls())
                wires.begin_calls(relay.learns_s, RATES[0])
                for rate in RATES:
                    time.sleep(DRAIN_S)
                    before = sum(wires.arrived().values())
                    busy, sent = self._busy(wires, rate)
                    time.sleep(DRAIN_S)
                    if sum(wires.arrived().values()) - before < CARRIED * sent:
                        break
                    costs[rate] = busy - sink[rate]
            finally:
                relay.stop()
        if not costs:
            raise RuntimeError(f"rtpengine does not carry {RATES[0]} packets/s a stream")
        best = min(costs, key=costs.get)
        self.rtpengine.append(costs[best])
        self.best_rate.append(2 * CALLS * best)


def report(options, output):
    case = f"{CALLS} calls at {PACKETS_PER_S:,} packets/s, DPDK peers"
    seconds = QUICK_S if options.quick else RUN_S
    with machine.HugePages() as pages, machine.namespace() as namespace:
        fast = Fast(seconds, pages if pages.provide(HUGE_MIB) else None, namespace)
        try:
            for _ in range(options.runs):
                fast.run_all()
        except (RuntimeError, OSError) as failure:
            output.row("rtpengine", case, "us/packet", [], ok=False, reason=" ".join(str(failure).split())[-300:])
            return
    best = statistics.median(fast.rtpengine)
    beside = (f"rtpengine at {statistics.median(fast.best_rate):,.0f} packets/s over veth", relays.rtpengine_version(),
              best)
    remarks = []
    if (rate := statistics.median(fast.rate)) < FULL_RATE * PACKETS_PER_S:
        remarks.append(f"only {rate:,.0f} packets/s")
    if fast.other > CROWDED_MACHINE:
        remarks.append(f"other work had up to {fast.other:.0%} of the CPUs")
    remark = "; ".join(remarks) or None
    whole = f"{case}: whole machine, above the generator"
    if fast.other > CROWDED_MACHINE:  # any figure would be other work's
        output.row("rtpengine", whole, "us/packet", [], target=TARGET, reason=remark)
    else:
        holds = 0 < statistics.median(fast.ours) <= TARGET * best and rate >= FULL_RATE * PACKETS_PER_S
        output.row("rtpengine", whole, "us/packet", fast.ours, beside, target=TARGET, ok=holds, reason=remark)
    output.row("rtpengine", f"{case}: dataplane alone", "us/packet", fast.alone, beside, reason=remark)
    output.row("rtpengine", f"{case}: delay p99", "us", fast.delay)
    output.row("rtpengine", f"{case}, 1 % bad: frames unaccounted for", "frames", fast.unaccounted, target=0,
               ok=not any(fast.unaccounted), reason="; ".join(fast.wrong)[:400] or None)
