# SPDX-License-Identifier: Apache-2.0
"""The crypto alone: our engine on ipsec-mb beside libsrtp as Debian packages it, 1,000 legs by turns."""
import json
import pathlib
import statistics

import machine
import versions

PROGRAM = pathlib.Path("build/bench/media/srtp_bench")
CPU = 0
# suite, as the program calls it, its name in SDES, and what is asked for: by burst the ratio to libsrtp and packets/s
SUITES = {
    "aes_cm_128_80": ("AES_CM_128_HMAC_SHA1_80", {32: (10, None), 1: (2.5, None)}),
    "aes_128_gcm": ("AEAD_AES_128_GCM", {32: (3, 3_000_000)}),
    "aes_256_cm_80": ("AES_256_CM_HMAC_SHA1_80", {}),
    "aes_256_gcm": ("AEAD_AES_256_GCM", {}),
}
BURSTS = (32, 1)
MIN_S, QUICK_MIN_S = 0.3, 0.05
SETUP_S = 60  # contexts of libsrtp


def measure(options):
    """Packets/s, one a run, by (who, suite, direction, burst); all by turns, in an order that chance gives."""
    bursts = "|".join(map(str, BURSTS))
    words = ("taskset", "-c", CPU, PROGRAM, f"--benchmark_filter=^(libsrtp/|ours/.*/({bursts})/)",
             f"--benchmark_min_time={QUICK_MIN_S if options.quick else MIN_S}", "--benchmark_format=json",
             f"--benchmark_repetitions={options.runs}", "--benchmark_enable_random_interleaving=true")
    rates = {}
    for one in json.loads(machine.run_group(words, SETUP_S + 60 * options.runs))["benchmarks"]:
        if one.get("error_occurred"):
            raise RuntimeError(one["error_message"])
        if one.get("run_type") != "iteration":
            continue
        who, what, *burst = one["name"].split("/")
        suite, _, direction = what.rpartition("_")
        key = (who, suite, direction, int(burst[0]) if who == "ours" else None)
        rates.setdefault(key, []).append(one["items_per_second"])
    return rates


def report(options, output):
    try:
        rates = measure(options)
    except (RuntimeError, ValueError, OSError) as failure:
        output.row("srtp", "crypto alone", "packets/s", [], ok=False, reason=" ".join(str(failure).split())[-300:])
        return
    version = versions.of("libsrtp2-1")
    for suite, (name, wanted) in SUITES.items():
        for burst in BURSTS:
            target, least = wanted.get(burst, (None, None))
            for direction in ("protect", "unprotect"):
                ours = rates["ours", suite, direction, burst]
                median, peer = statistics.median(ours), statistics.median(rates["libsrtp", suite, direction, None])
                ok = None if target is None else median >= target * peer and median >= (least or 0)
                output.row("srtp", f"{name}, {direction}, bursts of {burst}", "packets/s", ours,
                           ("libsrtp", version, peer), limit=("at least", least) if least else None, target=target,
                           ok=ok)
