#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A machine without ats=on is that of QEMU without the queue: the same device tree, the same ID registers, the same commands in the SMMU's
# queue for the same guest. With ats=on each of these differs, or else the comparison would be blind. Called by kit/mk/check.mk.
set -eu
. "$(dirname -- "$0")/lib.sh"
lock
QEMUS=$BUILD_DIR/qemu-${QEMU_BASE:-10.2} IMAGE=$WORK/kernels/patched/Image GUEST=$WORK/guest/arm64/initramfs.cpio.gz
QEMU=$QEMUS/build/qemu-system-aarch64 PLAIN=$QEMUS/base/build/qemu-system-aarch64
for file in "$IMAGE" "$GUEST" "$QEMU" "$PLAIN"; do [ -f "$file" ] || die "$file is missing: 'make bench-off' builds it"; done
OUT=$WORK/run/off LOG=$LOGS/off.log
rm -rf "$OUT"
make_dir "$OUT"
: >"$LOG"

device_tree() { # NAME QEMU ARGUMENT...
	out=$OUT/$1 qemu=$2
	shift 2
	"$qemu" -M "virt,gic-version=3,dtb-randomness=off,dumpdtb=$out$MACHINE_OPTIONS" "$@" -cpu cortex-a72 -display none -nodefaults
}
# edu stands in for the test device, which one of the two does not know; virtio-net has an ATS Capability in both.
boot_guest() { # NAME QEMU ARGUMENT...
	out=$OUT/$1 qemu=$2 rc=0
	shift 2
	"$TOP/judge" boot "$out" "$qemu" -icount shift=0,sleep=off -M virt,gic-version=3,iommu=smmuv3,dtb-randomness=off \
		-cpu cortex-a72 -smp 1 -m 512 -device pcie-root-port,id=rp2,addr=2,chassis=2,slot=2 -device edu,bus=rp2 \
		-device virtio-net-pci,addr=3,disable-legacy=on,iommu_platform=on,ats=on,romfile= "$@" -trace 'smmuv3_cmdq_*' \
		-kernel "$IMAGE" -initrd "$GUEST" \
		-append 'console=ttyAMA0 kunit.enable=0 panic=-1 bench.machine=off bench.filter=-r,global.any_device_maps_and_unmaps' || rc=$?
	[ "$rc" != 3 ] || lost=yes
	[ "$rc" = 0 ] && grep -q '^ok 1 ' "$out.ktap"
}
queue_trace() { boot_guest "$@" && grep -v 'does not exist$' "$OUT/$1.trace" >"$OUT/$1"; }
id_registers() { boot_guest "$@" && grep '^#@ id ' "$OUT/$1.ktap" >"$OUT/$1"; }

# same WHAT KIND ON OPTION...: as with KIND, from both; then once more with ON, which has to be seen.
same() {
	what=$1 kind=$2 on=$3
	shift 3
	if ! { "$kind" before "$PLAIN" "$@" && "$kind" after "$QEMU" "$@" && "$kind" on "$QEMU" "$@" -global "$on"; } >>"$LOG" 2>&1; then
		tap 'not ok' "$what: not compared: $(tail -n 1 "$LOG")"
	elif ! [ -s "$OUT/before" ] || ! cmp -s "$OUT/before" "$OUT/after"; then
		tap 'not ok' "$what: changed"
	elif cmp -s "$OUT/after" "$OUT/on"; then
		tap 'not ok' "$what: the same with $on too: the comparison proves nothing"
	else
		tap ok "$what: unchanged; differs with $on"
	fi
}

lost=''
tap_begin off
MACHINE_OPTIONS=,iommu=smmuv3
same 'device tree, iommu=smmuv3' device_tree arm-smmuv3.ats=on
MACHINE_OPTIONS=''
same 'device tree, -device arm-smmuv3' device_tree arm-smmuv3.ats=on -device arm-smmuv3,primary-bus=pcie.0
same 'ID registers' id_registers arm-smmuv3.ats=on
same 'ID registers, IDR3.FWB' id_registers arm-smmuv3.fwb=on
same "a guest's commands" queue_trace arm-smmuv3.ats=on
tap_end || { [ -z "$lost" ] || exit 3; exit 1; }
