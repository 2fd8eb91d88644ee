#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Remove the modules that "make install" installed below DESTDIR, of one or all kernels.
set -euo pipefail

usage() {
	cat <<-TXT
	usage: ${0##*/} [--keep-depmod] DESTDIR [RELEASE]

	Removes riod_*.ko* from DESTDIR/lib/modules/RELEASE/updates/riod, and directories
	there that are empty then. DESTDIR "" is the system itself, where depmod is run, too.
	--keep-depmod	the caller runs depmod
	TXT
}

depmod=depmod
case ${1:-} in
-h | --help) usage; exit 0 ;;
--keep-depmod) depmod=:; shift ;;
esac
(($# == 1 || $# == 2)) || { usage >&2; exit 2; }

for dir in "$1/lib/modules/"${2:-*}/updates/riod; do
	[[ -d $dir ]] || continue
	find "$dir" -type f -name 'riod_*.ko*' -delete
	find "$dir" -depth -type d -empty -delete
	release=${dir%/updates/riod}
	[[ -n $1 ]] || "$depmod" "${release##*/}"
done
