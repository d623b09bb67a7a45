#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Keeps daemons running as systemd would with Restart=always, and kills them when told: keeper.py CONFIG PROGRAM...

Says {"name": N, "event": "started"|"died", "time_ns": T} for each life, and reads "kill NAME" lines; a name is that of
the program's file. A start that fails by itself is tried again after a second. The daemons end with its input.
"""
import json
import os
import pathlib
import select
import subprocess
import sys
import time

PAUSE_S = 1  # after a start that failed, as the units have it
END_S = 5


class Kept:
    def __init__(self, program, config):
        self.name, self.command = pathlib.Path(program).name, [program, "--config", config]
        self.due = 0.0
        self.start()

    def start(self):
        self.say("started")
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        self.handle = os.pidfd_open(self.process.pid)

    def say(self, event, **more):
        print(json.dumps({"name": self.name, "event": event, "time_ns": time.time_ns(), **more}), flush=True)

    def kill(self):
        self.say("killed")
        self.process.kill()

    def has_died(self):
        status = self.process.wait()
        os.close(self.handle)
        self.say("died", status=status)
        if status < 0:
            self.start()
        else:
            self.handle, self.due = None, time.monotonic() + PAUSE_S

    def end(self):
        if self.handle is None:
            return
        self.process.terminate()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()


def main():
    config, *programs = sys.argv[1:]
    kept = {}
    for program in programs:
        one = Kept(program, config)
        kept[one.name] = one
    while True:
        by_handle = {one.handle: one for one in kept.values() if one.handle is not None}
        ready = select.select([0, *by_handle], [], [], 0.1 if len(by_handle) < len(kept) else None)[0]
        for handle in ready:
            if handle in by_handle:
                by_handle[handle].has_died()
        if 0 in ready:
            words = os.read(0, 4096).decode()
            if not words:
                break
            for name in words.split()[1::2]:
                kept[name].kill()
        for one in kept.values():
            if one.handle is None and time.monotonic() >= one.due:
                one.start()
    for one in reversed(kept.values()):
        one.end()


main()
