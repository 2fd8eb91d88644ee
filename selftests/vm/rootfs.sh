#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# rootfs.sh - the root file system of host VMs and guests, made once and cached
#
#   selftests/vm/rootfs.sh     make it if there is none; print its path
#
# An ext4 image of the build machine's Debian release (so that it has the libraries
# of a riodctl built here), with QEMU from that release's backports and the packages
# listed in rootfs-packages. It contains no kernel: the kernel's modules are mounted
# over /lib/modules (see kernel.sh). VMs use it as a read-only disk: over 9p an exec
# takes twice as long, and far longer in a nested guest.
#
# It is $RIOD_CACHE/rootfs/<key>.img; the key is the hash of the package list,
# the release and the recipe's number.
#
# Environment: RIOD_CACHE (default ${XDG_CACHE_HOME:-$HOME/.cache}/riod)

set -euo pipefail

# increment it when a change below changes the image
recipe=1

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
cache=${RIOD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/riod}

main()
{
	local codename key dir tmp pkgs
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
	key=$(sed -e 's/#.*//' "$here/rootfs-packages" | cat - <(echo "$codename $recipe") |
		sha256sum | cut -c1-12)
	dir=$cache/rootfs/$key.img
	if [[ -e $dir ]]; then
		echo "$dir"
		return
	fi

	mkdir -p "$cache/rootfs"
	exec 9> "$cache/rootfs/lock"
	flock -n 9 || { echo "rootfs: another run is making it, waiting" >&2; flock 9; }
	if [[ ! -e $dir ]]; then
		echo "rootfs: making the VMs' root file system (about a minute)" >&2
		"$here/../../scripts/deps.sh" vm
		tmp=$cache/rootfs/$key.tmp
		rm -rf --one-file-system "$cache"/rootfs/*.tmp
		pkgs=$("$here/../../scripts/deps.sh" --names "$here/rootfs-packages" | paste -sd,)
		# shellcheck disable=SC2016 # the hooks' $1 is mmdebstrap's
		"$here/../../scripts/deps.sh" --sources |
			mmdebstrap --quiet --mode=root --variant=apt --format=directory \
			--aptopt='APT::Install-Recommends "false"' \
			--dpkgopt='path-exclude=/usr/share/doc/*' \
			--dpkgopt='path-exclude=/usr/share/man/*' \
			--dpkgopt='path-exclude=/usr/share/locale/*' \
			--include="$pkgs" \
			--customize-hook='rm -rf "$1"/var/cache/apt/* "$1"/var/lib/apt/lists/*' \
			--customize-hook='mkdir -p "$1"/lib/modules "$1"/riod "$1"/riod-build "$1"/results' \
			--customize-hook='ln -sf /proc/mounts "$1"/etc/mtab' \
			--customize-hook='echo "127.0.0.1 localhost" > "$1"/etc/hosts' \
			--customize-hook=': > "$1"/etc/resolv.conf' \
			"$codename" "$tmp" - >&2
		rm -rf --one-file-system "${tmp:?}"/dev/*
		"$here/kernel.sh" image "$tmp" "$dir"
		rm -rf --one-file-system "$tmp"
		echo "rootfs: made $dir ($(du -sh "$dir" | cut -f1))" >&2
	fi
	echo "$dir"
}

main "$@"
