#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Find and verify the source of the base kernel, and unpack it once, into a git tree whose first commit it is.
# Sources, in order: LINUX_TARBALL= or LINUX_TREE=, the download cache, the distribution's package, upstream.
set -eu
. "$(dirname -- "$0")/lib.sh"
lock
load_pin
RECORD=$WORK/source
[ -z "${LINUX_TREE:-}" ] || LINUX_TREE=$(CDPATH='' cd -- "$LINUX_TREE" 2>/dev/null && pwd) || die "LINUX_TREE: no such folder"
LOG=$LOGS/fetch.log
KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg
SUITES='trixie-backports forky sid bookworm-backports trixie'

sha256() { sha256sum "$1" | cut -d ' ' -f 1; }
recorded() { sed -n "s/^$2=//p" "$1" 2>/dev/null; }

# A tree that exists was complete before it got its name: nothing to do but see that it is the wanted one.
already_here() {
	[ -d "$TREE/.git" ] && [ -f "$RECORD" ] || return 1
	if [ -n "${LINUX_TARBALL:-}" ]; then
		need_file
		[ "$(recorded "$RECORD" sha256)" = "$(sha256 "$LINUX_TARBALL")" ] || other_source
	elif [ -n "${LINUX_TREE:-}" ]; then
		[ "$(recorded "$RECORD" from)" = "$LINUX_TREE" ] || other_source
		[ "$(recorded "$RECORD" sha256)" = "$(tree_commit)" ] || other_source
	fi
}
# What a tree has in place of a sum.
tree_commit() { git -C "$LINUX_TREE" rev-parse -q --verify HEAD 2>/dev/null || say none; }
other_source() { die "$TREE was made from another source: 'make distclean' first, or name another BUILD_DIR="; }
need_file() { [ -f "$LINUX_TARBALL" ] || die "LINUX_TARBALL=$LINUX_TARBALL: no such file"; }

# enough_space DIR MB
enough_space() {
	make_dir "$1"
	free=$(free_mb "$1")
	[ "$free" -ge "$2" ] || die "$1 has $free MB free, $2 are needed: free some space, or name another place with BUILD_DIR="
}

# ---- the archive: every way ends with ARCHIVE, FROM and VERIFIED set, or does not succeed

from_cache() {
	ARCHIVE=$DOWNLOAD_CACHE/$1
	[ -f "$ARCHIVE" ] || return 1
	sum=$(sha256 "$ARCHIVE")
	FROM=$(recorded "$ARCHIVE.source" from)
	if [ "$sum" = "$BASE_SHA256" ]; then
		VERIFIED="the pin in series/$BASE/base"
	elif [ "$sum" = "$(recorded "$ARCHIVE.source" sha256)" ]; then
		VERIFIED=$(recorded "$ARCHIVE.source" verified)
	else
		say "fetch: $ARCHIVE is damaged or unknown: not used"
		return 1
	fi
	: "${FROM:=$1}"
}

# to_cache FILE NAME FROM VERIFIED: the record first, so that an archive in place always has one.
to_cache() {
	printf 'sha256=%s\nfrom=%s\nverified=%s\n' "$(sha256 "$1")" "$3" "$4" >"$DOWNLOAD_CACHE/$2.source"
	mv "$1" "$DOWNLOAD_CACHE/$2"
}

# The distribution's mirror is wherever this system already takes its packages from.
mirror() {
	# shellcheck disable=SC2016  # apt's own variables
	apt-get indextargets --format '$(ORIGIN)|$(REPO_URI)' 2>/dev/null | awk -F '|' '
		$2 !~ /\/debian\/?$/ { next }
		$1 == "Debian" { print $2; found = 1; exit }
		$1 == "" && !any { any = $2 }
		END { if (!found && any) print any }'
}

apt_config() {
	mkdir -p "$BUILD_DIR/apt/lists/partial" "$BUILD_DIR/apt/cache/archives/partial"
	for suite in $SUITES; do
		say "deb [signed-by=$KEYRING] $1 $suite main"
	done >"$BUILD_DIR/apt/sources.list"
	cat >"$BUILD_DIR/apt/apt.conf" <<-EOC
		#clear APT::Update::Pre-Invoke;
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		Dir::Etc::sourcelist "$BUILD_DIR/apt/sources.list";
		Dir::Etc::sourceparts "-";
		Dir::State::lists "$BUILD_DIR/apt/lists";
		Dir::Cache "$BUILD_DIR/apt/cache";
		APT::Sandbox::User "$(id -un)";
		APT::Architectures { "$(dpkg --print-architecture)"; };
		Acquire::Languages "none";
		Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
		Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
		Acquire::Retries "2";
	EOC
}
own_apt() { tool=$1; shift; "$tool" -c "$BUILD_DIR/apt/apt.conf" "$@"; }

# A suite that the mirror lacks is no reason to give up: what counts is whether a package was found.
newest_package() {
	own_apt apt-cache madison "$BASE_PACKAGE" | awk '{ print $3 }' | sort -V | tail -n 1
}

download_package() {
	own_apt apt-get -q update || :
	version=$(newest_package)
	[ -n "$version" ] || { echo "E: no suite of the mirror has $BASE_PACKAGE"; return 1; }
	rm -f "$BUILD_DIR/apt/"*.deb
	(cd "$BUILD_DIR/apt" && own_apt apt-get -q download "$BASE_PACKAGE=$version") || return 1
	dpkg-deb --fsys-tarfile "$BUILD_DIR/apt/${BASE_PACKAGE}_"*.deb |
		tar -xO "./usr/src/$BASE_ARCHIVE" >"$DOWNLOAD_CACHE/$BASE_ARCHIVE.tmp" || return 1
	to_cache "$DOWNLOAD_CACHE/$BASE_ARCHIVE.tmp" "$BASE_ARCHIVE" "package $BASE_PACKAGE $version" "apt's chain of signatures" || return 1
	rm -rf "$BUILD_DIR/apt"
}

from_distribution() {
	command -v apt-get >/dev/null && [ -f "$KEYRING" ] || return 1
	uri=$(mirror)
	[ -n "$uri" ] || return 1
	apt_config "$uri"
	progress "fetch: $BASE_PACKAGE from the distribution" "$LOG" meter_download download_package || return 1
	from_cache "$BASE_ARCHIVE"
}

# Upstream's list of sums comes over the same TLS connection as the archive: good against damage.
download_upstream() {
	name=${BASE_UPSTREAM##*/}
	sum=$(curl -fsSL "${BASE_UPSTREAM%/*}/sha256sums.asc" | awk -v n="$name" '$2 == n { print $1 }')
	[ -n "$sum" ] || { echo "no sum for $name in upstream's list"; return 1; }
	curl -fsSL -o "$DOWNLOAD_CACHE/$name.tmp" "$BASE_UPSTREAM" || return 1
	[ "$(sha256 "$DOWNLOAD_CACHE/$name.tmp")" = "$sum" ] || { echo "$name: wrong sum"; return 1; }
	to_cache "$DOWNLOAD_CACHE/$name.tmp" "$name" "$BASE_UPSTREAM" "upstream's sha256sums.asc"
}

from_upstream() {
	command -v curl >/dev/null || return 1
	progress "fetch: ${BASE_UPSTREAM##*/} from upstream" "$LOG.upstream" meter_download download_upstream || return 1
	from_cache "${BASE_UPSTREAM##*/}"
}

find_archive() {
	if [ -n "${LINUX_TARBALL:-}" ]; then
		need_file
		ARCHIVE=$LINUX_TARBALL FROM=$LINUX_TARBALL VERIFIED='nobody: a file you named'
		[ "$(sha256 "$ARCHIVE")" != "$BASE_SHA256" ] || VERIFIED="the pin in series/$BASE/base"
		return
	fi
	make_dir "$DOWNLOAD_CACHE"
	from_cache "$BASE_ARCHIVE" || from_cache "${BASE_UPSTREAM##*/}" || from_distribution || from_upstream && return
	cat "$LOG" "$LOG.upstream" >"$LOG.all" 2>/dev/null || :
	explain "$LOG.all" "no source for Linux $BASE" "nothing in $DOWNLOAD_CACHE, and neither the distribution nor upstream could be reached (log $LOG.all): mend the network, or name a file with LINUX_TARBALL="
}

# ---- the tree

unpack_archive() { XZ_DEFAULTS=-T0 tar -x --strip-components=1 -C "$TREE.tmp" -f "$ARCHIVE"; }

# Of a git tree its HEAD is taken, of any other tree everything but what a build leaves.
copy_tree() {
	if [ -e "$LINUX_TREE/.git" ]; then
		git -C "$LINUX_TREE" archive -o "$TREE.tmp/.tar" HEAD && tar -x -C "$TREE.tmp" -f "$TREE.tmp/.tar" &&
			rm "$TREE.tmp/.tar"
	else
		cp -a "$LINUX_TREE/." "$TREE.tmp" && find "$TREE.tmp" '(' -name '*.o' -o -name '*.cmd' ')' -delete &&
			rm -rf "$TREE.tmp/.config" "$TREE.tmp/vmlinux" "$TREE.tmp"/include/config "$TREE.tmp"/include/generated \
				"$TREE.tmp"/arch/*/include/generated
	fi
}

version_of() {
	awk '/^(VERSION|PATCHLEVEL|SUBLEVEL) *=/ { v = v "." $3 } /^NAME/ { exit } END { print substr(v, 2) }' "$1/Makefile"
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
	git -c core.bigFileThreshold=1 add -A -f || return 1
	GIT_AUTHOR_NAME=series GIT_AUTHOR_EMAIL=series@localhost GIT_AUTHOR_DATE=$BASE_DATE \
	GIT_COMMITTER_NAME=series GIT_COMMITTER_EMAIL=series@localhost GIT_COMMITTER_DATE=$BASE_DATE \
		git commit -q -m "Linux $1" && git tag base && git update-ref refs/prepared/series HEAD
}

make_tree() {
	enough_space "$WORK" "$BASE_DISK_MB"
	rm -rf "$TREE.tmp"
	make_dir "$TREE.tmp"
	if [ -n "${LINUX_TREE:-}" ]; then
		[ -f "$LINUX_TREE/Makefile" ] || die "LINUX_TREE=$LINUX_TREE: not a kernel tree"
		FROM=$LINUX_TREE VERIFIED='nobody: a tree you named' SUM=$(tree_commit)
		progress "fetch: copying" "$LOG" meter_tree copy_tree ||
			explain "$LOG" "copying $LINUX_TREE failed" "$(tail -n 1 "$LOG")"
	else
		SUM=$(sha256 "$ARCHIVE")
		progress "fetch: unpacking" "$LOG" meter_tree unpack_archive ||
			explain "$LOG" "$ARCHIVE is damaged" "$(head -n 1 "$LOG")"
	fi
	[ -f "$TREE.tmp/Makefile" ] || die "$FROM holds no kernel: no Makefile in it"
	version=$(version_of "$TREE.tmp")
	case $version in
	"$BASE" | "$BASE".*) ;;
	*) die "$FROM holds Linux $version, wanted is $BASE" ;;
	esac
	progress "fetch: importing into git" "$LOG" meter_tree import "$version" ||
		explain "$LOG" "importing into git failed" "$(tail -n 1 "$LOG") (log $LOG)"
	printf 'version=%s\nsha256=%s\nfrom=%s\nverified=%s\n' "$version" "$SUM" "$FROM" "$VERIFIED" >"$RECORD"
	mv "$TREE.tmp" "$TREE"
}

if already_here; then exit 0; fi
need git tar xz
[ ! -e "$TREE" ] || die "$TREE is there, but not made by fetch: move it away"
make_dir "$LOGS"
[ -n "${LINUX_TREE:-}" ] || find_archive
make_tree
say "fetch: Linux $(recorded "$RECORD" version) from $(recorded "$RECORD" from), sha256 $(recorded "$RECORD" sha256), verified by $(recorded "$RECORD" verified), $(elapsed)"
