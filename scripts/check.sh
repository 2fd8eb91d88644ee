#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Run all tests of a mode, ending with one line
# "N passed, N failed, N skipped". A skip that selftests/expected-skips does not
# list is a failure. No test is retried.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

usage() {
	cat <<-TXT
	usage: ${0##*/} stock|debug|newest|zoo|zoo-pair|zoo-debug|soak|soak-debug|soak-net

	stock	KUnit on UML, the tools' unit tests, the engine in userspace, a build on
		the other Debian release, and selftests in VMs with the distribution's kernel
	debug	KUnit as modules and selftests in VMs with KASAN, lockdep, kmemleak
	newest	the modules built for the newest kernel in Debian, without warnings,
		and selftests in VMs with it
	zoo	devices of many kinds, each with the guest's own driver
	zoo-pair
		the same on two hosts
	zoo-debug
		the same with KASAN and lockdep. "debug" also runs tests of the zoo that
		changed since the commit RIOD_BASE, if that is set, and starts
		none of them later than RIOD_TOUCHED_S seconds after its own start.
	soak, soak-debug
		long-running selftests in VMs
	soak-net
		connections cut CUTS times (default 1000) under I/O, bad networks, and
		many attachments, over TCP and RDMA
	newest, zoo-pair and zoo-debug resume where they were interrupted: a test that passed is
	not run again until the product, the test, or the kernel changes.
	selftests/tests.list lists the selftests of each mode.
	TXT
}

mode=${1:-}
case $mode in
stock | debug | newest | zoo | zoo-pair | zoo-debug | soak | soak-debug | soak-net) ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac

list=$top/selftests/tests.list
results=$RIOD_CACHE/results/$mode

# Long modes keep results, so that tests that passed need not run again.
case $mode in
newest | zoo-pair | zoo-debug) ;;
*) rm -rf "$results" ;;
esac
mkdir -p "$results"
: >"$results/steps"

# directory of the kernel, part of the key of kept results
kernel=

# tree_of TEST...: hash of all files that a run of these selftests depends on: the product,
# the files that all selftests share, the tests, and the kernel
tree_of() {
	local shared='^(kernel|include|tools|scripts/kconfig|selftests/(guest|rdmacut|vfio|vm))/|^selftests/(cuts|ktap|lib|riod|user|zoo)\.sh$'

	{
		git ls-files --cached --others --exclude-standard | grep -E "$shared"
		printf '%s\n' "$@"
	} | sort -u | xargs sha256sum 2>/dev/null |
		sha256sum - ${kernel:+"$kernel/vmlinuz"} | sha256sum
}

# step NAME TREE COMMAND...: run it, with its KTAP in NAME.ktap. A failure creates NAME.failed,
# because a background step cannot return it. TREE identifies a result that is kept.
step() {
	local name=$1 tree=$2 start rc=0

	shift 2
	if grep -qxF "$name" "$results/steps"; then
		: >"$results/$name.failed"
		die "two steps are named $name: their results would overwrite each other"
	fi
	echo "$name" >>"$results/steps"
	if [[ -e $results/$name.passed && $(<"$results/$name.passed") == "$tree" ]]; then
		note "$name: passed before"
		return
	fi
	rm -f "$results/$name.failed" "$results/$name.passed"
	start=$(uptime_s)
	note "$name ..."
	"$@" >"$results/$name.ktap" || rc=$?
	note "$name: status $rc, $(($(uptime_s) - start)) s"
	if ((rc == 0)); then
		printf '%s\n' "$tree" >"$results/$name.passed"
		return
	fi
	: >"$results/$name.failed"
	grep -aE '^ *(not ok|# .*(fail|complain|log))' "$results/$name.ktap" | tail -n 30 >&2 || true
}

# wanted MODE: print the list's lines for the mode, without the mode
wanted() {
	awk -v mode="$1" '!/^#/ && NF >= 3 &&
		index("," $1 ",", "," mode ",") { $1 = ""; print }' "$list"
}

# wanted_debug: the zoo on the debug kernel, without kmemleak, which is too slow for its tests
wanted_debug() { wanted zoo | sed 's/$/ cmdline:kmemleak=off/'; }

# wanted_pair: the zoo, with the test and the device on two hosts
wanted_pair() { wanted zoo | sed -E 's/^ *loopback/pair/'; }

# changed: list files that differ from RIOD_BASE
changed() {
	local base=${RIOD_BASE:-}

	[[ -z $base ]] || git diff --name-only "$base"
}

# touched: print the lines of the zoo's tests that changed, or whose profile changed
touched() {
	local files topology test words file

	files=$(changed)
	while read -r topology test words; do
		for file in "selftests/${test%%[+:]*}" "$(sed -n 's/^# profile: *//p' "selftests/${test%%[+:]*}")"; do
			if [[ -n $file ]] && grep -qx "$file" <<<"$files"; then
				echo "touched $topology $test $words"
				break
			fi
		done
	done < <(wanted_debug)
}

# time_left TEST: true if a touched test may still start; it takes up to 15 minutes
time_left() {
	((SECONDS < ${RIOD_TOUCHED_S:-86400})) && return
	note "$1 changed, too; there is no time for it here: run zoo-debug"
	return 1
}

# test_step TOPOLOGY TEST [WORD...] [-- OPTION...]: run a line of the list; WORDs become
# options, and values become part of the name, because a test may have a line for each value
test_step() {
	local name options=() files topology=$1 test=$2

	name=vm-$topology-$(sed -E 's/:-[^+]*//g; s/:([^,+]*)[^+]*/:\1/g; s,\.sh|[^+]*/,,g' <<<"$test")
	shift 2
	while (($#)) && [[ $1 != -- ]]; do
		case $1 in
		cmdline:*) options+=(--append "${1#*:}") ;;
		timeout:*) options+=(--timeout "${1#*:}") ;;
		*=*)
			options+=(--env "$1")
			name+=-${1#*=}
			;;
		*)
			# this runs in the background, so only the file reports the failure
			: >"$results/$name.failed"
			die "$list: unknown word \"$1\" in the line of $test"
			;;
		esac
		shift
	done
	mapfile -t files < <(sed -E 's/:[^+]*//g; s/\+/\n/g' <<<"$test" | sed 's,^,selftests/,')
	step "$name" "$(tree_of "${files[@]}")" "$top/selftests/vm/run" "${@:2}" "${options[@]}" \
		--topology "$topology" "$top/selftests/${test//+/+$top/selftests/}"
}

# A run mostly keeps one CPU busy; the harness allows at most two runs at once.
vm_tests() {
	local n=0 lanes=2
	local -a words

	while read -ra words; do
		while (($(jobs -rp | wc -l) >= lanes)); do wait -n || true; done
		if [[ ${words[0]} == touched ]]; then
			words=("${words[@]:1}")
			time_left "${words[1]}" || continue
		fi
		n=$((n + 1))
		test_step "${words[@]}" -- "$@" &
	done < <(
		case $mode in
		zoo-debug) wanted_debug ;;
		zoo-pair) wanted_pair ;;
		soak-net) wanted soak-net | sed "s/$/ CUTS=${CUTS:-1000}/" ;;
		debug) wanted debug; touched ;;
		*) wanted "$mode" ;;
		esac
	)
	((n)) || die "$list names no test for $mode"
	wait
}

# background jobs do not get the terminal's ^C
stop() {
	trap - INT TERM
	kill 0
}
trap stop INT TERM

cd "$top"
deps build test vm
case $mode in
zoo | zoo-pair | soak | soak-net)
	make -s -j "$(riod_jobs)" all fixtures vfio-selftests
	"$top/selftests/vm/run" --prepare
	[[ $mode != zoo-pair ]] || kernel=$("$top/selftests/vm/kernel.sh" stock)
	vm_tests
	;;
stock)
	make -s -j "$(riod_jobs)" all fixtures vfio-selftests
	"$top/selftests/vm/run" --prepare
	# UML has one CPU
	step kunit '' "$top/scripts/kunit.sh" --results "$results/kunit" &
	kunit=$!
	step riodctl '' make -s -j "$(riod_jobs)" -C tools/riodctl "BUILD=$top/build/riodctl" check
	step riod-mmap '' make -s -j "$(riod_jobs)" -C tools/riod-mmap "BUILD=$top/build/mmap" check
	step sim '' make -s -C selftests/sim check
	step releases '' "$top/scripts/check-releases.sh"
	wait "$kunit"
	# the suites' own documents are read below
	rm -f "$results/kunit.ktap"
	# in the background, as one of the two lanes; it starts VMs by itself
	step harness '' "$top/selftests/vm/tests/verdict.sh" &
	vm_tests
	;;
newest)
	make -s -j "$(riod_jobs)" tools fixtures vfio-selftests
	kernel=$("$top/scripts/newest-kernel.sh" --install "$top/build/newest" W=1)
	vm_tests --kernel "$kernel"
	;;
debug | zoo-debug | soak-debug)
	deps debug
	kernel=$("$top/scripts/debug-kernel.sh")
	make -s -j "$(riod_jobs)" tools fixtures vfio-selftests
	# beside the stock kernel's modules; a VM uses the modules built for its kernel
	out=$top/build/debug
	scripts/kbuild.sh --install "$out" "$kernel/build" "$out/kernel" CONFIG_RIOD_KUNIT_TEST=m KCFLAGS=-Werror >&2
	for src in planted rdmacut; do
		scripts/kbuild.sh --src "selftests/$src" --install "$out" "$kernel/build" "$out/$src" >&2
	done
	vm_tests --kernel "$kernel"
	;;
esac

# delete results of tests that are no longer in the list
for file in "$results"/*.{ktap,failed,passed}; do
	name=${file##*/}
	grep -qxF "${name%.*}" "$results/steps" || rm -f "$file"
done
status=0
! compgen -G "$results/*.failed" >/dev/null || status=1
mapfile -t documents < <(find "$results" -name '*.ktap' | sort)
"$top/scripts/ktap_sum.py" --expected "$top/selftests/expected-skips" "${documents[@]}" || status=1
exit "$status"
