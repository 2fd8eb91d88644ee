# SPDX-License-Identifier: GPL-2.0-only
"""A document of the bench as Markdown, as reStructuredText, and as plots (SVG)."""

import math
from xml.sax.saxutils import escape

import goals

COLOURS = ("#c0392b", "#2471a3", "#1e8449", "#b9770e", "#6c3483", "#555555")
LOG_TITLES = {"mapped.read", "depths.iops", "depths.counters", "attachments.reads", "attachments.read"}


def number(value):
    if value == 0:
        return "0"
    digits = max(0, 2 - int(math.floor(math.log10(abs(value)))))
    return "%.*f" % (min(digits, 4), value)


def figure_text(figure):
    if not figure:
        return "-"
    if figure["low"] == figure["high"]:
        return number(figure["value"])
    return "%s [%s, %s]" % tuple(number(figure[k]) for k in ("value", "low", "high"))


def goal_rows(document):
    """(what, goal, today, peer, limit, verdict) as text"""
    for text, name, op, goal, peer, limit in goals.ROWS:
        figure = goals.find(document, name)
        verdict = "-"
        if figure:
            verdict = {True: "met", False: "not met", None: "open"}[goals.met(figure, op, goal)]
        yield (text, ("≤ " if op == "<=" else "≥ ") + "%g" % goal, figure_text(figure) if figure else "not measured",
               figure_text(goals.find(document, peer)), figure_text(goals.find(document, limit)), verdict)


GOAL_HEAD = ("figure", "goal", "today", "peer", "limit", "verdict")


def grouped(document):
    """Figures by id, each with its peers"""
    rows = {}
    for figure in document["figures"]:
        rows.setdefault(figure["id"], {})[figure["peer"]] = figure
    return rows


def pivot(document, prefix, peers, whats):
    """(cell, what, text for each peer) of the storage figures"""
    rows = grouped(document)
    cells = []
    for name in rows:
        part = name.split(".")
        if part[0] == prefix and part[1] not in cells:
            cells.append(part[1])
    for cell in cells:
        for what in whats:
            found = rows.get("%s.%s.%s" % (prefix, cell, what), {})
            if any(p in found for p in peers):
                yield (cell, what) + tuple(figure_text(found.get(p)) for p in peers)


STORAGE_PEERS = ("riod", "nvmet", "local", "nvmet-host", "native")
STORAGE_HEAD = ("I/O", "what") + STORAGE_PEERS
TIMES = ("iops", "p50", "p99")
SHARES = ("wire", "link", "scanned", "messages", "acks", "passes", "cuts", "wakeups")


def other_rows(document):
    for figure in document["figures"]:
        if figure["id"].split(".")[0] not in ("storage", "crossings", "second", "delayed"):
            yield (figure["id"], figure["peer"], figure["unit"] or "ratio", figure_text(figure))


def series_rows(series):
    xs = sorted({p["x"] for line in series["lines"].values() for p in line})
    for x in xs:
        row = ["%g" % x]
        for line in series["lines"].values():
            row.append(figure_text(next((p for p in line if p["x"] == x), None)))
        yield tuple(row)


def series_head(series):
    unit = " (%s)" % series["x_unit"] if series["x_unit"] else ""
    return (series["x"] + unit,) + tuple(
        "%s%s" % (peer, ", " + series["unit"] if series["unit"] else "") for peer in series["lines"])


def tables(document):
    """(title, head, rows) of everything"""
    yield "Goals", GOAL_HEAD, list(goal_rows(document))
    yield ("Storage: IOPS, and time of an I/O in ms", STORAGE_HEAD,
           list(pivot(document, "storage", STORAGE_PEERS, TIMES)))
    yield ("Storage: bytes for each byte of payload; counts for each I/O", ("I/O", "what", "riod", "nvmet"),
           list(pivot(document, "storage", ("riod", "nvmet"), SHARES)))
    yield ("Storage: quotients", ("I/O", "what", "riod/nvmet", "riod/local", "local/nvmet"),
           list(pivot(document, "storage", ("riod/nvmet", "riod/local", "local/nvmet"), ("iops", "p50"))))
    yield "Other figures", ("figure", "peer", "unit", "value"), list(other_rows(document))
    for series in document["series"]:
        yield "Series: " + series["id"], series_head(series), list(series_rows(series))


def markdown(document):
    run = document["run"]
    lines = ["<!-- SPDX-License-Identifier: GPL-2.0-only -->", "# riod bench", "",
             ", ".join("%s %s" % (k, v) for k, v in run.items()), ""]
    for gone in document["absent"]:
        lines.append("No %s: %s." % (gone["peer"], gone["reason"]))
    for title, head, rows in tables(document):
        if not rows:
            continue
        lines += ["", "## " + title, "", "| %s |" % " | ".join(head), "|" + " --- |" * len(head)]
        lines += ["| %s |" % " | ".join(row) for row in rows]
    return "\n".join(lines) + "\n"


def rst_table(head, rows):
    def line(cells):
        # a lone "-" would be a list
        return ", ".join('"%s"' % ("\\-" if cell == "-" else cell) for cell in cells)

    return [".. csv-table::", "   :header: " + line(head), ""] + ["   " + line(row) for row in rows]


# ---- plots ----

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 70, 130, 30, 50


def scale(values, log, low, high):
    """A function from values to [low, high], and the ticks"""
    if log:
        first, last = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
        last = max(last, first + 1)
        ticks = [10.0 ** e for e in range(first, last + 1)]
        return lambda v: low + (math.log10(v) - first) / (last - first) * (high - low), ticks
    top = max(max(values), 1e-9)
    step = 10.0 ** math.floor(math.log10(top))
    step *= 0.5 if top / step < 4 else 1
    step *= 0.4 if top / step < 3 else 1
    count = math.ceil(top / step)
    return lambda v: low + v / (count * step) * (high - low), [n * step for n in range(count + 1)]


# the name of SVG's namespace; no host is asked
SVG = "http:" + "//www.w3.org/2000/svg"


def plot(series, alone=True):
    """One SVG: a line for each peer, with its interval at each point. A file needs the namespace
    that a part of an HTML page has anyway."""
    lines = series["lines"]
    points = [p for line in lines.values() for p in line]
    # a point at 0 has no place on a logarithmic axis
    log_x = series["id"] in LOG_TITLES
    log_y = log_x and min(p["low"] for p in points) > 0
    xs = [p["x"] for p in points if p["x"] > 0 or not log_x]
    to_x, ticks_x = scale(xs, log_x, LEFT, WIDTH - RIGHT)
    to_y, ticks_y = scale([v for p in points for v in (p["low"], p["high"])], log_y, HEIGHT - BOTTOM, TOP)
    unit = " (%s)" % series["x_unit"] if series["x_unit"] else ""
    out = ["<!-- SPDX-License-Identifier: GPL-2.0-only -->",
           '<svg%s width="%d" height="%d" font-family="sans-serif" font-size="12">' % (
               ' xmlns="%s"' % SVG if alone else "", WIDTH, HEIGHT),
           '<rect width="100%" height="100%" fill="white"/>',
           '<text x="%d" y="18" font-weight="bold">%s%s</text>' % (
               LEFT, escape(series["id"]), escape(", " + series["unit"] if series["unit"] else "")),
           '<text x="%d" y="%d" text-anchor="middle">%s</text>' % (
               (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, escape(series["x"] + unit))]
    for tick in ticks_x:
        out.append('<line x1="{0:.1f}" y1="{1}" x2="{0:.1f}" y2="{2}" stroke="#ddd"/>'
                   '<text x="{0:.1f}" y="{3}" text-anchor="middle">{4:g}</text>'.format(
                       to_x(tick), TOP, HEIGHT - BOTTOM, HEIGHT - BOTTOM + 16, tick))
    for tick in ticks_y:
        out.append('<line x1="{1}" y1="{0:.1f}" x2="{2}" y2="{0:.1f}" stroke="#ddd"/>'
                   '<text x="{3}" y="{4:.1f}" text-anchor="end">{5:g}</text>'.format(
                       to_y(tick), LEFT, WIDTH - RIGHT, LEFT - 6, to_y(tick) + 4, tick))
    for n, (peer, line) in enumerate(lines.items()):
        colour = COLOURS[n % len(COLOURS)]
        shown = [p for p in line if p["x"] > 0 or not log_x]
        out.append('<polyline fill="none" stroke="%s" stroke-width="2" points="%s"/>' % (
            colour, " ".join("%.1f,%.1f" % (to_x(p["x"]), to_y(p["value"])) for p in shown)))
        for p in shown:
            out.append('<line x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}" stroke="{3}"/>'
                       '<circle cx="{0:.1f}" cy="{4:.1f}" r="3" fill="{3}"/>'.format(
                           to_x(p["x"]), to_y(p["low"]), to_y(p["high"]), colour, to_y(p["value"])))
        out.append('<text x="%d" y="%d" fill="%s">%s</text>' % (
            WIDTH - RIGHT + 10, TOP + 14 + 18 * n, colour, escape(peer)))
    out.append("</svg>")
    return "\n".join(out) + "\n"
