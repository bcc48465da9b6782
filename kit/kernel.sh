#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kernel.sh LABEL FILE: build one kernel into build/<base>/kernels/LABEL/FILE. Called by kit/mk/build.mk.
#   LABEL  unpatched, patched, without: that branch; san: the patched code with sanitizers; tree: what the prepared tree holds
#   FILE   Image (arm64, for KUnit and the bench), bzImage (x86, with KASAN) or linux (UML)
# All labels share the objects of FILE: kbuild decides what to compile.
set -eu
. "$(dirname -- "$0")/lib.sh"
LABEL=$1 FILE=$2
load_pin
SAN=''
[ "$LABEL" != san ] || SAN=-san
# How many objects a first build has, for the progress line.
case $FILE in
Image) KIND=arm64 MADE=arch/arm64/boot/Image ABOUT=1100 ;;
bzImage) KIND=x86 MADE=arch/x86/boot/bzImage ABOUT=1300 ;;
linux) KIND=um MADE=linux ABOUT=1000 ;;
*) die "usage: kernel.sh LABEL Image|bzImage|linux" ;;
esac
O=$WORK/objects/$KIND$SAN${WARN:+-w1} OUT=$WORK/kernels/$LABEL/$FILE
LOG=$LOGS/kernel-$KIND$SAN.log
set_cross "$KIND"
need "${CROSS}gcc" gcc /usr/include/stdlib.h make flex bison bc perl python3
[ "$KIND" != x86 ] || need /usr/include/libelf.h cmp

# One configuration a kernel: the suites' own fragments, as far as this code has them, and ours.
fragments() {
	case $KIND in
	um) set -- "$TREE/tools/testing/kunit/configs/arch_uml.config" "$TREE/drivers/pci/tests/.kunitconfig" "$KIT/config/um.config" ;;
	arm64)
		set -- "$TREE/drivers/pci/tests/.kunitconfig" "$TREE/drivers/iommu/arm/arm-smmu-v3/.kunitconfig" "$KIT/config/bench.config"
		[ -z "${BASE_FIRMWARE:-}" ] || set -- "$@" "$KIT/config/firmware.config"
		[ -z "$SAN" ] || set -- "$@" "$KIT/config/sanitizers.config"
		set -- "$@" "$KIT/config/arm64.config"
		;;
	x86) set -- "$KIT/config/x86.config" "$KIT/config/bench.config" "$KIT/config/bench-x86.config" ;;
	esac
	for fragment; do [ ! -f "$fragment" ] || cat "$fragment"; done
	[ "$KIND" != arm64 ] || [ -n "${BASE_FIRMWARE:-}" ] || echo '# CONFIG_EFI is not set'
}
# Options that this kernel does not have are named by its pin; any other that is asked for and not there is an error.
lacking() {
	awk -v lacks=" ${BASE_LACKS:-} " '
		FNR == NR { if (/^CONFIG_/) there[$0]; next }
		/^CONFIG_[^=]*=/ { split($0, part, "="); wanted[part[1]] = $0 }
		/^# CONFIG_.* is not set/ { delete wanted[$2] }
		END { for (name in wanted) if (!(wanted[name] in there) && !index(lacks, " " name " ")) print name }' "$O/.config" "$O/fragments"
}
configure() {
	fragments >"$O/fragments" || return 1
	case $KIND in
	x86) KCONFIG_ALLCONFIG=$O/fragments kernel_make x86 "$O" allnoconfig ;;
	*) cp "$O/fragments" "$O/.config" && kernel_make "$KIND" "$O" olddefconfig ;;
	esac || return 1
	missing=$([ "$KIND" = x86 ] || lacking | paste -sd ' ')
	[ -z "$missing" ] || { echo "error: this kernel does not have $missing: name it in BASE_LACKS of bases/$BASE"; return 1; }
}
# While a tree is being edited kbuild itself looks after the configuration.
configured() { [ "$LABEL" = tree ] && [ -f "$O/.config" ] && fragments | cmp -s - "$O/fragments"; }
build() {
	[ -z "$SAN" ] || ABOUT=1500
	[ ! -f "$O/vmlinux" ] || ABOUT=''
	configured || progress "$ME: $BASE $LABEL: configuring $KIND" "$LOG" configure || failed "$BASE $LABEL: configuring $KIND"
	progress "$ME: $BASE $LABEL: building $KIND" "$LOG" kernel_make "$KIND" "$O" "${MADE##*/}" || failed "$BASE $LABEL: building $KIND"
	make_dir "${OUT%/*}"
	# What is the same keeps its time, so that what was made from it stays.
	cmp -s "$O/$MADE" "$OUT" || { cp "$O/$MADE" "$OUT.tmp" && mv "$OUT.tmp" "$OUT"; }
}
make_dir "$O"
on_branch "$LABEL" build
[ "$LABEL" = tree ] || touch "$OUT"
say "$ME: $BASE $LABEL: $OUT, $(elapsed)"
