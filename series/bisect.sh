#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Each patch of the queue on its own: it builds for UML and arm64 with no warning under W=1 in the files it touches, and for
# x86 as x86.sh does, and the tests that exist at that point pass.
set -eu
. "$(dirname -- "$0")/lib.sh"
begin
need_prepared_tree

warnings() { # KIND COMMIT
	tree_git diff-tree -r --name-only "$2^" "$2" | while read -r file; do
		grep -F "$file:" "$LOGS/build-$1.log" | grep -m 1 'warning:' || :
	done
}

run() { # KIND COMMIT
	case $1 in
	x86) LABEL=bisect "$SERIES/x86.sh" ;;
	*) W=1 QUIET=1 "$SERIES/kunit.sh" "$1" bisect ;;
	esac
}

check() { # KIND COMMIT
	name="$(tree_git log -1 --format=%s "$2"): $1"
	{ rc=0; run "$1" || rc=$?; echo "$rc" >"$LOGS/bisect.rc"; } 2>&1 | tee "$LOGS/bisect.log"
	rc=$(cat "$LOGS/bisect.rc")
	last=$(tail -n 1 "$LOGS/bisect.log")
	warning=$(warnings "$1" "$2" | head -n 1)
	case $rc,$warning,$last in
	0,,*) tap ok "$name: $(say "$last" | sed -n 's/.*: \([0-9]* \(passed\|built\)\).*/\1/p')" ;;
	3,,*'nothing ran'*) tap ok "$name: builds; no suite yet" ;;
	*) tap 'not ok' "$name: ${warning:-$last}" ;;
	esac
}

# All of one kind, then all of the other: each has its own objects.
borrow branch series
tap_begin bisect
for kind in um arm64 x86; do
	for commit in $(tree_git rev-list --reverse base..series); do
		tree_git checkout -q "$commit"
		check "$kind" "$commit"
	done
done
tap_end 'good' 'bad'
