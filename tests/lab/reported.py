# SPDX-License-Identifier: Apache-2.0
"""Holds `holdfast report loss --json` against captures: each stream as it came in at the appliance's ports, to the packet.

What comes in while a BYE is on its way through the appliance may be told or not; all that came before must be.
"""
import dataclasses

import signalling
import truth

BYE_PASSES_NS = 1_000_000_000  # also where each of those it passes waits for its turn
ON_ITS_WAY = 2  # packets that a process had counted and not sent, or sent and not counted, when it died


@dataclasses.dataclass
class Told:
    """One captured stream beside what the report says of it: (expected, received, lost, loss runs), None: nothing."""
    ssrc: int
    src: tuple
    captured: tuple
    reported: tuple | None
    equal: bool
    row: dict | None
    call: dict | None


def _host_port(text):
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def rows_of(report, own):
    """{(ssrc, (address, port)): (row, call)} of the streams that came from elsewhere than the appliance itself."""
    found = {}
    for call in report["calls"]:
        for row in call["streams"]:
            source = _host_port(row["from"])
            if source[0] in own:  # joined inside: it has no wire
                continue
            key = int(row["ssrc"], 16), source
            if key in found:
                raise AssertionError(f"one stream is told twice: {found[key][0]} and {row}")
            found[key] = row, call
    return found


def ends(messages_at_ports, own):
    """{user: when BYEs of its calls first reached the appliance, in order}. Takes what signalling.messages() gave."""
    first = {}
    for bye in signalling.requests(messages_at_ports, "BYE"):
        if bye.dst[0] in own:
            key = bye.call_id, bye.from_user, bye.to_user
            first[key] = min(bye.time_ns, first.get(key, bye.time_ns))
    found = {}
    for (_, *users), when_ns in first.items():
        for user in users:
            found.setdefault(user, []).append(when_ns)
    return {user: sorted(times) for user, times in found.items()}


def compare(report, entered, ended, users, own):
    """[Told] for each stream of the packets that came in. ended: what ends() gave; users: {address: user}."""
    rows, streams = rows_of(report, own), {}
    for packet in entered:
        streams.setdefault((packet.ssrc, packet.src), []).append(packet)
    told = []
    for (ssrc, src), packets in sorted(streams.items()):
        row, call = rows.get((ssrc, src), (None, None))
        # Its call's: the first that came after it began.
        bye_ns = next(when_ns for when_ns in ended[users[src[0]]] if when_ns > packets[0].time_ns)
        least = sum(1 for p in packets if p.time_ns < bye_ns)
        most = sum(1 for p in packets if p.time_ns < bye_ns + BYE_PASSES_NS)
        reported = row and _numbers(row)
        # The prefix of as many packets as were told of, if that many could have been.
        count = row["received"] + row["duplicates"] if row else least
        good = row is not None and least <= count <= most
        captured = _captured(packets[:count if good else least])
        told.append(Told(ssrc, src, captured, reported, good and reported == captured, row, call))
    return told


def gaps(report, entered, left, own):
    """[(packets that came in and never went out, row, call)] of each stream of the packets that came in."""
    rows, missing = rows_of(report, own), {}
    for ssrc, *_ in truth.matched(entered, left).missing:
        missing[ssrc] = missing.get(ssrc, 0) + 1
    return [(missing.get(ssrc, 0), *rows[ssrc, src]) for ssrc, src in sorted({(p.ssrc, p.src) for p in entered})]


def _numbers(row):
    runs = {int(length): count for length, count in row["loss_runs"].items()}
    return row["expected"], row["received"], row["lost"], runs


def _captured(packets):
    if not packets:
        return 0, 0, 0, {}
    stream, = truth.streams(packets).values()
    return stream.expected, stream.unique, stream.lost, dict(stream.loss_runs)
