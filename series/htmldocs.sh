#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What the series adds to the kernel's documentation, by the tree's own "make htmldocs" and kernel-doc: each page that it
# touches is built, and no warning is about a file that it touches. Some files have warnings of old: those stay.
set -eu
. "$(dirname -- "$0")/lib.sh"
begin
need sphinx-build perl python3
LOG=$LOGS/htmldocs.log
HTML=$WORK/htmldocs

touched() { tree_git diff --name-only --diff-filter=d base -- "$@"; }
folders() { touched Documentation | cut -d / -f 2 | sort -u | paste -sd ' '; }
build() { make -C "$TREE" htmldocs SPHINXDIRS="$(folders)" BUILDDIR="$HTML" SPHINXOPTS=-q; }

page() { # FILE
	html=$HTML/${1#Documentation/}
	if ! [ -f "${html%.rst}.html" ]; then
		say 'there is no such page'
	else
		grep -F "$1" "$LOG" | grep -E 'WARNING|ERROR' || :
	fi
}

# What is said of a file, without its line numbers: they change.
kernel_doc() { (cd "$TREE" && scripts/kernel-doc -none -Wall "$1" 2>&1) | sed "s,^\\(.*\\)$2:[0-9]*,$2:," | sort; }
source() { # FILE
	mkdir -p "$(dirname "$HTML.base/$1")"
	tree_git show "base:$1" >"$HTML.base/$1" 2>/dev/null || :
	kernel_doc "$HTML.base/$1" "$1" >"$HTML.base/before"
	kernel_doc "$1" "$1" | comm -13 "$HTML.base/before" -
	grep -F "$1:" "$LOG" | grep -E 'WARNING|ERROR' || :
}

judge() { # KIND FILE
	complaint=$("$1" "$2" | head -n 1)
	if [ -z "$complaint" ]; then tap ok "htmldocs.$2"; else tap 'not ok' "htmldocs.$2: $complaint"; fi
}

rm -rf "$HTML" "$HTML.base"
progress "$ME: building $(folders)" "$LOG" meter_none build ||
	explain "$LOG" 'the documentation does not build' "$(tail -n 1 "$LOG") (log $LOG)"
tap_begin "htmldocs${LABEL:+-$LABEL}"
for file in $(touched 'Documentation/*.rst'); do judge page "$file"; done
for file in $(touched 'drivers/*.[ch]' 'include/*.h'); do judge source "$file"; done
tap_end clean 'not clean'
