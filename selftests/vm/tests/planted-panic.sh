#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2317 # ktap_run calls the tests
#
# planted-panic.sh - panics the host's kernel: the run must fail at once (verdict.sh runs it)
#
# topology: loopback
# timeout: 120

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../../lib.sh"

test_panics() { echo c > /proc/sysrq-trigger; }

ktap_run "$@"
