# SPDX-License-Identifier: Apache-2.0
"""What the far ends say in RTCP is what the report says that they say, and the round trip is that of the link; also
where one leg has RTP and RTCP on one port and the other on two."""
import collections
import time

import truth
from appliance import Crowd, host_port, to_text

SECONDS = 7
DELAY_MS = 20
FIELDS = ("ip.src", "udp.srcport", "rtcp.pt", "rtcp.ssrc.identifier", "rtcp.ssrc.fraction", "rtcp.ssrc.cum_nr",
          "rtcp.ssrc.ext_high", "rtcp.ssrc.jitter")
# tshark's name behind this: (the report's name, its unit)
METRICS = "rtcp.xr.voipmetrics."
VOIP = {"burstdensity": ("burst_density", 256), "gapdensity": ("gap_density", 256),
        "burstduration": ("burst_duration_ms", 1), "gapduration": ("gap_duration_ms", 1),
        "rtdelay": ("round_trip_ms", 1), "rfactor": ("r_factor", 1), "jbnominal": ("jitter_buffer_ms", 1)}


def rows_of(pcap, display_filter, names):
    """The first of each field in each packet, by tshark."""
    fields = [word for name in names for word in ("-e", name)]
    text = truth.tshark(pcap, "-d", f"udp.port=={truth.MEDIA_PORTS},rtp", "-Y", display_filter, "-T", "fields",
                        "-E", "separator=/t", "-E", "occurrence=f", *fields)
    return [dict(zip(names, line.split("\t"))) for line in text.splitlines()]


def last_metrics(pcap):
    """{sender: VoIP metrics as the report has them} of the last that each sent."""
    names = ("ip.src", *(METRICS + name for name in VOIP))
    return {row["ip.src"]: {said: int(row[METRICS + name]) / unit for name, (said, unit) in VOIP.items()}
            for row in rows_of(pcap, METRICS + "rfactor", names)}


def all_blocks(pcap):
    """{sender: [(ssrc, fraction, cumulative, highest)]} of the report blocks that each sent, in order."""
    blocks = collections.defaultdict(list)
    for row in rows_of(pcap, "rtcp.ssrc.cum_nr", FIELDS):
        blocks[row["ip.src"], int(row["udp.srcport"])].append((
            int(row["rtcp.ssrc.identifier"], 16), int(row["rtcp.ssrc.fraction"]), int(row["rtcp.ssrc.cum_nr"]),
            int(row["rtcp.ssrc.ext_high"])))
    return blocks


def test_the_report_has_the_far_ends_word_and_the_round_trip(appliance):
    edge = appliance()
    box = edge.box
    box.fault("delay", f"{DELAY_MS}ms", match="all")
    box.fault("loss", "5%", towards="hq", match="rtp")
    phone, far = (box.phone4(10), 4000), (box.CENTRE4, 30000)
    legs = edge.add_call("a", {"remote": to_text(phone), "rtcp_mux": True}, {"remote": to_text(far)})
    assert [leg["local"] == leg["local_rtcp"] for leg in legs] == [True, False]
    crowds = [Crowd(box, place, [{"source": end, "to": host_port(leg["local"]), "ssrc": ssrc, "listens": True,
                                  "rtcp_to": host_port(leg["local_rtcp"]), "xr": True, "mux": mux}], SECONDS)
              for place, end, leg, ssrc, mux in (("branch", phone, legs[0], 0xA, True),
                                                 ("hq", far, legs[1], 0xB, False))]
    for crowd in crowds:
        crowd.wait()
    time.sleep(10 * DELAY_MS / 1000)  # their last reports are on the line still
    rows = edge.command("report")["far_end"]
    legs = edge.ask("call.delete", call="a")["legs"]
    wires = edge.close()

    blocks = {**all_blocks(wires / "edge-lan.pcap"), **all_blocks(wires / "edge-wan.pcap")}
    metrics = {**last_metrics(wires / "edge-lan.pcap"), **last_metrics(wires / "edge-wan.pcap")}
    # The phone has RTCP on the port of its RTP, both ways, the far end on the next.
    ports = {(p.src[1], p.dst[1]) for point in ("lan", "wan") for p in truth.packets(wires / f"edge-{point}.pcap")
             if p.rtcp}
    near, beyond_port = host_port(legs[0]["local"])[1], host_port(legs[1]["local_rtcp"])[1]
    assert ports == {(phone[1], near), (near, phone[1]), (far[1] + 1, beyond_port), (beyond_port, far[1] + 1)}
    for leg, end, reporter, ssrc, round_trip_ms in ((legs[0], phone, phone[1], 0xB, 0),
                                                    (legs[1], far, far[1] + 1, 0xA, 2 * DELAY_MS)):
        said, = leg["far_end"]
        assert "far_end_ignored" not in leg
        told = (int(said["ssrc"], 16), round(said["fraction_lost"] * 256), said["cumulative_lost"],
                said["highest_ext_seq"])
        assert told == blocks[end[0], reporter][-1] and told[0] == ssrc
        heard = said["voip"]
        assert {name: heard[name] for name in metrics[end[0]]} == metrics[end[0]]
        assert (heard["loss_rate"], heard["discard_rate"]) == (26 / 256, 3 / 256)
        assert (heard["mos_lq"], heard["mos_cq"]) == (4.1, 4)
        assert 0 < said["reports"] == len(blocks[end[0], reporter])
        assert round_trip_ms <= said["round_trip_ms"] < round_trip_ms + 250, said
        row, = (row for row in rows if row["leg"] == leg["leg"])
        assert abs(row["reported"] - said["reported"]) <= 2  # milliseconds of two clocks, asked twice
        assert row == {**said, "reported": row["reported"], "call": "a", "leg": leg["leg"],
                       "interface": leg["interface"], "finished": False, "measured_by": "far end",
                       "round_trip_measured_by": "us", "voip": {**heard, "measured_by": "far end XR"}}
    # The LAN lost nothing, the WAN did, towards headquarters, beyond us.
    assert legs[0]["far_end"][0]["lost_beyond"] == 0
    beyond = legs[1]["far_end"][0]
    assert beyond["lost_before"] == 0 and beyond["lost_beyond"] == beyond["cumulative_lost"] > 0
