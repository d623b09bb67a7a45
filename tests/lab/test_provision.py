# SPDX-License-Identifier: Apache-2.0
"""Phones boot through the appliance: with the centre there, with the line cut, with a centre that sends nonsense.

What crossed the WAN is told by the centre's own log and by what it keeps; what phones got, by themselves.
"""
import subprocess
import threading
import time

import pytest
from booth import HOLDFAST, Booth, mac, wait_for

PHONES = 6
FIRMWARE_KB = 512
FILES_OF_A_BOOT = 15
OPEN_WITHIN_S = 2  # the first request of an outage is answered by then
POISONS = ("denied", "empty", "html", "truncated", "other-mac", "provisional", "404", "503")


@pytest.fixture(name="booth")
def booth_fixture(lab):
    booth = Booth(lab())

    def start(*origin_options, appliance=()):
        booth.origin("start", "--firmware-kb", FIRMWARE_KB, *origin_options)
        booth.start(*appliance)
        return booth
    return start


def test_phones_boot_with_the_centre_and_without_it(booth):
    booth = booth()
    booth.boot(PHONES)
    cold = [row for row in booth.log() if row["method"] == "GET" and row["status"] == 200]
    shared = [row for row in cold if row["target"].endswith(".ld")]
    assert len({row["target"] for row in shared}) == len(shared) == 2, "a shared file crossed the WAN more than once"

    before = len(booth.log())
    warm = booth.boot(PHONES)
    again = booth.log()[before:]
    assert again and all(row["sent"] == 0 for row in again if row["status"] in (200, 304)), "a body crossed again"
    assert {row["status"] for row in again} <= {304, 404}

    booth.box.fault("wan-cut")
    first = booth.boot(PHONES)
    assert first["kinds"][0]["max_ms"] < OPEN_WITHIN_S * 1000, "a phone waited"
    assert first["kinds"][0]["ok"] == warm["kinds"][0]["ok"]
    second = booth.boot(PHONES)
    assert second["cache"] == {"hit": PHONES * FILES_OF_A_BOOT}, "the centre was asked though it is known to be away"
    status, _ = booth.get("/never-asked-for.cfg")
    assert status == 504

    booth.box.fault("heal")
    wait_for(lambda: booth.origin_state() == "closed", 15, "the centre is not found again")
    before = len(booth.log())
    booth.boot(PHONES)
    assert len(booth.log()) > before


def test_the_line_is_cut_in_the_middle_of_a_boot(booth):
    booth = booth()
    booth.boot(PHONES)
    told = {}
    boots = threading.Thread(target=lambda: told.update(booth.boot(PHONES)))
    booth.box.fault("delay", "20ms")
    boots.start()
    time.sleep(0.4)
    booth.box.fault("wan-cut")
    boots.join()
    assert told["held"] == PHONES and told["kinds"][0]["failed"] == 0
    assert told["kinds"][0]["max_ms"] < OPEN_WITHIN_S * 1000


@pytest.mark.parametrize("poison", POISONS)
def test_nonsense_of_the_centre_reaches_no_phone(booth, poison):
    booth = booth()
    path = f"/{mac(1)}.cfg"
    status, good = booth.get(path)
    assert status == 200 and good == (booth.root / f"{mac(1)}.cfg").read_bytes()
    changed = good + b"<!-- changed -->\n"
    booth.put(path, changed)  # else the centre would say that nothing has changed
    booth.origin("answer", poison, f"*{mac(1)}.cfg")
    assert booth.get(path) == (200, good), f"{poison} reached the phone"
    assert booth.get(path) == (200, good)
    if poison != "503":  # no poison, but a centre in trouble
        assert booth.say("status")["alarms"], "nobody was told"
    booth.origin("heal")
    assert booth.get(path) == (200, changed), "a legitimate change did not pass"


@pytest.mark.parametrize("take", ("shared", "owned"))
def test_only_the_branch_is_served(lab, take):
    """Who reaches the address of the phones' side from the WAN is answered by nobody, over HTTP and by TFTP."""
    booth = Booth(lab(take=take))
    box = booth.box
    booth.origin("start")
    if take == "owned":
        box.run("appliance", "start", "dataplane")
    booth.start()
    box.exec("hq", "ip", "route", "replace", f"{box.EDGE_LAN4}/32", "via", box.EDGE_WAN4)
    box.exec("hq", "ip", "-6", "route", "replace", f"{box.EDGE_LAN6}/128", "via", box.EDGE_WAN6)
    assert box.ping_ms("hq", box.EDGE_LAN4) and box.ping_ms("hq", box.EDGE_LAN6), "there is no way there"
    for host in (box.EDGE_LAN4, f"[{box.EDGE_LAN6}]"):
        for url in (f"http://{host}:8088/sip.cfg", f"tftp://{host}/sip.cfg"):
            asked = ("curl", "-sS", "-o", "/dev/null", url, "--max-time")
            assert box.exec("branch", *asked, 5, check=False).returncode == 0, f"the phones do not get {url}"
            assert box.exec("hq", *asked, 1, check=False).returncode != 0, f"headquarters got {url}"


def test_one_url_and_two_phones(booth):
    """The centre tells phones apart by the User-Agent alone; nobody gets another's password, online or offline."""
    booth = booth("--by-user-agent", "--no-validators", "--no-store")
    agents = [f"FileTransport PolycomVVX-VVX_500-UA/5.9.7.47435 (SN:{mac(n)}) Type/Application" for n in (0, 1)]
    online = [booth.get("/config.cfg", agent) for agent in agents]
    assert online[0][0] == online[1][0] == 200 and online[0][1] != online[1][1]
    booth.origin("kill")
    assert [booth.get("/config.cfg", agent) for agent in agents] == online
    stranger = booth.get("/config.cfg", "curl/7")
    assert stranger[0] == 504, "a stranger was given something"


def test_rollback_and_purge(booth):
    booth = booth()
    path = "/sip.cfg"
    old = booth.get(path)[1]
    new = old + b"<!-- v2 -->\n"
    booth.put(path, new)
    assert booth.get(path)[1] == new
    socket = ("--provision-socket", f"{booth.box.LAB_STATE}/provision.sock")
    subprocess.run([HOLDFAST, "provision", "rollback", path, *socket], check=True, capture_output=True)
    assert booth.get(path)[1] == old, "the rolled back body came again"
    shown = booth.say("show", path)["files"]
    assert [f["distrusted"] for f in shown].count(True) == 1 and shown[0]["fetches"]
    subprocess.run([HOLDFAST, "provision", "trust", path, *socket], check=True, capture_output=True)
    assert booth.get(path)[1] == new
    subprocess.run([HOLDFAST, "provision", "purge", path, *socket], check=True, capture_output=True)
    assert not [f for f in booth.say("list")["files"] if f["path"] == path]


def test_what_phones_write_waits_for_the_centre(booth):
    """Uploads with the line cut, a kill -9 among them: each phone gets its own back, the centre gets all, in order."""
    booth = booth()

    def write(number, word):
        body = f"<PHONE_CONFIG><OVERRIDES word=\"{word}\"/></PHONE_CONFIG>\n"
        path = f"/{mac(number)}-phone.cfg"
        status, _ = booth.get(path, "", "-X", "PUT", "-H", "Content-Type: text/xml", "--data-binary", body)
        return status, path, body.encode()

    status, path, first = write(0, "online")
    assert status in (200, 201, 204) and (booth.root / path[1:]).read_bytes() == first
    before = len(booth.log())
    booth.box.fault("wan-cut")
    written = []
    for word in range(6):
        status, path, body = write(word % 2, f"offline {'x' * word}")  # told apart by their length
        assert status == 204
        written.append((path, body))
        if word == 3:
            booth.box.run("appliance", "kill", "provision")
            booth.start()
    newest = dict(written)
    for path, body in newest.items():
        assert booth.get(path) == (200, body), "a phone did not get back what it wrote"
    assert booth.say("status")["uploads"]["waiting"] == len(booth.say("uploads")["uploads"]) == 6
    assert (booth.root / f"{mac(0)}-phone.cfg").read_bytes() == first
    booth.box.fault("heal")
    wait_for(lambda: booth.say("status")["uploads"]["waiting"] == 0, 20, "the spool was not replayed")
    puts = [(row["target"], row["received"]) for row in booth.log()[before:] if row["method"] == "PUT"]
    assert puts == [(path, len(body)) for path, body in written]
    for path, body in newest.items():
        assert (booth.root / path[1:]).read_bytes() == body
    assert not [alarm for alarm in booth.say("status")["alarms"] if alarm["kind"] != "origin_away"]
