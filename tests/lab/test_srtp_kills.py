# SPDX-License-Identifier: Apache-2.0
"""kill -9 of either daemon in calls with SRTP on both sides, each side with another suite and keys of its own.

libsrtp reads at both ends what the appliance sends: every packet is right and is what was spoken, sound is back as soon
as in plain calls, and no index, which makes a nonce with its key, is ever used for two packets. Half of the calls begin
shortly before their sequence numbers, and with them the ROC, roll over. lab/drills kills 100 times.
"""
import collections
import itertools
import time

import pytest
import sealing
from kills import (BACK_IN_CI_S, BACK_WITHIN_S, FROM_HOLDFASTD_WITHIN_S, Site, captured, dataplane_starts, deaths_of,
                   gaps_after, in_turn, kill_in_turn, one_record_each, spoil, spread)

CALLS = 10
KILLS_IN_CI, KILLS_IN_ALL = 3, 100
SUITES = {"callers": "AES_CM_128_HMAC_SHA1_80", "callees": "AEAD_AES_128_GCM"}
SETTINGS = ("lan.srtp=\"require\"", "wan.srtp=\"require\"", "interface.srtp-without-tls=true",
            f"lan.srtp-suites=[\"{SUITES['callers']}\"]", f"wan.srtp-suites=[\"{SUITES['callees']}\"]")
SNAP = 400
SPOKEN = bytes(range(160))
BEFORE_ROLL_OVER = 65000  # 11 s of packets; some of the kills come before, some after


@pytest.fixture(name="site")
def site_fixture(tmp_path):
    site = Site("shared", tmp_path, SETTINGS, SUITES)
    try:
        yield site
    finally:
        site.close()


class Ends:
    """What libsrtp at the far ends makes of what the appliance sent; streams by SSRC, as phones.py has them."""

    def __init__(self, site, wires):
        self.readers, sides = {}, {"edge-lan": site.callers, "edge-wan": site.callees}
        keys = {interface: {one["call"]: one["srtp"] for one in end.hear() if one["event"] == "answered"}
                for interface, end in sides.items()}
        told = [srtp[name] for calls in keys.values() for srtp in calls.values() for name in ("sends", "hears")]
        assert len(set(told)) == len(told) == 4 * CALLS, "a key was told twice"
        self.right = collections.defaultdict(dict)  # {ssrc: {seq: time_ns}} of RTP that is what was spoken
        self.wrong = []
        for interface, leaves, time_ns, packet in wires.frames():
            if not leaves:
                continue
            rtcp = 192 <= packet[1] <= 223
            ssrc = int.from_bytes(packet[4:8] if rtcp else packet[8:12], "big")
            srtp = keys[interface][(ssrc - 1) // 2]
            key = (interface, (ssrc - 1) // 2)
            if key not in self.readers:
                self.readers[key] = sealing.Unsealed(srtp["suite"], srtp["hears"])
            plain = self.readers[key].rtcp(packet) if rtcp else self.readers[key].rtp(packet)
            if plain is None or not rtcp and plain[12:] != SPOKEN:
                self.wrong.append((interface, hex(ssrc), packet[:12].hex()))
            elif not rtcp:
                self.right[ssrc].setdefault(int.from_bytes(plain[2:4], "big"), time_ns)

    def judge(self):
        assert len(self.readers) == 2 * CALLS
        assert self.wrong == [], (len(self.wrong), self.wrong[:5], [r.forged[:3] for r in self.readers.values()])
        repeated = [index for reader in self.readers.values() for index in reader.repeated]
        assert repeated == [], f"{len(repeated)} indices were used twice"


def speak(site, seconds):
    """As Site.speak(), half of the calls from shortly before the roll-over on."""
    crowds = site.speak(seconds, first_seq=lambda call: BEFORE_ROLL_OVER if call % 2 else 1, rtcp=True)
    time.sleep(0.5)
    return crowds


def test_either_daemon_is_killed_in_encrypted_calls(site, request, tmp_path):
    drill = request.config.getoption("--all-drills")
    kills, calls = KILLS_IN_ALL if drill else KILLS_IN_CI, range(CALLS)
    names, chance = in_turn(kills)
    with captured(site, tmp_path, calls, lambda: speak(site, seconds=len(names) * 1.5 + 10), SNAP) as wires:
        kill_in_turn(site, names, chance, drill)
    ends = Ends(site, wires)
    back = gaps_after(deaths_of(site, "holdfast-dataplane"), ends.right)
    print(f"{CALLS} calls with SRTP, {kills} deaths of each daemon: sound was back {spread(back)} after the dataplane's "
          f"death, {spread(gaps_after(dataplane_starts(site)[1:], ends.right))} after the start of the next; "
          f"{sum(len(reader.seen) for reader in ends.readers.values())} packets, no index twice")
    ends.judge()
    one_record_each(site, calls)
    assert len(back) == kills and max(back) <= (BACK_WITHIN_S if drill else BACK_IN_CI_S)
    came, _ = wires.read()
    for call in site.say("report", "loss")["calls"]:
        for row in call["streams"]:
            stream = came[int(row["ssrc"], 16)]
            assert row["received"] + row["lost"] + row["lost_by_us"] == row["expected"] == len(stream), row
            assert row["lost"] == 0, row


@pytest.mark.drill
def test_the_state_of_srtp_is_lost_and_comes_from_checkpoints(site, tmp_path):
    """No memory file: keys and checkpoints come from holdfastd. Indices jump ahead, and none is used twice; it dies
    again before a new checkpoint was taken, too."""
    calls = range(CALLS)
    with captured(site, tmp_path, calls, lambda: speak(site, seconds=60), SNAP) as wires:
        for pause_s in itertools.chain([4], [0.6] * 2, [4] * 3):
            time.sleep(pause_s)
            spoil(site.state, "missing")
            site.kill("holdfast-dataplane")
        time.sleep(3)
    ends = Ends(site, wires)
    back = gaps_after(dataplane_starts(site)[1:], ends.right)
    print(f"without the memory file sound was back {spread(back)} after the start")
    ends.judge()
    assert len(back) == 6 and max(back[0], *back[3:]) <= FROM_HOLDFASTD_WITHIN_S
    one_record_each(site, calls)
