# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# A copy of the front door around a kernel of four files, called 9.9: every test starts from an unprepared one.

setup() {
	REPO=$BATS_TEST_TMPDIR/repo KERNEL=$BATS_TEST_TMPDIR/kernel BIN=$BATS_TEST_TMPDIR/bin
	TREE=$REPO/build/9.9/linux SERIES=$REPO/series PIN=$REPO/bases/9.9
	export BASE=9.9 LINUX_TREE=$KERNEL
	export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=C GIT_COMMITTER_EMAIL=c@example.com
	unset LOCKED TREE_LOCKED FROM_MAKE BORROWER FILTER MUTANT QUIET LABEL TIMEOUT SILENCE KERNEL_ARGS CASES MACHINE TOPIC AGAIN
	unset BUILD_DIR DOWNLOAD_CACHE LINUX_TARBALL FORCE V JOBS MAKEFLAGS MAKELEVEL PROJECT QEMU_BASE QEMU_TREE QEMU_TARBALL
	mkdir -p "$REPO/bases" "$REPO/bench/qemu/bases" "$SERIES" "$BIN" "$KERNEL/drivers/pci"
	(cd "$BATS_TEST_DIRNAME/../.." && cp -r --parents Makefile judge kit/*.sh kit/{packages,config,judge,mk} bench/{functions,machines} "$REPO")
	echo '# In order' >"$SERIES/order"
	cat >"$PIN" <<-EOC
		BASE_VERSION=9.9.1 BASE_PACKAGE=no-such-package BASE_ARCHIVE=linux.tar.xz BASE_SHA256=none
		BASE_UPSTREAM=https://localhost:1/linux-9.9.1.tar.xz BASE_DATE='2020-01-01T00:00:00Z' BASE_DISK_MB=1
	EOC
	printf 'VERSION = 9\nPATCHLEVEL = 9\nSUBLEVEL = 1\nNAME = none\n' >"$KERNEL/Makefile"
	seq -f 'line %g' 60 >"$KERNEL/drivers/pci/ats.c"
	seq -f 'quirk %g' 60 >"$KERNEL/drivers/pci/quirks.c"
	echo 'obj-y += ats.o' >"$KERNEL/drivers/pci/Makefile"
	PATH=$BIN:$PATH
}

judge() { "$REPO/judge" "$@"; }
fetch() { "$REPO/kit/fetch.sh"; }

# A queue of three: an edit, an edit further down with a test in a new file, one more edit.
queue_of_three() {
	judge prepare
	change 's/line 10/line ten/' 'PCI/ATS: spell out ten'
	mkdir -p "$TREE/drivers/pci/tests"
	echo 'int test;' >"$TREE/drivers/pci/tests/ats_kunit.c"
	git -C "$TREE" add drivers/pci/tests
	echo 'obj-y += tests/' >>"$TREE/drivers/pci/Makefile"
	commit 'PCI/ATS: Add a test'
	change 's/line 40/line forty/' 'PCI/ATS: spell out forty'
	judge refresh
	sed -i 's,^[^ /]*/0002.*,& test,' "$SERIES/order"
	judge prepare
}
change() { sed -i "$1" "$TREE/drivers/pci/ats.c"; commit "$2"; }
commit() { git -C "$TREE" commit -qam "$1"$'\n\nBecause.'; }

stub() { printf '#!/bin/sh\n%s\n' "$2" >"$BIN/$1"; chmod +x "$BIN/$1"; } # COMMAND TEXT
# Commands that would go to the network fail as they do without one.
# shellcheck disable=SC2016  # the stub's
offline() { stub apt-get '[ "$1" != indextargets ] || exec /usr/bin/apt-get "$@"; exit 100'; stub curl 'exit 6'; }
# A mirror with one VERSION... of each package; what apt-get downloads is the FILE, if it asks for it in these WORDS (a pattern).
mirror() { # WORDS FILE NAME VERSION...
	[ -f /usr/share/keyrings/debian-archive-keyring.gpg ] || skip 'not on Debian'
	stub apt-get "case \$* in
		indextargets*) echo 'Debian|http://mirror/debian' ;;
		*update) ;;
		*$1) echo \"\$*\" >>'$BATS_TEST_TMPDIR/asked' && cp '$2' '$3' ;;
		*) exit 100 ;;
		esac"
	stub apt-cache "printf 'p | %s | mirror\n' ${*:4}"
}
archive() { tar -c -C "$1" --transform "s,^\.,$2," . | xz -0 >"$3"; } # FOLDER NAME FILE
package() { # NAME FOLDER FILE: a .deb of what is in FOLDER
	mkdir -p "$2/DEBIAN"
	printf 'Package: %s\nVersion: 1\nArchitecture: all\nMaintainer: M <m@example.com>\nDescription: x\n' "$1" >"$2/DEBIAN/control"
	dpkg-deb --build "$2" "$3" >/dev/null
}

# out and err of a command, and its exit code in rc.
run_it() { rc=0; "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || rc=$?; cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err"; }
has() { grep -qE -- "$1" "$BATS_TEST_TMPDIR/out"; }
says() { grep -qF -- "$1" "$BATS_TEST_TMPDIR/err"; }
# The one thing that every failure has to be: exit code 2, and one line on stderr.
one_line() { # COMMAND...
	run_it "$@"
	[ "$rc" = 2 ] && [ "$(wc -l <"$BATS_TEST_TMPDIR/err")" = 1 ]
}
refused() { one_line "${@:2}" && says "$1"; } # MESSAGE COMMAND...
not() { ! "$@"; } # bats overlooks a bare "!" that fails
without() { # NAME: a PATH with everything but the commands that end in NAME
	mkdir "$BATS_TEST_TMPDIR/without"
	find /usr/local/bin /usr/bin /bin -maxdepth 1 ! -type d ! -name "*$1" -exec ln -sf -t "$BATS_TEST_TMPDIR/without" {} +
	# shellcheck disable=SC2123  # it is meant
	PATH=$BATS_TEST_TMPDIR/without
}
