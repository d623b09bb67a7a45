# SPDX-License-Identifier: Apache-2.0
"""Links that lose, repeat and reorder media while calls with SRTP are up, and what the captures say that each stream is
to be told as then: headers of SRTP are in the clear, so truth.py judges them as those of RTP (RFC 3711 section 3.1)."""
import collections
import contextlib

import truth

# Packets that a phone sends before its key is known, or after the call's end: for half a second, since each of those
# whom the key passes may wait for its turn on a busy machine.
MOST_UNREAD = 25


def numbers(stream):
    """What a report has of a stream besides its copies."""
    return stream.expected, stream.unique, stream.lost, stream.loss_runs, stream.reordered


def numbers_told(row):
    runs = {int(length): how_many for length, how_many in row["loss_runs"].items()}
    return row["expected"], row["received"], row["lost"], runs, row["reordered"]


def told(branch):
    """{ssrc: row} of the report."""
    return {int(row["ssrc"], 16): row for call in branch.say("report", "loss")["calls"] for row in call["streams"]}


def passed_on(came, went):
    """Of the packets of one stream, in the order of their coming: those from the first to the last that was passed on.
    None between them is missing. Numbers may have been moved on the way out, stamps are not."""
    stamps = {packet.timestamp for packet in went}
    places = [place for place, packet in enumerate(came) if packet.timestamp in stamps]
    assert places, came[0]
    found = came[places[0]:places[-1] + 1]
    missing = [packet for packet in found if packet.timestamp not in stamps]
    assert not missing, (len(missing), missing[0])
    assert len(came) - len(found) <= MOST_UNREAD, (hex(came[0].ssrc), len(came), len(found))
    return found


def judged(entered, left):
    """{ssrc: truth.Stream} of the packets that came in and could be read."""
    came, went = collections.defaultdict(list), collections.defaultdict(list)
    for packets, by_ssrc in ((entered, came), (left, went)):
        for packet in sorted(packets, key=lambda p: p.time_ns):
            if not packet.rtcp:
                by_ssrc[packet.ssrc].append(packet)
    assert came.keys() == went.keys()
    return {ssrc: next(iter(truth.streams(passed_on(packets, went[ssrc])).values())) for ssrc, packets in came.items()}


@contextlib.contextmanager
def damaged(box, *faults, match="rtp"):
    """Both links in both directions, while the block runs."""
    for lan in (True, False):
        box.fault(*faults, lan=lan, match=match)
    try:
        yield
    finally:
        for lan in (True, False):
            box.fault("heal", lan=lan)
