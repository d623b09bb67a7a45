# SPDX-License-Identifier: Apache-2.0
"""SRTP: the crypto alone beside libsrtp, the whole relay on one core, over veth beside rtpengine, memory of a leg"""
import pathlib
import sys

import engines
import machine

sys.path += [str(pathlib.Path(__file__).resolve().parents[1] / folder) for folder in ("relay", "rtpengine")]
import joined  # noqa: E402  (the paths above come first)
import over_veth  # noqa: E402

BUILT = ("bench/media/srtp_bench", "dataplane/holdfast-dataplane", "control/holdfast",
         "dataplane/xdp/steer.bpf.o", "bench/relay/holdfast-relay-peer", "bench/relay/holdfast-relay-calls",
         "bench/rtpengine/holdfast-rtp-load")
PARTS = {"crypto": engines.report, "relay": joined.report, "cost": over_veth.report, "memory": joined.report_memory}


def add_arguments(_parser):
    pass


def preflight(options):
    """What is wrong with the request or the machine; None when nothing is."""
    if options.part not in (None, *PARTS):
        return f"--part is one of {', '.join(PARTS)}"
    return machine.missing(("rtpengine", "nft", "ethtool"), BUILT, "bench/rtpengine/debian-packages.txt")


def run(options, output):
    for name, report in PARTS.items():
        if options.part in (None, name):
            report(options, output)
