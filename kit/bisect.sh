#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# bisect.sh [NAME...]: each patch of the series on its own, in each of these (none named is all; BASE= not set is every base). With TOPIC=
# the patches of one topic, on the topics that its cover letter says it needs.
#   um arm64         the kernels of the KUnit suites: build, and what suites there are at that point pass
#   um-PCI_ATS ...   small kernels, each without what it is called after (see configurations): build and link
#   x86              the same with nothing off: the Intel and AMD drivers
#   selftests        the programs of tools/testing/selftests/iommu that are there at that point: compile, warnings as errors
# A kernel must not have a warning under W=1 that the base does not have. The base is built first: that says which it has, and
# leaves everything that a patch touches to be compiled again. A kernel of which a patch touches nothing is not built again.
set -eu
EVERY_BASE=${BASE:+no}
. "$(dirname -- "$0")/lib.sh"

# Architecture, the option that must be off, what goes off with it, what must still be on. PCI_ATS has no prompt: the others
# select it, and so do the Intel and AMD drivers, which are never without, and want ACPI. UML is a port to x86 only.
configurations() {
	grep -v "^$([ "$(uname -m)" = x86_64 ] || say um)-" <<-EOC
		um-PCI_ATS PCI_IOV,PCI_PRI,PCI_PASID PCI_QUIRKS
		um-PCI_IOV - PCI_ATS
		um-PCI_PASID PCI_PRI PCI_IOV
		arm64-PCI_ATS PCI_IOV,PCI_PRI,PCI_PASID ARM_SMMU_V3,ARM_SMMU_V3_IOMMUFD,PCI_QUIRKS
		arm64-ARM_SMMU_V3_IOMMUFD - ARM_SMMU_V3,IOMMUFD,PCI_ATS
		arm64-IOMMUFD - ARM_SMMU_V3,PCI_ATS
		x86 - AMD_IOMMU,INTEL_IOMMU,IOMMUFD,PCI_ATS
		x86-PCI_ATS PCI_IOV,PCI_PRI,PCI_PASID,AMD_IOMMU,INTEL_IOMMU,ACPI IOMMUFD,PCI_QUIRKS
		x86-IOMMUFD - AMD_IOMMU,INTEL_IOMMU,PCI_ATS
	EOC
}
NAMES=$(say um arm64 "$(configurations | cut -d ' ' -f 1 | paste -sd ' ')" selftests)
for name; do
	case " $NAMES " in *" $name "*) ;; *) die "$name: no such configuration (known: $NAMES)" ;; esac
done

if [ -z "$EVERY_BASE" ]; then
	[ -z "$FROM_TARBALL$FROM_TREE" ] || die "${VAR}_TARBALL= or ${VAR}_TREE= is the source of one base: say which with BASE="
	good=0 bad=0
	for base in $(bases); do
		if ! source_of "$base"; then
			say "$ME: Linux $base: skipped: its source is not available"
		elif [ -n "${TOPIC:-}" ] && ! BASE=$base "$TOP/judge" queue topics | grep -qxF -e "$TOPIC"; then
			say "$ME: Linux $base: skipped: it has no topic $TOPIC"
		elif BASE=$base "$0" "$@"; then
			good=$((good + 1))
		else
			bad=$((bad + 1))
		fi
	done
	say "$ME: bases: $good good, $bad bad"
	[ "$bad" = 0 ] && [ "$good" != 0 ]
	exit
fi

begin
need_prepared_tree
need make flex bison bc perl python3
BELOW=base TIP=series
[ -z "${TOPIC:-}" ] || {
	commits=$("$TOP/judge" queue topic "$TOPIC") || exit
	BELOW=${commits% *} TIP=${commits#* }
}

# ---- one small kernel

# Kconfig does not mind an option that is not there yet, and warns of one that is named twice. The suites' own fragments are those of the end
# of the queue, at each commit: KUNIT is in task_struct, and all would be compiled again where the suites come.
final() { tree_git show "$TIP:$1/.kunitconfig" 2>/dev/null || :; } # FOLDER
fragment() {
	case $ARCH in
	um)
		printf 'CONFIG_%s=y\n' 64BIT PCI_QUIRKS
		cat "$KIT/config/um.config" "$TREE/tools/testing/kunit/configs/arch_uml.config"
		final drivers/pci/tests
		;;
	arm64)
		cat "$KIT/config/hot-path.config"
		final drivers/pci/tests
		final drivers/iommu/arm/arm-smmu-v3
		;;
	x86) cat "$KIT/config/x86.config" ;;
	esac
}
lacks() { case " ${BASE_LACKS:-} " in *" CONFIG_$1 "*) ;; *) return 1 ;; esac; }
is_on() { grep -q "^CONFIG_$1=" "$O/.config"; }
small_kernel() { # NAME
	row=$(configurations | grep "^$1 ")
	on=$(say "${row##* }" | tr , ' ') off=$(say "${row% *}" | cut -d ' ' -f 2 | sed 's/^-$//' | tr , ' ')
	[ "$1" = "$ARCH" ] || off="${1#*-} $off"
	# shellcheck disable=SC2086  # a list of names
	fragment | grep -vxF -e "$(printf 'CONFIG_%s=y\n' ${off:-none})" | sort -u >"$O/fragment"
	KCONFIG_ALLCONFIG=$O/fragment kernel_make "$ARCH" "$O" allnoconfig || return
	for option in $off; do ! is_on "$option" || { echo "configuration error: $option is on" && return 1; }; done
	for option in $on; do is_on "$option" || lacks "$option" || { echo "configuration error: $option is off" && return 1; }; done
	kernel_make "$ARCH" "$O" vmlinux && echo 'builds and links'
}

# ---- one kind of thing at one commit

# The suites of one kernel, by the front door's rules. Those that are there at a commit pass: a topic that brings them needs what they test.
rules() { make -C "$TOP" --no-print-directory BASE="$BASE" "$@"; } # TARGET...
suites() { # MACHINE FILE
	if [ -f "$TREE/drivers/pci/tests/.kunitconfig" ] || [ -f "$TREE/drivers/iommu/arm/arm-smmu-v3/.kunitconfig" ]; then
		rules "$RESULTS/tree/$1.json" && "$TOP/judge" tally 0 "$RESULTS/tree/$1.json"
	else
		rules "$WORK/kernels/tree/$2" && echo 'builds; no suite yet'
	fi
}
build() { # NAME
	case $1 in
	um) suites um linux ;;
	arm64) suites kunit Image ;;
	selftests) "$KIT/guest.sh" programs tree && echo compile ;;
	*) small_kernel "$1" ;;
	esac
}
run() { # NAME: leaves rc, and last, what there is to be said of it
	rc=0
	progress "$ME: building $1" "$LOG" build "$1" || rc=1
	last=$(tail -n 1 "$LOG")
	[ "$rc" = 0 ] || {
		need_space "$LOG" "$1"
		last="$(grep -m 1 -E ' error: |configuration error|undefined reference|\*\*\* ' "$LOG" || say "$last") (log $LOG)"
	}
}
# Without line numbers: these move. What the kernels of the suites say is in a log of their own.
warnings() { cat "$LOG" "$LOGS/kernel-$1.log" 2>/dev/null | sed -nE '/warning:/I s/:[0-9]+(:[0-9]+)?//gp'; }

# Does a patch touch what this is made from? Kbuild leaves beside each object the names of all its sources.
touched() { # NAME COMMIT
	if [ "$1" = selftests ]; then
		set -- "$@" tools/testing/selftests include/uapi
	else
		set -- "$@" . ':!tools/testing/selftests' ':!Documentation' ':!scripts/coccinelle' ':!MAINTAINERS'
	fi
	name=$1 commit=$2
	shift 2
	tree_git diff-tree -r --name-only "$commit^" "$commit" -- "$@" | while read -r file; do
		case $name,$file in
		selftests,*) ;;
		*.c | *.h) grep -rqF --include='.*.cmd' "/$file" "$O" || continue ;;
		esac
		say "$file"
	done | grep -q .
}
check() { # NAME COMMIT
	title="$(tree_git log -1 --format=%s "$2"): $1"
	if [ "$rc" = 0 ] && ! touched "$1" "$2"; then
		tap ok "$title: unchanged: the patch touches none of its sources"
		return
	fi
	run "$1"
	warning=$(warnings "$1" | grep -vxF -f "$known" | head -n 1)
	case $rc,$warning in
	0,) tap ok "$title: $last" ;;
	*) tap 'not ok' "$title: ${warning:-$last}" ;;
	esac
}

# All of one kind, then all of the next: each has objects of its own, of which a patch has few compiled again.
through() { # NAME
	ARCH=${1%%-*} O=$WORK/bisect/$1 LOG=$LOGS/bisect-$1.log
	case $1 in um | arm64) O=$WORK/objects/$1-w1 ;; esac
	if lacks "${1#*-}"; then
		tap ok "$1 # SKIP Linux $BASE has no ${1#*-}"
		return
	fi
	make_dir "$O"
	case $ARCH in um | arm64 | x86)
		set_cross "$ARCH"
		need "${CROSS}gcc"
		;;
	esac
	tree_git checkout -q --detach "$BELOW"
	run "$1"
	[ "$rc" = 0 ] || { tap 'not ok' "the base: $1: $last" && return; }
	# What is compiled again at the base is what the queue touches; the warnings of the rest are those of the first build.
	known=$O/warnings-$(tree_git rev-parse "$BELOW")
	warnings "$1" >>"$known"
	for commit in $(tree_git rev-list --reverse "$BELOW..$TIP"); do
		tree_git checkout -q "$commit"
		check "$1" "$commit"
	done
}

export WARN=1
make_dir "$LOGS"
tap_begin "bisect${TOPIC:+-$TOPIC}$([ $# = 0 ] || say "-$*" | tr ' ' -)"
# shellcheck disable=SC2086  # a list of names
[ $# != 0 ] || set -- $NAMES
borrow branch series
for name; do through "$name"; done
tap_end
