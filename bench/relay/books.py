# SPDX-License-Identifier: Apache-2.0
"""Holds what the traffic program sent and got back against what the dataplane says it did."""
SIDES = ("lan", "wan")


def drops_of(port):
    return {name: int(count) for name, count in port.get("drops", {}).items()}


def port_of(status, side):
    return next(port for port in status["ports"] if port["name"] == side)


def difference(before, after):
    """Drops that were added, by name, zeroes left out."""
    names = set(before) | set(after)
    return {name: after.get(name, 0) - before.get(name, 0) for name in names
            if after.get(name, 0) != before.get(name, 0)}


def both(first, second):
    """One tally of two, as far as audit() reads it."""
    def add(a, b):
        if isinstance(a, dict):
            return {name: add(a[name], b[name]) if name in a and name in b else a.get(name, b.get(name))
                    for name in a | b}
        return a if isinstance(a, str) else a + b

    return add(first, second)


# Drops for want of room, whatever the frame. Nobody offers them.
FULL = ("port_missed", "tx_full")


def audit(tally, before, after, overloaded=False):
    """Returns (frames unaccounted for, what is wrong in words). `tally`: the traffic program's result;
    `before` and `after`: the dataplane's status round the run. `overloaded`: there may have been no room for some."""
    off = 0
    wrong = []

    def hold(side, what, wanted, got, room=0):
        """`room`: how many may be missing."""
        nonlocal off
        if not wanted - room <= got <= wanted:
            off += abs(wanted - got)
            wrong.append(f"{side}: {what} should be {wanted}, is {got}")

    for side, other in (SIDES, SIDES[::-1]):
        sent = tally["sides"][side]
        start, end = port_of(before, side), port_of(after, side)
        dropped = difference(drops_of(start), drops_of(end))
        full = sum(dropped.pop(name, 0) for name in FULL) if overloaded else 0
        relayed = end["relayed"] - start["relayed"]
        hold(side, "frames received", sent["good"] + sum(sent["bad"].values()), end["rx"] - start["rx"])
        hold(side, "frames relayed", sent["good"], relayed, full)
        hold(side, "frames relayed or dropped", sent["good"] + sum(sent["bad"].values()),
             relayed + sum(dropped.values()) + full)
        hold(side, "frames that came out on the other side", relayed, tally["sides"][other]["returned"])
        for name in sorted(set(dropped) | set(sent["bad"])):
            hold(side, f"drops by {name}", sent["bad"].get(name, 0), dropped.get(name, 0), full)
    if tally["wrong"]:
        off += tally["wrong"]
        wrong.append(f"{tally['wrong']} of {tally['inspected']} inspected frames are wrong: {tally['first_wrong']}")
    return off, wrong
