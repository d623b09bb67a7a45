# SPDX-License-Identifier: Apache-2.0
"""bench/replay against captures made by scapy and against what tshark counts in the same files."""
import json
import os
import re
import struct
import subprocess

import pytest
from scapy.all import (Dot1Q, Ether, IP, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, CookedLinux, Raw, UDP,
                       fragment, wrpcap, wrpcapng)

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOL = os.environ.get("HOLDFAST_REPLAY", os.path.join(ROOT, "build/bench/holdfast-replay"))
SSRC = 0x1A2B3C4D
START = 1_700_000_000.0
# Both ends are named: without a destination scapy would ask the network for one.
ENDS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}
FIELDS = ["ssrc", "src", "dst", "payload_type", "first_seq", "last_ext_seq", "expected", "received", "lost",
          "duplicates", "reordered", "restarts", "jitter_last", "jitter_mean", "jitter_max", "loss_runs"]


def rtp(n, first=1000, ts=0, ssrc=SSRC, pt=0):
    return struct.pack("!BBHII", 0x80, pt, (first + n) & 0xFFFF, (ts + n * 160) & 0xFFFFFFFF, ssrc) + b"\xd5" * 160


def udp4(payload, sport=4000, dport=30000):
    return IP(src="198.18.0.1", dst="198.18.0.2") / UDP(sport=sport, dport=dport) / Raw(payload)


def frames(order, link=Ether(**ENDS), net=udp4, late_ms=None, **more):
    """Packet numbers in the order of arrival; the k-th one arrives at the k-th 20 ms (plus its lateness)."""
    out = []
    for k, n in enumerate(order):
        p = link / net(rtp(n, **more)) if link is not None else net(rtp(n, **more))
        p.time = START + 0.02 * n + (0.0005 * k if late_ms is None else late_ms(n) / 1000)
        out.append(p)
    return out


def replay(path, *options):
    return subprocess.run([TOOL, str(path), *options], capture_output=True, text=True, timeout=60)


def streams(path, *options):
    done = replay(path, "--json", *options)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def tshark_streams(path, port=30000):
    """(ssrc, packets, lost, mean jitter in ms, max jitter in ms) of each stream."""
    done = subprocess.run(["tshark", "-n", "-q", "-r", str(path), "-d", f"udp.port=={port},rtp", "-z", "rtp,streams"],
                          capture_output=True, text=True, timeout=60, check=True)
    rows = []
    for line in done.stdout.splitlines():
        m = re.search(r"0x([0-9A-Fa-f]{8})\s+.*?\s+(\d+)\s+(-?\d+) \(-?[\d.]+%\)\s+(.*)", line)
        if m:
            numbers = re.findall(r"-?\d+\.\d+", m.group(4))
            rows.append((int(m.group(1), 16), int(m.group(2)), int(m.group(3)), float(numbers[4]), float(numbers[5])))
    return rows


def without(numbers, *gaps):
    return [n for n in numbers if not any(low <= n < high for low, high in gaps)]


# name, numbers in the order of arrival, first number, and the wanted
# (expected, received, duplicates, reordered, loss runs)
ROWS = [
    ("in order", list(range(600)), 1000, (600, 600, 0, 0, {})),
    ("first number 0", list(range(50)), 0, (50, 50, 0, 0, {})),
    ("bursts of 1, 2 and 60", without(range(600), (50, 51), (100, 102), (200, 260)), 1000,
     (600, 537, 0, 0, {"1": 1, "2": 1, "60": 1})),
    ("burst of 1000", without(range(1600), (300, 1300)), 1000, (1600, 600, 0, 0, {"1000": 1})),
    ("wrap with loss across it", without(range(600), (90, 110)), 65436, (600, 580, 0, 0, {"20": 1})),
    ("2 % lost", [n for n in range(1000) if n % 50 != 25], 7, (1000, 980, 0, 0, {"1": 20})),
    ("copies", [n for n in range(400) for _ in range(2 if n % 10 == 0 else 1)], 1000, (400, 400, 40, 0, {})),
    ("reordered by 2", [n + d for n in range(0, 400, 4) for d in (0, 2, 3, 1)] + list(range(400, 404)), 1000,
     (404, 404, 0, 100, {})),
    ("reordered by 100", list(range(1, 101)) + [0] + list(range(101, 400)), 1000, (400, 400, 0, 1, {})),
]


@pytest.mark.parametrize("name,order,first,want", ROWS, ids=[r[0] for r in ROWS])
def test_counts_and_tshark_agrees(tmp_path, name, order, first, want):
    path = tmp_path / "x.pcap"
    wrpcap(str(path), frames(order, first=first))
    (one,) = streams(path)
    assert list(one) == FIELDS
    assert one["ssrc"] == "0x1a2b3c4d" and one["payload_type"] == 0
    assert one["src"] == "198.18.0.1:4000" and one["dst"] == "198.18.0.2:30000"
    assert one["first_seq"] == first
    assert one["last_ext_seq"] == first + want[0] - 1
    got = (one["expected"], one["received"], one["duplicates"], one["reordered"], one["loss_runs"])
    assert got == want
    assert one["lost"] == one["expected"] - one["received"] and one["restarts"] == 0
    ((ssrc, packets, lost, _, _),) = tshark_streams(path)
    assert ssrc == SSRC
    assert packets == one["received"] + one["duplicates"]
    if name != "reordered by 100":  # tshark begins with the packet that came first, not with the lowest number
        assert packets + lost == one["expected"]
        assert lost == one["lost"] - one["duplicates"]


def test_jitter_is_that_of_tshark(tmp_path):
    path = tmp_path / "jitter.pcap"
    wrpcap(str(path), frames(range(1000), late_ms=lambda n: (n * 7919 % 13) * 1.5))
    (one,) = streams(path)
    ((_, _, _, mean_ms, max_ms),) = tshark_streams(path)
    assert one["jitter_mean"] == pytest.approx(mean_ms * 8, abs=1)
    assert one["jitter_max"] == pytest.approx(max_ms * 8, abs=2)


def test_restart_with_the_same_ssrc(tmp_path):
    path = tmp_path / "loop.pcap"
    turns = [frames(range(300)) for _ in range(3)]
    for k, turn in enumerate(turns):
        for p in turn:
            p.time += k * 6.2
    wrpcap(str(path), [p for turn in turns for p in turn])
    (one,) = streams(path)
    assert (one["expected"], one["received"], one["lost"], one["restarts"]) == (900, 900, 0, 2)


def test_ssrc_change_is_two_streams(tmp_path):
    path = tmp_path / "two.pcap"
    wrpcap(str(path), frames(range(100)) + frames(range(100, 200), ssrc=7, first=60000, pt=8))
    a, b = streams(path)
    assert (a["received"], a["lost"], b["received"], b["lost"]) == (100, 0, 100, 0)
    assert b["ssrc"] == "0x00000007" and b["payload_type"] == 8


def udp6(payload):
    return IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(sport=4000, dport=30000) / Raw(payload)


def udp6_options(payload):
    return (IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrDestOpt() / UDP(sport=4000, dport=30000) /
            Raw(payload))


LINKS = [("IPv6", Ether(**ENDS), udp6), ("IPv6 with options", Ether(**ENDS), udp6_options),
         ("802.1Q", Ether(**ENDS) / Dot1Q(vlan=100), udp4),
         ("two tags", Ether(type=0x88A8, **ENDS) / Dot1Q(vlan=7) / Dot1Q(vlan=100), udp6)]
# scapy 2.5 writes pcapng as Ethernet whatever the packets are.
CAPTURES = [(wrpcapng, *row) for row in LINKS] + [(wrpcap, *row) for row in LINKS] + [
    (wrpcap, "raw IPv4", None, udp4), (wrpcap, "Linux cooked", CookedLinux(), udp4)]


@pytest.mark.parametrize("write,name,link,net", CAPTURES, ids=[f"{r[0].__name__} {r[1]}" for r in CAPTURES])
def test_links(tmp_path, write, name, link, net):
    path = tmp_path / "x.cap"
    write(str(path), frames(without(range(100), (40, 45)), link=link, net=net))
    (one,) = streams(path)
    assert (one["expected"], one["received"], one["loss_runs"]) == (100, 95, {"5": 1})
    assert one["src"] == ("198.18.0.1:4000" if net is udp4 else "[2001:db8::1]:4000")


def test_linux_cooked_v2(tmp_path):
    path = tmp_path / "sll2.pcap"
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 276))
        for n in range(20):
            frame = struct.pack("!HHIHBB8s", 0x0800, 0, 1, 1, 0, 6, b"") + bytes(udp4(rtp(n)))
            f.write(struct.pack("<IIII", 1_700_000_000, n * 20000, len(frame), len(frame)) + frame)
    assert streams(path)[0]["received"] == 20


def test_snap_length_keeps_the_account(tmp_path):
    path = tmp_path / "snap.pcap"
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 60, 1))
        for n in without(range(50), (20, 23)):
            frame = bytes(Ether(**ENDS) / udp4(rtp(n)))
            f.write(struct.pack("<IIII", 1_700_000_000, n * 20000, 60, len(frame)) + frame[:60])
    assert streams(path)[0]["loss_runs"] == {"3": 1}


def test_other_traffic_is_passed_over_and_counted(tmp_path):
    path = tmp_path / "mix.pcap"
    big = fragment(udp4(b"\x80" * 3000), fragsize=1400)
    other = [Ether(**ENDS) / p for p in big]
    other += [Ether(**ENDS) / IPv6() / IPv6ExtHdrFragment(m=1) / Raw(b"x" * 16)]
    other += [Ether(**ENDS) / IP() / Raw(b"\x00" * 40), Ether(type=0x0806, **ENDS) / Raw(b"\x00" * 28)]
    other += [Ether(**ENDS) / udp4(bytes([0x80, 0x48]) + b"\x00" * 20)] * 9     # payload type 72 is not RTP's
    other += [Ether(**ENDS) / udp4(struct.pack("!BBHI", 0x80, 201, 1, 7))] * 9  # RTCP on the same port
    other += [Ether(**ENDS) / udp4(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + b"\x00" * 12)]  # STUN
    other += [Ether(**ENDS) / udp4(os.urandom(1)), Ether(**ENDS) / udp4(b"")]
    wrpcap(str(path), other + frames(range(50)))
    done = replay(path, "--json")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 1
    assert "4 of" in done.stderr and "fragments" in done.stderr
    assert "neither IPv4 nor IPv6" in done.stderr and "not UDP" in done.stderr


def test_chance_is_shown_only_with_all(tmp_path):
    path = tmp_path / "chance.pcap"
    wrpcap(str(path), frames([0, 9000, 31000]))
    assert replay(path).returncode == 1
    assert "--all" in replay(path).stderr
    assert len(streams(path, "--all")) == 1


def test_port_range(tmp_path):
    path = tmp_path / "ports.pcap"
    wrpcap(str(path), frames(range(20)) + frames(range(20), net=lambda p: udp4(p, 5000, 40001)))
    assert len(streams(path)) == 2
    assert [s["dst"] for s in streams(path, "--port-range", "40000-40010")] == ["198.18.0.2:40001"]
    assert len(streams(path, "--port-range", "4000-4000")) == 1


def test_clock_rate(tmp_path):
    path = tmp_path / "clock.pcap"
    wrpcap(str(path), frames(range(200), pt=111, late_ms=lambda n: n % 2))
    slow = streams(path)[0]["jitter_last"]
    assert slow == pytest.approx(8, abs=1)
    assert streams(path, "--clock-rate", "111=16000")[0]["jitter_last"] > 10 * slow


def test_table(tmp_path):
    path = tmp_path / "t.pcap"
    wrpcap(str(path), frames(range(20)))
    lines = replay(path).stdout.splitlines()
    assert len(lines) == 2 and lines[0].startswith("ssrc") and lines[1].startswith("0x1a2b3c4d")


@pytest.mark.parametrize("content", [b"", b"not a capture at all, but long enough", None], ids=["empty", "text", "absent"])
def test_unreadable_files(tmp_path, content):
    path = tmp_path / "bad.pcap"
    if content is not None:
        path.write_bytes(content)
    done = replay(path)
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1


def test_a_file_cut_in_the_middle_says_so_and_shows_what_there_is(tmp_path):
    path = tmp_path / "cut.pcap"
    wrpcap(str(path), frames(range(100)))
    path.write_bytes(path.read_bytes()[:-50])
    done = replay(path, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["received"] == 99
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("options", [[], ["--port-range", "9-1"], ["--port-range", "a-b"], ["--port-range", "1-70000"],
                                     ["--clock-rate", "128=8000"], ["--clock-rate", "96=0"], ["--nonsense"]])
def test_wrong_use(options):
    files = ["x.pcap"] if options else []
    done = subprocess.run([TOOL, *files, *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
