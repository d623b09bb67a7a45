# SPDX-License-Identifier: Apache-2.0
"""Many streams, each damaged in its own way, from a seed: losses in runs, copies, late packets, strays, new beginnings.

How far packets are late or apart stays within what docs/accounting.md tells for certain; what each packet is stands in
its label (patterns.Packet)."""
import random

from patterns import Row, Sender

LATE_BY = 40          # packets, at most; a copy too
LONG_BURST = 150


class Damaged:
    """One stream of so many packets."""

    def __init__(self, step_ms, chance, count):
        self.sender = Sender(step_ms, chance.randrange(65536), chance.randrange(2**32))
        self.chance, self.left = chance, count
        self.owed = []  # (after how many packets, the packet)

    def speak(self, kind):
        self._some(2)
        if kind == "anew":
            half = self.left // 2
            while self.left > half:
                self._step("anew")
            self._settle()
            self.sender.begin(self.sender.seq + 20_000 + self.chance.randrange(20_000), self.chance.randrange(2**32))
            self._some(2)
        while self.left > 0:
            self._step(kind)
        self._settle()
        self._some(3)

    def _step(self, kind):
        luck = self.chance.random()
        if luck < 0.02:
            longest = LONG_BURST if kind == "bursts" else 12
            lost = self.chance.randint(1, min(longest, max(1, self.left)))
            self.sender.lose(lost)
            self.left -= lost
        elif luck < 0.05 and kind in ("copies", "all"):
            self.owed.append([self.chance.randint(1, LATE_BY), self._some(1)[0]])
        elif luck < 0.08 and kind in ("late", "all"):
            self.owed.append([self.chance.randint(1, LATE_BY), self.sender.lose(1)[0]])
            self.left -= 1
        elif luck < 0.085 and kind in ("anew", "all"):
            self.sender.stray(self.sender.seq + 5000 + self.chance.randrange(10_000))
        self._some(1)

    def _some(self, count):
        said = []
        for _ in range(count):
            said += self.sender.say(1)
            self.left -= 1
            for owed in self.owed:
                owed[0] -= 1
                if owed[0] == 0:
                    self.sender.comes(owed[1])
            self.owed = [owed for owed in self.owed if owed[0] > 0]
        return said

    def _settle(self):
        """Nothing of before is under way when it is over."""
        while self.owed:
            self._some(1)


KINDS = ("bursts", "copies", "late", "anew", "all")


def streams(how_many, rate, seconds):
    """Rows without the page's answers: there is one stream in each."""
    step_ms = 1000 * how_many / rate
    for place in range(how_many):
        stream = Damaged(step_ms, random.Random(place), round(seconds * rate / how_many))
        stream.speak(KINDS[place % len(KINDS)])
        packets = tuple(sorted(stream.sender.sent, key=lambda packet: packet.at_ms))
        yield Row(f"damaged_{place}", packets, (None,))
