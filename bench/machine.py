# SPDX-License-Identifier: Apache-2.0
"""What a bench borrows from the machine, and gives back whatever happens."""
import contextlib
import ctypes
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

HUGE_PAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
PAGE_MIB = 2
NAMESPACE_PREFIX = "hf-bench-"
PR_SET_PDEATHSIG = 1
NICE = -10  # other work of the machine should not decide the figure
_libc = ctypes.CDLL(None)


def missing(programs, built, packages=""):
    """What a bench with two busy CPUs cannot do without here; None when all is there. `packages`: the list to set up."""
    if os.geteuid() != 0:
        return "needs root (network namespaces, XDP)"
    if os.cpu_count() < 2:
        return "needs two CPUs: one for the device under test, one for the traffic"
    if absent := [name for name in programs if not shutil.which(name)]:
        return f"missing: {', '.join(absent)}" + (f" (scripts/setup {packages})" if packages else "")
    if absent := [name for name in built if not (pathlib.Path("build") / name).exists()]:
        return f"build first (scripts/build release): {', '.join(absent)}"
    return None


def ip(*words):
    subprocess.run(("ip",) + words, check=True, capture_output=True, text=True)


def start(words, **options):
    """A process of ours: not hit by the terminal's Ctrl-C, dead at the latest when we are."""
    def in_child():
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # Where the kernel groups processes by session, a nice value counts within its session alone.
        with contextlib.suppress(OSError), open("/proc/self/autogroup", "w", encoding="ascii") as group:
            group.write(str(NICE))

    return subprocess.Popen(["nice", "-n", str(NICE), *map(str, words)], text=True, start_new_session=True,
                            preexec_fn=in_child, **options)


def stop(process, seconds=5):
    """Asks it to end, then makes it."""
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(seconds)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream:
            with contextlib.suppress(OSError):
                stream.close()


def run_group(words, seconds):
    """A command that cleans up after itself when asked to end: it is asked, then made to, whatever ends us. Returns
    what it printed; its last words when it fails."""
    process = subprocess.Popen([str(word) for word in words], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               stdin=subprocess.DEVNULL, start_new_session=True)
    try:
        out, errors = process.communicate(timeout=seconds)
    except BaseException as cause:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.communicate(timeout=15)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
        if isinstance(cause, subprocess.TimeoutExpired):
            raise RuntimeError(f"{words[0]} took more than {seconds} s") from None
        raise
    if process.returncode:
        raise RuntimeError(f"{words[0]}: " + " ".join(errors.split())[-300:])
    return out


class HugePages:
    """Raises the pool of 2 MiB pages while it is in use; other programs may take pages out of it meanwhile."""

    def __enter__(self):
        self._before = self._read("nr_hugepages")
        return self

    def __exit__(self, *_):
        if self._before is not None and self._read("nr_hugepages") != self._before:
            self._write(self._before)

    def provide(self, mib):
        """Whether so much is free now."""
        if self._before is None:
            return False
        missing = mib // PAGE_MIB - self._read("free_hugepages")
        if missing > 0:
            self._write(self._read("nr_hugepages") + missing)
        return self._read("free_hugepages") * PAGE_MIB >= mib

    @staticmethod
    def _read(name):
        try:
            return int((HUGE_PAGES / name).read_text())
        except OSError:
            return None

    @staticmethod
    def _write(count):
        with contextlib.suppress(OSError):
            (HUGE_PAGES / "nr_hugepages").write_text(str(count))


def remove_stale_namespaces():
    """Those of a bench that was killed outright."""
    names = subprocess.run(("ip", "netns", "list"), capture_output=True, text=True, check=False).stdout
    for name in (line.split()[0] for line in names.splitlines() if line.startswith(NAMESPACE_PREFIX)):
        pid = name.removeprefix(NAMESPACE_PREFIX).split("-")[0]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            subprocess.run(("ip", "netns", "delete", name), capture_output=True, check=False)


@contextlib.contextmanager
def namespace(part=""):
    """A network namespace of our own, without IPv6, so that nothing speaks unasked. `part` tells several apart."""
    remove_stale_namespaces()
    name = f"{NAMESPACE_PREFIX}{os.getpid()}" + (f"-{part}" if part else "")
    ip("netns", "add", name)
    try:
        subprocess.run(("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1",
                        "net.ipv6.conf.default.disable_ipv6=1"), check=False, capture_output=True)
        ip("-n", name, "link", "set", "lo", "up")
        yield name
    finally:
        subprocess.run(("ip", "netns", "delete", name), capture_output=True, check=False)


@contextlib.contextmanager
def work_folder(parent=None):
    path = pathlib.Path(tempfile.mkdtemp(prefix="holdfast-bench-", dir=parent))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


class BusyTime:
    """CPU time of the whole machine between two readings (proc_stat(5)), less what a hypervisor took."""

    def __init__(self):
        self._start = self._now()

    def seconds(self):
        start, away = self._start
        end, still_away = self._now()
        return os.cpu_count() * (end - start) - (still_away - away) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def _now():
        """Also the ticks in which the CPUs were idle, waited for a disk, or were taken."""
        with open("/proc/stat", encoding="ascii") as stat:
            ticks = [int(word) for word in stat.readline().split()[1:]]
        return time.monotonic(), ticks[3] + ticks[4] + ticks[7]


def lcore_thread(pid):
    """The thread that DPDK runs as the one worker lcore."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if (task / "comm").read_text().startswith(("lcore-worker", "rte-worker")):
            return int(task.name)
    raise RuntimeError(f"process {pid} has no worker lcore")


def schedule_ns(pid, thread=None):
    """(on a CPU, waiting for one) so far, in nanoseconds, of one thread or of all."""
    tasks = pathlib.Path(f"/proc/{pid}/task")
    threads = [str(thread)] if thread else [task.name for task in tasks.iterdir()]
    stats = [(tasks / name / "schedstat").read_text().split() for name in threads]
    return sum(int(s[0]) for s in stats), sum(int(s[1]) for s in stats)
