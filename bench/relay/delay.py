# SPDX-License-Identifier: Apache-2.0
"""How long frames wait at half of what ours can take, beside 5tswap at the same rate: short slices by turns."""
import contextlib
import functools
import math
import signal
import statistics

import books
import device
import machine
import peer

PARTS = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
MORE_AT_P99_US, TIMES_AT_P999 = 10, 2  # than 5tswap
SLICE_S, SETTLE_S = 1, 0.3
TURNS, QUICK_TURNS = 8, 3  # slices of each device in a run
SATURATE_S = 1
FULL_RATE = 0.95  # of what was asked for
BUSY_MACHINE = 0.02
PLACES = 2
HUGE_MIB = 2 * PLACES * device.MEMORY_MIB


def quantile(buckets, part):
    """Of a histogram: pairs of (the upper edge of a bucket, how many), in any order. None: there is nothing in it."""
    wanted = math.ceil(part * sum(count for _, count in buckets))
    seen = 0
    for edge, count in sorted(buckets):
        seen += count
        if seen >= wanted > 0:
            return edge
    return None


class Place:
    """A device on ports of its own with a traffic program of its own; stands still but in its turns."""

    def __init__(self, traffic, dut):
        self.traffic, self.dut = traffic, dut
        self.slices, self.rates = [], []  # buckets; frames/s offered
        self.missed = []  # part of the frames that were not sent
        self.sent = []  # tallies of what the audit must know
        self.waited = 0
        self._still = False

    def stand(self):
        self.dut.process.send_signal(signal.SIGSTOP)
        self._still = True

    def go_on(self):
        if self._still:
            self.dut.process.send_signal(signal.SIGCONT)
        self._still = False

    def saturate(self):
        self.go_on()
        self.sent.append(self.traffic.ask("saturate", SATURATE_S))
        self.stand()
        return sum(side["returned_in_time"] for side in self.sent[-1]["sides"].values()) / self.sent[-1]["seconds"]

    def slice(self, rate):
        self.go_on()
        self.sent.append(self.traffic.ask("pace", SETTLE_S, rate))  # not measured: gears change, caches are cold
        ran, waited = self.dut.schedule_ns()
        tally = self.traffic.ask("pace", SLICE_S, rate)
        ran, waited = (after - before for before, after in zip((ran, waited), self.dut.schedule_ns()))
        self.stand()
        self.sent.append(tally)
        self.waited = max(self.waited, waited / (ran + waited))
        self.slices.append([tuple(pair) for pair in tally["delay_ns"]["buckets"]])
        good = sum(side["good"] for side in tally["sides"].values())
        self.rates.append(good / tally["seconds"])
        self.missed.append(tally["missed"] / (tally["missed"] + good))


@contextlib.contextmanager
def place(make, calls, reflect, huge):
    """`make`: a device, of its folder. It has its calls, and each stream has begun."""
    with machine.work_folder() as folder, contextlib.ExitStack() as stack:
        traffic = peer.Peer(folder, calls, reflect, bool(huge))
        stack.callback(traffic.stop)
        dut = make(folder)
        stack.callback(dut.stop)
        dut.wait_ready(calls)
        traffic.join(dut.name)
        found = Place(traffic, dut)
        stack.callback(found.go_on)  # so that it can end
        found.stand()
        yield found


class Delay:
    """One number of legs."""

    def __init__(self, legs, turns, huge, namespace):
        self.legs, self.turns, self.huge, self.namespace = legs, turns, huge, namespace
        self.slices = {True: [], False: []}  # of ours: True
        self.rates, self.offered, self.waited = [], [], []
        self.missed = {True: [], False: []}
        self.unaccounted, self.wrong = [], {}

    def run_all(self):
        if self.huge and not self.huge.provide(HUGE_MIB):  # never some runs with and some without
            raise RuntimeError("other programs took the huge pages away")
        calls = self.legs // 2
        with place(lambda folder: device.Holdfast(folder, self.namespace, calls, self.huge), calls, False,
                   self.huge) as ours, \
                place(lambda folder: device.Testpmd(folder, device.SWAP, self.huge), calls, True, self.huge) as swap:
            before = self._status(ours)
            rate = ours.saturate() / 2
            for turn in range(self.turns):
                for each in (ours, swap) if turn % 2 else (swap, ours):
                    each.slice(rate)
            off, wrong = books.audit(functools.reduce(books.both, ours.sent), before, self._status(ours))
        self.unaccounted.append(off)
        self.wrong |= dict.fromkeys(wrong)
        self.rates.append(rate)
        self.offered += ours.rates + swap.rates
        self.waited += [ours.waited, swap.waited]
        for each in (ours, swap):
            self.slices[each is ours] += each.slices
            self.missed[each is ours] += each.missed

    @staticmethod
    def _status(ours):
        ours.go_on()
        status = ours.dut.status()
        ours.stand()
        return status

    def _us(self, is_ours, part):
        return [quantile(one, PARTS[part]) / 1000 for one in self.slices[is_ours]]

    def _pooled_us(self, is_ours, part):
        return quantile([pair for one in self.slices[is_ours] for pair in one], PARTS[part]) / 1000

    def remarks(self):
        rate = statistics.median(self.rates)
        yield f"both at {rate:,.0f} packets/s"
        ours, swap = (statistics.median(self.missed[is_ours]) for is_ours in (True, False))
        yield f"less {ours:.1%} beside ours and {swap:.1%} beside 5tswap, in which the traffic program was stopped"
        if not self.huge:
            yield "no huge pages on either side"
        if (least := min(self.offered)) < FULL_RATE * min(self.rates):
            yield f"the traffic program came to {least:,.0f} packets/s"
        if max(self.waited) > BUSY_MACHINE:
            yield f"other work had the CPU for up to {max(self.waited):.0%} of a slice"

    def report(self, output):
        name, version, remarks = f"{self.legs} legs at half of capacity", device.testpmd_version(), None
        remarks = "; ".join(self.remarks())
        for part in PARTS:
            ours, swap = self._us(True, part), statistics.median(self._us(False, part))
            most = {"p99": swap + MORE_AT_P99_US, "p99.9": swap * TIMES_AT_P999}.get(part)
            output.row("relay", f"{name}, delay {part}", "us", ours, (device.SWAP, version, swap),
                       limit=None if most is None else ("at most", most),
                       ok=None if most is None else statistics.median(ours) <= most, reason=remarks)
        for part in PARTS:
            output.row("relay", f"{name}, all slices together, delay {part}", "us", [self._pooled_us(True, part)],
                       (device.SWAP, version, self._pooled_us(False, part)))
        output.row("relay", f"{name}, 1 % bad: frames unaccounted for", "frames", self.unaccounted, target=0,
                   ok=not any(self.unaccounted), reason="; ".join(self.wrong)[:400] or None)


def report(options, output):
    """The numbers of legs take turns too."""
    failures = {}
    with machine.HugePages() as pages, machine.namespace() as namespace:
        huge = pages if pages.provide(HUGE_MIB) else None
        found = [Delay(legs, QUICK_TURNS if options.quick else TURNS, huge, namespace) for legs in options.leg_counts]
        for _ in range(options.runs):
            for each in (each for each in found if each.legs not in failures):
                try:
                    each.run_all()
                except RuntimeError as failure:
                    failures[each.legs] = failure
    for each in found:
        if each.legs in failures:
            output.row("relay", f"{each.legs} legs at half of capacity, delay", "us", [], ok=False,
                       reason=" ".join(str(failures[each.legs]).split())[-300:])
        else:
            each.report(output)
