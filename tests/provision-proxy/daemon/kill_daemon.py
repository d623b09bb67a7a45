#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Kills holdfast-provision while phones fill and revalidate through it, again and again, and looks at all it gives.

    kill_daemon.py PROGRAM [--kills N] [--seed N] [--directory DIR] [--shim LIBRARY --replay PROGRAM [--lie WHAT]] [--find]

Each round has two lives of the daemon. In the first the centre is there: every file is asked for and checked, phones go
on asking while files change, and the kill comes at a random moment, a quarter of them before the check is over. The
second finds the centre away: what somebody had got in whole before must be given, that version or a newer one; it is
killed as well. Now and then a round begins with an empty directory. With --shim what was not synced is forgotten at each kill. --find: succeed if a violation is found.
"""
import argparse
import asyncio
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from torture_judge import LATE_S, Asked, Judge
from torture_origin import Origin
from torture_phone import Phone
from torture_world import INTERVAL_S, PHONES, World

CONFIG = """
[dataplane]
[[interface]]
name = "lan"
device = "lo"
media-addresses = ["{address}"]
[provision]
directory = "{directory}"
socket = "{work}/socket"
[[provision-listener]]
interface = "lan"
port = 8088
origin = "centre"
[[provision-listener]]
interface = "lan"
port = 8089
origin = "web"
[[provision-origin]]
name = "centre"
url = "http://{address}:8090"
store = "always"
serve-stale = "on-unreachable"
owner-check = "off"
revalidate-s = {interval}
[[provision-origin]]
name = "web"
url = "http://{address}:8090"
profile = "rfc"
answer-ms = 1500
"""
PORT, WEB_PORT, ORIGIN_PORT = 8088, 8089, 8090
READY_WITHIN_S = 20
EARLY, EARLY_S = 0.25, 0.15  # share of the kills that do not wait for the check, and by when they come
MOST_LOAD_S = 0.25           # the others: by then after it
SILENT_EACH = 25             # of so many lives without the centre, in one it is silent; else it refuses
NEW_EACH = 10                # so many rounds begin with an empty directory
LONG_EACH = 30               # one life in so many is longer than anything may be told as fresh
CHANGE_EVERY_S = 0.005
VIOLATIONS_SHOWN = 20
STRANGER = "0004f2000099"


class Daemon:
    def __init__(self, options, work, address):
        self.options, self.address = options, address
        self.program, self.process, self.killed = options.program, None, False
        self.directory, self.shadow = work / "kept", work / "shadow"
        self.log = work / "log"
        self.config = work / "holdfast.toml"
        self.config.write_text(CONFIG.format(address=address, directory=self.directory, work=work, interval=INTERVAL_S))
        self.environment = dict(os.environ)
        if options.shim:
            self.environment |= {"LD_PRELOAD": options.shim, "UNSYNCED_DIR": str(self.directory),
                                 "UNSYNCED_SHADOW": str(self.shadow), "UNSYNCED_LIE": options.lie or ""}

    def begin_anew(self):
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.options.shim:
            self.replay("synced")

    def replay(self, *words):
        subprocess.run([self.options.replay, words[0], self.directory, self.shadow, *map(str, words[1:])], check=True)

    def start(self):
        self.killed = False
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([self.program, "--config", self.config], stdout=log, stderr=log,
                                            env=self.environment)

    async def ready(self):
        """Until it takes connections on both ports."""
        end = time.monotonic() + READY_WITHIN_S
        for port in (PORT, WEB_PORT):
            while True:
                try:
                    _, writer = await asyncio.open_connection(self.address, port)
                    writer.close()
                    break
                except OSError:
                    if self.process.poll() is not None or time.monotonic() > end:
                        raise SystemExit(f"the daemon did not start: {self.tail()}") from None
                    await asyncio.sleep(0.002)

    def kill(self, seed):
        if self.process.poll() is not None:
            raise SystemExit(f"the daemon ended by itself: {self.tail()}")
        self.killed = True
        self.process.kill()
        self.process.wait()
        if self.options.shim:
            self.replay("forget", seed)

    def tail(self):
        return self.log.read_text(errors="replace")[-2000:]


class Soak:
    def __init__(self, options, work):
        number = os.getpid()
        address = f"127.{100 + (number >> 16) % 100}.{number >> 8 & 255}.{number & 255 or 1}"
        self.world = World(options.seed)
        self.draw = self.world.draw
        self.judge = Judge(self.world)
        self.origin = Origin(self.world, address, ORIGIN_PORT)
        self.daemon = Daemon(options, work, address)
        self.phones = [Phone(address, mac) for mac in PHONES for _ in range(2)]
        self.stranger = Phone(address, STRANGER)
        self.kills = {"online": 0, "away": 0}

    # ---- questions

    async def ask(self, phone, cell, method="GET", pause_s=0.0, **fields):
        """Whether there is a daemon."""
        asked = Asked(cell, method, fields, time.monotonic(), self.world.received.get(cell, 0),
                      self.origin.mode != "serve")
        got = await phone.ask(WEB_PORT if cell.by_rfc else PORT, method, cell.path, pause_s, **fields)
        if got is None:
            return False
        excused = (self.daemon.killed or self.world.broke[cell] >= asked.began - LATE_S or
                   self.origin.mode_since >= asked.began)
        self.judge.judge(asked, got, time.monotonic(), excused)
        return True

    async def ask_in_some_way(self, phone, cell):
        dice = self.draw.random()
        if dice < 0.5:
            return await self.ask(phone, cell, pause_s=0.01 if dice < 0.05 else 0)
        if dice < 0.7:
            first = self.draw.randrange(0, 3000) if dice < 0.65 else self.draw.randrange(cell.most_bytes)
            last = first + self.draw.randrange(1, cell.most_bytes)
            return await self.ask(phone, cell, Range=f"bytes={first}-{last}" if dice < 0.68 else f"bytes=-{last}")
        if dice < 0.85:
            return await self.ask(phone, cell, "HEAD")
        return await self.ask(phone, cell, If_None_Match=f'"{self.world.version[cell]}"')

    def asked_for(self):
        """A silent centre is waited for where nothing may be given instead; nobody asks for that."""
        return [cell for cell in self.world.cells if self.origin.mode != "silent" or
                (cell in self.world.received and not cell.never_stale)]

    async def sweep(self):
        """Every file once, by some phone that may have it."""
        left = {phone: [] for phone in self.phones}
        for cell in self.asked_for():
            left[self.draw.choice([p for p in self.phones if cell.phone in ("", p.mac)])].append(cell)

        async def work(phone, mine):
            self.draw.shuffle(mine)
            for cell in mine:
                if not await self.ask(phone, cell):
                    return
        await asyncio.gather(*(work(*item) for item in left.items()))

    async def go_on(self, phone):
        mine = [cell for cell in self.asked_for() if cell.phone in ("", phone.mac)]
        while mine and not self.daemon.killed:
            if not await self.ask_in_some_way(phone, self.draw.choice(mine)):
                await asyncio.sleep(0.002)

    async def change(self):
        while not self.daemon.killed:
            self.world.change(self.draw.choice(self.world.cells))
            await asyncio.sleep(CHANGE_EVERY_S)

    # ---- lives

    async def end_life(self, which, work):
        self.daemon.kill(self.draw.randrange(1 << 31))
        self.kills[which] += 1
        await asyncio.gather(*work)
        for phone in (*self.phones, self.stranger):
            phone.close()

    async def life_with_centre(self):
        await self.origin.be("serve")
        self.daemon.start()
        work = [asyncio.create_task(self.change())]
        is_long = self.kills["online"] % LONG_EACH == LONG_EACH // 2
        if self.draw.random() < EARLY and not is_long:
            work += [asyncio.create_task(self.go_on(phone)) for phone in self.phones]
            await asyncio.sleep(self.draw.random() * EARLY_S)
        else:
            await self.daemon.ready()
            await self.sweep()
            work += [asyncio.create_task(self.go_on(phone)) for phone in self.phones]
            longer_s = INTERVAL_S + LATE_S + 1 if is_long else 0
            await asyncio.sleep(longer_s + self.draw.random() * MOST_LOAD_S)
        await self.end_life("online", work)
        self.world.change_some(0.3)

    async def life_without_centre(self, mode):
        await self.origin.be(mode)
        self.daemon.start()
        await self.daemon.ready()
        await self.sweep()
        got = await self.stranger.ask(PORT, "GET", "/config.cfg")
        if got is None or got.status != 504:
            self.judge.violations.append(f"a stranger was given something: {got}")
        work = [asyncio.create_task(self.go_on(phone)) for phone in self.phones]
        await asyncio.sleep(self.draw.random() * 0.03)
        await self.end_life("away", work)

    async def run(self, kills):
        while self.kills["online"] < kills and not self.judge.violations:
            if self.kills["online"] % NEW_EACH == 0:
                self.daemon.begin_anew()
                self.world.received.clear()
            await self.life_with_centre()
            if not self.judge.violations:
                await self.life_without_centre("silent" if self.kills["away"] % SILENT_EACH == SILENT_EACH - 1
                                               else "refuse")
        await self.origin.be("refuse")

    def report(self, seed):
        print(f"{self.kills['online']} kills with the centre, {self.kills['away']} without; "
              f"{len(self.judge.violations)} violations (seed {seed})")
        print(", ".join(f"{number} {what}" for what, number in sorted(self.judge.counts.items())))
        print("the centre: " + ", ".join(f"{number} {what}" for what, number in self.origin.counts.items()))
        for violation in self.judge.violations[:VIOLATIONS_SHOWN]:
            print(violation)

    def idle(self):
        """What should have happened and did not; a soak of nothing shows nothing."""
        counts, centre = self.judge.counts, self.origin.counts
        return [what for what in ("bodies", "ranges", "cut by a kill", "told as fresh", "told as confirmed",
                                  "told as not confirmed") if not counts[what]] + \
               [what for what in ("renewed", "bodies", "broken") if not centre[what]]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--directory", help="where it works; kept if there was a violation")
    parser.add_argument("--shim", help="unsynced_shim.cc, built")
    parser.add_argument("--replay", help="unsynced_replay_main.cc, built")
    parser.add_argument("--lie", choices=("bodies", "folders", "index"), help="what is not synced, though asked to")
    parser.add_argument("--find", action="store_true")
    options = parser.parse_args()
    if bool(options.shim) != bool(options.replay) or (options.lie and not options.shim):
        parser.error("--shim and --replay go together, and --lie with them")
    work = pathlib.Path(tempfile.mkdtemp(prefix="kills-", dir=options.directory))
    soak = Soak(options, work)
    try:
        asyncio.run(soak.run(options.kills))
    finally:
        if soak.daemon.process and soak.daemon.process.poll() is None:
            soak.daemon.process.kill()
            soak.daemon.process.wait()
    soak.report(options.seed)
    found = bool(soak.judge.violations)
    if not found or options.find:
        shutil.rmtree(work)
    if not found and (idle := soak.idle()):
        sys.exit(f"nothing of this happened: {', '.join(idle)}")
    sys.exit(found != options.find)


if __name__ == "__main__":
    main()
