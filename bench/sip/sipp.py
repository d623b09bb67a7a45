# SPDX-License-Identifier: Apache-2.0
"""sipp as the phones and as the centre."""
import csv
import pathlib
import subprocess

import machine

HERE = pathlib.Path(__file__).resolve().parent
PHONES, CENTRE, CENTRE_PORT = "198.18.50.1", "198.18.52.1", 8060
USERS = 1000
PATIENCE_S = 8  # for a run's last calls; a call that takes longer has failed


def write_users(folder):
    lines = ["SEQUENTIAL"] + [f"u{number};" for number in range(USERS)]
    (folder / "users.csv").write_text("\n".join(lines) + "\n")


def centre(inside, folder):
    """Answers until it is stopped."""
    return machine.start([*inside, "sipp", "-sf", HERE / "centre.xml", "-i", CENTRE, "-p", CENTRE_PORT, "-nostdin",
                          "-buff_size", 4 << 20, "-l", 100_000, "-aa"],
                         cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Load:
    """What one run of the phones came to."""

    def __init__(self, inside, folder, scenario, target, rate, seconds):
        stats = folder / "stats.csv"
        stats.unlink(missing_ok=True)
        count = int(rate * seconds)
        words = [*inside, "sipp", target, "-sf", HERE / scenario, "-i", PHONES, "-p", 5080, "-inf", folder / "users.csv",
                 "-r", rate, "-m", count, "-l", 100_000, "-nostdin", "-buff_size", 4 << 20, "-trace_stat", "-stf", stats,
                 "-fd", 1, "-timeout", f"{seconds + PATIENCE_S}s", "-recv_timeout", PATIENCE_S * 1000]
        done = subprocess.run([str(word) for word in words], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=seconds + PATIENCE_S + 20, check=False)
        if not stats.exists():
            raise RuntimeError("sipp: " + " ".join(done.stderr.split())[-300:])
        with open(stats, encoding="utf-8") as f:
            last = list(csv.DictReader(f, delimiter=";"))[-1]
        self.offered = count
        self.good = int(last["SuccessfulCall(C)"])
        self.retransmissions = int(last["Retransmissions(C)"])

    def holds(self):
        """All but one in a thousand succeeded, and no more than one in a hundred had to ask twice."""
        return self.good >= 0.999 * self.offered and self.retransmissions <= 0.01 * self.offered
