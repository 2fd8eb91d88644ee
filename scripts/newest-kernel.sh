#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Get the newest kernel in Debian, from the backports of the release after this
# machine's, and build the modules for it. Its headers contain programs that need
# that release, so everything is in a small root in the cache:
#
#	$RIOD_CACHE/newest/
#		root/		the release, a compiler, the headers
#		vmlinuz		boot image
#		lib/modules/	for the VM's root
#
# It is kept until --update. KVM is patched to work under QEMU's TCG
# (patches/kvm_amd_valid_bit.py).
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

usage() {
	cat <<-TXT
	usage: ${0##*/} [--update] [--install DIR] [make arguments]

	Prints the directory of the newest kernel, for selftests/vm/run's --kernel.
	--update	look for a newer one
	--install DIR	build the modules for it, with warnings as errors, into DIR
	Make arguments go to kbuild: W=1, C=2, ...
	TXT
}

update=0
install=
while [[ ${1:-} == -* ]]; do
	case $1 in
	--update) update=1 ;;
	--install) install=$(realpath -m "${2:?}"); shift ;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done

suite=trixie
dir=$RIOD_CACHE/newest

# in_root ROOT COMMAND...: run it in the root
in_root() {
	chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root \
		DEBIAN_FRONTEND=noninteractive "${@:2}"
}

# newest_headers ROOT: print the package
newest_headers() {
	in_root "$1" apt-cache --names-only search '^linux-headers-[0-9.]+[+]deb[0-9]+-amd64$' |
		cut -d ' ' -f 1 | sort -V | tail -n 1
}

# image_packages ROOT RELEASE: print the kernel's packages that exist; the signed image
# appears later than the others, or not at all
image_packages() {
	local package

	for package in linux-{image,modules,binary,binary-unsigned}-"$2"; do
		[[ -z $(in_root "$1" apt-cache --names-only search "^${package//+/[+]}\$") ]] || echo "$package"
	done
}

# get: build it in $dir.part. Only unpack the image package, as it would make an initramfs.
get() {
	local root=$dir.part/root headers release

	rm -rf --one-file-system "$dir.part"
	mkdir -p "$dir.part"
	"$top/scripts/deps.sh" --sources "$suite" |
		mmdebstrap --quiet --mode=root --variant=apt --format=directory \
		--aptopt='APT::Install-Recommends "false"' --include=make,gcc,libc6-dev,libelf1t64,kmod \
		"$suite" "$root" -
	# mmdebstrap deletes the package lists
	in_root "$root" apt-get -qq update
	headers=$(newest_headers "$root")
	[[ -n $headers ]] || die "$suite-backports has no kernel headers"
	release=${headers#linux-headers-}
	in_root "$root" apt-get -qq -y install "$headers"
	# shellcheck disable=SC2016,SC2046 # the inner shell's; names of packages
	in_root "$root" sh -ec 'cd /tmp; apt-get -qq download "$@"; for deb in *.deb; do dpkg-deb -x "$deb" image; done' \
		sh $(image_packages "$root" "$release")
	mkdir -p "$dir.part/lib"
	mv "$root/tmp/image/usr/lib/modules" "$dir.part/lib/modules"
	find "$dir.part/lib/modules/$release" "$root/tmp/image" -name 'vmlinuz*' \
		-exec mv {} "$dir.part/vmlinuz" \;
	rm -rf "$root/tmp/"*
	"$top/scripts/patches/kvm_amd_valid_bit.py" \
		"$dir.part/lib/modules/$release/kernel/arch/x86/kvm/kvm-amd.ko.xz"
	depmod -b "$dir.part" "$release"
	rm -rf --one-file-system "$dir"
	mv "$dir.part" "$dir"
	note "Debian's newest kernel, $release, is in $dir"
}

deps build vm
lock "$RIOD_CACHE/newest.lock"
if ((update)) || [[ ! -e $dir/vmlinuz ]]; then
	get >&2
fi
release=$(basename "$dir/lib/modules/"*)

unlock
if [[ -n $install ]]; then
	# a separate build tree for each checkout
	"$top/scripts/kbuild.sh" --root "$dir/root" --install "$install" \
		"/usr/src/linux-headers-$release" "/build/$(basename "$(dirname "$(build_dir newest)")")" \
		KCFLAGS=-Werror "$@" >&2
fi
printf '%s\n' "$dir"
