# SPDX-License-Identifier: Apache-2.0
"""SRTP: crypto alone beside libsrtp"""
import engines
import machine

BUILT = ("bench/media/srtp_bench",)
PARTS = {"crypto": engines}


def add_arguments(_parser):
    pass


def preflight(options):
    """What is wrong with the request or the machine; None when nothing is."""
    if options.part not in (None, *PARTS):
        return f"--part is one of {', '.join(PARTS)}"
    return machine.missing((), BUILT)


def run(options, output):
    for name, part in PARTS.items():
        if options.part in (None, name):
            part.report(options, output)
