#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# lint.sh, on a kernel of four files: by the gates that need no kernel to work on. That each gate finds something in a real
# kernel is for the mutants.
load setup

lint() { rc=0; "$REPO/kit/lint.sh" "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || rc=$?; cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err"; }
has() { grep -qE -- "$1" "$BATS_TEST_TMPDIR/out"; }

@test "lint: what was there before may move, what is new may not stay" {
	sed -i 's/line 30/line writen/' "$KERNEL/drivers/pci/ats.c"
	queue_of_three
	change 's/line 5$/line five\nand one more/' 'PCI/ATS: five'
	"$REPO/kit/refresh.sh"
	lint codespell
	[ "$rc" = 0 ]
	has '^ok .* lint.codespell.drivers/pci/ats.c$'
	has '^codespell +1 +1 +0$'
	change 's/line 50/line writen/' 'PCI/ATS: fifty'
	"$REPO/kit/refresh.sh"
	lint codespell
	[ "$rc" = 1 ]
	has '^not ok .* lint.codespell.drivers/pci/ats.c: writen ==> written$'
	has '^codespell +1 +2 +1$'
	[ "$(git -C "$TREE" symbolic-ref --short HEAD)" = series ]
}

@test "lint: judges what the tree holds, when the base is known" {
	queue_of_three
	echo 'writen' >>"$TREE/drivers/pci/ats.c"
	one_line "$REPO/kit/lint.sh" codespell
	says 'uncommitted edits'
	one_line "$REPO/kit/lint.sh" tree codespell
	says 'put them away with'
	git -C "$TREE" stash -q
	lint codespell
	[ "$rc" = 0 ]
	git -C "$TREE" stash pop -q
	lint tree lint.codespell.drivers/pci/ats.c
	[ "$rc" = 1 ]
	has '^not ok 1 - lint.codespell.drivers/pci/ats.c: '
	[ "$(grep -c '^\(not \)\?ok' "$BATS_TEST_TMPDIR/out")" = 1 ]
	echo 'writen' >>"$TREE/drivers/pci/quirks.c"
	one_line "$REPO/kit/lint.sh" tree codespell
	says 'drivers/pci/quirks.c was not touched so far'
}

@test "lint: in a run over all bases, on the base only the files in which something was found" {
	export AMONG_ALL=1
	echo '# writen' >>"$KERNEL/drivers/pci/Makefile"
	queue_of_three
	sed -i '/writen/d' "$TREE/drivers/pci/Makefile"
	change 's/line 41/line writen/' 'PCI/ATS: spell out one more'
	"$REPO/kit/refresh.sh"
	lint codespell
	[ "$rc" = 1 ]
	has '^not ok .* lint.codespell.drivers/pci/ats.c: writen ==> written$'
	has '^codespell +0 +1 +1$'
	AMONG_ALL='' lint codespell
	has '^codespell +1 +1 +1$'
}

@test "lint: in a run over all bases, what the base has in the same file is not new, and a file that was named is known" {
	export AMONG_ALL=1
	sed -i 's/line 30/line writen/' "$KERNEL/drivers/pci/ats.c"
	echo '# writen' >>"$KERNEL/drivers/pci/Makefile"
	queue_of_three
	lint codespell
	[ "$rc" = 0 ]
	has '^codespell +2 +2 +0$'
	rm -r "$REPO/build/9.9/lint"
	lint tree lint.codespell.drivers/pci/tests/ats_kunit.c
	[ "$rc" = 0 ]
	echo '/* writen */' >>"$TREE/drivers/pci/tests/ats_kunit.c"
	lint tree lint.codespell.drivers/pci/tests/ats_kunit.c
	[ "$rc" = 1 ]
	one_line "$REPO/kit/lint.sh" tree lint.codespell.drivers/pci/ats.c
	says 'uncommitted edits'
}

@test "lint: a script of ours that shellcheck does not like" {
	queue_of_three
	printf '#!/bin/sh\necho fine\n' >"$REPO/kit/good.sh"
	printf '#!/bin/sh\nrm -rf $1/*\n' >"$REPO/kit/bad.sh"
	lint tree lint.shellcheck.kit/good.sh
	[ "$rc" = 0 ]
	lint tree lint.shellcheck.kit/bad.sh
	[ "$rc" = 1 ]
	has '^not ok 1 - lint.shellcheck.kit/bad.sh: .*SC2086'
}

@test "lint: a tool that fails, and nothing to look at, are no success" {
	queue_of_three
	lint codespell
	[ "$rc" = 0 ]
	mkdir "$BATS_TEST_TMPDIR/bin"
	# shellcheck disable=SC2016  # for the stub
	printf '#!/bin/sh\n[ "$1" = --version ] || { echo broken >&2; exit 1; }\nexec "%s" "$@"\n' "$(command -v codespell)" >"$BATS_TEST_TMPDIR/bin/codespell"
	chmod +x "$BATS_TEST_TMPDIR/bin/codespell"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH lint codespell
	[ "$rc" = 1 ]
	has '^not ok .*did not run: broken$'
	lint tree lint.codespell.no/such/file
	[ "$rc" = 1 ]
	has '^not ok 1 - lint.codespell.no/such/file: there is no such file'
	lint tree get_maintainer
	[ "$rc" = 1 ]
}

@test "lint: bad use" {
	queue_of_three
	one_line "$REPO/kit/lint.sh" sparc
	says 'sparc: no such gate (known: sparse'
	one_line "$REPO/kit/lint.sh" lint.sparse.drivers/pci/ats.c
	says 'usage'
}

@test "lint: checkpatch comes to its end, however many patches there are for each job" {
	mkdir -p "$KERNEL/scripts"
	printf '#!/bin/sh\necho "total: 0 errors, 0 warnings, 1 lines checked"\n' >"$KERNEL/scripts/checkpatch.pl"
	chmod +x "$KERNEL/scripts/checkpatch.pl"
	queue_of_three
	for jobs in 1 2 3 4; do
		JOBS=$jobs timeout -k 1 60 "$REPO/kit/lint.sh" checkpatch >"$BATS_TEST_TMPDIR/out"
		has '^lint: 3 clean, 0 not clean'
	done
}
