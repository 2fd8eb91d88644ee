# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Roots of Debian releases: runs commands in a root, or in a temporary copy.
# To be sourced after common.sh. Mounts are in the namespace of own_mounts.

: "${top:?}"

# own_mounts SCRIPT ARGUMENT...: restart the calling script in its own mount namespace
own_mounts() {
	[[ -z ${RIOD_OWN_MOUNTS:-} ]] || return 0
	((EUID == 0)) || die "not root"
	exec unshare --mount env RIOD_OWN_MOUNTS=1 "$@"
}

# mount_root ROOT: mount /proc and /dev for programs in the root
mount_root() {
	mount -t proc proc "$1/proc"
	mount --rbind /dev "$1/dev"
}

# overlay ROOT DIR: mount DIR/root, a writable copy of ROOT; its changes are in DIR/upper
overlay() {
	mkdir -p "$2"/{root,upper,work}
	mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$2/root"
	mount_root "$2/root"
}

# in_root ROOT COMMAND...: run it in the root
in_root() {
	chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C HOME=/root \
		DEBIAN_FRONTEND=noninteractive "${@:2}"
}

# ktap_check TITLE COMMAND...: run it and print its line of KTAP, and the end of its output,
# which is in $tmp/log, where it fails. Counts in n and failed.
ktap_check() {
	local title=$1 start rc=0

	start=$(uptime_s)
	n=$((n + 1))
	# shellcheck disable=SC2154 # tmp is the caller's
	"${@:2}" >"$tmp/log" 2>&1 || rc=$?
	if ((rc)); then
		failed=$((failed + 1))
		tail -n 60 "$tmp/log" | sed 's/^/# /'
		printf 'not '
	fi
	printf 'ok %d %s # %d s\n' "$n" "$title" "$(($(uptime_s) - start))"
}

# other_release: the one of Debian 12 and 13 that this machine does not run
other_release() {
	# shellcheck source=/dev/null
	case $(. /etc/os-release && echo "${VERSION_CODENAME:-}") in
	trixie) echo bookworm ;;
	*) echo trixie ;;
	esac
}
