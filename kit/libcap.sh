#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# See that there is a static libcap for arm64, which the kernel's iommufd selftests are linked with: the distribution's
# package, unpacked in build/libcap, where selftest.sh looks for it. On an arm64 host the system's own will do.
set -eu
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=kit/apt.sh
. "$KIT/apt.sh"
LIBCAP=$BUILD_DIR/libcap
LOG=$LOGS/libcap.log

enough() { [ -f "$LIBCAP/source" ] || { [ "$(uname -m)" = aarch64 ] && [ -f /usr/include/sys/capability.h ]; }; }
get() {
	own_apt apt-get -q update || :
	version=$(versions libcap-dev | head -n 1)
	[ -n "$version" ] || { echo 'E: no suite of the mirror has libcap-dev for arm64'; return 1; }
	rm -rf "$LIBCAP" "$LIBCAP.tmp" "$APT"/*.deb
	download "libcap-dev=$version" || return 1
	dpkg-deb -x "$APT"/libcap-dev*.deb "$LIBCAP.tmp" || return 1
	say "libcap-dev=$version" >"$LIBCAP.tmp/source"
	mv "$LIBCAP.tmp" "$LIBCAP" && rm -rf "$APT"
}

lock
if enough; then exit 0; fi
make_dir "$LOGS"
# shellcheck disable=SC2034  # for apt.sh
ARCHITECTURE=arm64
from_distribution() { apt_config deb bookworm trixie && progress 'libcap: from the distribution' "$LOG" meter_download get && enough; }
from_distribution ||
	explain "$LOG" 'the selftests need a static libcap for arm64' "this is no Debian, or its mirror cannot be reached: mend the network (log $LOG, if it got that far)"
say "libcap: $(cat "$LIBCAP/source") for arm64, in $LIBCAP"
