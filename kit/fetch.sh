#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Find and verify the source of the base kernel (PROJECT=qemu: of QEMU), and unpack it once, into a git tree whose first
# commit it is. docs/sources.md has the order of the sources. What is downloaded is kept in build/download.
set -eu
. "$(dirname -- "$0")/lib.sh"
. "$KIT/apt.sh"
lock
load_pin
RECORD=$WORK/source LOG=$LOGS/fetch.log SUM=''

sha256() { sha256sum "$1" | cut -d ' ' -f 1; }
recorded() { sed -n "s/^$2=//p" "$1" 2>/dev/null; } # FILE KEY

# SUM is that of what the user names: of a tree its commit, if it has one.
if [ -n "$FROM_TARBALL" ]; then
	[ -f "$FROM_TARBALL" ] || die "${VAR}_TARBALL=$FROM_TARBALL: no such file"
	FROM_TREE='' SUM=$(sha256 "$FROM_TARBALL")
elif [ -n "$FROM_TREE" ]; then
	[ -f "$FROM_TREE/$MARK" ] || die "${VAR}_TREE=$FROM_TREE: not a tree of $TITLE"
	FROM_TREE=$(realpath -s "$FROM_TREE")
	SUM=$(git -C "$FROM_TREE" rev-parse -q --verify HEAD 2>/dev/null || say none)
fi

# A tree that exists was complete before it got its name: nothing to do but see that it is the wanted one.
already_here() {
	[ -d "$TREE/.git" ] && [ -f "$RECORD" ] || return 1
	[ -z "$SUM" ] || [ "$SUM $FROM_TREE" = "$(recorded "$RECORD" sha256) ${FROM_TREE:+$(recorded "$RECORD" from)}" ] ||
		die "$TREE was made from another source: 'make distclean' first, or name another BUILD_DIR="
}

# ---- the archive: every way ends with ARCHIVE, FROM and VERIFIED set, or does not succeed

# known FILE: by the pin, or by the record of its download.
known() {
	FROM=$(recorded "$1.source" from)
	case $(sha256 "$1") in
	"$BASE_SHA256" | "${BASE_UPSTREAM_SHA256:-none}") VERIFIED="the pin in ${PIN#"$TOP"/}" ;;
	"$(recorded "$1.source" sha256)") VERIFIED=$(recorded "$1.source" verified) ;;
	*)
		say "fetch: ignored $1: neither the pin nor a download record has its sha256"
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
# keep FILE FROM VERIFIED: the record first, so that an archive in place always has one.
keep() {
	printf 'sha256=%s\nfrom=%s\nverified=%s\n' "$(sha256 "$1")" "$2" "$3" >"$DOWNLOADS/${1##*/}.source"
	mv "$1" "$DOWNLOADS"
	from_cache "${1##*/}"
}

# The newest release of the base, but the one that the pin names as long as a suite has it: the queue was made on that.
release() { # PACKAGE
	versions "$1" >"$APT/versions"
	{ grep -E "^([0-9]*:)?${BASE}[.-]" "$APT/versions" && grep "^$BASE_VERSION-" "$APT/versions"; } | sed -n "\$s/^/$1=/p"
}
from_distribution() {
	unpacked=$DOWNLOADS/unpacked type=deb kind=package
	case $BASE_PACKAGE in src:*) type=deb-src kind='source package' ;; esac
	get_packages "$unpacked" $type "$SUITES" release "${BASE_PACKAGE#src:}" || return 1
	archive=$(find "$unpacked" -name "$BASE_ARCHIVE")
	[ -n "$archive" ] && keep "$archive" "$kind $(tr '=' ' ' <"$unpacked/source")" "apt's chain of signatures" && rm -rf "$unpacked"
}

# Without a pin: upstream's list of sums comes over the same TLS connection as the archive, good against damage.
download_upstream() { # NAME
	sum=${BASE_UPSTREAM_SHA256:-$(curl -fsSL "${BASE_UPSTREAM%/*}/sha256sums.asc" | awk -v n="$1" '$2 == n { print $1 }')}
	[ -n "$sum" ] || { echo "no sum for $1 in upstream's list"; return 1; }
	mkdir -p "$DOWNLOADS/new" && curl -fsSL -o "$DOWNLOADS/new/$1" "$BASE_UPSTREAM" || return 1
	[ "$(sha256 "$DOWNLOADS/new/$1")" = "$sum" ] || { echo "$1: wrong sum"; return 1; }
}
from_upstream() {
	name=${BASE_UPSTREAM##*/}
	command -v curl >/dev/null && progress "fetch: $name from upstream" "$LOG.upstream" download_upstream "$name" &&
		keep "$DOWNLOADS/new/$name" "$BASE_UPSTREAM" "upstream's sha256sums.asc"
}

find_archive() {
	if [ -n "$FROM_TARBALL" ]; then
		ARCHIVE=$FROM_TARBALL
		known "$ARCHIVE" >/dev/null || VERIFIED='nothing (you named the file)'
		FROM=$FROM_TARBALL
		return
	fi
	make_dir "$DOWNLOADS"
	from_cache "$BASE_ARCHIVE" || from_cache "${BASE_UPSTREAM##*/}" || from_distribution || from_upstream && return
	cat "$LOG" "$LOG.upstream" >"$LOG.all" 2>/dev/null || :
	explain "$LOG.all" "no source for $TITLE $BASE" "nothing in ${DOWNLOAD_CACHE:+$DOWNLOAD_CACHE or }$DOWNLOADS, and neither the \
distribution nor upstream could be reached (log $LOG.all): check the network, or name a file with ${VAR}_TARBALL="
}

# ---- the tree

unpack_archive() { XZ_DEFAULTS=-T0 tar -x --strip-components=1 -C "$TREE.tmp" -f "$ARCHIVE"; }
# Of a git tree its HEAD is taken, of any other tree everything but what a build leaves.
copy_tree() (
	if [ -e "$FROM_TREE/.git" ]; then
		git -C "$FROM_TREE" archive -o "$TREE.tar" HEAD && tar -x -C "$TREE.tmp" -f "$TREE.tar" && rm "$TREE.tar"
	else
		cp -a "$FROM_TREE/." "$TREE.tmp" && cd "$TREE.tmp" && find . '(' -name '*.o' -o -name '*.cmd' ')' -delete &&
			rm -rf .config vmlinux include/config include/generated arch/*/include/generated build GNUmakefile
	fi
)
version_of() {
	case $PROJECT in
	linux) awk '/^(VERSION|PATCHLEVEL|SUBLEVEL) *=/ { v = v "." $3 } /^NAME/ { exit } END { print substr(v, 2) }' "$1/Makefile" ;;
	qemu) cat "$1/VERSION" ;;
	esac
}
# One pack instead of a hundred thousand files, and no compression: the import takes seconds, not minutes.
import() ( # VERSION
	cd "$TREE.tmp" && git init -q -b series . || return 1
	git config core.compression 0
	git config gc.auto 0
	git config advice.detachedHead false
	git config core.untrackedCache true
	# Debian's archive ignores all that is new below the top: files that a patch is to add would not be seen.
	sed -i '/^# Debian packaging: ignore everything/,$d' .gitignore 2>/dev/null || :
	# Debian's archive of QEMU has none of the firmware, which it builds from source, but meson wants to see what target "all" would unpack.
	sed -n "s/^ *'\(edk2-.*\.fd\)',\$/pc-bios\/\1.bz2/p" pc-bios/meson.build 2>/dev/null | xargs -r touch
	git -c core.bigFileThreshold=1 add -A -f || return 1
	GIT_AUTHOR_NAME=series GIT_AUTHOR_EMAIL=series@localhost GIT_AUTHOR_DATE=$BASE_DATE \
	GIT_COMMITTER_NAME=series GIT_COMMITTER_EMAIL=series@localhost GIT_COMMITTER_DATE=$BASE_DATE \
		git commit -q -m "$TITLE $1" && git tag base && git update-ref refs/prepared/series HEAD
)
make_tree() {
	free=$(free_mb "$WORK")
	[ "$free" -ge "$BASE_DISK_MB" ] ||
		die "$WORK has $free MB free, $BASE_DISK_MB are needed: free some space, or name another place with BUILD_DIR="
	rm -rf "$TREE.tmp"
	make_dir "$TREE.tmp"
	if [ -n "$FROM_TREE" ]; then
		FROM=$FROM_TREE VERIFIED='nothing (you named the tree)'
		progress "fetch: copying" "$LOG" copy_tree || explain "$LOG" "copying $FROM_TREE failed" "$(tail -n 1 "$LOG")"
	else
		SUM=$(sha256 "$ARCHIVE")
		progress "fetch: unpacking" "$LOG" unpack_archive || explain "$LOG" "$ARCHIVE is damaged" "$(head -n 1 "$LOG")"
	fi
	[ -f "$TREE.tmp/$MARK" ] || die "$FROM holds no $TITLE: no $MARK in it"
	version=$(version_of "$TREE.tmp")
	case $version in
	"$BASE" | "$BASE".*) ;;
	*) die "$FROM is $TITLE $version, but ${BASE_VAR}=$BASE needs $BASE.y: set ${BASE_VAR}=, or name another source" ;;
	esac
	progress "fetch: importing into git" "$LOG" import "$version" ||
		explain "$LOG" "importing into git failed" "$(tail -n 1 "$LOG") (log $LOG)"
	printf 'version=%s\nsha256=%s\nfrom=%s\nverified=%s\n' "$version" "$SUM" "$FROM" "$VERIFIED" >"$RECORD"
	mv "$TREE.tmp" "$TREE"
	say "fetch: $TITLE $version from $FROM, sha256 $SUM, verified by $VERIFIED, $(elapsed)"
	[ "$version" = "$BASE_VERSION" ] ||
		say "fetch: the queue was made on $BASE_VERSION, which ${PIN#"$TOP"/} names: on another release it may not apply"
}

if ! already_here; then
	need git tar xz
	[ ! -e "$TREE" ] || die "$TREE exists, but fetch did not create it: move it away"
	make_dir "$LOGS"
	[ -n "$FROM_TREE" ] || find_archive
	make_tree
fi
# What configures QEMU is fetched with it, so that building needs no network.
[ "$PROJECT" != qemu ] || "$KIT/meson.sh"
