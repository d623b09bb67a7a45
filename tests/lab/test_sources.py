# SPDX-License-Identifier: Apache-2.0
"""Who may send to a leg: with real frames, what the wire saw leave and what the leg has dropped by name."""
import collections

import truth
from appliance import host_port, to_text
from drill import wait_until

PACKETS = 10


def test_sources_are_learned_locked_and_learned_again(appliance):
    edge = appliance()
    box = edge.box
    phone, another = box.phone4(10), box.phone4(11)
    strict, learns = (edge.add_call(name, {"remote": to_text((phone, port)), **more},
                                    {"remote": to_text((box.CENTRE4, far))})
                      for name, port, far, more in (("strict", 4000, 30000, {"learn": "strict"}),
                                                    ("learns", 4010, 30010, {})))

    def seen(number):
        leg = next(leg for call in edge.calls() for leg in call["legs"] if leg["leg"] == number)
        return leg["rx"]["packets"] + sum(leg["drops"].values())

    def speak(address, leg, port, ssrc):
        before = seen(leg["leg"])
        box.blast("branch", (address, port), host_port(leg["local"]), PACKETS, ssrc=ssrc)
        wait_until(lambda: seen(leg["leg"]) == before + PACKETS, 5, "the leg does not see them")

    speak(another, strict[0], 4000, 1)  # not the address of SDP, though nobody has sent yet
    speak(phone, strict[0], 4000, 2)
    speak(another, learns[0], 4010, 3)  # the first to send has the leg, whatever SDP named: behind NAT it would be so
    speak(phone, learns[0], 4010, 4)
    edge.ask("leg.update", leg=learns[0]["leg"], relearn=True)  # as a re-INVITE has it
    speak(phone, learns[0], 4010, 5)
    speak(another, learns[0], 4010, 6)
    edge.ask("leg.update", leg=learns[0]["leg"], remote=to_text((another, 4020)))  # as an announced change has it
    speak(another, learns[0], 4020, 7)
    speak(phone, learns[0], 4010, 8)
    drops = {call["call"]: call["legs"][0]["drops"] for call in edge.calls()}
    sources = {call["call"]: call["legs"][0].get("learned_source") for call in edge.calls()}
    modes = {call["call"]: call["legs"][0].get("learn") for call in edge.calls()}
    wires = edge.close()

    left = truth.coming_from(truth.packets(wires / "edge-wan.pcap"), box.EDGE_WAN4)
    assert collections.Counter(p.ssrc for p in left) == dict.fromkeys((2, 3, 5, 7), PACKETS)
    assert drops == {"strict": {"wrong_source": PACKETS}, "learns": {"wrong_source": 3 * PACKETS}}
    assert sources == {"strict": None, "learns": to_text((another, 4020))}
    assert modes == {"strict": "strict", "learns": None}
