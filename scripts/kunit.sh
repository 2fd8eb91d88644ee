#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run the KUnit suites on User Mode Linux: build the UML kernel (once), build
# riod_core and its test modules for it, boot, load them, collect the results.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

usage() {
	cat <<-TXT
	usage: ${0##*/} [--results DIR] [--timeout S] [--param MODULE.NAME=VALUE]... [make arguments]

	Prints the KTAP documents of all suites and a line "N passed, N failed, N
	skipped"; exit status 1 unless all passed.
	--results DIR	write the documents to DIR: one *.ktap per suite, and console.log
	--timeout S	time limit for the boot and all tests (default 900)
	--param P	for the kernel command line, for example kunit.filter_glob=riod_wire.*
	TXT
}

results=
timeout=900
params=()
while [[ ${1:-} == -* ]]; do
	case $1 in
	--results) results=${2:?}; shift ;;
	--timeout) timeout=${2:?}; shift ;;
	--param) params+=("${2:?}"); shift ;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done

deps kunit
kernel=$("$top/scripts/uml-kernel.sh")
out=$(build_dir "uml-${kernel##*-}")
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
if [[ -z $results ]]; then
	results=$tmp/results
fi
mkdir -p "$results"
results=$(cd "$results" && pwd)
rm -f "$results"/*.ktap "$results"/{modules,done,stuck,console.log}

if ! riod_nice "$top/scripts/kbuild.sh" --install "$tmp/root/modules" "$kernel/build" "$out" \
	ARCH=um CONFIG_RIOD_KUNIT_TEST=m KCFLAGS=-Werror "$@" >"$results/build.log" 2>&1; then
	cat "$results/build.log" >&2
	die "the modules do not build for UML"
fi

# Modules in the order of their dependencies, the suites after all others: they run when
# they are loaded, and a transport is found by name. tsort wants pairs; a pair of equal names
# is a module without any.
for ko in "$tmp/root/modules/"*.ko; do
	name=$(modinfo -F name "$ko")
	printf '%s %s\n' "$name" "$name"
	modinfo -F depends "$ko" | tr ',' '\n' | sed "/./!d; s/\$/ $name/"
done | tsort | while read -r name; do
	if [[ -e $tmp/root/modules/$name.ko ]]; then
		printf '%s\n' "$name"
	fi
done >"$tmp/all"
{ grep -v kunit "$tmp/all"; grep kunit "$tmp/all"; } >"$tmp/root/modules/order"
grep -q kunit "$tmp/root/modules/order" || die "no KUnit module was built"

mkdir -p "$tmp/root/bin"
cp /bin/busybox "$tmp/root/bin/busybox"
# rdma(8) and its libraries, for the software RDMA device
rdma=$(PATH=$PATH:/usr/sbin:/sbin command -v rdma)
cp "$rdma" "$tmp/root/bin/rdma"
ldd "$rdma" | grep -o '/[^ ]*' | while read -r lib; do
	mkdir -p "$tmp/root${lib%/*}"
	cp -L "$lib" "$tmp/root$lib"
done
cp "$top/scripts/lib/kunit-init" "$tmp/root/init"
(cd "$tmp/root" && find . | cpio --quiet -o -H newc -R 0:0) >"$tmp/initrd"

rc=0
timeout --kill-after=5 "$timeout" "$kernel/vmlinuz" mem=256M "initrd=$tmp/initrd" \
	"uml_dir=$tmp" kunit.enable=1 con=null con0=null,fd:1 printk.time=1 panic=-1 oops=panic panic_on_warn=1 \
	"riod_out=$results" riod_loop.rdma=10.77.0.1 "${params[@]}" >"$results/console.log" 2>&1 </dev/null || rc=$?

# Checks of the run itself, in addition to the suites' results.
n=0
check() {
	local ok=$1 name=$2

	n=$((n + 1))
	((ok)) || printf 'not '
	printf 'ok %d %s\n' "$n" "$name"
}

reports='BUG: |WARNING: |KASAN|Kernel panic|INFO: |Call Trace|Oops|DEBUG_LOCKS_WARN|possible recursive'
{
	printf 'KTAP version 1\n'
	check "$((rc == 0))" "UML ran to its end in $timeout s"
	check "$([[ -e $results/done ]]; echo $((! $?)))" "init ran to its end"
	while read -r name; do
		status=none suites=0
		[[ ! -e $results/modules ]] ||
			read -r _ status suites < <(grep "^$name " "$results/modules" || echo . none 0)
		check "$([[ $status == 0 ]]; echo $((! $?)))" "load $name"
		[[ $name != *kunit* ]] || check "$((suites > 0))" "$name has suites"
	done <"$tmp/root/modules/order"
	check "$([[ ! -e $results/stuck ]]; echo $((! $?)))" "all modules unload"
	if grep -nE "$reports" "$results/console.log" | grep -v 'KASAN: .*initialized\|KernelAddressSanitizer initialized' >"$tmp/reports"; then
		sed 's/^/# /' "$tmp/reports"
		check 0 "no report on the console"
	else
		check 1 "no report on the console"
	fi
	printf '1..%d\n' "$n"
} >"$results/kunit-run.ktap"

cat "$results"/*.ktap
"$top/scripts/ktap_sum.py" "$results"/*.ktap || {
	note "the end of the console:"
	tail -n 40 "$results/console.log" >&2
	exit 1
}
