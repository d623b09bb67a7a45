# SPDX-License-Identifier: Apache-2.0
"""Starts that cannot be, each with one clear line and nothing half-started; and ends that are clean."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

import pytest
from appliance import Crowd, host_port, to_text
from conftest import PYTHON, ROOT

# Another build may be put in its place, for instance one with sanitizers.
DATAPLANE = os.environ.get("HF_DATAPLANE", ROOT / "build" / "dataplane" / "holdfast-dataplane")
END_S = 2
SOON_S = 10
NOBODY = "65534"
UNIT = ROOT / "deploy" / "systemd" / "holdfast-dataplane.service"

# name, (text in the lab's configuration, what stands there instead, ...), parts of the line that says what is wrong
WRONG_CONFIGURATIONS = [
    ("interface_that_is_not_there", ('device = "wan0"', 'device = "nothere"'), ["interface wan", "nothere"]),
    ("driver_that_is_not_there", ('take = "shared"', 'take = "owned"\ndriver = "e1000"'),
     [":10: ", "interface.lan.driver", '"e1000" is not one of']),
    ("card_that_is_not_there",
     ('take = "shared"\ndevice = "lan0"', 'take = "owned"\ndriver = "pci"\ndevice = "0000:7f:1f.7"'),
     ["interface lan", "no PCI device has the address 0000:7f:1f.7"]),
    ("memif_socket_that_is_not_there",
     ('take = "shared"\ndevice = "lan0"', 'take = "owned"\ndriver = "memif"\ndevice = "/run/none.sock"'),
     ["interface lan", "/run/none.sock", "start the other side first"]),
    ("virtio_user_socket_that_is_none",
     ('take = "shared"\ndevice = "lan0"', 'take = "owned"\ndriver = "virtio_user"\ndevice = "/etc/hostname"'),
     ["interface lan", "/etc/hostname", "that is no socket"]),
    ("folder_for_a_vhost_socket_that_is_not_there",
     ('take = "shared"\ndevice = "lan0"', 'take = "owned"\ndriver = "vhost"\ndevice = "/nowhere/v.sock"'),
     ["interface lan", "no folder /nowhere"]),
    ("file_in_the_place_of_a_vhost_socket",
     ('take = "shared"\ndevice = "lan0"', 'take = "owned"\ndriver = "vhost"\ndevice = "/etc/hostname"'),
     ["interface lan", "/etc/hostname exists and is not a socket"]),
    ("xdp_program_that_is_not_there", ("cpus = [0]", 'cpus = [0]\nxdp-program = "/nowhere.o"'), ["/nowhere.o"]),
    ("xdp_program_that_is_none", ("cpus = [0]", 'cpus = [0]\nxdp-program = "/etc/hostname"'),
     ["interface lan", "lan0"]),
    ("owned_port_that_is_taken_before_the_start_fails",
     ('take = "shared"\ndevice = "lan0"', 'take = "owned"\ndevice = "lan0"', "cpus = [0]",
      'cpus = [0]\nxdp-program = "/etc/hostname"'), ["interface lan", "lan0"]),
    ("cpu_that_is_not_there", ("cpus = [0]", "cpus = [1000]"), ["cpus", "1000"]),
    ("one_port", ("20000-29999", "20000-20000"), [":12: ", "media-ports", "widen it"]),
    ("ports_for_one_leg", ("20000-29999", "20000-20001"), [":12: ", "media-ports", "widen it"]),
    ("ports_for_fewer_legs_than_wanted", ('cpus = [0]', "cpus = [0]\nmax-legs = 65536"), [":7: ", "max-legs"]),
    ("option_that_is_none", ("memory-mib = 256", "memory-mb = 256"),
     [":4: ", "memory-mb", 'did you mean "memory-mib"']),
    ("text_for_a_number", ("memory-mib = 256", 'memory-mib = "256"'), [":4: ", "memory-mib", "quotes"]),
    ("value_out_of_bounds", ("memory-mib = 256", "memory-mib = 1"), [":4: ", "memory-mib", "64"]),
    ("no_toml", ("cpus = [0]", "cpus = [0"), [":7: ", "array"]),
    ("empty", None, ["interface"]),
]


class Place:
    """hf-edge before a start: what may be there afterwards is what was there before."""

    def __init__(self, box, directory):
        self.box, self.config = box, directory / "dataplane.toml"
        self.text = box.run("appliance", "config").stdout

    def configure(self, change):
        if change is None:
            self.config.write_text("", encoding="utf-8")
            return
        text = self.text
        for old, new in zip(change[::2], change[1::2]):
            assert old in text
            text = text.replace(old, new, 1)
        self.config.write_text(text, encoding="utf-8")

    def start(self, *before, dataplane=DATAPLANE, config=None):
        return self.box.exec("edge", *before, dataplane, "--config", config or self.config, check=False, timeout=SOON_S)

    def traces(self):
        """Interfaces with their XDP programs, nft tables, sockets of the kernel and of the state directory."""
        links = json.loads(self.box.exec("edge", "ip", "-j", "-d", "addr").stdout)
        return {
            "links": sorted((link["ifname"], bool(link.get("xdp")), len(link["addr_info"])) for link in links),
            "tables": self.box.exec("edge", "nft", "list", "tables").stdout,
            "sockets": sorted(str(p) for p in pathlib.Path(self.box.LAB_STATE).glob("*.sock")),
            "ipv6": self.box.exec("edge", "sysctl", "-n", *(f"net.ipv6.conf.{device}.disable_ipv6"
                                                            for device in ("lan0", "wan0"))).stdout,
            "raw": self.box.exec("edge", "ss", "-0", "-H", "-n").stdout,
        }


def refused(done, parts):
    """It ended with a failure, and its last line, the only one in its own name, says why."""
    assert done.returncode > 0, done
    lines = done.stderr.splitlines()
    own = [line for line in lines if line.startswith("holdfast-dataplane: ")]
    assert own == lines[-1:] and done.stdout == "", done
    assert all(part in own[0] for part in parts), own


@pytest.fixture(name="place")
def place_fixture(lab, tmp_path):
    return Place(lab(), tmp_path)


def test_refused_configurations_leave_nothing(place):
    before, wrong = place.traces(), []
    for name, change, parts in WRONG_CONFIGURATIONS:
        place.configure(change)
        try:
            refused(place.start(), parts)
            assert place.traces() == before
        except (AssertionError, subprocess.TimeoutExpired) as failure:
            wrong.append(f"{name}: {failure}")
            place.box.exec("edge", "nft", "flush", "ruleset")
    assert not wrong, "\n".join(wrong)


def test_doctor_foresees_what_a_start_would_meet(place):
    """With the lab's configuration, and with some that are refused; nothing is touched."""
    doctor = ROOT / "build" / "control" / "holdfast", "doctor", "--json", "--config", place.config
    foreseen = {"interface_that_is_not_there": ("interface wan", "device"), "cpu_that_is_not_there": ("cpu", "cpus"),
                "card_that_is_not_there": ("driver", "pci"),
                "memif_socket_that_is_not_there": ("interface lan", "socket"),
                "folder_for_a_vhost_socket_that_is_not_there": ("interface lan", "socket")}
    before = place.traces()
    for name, change, _ in [("good", ("cpus = [0]", "cpus = [0]"), []), *WRONG_CONFIGURATIONS]:
        if name not in foreseen and name != "good":
            continue
        place.configure(change)
        done = place.box.exec("edge", *doctor, check=False, timeout=SOON_S)
        report = json.loads(done.stdout)
        against = [(row["group"], row["name"]) for row in report["rows"]
                   if row["needed"] and row["state"] == "not usable"]
        wanted = [foreseen[name]] if name in foreseen else []
        assert (done.returncode, against) == (len(wanted), wanted), (name, done)
        assert (report["state"] == "not usable") == bool(wanted) and report["configured"]
    assert place.traces() == before


def test_configurations_that_cannot_be_read(place, tmp_path):
    before = place.traces()
    place.configure(("cpus = [0]", "cpus = [0]"))
    for path, parts in ((tmp_path / "none.toml", ["none.toml", "No such file"]), (tmp_path, ["not a regular file"])):
        refused(place.start(config=path), parts)
    with tempfile.TemporaryDirectory() as open_to_all:
        os.chmod(open_to_all, 0o755)
        mine = shutil.copy(DATAPLANE, open_to_all)
        secret = shutil.copy(place.config, open_to_all)
        os.chmod(secret, 0o600)
        nobody = ("setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups")
        refused(place.start(*nobody, dataplane=mine, config=secret), ["dataplane.toml", "Permission denied"])
        os.chmod(secret, 0o644)
        refused(place.start(*nobody, dataplane=mine, config=secret), ["root"])
    assert place.traces() == before


def test_second_instance_is_refused_and_the_first_goes_on(appliance, tmp_path):
    edge = appliance()
    place = Place(edge.box, tmp_path)
    edge.add_call("here", {}, {})
    before = place.traces()
    pid = f"pid {edge.status()['pid']}"
    place.configure(("cpus = [0]", "cpus = [0]"))
    refused(place.start(), [pid, "dataplane.sock"])
    place.configure(("dataplane.sock", "second.sock"))
    refused(place.start(), [pid, "network namespace"])
    assert place.traces() == before
    assert [call["call"] for call in edge.calls()] == ["here"]


def test_refused_start_keeps_what_an_earlier_life_left(appliance, tmp_path):
    """The guards and taps of a stopped dataplane keep the kernel silent, whoever fails to start afterwards."""
    edge = appliance(take="owned")
    place = Place(edge.box, tmp_path)
    edge.stop()
    before = place.traces()
    assert "holdfast_media" in before["tables"] and "holdfast_owned" in before["tables"]
    place.configure(('device = "wan0"', 'device = "0000:7f:1f.7"\ndriver = "pci"'))
    refused(place.start(), ["interface wan", "0000:7f:1f.7"])
    assert place.traces() == before


def as_the_unit_has_it():
    """Words in front of a program that leave it the capabilities of the systemd unit."""
    allowed = re.search(r"^CapabilityBoundingSet=(.+)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE)[1].split()
    names = ",".join("+" + name.removeprefix("CAP_").lower() for name in allowed)
    return "setpriv", "--no-new-privs", "--inh-caps=-all", f"--bounding-set=-all,{names}"


@pytest.mark.parametrize("take", ["shared", "owned"])
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_clean_stop_in_the_middle_of_calls(lab, tmp_path, take, how):
    """Ends within 2 s with status 0, gives its ports and socket back, and starts again, with its calls; all of it with
    no more rights than the systemd unit gives."""
    box = lab(take=take)
    place = Place(box, tmp_path)
    place.config.write_text(place.text, encoding="utf-8")
    socket = pathlib.Path(box.LAB_STATE) / "dataplane.sock"
    phone, far = (box.phone4(10), 4000), (box.CENTRE4, 30000)
    for life in range(2):
        process = box.popen("edge", *as_the_unit_has_it(), DATAPLANE, "--config", place.config,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "control socket" in process.stdout.readline()
        legs = json.loads(subprocess.run(
            [ROOT / "build" / "control" / "holdfast", "--socket", socket, "relay", "add", f"c{life}", "--json", "--leg",
             f"lan={to_text(phone)}", "--leg", f"wan={to_text(far)}"], capture_output=True, check=True).stdout)["legs"]
        crowds = [Crowd(box, where, [{"source": end, "to": host_port(leg["local"]), "ssrc": 1}], 1)
                  for where, end, leg in (("branch", phone, legs[0]), ("hq", far, legs[1]))]
        time.sleep(0.5)
        process.send_signal(how)
        said = process.communicate(timeout=END_S)
        assert process.returncode == 0, said
        for crowd in crowds:
            crowd.wait()
        left = place.traces()
        assert not [link for link in left["links"] if link[1]], "an XDP program is left"
        assert str(socket) not in left["sockets"] and not left["raw"]


def test_a_queue_that_a_dead_process_had_is_waited_for(lab):
    """The kernel gives it back some time after the process has ended; a successor comes at once."""
    box = lab(take="owned")
    holder = box.popen("edge", PYTHON, ROOT / "tests" / "lab" / "queue_holder.py", "lan0", 0,
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "ready\n"
    ends = threading.Timer(0.4, holder.stdin.close)
    ends.start()
    try:
        box.run("appliance", "start", "dataplane")
    finally:
        ends.join()
        holder.wait(5)
    box.run("appliance", "stop", "dataplane")
