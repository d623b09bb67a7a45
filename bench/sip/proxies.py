# SPDX-License-Identifier: Apache-2.0
"""The proxies that are compared, each with its configuration, under a share of a CPU."""
import pathlib
import re
import subprocess
import time

import machine
import sipp
from quota import Quota

HERE = pathlib.Path(__file__).resolve().parent
HOLDFASTD = HERE.parents[1] / "build" / "control" / "holdfastd"
LAN, WAN, PORT = "198.18.51.1", "198.18.51.2", 5060
START_S = 10


def kamailio_version():
    said = subprocess.run(("kamailio", "-v"), capture_output=True, text=True, check=False).stdout
    found = re.search(r"kamailio (\d+\.\d+\.\d+)", said)
    return found.group(1) if found else "unknown"


class Proxy:
    """Started, and answering, when the constructor returns."""

    target = f"{LAN}:{PORT}"

    def __init__(self, name, words, inside, folder, share):
        self.name = name
        self._quota = Quota(share)
        self._log = open(folder / "proxy.log", "w", encoding="utf-8")  # noqa: SIM115  (closed in close)
        self._process = machine.start([*self._quota.start_words(), *inside, *words], cwd=folder, stdout=self._log,
                                      stderr=self._log, stdin=subprocess.DEVNULL)
        try:
            self._wait(inside, folder)
        except BaseException:
            self.close()
            raise

    def _wait(self, inside, folder):
        """Until a phone's first REGISTER goes through."""
        end = time.monotonic() + START_S
        while time.monotonic() < end and self._process.poll() is None:
            if sipp.Load(inside, folder, "register.xml", self.target, 1, 1).good == 1:
                return
        raise RuntimeError(f"{self.name} did not start: " + (folder / "proxy.log").read_text()[-400:])

    def busy_ns(self):
        return self._quota.busy_ns()

    def close(self):
        machine.stop(self._process)
        self._log.close()
        self._quota.close()


class Kamailio(Proxy):
    """Debian's, one worker."""

    def __init__(self, inside, folder, share):
        super().__init__("Kamailio", ["kamailio", "-f", HERE / "kamailio.cfg", "-DD", "-E", "-n", 1, "-m", 256, "-Y", folder,
                                      "-l", f"udp:{LAN}:{PORT}"], inside, folder, share)


class Holdfast(Proxy):
    """The shipped daemon. Bodies pass: the peer does not look at them either, and relays no media."""

    def __init__(self, inside, folder, share):
        config = folder / "holdfast.toml"
        config.write_text(f"""
[dataplane]
control-socket = "{folder}/dataplane.sock"
[[interface]]
name = "lan"
take = "owned"
driver = "null"
media-addresses = ["{LAN}"]
[[interface]]
name = "wan"
take = "owned"
driver = "null"
media-addresses = ["{WAN}"]
[[sip-listener]]
interface = "lan"
port = {PORT}
faces = "phones"
[[sip-listener]]
interface = "wan"
port = {PORT}
faces = "centre"
[centre]
servers = ["{sipp.CENTRE}:{sipp.CENTRE_PORT}"]
domain = "centre.example"
interface = "wan"
[media]
audio = "pass"
[storage]
directory = "{folder}/store"
[admin]
socket = "{folder}/holdfastd.sock"
""")
        super().__init__("Holdfast", [HOLDFASTD, "--config", config], inside, folder, share)
