# SPDX-License-Identifier: Apache-2.0
"""A WAN with room for two calls: the third is refused or leaves by the gateway, help and local calls are not asked, a
restart forgets none, and at the end nothing is held. And a box without ports says 503.
"""
import subprocess

import signalling
from control import Control, Refused
from drill import GATEWAY, HOLDFAST, Branch, wait_until

REMOTE = (("1010", "3011"), ("1012", "3012"))
THIRD, ITS_CALLEE, OUTSIDE = "1013", "3011", "95551234"
LOCAL = ("1014", "1015")


def centre_link(branch):
    return branch.say("status")["holdfastd"]["links"][0]


def take_all_ports(branch):
    """Calls of another client, until there is no leg or port left; the name of what is missing."""
    with Control(f"{branch.box.LAB_STATE}/dataplane.sock") as control:
        for n in range(100000):
            try:
                control.ask("call.add", call=f"filler-{n}", legs=[{"interface": "lan"}, {"interface": "wan"}])
            except Refused as refused:
                return refused.code
    raise AssertionError("ports without end")


def test_one_call_too_many_ruins_none(tmp_path):
    settings = {"centre.max-calls": 2, "centre.when-full": "\"gateway\""}
    branch = Branch("kamailio", settings=settings)
    try:
        phones, wires = branch.phones, branch.wires(tmp_path)
        for _, callee in REMOTE:
            branch.phone(callee)
        for user in (*(caller for caller, _ in REMOTE), THIRD, *LOCAL):
            branch.branch_phone(user)
        branch.phone(GATEWAY, by="none")
        with branch.record(tmp_path):
            for caller, callee in REMOTE:
                phones[caller].call(callee)
            link = centre_link(branch)
            assert (link["calls"], link["kbit"], link["refused"]) == (2, 160, 0), link
            # No rule of the dial plan leads out: refused.
            mark = phones[THIRD].dial("3013")
            assert phones[THIRD].wait("CALL_CLOSED", after=mark)["param"].startswith("480")
            # One does: out by the gateway, with its number translated.
            phones[THIRD].call(OUTSIDE)
            phones[LOCAL[0]].call(LOCAL[1])
            phones[THIRD].hang_up()
            phones[THIRD].call("911")
            link = centre_link(branch)
            assert (link["calls"], link["refused"], link["overflowed"], link["over"]) == (2, 1, 1, 0), link
            assert branch.say("upstreams")["links"][1]["exempt"] == 1
            # Whoever comes after a kill knows of them.
            branch.appliance("kill", "holdfastd")
            branch.restart("holdfastd")
            wait_until(lambda: centre_link(branch)["calls"] == 2, 5, "the calls from before hold nothing")
            wait_until(lambda: branch.say("upstreams")["state"] == "online", 10, "the centre is not found again")
            phones[THIRD].hang_up()
            mark = phones[THIRD].dial("3013")
            assert phones[THIRD].wait("CALL_CLOSED", after=mark)["param"].startswith("480")
            # There is room again.
            phones[REMOTE[0][0]].hang_up()
            wait_until(lambda: centre_link(branch)["calls"] == 1, 5, "a call that was hung up holds the link")
            phones[THIRD].call(ITS_CALLEE)
            assert centre_link(branch)["calls"] == 2
            for user in (THIRD, REMOTE[1][0], LOCAL[0]):
                phones[user].hang_up()
            wait_until(lambda: [(each["calls"], each["kbit"]) for each in branch.say("upstreams")["links"]]
                       == [(0, 0), (0, 0)], 5, "links are held by nobody")
            missing = take_all_ports(branch)
            mark = phones[THIRD].dial(ITS_CALLEE)
            assert phones[THIRD].wait("CALL_CLOSED", after=mark)["param"].startswith("503")
            text = subprocess.run([HOLDFAST, "--socket", f"{branch.box.LAB_STATE}/dataplane.sock", "--daemon-socket",
                                   f"{branch.box.LAB_STATE}/holdfastd.sock", "status"], capture_output=True, text=True,
                                  timeout=10, check=True).stdout
            assert f"media_dataplane_{missing}" in text, text
            assert centre_link(branch)["calls"] == 0
        ended = {(r["end"], r["detail"], r["status"]) for r in branch.say("calls")["records"]
                 if r["decision"] == "reply_no_bandwidth"}
        assert ended == {("no_bandwidth", "centre", 480)}, ended
        # The wire agrees: the refused calls never left for the centre, the overflow went to the gateway alone.
        assert not signalling.requests(wires.sip("hq0"), "INVITE", to_user="3013")
        assert not signalling.requests(wires.sip("hq0"), "INVITE", to_user=OUTSIDE)
        at_gateway = signalling.requests(wires.sip("phone0"), "INVITE", uri_user=OUTSIDE[1:])
        assert at_gateway and {m.dst[0] for m in at_gateway} == {branch.box.GATEWAY4}
    finally:
        branch.close()
