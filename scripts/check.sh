#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# All tests, on the stock or on the debug kernel, ending with one line
# "N passed, N failed, N skipped". A skip that selftests/expected-skips does not
# list is a failure. Nothing is tried twice.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

usage() {
	cat <<-TXT
	usage: ${0##*/} stock|debug|newest|zoo|zoo-pair|zoo-debug|soak|soak-debug

	stock	KUnit on UML, the tools' unit tests, the engine in userspace, a build on
		the other Debian release, and selftests in VMs with the distribution's kernel
	debug	KUnit as modules and selftests in VMs with KASAN, lockdep, kmemleak
	newest	the modules built for the newest kernel that Debian carries, no warning
		allowed, and selftests in VMs with it
	zoo	devices of all kinds, each with the guest's own driver
	zoo-pair
		the same on two hosts
	zoo-debug
		the same with KASAN and lockdep. "debug" also runs the tests of the zoo whose
		own files changed since RIOD_BASE, a commit, where that is set, and begins
		none of them later than RIOD_TOUCHED_S seconds after its own start.
	soak, soak-debug
		selftests in VMs that take longer than one wants to wait each time
	newest, zoo-pair and zoo-debug go on where they were stopped: a test that passed is not
	run again until the product, the test, or the kernel changes.
	Which selftests run where is in selftests/tests.list.
	TXT
}

mode=${1:-}
case $mode in
stock | debug | newest | zoo | zoo-pair | zoo-debug | soak | soak-debug) ;;
-h | --help) usage; exit 0 ;;
*) usage >&2; exit 2 ;;
esac

list=$top/selftests/tests.list
results=$RIOD_CACHE/results/$mode

# What passed in those that take long need not run again; else there are new results.
case $mode in
newest | zoo-pair | zoo-debug) ;;
*) rm -rf "$results" ;;
esac
mkdir -p "$results"
: >"$results/steps"

# the kernel's directory, where results are kept
kernel=

# tree_of TEST...: what the files are that a run of these selftests has to do with: the
# product, what all selftests share, and themselves; and the kernel
tree_of() {
	local shared='^(kernel|include|tools|scripts/kconfig|selftests/(guest|vfio|vm))/|^selftests/(ktap|lib|riod|zoo)\.sh$'

	{
		git ls-files --cached --others --exclude-standard | grep -E "$shared"
		printf '%s\n' "$@"
	} | sort -u | xargs sha256sum 2>/dev/null |
		sha256sum - ${kernel:+"$kernel/vmlinuz"} | sha256sum
}

# step NAME TREE COMMAND...: its KTAP into NAME.ktap. A failure is left in NAME.failed,
# too, for steps that run in the background. TREE is what it passes for.
step() {
	local name=$1 tree=$2 start rc=0

	shift 2
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

# wanted MODE: what is behind it in the list's lines
wanted() {
	awk -v mode="$1" '!/^#/ && NF >= 3 &&
		index("," $1 ",", "," mode ",") { $1 = ""; print }' "$list"
}

# wanted_debug: the zoo, on the debug kernel; its tests take long enough without kmemleak
wanted_debug() { wanted zoo | sed 's/$/ cmdline:kmemleak=off/'; }

# wanted_pair: the zoo, with the test and the device on two hosts
wanted_pair() { wanted zoo | sed -E 's/^ *loopback/pair/'; }

# changed: files that are not what they were at RIOD_BASE
changed() {
	local base=${RIOD_BASE:-}

	[[ -z $base ]] || git diff --name-only "$base"
}

# touched: lines of the zoo's tests that changed, or whose profile did
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

# time_left TEST: whether one that was touched may begin; it takes up to a quarter of an hour
time_left() {
	((SECONDS < ${RIOD_TOUCHED_S:-86400})) && return
	note "$1 was changed, too, and is left to zoo-debug, for want of time"
	return 1
}

# test_step TOPOLOGY TEST [WORD...] [-- OPTION...]: what the list says, as run's options
test_step() {
	local name options=() files topology=$1 test=$2

	name=vm-$topology-$(sed -E 's/:([^,+]*)[^+]*/:\1/g; s,\.sh|[^+]*/,,g' <<<"$test")
	shift 2
	while (($#)) && [[ $1 != -- ]]; do
		case $1 in
		cmdline:*) options+=(--append "${1#*:}") ;;
		timeout:*) options+=(--timeout "${1#*:}") ;;
		*=*) options+=(--env "$1") ;;
		*)
			# in the background: only the file makes it a failure
			: >"$results/$name.failed"
			die "$list: what is \"$1\" in the line of $test?"
			;;
		esac
		shift
	done
	mapfile -t files < <(sed -E 's/:[^+]*//g; s/\+/\n/g' <<<"$test" | sed 's,^,selftests/,')
	step "$name" "$(tree_of "${files[@]}")" "$top/selftests/vm/run" "${@:2}" "${options[@]}" \
		--topology "$topology" "$top/selftests/${test//+/+$top/selftests/}"
}

# Each run keeps one CPU busy, mostly; the harness itself lets no more than two in.
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
		debug) wanted debug; touched ;;
		*) wanted "$mode" ;;
		esac
	)
	((n)) || die "$list names no test for $mode"
	wait
}

# what runs in the background would not get the terminal's ^C
stop() {
	trap - INT TERM
	kill 0
}
trap stop INT TERM

cd "$top"
deps build test vm
case $mode in
zoo | zoo-pair | soak)
	make -s -j "$(riod_jobs)" all fixtures vfio-selftests
	"$top/selftests/vm/run" --prepare
	[[ $mode != zoo-pair ]] || kernel=$("$top/selftests/vm/kernel.sh" stock)
	vm_tests
	;;
stock)
	make -s -j "$(riod_jobs)" all fixtures vfio-selftests
	"$top/selftests/vm/run" --prepare
	step kunit '' "$top/scripts/kunit.sh" --results "$results/kunit"
	# the suites' documents are read below, one by one
	rm -f "$results/kunit.ktap"
	step riodctl '' make -s -j "$(riod_jobs)" -C tools/riodctl "BUILD=$top/build/riodctl" check
	step riod-mmap '' make -s -j "$(riod_jobs)" -C tools/riod-mmap "BUILD=$top/build/mmap" check
	step sim '' make -s -C selftests/sim check
	step releases '' "$top/scripts/check-releases.sh"
	# one of the two lanes; it starts VMs itself
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
	# beside those for the stock kernel: a VM takes the ones that are for its kernel
	out=$top/build/debug
	scripts/kbuild.sh --install "$out" "$kernel/build" "$out/kernel" CONFIG_RIOD_KUNIT_TEST=m KCFLAGS=-Werror >&2
	scripts/kbuild.sh --src selftests/planted --install "$out" "$kernel/build" "$out/planted" >&2
	vm_tests --kernel "$kernel"
	;;
esac

# of tests that are on the list no more
for file in "$results"/*.{ktap,failed,passed}; do
	name=${file##*/}
	grep -qxF "${name%.*}" "$results/steps" || rm -f "$file"
done
status=0
! compgen -G "$results/*.failed" >/dev/null || status=1
mapfile -t documents < <(find "$results" -name '*.ktap' | sort)
"$top/scripts/ktap_sum.py" --expected "$top/selftests/expected-skips" "${documents[@]}" || status=1
exit "$status"
