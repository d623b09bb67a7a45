# SPDX-License-Identifier: Apache-2.0
"""What a phone heard, from its recordings: whose tone, for how long. The tones are those of lab/tone.py."""
import math
import pathlib
import struct

import tone

BLOCK_S = 0.1
# Mean square of the quietest syllable is about 500^2; a codec's idle noise is below 20^2.
AUDIBLE = 100 ** 2
# A pure tone has all its power at its pitch; G.711 and a lost packet leave more than half.
PURE = 0.5


def samples(path):
    """The 16-bit samples of a WAV file of one channel, also of one whose writer died before it finished the header."""
    data = pathlib.Path(path).read_bytes()
    start = data.find(b"data")
    body = data[start + 8:] if start >= 0 else b""
    return struct.unpack(f"<{len(body) // 2}h", body[:len(body) // 2 * 2])


def power_at(block, frequency):
    """The share of the block's power at one frequency (Goertzel), 0 to 1."""
    omega = 2 * math.pi * frequency / tone.RATE
    coefficient, s1, s2 = 2 * math.cos(omega), 0.0, 0.0
    total = 0
    for x in block:
        s1, s2 = x + coefficient * s1 - s2, s1
        total += x * x
    power = s1 * s1 + s2 * s2 - coefficient * s1 * s2
    return 2 * power / (len(block) * total) if total else 0.0


def _linear(byte):
    """A sample of A-law (ITU-T G.711)."""
    byte ^= 0x55
    segment, step = byte >> 4 & 7, (byte & 15) << 4
    magnitude = step + 8 if segment == 0 else step + 0x108 << segment - 1
    return magnitude if byte & 0x80 else -magnitude


LINEAR = [_linear(byte) for byte in range(256)]


def seconds_heard(path, extension):
    """For how long this extension's tone was heard in a recording."""
    return seconds_of(samples(path), extension)


def seconds_spoken(alaw, extension):
    """The same of the payloads of G.711 A-law, as they came."""
    return seconds_of([LINEAR[byte] for payload in alaw for byte in payload], extension)


def seconds_of(everything, extension):
    found, size = 0, int(tone.RATE * BLOCK_S)
    for at in range(0, len(everything) - size + 1, size):
        block = everything[at:at + size]
        if sum(x * x for x in block) / size >= AUDIBLE and power_at(block, tone.pitch_hz(extension)) >= PURE:
            found += 1
    return found * BLOCK_S


def heard(phone_directory, extension, since_s=0):
    """The same over what a phone recorded since some moment: the longest of its recordings counts."""
    recordings = [path for path in pathlib.Path(phone_directory).glob("rec/dump-*-dec.wav")
                  if path.stat().st_mtime >= since_s]
    return max((seconds_heard(path, extension) for path in recordings), default=0.0)
