# SPDX-License-Identifier: Apache-2.0
"""packets/s, ns/packet and delay of the relay on one core, beside dpdk-testpmd; idle CPU"""
import contextlib
import json
import os
import shutil
import statistics
import sys

import books
import delay
import device
import growth
import lcores
import machine
import peer
import restart

LEGS = "2,200,20000,32768"
MAX_LEGS = 40000  # bench/relay/plan.hh
PACKETS_PER_S_OF_A_LEG = 50  # G.711 with 20 ms a packet
PARTS = ("p50", "p99", "p99.9")
AT_LEAST = {20000: 0.5}  # by legs: of 5tswap's packets/s
HUGE_MIB = 2 * device.MEMORY_MIB
SWAP, IO = device.SWAP, "dpdk-testpmd io"
LAB_CALLS = 50
LAB_SECONDS = 60  # to raise the lab and take it down
PART_NAMES = ("speed", "delay", "restart")
BUSY_MACHINE = 0.02  # other work's part of a run that is worth a remark
SATURATED = 0.05  # idle part of the traffic program, below which it may have been the limit
PROGRAMS = ("dataplane/holdfast-dataplane", "control/holdfast", "bench/relay/holdfast-relay-peer",
            "bench/relay/holdfast-relay-calls", "bench/relay/relay_core_bench", "dataplane/xdp/steer.bpf.o")


def add_arguments(parser):
    parser.add_argument("--legs", default=LEGS, help=f"relay: numbers of legs, even (default {LEGS})")


def preflight(options):
    """What is wrong with the request or the machine; None when nothing is."""
    if options.part not in (None, *PART_NAMES):
        return f"--part is one of {', '.join(PART_NAMES)}"
    try:
        options.leg_counts = [int(text) for text in options.legs.split(",")]
    except ValueError:
        return f"--legs is a list of numbers, not '{options.legs}'"
    if any(n < 2 or n > MAX_LEGS or n % 2 for n in options.leg_counts):
        return f"--legs: even numbers from 2 to {MAX_LEGS}"
    if os.geteuid() != 0:
        return "needs root (network namespaces, DPDK)"
    if os.cpu_count() < 2:
        return "needs two CPUs: one for the device under test, one for the traffic"
    missing = [name for name in PROGRAMS if not (device.BUILD / name).exists()]
    if missing:
        return f"build first (scripts/build release): {', '.join(missing)}"
    return None if shutil.which("dpdk-testpmd") else "dpdk-testpmd is missing (scripts/setup)"


class Case:
    """One number of legs: all devices by turns, so that what the machine does meanwhile hits them alike."""

    def __init__(self, legs, seconds, huge, namespace):
        self.legs, self.calls, self.seconds, self.huge, self.namespace = legs, legs // 2, seconds, huge, namespace
        self.rate = {}     # by device: packets/s that came back, one a run
        self.cost = {}     # ns of CPU for one of them
        self.delay = {}    # p50, p99, p99.9 in us
        self.waited = []   # part of the time in which a device wanted its CPU and something else had it
        self.idle = {}     # by device: part of the time in which the traffic program had nothing to do
        self.peer_faults = []
        self.memory = []   # of holdfast-dataplane, in bytes
        self.unaccounted = []
        self.wrong = []

    def run_all(self):
        for make in (self._holdfast, self._testpmd(SWAP), self._testpmd(IO)):
            with machine.work_folder() as folder:
                self._run(folder, make)

    def _holdfast(self, folder):
        return device.Holdfast(folder, self.namespace, self.calls, self.huge)

    def _testpmd(self, name):
        return lambda folder: device.Testpmd(folder, name, self.huge)

    def _run(self, folder, make):
        reflect = make != self._holdfast
        if self.huge and not self.huge.provide(HUGE_MIB):  # never some runs with and some without
            raise RuntimeError("other programs took the huge pages away")
        with contextlib.ExitStack() as stack:
            traffic = peer.Peer(folder, self.calls, reflect, bool(self.huge))
            stack.callback(traffic.stop)
            dut = make(folder)
            stack.callback(dut.stop)
            dut.wait_ready(self.calls)
            traffic.join(dut.name)
            self._saturate(traffic, dut)
            self._pace(traffic, dut)
            if not reflect:
                self.memory.append(dut.memory_bytes())
            dut.stop()
            if reflect:
                self._cost_of_testpmd(dut)

    def _cost_of_testpmd(self, dut):
        """Two bounds from above, of which the lower counts: its CPU time is too much when it had empty polls, its own
        count of busy cycles when the CPU was taken from it meanwhile."""
        counted = dut.busy_ns_per_packet()
        if counted is not None:
            self.cost[dut.name][-1] = min(self.cost[dut.name][-1], counted)

    def _saturate(self, traffic, dut):
        before = None if dut.reflects else dut.status()
        ran_ns, waited_ns = dut.schedule_ns()
        tally = traffic.ask("saturate", self.seconds)
        ran_ns, waited_ns = (b - a for a, b in zip((ran_ns, waited_ns), dut.schedule_ns()))
        returned = sum(side["returned"] for side in tally["sides"].values())
        self.cost.setdefault(dut.name, []).append(ran_ns / max(returned, 1))
        if before:
            self._audit(tally, before, dut.status())
        else:
            self._judge_testpmd(tally, dut)
        in_time = sum(side["returned_in_time"] for side in tally["sides"].values())
        self.rate.setdefault(dut.name, []).append(in_time / tally["seconds"])
        self.waited.append(waited_ns / (ran_ns + waited_ns))
        self.idle.setdefault(dut.name, []).append(tally["idle"])

    def _pace(self, traffic, dut):
        before = dut.status() if not dut.reflects else None
        tally = traffic.ask("pace", self.seconds, self.legs * PACKETS_PER_S_OF_A_LEG)
        if before:
            self._audit(tally, before, dut.status())
        for part in PARTS:
            if "delay_ns" in tally:
                self.delay.setdefault((dut.name, part), []).append(tally["delay_ns"][part] / 1000)

    def _audit(self, tally, before, after):
        off, wrong = books.audit(tally, before, after)
        self.unaccounted.append(off)
        self.wrong += wrong

    def _judge_testpmd(self, tally, dut):
        """A peer that loses frames, or does other work than was asked of it, would be no measure."""
        sides = tally["sides"].values()
        lost = sum(side["good"] + sum(side["bad"].values()) - side["returned"] for side in sides)
        if lost:
            self.peer_faults.append(f"{dut.name} lost {lost} frames")
        if tally["wrong"] and dut.name == SWAP:
            self.peer_faults.append(f"{dut.name}: {tally['first_wrong']} is not as wanted")

    def remarks(self):
        """What a reader of the rates must know."""
        yield from dict.fromkeys(self.peer_faults)
        if not self.huge:
            yield "no huge pages on either side"
        if max(self.waited) > BUSY_MACHINE:
            yield f"other work had the CPU for up to {max(self.waited):.0%} of a run"
        slow = [name for name, parts in self.idle.items() if statistics.median(parts) < SATURATED]
        if slow:
            yield "the traffic program was the slower beside " + " and ".join(slow)

    def report(self, output):
        swap, io, version = SWAP, IO, device.testpmd_version()
        name = f"{self.legs} legs"
        median = statistics.median
        target = AT_LEAST.get(self.legs)
        ok = None if target is None else median(self.rate["holdfast"]) >= target * median(self.rate[swap])
        output.row("relay", name, "packets/s", self.rate["holdfast"], (swap, version, median(self.rate[swap])),
                   (io, median(self.rate[io])), target=target, ok=ok, reason="; ".join(self.remarks()) or None)
        output.row("relay", name, "ns/packet", self.cost["holdfast"], (swap, version, median(self.cost[swap])),
                   (io, median(self.cost[io])))
        for part in PARTS:
            output.row("relay", f"{name} at {PACKETS_PER_S_OF_A_LEG} packets/s each, delay {part}", "us",
                       self.delay.get(("holdfast", part), []),
                       (swap, version, median(self.delay[swap, part])) if (swap, part) in self.delay else None)
        output.row("relay", f"{name}, 1 % bad: frames unaccounted for", "frames", self.unaccounted, target=0,
                   ok=not any(self.unaccounted), reason="; ".join(dict.fromkeys(self.wrong))[:400] or None)


def one_line(failure):
    return " ".join(str(failure).split())[-300:]


def report_ring(options, output):
    """The packet loop alone, without a driver or a copy of the frame."""
    words = (device.BUILD / "bench/relay/relay_core_bench", "--benchmark_format=json",
             f"--benchmark_min_time={0.2 if options.quick else 1}", f"--benchmark_repetitions={options.runs}")
    try:
        measured = json.loads(machine.run_group(words, 60 + 30 * options.runs))["benchmarks"]
    except (RuntimeError, ValueError) as failure:
        output.row("relay", "packet loop alone (ring ports)", "ns/packet", [], ok=False, reason=one_line(failure))
        return
    values = {}
    for one in measured:
        legs = one["name"].split("/")[1]
        if one.get("error_occurred"):
            output.row("relay", f"{legs} legs, packet loop alone (ring ports)", "ns/packet", [], ok=False,
                       reason=one["error_message"])
        elif one.get("run_type") == "iteration":
            values.setdefault(legs, []).append(1e9 / one["items_per_second"])
    for legs, costs in values.items():
        output.row("relay", f"{legs} legs, packet loop alone (ring ports)", "ns/packet", costs)


def report_lab(options, output):
    """The appliance as it stands at a branch: the kernel's veth links, af_xdp, sleeping when it may."""
    seconds = 2 if options.quick else 5
    words = ("lab/private", sys.executable, "bench/relay/in_lab.py", LAB_CALLS, seconds, options.runs)
    result, reason = {}, None
    try:
        result = json.loads(machine.run_group(words, LAB_SECONDS + 5 * options.runs * (seconds + 15)))
    except (RuntimeError, ValueError) as failure:
        reason = one_line(failure)
    for key, case in (("no calls", "idle, no calls"), ("silent calls", f"idle, {LAB_CALLS} calls without media"),
                      ("talking calls", f"{LAB_CALLS} calls of media")):
        output.row("relay", f"lab, {case}: CPU time", "% of a core", result.get(key, []), reason=reason)
    for i, part in enumerate(("p50", "p99", "p99.9")):
        output.row("relay", f"lab, {LAB_CALLS} calls: added delay {part} (captures)", "us",
                   [run[i] for run in result.get("delay_us", [])], reason=reason)


def measure(cases, runs, output):
    """By turns, so that numbers of legs can be compared too. Returns those that did not fail."""
    failures = {}
    for _ in range(runs):
        for case in (case for case in cases if case.legs not in failures):
            try:
                case.run_all()
            except RuntimeError as failure:
                failures[case.legs] = failure
    for legs, failure in failures.items():
        output.row("relay", f"{legs} legs", "packets/s", [], ok=False, reason=one_line(failure))
    return {case.legs: case for case in cases if case.legs not in failures}


def run(options, output):
    for name, report in zip(PART_NAMES, (report_speed, delay.report, restart.report)):
        if options.part in (None, name):
            report(options, output)


def report_speed(options, output):
    seconds = 1 if options.quick else 3
    with machine.HugePages() as pages, machine.namespace() as namespace:
        huge = pages if pages.provide(HUGE_MIB) else None
        cases = measure([Case(legs, seconds, huge, namespace) for legs in options.leg_counts], options.runs, output)
        lcores.report(options, output, huge, namespace)
    for case in cases.values():
        case.report(output)
    growth.report(cases, output)
    report_ring(options, output)
    report_lab(options, output)
