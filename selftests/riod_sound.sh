#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_sound.sh - continuous DMA, with no profile: a marked wave is played in the guest, and
# what the card on the server host played has it in whole, in order
#
# devices: hda ES1370
# memory: 2048
# timeout: 600

# shellcheck source=selftests/lib.sh
. "$(dirname "$0")/lib.sh"
# shellcheck source=selftests/riod.sh
. "$(dirname "$0")/riod.sh"
# shellcheck source=selftests/zoo.sh
. "$(dirname "$0")/zoo.sh"

# of 4096 frames, 16 KiB
PERIODS=${ZOO_PERIODS:-50}

setup() { zoo_begin; }

each_cleanup() { zoo_end; }

# pcm N - the card's N-th stream for playing
pcm() { guest "basename $ZOO_FUNC.0/sound/card*/pcmC*D${1}p"; }

# played RECORDING PCM BUFFERED RATE CEILING - as many frames a second as the recording has.
# The guest may be late by BUFFERED - 1 periods, which is about two seconds.
played()
{
	local out late
	wait_for 60 guest "test -e $ZOO_FUNC.0/sound/card*/pcmC*D${2}p"
	out=$(GUEST_TIMEOUT=300 guest /riod-build/guest/wave "/dev/snd/$(pcm "$2")" "$PERIODS" "$3" "$4")
	t_diag "$out"
	t_match "wave's words" "$out" '^[0-9]+ periods, [0-9]+ times late$'
	late=${out#*, }
	zoo_account $((PERIODS * 16384)) "$5"
	guest_poweroff 60
	"$(dirname "$0")/recording.py" "/results/$1" "$PERIODS" "${late%% *}"
}

test_hda()
{
	# QEMU's has none
	local -a ZOO_BIND=(--no-reset)
	zoo_guest hda
	wait_for 60 guest "test -e $ZOO_FUNC.0/sound/card*/pcmC*D0c"
	# By itself the driver maps 2 MiB for each stream. To look at 4 MiB for each register
	# that its interrupt handler reads takes these machines half a second, and the guest
	# is late again and again.
	# shellcheck disable=SC2016 # expanded there
	guest 'for f in /proc/asound/card*/pcm0[pc]/sub0/prealloc; do echo 128 > $f; done'
	# 2746 to 3942 measured at this rate
	played hda00.wav 0 8 16000 25000
}

# its first stream has a clock that cannot make the recording's rate
test_es1370()
{
	local -a ZOO_BIND=(--no-reset)
	zoo_guest ES1370
	# 1334 to 1364 measured at this rate; the card's buffer is no larger
	played ES137010.wav 1 4 5512 5000
}

ktap_run "$@"
