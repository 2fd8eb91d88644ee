#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build out-of-tree modules against a kernel without writing to the
# source tree: sources are mirrored to a build directory, so that builds
# for the stock, the debug and the UML kernel coexist and each stays
# incremental. A file is rewritten there only if its content differs, so content
# and not the time stamps of a checkout causes a rebuild.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

usage() {
	cat <<-TXT
	usage: ${0##*/} [--src DIR] [--install DIR] [--destdir DIR] [--root DIR]
	       KDIR OUTDIR [make arguments]
	       ${0##*/} --need KDIR

	Mirrors kernel/ and include/ into OUTDIR and builds the modules there, as
	OUTDIR/kernel/**/*.ko, against KDIR: an absolute path, or "stock" for the
	newest installed headers of the series $RIOD_KERNEL_SERIES, and without them
	those of the running kernel.
	--need		only check the build dependencies
	--src DIR	build DIR (relative to the top) instead of kernel/
	--install DIR	then copy all modules into DIR, without subdirectories
	--destdir DIR	then install the modules below DIR, compressed and signed as
			the kernel is configured, in lib/modules/RELEASE/updates/riod;
			"" is the system itself, where depmod runs, too
	--root DIR	run kbuild in this root; KDIR and OUTDIR are paths in it
	Make arguments go to kbuild: W=1, C=2, ARCH=um, CONFIG_RIOD_KUNIT_TEST=m, ...
	TXT
}

src=kernel
install=
root=
need=
while [[ ${1:-} == -* ]]; do
	case $1 in
	--src) src=${2:?}; shift ;;
	--install) install=${2:?}; shift ;;
	--destdir) destdir=${2?}; shift ;;
	--need) need=1 ;;
	--root) root=$(realpath "${2:?}"); shift ;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done
(($# >= 2)) || [[ -n $need && $# == 1 ]] || { usage >&2; exit 2; }
kdir=$1
out=${2:-}
shift $(($# > 1 ? 2 : 1))

# missing NEED...: report it together with all other missing dependencies, and exit
missing() { "$top/scripts/need.sh" modules build program:make program:rsync "$@" || exit; }

if [[ $kdir == stock ]]; then
	# shellcheck disable=SC2012 # names made by packages; sorted by version
	kdir=$(ls -d "/lib/modules/$RIOD_KERNEL_SERIES".*/build 2>/dev/null | sort -V | tail -n 1 || true)
	[[ -n $kdir ]] || kdir=/lib/modules/$(uname -r)/build
	[[ -e $kdir/Makefile ]] || missing "kernel:headers $RIOD_KERNEL_SERIES or newer (or say KDIR=DIR)"
fi
[[ -e $root$kdir/Makefile ]] || die "$kdir is not a kernel build directory"
release=$(cat "$root$kdir/include/config/kernel.release" 2>/dev/null || true)
if [[ -n $release ]] && ! sort -VC <<<"$RIOD_KERNEL_SERIES"$'\n'"$release"; then
	missing "kernel:headers $RIOD_KERNEL_SERIES or newer ($kdir is $release)"
fi
missing
[[ -z $need ]] || exit 0
[[ -e $top/$src/Kbuild || -e $top/$src/Makefile ]] || die "no Kbuild file in $src/"

mkdir -p "$root$out"
out=$(cd "$root$out" && pwd)
lock "$out/.lock"
mkdir -p "$out/include"

# Files that kbuild makes must survive --delete.
mirror=(rsync -rlpc --delete --filter='P *.o' --filter='P *.a' --filter='P *.ko'
	--filter='P *.mod' --filter='P *.mod.c' --filter='P .*' --filter='P Module.symvers'
	--filter='P modules.order')
[[ ! -d $top/include ]] || "${mirror[@]}" "$top/include/" "$out/include/"
mkdir -p "$out/$src"
"${mirror[@]}" "$top/$src/" "$out/$src/"

if [[ $src == kernel && -z ${root:-} ]] &&
	! grep -qs '^CONFIG_INFINIBAND_ADDR_TRANS=y' "$kdir/include/config/auto.conf"; then
	note "riod_rdma is left out: $kdir has no CONFIG_INFINIBAND_ADDR_TRANS"
fi

# A parent make does not pass its jobserver to a script, so its job flags would only
# cause a warning; keep its other flags.
MAKEFLAGS=$(sed -E 's/ -j[0-9]*( |$)/\1/; s/ --jobserver-[a-z]+=[^ ]+//' <<<"${MAKEFLAGS:-}")
export MAKEFLAGS
kbuild=(make)
# objtool reads /proc; only this make sees the mount
# shellcheck disable=SC2016 # the inner shell's
[[ -z $root ]] || kbuild=(unshare --mount sh -ec 'mount --bind /proc "$0/proc"; exec chroot "$0" "$@"' "$root"
	/usr/bin/env -u TMPDIR PATH=/usr/sbin:/usr/bin:/sbin:/bin make)
kbuild+=(-C "$kdir" M="${out#"$root"}/$src" -j "$(riod_jobs)" --no-print-directory "$@")
"${kbuild[@]}" modules

if [[ -n $install ]]; then
	mkdir -p "$install"
	# modules.order lists the modules of this build only, not those left by an older one.
	sed "s,\.o\$,.ko," "$out/$src/modules.order" | while read -r ko; do
		if [[ $ko == /* ]]; then ko=$root$ko; else ko=$out/$src/$ko; fi
		cmp -s "$ko" "$install/${ko##*/}" || cp "$ko" "$install/"
	done
fi

if [[ -n ${destdir+set} ]]; then
	[[ -n $release ]] || die "$kdir has no include/config/kernel.release"
	# an older version may have other names or another compression
	"$top/scripts/uninstall-modules.sh" --keep-depmod "$destdir" "$release"
	options=("INSTALL_MOD_PATH=$destdir" INSTALL_MOD_DIR=updates/riod)
	# otherwise kbuild runs depmod also for DESTDIR, or warns that System.map is missing
	options+=(cmd_depmod=: quiet_cmd_depmod=)
	# distributions do not ship their key; signing without it prints OpenSSL's errors
	key=$(sed -n 's/^CONFIG_MODULE_SIG_KEY="\{0,1\}\([^"]*\)"\{0,1\}$/\1/p' "$kdir/include/config/auto.conf")
	if [[ -n $key && $key != pkcs11:* && ! -e $kdir/$key && ! ($key == /* && -e $key) ]]; then
		note "the modules are not signed: $kdir has no $key"
		options+=(CONFIG_MODULE_SIG_ALL=)
	fi
	"${kbuild[@]}" "${options[@]}" modules_install
	if [[ -z $destdir ]]; then
		note "depmod $release"
		depmod "$release"
	fi
fi
