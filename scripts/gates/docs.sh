#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: the documentation builds without a warning, and each reference has its target.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# The distribution's Python has Sphinx; the first one in PATH may not.
/usr/bin/python3 -m sphinx -q -W --keep-going -n -j "$(riod_jobs)" -d "$out/doctrees" -b html \
	"$top/Documentation" "$out/html"
