#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# With KUNIT off, the patches that bring tests must leave no trace in the code of the SMMUv3 driver: its machine code
# is the same with and without them. So the path that issues commands carries nothing for the tests' sake.
set -eu
. "$(dirname -- "$0")/lib.sh"
begin
need_prepared_tree
CROSS=''
[ "$(uname -m)" = aarch64 ] || CROSS=aarch64-linux-gnu-
need "${CROSS}gcc" gcc /usr/include/stdlib.h make flex bison bc perl
O=$WORK/hot-path
LOG=$LOGS/build-hot-path.log
DIR=drivers/iommu/arm/arm-smmu-v3
use_ccache

kernel_make() {
	make -C "$TREE" ARCH=arm64 ${CROSS:+"CROSS_COMPILE=$CROSS"} CC="$CC" HOSTCC="$HOSTCC" O="$O" LOCALVERSION='' \
		-j "$JOBS" "$@"
}
configure() {
	KCONFIG_ALLCONFIG=$KIT/config/hot-path.config kernel_make allnoconfig &&
		grep -q '^CONFIG_ARM_SMMU_V3_IOMMUFD=y' "$O/.config" && ! grep -q '^CONFIG_KUNIT=' "$O/.config"
}
# Without the lines that name the file, and without source lines: these may move.
code() { "${CROSS}objdump" -dr --no-show-raw-insn "$O/$DIR/$1" | sed 1,3d; }

compile() { # COMMIT
	tree_git checkout -q "$1"
	progress "$ME: building $(tree_git log -1 --format='"%s"' "$1")" "$LOG" meter_none \
		kernel_make "$DIR/arm-smmu-v3.o" "$DIR/arm-smmu-v3-iommufd.o" || explain "$LOG" 'arm64 without KUNIT cannot be built' "see $LOG"
	for object in arm-smmu-v3 arm-smmu-v3-iommufd; do
		code $object.o >"$O/$object.$2"
		[ -s "$O/$object.$2" ] || die "$DIR/$object.o holds no code"
	done
}

all=$(patches | wc -l) tests=$(patches | grep -c " test\>" || :)
first=$(number "$(patches | grep -n -m 1 " test\>" | cut -d : -f 1)")
last=$((first + tests - 1))
if [ "$tests" = 0 ] || [ "$(patches | sed -n "${first},${last}p" | grep -c ' test\>')" != "$tests" ]; then
	die "series/order: the patches marked test have to follow each other on $BASE"
fi
make_dir "$O"
borrow branch series
progress "$ME: configuring" "$LOG" meter_none configure || explain "$LOG" 'arm64 without KUNIT cannot be configured' "see $LOG"
compile "series~$((all - first + 1))" without
compile "series~$((all - last))" with
give_back
tap_begin hot-path
for object in arm-smmu-v3 arm-smmu-v3-iommufd; do
	if cmp -s "$O/$object.without" "$O/$object.with"; then
		tap ok "$object.o: $(grep -c '^ ' "$O/$object.with") instructions, the same with and without tests"
	else
		tap 'not ok' "$object.o: the tests change its code: compare $O/$object.without and $O/$object.with"
	fi
done
tap_end same different
