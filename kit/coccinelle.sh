#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# coccinelle.sh [tree [CASE...]]: the semantic patch that the series adds, run by the kernel's own coccicheck. It has to find
# in the unpatched code what series/BASE/coccinelle lists and nothing else, nothing in all of the tree, and what is planted in
# kit/tests/coccinelle/*.c but nothing in their clean twins; what it mends, it must not find again. With "tree" only what
# build/BASE/linux holds is looked at; of that, with coccinelle.FILE:FUNCTION:WHAT-IS-WRONG, only those files.
set -eu
. "$(dirname -- "$0")/lib.sh"
MODE=${1:-series}
[ $# = 0 ] || shift
case $MODE:$# in series:0 | tree:*) ;; *) die 'usage: coccinelle.sh [tree [coccinelle.file:function:what-is-wrong...]]' ;; esac
begin
need spatch git make python3
COCCI=$TREE/scripts/coccinelle/api/pci_ats.cocci
[ -f "$COCCI" ] || die "$TREE has no ${COCCI#"$TREE/"}: see series/order"
LOG=$LOGS/coccinelle.log
SCRATCH=$WORK/coccinelle
OUT=$SCRATCH/out

# file:function:what-is-wrong, without the line numbers, which change
findings() { # OUTPUT
	sed -n 's,^\(\./\)*\([^:]*\):[0-9]*:[0-9]*-[0-9]*: WARNING: \(.*\) in \([A-Za-z0-9_]*\)$,\2:\4:\3,p' "$1" |
		tr -d '()' | tr ' ' '-' | sort -u
}

# coccicheck refuses to write to a log that is there, and calls that a success.
check_tree() {
	rm -f "$LOG"
	make -C "$TREE" -s coccicheck COCCI="$COCCI" MODE=report J="$JOBS" V=0 DEBUG_FILE="$LOG" >"$OUT" 2>&1
}
check_folder() { # FOLDER MODE
	rm -f "$LOG"
	(cd "$1" && srctree=. srcroot=. KBUILD_EXTMOD='' LINUXINCLUDE='' C=0 V=0 COCCI="$COCCI" MODE="$2" J="$JOBS" \
		DEBUG_FILE="$LOG" "$TREE/scripts/coccicheck") >"$OUT" 2>&1
}
run() { # WHAT COMMAND...
	running=$1
	shift
	progress "$ME: $running" "$SCRATCH/log" meter_none "$@" ||
		explain "$LOG" "coccicheck fails on $running" "$(grep -m 1 -i error "$LOG" || tail -n 1 "$LOG") (log $LOG)"
}

callers() { tree_git grep -lE '\bpci_(prepare_ats|enable_ats|disable_ats|ats_supported)\b' "$@" -- '*.[ch]'; }

# A list has "finding" or "finding patch" in a line, and comments.
wanted() { sed 's/#.*//' "$1" | awk 'NF { print $1 }' | sort -u; }
mended() { sed 's/#.*//' "$1" | awk '$2 == "patch" { print $1 }' | sort -u; }

# What is in both lists is well; what is in one only is told.
compare() { # PREFIX WANTED FOUND
	comm -12 "$2" "$3" | while read -r finding; do tap ok "$1$finding"; done
	comm -23 "$2" "$3" | while read -r finding; do tap 'not ok' "$1$finding: not found"; done
	comm -13 "$2" "$3" | while read -r finding; do tap 'not ok' "$1$finding: found, and not listed"; done
}

# Patch mode on a folder: it applies, what it mends has gone, and nothing has come. Only patched files are looked at again.
mend() { # FOLDER PREFIX
	run "$2" check_folder "$1" patch
	sed -n '/^diff /,$p' "$OUT" >"$SCRATCH/diff"
	sed -n 's,^+++ b/\(.*\),^\1:,p' "$SCRATCH/diff" >"$SCRATCH/patched"
	if [ ! -s "$SCRATCH/patched" ]; then
		compare "$2." "$SCRATCH/mended" /dev/null
		return
	fi
	if ! (cd "$1" && git apply "$SCRATCH/diff") >"$LOG" 2>&1; then
		tap 'not ok' "$2: the patch does not apply: $(tail -n 1 "$LOG")"
		return
	fi
	(cd "$1" && find . -type f) | sed 's,^\./,,; s,$,:,' | grep -v -f "$SCRATCH/patched" | tr -d : | (cd "$1" && xargs -r rm)
	run "$2" check_folder "$1" report
	findings "$OUT" >"$SCRATCH/left"
	grep -f "$SCRATCH/patched" "$SCRATCH/found" >"$SCRATCH/before" || :
	comm -23 "$SCRATCH/before" "$SCRATCH/left" >"$SCRATCH/gone"
	compare "$2." "$SCRATCH/mended" "$SCRATCH/gone"
	comm -13 "$SCRATCH/before" "$SCRATCH/left" | while read -r finding; do tap 'not ok' "$2.$finding: has come"; done
}

# A list against what is found in a folder.
try_folder() { # FOLDER PREFIX LIST
	run "$2" check_folder "$1" report
	findings "$OUT" >"$SCRATCH/found"
	wanted "$3" >"$SCRATCH/wanted"
	mended "$3" >"$SCRATCH/mended"
	compare "$2." "$SCRATCH/wanted" "$SCRATCH/found"
	mend "$1" "$2.mended"
}

# Of a few files a copy: coccicheck takes a folder, and would go through all of the tree's.
files_of() { printf '%s\n' "$@" | sed 's/^coccinelle\.//; s/:.*//' | sort -u; } # CASE...
try_tree() { # CASE...
	if [ $# = 0 ]; then
		files=$(callers)
		run 'the tree' check_tree
	else
		files=$(files_of "$@")
		mkdir "$SCRATCH/some"
		# shellcheck disable=SC2086  # a list of names
		(cd "$TREE" && cp --parents $files "$SCRATCH/some") 2>"$LOG" || die "there is no such file: $(head -n 1 "$LOG")"
		run 'some files' check_folder "$SCRATCH/some" report
	fi
	findings "$OUT" >"$SCRATCH/found"
	for file in $files; do
		grep -q "^$file:" "$SCRATCH/found" || tap ok "coccinelle.$file"
	done
	while read -r finding; do tap 'not ok' "coccinelle.$finding: found"; done <"$SCRATCH/found"
}

try_base() {
	[ -f "$EXPECTED/coccinelle" ] || die "series/expected/$BASE/coccinelle is missing: it lists what there is to find without the series"
	mkdir "$SCRATCH/base"
	# shellcheck disable=SC2046  # a list of names
	tree_git archive base $(callers base | sed 's/^base://') | tar -xf - -C "$SCRATCH/base"
	try_folder "$SCRATCH/base" coccinelle.base "$EXPECTED/coccinelle"
}

# A file that has something planted says so in its comments.
try_planted() {
	mkdir "$SCRATCH/planted"
	cp "$KIT"/tests/coccinelle/*.c "$SCRATCH/planted"
	(cd "$KIT/tests/coccinelle" && for file in *.c; do sed -n "s,^// Finds: ,$file:,p" "$file"; done) >"$SCRATCH/list"
	for mode in context org; do
		run "$mode mode" check_folder "$SCRATCH/planted" "$mode"
		missed=$(cut -d : -f 1 "$SCRATCH/list" | sort -u | while read -r file; do grep -qF "/$file" "$OUT" || say "$file"; done)
		if [ -z "$missed" ]; then tap ok "coccinelle.$mode"; else tap 'not ok' "coccinelle.$mode: $missed: not found"; fi
	done
	try_folder "$SCRATCH/planted" coccinelle.planted "$SCRATCH/list"
	for file in "$KIT"/tests/coccinelle/*-clean.c; do
		grep -q "^${file##*/}:" "$SCRATCH/found" || tap ok "coccinelle.planted.${file##*/}"
	done
}

rm -rf "$SCRATCH"
make_dir "$SCRATCH"
make_dir "$LOGS"
tap_begin "coccinelle${LABEL:+-$LABEL}"
try_tree "$@"
[ "$MODE" = tree ] || { try_base; try_planted; }
tap_end 'as it has to be' 'not as it has to be'
