#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# x86.sh [OBJECT...]: compile for x86, with warnings as errors, what the series edits in drivers/pci and in the Intel and
# AMD drivers. No machine here has those IOMMUs; that their code builds, and uses what it has to, the compiler can see.
set -eu
. "$(dirname -- "$0")/lib.sh"
begin
O=$WORK/x86
LOG=$LOGS/build-x86.log
CROSS=''
[ "$(uname -m)" = x86_64 ] || CROSS=x86_64-linux-gnu-
need "${CROSS}gcc" gcc /usr/include/stdlib.h /usr/include/libelf.h make flex bison bc perl cmp
use_ccache

objects_of_series() {
	tree_git diff --name-only base -- drivers/pci drivers/iommu/amd drivers/iommu/intel | sed -n '/\/tests\//d; s/\.c$/.o/p'
}

kernel_make() {
	make -C "$TREE" ARCH=x86 ${CROSS:+"CROSS_COMPILE=$CROSS"} CC="$CC" HOSTCC="$HOSTCC" O="$O" LOCALVERSION='' \
		KCFLAGS=-Werror -j "$JOBS" "$@"
}
configure() { KCONFIG_ALLCONFIG=$KIT/config/x86.config kernel_make allnoconfig prepare && cp "$KIT/config/x86.config" "$O/used.config"; }
configured() { cmp -s "$KIT/config/x86.config" "$O/used.config"; }

make_dir "$O"
configured || progress "$ME: configuring" "$LOG" meter_none configure ||
	explain "$LOG" 'x86 cannot be configured' "$(grep -m 1 error "$LOG" || tail -n 1 "$LOG") (log $LOG)"
[ $# != 0 ] || {
	# shellcheck disable=SC2046  # a list of names
	set -- $(objects_of_series)
}
tap_begin "x86${LABEL:+-$LABEL}"
for object; do
	if progress "$ME: building $object" "$LOG" meter_none kernel_make "$object"; then
		tap ok "x86.$object"
	else
		! disk_full "$LOG" || die "no space left in $BUILD_DIR: free some, or name another place with BUILD_DIR="
		tap 'not ok' "x86.$object: $(grep -m 1 ' error: ' "$LOG" || tail -n 1 "$LOG")"
	fi
done
tap_end 'built' 'not built'
