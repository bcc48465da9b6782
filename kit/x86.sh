#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# x86.sh [tree [OBJECT...]]: compile for x86, with warnings as errors, what the series edits in drivers/pci and in the Intel and AMD drivers;
# with "tree", what build/BASE/linux holds. No machine here has those IOMMUs. The compiler sees that their code builds and uses what it must.
set -eu
. "$(dirname -- "$0")/lib.sh"
CODE=patched
[ "${1:-}" != tree ] || { CODE=tree && shift; }
begin
O=$WORK/objects/x86-werror LOG=$LOGS/x86.log
set_cross x86
need "${CROSS}gcc" gcc /usr/include/stdlib.h /usr/include/libelf.h make flex bison bc perl cmp
make_dir "$O"

x86_make() { progress "$ME: building $*" "$LOG" kernel_make x86 "$O" KCFLAGS=-Werror "$@"; }
edited() { tree_git diff --name-only base -- drivers/pci drivers/iommu/amd drivers/iommu/intel | sed -n '/\/tests\//d; s/\.c$/.o/p'; }
check() { # OBJECT...
	KCONFIG_ALLCONFIG=$KIT/config/x86.config x86_make allnoconfig prepare || failed 'configuring x86'
	# shellcheck disable=SC2046  # a list of names
	[ $# != 0 ] || set -- $(edited)
	for object; do
		object=${object#x86.}
		x86_make "$object" && tap ok "x86.$object" && continue
		need_space "$LOG" "$object"
		tap 'not ok' "x86.$object: $(grep -m 1 ' error: ' "$LOG" || tail -n 1 "$LOG")"
	done
}
tap_begin x86
on_branch "$CODE" check "$@"
tap_end
