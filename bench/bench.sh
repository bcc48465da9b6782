#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The scenarios of bench/guest on emulated hardware.
#   bench.sh                 on the unpatched and on the patched kernel, and what differs: series/<base>/scenarios lists
#                            what has to fail without the series. MACHINE=name takes one machine.
#   bench.sh tree [CASE...]  on what the prepared tree holds, committed or not: all scenarios, or machine.case...
# Results: build/results/<base>/bench*; each machine's console and trace: build/<base>/bench/<label>/.
set -eu
. "$(dirname -- "$0")/../series/lib.sh"
. "$SERIES/compare.sh"
MODE=${1:-compare}
[ $# = 0 ] || shift
case $MODE in
compare) [ $# = 0 ] || die "usage: bench.sh [tree [machine.case...]]" ;;
tree) ;;
*) die "usage: bench.sh [tree [machine.case...]]" ;;
esac
BENCH=$WORK/bench
QEMU=$BUILD_DIR/qemu-10.2/build/qemu-system-aarch64
MACHINES='ats smmu-without-ats root-without-ats noats'
COMPARED=bench LIST=$QUEUE/scenarios
CROSS=''
[ "$(uname -m)" = aarch64 ] || CROSS=aarch64-linux-gnu-

begin
need "${CROSS}gcc" fdtput python3
[ "$MODE" = tree ] || need_prepared_tree
make_dir "$BENCH"
make_dir "$RESULTS"
make_dir "$LOGS"
[ -z "${MACHINE:-}" ] || case " $MACHINES " in
*" $MACHINE "*) MACHINES=$MACHINE ;;
*) die "no machine is called $MACHINE (known: $MACHINES)" ;;
esac

# ---- what the machines are made of

# A kernel is built again only when the code or its configuration is another.
kernel() { # BRANCH LABEL
	key=$({ tree_git rev-parse "$1^{tree}"; cat "$TOP/bench/kernel.config" "$SERIES/arm64.config"; } | sha256sum)
	if [ "$key" = "$(cat "$BENCH/Image-$2.key" 2>/dev/null)" ] && [ -f "$BENCH/Image-$2" ]; then return; fi
	rm -f "$BENCH/Image-$2.key"
	borrow branch series
	tree_git checkout -q "$1"
	BUILD_ONLY=1 "$SERIES/kunit.sh" arm64 "$2"
	cp "$WORK/arm64/arch/arm64/boot/Image" "$BENCH/Image-$2"
	give_back
	say "$key" >"$BENCH/Image-$2.key"
}

tree_kernel() {
	BUILD_ONLY=1 "$SERIES/kunit.sh" arm64 tree
	cp "$WORK/arm64/arch/arm64/boot/Image" "$BENCH/Image-tree"
}

make_guest() {
	if [ ! -f "$BENCH/headers/include/linux/iommufd.h" ]; then
		make -C "$TREE" ARCH=arm64 O="$BENCH/headers-build" INSTALL_HDR_PATH="$BENCH/headers" headers_install || return 1
	fi
	make -C "$TOP/bench/guest" CC="${CROSS}gcc" HEADERS="$BENCH/headers/include" \
		KSELFTEST="$TREE/tools/testing/selftests" GEN_INIT_CPIO="$TREE/usr/gen_init_cpio.c" O="$BENCH/guest"
}
guest() {
	progress "bench: building the guest" "$LOGS/guest.log" meter_none make_guest ||
		explain "$LOGS/guest.log" 'the guest does not build' "$(grep -m 1 -E 'error|Error' "$LOGS/guest.log") (log $LOGS/guest.log)"
}

# The SMMU and the root complex say independently whether they have ATS: QEMU's device tree is right for one with ATS
# in both and for one without ATS in both, and is changed for what is between.
device_trees() {
	"$QEMU" -M virt,iommu=smmuv3,gic-version=3,dumpdtb="$BENCH/plain.dtb" -cpu cortex-a72 -m 512 -nodefaults -display none
	root=/$(fdtget -l "$BENCH/plain.dtb" / | grep '^pcie@')
	cp "$BENCH/plain.dtb" "$BENCH/smmu-without-ats.dtb"
	cp "$BENCH/plain.dtb" "$BENCH/root-without-ats.dtb"
	fdtput "$BENCH/smmu-without-ats.dtb" "$root" ats-supported
}

arguments() { # MACHINE LABEL
	say -M virt,iommu=smmuv3,gic-version=3 -cpu cortex-a72 -smp 1 -m 512 -global arm-smmuv3.fwb=on
	say -readconfig "$TOP/bench/machine.cfg" -kernel "$BENCH/Image-$2" -initrd "$BENCH/guest/initramfs.cpio.gz"
	[ "$1" = smmu-without-ats ] || say -global arm-smmuv3.ats=on
	case $1 in *-without-ats) say -dtb "$BENCH/$1.dtb" ;; esac
}
command_line() { # MACHINE
	printf 'console=ttyAMA0 kunit.enable=0 panic=-1 bench.machine=%s' "$1"
	[ "$1" != noats ] || printf ' pci=noats'
	tests=$(cases_of "$1" | sed 's/^/-r,/' | paste -sd ,)
	[ -z "$tests" ] || printf ' bench.filter=%s' "$tests"
}

# ---- running them

# Of the cases named on the command line those of one machine: none named is all.
cases_of() { for case in $WANTED; do case $case in "$1".*) say "${case#*.}" ;; esac; done; }

boot() { # MACHINE LABEL
	mkdir -p "$BENCH/$2"
	rm -f "$BENCH/$2/$1".*
	rc=0
	# shellcheck disable=SC2046  # a list of words
	"$TOP/bench/run.py" "$BENCH/$2/$1" "$QEMU" $(arguments "$1" "$2") -append "$(command_line "$1")" || rc=$?
	say "$rc" >"$BENCH/$2/$1.rc"
}

# The kernels to be compared run beside each other, machine by machine.
boot_all() { # LABEL...
	for machine in $MACHINES; do
		[ -z "$WANTED" ] || [ -n "$(cases_of "$machine")" ] || continue
		for label; do boot "$machine" "$label" & done
		wait
	done
}
meter_boots() { printf '%s of %s scenarios, ' "$(cat "$BENCH"/*/*.ktap 2>/dev/null | grep -cE '^(not )?ok ')" "$(cat "$BENCH/total" 2>/dev/null || say '?')"; }

run() { # LABEL...
	for label; do rm -rf "${BENCH:?}/$label" "$RESULTS/bench-$label".*; done
	progress "bench: running $*" "$LOGS/bench.log" meter_boots boot_all "$@" || :
	grep -h '^run.py: ' "$LOGS/bench.log" >&2 || :
	[ -n "$WANTED" ] || cat "$BENCH"/*/*.ktap | grep -cE '^(not )?ok ' >"$BENCH/total" || :
	for label; do collect "$label"; done
}

# One KTAP of all machines of a kernel, each a suite, for kunit.py to make JUnit and JSON of.
collect() { # LABEL
	out=$RESULTS/bench-$1
	booted=$(cd "$BENCH/$1" && echo *.rc | sed 's/\.rc//g')
	{
		echo 'KTAP version 1'
		say "1..$(say "$booted" | wc -w)"
		n=0
		for machine in $booted; do
			n=$((n + 1)) verdict=ok
			printf '    KTAP version 1\n    # Subtest: %s\n' "$machine"
			grep -v '^TAP version' "$BENCH/$1/$machine.ktap" | sed 's/^/    /'
			! grep -q '^not ok' "$BENCH/$1/$machine.ktap" && [ "$(cat "$BENCH/$1/$machine.rc")" = 0 ] || verdict='not ok'
			say "$verdict $n $machine"
		done
	} >"$out.ktap"
	(cd "$TREE" && PYTHONDONTWRITEBYTECODE=1 python3 tools/testing/kunit/kunit.py parse --json="$out.json" --junit="$out.junit.xml" \
		"$out.ktap" >/dev/null) || :
	"$SERIES/cases.py" "$out.json" | awk '{ print $2, tolower($1) }' >"$(cases_file "$1")"
	lost "$1" || return 0
	echo '- lost' >>"$(cases_file "$1")"
}
lost() { grep -qvx 0 "$BENCH/$1"/*.rc; }
report_lost() { # LABEL
	for rc in "$BENCH/$1"/*.rc; do
		[ "$(cat "$rc")" != 0 ] || continue
		machine=$(basename "$rc" .rc)
		tap 'not ok' "$machine, $1 kernel: the machine was lost; its console ends: $(tail -n 1 "$BENCH/$1/$machine.console" 2>/dev/null)"
	done
}

# QEMU's trace has to show what the guest has read from the command queue.
report_counts() { # LABEL
	"$TOP/bench/facts.py" counts "$BENCH/$1" >"$BENCH/$1/counts" || :
	while read -r verdict text; do
		case $verdict in
		same) tap ok "$1: $text" ;;
		*) tap 'not ok' "$1: $text" ;;
		esac
	done <"$BENCH/$1/counts"
}

compare() {
	[ -f "$LIST" ] || die "series/$BASE/scenarios is missing: nothing to compare"
	WANTED=''
	kernel unpatched unpatched
	kernel series patched
	run unpatched patched
	tap_begin bench
	judge_all
	if [ "$(say "$MACHINES" | wc -w)" = 1 ]; then sed -i "/ - $MACHINES\\./!d" "$WORK/judged.tap" "$TAP"; fi
	for label in unpatched patched; do
		report_lost "$label"
		report_counts "$label"
	done >>"$WORK/judged.tap"
	echo
	say "Linux $(sed -n 's/^version=//p' "$WORK/source"); $("$QEMU" --version | head -n 1), with ats-testdev"
	"$TOP/bench/facts.py" table "$BENCH" "$LIST" | tee "$RESULTS/bench.txt"
	show_surprises | grep -v '^ok .*: commands of ' || :
	tap_end 'as expected' 'not as expected' || { ! lost unpatched && ! lost patched || exit 3; exit 1; }
}

tree() { # CASE...
	WANTED=$*
	for case; do
		case " $MACHINES " in *" ${case%%.*} "*) ;; *) die "$case: no machine is called ${case%%.*} (known: $MACHINES)" ;; esac
	done
	tree_kernel
	run tree
	tap_begin "bench-tree"
	while read -r case status; do
		case $status in
		pass) tap ok "$case" ;;
		skip) tap ok "$case # SKIP" ;;
		-) ;;
		*) tap 'not ok' "$case: $status" ;;
		esac
	done <"$(cases_file tree)"
	report_lost tree
	for case in $WANTED; do
		[ "$(status_on tree "$case")" != 'not run' ] || tap 'not ok' "$case: there is no such scenario"
	done
	tap_end passed failed || { ! lost tree || exit 3; exit 1; }
}

"$TOP/bench/qemu/build.sh"
guest
device_trees >"$LOGS/device-trees.log" 2>&1 || explain "$LOGS/device-trees.log" 'QEMU does not write its device tree' "$(head -n 1 "$LOGS/device-trees.log")"
"$MODE" "$@"
