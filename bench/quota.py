# SPDX-License-Identifier: Apache-2.0
"""A share of one CPU for all processes of a device, by the kernel's cpu controller (cgroup version 1 or 2)."""
import contextlib
import os
import pathlib
import time

ROOT = pathlib.Path("/sys/fs/cgroup")
PERIOD_US = 10_000  # short, so that a used-up share delays a message by less than a retransmission


class Quota:
    """Processes join by `start_words`, or later by `join`; the folder goes when they have ended."""

    def __init__(self, share):
        first = ROOT / "cpu" / "cpu.cfs_quota_us"
        name = f"hf-bench-{os.getpid()}"
        if first.parent.is_dir():
            self.folder = first.parent / name
            self.folder.mkdir()
            (self.folder / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self.folder / "cpu.cfs_quota_us").write_text(str(int(PERIOD_US * share)))
        else:
            (ROOT / "cgroup.subtree_control").write_text("+cpu")
            self.folder = ROOT / name
            self.folder.mkdir()
            (self.folder / "cpu.max").write_text(f"{int(PERIOD_US * share)} {PERIOD_US}")

    def start_words(self):
        """What stands before a command so that it and its children belong here."""
        return ["sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh"]

    def join(self, pid):
        """A process that has started already, with all its threads."""
        (self.folder / "cgroup.procs").write_text(str(pid))

    def leave(self, pid):
        """It may end as fast as it can."""
        (self.folder.parent / "cgroup.procs").write_text(str(pid))

    def processes(self):
        return [int(pid) for pid in (self.folder / "cgroup.procs").read_text().split()]

    def busy_ns(self):
        """CPU time of all processes so far."""
        total = 0
        for pid in self.processes():
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                with contextlib.suppress(OSError):  # it has just ended
                    total += int(task.read_text().split()[0])
        return total

    def close(self):
        for _ in range(100):
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                return
            time.sleep(0.05)


def missing():
    """Why a share cannot be set here; None when it can."""
    if (ROOT / "cpu" / "cpu.cfs_quota_us").exists() or (ROOT / "cpu").is_dir() or \
            ((ROOT / "cgroup.controllers").exists() and "cpu" in (ROOT / "cgroup.controllers").read_text().split()):
        return None
    return "the kernel's cpu controller is not there"
