#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kernel.sh - make a kernel bootable by the harness; print its directory
#
#   selftests/vm/kernel.sh stock     the distribution's 6.12, the build of the headers
#   selftests/vm/kernel.sh DIR       a self-built one: DIR/{vmlinuz,lib/modules/VERSION}
#   selftests/vm/kernel.sh vmtool    not a kernel: build vmtool, print its path
#
# What is printed is a directory $RIOD_CACHE/boot/<key>, holding
#
#   release            the kernel's version
#   vmlinuz            the kernel
#   initrd             busybox, vmtool, the modules that lead to the root over 9p
#   lib/modules/<ver>  its modules; the stock kernel's are unpacked, because xz
#                      under TCG costs more than the whole boot
#
# The key is the hash of the kernel, this script, the initramfs's init and vmtool.
#
# Environment: RIOD_CACHE (default ${XDG_CACHE_HOME:-$HOME/.cache}/riod)

set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cache=${RIOD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/riod}

# what must be loaded to mount the root and to talk to the harness
boot_modules=(virtio_pci virtio_console 9pnet_virtio 9p overlay virtio_net)

die() { echo "kernel: error: $*" >&2; exit 1; }

build_vmtool()
{
	local key dir
	key=$(sha256sum "$here/vmtool.c" | cut -c1-12)
	dir=$cache/vmtool/$key
	if [[ ! -x $dir/vmtool ]]; then
		mkdir -p "$dir"
		gcc -O2 -Wall -Wextra -Werror -static -o "$dir/vmtool.$$" "$here/vmtool.c"
		mv "$dir/vmtool.$$" "$dir/vmtool"
	fi
	echo "$dir/vmtool"
}

# stock_release - the newest installed 6.12 of the distribution
stock_release()
{
	local img
	img=$(printf '%s\n' /boot/vmlinuz-6.12.*-amd64 | sort -V | tail -n 1)
	[[ -r $img ]] || die "no stock kernel here: run scripts/deps.sh vm"
	echo "${img#/boot/vmlinuz-}"
}

# module_list DIR RELEASE - files of boot_modules, dependencies first
module_list()
{
	local mod
	for mod in "${boot_modules[@]}"; do
		modprobe -d "$1" -S "$2" --show-depends "$mod" 2>/dev/null || true
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }'
}

# make_initrd DIR RELEASE
make_initrd()
{
	local dir=$1 release=$2 root mod n=100
	root=$dir/initrd.d
	mkdir -p "$root"/{bin,modules,proc,sys,dev,newroot}
	cp /bin/busybox "$root/bin/busybox"
	cp "$(build_vmtool)" "$root/bin/vmtool"
	cp "$here/initramfs-init" "$root/init"
	while read -r mod; do
		cp "$mod" "$root/modules/$((n++))-$(basename "$mod")"
	done < <(module_list "$dir" "$release")
	(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) > "$dir/initrd"
	rm -rf "$root"
}

# make_dir TMP RELEASE VMLINUZ MODULES
make_dir()
{
	local tmp=$1 release=$2 vmlinuz=$3 modules=$4
	rm -rf "$tmp"
	mkdir -p "$tmp/lib/modules"
	cp "$vmlinuz" "$tmp/vmlinuz"
	cp -a "$modules" "$tmp/lib/modules/$release"
	rm -f "$tmp/lib/modules/$release"/{build,source}
	if [[ -n $(find "$tmp/lib" -name '*.ko.xz' -print -quit) ]]; then
		find "$tmp/lib" -name '*.ko.xz' -print0 | xargs -0 -P "$(nproc)" -n 64 unxz
	fi
	depmod -b "$tmp" "$release"
	echo "$release" > "$tmp/release"
	make_initrd "$tmp" "$release"
}

main()
{
	local what=${1:?usage: kernel.sh stock|DIR|vmtool} name release vmlinuz modules key dir
	case $what in
	vmtool)
		build_vmtool
		return ;;
	stock)
		release=$(stock_release)
		vmlinuz=/boot/vmlinuz-$release
		modules=/lib/modules/$release
		name=stock ;;
	*)
		[[ -r $what/vmlinuz ]] || die "$what/vmlinuz is not there"
		release=$(cd "$what/lib/modules" && printf '%s\n' * | head -n 1)
		vmlinuz=$what/vmlinuz
		modules=$what/lib/modules/$release
		name=$(basename "$what") ;;
	esac
	key=$({
		sha256sum < "$vmlinuz"
		sha256sum < "$modules/modules.dep"
		cat "${BASH_SOURCE[0]}" "$here/initramfs-init" "$here/vmtool.c"
	} | sha256sum | cut -c1-12)
	dir=$cache/boot/$name-$key
	if [[ ! -e $dir/release ]]; then
		mkdir -p "$cache/boot"
		exec 9> "$cache/boot/lock"
		flock 9
		if [[ ! -e $dir/release ]]; then
			echo "kernel: preparing $release for the VMs" >&2
			make_dir "$dir.tmp" "$release" "$vmlinuz" "$modules"
			mv "$dir.tmp" "$dir"
		fi
	fi
	echo "$dir"
}

main "$@"
