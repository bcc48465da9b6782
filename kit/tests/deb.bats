# SPDX-License-Identifier: GPL-2.0
# deb: what it refuses. That it makes a package which boots is for "make deb-try".
load setup

deb() { "$REPO/kit/deb.sh" "$@"; }

@test "deb: an architecture or a mode that is not there; a configuration that is not there, or is none" {
	ARCH=mips one_line deb
	says 'ARCH=mips: not supported (known: arm64 x86)'
	one_line deb build it
	says 'usage: deb.sh [try]'
	ARCH=x86 one_line deb try
	says 'the bench boots arm64 packages only'
	CONFIG=/nowhere one_line deb
	says 'CONFIG=/nowhere: no such file'
	CONFIG=$PIN one_line deb
	says 'not a kernel configuration'
	[ ! -e "$REPO/build" ]
}

@test "deb: a missing tool is named with its package; work that is not in the queue" {
	[ -e /usr/sbin/depmod ] && [ -e /usr/include/openssl/bio.h ] && command -v aarch64-linux-gnu-gcc dh_listpackages || skip 'without the packages'
	queue_of_three
	change 's/line 50/line fifty/' 'PCI/ATS: spell out fifty'
	echo CONFIG_X=y >"$BATS_TEST_TMPDIR/config"
	export CONFIG=$BATS_TEST_TMPDIR/config
	one_line deb
	says "run 'make refresh'"
	without dh_listpackages
	one_line deb
	says "dh_listpackages is missing: 'make deps' installs it (package debhelper)"
}
