# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-only
#
# user.sh - a program that has the function open and reports its loss: vfio/loss.c (sourced
# after riod.sh)
#
#   user [BAR]         start it on ATT_DEV; it reads a register of BAR (0)
#   user_says TEXT     it has printed a line that begins with TEXT
#   user_read          have it read the register; print the value and the milliseconds
#   user_close         have it close the function
#   user_end           kill it, if it runs
#   state_is STATE     of the attachment

# shellcheck disable=SC2120 # the arguments are for some callers only
user()
{
	mkfifo /run/riod/user.in
	/riod-build/vfio/loss "$ATT_DEV" "$@" < /run/riod/user.in > /run/riod/user.out 7>&- 8>&- &
	echo $! > /run/riod/user
	exec 8> /run/riod/user.in
	wait_for 10 user_says running
}

user_says() { grep -q "^$1" /run/riod/user.out; }

user_read()
{
	local before
	before=$(grep -c ^read /run/riod/user.out)
	echo read >&8
	wait_for 40 user_has_read "$before" || return
	sed -n 's/^read \(.*\) in \(.*\)/\1 \2/p' /run/riod/user.out | tail -n 1
}
user_has_read() { (( $(grep -c ^read /run/riod/user.out) > $1 )); }

user_close()
{
	echo close >&8
	wait_for 10 user_says closed
	exec 8>&-
}

user_end()
{
	exec 8>&- || true
	kill "$(cat /run/riod/user 2> /dev/null)" 2> /dev/null || true
	rm -f /run/riod/user /run/riod/user.in
}

state_is() { [[ $(att state) == "$1" ]]; }
