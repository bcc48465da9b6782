# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Before against after, for kit/situations.sh and kit/bench.sh: a list names the cases that have to fail on the
# unpatched kernel and pass on the patched one; every other case has to pass on both. The caller sets LIST, and leaves
# "case status" lines in $WORK/<name>-<label>.cases, with the line "- lost" when the machine was lost.

cases_file() { say "$WORK/$COMPARED-$1.cases"; }

# A case that did not run was lost, if the machine was; "error" is a case during which it was.
status_on() { # LABEL CASE
	awk -v c="$2" '
		$1 == c { result = $2 == "error" ? "lost" : $2 }
		$1 == "-" { lost = 1 }
		END { print result ? result : lost ? "lost" : "not run" }' "$(cases_file "$1")"
}

listed() { sed -n '/^#/d; s/^ *\([^ |]*\) *|.*/\1/p' "$LIST"; }
others() {
	cut -d ' ' -f 1 "$(cases_file unpatched)" "$(cases_file patched)" | sort -u >"$WORK/all.cases"
	listed | sort -u | comm -13 - "$WORK/all.cases" | grep -vx -e - || :
}
text_of() { awk -F ' *[|] *' -v c="$1" '{ sub(/^ */, "", $1) } $1 == c { print $2 }' "$LIST"; }

# Only a case that is not listed may be skipped.
judge() { # CASE EXPECTED
	both="$(status_on unpatched "$1") unpatched, $(status_on patched "$1") patched"
	case $2:$both in
	"$both:$2") tap ok "$1: $both" ;;
	pass*:'skip unpatched, skip patched' | pass*:'skip unpatched, pass patched') tap ok "$1: $both # SKIP" ;;
	*) tap 'not ok' "$1: $both; expected: $2" ;;
	esac
}

# What is as expected is of no interest on the screen.
judge_all() {
	{
		for case in $(listed); do judge "$case" 'fail unpatched, pass patched'; done
		for case in $(others); do judge "$case" 'pass unpatched, pass patched'; done
	} >"$WORK/judged.tap"
}
show_surprises() { grep -vE '^ok [0-9]+ - ([^ ]* (fail|pass) unpatched, pass patched$|(un)?patched: )' "$WORK/judged.tap" || :; }
