#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# VT-d's driver on emulated hardware: the scenarios of bench/guest/vtd.c, on an x86 kernel with KASAN.
#   bench-x86.sh                 on the unpatched and on the patched kernel, and what differs: series/<base>/scenarios-x86 lists what
#                          has to fail without the series. MACHINE=name takes one machine.
#   bench-x86.sh tree [CASE...]  on what the prepared tree holds, committed or not: all scenarios, or machine.case...
# KVM is used where the kernel boots by it, and TCG elsewhere; ACCEL=kvm or tcg names one.
# Results: build/results/<base>/bench-x86*; each machine's console: build/<base>/bench-x86/<label>/.
set -eu
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=kit/compare.sh
. "$KIT/compare.sh"
MODE=${1:-compare}
[ $# = 0 ] || shift
case $MODE in
compare) [ $# = 0 ] || die "usage: bench-x86.sh [tree [machine.case...]]" ;;
tree) ;;
*) die "usage: bench-x86.sh [tree [machine.case...]]" ;;
esac
# shellcheck disable=SC2034  # for compare.sh and lib.sh
COMPARED=bench-x86 LIST=$QUEUE/scenarios-x86 GUEST=x86_64

load_pin
[ "$MODE" = tree ] || [ -f "$LIST" ] || die "series/$BASE/scenarios-x86 is missing: nothing to compare"
begin
. "$KIT/machines.sh"
[ "$MODE" = tree ] || need_prepared_tree
# shellcheck disable=SC2034  # for lib.sh
HARDWARE='vtd vtd-scalable' MACHINES='vtd vtd-scalable' INITRAMFS=$BENCH/guest/vtd.cpio.gz WANTED=''
[ -z "${MACHINE:-}" ] || case " $MACHINES " in
*" $MACHINE "*) MACHINES=$MACHINE ;;
*) die "no machine is called $MACHINE (known: $MACHINES)" ;;
esac
# The archives that QEMU is built from need not have what a PC boots with.
BIOS=/usr/share/seabios/bios-256k.bin ROMS=/usr/share/qemu PORTS=$BENCH/external-facing
need gcc iasl "$BIOS" $ROMS/linuxboot_dma.bin /usr/include/stdlib.h /usr/include/libelf.h make flex bison bc perl cmp
use_ccache

# ---- the kernel

O=$BENCH/kernel LOG=$LOGS/build-bench-x86.log
kernel_make() {
	make -C "$TREE" ARCH=x86 ${CROSS:+"CROSS_COMPILE=$CROSS"} CC="$CC" HOSTCC="$HOSTCC" O="$O" LOCALVERSION='' -j "$JOBS" "$@"
}
configure() {
	# shellcheck disable=SC2086  # a list of files
	make_dir "$O" && cat $CONFIGS >"$O/all.config" && KCONFIG_ALLCONFIG=$O/all.config kernel_make allnoconfig
}
objects() { number "$(grep -cE '^  (HOST)?(CC|AS|LD|AR) ' "$LOG")"; }
meter_objects() { printf '%s objects, ' "$(objects)"; }
tree_kernel() { # LABEL
	progress "$ME: configuring" "$LOG" meter_none configure ||
		explain "$LOG" 'x86 cannot be configured' "$(grep -m 1 error "$LOG" || tail -n 1 "$LOG") (log $LOG)"
	if ! progress "$ME: building the $1 kernel" "$LOG" meter_objects kernel_make bzImage; then
		! disk_full "$LOG" || die "no space left in $BUILD_DIR: free some, or name another place with BUILD_DIR="
		printf '%s: the %s kernel does not build: %s (log %s)\n' "$ME" "$1" "$(grep -m 1 -E ' error: |undefined reference' "$LOG" || tail -n 1 "$LOG")" "$LOG" >&2
		exit 1
	fi
	cp "$O/arch/x86/boot/bzImage" "$BENCH/$IMAGE-$1"
}

# ---- the machines

# KVM may be there and yet not boot this kernel, as in some virtual machines: it is tried once, without an initramfs.
usable_kvm() { # LABEL
	[ "$(uname -m)" = x86_64 ] && [ -r /dev/kvm ] && [ -w /dev/kvm ] || return 0
	timeout -k 1 10 "$QEMU" -accel kvm -cpu host -M q35,kernel-irqchip=split -m 512 -L $ROMS -bios $BIOS -display none -nodefaults \
		-no-reboot -serial stdio -kernel "$BENCH/$IMAGE-$1" -append 'console=ttyS0 panic=-1' 2>/dev/null </dev/null |
		grep -q 'Kernel panic' || return 0
	echo kvm
}
before_boot() { # LABEL
	[ -n "${ACCEL:-}" ] || [ -f "$BENCH/accel" ] || { found=$(usable_kvm "$1") && say "${found:-tcg}" >"$BENCH/accel"; }
	ACCEL=${ACCEL:-$(cat "$BENCH/accel")}
	case $ACCEL in kvm | tcg) ;; *) die "ACCEL=$ACCEL: it is kvm or tcg" ;; esac
	iasl -p "$PORTS" "$TOP/bench/external-facing.asl" >"$LOGS/external-facing.log" 2>&1 ||
		explain "$LOGS/external-facing.log" 'bench/external-facing.asl does not compile' "see $LOGS/external-facing.log"
}

# ---- the verdict

# The bug itself: the tree of what has been probed holds memory that was freed.
used_after_free() { # LABEL
	number "$(cat "$RUNS/$1"/*.console | grep -cE '^BUG: KASAN: .*use-after-free in (intel_iommu_probe_device|device_r|rb_)' || :)"
}
evidence() {
	what='KASAN: use after free when a device is probed'
	if [ "$(used_after_free unpatched)" != 0 ]; then tap ok "unpatched: $what"; else tap 'not ok' "unpatched: $what: not seen"; fi
	if [ "$(used_after_free patched)" = 0 ]; then tap ok "patched: no $what"; else tap 'not ok' "patched: $what"; fi
}

table() {
	show_scenarios ', x86'
	say "KASAN, use after free when a device is probed: $(used_after_free unpatched) unpatched, $(used_after_free patched) patched"
}

make_qemu
guest vtd.cpio.gz
case $MODE in
compare) compare ;;
tree) on_tree "$@" ;;
esac
