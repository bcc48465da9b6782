# SPDX-License-Identifier: GPL-2.0
# make, fetch and clean: what a newcomer meets, and what can go wrong there.
load setup

nothing_fetched() { [ ! -e "$TREE" ]; }
cached() { # what the pin or a record says of an archive of the kernel, in FOLDER
	offline
	unset LINUX_TREE
	mkdir -p "$1"
	archive "$KERNEL" linux-9.9.1 "$1/linux.tar.xz"
	sum=$(sha256sum "$1/linux.tar.xz" | cut -d ' ' -f 1)
}

@test "make: alone prints the help, which knows every target" {
	run make -C "$REPO" --no-print-directory
	[ "$status" = 0 ]
	for target in $(sed -n 's/^\.PHONY: //p' "$REPO"/kit/mk/*.mk | tr ' ' '\n' | grep -vE '^(FORCE|parts|base-parts|show-.*)$'); do
		grep -q "^$target  *[a-z]" <<<"$output"
	done
}

@test "make: one clear line besides make's own; another run has the build folder" {
	run make -C "$REPO" --no-print-directory prepare BASE=8.8
	[ "$status" = 2 ]
	[ "$(grep -c 'no such base: BASE=8.8 (known: 9.9)' <<<"$output")" = 1 ]
	mkdir -p "$REPO/build"
	exec 9>>"$REPO/build/lock"
	flock 9
	run make -C "$REPO" --no-print-directory fetch 9>&-
	[ "$status" = 2 ]
	grep -q 'another run is using' <<<"$output"
}

@test "ci: runs the README's test command; archives beside the repository are named, others are kept" {
	top=$BATS_TEST_DIRNAME/../..
	grep -qE '^ *make test( |$)' "$top/README.md"
	mkdir -p "$REPO/.ci"
	cp "$top/.ci/run" "$REPO/.ci"
	stub make 'echo "make $* in $PWD with ${DOWNLOAD_CACHE:-nothing}"'
	cd "$REPO"
	[ "$(.ci/run)" = "make test in $REPO with nothing" ]
	mkdir -p "$REPO/../shared/cache"
	[ "$(.ci/run)" = "make test in $REPO with $BATS_TEST_TMPDIR/shared/cache" ]
	[ "$(DOWNLOAD_CACHE=/mine .ci/run)" = "make test in $REPO with /mine" ]
}

@test "fetch: a named tree is left untouched, of a git tree HEAD is taken; a second call does nothing and needs no network" {
	git -C "$KERNEL" init -q && git -C "$KERNEL" add -A && git -C "$KERNEL" commit -qm Linux
	echo edit >>"$KERNEL/drivers/pci/ats.c"
	before=$(find "$KERNEL" -printf '%p %T@\n')
	fetch
	[ "$(find "$KERNEL" -printf '%p %T@\n')" = "$before" ]
	not grep -q edit "$TREE/drivers/pci/ats.c"
	offline
	unset LINUX_TREE
	[ -z "$(fetch)" ]
}

@test "fetch: a named archive gives the same base as its tree; another one is refused" {
	fetch
	base=$(git -C "$TREE" rev-parse base)
	export LINUX_TARBALL=$BATS_TEST_TMPDIR/a.tar.xz
	archive "$KERNEL" linux-9.9.1 "$LINUX_TARBALL"
	one_line fetch
	says 'another source'
	rm -rf "$REPO/build"
	unset LINUX_TREE
	fetch
	[ "$(git -C "$TREE" rev-parse base)" = "$base" ]
	grep -qx "sha256=$(sha256sum "$LINUX_TARBALL" | cut -d ' ' -f 1)" "$REPO/build/9.9/source"
}

@test "fetch: a damaged archive, one of another kernel, one that is not there" {
	export LINUX_TARBALL=$BATS_TEST_TMPDIR/a.tar.xz
	unset LINUX_TREE
	one_line fetch
	says 'a.tar.xz: no such file'
	archive "$KERNEL" linux-9.9.1 "$LINUX_TARBALL"
	truncate -s -100 "$LINUX_TARBALL"
	one_line fetch
	says 'a.tar.xz is damaged'
	sed -i 's/PATCHLEVEL = 9/PATCHLEVEL = 8/' "$KERNEL/Makefile"
	archive "$KERNEL" linux-9.8.1 "$LINUX_TARBALL"
	one_line fetch
	says 'Linux 9.8.1'
	nothing_fetched
}

@test "fetch: from the cache, by the pin or by the record of the download, and never what rotted" {
	cached "$REPO/build/download"
	one_line fetch # neither pinned nor recorded
	says 'no source for Linux 9.9'
	says 'LINUX_TARBALL='
	printf 'sha256=%s\nfrom=package x 1\nverified=somebody\n' "$sum" >"$REPO/build/download/linux.tar.xz.source"
	fetch | grep -q 'verified by somebody'
	rm -rf "$REPO/build/9.9" "$REPO/build/download/linux.tar.xz.source"
	sed -i "s/BASE_SHA256=none/BASE_SHA256=$sum/" "$PIN"
	fetch | grep -q 'verified by the pin'
	rm -rf "$REPO/build/9.9"
	echo rot >>"$REPO/build/download/linux.tar.xz"
	one_line fetch
	nothing_fetched
}

@test "fetch: DOWNLOAD_CACHE is only read; what upstream gave is kept, and found again without a network" {
	export DOWNLOAD_CACHE=$BATS_TEST_TMPDIR/cache
	mkdir "$DOWNLOAD_CACHE"
	cached "$BATS_TEST_TMPDIR/upstream"
	stub curl "case \$* in *sums.asc) echo '$sum  linux-9.9.1.tar.xz' ;; *) cp '$BATS_TEST_TMPDIR/upstream/linux.tar.xz' \"\$3\" ;; esac"
	fetch | grep -q "verified by upstream's sha256sums.asc"
	[ -z "$(ls "$DOWNLOAD_CACHE")" ]
	rm -rf "$REPO/build/9.9"
	offline
	fetch | grep -q "verified by upstream's sha256sums.asc"
	rm -rf "$REPO/build"
	mv "$BATS_TEST_TMPDIR/upstream/linux.tar.xz" "$DOWNLOAD_CACHE"
	sed -i "s/BASE_SHA256=none/BASE_SHA256=$sum/" "$PIN"
	fetch | grep -q 'verified by the pin in .*bases/9.9'
}

@test "fetch: from the distribution: the release of the pin while there is one, then the newest, with a warning" {
	[ -f /usr/share/keyrings/debian-archive-keyring.gpg ] || skip 'not on Debian'
	unset LINUX_TREE
	deb=$BATS_TEST_TMPDIR/deb
	mkdir -p "$deb/DEBIAN" "$deb/usr/src"
	printf 'Package: no-such-package\nVersion: 1\nArchitecture: all\nMaintainer: M <m@example.com>\nDescription: a kernel\n' >"$deb/DEBIAN/control"
	package() { archive "$KERNEL" linux "$deb/usr/src/linux.tar.xz" && dpkg-deb --build "$deb" "$BATS_TEST_TMPDIR/p.deb"; }
	stub apt-get "case \$* in
		indextargets*) echo 'Debian|http://mirror/debian' ;;
		*download*) echo \"\$*\" >>'$BATS_TEST_TMPDIR/asked' && cp '$BATS_TEST_TMPDIR/p.deb' no-such-package_1_all.deb ;;
		esac"
	stub apt-cache "cat '$BATS_TEST_TMPDIR/versions'"
	printf 'p | %s | mirror Packages\n' 9.9.12-1 9.9.1-1~bpo13+1 9.9.1-1 9.9.2-1 >"$BATS_TEST_TMPDIR/versions"
	package
	run_it fetch
	has 'from package no-such-package 9.9.1-1, '
	[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" = 1 ]
	rm -rf "$REPO/build"
	sed -i '/ 9.9.1-1/d' "$BATS_TEST_TMPDIR/versions"
	sed -i 's/SUBLEVEL = 1/SUBLEVEL = 12/' "$KERNEL/Makefile"
	package
	run_it fetch
	has 'Linux 9.9.12 from package no-such-package 9.9.12-1, '
	has '9.9.1.* may not apply'
	[ "$(sed 's/.*=//' "$BATS_TEST_TMPDIR/asked" | paste -sd ' ')" = '9.9.1-1 9.9.12-1' ]
}

@test "fetch: killed half-way, nothing is taken for whole" {
	stub git 'case "$*" in *commit*) kill -9 $PPID ;; *) exec /usr/bin/git "$@" ;; esac'
	run fetch
	[ "$status" != 0 ]
	[ -d "$TREE.tmp/.git" ]
	nothing_fetched
	rm "$BIN/git"
	echo left >"$TREE.tmp/left-over"
	fetch
	[ "$(git -C "$TREE" log --format=%s)" = 'Linux 9.9.1' ]
	[ ! -e "$TREE/left-over" ]
	[ ! -e "$TREE.tmp" ]
}

small_disk() { # SIZE
	[ "$(id -u)" = 0 ] || skip 'needs root to make a small disk'
	mkdir -p "$REPO/build"
	mount -t tmpfs -o "size=$1" none "$REPO/build" 2>/dev/null || skip 'may not mount a small disk'
}
teardown() { ! mountpoint -q "$REPO/build" || umount "$REPO/build"; }

@test "a full disk: fetch sees too little space before, and on the way" {
	small_disk 300k
	one_line fetch
	says 'MB free'
	sed -i 's/BASE_DISK_MB=1/BASE_DISK_MB=0/' "$PIN"
	seq 100000 >"$KERNEL/large.c"
	one_line fetch
	says 'no space left'
	nothing_fetched
	mount -o remount,size=20m "$REPO/build"
	fetch
	cmp "$KERNEL/large.c" "$TREE/large.c"
}

@test "a full disk: prepare leaves the tree as it was, and prepares when there is space" {
	small_disk 20m
	queue_of_three
	before=$(ids)
	sed -i 's/Because/Therefore/' "$SERIES"/*/0003*
	head -c 30m /dev/zero >"$REPO/build/filler" 2>/dev/null || true
	one_line judge prepare
	grep -qE 'disk|space' "$BATS_TEST_TMPDIR/err"
	[ "$(ids)" = "$before" ]
	[ -z "$(git -C "$TREE" status --porcelain)" ]
	rm "$REPO/build/filler"
	judge prepare
	[ "$(ids)" != "$before" ]
}

@test "a missing compiler; deps without root and sudo" {
	judge prepare
	without gcc
	for file in Image bzImage linux; do
		one_line "$REPO/kit/kernel.sh" patched $file
		says "gcc is missing: 'make deps' installs it (package gcc"
	done
	rm -f "$PATH/sudo" "$PATH/id"
	stub id 'echo 1000'
	PATH=$BIN:$PATH one_line "$REPO/kit/deps.sh"
	says 'no root and no sudo'
	says gcc
}

@test "clean: distclean keeps work that is only in the tree, and what is not ours" {
	queue_of_three
	change 's/line 50/line fifty/' 'PCI/ATS: fifty'
	one_line "$REPO/kit/clean.sh" all
	says 'make refresh'
	[ -d "$TREE" ]
	judge refresh
	git -C "$TREE" branch mine
	one_line "$REPO/kit/clean.sh" all
	git -C "$TREE" branch -D mine
	mkdir "$REPO/build/foreign"
	"$REPO/kit/clean.sh" all
	[ "$(ls "$REPO/build")" = foreign ]
}
