#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The sound of an extension. As a command: tone.py EXTENSION SECONDS writes WAV, 8 kHz, one channel, to standard output.

Each extension has a pitch of its own, so that a recording tells who was heard. It goes up and down in volume three
times a second as speech does, without ever falling silent.
"""
import array
import math
import sys
import wave

RATE = 8000
SYLLABLES_PER_S = 3


def pitch_hz(extension):
    """400 to 760 Hz in the branch, 900 to 1260 Hz at headquarters, each extension another; the gateway 1500 Hz."""
    if not extension.isdigit():
        return 1500
    return 400 + 40 * (int(extension) % 10) + (500 if int(extension) >= 3000 else 0)


def samples(frequency, seconds):
    for n in range(RATE * seconds):
        t = n / RATE
        loudness = 0.55 + 0.45 * math.sin(2 * math.pi * SYLLABLES_PER_S * t)
        yield int(12000 * loudness * math.sin(2 * math.pi * frequency * t))


def main():
    if len(sys.argv) != 3 or not sys.argv[2].isdigit():
        sys.exit("usage: tone.py EXTENSION SECONDS")
    # A second of sound repeats without a seam: pitch and syllables are whole numbers of cycles in it.
    second = array.array("h", samples(pitch_hz(sys.argv[1]), 1))
    with wave.open(sys.stdout.buffer, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes(second.tobytes() * int(sys.argv[2]))


if __name__ == "__main__":
    main()
