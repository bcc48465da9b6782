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

# coccicheck refuses to write to a log that exists, and calls that a success.
check_tree() {
	rm -f "$LOG"
	make -C "$TREE" -s coccicheck COCCI="$COCCI" MODE=report J="$JOBS" V=0 DEBUG_FILE="$LOG" >"$OUT" 2>&1
}
check_folder() { # FOLDER MODE
	rm -f "$LOG"
	(cd "$1" && srctree=. srcroot=. KBUILD_EXTMOD='' LINUXINCLUDE='' C=0 V=0 COCCI="$COCCI" MODE="$2" J="$JOBS" \
		DEBUG_FILE="$LOG" "$TREE/scripts/coccicheck") >"$OUT" 2>&1
}
run() { # WHAT COMMAND...: leaves in found: file:function:what-is-wrong, without line numbers, which change
	running=$1
	shift
	progress "$ME: $running" "$SCRATCH/log" "$@" || failed "coccicheck on $running"
	sed -n 's,^\(\./\)*\([^:]*\):[0-9]*:[0-9]*-[0-9]*: WARNING: \(.*\) in \([A-Za-z0-9_]*\)$,\2:\4:\3,p' "$OUT" |
		tr -d '()' | tr ' ' '-' | sort -u >"$SCRATCH/found"
}
callers() { tree_git grep -lE '\bpci_(prepare_ats|enable_ats|disable_ats|ats_supported)\b' "$@" -- '*.[ch]'; }

compare() { # PREFIX WANTED FOUND
	comm "$2" "$3" | while IFS= read -r line; do
		finding=$1.$(say "$line" | tr -d '\t')
		case $line in
		'		'*) tap ok "$finding" ;;
		'	'*) tap 'not ok' "$finding: found, but not listed" ;;
		*) tap 'not ok' "$finding: not found" ;;
		esac
	done
}
# Patch mode on a folder: it applies, what it mends is gone, and nothing is new.
mend() { # FOLDER PREFIX
	mv "$SCRATCH/found" "$SCRATCH/before"
	run "$2" check_folder "$1" patch
	sed -n '/^diff /,$p' "$OUT" >"$SCRATCH/diff"
	if [ -s "$SCRATCH/diff" ] && ! (cd "$1" && git apply "$SCRATCH/diff") >"$LOG" 2>&1; then
		tap 'not ok' "$2: the patch does not apply: $(tail -n 1 "$LOG")"
		return
	fi
	run "$2" check_folder "$1" report
	comm -23 "$SCRATCH/before" "$SCRATCH/found" >"$SCRATCH/gone"
	compare "$2" "$SCRATCH/mended" "$SCRATCH/gone"
	comm -13 "$SCRATCH/before" "$SCRATCH/found" | while read -r finding; do tap 'not ok' "$2.$finding: new after patch mode"; done
}
# The findings of a folder against a list, one a line; "patch" behind one says that patch mode mends it.
try_folder() { # FOLDER PREFIX LIST
	run "$2" check_folder "$1" report
	cut -d ' ' -f 1 "$3" | sort -u >"$SCRATCH/wanted"
	sed -n 's/ patch$//p' "$3" | sort -u >"$SCRATCH/mended"
	compare "$2" "$SCRATCH/wanted" "$SCRATCH/found"
	for clean in "$1"/*-clean.c; do
		[ ! -f "$clean" ] || grep -q "^${clean##*/}:" "$SCRATCH/found" || tap ok "$2.${clean##*/}"
	done
	mend "$1" "$2.mended"
}
# A few files are copied: coccicheck takes a folder, and would check all of the tree's.
try_tree() { # CASE...
	files=$(printf '%s\n' "$@" | sed 's/^coccinelle\.//; s/:.*//' | sort -u)
	if [ $# = 0 ]; then
		files=$(callers)
		run 'the tree' check_tree
	else
		mkdir "$SCRATCH/some"
		# shellcheck disable=SC2086  # a list of names
		(cd "$TREE" && cp --parents $files "$SCRATCH/some") 2>"$LOG" || die "no such file: $(head -n 1 "$LOG")"
		run 'some files' check_folder "$SCRATCH/some" report
	fi
	for file in $files; do
		grep -q "^$file:" "$SCRATCH/found" || tap ok "coccinelle.$file"
	done
	while read -r finding; do tap 'not ok' "coccinelle.$finding: found"; done <"$SCRATCH/found"
}
try_base() {
	mkdir "$SCRATCH/base"
	# shellcheck disable=SC2046  # a list of names
	tree_git archive base $(callers base | sed 's/^base://') | tar -xf - -C "$SCRATCH/base"
	"$TOP/judge" findings >"$SCRATCH/list"
	try_folder "$SCRATCH/base" coccinelle.base "$SCRATCH/list"
}
# A file with planted defects names them in its comments.
try_planted() {
	mkdir "$SCRATCH/planted"
	cp "$PLANTED"/*.c "$SCRATCH/planted"
	(cd "$PLANTED" && grep -o '^// Finds: .*' ./*.c) | sed 's,^\./\([^:]*:\)// Finds: ,\1,' >"$SCRATCH/list"
	for mode in context org; do
		run "$mode mode" check_folder "$SCRATCH/planted" "$mode"
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
make_dir "$SCRATCH"
make_dir "$LOGS"
tap_begin coccinelle
on_branch "$CODE" check "$@"
tap_end
