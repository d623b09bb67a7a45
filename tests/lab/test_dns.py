# SPDX-License-Identifier: Apache-2.0
"""The lab's DNS server, asked from the appliance's place over the WAN: what it knows, and the ways in which it fails."""
import json
import socket
import subprocess

import pytest
from drill import HOLDFAST, wait_until
from handset import within
from office import Office
from scapy.layers.dns import DNS, DNSQR

SERVFAIL, NXDOMAIN = 2, 3


@pytest.fixture(name="ask", scope="module")
def ask_fixture():
    """ask(name, kind, address=...): the parsed answer, None for silence."""
    office = Office()
    try:
        office.box.run("dns", "start", "--servers", "ab", "--ttl", 7)

        def ask(name, kind, address=office.box.NAMESERVER4, patience_s=5):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with within("edge", lambda: socket.socket(family, socket.SOCK_DGRAM)) as asker:
                asker.settimeout(patience_s)
                asker.sendto(bytes(DNS(id=77, rd=1, qd=DNSQR(qname=name, qtype=kind))), (address, 53))
                try:
                    return DNS(asker.recv(4096))
                except TimeoutError:
                    return None

        ask.office = office
        yield ask
    finally:
        office.close()


def test_the_pair_stands_behind_one_name(ask):
    box = ask.office.box
    for service in ("_sip._udp", "_sip._tcp"):
        found = ask(f"{service}.{box.CENTRE_DOMAIN}", "SRV")
        rows = {(rr.priority, rr.weight, rr.port, rr.target, rr.ttl) for rr in (found.an[n] for n in range(2))}
        assert rows == {(0, 0, 8060, b"a.centre.example.", 7), (0, 0, 8060, b"b.centre.example.", 7)}
    orders = {ask(f"_sip._udp.{box.CENTRE_DOMAIN}", "SRV").an[0].target for _ in range(40)}
    assert len(orders) == 2, "the order is always the same"
    assert ask("b.centre.example", "A").an[0].rdata == box.CENTRE_B4
    assert ask("A.Centre.Example", "AAAA", address=box.NAMESERVER6).an[0].rdata == box.CENTRE6
    both, none = ask("centre.example", "A"), ask("centre.example", "SRV")
    assert {both.an[n].rdata for n in range(2)} == {box.CENTRE4, box.CENTRE_B4}
    assert (none.ancount, none.rcode) == (0, 0)
    assert ask("elsewhere.example", "A").rcode == NXDOMAIN


def test_it_fails_as_it_is_told(ask):
    for mode, code in (("fail", SERVFAIL), ("nxdomain", NXDOMAIN), ("empty", 0)):
        ask.office.box.run("dns", mode)
        found = ask("a.centre.example", "A")
        assert (found.rcode, found.ancount) == (code, 0)
    ask.office.box.run("dns", "silent")
    assert ask("a.centre.example", "A", patience_s=0.5) is None
    ask.office.box.run("dns", "answer")
    assert ask("a.centre.example", "A").ancount == 1


@pytest.mark.drill
def test_a_name_that_leads_to_ourselves_is_not_taken():
    """The appliance would answer its own OPTIONS, and be the centre of its phones: it has none, and says why."""
    office = Office()
    box = office.box

    def say(*words):
        done = subprocess.run([HOLDFAST, *words, "--json"], capture_output=True, text=True, timeout=10, check=False)
        return json.loads(done.stdout)

    def status():
        return say("--daemon-socket", f"{box.LAB_STATE}/holdfastd.sock", "status")["holdfastd"]

    try:
        box.run("dns", "start", "--servers", "edge")
        box.run("appliance", "start", "--centre", "name", "--set", 'centre.servers=["a.centre.example:5060"]')
        wait_until(lambda: status()["names"]["rounds"] > 0, 5, "DNS has not been asked")
        told = status()
        assert told["upstreams"]["known"] == 0 and "probes_sent" not in told["counters"]
        for address in (f"{box.EDGE_WAN4}:5060", f"[{box.EDGE_WAN6}]:5060"):
            ours = f"a.centre.example leads to {address} (udp), our own [[sip-listener]] of interface wan"
            assert any(line.startswith(ours) for line in told["warnings"]), told["warnings"]
            rows = say("doctor", "-c", f"{box.LAB_STATE}/holdfast.toml")["rows"]
            assert any(row["state"] == "warning" and row["why"].startswith(ours) for row in rows)
        assert any("known but our own" in line for line in told["warnings"])
    finally:
        office.close()
