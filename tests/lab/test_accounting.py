# SPDX-License-Identifier: Apache-2.0
"""The table of docs/accounting.md through the real dataplane: captures made here, replayed in real time, IPv4 and IPv6.

test_accounting_drill.py is the same at the pace of phones, with the rows that take ten minutes."""
import patterns
import rehearsal


def test_every_row_of_the_table(appliance, tmp_path):
    """In packets of 5 and 10 ms, each row in one of the families."""
    edge = appliance(take="shared")
    rows = patterns.table(step=5, slow_step=10, fast_step=0.75, silence_ms=2200)
    plan = [(row, rehearsal.FAMILIES[place % len(rehearsal.FAMILIES)]) for place, row in enumerate(rows)]
    wrong = rehearsal.hold(edge, plan, tmp_path / "table.pcap")
    edge.close()
    assert not wrong, "\n".join(wrong)
