#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Write a topic of the series as mails that a person can send: build/export/<base>/<topic>/v<N>/. Nothing is sent. docs/mail.md has the
# variables, and what is checked at once: results in build/results/<base>/export.tap, of V=0, a rehearsal by nobody, in rehearsal.tap.
set -eu
VERSION=${V:-} V=0 # here V is no verbosity
export V
WANTED_COMMIT=${BASE_COMMIT:-}
. "$(dirname -- "$0")/lib.sh"
FROM=${FROM:-} VANILLA=${VANILLA:-} REHEARSAL='' TAP_NAME=export
[ "$VERSION" != 0 ] || REHEARSAL=yes TAP_NAME=rehearsal FORCE=1 VERSION=1 FROM='Nobody <nobody@example.org>'

# ---- what may be wrong with it

[ -n "$FROM" ] || die "FROM= is missing: who sends the mails? FROM='Name <mail>'"
if [ "$(say "$FROM" | wc -l)" != 1 ] ||
	! say "$FROM" | grep -qxE "[^][<>()@,;:\\\"]*[^][<>()@,;:\\\" ] <[A-Za-z0-9._+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+>"; then
	die "FROM=$(say "$FROM" | head -n 1): not of the form 'Name <mail>', which is one person"
fi
case $FROM in *.invalid\>) die "FROM=$FROM: .invalid is not a real address: name a person" ;; esac
say "$VERSION" | grep -qxE '[1-9][0-9]*' || die "V=$VERSION: which version is this? A number, V=1 for the first"
say "$WANTED_COMMIT" | grep -qxE '([0-9a-f]{40})?' || die "BASE_COMMIT=$WANTED_COMMIT: not a full commit id of 40 hex digits"
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
TAG=v$RELEASE LOG=$LOGS/export.log
make_dir "$LOGS"
SCRATCH=$(mktemp -d "$WORK/export.XXXXXX") || die "cannot write in $WORK: is the disk full?"
to_remove=$SCRATCH
on_exit

# The release's commit, from whoever can know it: the command line, a git tree with the tag, the pin for its own release.
COMMIT=$WANTED_COMMIT
[ -n "$COMMIT" ] || [ -z "$VANILLA" ] || COMMIT=$(git -C "$VANILLA" rev-parse -q --verify "refs/tags/$TAG^{commit}" 2>/dev/null || :)
[ -n "$COMMIT" ] || [ "${BASE_TAG:-}" != "$TAG" ] || COMMIT=${BASE_COMMIT:-}
BASE_LINE="base-tree: $TAG (linux-$RELEASE.tar.xz)"
[ -z "$COMMIT" ] || BASE_LINE="base-commit: $COMMIT"

# of TOPIC: its cover letter, the commits below it and of it, where its mails go.
of() {
	COVER=$("$TOP/judge" queue cover "$1") || exit
	PREVIOUS=refs/export/$1/v$((VERSION - 1)) REF=refs/export/$1/v$VERSION OUT=$BUILD_DIR/export/$BASE/$1/v$VERSION
	[ -f "$COVER" ] || die "series/$1/cover.txt is missing: write the cover letter's subject into its first line, then the text"
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
tree_of() { # COMMIT
	blob=$(tree_git cat-file blob "$1:MAINTAINERS" 2>/dev/null |
		M="M:	$FROM" awk '{ print } $0 == "PCI ADDRESS TRANSLATION SERVICES TESTS" { print ENVIRON["M"] }' | tree_git hash-object -w --stdin)
	tree_git ls-tree "$1" | sed "s/[0-9a-f]*\(	MAINTAINERS\)\$/$blob\1/" | tree_git mktree
}
# What was mailed must not change under a range-diff.
commit() {
	tip=$BELOW
	for commit in $(tree_git rev-list --reverse "$BELOW..$TIP"); do
		GIT_AUTHOR_DATE=$(tree_git log -1 --format=%aI "$commit") GIT_COMMITTER_DATE=$GIT_AUTHOR_DATE
		export GIT_AUTHOR_DATE GIT_COMMITTER_DATE
		tree_git log -1 --format=%B "$commit" | git interpret-trailers --no-divider --trailer "Signed-off-by: $FROM" >"$SCRATCH/message"
		tip=$(tree_git commit-tree "$(tree_of "$commit")" -p "$tip" -F "$SCRATCH/message")
	done
	old=$(tree_git rev-parse -q --verify "$REF" || say "$tip")
	[ "$old" = "$tip" ] || [ "${FORCE:-0}" = 1 ] ||
		die "v$VERSION was exported before with other content: use V=$((VERSION + 1)), or FORCE=1 if it was not sent"
	tree_git update-ref "$REF" "$tip"
	tree_git update-ref "$REF-below" "$BELOW"
}

# ---- the mails: format-patch writes them; subject and text of the cover letter are the queue's

description() {
	sed '/^Needs: /d' "$COVER"
	below=$("$TOP/judge" queue needs "$topic" | while read -r name; do head -n 1 "$("$TOP/judge" queue cover "$name")"; done | sed 's/.*/  "&"/')
	[ -z "$below" ] || printf '\nThis applies after the series\n\n%s\n' "$below"
	# Results are of this queue when they are younger than it.
	results=$(find "$RESULTS" -maxdepth 1 -name '*.json' -newer "$TREE/.git/prepared" 2>/dev/null | sort |
		while read -r json; do "$TOP/judge" tally 0 "$json" | sed -n '1s/^/  /p'; done)
	printf '\nResults\n-------\n\n'
	if [ -n "$results" ]; then
		printf 'Of all topics together on %s, unpatched and patched, what is as expected:\n\n%s\n' "$TAG" "$results"
	else
		echo 'No results: the tests were not run where this was exported.'
	fi
	printf '\n%s\n' "$BASE_LINE"
}
# All mails of a topic go to all who maintain what it touches: people are named, lists get copies, EXPORT_TO of the pin comes first. Names of any
# script go into headers as RFC 2047 wants them, and so does the sender's, which git leaves as it is in the cover letter.
recipients() {
	tree_git format-patch --stdout "$BELOW..$REF" | (cd "$TREE" && scripts/get_maintainer.pl --no-git --no-git-fallback --no-rolestats) |
		FROM="$FROM" python3 -c '
import email.utils, os, sys
def header(line): return email.utils.formataddr(email.utils.parseaddr(line))
stable, lines = sys.argv[1], [line.strip() for line in sys.stdin]
people = [header(line) for line in lines if "<" in line]
lists = [line for line in lines if "<" not in line and line != stable]
to, copies = ([stable], people + lists) if stable else (people, lists) if people else (lists, [])
print(header(os.environ["FROM"]), *("--to=" + each for each in to), *("--cc=" + each for each in copies), sep="\n")' "${EXPORT_TO:-}"
}
write() {
	rm -rf "$OUT"
	mkdir -p "$OUT" && recipients >"$SCRATCH/recipients" || return 1
	tree_git update-ref refs/heads/export/mails "$REF"
	[ "$VERSION" = 1 ] || set -- --range-diff="$(tree_git rev-parse "$PREVIOUS-below")..$PREVIOUS"
	while read -r option; do set -- "$@" "$option"; done <<-EOO
		$(sed 1d "$SCRATCH/recipients")
	EOO
	rc=0
	tree_git -c branch.export/mails.description="$(description)" format-patch --cover-letter --cover-from-description=subject -v "$VERSION" \
		--subject-prefix="${EXPORT_PREFIX:-PATCH}" --thread=shallow --abbrev=12 --no-signature --no-base --encode-email-headers -o "$OUT" "$@" \
		"$BELOW..export/mails" || rc=1
	tree_git update-ref -d refs/heads/export/mails
	from=$(head -n 1 "$SCRATCH/recipients") awk '!done && /^From: / { $0 = "From: " ENVIRON["from"]; done = 1 } { print }' "$(cover_letter)" >"$SCRATCH/cover"
	cp "$SCRATCH/cover" "$(cover_letter)"
	return "$rc"
}
cover_letter() { echo "$OUT"/v*-0000-cover-letter.patch; }
mails() { find "$OUT" -name '*.patch' ! -name '*-0000-*' | sort; }

# ---- and whether they are what they should be: a check that fails prints what is wrong

one() { # WHAT COMMAND...
	what=$1
	shift
	if "$@" >"$LOG" 2>"$LOG.err" && [ ! -s "$LOG" ]; then tap ok "$what"; else tap 'not ok' "$what: $(cat "$LOG" "$LOG.err" | grep -m 1 .)"; fi
}

# git looks at nothing but what the series touches: its files of the base here, or of the release, in a repository of their own.
touched() { tree_git diff --no-renames --name-only base "$REF"; }
unpack() { # HERE|VANILLA: into the folder
	touched | sed 's,^,*/,' >"$SCRATCH/names"
	if [ "$1" = here ]; then
		# shellcheck disable=SC2046  # lists of names
		tree_git archive --prefix=linux/ base Makefile $(tree_git ls-tree -r --name-only base -- $(touched))
	elif [ -f "$VANILLA" ]; then
		xz -dcf "$VANILLA"
	elif git -C "$VANILLA" rev-parse -q --verify "refs/tags/$TAG" >/dev/null 2>&1; then
		git -C "$VANILLA" archive --prefix=linux/ "$TAG"
	else
		touched | (cd "$VANILLA" && tar -c --ignore-failed-read --transform 's,^,linux/,' -T - 2>/dev/null)
	fi | tar -x -C "$SCRATCH/$1" --strip-components=1 --wildcards --no-wildcards-match-slash -T "$SCRATCH/names" 2>/dev/null || :
}
applies() { # HERE|VANILLA
	repository="git -C $SCRATCH/$1"
	rm -rf "${SCRATCH:?}/$1"
	mkdir "$SCRATCH/$1"
	unpack "$1"
	[ "$1" = here ] || [ -n "$(ls "$SCRATCH/$1")" ] || { echo "$VANILLA holds none of the files that the series touches"; return; }
	$repository init -q && $repository add -A -f && $repository commit -q --allow-empty -m "$TAG" && $repository ls-tree -r HEAD >"$SCRATCH/$1.files" || return
	tree_git diff --binary base "$BELOW" | $repository apply --allow-empty --index && $repository commit -q --allow-empty -m below || return
	below=$($repository rev-parse HEAD)
	# shellcheck disable=SC2046  # a list of names
	$repository am -q $(mails) || return
	[ "$($repository diff --no-renames "$below" HEAD | change)" = "$(tree_git diff --no-renames "$BELOW" "$REF" | change)" ] || echo 'the mails make another change there'
}
change() { grep -vE '^(index|@@) '; }

says() { grep -qE "$1" "$SCRATCH/body"; }
signed_once() {
	[ "$(grep -i '^Signed-off-by:' "$SCRATCH/body")" = "Signed-off-by: $FROM" ] || echo "not exactly one Signed-off-by, by $FROM"
	[ "$(sed -n 's/^Author: //p' "$SCRATCH/info") <$(sed -n 's/^Email: //p' "$SCRATCH/info")>" = "$FROM" ] || echo "not from $FROM"
}
# Backports for one release say what they carry; all others say to which releases a fix belongs, unless mainline has decided otherwise.
fixes_and_stable() {
	grep -iE '^(Fixes:|Cc:.*stable)' "$SCRATCH/body" | grep -vxE 'Fixes: [0-9a-f]{12} \("[^"].*"\)|Cc: stable@vger\.kernel\.org # [0-9]+\.[0-9]+\+'
	otherwise='Not for upstream: commit [0-9a-f]{12} \("'
	if [ -n "${EXPORT_TO:-}" ]; then
		says "^\[ (Upstream: commit [0-9a-f]{12} \(\"|Not upstream yet( \]|:)|$otherwise)" || echo 'names no mainline commit, and does not say that there is none'
	elif says "^\[ $otherwise"; then
		! says '^Cc: stable@' || echo 'has Cc: stable, but is not for upstream'
	else
		! says '^Fixes: ' || says '^Cc: stable@' || echo 'Fixes: without Cc: stable'
	fi
}
# The tree has none of the history that a Fixes: tag points into.
checkpatch() { (cd "$TREE" && scripts/checkpatch.pl --strict --quiet --no-summary --ignore UNKNOWN_COMMIT_ID "$1"); } # MAIL
addressed() {
	grep -q '^--to=.*@' "$SCRATCH/recipients" || echo 'has no recipient'
	grep -qE '^--(to|cc)=.*@(vger\.kernel|lists)\.' "$SCRATCH/recipients" || echo 'goes to no list'
}
whole_cover() {
	letter=$(cover_letter)
	grep -F '*** ' "$letter"
	grep -qxF "$BASE_LINE" "$letter" || echo 'no base'
	! grep -qF -e "$(tree_git rev-parse base)" -e "$BELOW" "$letter" || echo 'names a commit that exists only in the local tree'
	[ "$VERSION" = 1 ] || grep -q "^Range-diff against v$((VERSION - 1)):" "$letter" || echo 'no range-diff'
	for heading in Problem 'What changes' 'How it was tested' 'What was not tested' Results; do
		grep -qx "$heading" "$letter" || echo "has no section \"$heading\""
	done
}
check() { # TOPIC
	one "$1: git am of the mails on $TAG as it is here makes the same change" applies here
	[ -z "$VANILLA" ] || one "$1: git am of the mails on $TAG in $VANILLA makes the same change" applies vanilla
	one "$1: the cover letter is complete" whole_cover
	one "$1: goes to maintainers and a list" addressed
	for mail in $(mails); do
		name=$1/${mail##*/}
		git mailinfo -k "$SCRATCH/body" /dev/null <"$mail" >"$SCRATCH/info"
		one "$name: one sign-off, and the author's" signed_once
		one "$name: Fixes: and stable" fixes_and_stable
		[ -n "$REHEARSAL" ] || one "$name: checkpatch --strict" checkpatch "$mail"
	done
}

tap_begin "$TAP_NAME"
for topic in $TOPICS; do
	of "$topic"
	commit
	write >"$LOG" 2>&1 || explain "$LOG" "$topic: the mails cannot be written" "$(tail -n 1 "$LOG") (log $LOG)"
	check "$topic"
	[ -n "$REHEARSAL" ] || say "$ME: $(mails | wc -l) mails and a cover letter in $OUT"
	# The distribution's source has the distribution's own edits.
	[ -z "$VANILLA" ] || sort "$SCRATCH/here.files" "$SCRATCH/vanilla.files" | uniq -u | cut -f 2 | sort -u |
		sed "s/.*/$ME: & of $TAG is not the same there and here, where it is the distribution's/"
done
tap_end || exit 1
[ -z "$REHEARSAL" ] || exit 0
[ -n "$COMMIT" ] || say "$ME: the public commit of $TAG is not known here: the cover letter names the release; BASE_COMMIT= adds the id"
[ -n "$VANILLA" ] || say "$ME: not checked on kernel.org's $TAG: set VANILLA=linux-$RELEASE.tar.xz"
say "$ME: nothing was sent. Read them; to send them: git send-email --confirm=always $BUILD_DIR/export/$BASE/${TOPIC:-TOPIC}/v$VERSION/*.patch"
