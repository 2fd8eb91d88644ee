# SPDX-License-Identifier: GPL-2.0-only
"""Figures of the bench from its raw records.

document() returns the JSON document "riod-bench/1":

  schema    "riod-bench/1"
  run       what was run: transport, iommu (of the guest), rounds, secs (of each run of fio), quick,
            kernel, started; commit, if known
  absent    [{peer, reason}]: peers that these machines cannot have
  figures   [{id, peer, unit, value, low, high, coverage, rounds}]: one value for each round in
            "rounds"; value is their median; the chance that the true median lies between low and
            high is "coverage" (stats.py).  A figure of a peer is named by id and peer; a quotient
            has the peer "A/B"
  series    [{id, x, x_unit, unit, lines: {peer: [{x, value, low, high, coverage, rounds}]}}]

Peers: "riod"; "nvmet": nvmet-tcp, nvme-tcp on the VMM host, virtio-blk in the guest; "nvmet-host": the
same without the guest; "local": VFIO passthrough of a drive of the VMM host; "native": fio on the server
host; "tcp": a TCP connection; "igb": a network card by riod; "virtio-net": without vhost; "usb": a USB controller by riod, and its
stick; "usbip": a stick by USB/IP on the VMM host, and virtio-blk in the guest.
"""

import collections

import stats

MS = 1e6


class Figures:
    def __init__(self):
        self.list = []
        self.series = []

    def add(self, name, peer, unit, values):
        values = list(values)
        if values:
            self.list.append({"id": name, "peer": peer, "unit": unit, **stats.summary(values)})

    def add_series(self, name, x_name, x_unit, unit, lines):
        """LINES: {peer: {x: [value of each round]}}"""
        lines = {peer: [{"x": x, **stats.summary(values)} for x, values in sorted(points.items())]
                 for peer, points in lines.items() if points}
        if lines:
            self.series.append({"id": name, "x": x_name, "x_unit": x_unit, "unit": unit,
                                "lines": lines})


def of_section(records, name):
    return [r for r in records if r.get("section") == name]


# ---- what one record says ----

def riod_counts(record):
    """Both ends' counters of riod that add up, and those that only one end may count."""
    vmm, server = record.change["vmm"], record.change["server"]
    here = vmm.riod
    return {
        "wire": here["tx_bytes"] + here["rx_bytes"],
        "messages": here["tx_frames"] + here["rx_frames"] - here["tx_acks"] - here["rx_acks"],
        "acks": here["tx_acks"] + here["rx_acks"],
        "scanned": here["scanned"] + server.riod["scanned"],
        "passes": here["passes"] + server.riod["passes"],
        "cuts": here["cuts_sent"] + here["cuts_applied"],
        "wakeups": vmm.wakeups + server.wakeups,
        "forced": here["forced"] + server.riod["forced"],
    }


def tcp_counts(record):
    tcp = record.change["vmm"].tcp
    return {"wire": tcp.get("bytes_sent", 0) + tcp.get("bytes_received", 0)}


def counts(record):
    """What adds up over a run, without what belongs to time"""
    link = record.change["vmm"].link
    if record["peer"] in ("riod", "igb"):
        found = riod_counts(record)
    elif record["peer"].startswith("nvmet"):
        found = tcp_counts(record)
    else:
        return {}
    found["link"] = link["tx_bytes"] + link["rx_bytes"]
    return found


def spent(record, idle):
    """CPU seconds of both hosts, less what they spend on nothing: {host: CPU seconds/second}"""
    return sum(change.busy - idle.get(host, 0) * change.wall
               for host, change in record.change.items())


# ---- sections ----

def idle(records, figures):
    """{host: CPU seconds per second}"""
    rates = {}
    here = of_section(records, "idle")
    starts = {(r["peer"], r["round"]): r for r in here if r["window"] == "0"}
    values = {}
    for record in here:
        start = starts.get((record["peer"], record["round"]))
        if record["window"] == "0" or not start:
            continue
        peer, both, threads = record["peer"], 0, 0
        for host, change in record.change.items():
            short = start.change[host]
            rate = stats.marginal((short.wall, short.busy), (change.wall, change.busy))
            values.setdefault((peer, host), []).append(rate)
            both += rate
            threads += stats.marginal((short.wall, short.run_s), (change.wall, change.run_s))
        values.setdefault((peer, "both"), []).append(both)
        if peer == "riod":
            values.setdefault((peer, "threads"), []).append(threads)
            now, then = counts(record), counts(start)
            seconds = record.wall - start.wall
            values.setdefault((peer, "frames"), []).append(
                (now["messages"] + now["acks"] - then["messages"] - then["acks"]) / seconds)
            values.setdefault((peer, "wire"), []).append((now["wire"] - then["wire"]) / seconds)
    units = {"frames": "1/s", "wire": "bytes/s"}
    for (peer, what), some in values.items():
        figures.add("idle." + what, peer, units.get(what, "cores"), some)
        if peer == "riod" and what in ("vmm", "server"):
            rates[what] = stats.median(some)
    if ("riod", "both") in values and ("none", "both") in values:
        base = stats.median(values["none", "both"])
        figures.add("idle.attachment", "riod", "cores", [v - base for v in values["riod", "both"]])
    return rates


def storage(records, figures):
    runs, starts = {}, {}
    for record in of_section(records, "storage"):
        round_, peer = int(record["round"]), record["peer"]
        if record["rw"] == "start":
            starts[peer, round_] = record
        else:
            cell = "%s-%s-%s" % (record["rw"], record["bs"], record["depth"])
            runs.setdefault((cell, peer), {})[round_] = record
    per_round = {}
    for (cell, peer), rounds in runs.items():
        storage_cell(cell, peer, rounds, starts, per_round)
    units = {"iops": "1/s", "p50": "ms", "p99": "ms", "wire": "bytes/byte",
             "link": "bytes/byte", "scanned": "bytes/byte"}
    for (cell, peer, what), values in per_round.items():
        figures.add("storage.%s.%s" % (cell, what), peer, units.get(what, "1/IO"), values.values())
    for (cell, peer, what), values in per_round.items():
        if what not in ("iops", "p50"):
            continue
        for above, below in (("riod", "nvmet"), ("riod", "local"), ("local", "nvmet"),
                             ("native", "nvmet-host")):
            other = per_round.get((cell, below, what))
            if peer == above and other:
                figures.add("storage.%s.%s" % (cell, what), "%s/%s" % (above, below), "",
                            stats.ratios(values, other))


def storage_cell(cell, peer, rounds, starts, per_round):
    def put(what, value):
        per_round.setdefault((cell, peer, what), {})[round_] = value

    for round_, record in rounds.items():
        fio = record.fio()
        put("iops", fio.iops)
        put("p50", stats.percentile(fio.bins, 50) / MS)
        put("p99", stats.percentile(fio.bins, 99) / MS)
        start = starts.get((peer, round_))
        if not start or fio.ios < 2:
            continue
        one = start.fio()
        before, after = counts(start), counts(record)
        for what in after:
            if what in ("wire", "link", "scanned"):
                put(what, stats.marginal((one.bytes, before[what]), (fio.bytes, after[what])))
            else:
                put(what, stats.marginal((one.ios, before[what]), (fio.ios, after[what])))


def cpu(records, figures, idle_rates):
    """CPU time of each further I/O, of both hosts"""
    runs = {}
    for record in of_section(records, "cpu"):
        cell = "%s-%s-%s" % (record["rw"], record["bytes"], record["depth"])
        runs.setdefault((cell, record["peer"]), {}).setdefault(int(record["round"]), {})[
            record["seconds"] != "0"] = (record.numbers("load")[0], spent(record, idle_rates))
    each = {(cell, peer): {r: 1000 * stats.marginal(two[False], two[True])
                           for r, two in rounds.items() if len(two) == 2}
            for (cell, peer), rounds in runs.items()}
    for (cell, peer), values in each.items():
        figures.add("cpu." + cell, peer, "ms", values.values())
        for above, below in (("riod", "nvmet"), ("riod", "local"), ("local", "nvmet")):
            if peer == above and (cell, below) in each:
                figures.add("cpu." + cell, "%s/%s" % (above, below), "",
                            stats.ratios(values, each[cell, below]))


def depths(records, figures):
    iops, share = {}, {}
    for record in of_section(records, "depths"):
        fio = record.fio()
        depth = int(record["depth"])
        iops.setdefault(record["peer"], {}).setdefault(depth, []).append(fio.iops)
        if record["peer"] == "riod":
            found = riod_counts(record)
            share.setdefault("scanned per byte", {}).setdefault(depth, []).append(
                found["scanned"] / fio.bytes)
            share.setdefault("messages per I/O", {}).setdefault(depth, []).append(
                found["messages"] / fio.ios)
    figures.add_series("depths.iops", "requests in flight", "", "1/s", iops)
    figures.add_series("depths.counters", "requests in flight", "", "", share)


FIO_OPS = ("read4k", "write4k", "read128k", "write128k")


def crossings(records, figures):
    """Slopes over the injected round trip: each host delays what it sends"""
    points = {}     # (peer, op): {round: [(ms of the round trip, ms)]}
    for record in of_section(records, "crossings"):
        round_, trip = int(record["round"]), 2 * float(record["delay"])
        for (peer, op), ms in latencies(record):
            points.setdefault((peer, op), {}).setdefault(round_, []).append((trip, ms))
    by_op = {}
    for (peer, op), rounds in points.items():
        # work that goes on while the wire is waited for shows at 0 alone
        delayed = [[p for p in some if p[0]] for some in rounds.values()]
        figures.add("crossings." + op, peer, "round trips",
                    [stats.slope(some) for some in delayed if len(some) > 1])
        line = by_op.setdefault(op, {}).setdefault(peer, {})
        for some in rounds.values():
            for trip, ms in some:
                line.setdefault(trip, []).append(ms)
    for op, lines in by_op.items():
        if op in FIO_OPS and "tcp" not in lines:
            lines["tcp"] = by_op.get("pingpong", {}).get("tcp", {})
        figures.add_series("crossings." + op, "round trip injected", "ms", "ms", lines)
    for op in FIO_OPS:
        delayed_ratio(op, points.get(("riod", op)), points.get(("nvmet", op)), figures)


def delayed_ratio(op, riod, nvmet, figures):
    """The times at 10 ms each way"""
    at = 20.0
    pick = [{r: ms for r, some in (rounds or {}).items() for trip, ms in some if trip == at}
            for rounds in (riod, nvmet)]
    figures.add("delayed." + op, "riod/nvmet", "", stats.ratios(*pick))


def lower(values):
    """The quarter of an operation's times; the others tell more of the machine than of the wire"""
    return stats.percentile(dict(collections.Counter(values)), 25) / MS


def latencies(record):
    """((peer, op), lower quartile in ms) of a record of crossings"""
    peer = record["peer"]
    if peer == "tcp":
        yield (peer, "pingpong"), lower(record.numbers("pingpong"))
    elif peer == "registers":
        for op in ("read", "write", "map", "unmap"):
            yield ("riod", "register-" + op if op in ("read", "write") else op), \
                lower(record.numbers(op))
    else:
        for op in FIO_OPS:
            yield (peer, op), stats.percentile(record.fio(op).bins, 25) / MS


def second_trips(records, figures):
    for record in of_section(records, "second"):
        # a second round trip makes it two and more; fio's times are exact to 2 %
        limit = 1.95 * 2 * float(record["delay"]) * MS
        for op in ("read", "write"):
            fio = record.fio(op)
            figures.add("second." + op, record["peer"], "of %d" % fio.ios,
                        [stats.above(fio.bins, limit)])


def mapped(records, figures):
    values = {}
    for record in of_section(records, "mapped"):
        ms = stats.median(record.numbers("read")) / MS
        values.setdefault(int(record["kib"]), {})[int(record["round"])] = ms
    figures.add_series("mapped.read", "memory mapped", "MiB", "ms",
                       {"riod": {kib / 1024: list(v.values()) for kib, v in values.items()}})
    if 0 in values:
        for kib, some in values.items():
            figures.add("mapped.%d" % (kib // 1024) if kib >= 1024 or not kib else "mapped.64k",
                        "riod/nothing mapped", "", stats.ratios(some, values[0]))


def attachments(records, figures):
    rate, one = {}, {}
    for record in of_section(records, "attachments"):
        n = int(record["n"])
        lines = [[int(w) for w in line.split()[1:]] for line in record.out.splitlines()
                 if line.startswith("read ")]
        if len(lines) != n:
            raise ValueError("%d programs answered, of %d attachments" % (len(lines), n))
        rate.setdefault(n, []).append(sum(len(ns) * 1e9 / sum(ns) for ns in lines))
        one.setdefault(n, []).append(stats.median([v for ns in lines for v in ns]) / MS)
    figures.add_series("attachments.reads", "attachments", "", "reads/s", {"all together": rate})
    figures.add_series("attachments.read", "attachments", "", "ms", {"one read": one})


def link(records, figures):
    values = {}
    for record in of_section(records, "link"):
        words = record.out.split()
        if words[0] == "pingpong":
            values.setdefault(("pingpong", "ms"), []).append(
                stats.median([int(w) for w in words[1:]]) / MS)
        else:
            values.setdefault((words[0], "MB/s"), []).append(int(words[1]) * 1000 / int(words[2]))
    for (what, unit), some in values.items():
        figures.add("link." + what, "tcp", unit, some)


def net(records, figures, idle_rates):
    speed, per_byte = {}, {}
    for record in of_section(records, "net"):
        round_, peer, way = int(record["round"]), record["peer"], record["way"]
        sent, ns = record.numbers(way)
        speed.setdefault((way, peer), {})[round_] = sent * 1000 / ns
        per_byte.setdefault((way, peer, "cpu"), {})[round_] = spent(record, idle_rates) * 1e9 / sent
        if peer == "igb":
            found = riod_counts(record)
            for what in ("wire", "scanned"):
                per_byte.setdefault((way, peer, what), {})[round_] = found[what] / sent
    for (way, peer), some in speed.items():
        figures.add("net." + way, peer, "MB/s", some.values())
    for (way, peer, what), some in per_byte.items():
        figures.add("net.%s.%s" % (way, what), peer, "ns/byte" if what == "cpu" else "bytes/byte",
                    some.values())
    for way in ("send", "receive"):
        figures.add("net." + way, "igb/virtio-net", "",
                    stats.ratios(speed.get((way, "igb"), {}), speed.get((way, "virtio-net"), {})))


def usb(records, figures):
    iops = {}
    for record in of_section(records, "usb"):
        cell = "%s-%s" % (record["rw"], record["bs"])
        iops.setdefault((cell, record["peer"]), {})[int(record["round"])] = record.fio().iops
    for (cell, peer), some in iops.items():
        figures.add("usb." + cell, peer, "1/s", some.values())
        if peer == "usb" and (cell, "usbip") in iops:
            figures.add("usb." + cell, "usb/usbip", "", stats.ratios(some, iops[cell, "usbip"]))


def document(records, **run):
    figures = Figures()
    about = {name: value for record in of_section(records, "run")
             for name, value in record.key.items() if name != "section"}
    rates = idle(records, figures)
    storage(records, figures)
    cpu(records, figures, rates)
    depths(records, figures)
    crossings(records, figures)
    second_trips(records, figures)
    mapped(records, figures)
    attachments(records, figures)
    link(records, figures)
    net(records, figures, rates)
    usb(records, figures)
    return {
        "schema": "riod-bench/1",
        "run": {**about, **run},
        "absent": [{"peer": r["peer"], "reason": r["reason"]} for r in of_section(records, "absent")],
        "figures": figures.list,
        "series": figures.series,
    }
