# SPDX-License-Identifier: GPL-2.0
# make, fetch and clean: what a newcomer meets, and what can go wrong there.
load setup

archive() { tar -c -C "$KERNEL" --transform 's,^\.,linux-9.9.1,' . | xz -0 >"$1"; }
fetch() { "$REPO/kit/fetch.sh"; }
offline() { # commands that would go to the network fail as they do without one
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\n[ "$1" != indextargets ] || exec /usr/bin/apt-get "$@"\nexit 100\n' >"$BATS_TEST_TMPDIR/bin/apt-get"
	printf '#!/bin/sh\nexit 6\n' >"$BATS_TEST_TMPDIR/bin/curl"
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}
nothing_fetched() { [ ! -e "$TREE" ]; }
without() { # NAME: a PATH with everything but the commands that end in NAME
	mkdir "$BATS_TEST_TMPDIR/without"
	find /usr/local/bin /usr/bin /bin -maxdepth 1 ! -type d ! -name "*$1" -exec ln -sf -t "$BATS_TEST_TMPDIR/without" {} +
	PATH=$BATS_TEST_TMPDIR/without
}

@test "make: alone prints the help, which knows every target" {
	run make -C "$REPO" --no-print-directory
	[ "$status" = 0 ]
	for target in $(sed -n 's/^\.PHONY: //p' "$REPO/Makefile"); do
		grep -q "^$target  *[a-z]" <<<"$output"
	done
}

@test "make: one clear line besides make's own" {
	run make -C "$REPO" --no-print-directory prepare BASE=8.8
	[ "$status" = 2 ]
	[ "$(grep -v '^make: \*\*\*' <<<"$output")" = 'fetch: no such base: BASE=8.8 (known: 9.9)' ]
}

@test "ci: runs the README's test command; archives beside the repository are named, others are kept" {
	top=$BATS_TEST_DIRNAME/../..
	grep -qx '    make test .*' "$top/README.md"
	mkdir -p "$BATS_TEST_TMPDIR/bin" "$REPO/.ci"
	cp "$top/.ci/run" "$REPO/.ci"
	printf '#!/bin/sh\necho "make $* in $PWD with ${DOWNLOAD_CACHE:-nothing}"\n' >"$BATS_TEST_TMPDIR/bin/make"
	chmod +x "$BATS_TEST_TMPDIR/bin/make"
	cd "$REPO"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	[ "$(.ci/run)" = "make test in $REPO with nothing" ]
	mkdir -p "$REPO/../shared/cache"
	[ "$(.ci/run)" = "make test in $REPO with $BATS_TEST_TMPDIR/shared/cache" ]
	[ "$(DOWNLOAD_CACHE=/mine .ci/run)" = "make test in $REPO with /mine" ]
}

@test "fetch: a second call does nothing and needs no network" {
	fetch
	offline
	unset LINUX_TREE
	[ -z "$(fetch)" ]
}

@test "fetch: the named tree is left untouched" {
	before=$(find "$KERNEL" -printf '%p %T@\n')
	queue_of_three
	[ "$(find "$KERNEL" -printf '%p %T@\n')" = "$before" ]
}

@test "fetch: of a git tree HEAD is taken" {
	git -C "$KERNEL" init -q && git -C "$KERNEL" add -A && git -C "$KERNEL" commit -qm Linux
	echo edit >>"$KERNEL/drivers/pci/ats.c"
	fetch
	not grep -q edit "$TREE/drivers/pci/ats.c"
}

@test "fetch: a named archive; the same content gives the same base" {
	fetch
	base=$(git -C "$TREE" rev-parse base)
	rm -rf "$REPO/build"
	archive "$BATS_TEST_TMPDIR/a.tar.xz"
	unset LINUX_TREE
	LINUX_TARBALL=$BATS_TEST_TMPDIR/a.tar.xz fetch
	[ "$(git -C "$TREE" rev-parse base)" = "$base" ]
	grep -qx "sha256=$(sha256sum "$BATS_TEST_TMPDIR/a.tar.xz" | cut -d ' ' -f 1)" "$REPO/build/9.9/source"
}

@test "fetch: another source than the tree was made from is refused" {
	fetch
	archive "$BATS_TEST_TMPDIR/a.tar.xz"
	LINUX_TARBALL=$BATS_TEST_TMPDIR/a.tar.xz one_line fetch
	says 'another source'
}

@test "fetch: a cut off archive" {
	archive "$BATS_TEST_TMPDIR/a.tar.xz"
	truncate -s -100 "$BATS_TEST_TMPDIR/a.tar.xz"
	unset LINUX_TREE
	LINUX_TARBALL=$BATS_TEST_TMPDIR/a.tar.xz one_line fetch
	says 'a.tar.xz is damaged'
	nothing_fetched
	archive "$BATS_TEST_TMPDIR/a.tar.xz"
	LINUX_TARBALL=$BATS_TEST_TMPDIR/a.tar.xz fetch
}

@test "fetch: an archive of another kernel, a file that is not there" {
	sed -i 's/SUBLEVEL/PATCHLEVEL = 8\nSUBLEVEL/; 0,/PATCHLEVEL = 9/{/PATCHLEVEL = 9/d}' "$KERNEL/Makefile"
	one_line fetch
	says 'holds Linux 9.8.1, wanted is 9.9'
	nothing_fetched
	unset LINUX_TREE
	LINUX_TARBALL=/nowhere one_line fetch
	says 'LINUX_TARBALL=/nowhere: no such file'
	nothing_fetched
}

@test "fetch: from the cache, by the pin or by the record of the download" {
	offline
	unset LINUX_TREE
	mkdir -p "$REPO/build/download"
	archive "$REPO/build/download/linux.tar.xz"
	sum=$(sha256sum "$REPO/build/download/linux.tar.xz" | cut -d ' ' -f 1)
	one_line fetch # neither pinned nor recorded
	printf 'sha256=%s\nfrom=package x 1\nverified=somebody\n' "$sum" >"$REPO/build/download/linux.tar.xz.source"
	fetch | grep -q 'verified by somebody'
	rm -rf "$REPO/build/9.9" "$REPO/build/download/linux.tar.xz.source"
	sed -i "s/BASE_SHA256=none/BASE_SHA256=$sum/" "$QUEUE/base"
	fetch | grep -q 'verified by the pin'
}

@test "fetch: a cached archive that rotted is not used" {
	offline
	unset LINUX_TREE
	export DOWNLOAD_CACHE=$BATS_TEST_TMPDIR/cache
	mkdir "$DOWNLOAD_CACHE"
	archive "$DOWNLOAD_CACHE/linux.tar.xz"
	sed -i "s/BASE_SHA256=none/BASE_SHA256=$(sha256sum "$DOWNLOAD_CACHE/linux.tar.xz" | cut -d ' ' -f 1)/" "$QUEUE/base"
	echo rot >>"$DOWNLOAD_CACHE/linux.tar.xz"
	one_line fetch
	nothing_fetched
}

@test "fetch: DOWNLOAD_CACHE is looked in and never written; what was downloaded is found all the same" {
	offline
	unset LINUX_TREE
	export DOWNLOAD_CACHE=$BATS_TEST_TMPDIR/cache
	mkdir "$DOWNLOAD_CACHE"
	archive "$BATS_TEST_TMPDIR/upstream.tar.xz"
	sum=$(sha256sum "$BATS_TEST_TMPDIR/upstream.tar.xz" | cut -d ' ' -f 1)
	printf '#!/bin/sh\ncase $* in *sums.asc) echo "%s  linux-9.9.1.tar.xz" ;; *) cp "%s" "$3" ;; esac\n' "$sum" "$BATS_TEST_TMPDIR/upstream.tar.xz" >"$BATS_TEST_TMPDIR/bin/curl"
	fetch | grep -q "verified by upstream's sha256sums.asc"
	[ -z "$(ls "$DOWNLOAD_CACHE")" ]
	rm -rf "$REPO/build/9.9"
	offline
	fetch | grep -q "verified by upstream's sha256sums.asc"
	rm -rf "$REPO/build"
	mv "$BATS_TEST_TMPDIR/upstream.tar.xz" "$DOWNLOAD_CACHE/linux.tar.xz"
	sed -i "s/BASE_SHA256=none/BASE_SHA256=$sum/" "$QUEUE/base"
	fetch | grep -q 'verified by the pin in series/9.9/base'
}

@test "fetch: from the distribution: the release of the pin while there is one, then the newest, which is told" {
	[ -f /usr/share/keyrings/debian-archive-keyring.gpg ] || skip 'not on Debian'
	unset LINUX_TREE
	bin=$BATS_TEST_TMPDIR/bin deb=$BATS_TEST_TMPDIR/deb
	mkdir -p "$bin" "$deb/DEBIAN" "$deb/usr/src"
	export PATH=$bin:$PATH
	archive "$deb/usr/src/linux.tar.xz"
	printf 'Package: no-such-package\nVersion: 1\nArchitecture: all\nMaintainer: M <m@example.com>\nDescription: a kernel\n' >"$deb/DEBIAN/control"
	dpkg-deb --build "$deb" "$BATS_TEST_TMPDIR/p.deb"
	cat >"$bin/apt-get" <<-EOC
		#!/bin/sh
		case \$* in
		indextargets*) echo 'Debian|http://mirror/debian' ;;
		*download*) echo "\$*" >>"$BATS_TEST_TMPDIR/asked" && cp "$BATS_TEST_TMPDIR/p.deb" no-such-package_1_all.deb ;;
		esac
	EOC
	printf '#!/bin/sh\ncat "%s/versions"\n' "$BATS_TEST_TMPDIR" >"$bin/apt-cache"
	chmod +x "$bin"/*
	printf 'p | %s | mirror Packages\n' 9.9.12-1 9.9.1-1~bpo13+1 9.9.1-1 9.9.2-1 >"$BATS_TEST_TMPDIR/versions"
	fetch >"$BATS_TEST_TMPDIR/out"
	grep -q 'from package no-such-package 9.9.1-1, ' "$BATS_TEST_TMPDIR/out"
	not grep -q 'was made on' "$BATS_TEST_TMPDIR/out"
	rm -rf "$REPO/build"
	sed -i '/ 9.9.1-1/d' "$BATS_TEST_TMPDIR/versions"
	sed -i 's/SUBLEVEL = 1/SUBLEVEL = 12/' "$KERNEL/Makefile"
	archive "$deb/usr/src/linux.tar.xz"
	dpkg-deb --build "$deb" "$BATS_TEST_TMPDIR/p.deb"
	fetch >"$BATS_TEST_TMPDIR/out"
	grep -q 'Linux 9.9.12 from package no-such-package 9.9.12-1, ' "$BATS_TEST_TMPDIR/out"
	grep -q 'the queue was made on 9.9.1, which series/9.9/base names' "$BATS_TEST_TMPDIR/out"
	[ "$(sed 's/.*=//' "$BATS_TEST_TMPDIR/asked" | paste -sd ' ')" = '9.9.1-1 9.9.12-1' ]
}

@test "fetch: no network and an empty cache" {
	offline
	unset LINUX_TREE
	one_line fetch
	says 'no source for Linux 9.9'
	says 'LINUX_TARBALL='
	nothing_fetched
}

@test "fetch: killed half-way, nothing is taken for whole" {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\ncase "$*" in *commit*) kill -9 $PPID ;; *) exec /usr/bin/git "$@" ;; esac\n' >"$BATS_TEST_TMPDIR/bin/git"
	chmod +x "$BATS_TEST_TMPDIR/bin/git"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run fetch
	[ "$status" != 0 ]
	[ -d "$TREE.tmp/.git" ]
	nothing_fetched
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

@test "fetch: too little space is seen before, a full disk on the way" {
	small_disk 300k
	one_line fetch
	says 'MB free'
	nothing_fetched
	sed -i 's/BASE_DISK_MB=1/BASE_DISK_MB=0/' "$QUEUE/base"
	seq 100000 >"$KERNEL/large.c"
	one_line fetch
	says 'no space left'
	nothing_fetched
	mount -o remount,size=20m "$REPO/build"
	fetch
	cmp "$KERNEL/large.c" "$TREE/large.c"
}

@test "prepare: a full disk; afterwards the tree is as it was, and prepares" {
	small_disk 20m
	queue_of_three
	before=$(ids)
	sed -i 's/Because/Therefore/' "$QUEUE"/0003*
	head -c 30m /dev/zero >"$REPO/build/filler" 2>/dev/null || true
	one_line "$REPO/kit/prepare.sh"
	grep -q 'disk' "$BATS_TEST_TMPDIR/err" || says 'no space left'
	[ "$(ids)" = "$before" ]
	[ -z "$(git -C "$TREE" status --porcelain)" ]
	rm "$REPO/build/filler"
	"$REPO/kit/prepare.sh"
	[ "$(ids)" != "$before" ]
}

@test "kunit: a missing compiler" {
	"$REPO/kit/prepare.sh"
	without gcc
	one_line "$REPO/kit/kunit.sh" um
	says 'gcc is missing: install the package gcc with '\''make deps'\'
	one_line "$REPO/kit/kunit.sh" arm64
	says 'gcc is missing'
}

@test "deps: neither root nor sudo" {
	without shellcheck
	rm -f "$PATH/sudo" "$PATH/id"
	printf '#!/bin/sh\necho 1000\n' >"$PATH/id"
	chmod +x "$PATH/id"
	one_line "$REPO/kit/deps.sh"
	says 'neither root nor sudo'
	says shellcheck
}

@test "clean: distclean keeps work that is only in the tree" {
	queue_of_three
	change 's/line 50/line fifty/' 'PCI/ATS: fifty'
	one_line "$REPO/kit/clean.sh" all
	says 'make refresh'
	[ -d "$TREE" ]
	"$REPO/kit/refresh.sh"
	git -C "$TREE" branch mine
	one_line "$REPO/kit/clean.sh" all
	git -C "$TREE" branch -D mine
	mkdir "$REPO/build/foreign"
	"$REPO/kit/clean.sh" all
	[ -d "$REPO/build/foreign" ] # BUILD_DIR= may name anybody's folder
	[ "$(ls "$REPO/build")" = foreign ]
}
