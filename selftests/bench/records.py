# SPDX-License-Identifier: GPL-2.0-only
"""Raw records of the bench (selftests/bench/lib.sh): what they say."""

import json
import os


class State:
    """The state of a host at one time, from "snap"."""

    def __init__(self, lines, sessions=()):
        self.uptime = 0.0
        self.idle = 0.0
        self.switches = 0
        self.link = {}
        self.run_ns = 0         # riod's threads
        self.wakeups = 0        # the same
        self.tcp = {}
        self.riod = {}
        text = []
        for line in lines:
            words = line.split()
            if not words:
                continue
            if words[0] == "uptime":
                self.uptime = float(words[1])
            elif words[0] == "cpu":
                # idle and iowait, in hundredths of a second
                self.idle = (int(words[4]) + int(words[5])) / 100
            elif words[0] == "ctxt":
                self.switches = int(words[1])
            elif words[0] == "link":
                self.link[words[1]] = int(words[2])
            elif words[0] == "thread":
                self.run_ns += int(words[2])
            elif words[0] == "switches":
                self.wakeups += int(words[2])
            elif words[0] == "tcp":
                self.add_tcp(words[1:])
            else:
                text.append(line)
        if text:
            self.add_riod(json.loads("\n".join(text)), sessions)

    def add_tcp(self, words):
        for word in words:
            name, _, value = word.partition(":")
            if name in ("bytes_sent", "bytes_received", "segs_out", "segs_in") and value.isdigit():
                self.tcp[name] = self.tcp.get(name, 0) + int(value)

    def add_riod(self, document, sessions):
        """Counters of the host's sessions, added up: of those named, if any is"""
        for session in document["stats"]:
            if sessions and str(session.get("attachment", session.get("export"))) not in sessions:
                continue
            for name, value in session["stats"].items():
                if isinstance(value, int):
                    self.riod[name] = self.riod.get(name, 0) + value


class Change:
    """What changed on a host during a record."""

    def __init__(self, before, after):
        self.wall = after.uptime - before.uptime
        # the host's own count, unless the record has that of the machine around it
        self.busy = self.wall - (after.idle - before.idle)
        self.switches = after.switches - before.switches
        self.wakeups = after.wakeups - before.wakeups
        self.run_s = (after.run_ns - before.run_ns) / 1e9
        self.link = self.less(before.link, after.link)
        self.tcp = self.less(before.tcp, after.tcp)
        self.riod = self.less(before.riod, after.riod)

    @staticmethod
    def less(before, after):
        return {name: after[name] - before.get(name, 0) for name in after}


class Record:
    def __init__(self, text):
        parts = {}
        name = None
        for line in text.splitlines():
            if line.startswith("== "):
                name = line[3:]
                parts[name] = []
            elif name is None:
                raise ValueError("a record begins with a section")
            else:
                parts[name].append(line)
        self.key = dict(line.split("=", 1) for line in parts["key"])
        self.out = "\n".join(parts.get("out", []))
        self.change = {}
        sessions = [self.key[n] for n in ("attachment", "export") if n in self.key]
        for host in ("vmm", "server"):
            if host + ".after" in parts:
                self.change[host] = Change(State(parts[host + ".before"], sessions),
                                           State(parts[host + ".after"], sessions))
        if "cpu.after" in parts:
            before, after = (dict(line.split() for line in parts["cpu." + when])
                             for when in ("before", "after"))
            for host, change in self.change.items():
                change.busy = (int(after[host]) - int(before[host])) / 1e9

    def __getitem__(self, name):
        return self.key[name]

    def get(self, name, default=None):
        return self.key.get(name, default)

    @property
    def busy(self):
        """CPU seconds of both hosts"""
        return sum(c.busy for c in self.change.values())

    @property
    def wall(self):
        return max(c.wall for c in self.change.values())

    def numbers(self, name):
        """The numbers of the line of the output that begins with NAME"""
        for line in self.out.splitlines():
            words = line.split()
            if words and words[0] == name:
                return [int(w) for w in words[1:]]
        raise KeyError(name)

    def fio(self, name="t"):
        """The job NAME of fio's output"""
        # warnings precede the document
        document = json.loads(self.out[self.out.index("{"):])
        for job in document["jobs"]:
            if job["jobname"] == name:
                return Fio(job)
        raise KeyError(name)


class Fio:
    """One job of fio, in one direction, from its JSON (json+ with lat_percentiles)."""

    def __init__(self, job):
        if job["error"]:
            raise ValueError("fio failed with error %d" % job["error"])
        side = max((job["read"], job["write"]), key=lambda s: s["total_ios"])
        self.ios = side["total_ios"]
        self.bytes = side["io_bytes"]
        self.iops = side["iops"]
        # from before the submission on
        self.bins = {int(ns): n for ns, n in side["lat_ns"]["bins"].items()}
        if sum(self.bins.values()) != self.ios:
            raise ValueError("fio: %d latencies of %d I/Os" % (sum(self.bins.values()), self.ios))


def read_all(directory):
    records = []
    for name in sorted(os.listdir(directory)):
        if not name.isdigit():
            continue
        with open(os.path.join(directory, name), encoding="utf-8", errors="replace") as file:
            try:
                records.append(Record(file.read()))
            except (ValueError, KeyError, IndexError) as why:
                raise SystemExit("%s/%s: %s" % (directory, name, why)) from why
    return records
