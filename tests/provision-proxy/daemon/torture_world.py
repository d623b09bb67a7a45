# SPDX-License-Identifier: Apache-2.0
"""What the centre of a torture has had to say, and when: the truth that answers are held against.

Each version of a file carries its number, its length and a hash of itself; each answer of the centre a number of its
own, which the cache keeps with the file. From both follows what an answer is, and how long ago the centre said so.
"""
import collections
import dataclasses
import functools
import hashlib
import itertools
import random
import re
import time

PHONES = ("0004f2000010", "0004f2000011", "0004f2000012", "0004f2000013")
INTERVAL_S = 1  # of files without validators: asked about at most once in so long
STAMP = re.compile(rb"torture[.]cell=(\S+)\ntorture[.]version=([0-9]+)\ntorture[.]size=([0-9]+)\n"
                   rb"torture[.]sha256=([0-9a-f]{64})\n")
# Letters that are no hex digits: nothing in a body may look like the MAC of a phone.
LETTERS = bytes(ord("g") + value % 16 for value in range(256))


@dataclasses.dataclass(frozen=True)
class Cell:
    """What the cache keeps apart: a path, and for files that are not shared a phone."""
    path: str
    phone: str = ""
    validators: str = ""        # of "tag", "date": both, one or none
    most_bytes: int = 20_000
    cache_control: str = ""
    chunked: bool = False
    firmware: bool = False
    absent_at_first: bool = False
    lifetime_s: int | None = None  # of a file of the second origin, which is cached by RFC 9111

    @property
    def name(self):
        return f"{self.path}@{self.phone}"

    @property
    def by_rfc(self):
        return self.lifetime_s is not None

    @property
    def never_stale(self):
        """RFC 9111 sections 5.2.2.2 and 5.2.2.10."""
        return self.by_rfc and any(word in self.cache_control for word in ("must-revalidate", "s-maxage"))


def cells():
    yield Cell("/2345.sip.ld", validators="tag date", most_bytes=600_000, firmware=True)
    yield Cell("/420hd.img", most_bytes=400_000, firmware=True, chunked=True)
    for phone in PHONES:
        yield Cell(f"/{phone}.cfg", phone, "tag")
        yield Cell("/sip.cfg", phone, "tag date", most_bytes=150_000)
        yield Cell("/config.cfg", phone, cache_control="no-store, must-revalidate")  # told apart by the User-Agent
        yield Cell("/phone1.cfg", phone, "date", chunked=True)
        yield Cell(f"/{phone}-license.cfg", phone, absent_at_first=True)
    yield Cell("/web/short", validators="tag", cache_control="max-age=1", lifetime_s=1)
    yield Cell("/web/large", validators="tag date", cache_control="max-age=2", lifetime_s=2, most_bytes=300_000)
    yield Cell("/web/plain", cache_control="s-maxage=1, max-age=60", lifetime_s=1, chunked=True)
    yield Cell("/web/strict", validators="tag", cache_control="max-age=1, must-revalidate", lifetime_s=1)


@functools.lru_cache(maxsize=512)
def body_of(cell, version):
    draw = random.Random(f"{cell.name} {version}")
    size = draw.randrange(200, 2000) if draw.random() < 0.3 else draw.randrange(200, cell.most_bytes)
    if cell.firmware:
        rest, start = draw.randbytes(size), b"HFFW\n"
    else:
        text = draw.randbytes(size).translate(LETTERS).decode()
        lines = (f"line.{number}={text[at:at + 60]}" for number, at in enumerate(range(0, size, 60)))
        rest, start = ("\n".join(lines) + "\n").encode(), b""
    def stamp(total):
        return (f"torture.cell={cell.name}\ntorture.version={version}\ntorture.size={total:08d}\n"
                f"torture.sha256={hashlib.sha256(rest).hexdigest()}\n").encode()
    return start + stamp(len(start) + len(stamp(0)) + len(rest)) + rest


def stamp_of(body):
    """(name of the cell, version) of a body that is whole and of one piece; else what is wrong with it, a text."""
    found = STAMP.search(body[:1000])
    if not found:
        return f"{len(body)} bytes without a stamp"
    name, version, size, digest = (part.decode() for part in found.groups())
    if int(size) != len(body):
        return f"{len(body)} bytes of {size} of {name} version {version}"
    if hashlib.sha256(body[found.end():]).hexdigest() != digest:
        return f"bytes of something else in {name} version {version}"
    return name, int(version)


@dataclasses.dataclass
class Said:
    """An answer of the centre; version 0: the file is not there."""
    cell: Cell
    version: int
    at: float


class World:
    def __init__(self, seed):
        self.draw = random.Random(seed)
        self.cells = list(cells())
        self.version = {cell: 0 if cell.absent_at_first else 1 for cell in self.cells}
        self.ended = {}                         # (cell, version): when the next one came
        self.said = {}                          # number of an answer: Said
        self.numbers = itertools.count(1)
        self.broke = collections.defaultdict(lambda: -1.0)  # cell: when the centre last broke off a body of it
        self.received = {}                      # cell: newest version that somebody has had in whole, and is kept
        self.by_name = {(cell.path, cell.phone): cell for cell in self.cells}

    def cell(self, path, phone):
        return self.by_name.get((path, phone)) or self.by_name.get((path, ""))

    def change(self, cell):
        """The centre has a new version."""
        self.ended[cell, self.version[cell]] = time.monotonic()
        self.version[cell] += 1

    def change_some(self, share):
        for cell in self.cells:
            if self.draw.random() < share:
                self.change(cell)

    def say(self, cell):
        """A new answer about what is current: its number and version."""
        number = next(self.numbers)
        self.said[str(number)] = Said(cell, self.version[cell], time.monotonic())
        return number, self.version[cell]

    def was_current(self, cell, version, since):
        """Whether that version was the centre's at that moment or later."""
        return self.ended.get((cell, version), since) >= since

    def note_received(self, cell, version):
        self.received[cell] = max(version, self.received.get(cell, 0))
