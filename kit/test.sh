#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Everything there is to check, each case counted. The last line is the verdict.
#   test.sh            what belongs to no kernel, then every base. One whose source cannot be had is skipped, the default not.
#   BASE=7.3 test.sh   that base
#   test.sh PART...    these, one after the other, beside the first: front-door, with all sources after it, or a base
set -eu
ONLY=${BASE:-}
. "$(dirname -- "$0")/lib.sh"
lock
load_pin
QEMU_RESULTS=$BUILD_DIR/results/qemu-${QEMU_BASE:-10.2}
FAILED=$RESULTS/failed TIMES=$LOGS/times
[ -n "$ONLY" ] || FAILED=$BUILD_DIR/results/failed TIMES=$LOGS/times-of-all
passed=0 failed=0 skipped=0 last=none beside='' PASSED=''
export PASSED

# stage TITLE COUNT FILE COMMAND...: COUNT says how to read FILE: as tap, as the json of kunit.py, or as the verdict of a
# base. A stage that fails without a failed case to show for it (lost, or nothing ran) is one failure.
stage() {
	title=$1 count=$2 file=$3 begun=$(date +%s) rc=0
	shift 3
	say "=== $title"
	rm -f "$file"
	times >"$TIMES.before"
	"$@" || rc=$?
	times >"$TIMES.after"
	tally "$title" "$count" "$file" "$rc"
	cpu=" $(spent) s of CPU,"
	[ -z "$beside" ] || cpu='' # that may have ended meanwhile, and would be in it
	say "=== $title: $(($(date +%s) - begun)) s,$cpu so far $passed passed, $failed failed, $skipped skipped"
}
# Beside other work only this says what a stage costs. Of what times prints, the second line is that of the commands.
spent() {
	awk 'FNR == 2 { for (i = 1; i <= 2; i++) { split($i, t, /[ms]/); sum += (NR == FNR ? -1 : 1) * (60 * t[1] + t[2]) } }
		END { printf "%d", sum }' "$TIMES.before" "$TIMES.after"
}
tally() { # TITLE COUNT FILE RC
	before=$failed all=$((passed + failed + skipped)) rc=$4
	"count_$2" "$3"
	[ "$((passed + failed + skipped))" != "$all" ] || [ "$rc" != 0 ] || { say "test: $1: nothing ran"; rc=3; }
	if [ "$failed" != "$before" ]; then
		"failed_$2" "$3" | awk -v title="$1" '{ print title ": " $0 }' >>"$FAILED"
	elif [ "$rc" != 0 ]; then
		failed=$((failed + 1))
		say "$1: exit code $rc" >>"$FAILED"
	fi
	last=bad
	[ "$failed" != "$before" ] || last=good
}
# What the stage before has run without a failure, the mutants need not run without a mutant.
vouch() { [ "$last" != good ] || PASSED="$PASSED $1"; } # KIND of mutants

# stage_with LIST TITLE ...: a base that has no such list cannot be judged by it. That is said, and counted.
stage_with() {
	list=$1
	shift
	if [ -e "$QUEUE/$list" ]; then stage "$@"; else skip "$1" "$QUEUE_NAME has no $list"; fi
}
skip() { say "=== $1: skipped: $2"; skipped=$((skipped + 1)) last=none; }

add() { passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3)); }
lines() { grep -cE "$1" "$2" 2>/dev/null || :; }
count_tap() {
	skips=$(number "$(lines '^ok .*# (SKIP|skip)' "$1")")
	add $(($(number "$(lines '^ok ' "$1")") - skips)) "$(number "$(lines '^not ok ' "$1")")" "$skips"
}
failed_tap() { sed -n 's/^not ok [0-9]* *-* *//p' "$1"; }
count_verdict() {
	[ -f "$1" ] || return 0
	read -r good bad left <"$1"
	add "$good" "$bad" "$left"
}
failed_verdict() { cat "${1%/*}/failed"; }
count_json() {
	[ -f "$1" ] || return 0
	"$KIT/cases.py" "$1" >"$WORK/cases"
	add "$(number "$(lines '^PASS' "$WORK/cases")")" "$(number "$(lines '^(FAIL|ERROR)' "$WORK/cases")")" "$(number "$(lines '^SKIP' "$WORK/cases")")"
}
failed_json() { grep -E '^(FAIL|ERROR)' "$WORK/cases"; }

# bats itself fails when a test is missing. What it runs are runs of their own, in folders of their own.
run_bats() {
	front_door=0
	progress 'test: the front door' "$RESULTS/front-door.tap" meter_bats env -u LOCKED bats --tap --jobs "$JOBS" "$KIT/tests" || front_door=$?
	grep -vE '^(ok [0-9]+ [^#]*|1\.\..*)$' "$RESULTS/front-door.tap" || :
	return "$front_door"
}
meter_bats() { printf '%s tests, ' "$(grep -cE '^(not )?ok ' "$RESULTS/front-door.tap")"; }

front_door() { stage 'bats' tap "$RESULTS/front-door.tap" run_bats; }

# Before any guest: a mutant of QEMU is where the bases look for QEMU.
qemu() {
	stage 'QEMU: tests of what the bench adds, and its own' tap "$QEMU_RESULTS/qtest.tap" env QUIET=1 "$KIT/qtest.sh"
	vouch qtest
	stage 'mutants of QEMU' tap "$QEMU_RESULTS/mutants.tap" env PROJECT=qemu "$KIT/mutants.sh"
}

# What bases that run beside each other would all build, or look for, in one place. What fails here fails where it is needed.
shared() {
	"$KIT/prepare.sh" || :
	! has_time vtd || "$KIT/qemu.sh" x86 || :
	"$KIT/libcap.sh" || :
}

# In a run over all bases, what another base would only show once more is named and counted as skipped: the kernel's rules over
# nearly the same files, the x86 drivers that lint compiles with W=1, what the same tests leave in the driver, the same pages.
once_more() { [ "${AMONG_ALL:-0}" = 1 ] && [ "$BASE" != "$DEFAULT_BASE" ]; }
once() { # STAGE-ARGUMENT...
	if once_more; then
		[ "$1" != stage_with ] || shift
		leave_out "as on $DEFAULT_BASE" "$2"
	else
		"$@"
	fi
}

# What a run over all bases has no time for.
alone() { # STAGE-ARGUMENT...
	if [ "${AMONG_ALL:-0}" = 1 ]; then
		[ "$1" != stage_with ] || shift
		no_time "$2"
	else
		"$@"
	fi
}
# A run over all bases is to end in 45 minutes where it can. It takes five times what QEMU alone has taken, with VT-d an eighth more, and with
# the sanitizers a quarter: some 39 minutes with the one after 7, 41 with both after 6. That leaves room for a machine that gets slower.
look_at_the_clock() {
	taken=$(($(date +%s) - STARTED)) NO_TIME_FOR=''
	[ "$taken" -lt "${X86_BEFORE:-420}" ] || NO_TIME_FOR="$NO_TIME_FOR vtd"
	[ "$taken" -lt "${SAN_BEFORE:-360}" ] || NO_TIME_FOR="$NO_TIME_FOR san"
	export NO_TIME_FOR
}
has_time() { case " ${NO_TIME_FOR:-} " in *" $1 "*) return 1 ;; esac; } # KIND
# Like once, as far as there is time.
in_time() { # KIND STAGE-ARGUMENT...
	kind=$1
	shift
	if has_time "$kind"; then
		once "$@"
	else
		alone "$@"
	fi
}
no_time() { leave_out 'there is no time for it among all bases' "$1"; } # WHAT
leave_out() { skip "$2" "$1; make test BASE=$BASE runs it"; } # WHY WHAT

base() {
	"$KIT/prepare.sh"
	um=$RESULTS/kunit-um.json
	[ "$(uname -m)" = x86_64 ] || um=$RESULTS/kunit-arm64-pci_ats.json
	checks='sparse W=1 kernel-doc codespell checkpatch get_maintainer'
	once_more || checks="$checks coccicheck shellcheck"
	# shellcheck disable=SC2086  # a list of words
	stage "the kernel's own checks: $checks" tap "$RESULTS/lint.tap" "$KIT/lint.sh" $checks
	! once_more || skip 'coccicheck and shellcheck' "as on $DEFAULT_BASE; make test BASE=$BASE runs them"
	stage_with cover.txt 'the series as mails, which nobody gets' tap "$RESULTS/rehearsal.tap" env V=0 "$KIT/export.sh"
	stage_with coccinelle 'the semantic patch' tap "$RESULTS/coccinelle.tap" "$KIT/tests/coccinelle.sh"
	vouch coccinelle
	once stage 'Intel and AMD drivers, compiled' tap "$RESULTS/x86.tap" "$KIT/x86.sh"
	vouch x86
	once stage_with situations 'no trace of the tests in the driver' tap "$RESULTS/hot-path.tap" "$KIT/hot-path.sh"
	alone stage_with situations 'KUnit, UML' json "$um" env QUIET=1 "$KIT/kunit.sh" um
	vouch um
	stage_with situations 'KUnit, arm64, unpatched against patched' tap "$RESULTS/situations.tap" "$KIT/situations.sh"
	vouch arm64
	[ "${AMONG_ALL:-0}" != 1 ] || vouch um # which is the same kernel then
	stage_with scenarios 'the bench, unpatched against patched' tap "$RESULTS/bench.tap" "$KIT/bench.sh"
	once_more || vouch bench # elsewhere some machines are left out that a mutant is seen on
	! once_more || leave_out "as on $DEFAULT_BASE" 'the machines whose SMMU, root complex or command line forbids ATS, and those that start another kernel'
	[ "${AMONG_ALL:-0}" != 1 ] || ! grep -q '^BASE_FIRMWARE=' "$QUEUE/base" || no_time 'the machine that UEFI boots and ACPI describes'
	in_time san stage_with scenarios 'the bench, with sanitizers' tap "$RESULTS/bench-san.tap" env SAN=1 "$KIT/bench.sh"
	[ "$BASE" != "$DEFAULT_BASE" ] || alone stage_with scenarios 'the bench, without ats=on' tap "$RESULTS/off.tap" "$KIT/off.sh"
	once stage_with scenarios 'random walks, unpatched against patched' tap "$RESULTS/walk.tap" env -u SEED -u STEPS "$KIT/walk.sh"
	in_time vtd stage_with scenarios-x86 'the bench with VT-d, unpatched against patched' tap "$RESULTS/bench-x86.tap" "$KIT/bench-x86.sh"
	vouch vtd
	stage_with selftests 'selftests, unpatched against patched' tap "$RESULTS/selftest.tap" "$KIT/selftest.sh"
	vouch selftest
	alone stage 'a Debian package, booted' tap "$RESULTS/deb-tree.tap" "$KIT/deb.sh" try
	once stage 'documentation' tap "$RESULTS/htmldocs.tap" "$KIT/htmldocs.sh"
	vouch htmldocs
	stage_with mutants 'mutants' tap "$RESULTS/mutants.tap" "$KIT/mutants.sh"
}

# beside PART...: these in the background. More compilers than cores are in each other's way, and cost a quarter more: these get what
# the rest leaves, and a guest of theirs may be silent for longer before it is taken for lost. What they print comes when the rest has
# ended.
beside() {
	[ $# != 0 ] || return 0
	say "=== $*: beside the rest, log $LOGS/beside.log"
	for each; do
		make_dir "$BUILD_DIR/results/$each"
		rm -f "$BUILD_DIR/results/$each/verdict" "$BUILD_DIR/results/$each/failed"
	done
	SILENCE=${SILENCE:-300} TIMEOUT=${TIMEOUT:-300} setsid nice -n 7 "$0" "$@" >"$LOGS/beside.log" 2>&1 &
	beside=$!
	trap 'kill -TERM -- "-$beside" 2>/dev/null || :' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
}
join() { # PART...
	[ $# != 0 ] || return 0
	tail -n +1 -f --pid="$beside" "$LOGS/beside.log"
	wait "$beside" || :
	beside=''
	trap - EXIT INT TERM HUP
	for each; do
		verdict=$BUILD_DIR/results/$each/verdict rc=0
		[ -f "$verdict" ] || rc=3
		tally "$(title "$each")" verdict "$verdict" "$rc"
	done
}
# With CONFIG_SCHED_AUTOGROUP nice is only among the commands of a session, and the session has one of its own.
yield() { { nice >/proc/self/autogroup; } 2>/dev/null || :; }
title() { case $1 in front-door) say 'the front door' ;; *) say "Linux $1" ;; esac; } # PART

part() { # PART
	case $1 in
	front-door)
		FAILED=$BUILD_DIR/results/front-door/failed TIMES=$LOGS/times-of-front-door
		front_door
		say "$passed $failed $skipped" >"${FAILED%/*}/verdict"
		sources
		[ "$failed" = 0 ]
		;;
	*) one "$1" ;;
	esac
}
# QEMU's mutants wait more than they work. What cannot be had is told by who needs it.
sources() { for base in $(bases); do env BASE="$base" "$KIT/fetch.sh" || :; done; }
one() { env BASE="$1" AMONG_ALL=1 "$0"; } # BASE

if [ $# != 0 ]; then
	rc=0
	yield
	for each; do
		[ -z "${BEGUN:-}" ] || mkdir "$BEGUN/$each" 2>/dev/null || continue # one that has been begun is not begun again
		begun=$(date +%s)
		if [ "$each" = front-door ] || source_of "$each"; then
			say "=== $(title "$each")"
			part "$each" || rc=1
			say "=== $(title "$each"): $(($(date +%s) - begun)) s"
		else
			skip "Linux $each" 'its source cannot be had'
			make_dir "$BUILD_DIR/results/$each"
			say '0 0 1' >"$BUILD_DIR/results/$each/verdict"
		fi
	done
	exit "$rc"
fi
"$KIT/deps.sh"
make_dir "$RESULTS"
make_dir "$LOGS"
: >"$FAILED"
if [ -n "$ONLY" ]; then
	base
	say "$passed $failed $skipped" >"$RESULTS/verdict"
else
	# The default base is where everything is; the others, of which less is left, fill the time in which it links, or waits. The
	# oldest first, because it has more mutants of its own: these take one core, and should not be all that is left at the end.
	# Those that have not been begun when the default base has ended are not left to wait for each other.
	export BEGUN="$LOGS/begun"
	rm -rf "$BEGUN"
	make_dir "$BEGUN"
	others=$(bases | grep -vxF "$DEFAULT_BASE" | sort -V)
	beside front-door
	qemu
	look_at_the_clock
	join front-door
	shared
	# shellcheck disable=SC2086  # a list of names
	beside $others
	rm -f "$RESULTS/verdict" "$RESULTS/failed"
	stage "Linux $DEFAULT_BASE" verdict "$RESULTS/verdict" one "$DEFAULT_BASE"
	for each in $(say "$others" | tac); do "$0" "$each" || :; done
	# shellcheck disable=SC2086
	join $others
fi
[ "${AMONG_ALL:-0}" = 1 ] || "$KIT/report.sh" >"$LOGS/report.log" || { failed=$((failed + 1)); say "report: see $LOGS/report.log" >>"$FAILED"; }
[ ! -s "$FAILED" ] || { say 'test: what has failed:'; sed 's/^/    /' "$FAILED"; }
say "test: $(elapsed); results in $BUILD_DIR/results, on one page in $BUILD_DIR/results/report.html"
say "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
