#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Check that dkms builds, installs and removes the modules, and skips kernels that are too
# old. Prints KTAP. Uses temporary copies of roots of Debian 12 and 13 (release-root.sh):
# for 6.12, for the newest kernel if it is in the cache (newest-kernel.sh), and with
# Debian 12's 6.1 installed, too.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"
# shellcheck source=scripts/lib/root.sh
source "$top/scripts/lib/root.sh"

case ${1:-} in
'') ;;
-h | --help) echo "usage: ${0##*/}"; exit 0 ;;
*) echo "usage: ${0##*/}" >&2; exit 2 ;;
esac
own_mounts "$0"

version=$(sed -n 's/^Version: *//p' "$top/META")
module=riod/$version
old=$("$top/scripts/release-root.sh" bookworm dkms)
new=$("$top/scripts/release-root.sh" trixie dkms)
newest=$RIOD_CACHE/newest
mkdir -p "$RIOD_CACHE/tmp"
tmp=$(mktemp -d "$RIOD_CACHE/tmp/dkms.XXXXXX")

finish() {
	local root

	for root in "$tmp"/{bookworm,trixie}/root; do umount -l -R "$root" 2>/dev/null || true; done
	rm -rf --one-file-system "$tmp"
}
trap finish EXIT

# begin NAME LOWER: make a copy with the checkout in dkms's source directory; sets root
begin() {
	overlay "$2" "$tmp/$1"
	root=$tmp/$1/root
	mkdir "$root/usr/src/riod-$version"
	(cd "$top" && riod_files '*' | rsync -a --from0 --files-from=- ./ "$root/usr/src/riod-$version/")
}

# kernels PATTERN: list the kernels that have headers in the root
kernels() { in_root "$root" sh -c "ls -d /lib/modules/$1/build" 2>/dev/null | cut -d / -f 4; }

# modules_of KERNEL: list the modules that dkms installed
modules_of() { find "$root/lib/modules/$1/" -path '*/updates/dkms/*' -name 'riod_*.ko*'; }

life() {
	local kernel=$1

	in_root "$root" dkms add "$module" || return
	in_root "$root" dkms build "$module" -k "$kernel" || return
	in_root "$root" dkms install "$module" -k "$kernel" || return
	in_root "$root" dkms status
	modules_of "$kernel"
	(($(modules_of "$kernel" | wc -l) == 4)) || return
	modinfo -F vermagic "$(modules_of "$kernel" | grep frontend)" | grep -F "$kernel " || return
	in_root "$root" dkms remove "$module" --all || return
	[[ -z $(modules_of "$kernel") ]]
}

# autoinstall KERNEL: run it as the installation of a kernel package does
autoinstall() {
	in_root "$root" dkms add "$module" || return
	in_root "$root" dkms autoinstall -k "$1" 2>&1
}

installs() {
	autoinstall "$1" || return
	(($(modules_of "$1" | wc -l) == 4))
}

# skips KERNEL: autoinstall skips it without an error, with and without modules for another one
skips() {
	in_root "$root" dkms status
	in_root "$root" dkms autoinstall -k "$1" >"$tmp/skips" 2>&1 || return
	cat "$tmp/skips"
	! grep -qiE 'error|fail' "$tmp/skips" && [[ -z $(modules_of "$1") ]] || return
	in_root "$root" dkms remove "$module" --all || return
	# and when no kernel has the modules
	autoinstall "$1" && [[ -z $(modules_of "$1") ]]
}

n=0
failed=0
# logged FUNCTION ARGUMENT: where it fails, what dkms wrote elsewhere is part of its output
logged() {
	local rc=0

	"$@" || rc=$?
	((rc == 0)) || cat "$tmp/skips" "$root/var/lib/dkms/$module/build/make.log" 2>/dev/null || true
	return "$rc"
}

# check NAME FUNCTION ARGUMENT
check() { ktap_check "$1, $3" logged "$2" "$3"; }

same_version() { (
	set +u
	# shellcheck source=/dev/null
	source "$top/dkms.conf"
	[[ $PACKAGE_VERSION == "$1" ]]
); }

printf 'KTAP version 1\n1..%d\n' "$([[ -e $newest/vmlinuz ]] && echo 6 || echo 5)"
root=$old
check "dkms.conf has META's version" same_version "$version"
begin bookworm "$old"
check 'Debian 12: dkms add, build, install, remove' life "$(kernels '6.12.*')"
check 'Debian 12: dkms autoinstall' installs "$(kernels '6.12.*')"
check 'Debian 12: dkms autoinstall leaves an old kernel alone' skips "$(kernels '6.1.*')"
# the newest kernel's headers are in a lower layer below the root with dkms
begin trixie "$new$([[ ! -e $newest/vmlinuz ]] || echo ":$newest/root")"
check 'Debian 13: dkms add, build, install, remove' life "$(kernels '6.12.*')"
if [[ -e $newest/vmlinuz ]]; then
	check 'newest kernel: dkms add, build, install, remove' life "$(basename "$newest/lib/modules/"*)"
fi
((failed == 0))
