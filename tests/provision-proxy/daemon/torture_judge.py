# SPDX-License-Identifier: Apache-2.0
"""Holds each answer that a phone got against what the centre has said: whole, of one piece, told as what it is."""
import collections
import dataclasses
import re

from torture_world import INTERVAL_S, body_of, stamp_of

# How late a busy machine may hand on what was said. A copy that is told as fresh without right grows older than this.
LATE_S = 1.0
# A phone that joins a fetch gets what the centre had when that began.
LONGEST_FETCH_S = 2.0


@dataclasses.dataclass
class Asked:
    """A question, and what was so when it was asked."""
    cell: object
    method: str
    fields: dict
    began: float
    received: int     # newest version of this file that somebody had got in whole by then; 0: none
    centre_away: bool


def told_of(fields):
    """Of the last cache in Cache-Status: its parameters."""
    last = fields.get("cache-status", "").split(",")[-1]
    words = (word.strip().partition("=") for word in last.split(";")[1:])
    return {name: value or True for name, _, value in words}


class Judge:
    def __init__(self, world):
        self.world, self.violations = world, []
        self.counts = collections.Counter()

    def violation(self, asked, got, what):
        told = got.fields.get("cache-status", "")
        self.violations.append(f"{asked.method} {asked.cell.name} {asked.fields or ''}: {what} (status {got.status}, "
                               f"{told}, Age {got.fields.get('age')}, {'centre away' if asked.centre_away else 'online'})")

    def judge(self, asked, got, now, excused):
        """excused: the daemon was killed meanwhile, or the centre broke off this file: an answer may end early."""
        self.counts["requests"] += 1
        if got.status == 0:
            return None if excused else self.violation(asked, got, "no answer")
        if got.status in (502, 504) and "x-answer" not in got.fields:
            return self.unavailable(asked, got)
        if got.status == 304:
            return self.not_modified(asked, got)
        said = self.world.said.get(got.fields.get("x-answer"))
        if said is None or said.cell != asked.cell:
            return self.violation(asked, got, f"an answer of {said.cell.name if said else 'nobody'}")
        if got.status not in (200, 206, 404, 416):
            return self.violation(asked, got, "a status that the centre never gave")
        if (got.status == 404) != (said.version == 0):
            return self.violation(asked, got, f"version {said.version} of the file")
        if said.version < asked.received:
            return self.violation(asked, got, f"version {said.version}, though {asked.received} was received before")
        if wrong := self.wrong_body(asked, got, said, excused) or self.wrong_words(asked, got, said, now):
            return self.violation(asked, got, wrong)
        return None

    def unavailable(self, asked, got):
        if asked.received and not asked.cell.never_stale:
            return self.violation(asked, got, f"nothing, though version {asked.received} was received before")
        self.counts["unavailable"] += 1
        return None

    def not_modified(self, asked, got):
        """The phone's own copy is still right; of the head only the validators are left."""
        version = asked.fields.get("If_None_Match", "").strip('"')
        if got.fields.get("etag") != f'"{version}"':
            return self.violation(asked, got, "it speaks of another version than the phone's")
        if int(version) < asked.received:
            return self.violation(asked, got, f"though version {asked.received} was received before")
        self.counts["not modified"] += 1
        told = told_of(got.fields)
        if told.get("fwd-status") == "304" and "detail" not in told:
            if not self.world.was_current(asked.cell, int(version), self.fetched_since(asked, told)):
                return self.violation(asked, got, "the centre has another version")
        return None if told else self.violation(asked, got, "nothing is told of it")

    @staticmethod
    def fetched_since(asked, told):
        return asked.began - (LONGEST_FETCH_S if "collapsed" in told else 0)

    # ---- the body

    def wrong_body(self, asked, got, said, excused):
        if not got.whole and not excused:
            return "it ends early without a reason"
        if got.status == 404:
            return "" if asked.method == "HEAD" or not got.whole or got.body == b"absent\n" else "another body"
        wanted = body_of(asked.cell, said.version)
        if asked.method == "HEAD":
            length = got.fields.get("content-length")
            return "" if length in (None, str(len(wanted))) else f"Content-Length {length} of {len(wanted)}"
        if got.status == 416:
            there = got.fields.get("content-range")
            return "" if there == f"bytes */{len(wanted)}" and "Range" in asked.fields else f"Content-Range {there}"
        if got.status == 206:
            found = re.fullmatch(r"bytes ([0-9]+)-([0-9]+)/([0-9]+|[*])", got.fields.get("content-range", ""))
            if not found or found.group(3) not in ("*", str(len(wanted))) or "Range" not in asked.fields:
                return f"Content-Range {got.fields.get('content-range')} of {len(wanted)} bytes"
            wanted = wanted[int(found.group(1)):int(found.group(2)) + 1]
        if not got.whole:
            self.counts["cut by a kill"] += 1
            return "" if wanted.startswith(got.body) else "its beginning is that of something else"
        self.counts["bodies"] += 1
        if got.status == 206:
            self.counts["ranges"] += 1
            return "" if got.body == wanted else "a range of something else"
        stamp = stamp_of(got.body)
        if isinstance(stamp, str):
            return stamp
        if stamp != (asked.cell.name, said.version):
            return f"version {stamp[1]} of {stamp[0]} under the head of version {said.version}"
        told = told_of(got.fields)
        if "hit" in told or "stored" in told or "fwd-status" in told or "detail" in told:
            self.world.note_received(asked.cell, said.version)
        else:
            self.counts["not kept"] += 1
        return ""

    # ---- what Cache-Status and Age say of it

    def wrong_words(self, asked, got, said, now):
        told, cell = told_of(got.fields), asked.cell
        age = got.fields.get("age")
        old_s = asked.began - said.at
        if "hit" in told or "fwd-status" in told or "detail" in told:
            if age is None:
                return "from the store, without Age"
            # Dates are whole seconds, and what comes late is older for it.
            if not -1.5 < int(age) - old_s < 2.5 + now - asked.began + LATE_S:
                return f"an Age of {age} for what the centre said {old_s:.1f} s ago"
        if "detail" in told:
            self.counts["told as not confirmed"] += 1
            if cell.never_stale:
                return "the centre forbids to give it stale"
            return ""
        if "hit" in told and float(told.get("ttl", 1)) > 0:
            self.counts["told as fresh"] += 1
            if not cell.by_rfc and cell.validators and said.version > 0:
                return "a hit, though the centre is to be asked each time"
            allowed_s = cell.lifetime_s if cell.by_rfc else INTERVAL_S
            return "" if old_s < allowed_s + LATE_S else f"told as fresh {old_s:.1f} s after the centre said it"
        if "hit" in told:
            self.counts["told as stale"] += 1
            return "the centre forbids to give it stale" if cell.never_stale else ""
        if "fwd" not in told:
            return "nothing is told of it"
        self.counts["told as confirmed"] += 1
        if not self.world.was_current(cell, said.version, self.fetched_since(asked, told)):
            return f"version {said.version} is told as the centre's, which has {self.world.version[cell]}"
        return ""
