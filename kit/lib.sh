# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Shared by kit/*.sh: paths, error messages, the progress runner.
# Exit codes of every script: 0 all is well, 1 a test failed, 2 bad use or a missing thing (one line on stderr says what, and how to mend it),
# 3 the machine under test was lost.

TOP=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
KIT=$TOP/kit
BUILD_DIR=$(realpath -ms -- "${BUILD_DIR:-$TOP/build}")
JOBS=${JOBS:-$(nproc)}
V=${V:-0}
ME=$(basename "$0" .sh)
STARTED=$(date +%s)

# With make -n a rule that hands the job server on runs all the same.
flags=${MAKEFLAGS:-}
case $ME,${flags%% *} in run,* | *,-* | *,*=*) ;; *,*n*) printf '%s\n' "$0 $*"; exit 0 ;; esac

# Objects and output must not depend on how the user's git, make, locale or time zone is set up. Of make's flags only its job server stays.
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE GIT_OBJECT_DIRECTORY
PARALLEL=-j$JOBS server=$(printf '%s\n' "${MAKEFLAGS:-}" | grep -oE -e '--jobserver-(auth|fds)=[^ ]+' || :)
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES ARCH CROSS_COMPILE LLVM KBUILD_OUTPUT KCONFIG_CONFIG KCONFIG_ALLCONFIG KCFLAGS HOSTCFLAGS
[ -z "$server" ] || export MAKEFLAGS="-j $server" PARALLEL=''
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0='*'
export LC_ALL=C TZ=UTC
# The distribution's python3 has the modules that deps.sh installs. A version manager's shim in front of it is a shell script that starts
# ten times as slowly, and under W=1 kbuild starts one for each object.
PATH=$(printf '%s\n' "$PATH" | tr : '\n' | grep -v '/shims$' | paste -sd :)
export PATH

say() { printf '%s\n' "$*"; }
die() { printf '%s: %s\n' "$ME" "$*" >&2; exit 2; }

# There is a queue for the kernel and one for QEMU, of one form: PROJECT says which of them a script works on.
export PROJECT="${PROJECT:-linux}"
DEFAULT_BASE=7.2
# shellcheck disable=SC2034  # the scripts that source this file use these
case $PROJECT in
linux)
	TITLE=Linux VAR=LINUX BASE_VAR=BASE MARK=Makefile BASE=${BASE:-$DEFAULT_BASE} ROOT=$TOP WORK=$BUILD_DIR/$BASE
	FROM_TARBALL=${LINUX_TARBALL:-} FROM_TREE=${LINUX_TREE:-}
	;;
qemu)
	TITLE=QEMU VAR=QEMU BASE_VAR=QEMU_BASE MARK=VERSION BASE=${QEMU_BASE:-10.2} ROOT=$TOP/bench/qemu WORK=$BUILD_DIR/qemu-$BASE
	FROM_TARBALL=${QEMU_TARBALL:-} FROM_TREE=${QEMU_TREE:-}
	;;
*) die "no such project: PROJECT=$PROJECT (known: linux qemu)" ;;
esac
PIN=$ROOT/bases/$BASE TREE=$WORK/$PROJECT RESULTS=$BUILD_DIR/results/${WORK##*/} LOGS=$WORK/log
# shellcheck disable=SC2034
DOWNLOADS=$BUILD_DIR/download DOWNLOAD_CACHE=${DOWNLOAD_CACHE:-}
ticker_pid='' to_remove=''

case $TOP$BUILD_DIR in
*[[:space:]:]*) die "kbuild does not accept a path with a space or a colon ($TOP, $BUILD_DIR): move the repository, or set BUILD_DIR=" ;;
esac
elapsed() { say "$(($(date +%s) - STARTED)) s"; }
tree_git() { git -C "$TREE" "$@"; }

# packages: "what package" of this host, one a line; what is a command or a file.
packages() { awk -v host="$(uname -m)" '!/^#/ && ($3 == "any" || $3 == host) { print $1, $2 }' "$KIT/packages"; }
present() {
	# shellcheck disable=SC2086  # it may be a pattern
	case $1 in
	/*) ls -d $1 ;;
	*) command -v "$1" ;;
	esac >/dev/null 2>&1
}
# need WHAT...: refuse to start what could only fail later.
need() {
	for what; do
		present "$what" || die "$what is missing: 'make deps' installs it (package $(packages | awk -v w="$what" '$1 == w { print $2 }'))"
	done
}

load_pin() {
	[ -f "$PIN" ] || die "no such base: $BASE_VAR=$BASE (known: $(cd "$ROOT/bases" && echo *))"
	# shellcheck source=bases/7.2
	. "$PIN"
}

# For a script that goes through every base. The default one comes first, and its source must be there.
bases() { say "$DEFAULT_BASE"; find "$TOP/bases" -type f -printf '%f\n' | grep -vxF "$DEFAULT_BASE" | sort -rV; }
source_of() { # BASE
	[ "$1" != "$DEFAULT_BASE" ] || return 0
	make_dir "$LOGS"
	BASE=$1 "$KIT/fetch.sh" 2>"$LOGS/fetch-$1.err" || ! grep '^fetch: no source for' "$LOGS/fetch-$1.err"
}

# ---- building kernels

set_cross() { # ARCH of the kernel: the prefix of its compiler
	case $1,$(uname -m) in
	arm64,x86_64) CROSS=aarch64-linux-gnu- ;;
	x86,aarch64) CROSS=x86_64-linux-gnu- ;;
	*) CROSS='' ;;
	esac
}
# Through ccache when there is one. It goes by the files that the compiler has read: to preprocess each makes a cold build a third longer.
use_ccache() {
	CC=${CROSS}gcc HOSTCC=gcc
	command -v ccache >/dev/null || return 0
	CC="$KIT/cc.sh $CC" HOSTCC="$KIT/cc.sh $HOSTCC"
	export CCACHE_DIR="${CCACHE_DIR:-$BUILD_DIR/ccache}" CCACHE_BASEDIR="$WORK" CCACHE_DEPEND=1
}
# kernel_make ARCH O ARGUMENT...: the one way to call kbuild. WARN=1 is W=1, without kernel-doc, which lint checks. An empty LOCALVERSION keeps
# the state of git out of the version, and so out of what has to be built again.
kernel_make() {
	karch=$1 kobjects=$2
	shift 2
	set_cross "$karch"
	use_ccache
	# shellcheck disable=SC2086  # nothing, or -j
	make -C "$TREE" ARCH="$karch" ${CROSS:+"CROSS_COMPILE=$CROSS"} CC="$CC" HOSTCC="$HOSTCC" O="$kobjects" LOCALVERSION='' \
		${WARN:+W=1 KERNELDOC=/dev/null} $PARALLEL "$@"
}
# failed WHAT: a build that fails is a failed test, reported in one line.
# shellcheck disable=SC2153  # LOG is the script's
failed() {
	need_space "$LOG" "$1"
	first=$(grep -m 1 -E '(^| )(error|ERROR): |undefined reference|^Missing: |^ERROR|Error [0-9]|\*\*\* ' "$LOG" ||
		grep -m 1 '^FAILED: ' "$LOG" || tail -n 1 "$LOG")
	printf '%s: %s failed: %s (log %s)\n' "$ME" "$1" "$first" "$LOG" >&2
	[ -z "${TAP:-}" ] || { tap 'not ok' "$1 failed: $first" && tap_end; } || :
	exit 1
}

# explain LOG WHAT HINT: turn the log of a step that failed into the one line.
explain() {
	need_space "$1" "$2"
	die "$2: $3"
}
# LOG WHAT
need_space() { ! disk_full "$1" || die "$2: no space left in $BUILD_DIR: free some, or set BUILD_DIR="; }
# On a full disk the log may be the very thing that could not be written.
disk_full() { grep -qisE 'no space left|disk quota exceeded' "$1" || [ "$(free_mb "$BUILD_DIR")" = 0 ]; }
free_mb() { df -Pk "$1" | awk 'NR == 2 { print int($4 / 1024) }'; }
make_dir() { mkdir -p "$1" 2>/dev/null || die "cannot create $1: check free space and permissions"; }

# progress WHAT LOG COMMAND...: run COMMAND into LOG, and show where its log is: on a terminal in one line that keeps changing, elsewhere
# every 15 s. The ticker, not the command, is in the background, so that a short command costs nothing extra.
progress() {
	what=$1 log=$2 rc=0
	shift 2
	make_dir "$(dirname "$log")"
	if [ "$V" = 1 ]; then
		{ ("$@") || rc=$?; echo "$rc" >"$log.rc"; } 2>&1 </dev/null | tee "$log"
		return "$(cat "$log.rc")"
	fi
	: >"$log"
	ticker 9>&- &
	ticker_pid=$!
	on_exit
	"$@" >"$log" 2>&1 </dev/null || rc=$?
	stop_ticker
	wait "$ticker_pid" 2>/dev/null || :
	ticker_pid=''
	[ ! -t 1 ] || printf '\r\033[K'
	return "$rc"
}

# It ends by itself when the script was killed: $$ is the script also in here.
ticker() {
	from=$(date +%s) pause=15 format='%s: %s s: %s (log %s)\n' tick=0
	[ -n "$server" ] || [ ! -t 1 ] || pause=1 format='\r\033[K%s: %s s: %s (log %s)'
	while sleep 1 >/dev/null 2>&1 && kill -0 $$ 2>/dev/null; do
		tick=$((tick + 1))
		# shellcheck disable=SC2059  # one of the two above
		[ $((tick % pause)) != 0 ] || printf "$format" "$what" "$(($(date +%s) - from))" "$(how_far)" "$log"
	done
}
# The end of the log; of a kernel that is built for the first time how much there is of it. ninja counts by itself.
how_far() {
	if [ -n "${ABOUT:-}" ]; then
		say "$(grep -c '^  [A-Z]' "$log") of about $ABOUT objects"
	else
		tail -n 1 "$log" | tr -s ' \r\t' ' ' | cut -c 1-60
	fi
}
# A ticker that has only just begun would lose any other signal to the script's traps, and be waited for for ever.
stop_ticker() { kill -KILL "$ticker_pid" 2>/dev/null || :; }

# Whatever a script may leave behind when it ends early: the ticker, a folder to_remove, and what it has borrowed.
on_exit() {
	trap clean_up EXIT
	trap 'exit 143' INT TERM HUP
}
clean_up() {
	[ -z "$ticker_pid" ] || stop_ticker
	[ -z "$to_remove" ] || rm -rf "$to_remove"
	[ "${BORROWER:-}" != "$$" ] || give_back
}

# Results of a check, as TAP: under its name when it is whole. With QUIET=1 only there, else on the screen too.
tap_begin() { # NAME
	make_dir "$RESULTS"
	TAP=$RESULTS/$1${LABEL:+-$LABEL}.tap
	rm -f "$TAP"
	: >"$TAP.tmp"
}
tap() { # ok|'not ok' DESCRIPTION
	line="$1 $(($(wc -l <"$TAP.tmp") + 1)) - $2"
	say "$line" >>"$TAP.tmp"
	[ "${QUIET:-0}" = 1 ] || say "$line"
}
# Nothing run is no success.
tap_end() {
	good=$(grep -c '^ok ' "$TAP.tmp") bad=$(grep -c '^not ok ' "$TAP.tmp") || :
	say "1..$((good + bad))" >>"$TAP.tmp"
	mv "$TAP.tmp" "$TAP"
	say "$ME: $good passed, $bad failed, $(elapsed); results in $TAP"
	[ "$bad" = 0 ] && [ "$good" != 0 ]
}

# One run at a time has the build folder: make's, or that of a script called by itself. What the last one has started may end a moment after it.
lock() {
	[ "${LOCKED:-}" != "$BUILD_DIR" ] || return 0
	make_dir "$BUILD_DIR"
	(: >>"$BUILD_DIR/lock") 2>/dev/null || die "cannot write to $BUILD_DIR: check free space and permissions"
	exec 9>>"$BUILD_DIR/lock"
	flock -w 2 9 || die "another run is using $BUILD_DIR: wait for it, or end it"
	export LOCKED="$BUILD_DIR"
}
# Within a run the tree of a base is one script's at a time, as its branch is switched.
lock_tree() {
	[ "${TREE_LOCKED:-}" != "$TREE" ] || return 0
	exec 8>>"$WORK/tree.lock"
	flock 8
	export TREE_LOCKED="$TREE"
	recover
}

# A run that changes the tree for a while (a mutant, the unpatched code) leaves a note of how to undo it. A killed run is undone by the next.
borrow() {
	say "$*" >"$WORK/borrowed"
	BORROWER=$$
	on_exit
}
give_back() {
	[ -f "$WORK/borrowed" ] || return 0
	read -r how what <"$WORK/borrowed" || :
	case $how in
	mutant)
		tree_git apply -R --whitespace=nowarn "$what" 2>/dev/null || tree_git apply --check "$what" 2>/dev/null ||
			printf "%s: %s could not be removed from %s completely: check 'git -C %s diff'\\n" "$ME" "$what" "$TREE" "$TREE" >&2
		;;
	branch) tree_git checkout -q "$what" ;;
	esac
	rm -f "$WORK/borrowed"
}
recover() {
	[ ! -f "$WORK/borrowed" ] || say "$ME: restoring the tree after a killed run ($(cat "$WORK/borrowed"))"
	give_back
}
# on_branch LABEL COMMAND...: run COMMAND while the tree has the code of LABEL (see kernel.sh).
on_branch() {
	lock_tree
	case $1 in
	tree) ref=HEAD ;;
	patched | san) ref=refs/prepared/series ;;
	without) ref=refs/without ;;
	*) ref=$1 ;;
	esac
	shift
	[ "$ref" = HEAD ] || need_clean_tree
	if [ "$(tree_git rev-parse HEAD)" = "$(tree_git rev-parse "$ref^{commit}")" ]; then
		"$@"
		return
	fi
	borrow branch "$(tree_git symbolic-ref -q --short HEAD || tree_git rev-parse HEAD)"
	tree_git checkout -q --detach "$ref"
	"$@"
	give_back
}

# How a script begins that works on the prepared tree, as it is or (need_prepared_tree) as the queue has it.
begin() {
	lock
	[ -n "${FROM_MAKE:-}" ] || FORCE=0 "$TOP/judge" prepare
	load_pin
	lock_tree
}

tree_is_clean() { [ -z "$(tree_git status --porcelain)" ]; }
tree_is_prepared() {
	[ "$(tree_git symbolic-ref -q --short HEAD)" = series ] && [ "$(tree_git rev-parse HEAD)" = "$(tree_git rev-parse refs/prepared/series)" ]
}
need_clean_tree() { tree_is_clean || die "$TREE has uncommitted edits: commit them and run 'make refresh', or run 'git stash'"; }
need_prepared_tree() {
	tree_is_prepared || die "$TREE is not at the end of branch series as prepared: run 'make refresh', or 'git -C $TREE checkout series'"
	need_clean_tree
}
