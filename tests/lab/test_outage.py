# SPDX-License-Identifier: Apache-2.0
"""The outages: WAN cut, a centre that hangs, that refuses, DNS that fails or keeps silent, in the middle of calls.

Local audio goes on without a packet lost by us; a call placed at the very moment rings within 4 s; when all is well
again no call has been dropped and the centre serves the phones. Captures at the peer ends and the phones judge.
"""
import threading
import time

import pytest
import signalling
import truth
from drill import GATEWAY, SOON, Branch, both_heard, wait_until
from office import CENTRES

RING_WITHIN_S = 4
LOCAL = ("1010", "1011")   # talk to each other all the time
REMOTE = ("1012", "3011")  # talk over the WAN
CALLER, CALLEE = "1013", "1014"
OUTSIDE_CALLER, OUTSIDE = "1015", "95551234"
BACK_WITHIN_S = 30
FAULTS = {
    "wan_cut": (("fault", "wan-cut"), ("fault", "heal")),
    "frozen": (("centre", "freeze"), ("centre", "thaw")),
    "refusing": (("centre", "answer-503"), ("centre", "heal")),
    "dns_fails": (("dns", "fail"), ("dns", "answer")),
    "dns_silent": (("dns", "silent"), ("dns", "answer")),
}
# What CI runs: a dead line, a dead server, each centre. --all-drills runs all of them, with the appliance's real timers.
IN_CI = {("kamailio", "wan_cut"), ("b2bua", "frozen")}


@pytest.fixture(name="drill", params=[(kind, fault) for kind in CENTRES for fault in FAULTS],
                ids=lambda param: f"{param[0]}-{param[1]}")
def drill_fixture(request):
    kind, fault = request.param
    everything = request.config.getoption("--all-drills")
    if request.param not in IN_CI and not everything:
        pytest.skip("runs with --all-drills")
    names = fault.startswith("dns")
    settings = {} if everything else dict(SOON)
    if names:
        settings.update({"centre.families": "\"ipv4\"", "dns.min-ttl-s": 1, "dns.retry-s": 1, "dns.timeout-ms": 500})
    branch = None
    try:
        branch = NamedBranch(kind, settings=settings) if names else Branch(kind, settings=settings)
        branch.fault = fault
        branch.phone("3011")
        for user in (*LOCAL, REMOTE[0], CALLER, CALLEE, OUTSIDE_CALLER):
            branch.branch_phone(user, transport="tcp" if user in ("1011", "1014") else "udp")
        branch.phone(GATEWAY, by="none")
        yield branch
    finally:
        if branch is not None:
            branch.close()


class NamedBranch(Branch):
    """The appliance finds its centre by SRV."""

    def __init__(self, kind, **options):
        super().__init__(kind, appliance=("--centre", "srv"), **options)

    def centre(self, *words, **options):
        if words[0] == "start":
            self.box.run("dns", "start", "--ttl", 1)
        return super().centre(*words, **options)


def new_calls(phones):
    """Places both new calls at once; gives the marks of the callers."""
    marks = {}
    threads = [threading.Thread(target=lambda c=c, n=n: marks.update({c: phones[c].dial(n)}))
               for c, n in ((CALLER, CALLEE), (OUTSIDE_CALLER, OUTSIDE))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return marks


def served_by_the_centre(branch):
    """From the appliance's own words; the captures are asked afterwards."""
    return branch.say("upstreams")["state"] == "online"


def test_the_branch_calls_on(drill, tmp_path):
    phones, box, wires = drill.phones, drill.box, drill.wires(tmp_path)
    break_it, heal_it = FAULTS[drill.fault]
    with drill.record(tmp_path):
        phones[LOCAL[0]].call(LOCAL[1])
        phones[REMOTE[0]].call(REMOTE[1])
        time.sleep(1)
        box.run(*break_it)
        broken_ns = time.time_ns()
        marks = new_calls(phones)
        for caller, mark in marks.items():
            phones[caller].wait("CALL_ESTABLISHED", timeout=RING_WITHIN_S + 3, after=mark)
        time.sleep(1.5)
        lived_ns = time.time_ns()
        box.run(*heal_it)
        healed_ns = time.time_ns()
        wait_until(lambda: served_by_the_centre(drill), BACK_WITHIN_S, "the centre does not serve again")
        # The phones come back with their next REGISTER, and the centre routes their calls again.
        wait_until(lambda: registered_since(drill, healed_ns), BACK_WITHIN_S, "the phones do not come back")
        for user in (*LOCAL, *REMOTE, CALLER, CALLEE, OUTSIDE_CALLER, GATEWAY):
            assert phones[user].in_call(), f"{user} lost its call"
        phones[CALLER].hang_up()
        phones[OUTSIDE_CALLER].hang_up()
        time.sleep(0.3)
        after_ns = time.time_ns()
        phones[CALLER].call(CALLEE)
        time.sleep(1)
        ended_ns = time.time_ns()
        for user in (CALLER, LOCAL[0], REMOTE[0]):
            phones[user].hang_up()
        time.sleep(0.5)

    for caller, number in ((CALLER, CALLEE), (OUTSIDE_CALLER, OUTSIDE)):
        took_s = wires.seconds_to_ring(caller, number)
        assert took_s is not None and took_s <= RING_WITHIN_S, f"{caller} -> {number} rang after {took_s} s"
    both_heard(phones[LOCAL[0]], phones[LOCAL[1]], (ended_ns - broken_ns) / 1e9 - 1)
    both_heard(phones[REMOTE[0]], phones[REMOTE[1]], 2)
    # From the outage to the return no packet that reached us was lost by us.
    assert wires.lost_by_us((broken_ns, lived_ns)) == []
    local = [p for p in truth.coming_from(wires.media("phone0"), f"{box.PHONE_NET4}.10", f"{box.PHONE_NET4}.11")
             if not p.rtcp and broken_ns < p.time_ns < lived_ns]
    assert len(local) > 2 * 45 * (lived_ns - broken_ns) / 1e9, "local audio did not go on"
    wires.only_anchored()
    assert len(wires.streams_told_right(gateway=OUTSIDE)) == 2 * 5, "five calls of two sides"
    assert wires.asked_centre("INVITE", after_ns, to_user=CALLEE), "the centre has no part in calls again"
    assert wires.centre_answered("REGISTER", 200, healed_ns)
    if drill.fault.startswith("dns"):  # the names were known: nothing was to be noticed
        assert wires.asked_centre("INVITE", broken_ns, to_user=CALLEE)
    elif drill.fault == "wan_cut":
        assert not [m for m in wires.sip("hq0") if broken_ns < m.time_ns < lived_ns and m.src[0] in wires.wan_own]


def test_help_and_the_gateway_while_the_centre_is_away(tmp_path):
    """Calls for help and from outside need nothing of headquarters; who is not known is told to come back later."""
    branch = Branch("kamailio")
    try:
        phones, box, wires = branch.phones, branch.box, branch.wires(tmp_path)
        for user in LOCAL:
            branch.branch_phone(user)
        branch.phone(GATEWAY)
        with branch.record(tmp_path):
            box.fault("wan-cut")
            wait_until(lambda: branch.say("upstreams")["state"] == "survival", 20, "the cut is not noticed")
            survival_ns = time.time_ns()
            phones[LOCAL[0]].call("911")
            time.sleep(1)
            phones[LOCAL[0]].hang_up()
            phones[GATEWAY].call("+12125551011", domain=box.EDGE_LAN4)
            time.sleep(1)
            phones[GATEWAY].hang_up()
            stranger = branch.branch_phone("1019", registers=False)
            wait_until(lambda: "ERR" in stranger.ask("reginfo"), 10, "it is told nothing")
        both_heard(phones[LOCAL[1]], phones[GATEWAY], 0.7)
        assert wires.seconds_to_ring(LOCAL[0], "911") < 1
        refused = signalling.answers(wires.sip("phone0"), "REGISTER", 503, to_user="1019")
        assert refused and refused[0].time_ns > survival_ns
        ended = branch.say("calls")["records"][:2]
        assert [(r["decision"], r["survival"], r["end"]) for r in ended] == [
            ("local_to_phone", True, "caller_hung_up"), ("emergency", False, "caller_hung_up")], ended
    finally:
        branch.close()


def registered_since(branch, moment_ns):
    """Whether every phone has been told REGISTER_OK after a moment."""
    users = (*LOCAL, REMOTE[0], CALLER, CALLEE, OUTSIDE_CALLER)
    return all(any(e["at_ns"] > moment_ns for e in branch.phones[user].seen("REGISTER_OK")) for user in users)
