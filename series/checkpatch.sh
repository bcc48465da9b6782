#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The kernel's own checkpatch.pl --strict over every commit of the prepared tree, new files included. Not asked for: the
# sign-off, which whoever mails the series adds, and an entry in the kernel's MAINTAINERS for each new file.
set -eu
. "$(dirname -- "$0")/lib.sh"
lock
"$SERIES/prepare.sh"
load_pin
need perl
make_dir "$LOGS"
LOG=$LOGS/checkpatch.log
DICTIONARY=$(packages | awk '$2 == "codespell" { print $1 }')
need "$DICTIONARY"

# The tree has none of the history that a Fixes: tag points into.
check() {
	tree_git format-patch -k --stdout -1 "$1" >"$WORK/checked.patch"
	(cd "$TREE" && scripts/checkpatch.pl --strict --codespell --codespellfile="$DICTIONARY" --quiet --no-summary \
		--ignore MISSING_SIGN_OFF,FILE_PATH_CHANGES,UNKNOWN_COMMIT_ID "$WORK/checked.patch") >"$LOG" 2>&1
}

tap_begin checkpatch
for commit in $(tree_git rev-list --reverse base..refs/prepared/series); do
	subject=$(tree_git log -1 --format=%s "$commit")
	if check "$commit"; then
		tap ok "$subject"
	else
		tap 'not ok' "$subject"
		sed 's/^/  /' "$LOG"
	fi
done
tap_end clean 'not clean'
