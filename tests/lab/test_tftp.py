# SPDX-License-Identifier: Apache-2.0
"""Phones in recovery mode: atftp and curl read by TFTP through the appliance, with the centre there and without it."""
import json
import pathlib
import subprocess

import pytest
from conftest import ROOT

HOLDFAST = ROOT / "build" / "control" / "holdfast"
FIRMWARE_KB = 128
PHONE = "0004f2000010"
STRANGER = "0004f2000011"
IMAGE = "420hd.img"  # three quarters of FIRMWARE_KB: some hundred KB
CURL_NOT_FOUND = 68
CURL_PERMISSION = 69
WINDOWS = ("blksize 1428", "windowsize 8", "tsize 0")


class Recovery:
    """The lab with its provisioning server, and a phone that reads by TFTP."""

    def __init__(self, box, directory):
        self.box = box
        self.root = pathlib.Path(box.LAB_STATE) / "origin" / "root"
        self.file = directory / "got"
        box.run("origin", "start", "--firmware-kb", FIRMWARE_KB)

    def start(self, *options):
        self.box.run("appliance", "start", "provision", *options)

    def in_branch(self, *words):
        """(exit status, what arrived) of a client on the phones' side."""
        self.file.unlink(missing_ok=True)
        done = subprocess.run(["ip", "netns", "exec", "hf-branch", *map(str, words)], capture_output=True, timeout=30,
                              check=False)
        return done.returncode, self.file.read_bytes() if self.file.exists() else b""

    def curl(self, path, *options, host=None):
        return self.in_branch("curl", "-sS", "--max-time", 20, *options, "-o", self.file,
                              f"tftp://{host or self.box.EDGE_LAN4}/{path}")

    def atftp(self, path, *options):
        words = [word for option in options for word in ("--option", option)]
        return self.in_branch("atftp", "--get", "--local-file", self.file, "--remote-file", path, *words,
                              self.box.EDGE_LAN4)

    def centres(self, path):
        return 0, (self.root / path).read_bytes()

    def holdfast(self, *words):
        done = subprocess.run([HOLDFAST, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def status(self, *words):
        return self.holdfast("provision", "status", *words, "--provision-socket",
                             f"{self.box.LAB_STATE}/provision.sock")

    def counters(self):
        return json.loads(self.status("--json"))["tftp"][0]


@pytest.fixture(name="recovery")
def recovery_fixture(lab, tmp_path):
    return Recovery(lab(), tmp_path)


def read_all(recovery):
    """Every client with its options gets the centre's bytes."""
    config = f"{PHONE}.cfg"
    assert recovery.curl(config) == recovery.centres(config)
    assert recovery.curl(config, host=f"[{recovery.box.EDGE_LAN6}]") == recovery.centres(config)
    assert recovery.atftp(config) == recovery.centres(config)
    assert recovery.curl(IMAGE, "--tftp-blksize", 1428) == recovery.centres(IMAGE)
    assert recovery.curl(IMAGE, "--tftp-no-options") == recovery.centres(IMAGE)
    assert recovery.atftp(IMAGE, *WINDOWS) == recovery.centres(IMAGE)


def test_files_by_tftp_with_the_centre_and_without_it(recovery):
    recovery.start()
    read_all(recovery)
    assert recovery.curl("none.img")[0] == CURL_NOT_FOUND
    recovery.box.run("origin", "kill")
    read_all(recovery)

    assert recovery.curl("up.cfg", "-T", "/etc/hostname")[0] == CURL_PERMISSION
    told = recovery.counters()
    assert told["addresses"] == [f"{recovery.box.EDGE_LAN4}:69", f"[{recovery.box.EDGE_LAN6}]:69"]
    assert told["under_way"] == 0
    assert told["started"] == 13 and told["failures"] == {"not_found": 1}
    assert sum(told["ends"].values()) == 12 and set(told["ends"]) <= {"done", "unconfirmed"}
    assert told["refusals"] == {"write": 1}

    # Lost blocks are sent again, and what arrives is whole.
    recovery.box.fault("--match", "all", "loss", "10%", lan=True, towards="branch")
    assert recovery.atftp(IMAGE, *WINDOWS, "timeout 1") == recovery.centres(IMAGE)
    recovery.box.fault("heal", lan=True)
    assert recovery.counters()["blocks_resent"] > 0
    shown = recovery.status()
    assert "tftp" in shown and "refusals  write" in shown, shown

    config = pathlib.Path(recovery.box.LAB_STATE) / "holdfast.toml"
    rows = json.loads(recovery.holdfast("dhcp-options", "--config", str(config), "--json"))["options"]
    told = {(row["code"], row["value"]) for row in rows}
    assert (160, f"http://{recovery.box.EDGE_LAN4}:8088") in told and (66, recovery.box.EDGE_LAN4) in told


def test_by_tftp_a_file_goes_to_its_phone_only(recovery):
    """The lab's phones are one neighbour to the appliance, so that it is one phone, and all other MACs are foreign."""
    own = recovery.box.PHONE_MAC.replace(":", "")
    fresh = pathlib.Path(recovery.box.LAB_STATE) / "fresh"
    fresh.write_bytes((recovery.root / f"{PHONE}.cfg").read_bytes().replace(PHONE.encode(), own.encode()))
    recovery.box.run("origin", "put", f"/{own}.cfg", fresh)
    recovery.start("--set", 'provision-origin.owner-check="strict"')
    assert recovery.curl(f"{own}.cfg") == recovery.centres(f"{own}.cfg")
    assert recovery.curl(f"{own}.cfg", host=f"[{recovery.box.EDGE_LAN6}]") == recovery.centres(f"{own}.cfg")
    assert recovery.curl(IMAGE) == recovery.centres(IMAGE), "firmware is for anyone"
    assert recovery.curl(f"{STRANGER}.cfg") == (CURL_PERMISSION, b"")
    recovery.box.run("origin", "kill")
    assert recovery.curl(f"{own}.cfg") == recovery.centres(f"{own}.cfg")
    assert recovery.curl(f"{STRANGER}.cfg") == (CURL_PERMISSION, b"")
    assert recovery.counters()["failures"] == {"denied": 2}
