# SPDX-License-Identifier: Apache-2.0
"""What the far ends say in RTCP is what the report says that they say, and the round trip is that of the link."""
import time

import truth
from appliance import Crowd, host_port, to_text

SECONDS = 7
DELAY_MS = 20
FIELDS = ("ip.src", "udp.srcport", "rtcp.pt", "rtcp.ssrc.identifier", "rtcp.ssrc.fraction", "rtcp.ssrc.cum_nr",
          "rtcp.ssrc.ext_high", "rtcp.ssrc.jitter")


def last_blocks(pcap):
    """{sender: (ssrc, fraction, cumulative, highest)} of the last report block that each sent, by tshark."""
    fields = [word for name in FIELDS for word in ("-e", name)]
    text = truth.tshark(pcap, "-d", f"udp.port=={truth.MEDIA_PORTS},rtp", "-Y", "rtcp.ssrc.cum_nr", "-T", "fields",
                        "-E", "separator=/t", "-E", "occurrence=f", *fields)
    rows = [dict(zip(FIELDS, line.split("\t"))) for line in text.splitlines()]
    return {(row["ip.src"], int(row["udp.srcport"])): (int(row["rtcp.ssrc.identifier"], 16),
                                                       int(row["rtcp.ssrc.fraction"]),
                                                       int(row["rtcp.ssrc.cum_nr"]),
                                                       int(row["rtcp.ssrc.ext_high"])) for row in rows}


def test_the_report_has_the_far_ends_word_and_the_round_trip(appliance):
    edge = appliance()
    box = edge.box
    box.fault("delay", f"{DELAY_MS}ms", match="all")
    box.fault("loss", "5%", towards="hq", match="rtp")
    phone, far = (box.phone4(10), 4000), (box.CENTRE4, 30000)
    legs = edge.add_call("a", {"remote": to_text(phone)}, {"remote": to_text(far)})
    crowds = [Crowd(box, place, [{"source": end, "to": host_port(leg["local"]), "ssrc": ssrc, "listens": True,
                                  "rtcp_to": host_port(leg["local_rtcp"])}], SECONDS)
              for place, end, leg, ssrc in (("branch", phone, legs[0], 0xA), ("hq", far, legs[1], 0xB))]
    for crowd in crowds:
        crowd.wait()
    time.sleep(10 * DELAY_MS / 1000)  # their last reports are on the line still
    rows = edge.command("report")["far_end"]
    legs = edge.ask("call.delete", call="a")["legs"]
    wires = edge.close()

    blocks = {**last_blocks(wires / "edge-lan.pcap"), **last_blocks(wires / "edge-wan.pcap")}
    for leg, end, ssrc, round_trip_ms in ((legs[0], phone, 0xB, 0), (legs[1], far, 0xA, 2 * DELAY_MS)):
        said, = leg["far_end"]
        assert "far_end_ignored" not in leg
        told = (int(said["ssrc"], 16), round(said["fraction_lost"] * 256), said["cumulative_lost"],
                said["highest_ext_seq"])
        assert told == blocks[end[0], end[1] + 1] and told[0] == ssrc
        assert said["reports"] == SECONDS - 1 or said["reports"] == SECONDS
        assert round_trip_ms <= said["round_trip_ms"] < round_trip_ms + 250, said
        assert {**said, "call": "a", "leg": leg["leg"], "interface": leg["interface"], "finished": False,
                "measured_by": "far end"} in rows
    # The LAN lost nothing, the WAN did, towards headquarters, beyond us.
    assert legs[0]["far_end"][0]["lost_beyond"] == 0
    beyond = legs[1]["far_end"][0]
    assert beyond["lost_before"] == 0 and beyond["lost_beyond"] == beyond["cumulative_lost"] > 0
