# SPDX-License-Identifier: Apache-2.0
"""T.38 between a phone and headquarters, IPv6 here and IPv4 there: every packet arrives as it was sent, marked."""
import json
import subprocess

from appliance import host_port, to_text
from conftest import PYTHON, ROOT

COUNT = 40
OCTETS = 8  # of a packet of udptl_end.py
FAX_AND_ECT1 = 24 << 2 | 1
STRAYS = 3


def end_of_fax(box, place, own, leg, first):
    """One end at `place`, which waits for its start."""
    local = host_port(leg["local"])
    words = [PYTHON, ROOT / "tests" / "lab" / "udptl_end.py", *own, *local, COUNT, first]
    process = box.popen(place, *words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def sent(first):
    return [f"{sequence:04x}010600010104" for sequence in range(first, first + COUNT)]


def test_udptl_goes_through_marked_and_counted(appliance):
    edge = appliance(start=False)
    edge.start(set=["interface.dscp-fax=24"])
    box = edge.box
    ends = ((box.phone6(10), 4020), (f"{box.HQ_NET4}.10", 30020))
    legs = edge.add_call("fax", *({"remote": to_text(end), "media": "fax", "payload": "udptl"} for end in ends))
    # What is no UDPTL is not taken, and takes no source.
    box.blast("branch", (box.phone6(11), 4020), host_port(legs[0]["local"]), STRAYS)
    processes = [end_of_fax(box, place, end, leg, first)
                 for place, end, leg, first in zip(("branch", "hq"), ends, legs, (0, 0x8000))]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    came = [json.loads(process.communicate(timeout=20)[0]) for process in processes]
    assert [[data for data, _ in each] for each in came] == [sent(0x8000), sent(0)]
    assert {mark for each in came for _, mark in each} == {FAX_AND_ECT1}
    report = edge.calls()[0]["legs"]
    edge.close()
    whole = {"packets": COUNT, "octets": COUNT * OCTETS}
    told = [(leg["rx"], leg["tx"], leg["streams"], leg["payload"]) for leg in report]
    assert told == [(whole, whole, [], "udptl")] * 2
    assert [leg["drops"] for leg in report] == [{"unknown_payload": STRAYS}, {}]
    assert report[0]["learned_source"] == to_text(ends[0])
