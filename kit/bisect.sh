#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# bisect.sh [NAME...]: each patch of the series on its own, in each of these (none named is all; BASE= not set is every base). With TOPIC=
# the patches of one topic, on the topics that its cover letter says it needs.
#   um arm64         the kernels of the KUnit suites: build, and what suites there are at that point pass
#   um-PCI_ATS ...   small kernels, each without what it is called after (see configurations): build and link
#   x86              the same with nothing off: the Intel and AMD drivers
#   selftests        the programs of tools/testing/selftests/iommu that are there at that point: compile, warnings as errors
#   judge selftest   what is too slow for each patch: scenarios and selftests in guests, at the end of the whole series, all pass
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
names() { say um arm64; configurations | cut -d ' ' -f 1; say selftests; [ -n "${TOPIC:-}" ] || say judge selftest; }
configuration() { configurations | awk -v name="$1" -v column="$2" '$1 == name { print $column }' | sed 's/^-$//' | tr , ' '; }

for name; do
	names | tr ' ' '\n' | grep -qxF -e "$name" || die "$name: no such configuration (known: $(names | paste -sd ' '))"
done

every_base() {
	[ -z "$FROM_TARBALL$FROM_TREE" ] || die "${VAR}_TARBALL= or ${VAR}_TREE= is the source of one base: say which with BASE="
	good=0 bad=0 skipped=0
	make_dir "$BUILD_DIR"
	for base in $(bases); do
		say "=== Linux $base"
		if ! source_of "$base"; then
			say "=== Linux $base: skipped: its source cannot be had"
			skipped=$((skipped + 1))
		elif [ -n "${TOPIC:-}" ] && ! BASE=$base "$TOP/judge" queue topics | grep -qxF -e "$TOPIC"; then
			say "=== Linux $base: skipped: it has no topic $TOPIC"
			skipped=$((skipped + 1))
		elif BASE=$base "$0" "$@"; then
			good=$((good + 1))
		else
			bad=$((bad + 1))
		fi
	done
	say "$ME: bases: $good good, $bad bad, $skipped skipped, $(elapsed)"
	[ "$bad" = 0 ] && [ "$good" != 0 ]
}
[ -n "$EVERY_BASE" ] || { every_base "$@"; exit; }

begin
need_prepared_tree
need make flex bison bc perl python3
BELOW=base TIP=series
[ -z "${TOPIC:-}" ] || {
	commits=$("$TOP/judge" queue topic "$TOPIC") || exit
	BELOW=${commits% *} TIP=${commits#* }
}

# ---- one small kernel

off() { say "${1#"$ARCH"}" "$(configuration "$1" 2)" | tr -s ' -' '\n' | grep . || :; } # NAME
# The suites' own fragments belong to it, as far as their options can be on: those of the end of the queue, at each commit. KUNIT
# is in task_struct: all would be compiled again where the suites come. Kconfig does not mind an option that is not there yet, and
# warns of one that is named twice.
final() { tree_git show "$TIP:$1" 2>/dev/null || :; } # FILE
fragment() { # NAME
	off "$1" | sed 's/.*/CONFIG_&=y/' >"$O/off"
	{
		case $ARCH in
		um)
			printf 'CONFIG_%s=y\n' 64BIT PCI_QUIRKS
			cat "$KIT/config/um.config" "$TREE/tools/testing/kunit/configs/arch_uml.config"
			;;
		arm64)
			cat "$KIT/config/hot-path.config"
			final drivers/iommu/arm/arm-smmu-v3/.kunitconfig
			;;
		x86) cat "$KIT/config/x86.config" ;;
		esac
		[ "$ARCH" = x86 ] || final drivers/pci/tests/.kunitconfig
	} | grep -vxF -f "$O/off" | sort -u
}
lacks() { say "${BASE_LACKS:-}" | tr ' ' '\n' | grep -qxF "CONFIG_$1"; }
is_on() { grep -q "^CONFIG_$1=" "$O/.config"; }
as_wanted() { # NAME
	for option in $(off "$1"); do
		! is_on "$option" || { echo "configuration error: $option is on"; return 1; }
	done
	for option in $(configuration "$1" 3); do
		is_on "$option" || lacks "$option" || { echo "configuration error: $option is off"; return 1; }
	done
}

make_kernel() { # NAME
	fragment "$1" >"$O/fragment"
	KCONFIG_ALLCONFIG=$O/fragment kernel_make "$ARCH" "$O" allnoconfig && as_wanted "$1" && kernel_make "$ARCH" "$O" vmlinux
}
small_kernel() { # NAME
	set_cross "$ARCH"
	need "${CROSS}gcc"
	make_dir "$O"
	rc=0
	progress "$ME: building $1" "$LOG" make_kernel "$1" || rc=1
	[ "$rc" = 1 ] || { last='builds and links'; return; }
	! disk_full "$LOG" || die "no space left in $BUILD_DIR: free some, or name another place with BUILD_DIR="
	last="$(grep -m 1 -E ' error: |configuration error|undefined reference|\*\*\* ' "$LOG" || tail -n 1 "$LOG") (log $LOG)"
}

# ---- one kind of thing at one commit

# of NAME: its architecture, where its objects are, the log of its build.
of() {
	ARCH=${1%%-*} O=$WORK/bisect/$1 LOG=$LOGS/build-bisect-$1.log
	case $1 in um | arm64) O=$WORK/objects/$1-w1 LOG=$LOGS/kernel-$1.log ;; esac
}
script() { # COMMAND...
	{ rc=0; "$@" || rc=$?; say "$rc" >"$LOGS/bisect.rc"; } 2>&1 | tee "$LOGS/bisect.log"
	rc=$(cat "$LOGS/bisect.rc") last=$(tail -n 1 "$LOGS/bisect.log")
}
rules() { make -C "$TOP" --no-print-directory BASE="$BASE" "$@"; } # TARGET...
# The suites of one kernel. Those that are there at a commit pass: a topic that brings them needs what they test.
suites() { # MACHINE FILE
	if [ -n "$(find "$TREE/drivers/pci/tests/.kunitconfig" "$TREE/drivers/iommu/arm/arm-smmu-v3/.kunitconfig" 2>/dev/null)" ]; then
		rules "$RESULTS/tree/$1.json" && "$TOP/judge" tally "$RESULTS/tree/$1.json"
	else
		rules "$WORK/kernels/tree/$2" && say 'builds; no suite yet'
	fi
}
run() { # NAME: leaves rc, and last, what there is to be said of it
	case $1 in
	um) script suites um linux ;;
	arm64) script suites kunit Image ;;
	selftests) script "$KIT/guest.sh" programs tree; [ "$rc" != 0 ] || last=compile ;;
	*) small_kernel "$1" ;;
	esac
}
passed() { say "$last" | sed -n 's/^\([0-9]* passed\).*/\1/p' | grep . || say "$last"; }

# Without line numbers: these move.
warnings() { [ "$1" = selftests ] || sed -nE '/warning:/I s/:[0-9]+(:[0-9]+)?//gp' "$LOG"; }
base_warnings() { say "$O/warnings-$(tree_git rev-parse "$BELOW")"; }
new_warning() { [ "$1" = selftests ] || warnings "$1" | grep -vxF -f "$(base_warnings)" | head -n 1; }

# Does a patch touch what this is made from? Kbuild leaves beside each object the names of all its sources.
touched() { # NAME COMMIT
	tree_git diff-tree -r --name-only "$2^" "$2" | while read -r file; do
		case $1,$file in
		selftests,tools/testing/selftests/* | selftests,include/uapi/*) ;;
		selftests,* | *,tools/testing/selftests/* | *,Documentation/* | *,scripts/coccinelle/* | *,MAINTAINERS) continue ;;
		*.c | *.h) grep -rqF --include='.*.cmd' "/$file" "$O" || continue ;;
		esac
		say "$file"
	done | grep -q .
}

# What is compiled again at the base is what the queue touches; the warnings of the rest are those of the first build.
start() { # NAME
	tree_git checkout -q --detach "$BELOW"
	run "$1"
	[ "$rc" = 0 ] || { tap 'not ok' "the base: $1: $last"; return 1; }
	[ "$1" = selftests ] || warnings "$1" >>"$(base_warnings)"
}

check() { # NAME COMMIT
	title="$(tree_git log -1 --format=%s "$2"): $1"
	if [ "$rc" = 0 ] && ! touched "$1" "$2"; then
		tap ok "$title: as before: it is made from nothing that the patch touches"
		return
	fi
	run "$1"
	warning=$(new_warning "$1")
	case $rc,$warning in
	0,) tap ok "$title: $(passed)" ;;
	*) tap 'not ok' "$title: ${warning:-$last}" ;;
	esac
}

# All of one kind, then all of the next: each has objects of its own, of which a patch has few compiled again.
through() { # NAME
	of "$1"
	if lacks "${1#*-}"; then
		tap ok "$1 # SKIP Linux $BASE has no ${1#*-}"
		return
	fi
	start "$1" || return 0
	for commit in $(tree_git rev-list --reverse "$BELOW..$TIP"); do
		tree_git checkout -q "$commit"
		check "$1" "$commit"
	done
}

at_the_end() { # NAME
	tree_git checkout -q series
	case $1 in
	judge) set=bench ;;
	selftest) set=selftests ;;
	esac
	case " $BASE_JUDGED_BY " in
	*" $set "*) ;;
	*) tap ok "the end of the series: $1 # SKIP bases/$BASE does not say that it is judged by $set"; return ;;
	esac
	script rules KERNEL=tree "$1"
	case $rc in
	0) tap ok "the end of the series: $1: $(passed)" ;;
	*) tap 'not ok' "the end of the series: $1: $last" ;;
	esac
}

make_dir "$LOGS"
tap_begin "bisect${TOPIC:+-$TOPIC}$([ $# = 0 ] || say "-$*" | tr ' ' -)"
[ $# != 0 ] || {
	# shellcheck disable=SC2046  # a list of names
	set -- $(names)
}
borrow branch series
for name; do
	case $name in
	judge | selftest) at_the_end "$name" ;;
	*) through "$name" ;;
	esac
done
tap_end good bad
