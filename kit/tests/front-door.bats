# SPDX-License-Identifier: GPL-2.0
# make, fetch, clean and deb: what a newcomer meets, and what can go wrong there. That a package boots is for "make deb-try".
load setup

door() { run make -C "$REPO" --no-print-directory "$@" 9>&-; }
nothing_fetched() { [ ! -e "$TREE" ]; }
gone() { rm -rf "$REPO/build/9.9"; }
@test "make: alone prints the help, which knows every target; one clear line besides make's own; another run has the build folder" {
	door
	[ "$status" = 0 ]
	for target in $(sed -n 's/^\.PHONY: //p' "$REPO"/kit/mk/*.mk | tr ' ' '\n' | grep -vE '^(FORCE|parts|base-parts|show-.*)$'); do
		grep -q "^$target  *[a-z]" <<<"$output"
	done
	door prepare BASE=8.8
	[ "$status" = 2 ]
	[ "$(grep -c 'no such base: BASE=8.8 (known: 9.9)' <<<"$output")" = 1 ]
	mkdir -p "$REPO/build"
	exec 9>>"$REPO/build/lock"
	flock 9
	door fetch
	[ "$status" = 2 ]
	grep -q 'another run is using' <<<"$output"
}

@test "ci: runs the README's test command; archives beside the repository are named, unless others are" {
	top=$BATS_TEST_DIRNAME/../..
	grep -qE '^ *make test( |$)' "$top/README.md"
	mkdir -p "$REPO/.ci"
	cp "$top/.ci/run" "$REPO/.ci"
	stub make 'echo "make $* in $PWD with ${DOWNLOAD_CACHE:-nothing}"'
	cd "$REPO"
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
	[ -z "$(fetch)" ]
	[ -z "$(LINUX_TREE='' fetch)" ]
	git -C "$KERNEL" commit -qam another
	refused 'another source' fetch
}

@test "fetch: a named archive gives the same base as a tree without what a build has left; another one, a damaged one, one of another kernel" {
	touch "$KERNEL/.config" "$KERNEL/drivers/pci/ats.o"
	fetch
	[ "$(git -C "$TREE" ls-files | wc -l)" = 4 ]
	base=$(git -C "$TREE" rev-parse base)
	rm "$KERNEL/.config" "$KERNEL/drivers/pci/ats.o"
	export LINUX_TARBALL=$BATS_TEST_TMPDIR/a.tar.xz
	refused 'a.tar.xz: no such file' fetch
	archive "$KERNEL" linux-9.9.1 "$LINUX_TARBALL"
	refused 'another source' fetch
	gone
	unset LINUX_TREE
	fetch
	[ "$(git -C "$TREE" rev-parse base)" = "$base" ]
	grep -qx "sha256=$(sha256sum "$LINUX_TARBALL" | cut -d ' ' -f 1)" "$REPO/build/9.9/source"
	gone
	truncate -s -100 "$LINUX_TARBALL"
	refused 'a.tar.xz is damaged' fetch
	sed -i 's/PATCHLEVEL = 9/PATCHLEVEL = 8/' "$KERNEL/Makefile"
	archive "$KERNEL" linux-9.8.1 "$LINUX_TARBALL"
	refused 'Linux 9.8.1' fetch
	nothing_fetched
	LINUX_TARBALL='' LINUX_TREE=/nowhere refused 'LINUX_TREE=/nowhere: not a tree of Linux' fetch
}

@test "fetch: what upstream gave is kept, and found without a network by its record or the pin; DOWNLOAD_CACHE is only read; never what rotted" {
	export DOWNLOAD_CACHE=$BATS_TEST_TMPDIR/cache
	file=linux-9.9.1.tar.xz
	mkdir "$DOWNLOAD_CACHE"
	archive "$KERNEL" linux-9.9.1 "$BATS_TEST_TMPDIR/$file"
	sum=$(sha256sum "$BATS_TEST_TMPDIR/$file" | cut -d ' ' -f 1)
	unset LINUX_TREE
	offline
	refused 'no source for Linux 9.9' fetch
	says 'LINUX_TARBALL='
	stub curl "case \$* in *sums.asc) echo '$sum  $file' ;; *) cp '$BATS_TEST_TMPDIR/$file' \"\$3\" ;; esac"
	fetch | grep -q "verified by upstream's sha256sums.asc"
	[ -z "$(ls "$DOWNLOAD_CACHE")" ]
	gone
	offline
	fetch | grep -q "verified by upstream's sha256sums.asc"
	gone
	rm "$REPO/build/download/$file.source"
	refused 'no source for Linux 9.9' fetch # neither pinned nor recorded
	sed -i "s/BASE_SHA256=none/BASE_SHA256=$sum/" "$PIN"
	mv "$REPO/build/download/$file" "$DOWNLOAD_CACHE"
	fetch | grep -q 'verified by the pin in bases/9.9'
	[ "$(ls "$DOWNLOAD_CACHE")" = "$file" ]
	gone
	echo rot >>"$DOWNLOAD_CACHE/$file"
	refused 'no source for Linux 9.9' fetch
	nothing_fetched
}

@test "fetch: from the distribution: the release of the pin while there is one, then the newest, with a warning" {
	unset LINUX_TREE
	deb=$BATS_TEST_TMPDIR/deb
	mkdir -p "$deb/usr/src"
	archive "$KERNEL" linux "$deb/usr/src/linux.tar.xz"
	package no-such-package "$deb" "$deb.deb"
	mirror '*download*' "$deb.deb" p_all.deb 9.9.12-1 9.9.1-1~bpo13+1 9.9.1-1 9.9.2-1
	run_it fetch
	has 'from package no-such-package 9.9.1-1, '
	[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" = 1 ]
	rm -rf "$REPO/build"
	sed -i 's/SUBLEVEL = 1/SUBLEVEL = 12/' "$KERNEL/Makefile"
	archive "$KERNEL" linux "$deb/usr/src/linux.tar.xz"
	package no-such-package "$deb" "$deb.deb"
	mirror '*download*' "$deb.deb" p_all.deb 9.9.12-1 9.9.2-1 9.10.1-1
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
	refused 'MB free' fetch
	sed -i 's/BASE_DISK_MB=1/BASE_DISK_MB=0/' "$PIN"
	seq 100000 >"$KERNEL/large.c"
	refused 'no space left' fetch
	nothing_fetched
	mount -o remount,size=20m "$REPO/build"
	fetch
	cmp "$KERNEL/large.c" "$TREE/large.c"
}

@test "a full disk: prepare leaves the tree as it was, and prepares when there is space" {
	ids() { git -C "$TREE" log --format='%H %s' base..series base..unpatched; }
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
		refused "gcc is missing: 'make deps' installs it (package gcc" "$REPO/kit/kernel.sh" patched $file
	done
	rm -f "$PATH/sudo" "$PATH/id"
	stub id 'echo 1000'
	PATH=$BIN:$PATH refused 'not root, and sudo is missing' "$REPO/kit/deps.sh"
	says gcc
}

@test "clean keeps the source; distclean keeps work that is only in the tree, and what is not ours" {
	queue_of_three
	mkdir -p "$REPO/build/foreign" "$REPO/build/9.9/objects"
	"$REPO/kit/clean.sh" objects
	[ "$(ls "$REPO/build/9.9" | grep -E 'linux|objects')" = linux ]
	change 's/line 50/line fifty/' 'PCI/ATS: fifty'
	refused 'make refresh' "$REPO/kit/clean.sh" all
	judge refresh
	git -C "$TREE" branch mine
	refused 'make refresh' "$REPO/kit/clean.sh" all
	git -C "$TREE" branch -D mine
	"$REPO/kit/clean.sh" all
	[ "$(ls "$REPO/build")" = foreign ]
}

@test "deb: an architecture or a mode that is not there; a configuration that is not there, or is none" {
	deb() { "$REPO/kit/deb.sh" "$@"; }
	ARCH=mips refused 'ARCH=mips: not supported (known: arm64 x86)' deb
	refused 'usage: deb.sh [try]' deb build it
	ARCH=x86 refused 'the bench boots arm64 packages only' deb try
	CONFIG=/nowhere refused 'CONFIG=/nowhere: no such file' deb
	CONFIG=$PIN refused 'not a kernel configuration' deb
	[ ! -e "$REPO/build" ]
}

@test "deb: a missing tool is named with its package; work that is not in the queue" {
	[ -e /usr/sbin/depmod ] && [ -e /usr/include/openssl/bio.h ] && command -v aarch64-linux-gnu-gcc dh_listpackages || skip 'without the packages'
	queue_of_three
	change 's/line 50/line fifty/' 'PCI/ATS: spell out fifty'
	echo CONFIG_X=y >"$BATS_TEST_TMPDIR/config"
	export CONFIG=$BATS_TEST_TMPDIR/config
	refused "run 'make refresh'" "$REPO/kit/deb.sh"
	without dh_listpackages
	refused "dh_listpackages is missing: 'make deps' installs it (package debhelper)" "$REPO/kit/deb.sh"
}
