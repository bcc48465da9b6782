#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# lint.sh, on a kernel of four files: by the gates that need no kernel to work on. That each gate finds something in a real kernel is for the mutants.
load setup

lint() { run_it "$REPO/kit/lint.sh" "$@"; } # CODE ARGUMENT...
fails() { lint "$@"; [ "$rc" = 1 ]; }

@test "lint: what was there before may move, what is new may not stay" {
	sed -i 's/line 30/line writen/' "$KERNEL/drivers/pci/ats.c"
	queue_of_three
	change 's/line 5$/line five\nand one more/' 'PCI/ATS: five'
	judge refresh
	lint codespell
	[ "$rc" = 0 ]
	has '^ok .* lint.codespell.drivers/pci/ats.c$'
	change 's/line 50/line writen/' 'PCI/ATS: fifty'
	judge refresh
	fails codespell
	has '^not ok .* lint.codespell.drivers/pci/ats.c: writen ==> written$'
	[ "$(git -C "$TREE" symbolic-ref --short HEAD)" = series ]
}

@test "lint: judges what the tree holds, when the base is known; a tool that fails, and nothing to look at, are no success" {
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
	fails tree lint.codespell.drivers/pci/ats.c
	[ "$(grep '^\(not \)\?ok' "$BATS_TEST_TMPDIR/out")" = 'not ok 1 - lint.codespell.drivers/pci/ats.c: writen ==> written' ]
	fails tree lint.codespell.no/such/file
	fails tree get_maintainer
	git -C "$TREE" checkout -q drivers/pci/ats.c
	stub codespell "[ \"\$1\" = --version ] && exec '$(command -v codespell)' --version; echo broken >&2; exit 1"
	fails tree codespell
	has '^not ok .*did not run: broken$'
	rm -rf "$REPO/build/9.9/lint"
	one_line "$REPO/kit/lint.sh" codespell
	says 'codespell: failed on the base'
}

@test "lint: checkpatch; bad use" {
	mkdir "$KERNEL/scripts"
	stub checkpatch.pl 'grep -q forty - && echo "WARNING: forty"; echo "total: 0 errors, 0 warnings, 1 lines checked"'
	cp "$BIN/checkpatch.pl" "$KERNEL/scripts"
	queue_of_three
	fails checkpatch
	has '^ok 2 - lint.checkpatch.PCI/ATS: Add a test$'
	has '^not ok 3 - lint.checkpatch.PCI/ATS: spell out forty: WARNING: forty$'
	one_line "$REPO/kit/lint.sh" sparc
	says 'sparc: no such gate (known: sparse'
}

@test "style: shellcheck and pylint" {
	rm -rf "$REPO/kit/tests"
	mkdir -p "$REPO/.ci" "$REPO/kit/tests"
	cp "$BATS_TEST_DIRNAME"/../../.[ps]*rc "$REPO"
	find "$REPO/kit/judge" -name '*.py' ! -name errors.py -delete
	printf '#!/bin/sh\nrm -rf $1/*\n' >"$REPO/kit/bad.sh"
	printf '"""Doc."""\nimport os\n' >"$REPO/kit/judge/bad.py"
	run_it "$REPO/kit/style.sh"
	[ "$rc" = 1 ]
	has '^not ok .* - style.kit/bad.sh: .*SC2115'
	has '^ok .* - style.kit/cc.sh'
	has '^not ok .* - style.kit/judge/bad.py: .*unused-import'
	has '^ok .* - style.kit/judge/errors.py'
}
