#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
#
# Generate the netlink code from its spec, with the kernel's own generator.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib/common.sh
source "$top/scripts/lib/common.sh"

usage() {
	cat <<-TXT
	usage: ${0##*/} [--check] [--spec FILE] [--out DIR]

	From Documentation/netlink/specs/riod.yaml:
		include/uapi/linux/riod.h	constants for user space
		kernel/common/genl.h		prototypes of handlers, policies
		kernel/common/genl.c		policies, operations, family
	--check		change nothing; fail with a diff if a file differs from the
			generator's output
	--spec FILE	another spec (the header is named after it)
	--out DIR	write below DIR instead of the tree
	TXT
}

check=
spec=$top/Documentation/netlink/specs/riod.yaml
out=$top
while (($#)); do
	case $1 in
	--check) check=1 ;;
	--spec) spec=${2:?}; shift ;;
	--out) out=${2:?}; shift ;;
	-h | --help) usage; exit 0 ;;
	*) usage >&2; exit 2 ;;
	esac
	shift
done
[[ -r $spec ]] || die "no spec $spec"

deps gates
source_dir=$("$top/scripts/kernel-source.sh")
# The distribution's Python has the modules; the first one in PATH may not.
python=/usr/bin/python3
family=$(basename "$spec" .yaml)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# The generator refers to the spec by its path below the directory that has a
# MAINTAINERS file, and loops for ever if no parent directory has one.
: >"$tmp/MAINTAINERS"
mkdir -p "$tmp/Documentation/netlink/specs"
cp "$source_dir"/Documentation/netlink/*.yaml "$tmp/Documentation/netlink/"
cp "$spec" "$tmp/Documentation/netlink/specs/"
spec=$tmp/Documentation/netlink/specs/$family.yaml

# The generator checks its input only a little, so validate it by the schema.
"$python" - "$spec" "$tmp/Documentation/netlink" <<'PY'
import sys
import jsonschema
import yaml

with open(sys.argv[1]) as f:
    spec = yaml.safe_load(f)
protocol = spec.get("protocol", "genetlink")
with open(f"{sys.argv[2]}/{protocol}.yaml") as f:
    schema = yaml.safe_load(f)
errors = list(jsonschema.Draft7Validator(schema).iter_errors(spec))
for error in errors:
    where = "/".join(str(part) for part in error.absolute_path)
    print(f"{sys.argv[1]}: {where}: {error.message}", file=sys.stderr)
sys.exit(bool(errors))
PY

gen() {
	local mode=$1 kind=$2 file=$3

	mkdir -p "$tmp/out/$(dirname "$file")"
	timeout 60 "$python" -B "$source_dir/tools/net/ynl/ynl-gen-c.py" --mode "$mode" \
		"--$kind" --spec "$spec" -o "$tmp/out/$file" ||
		die "the generator failed on $family.yaml ($file)"
	[[ -s $tmp/out/$file ]] || die "the generator wrote no $file"
	files+=("$file")
}

files=()
gen uapi header "include/uapi/linux/$family.h"
gen kernel header kernel/common/genl.h
gen kernel source kernel/common/genl.c

rc=0
for file in "${files[@]}"; do
	if [[ -n $check ]]; then
		diff -u --label "a/$file" --label "b/$file (generated)" \
			"$out/$file" "$tmp/out/$file" || rc=1
	elif ! cmp -s "$tmp/out/$file" "$out/$file"; then
		mkdir -p "$(dirname "$out/$file")"
		cp "$tmp/out/$file" "$out/$file"
		note "wrote $file"
	fi
done
((rc == 0)) || die "run scripts/ynl-gen.sh"
