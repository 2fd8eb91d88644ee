#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Records of the bench to figures, and figures to pages.

  bench.py collect RECORDS OUT [NAME=VALUE...]   OUT/{bench.json,bench.md,SERIES.svg}; the words go
                                                 into the document's "run"
  bench.py page BENCH.JSON PAGE.rst              replace the part of the page that begins at
                                                 ".. bench: begin" and ends at ".. bench: end",
                                                 and the plots beside it, in PAGE/

figures.py describes the document.
"""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import figures  # noqa: E402
import records  # noqa: E402
import render  # noqa: E402

BEGIN, END = ".. bench: begin\n", ".. bench: end\n"
PLOTS = ("crossings.read4k", "crossings.write128k", "mapped.read", "depths.iops", "attachments.read")


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def collect(source, out, *words):
    document = figures.document(records.read_all(source), **dict(w.split("=", 1) for w in words))
    os.makedirs(out, exist_ok=True)
    write(os.path.join(out, "bench.json"), json.dumps(document, indent=1) + "\n")
    write(os.path.join(out, "bench.md"), render.markdown(document))
    for series in document["series"]:
        write(os.path.join(out, series["id"] + ".svg"), render.plot(series))


def page(source, path):
    document = json.loads(read(source))
    text = read(path)
    head, rest = text.split(BEGIN)
    tail = rest.split(END)[1]
    run = document["run"]
    lines = ["", "Commit %s, kernel %s, %s; the guest's vIOMMU: %s; %s rounds, measured %s." % (
        run.get("commit"), run.get("kernel"), run.get("transport", "").upper(), run.get("iommu"),
        run.get("rounds"), run.get("started")), ""]
    if run.get("note"):
        lines += [run["note"], ""]
    for gone in document["absent"]:
        lines += ["Without %s: %s." % (gone["peer"], gone["reason"]), ""]
    for title, titled, rows in render.tables(document):
        if not rows or title.startswith("Series"):
            continue
        lines += [title, "-" * len(title), ""] + render.rst_table(titled, rows) + [""]
    plots = os.path.splitext(path)[0]
    os.makedirs(plots, exist_ok=True)
    lines += ["Plots", "-----", ""]
    for series in document["series"]:
        if series["id"] in PLOTS:
            write(os.path.join(plots, series["id"] + ".svg"), render.plot(series, alone=False))
            lines += [".. raw:: html", "   :file: %s/%s.svg" % (os.path.basename(plots), series["id"]), ""]
    write(path, head + BEGIN + "\n".join(lines) + "\n" + END + tail)


def main(argv):
    if len(argv) >= 4 and argv[1] == "collect":
        collect(*argv[2:])
    elif len(argv) == 4 and argv[1] == "page":
        page(*argv[2:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv)
