#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# tools/testing/selftests/iommu of the prepared tree, in guests of the bench: upstream's suites of iommufd, and what the
# series adds, on functions of which bench/guest/tools.c knows what has to come out.
#   selftest.sh                 on the unpatched and on the patched kernel: series/<base>/selftests lists what has to fail
#                               without the series; everything else is the same on both
#   selftest.sh tree [CASE...]  on what the prepared tree holds, committed or not: all, or suite.case...
#   selftest.sh build           compile those of its programs that the tree has, and stop
# Results: build/results/<base>/selftest*; each machine's console: build/<base>/selftest/<label>/.
set -eu
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=kit/compare.sh
. "$KIT/compare.sh"
MODE=${1:-compare}
[ $# = 0 ] || shift
case $MODE in
compare) [ $# = 0 ] || die "usage: selftest.sh [tree [suite.case...] | build]" ;;
tree) ;;
build) [ $# = 0 ] || die "usage: selftest.sh [tree [suite.case...] | build]" ;;
*) die "usage: selftest.sh [tree [suite.case...] | build]" ;;
esac
# shellcheck disable=SC2034  # for compare.sh
COMPARED=selftest LIST=$QUEUE/selftests

load_pin
[ "$MODE" != compare ] || [ -f "$LIST" ] || die "series/$BASE/selftests is missing: nothing to compare"
begin
. "$KIT/machines.sh"
[ "$MODE" != compare ] || need_prepared_tree
# shellcheck disable=SC2034  # for lib.sh
MACHINES=${BASE_SUITES:-iommufd iommufd_fail_nth tools} RUNS=$WORK/selftest INITRAMFS=$BENCH/guest/selftest.cpio.gz WANTED=$*
SELFTESTS=$BENCH/selftests LIBCAP=$BUILD_DIR/libcap

# The headers are no prerequisites of kselftest's Makefile, so all that will run is built anew, but in a borrowed tree.
needed() { # PROGRAM
	case $1 in ats_policy | dma_map_stress) set -- tools ;; esac
	[ -z "$WANTED" ] || [ -n "$(cases_of "$1")" ]
}
# A tree between base and series may not have all of them.
programs() {
	for program in $MACHINES ats_policy dma_map_stress; do
		[ "$program" = tools ] || ! needed "$program" || { [ "$MODE" = build ] && [ ! -f "$TREE/tools/testing/selftests/iommu/$program.c" ]; } ||
			say "$SELFTESTS/$program"
	done
}
# What has borrowed the tree comes again and again, mostly for another kernel: git knows which programs stay as they are.
of_selftests() { { tree_git rev-parse HEAD; tree_git diff HEAD -- tools include arch drivers/iommu/iommufd/iommufd_test.h; } | sha256sum; }
is_built() { [ -n "${BORROWER:-}" ] && [ -x "$1" ] && [ "$sum" = "$(cat "$(stamp_of "$1")" 2>/dev/null)" ]; } # PROGRAM
stamp_of() { say "$SELFTESTS.built/${1##*/}"; }                                                                 # PROGRAM
build_programs() {
	sum=$(of_selftests)
	stale=$(for program in $(programs); do is_built "$program" || say "$program"; done)
	[ -n "$stale" ] || return 0
	for program in $stale; do rm -f "$(stamp_of "$program")"; done
	make_headers || return 1
	# shellcheck disable=SC2086  # a list of names
	make -B -C "$TREE/tools/testing/selftests/iommu" ARCH=arm64 CROSS_COMPILE="$CROSS" OUTPUT="$SELFTESTS" \
		KHDR_INCLUDES="-isystem $BENCH/headers/usr/include" USERCFLAGS="-Werror -isystem $LIBCAP/usr/include" \
		USERLDFLAGS="-static -L$LIBCAP/usr/lib/aarch64-linux-gnu" $stale || return 1
	for program in $stale; do say "$sum" >"$(stamp_of "$program")"; done
}
build_selftests() {
	make_dir "$SELFTESTS"
	make_dir "$SELFTESTS.built"
	build_programs || return 1
	[ "$MODE" = build ] || make_guest selftest.cpio.gz SELFTESTS="$SELFTESTS"
}
selftests() {
	progress "$ME: building the selftests" "$LOGS/selftests.log" meter_none build_selftests ||
		explain "$LOGS/selftests.log" 'the selftests do not build' "$(grep -m 1 -E 'error|Error' "$LOGS/selftests.log") (log $LOGS/selftests.log)"
}

count() { # LABEL SUITE STATUS
	number "$(grep -cE "^$2\\.[^ ]* ($3)\$" "$(cases_file "$1")" || :)"
}
evidence() { :; }
table() {
	row='%-18s  %-32s  %s\n'
	# shellcheck disable=SC2059  # the row
	{
		echo
		printf "$row" suite unpatched patched
		printf "$row" ----- --------- -------
		for suite in $MACHINES; do
			printf "$row" "$suite" "$(counts unpatched "$suite")" "$(counts patched "$suite")"
		done
		echo
	} | tee "$RESULTS/selftest.txt"
}
counts() { # LABEL SUITE
	say "$(count "$1" "$2" pass) passed, $(count "$1" "$2" 'fail|error') failed, $(count "$1" "$2" skip) skipped"
}

if [ "$MODE" = build ] && [ -z "$(programs)" ]; then
	say 'selftest: nothing to build: the tree has none of the programs'
	exit 3
fi
[ "$MODE" = build ] || make_qemu
"$KIT/libcap.sh"
selftests
case $MODE in
compare) compare ;;
tree) on_tree "$@" ;;
build) say "selftest: $(programs | wc -l) built" ;;
esac
