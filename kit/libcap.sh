#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Put a static libcap for arm64, which the kernel's iommufd selftests are linked with, into build/libcap: the distribution's package. On an
# arm64 host the system's own will do.
set -eu
. "$(dirname -- "$0")/lib.sh"
. "$KIT/apt.sh"
LIBCAP=$BUILD_DIR/libcap LOG=$LOGS/libcap.log
lock
if [ -f "$LIBCAP/source" ] || { [ "$(uname -m)" = aarch64 ] && [ -f /usr/include/sys/capability.h ]; }; then exit 0; fi
export ARCHITECTURE=arm64
get_packages "$LIBCAP" deb 'bookworm trixie' oldest libcap-dev ||
	explain "$LOG" 'no static libcap for arm64' "the mirror failed, or this is not Debian (log $LOG): check the network"
say "$ME: $(cat "$LIBCAP/source") for arm64, in $LIBCAP"
