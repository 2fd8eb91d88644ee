#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The bench's analysis (selftests/bench/) with known input."""

import json
import os
import sys
import tempfile
import unittest
from xml.dom import minidom

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "../../selftests/bench"))
import bench  # noqa: E402
import figures  # noqa: E402
import goals  # noqa: E402
import records  # noqa: E402
import render  # noqa: E402
import stats  # noqa: E402


class Statistics(unittest.TestCase):
    def test_median(self):
        self.assertEqual(stats.median([3, 1, 2]), 2)
        self.assertEqual(stats.median([4, 1, 2, 3]), 2.5)
        with self.assertRaises(ValueError):
            stats.median([])

    def test_coverage(self):
        # 1 - 2 / 2**n for the range of n values
        self.assertEqual(stats.coverage(1, 1), 0)
        self.assertEqual(stats.coverage(5, 1), 0.9375)
        self.assertEqual(stats.coverage(6, 1), 0.96875)
        # 1 - 2 * (1 + 10) / 2**10
        self.assertEqual(stats.coverage(10, 2), 1 - 22 / 1024)

    def test_interval(self):
        self.assertEqual(stats.interval([5, 3, 9]), (3, 9, 0.75))
        self.assertEqual(stats.interval(range(1, 7)), (1, 6, 0.96875))
        # nine values are the fewest of which the outermost two may go
        self.assertEqual(stats.interval(range(1, 9))[:2], (1, 8))
        self.assertEqual(stats.interval(range(1, 10))[:2], (2, 8))
        self.assertEqual(stats.interval(range(1, 11))[:2], (2, 9))

    def test_interval_covers_as_often_as_it_says(self):
        # all 2**6 ways in which six values may lie below and above the median
        covered = 0
        for way in range(64):
            low, high, chance = stats.interval([1 if way >> i & 1 else -1 for i in range(6)])
            covered += low < 0 < high
        self.assertEqual(covered / 64, chance)

    def test_slope(self):
        self.assertAlmostEqual(stats.slope([(0, 5), (20, 45), (100, 205)]), 2)
        self.assertAlmostEqual(stats.slope([(0, 1), (1, 0), (2, 2)]), 0.5)
        with self.assertRaises(ValueError):
            stats.slope([(1, 2), (1, 3)])

    def test_ratios(self):
        self.assertEqual(stats.ratios({0: 6, 1: 8, 3: 1}, {0: 2, 1: 4, 2: 5}), [3, 2])

    def test_marginal(self):
        # 100 to begin, 7 for each
        self.assertEqual(stats.marginal((1, 107), (51, 457)), 7)
        with self.assertRaises(ValueError):
            stats.marginal((3, 1), (3, 2))

    def test_histogram(self):
        bins = {10: 50, 20: 49, 500: 1}
        self.assertEqual(stats.percentile(bins, 50), 10)
        self.assertEqual(stats.percentile(bins, 51), 20)
        self.assertEqual(stats.percentile(bins, 99), 20)
        self.assertEqual(stats.percentile(bins, 99.5), 500)
        self.assertEqual(stats.above(bins, 20), 1)
        self.assertEqual(stats.above(bins, 19), 50)


def snap(at, idle, riod=None, tcp=None, wire=0):
    """A host's state, as lib.sh prints it"""
    lines = ["uptime %.2f 0.00" % at, "cpu 0 0 0 %d 50 0 0 0 0 0" % (idle * 100 - 50), "ctxt 5",
             "link tx_bytes %d" % wire, "link rx_bytes %d" % (2 * wire),
             "thread 77 %d 0 9" % (at * 1e9), "switches 77 %d" % (10 * at)]
    if tcp:
        lines += ["tcp cubic bytes_sent:%d bytes_received:%d segs_out:3" % tcp] * 2
    if riod:
        lines.append(json.dumps({"stats": [{"attachment": 1, "stats": riod}]}))
    return lines


def job(name, side, ios, size, bins, iops=1.0):
    other = {"total_ios": 0}
    one = {"total_ios": ios, "io_bytes": ios * size, "iops": iops,
           "lat_ns": {"bins": {str(k): v for k, v in bins.items()}}}
    return {"jobname": name, "error": 0, side: one, "write" if side == "read" else "read": other}


def fio(*jobs):
    return ["fio: a warning", json.dumps({"jobs": jobs})]


def record(key, out, before=None, after=None):
    lines = ["== key"] + ["%s=%s" % k for k in key.items()]
    if before:
        for host in ("server", "vmm"):
            lines += ["== %s.before" % host] + before + ["== %s.after" % host] + after
    return records.Record("\n".join(lines + ["== out"] + out))


def counters(frames, acks, size, scanned):
    return {"tx_frames": frames, "rx_frames": frames, "tx_acks": acks, "rx_acks": 0, "tx_bytes": size,
            "rx_bytes": size, "scanned": scanned, "passes": 3 * frames, "cuts_sent": 1,
            "cuts_applied": 1, "forced": 0, "name": "no number"}


def storage(peer, rw, round_, ios, ms, counts=None, tcp=None):
    """A run of IOS I/Os of MS each, in ten seconds"""
    key = {"section": "storage", "peer": peer, "round": round_, "rw": rw, "bs": "4k", "depth": 1}
    zero = counters(0, 0, 0, 0) if counts else None
    return record(key, fio(job("t", "read", ios, 4096, {int(ms * 1e6): ios}, ios / 10)),
                  snap(100, 50, zero, (0, 0) if tcp else None), snap(110, 55, counts, tcp))


def figure(document, name, peer):
    found = goals.find(document, (name, peer))
    if not found:
        raise AssertionError("no figure %s of %s" % (name, peer))
    return found


class Records(unittest.TestCase):
    def test_waiting_for_a_disk_is_idle(self):
        change = records.Change(records.State(["uptime 10 0", "cpu 0 0 0 500 100 0 0"]),
                                records.State(["uptime 20 0", "cpu 0 0 0 900 400 0 0"]))
        self.assertAlmostEqual(change.busy, 3)

    def test_the_machine_counts_better(self):
        words = ["== cpu.before", "server 1000000000", "vmm 5", "== cpu.after", "server 4000000000",
                 "vmm 500000005"]
        text = ["== key", "peer=x"] + [line for host in ("server", "vmm") for when, idle in (("before", 9), ("after", 9))
                                       for line in ["== %s.%s" % (host, when)] + snap(10, idle)]
        got = records.Record("\n".join(text + words))
        self.assertAlmostEqual(got.change["server"].busy, 3)
        self.assertAlmostEqual(got.change["vmm"].busy, 0.5)

    def test_sessions(self):
        document = {"stats": [{"attachment": 1, "stats": {"scanned": 5}},
                              {"attachment": 2, "stats": {"scanned": 7}},
                              {"export": "0000:03:00.0", "stats": {"scanned": 11}}]}
        for sessions, want in (((), 23), (("2",), 7), (("1", "0000:03:00.0"), 16)):
            self.assertEqual(records.State([json.dumps(document)], sessions).riod["scanned"], want)


class Figures(unittest.TestCase):
    def test_cpu(self):
        some = []
        for peer, cost in (("riod", 0.03), ("nvmet", 0.01)):
            for seconds, ios in ((0, 4), (2, 104)):
                # to begin costs 5 seconds of each host; an idle host spends a tenth of ten seconds
                spent = 5 + 1 + ios * cost / 2
                some.append(record({"section": "cpu", "peer": peer, "round": 0, "rw": "read", "bytes": 4096,
                                    "depth": 4, "seconds": seconds}, ["load %d 77" % ios],
                                   snap(100, 50), snap(110, 60 - spent)))
        # the longer run of the first peer takes one host another ten seconds of nothing
        some[1].change["vmm"].wall += 10
        some[1].change["vmm"].busy += 1
        for window in (0, 20):
            zero = counters(0, 0, 0, 0)
            some.append(record({"section": "idle", "peer": "riod", "round": 0, "window": window}, [],
                               snap(10, 5, zero), snap(12 + window, 6 + window * 0.9, zero)))
        got = figures.document(some)
        self.assertAlmostEqual(figure(got, "cpu.read-4096-4", "riod")["value"], 30)
        self.assertAlmostEqual(figure(got, "cpu.read-4096-4", "riod/nvmet")["value"], 3)

    def test_storage(self):
        some = []
        for round_, factor in enumerate((1, 2, 3)):
            some += [storage("riod", "start", round_, 1, 1, counters(5, 1, 9000, 8192)),
                     storage("riod", "randread", round_, 101, 2 * factor,
                             counters(305, 51, 9000 + 50 * 4096, 8192 + 100 * 4096)),
                     storage("nvmet", "start", round_, 1, 1, tcp=(50, 4000)),
                     storage("nvmet", "randread", round_, 101, 1, tcp=(50 + 2048, 4000 + 202752))]
        got = figures.document(some)
        times = figure(got, "storage.randread-4k-1.p50", "riod/nvmet")
        self.assertEqual((times["value"], times["low"], times["high"], times["coverage"]), (4, 2, 6, 0.75))
        self.assertAlmostEqual(figure(got, "storage.randread-4k-1.iops", "riod")["value"], 10.1)
        # each counted at one end: 600 frames less 50 acknowledgments
        self.assertAlmostEqual(figure(got, "storage.randread-4k-1.messages", "riod")["value"], 5.5)
        self.assertAlmostEqual(figure(got, "storage.randread-4k-1.wire", "riod")["value"], 1)
        # both ends scan
        self.assertAlmostEqual(figure(got, "storage.randread-4k-1.scanned", "riod")["value"], 2)
        # two connections
        self.assertAlmostEqual(figure(got, "storage.randread-4k-1.wire", "nvmet")["value"], 1)

    def test_idle(self):
        some = []
        for peer, cores in (("riod", 0.3), ("none", 0.1)):
            for window, extra in ((0, 0), (20, 20)):
                zero, one = counters(0, 0, 0, 0), counters(extra, 0, 50 * extra, 0)
                some.append(record({"section": "idle", "peer": peer, "round": 0, "window": window}, [],
                                   snap(10, 5, zero), snap(12 + extra, 6 + extra * (1 - cores), one)))
        got = figures.document(some)
        self.assertAlmostEqual(figure(got, "idle.vmm", "riod")["value"], 0.3)
        self.assertAlmostEqual(figure(got, "idle.attachment", "riod")["value"], 0.4)
        self.assertAlmostEqual(figure(got, "idle.frames", "riod")["value"], 2)
        self.assertAlmostEqual(figure(got, "idle.wire", "riod")["value"], 100)

    def test_crossings(self):
        some = []
        for delay in (0, 10, 50):
            for peer, trips in (("riod", 3), ("nvmet", 1)):
                # work that delays hide
                ms = 5 + 2 * delay * trips + (0 if delay else 9)
                jobs = [job(op, "read" if op[0] == "r" else "write", 9, 4096, {int(ms * 1e6): 9})
                        for op in figures.FIO_OPS]
                some.append(record({"section": "crossings", "peer": peer, "round": 0, "delay": delay},
                                   fio(*jobs)))
            ns = (1 + 2 * delay) * 1000000
            some.append(record({"section": "crossings", "peer": "registers", "round": 0, "delay": delay},
                               ["read %d %d 999999999999" % (ns, ns), "write 5 5", "map 7", "unmap 7"]))
            some.append(record({"section": "crossings", "peer": "tcp", "round": 0, "delay": delay},
                               ["pingpong %d" % ns]))
        got = figures.document(some)
        for name, peer, want in (("read4k", "riod", 3), ("write128k", "nvmet", 1), ("map", "riod", 0),
                                 ("register-read", "riod", 1), ("register-write", "riod", 0),
                                 ("pingpong", "tcp", 1)):
            self.assertAlmostEqual(figure(got, "crossings." + name, peer)["value"], want, 6)
        self.assertAlmostEqual(figure(got, "delayed.write128k", "riod/nvmet")["value"], 65 / 25)

    def test_second_round_trips(self):
        bins = {201000000: 90, 380000000: 7, 399000000: 3}
        got = figures.document([record(
            {"section": "second", "peer": "riod", "delay": 100},
            fio(job("read", "read", 100, 4096, bins), job("write", "write", 100, 4096, {201000000: 100})))])
        self.assertEqual(figure(got, "second.read", "riod")["value"], 3)
        self.assertEqual(figure(got, "second.write", "riod")["value"], 0)

    def test_mapped(self):
        some = [record({"section": "mapped", "peer": "riod", "round": r, "kib": kib},
                       ["read %d" % ((1 + r) * (2000000 + kib * 1000))])
                for r in range(2) for kib in (0, 64, 1048576)]
        got = figures.document(some)
        self.assertAlmostEqual(figure(got, "mapped.1024", "riod/nothing mapped")["value"], 525.288)
        self.assertEqual([p["x"] for p in got["series"][0]["lines"]["riod"]], [0, 0.0625, 1024])

    def test_attachments(self):
        key = {"section": "attachments", "peer": "riod", "round": 0, "n": 2}
        got = figures.document([record(key, ["read 10000000 10000000", "read 20000000 20000000"])])
        reads = next(s for s in got["series"] if s["id"] == "attachments.reads")
        self.assertAlmostEqual(reads["lines"]["all together"][0]["value"], 150)
        with self.assertRaises(ValueError):
            figures.document([record(key, ["read 10000000"])])

    def test_fio_that_failed(self):
        bad = job("t", "read", 1, 4096, {1: 1})
        bad["error"] = 5
        with self.assertRaises(ValueError):
            record({}, fio(bad)).fio()
        with self.assertRaises(ValueError):
            record({}, fio(job("t", "read", 2, 4096, {1: 1}))).fio()


def document(value, low, high):
    return {"schema": "riod-bench/1", "run": {"commit": "abc", "rounds": "3"},
            "absent": [{"peer": "usbip", "reason": "a reason"}],
            "figures": [{"id": "crossings.read4k", "peer": "riod", "unit": "round trips", "value": value,
                         "low": low, "high": high, "coverage": 0.75, "rounds": [low, value, high]}],
            "series": [{"id": "mapped.read", "x": "memory", "x_unit": "MiB", "unit": "ms",
                        "lines": {"riod": [{"x": x, "value": x + 2, "low": x + 1, "high": x + 3,
                                            "coverage": 0.75, "rounds": []} for x in (0, 1, 64)]}}]}


class Pages(unittest.TestCase):
    def test_verdict(self):
        for one, want in ((document(1.0, 0.9, 1.01), True), (document(3, 2, 4), False),
                          (document(1, 0.9, 1.1), None)):
            self.assertIs(goals.met(one["figures"][0], "<=", 1.03), want)
        self.assertIs(goals.met({"value": 0, "low": 0, "high": 0}, "<=", 0), True)
        self.assertIs(goals.met({"value": 2, "low": 1.5, "high": 3}, ">=", 1), True)

    def test_each_goal_has_a_figure_that_figures_make(self):
        source = bench.read(figures.__file__)
        for row in goals.ROWS:
            self.assertIn('"%s.' % row[1][0].split(".")[0], source)

    def test_numbers(self):
        self.assertEqual([render.number(v) for v in (0, 1234.5, 12.34, 1.234, 0.01234, 0.00001)],
                         ["0", "1234", "12.3", "1.23", "0.0123", "0.0000"])

    def test_markdown(self):
        text = render.markdown(document(3, 2, 4))
        self.assertIn("| crossings, 4 KiB read | ≤ 1.03 | 3.00 [2.00, 4.00] | - | - | not met |", text)
        self.assertIn("No usbip: a reason.", text)
        self.assertIn("not measured", text)

    def test_plot(self):
        for one in document(1, 1, 1)["series"]:
            shapes = minidom.parseString(render.plot(one).encode())
            # what is mapped at 0 has no place on a logarithmic axis
            self.assertEqual(len(shapes.getElementsByTagName("circle")), 2)
            one["id"] = "crossings.read4k"
            shapes = minidom.parseString(render.plot(one).encode())
            self.assertEqual(len(shapes.getElementsByTagName("circle")), 3)

    def test_page(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "p.rst")
            source = os.path.join(folder, "b.json")
            bench.write(source, json.dumps(document(3, 2, 4)))
            bench.write(path, "above\n" + bench.BEGIN + "old\n" + bench.END + "below\n")
            for _ in range(2):
                bench.page(source, path)
                text = bench.read(path)
                self.assertTrue(text.startswith("above\n") and text.endswith("below\n"))
                self.assertNotIn("old", text)
                self.assertEqual(text.count("3.00 [2.00, 4.00]"), 1)
            self.assertTrue(os.path.exists(os.path.join(folder, "p", "mapped.read.svg")))


if __name__ == "__main__":
    unittest.main()
