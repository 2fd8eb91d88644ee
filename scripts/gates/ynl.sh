#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: the netlink code matches the generator's output for the spec.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

exec "$top/scripts/ynl-gen.sh" --check
