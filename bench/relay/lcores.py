# SPDX-License-Identifier: Apache-2.0
"""Two lcores beside one: the same calls on the same ports, each lcore with half of them. The ports have one pair of
queues, so that half of the frames change lcores by ring once on their way."""
import contextlib
import os
import statistics

import books
import device
import machine
import peer

LEGS = 20000
WARMINGS = 8
SATURATED = 0.05  # idle part of the traffic program, below which it may have been the limit
ONE, TWO = (device.CPU,), (device.CPU, peer.CPU + 1)


def saturate(folder, namespace, huge, cpus, seconds):
    """(packets/s that came back in time, whether the traffic program was saturated, what was wrong with the books)"""
    calls = LEGS // 2
    with contextlib.ExitStack() as stack:
        traffic = peer.Peer(folder, calls, False, bool(huge))
        stack.callback(traffic.stop)
        ours = device.Holdfast(folder, namespace, calls, huge, cpus=cpus)
        stack.callback(ours.stop)
        ours.wait_ready(calls)
        if not traffic.ask("wait", device.START_SECONDS)["links"]:
            raise RuntimeError("the ports are not joined")
        for _ in range(WARMINGS):
            sides = traffic.ask("warm", 5)["sides"]
            if all(sides[a]["good"] == sides[b]["returned"] for a, b in (books.SIDES, books.SIDES[::-1])):
                break
        before = ours.status()
        tally = traffic.ask("saturate", seconds)
        off, wrong = books.audit(tally, before, ours.status())
        rate = sum(side["returned_in_time"] for side in tally["sides"].values()) / tally["seconds"]
        return rate, tally["idle"] < SATURATED, ([f"{off} frames unaccounted for"] if off else []) + wrong


def report(options, output, huge, namespace):
    """By turns. Nothing where the two and the traffic program would share a core."""
    name = f"{LEGS} legs on two lcores"
    cpus = os.cpu_count()
    if cpus <= TWO[-1]:
        output.row("relay", name, "packets/s", [],
                   reason=f"{cpus} CPUs: two lcores and the traffic program need three")
        return
    rates, remarks = {ONE: [], TWO: []}, {}
    try:
        for _ in range(options.runs):
            for each, found in rates.items():
                with machine.work_folder() as folder:
                    rate, saturated, wrong = saturate(folder, namespace, huge, each, 1 if options.quick else 3)
                found.append(rate)
                remarks |= dict.fromkeys(wrong + ["the traffic program was the slower"] * saturated)
    except RuntimeError as failure:
        output.row("relay", name, "packets/s", [], ok=False, reason=" ".join(str(failure).split())[-300:])
        return
    output.row("relay", name, "packets/s", rates[TWO], limit=("one lcore", statistics.median(rates[ONE])),
               reason="; ".join(remarks)[:400] or None)
