# SPDX-License-Identifier: Apache-2.0
"""Many short calls with random endings leave nothing open: no leg, port, transaction, call or record."""
import pytest
from drill import SOON, Branch, wait_until
from office import CENTRES

# A caller that vanished is found by its silence; a transaction that nobody ends lives 32 s (RFC 3261 timers B, F, H).
MEDIA_TIMEOUT_S = 10
NOTHING_LEFT_WITHIN_S = 60
CALLS_IN_CI = 60
CALLS_IN_ALL = 2000
RATE = 20


@pytest.fixture(name="branch", params=CENTRES)
def branch_fixture(request):
    if request.param != "kamailio" and not request.config.getoption("--all-drills"):
        pytest.skip("runs with --all-drills")
    branch = Branch(request.param, settings={**SOON, "media.media-timeout-s": MEDIA_TIMEOUT_S})
    try:
        yield branch
    finally:
        branch.close()


def test_nothing_is_left_open(branch, request):
    calls = CALLS_IN_ALL if request.config.getoption("--all-drills") else CALLS_IN_CI
    soaked = branch.box.run("soak-calls", "--calls", calls, "--rate", RATE, check=False, timeout=calls / RATE + 120)
    assert soaked.returncode == 0, soaked.stdout + soaked.stderr

    def left():
        status = branch.say("status")
        daemon = status["holdfastd"]
        return {"calls": daemon["calls"], "transactions": daemon["transactions"], "streams": daemon["media"]["streams"],
                "waiting": daemon["media"]["messages_waiting"], "legs": status["legs"]["in_use"]}

    # Probes are transactions too, one at a time.
    def nothing_left():
        return left()["transactions"] <= 1 and not any(v for k, v in left().items() if k != "transactions")

    try:
        wait_until(nothing_left, NOTHING_LEFT_WITHIN_S, "left open")
    except AssertionError:
        pytest.fail(f"left open: {left()}; calls: {branch.say('calls')['live']}")
    found = branch.say("calls", "--limit", 1000)
    assert found["live"] == []
    assert found["records"] and all(record["end"] for record in found["records"]), "a record has no end"
    ends = branch.say("report", "loss")["ends"]
    assert {"caller_hung_up", "callee_hung_up", "cancelled", "busy", "no_answer", "media_lost"} <= set(ends), ends
    assert not set(ends) & {"lost_track", "unreachable", "refused_by_us"}, ends
