#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Find and verify the source of the base kernel (PROJECT=qemu: of QEMU), and unpack it once, into a git tree whose first
# commit it is. Sources, in order: LINUX_TARBALL= or LINUX_TREE= (QEMU_TARBALL=, QEMU_TREE=), the archives in
# DOWNLOAD_CACHE= and in build/download, the distribution's package, upstream. What is downloaded is kept in
# build/download; DOWNLOAD_CACHE is only read, and so may be shared.
set -eu
. "$(dirname -- "$0")/lib.sh"
. "$KIT/apt.sh"
lock
load_pin
RECORD=$WORK/source
[ -z "$FROM_TREE" ] || FROM_TREE=$(CDPATH='' cd -- "$FROM_TREE" 2>/dev/null && pwd) || die "${VAR}_TREE: no such folder"
LOG=$LOGS/fetch.log
SUITES='trixie-backports forky sid bookworm-backports trixie'

sha256() { sha256sum "$1" | cut -d ' ' -f 1; }
recorded() { sed -n "s/^$2=//p" "$1" 2>/dev/null; }

# A tree that exists was complete before it got its name: nothing to do but see that it is the wanted one.
already_here() {
	[ -d "$TREE/.git" ] && [ -f "$RECORD" ] || return 1
	if [ -n "$FROM_TARBALL" ]; then
		need_file
		[ "$(recorded "$RECORD" sha256)" = "$(sha256 "$FROM_TARBALL")" ] || other_source
	elif [ -n "$FROM_TREE" ]; then
		[ "$(recorded "$RECORD" from)" = "$FROM_TREE" ] || other_source
		[ "$(recorded "$RECORD" sha256)" = "$(tree_commit)" ] || other_source
	fi
}
# What a tree has in place of a sum.
tree_commit() { git -C "$FROM_TREE" rev-parse -q --verify HEAD 2>/dev/null || say none; }
other_source() { die "$TREE was made from another source: 'make distclean' first, or name another BUILD_DIR="; }
need_file() { [ -f "$FROM_TARBALL" ] || die "${VAR}_TARBALL=$FROM_TARBALL: no such file"; }

# enough_space DIR MB
enough_space() {
	make_dir "$1"
	free=$(free_mb "$1")
	[ "$free" -ge "$2" ] || die "$1 has $free MB free, $2 are needed: free some space, or name another place with BUILD_DIR="
}

# ---- the archive: every way ends with ARCHIVE, FROM and VERIFIED set, or does not succeed

# known FILE: by the pin, or by the record of its download.
known() {
	sum=$(sha256 "$1")
	FROM=$(recorded "$1.source" from)
	case $sum in
	"$BASE_SHA256" | "${BASE_UPSTREAM_SHA256:-none}") VERIFIED="the pin in ${PIN#"$TOP"/}" ;;
	"$(recorded "$1.source" sha256)") VERIFIED=$(recorded "$1.source" verified) ;;
	*)
		say "fetch: $1 is damaged or unknown: not used"
		return 1
		;;
	esac
	: "${FROM:=${1##*/}}"
}

from_cache() { # NAME, or a pattern of names
	for dir in "$DOWNLOAD_CACHE" "$DOWNLOADS"; do
		for ARCHIVE in "$dir"/$1; do
			[ -n "$dir" ] && [ -f "$ARCHIVE" ] && known "$ARCHIVE" && return
		done
	done
	return 1
}

# keep FILE NAME FROM VERIFIED: the record first, so that an archive in place always has one.
keep() {
	printf 'sha256=%s\nfrom=%s\nverified=%s\n' "$(sha256 "$1")" "$3" "$4" >"$DOWNLOADS/$2.source"
	mv "$1" "$DOWNLOADS/$2"
}

# The queue was made on the release that the pin names: as long as a suite has it, nothing that the distribution does breaks the queue.
pinned_or_newest() { versions "$1" | awk -v pin="$BASE_VERSION-" '{ newest = $0 } index($0, pin) == 1 { pinned = $0 } END { print pinned ? pinned : newest }'; }

download_package() {
	own_apt apt-get -q update || :
	version=$(pinned_or_newest "$BASE_PACKAGE")
	[ -n "$version" ] || { echo "E: no suite of the mirror has $BASE_PACKAGE"; return 1; }
	rm -f "$APT/"*.deb
	download "$BASE_PACKAGE=$version" || return 1
	dpkg-deb --fsys-tarfile "$APT/${BASE_PACKAGE}_"*.deb |
		tar -xO "./usr/src/$BASE_ARCHIVE" >"$DOWNLOADS/$BASE_ARCHIVE.tmp" || return 1
	keep "$DOWNLOADS/$BASE_ARCHIVE.tmp" "$BASE_ARCHIVE" "package $BASE_PACKAGE $version" "apt's chain of signatures" || return 1
	rm -rf "$APT"
}

# A source package has the same name for every release: the newest that is a release of the base.
download_source_package() {
	name=${BASE_PACKAGE#src:}
	own_apt apt-get -q update || :
	version=$(versions "$name" | awk -v base="$BASE." '{ v = $0; sub(/^[0-9]*:/, "", v) } index(v, base) == 1' | tail -n 1)
	[ -n "$version" ] || { echo "E: no suite of the mirror has the source of $name $BASE"; return 1; }
	rm -f "$APT/${name}_"*
	download_source "$name=$version" || return 1
	for archive in "$APT/${name}_$BASE."*.orig.tar.xz; do
		keep "$archive" "${archive##*/}" "source package $name $version" "apt's chain of signatures" || return 1
	done
	rm -rf "$APT"
}

from_distribution() {
	case $BASE_PACKAGE in
	src:*) type=deb-src how=download_source_package ;;
	*) type=deb how=download_package ;;
	esac
	# shellcheck disable=SC2086  # a list of words
	apt_config $type $SUITES || return 1
	progress "fetch: ${BASE_PACKAGE#src:} from the distribution" "$LOG" meter_download $how || return 1
	from_cache "$BASE_ARCHIVE"
}

# Without a pin: upstream's list of sums comes over the same TLS connection as the archive, good against damage.
upstream_sum() { curl -fsSL "${BASE_UPSTREAM%/*}/sha256sums.asc" | awk -v n="$1" '$2 == n { print $1 }'; }
download_upstream() {
	name=${BASE_UPSTREAM##*/}
	sum=${BASE_UPSTREAM_SHA256:-$(upstream_sum "$name")}
	[ -n "$sum" ] || { echo "no sum for $name in upstream's list"; return 1; }
	curl -fsSL -o "$DOWNLOADS/$name.tmp" "$BASE_UPSTREAM" || return 1
	[ "$(sha256 "$DOWNLOADS/$name.tmp")" = "$sum" ] || { echo "$name: wrong sum"; return 1; }
	keep "$DOWNLOADS/$name.tmp" "$name" "$BASE_UPSTREAM" "upstream's sha256sums.asc"
}

from_upstream() {
	command -v curl >/dev/null || return 1
	progress "fetch: ${BASE_UPSTREAM##*/} from upstream" "$LOG.upstream" meter_download download_upstream || return 1
	from_cache "${BASE_UPSTREAM##*/}"
}

find_archive() {
	if [ -n "$FROM_TARBALL" ]; then
		need_file
		ARCHIVE=$FROM_TARBALL
		known "$ARCHIVE" >/dev/null || VERIFIED='nobody: a file you named'
		FROM=$FROM_TARBALL
		return
	fi
	make_dir "$DOWNLOADS"
	from_cache "$BASE_ARCHIVE" || from_cache "${BASE_UPSTREAM##*/}" || from_distribution || from_upstream && return
	cat "$LOG" "$LOG.upstream" >"$LOG.all" 2>/dev/null || :
	explain "$LOG.all" "no source for $TITLE $BASE" "nothing in ${DOWNLOAD_CACHE:+$DOWNLOAD_CACHE or }$DOWNLOADS, and neither the distribution nor upstream could be reached (log $LOG.all): mend the network, or name a file with ${VAR}_TARBALL="
}

# ---- the tree

unpack_archive() { XZ_DEFAULTS=-T0 tar -x --strip-components=1 -C "$TREE.tmp" -f "$ARCHIVE"; }

# Of a git tree its HEAD is taken, of any other tree everything but what a build leaves.
copy_tree() {
	if [ -e "$FROM_TREE/.git" ]; then
		git -C "$FROM_TREE" archive -o "$TREE.tmp/.tar" HEAD && tar -x -C "$TREE.tmp" -f "$TREE.tmp/.tar" &&
			rm "$TREE.tmp/.tar"
	else
		cp -a "$FROM_TREE/." "$TREE.tmp" && find "$TREE.tmp" '(' -name '*.o' -o -name '*.cmd' ')' -delete &&
			(cd "$TREE.tmp" && built_in_tree | xargs rm -rf)
	fi
}
built_in_tree() {
	case $PROJECT in
	linux) say .config vmlinux include/config include/generated arch/*/include/generated ;;
	qemu) say build GNUmakefile ;;
	esac
}

version_of() {
	case $PROJECT in
	linux) awk '/^(VERSION|PATCHLEVEL|SUBLEVEL) *=/ { v = v "." $3 } /^NAME/ { exit } END { print substr(v, 2) }' "$1/Makefile" ;;
	qemu) cat "$1/VERSION" ;;
	esac
}

# Debian's archive of QEMU has none of the firmware, which it builds from source, but meson wants to see what it would
# unpack. Only target "all" would do that, and nobody asks for it here.
stand_ins() {
	[ "$PROJECT" = qemu ] && [ -f pc-bios/meson.build ] || return 0
	sed -n "s/^ *'\(edk2-.*\.fd\)',\$/\1/p" pc-bios/meson.build | while read -r image; do
		[ -e "pc-bios/$image.bz2" ] || : >"pc-bios/$image.bz2"
	done
}

# One pack instead of a hundred thousand files, and no compression: the import takes seconds, not minutes.
import() {
	cd "$TREE.tmp" && git init -q -b series . || return 1
	git config core.compression 0
	git config gc.auto 0
	git config advice.detachedHead false
	git config core.untrackedCache true
	# Debian's archive ignores all that is new below the top: files that a patch is to add would not be seen.
	sed -i '/^# Debian packaging: ignore everything/,$d' .gitignore 2>/dev/null || :
	stand_ins
	git -c core.bigFileThreshold=1 add -A -f || return 1
	GIT_AUTHOR_NAME=series GIT_AUTHOR_EMAIL=series@localhost GIT_AUTHOR_DATE=$BASE_DATE \
	GIT_COMMITTER_NAME=series GIT_COMMITTER_EMAIL=series@localhost GIT_COMMITTER_DATE=$BASE_DATE \
		git commit -q -m "$TITLE $1" && git tag base && git update-ref refs/prepared/series HEAD
}

make_tree() {
	enough_space "$WORK" "$BASE_DISK_MB"
	rm -rf "$TREE.tmp"
	make_dir "$TREE.tmp"
	if [ -n "$FROM_TREE" ]; then
		[ -f "$FROM_TREE/$MARK" ] || die "${VAR}_TREE=$FROM_TREE: not a $KIND_OF tree"
		FROM=$FROM_TREE VERIFIED='nobody: a tree you named' SUM=$(tree_commit)
		progress "fetch: copying" "$LOG" meter_tree copy_tree ||
			explain "$LOG" "copying $FROM_TREE failed" "$(tail -n 1 "$LOG")"
	else
		SUM=$(sha256 "$ARCHIVE")
		progress "fetch: unpacking" "$LOG" meter_tree unpack_archive ||
			explain "$LOG" "$ARCHIVE is damaged" "$(head -n 1 "$LOG")"
	fi
	[ -f "$TREE.tmp/$MARK" ] || die "$FROM holds no $KIND_OF: no $MARK in it"
	version=$(version_of "$TREE.tmp")
	case $version in
	"$BASE" | "$BASE".*) ;;
	*) die "$FROM holds $TITLE $version, wanted is $BASE" ;;
	esac
	progress "fetch: importing into git" "$LOG" meter_tree import "$version" ||
		explain "$LOG" "importing into git failed" "$(tail -n 1 "$LOG") (log $LOG)"
	printf 'version=%s\nsha256=%s\nfrom=%s\nverified=%s\n' "$version" "$SUM" "$FROM" "$VERIFIED" >"$RECORD"
	mv "$TREE.tmp" "$TREE"
}

# What configures QEMU is fetched with it, so that building needs no network.
tools() { [ "$PROJECT" != qemu ] || "$KIT/meson.sh"; }

if already_here; then
	tools
	exit 0
fi
need git tar xz
[ ! -e "$TREE" ] || die "$TREE is there, but not made by fetch: move it away"
make_dir "$LOGS"
[ -n "$FROM_TREE" ] || find_archive
make_tree
say "fetch: $TITLE $(recorded "$RECORD" version) from $(recorded "$RECORD" from), sha256 $(recorded "$RECORD" sha256), verified by $(recorded "$RECORD" verified), $(elapsed)"
[ "$(recorded "$RECORD" version)" = "$BASE_VERSION" ] || say "fetch: the queue was made on $BASE_VERSION, which ${PIN#"$TOP"/} names: on another release it may not apply"
tools
