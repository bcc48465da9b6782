# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A copy of the front door around a kernel of four files, called 9.9: every test starts from an unprepared one.

setup() {
	REPO=$BATS_TEST_TMPDIR/repo KERNEL=$BATS_TEST_TMPDIR/kernel
	TREE=$REPO/build/9.9/linux QUEUE=$REPO/series/9.9
	export BASE=9.9 LINUX_TREE=$KERNEL
	export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.com
	unset LOCKED BORROWER FILTER MUTANT PASSED QUIET LABEL W TIMEOUT SILENCE AMONG_ALL BEGUN NO_TIME_FOR X86_BEFORE KERNEL_ARGS
	unset BUILD_DIR DOWNLOAD_CACHE LINUX_TARBALL FORCE V MAKEFLAGS MAKELEVEL
	unset PROJECT QEMU_BASE QEMU_TREE QEMU_TARBALL
	mkdir -p "$QUEUE" "$KERNEL/drivers/pci" "$REPO/kit/config"
	cp -r "$BATS_TEST_DIRNAME/../../Makefile" "$REPO"
	cp "$BATS_TEST_DIRNAME"/../*.sh "$BATS_TEST_DIRNAME"/../packages "$REPO/kit"
	cp "$BATS_TEST_DIRNAME"/../config/* "$REPO/kit/config"
	cat >"$QUEUE/base" <<-EOC
		BASE_VERSION=9.9.1 BASE_PACKAGE=no-such-package BASE_ARCHIVE=linux.tar.xz BASE_SHA256=none
		BASE_UPSTREAM=https://localhost:1/linux-9.9.1.tar.xz BASE_DATE='2020-01-01T00:00:00Z' BASE_DISK_MB=1
	EOC
	printf 'VERSION = 9\nPATCHLEVEL = 9\nSUBLEVEL = 1\nNAME = none\n' >"$KERNEL/Makefile"
	seq -f 'line %g' 60 >"$KERNEL/drivers/pci/ats.c"
	seq -f 'quirk %g' 60 >"$KERNEL/drivers/pci/quirks.c"
	echo 'obj-y += ats.o' >"$KERNEL/drivers/pci/Makefile"
}

# A queue of three: an edit, an edit further down with a test in a new file, one more edit.
queue_of_three() {
	"$REPO/kit/prepare.sh"
	change 's/line 10/line ten/' 'PCI/ATS: spell out ten'
	mkdir -p "$TREE/drivers/pci/tests"
	echo 'int test;' >"$TREE/drivers/pci/tests/ats_kunit.c"
	git -C "$TREE" add drivers/pci/tests
	echo 'obj-y += tests/' >>"$TREE/drivers/pci/Makefile"
	commit 'PCI/ATS: Add a test'
	change 's/line 40/line forty/' 'PCI/ATS: spell out forty'
	"$REPO/kit/refresh.sh"
	sed -i 's/^0002.*/& test/' "$QUEUE/series"
	"$REPO/kit/prepare.sh"
}

change() { sed -i "$1" "$TREE/drivers/pci/ats.c"; commit "$2"; }
commit() { git -C "$TREE" commit -qam "$1"$'\n\nBecause.'; }
ids() { git -C "$TREE" log --format='%H %s' base..series; git -C "$TREE" log --format='%H %s' base..unpatched; }

# The one thing that every failure has to be: exit 2, nothing on stdout that matters, one line on stderr.
one_line() { # COMMAND...
	rc=0
	"$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || rc=$?
	cat "$BATS_TEST_TMPDIR/err"
	[ "$rc" = 2 ] && [ "$(wc -l <"$BATS_TEST_TMPDIR/err")" = 1 ]
}
says() { grep -qF -- "$1" "$BATS_TEST_TMPDIR/err"; }
not() { ! "$@"; } # bats overlooks a bare "!" that fails
nothing_half_made() { [ -z "$(find "$REPO/build" -name '*.tmp' -prune -o -name 'prepare.*' -print -o -name 'refresh.*' -print 2>/dev/null)" ]; }
