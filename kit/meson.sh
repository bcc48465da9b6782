#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# See that there are a meson and a pycotap that QEMU's configure takes: the system's, those that come with upstream's archive, or else the
# distribution's packages, unpacked in build/tools, where qemu.sh finds them too.
set -eu
PROJECT=qemu
. "$(dirname -- "$0")/lib.sh"
. "$KIT/apt.sh"
TOOLS=$BUILD_DIR/tools LOG=$LOGS/meson.log

wanted() { sed -n "s/^$1 = { accepted = \">=\\([0-9.]*\\)\".*/\\1/p" "$TREE/pythondeps.toml" 2>/dev/null | head -n 1; }
# As configure asks: for the Python packages, not for the commands.
enough() {
	[ -n "$(wanted meson)" ] && ! ls "$TREE"/python/wheels/meson-*.whl >/dev/null 2>&1 || return 0
	have=$(PYTHONPATH="$TOOLS/usr/lib/python3/dist-packages" /usr/bin/python3 -c '
from importlib.metadata import version
print(version("meson"), version("pycotap"))' 2>/dev/null) && at_least "${have% *}" "$(wanted meson)" && at_least "${have#* }" "$(wanted pycotap)"
}
# The oldest that is new enough: what QEMU was made with.
choose() { oldest meson "$(wanted meson)" && oldest python3-pycotap "$(wanted pycotap)"; }

lock
if enough; then exit 0; fi
{ get_packages "$TOOLS" deb 'bookworm-backports trixie' choose && enough; } ||
	explain "$LOG" "QEMU needs meson $(wanted meson) and pycotap $(wanted pycotap) or later" "install them, or check the network (log $LOG)"
say "$ME: $(paste -sd ' ' "$TOOLS/source"), for QEMU only, in $TOOLS"
