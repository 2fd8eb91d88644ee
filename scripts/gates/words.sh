#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Gate: no file contains a path of a developer's machine, or a host other than the
# allowed ones.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

cd "$top"
rc=0
tmp=$(mktemp)
trap 'rm -f "$tmp"' EXIT

# An absolute path, not the continuation of a variable.
paths='(^|[^[:alnum:]_.$})/-])/(wor[k]|roo[t]|hom[e])(/|[^[:alnum:]_.-]|$)'
# The only hosts that may appear, in URLs or bare.
allowed='^(([a-z0-9-]+\.)*kernel\.org|([a-z0-9-]+\.)*example\.(org|com|net)|spdx\.org|json-schema\.org|localhost|[0-9.]+|\[[0-9a-f:]+\])(:[0-9]+)?$'
bare='(^|[^[:alnum:]_.-])((deb|ftp|ftp[0-9]|archive|security|snapshot|mirror|mirrors|registry|pypi|files|index|static|crates|proxy|cdn-[a-z]+|packages)\.)([a-z0-9-]+\.)*[a-z0-9-]+\.(org|com|io|net|dev)([^[:alnum:]]|$)'

complain() {
	echo "$1:"
	sed 's/^/  /'
}

files() {
	riod_files '*' | xargs -0 -r grep -IlZ ''
}

# root's home inside a VM does not depend on the machine
if files | xargs -0 -r grep -nE "$paths" /dev/null | grep -v 'HOME=/roo[t] ' >"$tmp"; then
	complain "paths of a machine" <"$tmp"
	rc=1
fi
if files | xargs -0 -r grep -noiE '(https?|ftp|git|ssh)://[][[:alnum:]_.:@-]+' /dev/null |
	while IFS=: read -r file line _ host; do
		host=${host#//}
		[[ ${host,,} =~ $allowed ]] || echo "$file:$line: $host"
	done | grep . >"$tmp"; then
	complain "hosts in URLs" <"$tmp"
	rc=1
fi
if files | xargs -0 -r grep -niE "$bare" /dev/null >"$tmp"; then
	complain "hosts" <"$tmp"
	rc=1
fi
exit "$rc"
