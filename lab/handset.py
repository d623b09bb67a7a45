#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Speaks to a phone of the lab (baresip's ctrl_tcp: netstrings of JSON): commands, answers, and what it tells by itself.

As a command, in the phone's namespace: handset.py PORT COMMAND [WORD]. lab/phone do is the way to call it.
A phone listens to one controller at a time: the newest.
"""
import ctypes
import itertools
import json
import os
import socket
import sys
import threading
import time

ANSWER_TIMEOUT_S = 20  # how soon it is, captures tell: a phone waits for its turn on a busy machine
CLONE_NEWNET = 0x40000000


def within(place, make):
    """What make() gives, called in the network namespace of one of the lab's places: a socket stays in it."""
    made = []

    def work():  # a thread may stand in another namespace than its process
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            namespace = os.open(f"/run/netns/hf-{place}", os.O_RDONLY | os.O_CLOEXEC)
            if libc.setns(namespace, CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"cannot enter hf-{place}")
            os.close(namespace)
            made.append(make())
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]


class Handset:
    """One phone under our control, in a place of the lab or (None) where we are. Events are dicts as the phone sends them, with at_ns, the time that they came."""

    def __init__(self, place, port, name=""):
        self.name = name
        self.events, self._answers, self._tokens = [], {}, itertools.count()
        self._changed = threading.Condition()
        self._gone = False

        def connect():
            return socket.create_connection(("127.0.0.1", port), timeout=ANSWER_TIMEOUT_S)

        self._socket = connect() if place is None else within(place, connect)
        self._socket.settimeout(None)
        threading.Thread(target=self._read, daemon=True).start()

    def close(self):
        self._socket.close()

    def _read(self):
        buffer = b""
        while True:
            try:
                data = self._socket.recv(65536)
            except OSError:
                data = b""
            if not data:
                break
            buffer += data
            while b":" in buffer:
                size, _, rest = buffer.partition(b":")
                if len(rest) < int(size) + 1:
                    break
                self._take(json.loads(rest[:int(size)]))
                buffer = rest[int(size) + 1:]
        with self._changed:
            self._gone = True
            self._changed.notify_all()

    def _take(self, message):
        with self._changed:
            if message.get("event"):
                self.events.append({**message, "at_ns": time.time_ns()})
            else:
                self._answers[message.get("token")] = message
            self._changed.notify_all()

    def ask(self, command, word=""):
        """One command; gives the text that it answers with."""
        token = str(next(self._tokens))
        body = json.dumps({"command": command, "params": word, "token": token}).encode()
        self._socket.sendall(b"%d:%s," % (len(body), body))
        with self._changed:
            self._changed.wait_for(lambda: token in self._answers or self._gone, ANSWER_TIMEOUT_S)
            answer = self._answers.pop(token, None)
        if answer is None:
            raise RuntimeError(f"phone {self.name} does not answer '{command}'")
        if not answer.get("ok"):
            raise RuntimeError(f"phone {self.name}: {command} {word}: {answer.get('data')}")
        return answer.get("data", "")

    def seen(self, kind, after=0):
        """Its events of a kind (CALL_ESTABLISHED, ...) from the numbered one on."""
        return [e for e in self.events[after:] if e["type"] == kind]

    def wait(self, *kinds, timeout=ANSWER_TIMEOUT_S, after=0, direction=None):
        """The first event of one of the kinds from the numbered one on; direction: only of calls that way."""
        with self._changed:
            def first():
                return next((e for e in self.events[after:] if e["type"] in kinds
                             and direction in (None, e.get("direction"))), None)
            self._changed.wait_for(lambda: first() or self._gone, timeout)
            found = first()
        if found is None:
            heard = [e["type"] + " " + e.get("param", "") for e in self.events[after:]]
            raise TimeoutError(f"phone {self.name}: no {' or '.join(kinds)} within {timeout} s, but {heard}")
        return found

    def mark(self):
        """The number of the next event."""
        return len(self.events)


def main():
    if len(sys.argv) not in (3, 4) or not sys.argv[1].isdigit():
        sys.exit("usage: handset.py PORT COMMAND [WORD]")
    try:
        print(Handset(None, int(sys.argv[1])).ask(*sys.argv[2:]).strip())
    except (OSError, RuntimeError) as error:
        sys.exit(f"phone: {error}")


if __name__ == "__main__":
    main()
