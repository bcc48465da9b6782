#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# qtest.sh [CASE...]: build QEMU as the prepared tree has it and run tests of it, those that the series adds and some of
# QEMU's own, or these cases: test./path. FILTER= is a pattern of cases of the tests that the series adds. One TAP
# of all, in build/results/; LABEL= goes into its name, QUIET=1 leaves it to the file.
set -eu
PROJECT=qemu
. "$(dirname -- "$0")/lib.sh"
. "$KIT/qtests.sh"
begin
O=$WORK/build
LOG=$LOGS/qtest.log
TAP=$RESULTS/qtest${LABEL:+-$LABEL}.tap
# No result may outlive what it was a result of.
make_dir "$RESULTS"
rm -f "$TAP"
"$KIT/qemu.sh"

# What a test that is aborted leaves behind is in here too: sockets, whose paths have to be short.
to_remove=$(mktemp -d) || die "cannot make a folder in ${TMPDIR:-/tmp}"
on_exit
S=$to_remove
export TMPDIR="$S" QTEST_QEMU_BINARY="$O/qemu-system-aarch64"
: >"$S/cases"
: >"$S/results"

# ---- which cases: "test /path", in the order in which they run

paths() { "$O/tests/qtest/$1" -l 2>"$S/errors" | sed -n 's,^/aarch64/,/,p'; } # TEST
# A test that has none is as lost as one that does not end.
select_cases() { # TEST PATTERN
	paths "$1" | while read -r path; do
		# shellcheck disable=SC2254  # a pattern
		case $path in $2) say "$1 $path" ;; esac
	done >"$S/selected"
	[ -s "$S/selected" ] || say "lost $1. names no case $2: $(tail -n 1 "$S/errors")" >>"$S/results"
	cat "$S/selected" >>"$S/cases"
}
select_all() {
	own_tests >"$S/own"
	while read -r test; do select_cases "$test" '*'; done <"$S/own"
	qemus_tests >"$S/qemus"
	while read -r test pattern; do select_cases "$test" "$pattern"; done <"$S/qemus"
}
select_filtered() {
	for test in $(own_tests); do paths "$test" | sed "s,^,$test ,"; done | while read -r test path; do
		# shellcheck disable=SC2254  # a pattern
		case $test.$path in $FILTER) say "$test $path" ;; esac
	done >"$S/cases"
}
select_named() { # CASE...
	for case; do
		{ [ -x "$O/tests/qtest/${case%%.*}" ] && paths "${case%%.*}" | grep -qxF -- "${case#*.}"; } || die "there is no case $case"
		say "${case%%.*} ${case#*.}" >>"$S/cases"
	done
}

# ---- running them

# A failed assertion, or a QEMU that dies, ends a test in the middle: what comes behind that case is run once more,
# without it.
run_test() { # TEST
	sed -n "s,^$1 ,,p" "$S/cases" >"$S/left"
	while [ -s "$S/left" ]; do
		rc=0
		# shellcheck disable=SC2046  # a list of words
		timeout -k 5 "${TIMEOUT:-300}" "$O/tests/qtest/$1" --tap $(sed 's,^,-p /aarch64,' "$S/left") >"$S/out" 2>&1 || rc=$?
		cat "$S/out"
		results "$1" "$rc" >"$S/new"
		cat "$S/new" >>"$S/results"
		sed -n "s,^[a-z ]* $1\\.\\(/[^ ]*\\).*,\\1,p" "$S/new" | grep -vxF -f - "$S/left" >"$S/next" || :
		mv "$S/next" "$S/left"
	done
}

# GLib's TAP to "ok|not ok|lost test./path what". It does not say which case it was that ended the test: the first in
# the order that has no result, unless the last result was that failure.
results() { # TEST EXITCODE
	awk -v test="$1" -v rc="$2" -v left="$S/left" '
		function tell(verdict, path, what) { print verdict " " test "." path what; done[path] = 1 }
		/^(not )?ok / && match($0, /\/aarch64\/[^ ]*/) {
			failed = /^not/
			path = substr($0, RSTART + 8, RLENGTH - 8)
			what = substr($0, RSTART + RLENGTH)
			sub(/^ - /, " ", what)
			tell(failed ? "not ok" : "ok", path, failed && what == "" ? " " error : what)
			error = said = ""
			next
		}
		/^ERROR:/ && !error { error = $0 }
		/^qemu-system/ && !said { said = $0 }
		/^Bail out!/ { bail = substr($0, 10) }
		/kill_qemu\(\)/ { death = $0 }
		END {
			late = rc == 124 || rc == 137
			while ((late || !failed) && (getline path <left) > 0) {
				if (path in done) continue
				if (late) tell("lost", path, " took too long, or came after what did")
				else if (bail == "" || death != "") tell("lost", path, " ended early: " (said ? said : death ? death : "exit code " rc))
				else tell("not ok", path, bail)
				if (!late) break
			}
		}' "$S/out"
}
run_all() {
	cut -d ' ' -f 1 "$S/cases" | sort -u >"$S/tests"
	while read -r test <&4; do run_test "$test"; done 4<"$S/tests"
}
meter_cases() { printf '%s of %s cases, ' "$(wc -l <"$S/results")" "$(wc -l <"$S/cases")"; }

# ---- what came out of it

report() {
	sed 's/^\(not ok\|lost\) \([^ ]*\)/\1 \2:/; s/^lost \([^ ]*\)/not ok \1 lost:/' "$S/results" | awk '
		/^not ok/ { print "not ok " NR " - " substr($0, 8); next }
		{ print "ok " NR " - " substr($0, 4) }
		END { print "1.." NR }'
}
count() { number "$(grep -cE "$1" "$TAP")"; }

case $#:${FILTER:-} in
0:) select_all ;;
0:*) select_filtered ;;
*) select_named "$@" ;;
esac
if [ ! -s "$S/cases" ] && [ ! -s "$S/results" ]; then
	printf '%s: nothing ran: there is no case%s\n' "$ME" "${FILTER:+ called $FILTER}" >&2
	exit 3
fi
progress "$ME: running" "$LOG" meter_cases run_all || :
report >"$TAP"
cp "$WORK/source" "$RESULTS/source"
if [ "${QUIET:-0}" = 0 ]; then cat "$TAP"; else grep '^not ok' "$TAP" || :; fi
skipped=$(count '^ok .*# SKIP') failed=$(count '^not ok ')
say "$ME: $(($(count '^ok ') - skipped)) passed, $failed failed, $skipped skipped, $(elapsed); results in $TAP"
! grep -q '^lost ' "$S/results" || exit 3
[ "$failed" = 0 ]
