#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# coccinelle.sh [tree [CASE...]]: the semantic patch that the series adds, run by the kernel's own coccicheck. It must find what the holes'
# Findings name in the base and nothing else there, nothing in the patched tree, and what is planted in kit/tests/coccinelle/*.c but nothing
# in their clean twins. What it mends, it must not find again. With "tree" only build/BASE/linux is checked; with
# coccinelle.FILE:FUNCTION:WHAT-IS-WRONG only those files of it.
set -eu
. "$(dirname -- "$0")/lib.sh"
CODE=patched
case $#,${1:-} in
0,) ;;
*,tree) CODE=tree && shift ;;
*) die 'usage: coccinelle.sh [tree [coccinelle.file:function:what-is-wrong...]]' ;;
esac
need spatch git make python3
begin
COCCI=$TREE/scripts/coccinelle/api/pci_ats.cocci PLANTED=$KIT/tests/coccinelle LOG=$LOGS/coccinelle.log SCRATCH=$WORK/coccinelle
OUT=$SCRATCH/out

# What coccicheck is called with by make, but for a folder of a few files. It refuses to write to a log that exists, and calls that a success.
coccicheck() { # FOLDER MODE
	rm -f "$LOG"
	(cd "$1" && srctree=. srcroot=. KBUILD_EXTMOD='' LINUXINCLUDE='' C=0 V=0 COCCI="$COCCI" MODE="$2" J="$JOBS" \
		DEBUG_FILE="$LOG" "$TREE/scripts/coccicheck") >"$OUT" 2>&1
}
run() { # WHAT FOLDER MODE: leaves in found: file:function:what-is-wrong, without line numbers, which change
	progress "$ME: $1, $3" "$SCRATCH/log" coccicheck "$2" "$3" || failed "coccicheck on $1"
	sed -n 's,^\(\./\)*\([^:]*\):[0-9]*:[0-9]*-[0-9]*: WARNING: \(.*\) in \([A-Za-z0-9_]*\)$,\2:\4:\3,p' "$OUT" |
		tr -d '()' | tr ' ' '-' | sort -u >"$SCRATCH/found"
}
compare() { # PREFIX WANTED FOUND
	comm "$2" "$3" | while IFS= read -r line; do
		finding=$1.$(say "$line" | tr -d '\t')
		case $line in
		'		'*) tap ok "$finding" ;;
		'	'*) tap 'not ok' "$finding: reported, but no hole lists it" ;;
		*) tap 'not ok' "$finding: not found" ;;
		esac
	done
}
# The findings of a folder against a list, one a line; "patch" behind one says that patch mode mends it: it applies, what it mends is gone,
# and nothing is new.
try_folder() { # FOLDER PREFIX LIST
	cut -d ' ' -f 1 "$3" | sort -u >"$SCRATCH/wanted"
	sed -n 's/ patch$//p' "$3" | sort -u >"$SCRATCH/mended"
	run "$2" "$1" report
	compare "$2" "$SCRATCH/wanted" "$SCRATCH/found"
	(cd "$1" && find . -type f | sed 's,^\./,,' | sort) | while read -r file; do
		cat "$SCRATCH/wanted" "$SCRATCH/found" | grep -q "^$file:" || tap ok "$2.$file"
	done
	[ -s "$3" ] || return 0
	mv "$SCRATCH/found" "$SCRATCH/before"
	run "$2" "$1" patch
	sed -n '/^diff /,$p' "$OUT" >"$SCRATCH/diff"
	if [ -s "$SCRATCH/diff" ] && ! (cd "$1" && git apply "$SCRATCH/diff") >"$LOG" 2>&1; then
		tap 'not ok' "$2.mended: the patch does not apply: $(tail -n 1 "$LOG")"
		return
	fi
	run "$2" "$1" report
	comm -23 "$SCRATCH/before" "$SCRATCH/found" >"$SCRATCH/gone"
	compare "$2.mended" "$SCRATCH/mended" "$SCRATCH/gone"
	comm -13 "$SCRATCH/before" "$SCRATCH/found" | while read -r finding; do tap 'not ok' "$2.mended.$finding: new after patch mode"; done
}
# Copies of the files that call what the semantic patch is about: coccicheck takes a folder, and would look at all of the kernel.
callers() { # [COMMIT]
	tree_git grep -lE '\bpci_(prepare_ats|enable_ats|disable_ats|ats_supported)\b' "$@" -- '*.[ch]' | sed 's/^base://'
}
try_tree() { # CASE...
	files=$(printf '%s\n' "$@" | sed 's/^coccinelle\.//; s/:.*//' | sort -u)
	[ $# != 0 ] || files=$(callers)
	# shellcheck disable=SC2086  # a list of names
	(cd "$TREE" && cp --parents $files "$SCRATCH/tree") 2>"$LOG" || die "no such file: $(head -n 1 "$LOG")"
	try_folder "$SCRATCH/tree" coccinelle /dev/null
}
try_base() {
	# shellcheck disable=SC2046  # a list of names
	tree_git archive base $(callers base) | tar -xf - -C "$SCRATCH/base"
	"$TOP/judge" findings >"$SCRATCH/list"
	try_folder "$SCRATCH/base" coccinelle.base "$SCRATCH/list"
}
# A file with planted defects names them in its comments.
try_planted() {
	cp "$PLANTED"/*.c "$SCRATCH/planted"
	(cd "$PLANTED" && grep -o '^// Finds: .*' ./*.c) | sed 's,^\./\([^:]*:\)// Finds: ,\1,' >"$SCRATCH/list"
	for mode in context org; do
		run planted "$SCRATCH/planted" "$mode"
		missed=$(cut -d : -f 1 "$SCRATCH/list" | sort -u | while read -r file; do grep -qF "/$file" "$OUT" || say "$file"; done)
		if [ -z "$missed" ]; then tap ok "coccinelle.$mode"; else tap 'not ok' "coccinelle.$mode: $missed: not found"; fi
	done
	try_folder "$SCRATCH/planted" coccinelle.planted "$SCRATCH/list"
}
check() { # CASE...
	[ -f "$COCCI" ] || die "$TREE has no ${COCCI#"$TREE/"}: check that series/order has its patch"
	try_tree "$@"
	[ "$CODE" = tree ] || { try_base; try_planted; }
}
rm -rf "$SCRATCH"
make_dir "$LOGS"
for folder in tree base planted; do make_dir "$SCRATCH/$folder"; done
tap_begin coccinelle
on_branch "$CODE" check "$@"
tap_end
