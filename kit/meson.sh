#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# See that there are a meson and a pycotap that QEMU's configure takes: the system's, those that come with upstream's
# archive, or else the distribution's packages, unpacked in build/tools, where build.sh finds them too.
set -eu
PROJECT=qemu
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=kit/apt.sh
. "$KIT/apt.sh"
PYTHON=/usr/bin/python3
TOOLS=$BUILD_DIR/tools
LOG=$LOGS/meson.log

wanted() { sed -n "s/^$1 = { accepted = \">=\\([0-9.]*\\)\".*/\\1/p" "$TREE/pythondeps.toml" 2>/dev/null | head -n 1; }
at_least() { [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# As configure asks: for the Python packages, not for the commands.
installed() {
	PYTHONPATH="$TOOLS/usr/lib/python3/dist-packages" "$PYTHON" -c '
from importlib.metadata import version
print(version("meson"), version("pycotap"))' 2>/dev/null
}
enough() {
	[ -n "$(wanted meson)" ] || return 0
	! ls "$TREE"/python/wheels/meson-*.whl >/dev/null 2>&1 || return 0
	have=$(installed) || return 1
	at_least "${have% *}" "$(wanted meson)" && at_least "${have#* }" "$(wanted pycotap)"
}

# The oldest that is new enough: what QEMU was made with.
choose() { # PACKAGE VERSION
	for version in $(versions "$1"); do
		at_least "$version" "$2" && say "$1=$version" && return
	done
	echo "E: no suite of the mirror has $1 $2 or later"
	return 1
}
get() {
	own_apt apt-get -q update || :
	meson=$(choose meson "$(wanted meson)") || { say "$meson"; return 1; }
	pycotap=$(choose python3-pycotap "$(wanted pycotap)") || { say "$pycotap"; return 1; }
	rm -rf "$TOOLS" "$TOOLS.tmp" "$APT"/*.deb
	download "$meson" "$pycotap" || return 1
	for package in "$APT"/*.deb; do
		dpkg-deb -x "$package" "$TOOLS.tmp" || return 1
	done
	say "$meson $pycotap" >"$TOOLS.tmp/source"
	mv "$TOOLS.tmp" "$TOOLS" && rm -rf "$APT"
}

lock
if enough; then exit 0; fi
make_dir "$LOGS"
from_distribution() {
	apt_config deb bookworm-backports trixie && progress 'meson: from the distribution' "$LOG" meter_download get && enough
}
from_distribution ||
	explain "$LOG" "QEMU needs meson $(wanted meson) and pycotap $(wanted pycotap) or later" "this system has not, and is no Debian, or its mirror cannot be reached: mend the network (log $LOG, if it got that far), or install them"
say "meson: $(cat "$TOOLS/source"), for QEMU only, in $TOOLS"
