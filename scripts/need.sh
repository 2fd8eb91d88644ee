#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Check that a build finds its dependencies, and describe the missing ones.
# Tests programs, compiler and headers directly, not the package manager.
set -euo pipefail

usage() {
	cat <<-TXT
	usage: ${0##*/} NAME GROUP NEED...

	Exit status 1 if something is missing. NAME is the component to build, GROUP the file in
	scripts/packages/ with its Debian packages. A NEED is one of
	program:NAME	in PATH
	library:NAME	known to pkg-config
	header:NAME	found by \$CXX (default g++)
	kernel:TEXT	missing, as the caller has found; TEXT is printed
	PKG_CONFIG and CXX may be several words, as in a Makefile.
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

# has KIND NAME: true if the dependency is present
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
