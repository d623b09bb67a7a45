# SPDX-License-Identifier: Apache-2.0
"""The lab's provisioning server by itself: what it serves, how it fails when it is told to, and what its log says."""
import base64
import contextlib
import hashlib
import http.client
import json
import re
import socket
import ssl
import subprocess
import time

import pytest
from conftest import PYTHON, ROOT
from handset import within
from office import Office

POLYCOM, AUDIOCODES, UNKNOWN = "0004f2000010", "0004f2000016", "0004f2ffffff"
SERVER = ROOT / "lab" / "origin-server.py"
UPDATER = "FileTransport PolycomVVX-VVX_500-UA/5.9.7.47435 (SN:{}) Type/Application"


class Connection(http.client.HTTPConnection):
    """One from headquarters, or (place None) from where we are."""

    def __init__(self, address, port, place=None, tls=None):
        super().__init__(address, port, timeout=5)
        self.place, self.tls = place, tls

    def connect(self):
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        made = within(self.place, lambda: socket.socket(family)) if self.place else socket.socket(family)
        made.settimeout(5)
        made.connect((self.host, self.port))
        self.sock = self.tls.wrap_socket(made, server_hostname=self.host) if self.tls else made

    def ask(self, target, method="GET", body=None, **fields):
        """(status, fields, body) of one exchange; the connection stays."""
        self.request(method, target, body, {name.replace("_", "-"): value for name, value in fields.items()})
        answer = self.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()


class Origin:
    """A server of our own on the loopback, outside of the lab."""

    def __init__(self, directory, *options):
        self.root, self.log, self.control = directory / "root", directory / "log", directory / "control"
        subprocess.run([PYTHON, SERVER, "--root", self.root, "--generate", "7", "--firmware-kb", "64"], check=True)
        self.process = subprocess.Popen(
            [PYTHON, SERVER, "--root", self.root, "--listen", "127.0.0.1:0", "--log", self.log, "--control",
             self.control, *options], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline().split()[-1])

    def connect(self):
        return Connection("127.0.0.1", self.port)

    def ask(self, target, *words, **fields):
        with contextlib.closing(self.connect()) as connection:
            return connection.ask(target, *words, **fields)

    def tell(self, *words):
        return subprocess.run([PYTHON, SERVER, "--control", self.control, "--ask", *words], capture_output=True,
                              text=True, check=False)

    def rows(self):
        return [json.loads(line) for line in self.log.read_text(encoding="utf-8").splitlines()]

    def close(self):
        self.process.terminate()
        self.process.wait(5)
        self.process.stdout.close()


@pytest.fixture(name="serve")
def serve_fixture(tmp_path):
    """serve(OPTION...): a server with files from a seed."""
    origins = []

    def serve(*options):
        directory = tmp_path / str(len(origins))
        directory.mkdir()
        origins.append(Origin(directory, *options))
        return origins[-1]

    yield serve
    for origin in origins:
        origin.close()


def test_a_seed_makes_the_same_branch(serve):
    first, second = serve(), serve()
    names = sorted(str(path.relative_to(first.root)) for path in first.root.rglob("*") if path.is_file())
    assert {f"00{hex(0x04f2000010 + n)[2:].rjust(10, '0')}.cfg" for n in range(10)} <= set(names)
    assert {"sip100.img", "440hd.img", "2345-12500-001.sip.ld", "2345-12500-001.bootrom.ld"} <= set(names)
    for name in names:
        assert (first.root / name).read_bytes() == (second.root / name).read_bytes()
        assert first.ask(f"/{name}", "HEAD")[1]["ETag"] == second.ask(f"/{name}", "HEAD")[1]["ETag"]


def test_a_polycom_finds_what_its_boot_file_names(serve):
    origin = serve()
    with contextlib.closing(origin.connect()) as connection:
        boot = connection.ask(f"/{POLYCOM}.cfg")[2].decode()
        named = re.search('CONFIG_FILES="([^"]*)"', boot).group(1).split(", ")
        assert len(named) == 7
        found = [connection.ask(target) for target in named]
        assert [status for status, _, _ in found] == [200] * 7
        assert b'password="violet-1010"' in found[1][2]
        assert connection.ask(f"/contacts/{POLYCOM}-directory.xml")[0] == 200
        assert connection.ask("/contacts/0004f2000011-directory.xml")[0] == 404
        lines = connection.ask(f"/{AUDIOCODES}.cfg")[2].decode().splitlines()
        assert "voip/line/0/auth_password=violet-1016" in lines
        assert b"provisional" in connection.ask(f"/{UNKNOWN}.cfg")[2]
    rows = origin.rows()
    assert {row["connection"] for row in rows} == {1} and [row["requests"] for row in rows] == list(range(1, 13))
    assert rows[0]["sent"] == len(boot)


def test_validators_and_ranges(serve):
    origin = serve()
    image = (origin.root / "sip100.img").read_bytes()
    _, fields, whole = origin.ask("/sip100.img")
    assert whole == image
    tag, changed = fields["ETag"], fields["Last-Modified"]
    for asked, status, body in (
            ({"If_None_Match": tag}, 304, b""),
            ({"If_None_Match": f'"other", W/{tag}'}, 304, b""),
            ({"If_None_Match": '"other"', "If_Modified_Since": changed}, 200, image),
            ({"If_Modified_Since": changed}, 304, b""),
            ({"If_Modified_Since": "Thu, 01 Jan 2015 00:00:00 GMT"}, 200, image),
            ({"If_Modified_Since": "yesterday"}, 200, image),
            ({"Range": "bytes=0-63"}, 206, image[:64]),
            ({"Range": "bytes=100-"}, 206, image[100:]),
            ({"Range": "bytes=-10"}, 206, image[-10:]),
            ({"Range": "bytes=0-9,20-29"}, 200, image),
            ({"Range": "bytes=9-3"}, 200, image),
            ({"Range": f"bytes={len(image)}-"}, 416, b""),
            ({"Range": "bytes=0-63", "If_Range": '"other"'}, 200, image),
            ({"Range": "bytes=0-63", "If_Range": tag}, 206, image[:64])):
        assert origin.ask("/sip100.img", **asked)[::2] == (status, body), asked
    status, fields, body = origin.ask("/sip100.img", "HEAD")
    assert (status, fields["Content-Length"], body) == (200, str(len(image)), b"")


def test_modes_of_servers_that_exist(serve):
    bare, named = serve("--no-validators", "--no-store"), serve("--by-user-agent")
    _, fields, _ = bare.ask("/sip.cfg", Range="bytes=0-1")
    assert fields["Cache-Control"] == "no-store, must-revalidate"
    assert not {"ETag", "Last-Modified", "Content-Range"} & set(fields)
    bodies = [named.ask("/config.cfg", User_Agent=UPDATER.format(mac))[2] for mac in (POLYCOM, "0004F2-000011", "x")]
    assert bodies[0] == b"user=1010\npassword=violet-1010\n" and bodies[2] == b"not found\n"
    yealink = "Yealink SIP-T33G 124.86.0.118 00:04:f2:00:00:11"
    assert named.ask("/config.cfg", User_Agent=yealink)[2].startswith(b"user=1011")
    named.tell("answer", "other-mac")
    assert named.ask("/config.cfg", User_Agent=UPDATER.format(POLYCOM))[2].startswith(b"user=1011")


def test_authentication(serve):
    basic, digest = serve("--auth", "basic"), serve("--auth", "digest")
    secret = base64.b64encode(b"PlcmSpIp:violet-origin").decode()
    assert basic.ask("/sip.cfg")[1]["WWW-Authenticate"].startswith("Basic ")
    assert [basic.ask("/sip.cfg", Authorization=f"Basic {word}")[0] for word in (secret, "wrong")] == [200, 401]
    status, fields, _ = digest.ask("/sip.cfg")
    nonce = re.search('nonce="([^"]*)"', fields["WWW-Authenticate"]).group(1)
    assert status == 401

    def word(password):
        md5 = lambda text: hashlib.md5(text.encode()).hexdigest()  # noqa: E731
        answer = md5(f"{md5(f'PlcmSpIp:provision:{password}')}:{nonce}:00000001:ab:auth:{md5('GET:/sip.cfg')}")
        return (f'Digest username="PlcmSpIp", realm="provision", nonce="{nonce}", uri="/sip.cfg", qop=auth, '
                f'nc=00000001, cnonce="ab", response="{answer}"')

    assert [digest.ask("/sip.cfg", Authorization=word(p))[0] for p in ("violet-origin", "wrong")] == [200, 401]


def test_uploads_are_stored(serve):
    origin = serve()
    log = f"/{POLYCOM}-boot.log"
    assert origin.ask(log, "PUT", b"one\n")[0] == 201
    assert origin.ask(log, "PUT", iter([b"one\n", b"two\n"]))[0] == 204  # chunked
    assert origin.ask("/deep/er/x.xml", "POST", b"<x/>")[0] == 201
    assert origin.ask(log)[2] == b"one\ntwo\n"
    assert origin.ask("/", "PUT", b"x")[0] == 405
    assert [row["received"] for row in origin.rows()] == [4, 8, 4, 0, 1]


def test_poisons(serve):
    origin = serve()
    path, image = f"/{POLYCOM}.cfg", (origin.root / "sip100.img").read_bytes()
    own, other, provisional = (origin.ask(target)[2] for target in (path, "/0004f2000011.cfg", f"/{UNKNOWN}.cfg"))
    for words, status, body in ((("denied",), 200, b"access denied\n"), (("empty",), 200, b""),
                                (("short",), 200, own[:len(own) // 2]), (("other-mac",), 200, other),
                                (("provisional",), 200, provisional), (("404",), 404, b"404\n"),
                                (("503",), 503, b"503\n"), (("wrong-length",), 200, own[:-7]),
                                (("denied", "/*.img"), 200, own)):
        assert origin.tell("answer", *words).returncode == 0
        assert origin.ask(path)[::2] == (status, body), words
    assert origin.ask("/sip100.img")[2] == b"access denied\n"
    assert origin.tell("answer", "html").returncode == 0 and origin.ask(path)[1]["Content-Type"] == "text/html"
    for kind, error in (("truncated", http.client.IncompleteRead), ("reset", ConnectionError)):
        origin.tell("answer", kind)
        with pytest.raises(error):
            origin.ask("/sip100.img")
    origin.tell("answer", "stall")
    with contextlib.closing(origin.connect()) as connection:
        connection.request("GET", "/sip100.img")
        peer, answer = connection.sock, connection.getresponse()
        assert answer.read(len(image) // 2) == image[:len(image) // 2]
        peer.settimeout(0.2)
        with pytest.raises(TimeoutError):
            answer.read(1)
    assert origin.tell("answer", "kindness").returncode == 1
    origin.tell("heal")
    assert origin.ask("/sip100.img")[2] == image
    assert [row.get("kind") for row in origin.rows()[-2:]] == ["stall", None]


def test_it_refuses_and_comes_back(serve):
    origin = serve()
    with contextlib.closing(origin.connect()) as connection:
        connection.ask("/sip.cfg")
        origin.tell("refuse")
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            connection.ask("/sip.cfg")
    with pytest.raises(ConnectionRefusedError):
        origin.ask("/sip.cfg")
    origin.tell("heal")
    assert origin.ask("/sip.cfg")[0] == 200


def test_bad_requests(serve):
    origin = serve()
    for head, status in (
            ("GET /../etc/passwd HTTP/1.1", 400), ("GET /%2e%2e/x HTTP/1.1", 400), ("GET /a HTTP/2.0", 400),
            ("GET /a", 400), ("GET http://x/a HTTP/1.1", 400), ("BREW / HTTP/1.1", 501),
            ("GET /a HTTP/1.1\r\nbad field: x", 400),
            ("PUT /a HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked", 400),
            ("PUT /a HTTP/1.1\r\nContent-Length: 99999999999", 413), ("GET /a HTTP/1.1\r\nX: " + "x" * 70000, 431)):
        with contextlib.closing(socket.create_connection(("127.0.0.1", origin.port), 5)) as peer:
            peer.sendall(f"{head}\r\n\r\n".encode())
            assert peer.recv(100).startswith(f"HTTP/1.1 {status} ".encode()), head
    assert origin.ask("/sip.cfg")[0] == 200


@pytest.fixture(name="office", scope="module")
def office_fixture():
    office = Office()
    try:
        office.box.run("origin", "start", "--firmware-kb", 64)
        yield office
    finally:
        office.close()


def test_it_stands_at_headquarters(office, tmp_path):
    box = office.box
    trusted = ssl.create_default_context(cafile=f"{box.LAB_STATE}/origin/ca.pem")
    for address in (box.CENTRE4, box.CENTRE6):
        for port, tls in ((box.ORIGIN_HTTP_PORT, None), (box.ORIGIN_HTTPS_PORT, trusted)):
            with contextlib.closing(Connection(address, int(port), "edge", tls)) as connection:
                assert connection.ask(f"/{POLYCOM}.cfg")[0] == 200
    (tmp_path / "new").write_bytes(b"new\n")
    box.run("origin", "put", "sip.cfg", tmp_path / "new")
    connection = Connection(box.CENTRE4, int(box.ORIGIN_HTTP_PORT), "edge")
    assert connection.ask("/sip.cfg")[2] == b"new\n"
    rows = [json.loads(line) for line in box.run("origin", "log").stdout.splitlines()]
    assert [row["tls"] for row in rows] == [False, True, False, True, False]
    box.run("origin", "freeze")
    connection.sock.settimeout(0.3)
    with pytest.raises(TimeoutError):
        connection.ask("/sip.cfg")
    box.run("origin", "thaw")
    connection.close()
    box.run("origin", "answer", "404", "*.cfg")
    with contextlib.closing(Connection(box.CENTRE4, int(box.ORIGIN_HTTP_PORT), "edge")) as later:
        assert later.ask("/sip.cfg")[0] == 404
    assert box.run("origin", "answer", "kindness", check=False).returncode == 1
    assert box.run("origin", "start", check=False).returncode == 1
    assert box.run("origin", "nonsense", check=False).returncode == 2
    box.run("origin", "freeze")
    before = time.monotonic()
    box.run("origin", "stop")
    assert time.monotonic() - before < 3
    assert box.run("origin", "pid", check=False).returncode == 1
