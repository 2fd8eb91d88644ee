# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Builds a kernel from a configuration fragment, once, into the cache.
# To be sourced after common.sh.

: "${top:?}"

# kernel_key FRAGMENT: print the key of a cached build: fragment, compiler (modules
# must be built by the one that built the kernel), and the patches that are named
# after the kernel.
kernel_key() {
	local version name

	name=$(basename "$1" .config)
	version=$("$top/scripts/kernel-source.sh" --version)
	printf '%s-%s\n' "${version//[^[:alnum:].+-]/_}" \
		"$({ sed '/^#  *[^C ]/d; /^# *$/d; /^$/d' "$1"; gcc --version | head -n 1
			find "$top/scripts/patches" -name "$name-*.patch" -exec cat {} +; } |
			sha256sum | cut -c 1-12)"
}

# kernel_configure SOURCE BUILD FRAGMENT ARCH: configure allnoconfig plus the
# fragment; fails if kconfig drops a line of it.
kernel_configure() {
	local source_dir=$1 build=$2 fragment=$3 arch=$4 line symbol dropped=()

	make -C "$source_dir" "O=$build" "KCONFIG_ALLCONFIG=$fragment" "ARCH=$arch" \
		allnoconfig >"$build/configure.log" 2>&1 ||
		die "allnoconfig failed, see $build/configure.log"
	while read -r line; do
		case $line in
		CONFIG_*)
			grep -qxF "$line" "$build/.config" || dropped+=("$line")
			;;
		'# CONFIG_'*' is not set')
			symbol=${line#\# }
			symbol=${symbol%% *}
			! grep -q "^$symbol=" "$build/.config" || dropped+=("$line")
			;;
		esac
	done <"$fragment"
	((${#dropped[@]} == 0)) ||
		die "kconfig dropped from $fragment:" "${dropped[@]}"
}

# kernel_prune BUILD: delete files that a build of out-of-tree modules does not read.
kernel_prune() {
	find "$1" \( -path "$1/scripts" -o -path "$1/tools" \) -prune -o \
		-type f \( -name '*.o' -o -name '*.a' -o -name '.*.cmd' -o -name '*.o.d' \
		-o -name 'vmlinux.unstripped' -o -name 'vmlinux.bin*' -o -name 'bzImage' \
		-o -name '.tmp_vmlinux*' \) -exec rm -f {} +
}

# kernel_get NAME ARCH IMAGE LINES [--print-dir]: print the directory of the
# kernel NAME in the cache; build it from scripts/kconfig/NAME.config if it
# is missing. IMAGE is the boot image, relative to the build directory; LINES is
# the approximate number of lines that make prints, for the progress display.
#
# An interrupted build is resumed; the directory gets its name only when it is complete.
kernel_get() {
	local name=$1 arch=$2 image=$3 lines=$4 print_only=${5:-}
	local fragment=$top/scripts/kconfig/$name.config
	local dir part source_dir release mk

	dir=$RIOD_CACHE/kernel/$name-$(kernel_key "$fragment")
	if [[ -e $dir/config || -n $print_only ]]; then
		printf '%s\n' "$dir"
		[[ -e $dir/config ]]
		return
	fi
	source_dir=$("$top/scripts/kernel-source.sh")
	lock "$dir.lock"
	part=$dir.part
	if [[ ! -e $dir/config ]]; then
		mkdir -p "$part/build" "$part/lib/modules"
		kernel_configure "$source_dir" "$part/build" "$fragment" "$arch"
		# under "make -s" it would print nothing, but progress counts its lines
		mk=(env -u MAKEFLAGS -u MAKELEVEL make -C "$source_dir" "O=$part/build" "ARCH=$arch" -j "$(riod_jobs)")
		progress "$name kernel" "$lines" "$part/build.log" \
			riod_nice "${mk[@]}" "$(basename "$image")" modules
		release=$(<"$part/build/include/config/kernel.release")
		riod_nice "${mk[@]}" INSTALL_MOD_PATH="$part" modules_install \
			>>"$part/build.log" 2>&1 || die "modules_install failed, see $part/build.log"
		rm -f "$part/lib/modules/$release"/{build,source}
		cp "$part/build/$image" "$part/vmlinuz"
		cp "$part/build/.config" "$part/config"
		kernel_prune "$part/build"
		mv "$part" "$dir"
		note "$name kernel $release is in $dir ($(du -sh "$dir" | cut -f 1))"
	fi
	unlock
	printf '%s\n' "$dir"
}
