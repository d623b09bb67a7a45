# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the dataplane in calls that talk both ways, and the next one comes up under another configuration: other
lcores, another max-legs than the memory file was made for, other ports.

Every call that the new configuration can hold goes on, with its records as the captures have them. The others are
counted in `resumed` and named in `warnings`, and each call has its record. With --all-drills; test_kills.py changes
lcores in CI.
"""
import dataclasses
import time

import pytest
from drill import wait_until
from kills import BETWEEN_LCORES, SETTLED_S, Site, captured, deaths_of, gaps_after, judge_streams, one_record_each

CALLS = 50
NAMED = 8            # calls that the warnings name at most
BACK_WITHIN_S = 3    # that audio is back at all; test_kills.py judges how soon
FIRST, LAST = 20000, 29999
ONE, TWO = ("--cpus", "0"), ("--cpus", "0,1")


def legs(number):
    return ("--set", f"dataplane.max-legs={number}")


def lan_ports(first, last):
    return ("--set", f'lan.media-ports="{first}-{last}"')


# Of the LAN so few that an lcore's half is less than the calls take; the WAN has many.
NARROW = lan_ports(FIRST, FIRST + 2 * (4 * CALLS // 3) - 1)


@dataclasses.dataclass
class Change:
    """before, after: words of lab/appliance. held: how many calls can go on, made of their ports at the LAN."""
    before: tuple
    after: tuple
    held: object = len
    why: str = ""


CHANGES = {
    "two lcores as before": Change(TWO, TWO),
    "one lcore more": Change((*ONE, *NARROW), (*TWO, *NARROW)),
    "one lcore less": Change(TWO, ONE),
    "more legs": Change((*TWO, *legs(2 * CALLS)), (*TWO, *legs(8000))),
    "fewer legs": Change((*TWO, *legs(8000)), (*TWO, *legs(2 * CALLS))),
    "fewer legs than in use": Change((*TWO, *legs(8000)), (*TWO, *legs(CALLS))),
    "wider ports": Change((*TWO, *NARROW), TWO),
    "other ports": Change(TWO, (*TWO, *lan_ports(FIRST + CALLS, LAST)),
                          lambda ports: sum(port >= FIRST + CALLS for port in ports),
                          "its address or port is not ours any more"),
}
pytestmark = pytest.mark.drill


@pytest.fixture(name="change", params=[(name, take) for name in CHANGES for take in ("shared", "owned")],
                ids=lambda param: f"{param[0]}, {param[1]}")
def change_fixture(request, tmp_path):
    name, take = request.param
    change = CHANGES[name]
    site = Site(take, tmp_path, words=change.before)
    try:
        yield site, name, change
    finally:
        site.close()


def test_dataplane_comes_back_under_another_configuration(change, tmp_path):
    site, name, change = change
    calls = range(CALLS)
    with captured(site, tmp_path, calls, lambda: site.speak(seconds=15)) as wires:
        time.sleep(0.3)
        site.configure(change.after)
        site.kill("holdfast-dataplane")
        wait_until(lambda: site.lives("holdfast-dataplane", "started") > 1 and site.say("status"), SETTLED_S,
                   "the dataplane is not back")
        told = site.say("status")
        time.sleep(0.7)
    came, left = wires.read()
    ports = [one["media"][1] for one in site.callers.hear() if one["event"] == "answered"]
    held = change.held(ports)
    refused = CALLS - held
    assert (told["resumed"]["calls"], told["resumed"]["refused"]) == (held, refused), told["resumed"]
    named = [line for line in told["warnings"] if "does not go on" in line]
    assert len(named) == min(NAMED, refused) and all(change.why in line for line in named), named

    death_ns, = deaths_of(site, "holdfast-dataplane")
    # Of the others not one packet left: holdfastd asks for them, too, and is refused.
    went_on = {ssrc: stream for ssrc, stream in left.items() if max(stream.values()) > death_ns + 5e6}
    assert len(went_on) == 2 * held and len(left) == 2 * CALLS
    back, = gaps_after([death_ns], went_on)
    one_record_each(site, calls)
    lost, missing = judge_streams(site, {ssrc: came[ssrc] for ssrc in went_on}, left, 1, BETWEEN_LCORES)
    print(f"{name}, {site.take}: {held} of {CALLS} calls went on, audio was back {back * 1000:.0f} ms after the "
          f"death; {missing} packets came and did not go out, told {lost}")
    assert back <= BACK_WITHIN_S
