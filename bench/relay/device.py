# SPDX-License-Identifier: Apache-2.0
"""The devices under test: the shipped dataplane, and dpdk-testpmd on the same kind of port."""
import json
import pathlib
import re
import subprocess
import time

import machine
import versions

BUILD = pathlib.Path("build")
START_SECONDS = 15
MEMORY_MIB = 256
QUEUE = 1024  # of the virtio-user ports, as the dataplane opens them
FRAMES = 20480  # packet buffers of testpmd, as many as the dataplane makes
CPU = 0
SWAP = "dpdk-testpmd 5tswap"
FIRST_MEDIA_PORT = 10000  # bench/relay/plan.hh
UNUSED_PAIRS = 100
SIDES = ("lan", "wan")
KERNEL_DRIVERS = ("af_packet", "af_xdp")  # their ports have the address of the device


def mac(side, last):
    return f"02:00:00:00:{SIDES.index(side) + 1:02x}:{last:02x}"


def srtp_words(suites):
    """Options of holdfast-relay-calls and of the traffic programs; `suites`: by side, as SDES names them."""
    return [word for side, suite in suites.items() for word in (f"--{side}-srtp", suite)]


def configuration(folder, calls, huge, driver="virtio_user", places=None, cpus=(CPU,)):
    """As docs/configuration.md has it; addresses as in bench/relay/plan.cc."""
    text = [
        "[dataplane]", f'control-socket = "{folder}/dataplane.sock"',
        f'huge-pages = "{"yes" if huge else "no"}"', f"memory-mib = {MEMORY_MIB}", f"cpus = {list(cpus)}",
        # The unused ports lie in the last lcore's slice: the others' calls need legs for ports of theirs.
        f"max-legs = {2 * calls + (2 * UNUSED_PAIRS if len(cpus) > 1 else 0)}"]
    last = FIRST_MEDIA_PORT + 2 * (calls + UNUSED_PAIRS) - 1
    for i, side in enumerate(SIDES):
        text += [
            "[[interface]]", f'name = "{side}"', 'take = "owned"', f'driver = "{driver}"',
            f'device = "{places[i] if places else folder / (side + ".sock")}"',
            *([] if driver in KERNEL_DRIVERS else [f'mac = "{mac(side, 2)}"']),
            f'media-addresses = ["198.{18 + i}.0.2"]',
            f'media-ports = "{FIRST_MEDIA_PORT}-{last}"',
            f'static-neighbors = [{{ address = "198.{18 + i}.0.1", mac = "{mac(side, 1)}" }}]']
    return "\n".join(text) + "\n"


class Device:
    """A process whose one worker lcore moves the packets."""

    def schedule_ns(self):
        return machine.schedule_ns(self.process.pid, machine.lcore_thread(self.process.pid))


class Holdfast(Device):
    """build/dataplane/holdfast-dataplane with its ports owned and its calls added, in a namespace."""
    name = "holdfast"
    reflects = False

    def __init__(self, folder, namespace, calls, huge, driver="virtio_user", places=None, cpus=(CPU,)):
        self.folder = folder
        self._make_taps(namespace)
        config = folder / "dataplane.toml"
        config.write_text(configuration(folder, calls, huge, driver, places, cpus))
        self.log = folder / "dataplane.log"
        with self.log.open("w") as log:
            self.process = machine.start(
                ("ip", "netns", "exec", namespace, BUILD / "dataplane/holdfast-dataplane", "--config", config),
                stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)

    @staticmethod
    def _make_taps(namespace):
        """The kernel's side of the ports, with the routes to the remotes; they outlive the dataplane."""
        for i, side in enumerate(SIDES):
            tap, net = f"hf-{side}", f"198.{18 + i}.0"
            if not subprocess.run(("ip", "-n", namespace, "link", "show", tap), capture_output=True,
                                  check=False).returncode:
                continue
            machine.ip("-n", namespace, "tuntap", "add", "name", tap, "mode", "tap")
            machine.ip("-n", namespace, "link", "set", tap, "address", mac(side, 2), "up")
            machine.ip("-n", namespace, "addr", "add", f"{net}.2/24", "dev", tap)
            machine.ip("-n", namespace, "route", "add", f"198.{18 + i}.0.0/16", "via", f"{net}.1", "dev", tap)

    def wait_started(self, look_every_s=0.02):
        """Until it serves."""
        end = time.monotonic() + START_SECONDS
        while "control socket" not in self.log.read_text():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("the dataplane did not start: " + self.log.read_text()[-400:])
            time.sleep(look_every_s)

    def wait_ready(self, calls, suites=None):
        """Until it has calls; `suites`: of the legs that have SRTP, by side."""
        self.wait_started()
        words = (BUILD / "bench/relay/holdfast-relay-calls", "--socket", self.folder / "dataplane.sock", "--calls",
                 str(calls), *srtp_words(suites or {}))
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())

    def status(self):
        done = subprocess.run((BUILD / "control/holdfast", "--socket", self.folder / "dataplane.sock", "status",
                               "--json"), capture_output=True, text=True, timeout=10, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr.strip())
        return json.loads(done.stdout)

    def memory_bytes(self):
        """Resident, the state file's part among it, and its huge pages."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return 1024 * sum(int(re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)[1])
                          for field in ("VmRSS", "HugetlbPages"))

    def stop(self):
        machine.stop(self.process)


class Testpmd(Device):
    """dpdk-testpmd on one forwarding core, polling without pause."""
    reflects = True

    def __init__(self, folder, name, huge):
        """`name`: the program and its forwarding mode."""
        self.name = name
        self.log = folder / "testpmd.log"
        words = ["dpdk-testpmd", "--lcores", f"0@(0-{CPU + 1}),1@{CPU}", "--main-lcore", "0", "--no-pci",
                 "--no-telemetry", "--iova-mode", "va", "--file-prefix", f"holdfast-testpmd-{folder.name}",
                 "-m", MEMORY_MIB]
        words += ["--in-memory", "--single-file-segments"] if huge else ["--no-huge", "--no-shconf"]
        for i, side in enumerate(SIDES):
            words += ["--vdev", f"net_virtio_user{i},path={folder}/{side}.sock,queues=1,queue_size={QUEUE},"
                                f"mac={mac(side, 2)}"]
        words += ["--", f"--forward-mode={name.split()[1]}", "--nb-cores=1", "--port-topology=paired", f"--rxd={QUEUE}",
                  f"--txd={QUEUE}", f"--total-num-mbufs={FRAMES}", "--no-mlockall", "--record-core-cycles",
                  "--auto-start"]
        with self.log.open("w") as log:
            self.process = machine.start(words, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT)

    def wait_ready(self, _calls):
        """Its output is buffered: that it has connected is seen from the other side, that it forwards by warming."""
        if self.process.poll() is not None:
            raise RuntimeError("dpdk-testpmd did not start: " + self.log.read_text()[-400:])

    def stop(self):
        """Ends it in its own way, so that it says what it counted."""
        if self.process.poll() is None:
            try:
                self.process.stdin.write("\n")
                self.process.stdin.flush()
                self.process.wait(10)
            except (OSError, subprocess.TimeoutExpired):
                pass
        machine.stop(self.process)

    def busy_ns_per_packet(self):
        """After stop()."""
        found = re.search(r"CPU cycles/packet=([0-9.]+).* at ([0-9]+) MHz", self.log.read_text())
        return float(found[1]) * 1000 / int(found[2]) if found else None


def testpmd_version():
    return versions.of("dpdk")
