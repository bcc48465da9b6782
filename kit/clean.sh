#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# clean.sh objects|all: remove what was built, or all of build/ with the sources. Work that is only there is kept.
set -eu
. "$(dirname -- "$0")/lib.sh"
lock
keeps_work() {
	[ -d "$1/.git" ] || return 1
	TREE=$1
	! tree_is_prepared || ! tree_is_clean || tree_git rev-parse -q --verify refs/stash >/dev/null ||
		[ "$(tree_git for-each-ref refs/heads | wc -l)" -gt 2 ]
}

# BUILD_DIR may be anybody's folder: only what is ours there goes.
folders() {
	find "$TOP/bases" -type f -printf '%f\n'
	find "$TOP/bench/qemu/bases" -type f -printf 'qemu-%f\n'
}
# All but the source, and what says from where it came.
remove_objects() {
	for folder in $(folders); do
		find "${BUILD_DIR:?}/$folder" -mindepth 1 -maxdepth 1 ! -name linux ! -name qemu ! -name source ! -name prepared ! -name borrowed ! -name '*.tree' \
			-exec rm -rf {} + 2>/dev/null || :
	done
	rm -rf "${BUILD_DIR:?}/results" "$BUILD_DIR/bench"
}

case ${1:-} in
objects) remove_objects ;;
all)
	for tree in "$BUILD_DIR"/*/linux "$BUILD_DIR"/*/qemu; do
		if [ "${FORCE:-0}" != 1 ] && keeps_work "$tree"; then
			die "$tree holds work that is not in the queue: 'make refresh' first, or FORCE=1 to discard it"
		fi
	done
	remove_objects
	for base in $(folders); do rm -rf "${BUILD_DIR:?}/$base"; done
	rm -rf "$BUILD_DIR/deb" "$BUILD_DIR/export" "$BUILD_DIR/apt" "$BUILD_DIR/libcap" "$BUILD_DIR/tools" "$BUILD_DIR/download" "$BUILD_DIR/ccache" "$BUILD_DIR/deps.log" "$BUILD_DIR/lock"
	rmdir "$BUILD_DIR" 2>/dev/null || say "clean: $BUILD_DIR holds more, which is left alone"
	;;
*) die "usage: clean.sh objects|all" ;;
esac
