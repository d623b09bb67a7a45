# SPDX-License-Identifier: Apache-2.0
"""Requests wrong on purpose at holdfast-provision: each ends by name, none leads anywhere but to the centre's
provisioning server, memory stays bounded, and phones beside are served.

What went out is told by the server's own log, by a host that must see nobody, and by a rule in the appliance's kernel.
"""
import contextlib
import json
import pathlib
import socket
import ssl
import subprocess
import threading
import time

import pytest
from conftest import ROOT
from handset import within

HOLDFAST = ROOT / "build" / "control" / "holdfast"
PROVISION = ROOT / "build" / "provision-proxy" / "daemon" / "holdfast-provision"
TLS_PORT, PLAIN_PORT = 8089, 8088
PATIENCE_S = 1  # the daemon's own, for heads and for what stands still
PER_ADDRESS, IN_ALL = 40, 100
MORE_MIB = 48  # of memory, whatever comes
PHONE, ATTACKER = 10, 11
FIRMWARE, FIRMWARE_KB = "/2345-12500-001.sip.ld", 8192
ROOM_MIB = 6  # less than the firmware


def head(first_line, host="a", more=""):
    fields = f"Host: {host}\r\n" if host else ""
    return f"{first_line} HTTP/1.1\r\n{fields}Connection: close\r\n{more}\r\n".encode("latin-1")


class Gate:
    """The daemon with a plain and a TLS listener, a host that it must not ask, and a phone beside the attackers."""

    def __init__(self, box, room_mib=0):
        self.box, self.state, self.process = box, pathlib.Path(box.LAB_STATE), None
        self.directory = self.state / "provision"
        self.room_mib = room_mib
        if room_mib:
            self.directory.mkdir()
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room_mib}m,mode=0700", "none", self.directory],
                           check=True)
        box.run("origin", "start", "--firmware-kb", FIRMWARE_KB)
        self.other = f"{box.HQ_NET4}.15"
        self.strangers = [self.listen("hq", self.other, port) for port in (80, 443, PLAIN_PORT)]
        self.watch()

    def start(self, options):
        box = self.box
        config = box.run("appliance", "config", "--set", f"provision.request-s={PATIENCE_S}", "--set",
                         f"provision.stall-s={PATIENCE_S}", *options).stdout
        config += (f'[[provision-listener]]\ninterface = "lan"\ntls = true\n'
                   f'certificate = "{self.state}/origin/ca.pem"\nkey = "{self.state}/origin/key.pem"\n')
        (self.state / "bad.toml").write_text(config, encoding="utf-8")
        self.process = box.popen("edge", PROVISION, "--config", self.state / "bad.toml", stderr=subprocess.DEVNULL)
        self.until(lambda: (self.state / "provision.sock").exists(), "it does not start")
        self.sip = self.body(self.ask(head("GET /sip.cfg")))
        assert self.sip == (self.state / "origin" / "root" / "sip.cfg").read_bytes()

    def close(self):
        for stranger in self.strangers:
            stranger.close()
        if self.process:
            self.process.terminate()
        ended = self.process.wait(timeout=5) if self.process else None
        if self.room_mib:
            subprocess.run(["umount", "--lazy", self.directory], check=True)
        assert not ended, "it ends with an error"

    @staticmethod
    def listen(place, address, port):
        made = within(place, lambda: socket.create_server((address, port)))
        made.setblocking(False)
        return made

    def watch(self):
        """Counts each connection and each datagram that the appliance begins elsewhere."""
        centre = f"ip daddr {self.box.CENTRE4} tcp dport {self.box.ORIGIN_HTTP_PORT}"
        rules = ("table inet watch {\nchain out {\ntype filter hook output priority 0;\n"
                 f"oifname lo accept\n{centre} accept\ntcp flags & (syn | ack) == syn counter\n"
                 "meta l4proto udp counter\n}\n}\n")
        self.box.exec("edge", "nft", rules)

    def elsewhere(self):
        rules = json.loads(self.box.exec("edge", "nft", "-j", "list", "table", "inet", "watch").stdout)["nftables"]
        return [part["counter"]["packets"] for rule in rules if "rule" in rule for part in rule["rule"]["expr"]
                if "counter" in part]

    def connect(self, number=ATTACKER, port=PLAIN_PORT, buffer=0):
        def make():
            made = socket.socket()
            if buffer:
                made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
            made.bind((self.box.phone4(number), 0))
            made.settimeout(8)
            made.connect((self.box.EDGE_LAN4, port))
            return made
        return within("branch", make)

    def ask(self, request, port=PLAIN_PORT):
        """All that comes back until the end of the connection."""
        with self.connect(port=port) as connection:
            connection.sendall(request)
            return self.rest(connection)

    @staticmethod
    def rest(connection):
        got = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                got += piece
        return got

    @staticmethod
    def body(answer):
        return answer.partition(b"\r\n\r\n")[2]

    def say(self):
        done = subprocess.run([HOLDFAST, "provision", "status", "--json", "--provision-socket",
                               self.state / "provision.sock"], capture_output=True, text=True, check=True)
        return json.loads(done.stdout)

    def counts(self, listener=0):
        return self.say()["listeners"][listener]["counts"]

    def asked(self):
        return [row["target"] for row in map(json.loads, self.box.run("origin", "log").stdout.splitlines())]

    def memory_mib(self):
        words = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").split()
        return int(words[words.index("VmRSS:") + 1]) / 1024

    @staticmethod
    def until(condition, what, timeout_s=8):
        end = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < end, what
            time.sleep(0.05)


@pytest.fixture(name="gate")
def gate_fixture(lab):
    with contextlib.ExitStack() as stack:
        def start(*options, room_mib=0):
            made = Gate(lab(), room_mib)
            stack.callback(made.close)
            made.start(options)
            return made
        yield start


class Phone:
    """Asks for its file on a new connection again and again; what it got that it should not have."""

    def __init__(self, gate):
        self.gate, self.wrong, self.served, self.highest_mib = gate, [], 0, 0
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ending.wait(0.05):
            try:
                with self.gate.connect(PHONE) as connection:
                    connection.sendall(head("GET /sip.cfg"))
                    got = self.gate.rest(connection)
                if got.startswith(b"HTTP/1.1 200 ") and self.gate.body(got) == self.gate.sip:
                    self.served += 1
                else:
                    self.wrong.append(got[:100])
            except OSError as error:
                self.wrong.append(str(error))
            self.highest_mib = max(self.highest_mib, self.gate.memory_mib())

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()


def tricks(gate):
    """(request, status, counter): what no reader may take for a file elsewhere, or for another host."""
    other, centre = gate.other, f"{gate.box.CENTRE4}:{gate.box.ORIGIN_HTTP_PORT}"
    refused = [
        ("GET /../../../../etc/passwd", "a", 400, "head_target_dot_segments"),
        ("GET /cfg/../../../etc/passwd", "a", 400, "head_target_dot_segments"),
        ("GET /%2e%2e/%2e%2e/%2e%2e/etc/passwd", "a", 400, "head_target_dot_segments"),
        ("GET /.%2e/%2e./etc/passwd", "a", 400, "head_target_dot_segments"),
        ("GET /cfg/..%2f..%2f..%2fetc%2fpasswd", "a", 400, "head_target_dot_segments"),
        ("GET /..;/etc/passwd", "a", 400, "head_target_dot_segments"),
        ("GET //..//..//etc/passwd", "a", 400, "head_target_dot_segments"),
        ("GET /%252e%252e/etc/passwd", "a", 400, "head_target_double_escape"),
        ("GET /%c0%ae%c0%ae/etc/passwd", "a", 400, "head_target_overlong"),
        ("GET /sip.cfg%00.png", "a", 400, "head_target_nul"),
        ("GET /sip.cfg\0.png", "a", 400, "head_nul"),
        ("GET /..\\..\\etc\\passwd", "a", 400, "head_target_backslash"),
        ("GET /..%5c..%5cetc%5cpasswd", "a", 400, "head_target_backslash"),
        (f"GET /%2f{other}/secret", "a", 400, "head_target_two_slashes"),
        ("GET /sip.cfg#x", "a", 400, "head_target_fragment"),
        ("GET file:///etc/passwd", "a", 400, "head_target_form"),
        (f"GET ftp://{other}/secret", other, 400, "head_target_form"),
        (f"GET {other}:{PLAIN_PORT}", other, 400, "head_target_form"),
        ("OPTIONS *", "a", 400, "head_target_form"),
        (f"GET http://{other}/secret", "a", 400, "head_target_authority"),
        (f"GET http://{centre}@{other}/secret", centre, 400, "head_target_authority"),
        ("GET /sip.cfg", f"{centre}@{other}", 400, "head_host_invalid"),
        ("GET /sip.cfg", "", 400, "head_host_missing"),
        (f"CONNECT {other}:{PLAIN_PORT}", other, 501, "head_method_connect"),
        ("TRACE /sip.cfg", "a", 501, "head_method_trace"),
    ]
    return [(head(line, host), status, counter) for line, host, status, counter in refused]


def garbage():
    """(bytes, counter) of no HTTP at all."""
    hello = ssl.MemoryBIO()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(ssl.MemoryBIO(), hello, server_hostname="a.example")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return [(hello.read(), "head_method_malformed"), (bytes(range(128, 256)) * 40, "head_method_malformed"),
            (bytes(5000), "head_nul"), (b"\n" * 100, "head_bare_lf"),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "head_target_form"),
            (b"GET /sip.cfg\r\n\r\n", "head_request_line_malformed")]


def test_no_request_leads_elsewhere(gate):
    gate = gate()
    files = {path.name for path in gate.directory.iterdir()}
    wanted = {}
    with Phone(gate) as phone:
        for request, status, counter in tricks(gate):
            got = gate.ask(request)
            assert got.startswith(b"HTTP/1.1 %d " % status) and b"root:" not in got, (request, got[:200])
            wanted[counter] = wanted.get(counter, 0) + 1
        for request, counter in garbage():
            assert gate.ask(request).startswith(b"HTTP/1.1 400 "), request[:40]
            wanted[counter] = wanted.get(counter, 0) + 1
        for request in (head("GET /sip.cfg"), bytes(3000), b"\x16\x03\x01\xff\xff" + bytes(range(256)) * 64):
            assert b"200" not in gate.ask(request, TLS_PORT)[:20], "plain text on the TLS port"

        # What is a path, or a host of no consequence, goes to the centre's server byte for byte, and nowhere else.
        other, before = gate.other, len(gate.asked())
        paths = [f"//{other}/secret", "///etc/passwd", "//user@host:80/x.cfg", "/a/./b%2fc.cfg",
                 "/x.cfg?u=http://b/../c"]
        for path in paths:
            gate.ask(head(f"GET {path}"))
        gate.ask(head(f"GET http://{other}/of-its-own", other))
        gate.ask(head("GET /by-host", other, f"X-Forwarded-Host: {other}\r\nForwarded: host={other}\r\n"))
        assert gate.body(gate.ask(head("GET //sip.cfg"))) == gate.sip, "a phone whose URL ends in a slash"
        assert gate.body(gate.ask(b"GET /sip.cfg HTTP/1.0\r\n\r\n")) == gate.sip, "a boot loader"
        new = [target for target in gate.asked()[before:] if target != "/sip.cfg"]
        assert new == [*paths, "/of-its-own", "/by-host", "//sip.cfg"]
        gate.until(lambda: phone.served > 3, "nobody is served beside")

    assert not phone.wrong, phone.wrong[:3]
    counts = gate.counts()
    assert {name: counts.get(name) for name in wanted} == wanted
    assert counts["refused_heads"] == sum(wanted.values()), "a refusal without a name"
    gate.until(lambda: gate.counts(1).get("handshakes_failed") == 3, "plain text on the TLS port is not counted")
    for stranger in gate.strangers:
        with pytest.raises(BlockingIOError):
            stranger.accept()
    assert gate.elsewhere() == [0, 0], "the appliance spoke to somebody else"
    assert {path.name for path in gate.directory.iterdir()} == files


def drip(connection, data, ended, pause_s=0.1):
    """A byte now and then, until the other side has had enough or `ended`."""
    with contextlib.suppress(OSError):
        for i in range(len(data)):
            if ended.wait(pause_s):
                return
            connection.sendall(data[i:i + 1])


def flood(connection, piece):
    """Without end, until the other side has had enough."""
    sent = 0
    with contextlib.suppress(OSError):
        while sent < 1 << 30:
            connection.sendall(piece)
            sent += len(piece)
    return sent


def test_slow_and_endless(gate):
    gate = gate("--set", f"provision.max-connections-per-address={PER_ADDRESS}", "--set",
                f"provision.max-connections={IN_ALL}")
    gate.ask(head(f"GET {FIRMWARE}"))
    before, memory = gate.counts(), gate.memory_mib()
    ended = threading.Event()
    dripping = []
    with Phone(gate) as phone, contextlib.ExitStack() as stack:
        def connect(number=ATTACKER, **options):
            return stack.enter_context(gate.connect(number, **options))

        # Slow: heads, uploads, and those who ask and never read.
        lorises = [connect() for _ in range(20)]
        uploads = [connect() for _ in range(4)]
        for upload in uploads:
            upload.sendall(b"PUT /0004f2000010-boot.log HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
        deaf = [connect(buffer=4096) for _ in range(8)]
        for connection in deaf:
            connection.sendall(head(f"GET {FIRMWARE}"))
        for connection in (*lorises, *uploads):
            data = head("GET /sip.cfg", more="X: " + "x" * 200 + "\r\n") if connection in lorises else bytes(1000)
            dripping.append(threading.Thread(target=drip, args=(connection, data, ended)))
            dripping[-1].start()

        # Endless: fields, one field, a request line, chunk extensions, trailers, chunks.
        chunked = b"PUT /0004f2000011-app.log HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for start, piece in ((b"GET / HTTP/1.1\r\n", b"X: y\r\n" * 1000), (b"GET / HTTP/1.1\r\nX: ", b"x" * 10000),
                             (b"GET /", b"x" * 10000), (b"", b"X" * 1000), (chunked + b"5;", b"x" * 10000),
                             (chunked + b"0\r\n", b"X: y\r\n" * 1000),
                             (chunked, b"10000\r\n" + bytes(65536) + b"\r\n")):
            with gate.connect(12) as connection:
                connection.sendall(start)
                assert flood(connection, piece) < 1 << 30, start

        # Many: idle ones over what an address, and over what all may have.
        for number in (13, 14, 15):
            for _ in range(PER_ADDRESS + 5):
                with contextlib.suppress(OSError):
                    connect(number)
        gate.until(lambda: gate.counts().get("head_too_slow", 0) >= len(lorises) + PER_ADDRESS, "slow heads stay open")
        gate.until(lambda: gate.counts().get("body_too_slow", 0) == len(uploads), "slow uploads stay open")
        gate.until(lambda: gate.counts().get("write_too_slow", 0) == len(deaf), "those who never read stay")
        ended.set()
        for thread in dripping:
            thread.join()
        for loris in lorises:
            assert gate.rest(loris).startswith(b"HTTP/1.1 408 ")
        highest = max(phone.highest_mib, gate.memory_mib())

    assert phone.served > 10 and not [got for got in phone.wrong if got[9:12] != b"503"], phone.wrong[:3]
    counts = gate.counts()
    gained = {name: count - before.get(name, 0) for name, count in counts.items()}
    assert gained["head_too_many_fields"] == 1 and gained["head_too_large"] == 1, gained
    assert gained["head_target_too_long"] == 1 and gained["head_method_malformed"] == 1
    assert gained["body_malformed"] == 2 == sum(count for name, count in gained.items() if name.startswith("chunk"))
    assert gained["refused_per_address"] > 0 and gained["refused_too_many"] > 0
    assert highest - memory < MORE_MIB, (memory, highest)
    gate.until(lambda: gate.say()["connections"] == 0, "connections stay")
    assert gate.elsewhere() == [0, 0]


def test_a_full_disk(gate):
    """It serves on, stores nothing, loses nothing, says so, and stores again once there is room."""
    gate = gate("--set", "provision-origin.probe-s=1", room_mib=ROOM_MIB)
    root = gate.state / "origin" / "root"

    def get(path):
        got = gate.ask(head(f"GET {path}"))
        return int(got[9:12]), gate.body(got)

    assert get(FIRMWARE) == (200, (root / FIRMWARE[1:]).read_bytes()), "cut where the disk was full"
    gate.until(lambda: gate.say()["store"]["state"] == "the disk is full", "the full disk is not seen")
    alarms = gate.say()["alarms"]
    assert [alarm["subject"] for alarm in alarms if alarm["kind"] == "not_stored"] == [f"centre {FIRMWARE}"]

    ballast = (gate.directory / "ballast").open("wb", buffering=0)
    with ballast, contextlib.suppress(OSError):
        while ballast.write(bytes(4096)):
            pass
    newer = gate.sip + b"<!-- newer -->\n"
    (gate.state / "fresh").write_bytes(newer)
    gate.box.run("origin", "put", "/sip.cfg", gate.state / "fresh")
    assert get("/sip.cfg") == (200, newer)
    gate.box.run("origin", "refuse")
    assert get("/sip.cfg") == (200, gate.sip), "what was stored is lost"
    assert gate.say()["store"]["commits"] == 1
    gate.box.run("origin", "heal")

    (gate.directory / "ballast").unlink()
    gate.until(lambda: gate.say()["store"]["state"] == "none", "it does not find that there is room")
    gate.until(lambda: gate.say()["origins"][0]["state"] == "closed", "the centre is not found again")
    assert get("/sip.cfg") == (200, newer)
    gate.box.run("origin", "refuse")
    assert get("/sip.cfg") == (200, newer), "it was not stored"
