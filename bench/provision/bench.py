# SPDX-License-Identifier: Apache-2.0
"""hits/s, a herd on a slow link and a dead centre: the provision proxy beside nginx"""
import os
import shutil
import statistics
import subprocess

import faults
import place as places
import systems

CONNECTIONS = 64
STEADY = 5000  # hits a second, for delays: what either carries easily
HERD = 100
BUSY = 0.95  # part of its CPU from which on the load program may have been the limit
BUSY_MACHINE = 0.02  # other work's part of a run that is worth a remark
PROGRAMS = ("nginx", "taskset", "ethtool", "openssl")


def add_arguments(parser):
    parser.add_argument("--patience", type=int, default=faults.PATIENCE_S,
                        help="provision: seconds to wait for an answer of a cache whose origin is dead "
                             f"(default {faults.PATIENCE_S}, quick {faults.QUICK_PATIENCE_S})")
    parser.add_argument("--case", action="append", choices=list(CASES),
                        help="provision: this case alone; may be repeated")


def preflight(options):
    """What is wrong with the request or the machine; None when nothing is."""
    options.hit_seconds = 1 if options.quick else 2
    if options.quick:
        options.patience = min(options.patience, faults.QUICK_PATIENCE_S)
    if os.geteuid() != 0:
        return "needs root (network namespaces)"
    if os.cpu_count() < 2:
        return "needs two CPUs: one for the proxy, one for the phones"
    if missing := [name for name in PROGRAMS if not shutil.which(name)]:
        return f"missing: {', '.join(missing)} (scripts/setup bench/provision/debian-packages.txt)"
    if missing := [path.name for path in (systems.HOLDFAST, places.LINK, places.LOAD) if not path.exists()]:
        return f"build first (scripts/build release): {', '.join(missing)}"
    return None if 1 <= options.patience <= 300 else "--patience is 1 to 300"


class Figures:
    """What was measured, by system and name; and what must be said about it."""

    def __init__(self, case):
        self.case = case
        self.values = {}
        self.faults, self.remarks = [], []
        self.waited = 0  # the most that other work had of a run

    def add(self, system, name, value):
        self.values.setdefault((system, name), []).append(value)

    def of(self, system, name):
        return self.values.get((system, name), [])

    def answered(self, system, result, what):
        """Every answer was right, or the figure is none."""
        if result["wrong"] or result["unanswered"] or not result["answers"]:
            self.faults.append(f"{system}, {what}: {result['answers']} right answers, {result['wrong']} wrong "
                               f"({result.get('why', 'none')}), {result['unanswered']} missing")

    def row(self, output, name, unit, case=None, limit=None, target=None, holds=None):
        """`holds`: of the median of ours and that of the peer."""
        ours, peer = self.of("Holdfast", name), self.of("nginx", name)
        peer = statistics.median(peer) if peer else None
        ok = None
        if target is not None and ours:
            ok = holds(statistics.median(ours), peer)
        if self.faults:
            ok = False
        if limit and self.of(limit, name):
            limit = (limit, statistics.median(self.of(limit, name)))
        else:
            limit = None
        output.row("provision", case or f"{self.case}, {name}", unit, ours,
                   ("nginx, one worker", systems.nginx_version(), peer) if peer is not None else None, limit, target,
                   ok, "; ".join(dict.fromkeys(self.faults + self._remarks()))[:400] or None)

    def _remarks(self):
        busy = [f"other work had the CPU for up to {self.waited:.0%} of a run"] if self.waited > BUSY_MACHINE else []
        return self.remarks + busy


# ---- hits

CACHED_FILES = "nginx with open_file_cache"
SYSTEMS = {"Holdfast": systems.Holdfast, "nginx": systems.Nginx,
           CACHED_FILES: lambda place: systems.Nginx(place, "open_file_cache max=1000 inactive=60s;")}
KINDS = {"2 KB hits": "plain", "2 KB hits over TLS": "tls", "2 KB hits, profile phone": "phone"}


def ways(system):
    return {"plain": ("hit-", systems.PORT), "tls": ("hit-", systems.TLS_PORT),
            "phone": (system.phone_prefix, system.phone_port)}


def hits(options, output):
    """All systems by turns, so that what the machine does meanwhile hits them alike."""
    figures = {case: Figures(case) for case in KINDS}
    for _ in range(options.runs):
        for name, make in SYSTEMS.items():
            with places.new_place() as place:
                system = make(place)
                try:
                    measure_hits(options, system, name, figures)
                finally:
                    system.close()
    for case, kind in KINDS.items():
        report_hits(output, figures[case], kind)


def measure_hits(options, system, name, figures):
    for case, kind in KINDS.items():
        if kind != "plain" and name == CACHED_FILES:
            continue
        prefix, port = ways(system)[kind]
        figure = figures[case]
        if kind != "tls":  # the same store as without
            figure.answered(name, system.get(prefix, port, connections=places.SMALL_FILES), "filling")
        flood = system.hits(prefix, port, CONNECTIONS, options.hit_seconds)
        figure.answered(name, flood, "flood")
        figure.add(name, "hits/s", flood["answers"] / flood["seconds"])
        figure.add(name, "CPU time", flood["server_cpu_s"] / max(flood["answers"], 1) * 1e6)
        figure.waited = max(figure.waited, flood["waited"])
        if flood["cpu_s"] > BUSY * flood["seconds"]:
            figure.remarks.append(f"the phones may have been the limit beside {name}")
        steady = system.hits(prefix, port, CONNECTIONS, options.hit_seconds, STEADY)
        figure.answered(name, steady, "steady")
        figure.add(name, "p50", steady.get("p50_us", 0))
        figure.add(name, "p99", steady.get("p99_us", 0))


def report_hits(output, figure, kind):
    limit = CACHED_FILES if kind == "plain" else None
    at_least_as_many = {"target": 1.0, "holds": lambda ours, peer: ours >= peer} if kind == "plain" else {}
    figure.row(output, "hits/s", "hits/s", figure.case, limit, **at_least_as_many)
    figure.row(output, "CPU time", "us", f"{figure.case}, CPU time of one", limit)
    for part in ("p50", "p99"):
        figure.row(output, part, "us", f"{figure.case} at {STEADY}/s, delay {part}", limit)


# ---- a herd

def herd(options, output):
    """All phones of a branch want one image that is not there yet."""
    figure = Figures(f"{HERD} cold GETs of 10 MiB at 50 Mbit/s")
    for _ in range(options.runs):
        for name, make in (("Holdfast", systems.Holdfast), ("nginx", systems.Nginx)):
            with places.new_place() as place:
                measure_herd(place, make, name, figure)
    figure.row(output, "bodies", "bodies", f"{figure.case}: bodies over the link", target=1, holds=lambda n, _: n == 1)
    figure.row(output, "time", "transfers", f"{figure.case}: time, by one transfer's", target=1.1,
               holds=lambda ours, _: ours <= 1.1)
    figure.row(output, "memory", "MiB", f"{figure.case}: memory at its peak, above before", target=64,
               holds=lambda ours, _: ours < 64)
    figure.row(output, "CPU time", "s", f"{figure.case}: CPU time")


def measure_herd(place, make, name, figure):
    image = "big-image.ld"
    direct = place.get(image, places.CENTRE, places.ORIGIN_PORT)
    figure.answered("the origin", direct, "one transfer")
    system = make(place)
    try:
        sent, cpu, before = place.bodies_sent(image), system.cpu_s(), system.memory("VmRSS")
        system.forget_peak()
        result = system.get(image, system.phone_port, connections=HERD)
        figure.answered(name, result, "herd")
        if result["answers"] != HERD:
            figure.faults.append(f"{name}: {result['answers']} of {HERD} bodies")
        figure.add(name, "bodies", place.bodies_sent(image) - sent)
        figure.add(name, "time", result["seconds"] / direct["seconds"])
        figure.add(name, "memory", system.memory("VmHWM") - before)
        figure.add(name, "CPU time", system.cpu_s() - cpu)
    finally:
        system.close()


# ---- a dead centre

def dead(options, output):
    """Ours in every run, one fault at a time; nginx, which waits for a minute each time, once, all faults at the same
    time."""
    figures = {name: Figures(f"centre {name}") for name in faults.FAULTS}
    for _ in range(options.runs):
        for fault in faults.FAULTS:
            for scene in faults.measure(systems.Holdfast, [fault], options.patience):
                record(figures[fault], "Holdfast", scene)
                figures[fault].faults += scene.remarks
    for scene in faults.measure(systems.Nginx, list(faults.FAULTS), options.patience):
        record(figures[scene.fault], "nginx", scene)
        figures[scene.fault].remarks += [f"nginx: {remark}" for remark in ("one run", *scene.remarks)]
    for figure in figures.values():
        figure.row(output, "first", "ms", f"{figure.case}: first stale answer", target=2000,
                   holds=lambda ours, _: ours < 2000)
        figure.row(output, "second", "ms", f"{figure.case}: second stale answer", target=5,
                   holds=lambda ours, _: ours < 5)
        figure.row(output, "CPU time", "ms", f"{figure.case}: CPU time of both")


def record(figure, system, scene):
    for name, value in scene.figures.items():
        figure.add(system, name, value)


CASES = {"hits": hits, "herd": herd, "dead": dead}


def run(options, output):
    for name in options.case or CASES:
        try:
            CASES[name](options, output)
        except (RuntimeError, subprocess.SubprocessError) as failure:
            output.row("provision", name, "", [], ok=False, reason=" ".join(str(failure).split())[-300:])
