# SPDX-License-Identifier: Apache-2.0
"""The lab with its provisioning server and holdfast-provision, and phones that boot through it."""
import json
import pathlib
import subprocess
import time

from conftest import ROOT

HOLDFAST = ROOT / "build" / "control" / "holdfast"
FIRST_MAC = 0x0004F2000010


def mac(number):
    return f"{FIRST_MAC + number:012x}"


class Booth:
    """The lab with its provisioning server and holdfast-provision."""

    def __init__(self, box):
        self.box = box
        self.url = f"http://{box.EDGE_LAN4}:8088"
        self.root = pathlib.Path(box.LAB_STATE) / "origin" / "root"

    def origin(self, *words):
        return self.box.run("origin", *words).stdout

    def log(self):
        return [json.loads(line) for line in self.origin("log").splitlines()]

    def put(self, path, body):
        """A file of the centre's is new."""
        fresh = pathlib.Path(self.box.LAB_STATE) / "fresh"
        fresh.write_bytes(body)
        self.origin("put", path, fresh)

    def boot(self, count, *words, first=0, parallel=None, timeout=60):
        """Polycom phones by MAC, all at a time or so many; their summary. Each of them has come up."""
        done = self.box.exec("branch", HOLDFAST, "phonesim", "--model", "polycom", "--mac", mac(first), "--count", count,
                             "--parallel", parallel or count, "--url", self.url, "--json", *words, check=False,
                             timeout=timeout)
        told = json.loads(done.stdout)
        assert done.returncode == 0 and told["held"] == count, {**told, "requests": None}
        return told

    def get(self, path, agent="", *options):
        """(status, body) as a phone gets it."""
        fields = ["-A", agent] if agent else []
        done = subprocess.run(["ip", "netns", "exec", "hf-branch", "curl", "-s", "--max-time", "10", *fields, *options,
                               "-w", "\n%{http_code}", self.url + path], capture_output=True, check=False)
        body, _, status = done.stdout.rpartition(b"\n")
        return int(status), body

    def say(self, *words):
        done = subprocess.run([HOLDFAST, "provision", *words, "--json", "--provision-socket",
                               f"{self.box.LAB_STATE}/provision.sock"], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def origin_state(self):
        return self.say("status")["origins"][0]["state"]

    def start(self, *options):
        self.box.run("appliance", "start", "provision", *options)


def wait_for(condition, timeout_s, what):
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)
