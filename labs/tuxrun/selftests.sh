#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Untested: tuxrun has not run this. Its options are those of tuxrun's documentation.
# selftests.sh IMAGE ats-lab.tar.xz [TUXRUN-OPTION...]: iommufd's selftests on this arm64 kernel, in tuxrun's QEMU; the
# results of each case in tuxrun-selftests.json. See ../README.md for the kernel and the archive. tuxrun's machine has no
# SMMU: what needs a device is for a lab (../lava/selftests.yaml), or for the bench.
set -eu
[ $# -ge 2 ] || { echo 'usage: selftests.sh IMAGE ats-lab.tar.xz [TUXRUN-OPTION...]' >&2; exit 2; }
image=$(realpath "$1") overlay=$(realpath "$2")
shift 2
exec tuxrun --device qemu-arm64 --kernel "$image" --overlay "$overlay" --boot-args rw \
	--timeouts commands=60 --results tuxrun-selftests.json "$@" -- /opt/ats/on-device.sh selftests
