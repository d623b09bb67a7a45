# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the lab tests: the branch in a box as an object, always taken down again."""
import contextlib
import json
import math
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLAST = ROOT / "tests" / "lab" / "blast.py"
PYTHON = "/usr/bin/python3"
COMMAND_TIMEOUT_S = 60
sys.path.insert(0, str(ROOT / "lab"))  # handset, tone: what the lab's commands share with tests


def read_addresses():
    """The lab's table of addresses, ports and names, as strings."""
    text = (ROOT / "lab" / "addresses").read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Z0-9_]+)=([^\s(#]+)", text, re.MULTILINE))


def pytest_addoption(parser):
    """What lab/drills turns up; by themselves the tests are as short as CI needs them."""
    parser.addoption("--sound-seconds", type=int, default=5, help="sound of each call of the main job")
    parser.addoption("--all-drills", action="store_true", help="every outage with every centre, and real timers")


def pytest_configure(config):
    config.addinivalue_line("markers", "drill: waits for timers, varies what always runs, or is what drills stand on; "
                                       "runs with --all-drills only")


def pytest_collection_modifyitems(config, items):
    if config.getoption("--all-drills"):
        return
    for item in items:
        if item.get_closest_marker("drill"):
            item.add_marker(pytest.mark.skip(reason="runs with --all-drills"))


class Lab:
    """Drives the lab by its own commands, as a person would."""

    def __init__(self):
        self.addresses = read_addresses()
        self.topology = None

    def __getattr__(self, name):
        """lab.EDGE_LAN4 is the table's row of that name."""
        try:
            return self.__dict__["addresses"][name]
        except KeyError:
            raise AttributeError(name) from None

    def phone4(self, number):
        return f"{self.PHONE_NET4}.{number}"

    def phone6(self, number):
        return f"{self.PHONE_NET6}:{number}"

    def run(self, command, *words, check=True, timeout=COMMAND_TIMEOUT_S):
        """One of the lab's commands; with check, a failure shows what it said."""
        done = subprocess.run([str(ROOT / "lab" / command), *map(str, words)], capture_output=True, text=True,
                              timeout=timeout, check=False)
        assert not check or done.returncode == 0, f"lab/{command} {words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def up(self, topology="inline", take="shared", vlan=None, seed=1):
        self.topology = topology
        tagging = ["--vlan", vlan] if vlan else []
        self.run("up", "--topology", topology, "--take", take, "--seed", seed, *tagging)
        return self

    def down(self):
        return self.run("down")

    def exec(self, place, *command, check=True, timeout=COMMAND_TIMEOUT_S):
        return self.run("exec", place, *command, check=check, timeout=timeout)

    def popen(self, place, *command, **options):
        """A command in a place, left running; the caller ends it."""
        return subprocess.Popen(["ip", "netns", "exec", f"hf-{place}", *map(str, command)], **options)

    def fault(self, *words, lan=False, towards=None, match=None, check=True):
        options = ["--lan"] if lan else []
        options += ["--towards", towards] if towards else []
        options += ["--match", match] if match else []
        return self.run("fault", *options, *words, check=check)

    def show(self, stage="wan"):
        """The link stage's rules and counters, by direction."""
        return json.loads(self.fault("show", lan=stage == "lan").stdout)

    def pid(self, name):
        path = pathlib.Path(self.LAB_STATE) / f"{name}.pid"
        return int(path.read_text(encoding="utf-8").split()[0])

    @contextlib.contextmanager
    def capture(self, directory, **options):
        """Captures at all peer ends while the block runs; fails if the capture lost a frame. Gives the directory."""
        words = [word for key, value in options.items() for word in (f"--{key}", value)]
        self.run("capture", "start", directory, *words)
        try:
            yield pathlib.Path(directory)
        finally:
            stopped = self.run("capture", "stop", directory, check=False)
        assert stopped.returncode == 0, stopped.stderr

    def send(self, place, source, to, seconds, **options):
        """Starts a real sender; the caller waits for it. source and to are (address, port)."""
        words = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", str(value))]
        return subprocess.Popen([str(ROOT / "lab" / "send"), "--from", place, "--source", _host_port(source), "--to",
                                 _host_port(to), "--seconds", str(seconds), *words])

    def blast(self, place, source, to, count, interval_us=1000, ssrc=1, first_seq=1):
        """Numbered RTP packets at a steady pace, from an ordinary socket."""
        return self.exec(place, PYTHON, BLAST, source[0], source[1], to[0], to[1], count, interval_us, ssrc, first_seq)

    def ping_ms(self, place, address, count=5, interval_s=0.05, size=56, patience_s=4):
        """Round-trip times of those pings that were answered. Without a deadline ping waits for the last answer no
        longer than an interval; with one it goes on until as many have come, and those beyond the count are left out."""
        done = self.exec(place, "ping", "-n", "-c", count, "-i", interval_s, "-s", size, "-w",
                         math.ceil(count * interval_s) + patience_s - 1, address, check=False)
        answers = re.findall(r"icmp_seq=(\d+) .*time=([0-9.]+) ms", done.stdout)
        return [float(ms) for number, ms in answers if int(number) <= count]


def _host_port(end):
    return f"[{end[0]}]:{end[1]}" if ":" in end[0] else f"{end[0]}:{end[1]}"


@pytest.fixture
def lab():
    """lab(topology=..., take=..., vlan=..., seed=...) raises the lab; it is down again after the test."""
    if os.geteuid() != 0:
        pytest.fail("the lab needs root (network namespaces)")
    box = Lab()
    try:
        yield lambda **options: box.up(**options)
    finally:
        box.down()


from appliance import appliance_fixture  # noqa: E402,F401  (it needs the names above)
