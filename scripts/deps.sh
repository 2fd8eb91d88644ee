#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# deps.sh - install the Debian packages that a part of riod needs
#
#   scripts/deps.sh GROUP...      install what is missing of each group
#   scripts/deps.sh --check GROUP...  print what is missing, install nothing
#   scripts/deps.sh --names FILE  print the packages that FILE names, for apt
#   scripts/deps.sh --sources [RELEASE]   print one-line apt sources of the release
#                                 this machine runs, or of another one from the same
#                                 archive, with backports (for mmdebstrap)
#
# A group is a file scripts/packages/GROUP, with one package per line; "#" starts
# a comment. A line has one of these forms:
#
#   NAME                      the package
#   NAME/RELEASE-backports    on RELEASE the version of its backports suite, on
#                             other releases the package
#   NAME | OTHER              names in different releases: the first that apt knows
#
# When everything is there nothing is run but dpkg-query, and apt-cache for names
# that differ.
#
# Nothing here names a package host: where the backports suite is missing from
# the machine's apt configuration it is added next to the main suite, with the
# main suite's own address and keyring (deb822 or one-line format).

set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
marker=/etc/apt/sources.list.d/riod-backports.sources

say() { printf 'deps: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# read_lists FILE... - their lines without comments and blanks
read_lists()
{
	sed -e 's/#.*//' -e 's/[[:space:]]*//g' -e '/^$/d' "$@" | sort -u
}

# read_groups GROUP... - the lines of these groups
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

# known NAME... - those that apt knows; one call, which may cost seconds
known()
{
	apt-cache show --no-all-versions "$@" 2>/dev/null | sed -n 's/^Package: //p' || true
}

# installed NAME... - those that are, as NAME|VERSION
installed()
{
	dpkg-query -W -f '${db:Status-Status}|${Package}|${Version}\n' "$@" 2>/dev/null |
		sed -n 's/^installed|//p'
}

# choose LINE... - the package that each line means on this machine
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
		# where apt knows none, the first is the one to complain about
		for name in ${line//|/ } "${line%%|*}"; do
			[[ $line == *"|"* && -z ${there[$name]:-} ]] || break
		done
		suite=${name#"${name%/*}"}
		[[ $suite == "/$codename-backports" ]] || name=${name%/*}
		echo "$name"
	done
}

# missing LINE... - the packages that are not installed, or not from backports
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

# targets - the Debian suites apt knows here: RELEASE|URI|COMPONENT|FILE:STANZA|ORIGIN
targets()
{
	# shellcheck disable=SC2016 # these are apt's own variables
	apt-get indextargets --format '$(RELEASE)|$(REPO_URI)|$(COMPONENT)|$(SOURCESENTRY)|$(ORIGIN)' \
		'Created-By: Packages' 2>/dev/null | grep -E '[|]Debian( Backports)?$'
}

# backports_known - is the suite configured on this machine?
backports_known()
{
	targets | grep -q "^$codename-backports|"
}

# signed_by FILE URI - the keyring (or embedded key) that FILE gives for URI
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

# add_backports - a source beside the main suite's
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

# sources [RELEASE] - where this machine's release comes from, as one-line apt sources;
# another RELEASE has suites of the same names beside them, and backports
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

# all_known PKG... - does apt know every one of them?
all_known()
{
	[[ -z $(comm -13 <(known "${@%/*}" | sort -u) <(printf '%s\n' "${@%/*}" | sort -u)) ]]
}

install()
{
	apt install -y --no-install-recommends "$@" >&2
}

# backports_wanted LINE... - does one ask for this release's backports?
backports_wanted() { [[ " $* " == *"/$codename-backports "* ]]; }

# prepare LINE... - have apt know what choose has to know; sets FRESH
prepare()
{
	local -a want
	FRESH=0
	# a new machine: apt has never asked what its sources hold, and names no suite
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

# names FILE - what apt is to install, wherever it is installed
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
		die "this is no Debian; its names for what is needed: ${lines[*]}"
	mapfile -t need < <(missing "${lines[@]}")
	if (( check )); then
		(( ${#need[@]} )) || return 0
		printf '%s\n' "${need[@]}"
		return 1
	fi
	(( ${#need[@]} )) || return 0

	(( EUID == 0 )) || die "not root, and these are missing: ${need[*]}"
	exec 9> /run/lock/riod-deps.lock
	flock 9
	mapfile -t need < <(missing "${lines[@]}")
	(( ${#need[@]} )) || return 0
	prepare "${lines[@]}"
	mapfile -t need < <(missing "${lines[@]}")
	say "installing: ${need[*]}"
	if ! install "${need[@]}"; then
		(( FRESH )) && die "apt-get could not install: ${need[*]}"
		update		# stale lists: a version that has gone from the archive
		install "${need[@]}" || die "apt-get could not install: ${need[*]}"
	fi
	mapfile -t need < <(missing "${lines[@]}")
	(( ! ${#need[@]} )) || die "still missing: ${need[*]}"
	say "done"
}

main "$@"
