#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# For every mutants/*.diff of the queue: break the patched tree in that one way, and see the named cases fail. A mutant
# that survives, does not apply or does not build fails the run. MUTANT=NAME takes one of them; AMONG_ALL=1, in a run over all
# bases, leaves out those that break the same lines in the same way as one of the default base, and those of the kinds NO_TIME_FOR=.
# PASSED= names the kinds of which all has just passed without a mutant, in the same run: these are not run so once more.
# The header of such a diff:
#   Mutant: name        What: is changed        Why: this must be noticed
#   Run: um|arm64|vtd|selftest Expect: suite.case (each of them has to fail)
#   Run: bench               Expect: machine.case
#   Run: x86|htmldocs        Expect: x86.object (it must not build), htmldocs.file (there must be a complaint)
#   Run: lint                Expect: lint.gate.file (there must be a finding more than on the base)
#   Run: coccinelle          Expect: coccinelle.file:function:what-is-wrong (the semantic patch must find it)
#   Bench: machine.case (optional: each of them has to fail on the bench as well)
# and for QEMU (PROJECT=qemu)
#   Run: qtest          Expect: test./path
#   Dies: why (optional: QEMU does not survive the case, and that is how it is noticed)
set -eu
. "$(dirname -- "$0")/lib.sh"
begin
need_prepared_tree
case $PROJECT in
linux) RUNS='um arm64 x86 vtd bench selftest htmldocs lint coccinelle' ;;
qemu) RUNS=qtest ;;
esac

field() { sed -n "/^--- /q; s/^$2: *//p" "$1"; }
# All that will run, as "KIND DIFF": asked for again and again, so the headers are read once.
LISTED=$WORK/mutants
list_all() {
	for diff in "$QUEUE"/mutants/*.diff; do
		[ -z "${MUTANT:-}" ] || [ "$MUTANT" = "$(field "$diff" Mutant)" ] || [ "$MUTANT" = "$(basename "$diff" .diff)" ] || continue
		shown_elsewhere "$diff" || no_time_for "$diff" || say "$(field "$diff" Run) $diff"
	done
}
list() { sed -n "s/^$1 //p" "$LISTED"; } # KIND
shown_elsewhere() { # DIFF
	[ "${AMONG_ALL:-0}" = 1 ] && [ "$BASE" != "$DEFAULT_BASE" ] || return 1
	twin=$QUEUES/$DEFAULT_BASE/mutants/${1##*/}
	[ -f "$twin" ] && [ "$(changes "$1")" = "$(changes "$twin")" ]
}
no_time_for() { case " ${NO_TIME_FOR:-} " in *" $(field "$1" Run) "*) ;; *) return 1 ;; esac; } # DIFF
changes() { sed -n '/^@@ /,$ { /^@@ /d; /^[-+]/p; }; s/^Run: */&/p; s/^Expect: */&/p' "$1"; }
passed() { case " ${PASSED:-} " in *" $1 "*) say "mutants: $1 has passed already" ;; *) return 1 ;; esac; } # KIND

check_headers() {
	for diff in "$QUEUE"/mutants/*.diff; do
		[ -f "$diff" ] || die "$QUEUE_NAME/mutants holds no *.diff: nothing to run"
		for name in Mutant What Why Run Expect; do
			[ -n "$(field "$diff" $name)" ] || die "$QUEUE_NAME/mutants/${diff##*/} lacks '$name:' in its header"
		done
		case " $RUNS " in
		*" $(field "$diff" Run) "*) ;;
		*) die "$QUEUE_NAME/mutants/${diff##*/}: Run: is one of: $RUNS" ;;
		esac
	done
}

# The suite of the expected cases is all that has to run, if it is one.
expected() { field "$1" Expect | tr -s ' ' '\n'; }
on_bench() { field "$1" Bench | tr -s ' ' '\n'; }
suites() { expected "$1" | sed 's/\..*//' | sort -u; }
filter() { [ "$(suites "$1" | wc -l)" != 1 ] || suites "$1"; }

run_one() { # KIND DIFF
	case $1 in
	x86)
		# shellcheck disable=SC2046  # a list of names
		LABEL=mutant "$KIT/x86.sh" $(expected "$2" | sed 's/^x86\.//')
		;;
	vtd)
		# shellcheck disable=SC2046  # a list of names
		"$KIT/bench-x86.sh" tree $(expected "$2")
		;;
	bench | selftest)
		# shellcheck disable=SC2046  # a list of names
		"$TOP/bench/$1.sh" tree $(expected "$2")
		;;
	htmldocs) LABEL=mutant "$KIT/htmldocs.sh" ;;
	lint)
		# shellcheck disable=SC2046  # a list of names
		LABEL=mutant "$KIT/lint.sh" tree $(expected "$2")
		;;
	coccinelle)
		# shellcheck disable=SC2046  # a list of names
		LABEL=mutant "$KIT/tests/coccinelle.sh" tree $(expected "$2")
		;;
	qtest)
		# shellcheck disable=SC2046  # a list of names
		LABEL=mutant TIMEOUT=${TIMEOUT:-60} "$KIT/qtest.sh" $(expected "$2")
		;;
	*) FILTER=$(filter "$2") QUIET=1 TIMEOUT=${TIMEOUT:-60} "$KIT/kunit.sh" "$1" mutant ;;
	esac >"$LOGS/mutant.log" 2>&1
}
run_all() { # KIND
	case $1 in
	x86) "$KIT/x86.sh" ;;
	vtd)
		# shellcheck disable=SC2046  # a list of names
		"$KIT/bench-x86.sh" tree $(for diff in $(list vtd); do expected "$diff"; done | sort -u)
		;;
	bench | selftest)
		# shellcheck disable=SC2046  # a list of names
		"$TOP/bench/$1.sh" tree $(for diff in $(list "$1"); do expected "$diff"; done | sort -u)
		;;
	htmldocs) LABEL=mutant "$KIT/htmldocs.sh" ;;
	lint)
		# shellcheck disable=SC2046  # a list of names
		LABEL=mutant "$KIT/lint.sh" tree $(for diff in $(list lint); do expected "$diff"; done | sort -u)
		;;
	coccinelle) LABEL=mutant "$KIT/tests/coccinelle.sh" tree ;;
	qtest) FILTER='*' QUIET=1 LABEL=mutant "$KIT/qtest.sh" ;;
	*) QUIET=1 "$KIT/kunit.sh" "$1" mutant ;;
	esac
}
results() { find "$RESULTS" -name 'kunit-*-mutant.json' -o -name '*-mutant.tap' -o -name selftest-tree.tap -o -name bench-tree.tap -o -name bench-x86-tree.tap; }
forget() { rm -f "$RESULTS"/*-mutant.* "$RESULTS"/selftest-tree.* "$RESULTS"/bench-tree.* "$RESULTS"/bench-x86-tree.*; }

# TAP as "STATUS case"; what was skipped did not run.
statuses() { # FILE
	case $1 in
	*.json) "$KIT/cases.py" "$1" ;;
	*) sed -n '/# SKIP/d; s/^ok [0-9]* - \([^ ]*\).*/PASS \1/p; s/^not ok [0-9]* - \([^ ]*\): lost.*/ERROR \1/p; s/^not ok [0-9]* - \([^ ]*\):.*/FAIL \1/p' "$1" ;;
	esac
}
status_of() { # CASE FILE...
	wanted=$1
	shift
	for file; do statuses "$file"; done | awk -v c="$wanted" '$2 == c { print $1 }'
}

# Why a mutant is not killed by a case; nothing, if it is.
reprieve() { # CASE FILE...
	case $(status_of "$@") in
	FAIL) ;;
	ERROR) [ -n "$dies" ] || say "the machine was lost in $1" ;;
	PASS) say "survived: $1 passes" ;;
	*) say "$1 did not run" ;;
	esac
}
reprieves() { # DIFF
	[ -n "$(results)" ] || { say "does not build or run: $(tail -n 1 "$LOGS/mutant.log")"; return; }
	# shellcheck disable=SC2046  # a list of files
	for case in $(expected "$1"); do reprieve "$case" $(results); done
}

# The bench boots the tree as it is, and leaves what came out of it as TAP.
BENCH=$RESULTS/bench-tree.tap
run_bench() { # CASE...
	rm -f "$BENCH"
	"$KIT/bench.sh" tree "$@" >"$LOGS/mutant-bench.log" 2>&1 || :
}
bench_reprieves() { # DIFF
	[ -n "$(on_bench "$1")" ] || return 0
	# shellcheck disable=SC2046  # a list of names
	run_bench $(on_bench "$1")
	[ -f "$BENCH" ] || { say "does not build or run on the bench: $(tail -n 1 "$LOGS/mutant-bench.log")"; return; }
	for case in $(on_bench "$1"); do reprieve "$case" "$BENCH"; done | sed 's/^survived/survived on the bench/'
}
# Without a mutant the bench's cases have to pass.
bench_passes() { # KIND
	cases=$(for diff in $(list "$1"); do on_bench "$diff"; done | sort -u)
	[ -n "$cases" ] || return 0
	# shellcheck disable=SC2086  # a list of names
	run_bench $cases
	[ -f "$BENCH" ] || return 1
	for case in $cases; do
		[ "$(status_of "$case" "$BENCH")" = PASS ] || return 1
	done
}

try() { # KIND DIFF
	name=$(field "$2" Mutant) dies=''
	[ "$PROJECT" != qemu ] || dies=$(field "$2" Dies)
	forget
	if ! tree_git apply --check "$2" 2>"$LOGS/mutant.log"; then
		tap 'not ok' "$name: does not apply: $(head -n 1 "$LOGS/mutant.log")"
		return
	fi
	borrow mutant "$2"
	tree_git apply --whitespace=nowarn "$2"
	run_one "$1" "$2" || :
	alive=$(reprieves "$2" | head -n 1)
	[ -n "$alive" ] || alive=$(bench_reprieves "$2" | head -n 1)
	give_back
	if [ -n "$alive" ]; then
		tap 'not ok' "$name: $alive"
	else
		bench=$(on_bench "$2" | paste -sd ' ')
		tap ok "$name: killed by $(field "$2" Expect | paste -sd ' ')${bench:+, and on the bench by $bench}"
	fi
}

check_headers
list_all >"$LISTED"
[ -s "$LISTED" ] || [ "${AMONG_ALL:-0}" = 1 ] || die "no mutant is called $MUTANT: $QUEUE_NAME/mutants has them"
make_dir "$LOGS"
tap_begin mutants
same=$(number "$(for diff in "$QUEUE"/mutants/*.diff; do ! shown_elsewhere "$diff" || say "$diff"; done | wc -l)")
[ "$same" = 0 ] || tap ok "$same mutants are those of $DEFAULT_BASE, line for line # SKIP make mutants BASE=$BASE runs them"
late=$(for diff in "$QUEUE"/mutants/*.diff; do ! no_time_for "$diff" || shown_elsewhere "$diff" || field "$diff" Run; done)
[ -z "$late" ] || tap ok "$(say "$late" | wc -l) mutants of $(say "$late" | sort -u | paste -sd ' ') # SKIP there is no time for them among all bases; make mutants BASE=$BASE runs them"
for kind in $RUNS; do
	[ -n "$(list "$kind")" ] || continue
	say "mutants: $kind, first without a mutant"
	passed "$kind" || run_all "$kind" || { tap 'not ok' "$kind: fails without any mutant, so nothing can be told"; continue; }
	passed bench || bench_passes "$kind" || { tap 'not ok' "$kind: the bench fails without any mutant (log $LOGS/mutant-bench.log)"; continue; }
	for diff in $(list "$kind"); do
		try "$kind" "$diff"
	done
done
forget
tap_end killed survived
