#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the User Mode Linux kernel that runs KUnit (scripts/kconfig/uml.config),
# once per source version, compiler and configuration, into the cache. Its vmlinuz
# is an executable program.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"
# shellcheck source=scripts/lib/kernel-build.sh
source "$top/scripts/lib/kernel-build.sh"

usage() {
	cat <<-TXT
	usage: ${0##*/} [--print-dir]

	Builds the UML kernel unless it is in the cache, and prints its directory.
	--print-dir	print the directory, built or not; exit status 1 if not
	TXT
}

case ${1:-} in
'' | --print-dir) ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac

deps kunit
kernel_get uml um linux 800 "${1:-}"
