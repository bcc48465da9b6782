#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Lay the queue over the base, one commit a patch, with zero fuzz. The commits are made in an index of their own:
# until all of them exist, branch and files of the tree stay as they were.
#   branch series     base + the whole queue
#   branch unpatched  base + the patches marked "test": the same tests over the code without the fixes
set -eu
. "$(dirname -- "$0")/lib.sh"
# Discarding work is for whoever calls this script, not for those that call it on the way.
[ -z "${LOCKED:-}" ] || FORCE=0
lock
"$KIT/fetch.sh"
load_pin
recover
need git
LIST=$QUEUE/series
PREPARED=$TREE/.git/prepared # goes when the tree goes
# Who has borrowed the tree has prepared it.
[ -z "${BORROWER:-}" ] || [ ! -f "$PREPARED" ] || exit 0
SCRATCH=$(mktemp -d "$WORK/prepare.XXXXXX") || die "cannot write in $WORK: is the disk full?"
export GIT_INDEX_FILE="$SCRATCH/index"

new_files_of() { entries | awk -v p="$1" '!/^[[:space:]]/ { mine = $1 == p; next } mine { print $2 }'; }

# ---- the queue is whole: every name has its file, every file its name

check_names() {
	for patch in $(patches); do
		[ -f "$QUEUE/$patch" ] || die "$QUEUE_NAME/series names $patch, which is not there"
	done
	for patch in "$QUEUE"/*.patch; do
		[ -f "$patch" ] || continue
		patches | grep -qxF "${patch##*/}" || die "$QUEUE_NAME/${patch##*/} is not in $QUEUE_NAME/series"
	done
	entries | new_files | while read -r file; do
		[ -f "$ADDED/$file" ] || die "$QUEUE_NAME/series names $file, which is not there"
	done
}

check_orphans() {
	cat "$QUEUES"/*/series 2>/dev/null | new_files | sort -u >"$SCRATCH/named"
	for dir in $ADDED_IN; do
		[ ! -d "$ADDED/$dir" ] || (cd "$ADDED" && find "$dir" -type f)
	done | sort >"$SCRATCH/present"
	orphan=$(comm -13 "$SCRATCH/named" "$SCRATCH/present" | head -n 1)
	[ -z "$orphan" ] || die "$orphan is named by no queue: list it in a series file as '+ $orphan', or remove it"
}

# What the prepared commits depend on, as one sum.
stamp() {
	{
		tree_git rev-parse base
		cat "$0"
		[ ! -f "$LIST" ] || cat "$LIST"
		queue_sum
	} | sha256sum
}

# ---- building the commits

# Which hunk did git mean? It names the line where the hunk starts in the old file, or the line of the patch.
# git apply itself says no more than that.
blame() { # PATCH DIFF ERRORS
	corrupt=$(sed -n 's/^error: corrupt patch at .*[^0-9]\([0-9]*\)$/\1/p' "$3" | head -n 1)
	failed=$(sed -n 's/^error: patch failed: \(.*\)$/\1/p' "$3" | head -n 1)
	awk -v corrupt="$corrupt" -v failed="$failed" '
		function hunk() { printf "%s, hunk %d (%s)", file, n, at; found = 1; exit }
		/^--- / { file = substr($2, 3); n = 0 }
		/^@@ / {
			n++; at = $1 " " $2 " " $3 " " $4
			split(substr($2, 2), old, ",")
			if (failed == file ":" old[1]) hunk()
		}
		corrupt && NR >= corrupt { hunk() }
		END { if (corrupt && !found) hunk(); if (!found) exit 1 }' "$2" || head -n 1 "$3"
}

identity() { # INFO: author and committer are the patch's author, at the patch's date
	GIT_AUTHOR_NAME=$(sed -n 's/^Author: //p' "$1") GIT_AUTHOR_EMAIL=$(sed -n 's/^Email: //p' "$1")
	GIT_AUTHOR_DATE=$(sed -n 's/^Date: //p' "$1")
	GIT_COMMITTER_NAME=$GIT_AUTHOR_NAME GIT_COMMITTER_EMAIL=$GIT_AUTHOR_EMAIL GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
	export GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_AUTHOR_DATE GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL GIT_COMMITTER_DATE
	[ -n "$GIT_AUTHOR_EMAIL" ] && [ -n "$GIT_AUTHOR_DATE" ]
}

other_release() {
	release=$(sed -n 's/^version=//p' "$WORK/source")
	[ "$release" = "$BASE_VERSION" ] || printf '%s' "; or take $BASE_VERSION, which the queue was made on: this is $release"
}
apply_edits() { # PATCH OVER
	[ -s "$SCRATCH/diff" ] || return 0
	! grep -q '^new file mode' "$SCRATCH/diff" ||
		die "$1 adds a file: new files live whole at their $KIND_OF path, named in $QUEUE_NAME/series"
	tree_git apply --cached --whitespace=nowarn "$SCRATCH/diff" 2>"$SCRATCH/errors" ||
		die "$1 does not apply to $2: $(blame "$1" "$SCRATCH/diff" "$SCRATCH/errors"); mend the patch, or make it anew with 'make refresh'$(other_release)"
}

add_new_files() { # PATCH
	for file in $(new_files_of "$1"); do
		[ -z "$(tree_git ls-files "$file")" ] || die "$1 brings $file, which $NOUN has already"
		mode=100644
		[ ! -x "$ADDED/$file" ] || mode=100755
		blob=$(tree_git hash-object -w --no-filters "$ADDED/$file")
		tree_git update-index --add --cacheinfo "$mode,$blob,$file"
	done
}

# mailinfo wants to be in some repository only for its configuration.
commit_patch() { # PATCH PARENT OVER
	tree_git mailinfo -k "$SCRATCH/body" "$SCRATCH/diff" <"$QUEUE/$1" >"$SCRATCH/info" ||
		die "$1 is not a mail made by git format-patch"
	identity "$SCRATCH/info" || die "$1 lacks From: or Date:"
	apply_edits "$1" "$3"
	add_new_files "$1"
	{ sed -n 's/^Subject: //p' "$SCRATCH/info"; echo; cat "$SCRATCH/body"; } | git stripspace >"$SCRATCH/message"
	tree_git commit-tree "$(tree_git write-tree)" -p "$2" -F "$SCRATCH/message"
}

build_branch() { # OVER PATCH...
	over=$1
	shift
	tree_git read-tree base
	tip=$(tree_git rev-parse base)
	for patch; do
		tip=$(commit_patch "$patch" "$tip" "$over")
	done
	say "$tip"
}

# ---- moving the tree

in_tree() { env -u GIT_INDEX_FILE git -C "$TREE" "$@"; }

refuse_to_lose_work() {
	if (unset GIT_INDEX_FILE && tree_is_prepared && tree_is_clean); then return; fi
	if [ "$(queue_sum)" = "$(sed -n 2p "$PREPARED" 2>/dev/null)" ]; then
		die "$TREE is not as prepare left it: 'make refresh' first, or 'make prepare FORCE=1' to discard what is there"
	fi
	die "the queue and $TREE have both changed: put your work away with 'git format-patch base', 'make prepare FORCE=1', and apply it again"
}

# Only files that differ are written, so that what was built stays built.
move_tree() { # PATCHED UNPATCHED
	if [ "${FORCE:-0}" = 1 ]; then
		in_tree checkout -q -f series
		in_tree clean -fdq
		in_tree reset -q --hard "$1"
	else
		in_tree reset -q --keep "$1"
	fi
	in_tree update-ref refs/prepared/series "$1"
	in_tree branch -q -f unpatched "$2"
}

# What git says when it fails is for the one line to tell.
finish() {
	rc=$?
	exec 2>&3
	case $rc in
	0 | 130 | 143) ;;
	*)
		grep "^$ME: " "$SCRATCH/failure" >&2 ||
			(explain "$SCRATCH/failure" 'git failed' "$(head -n 1 "$SCRATCH/failure")") || rc=2
		;;
	esac
	rm -rf "$SCRATCH"
	exit "$rc"
}
exec 3>&2 2>"$SCRATCH/failure"
trap finish EXIT

check_names
check_orphans
now=$(stamp)
[ "${FORCE:-0}" = 1 ] || [ "$now" != "$(sed -n 1p "$PREPARED" 2>/dev/null)" ] || exit 0
[ "${FORCE:-0}" = 1 ] || refuse_to_lose_work
# shellcheck disable=SC2046  # lists of names
patched=$(build_branch 'what comes before it' $(patches))
# shellcheck disable=SC2046
unpatched=$(build_branch 'the code without the fixes' $(test_patches))
move_tree "$patched" "$unpatched"
{ say "$now"; queue_sum; patches_sum; } >"$PREPARED"
say "prepare: $(patches | wc -l) patches on $(tree_git log -1 --format=%s base) in $TREE, $(elapsed)"
