#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2317 # ktap_run calls the tests
#
# planted-failure.sh - one test passes, one is skipped, three fail: the run must fail
# (verdict.sh runs it)
#
# topology: loopback
# timeout: 60

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../../lib.sh"

test_passes() { t_ok "here"; }
test_skips() { t_skip "on purpose"; }
test_fails_by_command() { false; echo "not reached"; }
test_fails_by_word() { t_fail "on purpose"; }
test_fails_by_comparison() { t_eq "one" 1 2; }

ktap_run "$@"
