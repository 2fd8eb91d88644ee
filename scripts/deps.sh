#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# deps.sh - install the Debian packages that a part of riod needs
#
#   scripts/deps.sh GROUP...      install what is missing of each group
#   scripts/deps.sh --check GROUP...  print what is missing, install nothing
#   scripts/deps.sh --sources [RELEASE]   print one-line apt sources of the release
#                                 this machine runs, or of another one from the same
#                                 archive, with backports (for mmdebstrap)
#
# A group is a file scripts/packages/GROUP: one package name per line, "#"
# starts a comment. "NAME/backports" asks for the version in the release's
# backports suite. When everything is there nothing is run but one dpkg-query.
#
# Nothing here names a package host: where the backports suite is missing from
# the machine's apt configuration it is added next to the main suite, with the
# main suite's own address and keyring (deb822 or one-line format).

set -euo pipefail

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
marker=/etc/apt/sources.list.d/riod-backports.sources

say() { printf 'deps: %s\n' "$*" >&2; }
die() { say "error: $*"; exit 1; }

# read_groups GROUP... - the wanted packages, one per line
read_groups()
{
	local group file
	for group in "$@"; do
		file=$here/packages/$group
		[[ -r $file ]] || die "no package group '$group' (there are:$(cd "$here/packages" && printf ' %s' *))"
		sed -e 's/#.*//' -e 's/[[:space:]]*//g' -e '/^$/d' "$file"
	done | sort -u
}

# missing WANTED... - those that are not installed, or not from backports
missing()
{
	local -A have=()
	local name status version want pkg
	while IFS='|' read -r name status version; do
		[[ $status == installed ]] && have[$name]=$version
	done < <(dpkg-query -W -f '${Package}|${db:Status-Status}|${Version}\n' \
			"${@%/backports}" 2>/dev/null || true)
	for want in "$@"; do
		pkg=${want%/backports}
		if [[ -z ${have[$pkg]:-} ]]; then
			echo "$want"
		elif [[ $want == */backports && ${have[$pkg]} != *~bpo* ]]; then
			echo "$want"
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

codename()
{
	# shellcheck source=/dev/null
	( . /etc/os-release && echo "$VERSION_CODENAME" )
}

# backports_known CODENAME - is the suite configured on this machine?
backports_known()
{
	targets | grep -q "^$1-backports|"
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

# add_backports CODENAME - a source beside the main suite's
add_backports()
{
	local codename=$1 release uri entry file
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

# sources_of RELEASE - of another release: beside this one's main suite
sources_of()
{
	local codename release uri entry key
	codename=$(codename)
	while IFS='|' read -r release uri _ entry _; do
		[[ $release == "$codename" ]] || continue
		key=$(signed_by "${entry%:*}" "$uri" | sed -n 's/^Signed-By: *\(\/.*\)/[signed-by=\1] /p')
		printf 'deb %s%s %s main\n' "$key" "$uri" "$1" "$key" "$uri" "$1-backports"
		return
	done < <(targets)
	die "apt on this machine has no suite '$codename' to derive $1 from"
}

# sources - what this machine's release comes from, as one-line apt sources
sources()
{
	local codename release uri comp entry key
	codename=$(codename)
	while IFS='|' read -r release uri comp entry _; do
		[[ $release == "$codename" || $release == "$codename"-* ]] || continue
		key=$(signed_by "${entry%:*}" "$uri" | sed -n 's/^Signed-By: *\(\/.*\)/[signed-by=\1] /p')
		printf 'deb %s%s %s %s\n' "$key" "$uri" "$release" "$comp"
	done < <(targets)
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

# all_known PKG... - does apt know a candidate for every one of them?
all_known()
{
	local want
	for want in "$@"; do
		apt-cache show --no-all-versions "${want%/*}" >/dev/null 2>&1 || return 1
	done
}

install()
{
	local codename=$1; shift
	local -a args=("${@/%\/backports/\/$codename-backports}")
	apt install -y --no-install-recommends "${args[@]}" >&2
}

main()
{
	local check=0
	case ${1:-} in
	--check) check=1; shift ;;
	--sources)
		if [[ -n ${2:-} ]]; then sources_of "$2"; else sources; fi
		exit ;;
	-h | --help | "") sed -n '4,18s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; exit 0 ;;
	esac

	local -a want need
	mapfile -t want < <(read_groups "$@")
	(( ${#want[@]} )) || die "nothing to install for: $*"
	mapfile -t need < <(missing "${want[@]}")
	if (( check )); then
		printf '%s\n' "${need[@]}"
		return $(( ${#need[@]} > 0 ))
	fi
	(( ${#need[@]} )) || return 0

	(( EUID == 0 )) || die "not root, and these are missing: ${need[*]}"
	exec 9> /run/lock/riod-deps.lock
	flock 9
	mapfile -t need < <(missing "${want[@]}")
	(( ${#need[@]} )) || return 0
	say "installing: ${need[*]}"

	local codename fresh=0
	codename=$(codename)
	# a new machine: apt has never asked what its sources hold, and names no suite
	if [[ -z $(targets) ]]; then
		update
		fresh=1
	fi
	if [[ " ${need[*]} " == */backports* ]] && ! backports_known "$codename"; then
		add_backports "$codename"
		update
		fresh=1
	fi
	if (( ! fresh )) && ! all_known "${need[@]}"; then
		update
		fresh=1
	fi
	if ! install "$codename" "${need[@]}"; then
		(( fresh )) && die "apt-get could not install: ${need[*]}"
		update		# stale lists: a version that has gone from the archive
		install "$codename" "${need[@]}" || die "apt-get could not install: ${need[*]}"
	fi
	mapfile -t need < <(missing "${want[@]}")
	(( ! ${#need[@]} )) || die "still missing: ${need[*]}"
	say "done"
}

main "$@"
