#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The kernel's own checkpatch.pl --strict over every commit of the prepared tree, new files included, and its
# get_maintainer.pl over our MAINTAINERS. Not asked for is the sign-off, which whoever mails the series adds.
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
		--ignore MISSING_SIGN_OFF,UNKNOWN_COMMIT_ID "$WORK/checked.patch") >"$LOG" 2>&1
}

# Somebody has to be named for each of our files, by the file here as by the kernel's.
maintained() { # FILE
	for list in "$TOP/MAINTAINERS" "$TREE/MAINTAINERS"; do
		(cd "$TREE" && scripts/get_maintainer.pl --no-git --no-git-fallback --mpath="$list" -f "$1") >"$LOG" 2>&1 &&
			grep -q 'TRANSLATION SERVICES TESTS' "$LOG" || return 1
	done
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
for file in $(entries | new_files); do
	if maintained "$file"; then tap ok "MAINTAINERS: $file"; else tap 'not ok' "MAINTAINERS: $file: $(tail -n 1 "$LOG")"; fi
done
tap_end clean 'not clean'
