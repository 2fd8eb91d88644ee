#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# riod_sound.sh - continuous DMA without a profile: the guest plays a marked wave, and the
# recording of the card on the server host must have all of it, in order
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

# pcm N - the card's N-th playback stream
pcm() { guest "basename $ZOO_FUNC.0/sound/card*/pcmC*D${1}p"; }

# played RECORDING PCM BUFFERED RATE CEILING - play at the recording's rate, and check it. The
# guest may be late by BUFFERED - 1 periods, which is about two seconds.
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
	# QEMU's device has no reset method
	local -a ZOO_BIND=(--no-reset)
	zoo_guest hda
	wait_for 60 guest "test -e $ZOO_FUNC.0/sound/card*/pcmC*D0c"
	# By default the driver maps 2 MiB for each stream. Here it takes half a second to scan
	# 4 MiB for each register read of its interrupt handler, and the guest is late again
	# and again.
	# shellcheck disable=SC2016 # expanded there
	guest 'for f in /proc/asound/card*/pcm0[pc]/sub0/prealloc; do echo 128 > $f; done'
	# 2746 to 3942 measured at this rate
	played hda00.wav 0 8 16000 25000
}

# its first stream's clock does not support the recording's rate
test_es1370()
{
	local -a ZOO_BIND=(--no-reset)
	zoo_guest ES1370
	# 1334 to 1364 measured at this rate; the card's buffer is no larger
	played ES137010.wav 1 4 5512 5000
}

ktap_run "$@"
