# SPDX-License-Identifier: Apache-2.0
"""The lab with people in it, as tests drive it: a centre of either kind, phones, the gateway."""
import contextlib
import pathlib
import re
import subprocess
import time

import sealing
import signalling
import sound
from conftest import ROOT, Lab
from handset import ANSWER_TIMEOUT_S, Handset
from linphone import Linphone

CENTRES = ("kamailio", "b2bua")
REGISTER_TIMEOUT_S = 30
TRACED = re.compile(r"^(?:UDP|TCP|TLS) (\S+):\d+ -> \S+\n(.*?)\x1b", re.MULTILINE | re.DOTALL)


def accounts():
    """{user: (password, place, host)} of lab/accounts."""
    rows = [line.split() for line in (ROOT / "lab" / "accounts").read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#")]
    return {user: (password, place, int(host)) for user, password, place, host in rows}


class Phone(Handset):
    """A phone that runs. Times are seconds of waiting at most."""
    last_dial_s = 0.0  # of any phone: older recordings prove nothing

    def __init__(self, box, user, place, host, address):
        self.box, self.user, self.place, self.address = box, user, place, address
        self.directory = pathlib.Path(box.LAB_STATE) / f"phone-{user}"
        super().__init__(place, int(box.PHONE_CONTROL_PORT) + host, user)

    def dial(self, user, domain=None):
        """Places a call; gives the number of the first event after it."""
        mark = self.mark()
        Phone.last_dial_s = time.time()
        self.ask("dial", f"sip:{user}@{domain or self.box.CENTRE_DOMAIN}")
        return mark

    def call(self, user, timeout=ANSWER_TIMEOUT_S, **options):
        """Places a call and waits until it is answered."""
        mark = self.dial(user, **options)
        # A call that came in earlier may still be closing.
        found = self.wait("CALL_ESTABLISHED", "CALL_CLOSED", timeout=timeout, after=mark, direction="outgoing")
        assert found["type"] == "CALL_ESTABLISHED", f"{self.user} -> {user}: {found.get('param')}"
        return mark

    def change(self, command, other):
        """hold or resume, until each of the two has what the other says of its media."""
        marks = {phone: phone.mark() for phone in (other, self)}
        self.ask(command)
        for phone, mark in marks.items():
            phone.wait("CALL_REMOTE_SDP", after=mark)

    def hang_up(self, timeout=ANSWER_TIMEOUT_S):
        mark = self.mark()
        self.ask("hangup")
        self.wait("CALL_CLOSED", timeout=timeout, after=mark)

    def wait_until_registered(self, timeout):
        deadline = time.monotonic() + timeout
        while "OK" not in self.ask("reginfo").split(self.user, 1)[-1] and not self.seen("REGISTER_OK"):
            # It may have registered before we listened.
            assert time.monotonic() < deadline, f"{self.user} does not register: {self.ask('reginfo')}"
            time.sleep(0.05)

    def in_call(self):
        """Whether it takes part in a call, from its own words."""
        established, closed = len(self.seen("CALL_ESTABLISHED")), len(self.seen("CALL_CLOSED"))
        return established > closed

    def heard(self, user):
        """Seconds of the other's tone in a recording that went on after the last dial. Whole once the call is over."""
        return sound.heard(self.directory, user, Phone.last_dial_s)

    def messages(self, sent):
        """The SIP that it sent, or that it was sent. It is started with trace="yes"."""
        log = pathlib.Path(f"{self.directory}.log").read_text(encoding="utf-8", errors="replace")
        return [text for source, text in TRACED.findall(log) if (source.strip("[]") == self.address) == sent]

    def keys(self, sent):
        """The keys of SDES that it sent, or those that it was sent: [(suite, base64)]."""
        return sealing.told(self.messages(sent))


class Office:
    """A raised lab. close() lets the phones go; the lab's end is theirs."""

    def __init__(self, **options):
        self.box = Lab().up(**options)
        self.phones = {}

    def close(self):
        for phone in self.phones.values():
            phone.close()
        self.phones = {}
        self.box.down()

    def centre(self, *words, server="a"):
        return self.box.run("centre", "--server", server, *words)

    def phone(self, user, registers=True, **options):
        """Starts a phone (options of lab/phone start) and waits until it has registered."""
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self.box.run("phone", "start", user, *words)
        gateway = self.box.GATEWAY4 if user == "gateway" else self.box.GATEWAY_B4
        _, place, host = accounts().get(user, ("", "branch", int(gateway.rpartition(".")[2])))
        nets = {("branch", 4): self.box.PHONE_NET4 + ".", ("branch", 6): self.box.PHONE_NET6 + ":",
                ("hq", 4): self.box.HQ_NET4 + ".", ("hq", 6): self.box.HQ_NET6 + ":"}
        address = f"{nets[place, options.get('family', 4)]}{host}"
        if options.get("kind") == "linphone":
            phone = Linphone(self.box, user, place, address)
        else:
            phone = Phone(self.box, user, place, host, address)
        self.phones[user] = phone
        if registers and not user.startswith("gateway") and options.get("by") != "none":
            phone.wait_until_registered(REGISTER_TIMEOUT_S)
        return phone

    def drop(self, user, how="stop"):
        """Ends a phone as it should be, or with kill."""
        self.phones.pop(user).close()
        self.box.run("phone", how, user)

    @contextlib.contextmanager
    def wire(self, path, place="hq", interface="lo"):
        """A capture at a point that lab/capture does not have, for signalling: call the path's reader afterwards."""
        tcpdump = self.box.popen(place, "tcpdump", "-Z", "root", "-i", interface, "-s", "4000", "-B", "16384",
                                 "--immediate-mode", "-U", "-n", "-w", path, stderr=subprocess.PIPE, text=True)
        for line in tcpdump.stderr:
            if "listening on" in line:
                break
        try:
            yield path
        finally:
            time.sleep(0.2)
            tcpdump.terminate()
            words = tcpdump.communicate(timeout=10)[1]
        assert "0 packets dropped by kernel" in words, words


def register_answers(wires, user):
    """The statuses of a user's REGISTERs in the order of a capture, each once, however often UDP has it."""
    found = signalling.answers(wires, "REGISTER", to_user=user)
    return [status for *_, status in dict.fromkeys((m.call_id, m.cseq, m.status) for m in found)]
