#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of scripts/patches/kvm_amd_valid_bit.py."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "patches"))
# pylint: disable=wrong-import-position
from kvm_amd_valid_bit import MARK, mended, without_signature

RAX = bytes.fromhex("f6 80 89 00 00 00 07")  # testb $0x7,0x89(%rax)
R8 = bytes.fromhex("41 f6 80 89 00 00 00 07")


class Mended(unittest.TestCase):
    """Instructions that are changed, and those that are not."""

    def test_type_becomes_valid_bit(self):
        module, places = mended(b"\x90" + RAX + b"\x74\x0b" + R8)
        self.assertEqual(places, 2)
        self.assertEqual(
            module,
            bytes.fromhex("90 f6 80 8b 00 00 00 80 74 0b 41 f6 80 8b 00 00 00 80"),
        )

    def test_twice_is_once(self):
        module, _ = mended(RAX)
        self.assertEqual(mended(module), (module, 0))

    def test_others_stay(self):
        for other in ("f6 84 89 00 00 00 07", "f6 80 89 00 00 00 06", "f6 c0 89 00 00 00 07"):
            module = bytes.fromhex(other)
            self.assertEqual(mended(module), (module, 0))

    def test_too_many(self):
        with self.assertRaises(ValueError):
            mended(RAX * 5)

    def test_signature_goes_with_a_change_only(self):
        signed = RAX + b"sig" + b"\x00" * 8 + (3).to_bytes(4, "big") + MARK
        self.assertEqual(without_signature(signed), RAX)
        module, places = mended(signed)
        self.assertEqual((len(module), places), (len(RAX), 1))
        other = b"\x90" + signed[len(RAX) :]
        self.assertEqual(mended(other), (other, 0))


if __name__ == "__main__":
    unittest.main()
