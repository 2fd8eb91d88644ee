#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Build the kernel's VFIO selftests, from the newest kernel source in Debian, for this
# machine's release. The output of the build shows two changes:
#
#	The driver test maps 1 GiB for a device to write. riod scans each of its pages for
#	each register access, so it maps SIZE instead. (The tests' own limit is 30 s, and
#	their init_remove sets the card up eleven times. With 4 MiB that takes longer on a
#	debug kernel of a slow machine.)
#	Programs in type1/ use VFIO's containers first, for kernels without iommufd.
#
# The source is kept in $RIOD_CACHE/newest/source until "newest-kernel.sh --update".
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

SIZE=SZ_1M

usage() { echo "usage: ${0##*/} DIR    build vfio_pci_{device,driver}_test into DIR/iommufd and DIR/type1"; }

case ${1:-} in
-h | --help) usage; exit 0 ;;
'' | -*) usage >&2; exit 2 ;;
esac
out=$(realpath -m "$1")

deps build test
kernel=$("$top/scripts/newest-kernel.sh")
source=$kernel/source
root=$kernel/root

# in_root COMMAND...: run it in the root
in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root "$@"; }

# get: get the sources that the tests include, and the user-space headers of that kernel
get() {
	local package version

	in_root apt-get -qq update
	package=$(in_root apt-cache --names-only search '^linux-source-[0-9.]+$' | cut -d ' ' -f 1 |
		sort -V | tail -n 1)
	version=$(in_root apt-cache policy "$package" | sed -n 's/^ *Candidate: //p')
	[[ -n $version ]] || die "no package linux-source-* there"
	note "getting $package $version"
	rm -rf "$source.part"
	mkdir -p "$source.part/deb" "$source.part/headers"
	in_root sh -c "cd /tmp && apt-get -qq download $package=$version linux-libc-dev=$version"
	mv "$root"/tmp/linux-*.deb "$source.part/deb/"
	dpkg-deb -x "$source.part/deb/"linux-libc-dev_*.deb "$source.part/headers"
	dpkg-deb --fsys-tarfile "$source.part/deb/"linux-source-*.deb |
		tar -xO --wildcards '*.tar.xz' |
		tar -xJ -C "$source.part" --strip-components=1 --wildcards \
			'*/scripts/subarch.include' '*/tools/testing/selftests/lib.mk' \
			'*/tools/testing/selftests/kselftest*.h' '*/tools/testing/selftests/vfio' \
			'*/tools/include' '*/tools/arch/x86/include' '*/arch/x86/include' \
			'*/drivers/net/ethernet/intel/igb/*.h' '*/drivers/dma/ioat/*.h' \
			'*/drivers/dma/idxd/*.h' '*/include/linux' '*/include/uapi/linux'
	rm -rf "$source.part/deb"
	rm -rf "$source"
	mv "$source.part" "$source"
}

lock "$kernel.source.lock"
[[ -e $source ]] || get >&2

# build NAME PROGRAM...: build into $out/NAME, from a copy with the changes
build() {
	local name=$1 tests

	shift
	tests=$out/src-$name/tools/testing/selftests/vfio
	rm -rf "$out/src-$name" "${out:?}/$name"
	mkdir -p "$out/$name"
	cp -a "$source" "$out/src-$name"
	sed -i "/memcpy_region, SZ_1G/s/SZ_1G/$SIZE/" "$tests/vfio_pci_driver_test.c"
	[[ $name != type1 ]] ||
		sed -i '/^const char .default_iommu_mode/s/MODE_IOMMUFD/MODE_VFIO_TYPE1_IOMMU/' "$tests/lib/iommu.c"
	diff -ru "$source/tools/testing" "$out/src-$name/tools/testing" || true
	make -s -C "$tests" OUTPUT="$out/$name" "${@/#/$out/$name/}" \
		KHDR_INCLUDES="-isystem $out/src-$name/headers/usr/include"
	rm -rf "$out/src-$name"
}

# the programs are current if they were built from this source by this script
key=$(cat "${BASH_SOURCE[0]}" "$source"/tools/testing/selftests/vfio/*.c | sha256sum)
if [[ $(cat "$out/key" 2>/dev/null) != "$key" ]]; then
	build iommufd vfio_pci_device_test vfio_pci_driver_test >&2
	build type1 vfio_pci_device_test vfio_pci_driver_test >&2
	echo "$key" >"$out/key"
fi
