#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: the scripts' own tests.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

for test in "$top"/scripts/tests/*_test.*; do
	echo "$test"
	"$test" 2>&1
done
