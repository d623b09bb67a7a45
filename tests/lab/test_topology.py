# SPDX-License-Identifier: Apache-2.0
"""The lab itself, without an appliance: who reaches whom, tags, clean up after crashes, refusals."""
import os
import pathlib
import signal
import subprocess
import time

import pytest
import truth
from conftest import ROOT
from drill import wait_until


@pytest.mark.parametrize("topology", ["inline", "one-armed"])
def test_neighbours_answer_over_both_stages(lab, topology):
    box = lab(topology=topology)
    for address in (box.EDGE_LAN4, box.EDGE_LAN6):
        assert len(box.ping_ms("branch", address)) == 5
    for address in (box.HQ_WAN4, box.CENTRE4, box.CENTRE6, f"{box.HQ_NET4}.19", f"{box.HQ_NET6}:19"):
        assert len(box.ping_ms("edge", address)) == 5
    shown = box.show("lan")
    for direction in ("a-to-b", "b-to-a"):
        assert shown[direction]["in"] == shown[direction]["out"] > 0
        assert shown[direction]["unfinished_checksums"] == 0, "transmit offload is on somewhere"


def test_phones_reach_the_centre_by_themselves_only_one_armed(lab):
    box = lab(topology="one-armed")
    assert len(box.ping_ms("branch", box.CENTRE4)) == len(box.ping_ms("branch", box.CENTRE6)) == 5
    lab(topology="inline")
    assert box.ping_ms("branch", box.CENTRE4, count=2, patience_s=1) == []


@pytest.mark.parametrize("topology", ["inline", "one-armed"])
def test_owned_ports_have_no_address_and_answer_nothing(lab, topology):
    box = lab(topology=topology, take="owned")
    text = box.exec("edge", "ip", "-br", "addr").stdout
    addressed = {line.split()[0].split("@")[0] for line in text.splitlines() if len(line.split()) > 2}
    assert addressed == {"lo", "hf-lan"} | ({"hf-wan"} if topology == "inline" else set())
    links = {line.split()[0].split("@")[0]: line.split()[2] for line in
             box.exec("edge", "ip", "-br", "link").stdout.splitlines()}
    assert links["hf-lan"] == links["lan0"] == box.EDGE_LAN_MAC
    assert box.ping_ms("branch", box.EDGE_LAN6, count=2, patience_s=1) == []


def test_stage_ends_are_silent(lab):
    box = lab()
    for place, ends in (("access", ("st1", "edge-lan", "br0")), ("wan", ("edge-wan", "hq-wan"))):
        for end in ends:
            assert "inet" not in box.exec(place, "ip", "addr", "show", end).stdout


def test_vlan_tags_are_on_the_wire_both_ways_and_nowhere_else(lab, tmp_path):
    box = lab(vlan=100)
    phone, edge = (box.phone4(10), 4000), (box.EDGE_LAN4, 20000)
    box.exec("branch", "ip", "neigh", "replace", edge[0], "lladdr", box.EDGE_LAN_MAC, "dev", "phone0")
    macs = (box.PHONE_MAC + box.EDGE_LAN_MAC).replace(":", "")
    # UDP 198.18.1.2:20000 -> 198.18.1.10:4000, 20 bytes of RTP header and payload, no UDP checksum
    datagram = "0800" + "45000030000000004011" + "0000" + "c6120102" + "c612010a" + "4e200fa0001c0000" \
        + "80080001" + "000000a0" + "00000007" + "00" * 8
    inject = ("/usr/bin/python3", ROOT / "tests/lab/inject.py", "lan0")
    with box.capture(tmp_path):
        box.blast("branch", phone, edge, 50)
        box.exec("edge", *inject, 40, 1000, macs + "8100a064" + datagram)  # tag 100
        box.exec("edge", *inject, 30, 1000, macs + "810000c8" + datagram)  # tag 200
        box.exec("edge", *inject, 20, 1000, macs + datagram)               # no tag
    wire = truth.packets(tmp_path / "edge-lan.pcap")
    to_edge = truth.towards(wire, edge[0])
    assert [(p.vlan, p.pcp) for p in to_edge] == [(100, 5)] * 50
    assert len([p for p in truth.coming_from(wire, edge[0]) if p.vlan == 100]) == 40
    branch = truth.packets(tmp_path / "phone0.pcap")
    assert {p.vlan for p in branch} == {None}
    assert len(truth.coming_from(branch, edge[0])) == 40
    # The kernel's own untagged neighbour discovery may add to those that the switch port refuses.
    assert box.show("lan")["b-to-a"]["dropped"]["vlan_other"] >= 50


def alive(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return text.rsplit(") ", 1)[1][0] != "Z"


def test_down_leaves_nothing_and_may_be_repeated(lab, tmp_path):
    box = lab()
    sleeper = box.popen("branch", "sleep", "60")
    box.run("capture", "start", tmp_path)
    started = [box.pid(p.stem) for p in pathlib.Path(box.LAB_STATE).glob("*.pid")]
    assert len(started) == 6 and all(alive(pid) for pid in started)
    box.down()
    assert sleeper.wait(timeout=5) == -signal.SIGKILL
    assert not list(pathlib.Path(box.LAB_STATE).glob("*"))
    listed = subprocess.run(["ip", "netns"], capture_output=True, text=True, check=True).stdout
    assert "hf-" not in listed
    assert not any(alive(pid) for pid in started)
    box.down()


def test_up_after_a_crash_starts_clean(lab):
    box = lab()
    assert box.run("status").returncode == 0
    pid = box.pid("wan")
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not alive(pid), 5, "it outlives SIGKILL")
    status = box.run("status", check=False)
    assert status.returncode == 1 and "wan link: its stage is not running" in status.stdout
    assert box.fault("cut", check=False).returncode == 1
    lab()
    assert len(box.ping_ms("edge", box.CENTRE4)) == 5
    assert box.run("status").returncode == 0


def test_up_is_quick(lab):
    """Nothing in it waits for a timer; a machine that is busy may hold it up once."""
    def seconds():
        start = time.monotonic()
        lab()
        return time.monotonic() - start

    lab()
    assert any(seconds() < 3 for _ in range(3))


REFUSALS = [
    (("up", "--topology", "ring"), 2, "inline or one-armed"),
    (("up", "--vlan", "4095"), 2, "1 to 4094"),
    (("up", "--take"), 2, "usage"),
    (("exec", "moon", "true"), 2, "no place"),
    (("fault", "loss", "200%"), 2, "'loss=200%' is not of the form"),
    (("fault", "loss"), 2, "lacks its value"),
    (("fault", "gremlins", "1"), 2, "no fault"),
    (("fault", "--towards", "mars", "cut"), 2, "hq or branch"),
    (("fault", "burst", "-1"), 2, "burst needs a number"),
    (("capture", "stop", "/nowhere"), 1, "no capture"),
    (("capture", "start", "/proc/nothing"), 1, "cannot"),
    (("send", "--from", "branch", "--source", "x", "--to", "198.18.1.2:20000", "--seconds", "1"), 2, "ADDRESS:PORT"),
    (("send", "--from", "branch", "--source", "198.18.1.10:4000", "--to", "[::1]:20000", "--seconds", "1"), 2,
     "different IP versions"),
]


def test_wrong_use_gets_one_clear_line(lab):
    box = lab()
    for words, status, text in REFUSALS:
        done = box.run(*words, check=False)
        assert done.returncode == status, (words, done)
        said = [line for line in done.stderr.splitlines() if line]
        assert text in said[-1] and not done.stdout, (words, done)
        assert len(said) <= 2, (words, done)
    assert len(box.ping_ms("edge", box.CENTRE4)) == 5, "a refusal has changed the lab"
    box.down()
    for command in (("exec", "branch", "true"), ("fault", "cut"), ("capture", "start", "/tmp"), ("status",)):
        assert box.run(*command, check=False).returncode == 1
