# SPDX-License-Identifier: Apache-2.0
"""The ROC of SRTP between baresip and the appliance rolls over both ways in one call, with loss and reordering till then.

baresip begins in the lower half of the numbers, so that it takes 32,769 packets at least to get there: it is told to send
one every 4 ms, and a call takes two and a half to five minutes. What came to each phone after the roll-over is opened
with its keys and compared with what the other said; baresip itself names each packet that it cannot open.
"""
import pathlib
import time

import lossy
import pytest
import sealing
import sound
import truth
import wire
from drill import wait_until
from test_srtp_calls import SuitesBranch

pytestmark = pytest.mark.drill

PTIME_MS = 4
PAYLOAD_BYTES = 8 * PTIME_MS
LONGEST_S = 360
AFTER_S = 5
CANNOT_OPEN = "failed to decrypt"


def rolled_over(branch):
    """By the appliance's word: it says only when to stop."""
    legs = [leg for call in branch.say("relay", "list")["calls"] for leg in call["legs"]]
    return all(stream["last_ext_seq"] > 0xFFFF for leg in legs for stream in leg["streams"])


def opened(path, source, to, keys, since_ns=0):
    """{RTP timestamp: sound} of what one address sent to another since a moment; all of it opens with the keys."""
    came = [(frame.time_ns, frame.ip()) for frame in wire.frames(path)]
    came = [(at, ip[3][8:]) for at, ip in came if ip and ip[0] == wire.UDP and ip[1:3] == (source, to)
            and ip[3][8:9] == b"\x80" and ip[3][9] & 0x7F == 8]
    plain = sealing.opened(keys, [packet for _, packet in came])
    assert plain and None not in plain, (len(plain), plain.count(None))
    assert {len(packet) for packet in plain} == {12 + PAYLOAD_BYTES}
    return {packet[4:8]: packet[12:] for (at, _), packet in zip(came, plain, strict=True) if at > since_ns}


def test_it_is_kept_by_both_phones(tmp_path):
    """Each side of the appliance has a suite and keys of its own, so that each of four ROCs rolls over."""
    branch = SuitesBranch("kamailio", lan_srtp='"require"', lan_srtp_suites='["AES_CM_128_HMAC_SHA1_80"]',
                          wan_srtp='"require"', wan_srtp_suites='["AEAD_AES_128_GCM"]', wan_srtp_without_tls="true")
    try:
        phones = [maker(user, srtp="only", trace="yes", ptime=PTIME_MS, seconds=LONGEST_S, **options)
                  for maker, user, options in ((branch.branch_phone, "1010", {"transport": "tls"}),
                                               (branch.phone, "3011", {}))]
        wires, ways = branch.wires(tmp_path), (("phone0", branch.box.EDGE_LAN4), ("hq0", branch.box.EDGE_WAN4))
        with branch.record(tmp_path):
            began_s = time.monotonic()
            with lossy.damaged(branch.box, "loss-burst", "4%:2", "reorder", "2%:4"):
                phones[0].call("3011")
                time.sleep(2)
                wait_until(lambda: rolled_over(branch), LONGEST_S, "the numbers do not roll over")
                time.sleep(1)
            since_ns = time.time_ns()
            time.sleep(AFTER_S)
            took_s = time.monotonic() - began_s
            phones[1].hang_up()
            time.sleep(0.3)
        streams = lossy.judged(wires.entered(), wires.left())
        rows = lossy.told(branch)
        for ssrc, stream in streams.items():
            assert lossy.numbers_told(rows[ssrc]) == lossy.numbers(stream)
            assert stream.lost > 0 and stream.reordered > 0 and stream.last_ext_seq > 0xFFFF > stream.first_seq
        print(f"{took_s:.0f} s", *((s.packets, s.lost, s.reordered, s.first_seq, s.last_ext_seq)
                                   for s in streams.values()))
        assert all(stream.last_ext_seq > 0xFFFF for stream in truth.streams(wires.left()).values())
        for (hears, speaks), (to, own), (where, other) in zip((phones, phones[::-1]), ways, ways[::-1]):
            heard = opened(tmp_path / f"{to}.pcap", own, hears.address, hears.keys(sent=False), since_ns)
            said = opened(tmp_path / f"{where}.pcap", speaks.address, other, speaks.keys(sent=True))
            assert len(heard) > AFTER_S * 100 and heard.items() <= said.items()
            heard_s = sound.seconds_spoken(heard.values(), speaks.user)
            print(f"{hears.user} got {len(heard)} packets after it as they were said: {heard_s:.1f} s of tone")
            assert heard_s > 1
            log = pathlib.Path(f"{hears.directory}.log")
            assert CANNOT_OPEN not in log.read_text(encoding="utf-8", errors="replace")
    finally:
        branch.close()
