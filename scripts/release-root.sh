#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Make a root of a Debian release with package groups, and print its directory:
#
#	$RIOD_CACHE/root/<release>-<key>/
#
# scripts/deps.sh installs the groups in the root, which tests the package names of
# another release. The key is the hash of the groups and the scripts; an existing root
# is not updated. Treat it as read-only; scripts/lib/root.sh makes copies by overlays.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"
# shellcheck source=scripts/lib/root.sh
source "$top/scripts/lib/root.sh"

usage() {
	cat <<-TXT
	usage: ${0##*/} RELEASE GROUP...

	RELEASE is the name of a Debian release, a GROUP a file in scripts/packages/.
	TXT
}

case ${1:-} in
-h | --help) usage; exit 0 ;;
-*) usage >&2; exit 2 ;;
esac
(($# >= 2)) || { usage >&2; exit 2; }
own_mounts "$0" "$@"
release=$1
shift

cd "$top/scripts"
key=$(cat release-root.sh deps.sh "${@/#/packages/}" | sha256sum | cut -c 1-12)
root=$RIOD_CACHE/root/$release-$key

# get PART GROUP...: make the root in PART
get() {
	local part=$1

	rm -rf --one-file-system "$part"
	"$top/scripts/deps.sh" vm
	note "making a root of $release with the packages of: ${*:2}"
	# The headers of Debian 13 depend on the kernel; its modules are not needed here.
	"$top/scripts/deps.sh" --sources "$release" |
		mmdebstrap --quiet --mode=root --variant=apt --format=directory \
		--aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
		--dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
		--dpkgopt='path-exclude=/usr/share/locale/*' \
		--dpkgopt='path-exclude=/lib/modules/*/kernel/*' \
		--dpkgopt='path-exclude=/usr/lib/modules/*/kernel/*' \
		"$release" "$part" -
	mount_root "$part"
	# an initramfs is not needed, either
	in_root "$part" dpkg-divert --quiet --local --rename --add /usr/sbin/update-initramfs
	ln -s ../bin/true "$part/usr/sbin/update-initramfs"
	mkdir "$part/tmp/riod"
	cp -r deps.sh packages "$part/tmp/riod/"
	in_root "$part" /tmp/riod/deps.sh "${@:2}"
	in_root "$part" apt-get clean
	rm -rf "$part/tmp/riod" "$part"/var/lib/apt/lists/*
	umount -R "$part/proc" "$part/dev"
}

if [[ ! -e $root ]]; then
	lock "$RIOD_CACHE/root/$release.lock"
	if [[ ! -e $root ]]; then
		get "$root.part" "$@" >&2
		mv "$root.part" "$root"
		note "$release with ${*} is in $root ($(du -shx "$root" | cut -f 1))"
	fi
	# delete roots that were not used for a week
	find "$RIOD_CACHE/root" -mindepth 1 -maxdepth 1 -type d -name "$release-*" -mtime +7 \
		-exec rm -rf --one-file-system {} +
fi
touch "$root"
printf '%s\n' "$root"
