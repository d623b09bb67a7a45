# SPDX-License-Identifier: Apache-2.0
"""The lab's own centres and phones, without the appliance: both kinds of centre do what the drills need of them."""
import time

import pytest
import signalling
from office import CENTRES, Office, register_answers

PHONES = {"3011": ("udp", 4), "3012": ("tcp", 4), "3013": ("udp", 6), "3014": ("tcp", 6)}


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
    hq.registered = signalling.messages(path)
    return hq.phones


def test_every_phone_is_challenged_and_then_accepted(hq, phones):
    for user in phones:
        assert register_answers(hq.registered, user) == [401, 200], user


@pytest.mark.parametrize("caller,callee", [("3011", "3012"), ("3012", "3011"), ("3013", "3014"), ("3014", "3013")])
def test_calls_have_sound_both_ways(hq, phones, tmp_path, caller, callee):
    path = tmp_path / "call.pcap"
    with hq.wire(path):
        phones[caller].call(callee)
        time.sleep(2)
        phones[caller].hang_up()
        time.sleep(0.3)
    assert phones[caller].heard(callee) > 1.2
    assert phones[callee].heard(caller) > 1.2
    seen = signalling.messages(path)
    dialogs = {m.call_id for m in signalling.requests(seen, "INVITE")}
    assert len(dialogs) == (1 if hq.kind == "kamailio" else 2)
    assert signalling.answers(seen, "INVITE", 407) and signalling.answers(seen, "BYE", 200)
