#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The KUnit cases before and after: build and boot the unpatched and the patched arm64 kernel, run the same suites on
# both, and print what differs. series/<base>/situations lists the cases that have to fail without the series.
set -eu
. "$(dirname -- "$0")/lib.sh"
. "$KIT/compare.sh"
begin
need_prepared_tree
# shellcheck disable=SC2034  # for compare.sh
COMPARED=kunit LIST=$QUEUE/situations
[ -f "$LIST" ] || die "series/$BASE/situations is missing: nothing to compare"
. "$KIT/machines.sh"

# A failing test is a result here; a kernel that does not build is the end. The bench wants the same kernels.
run_on() { # BRANCH LABEL
	say "situations: the $2 kernel"
	tree_git checkout -q "$1"
	rc=0
	QUIET=1 "$KIT/kunit.sh" arm64 "$2" || rc=$?
	[ -f "$RESULTS/kunit-arm64-$2.json" ] || exit "$rc"
	keep "$1" "$2"
	"$KIT/cases.py" "$RESULTS/kunit-arm64-$2.json" | awk '{ print $2, tolower($1) }' >"$(cases_file "$2")"
	[ "$rc" != 3 ] || echo '- lost' >>"$(cases_file "$2")"
	echo "$rc" >"$WORK/$2.rc"
}

table() {
	width=$(listed | while read -r case; do text_of "$case" | wc -m; done | sort -n | tail -n 1)
	row="%-${width}s  %-9s  %s\\n"
	echo
	# shellcheck disable=SC2059  # the width is data
	{
		printf "$row" situation unpatched patched
		printf "$row" --------- --------- -------
		for case in $(listed); do
			text=$(text_of "$case")
			[ -z "$text" ] || printf "$row" "$text" "$(status_on unpatched "$case")" "$(status_on patched "$case")"
		done
	}
	echo
}

# Of the first situation: what disagreed, as the test saw it.
evidence() {
	first=$(listed | head -n 1)
	say "The first of these on the unpatched kernel ($RESULTS/kunit-arm64-unpatched.ktap):"
	awk -v name="# Subtest: ${first#*.}" 'index($0, name) { on = 1 } on && (/^after attach: / || /warnings should be/) && !seen[$0]++' \
		"$RESULTS/kunit-arm64-unpatched.ktap" | head -n 8 | sed 's/^/    /'
	echo
}

borrow branch series
run_on unpatched unpatched
run_on series patched
give_back
tap_begin situations
echo
say "Linux $(sed -n 's/^version=//p' "$WORK/source"); $(qemu-system-aarch64 --version | head -n 1)"
grep -m 1 'arm-smmu-v3 .*oas' "$RESULTS/kunit-arm64-patched.log" || tap 'not ok' 'the kernel did not find the SMMUv3'
judge_all
for label in unpatched patched; do
	[ "$(cat "$WORK/$label.rc")" -lt 2 ] || tap 'not ok' "the machine with the $label kernel was lost"
done
[ "$(cat "$WORK/patched.rc")" != 1 ] || tap 'not ok' 'the patched kernel: a case failed, or the kernel complained'
table
evidence
show_surprises
tap_end 'as expected' 'not as expected' || { grep -qx 3 "$WORK/unpatched.rc" "$WORK/patched.rc" && exit 3; exit 1; }
