#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# guest.sh NAME: build what a guest starts with, build/<base>/guest/ARCH/NAME.cpio.gz, from bench/guest/NAME.list. Called by kit/mk/build.mk.
# For NAME selftest the programs of tools/testing/selftests/iommu of the patched code are in it; "guest.sh selftest tree" takes those of the
# tree as it is, and "guest.sh programs" compiles them and stops.
set -eu
. "$(dirname -- "$0")/lib.sh"
NAME=$1 LABEL=${2:-patched}
load_pin
case $NAME in
vtd) KARCH=x86 ;;
*) KARCH=arm64 ;;
esac
# What a tree that is being edited has goes into folders of its own.
[ "$LABEL" = tree ] && SUFFIX=-tree || SUFFIX=''
GUEST=$WORK/guest/$KARCH$SUFFIX SELFTESTS=$WORK/guest/selftests$SUFFIX OUT=$WORK/guest/$KARCH/$NAME$SUFFIX.cpio.gz
LIBCAP=$BUILD_DIR/libcap LOG=$LOGS/guest-$NAME.log
set_cross "$KARCH"
need "${CROSS}gcc" gcc python3
HEADERS=$GUEST/headers
make_dir "$GUEST"

# A tree between base and series may not have all of them.
programs() {
	for program in ${BASE_SUITES:-iommufd iommufd_fail_nth} ats_policy dma_map_stress; do
		[ "$program" = tools ] || [ ! -f "$TREE/tools/testing/selftests/iommu/$program.c" ] || say "$SELFTESTS/$program"
	done
}
# The headers are no prerequisites of kselftest's Makefile, so all is built anew.
build_programs() {
	list=$(programs)
	[ -n "$list" ] || return 0
	make_dir "$SELFTESTS"
	# shellcheck disable=SC2086  # a list of names
	make -B -C "$TREE/tools/testing/selftests/iommu" ARCH=arm64 CROSS_COMPILE="$CROSS" OUTPUT="$SELFTESTS" \
		KHDR_INCLUDES="-isystem $HEADERS/usr/include" USERCFLAGS="-Werror -isystem $LIBCAP/usr/include" \
		USERLDFLAGS="-static -L$LIBCAP/usr/lib/aarch64-linux-gnu" $list
}
build_guest() {
	kernel_make "$KARCH" "$HEADERS" headers || return 1
	case $NAME in programs | selftest) build_programs || return 1 ;; esac
	[ "$NAME" != programs ] || return 0
	[ "$NAME" = selftest ] || SELFTESTS=''
	make -C "$TOP/bench/guest" CC="${CROSS}gcc" HEADERS="$HEADERS/usr/include" KSELFTEST="$TREE/tools/testing/selftests" ARCH="$KARCH" \
		GEN_INIT_CPIO="$TREE/usr/gen_init_cpio.c" O="$GUEST" SELFTESTS="$SELFTESTS" "$GUEST/$NAME.cpio.gz"
}
build() { progress "$ME: $BASE: building $NAME" "$LOG" build_guest || failed "$BASE: building $NAME"; }
case $NAME in programs | selftest) "$KIT/libcap.sh" ;; esac
on_branch "$LABEL" build
[ "$NAME" != programs ] || exit 0
make_dir "${OUT%/*}"
# What is the same keeps its time, so that what was made from it stays.
[ -z "$SUFFIX" ] || cmp -s "$GUEST/$NAME.cpio.gz" "$OUT" || cp "$GUEST/$NAME.cpio.gz" "$OUT"
[ -n "$SUFFIX" ] || touch "$OUT"
