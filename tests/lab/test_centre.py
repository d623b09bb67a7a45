# SPDX-License-Identifier: Apache-2.0
"""The lab's own centres and phones, without the appliance: both kinds of centre do what the drills need of them."""
import time

import pytest
import signalling
from office import CENTRES, Office, register_answers

pytestmark = pytest.mark.drill

PHONES = {"3011": ("udp", 4), "3012": ("tcp", 4), "3013": ("udp", 6), "3014": ("tcp", 6)}
SLOW = "3015"  # rings until told otherwise


@pytest.fixture(name="hq", scope="module", params=CENTRES)
def hq_fixture(request):
    """Headquarters with a centre and one phone a transport and family."""
    office = Office()
    try:
        office.kind = request.param
        office.centre("start", request.param)
        yield office
    finally:
        office.close()


@pytest.fixture(name="phones", scope="module")
def phones_fixture(hq, tmp_path_factory):
    path = tmp_path_factory.mktemp("hq") / "register.pcap"
    with hq.wire(path):
        for user, (transport, family) in PHONES.items():
            hq.phone(user, transport=transport, family=family)
        hq.phone(SLOW, answer="manual")
    hq.registered = signalling.messages(path)
    return hq.phones


def test_every_phone_is_challenged_and_then_accepted(hq, phones):
    for user in phones:
        assert register_answers(hq.registered, user) == [401, 200], user


def test_calls_have_sound_both_ways(hq, phones, tmp_path):
    """Over UDP and TCP, IPv4 and IPv6, each to the other."""
    for pairs in ((("3011", "3012"), ("3013", "3014")), (("3012", "3011"), ("3014", "3013"))):
        path = tmp_path / f"{pairs[0][0]}.pcap"
        with hq.wire(path):
            for caller, callee in pairs:
                phones[caller].call(callee)
            time.sleep(1.5)
            for caller, _ in pairs:
                phones[caller].hang_up()
            time.sleep(0.3)
        for caller, callee in pairs:
            assert phones[caller].heard(callee) >= 1
            assert phones[callee].heard(caller) >= 1
        seen = signalling.messages(path)
        dialogs = {m.call_id for m in signalling.requests(seen, "INVITE")}
        assert len(dialogs) == len(pairs) * (1 if hq.kind == "kamailio" else 2)
        assert signalling.answers(seen, "INVITE", 407) and signalling.answers(seen, "BYE", 200)


@pytest.mark.parametrize("holder,held", [("3011", "3012"), ("3012", "3011")])
def test_either_side_changes_the_session(hq, phones, tmp_path, holder, held):
    """A re-INVITE of the caller and one of the callee both reach the other side and come back."""
    phones["3011"].call("3012")
    path = tmp_path / "hold.pcap"
    with hq.wire(path):
        for command in ("hold", "resume"):
            phones[holder].change(command, phones[held])
        time.sleep(0.3)
    phones["3011"].hang_up()
    again = [m for m in signalling.requests(signalling.messages(path), "INVITE") if m.in_dialog]
    # Hold and resume, each to the centre and from it.
    own, others = PHONES[holder][0], PHONES[held][0]
    assert [m.transport for m in again] == [own, others] * 2


def test_cancel_busy_and_unknown(hq, phones, tmp_path):
    path = tmp_path / "endings.pcap"
    with hq.wire(path):
        mark = phones["3011"].dial(SLOW)
        phones["3011"].wait("CALL_RINGING", after=mark)
        phones["3011"].hang_up()
        phones[SLOW].wait("CALL_CLOSED")
        mark = phones[SLOW].mark()
        from_caller = phones["3012"].dial(SLOW)
        phones[SLOW].wait("CALL_INCOMING", after=mark)
        phones[SLOW].hang_up()
        phones["3012"].wait("CALL_CLOSED", after=from_caller)
        for unknown in ("3018", "4711"):
            mark = phones["3011"].dial(unknown)
            phones["3011"].wait("CALL_CLOSED", after=mark)
        time.sleep(0.3)
    seen = signalling.messages(path)
    at_caller = {m.status for m in signalling.answers(seen, "INVITE") if m.src[0] == hq.box.CENTRE4}
    assert {487, 404, 480} <= at_caller and at_caller & {486, 603}
    assert signalling.requests(seen, "CANCEL") and signalling.answers(seen, "CANCEL", 200)


def test_503_mode_answers_everything_and_heals(hq, phones, tmp_path):
    path = tmp_path / "refused.pcap"
    with hq.wire(path):
        hq.centre("answer-503", 30)
        for user in ("3011", "3012"):
            mark = phones[user].dial(SLOW)
            assert phones[user].wait("CALL_CLOSED", after=mark)["param"].startswith("503")
    refused = [m for m in signalling.messages(path) if m.status]
    assert refused and {m.status for m in refused} == {503}
    hq.centre("heal")
    phones["3011"].call("3012")
    phones["3011"].hang_up()


def test_a_frozen_centre_keeps_its_ports_and_says_nothing(hq, phones, tmp_path):
    path = tmp_path / "frozen.pcap"
    with hq.wire(path):
        hq.centre("freeze")
        mark = phones["3011"].dial("3012")
        time.sleep(1.5)
        assert not phones["3011"].seen("CALL_RINGING", after=mark)
        hq.centre("thaw")
        phones["3011"].wait("CALL_ESTABLISHED", after=mark)
    assert len(signalling.requests(signalling.messages(path), "INVITE", src=(f"{hq.box.HQ_NET4}.11", 5060))) >= 3
    phones["3011"].hang_up()
    for _ in range(2):  # a dead one comes back without its bindings
        hq.centre("kill")
        assert hq.box.run("centre", "status", check=False).returncode == 1
        hq.centre("start", hq.kind)
    mark = phones["3011"].dial("3012")
    assert phones["3011"].wait("CALL_CLOSED", after=mark)["param"].startswith("480")
