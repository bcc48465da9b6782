#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What is committed on branch series of the prepared tree becomes the queue. Only files that change are written.
set -eu
. "$(dirname -- "$0")/lib.sh"
lock
"$KIT/fetch.sh"
load_pin
recover
need git
LIST=$QUEUE/series PREPARED=$TREE/.git/prepared
NEW=$(mktemp -d "$WORK/refresh.XXXXXX") || die "cannot write in $WORK: is the disk full?"
trap 'rm -rf "$NEW"' EXIT

added_by() { tree_git diff-tree -r --no-renames --diff-filter=A --name-only "$1^" "$1"; }
edited_by() { tree_git diff-tree -r --no-renames --diff-filter=a --name-only "$1^" "$1"; }
subject() { tree_git log -1 --format=%s "$1"; }

# What a pull has brought must not be overwritten by what was prepared before it. A new file is shared by all bases: when
# another base's refresh has changed it, and nobody has here, the repository's is the newer one, and stays.
check_queue() {
	[ "${FORCE:-0}" = 1 ] || [ ! -f "$PREPARED" ] || [ "$(queue_sum)" = "$(sed -n 2p "$PREPARED")" ] || check_newer
	[ "${FORCE:-0}" = 1 ] || [ -z "$(patches)" ] || [ "$(tree_git rev-parse series)" != "$(tree_git rev-parse base)" ] ||
		die "branch series has no commit, and the queue has: 'make prepare', or FORCE=1 to empty the queue"
}
put_away="put your work away with 'git format-patch base', 'make prepare FORCE=1', and apply it again"
check_newer() {
	[ "$(patches_sum)" = "$(sed -n 3p "$PREPARED")" ] ||
		die "the queue has changed since it was prepared: 'make prepare' if $TREE holds no work; or else $put_away"
	for file in $(entries | new_files); do
		mine=$(blob_of "series:$file") prepared=$(blob_of "refs/prepared/series:$file") theirs=$(tree_git hash-object --no-filters "$ADDED/$file" 2>/dev/null || :)
		case $theirs in "$prepared" | "$mine") continue ;; esac
		[ "$mine" = "$prepared" ] || die "$file has changed here and in the repository, since it was prepared: $put_away"
		say "$file" >>"$NEW/newer"
	done
}
blob_of() { tree_git rev-parse -q --verify "$1" || :; }

check_tree() {
	[ "$(tree_git symbolic-ref -q --short HEAD)" = series ] || die "$TREE is not on branch series"
	tree_is_clean || die "$TREE has uncommitted edits: commit them, or put them away with 'git stash'"
	[ -z "$(tree_git rev-list --merges base..series)" ] || die "branch series has a merge: rebase it onto base"
}

# A new file lives whole in this repository: it can have but one version, and so but one patch.
check_commit() { # COMMIT
	twice=$(edited_by "$1" | grep -xF -f "$NEW/added" | head -n 1)
	[ -z "$twice" ] || die "\"$(subject "$1")\" edits $twice, which an earlier patch adds: squash the two"
	! tree_git log -1 --format=%B "$1" | grep -qE '^(Signed-off|Reviewed|Acked|Tested)-by:' ||
		die "\"$(subject "$1")\" has a sign-off or review tag: people add their own when they mail the series"
	added_by "$1" >>"$NEW/added"
}

# One patch a commit, without the files it adds. The output must not depend on anybody's configuration.
write_patches() {
	tree_git format-patch -q -k --always --diff-filter=a --no-renames --abbrev=12 --diff-algorithm=myers \
		--zero-commit --no-signature --no-stat --no-base --no-encode-email-headers -o "$NEW/queue" base..series
}

# In a series file a comment belongs to the entry below it, at the top (up to the first empty line) to the file,
# at the end to nobody. Comments and the mark "test" stay with the patch, whatever its number becomes.
slug() { say "${1#[0-9][0-9][0-9][0-9]-}"; }
header() {
	awk '/^#/ { print; next } { exit }' "$LIST" 2>/dev/null | grep . ||
		printf '# SPDX-License-Identifier: GPL-2.0\n# The queue, in order. "test": laid over the unpatched code too. "+": a new file that the patch brings.\n'
}
old_entry() { # SLUG: its comments and its line
	awk -v slug="$1" '
		NR == 1 { head = 1 }
		head && /^#/ { next }
		{ head = 0 }
		/^#/ { comments = comments $0 "\n"; next }
		/^[[:space:]]/ || NF == 0 { next }
		{ if (substr($1, 6) == slug) printf "%s%s\n", comments, $0; comments = "" }' "$LIST" 2>/dev/null || :
}

write_series() {
	header
	echo
	i=0
	for patch in "$NEW/queue"/*.patch; do
		[ -f "$patch" ] || continue
		i=$((i + 1)) name=${patch##*/}
		old=$(old_entry "$(slug "$name")")
		say "$old" | grep '^#' || :
		if say "$old" | grep -v '^#' | grep -q ' test$'; then say "$name test"; else say "$name"; fi
		added_by "$(tree_git rev-list --reverse base..series | sed -n "${i}p")" | sed 's/^/\t+ /'
	done
}

lost_marks() {
	awk '!/^#/ && $2 == "test" { print $1 }' "$LIST" 2>/dev/null | while read -r patch; do
		[ -n "$(find "$NEW/queue" -name "????-$(slug "$patch")")" ] ||
			say "refresh: $patch, marked test, has gone: if it goes by another name now, mark that one"
	done
}

# ---- into the repository

update() { # FROM TO
	cmp -s "$1" "$2" && return
	mkdir -p "$(dirname "$2")"
	cp "$1" "$2.tmp" && mv "$2.tmp" "$2"
	say "refresh: ${2#"$TOP"/}"
}

update_new_files() {
	grep -vxF -f "$NEW/newer" "$NEW/added" | while read -r file; do
		tree_git cat-file blob "series:$file" >"$NEW/blob"
		update "$NEW/blob" "$ADDED/$file"
		case $(tree_git ls-tree series "$file") in
		100755*) chmod 755 "$ADDED/$file" ;;
		*) chmod 644 "$ADDED/$file" ;;
		esac
	done
}

remove_old() { # a patch or a new file that was named here, and now is not by any queue
	for patch in "$QUEUE"/*.patch; do
		[ ! -f "$patch" ] || [ -f "$NEW/queue/${patch##*/}" ] || rm "$patch"
	done
	cat "$QUEUES"/*/series "$NEW/series" | awk '/^[[:space:]]+\+ / { print $2 }' | sort -u >"$NEW/named"
	awk '/^[[:space:]]+\+ / { print $2 }' "$NEW/before" | grep -vxF -f "$NEW/named" | while read -r file; do
		rm -f "$ADDED/$file"
		say "refresh: removed $file"
	done
}

: >"$NEW/added"
: >"$NEW/newer"
check_queue
check_tree
mkdir "$NEW/queue"
for commit in $(tree_git rev-list --reverse base..series); do
	check_commit "$commit"
done
write_patches
write_series >"$NEW/series"
lost_marks
cp "$LIST" "$NEW/before" 2>/dev/null || : >"$NEW/before"
for patch in "$NEW/queue"/*.patch; do
	[ ! -f "$patch" ] || update "$patch" "$QUEUE/${patch##*/}"
done
update_new_files
update "$NEW/series" "$LIST"
remove_old

# The queue now holds all of the tree's work. Preparing it must give the very same files back.
tip=$(tree_git rev-parse series)
tree_git update-ref refs/prepared/series "$tip"
"$KIT/prepare.sh"
# shellcheck disable=SC2046  # a list of words
tree_git diff --quiet "$tip" series -- . $(sed 's/^/:!/' "$NEW/newer") || die "the queue does not give the tree back: the work is safe as commit $tip"
say "refresh: the queue holds $(find "$QUEUE" -name '*.patch' | wc -l) patches"
