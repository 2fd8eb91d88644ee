#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# planted_inversion.sh - lockdep reports two locks taken in both orders
#
# cmdline: panic_on_warn=1
# console-expect: WARNING: possible circular locking dependency detected
# memory: 768
# timeout: 60

# shellcheck source=selftests/planted/body.sh
. "$(dirname "${BASH_SOURCE[0]}")/body.sh"

planted_begin inversion /proc/lockdep_stats
planted_load inversion
planted_end inversion 'riod_planted_b.*at: riod_planted_inversion|riod_planted_a.*at: riod_planted_inversion'
