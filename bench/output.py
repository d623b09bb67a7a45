# SPDX-License-Identifier: Apache-2.0
"""Result rows of bench/run: one JSON object a line, or a table that a stranger can read."""
import json
import platform
import statistics
import subprocess


def machine():
    """The processor, how many of it, and the kernel."""
    model = "unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        count = sum(line.startswith("processor") for line in f)
    return f"{count} x {model}, Linux {platform.release()}"


def commit():
    def git(*words):
        return subprocess.run(("git",) + words, capture_output=True, text=True, check=False).stdout.strip()

    head = git("rev-parse", "--short=12", "HEAD") or "unknown"
    return head + ("-dirty" if git("status", "--porcelain", "--untracked-files=no") else "")


class Output:
    """Makes rows and prints each as soon as it is there."""

    def __init__(self, as_json):
        self.as_json = as_json
        self.failed = 0
        self._machine = machine()
        self._commit = commit()
        self._titled = False

    def row(self, bench, case, unit, values, peer=None, limit=None, target=None, ok=None, reason=None):
        """`values`: ours, one a run; empty with `reason` when it cannot be measured here. `peer`: (name, version,
        value), `limit`: (name, value). Ours is judged against the peer, else against the limit."""
        ours = statistics.median(values) if values else None
        against = peer[2] if peer and peer[2] else limit[1] if limit and limit[1] else None
        result = {
            "bench": bench, "case": case, "unit": unit, "ours": rounded(ours),
            "peer": dict(zip(("name", "version", "value"), (*peer[:2], rounded(peer[2])))) if peer else None,
            "limit": dict(zip(("name", "value"), (limit[0], rounded(limit[1])))) if limit else None,
            "ratio": rounded(ours / against) if ours is not None and against else None,
            "target": target, "ok": ok, "runs": len(values),
            "min": rounded(min(values, default=None)), "max": rounded(max(values, default=None)),
            "machine": self._machine, "commit": self._commit,
        }
        if reason:
            result["reason"] = reason
        if ok is False:
            self.failed += 1
        if self.as_json:
            print(json.dumps(result), flush=True)
        else:
            self._print(result)

    def _print(self, r):
        if not self._titled:
            print(f"{r['machine']}, commit {r['commit']}; medians, lowest and highest run in brackets")
            print(f"{'case':58} {'ours':>34} {'unit':11} beside")
            self._titled = True
        ours = f"not measured: {r['reason']}" if r["ours"] is None else \
            f"{figure(r['ours'])} ({figure(r['min'])} to {figure(r['max'])})"
        beside = []
        if r["peer"] and r["peer"]["value"] is not None:
            beside.append(f"{r['peer']['name']} {figure(r['peer']['value'])}")
        if r["limit"] and r["limit"]["value"] is not None:
            beside.append(f"{r['limit']['name']} {figure(r['limit']['value'])}")
        if r["ratio"] is not None:
            beside.append(f"ratio {figure(r['ratio'])}")
        verdict = {True: "  holds", False: "  DOES NOT HOLD", None: ""}[r["ok"]]
        if r["ours"] is not None and "reason" in r:
            verdict += f" ({r['reason']})"
        print(f"{r['case']:58} {ours:>34} {r['unit']:11} {', '.join(beside)}{verdict}", flush=True)


def rounded(value):
    """Four significant digits, whole numbers left whole: no reader should take noise for precision."""
    if value is None or isinstance(value, int):
        return value
    return float(f"{value:.4g}")


def figure(value):
    return f"{value:,.0f}" if abs(value) >= 1000 or value == int(value) else f"{value:.3g}"
