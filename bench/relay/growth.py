# SPDX-License-Identifier: Apache-2.0
"""What many legs cost beside few: speed and memory."""
import statistics

FEW, MANY = 200, 32768  # 16,384 calls of two legs
LEAST_SPEED = 0.7
MOST_BYTES = 1024  # a leg


def report(cases, output):
    """`cases`: by number of legs, those that were measured; the runs took turns."""
    if FEW not in cases or MANY not in cases:
        return
    few, many = cases[FEW], cases[MANY]
    speeds = [b / a for a, b in zip(few.rate["holdfast"], many.rate["holdfast"])]
    output.row("relay", f"packets/s at {MANY} legs against {FEW}", "ratio", speeds, target=LEAST_SPEED,
               ok=statistics.median(speeds) >= LEAST_SPEED,
               reason="; ".join(dict.fromkeys([*few.remarks(), *many.remarks()])) or None)
    slopes = [(b - a) / (MANY - FEW) for a, b in zip(few.memory, many.memory)]
    output.row("relay", f"memory of the dataplane, slope from {FEW} to {MANY} legs", "bytes/leg", slopes,
               limit=("at most", MOST_BYTES), target=1, ok=statistics.median(slopes) <= MOST_BYTES)
