# SPDX-License-Identifier: Apache-2.0
"""How long phones wait for what is kept when the centre has died."""
import contextlib
import time

import place as places
import systems

PATIENCE_S, QUICK_PATIENCE_S = 70, 5
FAULTS = {"hangs": places.Place.hang, "is cut off": places.Place.cut, "refuses": places.Place.refuse}
FILE = "stale-b.cfg"
STALE_AFTER_S = 1.3  # bench/provision/origin.py gives it one second


class Scene:
    """A cache with one file that is kept and stale, and a centre that has just died."""

    def __init__(self, stack, make, fault):
        place = stack.enter_context(places.new_place(f"-{list(FAULTS).index(fault)}"))
        self.place, self.fault = place, fault
        self.system = make(place)
        stack.callback(self.system.close)
        self.port = self.system.phone_port
        if self.system.get(FILE, self.port)["answers"] != 1:
            raise RuntimeError(f"{self.system.name} does not give what it can fetch")
        time.sleep(STALE_AFTER_S)
        FAULTS[fault](place)
        self._cpu_s = self.system.cpu_s()
        self.figures, self.remarks = {}, []

    def ask(self, patience):
        return self.place.begin_get(FILE, places.BRANCH, self.port, patience=patience)

    def take(self, name, asked, patience):
        answer = self.place.result(asked, patience + 30)
        if answer["answers"] == 1:
            self.figures[name] = answer["seconds"] * 1000
        else:
            self.figures[name] = patience * 1000.0
            self.remarks.append(f"{name}: {answer.get('why', f'none within {patience} s')}")

    def end(self):
        self.figures["CPU time"] = (self.system.cpu_s() - self._cpu_s) * 1000


def measure(make, faults, patience):
    """All these faults at the same time, each to a cache of its own: gives the scenes, with the times to the first and
    to the second answer from what is kept, in ms, and the CPU time of both. An answer that has not come after
    `patience` seconds counts as that, with a remark."""
    with contextlib.ExitStack() as stack:
        scenes = [Scene(stack, make, fault) for fault in faults]
        for name in ("first", "second"):
            asked = [scene.ask(patience) for scene in scenes]
            for scene, process in zip(scenes, asked):
                scene.take(name, process, patience)
        for scene in scenes:
            scene.end()
        return scenes
