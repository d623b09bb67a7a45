# SPDX-License-Identifier: Apache-2.0
"""kill -9 of either daemon in calls with SRTP on both sides, each side with another suite and keys of its own.

libsrtp reads at both ends what the appliance sends: every packet is right and is what was spoken, sound is back as soon
as in plain calls, and no index, which makes a nonce with its key, is ever used for two packets. Half of the calls begin
shortly before their sequence numbers, and with them the ROC, roll over. lab/drills kills 100 times.
"""
import collections
import itertools
import random
import time

import pytest
import sealing
from drill import wait_until
from kills import (BACK_IN_CI_S, BACK_WITHIN_S, FROM_HOLDFASTD_WITHIN_S, SEED, SETTLED_S, Site, captured,
                   dataplane_starts, deaths_of, gaps_after, in_turn, kill_in_turn, one_record_each, spoil, spread)

CALLS = 10
KILLS_IN_CI, KILLS_IN_ALL = 3, 100
SUITES = {"callers": "AES_CM_128_HMAC_SHA1_80", "callees": "AEAD_AES_128_GCM"}
SETTINGS = ("lan.srtp=\"require\"", "wan.srtp=\"require\"", "interface.srtp-without-tls=true",
            f"lan.srtp-suites=[\"{SUITES['callers']}\"]", f"wan.srtp-suites=[\"{SUITES['callees']}\"]")
SNAP = 400
SPOKEN = bytes(range(160))
REKEY_ROUNDS = 24
AGAIN_S = 0.5   # T1, after which an INVITE that nobody answered is sent again, and a 200 without ACK
ON_ITS_WAY = 2  # packets that were counted and not sent when the dataplane died
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
        self.all_readers, self.readers, sides = [], {}, {"edge-lan": site.callers, "edge-wan": site.callees}
        keys, told = {}, []  # keys: {(interface, call): those under which the appliance sends, in turn}
        for interface, end in sides.items():
            for one in end.hear():
                if one["event"] not in ("answered", "rekeyed"):
                    continue
                srtp, hears = one["srtp"], keys.setdefault((interface, one["call"]), [])
                assert srtp["hears"], f"{one}: the answer has no key of ours"
                told.append(srtp["sends"])
                if srtp["hears"] not in hears[-1:]:
                    hears.append(srtp["hears"])
        told += itertools.chain(*keys.values())
        again = [key for key, times in collections.Counter(told).items() if times > 1]
        where = {leg: [hears.index(key) for key in hears] for leg, hears in keys.items() if set(hears) & set(again)}
        assert not again and len(keys) == 2 * CALLS, f"{len(again)} keys were told twice: {where}"
        self.right = collections.defaultdict(dict)  # {ssrc: {seq: time_ns}} of RTP that is what was spoken
        self.wrong = []
        for interface, leaves, time_ns, packet in wires.frames():
            if not leaves:
                continue
            rtcp = 192 <= packet[1] <= 223
            ssrc = int.from_bytes(packet[4:8] if rtcp else packet[8:12], "big")
            leg = (interface, (ssrc - 1) // 2)
            if leg not in self.readers:
                suite = SUITES["callers" if interface == "edge-lan" else "callees"]
                self.readers[leg] = [sealing.Unsealed(suite, key) for key in keys[leg]]
                self.all_readers += self.readers[leg]
            plain = self._open(self.readers[leg], packet, rtcp)
            if plain is None or not rtcp and plain[12:] != SPOKEN:
                self.wrong.append((interface, hex(ssrc), packet[:12].hex()))
            elif not rtcp:
                self.right[ssrc].setdefault(int.from_bytes(plain[2:4], "big"), time_ns)

    @staticmethod
    def _open(readers, packet, rtcp):
        """With the key of the packet before, or with one that was told later; then the earlier ones are over."""
        for place, reader in enumerate(readers):
            plain = reader.rtcp(packet) if rtcp else reader.rtp(packet)
            if plain is not None:
                del readers[:place]
                return plain
        return None

    def judge(self):
        assert len(self.readers) == 2 * CALLS
        assert self.wrong == [], (len(self.wrong), self.wrong[:5], [r.forged[:3] for r in self.all_readers])
        repeated = [index for reader in self.all_readers for index in reader.repeated]
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
          f"{sum(len(reader.seen) for reader in ends.all_readers)} packets, no index twice")
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
@pytest.mark.parametrize("lost", ("dataplane.state", "dataplane.state.srtp?"))
def test_the_state_of_srtp_is_lost_and_comes_from_checkpoints(site, lost, tmp_path):
    """No memory file, or no SRTP beside it: keys and checkpoints come from holdfastd. Indices jump ahead, and none is
    used twice; it dies again before a new checkpoint was taken, too."""
    calls = range(CALLS)
    with captured(site, tmp_path, calls, lambda: speak(site, seconds=60), SNAP) as wires:
        for pause_s in itertools.chain([4], [0.6] * 2, [4] * 3):
            time.sleep(pause_s)
            path, = site.state.parent.glob(lost)
            spoil(path, "missing")
            site.kill("holdfast-dataplane")
        time.sleep(3)
    ends = Ends(site, wires)
    back = gaps_after(dataplane_starts(site)[1:], ends.right)
    print(f"without {lost} sound was back {spread(back)} after the start")
    ends.judge()
    assert len(back) == 6 and max(back[0], *back[3:]) <= FROM_HOLDFASTD_WITHIN_S
    one_record_each(site, calls)


class Rekeyed:
    """Gives the phones their new keys as soon as their end of the call knows them, as a phone does."""

    def __init__(self, site, crowds):
        self.ends, self.rounds = ((site.callers, crowds[0]), (site.callees, crowds[1])), 0
        self.taken, self.settled = [0, 0], []  # settled: (when a round had come to both ends, when the next began)

    def take(self):
        """Gives whether all have those of this round."""
        for place, (end, crowd) in enumerate(self.ends):
            told = [one for one in end.hear() if one["event"] == "rekeyed"]
            for one in told[self.taken[place]:]:
                crowd.seal(2 * one["call"] + 1 + place, {"suite": one["srtp"]["suite"], "key": one["srtp"]["sends"]})
            self.taken[place] = len(told)
        return self.taken == [CALLS * self.rounds] * 2

    def refused(self):
        return [one for end, _ in self.ends for one in end.hear() if one["event"] in ("refused", "unanswered")]

    def round(self, site, name, kill_first, pause_s):
        """New keys for all calls, and the death of a daemon so shortly before or after, between offer and answer too;
        gives how long all took."""
        began_s = time.monotonic()
        self.rounds += 1
        steps = [lambda: site.kill(name), lambda: site.callers.tell(*(f"rekey {n}" for n in range(CALLS)))]
        first, second = steps if kill_first else steps[::-1]
        first()
        while time.monotonic() < began_s + pause_s:
            self.take()
            time.sleep(0.002)
        second()
        while not self.take():
            assert time.monotonic() < began_s + SETTLED_S, ("a call has no new keys", self.taken, self.refused())
            time.sleep(0.002)
        return time.monotonic() - began_s


def longest_gaps(came, left, rounds):
    """For each round (from_ns, to_ns) the longest time that one of the streams, which came in, was not passed on."""
    found = []
    for from_ns, to_ns in rounds:
        longest = 0
        for ssrc, stream in left.items():
            moments = sorted(t for t in stream.values() if from_ns < t < to_ns)
            moments = [from_ns, *moments, max(t for t in came[ssrc].values() if t < to_ns)]
            longest = max(longest, *(b - a for a, b in itertools.pairwise(moments)))
        found.append(longest / 1e9)
    return found


@pytest.mark.drill
def test_new_keys_while_a_daemon_dies(site, tmp_path):
    """A re-INVITE changes the keys of what both ends send, within 200 ms before or after the death of either daemon."""
    chance, calls, taken, marks = random.Random(SEED), range(CALLS), [], []

    def talk():
        crowds = speak(site, seconds=REKEY_ROUNDS * 4 + 10)
        keys = Rekeyed(site, crowds)
        for number in range(REKEY_ROUNDS):
            began_ns = time.time_ns()
            name = ("holdfast-dataplane", "holdfastd")[number % 2]
            taken.append(keys.round(site, name, number // 2 % 2 == 0, chance.uniform(0, 0.2)))
            time.sleep(2)
            marks.append((began_ns, time.time_ns()))
        return crowds

    with captured(site, tmp_path, calls, talk, SNAP) as wires:
        pass
    ends = Ends(site, wires)
    came, _ = wires.read()
    gaps = longest_gaps(came, ends.right, marks)
    rekeyed = [one for end in (site.callers, site.callees) for one in end.hear() if one["event"] == "rekeyed"]
    print(f"{CALLS} calls, {REKEY_ROUNDS} deaths with new keys: all had them {spread(taken)} after the first of both; "
          f"sound was away {spread(gaps)}; {[round(gap, 2) for gap in gaps]}")
    sends = [one["srtp"]["sends"] for one in rekeyed]
    assert len(set(sends)) == len(sends) == 2 * CALLS * REKEY_ROUNDS
    ends.judge()
    assert len(ends.right) == 2 * CALLS
    one_record_each(site, calls)
    for call in site.say("report", "loss")["calls"]:
        for row in call["streams"]:
            stream = came[int(row["ssrc"], 16)]
            assert row["received"] + row["lost"] + row["lost_by_us"] == row["expected"] == len(stream), row
            assert row["received"] <= len(ends.right[int(row["ssrc"], 16)]) + REKEY_ROUNDS * ON_ITS_WAY, row
    assert max(gaps) <= FROM_HOLDFASTD_WITHIN_S + AGAIN_S
