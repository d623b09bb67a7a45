# SPDX-License-Identifier: Apache-2.0
"""The whole relay on one core between DPDK peers, with legs of SRTP: packets/s, ns/packet, and memory."""
import contextlib
import statistics

import books  # of bench/relay
import device
import machine
import peer

LEGS = 1000
FEW, MANY = 200, 20000  # legs, for the memory
MOST_BYTES = 6144  # a leg
CM, GCM = "AES_CM_128_HMAC_SHA1_80", "AEAD_AES_128_GCM"
LEAST_TO_SRTP, LEAST_BETWEEN = 2_000_000, 1_200_000
WARMINGS, WARM_S = 8, 5
RUN_S, QUICK_S = 3, 1
BUSY_MACHINE = 0.02  # other work's part of a run that is worth a remark
SATURATED = 0.05  # idle part of the traffic program, below which it may have been the limit
HUGE_MIB = 2 * device.MEMORY_MIB
NOT_AUTHENTIC = ("srtp_auth_failed", "srtp_replayed")  # bench/relay/srtp_defects.cc


class Case:
    """Legs of lan and wan with suites; `silent`: the side whose remotes say nothing."""

    def __init__(self, name, suites, least=None, silent=None):
        self.name, self.suites, self.least = name, suites, least
        self.more = [*device.srtp_words(suites), *([f"--{silent}-silent"] if silent else [])]
        self.rate, self.cost, self.wrong = [], [], {}
        self.waited = 0
        self.off = []  # frames unaccounted for, one a run
        self.refused = 0  # forged and repeated packets
        self.idle = []

    @contextlib.contextmanager
    def up(self, legs, huge, namespace):
        """The two programs with all streams begun; traffic, and the dataplane."""
        calls = legs // 2
        with machine.work_folder() as folder, contextlib.ExitStack() as stack:
            traffic = peer.Peer(folder, calls, False, bool(huge), more=self.more)
            stack.callback(traffic.stop)
            ours = device.Holdfast(folder, namespace, calls, huge)
            stack.callback(ours.stop)
            ours.wait_ready(calls, self.suites)
            if not traffic.ask("wait", device.START_SECONDS)["links"]:
                raise RuntimeError("the ports are not joined")
            for _ in range(WARMINGS):  # it may begin a moment after its ports are there
                sides = traffic.ask("warm", WARM_S)["sides"]
                if all(sides[a]["good"] == sides[b]["returned"] for a, b in (books.SIDES, books.SIDES[::-1])):
                    break
            else:
                raise RuntimeError(f"frames of the first seconds do not come back: {sides}")
            yield traffic, ours

    def saturate(self, seconds, huge, namespace):
        with self.up(LEGS, huge, namespace) as (traffic, ours):
            before, (ran, waited) = ours.status(), ours.schedule_ns()
            tally = traffic.ask("saturate", seconds)
            ran, waited = (b - a for a, b in zip((ran, waited), ours.schedule_ns()))
            off, wrong = books.audit(tally, before, ours.status())
        sides = tally["sides"].values()
        self.rate.append(sum(side["returned_in_time"] for side in sides) / tally["seconds"])
        self.cost.append(ran / max(1, sum(side["returned"] for side in sides)))
        self.waited = max(self.waited, waited / (ran + waited))
        self.idle.append(tally["idle"])
        self.off.append(off)
        self.refused += sum(count for side in sides for name, count in side["bad"].items() if name in NOT_AUTHENTIC)
        self.wrong |= dict.fromkeys(wrong)

    def remarks(self):
        yield from self.wrong
        if self.waited > BUSY_MACHINE:
            yield f"other work had the CPU for up to {self.waited:.0%} of a run"
        if statistics.median(self.idle) < SATURATED:
            yield "the traffic program was the slower"

    def report(self, output):
        balanced = not any(self.off)
        ok = balanced and (self.least is None or statistics.median(self.rate) >= self.least)
        reason = "; ".join(self.remarks())[:400] or None
        output.row("srtp", f"relay, {LEGS} legs, {self.name}", "packets/s", self.rate,
                   limit=("at least", self.least) if self.least else None, target=1 if self.least else None, ok=ok,
                   reason=reason)
        output.row("srtp", f"relay, {LEGS} legs, {self.name}", "ns/packet", self.cost)
        refused = f"{self.refused:,} forged and repeated packets refused by name" if balanced and self.refused else None
        output.row("srtp", f"relay, {LEGS} legs, {self.name}, 1 % bad: frames unaccounted for", "frames", self.off,
                   target=0, ok=balanced, reason=refused)


def cases():
    yield Case("RTP", {})
    for suite in (CM, GCM):
        yield Case(f"RTP to {suite}", {"wan": suite}, LEAST_TO_SRTP, silent="wan")
        yield Case(f"RTP from and to {suite}", {"wan": suite})
        yield Case(f"{suite}, other keys", {"lan": suite, "wan": suite}, LEAST_BETWEEN)
    yield Case(f"{CM} from and to GCM", {"lan": CM, "wan": GCM})


def failed(output, case, unit, failure):
    output.row("srtp", case, unit, [], ok=False, reason=" ".join(str(failure).split())[-300:])


def report(options, output):
    """By turns, so that what the machine does meanwhile hits all alike."""
    found, failures = list(cases()), {}
    with machine.HugePages() as pages, machine.namespace() as namespace:
        huge = pages if pages.provide(HUGE_MIB) else None
        for _ in range(options.runs):
            for case in (case for case in found if case not in failures):
                try:
                    case.saturate(QUICK_S if options.quick else RUN_S, huge, namespace)
                except RuntimeError as failure:
                    failures[case] = failure
    for case in found:
        if case in failures:
            failed(output, f"relay, {LEGS} legs, {case.name}", "packets/s", failures[case])
        else:
            case.report(output)


def report_memory(options, output):
    """Both legs of each call with SRTP; GCM has the largest keys."""
    name = f"memory of the dataplane, slope from {FEW} to {MANY} legs of SRTP"
    case = Case("memory", {"lan": GCM, "wan": GCM})
    slopes = []
    try:
        with machine.HugePages() as pages, machine.namespace() as namespace:
            huge = pages if pages.provide(HUGE_MIB) else None
            for _ in range(options.runs):
                bytes_of = {}
                for legs in (FEW, MANY):
                    with case.up(legs, huge, namespace) as (_, ours):
                        bytes_of[legs] = ours.memory_bytes()
                slopes.append((bytes_of[MANY] - bytes_of[FEW]) / (MANY - FEW))
    except RuntimeError as failure:
        failed(output, name, "bytes/leg", failure)
        return
    output.row("srtp", name, "bytes/leg", slopes, limit=("at most", MOST_BYTES), target=1,
               ok=statistics.median(slopes) <= MOST_BYTES)
