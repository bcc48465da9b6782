#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What the jobs of labs/ expect on a device: on-device.sh and the static arm64 programs that "make selftest" has built, in
# build/<base>/ats-lab.tar.xz, to be unpacked over its root file system.
set -eu
# shellcheck source=kit/lib.sh
. "$(dirname -- "$0")/../kit/lib.sh"
[ $# = 0 ] || die "usage: pack.sh"
load_pin
need xz
PROGRAMS='iommufd iommufd_fail_nth ats_policy dma_map_stress'
# A base whose own suites cannot be built has the others.
[ -z "${BASE_SUITES:-}" ] || PROGRAMS='ats_policy dma_map_stress'
for program in $PROGRAMS; do
	[ -f "$WORK/bench/selftests/$program" ] || die "$WORK/bench/selftests/$program is missing: 'make selftest BASE=$BASE' builds it"
done
on_exit
to_remove=$(mktemp -d) || die "cannot make a folder in ${TMPDIR:-/tmp}"
mkdir -p "$to_remove/opt/ats/kselftest/iommu"
cp "$TOP/labs/on-device.sh" "$to_remove/opt/ats"
for program in $PROGRAMS; do cp "$WORK/bench/selftests/$program" "$to_remove/opt/ats/kselftest/iommu"; done
tar -C "$to_remove" --owner=0 --group=0 -cJf "$WORK/ats-lab.tar.xz" opt ||
	die "cannot write $WORK/ats-lab.tar.xz: is the disk full?"
say "pack: $WORK/ats-lab.tar.xz"
