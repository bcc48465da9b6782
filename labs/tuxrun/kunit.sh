#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Untested: tuxrun has not run this. Its options are those of tuxrun's documentation.
# kunit.sh IMAGE ats-lab.tar.xz [TUXRUN-OPTION...]: the KUnit suites at boot of this arm64 kernel, in tuxrun's QEMU; the
# results of each case in tuxrun-kunit.json. See ../README.md for the kernel and the archive.
set -eu
[ $# -ge 2 ] || { echo 'usage: kunit.sh IMAGE ats-lab.tar.xz [TUXRUN-OPTION...]' >&2; exit 2; }
image=$(realpath "$1") overlay=$(realpath "$2")
shift 2
exec tuxrun --device qemu-arm64 --kernel "$image" --overlay "$overlay" --boot-args 'rw kunit.enable=1' \
	--timeouts commands=10 --results tuxrun-kunit.json "$@" \
	-- /opt/ats/on-device.sh kunit pci_ats arm-smmu-v3-ats arm-smmu-v3-kunit-test
