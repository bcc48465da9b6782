# SPDX-License-Identifier: GPL-2.0
# QEMU, by the same scripts: one of a few files, called 8.8. Its "compiler" copies scripts, and its tests look at what the QEMU that was built says.
load setup

eval "kernel_$(declare -f setup)"
setup() {
	kernel_setup
	QEMU=$BATS_TEST_TMPDIR/qemu TREE=$REPO/build/qemu-8.8/qemu PIN=$REPO/bench/qemu/bases/8.8 O=$REPO/build/qemu-8.8/build
	export PROJECT=qemu QEMU_BASE=8.8 QEMU_TREE=$QEMU
	mkdir -p "${PIN%/*}" "$REPO/bench/qemu/series" "$REPO/bench/qemu/devices" "$QEMU/hw/misc" "$QEMU/tests/qtest" "$QEMU/pc-bios" \
		"$QEMU/configs/devices/a-softmmu"
	echo '# In order' >"$REPO/bench/qemu/series/order"
	sed 's/9\.9/8.8/g; s/no-such-package/src:qemu/; s/linux\.tar/qemu_8.8.*.orig.tar/; s/linux/qemu/; s/$/ BASE_UPSTREAM_SHA256=none/' \
		"$REPO/bases/9.9" >"$PIN"
	echo 8.8.1 >"$QEMU/VERSION"
	seq -f 'line %g' 60 >"$QEMU/hw/misc/dev.c"
	printf "fds = [\n    'edk2-a-code.fd',\n    'edk2-b-vars.fd',\n]\nblobs = [\n  'efi-x.rom',\n  'bios.bin',\n]\n" >"$QEMU/pc-bios/meson.build"
	echo packed >"$QEMU/pc-bios/edk2-b-vars.fd.bz2"
	touch "$QEMU/pythondeps.toml" "$QEMU/hw/misc/Kconfig" "$QEMU/configs/devices/a-softmmu/default.mak"
	printf 'CONFIG_%s=y\n' BOARD ATS_TESTDEV >"$REPO/bench/qemu/devices/a-softmmu.mak"
	for test in qos-test device-introspect-test qom-test cxl-test; do a_test "$test" qom/virt-1 virt/generic-pcihost/x; done
	cat >"$QEMU/configure" <<-'EOC'
		#!/bin/sh
		src=$(dirname "$0")
		echo "configured $*" >>configured
		echo 'werror = true' >config-meson.cross
		printf '! grep "syntax error" $1 >/dev/null || { echo "$1:1:1: error: no"; exit 1; }\ncp $1 $2; chmod +x $2\n' >cc
		printf 'rule cc\n command = sh cc $in $out\n' >build.ninja
		for file in hw/misc/dev.c $(cd "$src" && ls tests/qtest/*-test.c); do
			echo "build ${file%.c}: cc $src/$file" | sed 's,build hw/misc/dev:,build qemu-system-aarch64:,' >>build.ninja
		done
	EOC
	chmod +x "$QEMU/configure"
}
# A test, and its cases; case ten ends it.
a_test() { # NAME CASE...
	cat >"$QEMU/tests/qtest/$1.c" <<-EOC
		#!/bin/sh
		[ "\$1" != -l ] || { printf '/aarch64/%s\n' ${*:2}; exit; }
		for case in ${*:2}; do
			case " \$* " in *" -p /aarch64/\$case "*) ;; *) continue ;; esac
			[ "\$case" != ten ] || { echo "Bail out! ERROR:ten: not ten"; exit 134; }
			echo "ok 1 /aarch64/\$case"
		done
	EOC
}
build() { run_it "$REPO/kit/qemu.sh"; }

@test "qemu: fetch takes a tree of that version, with stand-ins for what Debian left out, and refuses others" {
	fetch
	[ "$(wc -c <"$TREE/pc-bios/edk2-a-code.fd.bz2")" = 0 ]
	[ "$(cat "$TREE/pc-bios/edk2-b-vars.fd.bz2")" = packed ]
	[ -z "$(git -C "$TREE" status --porcelain)" ]
	rm -rf "$REPO/build"
	echo 8.7.1 >"$QEMU/VERSION"
	refused 'QEMU 8.7.1' fetch
	QEMU_BASE=7.7 refused 'no such base: QEMU_BASE=7.7 (known: 8.8)' fetch
	PROJECT=bsd refused 'no such project: PROJECT=bsd (known: linux qemu)' fetch
}

@test "qemu: fetch from the distribution: the newest source package that is a release of the base; from upstream by the pin only" {
	unset QEMU_TREE
	a=$BATS_TEST_TMPDIR/a.tar.xz
	archive "$QEMU" qemu-8.8.1 "$a"
	offline
	stub curl "cp '$a' \"\$3\""
	one_line fetch
	grep -q 'wrong sum' "$REPO/build/qemu-8.8/log/fetch.log.upstream"
	stub curl 'exit 6'
	mirror '*source*--tar-only*qemu=1:8.8.10+ds-1~bpo1' "$a" qemu_8.8.10+ds.orig.tar.xz \
		1:8.8.1+ds-1 1:8.8.10+ds-1~bpo1 1:8.8.2+ds-1 1:9.0.0+ds-1 1:8.10.0-1
	run_it fetch
	has "QEMU 8.8.1 from source package qemu 1:8.8.10\+ds-1~bpo1, "
	rm -rf "$REPO/build/qemu-8.8"
	offline
	fetch
}

@test "qemu: a meson that is too old is replaced in build/tools, by the oldest that is not; without a network that is told" {
	printf '%s = { accepted = ">=%s", installed = "1.9.0" }\n' meson 1.5.0 pycotap 1.1.0 >"$QEMU/pythondeps.toml"
	stub python3 'cat "$PYTHONPATH/versions" 2>/dev/null || echo "1.0.1 1.3.1"'
	sed -i "s,/usr/bin/python3,$BIN/python3," "$REPO/kit/meson.sh"
	offline
	refused 'QEMU needs meson 1.5.0 and pycotap 1.1.0 or later' fetch
	deb=$BATS_TEST_TMPDIR/deb
	mkdir -p "$deb/usr/lib/python3/dist-packages"
	echo '1.7.0 1.3.1' >"$deb/usr/lib/python3/dist-packages/versions"
	package meson "$deb" "$deb.deb"
	mirror "'download meson=1.7.0-1~bpo12+1 python3-pycotap=1.7.0-1~bpo12+1'" "$deb.deb" meson.deb 1.12.1-2 1.0.1-5 1.7.0-1 1.7.0-1~bpo12+1
	run_it fetch
	has '^meson: meson=1.7.0-1~bpo12\+1 python3-pycotap=.*, for QEMU only'
	offline
	[ -z "$(fetch)" ]
}

@test "qemu: built, and again only what has changed; configured again for another configure; a build that fails is one line" {
	build
	[ "$rc" = 0 ]
	has "^qemu: QEMU 8.8.1 in $O, "
	grep -q 'target-list=aarch64-softmmu' "$O/configured"
	# This one has no such device, and the list is not the queue's.
	[ "$(cat "$TREE/configs/devices/a-softmmu/bench.mak")" = CONFIG_BOARD=y ]
	[ -z "$(git -C "$TREE" status --porcelain)" ]
	not grep -q werror "$O/config-meson.cross"
	[ "$(ls "$O/qemu-bundle/usr/local/share/qemu")" = efi-x.rom ]
	before=$(date -r "$O/qemu-system-aarch64" +%s.%N)
	build
	[ "$(date -r "$O/qemu-system-aarch64" +%s.%N)" = "$before" ]
	[ "$(wc -l <"$O/configured")" = 1 ]
	echo 'syntax error' >>"$TREE/hw/misc/dev.c" # not committed
	build
	[ "$rc,$(wc -l <"$BATS_TEST_TMPDIR/err")" = 1,1 ]
	says 'building QEMU failed: '
	says 'dev.c:1:1: error: no'
	sed -i '2i echo "ERROR: no glib"; exit 1' "$TREE/configure"
	build
	[ "$rc" = 1 ]
	says 'configuring QEMU failed: ERROR: no glib'
}

@test "qtest: every case is counted, QEMU's own too; what ends a test does not hide what is behind it; FILTER" {
	a_test qom-test virt/1 # names no /qom/virt-*
	judge prepare
	QEMU=$TREE a_test dev-test first ten last
	git -C "$TREE" add tests
	commit 'tests/qtest: test it'
	build
	result=$REPO/build/results/qtest.json
	judge qtest "$result"
	run_it judge show "$result"
	[ "$rc" = 3 ]
	has 'dev-test./ten: ERROR:ten: not ten'
	has 'qom-test.: lists no case /qom/virt-\*'
	has ': 7 passed, 2 failed, 0 skipped'
	FILTER='dev-test./l*' judge qtest "$result"
	run_it judge show "$result"
	has ': 1 passed, 0 failed, 0 skipped'
	FILTER=nothing refused 'no case is called nothing' judge qtest "$result"
}
