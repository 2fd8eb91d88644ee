#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Tests of ktap_sum.py: counts, and errors that it must detect."""

import os
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import ktap_sum  # noqa: E402


def total(text, expected=()):
    summary = ktap_sum.Summary(expected)
    reader = ktap_sum.Reader(summary, "doc")
    lines = text.strip("\n").split("\n")
    for number, line in enumerate(lines, 1):
        reader.feed(number, line)
    reader.finish(len(lines))
    return summary.passed, summary.failed, summary.skipped


class Counts(unittest.TestCase):
    def test_flat(self):
        self.assertEqual(total("KTAP version 1\n1..2\nok 1 a\nok 2 - b\n"), (2, 0, 0))

    def test_failure(self):
        self.assertEqual(total("TAP version 13\n1..2\nnot ok 1 a\nok 2 b\n"), (1, 1, 0))

    def test_noise_is_ignored(self):
        self.assertEqual(total("boot\nKTAP version 1\n1..1\n# why\nhello ok 1\nok 1 a\nbye\n"), (1, 0, 0))

    def test_log_prefix(self):
        self.assertEqual(total("[    0.10] KTAP version 1\n[    0.11] 1..1\n[    0.12] ok 1 a\r\n"), (1, 0, 0))

    def test_two_documents(self):
        self.assertEqual(total("KTAP version 1\n1..1\nok 1 a\nKTAP version 1\n1..1\nok 1 a\n"), (2, 0, 0))

    def test_plan_at_the_end(self):
        self.assertEqual(total("TAP version 13\nok 1 a\n1..1\n"), (1, 0, 0))

    def test_xfail_passes(self):
        self.assertEqual(total("KTAP version 1\n1..1\nok 1 a # XFAIL known\n"), (1, 0, 0))

    def test_todo_and_timeout_fail(self):
        self.assertEqual(total("KTAP version 1\n1..2\nok 1 a # TODO\nnot ok 2 b # TIMEOUT 45 s\n"), (0, 2, 0))

    KUNIT = """
KTAP version 1
1..1
    KTAP version 1
    # Subtest: suite
    1..2
    ok 1 plain
        KTAP version 1
        # Subtest: table
        ok 1 first row
        ok 2 second row
    # table: pass:2 fail:0 skip:0 total:2
    ok 2 table
# suite: pass:2 fail:0 skip:0 total:2
ok 1 suite
"""

    def test_kunit_with_parameters(self):
        self.assertEqual(total(self.KUNIT), (3, 0, 0))

    def test_kunit_crash_in_the_middle(self):
        cut = self.KUNIT[:self.KUNIT.index("    ok 2 table")]
        self.assertGreater(total(cut)[1], 0)
        cut = self.KUNIT[:self.KUNIT.index("ok 1 suite")]
        self.assertGreater(total(cut)[1], 0)


class Skips(unittest.TestCase):
    TEXT = "KTAP version 1\n1..2\nok 1 a # SKIP no device\nok 2 b\n"

    def test_unlisted(self):
        self.assertEqual(total(self.TEXT), (1, 1, 0))

    def test_listed(self):
        self.assertEqual(total(self.TEXT, ["a"]), (1, 0, 1))

    def test_listed_by_path(self):
        text = "KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  ok 1 a # SKIP\nok 1 s\n"
        self.assertEqual(total(text, ["s/a"]), (0, 0, 1))
        self.assertEqual(total(text, ["a"]), (0, 1, 0))
        self.assertEqual(total(text, ["s/*"]), (0, 0, 1))

    def test_whole_document(self):
        self.assertEqual(total("KTAP version 1\n1..0 # SKIP not here\n"), (0, 1, 0))
        self.assertEqual(total("KTAP version 1\n1..0 # SKIP not here\n", ["doc"]), (0, 0, 1))

    def test_a_name_may_contain_the_word(self):
        self.assertEqual(total("KTAP version 1\n1..1\nok 1 skip_ahead\n"), (1, 0, 0))


class Malformed(unittest.TestCase):
    def failed(self, text):
        self.assertGreater(total(text)[1], 0, text)

    def test_all(self):
        for text in (
            "",
            "nothing here\n",
            "KTAP version 1\n",
            "KTAP version 1\n1..0\n",
            "KTAP version 1\nok 1 a\n",                         # no plan
            "KTAP version 1\n1..2\nok 1 a\n",                   # short
            "KTAP version 1\n1..1\nok 1 a\nok 2 b\n",           # long
            "KTAP version 1\n1..2\nok 1 a\nok 1 b\n",           # number twice
            "KTAP version 1\n1..2\nok 2 a\nok 1 b\n",           # order
            "KTAP version 1\n1..1\nok a\n",                     # no number
            "KTAP version 1\n1..1\n1..1\nok 1 a\n",             # two plans
            "KTAP version 1\n1..2\nok 1 a\nBail out! gone\n",
            "KTAP version 1\n1..1\n  KTAP version 1\n  1..2\n  ok 1 x\nok 1 a\n",
            "KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  not ok 1 x\nok 1 a\n",
            "KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  ok 1 x\nnot ok 1 a\n",
            "KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  ok 1 x\n",
            "KTAP version 1\n1..2\n  KTAP version 1\n  1..1\n  ok 1 x\n  KTAP version 1\n  1..1\n  ok 1 x\nok 1 a\nok 2 b\n",
        ):
            with self.subTest(text=text):
                self.failed(text)


if __name__ == "__main__":
    unittest.main()
