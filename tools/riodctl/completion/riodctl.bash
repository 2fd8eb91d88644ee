# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
# Bash completion for riodctl(8).

# Names of objects on this host: _riodctl_names export|attachment
_riodctl_names()
{
	riodctl list --names 2> /dev/null | sed -n "s/^$1 //p"
}

# PCI functions: all, for bind, or those with driver $1.
_riodctl_pci()
{
	local dir=/sys/bus/pci/devices device

	if [[ -n ${1:-} ]]; then
		dir=/sys/bus/pci/drivers/$1
	fi
	for device in "$dir"/*:*:*.*; do
		if [[ -e $device/vendor ]]; then
			printf '%s\n' "${device##*/}"
		fi
	done
}

_riodctl_options()
{
	case $1 in
	bind) echo --export --name --allow --port --transport --no-reset --force --dry-run ;;
	allow) echo --add --remove --clear --force ;;
	unbind) echo --driver --force ;;
	attach) echo --limit --profile --shadow-bar --sync-writes --on-loss --loss-timeout --persist ;;
	detach) echo --force ;;
	list) echo --devices ;;
	stats) echo --watch --all ;;
	monitor) echo --count ;;
	qemu-args) echo --virtio-iommu --libvirt --libvirt-domain ;;
	exec) echo --library ;;
	esac
	echo --json --help
}

# Values of an option.
_riodctl_value()
{
	case $1 in
	--driver) ls /sys/bus/pci/drivers 2> /dev/null ;;
	--profile) echo none nvme virtio e1000 ;;
	--shadow-bar) echo 0 1 2 3 4 5 ;;
	--limit) echo 64M 256M 1G ;;
	--on-loss) echo stall remove error ;;
	--loss-timeout) echo 5s 10s 30s 2m ;;
	--transport) echo tcp rdma ;;
	--library) compgen -A file -X '!*.so' -- "$cur" ;;
	--name | --allow | --port | --watch | --count) ;;
	*) return 1 ;;
	esac
}

_riodctl_arguments()
{
	case $1 in
	bind) _riodctl_pci ;;
	allow) _riodctl_names export ;;
	unbind) _riodctl_names export; _riodctl_pci riod_stub ;;
	detach | qemu-args) _riodctl_names attachment; _riodctl_pci riod_frontend ;;
	status | stats) _riodctl_names export; _riodctl_names attachment ;;
	exec) compgen -A command -- "$cur" ;;
	help) echo bind allow unbind attach detach list status stats monitor qemu-args exec ;;
	attach | list) compgen -A hostname -- "$cur" ;;
	esac
}

_riodctl()
{
	local cur prev verb='' word words

	# An address must be one word, although ':' is a word break in bash.
	if declare -F _get_comp_words_by_ref > /dev/null; then
		_get_comp_words_by_ref -n : cur prev
	else
		cur=${COMP_WORDS[COMP_CWORD]}
		prev=${COMP_WORDS[COMP_CWORD - 1]}
	fi
	for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		if [[ $word != -* ]]; then
			verb=$word
			break
		fi
	done
	if [[ -z $verb ]]; then
		words='bind allow unbind attach detach list status stats monitor qemu-args exec help
			--json --help --version'
	elif ! words=$(_riodctl_value "$prev"); then
		if [[ $cur == -* ]]; then
			words=$(_riodctl_options "$verb")
		else
			words=$(_riodctl_arguments "$verb")
		fi
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
	if declare -F __ltrim_colon_completions > /dev/null; then
		__ltrim_colon_completions "$cur"
	fi
}

complete -F _riodctl riodctl
