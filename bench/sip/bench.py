# SPDX-License-Identifier: Apache-2.0
"""calls/s and REGISTER/s of the SIP proxy, and CPU time of each, beside Kamailio"""
import contextlib
import os
import shutil
import statistics

import machine
import proxies
import quota
import sipp

SHARE = 0.25  # of one CPU, for the proxy: sipp on the other one must be able to offer more than it takes
STEPS, FURTHER_STEPS = 7, 4  # of the first search, and of later ones in its neighbourhood; each halves the range
NEIGHBOURHOOD = 1.6
CASES = (("REGISTER", "register.xml", "REGISTER/s", (50, 8000)), ("call", "call.xml", "calls/s", (10, 3000)))
STEADY = {"register.xml": 200, "call.xml": 50}  # a second, for CPU time: far below what either can take


def add_arguments(parser):
    del parser


def preflight(options):
    """What is wrong with the request or the machine; None when nothing is."""
    options.sip_seconds = 2 if options.quick else 5
    if os.geteuid() != 0:
        return "needs root (network namespaces, CPU shares)"
    if os.cpu_count() < 2:
        return "needs two CPUs: one for the proxy, one for the phones"
    for program in ("sipp", "kamailio"):
        if not shutil.which(program):
            return f"{program} is missing (scripts/setup)"
    if not proxies.HOLDFASTD.exists():
        return "build first (scripts/build release)"
    return quota.missing()


@contextlib.contextmanager
def place():
    """A namespace with every address on its loopback, and a folder."""
    with machine.namespace() as name, machine.work_folder() as folder:
        for address in (sipp.PHONES, sipp.CENTRE, proxies.LAN, proxies.WAN):
            machine.ip("-n", name, "addr", "add", f"{address}/32", "dev", "lo")
        sipp.write_users(folder)
        yield ["ip", "netns", "exec", name], folder


class Measurement:
    """One proxy and one kind of request."""

    def __init__(self, make, scenario, bounds, seconds):
        self.make, self.scenario, self.bounds, self.seconds = make, scenario, bounds, seconds
        self.rates, self.cpu_us = [], []

    def once(self):
        self.cpu_us.append(self._cost())
        self.rates.append(self._knee())

    @contextlib.contextmanager
    def _running(self, share):
        with place() as (inside, folder):
            centre = sipp.centre(inside, folder)
            proxy = None
            try:
                proxy = self.make(inside, folder, share)
                sipp.Load(inside, folder, "register.xml", proxy.target, 500, sipp.USERS / 500)  # every phone is known
                yield proxy, lambda rate: sipp.Load(inside, folder, self.scenario, proxy.target, rate, self.seconds)
            finally:
                if proxy:
                    proxy.close()
                machine.stop(centre)

    def _cost(self):
        """CPU time of one request or call at a rate that nobody minds."""
        with self._running(share=1.0) as (proxy, offer):
            before = proxy.busy_ns()
            load = offer(STEADY[self.scenario])
            if not load.holds():
                raise RuntimeError(f"{proxy.name}: {load.good} of {load.offered} at {STEADY[self.scenario]}/s")
            return (proxy.busy_ns() - before) / load.offered / 1000

    def _knee(self):
        """The highest rate found that holds, each tried on a proxy that has just started."""
        low, high = self.bounds
        steps, best = STEPS, 0
        if self.rates and self.rates[0]:
            low, high, steps = self.rates[0] / NEIGHBOURHOOD, self.rates[0] * NEIGHBOURHOOD, FURTHER_STEPS
        for _ in range(steps):
            rate = int((low * high) ** 0.5)
            with self._running(SHARE) as (_proxy, offer):
                if offer(rate).holds():
                    best, low = rate, rate
                else:
                    high = rate
        return best


def run(options, output):
    """Both proxies by turns, so that what the machine does meanwhile hits them alike."""
    for case, scenario, unit, bounds in CASES:
        ours = Measurement(proxies.Holdfast, scenario, bounds, options.sip_seconds)
        peer = Measurement(proxies.Kamailio, scenario, bounds, options.sip_seconds)
        for _ in range(options.runs):
            for measurement in (ours, peer):
                measurement.once()
        name, version = "Kamailio, one worker", proxies.kamailio_version()
        output.row("sip", f"{case}, {SHARE:.0%} of one CPU", unit, ours.rates,
                   (name, version, statistics.median(peer.rates)))
        output.row("sip", f"{case}, CPU time at {STEADY[scenario]}/s", "us", ours.cpu_us,
                   (name, version, statistics.median(peer.cpu_us)))
