# SPDX-License-Identifier: Apache-2.0
"""The lab's real senders: RTP as promised, marks included, and no ICMP error out of the sender's own port."""
import pytest
import truth
from drill import wait_until

SECONDS = 3
CASES = [
    ("ffmpeg", 4, {}), ("ffmpeg", 4, {"ecn": 1, "dscp": 46}), ("ffmpeg", 6, {"ecn": 1}),
    ("sipp", 4, {}), ("sipp", 4, {"ecn": 1}), ("sipp", 6, {"ecn": 1, "dscp": 10}),
]
PACKET_MS = {"ffmpeg": 20, "sipp": 30}


@pytest.mark.parametrize("kind,version,marks", CASES, ids=[f"{k}_ipv{v}_{m}" for k, v, m in CASES])
def test_sender(lab, tmp_path, kind, version, marks):
    box = lab()
    phone = (box.phone4(11) if version == 4 else box.phone6(11), 4000)
    edge = (box.EDGE_LAN4 if version == 4 else box.EDGE_LAN6, 20000)
    with box.capture(tmp_path):
        sender = box.send("branch", phone, edge, SECONDS, kind=kind, ssrc=1234, first_seq=65500, **marks)
        assert sender.wait(timeout=SECONDS + 15) == 0
    found = truth.packets(tmp_path / "edge-lan.pcap")
    judged = truth.streams(found)
    assert list(judged) == [(1234, phone, edge)]
    stream = judged[1234, phone, edge]
    assert stream.packets == stream.expected == SECONDS * 1000 // PACKET_MS[kind]
    assert (stream.lost, stream.duplicates, stream.first_seq) == (0, 0, 65500)
    assert set(stream.dscp) == {marks.get("dscp", 0)} and set(stream.ecn) == {marks.get("ecn", 0)}
    assert bool(truth.rtcp_counts(found)) == (kind == "ffmpeg")


@pytest.mark.parametrize("kind", ["ffmpeg", "sipp"])
def test_what_comes_back_to_a_sender_draws_no_icmp_error(lab, tmp_path, kind):
    """A phone listens where it sends from; else its kernel would refuse the far end's voice."""
    box = lab()
    phone, edge = (box.phone4(12), 4000), (box.EDGE_LAN4, 20000)
    with box.capture(tmp_path):
        sender = box.send("branch", phone, edge, SECONDS, kind=kind)
        wait_until(lambda: box.exec("branch", "ss", "-Hanu", f"src {phone[0]}:{phone[1]}").stdout, 10,
                   "the sender has no port")
        box.blast("edge", edge, phone, 50)
        assert sender.wait(timeout=SECONDS + 15) == 0
    # Only the appliance's side may complain: nobody relays there.
    errors = truth.rows(tmp_path / "edge-lan.pcap", "icmp.type == 3")
    assert phone[0] not in {row["ip.src"] for row in errors}  # the outer address, not the quoted one
    wire = truth.packets(tmp_path / "edge-lan.pcap")
    assert len(truth.coming_from(wire, edge[0])) == 50


def test_headquarters_sends_too_and_senders_run_side_by_side(lab, tmp_path):
    box = lab()
    centre = box.CENTRE4
    with box.capture(tmp_path):
        senders = [box.send("hq", (centre, 6000 + 4 * n), (box.EDGE_WAN4, 20000 + 2 * n), SECONDS, ssrc=n + 1,
                            kind="sipp" if n % 2 else "ffmpeg") for n in range(4)]
        assert [sender.wait(timeout=SECONDS + 20) for sender in senders] == [0] * 4
    judged = truth.streams(tmp_path / "edge-wan.pcap")
    assert sorted(ssrc for ssrc, _, _ in judged) == [1, 2, 3, 4]
    assert all(stream.lost == 0 for stream in judged.values())
