#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Check that a build finds what it needs, and print in words what it does not.
# Asks the programs and the compiler themselves, not a package manager.
set -euo pipefail

usage() {
	cat <<-TXT
	usage: ${0##*/} NAME GROUP NEED...

	Exit status 1 if something is missing. NAME is what is built, GROUP the file in
	scripts/packages/ that lists Debian's packages for it. A NEED is one of
	program:NAME	in PATH
	library:NAME	known to pkg-config
	header:NAME	found by \$CXX (default g++)
	kernel:NAME	not there, as the caller found: named as it is
	PKG_CONFIG and CXX are words, as in a Makefile.
	TXT
}

case ${1:-} in
-h | --help) usage; exit 0 ;;
esac
(($# >= 2)) || { usage >&2; exit 2; }
name=$1
group=$2
shift 2
read -ra cxx <<<"${CXX:-g++}"
read -ra pkg_config <<<"${PKG_CONFIG:-pkg-config}"

# has KIND NAME
has() {
	case $1 in
	program) type -P "$2" ;;
	library) "${pkg_config[@]}" --exists "$2" ;;
	header) printf '#if !__has_include(<%s>)\n#error\n#endif\n' "$2" | "${cxx[@]}" -x c++ -fsyntax-only - ;;
	kernel) false ;;
	esac >/dev/null 2>&1
}

missing=
for need; do
	has "${need%%:*}" "${need#*:}" || missing+="${missing:+, }${need%%:*} ${need#*:}"
done
[[ -n $missing ]] || exit 0
how="\"make deps\""
[[ $group == build ]] || how="\"scripts/deps.sh $group\""
printf '[riod] %s: missing: %s\n[riod] On Debian, %s installs it (as root).\n' \
	"$name" "$missing" "$how" >&2
exit 1
