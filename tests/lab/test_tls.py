# SPDX-License-Identifier: Apache-2.0
"""SIP over TLS from phone to centre (Kamailio): calls, whom we believe, and new certificates under a call."""
import json
import os
import pathlib
import re
import signal
import subprocess
import time

import pytest
from drill import EXPIRES_S, HOLDFAST, SOON, Branch, both_heard, wait_until

DSCP_CS3 = 24
EDGE_NAMES = "DNS:edge.branch.example,IP:198.18.1.2,IP:2001:db8:1::2"


class TlsBranch(Branch):
    """A branch whose phones and centre speak TLS; certificates are made before anything starts."""

    def __init__(self, alias):
        self.alias = alias
        super().__init__("kamailio", centre=("--tls", "centre", "--alias", alias), appliance=("--tls", "all"),
                         settings={**SOON, "centre.probe-suspect-ms": 200})

    def centre(self, *words, server="a"):
        if words[0] == "start":
            for name, names in (("edge-lan", EDGE_NAMES), ("edge-wan", "DNS:edge.branch.example"),
                                ("centre", f"DNS:{self.box.CENTRE_DOMAIN}")):
                self.box.run("certificate", name, "--names", names)
        return super().centre(*words, server=server)

    def connections(self):
        """Established TLS connections of the appliance: {(its address and port, the peer's)}."""
        shown = self.box.exec("edge", "ss", "-Htn", "state", "established").stdout
        ends = {tuple(line.split()[2:4]) for line in shown.splitlines()}
        ports = (f":{self.box.EDGE_TLS_PORT}", f":{self.box.CENTRE_TLS_PORT}")
        return {end for end in ends if any(side.endswith(ports) for side in end)}


@pytest.fixture(name="branch", scope="module")
def branch_fixture():
    branch = TlsBranch("no")
    try:
        branch.branch_phone("1010", transport="tls")
        branch.branch_phone("1011", transport="tls", family=6)
        yield branch
    finally:
        branch.close()


def dscps(path):
    """Of the TCP segments with TLS in them, by tshark: {(sender, DSCP)}."""
    fields = ("ip.src", "ipv6.src", "ip.dsfield.dscp", "ipv6.tclass.dscp")
    told = subprocess.run(["tshark", "-r", path, "-d", "tcp.port==5061,tls", "-Y", "tcp.len > 0", "-T", "fields",
                           "-E", "separator=|", *[word for field in fields for word in ("-e", field)]],
                          capture_output=True, text=True, check=True).stdout
    rows = [line.split("|") for line in told.splitlines()]
    return {(four or six, int(dscp4 or dscp6)) for four, six, dscp4, dscp6 in rows}


def test_a_call_by_tls_and_new_certificates_under_it(branch, tmp_path):
    """RFC 3261 26.2: every hop by TLS, over IPv4 and IPv6, with nothing to read on the wire. SIGHUP: connections and the
    call go on, who comes later sees the new certificate; a pair that does not fit changes nothing."""
    box, phones = branch.box, branch.phones
    with branch.wire(str(tmp_path / "wan.pcap"), place="edge", interface="wan0"):
        phones["1010"].call("1011")  # through the centre and back
        before = branch.connections()
        box.run("certificate", "edge-lan", "--names", "DNS:renewed.example")
        branch.reload()
        shown = subprocess.run(["ip", "netns", "exec", "hf-branch", "openssl", "s_client", "-connect",
                                f"{box.EDGE_LAN4}:{box.EDGE_TLS_PORT}", "-CAfile", f"{box.LAB_STATE}/tls/line-ca.pem"],
                               input="", capture_output=True, text=True, timeout=10, check=False).stdout
        time.sleep(1)  # of sound after it
        phones["1010"].hang_up()
    assert "Verify return code: 0 (ok)" in shown and "TLSv1.3" in shown
    served = subprocess.run(["openssl", "x509", "-noout", "-ext", "subjectAltName"], input=shown,
                            capture_output=True, text=True, check=True).stdout
    assert "renewed.example" in served
    assert before <= branch.connections(), "a connection did not outlast the reload"
    both_heard(phones["1010"], phones["1011"], 0.9)
    captured = (tmp_path / "wan.pcap").read_bytes()
    assert b"INVITE sip" not in captured and b"SIP/2.0" not in captured
    ours = {dscp for source, dscp in dscps(str(tmp_path / "wan.pcap")) if source == box.EDGE_WAN4}
    assert ours == {DSCP_CS3}
    assert [row["transport"] for row in branch.say("registrations")["registrations"]] == ["tls", "tls"]
    # Phones are reached by the connections that they have opened, the centre by one of ours.
    assert branch.counter("tls_accepted") >= 2 and branch.counter("tls_opened") == 1
    pathlib.Path(f"{box.LAB_STATE}/tls/edge-lan.key").write_text("", encoding="utf-8")
    os.kill(box.pid("holdfastd"), signal.SIGHUP)
    wait_until(lambda: "certificates stay as they were" in branch.log(), 5, "a bad key was not refused")
    told = "certificates could not be read again, those from before stay in use: "
    assert any(line.startswith(told) for line in branch.say("status")["holdfastd"]["warnings"])
    box.run("certificate", "edge-lan", "--names", EDGE_NAMES)
    branch.reload()
    assert not any(line.startswith(told) for line in branch.say("status")["holdfastd"]["warnings"])


def test_handshakes_that_fail_are_named(branch):
    """From phones: plain SIP, and too old a version. Silence that is cut off has its test in tests/sip/transport."""
    box = branch.box
    at = f"{box.EDGE_LAN4}:{box.EDGE_TLS_PORT}"
    old = box.exec("branch", "openssl", "s_client", "-connect", at, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0",
                   check=False)
    assert old.returncode != 0
    box.exec("branch", "bash", "-c", f"printf 'OPTIONS sip:x SIP/2.0\\r\\n\\r\\n' >/dev/tcp/{at.replace(':', '/')}",
             check=False)  # it may be cut off before it has said all
    wait_until(lambda: branch.counter("tls_no_common_version") == 1 and branch.counter("tls_not_tls") == 1, 5,
               "not counted by name")
    assert re.search(r"TLS from 198\.18\.1\.\d+:\d+ \(lan\) refused, no_common_version: ", branch.log())


@pytest.mark.drill
@pytest.mark.parametrize("which, options, reason, words", [
    ("centre-stranger", ("--by", "other-ca"), "unknown_ca", "lab centre-stranger of CN=lab other-ca"),
    ("centre-elsewhere", ("--names", "DNS:elsewhere.example"), "wrong_name",
     "it is for DNS:elsewhere.example, wanted was centre.example"),
    ("centre-expired", ("--days", "-1"), "expired", "expired on "),
])
def test_a_centre_that_is_not_believed_is_lost(branch, which, options, reason, words):
    """The branch goes into survival as for any dead centre, and the log says why; with a good certificate it is back."""
    branch.box.run("certificate", which, *options)
    branch.centre("kill")
    branch.centre("start", "kamailio", "--tls", which)
    wait_until(lambda: branch.counter(f"tls_{reason}") > 0, 10, "the refusal is not counted")
    wait_until(lambda: branch.say("upstreams")["state"] == "survival", 10, "it is still trusted")
    assert re.search(rf"TLS to 198\.18\.3\.10:8061 \(wan\) refused, {reason}: .*{re.escape(words)}", branch.log())
    assert re.search(rf"TLS {reason}: .*{re.escape(words)}", branch.say("upstreams")["servers"][0]["why"])
    branch.phones["1010"].call("1011")
    branch.phones["1010"].hang_up()
    branch.centre("kill")
    branch.centre("start", "kamailio", "--tls", "centre")
    wait_until(lambda: branch.say("upstreams")["state"] in ("online", "recovering"), 10, "it is not trusted again")


@pytest.mark.drill
def test_the_centre_uses_our_connection(branch):
    """RFC 5923: our Via says alias; a centre that takes it opens none of its own."""
    branch.centre("kill")
    branch.centre("start", "kamailio", "--tls", "centre", "--alias", "yes")
    wait_until(lambda: branch.say("upstreams")["state"] == "online", 25, "the centre is not found again")
    branch.phone("3011")
    time.sleep(EXPIRES_S + 1)  # the new centre knows no phone until it has refreshed
    branch.phones["3011"].call("1010")
    branch.phones["3011"].hang_up()
    by_centre = [pair for pair in branch.connections() if pair[0] == f"{branch.box.EDGE_WAN4}:{branch.box.EDGE_TLS_PORT}"]
    assert by_centre == []


def test_cert_status_tells_what_is_served(branch):
    box = branch.box
    done = subprocess.run([HOLDFAST, "cert", "status", "-c", f"{box.LAB_STATE}/holdfast.toml", "--json"],
                          capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 0, done.stderr
    rows = {row["interface"]: row for row in json.loads(done.stdout)["certificates"]}
    assert set(rows) == {"lan", "wan"} and rows["lan"]["state"] == "good"
    assert rows["lan"]["subject"] == "CN=lab edge-lan" and rows["lan"]["issuer"] == "CN=lab line-ca"
    assert "IP:198.18.1.2" in rows["lan"]["names"] and rows["lan"]["days_left"] in (29, 30)
    assert [(peer["peer"], peer["same_ca"]) for peer in rows["wan"]["peers"]] == [("centre", True)]
    assert rows["lan"]["peers"] == []
