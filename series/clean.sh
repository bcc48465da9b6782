#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# clean.sh objects|all: remove what was built, or all of build/ with the sources. Work that is only there is kept.
set -eu
. "$(dirname -- "$0")/lib.sh"
keeps_work() {
	[ -d "$1/.git" ] || return 1
	TREE=$1
	! tree_is_prepared || ! tree_is_clean
}

case ${1:-} in
objects) rm -rf "$BUILD_DIR"/*/um "$BUILD_DIR"/*/x86 "$BUILD_DIR"/*/um-w1 "$BUILD_DIR"/*/arm64 "$BUILD_DIR"/*/arm64-w1 "$BUILD_DIR/results" ;;
all)
	for tree in "$BUILD_DIR"/*/linux; do
		if [ "${FORCE:-0}" != 1 ] && keeps_work "$tree"; then
			die "$tree holds work that is not in the queue: 'make refresh' first, or FORCE=1 to discard it"
		fi
	done
	rm -rf "$BUILD_DIR"
	;;
*) die "usage: clean.sh objects|all" ;;
esac
