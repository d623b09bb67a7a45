# SPDX-License-Identifier: Apache-2.0
"""A phone of the lab that is linphonec, for tests that drive it as they do office.Phone."""
import itertools
import pathlib
import re
import time

import sealing
import sound
from handset import ANSWER_TIMEOUT_S

LINE = re.compile(r"^\d{4}-\d\d-\d\d [\d:]+ ", re.MULTILINE)
MESSAGE = re.compile(r"belle-sip-message-channel \[\w+\]: (message sent to|received) [^\n]*\n(.*)", re.DOTALL)


class Linphone:
    """A phone that runs. Times are seconds of waiting at most."""

    def __init__(self, box, user, place, address):
        self.box, self.user, self.place, self.address = box, user, place, address
        self.directory = pathlib.Path(box.LAB_STATE) / f"phone-{user}"
        self._says = pathlib.Path(f"{self.directory}.log")
        self._recordings = itertools.count(1)
        self._heard_before = set()

    def close(self):
        """Nothing of ours holds it."""

    def ask(self, command, word=""):
        """One command; its answer is in what the phone says."""
        self.box.run("phone", "do", self.user, command, *([word] if word else []))

    def said(self):
        return self._says.read_text(encoding="utf-8", errors="replace")

    def mark(self):
        return len(self.said())

    def wait(self, *phrases, timeout=ANSWER_TIMEOUT_S, after=0):
        """The first line since the mark that has one of the phrases."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            found = [line for line in self.said()[after:].splitlines() if any(phrase in line for phrase in phrases)]
            if found:
                return found[0]
            time.sleep(0.05)
        raise TimeoutError(f"phone {self.user}: no {phrases} within {timeout} s, but {self.said()[after:]}")

    def wait_until_registered(self, timeout):
        deadline = time.monotonic() + timeout
        while "to [LinphoneRegistrationOk]" not in self._logged():
            assert time.monotonic() < deadline, f"{self.user} does not register"
            time.sleep(0.05)

    def call(self, user, timeout=ANSWER_TIMEOUT_S):
        """Places a call and waits until it is answered."""
        mark = self.mark()
        self.ask("dial", f"sip:{user}@{self.box.CENTRE_DOMAIN}")
        found = self.wait("Media streams established", " error.", " ended (", timeout=timeout, after=mark)
        assert "established" in found, f"{self.user} -> {user}: {found}"

    def hold(self):
        mark = self.mark()
        self.ask("hold")
        self.wait("is now paused", after=mark)

    def resume(self):
        mark = self.mark()
        self.ask("resume")
        self.wait("Media streams established", after=mark)

    def hang_up(self):
        mark = self.mark()
        self.ask("hangup")
        self.wait(" ended (", after=mark)

    def record_anew(self):
        """What it hears from now on goes to another file: one for all of a call, holds included."""
        mark = self.mark()
        self._heard_before = set(self._files())
        self.ask("record", f"{self.directory}/rec/dump-{next(self._recordings)}-dec.wav")
        self.wait("record", after=mark)

    def heard(self, user):
        """Seconds of the other's tone since the last record_anew."""
        return sum(sound.seconds_heard(path, user) for path in set(self._files()) - self._heard_before)

    def keys(self, sent):
        """The keys of SDES that it sent, or those that it was sent: [(suite, base64)] in order, each once."""
        found = (MESSAGE.search(part) for part in LINE.split(self._logged()))
        return sealing.told(match[2] for match in found if match and (match[1] == "message sent to") == sent)

    def _files(self):
        return self.directory.glob("rec/dump-*-dec.wav")

    def _logged(self):
        return (self.directory / "log").read_text(encoding="utf-8", errors="replace")
