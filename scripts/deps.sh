#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# deps.sh - install the Debian packages that a part of riod needs
#
#   scripts/deps.sh GROUP...      install the missing packages of each group
#   scripts/deps.sh --check GROUP...  print the missing packages, install nothing
#   scripts/deps.sh --names FILE  print the packages that FILE names, for apt
#   scripts/deps.sh --sources [RELEASE]   print one-line apt sources of this machine's
#                                 release, or of another one from the same
#                                 archive, with backports (for mmdebstrap)
#
# A group is a file scripts/packages/GROUP, with one package per line; "#" starts
# a comment. A line has one of these forms:
#
#   NAME                      the package
#   NAME/RELEASE-backports    on RELEASE, the version of its backports suite; on
#                             other releases the package
#   NAME | OTHER              names in different releases; the first that apt knows
#
# If nothing is missing it runs only dpkg-query, and apt-cache for names
# that differ.
#
# This script contains no package host: if the backports suite is missing from
# the machine's apt configuration, the script adds it with the address and
# keyring of the main suite (deb822 or one-line format).

set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
marker=/etc/apt/sources.list.d/riod-backports.sources

say() { printf 'deps: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# read_lists FILE... - print their lines without comments and blanks
read_lists()
{
	sed -e 's/#.*//' -e 's/[[:space:]]*//g' -e '/^$/d' "$@" | sort -u
}

# read_groups GROUP... - print the lines of these groups
read_groups()
{
	local group
	local -a files=()
	for group in "$@"; do
		files+=("$here/packages/$group")
		[[ -r ${files[-1]} ]] || die "no package group '$group' (there are:$(cd "$here/packages" && printf ' %s' *))"
	done
	read_lists "${files[@]}"
}

# known NAME... - print the names that apt knows; a single call, as it may take seconds
known()
{
	apt-cache show --no-all-versions "$@" 2>/dev/null | sed -n 's/^Package: //p' || true
}

# installed NAME... - print installed packages as NAME|VERSION
installed()
{
	dpkg-query -W -f '${db:Status-Status}|${Package}|${Version}\n' "$@" 2>/dev/null |
		sed -n 's/^installed|//p'
}

# choose LINE... - print the package of each line for this machine
choose()
{
	local -A there=()
	local -a differing=() open=() names
	local line name suite
	for line in "$@"; do
		[[ $line != *"|"* ]] || differing+=("$line")
	done
	if (( ${#differing[@]} )); then
		while IFS='|' read -r name _; do
			there[$name]=1
		done < <(installed "${differing[@]%%|*}")
		for line in "${differing[@]}"; do
			[[ -n ${there[${line%%|*}]:-} ]] || open+=("$line")
		done
	fi
	if (( ${#open[@]} )); then
		IFS='|' read -ra names <<< "$(IFS='|' && echo "${open[*]}")"
		while read -r name; do
			there[$name]=1
		done < <(known "${names[@]}")
	fi
	for line in "$@"; do
		# if apt knows none, choose the first, for the error message
		for name in ${line//|/ } "${line%%|*}"; do
			[[ $line == *"|"* && -z ${there[$name]:-} ]] || break
		done
		suite=${name#"${name%/*}"}
		[[ $suite == "/$codename-backports" ]] || name=${name%/*}
		echo "$name"
	done
}

# missing LINE... - print the packages that are not installed, or not from backports
missing()
{
	local -A have=()
	local -a want
	local name version one
	mapfile -t want < <(choose "$@")
	while IFS='|' read -r name version; do
		have[$name]=$version
	done < <(installed "${want[@]%/*}")
	for one in "${want[@]}"; do
		version=${have[${one%/*}]:-}
		if [[ -z $version || ( $one == */* && $version != *~bpo* ) ]]; then
			echo "$one"
		fi
	done
}

# targets - print the suites that apt is configured for: RELEASE|URI|COMPONENT|FILE:STANZA|ORIGIN
targets()
{
	# shellcheck disable=SC2016 # these are apt's own variables
	apt-get indextargets --format '$(RELEASE)|$(REPO_URI)|$(COMPONENT)|$(SOURCESENTRY)|$(ORIGIN)' \
		'Created-By: Packages' 2>/dev/null | grep -E '[|]Debian( Backports)?$'
}

# backports_known - true if the backports suite is configured on this machine
backports_known()
{
	targets | grep -q "^$codename-backports|"
}

# signed_by FILE URI - print the keyring (or embedded key) of URI in FILE
signed_by()
{
	local file=$1 uri=${2%/}
	if [[ $file == *.sources ]]; then
		awk -v uri="$uri" 'BEGIN { RS = ""; FS = "\n" }
			index($0, uri) {
				on = 0
				for (i = 1; i <= NF; i++) {
					if ($i ~ /^[A-Za-z-]+:/)
						on = ($i ~ /^[Ss]igned-[Bb]y:/)
					if (on && $i !~ /^#/)
						print $i
				}
				exit
			}' "$file"
	else
		grep -F "$uri" "$file" | grep -v '^ *#' |
			sed -n 's/.*[[ ]signed-by=\([^] ]*\).*/Signed-By: \1/p' | head -n 1
	fi
}

# add_backports - add a source next to the main suite's
add_backports()
{
	local release uri entry file
	while IFS='|' read -r release uri _ entry _; do
		[[ $release == "$codename" ]] || continue
		file=${entry%:*}
		{
			echo "# Added by riod's scripts/deps.sh, from $file"
			echo "Types: deb"
			echo "URIs: $uri"
			echo "Suites: $codename-backports"
			echo "Components: main"
			signed_by "$file" "$uri"
		} > "$marker"
		say "added suite $codename-backports ($marker)"
		return
	done < <(targets)
	die "apt on this machine has no suite '$codename' to derive backports from"
}

# sources [RELEASE] - print this machine's suites as one-line apt sources; for another
# RELEASE, its suites of the same names, and backports
sources()
{
	local other=${1:-$codename} suite uri comp entry key
	while IFS='|' read -r suite uri comp entry _; do
		[[ $suite == "$codename" || $suite == "$codename"-* ]] || continue
		[[ $other == "$codename" || $suite != *-backports* ]] || continue
		key=$(signed_by "${entry%:*}" "$uri" | sed -n 's/^Signed-By: *\(\/.*\)/[signed-by=\1] /p')
		printf 'deb %s%s %s %s\n' "$key" "$uri" "$other${suite#"$codename"}" "$comp"
		[[ $other == "$codename" || $suite != "$codename" ]] ||
			printf 'deb %s%s %s %s\n' "$key" "$uri" "$other-backports" "$comp"
	done < <(targets) | grep . ||
		die "apt on this machine has no suite '$codename' to derive $other from"
}

apt()
{
	DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=600 \
		-o Dpkg::Use-Pty=0 "$@"
}

update()
{
	say "apt-get update"
	apt update >&2 || die "apt-get update failed"
}

# all_known PKG... - true if apt knows all packages
all_known()
{
	[[ -z $(comm -13 <(known "${@%/*}" | sort -u) <(printf '%s\n' "${@%/*}" | sort -u)) ]]
}

install()
{
	apt install -y --no-install-recommends "$@" >&2
}

# backports_wanted LINE... - true if a line requires this release's backports
backports_wanted() { [[ " $* " == *"/$codename-backports "* ]]; }

# prepare LINE... - update apt's lists if choose needs it; sets FRESH
prepare()
{
	local -a want
	FRESH=0
	# on a new machine apt has no package lists, and so lists no suite
	if [[ -z $(targets) ]]; then
		update
		FRESH=1
	fi
	if backports_wanted "$@" && ! backports_known; then
		add_backports
		update
		FRESH=1
	fi
	mapfile -t want < <(choose "$@")
	if (( ! FRESH )) && ! all_known "${want[@]}"; then
		update
		FRESH=1
	fi
}

# names FILE - print the packages of FILE for apt, also for another root
names()
{
	local -a lines want
	mapfile -t lines < <(read_lists "$1")
	(( EUID != 0 )) || prepare "${lines[@]}"
	choose "${lines[@]}"
}

main()
{
	local check=0 codename
	# shellcheck source=/dev/null
	codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
	case ${1:-} in
	--check) check=1; shift ;;
	--names) names "${2:?}"; exit ;;
	--sources) sources "${2:-}"; exit ;;
	-h | --help | "") sed -n '4,28s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
	esac

	local -a lines need
	mapfile -t lines < <(read_groups "$@")
	(( ${#lines[@]} )) || die "nothing to install for: $*"
	type dpkg-query apt-get >/dev/null 2>&1 ||
		die "this is not Debian; Debian's names of the packages: ${lines[*]}"
	mapfile -t need < <(missing "${lines[@]}")
	if (( check )); then
		(( ${#need[@]} )) || return 0
		printf '%s\n' "${need[@]}"
		return 1
	fi
	(( ${#need[@]} )) || return 0

	(( EUID == 0 )) || die "must be root to install missing packages: ${need[*]}"
	exec 9> /run/lock/riod-deps.lock
	flock 9
	mapfile -t need < <(missing "${lines[@]}")
	(( ${#need[@]} )) || return 0
	prepare "${lines[@]}"
	mapfile -t need < <(missing "${lines[@]}")
	say "installing: ${need[*]}"
	if ! install "${need[@]}"; then
		(( FRESH )) && die "apt-get could not install: ${need[*]}"
		update		# stale lists may refer to a version no longer in the archive
		install "${need[@]}" || die "apt-get could not install: ${need[*]}"
	fi
	mapfile -t need < <(missing "${lines[@]}")
	(( ! ${#need[@]} )) || die "still missing: ${need[*]}"
	say "done"
}

main "$@"
