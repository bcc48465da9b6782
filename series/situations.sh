#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Everything from nothing to the verdict: build and boot the unpatched and the patched arm64 kernel on an emulated
# SMMUv3, run the same tests on both, and print what differs. series/<base>/situations lists the cases that have to
# fail without the series and pass with it; every other case has to pass on both.
set -eu
. "$(dirname -- "$0")/lib.sh"
lock
load_pin
"$SERIES/deps.sh"
"$SERIES/prepare.sh"
recover
need_prepared_tree
SITUATIONS=$QUEUE/situations
[ -f "$SITUATIONS" ] || die "series/$BASE/situations is missing: nothing to compare"

# A failing test is a result here; a kernel that does not build is the end.
run_on() { # BRANCH LABEL
	say "demo: the $2 kernel"
	tree_git checkout -q "$1"
	rc=0
	QUIET=1 "$SERIES/kunit.sh" arm64 "$2" || rc=$?
	[ -f "$RESULTS/kunit-arm64-$2.json" ] || exit "$rc"
	"$SERIES/cases.py" "$RESULTS/kunit-arm64-$2.json" | awk '{ print $2, tolower($1) }' >"$WORK/$2.cases"
	[ "$rc" != 3 ] || echo '- lost' >>"$WORK/$2.cases"
	echo "$rc" >"$WORK/$2.rc"
}

# A case that did not run was lost, if the machine was; "error" is a case during which it was.
status_on() { # LABEL CASE
	awk -v c="$2" '
		$1 == c { result = $2 == "error" ? "lost" : $2 }
		$1 == "-" { lost = 1 }
		END { print result ? result : lost ? "lost" : "not run" }' "$WORK/$1.cases"
}

listed() { sed -n '/^#/d; s/^ *\([^ |]*\) *|.*/\1/p' "$SITUATIONS"; }
others() {
	cut -d ' ' -f 1 "$WORK/unpatched.cases" "$WORK/patched.cases" | sort -u >"$WORK/all.cases"
	listed | sort -u | comm -13 - "$WORK/all.cases" | grep -vx -e - || :
}
text_of() { awk -F ' *[|] *' -v c="$1" '{ sub(/^ */, "", $1) } $1 == c { print $2 }' "$SITUATIONS"; }

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

# Only a case that is not listed may be skipped.
judge() { # CASE EXPECTED
	both="$(status_on unpatched "$1") unpatched, $(status_on patched "$1") patched"
	case $2:$both in
	"$both:$2") tap ok "$1: $both" ;;
	pass*:'skip unpatched, skip patched' | pass*:'skip unpatched, pass patched') tap ok "$1: $both # SKIP" ;;
	*) tap 'not ok' "$1: $both; expected: $2" ;;
	esac
}

borrow branch series
run_on unpatched unpatched
run_on series patched
give_back
tap_begin demo
echo
say "Linux $(sed -n 's/^version=//p' "$WORK/source"); $(qemu-system-aarch64 --version | head -n 1)"
grep -m 1 'arm-smmu-v3 .*oas' "$RESULTS/kunit-arm64-patched.log" || tap 'not ok' 'the kernel did not find the SMMUv3'
# What is as expected is of no interest on the screen.
{
	for case in $(listed); do judge "$case" 'fail unpatched, pass patched'; done
	for case in $(others); do judge "$case" 'pass unpatched, pass patched'; done
} >"$WORK/judged.tap"
for label in unpatched patched; do
	[ "$(cat "$WORK/$label.rc")" -lt 2 ] || tap 'not ok' "the machine with the $label kernel was lost"
done
[ "$(cat "$WORK/patched.rc")" != 1 ] || tap 'not ok' 'the patched kernel: a case failed, or the kernel complained'
table
evidence
grep -vE '^ok [0-9]+ - [^ ]* (fail|pass) unpatched, pass patched$' "$WORK/judged.tap" || :
tap_end 'as expected' 'not as expected' || { grep -qx 3 "$WORK/unpatched.rc" "$WORK/patched.rc" && exit 3; exit 1; }
