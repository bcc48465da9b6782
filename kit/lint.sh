#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# lint.sh [GATE...]             the kernel's own checks, on the files that the series touches, on the base and on the patched tree: what the
#                               series adds to their findings fails. build/results/BASE/lint.txt has the counts
# lint.sh tree [GATE|CASE...]   the same of what the tree holds, committed or not
# A case is lint.<gate>.<file>; of checkpatch without "tree", lint.checkpatch.<subject of the patch>.
#   sparse, W=1     the objects of the touched files, on arm64 and x86; W=1 also the selftests, of which sparse knows nothing
#   coccicheck      the kernel's rules in report mode, on the touched .c files of the kernel
#   kernel-doc, codespell   the touched files
#   checkpatch, get_maintainer, shellcheck   the patches, the sections for the new files, this repository's scripts: without a base
# Not seen is what a touched header does to a file that is not touched.
# Of the base only those files are checked in which the tree has findings: nothing else can be new.
set -eu
. "$(dirname -- "$0")/lib.sh"
COMPARED='sparse W=1 coccicheck kernel-doc codespell'
GATES="$COMPARED checkpatch get_maintainer shellcheck"
CODE=patched CASES='' ASKED=''
[ "${1:-}" != tree ] || { CODE=tree && shift; }
for word; do
	gate=${word#lint.}
	[ "$gate" = "$word" ] || { gate=${gate%%.*} CASES="$CASES $word"; }
	case " $GATES " in *" $gate "*) ;; *) die "$word: no such gate (known: $GATES)" ;; esac
	[ "$CODE" = tree ] || [ "$gate" = "$word" ] || die "usage: lint.sh [gate...], or lint.sh tree [gate|case...]"
	case " $ASKED " in *" $gate "*) ;; *) ASKED="$ASKED $gate" ;; esac
done
[ -n "$ASKED" ] || ASKED=$GATES
other=aarch64-linux-gnu-gcc
[ "$(uname -m)" = x86_64 ] || other=x86_64-linux-gnu-gcc
need gcc "$other" /usr/include/stdlib.h /usr/include/libelf.h make flex bison bc perl python3 sparse spatch ocamlopt codespell shellcheck \
	/usr/lib/python3/dist-packages/ply/lex.py /usr/lib/python3/dist-packages/git/__init__.py
begin
LINT=$WORK/lint O=$WORK/objects/lint
make_dir "$LOGS"
make_dir "$LINT/tree"
make_dir "$LINT/base"

out() { say "$LINT/$SIDE/$1"; }
# Nothing may pass because nothing ran: on the base this is the end, in the tree it is a finding.
did_not_run() { # NAME MESSAGE
	[ "$SIDE" = tree ] || die "$1: failed on the base: $2"
	printf '%s\tdid not run: %s\n' "$1" "$2"
}
complaint() { grep -m 1 -E 'error: |\*\*\*' "$1" || tail -n 1 "$1"; } # LOG

# ---- which names of the list each gate looks at

files() { # PATTERN...: of the list, what there is on this side
	while read -r file; do
		[ -f "$TREE/$file" ] || continue
		# shellcheck disable=SC2254  # patterns
		for pattern; do case $file in $pattern) say "$file" && break ;; esac; done
	done <"$LINT/list"
}
scripts() { (cd "$TOP" && printf '%s\n' judge .ci/* kit/*.sh kit/tests/*.bash); }
looked_at() { # GATE
	case $1,$SIDE,$CODE in
	sparse,* | coccicheck,*) files 'drivers/*.c' ;;
	W=1,*) files 'drivers/*.c' 'tools/testing/selftests/iommu/*.c' ;;
	kernel-doc,*) files 'drivers/*.[ch]' 'include/*.h' ;;
	codespell,tree,patched)
		# The text of the mails is one more file.
		tree_git log --format=%B base..HEAD >"$LINT/messages"
		files '*' && say "$LINT/messages"
		;;
	checkpatch,*,patched) tree_git log --reverse --format=%s base..HEAD ;;
	get_maintainer,*) files '*' | while read -r file; do is_of_base "$file" || say "$file"; done ;;
	shellcheck,*) if [ -n "$CASES" ]; then scripts | grep -xF -f "$LINT/list" || :; else scripts; fi ;;
	*) files '*' ;;
	esac
}
is_of_base() { tree_git cat-file -e "base:$1" 2>/dev/null; }

# ---- the gates: each leaves its findings in raw, as "path:line:column: message" or "NAME<tab>message"

gate() { # GATE FILE...
	name=$1
	shift
	case $name in
	sparse) compile && sed -nE "/$MESSAGE/{/\[-W[^]]*\]\$/!p}" "$(out compiler)" >"$LINT/raw" ;;
	W=1) compile && sed -nE "/$MESSAGE/{/\[-W[^]]*\]\$|	did not run/p}" "$(out compiler)" >"$LINT/raw" && selftests ;;
	coccicheck) coccicheck "$@" ;;
	kernel-doc)
		rc=0
		(cd "$TREE" && scripts/kernel-doc -none -Wall "$@") >"$LINT/said" 2>&1 || rc=$?
		case $rc,$(grep '^Traceback' "$LINT/said") in
		12[67],* | *,?*) did_not_run "$1" "$(tail -n 1 "$LINT/said")" >"$LINT/raw" ;;
		*) cp "$LINT/said" "$LINT/raw" ;;
		esac
		;;
	codespell)
		(cd "$TREE" && codespell "$@") >"$LINT/raw" 2>"$LINT/errors" || :
		! [ -s "$LINT/errors" ] || did_not_run "$1" "$(tail -n 1 "$LINT/errors")" >>"$LINT/raw"
		;;
	checkpatch) progress "$ME: checkpatch" "$LOGS/lint-checkpatch.log" checkpatch ;;
	get_maintainer) for file; do maintained "$file"; done >"$LINT/raw" ;;
	shellcheck) (cd "$TOP" && printf '%s\n' "$@" | xargs -n 8 -P "$JOBS" shellcheck -f gcc) >"$LINT/raw" 2>&1 || : ;;
	esac
}

# sparse and W=1 share a build.
# Distributions have a sparse that does not know these two, which the kernel uses: kbuild would not run it, and it would
# stumble over each MODULE_LICENSE().
CHECK="sparse -D__typeof_unqual__=__typeof__ '-D__builtin_strlen(s)=(sizeof(s)-1)'"
config() { # ARCH
	case $1 in
	x86) cat "$KIT/config/x86.config" ;;
	arm64) find "$KIT/config/bench.config" "$KIT/config/arm64.config" "$TOP/drivers" \( -name '*.config' -o -name .kunitconfig \) -exec cat {} + ;;
	esac
}
sources() { # ARCH
	case $1 in
	x86) files 'drivers/pci/*.c' 'drivers/iommu/amd/*.c' 'drivers/iommu/intel/*.c' | grep -v '^drivers/pci/.*/' || : ;;
	arm64) files 'drivers/*.c' | grep -vE '^drivers/iommu/(amd|intel)/' || : ;;
	esac
}
compile_for() { # ARCH OBJECT...
	arch=$1
	shift
	config "$arch" >"$O/$arch.config"
	KCONFIG_ALLCONFIG=$O/$arch.config kernel_make "$arch" "$O/$arch" allnoconfig prepare && (cd "$O/$arch" && rm -f "$@") &&
		kernel_make "$arch" "$O/$arch" CHECK="$CHECK" -k W=1 C=2 "$@"
}
compile() {
	list=$(cat "$LINT/list")
	[ "${compiled:-}" != "$SIDE $list" ] || return 0
	compiled="$SIDE $list"
	: >"$(out compiler)"
	for arch in arm64 x86; do
		log=$LOGS/lint-$arch.log made=yes objects=$(sources $arch | sed 's/c$/o/')
		make_dir "$O/$arch"
		[ -n "$objects" ] || continue
		# shellcheck disable=SC2086  # a list of names
		progress "$ME: $SIDE: compiling for $arch" "$log" compile_for $arch $objects || made=no
		for object in $objects; do
			if grep -qE "^  CHECK .*[ /]${object%o}c\$" "$log" && [ -f "$O/$arch/$object" ]; then continue; fi
			did_not_run "${object%o}c" "$arch: $(complaint "$log")"
		done >"$LINT/missing"
		# A checker that crashes leaves an object behind.
		[ "$made" = yes ] || [ -s "$LINT/missing" ] || did_not_run "$(sources $arch | head -n 1)" "$arch: $(complaint "$log")" >"$LINT/missing"
		cat "$LINT/missing" "$log" >>"$(out compiler)"
	done
}
MESSAGE='^[^ ]+:[0-9]+:[0-9]+: (warning|error|fatal error): |	did not run'

# The selftests, by their own Makefile. -fsyntax-only: neither they nor what they are linked with has to be built. Of -Wextra stays out what the
# kernel leaves out of it.
compile_selftests() { # SOURCE...
	kernel_make arm64 "$O/arm64" headers || return 1
	# shellcheck disable=SC2046  # a list of names
	make -B -k -C "$TREE/tools/testing/selftests/iommu" ARCH=arm64 CROSS_COMPILE="$CROSS" OUTPUT="$O/selftests" \
		KHDR_INCLUDES="-isystem $O/arm64/usr/include" \
		USERCFLAGS="-isystem $BUILD_DIR/libcap/usr/include -fsyntax-only -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers" \
		$(for source; do say "$O/selftests/$(basename "$source" .c)"; done)
}
selftests() {
	sources=$(files 'tools/testing/selftests/iommu/*.c') log=$LOGS/lint-selftests.log
	[ -n "$sources" ] || return 0
	make_dir "$O/selftests"
	"$KIT/libcap.sh"
	# shellcheck disable=SC2086  # a list of names
	progress "$ME: $SIDE: compiling the selftests" "$log" compile_selftests $sources ||
		did_not_run "$(say "$sources" | head -n 1)" "$(complaint "$log")" >>"$LINT/raw"
	sed -nE 's,^[^ /:]+:[0-9]+:[0-9]+: (warning|error|fatal error): ,tools/testing/selftests/iommu/&,p' "$log" >>"$LINT/raw"
}

# By the kernel's script, over a folder with nothing else in it, which passes for somebody's module.
coccicheck() { # FILE...
	log=$LOGS/lint-coccicheck.log debug=$LINT/cocci.err
	rm -rf "$LINT/cocci" "$debug"
	mkdir -p "$LINT/cocci"
	(cd "$TREE" && cp --parents "$@" "$LINT/cocci")
	if progress "$ME: $SIDE: coccicheck" "$log" make -C "$TREE" coccicheck MODE=report M="$LINT/cocci" J="$JOBS" DEBUG_FILE="$debug" &&
		grep -q -e --cocci-file "$debug"; then
		sed -nE "s,^($LINT/cocci/|\\./)?(drivers/[^:]*:),\\2,p" "$log" >"$LINT/raw"
	else
		did_not_run "$1" "$(tail -n 1 "$debug") (log $log)" >"$LINT/raw"
	fi
}
# The tree has none of the history that a Fixes: tag points into; whoever mails the series signs it off. Without commits there is no mail whose
# other half would bring the MAINTAINERS. What checkpatch has for SPDX needs the system's python3, and is silent without.
checkpatch() {
	ignore=MISSING_SIGN_OFF,UNKNOWN_COMMIT_ID number=0 commits=$(tree_git rev-list --reverse base..HEAD)
	[ "$CODE" != tree ] || ignore=$ignore,FILE_PATH_CHANGES
	while IFS= read -r name; do
		number=$((number + 1))
		if [ "$CODE" = tree ]; then
			tree_git diff base -- "$name"
		else
			tree_git format-patch -k --stdout -1 "$(say "$commits" | sed -n "${number}p")"
		fi | (cd "$TREE" && PATH=/usr/bin:$PATH scripts/checkpatch.pl --strict --ignore "$ignore" - 2>&1) | awk -v name="$name" '
			/^total: .*, [1-9][0-9]* lines checked$/ { ran = 1; next }
			/^(ERROR|WARNING|CHECK): / || /^Traceback/ { print name "\t" $0 }
			END { if (!ran) print name "\tdid not run" }'
	done <"$(out checkpatch.of)" >"$LINT/raw"
}
# Somebody has to be named for each of our files, by the file here as by the kernel's.
maintained() { # FILE
	for list in "$TOP/MAINTAINERS" "$TREE/MAINTAINERS"; do
		(cd "$TREE" && scripts/get_maintainer.pl --no-git --no-git-fallback --mpath="$list" -f "$1") >"$LINT/maintainers" 2>&1 &&
			grep -q 'TRANSLATION SERVICES TESTS' "$LINT/maintainers" ||
			printf '%s\t%s has no section for it: %s\n' "$1" "$list" "$(tail -n 1 "$LINT/maintainers")"
	done
}

# ---- the tree, the base, and what is new

# A finding becomes "NAME<tab>message": the same of two architectures is one, and line numbers, which change, are left out. "Warning:" in front
# is how kernel-doc of later kernels begins. kbuild compiles files of its own on the way: what is said of a .c file that is not touched has
# another cause.
findings() { # GATE
	sed -E "s/^(Warning|Error): //; s,^($TREE/|$LINT/cocci/|$LINT/|\\.\\./linux/|\\./),," "$LINT/raw" | sort -u |
		sed -E 's/^([^ :]*):[0-9]+(:[0-9]+)?(-[0-9]+)?:? */\1\t/; s/:[0-9]+:[0-9]+//g; s/ line [0-9]+/ line/g' | case $1 in
	sparse | W=1) awk -F '\t' 'NR == FNR { touched[$0]; next } $1 in touched || $1 !~ /\.c$/' "$LINT/touched" - ;;
	*) cat ;;
	esac | sort
}
look() { # GATE: at the list
	looked_at "$1" >"$(out "$1.of")"
	: >"$LINT/raw"
	# shellcheck disable=SC2046  # a list of names
	[ "$1" = checkpatch ] || set -- "$1" $(cat "$(out "$1.of")")
	! [ -s "$(out "$1.of")" ] || gate "$@"
	findings "$1" >"$(out "$1")"
}
named() { say "$CASES" | tr ' ' '\n' | sed -n "s/^lint\.$1\.//p"; } # GATE
look_at_tree() {
	SIDE=tree
	tree_git diff --name-only --diff-filter=d base | sort >"$LINT/touched"
	for gate in $ASKED; do
		if [ -n "$CASES" ]; then named "$gate" | sort -u >"$LINT/list"; else cp "$LINT/touched" "$LINT/list"; fi
		look "$gate"
	done
}
# What the base says stays known, with the names that were looked at, until something else would come out.
key() {
	{
		tree_git rev-parse 'base^{tree}'
		cat "$0" "$KIT"/config/*
		for tool in gcc "$other" sparse spatch codespell; do "$tool" --version; done
	} 2>&1 | sha256sum | cut -c 1-12
}
suspects() { # GATE: what has a finding in the tree, or was named; all that is touched when it is none of that
	{ sed '/	did not run: /d; s/	.*//' "$LINT/tree/$1"; named "$1"; } | sort -u >"$LINT/names"
	[ -z "$(comm -23 "$LINT/names" "$LINT/touched")" ] || sort -u "$LINT/touched" "$LINT/names" -o "$LINT/names"
	cat "$LINT/names"
}
unknown() { # GATE
	touch "$KNOWN/$1" "$KNOWN/$1.of"
	suspects "$1" | comm -23 - "$KNOWN/$1.of" | while read -r file; do ! is_of_base "$file" || say "$file"; done
}
look_at_base() { # GATE...
	SIDE=base
	for gate; do
		unknown "$gate" >"$LINT/list"
		look "$gate"
		sort "$LINT/base/$gate" "$KNOWN/$gate" -o "$KNOWN/$gate"
		sort -u "$LINT/list" "$KNOWN/$gate.of" -o "$KNOWN/$gate.of"
	done
}
compare_with_base() {
	KNOWN=$LINT/known-$(key)
	make_dir "$KNOWN"
	for gate in $ASKED; do
		case " $COMPARED " in
		*" $gate "*) [ -z "$(unknown "$gate")" ] || set -- "$@" "$gate" ;;
		*) : >"$KNOWN/$gate" ;;
		esac
	done
	[ $# != 0 ] || return 0
	tree_is_clean || die "the base has not been checked yet, and $TREE has uncommitted edits: run 'git stash', 'make lint', 'git stash pop', then this again"
	on_branch base look_at_base "$@"
}
judge() { # GATE
	[ -s "$LINT/tree/$1.of" ] || [ -n "$CASES" ] || tap 'not ok' "lint.$1: checked no file"
	named "$1" | while read -r file; do grep -qxF "$file" "$LINT/tree/$1.of" || tap 'not ok' "lint.$1.$file: no such file"; done
	comm -13 "$KNOWN/$1" "$LINT/tree/$1" >"$LINT/new"
	# What is new may be in a file that is not touched: a header, say.
	{ sed "s,^$LINT/,," "$LINT/tree/$1.of"; cut -f 1 "$LINT/new"; } | awk '!seen[$0]++' | while IFS= read -r name; do
		first=$(awk -F '\t' -v name="$name" '$1 == name { print $2; exit }' "$LINT/new")
		if [ -z "$first" ]; then tap ok "lint.$1.$name"; else tap 'not ok' "lint.$1.$name: $first"; fi
	done
	before=-
	case " $COMPARED " in *" $1 "*) before=$(suspects "$1" | awk -F '\t' 'NR == FNR { name[$0]; next } $1 in name { n++ } END { print n + 0 }' - "$KNOWN/$1") ;; esac
	printf '%-14s  %6s  %5s  %3s\n' "$1" "$before" "$(wc -l <"$LINT/tree/$1")" "$(wc -l <"$LINT/new")" >>"$COUNTS"
}

tap_begin lint
COUNTS=${TAP%.tap}.txt
printf '%-14s  %6s  %5s  %3s\n' gate before after new >"$COUNTS"
on_branch "$CODE" look_at_tree
compare_with_base
for gate in $ASKED; do judge "$gate"; done
[ "${QUIET:-0}" = 1 ] || cat "$COUNTS"
tap_end
