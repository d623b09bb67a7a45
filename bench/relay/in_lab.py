# SPDX-License-Identifier: Apache-2.0
"""Run by lab/private: idle CPU of the appliance, and the delay that it adds by captures on both of its wires.

in_lab.py CALLS SECONDS RUNS prints one JSON object: lists of one value a run."""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests/lab")]
import machine  # noqa: E402
import truth  # noqa: E402  (the judge: it shares nothing with the product)

HOLDFAST = (str(ROOT / "build/control/holdfast"), "--socket", "/run/holdfast-lab/dataplane.sock")
LAN, WAN = "198.18.1.2", "198.18.2.2"
HOSTS = 10  # phones, and hosts of the centre: lab/addresses
SETTLE_S = 1
TIMEOUT_S = 60


def run(*words):
    done = subprocess.run(words, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def lab(command, *words):
    return run(str(ROOT / "lab" / command), *words)


def add_calls(count):
    """Returns what the branch and the centre are to send."""
    branch, centre = [], []
    for call in range(count):
        phone = (f"198.18.1.{10 + call % HOSTS}", 4000 + 2 * call)
        far = (f"198.18.3.{10 + call % HOSTS}", 30000 + 2 * call)
        added = json.loads(run(*HOLDFAST, "relay", "add", f"bench-{call}", "--leg", f"lan={phone[0]}:{phone[1]}",
                               "--leg", f"wan={far[0]}:{far[1]}", "--json"))
        for streams, source, leg, ssrc in ((branch, phone, 0, 1000 + call), (centre, far, 1, 2000 + call)):
            address, _, port = added["legs"][leg]["local"].rpartition(":")
            streams.append([*source, address, int(port), ssrc])
    return branch, centre


def talk(place, streams, seconds):
    process = subprocess.Popen(("ip", "netns", "exec", f"hf-{place}", sys.executable,
                                str(ROOT / "bench/relay/talk.py"), str(seconds)), stdin=subprocess.PIPE, text=True)
    json.dump(streams, process.stdin)
    process.stdin.close()
    return process


def busy_percent(pid, seconds, runs):
    """CPU time of all of the appliance's threads, in percent of one core."""
    values = []
    for _ in range(runs):
        before, start = machine.schedule_ns(pid)[0], time.monotonic_ns()
        time.sleep(seconds)
        values.append(100 * (machine.schedule_ns(pid)[0] - before) / (time.monotonic_ns() - start))
    return values


def added_delay(seconds):
    """One capture: [p50, p99, p99.9] in us, both directions together, and the packets that did not come out."""
    with tempfile.TemporaryDirectory(prefix="holdfast-bench-") as folder:
        lab("capture", "start", folder)
        time.sleep(seconds)
        lab("capture", "stop", folder)
        lan, wan = (truth.packets(f"{folder}/{wire}.pcap") for wire in ("edge-lan", "edge-wan"))
    out = truth.matched(truth.towards(lan, LAN), truth.coming_from(wan, WAN))
    back = truth.matched(truth.towards(wan, WAN), truth.coming_from(lan, LAN))
    delays = sorted(out.delays_ns + back.delays_ns)
    if not delays:
        raise RuntimeError("the captures show no packet on both wires")
    return [delays[min(len(delays) - 1, int(q * len(delays)))] / 1000 for q in (0.5, 0.99, 0.999)]


def main():
    calls, seconds, runs = (int(text) for text in sys.argv[1:4])
    lab("up")
    lab("appliance", "start", "dataplane")
    pid = int(lab("appliance", "pid", "dataplane"))
    time.sleep(SETTLE_S)
    result = {"no calls": busy_percent(pid, seconds, runs)}
    branch, centre = add_calls(calls)
    time.sleep(SETTLE_S)
    result["silent calls"] = busy_percent(pid, seconds, runs)
    # Long enough for all that is measured; ended as soon as that is done.
    talkers = [talk(place, streams, 2 * runs * (seconds + TIMEOUT_S))
               for place, streams in (("branch", branch), ("hq", centre))]
    try:
        time.sleep(SETTLE_S)
        result["talking calls"] = busy_percent(pid, seconds, runs)
        result["delay_us"] = [added_delay(seconds) for _ in range(runs)]
        if any(talker.poll() is not None for talker in talkers):
            raise RuntimeError("a sender died")
    finally:
        for talker in talkers:
            talker.kill()
            talker.wait()
    lab("appliance", "stop", "dataplane")
    print(json.dumps(result))


main()
