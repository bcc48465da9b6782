#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# htmldocs.sh [tree]: what the series adds to the kernel's documentation, by the tree's own "make htmldocs". Each page that it touches is built,
# and no warning is about a file that it touches. lint.sh runs kernel-doc itself.
set -eu
. "$(dirname -- "$0")/lib.sh"
CODE=patched
[ "${1:-}" != tree ] || CODE=tree
begin
need sphinx-build perl python3
LOG=$LOGS/htmldocs.log HTML=$WORK/htmldocs

touched() { tree_git diff --name-only --diff-filter=d base -- "$@"; }
check() {
	folders=$(touched Documentation | cut -d / -f 2 | sort -u | paste -sd ' ')
	rm -rf "$HTML"
	# userspace-api/media is four fifths of all pages there, and nothing of it is about ATS.
	progress "$ME: building $folders" "$LOG" make -C "$TREE" htmldocs SPHINXDIRS="$folders" BUILDDIR="$HTML" \
		SPHINXOPTS='-q -D exclude_patterns=media/**' || failed 'building the documentation'
	for file in $(touched 'Documentation/*.rst' 'drivers/*.[ch]' 'include/*.h'); do
		html=$HTML/${file#Documentation/}
		said=$(grep -F "$file:" "$LOG" | grep -m 1 -E 'WARNING|ERROR' || :)
		case $file in *.rst) [ -f "${html%.rst}.html" ] || said='the page was not built' ;; esac
		if [ -z "$said" ]; then tap ok "htmldocs.$file"; else tap 'not ok' "htmldocs.$file: $said"; fi
	done
}
tap_begin htmldocs
on_branch "$CODE" check
tap_end
