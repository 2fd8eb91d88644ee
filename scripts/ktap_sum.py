#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Sum up KTAP documents: one line "N passed, N failed, N skipped".

Counts leaf tests. Anything that would make a run look better than it is counts as a
failure: an unlisted skip, a plan that does not match, numbers out of order, a
parent that passes although a child failed, an incomplete document.
"""

import argparse
import fnmatch
import os
import re
import sys

VERSION = re.compile(r"(?:K?TAP) version \d+$")
PLAN = re.compile(r"1\.\.(\d+)(?:\s+#\s*(?P<directive>.*))?$")
RESULT = re.compile(r"(?P<bad>not )?ok(?: (?P<number>\d+))?(?:\s+-)?(?:\s+(?P<rest>.*))?$")
SUBTEST = re.compile(r"# Subtest: (.*)$")
BAIL = re.compile(r"Bail out!(.*)$")
DIRECTIVE = re.compile(r"(?P<name>.*?)(?:^|\s)#\s*(?P<word>SKIP|XFAIL|TODO|TIMEOUT|ERROR)\b:?\s*(?P<why>.*)$", re.I)
# Prefix of lines that were copied from a kernel log.
LOG_PREFIX = re.compile(r"^\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ")


class Level:
    """Results read so far at one indentation."""

    def __init__(self, indent, line):
        self.indent = indent
        self.line = line
        self.plan = None
        self.plan_skip = None
        self.results = []


class Result:
    def __init__(self, name, ok, word, why, children):
        self.name = name
        self.ok = ok
        self.word = word
        self.why = why
        self.children = children


class Summary:
    def __init__(self, expected=()):
        self.expected = list(expected)
        self.passed = self.failed = self.skipped = 0
        self.unlisted = 0       # skips among the failures: their parents may pass
        self.problems = []
        self.leaves = []

    def line(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"

    def fail(self, path, why):
        self.failed += 1
        self.problems.append(f"{path}: {why}")
        self.leaves.append(("FAIL", path, why))

    def skip(self, path, why):
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in self.expected):
            self.skipped += 1
            self.leaves.append(("SKIP", path, why))
        else:
            self.unlisted += 1
            self.fail(path, f"skipped, and not in the list of expected skips ({why or 'no reason given'})")

    def count(self, result, path):
        """Count the leaves below a result; return whether any of them failed."""
        before = self.failed - self.unlisted
        if result.children:
            for child in result.children:
                self.count(child, f"{path}/{child.name}")
            below = self.failed - self.unlisted > before
            if result.ok and result.word in (None, "XFAIL") and below:
                self.fail(path, "passes although something below it failed")
            elif not result.ok and not below:
                self.fail(path, f"fails although nothing below it did {result.why}".rstrip())
            return
        if result.word == "SKIP":
            self.skip(path, result.why)
        elif result.ok and result.word in (None, "XFAIL"):
            self.passed += 1
            self.leaves.append(("PASS", path, ""))
        else:
            self.fail(path, f"failed {result.word or ''} {result.why}".rstrip())

    def document(self, level, label):
        for result in level.results:
            self.count(result, result.name)
        if level.plan is None:
            self.fail(label, f"line {level.line}: a document without a plan")
        elif level.plan == 0 and level.plan_skip is not None:
            self.skip(label, level.plan_skip)
        elif level.plan == 0:
            self.fail(label, f"line {level.line}: no tests")


class Reader:
    """Reads the documents of one file, line by line."""

    def __init__(self, summary, label):
        self.summary = summary
        self.label = label
        self.stack = []
        self.closed = []        # levels that wait for the parent's result line
        self.documents = 0

    def malformed(self, number, why):
        self.summary.fail(self.label, f"line {number}: {why}")

    def check_plan(self, level, number):
        if level.plan is not None and level.plan != len(level.results):
            self.malformed(number, f"{level.plan} tests planned, {len(level.results)} reported")
        elif level.plan is None and not level.results and level.indent:
            self.malformed(number, "a subtest without tests")

    def close_deeper(self, indent, number):
        """End the levels below indent; return the results of the last one as its children."""
        children = []
        while self.stack and self.stack[-1].indent > indent:
            level = self.stack.pop()
            self.check_plan(level, number)
            if self.stack and self.stack[-1].indent > indent:
                self.malformed(number, "a subtest ended without a result of its own")
            children = level.results or children
        return children

    def end_document(self, number):
        if not self.stack:
            return
        if len(self.stack) > 1:
            self.malformed(number, "the document ends inside a subtest")
            self.close_deeper(0, number)
        level = self.stack.pop()
        self.check_plan(level, number)
        self.summary.document(level, self.label)

    def version(self, indent, number):
        if indent == 0:
            self.end_document(number)
            self.documents += 1
            self.stack.append(Level(0, number))
        elif not self.stack:
            self.malformed(number, "a subtest outside a document")
        elif indent > self.stack[-1].indent:
            self.stack.append(Level(indent, number))
        else:
            self.malformed(number, "a subtest begins while the one before it has no result")
            self.close_deeper(indent - 1, number)
            self.stack.append(Level(indent, number))

    def level_at(self, indent, number):
        """The level of an indented plan or result, or None."""
        if not self.stack:
            return None
        if indent > self.stack[-1].indent:
            # An older style: no version line precedes it.
            self.stack.append(Level(indent, number))
        return next((lv for lv in self.stack if lv.indent == indent), None)

    def result(self, indent, number, match):
        level = self.level_at(indent, number)
        if level is None:
            if self.stack:
                self.malformed(number, "a result at an indentation that no subtest has")
            return
        children = self.close_deeper(indent, number)
        name, word, why = match["rest"] or "", None, ""
        directive = DIRECTIVE.match(name)
        if directive:
            name, word, why = directive["name"], directive["word"].upper(), directive["why"]
        name = name.strip() or f"test-{match['number']}"
        want = len(level.results) + 1
        if match["number"] is None or int(match["number"]) != want:
            self.malformed(number, f"result number {match['number']} where {want} was due")
        level.results.append(Result(name, not match["bad"], word, why, children))

    def feed(self, number, line):
        text = LOG_PREFIX.sub("", line.rstrip("\r\n"))
        indent = len(text) - len(text.lstrip(" "))
        text = text.strip()
        if VERSION.match(text):
            return self.version(indent, number)
        if not self.stack:
            return None         # noise before a document
        if match := PLAN.match(text):
            level = self.level_at(indent, number)
            if level is None or level.plan is not None:
                return self.malformed(number, "a second plan, or one where none belongs")
            level.plan = int(match[1])
            directive = match["directive"] or ""
            if directive.upper().startswith("SKIP"):
                level.plan_skip = directive[4:].strip(": ")
            return None
        if match := RESULT.match(text):
            return self.result(indent, number, match)
        if match := BAIL.match(text):
            self.malformed(number, f"bailed out:{match[1]}")
        return None

    def finish(self, number):
        self.end_document(number)
        if not self.documents:
            self.malformed(number, "no KTAP document")


def read_expected(path):
    """Read names (or globs) that may skip: 'name  # reason', with a mandatory reason."""
    patterns = []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            name, mark, reason = line.partition("#")
            if not mark or not reason.strip():
                sys.exit(f"{path}:{number}: an expected skip without a reason")
            patterns.append(name.strip())
    return patterns


def read_file(summary, path):
    reader = Reader(summary, os.path.basename(path))
    number = 0
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, 1):
                reader.feed(number, line)
    except OSError as error:
        reader.malformed(0, error.strerror)
        return
    reader.finish(number)


def main():
    top = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    default = os.path.join(top, "selftests", "expected-skips")
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="Exit status 1 if anything failed or nothing ran. Failures are named on stderr.")
    parser.add_argument("file", nargs="+", help="KTAP documents")
    parser.add_argument("--expected", default=default, metavar="FILE",
                        help="list of tests that may skip: name  # reason (default: selftests/expected-skips)")
    parser.add_argument("--list", action="store_true", help="print every leaf test with its result first")
    args = parser.parse_args()

    expected = read_expected(args.expected) if os.path.exists(args.expected) else []
    summary = Summary(expected)
    for path in args.file:
        read_file(summary, path)
    if args.list:
        for state, path, why in summary.leaves:
            print(state, path, f"# {why}" if why else "")
    for problem in summary.problems:
        print(f"FAIL {problem}", file=sys.stderr)
    print(summary.line())
    return 1 if summary.failed or not summary.passed + summary.skipped else 0


if __name__ == "__main__":
    sys.exit(main())
