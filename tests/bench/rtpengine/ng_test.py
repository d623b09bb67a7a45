# SPDX-License-Identifier: Apache-2.0
"""The NG protocol as rtpengine's documentation has it, and what is no answer; the plan of wires.py is that of plan.cc."""
import base64
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "bench/rtpengine")]
import ng  # noqa: E402
import wires  # noqa: E402


class Bencode(unittest.TestCase):
    def test_known_texts(self):
        for value, text in (({"command": "ping"}, b"d7:command4:pinge"), (["a", 12, -3], b"l1:ai12ei-3ee"), ("", b"0:"),
                            ({"b": [], "a": {}}, b"d1:ade1:blee")):
            with self.subTest(value=value):
                self.assertEqual(ng.encode(value), text)
                self.assertEqual(ng.decode(text), value)

    def test_text_with_colons_and_lines(self):
        text = ng.Phone("198.18.16.1", 4000).sdp()
        self.assertEqual(ng.decode(ng.encode({"sdp": text})), {"sdp": text})

    def test_no_answers(self):
        for text in (b"", b"5:abc", b"i12", b"d1:a", b"l", b"x", b"4:pingmore"):
            with self.subTest(text=text), self.assertRaises(ValueError):
                ng.decode(text)


class Sdp(unittest.TestCase):
    def test_port(self):
        self.assertEqual(ng.media_port(ng.Phone("198.18.16.1", 4002).sdp()), 4002)
        with self.assertRaises(RuntimeError):
            ng.media_port("v=0\r\n")

    def test_srtp(self):
        text = ng.Phone("198.18.16.1", 4002, "AEAD_AES_128_GCM", "a2V5").sdp(7)
        self.assertIn("m=audio 4002 RTP/SAVP 8\r\n", text)
        self.assertIn("a=crypto:7 AEAD_AES_128_GCM inline:a2V5\r\n", text)
        self.assertEqual(ng.crypto_tag(text, "AEAD_AES_128_GCM"), 7)
        with self.assertRaises(RuntimeError):
            ng.crypto_tag(text, "AES_CM_128_HMAC_SHA1_80")


class Plan(unittest.TestCase):
    def test_remotes(self):
        self.assertEqual(wires.remote("lan", 0), ("198.18.16.1", 4000))
        self.assertEqual(wires.remote("wan", 199), ("198.19.16.200", 4000))
        self.assertEqual(wires.remote("lan", 200), ("198.18.17.1", 4000))

    def test_keys(self):
        gcm = base64.b64decode(wires.srtp_key("AEAD_AES_128_GCM", "wan", 0x0102))
        self.assertEqual(len(gcm), 28)
        self.assertEqual(gcm[:7], bytes([2, 0, 0, 1, 2, 35, 42]))
        self.assertEqual(len(base64.b64decode(wires.srtp_key("AES_CM_128_HMAC_SHA1_80", "lan", 1))), 30)


unittest.main()
