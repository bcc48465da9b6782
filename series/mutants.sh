#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# For every series/<base>/mutants/*.diff: break the patched tree in that one way, and see the named cases fail.
# A mutant that survives, does not apply or does not build fails the run. MUTANT=NAME takes one of them.
# The header of such a diff:
#   Mutant: name        What: is changed        Why: this must be noticed
#   Run: um|arm64|x86   Expect: suite.case (each of them has to fail), or x86.object (it must not build)
set -eu
. "$(dirname -- "$0")/lib.sh"
begin
need_prepared_tree

field() { sed -n "/^--- /q; s/^$2: *//p" "$1"; }
list() { # KIND
	for diff in "$QUEUE"/mutants/*.diff; do
		[ -f "$diff" ] || continue
		[ -z "${MUTANT:-}" ] || [ "$MUTANT" = "$(field "$diff" Mutant)" ] || [ "$MUTANT" = "$(basename "$diff" .diff)" ] || continue
		[ "$(field "$diff" Run)" != "$1" ] || say "$diff"
	done
}

check_headers() {
	for diff in "$QUEUE"/mutants/*.diff; do
		[ -f "$diff" ] || die "series/$BASE/mutants holds no *.diff: nothing to run"
		for name in Mutant What Why Run Expect; do
			[ -n "$(field "$diff" $name)" ] || die "series/$BASE/mutants/${diff##*/} lacks '$name:' in its header"
		done
		case $(field "$diff" Run) in um | arm64 | x86) ;; *) die "series/$BASE/mutants/${diff##*/}: Run: is um, arm64 or x86" ;; esac
	done
}

# The suite of the expected cases is all that has to run, if it is one.
expected() { field "$1" Expect | tr -s ' ' '\n'; }
suites() { expected "$1" | sed 's/\..*//' | sort -u; }
filter() { [ "$(suites "$1" | wc -l)" != 1 ] || suites "$1"; }

run_one() { # KIND DIFF
	case $1 in
	x86)
		# shellcheck disable=SC2046  # a list of names
		LABEL=mutant "$SERIES/x86.sh" $(expected "$2" | sed 's/^x86\.//')
		;;
	*) FILTER=$(filter "$2") QUIET=1 TIMEOUT=${TIMEOUT:-60} "$SERIES/kunit.sh" "$1" mutant ;;
	esac >"$LOGS/mutant.log" 2>&1
}
run_all() { # KIND
	case $1 in
	x86) "$SERIES/x86.sh" ;;
	*) QUIET=1 "$SERIES/kunit.sh" "$1" mutant ;;
	esac
}
results() { find "$RESULTS" -name 'kunit-*-mutant.json' -o -name x86-mutant.tap; }

status_of() { # CASE
	for file in $(results); do
		case $file in
		*.json) "$SERIES/cases.py" "$file" ;;
		*) sed -n 's/^ok [0-9]* - /PASS /p; s/^not ok [0-9]* - \([^:]*\):.*/FAIL \1/p' "$file" ;;
		esac
	done | awk -v c="$1" '$2 == c { print $1 }'
}

judge() { # DIFF
	name=$(field "$1" Mutant)
	if [ -z "$(results)" ]; then
		tap 'not ok' "$name: does not build or run: $(tail -n 1 "$LOGS/mutant.log")"
		return
	fi
	for case in $(expected "$1"); do
		case $(status_of "$case") in
		FAIL) ;;
		ERROR) tap 'not ok' "$name: the machine was lost in $case"; return ;;
		PASS) tap 'not ok' "$name: survived: $case passes"; return ;;
		*) tap 'not ok' "$name: $case did not run"; return ;;
		esac
	done
	tap ok "$name: killed by $(field "$1" Expect | paste -sd ' ')"
}

try() { # KIND DIFF
	rm -f "$RESULTS"/kunit-*-mutant.* "$RESULTS/x86-mutant.tap"
	if ! tree_git apply --check "$2" 2>"$LOGS/mutant.log"; then
		tap 'not ok' "$(field "$2" Mutant): does not apply: $(head -n 1 "$LOGS/mutant.log")"
		return
	fi
	borrow mutant "$2"
	tree_git apply "$2"
	run_one "$1" "$2" || :
	judge "$2"
	give_back
}

check_headers
[ -n "$(list um)$(list arm64)$(list x86)" ] || die "no mutant is called $MUTANT: series/$BASE/mutants has them"
make_dir "$LOGS"
tap_begin mutants
for kind in um arm64 x86; do
	[ -n "$(list "$kind")" ] || continue
	say "mutants: $kind, first without a mutant"
	run_all "$kind" || { tap 'not ok' "$kind: fails without any mutant, so nothing can be told"; continue; }
	for diff in $(list "$kind"); do
		try "$kind" "$diff"
	done
done
rm -f "$RESULTS"/kunit-*-mutant.* "$RESULTS/x86-mutant.tap"
tap_end killed survived
