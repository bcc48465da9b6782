#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Install the distribution packages that are missing. The only step that needs root.
set -eu
. "$(dirname -- "$0")/lib.sh"

missing() { packages | while read -r what package; do present "$what" || printf '%s ' "$package"; done; }
install_packages() {
	# shellcheck disable=SC2086  # nothing, or sudo; a list of words
	$SUDO env DEBIAN_FRONTEND=noninteractive sh -c "apt-get -q update && apt-get -q install -y --no-install-recommends $list"
}
list=$(missing) LOG=$BUILD_DIR/deps.log SUDO=''
if [ -z "$list" ]; then
	say "deps: nothing missing"
	exit 0
fi
say "deps: missing: $list"
command -v apt-get >/dev/null || die "no apt-get on this system: install the equivalents of: $list"
if [ "$(id -u)" != 0 ]; then
	# A password is asked for here, not while the progress line is redrawn.
	SUDO=sudo
	{ command -v sudo && sudo true; } >/dev/null || die "not root, and sudo is missing: ask your administrator to install: $list"
fi
progress "deps: installing" "$LOG" install_packages || :
list=$(missing)
[ -z "$list" ] || explain "$LOG" "installing $list failed" "$(grep -m 1 '^E:' "$LOG" || tail -n 1 "$LOG") (log $LOG)"
say "deps: installed, $(elapsed)"
