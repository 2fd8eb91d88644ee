#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# shellcheck disable=SC2317 # ktap_run calls the tests
#
# planted-warning.sh - passes, but leaves a WARNING on the console: the run must fail
# (verdict.sh runs it)
#
# topology: loopback
# timeout: 60

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/../../lib.sh"

test_that_passes() { echo "WARNING: planted" > /dev/kmsg; }

ktap_run "$@"
