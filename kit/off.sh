#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A machine without ats=on is that of QEMU without the queue: the same device tree, the same ID registers, the same
# commands in the SMMU's queue for the same guest. With ats=on each of these differs, or else the comparison is blind.
set -eu
. "$(dirname -- "$0")/lib.sh"
begin
. "$KIT/machines.sh"
need_prepared_tree
BASE_QEMU=$BUILD_DIR/qemu-${QEMU_BASE:-10.2}/base/build/qemu-system-aarch64
"$KIT/qemu.sh"
"$KIT/qemu.sh" base
WANTED=''
kernel series patched
guest initramfs.cpio.gz
OFF=$BENCH/off
rm -rf "$OFF"
make_dir "$OFF"

device_tree() { # NAME QEMU ARGUMENT...
	name=$1 qemu=$2
	shift 2
	"$qemu" -M "virt,gic-version=3,dtb-randomness=off,dumpdtb=$OFF/$name$MACHINE_OPTIONS" "$@" -cpu cortex-a72 -display none -nodefaults
}

# edu stands in for the test device, which one of the two does not know; virtio-net has an ATS Capability in both.
boot_guest() { # NAME QEMU ARGUMENT...
	name=$1 qemu=$2 rc=0
	shift 2
	"$KIT/run.py" "$OFF/$name" "$qemu" -icount shift=0,sleep=off -M virt,gic-version=3,iommu=smmuv3,dtb-randomness=off \
		-cpu cortex-a72 -smp 1 -m 512 -device pcie-root-port,id=rp2,addr=2,chassis=2,slot=2 -device edu,bus=rp2 \
		-device virtio-net-pci,addr=3,disable-legacy=on,iommu_platform=on,ats=on,romfile= "$@" -trace 'smmuv3_cmdq_*' \
		-kernel "$BENCH/Image-patched" -initrd "$BENCH/guest/initramfs.cpio.gz" \
		-append 'console=ttyAMA0 kunit.enable=0 panic=-1 bench.machine=off bench.filter=-r,global.any_device_maps_and_unmaps' || rc=$?
	[ "$rc" != 3 ] || lost=yes
	[ "$rc" = 0 ] && grep -q '^ok 1 ' "$OFF/$name.ktap"
}
queue_trace() { boot_guest "$@" && grep -v 'does not exist$' "$OFF/$1.trace" >"$OFF/$1"; }
id_registers() { boot_guest "$@" && grep '^#@ id ' "$OFF/$1.ktap" >"$OFF/$1"; }

# same WHAT KIND ON OFF...: as with KIND, from both; then once more with ON, which has to be seen.
same() {
	what=$1 kind=$2 on=$3
	shift 3
	{ "$kind" before "$BASE_QEMU" "$@" && "$kind" after "$QEMU" "$@" && "$kind" on "$QEMU" "$@" -global "$on"; } >>"$LOGS/off.log" 2>&1 ||
		{ tap 'not ok' "$what: cannot be told: $(tail -n 1 "$LOGS/off.log")"; return; }
	if ! [ -s "$OFF/before" ] || ! cmp -s "$OFF/before" "$OFF/after"; then
		tap 'not ok' "$what: not the same"
	elif cmp -s "$OFF/after" "$OFF/on"; then
		tap 'not ok' "$what: the same with $on, too"
	else
		tap ok "$what: the same, and another with $on"
	fi
}

: >"$LOGS/off.log"
lost=''
tap_begin off
MACHINE_OPTIONS=,iommu=smmuv3
same 'device tree, iommu=smmuv3' device_tree arm-smmuv3.ats=on
MACHINE_OPTIONS=''
same 'device tree, -device arm-smmuv3' device_tree arm-smmuv3.ats=on -device arm-smmuv3,primary-bus=pcie.0
same 'ID registers' id_registers arm-smmuv3.ats=on
same 'ID registers, IDR3.FWB' id_registers arm-smmuv3.fwb=on
same "a guest's commands" queue_trace arm-smmuv3.ats=on
tap_end 'as without the queue' 'not as without the queue' || { [ -z "$lost" ] || exit 3; exit 1; }
