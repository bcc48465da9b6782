#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# lint.sh [GATE...]             the kernel's own checks, over the files that the series touches, on the base and on the
#                               prepared tree: what the series adds to their findings fails. A table has the counts.
# lint.sh tree [GATE|CASE...]   the same of what the tree holds, committed or not
# A case is lint.<gate>.<file>; of checkpatch without "tree", lint.checkpatch.<subject of the patch>.
#   sparse, W=1     the objects of the touched files, on arm64 and x86; W=1 also the selftests, of which sparse knows nothing
#   coccicheck      the kernel's rules in report mode, over the touched .c files of the kernel
#   kernel-doc, codespell   the touched files
#   checkpatch, get_maintainer, shellcheck   the patches, whom the new files belong to, this repository's scripts: no before
# Not seen is what a touched header does to a file that is not touched.
# AMONG_ALL=1, in a run over all bases, looks at the tree first, and on the base only at the files in which something was found, or
# that were named: nothing else can be new. The counts of before are of these then.
set -eu
. "$(dirname -- "$0")/lib.sh"
GATES='sparse W=1 coccicheck kernel-doc codespell checkpatch get_maintainer shellcheck'
SIDE='' MODE=series CASES='' ASKED='' ONLY=''
[ "${1:-}" != tree ] || { MODE=tree; shift; }
for word; do
	gate=${word#lint.}
	[ "$gate" = "$word" ] || { gate=${gate%%.*} CASES="$CASES $word"; }
	case " $GATES " in *" $gate "*) ;; *) die "$word: no such gate (known: $GATES)" ;; esac
	[ "$MODE" = tree ] || [ "$gate" = "$word" ] || die "usage: lint.sh [gate...], or lint.sh tree [gate|case...]"
	case " $ASKED " in *" $gate "*) ;; *) ASKED="$ASKED $gate" ;; esac
done
[ -n "$ASKED" ] || ASKED=$GATES
begin
[ "$MODE" = tree ] || need_prepared_tree
LINT=$WORK/lint
other=aarch64-linux-gnu-gcc
[ "$(uname -m)" = x86_64 ] || other=x86_64-linux-gnu-gcc
need gcc "$other" /usr/include/stdlib.h /usr/include/libelf.h make flex bison bc perl python3 sparse spatch ocamlopt codespell shellcheck \
	/usr/lib/python3/dist-packages/ply/lex.py /usr/lib/python3/dist-packages/git/__init__.py
make_dir "$LOGS"
make_dir "$LINT/base"
make_dir "$LINT/tree"

asked() { case " $ASKED " in *" $1 "*) ;; *) return 1 ;; esac; }
# Of all that could be looked at, whether this is: ONLY is a list of lint.<gate>.<file>, or empty.
wanted() { # NAME
	case $ONLY\  in
	\  | *".$1 "*) ;;
	*) return 1 ;;
	esac
}
touched() { tree_git diff --name-only --diff-filter=d base; }
# Of the files of the list, those of one pattern that are there on this side.
files() { # PATTERN...
	while read -r file; do
		if ! [ -f "$TREE/$file" ] || ! wanted "$file"; then continue; fi
		# shellcheck disable=SC2254  # patterns
		for pattern; do case $file in $pattern) say "$file"; break ;; esac; done
	done <"$LINT/files"
}
kernel_c() { files 'drivers/*.c'; }
selftests() { files 'tools/testing/selftests/iommu/*.c'; }

# A finding is "NAME<tab>message". From "path:line:column: message" on standard input: the same of two architectures is
# one, and lines are left out, which change. "Warning:" in front is how kernel-doc of later kernels begins.
findings() {
	sed -E "s/^(Warning|Error): //; s,^($TREE/|$LINT/cocci/|$LINT/|\\.\\./linux/|\\./),," | sort -u |
		sed -E 's/^([^ :]*):[0-9]+(:[0-9]+)?(-[0-9]+)?:? */\1\t/; s/:[0-9]+:[0-9]+//g; s/ line [0-9]+/ line/g'
}
# Nothing may be green because nothing ran: on the base this is the end, in the tree it is a finding.
did_not_run() { # NAME MESSAGE
	[ "$SIDE" != base ] || die "$1: on the base: $2"
	printf '%s\tdid not run: %s\n' "$1" "$2"
}
out() { say "$LINT/$SIDE/$1"; }
complaint() { grep -m 1 -E 'error: |\*\*\*' "$1" || tail -n 1 "$1"; } # LOG

# ---- sparse and W=1 share a build

# Distributions have a sparse that does not know these two, which the kernel uses: kbuild would not run it, and it would
# stumble over each MODULE_LICENSE().
CHECK="sparse -D__typeof_unqual__=__typeof__ '-D__builtin_strlen(s)=(sizeof(s)-1)'"

set_cross() { # ARCH
	CROSS=''
	case $1,$(uname -m) in
	arm64,x86_64) CROSS=aarch64-linux-gnu- ;;
	x86,aarch64) CROSS=x86_64-linux-gnu- ;;
	esac
}
kernel_make() { # ARCH MAKE-ARGUMENT...
	arch=$1
	shift
	set_cross "$arch"
	use_ccache
	make -C "$TREE" ARCH="$arch" ${CROSS:+"CROSS_COMPILE=$CROSS"} CC="$CC" HOSTCC="$HOSTCC" O="$LINT/$arch" LOCALVERSION='' \
		CHECK="$CHECK" -j "$JOBS" "$@"
}
config() { # ARCH
	case $1 in
	x86) cat "$KIT/config/x86.config" ;;
	arm64) find "$KIT/config/bench.config" "$KIT/config/arm64.config" "$TOP/drivers" \( -name '*.config' -o -name .kunitconfig \) -exec cat {} + ;;
	esac
}
sources() { # ARCH
	case $1 in
	x86) kernel_c | grep -E '^drivers/(pci/[^/]*|iommu/(amd|intel)/.*)$' || : ;;
	arm64) kernel_c | grep -vE '^drivers/iommu/(amd|intel)/' || : ;;
	esac
}
compile_for() { # ARCH OBJECT...
	arch=$1
	shift
	config "$arch" >"$LINT/$arch.config"
	KCONFIG_ALLCONFIG=$LINT/$arch.config kernel_make "$arch" allnoconfig prepare >"$LINT/prepare.log" 2>&1 ||
		{ tail -n 1 "$LINT/prepare.log"; return 1; }
	(cd "$LINT/$arch" && rm -f "$@")
	kernel_make "$arch" -k W=1 C=2 "$@"
}
compile() {
	[ "${compiled:-}" != "$SIDE:$ONLY" ] || return 0
	compiled=$SIDE:$ONLY
	: >"$(out compiler)"
	for arch in arm64 x86; do
		make_dir "$LINT/$arch"
		objects=$(sources $arch | sed 's/c$/o/')
		[ -n "$objects" ] || continue
		log=$LOGS/lint-$arch.log made=yes
		# shellcheck disable=SC2086  # a list of names
		progress "$ME: $SIDE: compiling for $arch" "$log" meter_none compile_for $arch $objects >&3 || made=no
		for object in $objects; do
			if grep -qE "^  CHECK .*[ /]${object%o}c\$" "$log" && [ -f "$LINT/$arch/$object" ]; then continue; fi
			did_not_run "${object%o}c" "$arch: $(complaint "$log")"
		done >"$LINT/missing"
		# A checker that crashes leaves an object behind.
		[ "$made" = yes ] || [ -s "$LINT/missing" ] || did_not_run "$(sources $arch | head -n 1)" "$arch: $(complaint "$log")" >"$LINT/missing"
		cat "$LINT/missing" "$log" >>"$(out compiler)"
	done
}
said() { grep -E '^[^ ]+:[0-9]+:[0-9]+: (warning|error|fatal error): |	did not run' "$(out compiler)"; }

# The selftests, by their own Makefile. -fsyntax-only: neither they nor what they are linked with has to be built.
# Of -Wextra stays out what the kernel leaves out of it.
compile_selftests() { # SOURCE...
	set_cross arm64
	kernel_make arm64 headers >"$LINT/prepare.log" 2>&1 || { tail -n 1 "$LINT/prepare.log"; return 1; }
	# shellcheck disable=SC2046  # a list of names
	make -B -k -C "$TREE/tools/testing/selftests/iommu" ARCH=arm64 CROSS_COMPILE="$CROSS" OUTPUT="$LINT/selftests" \
		KHDR_INCLUDES="-isystem $LINT/arm64/usr/include" \
		USERCFLAGS="-isystem $BUILD_DIR/libcap/usr/include -fsyntax-only -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-missing-field-initializers" \
		$(for source; do say "$LINT/selftests/$(basename "$source" .c)"; done)
}
selftest_warnings() {
	sources=$(selftests)
	[ -n "$sources" ] || return 0
	make_dir "$LINT/selftests"
	"$KIT/libcap.sh" >&3
	log=$LOGS/lint-selftests.log
	# shellcheck disable=SC2086  # a list of names
	if ! progress "$ME: $SIDE: compiling the selftests" "$log" meter_none compile_selftests $sources >&3; then
		did_not_run "$(say "$sources" | head -n 1)" "$(complaint "$log")" >>"$(out selftests)"
	fi
	grep -E '^[^ ]+:[0-9]+:[0-9]+: (warning|error|fatal error): ' "$log" |
		sed -E 's,^([^/:]*:),tools/testing/selftests/iommu/\1,' >>"$(out selftests)" || :
}

# ---- the gates: each leaves its findings in (out GATE), and what it has looked at in (out GATE.of)

gate() { # GATE
	case $1 in
	sparse)
		kernel_c >"$(out "$1.of")"
		compile
		said | grep -vE '\[-W[^]]*\]$'
		;;
	W=1)
		{ kernel_c; selftests; } >"$(out "$1.of")"
		compile
		: >"$(out selftests)"
		selftest_warnings
		said | grep -E '\[-W[^]]*\]$|	did not run'
		cat "$(out selftests)"
		;;
	coccicheck)
		kernel_c >"$(out "$1.of")"
		coccicheck
		;;
	kernel-doc)
		files 'drivers/*.[ch]' 'include/*.h' >"$(out "$1.of")"
		rc=0
		(cd "$TREE" && xargs -r scripts/kernel-doc -none -Wall <"$(out "$1.of")") >"$LINT/kernel-doc" 2>&1 || rc=$?
		# Its own exit code, which counts findings, xargs turns into 123.
		case $rc,$(grep -m 1 '^Traceback' "$LINT/kernel-doc") in
		0, | 123,) cat "$LINT/kernel-doc" ;;
		*) did_not_run "$(head -n 1 "$(out "$1.of")")" "$(tail -n 1 "$LINT/kernel-doc")" ;;
		esac
		;;
	codespell)
		files '*' >"$(out "$1.of")"
		[ "$SIDE,$MODE" != tree,series ] || messages >>"$(out "$1.of")"
		(cd "$TREE" && xargs -r codespell <"$(out "$1.of")" 2>"$LINT/codespell.err")
		! [ -s "$LINT/codespell.err" ] || did_not_run "$(head -n 1 "$(out "$1.of")")" "$(tail -n 1 "$LINT/codespell.err")"
		;;
	checkpatch) checkpatch ;;
	get_maintainer)
		"$TOP/judge" queue new | while read -r file; do ! wanted "$file" || say "$file"; done >"$(out "$1.of")"
		while read -r file; do maintained "$file"; done <"$(out "$1.of")"
		;;
	shellcheck)
		scripts | while read -r file; do ! wanted "$file" || say "$file"; done >"$(out "$1.of")"
		(cd "$TOP" && xargs -r -n 8 -P "$JOBS" shellcheck -f gcc <"$(out "$1.of")" 2>&1)
		;;
	esac
}

# The text of the mails, as one more file.
messages() {
	tree_git log --format=%B base..refs/prepared/series >"$LINT/messages"
	say "$LINT/messages"
}

# By the kernel's script, over a folder with nothing else in it, which passes for somebody's module. What the rules say of a
# file stays known for as long as the file and the rules are the same: they take a second for each thousand lines.
run_coccicheck() {
	make -C "$TREE" coccicheck MODE=report M="$LINT/cocci" J="$JOBS" DEBUG_FILE="$LINT/cocci.err"
}
meter_rules() { printf '%s of %s rules, ' "$(grep -c -e --cocci-file "$LINT/cocci.err")" "$(cd "$TREE" && grep -rlE 'virtual[[:space:]]+report' scripts/coccinelle | wc -l)"; }
known() { # FILE: where that is
	say "$LINT/known/$({ say "$1" "$rules"; cat "$TREE/$1"; } | sha256sum | cut -d ' ' -f 1)"
}
coccicheck() {
	make_dir "$LINT/known"
	log=$LOGS/lint-coccicheck.log
	rules=$({ spatch --version; cd "$TREE" && find scripts/coccinelle scripts/coccicheck -type f | sort | xargs cat; } | sha256sum)
	rm -rf "$LINT/cocci" "$LINT/cocci.err"
	mkdir -p "$LINT/cocci"
	while read -r file; do
		[ -f "$(known "$file")" ] || (cd "$TREE" && cp --parents "$file" "$LINT/cocci")
	done <"$(out coccicheck.of)"
	if [ -n "$(ls "$LINT/cocci")" ]; then
		if ! progress "$ME: $SIDE: coccicheck" "$log" meter_rules run_coccicheck >&3 || ! grep -q -e --cocci-file "$LINT/cocci.err"; then
			did_not_run "$(head -n 1 "$(out coccicheck.of)")" "$(tail -n 1 "$LINT/cocci.err") (log $log)"
			return
		fi
		sed -E "s,^($LINT/cocci|\\.)/,," "$log" >"$LINT/raw.cocci"
		(cd "$LINT/cocci" && find . -name '*.c') | sed 's,^\./,,' | while read -r file; do
			grep "^$file:" "$LINT/raw.cocci" >"$(known "$file")" || :
		done
	fi
	while read -r file; do cat "$(known "$file")"; done <"$(out coccicheck.of)"
}

# The tree has none of the history that a Fixes: tag points into; the sign-off is for whoever mails the series. Words are for
# codespell itself, which takes a tenth of the time. What it has for SPDX needs the system's python3, and is silent without.
CHECKPATCH='scripts/checkpatch.pl --strict --ignore MISSING_SIGN_OFF,UNKNOWN_COMMIT_ID'
# What it says becomes "NAME<tab>message"; its summary shows that it got to the end.
check_patch() { # NAME CHECKPATCH-OPTION...
	name=$1
	shift
	# shellcheck disable=SC2086  # a command and its options
	(cd "$TREE" && PATH=/usr/bin:$PATH $CHECKPATCH "$@" - 2>&1) | awk -v name="$name" '
		/^total: .*, [1-9][0-9]* lines checked$/ { ran = 1; next }
		/^(ERROR|WARNING|CHECK): / || /^Traceback/ { print name "\t" $0 }
		END { if (!ran) print name "\tdid not run" }'
}
check_commit() { tree_git format-patch -k --stdout -1 "$1" | check_patch "$(subject "$1")" >"$LINT/patches/$1"; }
check_commits() {
	running=''
	for commit in $(commits); do
		check_commit "$commit" &
		running="$running $!"
		# shellcheck disable=SC2086  # a list of numbers
		[ "$(say $running | wc -w)" -lt "$JOBS" ] || { wait $running; running=''; }
	done
	# shellcheck disable=SC2086
	[ -z "$running" ] || wait $running # for nobody would be for all, and the one who tells how far it is goes on
}
meter_patches() { printf '%s of %s patches, ' "$(find "$LINT/patches" -type f | wc -l)" "$(patches | wc -l)"; }
commits() { tree_git rev-list --reverse base..refs/prepared/series; }
subject() { tree_git log -1 --format=%s "$1"; }
# Without commits there is no mail whose other half would bring the MAINTAINERS.
checkpatch() {
	if [ "$MODE" = tree ]; then
		files '*' >"$(out checkpatch.of)"
		while read -r file; do
			tree_git diff base -- "$file" | check_patch "$file" --ignore FILE_PATH_CHANGES,MISSING_SIGN_OFF,UNKNOWN_COMMIT_ID
		done <"$(out checkpatch.of)"
	else
		rm -rf "$LINT/patches"
		mkdir "$LINT/patches"
		progress "$ME: checkpatch" "$LOGS/lint-checkpatch.log" meter_patches check_commits >&3 || :
		for commit in $(commits); do subject "$commit"; done >"$(out checkpatch.of)"
		for commit in $(commits); do cat "$LINT/patches/$commit"; done
	fi
}

# Somebody has to be named for each of our files, by the file here as by the kernel's.
maintained() { # FILE
	for list in "$TOP/MAINTAINERS" "$TREE/MAINTAINERS"; do
		(cd "$TREE" && scripts/get_maintainer.pl --no-git --no-git-fallback --mpath="$list" -f "$1") >"$LINT/maintainers" 2>&1 &&
			grep -q 'TRANSLATION SERVICES TESTS' "$LINT/maintainers" ||
			printf '%s\tnobody by %s: %s\n' "$1" "$list" "$(tail -n 1 "$LINT/maintainers")"
	done
}
scripts() { (cd "$TOP" && find . -path ./build -prune -o -path ./.git -prune -o -type f \( -name '*.sh' -o -name '*.bash' -o -path './.ci/*' \) -print) | sed 's,^\./,,' | sort; }

# ---- the base, the tree, and what is new

# kbuild compiles files of its own on the way: what is said of a .c file that is not touched has another cause.
of_concern() { # GATE
	case $1 in
	sparse | W=1) awk -F '\t' 'NR == FNR { touched[$0]; next } $1 in touched || $1 !~ /\.c$/' "$LINT/files" - ;;
	*) cat ;;
	esac
}
look() { # SIDE GATE...
	SIDE=$1
	shift
	for each; do
		gate "$each" >"$LINT/raw" || :
		findings <"$LINT/raw" | of_concern "$each" | sort >"$(out "$each")"
	done
}

# The base is looked at again only when something else would come out, or at more of it.
BEFORE='sparse W=1 coccicheck kernel-doc codespell'
key() {
	{
		tree_git rev-parse 'base^{tree}'
		cat "$0" "$LINT/files"
		config arm64
		config x86
		for tool in gcc "$other" sparse spatch codespell; do "$tool" --version; done
	} 2>&1 | sha256sum
}
same_circumstances() { [ "$(key)" = "$(cat "$LINT/base/$1.key" 2>/dev/null)" ]; } # GATE
# For each gate by itself: not all have to be asked for.
known_of_base() { # GATE
	same_circumstances "$1" || return 1
	looked=$(cat "$LINT/base/$1.only")
	[ -n "$looked" ] || return 0
	wanted_of_base "$1"
	[ -n "$ONLY" ] || return 1
	for each in $ONLY; do case $looked\  in *" $each "*) ;; *) return 1 ;; esac; done
}
among_all() { [ "${AMONG_ALL:-0}" = 1 ]; }
# All, or what was found in the tree, or named. What was found in a file that is not of the list cannot be looked for in it alone.
# The word in front keeps a list without a file from being taken for all.
wanted_of_base() { # GATE
	ONLY=''
	among_all || return 0
	{
		cut -f 1 "$LINT/tree/$1"
		for case in $CASES; do case $case in "lint.$1."*) say "${case#"lint.$1."}" ;; esac; done
	} | sort -u >"$LINT/suspects"
	[ -z "$(comm -23 "$LINT/suspects" "$LINT/files")" ] || return 0
	ONLY=" nothing$(sed 's/^/ lint../' "$LINT/suspects" | tr -d '\n')"
}
look_at_base() {
	missing=$(for gate in $BEFORE; do ! asked "$gate" || known_of_base "$gate" || say "$gate"; done)
	[ -n "$missing" ] || return 0
	tree_is_clean || die "the findings of the base are not there yet, and $TREE has uncommitted edits: put them away with 'git stash', run 'make lint', and then this"
	borrow branch "$(tree_git symbolic-ref -q --short HEAD || tree_git rev-parse HEAD)"
	tree_git checkout -q base
	for gate in $missing; do
		rm -f "$LINT/base/$gate.key"
		wanted_of_base "$gate"
		look base "$gate"
		say "$ONLY" >"$LINT/base/$gate.only"
		key >"$LINT/base/$gate.key"
	done
	give_back
}
look_at_tree() {
	ONLY=$CASES
	# shellcheck disable=SC2086  # a list of words
	look tree $ASKED
}

new() { comm -13 "$LINT/base/$1" "$LINT/tree/$1"; }
count() { number "$(wc -l 2>/dev/null <"$1")"; }
judge() { # GATE
	new "$1" >"$LINT/new"
	[ -s "$LINT/tree/$1.of" ] || [ -n "$CASES" ] || tap 'not ok' "lint.$1: nothing was looked at"
	for case in $CASES; do
		case $case in "lint.$1."*) grep -qxF "${case#"lint.$1."}" "$LINT/tree/$1.of" || tap 'not ok' "$case: there is no such file" ;; esac
	done
	# What is new may be in a file that is not touched: a header, say.
	{ sed "s,^$LINT/,," "$LINT/tree/$1.of"; cut -f 1 "$LINT/new"; } | awk '!seen[$0]++' | while IFS= read -r name; do
		first=$(awk -F '\t' -v name="$name" '$1 == name { print $2; exit }' "$LINT/new")
		if [ -z "$first" ]; then tap ok "lint.$1.$name"; else tap 'not ok' "lint.$1.$name: $first"; fi
	done
}
table() {
	row='%-14s  %6s  %5s  %3s\n'
	# shellcheck disable=SC2059  # the row
	printf "$row" gate before after new
	for gate in $ASKED; do
		before=-
		case " $BEFORE " in *" $gate "*) before=$(count "$LINT/base/$gate") ;; esac
		# shellcheck disable=SC2059  # the row
		printf "$row" "$gate" "$before" "$(count "$LINT/tree/$gate")" "$(new "$gate" | wc -l)"
	done
}

exec 3>&1
# In a tree with edits, what the base was asked about stays the list: a further file has no before.
touched >"$LINT/touched"
if tree_is_clean || ! [ -f "$LINT/files" ]; then
	cp "$LINT/touched" "$LINT/files"
fi
further=$(comm -23 "$LINT/touched" "$LINT/files" | head -n 1)
[ -z "$further" ] || die "$further was not touched so far, so its findings of before are not known: commit it, and run 'make lint'"
if among_all; then
	look_at_tree
	look_at_base
else
	look_at_base
	look_at_tree
fi
for gate in checkpatch get_maintainer shellcheck; do : >"$LINT/base/$gate"; done
tap_begin "lint${LABEL:+-$LABEL}"
for gate in $ASKED; do judge "$gate"; done
table | tee "$RESULTS/lint${LABEL:+-$LABEL}.txt"
tap_end clean 'not clean'
