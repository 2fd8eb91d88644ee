# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# ktap.sh - KTAP results from bash functions
#
# A test file sources this (usually through lib.sh), defines functions test_*, and ends
# with ktap_run. The functions run in file order. Each is one KTAP result with the
# function's name and runs in a subshell under "set -e", so the first command that fails
# fails the test. The output of a failed test is printed as diagnostics ("# ..."), with
# the kernel messages since its start. /results/<file>.<test>.log has the output of all.
#
# RIOD_RESTARTED is set in a kernel that a test started (kexec) and that begins the file
# again: the document's head is printed already.
#
#   ktap_run [FUNCTION...]   run all test_* functions, or these, or with -FUNCTION... all but
#                            these; exits 0 (all passed), 1 (a failure) or 4 (all skipped)
#   setup, cleanup           if defined: run before the first test (a failure fails all
#                            tests), and after the last (always); also in subshells
#   each_setup, each_cleanup if defined: run before and after every test; each_setup in
#                            the test's subshell, each_cleanup in its own
#
# In a test:
#   t_fail TEXT...           fail, with this reason
#   t_skip TEXT...           skip, with this reason (in setup: skip all tests)
#   t_ok TEXT...             log that the test reached this point
#   t_eq WHAT GOT WANT       numbers or strings must be equal
#   t_cmp WHAT A OP B        arithmetic comparison: t_cmp "acks" "$n" -ge 3
#   t_fails COMMAND...       COMMAND must fail (any status but 0); its output is kept
#   t_match WHAT TEXT REGEX  TEXT must match the extended REGEX
#   t_diag TEXT...           print a diagnostic line, whether the test passes or fails

KTAP_SKIP=4
exec {ktap_out}>&1

ktap_print() { printf '%s\n' "$*" >&"$ktap_out"; }
t_diag() { ktap_print "# $*"; }
t_ok() { echo "ok: $*"; }

t_fail()
{
	echo "FAILED: $* (line ${BASH_LINENO[0]} of ${FUNCNAME[1]:-main})"
	trap - ERR
	exit 1
}

t_skip()
{
	echo "$*" > "$ktap_dir/skip"
	trap - ERR
	exit $KTAP_SKIP
}

t_eq() { [[ $2 == "$3" ]] || t_fail "$1: got '$2', want '$3'"; }
t_cmp() { test "$2" "$3" "$4" || t_fail "$1: not $2 $3 $4"; }
t_match() { [[ $2 =~ $3 ]] || t_fail "$1: '$2' does not match '$3'"; }

t_fails()
{
	local status=0
	"$@" || status=$?
	(( status )) || t_fail "should have failed: $*"
	echo "(failed with $status, as it should: $*)"
}

# ktap_functions - list the test_* functions of the running file, in file order
ktap_functions()
{
	local name
	shopt -s extdebug
	for name in $(compgen -A function test_); do
		declare -F "$name"
	done | sort -n -k 2 | cut -d ' ' -f 1
}

# ktap_select [FUNCTION...|-FUNCTION...] - set ktap_tests, as ktap_run says
ktap_select()
{
	local name
	ktap_tests=("$@")
	[[ ${1:--} == -* ]] || return 0
	mapfile -t ktap_tests < <(ktap_functions)
	for name; do
		mapfile -t ktap_tests < <(printf '%s\n' "${ktap_tests[@]}" | grep -vx -e "${name#-}")
		declare -F "${name#-}" > /dev/null || ktap_tests+=("$name")
	done
}

# ktap_kmsg TEXT - write a marker to the kernel log
ktap_kmsg() { [[ ! -w /dev/kmsg ]] || echo "riod-test: $*" > /dev/kmsg; }

# ktap_show LOG MARK - print the diagnostics of a failed test
ktap_show()
{
	tail -n 60 "$1" | sed 's/^/# /' >&"$ktap_out"
	dmesg 2> /dev/null | awk -v mark="riod-test: $2" '
		index($0, mark) { n = 0; next }
		{ line[n++] = $0 }
		END { for (i = (n > 30 ? n - 30 : 0); i < n; i++) print "# dmesg: " line[i] }' >&"$ktap_out"
}

# ktap_body FUNCTION... - run the functions one after the other; call it in a subshell
ktap_body()
{
	local fn
	set -eE
	trap 'echo "FAILED: status $? of: $BASH_COMMAND (line $LINENO of ${FUNCNAME[0]:-main})"' ERR
	for fn in "$@"; do
		"$fn"
	done
}

# ktap_status STATUS - the skip status counts only after t_skip; otherwise it is a failure
ktap_status()
{
	if (( $1 == KTAP_SKIP )) && [[ ! -e $ktap_dir/skip ]]; then
		echo 1
	else
		echo "$1"
	fi
}

# ktap_one NUMBER FUNCTION - run one test and print its result
ktap_one()
{
	local number=$1 fn=$2 log status start=$SECONDS
	local -a body=("$fn")
	log=$ktap_dir/$ktap_file.$fn.log
	rm -f "$ktap_dir/skip"
	ktap_kmsg "begin $fn"
	declare -F each_setup > /dev/null && body=(each_setup "$fn")
	(ktap_body "${body[@]}") > "$log" 2>&1
	status=$(ktap_status $?)
	if declare -F each_cleanup > /dev/null; then
		(ktap_body each_cleanup) >> "$log" 2>&1 || status=$(( status ? status : 1 ))
	fi
	(( SECONDS - start < 10 )) || t_diag "$fn: $(( SECONDS - start )) s"
	case $status in
	0) ktap_print "ok $number $fn"
		ktap_passed=$((ktap_passed + 1)) ;;
	"$KTAP_SKIP") ktap_print "ok $number $fn # SKIP $(cat "$ktap_dir/skip" 2> /dev/null)"
		ktap_skipped=$((ktap_skipped + 1)) ;;
	*) ktap_show "$log" "begin $fn"
		ktap_print "not ok $number $fn"
		ktap_failed=$((ktap_failed + 1)) ;;
	esac
	ktap_kmsg "end $fn ($status)"
	[[ ! -w /results ]] || cp "$log" /results/
}

# ktap_all_end STATUS-LINE - print this result for every planned test
ktap_all_end()
{
	local n
	for ((n = 1; n <= ${#ktap_tests[@]}; n++)); do
		ktap_print "${1/NUMBER/$n ${ktap_tests[n - 1]}}"
	done
}

# shellcheck disable=SC2120 # the arguments are for some callers only
ktap_run()
{
	local n=0 fn status=0
	ktap_select "$@"
	ktap_file=$(basename "$0" .sh)
	ktap_dir=$(mktemp -d)
	ktap_passed=0 ktap_failed=0 ktap_skipped=0
	trap 'ktap_finish' EXIT

	if [[ -z ${RIOD_RESTARTED:-} ]]; then
		ktap_print "KTAP version 1"
		ktap_print "1..${#ktap_tests[@]}"
	fi
	if declare -F lib_begin > /dev/null; then
		ktap_kmsg "begin setup"
		lib_begin > "$ktap_dir/setup.log" 2>&1 || status=1
	fi
	if (( !status )) && declare -F setup > /dev/null; then
		ktap_kmsg "begin setup"
		(ktap_body setup) > "$ktap_dir/setup.log" 2>&1
		status=$(ktap_status $?)
		[[ ! -w /results ]] || cp "$ktap_dir/setup.log" "/results/$ktap_file.setup.log"
	fi
	case $status in
	0)
		for fn in "${ktap_tests[@]}"; do
			ktap_one $((++n)) "$fn"
		done ;;
	"$KTAP_SKIP")
		ktap_all_end "ok NUMBER # SKIP $(cat "$ktap_dir/skip")"
		exit $KTAP_SKIP ;;
	*)
		ktap_show "$ktap_dir/setup.log" "begin setup"
		ktap_all_end "not ok NUMBER"
		exit 1 ;;
	esac
	(( ! ktap_failed )) || exit 1
	(( ktap_passed )) || exit $KTAP_SKIP
	exit 0
}

# ktap_finish - EXIT trap of the test file
ktap_finish()
{
	local status=$?
	trap - EXIT
	if declare -F cleanup > /dev/null && ! (cleanup) > "$ktap_dir/cleanup.log" 2>&1; then
		sed 's/^/# cleanup: /' "$ktap_dir/cleanup.log" >&"$ktap_out"
		(( status )) || status=1
	fi
	if declare -F lib_cleanup > /dev/null; then
		lib_cleanup
	fi
	if declare -F lib_leaks > /dev/null && ! (lib_leaks) > "$ktap_dir/leaks.log" 2>&1; then
		sed 's/^/# leaks: /' "$ktap_dir/leaks.log" >&"$ktap_out"
		(( status )) || status=1
	fi
	rm -rf "$ktap_dir"
	exit $status
}
