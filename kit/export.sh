#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Write a topic of the series as mails that a person can send: build/export/<base>/<topic>/v<N>/. Nothing is sent.
#   TOPIC=name          which one; each in turn without it. It is laid on the topics that its cover letter says it needs, which are not mailed
#   FROM='Name <mail>'  who sends them: author, and the one Signed-off-by of each, which is that person's word
#   V=n                 the version of the export; its cover letter has the range-diff to version n - 1. V=0 is a rehearsal, by
#                       nobody: what is checked of mails, but for what lint checks, is checked, and they are not kept
#   BASE_COMMIT=id      the public commit of the release, for base-commit: where the pin does not have it
#   VANILLA=            an archive or a tree of the release, from kernel.org: the mails have to apply there as well
# What is written is checked at once: results in build/results/<base>/export.tap.
set -eu
VERSION=${V:-} V=0 # here V is no verbosity
export V
WANTED_COMMIT=${BASE_COMMIT:-}
. "$(dirname -- "$0")/lib.sh"
FROM=${FROM:-} VANILLA=${VANILLA:-} REHEARSAL=''
[ "$VERSION" != 0 ] || REHEARSAL=yes VERSION=1 FROM='Nobody <nobody@example.org>'
VOID=0000000000000000000000000000000000000000

# ---- what may be wrong with it

[ "$(say "$FROM" | wc -l)" = 1 ] || die "FROM= has more than one line: 'Name <mail>' is one person"
[ -n "$FROM" ] || die "FROM= is missing: who sends the mails? FROM='Name <mail>'"
say "$FROM" | grep -qxE "[^][<>()@,;:\\\"]*[^][<>()@,;:\\\" ] <[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+>" ||
	die "FROM=$FROM: not of the form 'Name <mail>'"
case $FROM in *.invalid\>) die "FROM=$FROM: nobody can be reached there: name a person" ;; esac
case $VERSION in
'') die "V= is missing: which version is this? V=1 for the first" ;;
*[!0-9]* | 0*) die "V=$VERSION: the version of an export is a number from 1 on" ;;
esac
say "${WANTED_COMMIT:-$VOID}" | grep -qxE '[0-9a-f]{40}' || die "BASE_COMMIT=$WANTED_COMMIT: not a full commit id of 40 hex digits"
[ -z "$VANILLA" ] || [ -e "$VANILLA" ] || die "VANILLA=$VANILLA: no such archive or folder"
load_pin
need git perl python3
begin
need_prepared_tree
TOPICS=$("$TOP/judge" queue topics) || exit
[ -n "$TOPICS" ] || die "no patch in series/order is for $BASE: nothing to export"
if [ -n "${TOPIC:-}" ]; then
	say "$TOPICS" | grep -qxF -e "$TOPIC" || die "no such topic: TOPIC=$TOPIC (known for $BASE: $(say "$TOPICS" | paste -sd ' '))"
	TOPICS=$TOPIC
fi
RELEASE=$(sed -n 's/^version=//p' "$WORK/source")
TAG=v$RELEASE LOG=$LOGS/export.log TAP_NAME=export
SCRATCH=$(mktemp -d "$WORK/export.XXXXXX") || die "cannot write in $WORK: is the disk full?"
[ -z "$REHEARSAL" ] || TAP_NAME=rehearsal FORCE=1
to_remove=$SCRATCH
on_exit

# of TOPIC: its cover letter, the commits below it and of it, where its mails go.
of() {
	COVER=$("$TOP/judge" queue cover "$1") || exit
	PREVIOUS=refs/export/$1/v$((VERSION - 1)) REF=refs/export/$1/v$VERSION OUT=$BUILD_DIR/export/$BASE/$1/v$VERSION
	[ -f "$COVER" ] || die "series/$1/cover.txt is missing: the cover letter's subject in its first line, and then its text"
	"$TOP/judge" queue topic "$1" >"$SCRATCH/topic" || exit
	read -r BELOW TIP <"$SCRATCH/topic"
	[ -z "$REHEARSAL" ] || { OUT=$SCRATCH/mails REF=refs/export/rehearsal; return; }
	[ "$VERSION" = 1 ] || tree_git rev-parse -q --verify "$PREVIOUS" >/dev/null ||
		die "v$VERSION is compared with v$((VERSION - 1)), which was not exported from $TREE: 'make export TOPIC=$1 V=$((VERSION - 1))' of what was mailed, first"
}

# ---- the commits: the queue's, by whoever sends them

NAME=${FROM% <*} MAIL=${FROM##*<}
MAIL=${MAIL%>}
export GIT_AUTHOR_NAME="$NAME" GIT_AUTHOR_EMAIL="$MAIL" GIT_COMMITTER_NAME="$NAME" GIT_COMMITTER_EMAIL="$MAIL"

# "S: Maintained" wants an M:. The repository names nobody, so the section of the series gets the sender here.
SECTION='PCI ADDRESS TRANSLATION SERVICES TESTS'
tree_of() { # COMMIT
	blob=$(tree_git cat-file blob "$1:MAINTAINERS" 2>/dev/null |
		M="M:	$FROM" awk -v section="$SECTION" '{ print } $0 == section { print ENVIRON["M"] }' | tree_git hash-object -w --stdin)
	tree_git ls-tree "$1" | sed "s/[0-9a-f]*\(	MAINTAINERS\)\$/$blob\1/" | tree_git mktree
}
commits() {
	tip=$BELOW
	for commit in $(tree_git rev-list --reverse "$BELOW..$TIP"); do
		GIT_AUTHOR_DATE=$(tree_git log -1 --format=%aI "$commit") GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
		export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
		tree_git log -1 --format=%B "$commit" | git interpret-trailers --no-divider --trailer "Signed-off-by: $FROM" >"$SCRATCH/message"
		tip=$(tree_git commit-tree "$(tree_of "$commit")" -p "$tip" -F "$SCRATCH/message")
	done
	say "$tip"
}

# What was mailed must not change under a range-diff.
keep() { # COMMIT
	old=$(tree_git rev-parse -q --verify "$REF" || :)
	[ -z "$old" ] || [ "$old" = "$1" ] || [ "${FORCE:-0}" = 1 ] ||
		die "v$VERSION was exported before, and was another: take V=$((VERSION + 1)), or FORCE=1 if nobody was sent it"
	tree_git update-ref "$REF" "$1"
	tree_git update-ref "$REF-below" "$BELOW"
}

# ---- the mails

# The release's commit, from whoever can know it: the command line, a git tree with the tag, the pin for its own release.
public_commit() {
	if [ -n "$WANTED_COMMIT" ]; then
		say "$WANTED_COMMIT"
	elif [ -n "$VANILLA" ] && git -C "$VANILLA" rev-parse -q --verify "refs/tags/$TAG^{commit}" 2>/dev/null; then
		:
	elif [ "${BASE_TAG:-}" = "$TAG" ]; then
		say "${BASE_COMMIT:-}"
	fi
}
base_line() {
	if [ -n "$COMMIT" ]; then say "base-commit: $COMMIT"; else say "base-tree: $TAG (linux-$RELEASE.tar.xz)"; fi
}

# Results are of this queue when they are younger than it.
results() {
	find "$RESULTS" -maxdepth 1 -name '*.json' -newer "$TREE/.git/prepared" 2>/dev/null | sort | while read -r json; do
		"$TOP/judge" tally "$json" | sed -n '1s/^/  /p'
	done >"$SCRATCH/results"
	echo "Results"
	echo "-------"
	echo
	if [ -s "$SCRATCH/results" ]; then
		say "Of all topics together on $TAG, unpatched and patched, what is as expected:"
		echo
		cat "$SCRATCH/results"
	else
		echo "Not run where this was exported."
	fi
}

# format-patch writes what it can know; the subject and the text are the queue's.
cover() { # FILE
	{
		sed -e 1d -e '/^Needs: /d' "$COVER" | sed '/./,$!d'
		"$TOP/judge" queue needs "$topic" | while read -r name; do head -n 1 "$("$TOP/judge" queue cover "$name")"; done >"$SCRATCH/below"
		[ ! -s "$SCRATCH/below" ] || { printf '\nThis applies after the series\n\n'; sed 's/.*/  "&"/' "$SCRATCH/below"; }
		echo
		results
	} >"$SCRATCH/text"
	# git does not encode the name in the cover letter.
	awk -v subject="$(head -n 1 "$COVER")" -v text="$SCRATCH/text" -v from="$(say "$FROM" | header From)" '
		!head && /^From: / { print from; next }
		!head && /^Subject: / { sub(/\*\*\* SUBJECT HERE \*\*\*/, subject) }
		/^$/ { head = 1 }
		$0 == "*** BLURB HERE ***" { while ((getline line < text) > 0) print line; next }
		{ print }' "$1" >"$SCRATCH/cover"
	{ sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' "$SCRATCH/cover"; echo; base_line; } >"$1"
}

# People are named, lists are not. Names of any script go into headers as RFC 2047 wants them.
header() { # TO|CC, addresses on stdin
	python3 -c '
import email.utils, re, sys
found = [re.fullmatch(r"(?:\"?(.*?)\"? )?<?([^<> ]+@[^<> ]+)>?", line.strip()) for line in sys.stdin]
lines = [email.utils.formataddr((each[1], each[2])) for each in found if each]
if lines: print(sys.argv[1] + ": " + ",\n\t".join(lines))' "$1"
}
headers() { # ADDRESSES: EXPORT_TO of the pin comes first
	{ say "${EXPORT_TO:-}"; [ -n "${EXPORT_TO:-}" ] || grep '<' "$1" || cat "$1"; } | header To
	{ [ -z "${EXPORT_TO:-}" ] || grep '<' "$1" || :; grep -v '<' "$1" || :; } | grep -vxF "${EXPORT_TO:-none}" | header Cc
}
address() { # MAIL ADDRESSES
	headers "$2" >"$SCRATCH/headers"
	awk -v headers="$SCRATCH/headers" '
		!done && /^$/ { while ((getline line < headers) > 0) print line; done = 1 }
		{ print }' "$1" >"$SCRATCH/mail"
	mv "$SCRATCH/mail" "$1"
}
recipients() { # MAIL
	(cd "$TREE" && scripts/get_maintainer.pl --no-git --no-git-fallback --no-rolestats "$1")
}

write() {
	rm -rf "$OUT"
	mkdir -p "$OUT" || return 1
	[ "$VERSION" = 1 ] || set -- --range-diff="$(tree_git rev-parse "$PREVIOUS-below")..$PREVIOUS"
	tree_git format-patch -q --cover-letter -v "$VERSION" --subject-prefix="${EXPORT_PREFIX:-PATCH}" --thread=shallow --abbrev=12 \
		--no-signature --no-base --encode-email-headers -o "$OUT" "$@" "$BELOW..$REF" || return 1
	cover "$(cover_letter)"
	: >"$SCRATCH/all"
	for mail in $(mails); do
		recipients "$mail" >"$SCRATCH/to" || return 1
		cat "$SCRATCH/to" >>"$SCRATCH/all"
		address "$mail" "$SCRATCH/to"
		echo "$mail"
	done
	sort -u "$SCRATCH/all" >"$SCRATCH/to"
	address "$(cover_letter)" "$SCRATCH/to"
}
cover_letter() { echo "$OUT"/v*-0000-cover-letter.patch; }
mails() { find "$OUT" -name '*.patch' ! -name '*-0000-*' | sort; }

# ---- and whether they are what they should be

one() { # WHAT COMMAND...
	what=$1
	shift
	if "$@" >"$LOG" 2>&1; then tap ok "$what"; else tap 'not ok' "$what: $(grep . "$LOG" | head -n 1)"; fi
}
body() { git mailinfo -k "$SCRATCH/body" /dev/null <"$1" >"$SCRATCH/info" && cat "$SCRATCH/body"; }

# Of a clone only what the series touches is checked out: git am looks at nothing else.
touched() { tree_git diff --no-renames --name-only base "$REF"; }
applies() {
	rm -rf "$SCRATCH/clone"
	git clone -q --shared --no-checkout "$TREE" "$SCRATCH/clone" || return 1
	touched | sed 's,^,/,' | git -C "$SCRATCH/clone" sparse-checkout set --no-cone --stdin &&
		git -C "$SCRATCH/clone" checkout -q --detach "$BELOW" || return 1
	# shellcheck disable=SC2046  # a list of names
	git -C "$SCRATCH/clone" am -q $(mails) || return 1
	[ "$(git -C "$SCRATCH/clone" rev-parse 'HEAD^{tree}')" = "$(tree_git rev-parse "$REF^{tree}")" ] || { echo "it is another tree then"; return 1; }
}

# The same for the release: its files, as far as it has them, in a repository of their own.
unpack_vanilla() {
	if [ -f "$VANILLA" ]; then
		touched | sed 's,^,*/,' >"$SCRATCH/names"
		tar -x -C "$SCRATCH/vanilla" --strip-components=1 --wildcards --no-wildcards-match-slash -T "$SCRATCH/names" -f "$VANILLA" 2>/dev/null || :
	elif git -C "$VANILLA" rev-parse -q --verify "refs/tags/$TAG" >/dev/null 2>&1; then
		# shellcheck disable=SC2046  # a list of names
		git -C "$VANILLA" archive "$TAG" -- $(touched | while read -r file; do git -C "$VANILLA" ls-tree --name-only "$TAG" "$file"; done) |
			tar -x -C "$SCRATCH/vanilla"
	else
		touched | while read -r file; do [ ! -f "$VANILLA/$file" ] || (cd "$VANILLA" && cp --parents "$file" "$SCRATCH/vanilla"); done
	fi
}
applies_to_vanilla() {
	rm -rf "$SCRATCH/vanilla"
	mkdir "$SCRATCH/vanilla"
	unpack_vanilla
	[ -n "$(ls "$SCRATCH/vanilla")" ] || { echo "$VANILLA holds none of the files that the series touches"; return 1; }
	git -C "$SCRATCH/vanilla" init -q && git -C "$SCRATCH/vanilla" add -A -f && git -C "$SCRATCH/vanilla" commit -q -m "$TAG" || return 1
	git -C "$SCRATCH/vanilla" tag base
	tree_git diff --binary base "$BELOW" | git -C "$SCRATCH/vanilla" apply --allow-empty --index || return 1
	git -C "$SCRATCH/vanilla" commit -q --allow-empty -m below && git -C "$SCRATCH/vanilla" tag below
	# shellcheck disable=SC2046  # a list of names
	git -C "$SCRATCH/vanilla" am -q $(mails) || return 1
	[ "$(git -C "$SCRATCH/vanilla" diff below HEAD | change)" = "$(tree_git diff "$BELOW" "$REF" | change)" ] || { echo "it is another change then"; return 1; }
}
change() { git patch-id --stable | cut -d ' ' -f 1; }

# The distribution's source has the distribution's own edits.
edited_here() {
	git -C "$SCRATCH/vanilla" ls-tree -r --name-only base | while read -r file; do
		[ "$(git -C "$SCRATCH/vanilla" rev-parse "base:$file")" = "$(tree_git rev-parse "base:$file" 2>/dev/null)" ] || say "$file"
	done
}

signed_once() { # MAIL
	body "$1" >/dev/null
	[ "$(grep -i '^Signed-off-by:' "$SCRATCH/body")" = "Signed-off-by: $FROM" ] || { echo "not one sign-off, by $FROM"; return 1; }
	[ "$(sed -n 's/^Author: //p' "$SCRATCH/info") <$(sed -n 's/^Email: //p' "$SCRATCH/info")>" = "$FROM" ] || { echo "not from $FROM"; return 1; }
}

# Backports for one release say what they carry; all others say to which releases a fix belongs, unless mainline has decided otherwise.
OTHERWISE='Not for upstream: commit [0-9a-f]{12} \("'
fixes_and_stable() { # MAIL
	body "$1" >/dev/null
	bad=$(grep -i '^Fixes:' "$SCRATCH/body" | grep -vxE 'Fixes: [0-9a-f]{12} \("[^"].*"\)' | head -n 1)
	[ -z "$bad" ] || { echo "$bad"; return 1; }
	bad=$(grep -i '^Cc:.*stable' "$SCRATCH/body" | grep -vxE 'Cc: stable@vger\.kernel\.org # [0-9]+\.[0-9]+\+' | head -n 1)
	[ -z "$bad" ] || { echo "$bad"; return 1; }
	if [ -n "${EXPORT_TO:-}" ]; then
		grep -qE "^\[ (Upstream: commit [0-9a-f]{12} \(\"|Not upstream yet( \]|:)|$OTHERWISE)" "$SCRATCH/body" || { echo "does not say what it carries"; return 1; }
	else
		if grep -qE "^\[ $OTHERWISE" "$SCRATCH/body"; then
			! grep -q '^Cc: stable@' "$SCRATCH/body" || { echo "Cc: stable, and not for upstream"; return 1; }
		else
			[ "$(grep -c '^Fixes: ' "$SCRATCH/body")" = 0 ] || grep -q '^Cc: stable@' "$SCRATCH/body" || { echo "Fixes: without Cc: stable"; return 1; }
		fi
	fi
}

# The tree has none of the history that a Fixes: tag points into.
checkpatch() { # MAIL
	(cd "$TREE" && scripts/checkpatch.pl --strict --quiet --no-summary --ignore UNKNOWN_COMMIT_ID "$1")
}

addressed() { # MAIL
	sed '/^$/q' "$1" >"$SCRATCH/head"
	grep -qE '^To: .*@' "$SCRATCH/head" || { echo "goes to nobody"; return 1; }
	grep -qE '@(vger\.kernel|lists)\.' "$SCRATCH/head" || { echo "goes to no list"; return 1; }
}

whole_cover() {
	letter=$(cover_letter)
	! grep -F '*** ' "$letter" || return 1
	grep -qxE "$(base_line | sed 's/[][().*^$\\]/\\&/g')" "$letter" || { echo "no base"; return 1; }
	! grep -F -e "$(tree_git rev-parse base)" -e "$BELOW" "$letter" || { echo "names a commit that only this machine has"; return 1; }
	[ "$VERSION" = 1 ] || grep -q "^Range-diff against v$((VERSION - 1)):" "$letter" || { echo "no range-diff"; return 1; }
	for heading in Problem 'What changes' 'How it was tested' 'What was not tested' Results; do
		grep -qx "$heading" "$letter" || { echo "says nothing under \"$heading\""; return 1; }
	done
}

check() { # TOPIC
	one "$1: git am of the mails on $TAG as it is here gives the exported tree" applies
	[ -z "$VANILLA" ] || one "$1: git am of the mails on $TAG in $VANILLA makes the same change" applies_to_vanilla
	one "$1: the cover letter is whole" whole_cover
	one "$1: the cover letter goes to somebody" addressed "$(cover_letter)"
	for mail in $(mails); do
		name=$1/${mail##*/}
		one "$name: one sign-off, and the author's" signed_once "$mail"
		one "$name: Fixes: and stable" fixes_and_stable "$mail"
		one "$name: goes to maintainers and a list" addressed "$mail"
		[ -n "$REHEARSAL" ] || one "$name: checkpatch --strict" checkpatch "$mail"
	done
}

COMMIT=$(public_commit)
tap_begin "$TAP_NAME"
for topic in $TOPICS; do
	of "$topic"
	keep "$(commits)"
	progress "$ME: $topic: writing mails" "$LOG" write || explain "$LOG" 'the mails cannot be written' "$(tail -n 1 "$LOG") (log $LOG)"
	check "$topic"
	[ -n "$REHEARSAL" ] || say "$ME: $(mails | wc -l) mails and a cover letter in $OUT"
	[ -z "$VANILLA" ] || for file in $(edited_here); do say "$ME: $file of $TAG is not the same there and here, where it is the distribution's"; done
done
tap_end good bad || exit 1
[ -z "$REHEARSAL" ] || exit 0
[ -n "$COMMIT" ] || say "$ME: the public commit of $TAG is not known here: the cover letter names the release; BASE_COMMIT= adds the id"
[ -n "$VANILLA" ] || say "$ME: not tried on kernel.org's own $TAG: VANILLA=linux-$RELEASE.tar.xz does"
say "$ME: nothing was sent. Read them; to send them: git send-email --confirm=always $BUILD_DIR/export/$BASE/${TOPIC:-TOPIC}/v$VERSION/*.patch"
