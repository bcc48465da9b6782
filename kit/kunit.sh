#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# kunit.sh um|arm64 [LABEL]: build what the prepared tree holds, run its KUnit suites by the tree's own kunit.py, and
# leave KTAP, JUnit and JSON in build/results/. FILTER= is a kunit.py glob, KERNEL_ARGS= goes to the kernel's command line,
# QUIET=1 leaves the KTAP to the file, BUILD_ONLY=1 builds the kernel and stops, SAN=1 builds one with kit/config/sanitizers.config.
set -eu
. "$(dirname -- "$0")/lib.sh"
lock
KIND=${1:-} LABEL=${2:-}
case $KIND in um | arm64) ;; *) die "usage: kunit.sh um|arm64 [label]" ;; esac
NAME=kunit-$KIND FILTER=${FILTER:-}
# UML is a port to x86 only: elsewhere the PCI suite runs where the SMMU's do. So it does where all bases are run: that is a kernel less.
if [ "$KIND" = um ] && { [ "$(uname -m)" != x86_64 ] || [ "${AMONG_ALL:-0}" = 1 ]; }; then
	KIND=arm64 NAME=kunit-arm64-pci_ats FILTER=${FILTER:-pci_ats}
fi
NAME=$NAME${LABEL:+-$LABEL}
"$KIT/prepare.sh"
load_pin
recover

# W=1 changes every command line, SAN=1 most objects: these live apart.
O=$WORK/$KIND${W:+-w$W}${SAN:+-san}
LOG=$LOGS/build-$KIND.log
CROSS=''
case $KIND in
um)
	TARGET=linux OBJECTS=${BASE_OBJECTS_um:-0} FRAGMENTS='drivers/pci/tests'
	;;
arm64)
	TARGET=Image OBJECTS=${BASE_OBJECTS_arm64:-0} FRAGMENTS='drivers/pci/tests drivers/iommu/arm/arm-smmu-v3'
	[ "$(uname -m)" = aarch64 ] || CROSS=aarch64-linux-gnu-
	need qemu-system-aarch64
	;;
esac
need "${CROSS}gcc" gcc /usr/include/stdlib.h make flex bison bc perl python3
use_ccache

# The suites' own fragments, as far as the tree has them at this commit, and ours. One arm64 kernel serves the
# suites and the bench: what the bench adds costs less than a second kernel.
kunitconfigs() {
	for dir in $FRAGMENTS; do
		[ ! -f "$TREE/$dir/.kunitconfig" ] || fragment "$TREE/$dir/.kunitconfig"
	done
	[ "$KIND" != arm64 ] || fragment "$KIT/config/bench.config"
	[ "$KIND" != arm64 ] || [ -z "${BASE_FIRMWARE:-}" ] || fragment "$KIT/config/firmware.config"
	[ -z "${SAN:-}" ] || fragment "$KIT/config/sanitizers.config"
	fragment "$KIT/config/$KIND.config"
}

# kunit.py refuses options that a kernel does not have: leave out what the pin says.
fragment() { # FILE
	copy=$WORK/fragments/$(say "$1" | tr / _)
	make_dir "$WORK/fragments"
	grep -vE "^(# )?($(say "${BASE_LACKS:-none}" | tr -s ' ' '|'))(=| is not set)" "$1" >"$copy" || [ $? = 1 ]
	printf -- '--kunitconfig=%s ' "$copy"
}

kunit_py() { (cd "$TREE" && PYTHONDONTWRITEBYTECODE=1 python3 tools/testing/kunit/kunit.py "$@"); }
kunit() { # COMMAND OPTION...
	command=$1
	shift
	[ "$KIND" = um ] || set -- --arch=arm64 --qemu_config="$KIT/config/qemu-smmuv3.py" ${CROSS:+"--cross_compile=$CROSS"} "$@"
	kunit_py "$command" --build_dir="$O" "$@"
}

# W=1 says what is wrong and compiles on: the kernel has warnings under it of its own. EFI is on by default on arm64.
configure() {
	options=${W:+--kconfig_add CONFIG_WERROR=n}
	[ "$KIND" != arm64 ] || [ -n "${BASE_FIRMWARE:-}" ] || options="$options --kconfig_add CONFIG_EFI=n"
	# shellcheck disable=SC2086  # lists of options
	kunit config --make_options="CC=$CC" --make_options="HOSTCC=$HOSTCC" $kunitconfigs $options
}

# An empty LOCALVERSION keeps the state of git out of the version, and so out of what has to be built again.
kernel_make() {
	make -C "$TREE" ARCH="$KIND" ${CROSS:+"CROSS_COMPILE=$CROSS"} CC="$CC" HOSTCC="$HOSTCC" O="$O" ${W:+"W=$W" KERNELDOC=/dev/null} LOCALVERSION='' \
		-j "$JOBS" "$@"
}
# With a folder of nothing to look through, kbuild links what is there. Its archives hold no objects, only their names, so that it does
# not see for itself that one has become another.
build() {
	[ -n "$stale" ] || { kernel_make "$TARGET"; return; }
	# shellcheck disable=SC2086  # a list of names
	kernel_make $stale && touch "$O/vmlinux.a" && kernel_make build-dir=usr "$TARGET"
}

objects() { number "$(grep -cE '^  (HOST)?(CC|AS|LD|AR) ' "$LOG")"; }
# Only of a first build is it known how many there will be: from the last one, or from the pin.
meter_objects() {
	printf '%s' "$(objects)"
	[ -f "$O/vmlinux" ] || printf ' of about %s' "$(cat "$WORK/objects-$KIND" 2>/dev/null || say "$OBJECTS")"
	printf ' objects, '
}

# fail WHAT: a build that fails is a failed test, told in one line.
fail() {
	! disk_full "$LOG" || die "no space left in $BUILD_DIR: free some, or name another place with BUILD_DIR="
	first=$(grep -m 1 -E ' error: |undefined reference|^Missing: |^ERROR|Error [0-9]' "$LOG" || tail -n 1 "$LOG")
	printf '%s: %s %s failed: %s (log %s)\n' "$ME" "$KIND" "$1" "$first" "$LOG" >&2
	exit 1
}

# kbuild takes seconds to find that it has nothing to do, and kunit.py to write the configuration that there is. In a tree that a run has
# borrowed, nobody else edits, and git knows at once: most mutants have nothing to configure, and one may be of a test's program, or
# be built once for KUnit and once more for the bench.
made_from() { # PATH...
	{
		tree_git rev-parse HEAD
		tree_git diff HEAD -- "$@"
		cat "$WORK/fragments"/* "$KIT/kunit.sh" "$KIT/config/qemu-smmuv3.py"
		say "$CC" "$HOSTCC"
	} | sha256sum
}
of_configuration() { made_from '*Kconfig*' '*.kunitconfig' tools/testing/kunit; }
of_kernel() { made_from . ':!tools/testing'; }
# Looking through all folders is half of what a mutant costs. What differs from HEAD now and did not at the last build, or the other way
# round, is told by sums; if all of it is source that one object each is made of, and linked, these objects are all there is to build.
# With another HEAD the configuration is not as before.
edited() {
	tree_git diff HEAD --name-only -- . ':!tools/testing' | while read -r file; do
		(cd "$TREE" && sha256sum "$file" 2>/dev/null) || say "gone $file"
	done | sort
}
stale_objects() {
	[ -f "$O/vmlinux.a" ] && [ -f "$O.edited" ] || return 0
	edited | comm -3 - "$O.edited" | awk '{ print $NF }' | sort -u >"$O.changed"
	while read -r file; do
		case $file in drivers/*.c) ;; *) return 0 ;; esac
		(cd "$O" && ar t vmlinux.a) | grep -qxF "${file%c}o" && [ "$(grep -rlF --include='.*.cmd' "/$file" "$O" | wc -l)" = 1 ] || return 0
	done <"$O.changed"
	sed 's/c$/o/' "$O.changed"
}
is_as_before() { [ -n "${BORROWER:-}" ] && [ -f "$O/$1" ] && [ "$("$2")" = "$(cat "$O.$3" 2>/dev/null)" ]; } # FILE OF-WHAT DONE

make_kernel() {
	make_dir "$O"
	rm -rf "$WORK/fragments"
	kunitconfigs=$(kunitconfigs)
	! is_as_before vmlinux of_kernel built || return 0
	rm -f "$O.built"
	stale=''
	if is_as_before .config of_configuration configured; then
		stale=$(stale_objects)
	else
		rm -f "$O.configured" "$O.edited"
		progress "$ME: configuring $KIND" "$LOG" meter_none configure || fail configuration
		of_configuration >"$O.configured"
	fi
	first_build=$([ -f "$O/vmlinux" ] || echo yes)
	rm -f "$O.edited"
	progress "$ME: building $KIND" "$LOG" meter_objects build || fail build
	[ -z "$first_build" ] || objects >"$WORK/objects-$KIND"
	of_kernel >"$O.built"
	edited >"$O.edited.new"
	mv "$O.edited.new" "$O.edited" # never half of it: what is missing there stays in the kernel
}

# kunit.py parses while the kernel runs, and keeps the raw log: from that the KTAP is taken. Older ones write no JUnit; make report
# does where it is missing.
run() {
	rm -f "$O/test.log"
	junit=--junit=$RESULTS/$NAME.junit.xml
	kunit_py exec --help | grep -q -e --junit || junit=''
	kunit exec --timeout="${TIMEOUT:-300}" --json="$RESULTS/$NAME.json" ${junit:+"$junit"} \
		${KERNEL_ARGS:+"--kernel_args=$KERNEL_ARGS"} ${FILTER:+"$FILTER"}
}

# Every top level result of the plan has to be there: a machine that stopped earlier was lost.
all_there() {
	awk '/^1\.\.[0-9]+/ && !plan { plan = substr($1, 4) } /^(not )?ok [0-9]+/ { done++ } END { exit !(plan && done >= plan) }' "$1"
}

splat() {
	grep -v '^ *#' "$1" | grep -m 1 -E 'WARNING: |BUG: |INFO: (task|rcu|possible)|Oops|Kernel panic|Unable to handle|UBSAN:|possible (circular|recursive) locking'
}

count() { say "$cases" | grep -c "^$1" || :; }

verdict() {
	if grep -q '^1\.\.0$' "$RESULTS/$NAME.ktap"; then
		printf '%s: %s: nothing ran: this kernel has no suite%s\n' "$ME" "$KIND" "${FILTER:+ called $FILTER}" >&2
		return 3
	fi
	cases=$("$KIT/cases.py" "$RESULTS/$NAME.json" 2>/dev/null || :)
	if [ -z "$cases" ] || ! all_there "$RESULTS/$NAME.ktap"; then
		printf '%s: %s: lost: no final result; the last line was: %s (log %s)\n' "$ME" "$KIND" "$(tail -n 1 "$RESULTS/$NAME.log")" "$RESULTS/$NAME.log" >&2
		return 3
	fi
	failed=$(($(count FAIL) + $(count ERROR)))
	say "$ME: $NAME: $(count PASS) passed, $failed failed, $(count SKIP) skipped, $(elapsed); results in $RESULTS/$NAME.*"
	if [ "$failed" != 0 ]; then
		[ "$LABEL" = unpatched ] || say "$cases" | sed -n "s/^\(FAIL\|ERROR\) /$ME: failed: /p"
		return 1
	fi
	[ "$LABEL" != unpatched ] || return 0
	if line=$(splat "$RESULTS/$NAME.log"); then
		printf '%s: %s: all cases passed, but the kernel complained: %s (log %s)\n' "$ME" "$KIND" "$line" "$RESULTS/$NAME.log" >&2
		return 1
	fi
}

# Before the build: no result may outlive what it was a result of.
make_dir "$RESULTS"
[ "${BUILD_ONLY:-0}" != 0 ] || rm -f "$RESULTS/$NAME".*
make_kernel
[ "${BUILD_ONLY:-0}" = 0 ] || exit 0
cp "$WORK/source" "$RESULTS/source"
progress "$ME: running $NAME" "$LOGS/$NAME.log" meter_none run || :
[ -f "$O/test.log" ] || die "kunit.py could not start the kernel: $(tail -n 1 "$LOGS/$NAME.log") (log $LOGS/$NAME.log)"
cp "$O/test.log" "$RESULTS/$NAME.log"
kunit_py parse --raw_output=kunit "$RESULTS/$NAME.log" >"$RESULTS/$NAME.ktap" || :
if [ "${QUIET:-0}" = 0 ]; then
	cat "$RESULTS/$NAME.ktap"
	grep -E 'Testing complete|Elapsed time' "$LOGS/$NAME.log" || :
fi
verdict
