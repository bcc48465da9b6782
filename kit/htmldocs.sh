#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What the series adds to the kernel's documentation, by the tree's own "make htmldocs": each page that it touches is built,
# and no warning is about a file that it touches. What kernel-doc says of a source by itself, lint.sh judges.
set -eu
. "$(dirname -- "$0")/lib.sh"
begin
need sphinx-build perl python3
LOG=$LOGS/htmldocs.log
HTML=$WORK/htmldocs

touched() { tree_git diff --name-only --diff-filter=d base -- "$@"; }
folders() { touched Documentation | cut -d / -f 2 | sort -u | paste -sd ' '; }
# userspace-api/media is four fifths of all pages there, and nothing of it is about ATS.
build() { make -C "$TREE" htmldocs SPHINXDIRS="$(folders)" BUILDDIR="$HTML" SPHINXOPTS='-q -D exclude_patterns=media/**'; }

page() { # FILE
	html=$HTML/${1#Documentation/}
	if ! [ -f "${html%.rst}.html" ]; then
		say 'there is no such page'
	else
		grep -F "$1" "$LOG" | grep -E 'WARNING|ERROR' || :
	fi
}

source() { grep -F "$1:" "$LOG" | grep -E 'WARNING|ERROR' || :; } # FILE

judge() { # KIND FILE
	complaint=$("$1" "$2" | head -n 1)
	if [ -z "$complaint" ]; then tap ok "htmldocs.$2"; else tap 'not ok' "htmldocs.$2: $complaint"; fi
}

rm -rf "$HTML"
progress "$ME: building $(folders)" "$LOG" meter_none build ||
	explain "$LOG" 'the documentation does not build' "$(tail -n 1 "$LOG") (log $LOG)"
tap_begin "htmldocs${LABEL:+-$LABEL}"
for file in $(touched 'Documentation/*.rst'); do judge page "$file"; done
for file in $(touched 'drivers/*.[ch]' 'include/*.h'); do judge source "$file"; done
tap_end clean 'not clean'
