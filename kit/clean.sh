#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# clean.sh objects|all: remove what was built, or all of build/ with the sources. Work that is only there is kept.
set -eu
. "$(dirname -- "$0")/lib.sh"
case ${1:-} in objects | all) ;; *) die "usage: clean.sh objects|all" ;; esac
lock
cd "$BUILD_DIR"
# BUILD_DIR may be anybody's folder: only what is ours there goes.
ours=$(find "$TOP/bases" -type f -printf '%f\n' && find "$TOP/bench/qemu/bases" -type f -printf 'qemu-%f\n')
keeps_work() {
	! tree_is_prepared || ! tree_is_clean || tree_git rev-parse -q --verify refs/stash >/dev/null ||
		[ "$(tree_git for-each-ref refs/heads | wc -l)" -gt 2 ]
}
if [ "$1" = all ] && [ "${FORCE:-0}" != 1 ]; then
	for git in */linux/.git */qemu/.git; do
		TREE=$BUILD_DIR/${git%/.git}
		[ ! -d "$git" ] || ! keeps_work || die "$TREE holds work that is not in the queue: 'make refresh' first, or FORCE=1 to discard it"
	done
fi
# All but the source, and what says from where it came.
for folder in $ours; do
	find "$folder" -mindepth 1 -maxdepth 1 ! -name linux ! -name qemu ! -name source ! -name prepared ! -name borrowed ! -name '*.tree' \
		-exec rm -rf {} + 2>/dev/null || :
done
rm -rf results bench
[ "$1" = all ] || exit 0
# shellcheck disable=SC2086  # a list of words
rm -rf $ours deb export apt libcap tools download ccache deps.log lock
rmdir "$BUILD_DIR" 2>/dev/null || say "clean: left the other files in $BUILD_DIR"
