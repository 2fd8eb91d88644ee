# SPDX-License-Identifier: GPL-2.0-only
#
# Sphinx configuration:
#   sphinx-build -W --keep-going -n -b html Documentation build/html
from pathlib import Path

meta = dict(
    line.split(": ", 1)
    for line in (Path(__file__).parent.parent / "META").read_text().splitlines()
    if ": " in line
)

project = "riod"
author = "The riod authors"
copyright = author  # noqa: A001
version = release = meta["Version"]

root_doc = "index"
extensions = []
exclude_patterns = []
nitpicky = True

html_theme = "alabaster"
html_theme_options = {
    "description": "A PCI device of one host, driven by a KVM guest of another",
    "page_width": "1100px",
}
html_copy_source = False
html_show_copyright = False
