# SPDX-License-Identifier: Apache-2.0
"""The NG protocol as rtpengine's documentation has it, and what is no answer; the plan of wires.py is that of plan.cc."""
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
        text = ng.sdp("198.18.16.1", 4000)
        self.assertEqual(ng.decode(ng.encode({"sdp": text})), {"sdp": text})

    def test_no_answers(self):
        for text in (b"", b"5:abc", b"i12", b"d1:a", b"l", b"x", b"4:pingmore"):
            with self.subTest(text=text), self.assertRaises(ValueError):
                ng.decode(text)


class Sdp(unittest.TestCase):
    def test_port(self):
        self.assertEqual(ng.media_port(ng.sdp("198.18.16.1", 4002)), 4002)
        with self.assertRaises(RuntimeError):
            ng.media_port("v=0\r\n")


class Plan(unittest.TestCase):
    def test_remotes(self):
        self.assertEqual(wires.remote("lan", 0), ("198.18.16.1", 4000))
        self.assertEqual(wires.remote("wan", 199), ("198.19.16.200", 4000))
        self.assertEqual(wires.remote("lan", 200), ("198.18.17.1", 4000))


unittest.main()
