#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Install the distribution packages that are missing. The only step that needs root.
set -eu
. "$(dirname -- "$0")/lib.sh"

missing() {
	packages | while read -r what package; do
		present "$what" || printf '%s ' "$package"
	done
}

as_root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_packages() {
	as_root env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get -q update && apt-get -q install -y --no-install-recommends "$@"' install "$@"
}

list=$(missing)
if [ -z "$list" ]; then
	say "deps: nothing missing"
	exit 0
fi
say "deps: missing: $list"
command -v apt-get >/dev/null || die "no apt-get on this system: install the equivalents of: $list"
[ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
	die "no root and no sudo: ask your administrator to install: $list"
# A password is asked for here, not while the progress line is redrawn.
[ "$(id -u)" = 0 ] || sudo true || die "sudo failed: ask your administrator to install: $list"
# shellcheck disable=SC2086  # a list of words
progress "deps: installing" "$BUILD_DIR/deps.log" meter_none install_packages $list ||
	explain "$BUILD_DIR/deps.log" "installing $list failed" "$(grep -m 1 '^E:' "$BUILD_DIR/deps.log" || tail -n 1 "$BUILD_DIR/deps.log") (log $BUILD_DIR/deps.log)"
list=$(missing)
[ -z "$list" ] || die "still missing after the installation: $list(log $BUILD_DIR/deps.log)"
say "deps: installed, $(elapsed)"
