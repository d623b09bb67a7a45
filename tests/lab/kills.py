# SPDX-License-Identifier: Apache-2.0
"""A site whose daemons are killed and started again in calls that talk both ways, and what the wires had of them."""
import collections
import contextlib
import json
import os
import pathlib
import random
import statistics
import struct
import subprocess
import time

from appliance import Crowd
from conftest import PYTHON, ROOT, Lab
from drill import wait_until

HERE = pathlib.Path(__file__).parent
BUILD = ROOT / "build"
HOLDFAST = BUILD / "control" / "holdfast"
DATAPLANE = os.environ.get("HF_DATAPLANE", BUILD / "dataplane" / "holdfast-dataplane")
HOLDFASTD = os.environ.get("HF_HOLDFASTD", BUILD / "control" / "holdfastd")
FIRST_MEDIA_PORT = 7000
INTERVAL_S = 0.02
BACK_WITHIN_S = 0.2 + INTERVAL_S  # of the death; the next packet may have to be spoken yet
BACK_IN_CI_S = 1.0                # where others use the machine as well
FROM_HOLDFASTD_WITHIN_S = 1.0 + INTERVAL_S
SETTLED_S = 30
ON_ITS_WAY = 2  # packets that a process had counted and not sent, or sent and not counted, when it died
BETWEEN_LCORES = 10  # with those in the rings between two lcores, one of which may have been without its CPU for long
SEED = 5


class Talker:
    """A program that takes lines and tells events."""

    def __init__(self, box, place, log, *command):
        with open(log, "wb") as errors:
            self.process = box.popen(place, *command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.events, self.rest = [], b""

    def tell(self, *lines):
        self.process.stdin.write("".join(line + "\n" for line in lines).encode())
        self.process.stdin.flush()

    def hear(self):
        self.rest += self.process.stdout.read() or b""
        *lines, self.rest = self.rest.split(b"\n")
        self.events += [json.loads(line) if line.startswith(b"{") else {"event": line.decode()} for line in lines]
        return self.events

    def count(self, event):
        return sum(1 for one in self.hear() if one["event"] == event)

    def close(self):
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait(timeout=15)
        self.process.stdout.close()


class Site:
    """A lab whose daemons are kept, callers in the branch, and callees who play the centre as well. `suites`: of SRTP,
    by what they are called; without, media is plain. `words`: of lab/appliance config, beside the settings."""

    def __init__(self, take, directory, settings=(), suites=None, words=()):
        self.box, self.take, self.directory, self.open = Lab().up(take=take), take, directory, []
        box, self.killed = self.box, collections.Counter()
        self.config = directory / "holdfast.toml"
        self.settings = [word for setting in ("centre.hold-down-ms=1000", *settings) for word in ("--set", setting)]
        srtp = {name: ("--srtp", suite) for name, suite in (suites or {}).items()}
        self.configure(words)
        self.state = pathlib.Path(box.LAB_STATE) / "dataplane.state"
        self.callees = self.talker("hq", "callees", HERE / "sip_crowd.py", *srtp.get("callees", ()), box.CENTRE4,
                                   box.CENTRE_SIP_PORT, FIRST_MEDIA_PORT)
        self.callers = self.talker("branch", "callers", HERE / "sip_crowd.py", *srtp.get("callers", ()),
                                   box.phone4(10), 5060, FIRST_MEDIA_PORT, box.EDGE_LAN4, box.EDGE_SIP_PORT,
                                   box.CENTRE_DOMAIN)
        self.keeper = self.talker("edge", "keeper", HERE / "keeper.py", self.config, DATAPLANE, HOLDFASTD)
        wait_until(lambda: self.upstream() == "online", SETTLED_S, "the centre is not found")
        wait_until(self.is_anchored, SETTLED_S, "holdfastd has no dataplane")

    def configure(self, words):
        """For whoever is started from now on."""
        configured = self.box.run("appliance", "config", *self.settings, *words).stdout
        fresh = self.config.with_suffix(".new")  # a daemon may be reading the other
        fresh.write_text(configured, encoding="utf-8")
        fresh.rename(self.config)

    def talker(self, place, name, *command):
        self.open.append(Talker(self.box, place, self.directory / f"{name}.log", PYTHON, *command))
        return self.open[-1]

    def close(self):
        for talker in reversed(self.open):
            talker.close()
        self.box.down()

    def say(self, *words):
        """The operator's command, its --json answer; None while somebody is away."""
        command = [HOLDFAST, "--socket", f"{self.box.LAB_STATE}/dataplane.sock", "--daemon-socket",
                   f"{self.box.LAB_STATE}/holdfastd.sock", *map(str, words), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def is_anchored(self):
        """Whether calls that are placed now have their media relayed."""
        return ((self.say("status") or {}).get("holdfastd") or {}).get("media", {}).get("state") == "up"

    def upstream(self):
        return (self.say("upstreams") or {}).get("state")

    def kill(self, name):
        """Once it has been started again after the kill before."""
        wait_until(lambda: self.lives(name, "started") > self.killed[name], SETTLED_S, f"{name} is not started again")
        self.killed[name] += 1
        self.keeper.tell(f"kill {name}")

    def lives(self, name, event):
        return sum(1 for one in self.keeper.hear() if (one["name"], one["event"]) == (name, event))

    def place(self, calls):
        self.callers.tell(*(f"invite {n}" for n in calls))
        wait_until(lambda: self.callers.count("answered") == len(calls), SETTLED_S, "a call is not answered")

    def speak(self, seconds, first_seq=lambda call: 0, rtcp=False):
        """All calls talk both ways from here on; gives the crowds."""
        found = []
        for place, end, address in (("branch", self.callers, self.box.phone4(10)),
                                    ("hq", self.callees, self.box.CENTRE4)):
            plans = []
            for one in end.hear():
                if one["event"] != "answered":
                    continue
                to, port = one["media"]
                plans.append({"source": [address, FIRST_MEDIA_PORT + 2 * one["call"]], "to": [to, port],
                              "ssrc": 2 * one["call"] + 1 + (place == "hq"), "first_seq": first_seq(one["call"]),
                              **({"rtcp_to": [to, port + 1]} if rtcp else {}), **self.sealed(one)})
            found.append(Crowd(self.box, place, plans, seconds, linger_s=0.1))
        return found

    @staticmethod
    def sealed(answered):
        if "srtp" not in answered:
            return {}
        return {"srtp": {"suite": answered["srtp"]["suite"], "key": answered["srtp"]["sends"]}}

    def hang_up(self, calls):
        """Half of them by the caller, half by the callee."""
        self.callers.tell(*(f"bye {n}" for n in calls if n % 2 == 0))
        self.callees.tell(*(f"bye {n}" for n in calls if n % 2))
        for end in (self.callers, self.callees):
            wait_until(lambda end=end: end.count("ended") == len(calls), SETTLED_S, "a call is not over")


class Wires:
    """RTP at the peer ends of both ports: {ssrc: {seq: time_ns}} of what came in and of what left."""

    def __init__(self, box, directory, snap=64):
        self.box, self.directory, self.snap, self.dumps = box, directory, snap, []
        self.points = {"access": ("edge-lan", box.EDGE_LAN4), "wan": ("edge-wan", box.EDGE_WAN4)}

    def __enter__(self):
        for place, (interface, _) in self.points.items():
            dump = self.box.popen(place, "nice", "-n", "-5", "tcpdump", "-Z", "root", "-i", interface,
                                  "-s", str(self.snap), "-B", "65536", "--time-stamp-precision", "nano", "-n",
                                  "-w", self.directory / f"{interface}.pcap",
                                  f"udp portrange {self.box.MEDIA_FIRST_PORT}-{self.box.MEDIA_LAST_PORT}",
                                  stderr=subprocess.PIPE, text=True)
            self.dumps.append(dump)
            for line in dump.stderr:
                if "listening on" in line:
                    break
        return self

    def __exit__(self, *_):
        time.sleep(1.2)  # a block of the kernel's ring is handed over after a second
        for dump in self.dumps:
            dump.terminate()
            words = dump.communicate(timeout=10)[1]
            assert "0 packets dropped by kernel" in words, words

    def frames(self):
        """(interface, whether it left the appliance, time_ns, UDP payload) of each frame."""
        for interface, own in self.points.values():
            own = bytes(map(int, own.split(".")))
            data = (self.directory / f"{interface}.pcap").read_bytes()
            assert struct.unpack_from("<I", data)[0] == 0xA1B23C4D
            at = 24
            while at < len(data):
                seconds, nanoseconds, size, _ = struct.unpack_from("<IIII", data, at)
                at += 16
                yield interface, data[at + 26:at + 30] == own, seconds * 1_000_000_000 + nanoseconds, \
                    data[at + 42:at + size]
                at += size

    def read(self):
        came, left = collections.defaultdict(dict), collections.defaultdict(dict)
        for _, leaves, time_ns, packet in self.frames():
            seq, = struct.unpack_from(">H", packet, 2)
            ssrc, = struct.unpack_from(">I", packet, 8)
            (left if leaves else came)[ssrc].setdefault(seq, time_ns)
        return came, left


def dataplane_starts(site):
    return [e["time_ns"] for e in site.keeper.hear()
            if (e["name"], e["event"]) == ("holdfast-dataplane", "started")]


def gaps_after(deaths_ns, left):
    """[seconds until the last of the streams was back] for each death; one that another follows at once is its part."""
    found = []
    times = [sorted(stream.values()) for stream in left.values()]
    for death_ns, next_ns in zip(deaths_ns, [*deaths_ns[1:], 1 << 63]):
        back = [next((t for t in stream if t > death_ns), 1 << 63) for stream in times]
        if max(back) < next_ns:
            found.append((max(back) - death_ns) / 1e9)
    return found


def end_talk(crowds):
    for crowd in crowds:
        crowd.process.terminate()
    for crowd in crowds:
        crowd.wait()


def one_record_each(site, calls):
    wait_until(lambda: len(site.say("calls", "--limit", 1000)["records"]) >= len(calls), SETTLED_S,
               "a record is missing")
    told = site.say("calls", "--limit", 1000)
    assert told["live"] == []
    ends = collections.Counter(record["end"] for record in told["records"])
    assert ends == {"caller_hung_up": (len(calls) + 1) // 2, "callee_hung_up": len(calls) // 2}, ends


def judge_streams(site, came, left, deaths, on_its_way=ON_ITS_WAY):
    """Each stream of `came` is told as the captures have it; gives (told, missing) as lost by us."""
    rows = {}
    for call in site.say("report", "loss")["calls"]:
        for row in call["streams"]:
            ssrc = int(row["ssrc"], 16)
            assert ssrc not in rows, f"told twice: {row}"
            if ssrc in came:
                rows[ssrc] = row
    assert rows.keys() == came.keys()
    total = missed = 0
    for ssrc, row in rows.items():
        missing = len(came[ssrc].keys() - left[ssrc].keys())
        assert row["expected"] == max(came[ssrc]) - min(came[ssrc]) + 1 == len(came[ssrc]), row
        assert row["received"] + row["lost"] + row["lost_by_us"] == row["expected"], row
        assert row["lost"] == 0, row
        assert abs(row["lost_by_us"] - missing) <= on_its_way * deaths, (row, missing)
        total, missed = total + row["lost_by_us"], missed + missing
    return total, missed


def spread(values):
    ordered = sorted(values)
    return f"median {statistics.median(ordered) * 1000:.0f} ms, longest {ordered[-1] * 1000:.0f} ms"


def spoil(path, how):
    """Puts another file in the place of the one that the dataplane writes."""
    if how == "missing":
        path.unlink()
        return
    data = bytearray(path.read_bytes())
    if how == "another_version":
        data[8] ^= 0xFF  # behind the magic: the layout
    else:
        data[4096:] = random.Random(SEED).randbytes(4096) * (len(data) // 4096 - 1)
    fresh = path.with_suffix(".spoilt")
    fresh.write_bytes(data)
    fresh.chmod(0o600)
    fresh.rename(path)


def in_turn(kills):
    """Which daemon dies when, and the chance that the pauses come from as well."""
    chance = random.Random(SEED)
    names = ["holdfast-dataplane", "holdfastd"] * kills
    chance.shuffle(names)
    return names, chance


def wait_until_all_talk(site):
    """Each leg has sent something since we asked for the first time."""
    seen = []

    def all_talk():
        told = site.say("relay", "list")
        if told:
            seen.append({leg["leg"]: leg["tx"]["packets"] for call in told["calls"] for leg in call["legs"]})
        return seen and all(sent > seen[0][leg] for leg, sent in seen[-1].items())

    wait_until(all_talk, SETTLED_S, "sound does not come back")


def kill_in_turn(site, names, chance, drill, configurations=()):
    """configurations: words of lab/appliance for each next dataplane. In CI no dataplane dies before it has taken the
    calls up: a busy machine may need longer than the pauses for that, and two deaths would be one gap."""
    later = iter(configurations)
    for name in names:
        if not drill and name == "holdfast-dataplane":
            wait_until_all_talk(site)
        if configurations and name == "holdfast-dataplane":
            site.configure(next(later))
        site.kill(name)
        time.sleep(chance.uniform(0.3, 1.0) if drill else chance.uniform(0.4, 0.7))
    time.sleep(1)


def deaths_of(site, name):
    return [e["time_ns"] for e in site.keeper.hear() if (e["name"], e["event"]) == (name, "killed")]


@contextlib.contextmanager
def captured(site, directory, calls, talk, snap=64):
    """The calls are placed, talk() makes them speak, and at the end they hang up; gives the wires."""
    site.place(calls)
    with Wires(site.box, directory, snap) as wires:
        crowds = talk()
        yield wires
        end_talk(crowds)
        site.hang_up(calls)
