# SPDX-License-Identifier: Apache-2.0
"""The caches that are compared, each with its configuration, on one CPU."""
import pathlib
import re
import subprocess

import machine
import place as places

HERE = pathlib.Path(__file__).resolve().parent
HOLDFAST = places.BUILD / "provision-proxy/daemon/holdfast-provision"
PORT, TLS_PORT, PHONE_PORT = 8088, 8089, 8090


def nginx_version():
    said = subprocess.run(("nginx", "-v"), capture_output=True, text=True, check=False).stderr
    found = re.search(r"nginx/([0-9.]+)", said)
    return found.group(1) if found else "unknown"


class System:
    """Answers when the constructor returns. `folder` is its own."""

    def __init__(self, place, folder, words):
        self.place, self.folder = place, folder
        log = folder / "log"
        with log.open("w") as out:
            self._process = machine.start(places.pinned(places.SERVER_CPU, [*place.branch, *words]), stdout=out,
                                          stderr=out, stdin=subprocess.DEVNULL)
        try:
            places.wait_for_answer(place, places.BRANCH, PORT, lambda: self._process.poll() is None)
        except RuntimeError:
            self.close()
            raise RuntimeError(f"{words[0]} did not start: " + log.read_text()[-400:]) from None

    def _pids(self):
        pid = self._process.pid
        children = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *map(int, children)]

    def _schedule_s(self):
        """On a CPU, and waiting for one, so far."""
        times = [machine.schedule_ns(pid) for pid in self._pids()]
        return sum(ran for ran, _ in times) / 1e9, sum(waited for _, waited in times) / 1e9

    def cpu_s(self):
        """CPU time of all its processes so far."""
        return self._schedule_s()[0]

    def memory(self, field):
        """VmRSS or VmHWM of all its processes, in MiB."""
        total = 0
        for pid in self._pids():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            total += int(re.search(rf"{field}:\s+(\d+) kB", status)[1])
        return total / 1024

    def forget_peak(self):
        """VmHWM begins anew."""
        for pid in self._pids():
            pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")

    def hits(self, prefix, port, connections, seconds, rate=0):
        """The files of a prefix, again and again; with the CPU time that they took, and the part of its time in which
        the server wanted its CPU and something else had it."""
        ran, waited = self._schedule_s()
        words = ["--tls"] if port == TLS_PORT else []
        result = self.place.load("--prefix", prefix, "--address", places.BRANCH, "--port", port, "--connections",
                                 connections, "--seconds", seconds, "--rate", rate, *words)
        ran, waited = (after - before for after, before in zip(self._schedule_s(), (ran, waited)))
        result["server_cpu_s"], result["waited"] = ran, waited / max(ran + waited, 1e-9)
        return result

    def get(self, name, port=PORT, **how):
        return self.place.get(name, places.BRANCH, port, **how)

    def close(self):
        machine.stop(self._process)


def make_certificate(folder):
    """Like those of appliances: P-256, signed by itself."""
    subprocess.run(("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "30", "-subj", "/CN=provision.example", "-keyout", folder / "key.pem", "-out",
                    folder / "certificate.pem"), check=True, capture_output=True)


class Nginx(System):
    """Debian's, one worker. Its phone port is its only one: it has no profiles."""
    name = "nginx"
    phone_port, phone_prefix = PORT, "hit-"

    def __init__(self, place, extra=""):
        folder = place.folder / "nginx"
        folder.mkdir()
        make_certificate(folder)
        text = (HERE / "nginx.conf").read_text()
        for key, value in {"FOLDER": folder, "ADDRESS": places.BRANCH, "PORT": PORT, "TLS_PORT": TLS_PORT,
                           "ORIGIN": f"{places.CENTRE}:{places.ORIGIN_PORT}", "EXTRA": extra}.items():
            text = text.replace(f"@{key}@", str(value))
        (folder / "nginx.conf").write_text(text)
        super().__init__(place, folder, ["nginx", "-e", folder / "error.log", "-c", folder / "nginx.conf"])


class Holdfast(System):
    """The shipped daemon: one origin in both profiles."""
    name = "Holdfast"
    phone_port, phone_prefix = PHONE_PORT, "plain-"

    def __init__(self, place):
        folder = place.folder / "holdfast"
        folder.mkdir()
        make_certificate(folder)
        text = [f"""
[[interface]]
name = "lan"
take = "owned"
driver = "null"
media-addresses = ["{places.BRANCH}"]
[provision]
directory = "{folder}/store"
socket = "{folder}/provision.sock"
"""]
        for profile in ("rfc", "phone"):
            text.append(f"""
[[provision-origin]]
name = "{profile}"
url = "http://{places.CENTRE}:{places.ORIGIN_PORT}"
profile = "{profile}"
""")
        for port, origin in ((PORT, "rfc"), (TLS_PORT, "rfc"), (PHONE_PORT, "phone")):
            text.append(f"""
[[provision-listener]]
interface = "lan"
device = ""
port = {port}
origin = "{origin}"
""")
            if port == TLS_PORT:
                text.append(f'tls = true\ncertificate = "{folder}/certificate.pem"\nkey = "{folder}/key.pem"\n')
        (folder / "holdfast.toml").write_text("".join(text))
        super().__init__(place, folder, [HOLDFAST, "--config", folder / "holdfast.toml"])
