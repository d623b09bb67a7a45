# SPDX-License-Identifier: Apache-2.0
"""The link stage on real interfaces: what it was told to do is what captures on both sides of it show."""
import os
import signal
import statistics
import subprocess
import time

import pytest
import truth
import wire
from conftest import ROOT, PYTHON
from drill import wait_until

LINK = ROOT / "build" / "lab" / "hf-link"
PHONE_PORT, MEDIA_PORT = 4000, 20000
SSRC = 77


def through_lan_stage(box, directory, count, interval_us=1000, port=MEDIA_PORT, **options):
    """Blasts from a phone to the appliance's wire; gives (sent, arrived, matched), judged by the two captures."""
    phone, edge = (box.phone4(10), PHONE_PORT), (box.EDGE_LAN4, port)
    box.ping_ms("branch", edge[0], count=1)  # the neighbour is known before anything is counted
    with box.capture(directory):
        box.blast("branch", phone, edge, count, interval_us, ssrc=SSRC, **options)
        time.sleep(0.2)
    before = truth.towards(truth.packets(directory / "phone0.pcap"), edge[0])
    after = truth.towards(truth.packets(directory / "edge-lan.pcap"), edge[0])
    return before, after, truth.matched(before, after)


def splitmix(seed):
    """SplitMix64's draws in [0, 1), written anew: the stage is held to the published generator."""
    mask = 2**64 - 1
    while True:
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = seed
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
        yield ((z ^ (z >> 31)) >> 11) / 2**53


def test_random_loss_is_the_one_that_the_seed_foretells(lab, tmp_path):
    box = lab(seed=42)
    # From the seed once more: until there is a rule, it is all frames that draw, and the phone may have said something.
    box.fault("loss", "2%", "seed", "42", lan=True)
    before, _, result = through_lan_stage(box, tmp_path, 3000, interval_us=500)
    draws = splitmix(42 ^ 1 << 56)
    foretold = [n + 1 for n in range(3000) if next(draws) < 0.02]
    assert len(before) == 3000 and not result.unexplained
    assert sorted(seq for _, seq, _ in result.missing) == foretold
    assert box.show("lan")["a-to-b"]["dropped"]["loss"] == len(foretold) > 30
    assert len(box.ping_ms("branch", box.EDGE_LAN4, count=20, interval_s=0.01)) == 20, "loss meets media only"


def test_burst_loses_exactly_the_next_60(lab, tmp_path):
    box = lab()
    box.fault("burst", "60", lan=True, towards="hq")
    _, after, result = through_lan_stage(box, tmp_path, 200)
    assert [seq for _, seq, _ in result.missing] == list(range(1, 61))
    assert len(after) == 140
    assert box.show("lan")["a-to-b"]["burst_left"] == 0


def test_bursts_reordering_and_duplicates_as_the_judge_sees_them(lab, tmp_path):
    box = lab(seed=5)
    box.fault("loss-burst", "5%:6", "duplicate", "2%", "reorder", "1%:4", lan=True)
    before, after, result = through_lan_stage(box, tmp_path, 4000, interval_us=500)
    shown = box.show("lan")["a-to-b"]
    stream = truth.streams(after)[SSRC, (box.phone4(10), PHONE_PORT), (box.EDGE_LAN4, MEDIA_PORT)]
    assert len(before) == 4000
    assert len(result.missing) == shown["dropped"]["loss_burst"] > 50
    assert stream.duplicates == len(result.unexplained) == shown["duplicated"] > 40
    # A frame that is held back while nothing overtakes it stays in order; the judge counts what it sees.
    assert 0 < stream.reordered <= shown["reordered"]
    assert max(stream.loss_runs) > 3


def test_delay_as_ping_and_as_captures_measure_it(lab, tmp_path):
    box = lab()
    box.fault("delay", "20ms", lan=True)
    times_ms = box.ping_ms("branch", box.EDGE_LAN4, count=30, interval_s=0.02)
    assert len(times_ms) == 30
    assert 40 <= statistics.median(times_ms) < 41
    assert 40 <= min(times_ms)
    _, _, result = through_lan_stage(box, tmp_path, 1000)
    assert not result.missing and not result.unexplained
    assert 20_000 <= result.delay_us(0) and result.delay_us(0.5) < 21_000, result.summary()


@pytest.mark.parametrize("order", ["kept", "unordered"])
def test_jitter(lab, tmp_path, order):
    box = lab()
    box.fault("jitter", "10ms" + (":unordered" if order == "unordered" else ""), lan=True)
    before, after, result = through_lan_stage(box, tmp_path, 1000)
    assert len(before) == len(after) == 1000 and not result.missing
    seqs = [p.seq for p in after]
    assert (seqs == sorted(seqs)) == (order == "kept")
    assert result.delay_us(0.9) > 5_000


def pass_at_rate(frames, bits_per_s, queue_s):
    """How many of the frames find room in a queue that a line of that rate empties, by when they came."""
    passed, free_ns = 0, 0
    for frame in frames:
        start_ns = max(free_ns, frame.time_ns)
        if start_ns - frame.time_ns <= queue_s * 1e9:
            passed += 1
            free_ns = start_ns + 8e9 * frame.size / bits_per_s
    return passed


def test_rate_is_held_and_its_drops_are_named(lab, tmp_path):
    box = lab()
    # 214 bytes a frame, 1000 frames/s are 1.712 mbit: half of it may pass, less where the sender was held up.
    box.fault("rate", "856kbit:20ms", lan=True, towards="hq")
    before, after, _ = through_lan_stage(box, tmp_path, 2000)
    assert len(before) == 2000
    came = [f for f in wire.frames(tmp_path / "phone0.pcap") if f.source == box.PHONE_MAC]
    others = len(came) - len(before)
    assert len(after) == pytest.approx(pass_at_rate(came, 856_000, 0.02), abs=20 + others)
    assert len(after) < len(before)
    # The phone's ARP and neighbour discovery wait in the same queue, and are dropped from it like media. What it said
    # before the media may have passed while one of the two captures had not begun.
    sent, passed = (truth.frames_of(tmp_path / f"{point}.pcap", box.PHONE_MAC, before[0].time_ns)
                    for point in ("phone0", "edge-lan"))
    assert box.show("lan")["a-to-b"]["dropped"]["rate_queue"] == (sent - passed).total()


def test_cut_and_heal(lab):
    box = lab()
    assert len(box.ping_ms("edge", box.CENTRE4)) == 5
    box.fault("wan-cut")
    assert box.ping_ms("edge", box.CENTRE4, count=3, patience_s=1) == []
    assert len(box.ping_ms("branch", box.EDGE_LAN4)) == 5, "the branch's link is another"
    assert box.show()["a-to-b"]["dropped"]["cut"] >= 1
    box.fault("heal")
    assert len(box.ping_ms("edge", box.CENTRE4)) == 5


def test_one_direction_alone(lab):
    box = lab()
    box.fault("delay", "30ms", towards="branch")
    assert 30 <= statistics.median(box.ping_ms("edge", box.CENTRE4)) < 33
    rules = box.show()
    assert (rules["a-to-b"]["rules"], rules["b-to-a"]["rules"]) == ([], ["delay=30ms"])


def test_heal_and_reset_keep_the_tag_of_the_start(lab):
    box = lab(vlan=100)
    box.fault("delay", "5ms", "loss", "1%", lan=True)
    for word in ("heal", "reset"):
        box.fault(word, lan=True)
        shown = box.show("lan")
        assert shown["a-to-b"]["rules"] == ["vlan-push=100:5"]
        assert shown["b-to-a"]["rules"] == ["vlan-pop=100"]


def test_50000_frames_a_second_each_way_without_a_loss_of_its_own(lab):
    box = lab()
    box.fault("delay", "20ms", lan=True)
    count, rate = 75_000, 50_000
    macs = [mac.replace(":", "") for mac in (box.PHONE_MAC, box.EDGE_LAN_MAC)]
    body = "88b5" + "00" * 200  # an ethertype for local experiments: no kernel takes it up
    senders = [
        box.popen("branch", PYTHON, ROOT / "tests/lab/inject.py", "phone0", count, rate, macs[1] + macs[0] + body),
        box.popen("edge", PYTHON, ROOT / "tests/lab/inject.py", "lan0", count, rate, macs[0] + macs[1] + body)]
    for sender in senders:
        assert sender.wait(timeout=60) == 0
    time.sleep(0.2)
    for direction, shown in box.show("lan").items():
        if direction == "seed":
            continue
        assert shown["socket_drops"] == 0 and shown["queued"] == 0
        assert sum(shown["dropped"].values()) == 0
        assert shown["out"] == shown["in"] >= count


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(") ", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def test_idle_stage_is_idle(lab):
    box = lab()
    box.fault("delay", "20ms")
    pids = [box.pid("lan"), box.pid("wan")]
    before = [cpu_ticks(pid) for pid in pids]
    time.sleep(2)
    assert [cpu_ticks(pid) - was for pid, was in zip(pids, before)] <= [1, 1]


LINK_REFUSALS = [
    (["--a", "x"], 2, "--control is required"),
    (["--control", "/tmp/none.sock"], 2, "--a and --b are required"),
    (["--control", "/tmp/none.sock", "--a", "lo", "--b", "lo"], 1, "two interfaces"),
    (["--control", "/tmp/none.sock", "--a", "lo", "--b", "nothere"], 1, "nothere: no such interface"),
    (["--control", "/tmp/none.sock", "--a", "lo", "--b", "x", "--a-to-b", "loss=2"], 2, "'loss=2' is not of the form"),
    (["--control", "/tmp/none.sock", "--queue-frames", "0", "--a", "lo", "--b", "x"], 2, "queue-frames"),
    (["--control", "/tmp/none.sock", "--ask", "show"], 1, "No such file"),
    (["--control", "/tmp/" + "x" * 200, "--ask", "show"], 1, "cannot be the path"),
]


@pytest.mark.parametrize("arguments,status,text", LINK_REFUSALS, ids=[r[2] for r in LINK_REFUSALS])
def test_wrong_use_of_the_stage(arguments, status, text):
    done = subprocess.run([LINK, *arguments], capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == status
    assert text in done.stderr and done.stderr.count("\n") == 1


def test_control_socket_outlives_rude_clients(lab):
    import socket  # only this test speaks to the socket itself
    box = lab()
    path = f"{box.LAB_STATE}/wan.sock"

    def client():
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(2)
        s.connect(path)
        return s

    with client() as long_line:
        long_line.sendall(b"x" * 5000)
        assert b"too long" in long_line.recv(100)
    crowd = [client() for _ in range(20)]  # more than are served: the rest is closed
    for one in crowd:
        one.close()
    with client() as deaf:  # never reads: closed once its answers do not fit any more
        deaf.settimeout(1)
        try:
            for _ in range(20000):
                deaf.sendall(b"show\n")
        except OSError:
            pass
    with client() as garbage:
        garbage.sendall(bytes(range(1, 10)) + b"\n\xff\xfe\n" + b"set both loss\n")
        answers = b""
        while answers.count(b"\n") < 3:
            answers += garbage.recv(4096)
        assert answers.count(b"error: ") == 3
    assert box.show()["a-to-b"]["in"] >= 0


def test_stage_ends_cleanly_when_asked(lab):
    box = lab()
    pid = box.pid("wan")
    os.kill(pid, signal.SIGTERM)
    wait_until(lambda: not os.path.exists(f"{box.LAB_STATE}/wan.sock"), 5, "it leaves its socket")
