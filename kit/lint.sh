#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# lint.sh [tree] [GATE|CASE...]: the kernel's own checks, over the files that the series touches, on the base and on the patched tree: what
# the series adds to their findings fails. With "tree" what the tree holds, committed or not. A case is lint.<gate>.<file>; of checkpatch
# without "tree", lint.checkpatch.<subject of the patch>.
#   sparse, W=1     the objects of the touched files, on arm64 and x86
#   coccicheck      the kernel's rules in report mode, on the touched .c files of the kernel
#   kernel-doc, codespell   the touched files
#   checkpatch, get_maintainer   the patches, the sections for the new files: without a base
# Not seen is what a touched header does to a file that is not touched.
set -eu
. "$(dirname -- "$0")/lib.sh"
COMPARED='sparse W=1 coccicheck kernel-doc codespell'
GATES="$COMPARED checkpatch get_maintainer"
CODE=patched CASES='' ASKED=''
[ "${1:-}" != tree ] || { CODE=tree && shift; }
for word; do
	gate=${word#lint.}
	[ "$gate" = "$word" ] || { gate=${gate%%.*} CASES="$CASES $word"; }
	case " $GATES " in *" $gate "*) ;; *) die "$word: no such gate (known: $GATES)" ;; esac
	case " $ASKED " in *" $gate "*) ;; *) ASKED="$ASKED $gate" ;; esac
done
[ -n "$ASKED" ] || ASKED=$GATES
other=aarch64-linux-gnu-gcc
[ "$(uname -m)" = x86_64 ] || other=x86_64-linux-gnu-gcc
need gcc "$other" /usr/include/stdlib.h /usr/include/libelf.h make flex bison bc perl python3 sparse spatch ocamlopt codespell \
	/usr/lib/python3/dist-packages/ply/lex.py /usr/lib/python3/dist-packages/git/__init__.py
begin
LINT=$WORK/lint O=$WORK/objects/lint
make_dir "$LINT"
make_dir "$LOGS"

# ---- which names each gate looks at

files() { # PATTERN: of the files that the series touches, what there is on this side
	grep -xE "$1" "$LINT/list" | while read -r file; do [ ! -f "$TREE/$file" ] || say "$file"; done
}
names() { # GATE
	case $1 in
	sparse | W=1 | coccicheck) files 'drivers/.*\.c' ;;
	kernel-doc) files '(drivers|include)/.*\.[ch]' ;;
	codespell)
		files '.*'
		# The text of the mails is one more file.
		[ "$SIDE" = base ] || { tree_git log --format=%B base..HEAD >"$LINT/messages" && say "$LINT/messages"; }
		;;
	checkpatch) if [ "$CODE" = tree ]; then files '.*'; else tree_git log --reverse --format=%s base..HEAD; fi ;;
	get_maintainer) tree_git diff --name-only --diff-filter=A base refs/prepared/series ;;
	esac
}
named() { # GATE, names on stdin: those of the cases, if there are any
	if [ -z "$CASES" ] || [ "$SIDE" = base ]; then cat; else grep -xF -e "$(say "$CASES" | tr ' ' '\n' | sed -n "s/^lint\.$1\.//p")"; fi
}

# ---- the gates: each prints its findings as "path:line:column: message" or "NAME<tab>message". Any other line says why it did not run.

gate() { # GATE NAME...
	name=$1 log=$LOGS/lint-$1.log
	shift
	case $name in
	sparse) sed -nE "/$MESSAGE/{/\[-W[^]]*\]\$/!p}; /^compile: /p" "$LINT/compiler" ;;
	W=1) sed -nE "/$MESSAGE/{/\[-W[^]]*\]\$/p}; /^compile: /p" "$LINT/compiler" ;;
	coccicheck)
		# By the kernel's script, over a folder with nothing else in it, which passes for somebody's module.
		rm -rf "$LINT/cocci" "$LINT/cocci.err"
		mkdir "$LINT/cocci"
		(cd "$TREE" && cp --parents "$@" "$LINT/cocci")
		{ run coccicheck make -C "$TREE" coccicheck MODE=report M="$LINT/cocci" J="$JOBS" DEBUG_FILE="$LINT/cocci.err" &&
			grep -q -e --cocci-file "$LINT/cocci.err"; } || say "coccicheck: $(tail -n 1 "$LINT/cocci.err") (log $log)"
		sed -nE "s,^($LINT/cocci/|\\./)?(drivers/[^:]*:),\\2,p" "$log"
		;;
	kernel-doc)
		(cd "$TREE" && scripts/kernel-doc -none -Wall "$@") >"$log" 2>&1 || say "kernel-doc: $(tail -n 1 "$log")"
		sed -nE 's/^((Warning|Error): )?([^ :]+:[0-9]+)/\3/p' "$log"
		;;
	codespell) (cd "$TREE" && codespell "$@" 2>&1) ;;
	checkpatch) run checkpatch checkpatch "$@" && cat "$log" ;;
	get_maintainer)
		# Somebody has to be named for each of our files, by the file here as by the kernel's.
		for file; do
			for list in "$TOP/MAINTAINERS" "$TREE/MAINTAINERS"; do
				(cd "$TREE" && scripts/get_maintainer.pl --no-git --no-git-fallback --mpath="$list" -f "$file") 2>&1 |
					grep -q 'TRANSLATION SERVICES TESTS' || printf '%s\t%s has no section for it\n' "$file" "$list"
			done
		done
		;;
	esac
}
run() { # WHAT COMMAND...: what it says of how far it is does not belong to the findings
	what=$1
	shift
	progress "$ME: $SIDE: $what" "$log" "$@" >&2
}

# sparse and W=1 share a build. Distributions have a sparse that does not know these two, which the kernel uses: kbuild would not run it, and
# it would stumble over each MODULE_LICENSE().
CHECK="sparse -D__typeof_unqual__=__typeof__ '-D__builtin_strlen(s)=(sizeof(s)-1)'"
MESSAGE='^[^ ]+:[0-9]+:[0-9]+: (warning|error|fatal error): '
compile_for() { # ARCH SOURCE...
	arch=$1 objects=''
	shift
	for source; do objects="$objects ${source%c}o"; done
	case $arch in
	x86) cat "$KIT/config/x86.config" ;;
	arm64) cat "$KIT/config/bench.config" "$KIT/config/arm64.config" "$TOP/drivers/pci/tests/.kunitconfig" "$TOP/drivers/iommu/arm/arm-smmu-v3/.kunitconfig" ;;
	esac >"$O/$arch.config"
	# shellcheck disable=SC2086  # a list of names
	KCONFIG_ALLCONFIG=$O/$arch.config kernel_make "$arch" "$O/$arch" allnoconfig prepare && (cd "$O/$arch" && rm -f $objects) &&
		kernel_make "$arch" "$O/$arch" CHECK="$CHECK" -k W=1 C=2 $objects
}
compile() { # FILE...: leaves what the compilers and sparse say in compiler
	: >"$LINT/compiler"
	for arch in arm64 x86; do
		case $arch in
		arm64) sources=$(printf '%s\n' "$@" | grep -vE '^drivers/iommu/(amd|intel)/') || continue ;;
		x86) sources=$(printf '%s\n' "$@" | grep -E '^drivers/(pci/[^/]*|iommu/(amd|intel)/.*)$') || continue ;;
		esac
		log=$LOGS/lint-$arch.log rc=0
		make_dir "$O/$arch"
		# shellcheck disable=SC2086
		run "compiling for $arch" compile_for $arch $sources || rc=1
		for source in $sources; do grep -qE "^  CHECK .*[ /]$source\$" "$log" || rc=1; done
		[ "$rc" = 0 ] || say "compile: $arch: $(grep -m 1 -E 'error: |\*\*\*' "$log" || tail -n 1 "$log")" >>"$LINT/compiler"
		cat "$log" >>"$LINT/compiler"
	done
}

# The tree has none of the history that a Fixes: tag points into; whoever mails the series signs it off. Without commits there is no mail whose
# other half would bring the MAINTAINERS. What checkpatch has for SPDX needs the system's python3, and is silent without.
checkpatch() { # FILE..., with "tree"
	ignore=MISSING_SIGN_OFF,UNKNOWN_COMMIT_ID
	if [ "$CODE" = tree ]; then
		ignore=$ignore,FILE_PATH_CHANGES
		for file; do tree_git diff base -- "$file" | checkpatch_of "$file"; done
	else
		for commit in $(tree_git rev-list --reverse base..HEAD); do
			tree_git format-patch -k --stdout -1 "$commit" | checkpatch_of "$(tree_git log -1 --format=%s "$commit")"
		done
	fi
}
checkpatch_of() { # NAME, the patch on stdin
	(cd "$TREE" && PATH=/usr/bin:$PATH scripts/checkpatch.pl --strict --ignore "$ignore" - 2>&1) | awk -v name="$1" '
		/^total: .*, [1-9][0-9]* lines checked$/ { ran = 1; next }
		/^(ERROR|WARNING|CHECK): / || /^Traceback/ { print name "\t" $0 }
		END { if (!ran) print name "\tdid not run" }'
}

# ---- the tree, the base, and what is new

# A finding becomes "NAME<tab>message": the same of two architectures is one, and line numbers, which change, are left out. kbuild compiles
# files of its own on the way: what is said of a .c file that is not touched has another cause.
findings() { # GATE
	sed -E "s,^($TREE/|$LINT/|\\.\\./linux/|\\./),," "$LINT/raw" | sort -u |
		sed -E 's/^([^ :]+):[0-9]+(:[0-9]+)?(-[0-9]+)?:? */\1\t/; /\t/!s/^/did not run\t/; s/:[0-9]+:[0-9]+//g; s/ line [0-9]+/ line/g' | case $1 in
	sparse | W=1) awk -F '\t' 'NR == FNR { touched[$0]; next } $1 in touched || $1 !~ /\.c$/' "$LINT/list" - ;;
	*) cat ;;
	esac | sort
}
look() { # SIDE GATE...: leaves of each gate its findings, and in .of the names that it has looked at
	SIDE=$1
	shift
	rm -rf "${LINT:?}/$SIDE"
	make_dir "$LINT/$SIDE"
	for gate; do names "$gate" | named "$gate" >"$LINT/$SIDE/$gate.of" || :; done
	# shellcheck disable=SC2046  # lists of names
	case " $* " in *" sparse "* | *" W=1 "*) compile $(cat "$LINT/$SIDE/sparse.of" "$LINT/$SIDE/W=1.of" 2>/dev/null | sort -u) ;; esac
	for gate; do
		out=$LINT/$SIDE/$gate
		: >"$LINT/raw"
		# shellcheck disable=SC2046
		[ ! -s "$out.of" ] || gate "$gate" $(cat "$out.of") >"$LINT/raw" || :
		findings "$gate" >"$out"
	done
}
# What the base says stays known until something else would come out.
key() {
	{
		tree_git rev-parse 'base^{tree}'
		cat "$0" "$KIT"/config/* "$LINT/list"
		for tool in gcc "$other" sparse spatch codespell; do "$tool" --version; done
	} 2>&1 | sha256sum | cut -c 1-12
}
compare_with_base() {
	KNOWN=$LINT/known-$(key)
	make_dir "$KNOWN"
	for gate in $ASKED; do
		case " $COMPARED " in
		*" $gate "*) [ -f "$KNOWN/$gate" ] || set -- "$@" "$gate" ;;
		*) : >"$KNOWN/$gate" ;;
		esac
	done
	[ $# != 0 ] || return 0
	tree_is_clean || die "the base has not been checked yet, and $TREE has uncommitted edits: run 'git stash', 'make lint', 'git stash pop', then this again"
	on_branch base look base "$@"
	for gate; do
		! grep '^did not run' "$LINT/base/$gate" >"$LINT/raw" || die "$gate: failed on the base: $(head -n 1 "$LINT/raw")"
		mv "$LINT/base/$gate" "$KNOWN/$gate"
	done
}
judge() { # GATE
	found=$LINT/tree/$1
	[ -s "$found.of" ] || [ -n "$CASES" ] || tap 'not ok' "lint.$1: checked no file"
	comm -13 "$KNOWN/$1" "$found" >"$LINT/new"
	# What is new may be in a file that is not touched: a header, say.
	{ sed "s,^$LINT/,," "$found.of"; cut -f 1 "$LINT/new"; } | awk '!seen[$0]++' | while IFS= read -r name; do
		first=$(awk -F '\t' -v name="$name" '$1 == name { print $2; exit }' "$LINT/new")
		if [ -z "$first" ]; then tap ok "lint.$1.$name"; else tap 'not ok' "lint.$1.$name: $first"; fi
	done
}

tap_begin lint
tree_git diff --name-only --diff-filter=d base refs/prepared/series | sort >"$LINT/list"
# shellcheck disable=SC2086  # a list of names
on_branch "$CODE" look tree $ASKED
compare_with_base
for gate in $ASKED; do judge "$gate"; done
tap_end
