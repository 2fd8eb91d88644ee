#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Check that the project builds on the other Debian release, 12 or 13, and that the result
# runs there. Prints KTAP. Uses a temporary copy of a root of that release, which is in the
# cache (release-root.sh).
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"
# shellcheck source=scripts/lib/root.sh
source "$top/scripts/lib/root.sh"

usage() {
	cat <<-TXT
	usage: ${0##*/} [RELEASE]

	RELEASE is the name of a Debian release (default: bookworm on Debian 13, else trixie).
	TXT
}

case ${1:-} in
-h | --help) usage; exit 0 ;;
-*) usage >&2; exit 2 ;;
esac
own_mounts "$0" "$@"
release=${1:-$(other_release)}

lower=$("$top/scripts/release-root.sh" "$release" build test)
mkdir -p "$RIOD_CACHE/tmp"
tmp=$(mktemp -d "$RIOD_CACHE/tmp/releases.XXXXXX")
trap 'umount -l -R "$tmp/root" 2>/dev/null || true; rm -rf --one-file-system "$tmp"' EXIT
overlay "$lower" "$tmp"
root=$tmp/root

# a clean copy
mkdir "$root/src"
(cd "$top" && riod_files '*' | rsync -a --from0 --files-from=- ./ "$root/src/")

# src COMMAND...: run it in the copy
src() { in_root "$root" sh -ec 'cd /src; exec "$@"' sh "$@"; }

# written: list new files in the root outside the checkout
written() { (cd "$tmp/upper" && find . ! -type d ! -path './src/*' ! -path './tmp/*' | sort); }

# make_src ARGUMENT...: run make as a user does, with optimisation and its warnings
make_src() { src make -s -j "$(riod_jobs)" CXXFLAGS=-O2 "$@" 2>&1; }

builds() {
	local module

	make_src || return
	for module in core stub frontend; do
		[[ -e $root/src/build/riod_$module.ko ]] || { echo "no riod_$module.ko"; return 1; }
	done
}

changes_nothing() {
	written
	[[ -z $(written) ]]
}

runs() {
	local words

	for words in --version --help 'attach --help'; do
		# shellcheck disable=SC2086 # words
		src build/riodctl/riodctl $words || return
	done
}

unit_tests() { make_src -C tools/riodctl BUILD=/src/build/riodctl check; }

# installed DIR PREFIX: check the files that make install put below DIR
installed() {
	local modules

	ls -l "$1$2"/{sbin/riodctl,lib/riod/riod-mmap.so,share/man/man8/riodctl.8} \
		"$1$2/share/bash-completion/completions/riodctl" \
		"$1$2/lib/systemd/system/riod-attach@.service" || return
	modules=$(find "$1"/lib/modules/*/updates/riod/ -name 'riod_*.ko*' | wc -l)
	((modules == 4)) || { echo "$modules modules"; return 1; }
}

installs() {
	make_src install || return
	installed "$root" /usr || return
	in_root "$root" modinfo -k "$(basename "$root"/lib/modules/*)" riod_frontend
}

# only depmod's files may stay
uninstalls() {
	local left=$tmp/left

	make_src uninstall || return
	written | sed '/\/modules\.[^/]*$/d' >"$left"
	cat "$left"
	[[ ! -s $left && ! -e $root/usr/lib/riod ]]
}

destdir() {
	local dest=$root/tmp/dest left

	make_src install DESTDIR=/tmp/dest PREFIX=/opt || return
	installed "$dest" /opt || return
	: >"$dest/opt/lib/riod/foreign"
	make_src uninstall DESTDIR=/tmp/dest PREFIX=/opt || return
	left=$(cd "$dest" && find . -type f)
	echo "$left"
	[[ $left == ./opt/lib/riod/foreign ]]
}

# names_missing: make names what is missing: a header, a library, the kernel's headers
names_missing() {
	local log=$tmp/missing word

	rm -rf "$root"/usr/include/CLI "$root"/usr/lib/*/pkgconfig/libnl-genl-3.0.pc "$root"/lib/modules/*/build
	! make_src >"$log" || { echo "it builds"; return 1; }
	cat "$log"
	for word in 'header CLI/CLI.hpp' 'library libnl-genl-3.0' 'kernel headers' '"make deps"'; do
		grep -qF "$word" "$log" || { echo "does not say: $word"; return 1; }
	done
}

n=0
failed=0
# check FUNCTION NAME
check() { ktap_check "$release: $2" "$1"; }

printf 'KTAP version 1\n1..9\n'
check builds 'make builds the modules and riodctl'
check changes_nothing 'make changes nothing outside its build directory'
check runs 'riodctl runs'
check unit_tests 'unit tests of riodctl'
check destdir 'make install and uninstall with DESTDIR and PREFIX'
check changes_nothing 'these change nothing outside DESTDIR'
check installs 'make install'
check uninstalls 'make uninstall'
check names_missing 'make names what is missing'
((failed == 0))
