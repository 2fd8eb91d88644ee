#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# kernel.sh - make a kernel bootable by the harness; print its directory
#
#   selftests/vm/kernel.sh stock     the newest installed 6.12 of the distribution
#   selftests/vm/kernel.sh DIR       a self-built one: DIR/{vmlinuz,lib/modules/VERSION}
#   selftests/vm/kernel.sh vmtool    not a kernel: build vmtool, print its path
#   selftests/vm/kernel.sh image DIR FILE   not a kernel: make an ext4 image of a directory
#
# It prints the directory $RIOD_CACHE/boot/<key>, which contains
#
#   release            the kernel's version
#   vmlinuz            the kernel; decompressed if it has a PVH entry (an ELF image),
#                      because decompressing it under TCG takes seconds
#   bzImage            the original kernel, for kexec and for hosts that suspend to RAM
#   initrd             vminit, vmtool, the modules needed to mount the root file system
#   lib/modules/<ver>  its modules; the stock kernel's are decompressed and stripped of BTF
#                      and signatures, which would cost seconds of a boot under TCG
#   image              all of this as an ext4 image, the disk that VMs use
#
# The key is the hash of the kernel, this script, vminit and vmtool.
#
# Environment: RIOD_CACHE (default ${XDG_CACHE_HOME:-$HOME/.cache}/riod)

set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cache=${RIOD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/riod}

# modules needed for all mounts and for the harness's ports and links
boot_modules=(virtio_pci virtio_iommu virtio_blk ext4 overlay virtio_console 9pnet_virtio 9p virtio_net)

die() { echo "kernel: error: $*" >&2; exit 1; }

# build_program NAME - build NAME.c as a static executable; print its path
build_program()
{
	local key dir
	key=$(sha256sum < "$here/$1.c" | cut -c1-12)
	dir=$cache/$1/$key
	if [[ ! -x $dir/$1 ]]; then
		mkdir -p "$dir"
		gcc -O2 -Wall -Wextra -Werror -static -o "$dir/$1.$$" "$here/$1.c"
		mv "$dir/$1.$$" "$dir/$1"
	fi
	echo "$dir/$1"
}

# make_image DIR FILE - no journal and no checksums, because it is only read
make_image()
{
	local size
	size=$(( $(du -s -m "$1" | cut -f 1) * 11 / 10 + 32 ))
	rm -f "$2.tmp"
	mke2fs -q -t ext4 -b 4096 -m 0 -O ^has_journal,^metadata_csum,^resize_inode \
		-E root_owner=0:0 -d "$1" "$2.tmp" "${size}M" > /dev/null
	mv "$2.tmp" "$2"
}

# stock_release - the newest installed 6.12 of the distribution
stock_release()
{
	local img
	img=$(printf '%s\n' /boot/vmlinuz-6.12.*-amd64 | sort -V | tail -n 1)
	[[ -r $img ]] || die "no stock kernel here: run scripts/deps.sh vm"
	echo "${img#/boot/vmlinuz-}"
}

# module_list DIR RELEASE - list the files of boot_modules, dependencies first
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
	mkdir -p "$root"/{bin,modules}
	cp "$(build_program vmtool)" "$root/bin/vmtool"
	cp "$(build_program vminit)" "$root/init"
	while read -r mod; do
		cp "$mod" "$root/modules/$((n++))-$(basename "$mod")"
	done < <(module_list "$dir" "$release")
	(cd "$root" && find . | cpio --quiet -o -H newc -R 0:0) > "$dir/initrd"
	rm -rf "$root"
}

# le FILE OFFSET SIZE - print a little-endian number
le() { od -An -v -j "$2" -N "$3" -t "u$3" "$1" | tr -d ' '; }

# unpack_kernel BZIMAGE OUT - extract the payload if it has a PVH entry, else copy BZIMAGE;
# the setup header has its offset and length (Documentation/arch/x86/boot.rst)
unpack_kernel()
{
	local start len tool
	start=$(( ($(le "$1" $((0x1f1)) 1) + 1) * 512 + $(le "$1" $((0x248)) 4) ))
	len=$(le "$1" $((0x24c)) 4)
	for tool in zstdcat xzcat zcat bzcat lz4cat; do
		tail -c "+$((start + 1))" "$1" | head -c "$len" | $tool > "$2" 2> /dev/null || true
		[[ $(head -c 4 "$2") == $'\x7fELF' ]] &&
			readelf -n "$2" 2> /dev/null |
			grep -q 0x00000012 && return		# the PVH entry
	done
	cp "$1" "$2"
}

# make_dir TMP RELEASE VMLINUZ MODULES
make_dir()
{
	local tmp=$1 release=$2 vmlinuz=$3 modules=$4
	rm -rf "$tmp"
	mkdir -p "$tmp/lib/modules"
	unpack_kernel "$vmlinuz" "$tmp/vmlinuz"
	cp "$vmlinuz" "$tmp/bzImage"
	cp -a "$modules" "$tmp/lib/modules/$release"
	rm -f "$tmp/lib/modules/$release"/{build,source}
	if [[ -n $(find "$tmp/lib" -name '*.ko.xz' -print -quit) ]]; then
		find "$tmp/lib" -name '*.ko.xz' -print0 | xargs -0 -P "$(nproc)" -n 64 unxz
		# (objcopy drops what is appended to an object: the signature)
		find "$tmp/lib" -name '*.ko' -print0 |
			xargs -0 -P "$(nproc)" -n 1 objcopy --strip-debug -R .BTF -R .BTF.base
	fi
	depmod -b "$tmp" "$release"
	echo "$release" > "$tmp/release"
	make_initrd "$tmp" "$release"
	make_image "$tmp" "$tmp.img"
	mv "$tmp.img" "$tmp/image"
}

main()
{
	local what=${1:?usage: kernel.sh stock|DIR|vmtool} name release vmlinuz modules key dir
	case $what in
	vmtool)
		build_program vmtool
		return ;;
	image)
		make_image "$2" "$3"
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
		cat "${BASH_SOURCE[0]}" "$here/vminit.c" "$here/vmtool.c"
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
		# delete directories unused for 4 hours (running VMs keep their files open)
		find "$cache/boot" -mindepth 1 -maxdepth 1 -type d -mmin +240 -exec rm -rf {} +
	fi
	touch "$dir"
	echo "$dir"
}

main "$@"
