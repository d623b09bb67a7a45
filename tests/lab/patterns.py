# SPDX-License-Identifier: Apache-2.0
"""The rows of docs/accounting.md ("The wanted answer for each pattern") as packets to send, with the wanted answer.

Written from that page alone. Each packet bears what it truly is: a number within one run of its sender, the same in
copies of it, or that it is a stray. labelled.py counts by that, and guesses nothing.
"""
import dataclasses

SAMPLES_PER_MS = 8
STRAY = -1
AT_ONCE_MS = 0.01


@dataclasses.dataclass(frozen=True)
class Packet:
    at_ms: float
    seq: int
    stamp: int
    run: int     # STRAY: of no run
    number: int  # within the run
    stream: int = 0


@dataclasses.dataclass(frozen=True)
class Answer:
    """Of one stream, as the page says."""
    expected: int
    lost: int = 0
    duplicates: int = 0
    reordered: int = 0
    strays: int = 0
    restarts: int = 0
    runs: tuple = ()  # (length, how many), rising

    @property
    def received(self):
        return self.expected - self.lost


@dataclasses.dataclass(frozen=True)
class Row:
    """quiet: the page promises that there is no jitter in it."""
    name: str
    packets: tuple
    answers: tuple  # of its streams, in the order of their beginning
    quiet: bool = False


class Sender:
    """Speaks in packets of `step_ms`, and can do whatever a sender or a network does."""

    def __init__(self, step_ms, first=5000, stamp=7777):
        self.step_ms, self.seq, self.stamp = step_ms, first, stamp
        self.now_ms, self.run, self.number, self.stream, self.sent = 0.0, 0, 0, 0, []

    def packet(self):
        return Packet(self.now_ms, self.seq & 0xFFFF, self.stamp & 0xFFFFFFFF, self.run, self.number, self.stream)

    def lose(self, count):
        """The network loses them; gives them."""
        lost = []
        for _ in range(count):
            lost.append(self.packet())
            self.now_ms += self.step_ms
            self.seq += 1
            self.number += 1
            self.stamp += round(self.step_ms * SAMPLES_PER_MS)
        return lost

    def say(self, count):
        said = self.lose(count)
        self.sent += said
        return said

    def comes(self, packet, after_steps=-0.5):
        """A late packet or a copy, half a step ahead of the next one, or so many steps behind it."""
        self.sent.append(dataclasses.replace(packet, at_ms=self.now_ms + after_steps * self.step_ms))

    def stray(self, seq, stamp=123456789):
        self.comes(Packet(0, seq & 0xFFFF, stamp & 0xFFFFFFFF, STRAY, seq, self.stream))

    def hush(self, ms, stamps_run=True):
        self.now_ms += ms
        self.stamp += round(ms * SAMPLES_PER_MS) if stamps_run else 0

    def begin(self, seq, stamp=None):
        """The sender begins anew under the same SSRC."""
        self.run, self.number, self.seq = self.run + 1, 0, seq
        self.stamp = self.stamp if stamp is None else stamp

    def row(self, name, expected=0, answers=(), quiet=False, **answer):
        packets = tuple(sorted(self.sent, key=lambda packet: packet.at_ms))
        return Row(name, packets, answers or (Answer(expected, **answer),), quiet)


def first_numbers(step):
    for first in (0, 1, 31, 256, 65535):
        s = Sender(step, first)
        s.say(40)
        yield s.row(f"any_first_number_{first}", 40)


def burst(step, length, before=40, after=40, name="burst"):
    s = Sender(step)
    s.say(before)
    s.lose(length)
    s.say(after)
    return s.row(f"{name}_of_{length}", before + length + after, lost=length, runs=((length, 1),))


def losses(step):
    for length in (1, 2, 31, 32, 33, 100, 101, 256, 300):
        yield burst(step, length)
    yield burst(step, 40, before=8, after=2, name="a_burst_at_the_end_of_a_short_stream")
    s = Sender(step)
    s.say(50)
    s.lose(10)
    yield s.row("truncated_tail", 50)
    for name, which, runs in (("splits", 4, ((4, 1), (5, 1))), ("shortens", 0, ((9, 1),))):
        s = Sender(step)
        s.say(40)
        late = s.lose(10)[which]
        s.say(3)
        s.comes(late)
        s.say(20)
        yield s.row(f"a_late_packet_{name}_a_run", 73, lost=9, reordered=1, runs=runs)


def wraps(step):
    s = Sender(step, 65500)
    s.say(80)
    yield s.row("wrap", 80)
    s = Sender(step, 65500)
    s.say(30)
    s.lose(12)
    s.say(30)
    yield s.row("loss_across_the_wrap", 72, lost=12, runs=((12, 1),))
    s = Sender(step, 65500)
    s.say(34)
    late = s.lose(1)[0]
    s.say(10)
    s.comes(late)
    s.say(30)
    yield s.row("reordering_across_the_wrap", 75, reordered=1)


def reordering(step):
    for late_by in (1, 2, 50, 100):
        for name, before in (("one_packet", 20), ("the_first_packet", 0)):
            s = Sender(step)
            s.say(before)
            late = s.lose(1)[0]
            s.say(late_by)
            s.comes(late)
            s.say(20)
            yield s.row(f"{name}_late_by_{late_by}", before + late_by + 21, reordered=1)
    s = Sender(step)
    s.say(20)
    for place, packet in enumerate(reversed(s.lose(20))):
        s.comes(packet, place - 20)
    s.say(20)
    yield s.row("a_block_reversed", 60, reordered=19)


def copies(step):
    s = Sender(step)
    for _ in range(60):
        s.comes(s.say(1)[0])
    yield s.row("each_packet_twice", 60, duplicates=60)
    for name, behind, how_many in (("a_copy", 100, 1), ("a_second_path", 150, 100)):
        s = Sender(step)
        said = s.say(behind)
        for number in range(how_many):
            said += s.say(1)
            s.comes(said[number])
        said += s.say(20)
        yield s.row(f"{name}_{behind}_late", behind + how_many + 20, duplicates=how_many)
    s = Sender(step)
    said = s.say(450)
    for number in range(200):
        s.comes(said[number], -0.5 + number * AT_ONCE_MS / step)
    s.say(30)
    yield s.row("200_copies_at_once_300_late", 480, duplicates=200)


def silence(step, ms, name):
    for stamps_run in (True, False):
        s = Sender(step)
        s.say(40)
        s.hush(ms, stamps_run)
        s.say(40)
        yield s.row(f"{name}_{'timestamps_ran_on' if stamps_run else 'timestamps_stood_still'}", 80, quiet=True)
    s = Sender(step)
    s.say(40)
    s.hush(ms)
    s.begin(41000, stamp=99)
    s.say(40)
    yield s.row(f"{name}_then_a_new_beginning", 80, restarts=1, quiet=True)


def restarts(step):
    s = Sender(step)
    s.say(40)
    s.stream, s.run, s.number, s.seq, s.stamp = 1, 0, 0, 60000, 5
    s.say(40)
    yield s.row("ssrc_change", answers=(Answer(40), Answer(40)))
    # name, how far the number goes, whether timestamps are new
    for name, jump, anew in (("far_away", 30000, True), ("101_ahead", 101, False), ("500_ahead", 500, True),
                             ("2999_ahead", 2999, False), ("50_back", -50, False), ("100_back", -100, False)):
        s = Sender(step)
        s.say(120)
        s.begin(s.seq - 1 + jump, 3_000_000_000 if anew else None)
        s.say(40)
        yield s.row(f"restart_{name}", 160, restarts=1)
    for name, answer in (("first_two_swapped", {"reordered": 1}), ("second_lost", {"lost": 1, "runs": ((1, 1),)})):
        s = Sender(step)
        s.say(40)
        s.begin(40000, 9)
        early, late = s.lose(2)
        s.comes(late if "swapped" in name else early, -2)
        if "swapped" in name:
            s.comes(early, -1)
        s.say(38)
        yield s.row(f"restart_its_{name}", 80, restarts=1, **answer)
    s = Sender(step)
    s.say(40)
    straggler = s.lose(1)[0]
    s.begin(40000, 9)
    s.say(3)
    s.stray(straggler.seq, straggler.stamp)
    s.say(37)
    yield s.row("restart_then_a_straggler_of_the_run_before", 80, restarts=1, strays=1)


def clips(step, beyond_step):
    """A clip that is played over and over is the same packets again: new beginnings if it is long, else copies."""
    for length, times, pace in ((110, 2, step), (600, 2, beyond_step)):
        s = Sender(pace)
        for _ in range(times):
            s.say(length)
            s.begin(5000, stamp=7777)
        yield s.row(f"a_clip_of_{length}_over_and_over", length * times, restarts=times - 1)
    s = Sender(step)
    clip = s.say(50)
    for _ in range(2):
        for packet in clip:
            s.now_ms += step
            s.comes(packet)
    yield s.row("a_clip_of_50_over_and_over", 50, duplicates=100)


def strays(step):
    for name, ahead in (("far_ahead", 30000), ("1000_ahead", 1000)):
        s = Sender(step)
        s.say(40)
        s.stray(s.seq + ahead)
        s.say(40)
        yield s.row(f"a_stray_{name}", 80, strays=1)
    s = Sender(step)
    s.say(40)
    s.stray(s.seq + 30000)
    yield s.row("a_stray_as_the_last_packet", 40, strays=1)
    s = Sender(step)
    s.say(40)
    for place in range(10):
        s.stray(35000 + place)
        s.say(2)
    yield s.row("strays_that_follow_one_another", 60, strays=10)


def telephone_event():
    """RFC 4733 section 2.5.1.2: an update each 50 ms, all with the timestamp of the beginning."""
    s = Sender(step_ms=50)
    s.say(10)
    for _ in range(30):
        pressed = s.stamp
        s.say(1)
        s.stamp = pressed
    return s.row("telephone_event", 40, quiet=True)


def table(step, slow_step, fast_step, silence_ms):
    """All rows. step, in ms, of most; slow_step where a restart is told by its pace; fast_step where there are many
    packets; what is silent is so for silence_ms."""
    return [*first_numbers(step), *losses(step), burst(fast_step, 2999), burst(fast_step, 3000), *wraps(step),
            *reordering(step), *copies(step), *silence(step, silence_ms, "silence"), *restarts(slow_step),
            *clips(slow_step, fast_step), *strays(step), telephone_event()]


def often_around(step):
    """Twice over the wrap of 16 bits, with loss and a late packet across each."""
    s = Sender(step, 65000)
    for _ in range(2):
        s.say(65536 * (s.seq // 65536 + 1) - 2 - s.seq)
        late = s.lose(1)[0]
        s.lose(7)
        s.say(5)
        s.comes(late)
    s.say(100)
    lost = {"lost": 14, "runs": ((7, 2),)}
    return s.row("wrap_often_with_loss_and_reordering", s.number, reordered=2, **lost)


def long_table():
    """What takes a phone ten minutes, or a minute."""
    yield from silence(20, 60_000, "60_s_of_silence")
    yield from silence(20, 600_000, "10_minutes_of_hold")
    yield burst(20, 3000)
    yield burst(10, 20_000)
    yield burst(10, 60_000)
    yield often_around(9)
