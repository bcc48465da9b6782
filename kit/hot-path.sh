#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Without KUNIT the patches that bring tests leave no trace in the code of the SMMUv3 driver: its machine code is the same with and without
# them. So the path that issues commands pays nothing for the tests.
set -eu
. "$(dirname -- "$0")/lib.sh"
begin
O=$WORK/objects/hot-path LOG=$LOGS/hot-path.log DIR=drivers/iommu/arm/arm-smmu-v3
set_cross arm64
need "${CROSS}gcc" gcc /usr/include/stdlib.h make flex bison bc perl
make_dir "$O"

build() {
	KCONFIG_ALLCONFIG=$KIT/config/hot-path.config kernel_make arm64 "$O" allnoconfig || return 1
	if ! grep -q '^CONFIG_ARM_SMMU_V3_IOMMUFD=y' "$O/.config" || grep -q '^CONFIG_KUNIT=' "$O/.config"; then
		echo 'error: the configuration must have ARM_SMMU_V3_IOMMUFD=y and no KUNIT'
		return 1
	fi
	kernel_make arm64 "$O" "$DIR/arm-smmu-v3.o" "$DIR/arm-smmu-v3-iommufd.o"
}
compile() { # WITH|WITHOUT
	progress "$ME: building the driver $1 tests" "$LOG" build || failed "building arm64 without KUNIT, $1 tests,"
	for object in arm-smmu-v3 arm-smmu-v3-iommufd; do
		# Without the lines that name the file, and without source lines: these may move.
		"${CROSS}objdump" -dr --no-show-raw-insn "$O/$DIR/$object.o" | sed 1,3d >"$O/$object.$1"
		[ -s "$O/$object.$1" ] || die "$DIR/$object.o has no code"
	done
}

# The patches that branch unpatched has as well are those of the tests.
tree_git log --format=%s base..unpatched >"$O/tests"
tree_git log --format='%s%x09%H' base..refs/prepared/series |
	awk -F '\t' 'NR == FNR { test[$0]; next } $1 in test { print $2 }' "$O/tests" - >"$O/commits"
last=$(head -n 1 "$O/commits") first=$(tail -n 1 "$O/commits")
if [ -z "$first" ] || [ "$(tree_git rev-list --count "$first^..$last")" != "$(wc -l <"$O/tests")" ]; then
	die "series/order: the patches marked test must be consecutive"
fi
tap_begin hot-path
on_branch "$first^" compile without
on_branch "$last" compile with
for object in arm-smmu-v3 arm-smmu-v3-iommufd; do
	if cmp -s "$O/$object.without" "$O/$object.with"; then
		tap ok "$object.o: $(grep -c '^ ' "$O/$object.with") instructions, the same with and without tests"
	else
		tap 'not ok' "$object.o: the tests change its code: compare $O/$object.without and $O/$object.with"
	fi
done
tap_end
