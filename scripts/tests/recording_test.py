#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Recordings that selftests/recording.py accepts, and those that it rejects."""

import os
import struct
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../../selftests"))
import recording  # noqa: E402

PERIODS = 8
WANT = PERIODS * recording.FRAMES


def wave(first=0, last=WANT):
    return b"".join(
        struct.pack("<HH", pos // recording.FRAMES + 1,
                    recording.mark(pos // recording.FRAMES + 1, pos % recording.FRAMES))
        for pos in range(first, last))


def silence(frames):
    return bytes(4 * frames)


class Recordings(unittest.TestCase):
    def good(self, data, late=0):
        error, found = recording.check(data, WANT, late)
        self.assertIsNone(error)
        return found

    def bad(self, data, words, late=0):
        self.assertIn(words, recording.check(data, WANT, late)[0] or "")

    def test_whole(self):
        self.assertIn("0 gaps, 0 frames lost", self.good(silence(5) + wave() + silence(9)))

    def test_gap(self):
        self.assertIn("1 gaps, 0 frames lost",
                      self.good(wave(0, 3000) + silence(2) + wave(3000)))

    def test_gap_that_lost_some(self):
        self.assertIn("1 gaps, 100 frames lost",
                      self.good(wave(0, 3000) + silence(2) + wave(3100)))

    def test_lost_without_a_gap(self):
        self.bad(wave(0, 3000) + wave(3001), "garbled")

    def test_begun_again(self):
        data = wave(0, 8000) + wave(8192)
        self.assertIn("1 gaps, 192 frames lost", self.good(data, 1))
        self.bad(data, "garbled")
        self.bad(wave(0, 8000) + wave(8192, 12000) + wave(12288), "garbled", 1)
        self.bad(wave(0, 3000) + wave(3001), "garbled", 1)
        self.bad(wave(0, 8192) + wave(4096), "garbled", 1)

    def test_too_many_lost(self):
        self.bad(wave(0, 3000) + silence(2) + wave(3000 + WANT // 10 + 1), "too many")

    def test_end_is_missing(self):
        self.bad(wave(0, WANT - recording.TAIL - 1), "missing")
        self.good(wave(0, WANT - recording.TAIL))

    def test_nothing(self):
        self.bad(b"", "missing")

    def test_twice(self):
        self.bad(wave(0, 8192) + wave(4096), "garbled")
        self.bad(wave(0, 8192) + silence(1) + wave(4096), "garbled")

    def test_old_frame_inside(self):
        self.bad(wave(0, 2500) + wave(1476, 1477) + wave(2501), "garbled")

    def test_torn_frame(self):
        data = bytearray(wave())
        data[4 * 5000 + 2] ^= 1
        self.bad(bytes(data), "garbled")


if __name__ == "__main__":
    unittest.main()
