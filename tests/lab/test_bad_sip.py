# SPDX-License-Identifier: Apache-2.0
"""Hostile signalling at the appliance: it answers or drops by name, its memory stays bounded, and calls go on."""
import pathlib
import socket
import time

import bad_sip
import pytest
from drill import SOON, Branch, wait_until
from handset import within

GROWTH_LIMIT_KIB = 24 * 1024
MUTATIONS = 1500
ATTACKER = 19
FLAPS = 8
HOLD_DOWN_MS = 3000


@pytest.fixture(name="branch", scope="module")
def branch_fixture():
    branch = Branch("kamailio", settings={**SOON, "centre.hold-down-ms": HOLD_DOWN_MS})
    try:
        branch.phone("3011")
        branch.branch_phone("1010")
        branch.branch_phone("1011", transport="tcp")
        yield branch
    finally:
        branch.close()


def resident_kib(branch):
    pid = int(branch.appliance("pid", "holdfastd").stdout)
    status = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def flood(branch, messages, pace_s=0.001):
    """Sends datagrams to the appliance from a branch address that no phone has."""
    host, to = branch.box.phone4(ATTACKER), (branch.box.EDGE_LAN4, int(branch.box.EDGE_SIP_PORT))

    def make():
        attacker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        attacker.bind((host, 5099))
        return attacker

    with within("branch", make) as attacker:
        for data in messages:
            attacker.sendto(data[:65000], to)
            time.sleep(pace_s)


def test_malformed_messages_cost_nothing(branch, tmp_path):
    """RFC 4475 in spirit: every row is answered or dropped, and a call that lives hears nothing of it."""
    phones, host = branch.phones, branch.box.phone4(ATTACKER)
    flood(branch, bad_sip.mutations(host, 200, seed=1))
    before = resident_kib(branch)
    pid = branch.appliance("pid", "holdfastd").stdout
    with branch.record(tmp_path):
        phones["1010"].call("1011")
        time.sleep(0.5)
        began_ns = time.time_ns()
        flood(branch, (data for _, data in bad_sip.rows(host)), pace_s=0.01)
        flood(branch, bad_sip.mutations(host, MUTATIONS, seed=2))
        time.sleep(0.5)
        ended_ns = time.time_ns()
        phones["1011"].hang_up()
        phones["3011"].call("1010")
        phones["3011"].hang_up()
        time.sleep(0.3)
    assert branch.appliance("pid", "holdfastd").stdout == pid, "it was started anew"
    assert branch.wires(tmp_path).lost_by_us((began_ns, ended_ns)) == []
    assert resident_kib(branch) - before < GROWTH_LIMIT_KIB
    daemon = branch.say("status")["holdfastd"]
    assert sum(daemon["drops"].values()) > 20, daemon["drops"]
    bindings = [b for b in branch.say("registrations")["registrations"] if b["aor"].startswith("sip:1010@")]
    assert [b["source"].rpartition(":")[0] for b in bindings] == [branch.box.phone4(10)], "a foreign contact was learned"


def test_tcp_in_single_bytes_and_in_one_piece(branch):
    """RFC 3261 18.3: framing by Content-Length, however TCP cuts the stream; a second phone waits for nobody."""
    host, to = branch.box.phone4(ATTACKER), (branch.box.EDGE_LAN4, int(branch.box.EDGE_SIP_PORT))
    one = bad_sip.request("OPTIONS", host, uri=f"sip:{to[0]}").replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")
    two = bad_sip.request("OPTIONS", host, uri=f"sip:{to[0]}").replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")

    def answers(connection, count):
        data, deadline = b"", time.monotonic() + 5
        while data.count(b"SIP/2.0 200") < count and time.monotonic() < deadline:
            data += connection.recv(65536)
        return data.count(b"SIP/2.0 200")

    def connect():
        return socket.create_connection(to, timeout=5)

    with within("branch", connect) as slow, within("branch", connect) as fast:
        slow.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(0, len(one)):
            slow.sendall(one[n:n + 1])
            if n == len(one) // 2:
                fast.sendall(one.replace(b"@bad", b"@fast") + two)
                assert answers(fast, 2) == 2
        assert answers(slow, 1) == 1
    with within("branch", connect) as endless:  # a header that never ends is not kept for ever
        with pytest.raises((ConnectionError, EOFError)):
            endless.sendall(b"OPTIONS sip:x SIP/2.0\r\n")
            for _ in range(200):
                endless.sendall(b"X-Fill: " + b"x" * 4096 + b"\r\n")
                time.sleep(0.005)
            if not endless.recv(1000):
                raise EOFError


@pytest.mark.drill
def test_a_flapping_centre_makes_no_storm(branch, tmp_path):
    """Each second up or down: the branch changes its state at most once a hold-down, and probes about once a second."""
    with branch.record(tmp_path):
        began_ns = time.time_ns()
        for flap in range(FLAPS):
            branch.centre("answer-503" if flap % 2 == 0 else "heal")
            time.sleep(1)
        lasted_s = (time.time_ns() - began_ns) / 1e9
    branch.centre("heal")
    probes = branch.wires(tmp_path).asked_centre("OPTIONS", began_ns)
    assert len(probes) <= 2 * lasted_s + 4, f"{len(probes)} probes in {lasted_s:.0f} s"
    better = [t for t in branch.say("upstreams")["transitions"]
              if t["to"] in ("online", "recovering") and t["ago_s"] <= lasted_s]
    assert len(better) <= 2 * (lasted_s * 1000 / HOLD_DOWN_MS + 1), better
    wait_until(lambda: branch.say("upstreams")["state"] == "online", 30, "the centre does not serve again")
    branch.phones["1010"].call("3011")
    branch.phones["1010"].hang_up()
