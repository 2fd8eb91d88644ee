#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Print the directory of the unpacked kernel source in the cache, unpacking the
# distribution's linux-source package on the first call (and after a package
# update), with scripts/patches applied. By convention the tree is read-only: build from it
# with O=.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

usage() {
	cat <<-TXT
	usage: ${0##*/} [--version]

	Prints the path of an unpacked linux-source-$RIOD_KERNEL_SERIES; --version prints the
	version of its package instead.
	TXT
}

package=linux-source-$RIOD_KERNEL_SERIES
tarball=/usr/src/$package.tar.xz

package_version() {
	# shellcheck disable=SC2016 # the braces are dpkg-query's
	dpkg-query -W -f '${Version}' "$package"
}

case ${1:-} in
'') ;;
-h | --help) usage; exit 0 ;;
--version) ;;
*) usage >&2; exit 2 ;;
esac

if [[ ! -e $tarball ]] || ! package_version >/dev/null 2>&1; then
	deps debug
	[[ -e $tarball ]] || die "$tarball is missing: install $package"
fi
version=$(package_version)
if [[ ${1:-} == --version ]]; then
	printf '%s\n' "$version"
	exit 0
fi

patches=("$top"/scripts/patches/*.patch)
dir=$RIOD_CACHE/src/$package-${version//[^[:alnum:].+-]/_}-$(cat "${patches[@]}" | sha256sum | cut -c 1-8)
if [[ ! -d $dir ]]; then
	lock "$RIOD_CACHE/src/.lock"
fi
if [[ ! -d $dir ]]; then
	rm -rf "$dir.part"
	mkdir -p "$dir.part"
	progress "unpacking $package $version" 0 "$RIOD_CACHE/src/unpack.log" \
		tar -xJf "$tarball" -C "$dir.part" --strip-components=1
	for patch in "${patches[@]}"; do
		patch -s -p 1 -d "$dir.part" <"$patch" || die "$patch does not apply"
	done
	mv "$dir.part" "$dir"
fi
printf '%s\n' "$dir"
