#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the debug kernel for the VM tests of "make check-debug": the
# distribution's linux-source, with drivers for QEMU's devices only, and every checker
# that finds our bugs. Built once per source version, compiler and configuration
# (scripts/kconfig/debug.config), and kept in the cache:
#
#	$RIOD_CACHE/kernel/debug-<key>/
#		vmlinuz		boot image
#		lib/modules/	for the VM's root
#		build/		KDIR for out-of-tree modules
#		config		its configuration
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"
# shellcheck source=scripts/lib/kernel-build.sh
source "$top/scripts/lib/kernel-build.sh"

usage() {
	cat <<-TXT
	usage: ${0##*/} [--print-dir]

	Builds the debug kernel unless it is in the cache, and prints its directory.
	--print-dir	print the directory, built or not; exit status 1 if not
	TXT
}

case ${1:-} in
'' | --print-dir) ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac

deps debug
kernel_get debug x86_64 arch/x86/boot/bzImage 2050 "${1:-}"
