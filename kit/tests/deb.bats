# SPDX-License-Identifier: GPL-2.0
# deb: what it refuses. That it makes a package which boots is for "deb.sh try".
load setup

deb() { "$REPO/kit/deb.sh" "$@"; }
nothing_made() { [ ! -e "$REPO/build" ]; }

@test "deb: an architecture, a mode or a case that is not there" {
	ARCH=mips one_line deb
	says 'no package for ARCH=mips (known: arm64 x86)'
	one_line deb build it
	says 'usage: deb.sh [config | try [machine.case...]]'
	one_line deb bake
	says 'usage: deb.sh'
	ARCH=x86 one_line deb try
	says "the bench's machine is arm64"
	nothing_made
}

@test "deb: a configuration that is not there, or is none" {
	CONFIG=/nowhere one_line deb
	says 'CONFIG=/nowhere: no such file'
	echo text >"$BATS_TEST_TMPDIR/config"
	CONFIG=$BATS_TEST_TMPDIR/config one_line deb
	says 'not the configuration of a kernel'
	nothing_made
}

@test "deb: a missing tool is named with its package" {
	mkdir "$BATS_TEST_TMPDIR/without"
	find /usr/local/bin /usr/bin /bin -maxdepth 1 ! -type d ! -name dh_listpackages -exec ln -sf -t "$BATS_TEST_TMPDIR/without" {} +
	for tool in dpkg-buildpackage rsync cpio; do : >"$BATS_TEST_TMPDIR/without/$tool.x"; ln -sf /bin/true "$BATS_TEST_TMPDIR/without/$tool"; done
	[ -e /usr/sbin/depmod ] && [ -e /usr/include/openssl/bio.h ] && command -v aarch64-linux-gnu-gcc || skip 'without the other packages'
	PATH=$BATS_TEST_TMPDIR/without one_line deb
	says "dh_listpackages is missing: install the package debhelper with 'make deps'"
	nothing_made
}

@test "deb: work that is not in the queue" {
	[ -e /usr/sbin/depmod ] && command -v dh_listpackages aarch64-linux-gnu-gcc || skip 'without the packages'
	queue_of_three
	change 's/line 50/line fifty/' 'PCI/ATS: spell out fifty'
	CONFIG=$BATS_TEST_TMPDIR/config
	echo CONFIG_X=y >"$CONFIG"
	export CONFIG
	one_line deb
	says 'make refresh'
}
