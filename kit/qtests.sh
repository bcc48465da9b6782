# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# Which of QEMU's tests are built and run here. For scripts that have lib.sh.

# The tests that the tree adds, committed or at least known to git: all their cases.
own_tests() {
	tree_git diff --name-only --no-renames --diff-filter=A base -- tests/qtest | sed -n 's,^tests/qtest/\(.*-test\)\.c$,\1,p'
}

# Of QEMU's own those that touch what the series touches and are quick; "binary pattern-of-cases".
qemus_tests() {
	cat <<-EOC
		qos-test /virt/generic-pcihost/*
		device-introspect-test *
		qom-test /qom/virt-*
		cxl-test *
	EOC
}

all_tests() { { own_tests; qemus_tests | cut -d ' ' -f 1; } | sort -u; }
