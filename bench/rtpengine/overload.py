# SPDX-License-Identifier: Apache-2.0
"""Twice what a relay can take for some seconds, and which streams are left; both under the same share of one CPU."""
import contextlib
import functools
import statistics
import time

import balance
import quota
import relays
import wires as wire

import books  # of bench/relay, as relays has it

CALLS = 100
STREAMS = 2 * CALLS
SHARE = 0.1  # so that the generator can offer more than either takes
OVERLOAD_S, QUICK_OVERLOAD_S = 10, 3
FIRST_RATE, STEP, LAST_RATE = 20, 1.3, 1500  # packets/s of a stream, while looking for what it takes
TRIAL_S = 1
TAKEN = 0.95  # of what was sent, at the instant when the last was sent: what waits in a queue is not taken
FACTOR, LEAST_FACTOR = 2, 1.8
RECOVERY_S, JUDGED_S = 1, 2
FLOWS = 0.9  # of a stream's packets
DRAIN_S = 0.2


@contextlib.contextmanager
def under_way(make):
    """A relay with its calls; it is put under its share when it has them and knows who speaks."""
    with wire.lay(CALLS) as wires:
        share = quota.Quota(SHARE)
        try:
            relay = make(wires)
            try:
                wires.speak(relay.start_calls())
                wires.begin_calls(relay.learns_s, FIRST_RATE)
                share.join(relay.process.pid)
                yield wires, relay
            finally:
                relay.stop()
        finally:
            share.close()


def total(wires):
    return sum(wires.arrived().values())


def capacity(make):
    """The highest rate of a stream that it took, in packets/s; all streams at once."""
    with under_way(make) as (wires, _):
        taken, rate = None, FIRST_RATE
        while rate <= LAST_RATE:
            before = total(wires)
            tally = wires.send(TRIAL_S, rate)
            if total(wires) - before < TAKEN * wire.good(tally):
                break
            taken, rate = wire.good(tally) / tally["seconds"] / STREAMS, rate * STEP
            time.sleep(DRAIN_S)
    if taken is None:
        raise RuntimeError(f"{make.name} does not take {FIRST_RATE} packets/s a stream with {SHARE:.0%} of a CPU")
    return taken


def silent(wires, rate):
    """How many streams do not flow at a rate, and what was sent."""
    before = wires.arrived()
    tally = wires.send(JUDGED_S, rate)
    wanted = wire.good(tally) / STREAMS
    time.sleep(DRAIN_S)
    after = wires.arrived()
    return sum(after[stream] - before[stream] < FLOWS * wanted for stream in after), tally


def outcome(make, rate, seconds, bad):
    """Returns (streams that do not flow a second later, by how much it was overloaded). Before and afterwards at half
    of what it can take. `bad` learns what became of the bad frames."""
    with under_way(make) as (wires, relay):
        time.sleep(DRAIN_S)
        held = balance.Balance(wires, relay)
        before, first = silent(wires, rate / 2)
        if before:
            raise RuntimeError(f"{make.name}: {before} streams do not flow before the overload")
        tally = wires.send(seconds, FACTOR * rate)
        recovery = wires.send(RECOVERY_S, rate / 2)
        still, last = silent(wires, rate / 2)
        bad.take(held, functools.reduce(books.both, (first, tally, recovery, last)), overloaded=True)
    return still, wire.good(tally) / tally["seconds"] / STREAMS / rate


def report(options, output):
    seconds = QUICK_OVERLOAD_S if options.quick else OVERLOAD_S
    case = f"streams of {STREAMS} that do not flow {RECOVERY_S} s after {seconds} s of overload"
    rates, still, remarks, bad = {}, {}, [], balance.BadFrames()
    try:
        for _ in range(options.runs):
            for make in (relays.Holdfast, relays.Rtpengine):
                rate = capacity(make)
                lost, factor = outcome(make, rate, seconds, bad)
                rates.setdefault(make.name, []).append(STREAMS * rate)
                still.setdefault(make.name, []).append(lost)
                if factor < LEAST_FACTOR:
                    remarks.append(f"{make.name} was given only {factor:.1f} times what it takes")
    except (RuntimeError, OSError) as failure:
        output.row("rtpengine", case, "streams", [], ok=False, reason=" ".join(str(failure).split())[-300:])
        return
    version = relays.rtpengine_version()
    output.row("rtpengine", f"{SHARE:.0%} of one CPU: what it takes", "packets/s", rates["Holdfast"],
               ("rtpengine", version, statistics.median(rates["rtpengine"])))
    output.row("rtpengine", case, "streams", still["Holdfast"],
               ("rtpengine", version, statistics.median(still["rtpengine"])), target=0, ok=not any(still["Holdfast"]),
               reason="; ".join(dict.fromkeys(remarks)) or None)
    bad.report(output, "rtpengine", f"{SHARE:.0%} of one CPU, {seconds} s of overload")
