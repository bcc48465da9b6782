#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# lint.sh, on a kernel of four files: by the gates that need no kernel to work on. That each gate finds something in a real kernel is for the mutants.
load setup

lint() { run_it "$REPO/kit/lint.sh" "$@"; }

@test "lint: what was there before may move, what is new may not stay" {
	sed -i 's/line 30/line writen/' "$KERNEL/drivers/pci/ats.c"
	echo '# writen' >>"$KERNEL/drivers/pci/quirks.c"
	queue_of_three
	change 's/line 5$/line five\nand one more/' 'PCI/ATS: five'
	judge refresh
	lint codespell
	[ "$rc" = 0 ]
	has '^ok .* lint.codespell.drivers/pci/ats.c$'
	has '^codespell +1 +1 +0$'
	change 's/line 50/line writen/' 'PCI/ATS: fifty'
	judge refresh
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
	says "run 'git stash'"
	git -C "$TREE" stash -q
	lint tree lint.codespell.drivers/pci/ats.c
	[ "$rc" = 0 ]
	git -C "$TREE" stash pop -q
	lint tree lint.codespell.drivers/pci/ats.c
	[ "$rc" = 1 ]
	has '^not ok 1 - lint.codespell.drivers/pci/ats.c: '
	[ "$(grep -c '^\(not \)\?ok' "$BATS_TEST_TMPDIR/out")" = 1 ]
	# What the base does not have needs none.
	git -C "$TREE" checkout -q drivers/pci/ats.c
	echo '/* writen */' >>"$TREE/drivers/pci/tests/ats_kunit.c"
	lint tree codespell
	[ "$rc" = 1 ]
}

@test "lint: a script of ours that shellcheck does not like" {
	queue_of_three
	printf '#!/bin/sh\nrm -rf $1/*\n' >"$REPO/kit/bad.sh"
	lint tree lint.shellcheck.kit/bad.sh lint.shellcheck.kit/cc.sh
	[ "$rc" = 1 ]
	has '^not ok 1 - lint.shellcheck.kit/bad.sh: .*SC2086'
	has '^ok 2 - lint.shellcheck.kit/cc.sh'
}

@test "lint: a tool that fails, and nothing to look at, are no success" {
	queue_of_three
	stub codespell "[ \"\$1\" = --version ] || { echo broken >&2; exit 1; }; exec '$(command -v codespell)' \"\$@\""
	lint tree codespell
	[ "$rc" = 1 ]
	has '^not ok .*did not run: broken$'
	rm "$BIN/codespell"
	lint tree lint.codespell.no/such/file
	[ "$rc" = 1 ]
	has '^not ok 1 - lint.codespell.no/such/file: no such file'
	lint tree get_maintainer
	[ "$rc" = 1 ]
}

@test "lint: checkpatch; bad use" {
	mkdir -p "$KERNEL/scripts"
	stub checkpatch.pl 'grep -q forty - && echo "WARNING: forty"; echo "total: 0 errors, 0 warnings, 1 lines checked"'
	cp "$BIN/checkpatch.pl" "$KERNEL/scripts"
	queue_of_three
	lint checkpatch
	[ "$rc" = 1 ]
	has '^ok 2 - lint.checkpatch.PCI/ATS: Add a test$'
	has '^not ok 3 - lint.checkpatch.PCI/ATS: spell out forty: WARNING: forty$'
	one_line "$REPO/kit/lint.sh" sparc
	says 'sparc: no such gate (known: sparse'
	one_line "$REPO/kit/lint.sh" lint.sparse.drivers/pci/ats.c
	says 'usage'
}
