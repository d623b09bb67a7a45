# SPDX-License-Identifier: Apache-2.0
"""whole-machine CPU time of a packet over veth, and what overload leaves: the relay beside rtpengine in user space"""
import cost
import fast
import machine
import overload
import quota

PROGRAMS = ("rtpengine", "nft", "ethtool")
BUILT = ("dataplane/holdfast-dataplane", "dataplane/xdp/steer.bpf.o", "bench/relay/holdfast-relay-calls",
         "bench/relay/holdfast-relay-peer", "control/holdfast",
         "bench/rtpengine/holdfast-rtp-load")
PARTS = {"cost": cost, "fast": fast, "overload": overload}


def add_arguments(_parser):
    pass


def preflight(options):
    """What is wrong with the request or the machine; None when nothing is."""
    if options.part not in (None, *PARTS):
        return f"--part is one of {', '.join(PARTS)}"
    return machine.missing(PROGRAMS, BUILT, "bench/rtpengine/debian-packages.txt") or quota.missing()


def run(options, output):
    for name, part in PARTS.items():
        if options.part in (None, name):
            part.report(options, output)
