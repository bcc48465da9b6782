# SPDX-License-Identifier: GPL-2.0
# The queue on QEMU, by the same scripts: a QEMU of a few files, called 8.8. Its "compiler" copies scripts, and its tests
# look at what the QEMU that was built says.
load setup

kernel_setup() { :; }
eval "kernel_$(declare -f setup)"
setup() {
	kernel_setup
	QEMU=$BATS_TEST_TMPDIR/qemu BIN=$BATS_TEST_TMPDIR/bin
	TREE=$REPO/build/qemu-8.8/qemu QUEUE=$REPO/bench/qemu/8.8 RESULTS=$REPO/build/results/qemu-8.8
	export PROJECT=qemu QEMU_BASE=8.8 QEMU_TREE=$QEMU
	mkdir -p "$BIN" "$QUEUE" "$QEMU/hw/misc" "$QEMU/tests/qtest" "$QEMU/pc-bios" "$QEMU/configs/devices/a-softmmu" "$REPO/bench/qemu/devices"
	PATH=$BIN:$PATH
	cat >"$QUEUE/base" <<-EOC
		BASE_VERSION=8.8.1 BASE_PACKAGE=src:qemu BASE_ARCHIVE='qemu_8.8.*.orig.tar.xz' BASE_SHA256=none
		BASE_UPSTREAM=https://localhost:1/qemu-8.8.1.tar.xz BASE_UPSTREAM_SHA256=none
		BASE_DATE='2020-01-01T00:00:00Z' BASE_DISK_MB=1 BASE_STEPS=6
	EOC
	echo 8.8.1 >"$QEMU/VERSION"
	seq -f 'line %g' 60 >"$QEMU/hw/misc/dev.c"
	printf "fds = [\n    'edk2-a-code.fd',\n    'edk2-b-vars.fd',\n]\nblobs = [\n  'efi-x.rom',\n  'bios.bin',\n]\n" >"$QEMU/pc-bios/meson.build"
	echo packed >"$QEMU/pc-bios/edk2-b-vars.fd.bz2"
	touch "$QEMU/pythondeps.toml" "$QEMU/hw/misc/Kconfig" "$QEMU/configs/devices/a-softmmu/default.mak"
	printf 'CONFIG_%s=y\n' BOARD ATS_TESTDEV >"$REPO/bench/qemu/devices/a-softmmu.mak"
	# A test: its cases are in its first line, a case fails where QEMU lacks a line of that name.
	for test in qos-test device-introspect-test qom-test cxl-test; do a_test "$test" qom/virt-1 virt/generic-pcihost/x; done
	cat >"$QEMU/configure" <<-'EOC'
		#!/bin/sh
		src=$(dirname "$0")
		echo "configured $*" >>configured
		echo 'werror = true' >config-meson.cross
		printf '! grep "syntax error" $1 >/dev/null || { echo "$1:1:1: error: no"; exit 1; }\ncp $1 $2; chmod +x $2\n' >cc
		printf 'rule cc\n command = sh cc $in $out\n' >build.ninja
		echo "build qemu-system-aarch64: cc $src/hw/misc/dev.c" >>build.ninja
		for test in "$src"/tests/qtest/*-test.c; do
			echo "build tests/qtest/$(basename "$test" .c): cc $test" >>build.ninja
		done
	EOC
	chmod +x "$QEMU/configure"
}

a_test() { # NAME CASE...
	name=$1
	shift
	cat >"$QEMU/tests/qtest/$name.c" <<-EOC
		#!/bin/sh
		all='$*' n=0
	EOC
	cat >>"$QEMU/tests/qtest/$name.c" <<-'EOC'
		qemu() { grep -qx "$1" "$QTEST_QEMU_BINARY"; }
		echo '# starting QEMU'
		[ "$1" != -l ] || { printf '/aarch64/%s\n' $all; exit; }
		[ ! -f "$TMPDIR/socket" ] || echo '# a socket is left'
		touch "$TMPDIR/socket"
		for case in $all; do
			case " $* " in *" -p /aarch64/$case "*) ;; *) continue ;; esac
			n=$((n + 1))
			case $case in
			ten) qemu 'line ten' || { echo "**"; echo 'Bail out! ERROR:ten: not ten'; exit 134; } ;;
			twenty) qemu 'line 20' || { echo "not ok $n /aarch64/$case"; echo 'Bail out!'; exit 134; } ;;
			thirty) qemu 'line 30' || { echo 'kill_qemu() detected QEMU death from signal 6' >&2; exit 134; } ;;
			forty) qemu 'line 40' || exec sleep 20 ;;
			skipped) echo "ok $n /aarch64/$case # SKIP no KVM"; continue ;;
			esac
			echo "ok $n /aarch64/$case"
		done
		echo "1..$n"
	EOC
}
# A queue of two: ten is spelled out, and a test for it.
queue_of_two() {
	"$REPO/kit/prepare.sh"
	change 's/line 10/line ten/' 'hw/misc: spell out ten'
	QEMU=$TREE a_test dev-test sub/first ten twenty thirty forty skipped last
	git -C "$TREE" add tests
	commit 'tests/qtest: test it'
	"$REPO/kit/refresh.sh"
}
change() { sed -i "$1" "$TREE/hw/misc/dev.c"; commit "$2"; }
run_it() { rc=0; "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || rc=$?; cat "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/err"; }
build() { run_it "$REPO/kit/qemu.sh"; }
qtest() { run_it "$REPO/kit/qtest.sh" "$@"; }
has() { grep -qE -- "$1" "$BATS_TEST_TMPDIR/out"; }
stub() { printf '#!/bin/sh\n%s\n' "$2" >"$BIN/$1"; chmod +x "$BIN/$1"; }
archive() { tar -c -C "$QEMU" --transform 's,^\.,qemu-8.8.1,' . | xz -0 >"$1"; }
offline() { stub apt-get 'exit 100'; stub curl 'exit 6'; }

# ---- fetch

@test "qemu: fetch takes a tree of that version; what meson asks for and Debian left out is stood in for" {
	run_it "$REPO/kit/fetch.sh"
	has '^fetch: QEMU 8.8.1 from'
	[ "$(git -C "$TREE" log --format=%s)" = 'QEMU 8.8.1' ]
	[ -e "$TREE/pc-bios/edk2-a-code.fd.bz2" ] && [ ! -s "$TREE/pc-bios/edk2-a-code.fd.bz2" ]
	[ "$(cat "$TREE/pc-bios/edk2-b-vars.fd.bz2")" = packed ]
	[ -z "$(git -C "$TREE" status --porcelain)" ]
	[ -z "$("$REPO/kit/fetch.sh")" ]
}

@test "qemu: fetch refuses another version, another tree, a file that is not there" {
	echo 8.7.1 >"$QEMU/VERSION"
	one_line "$REPO/kit/fetch.sh"
	says 'holds QEMU 8.7.1, wanted is 8.8'
	rm "$QEMU/VERSION"
	one_line "$REPO/kit/fetch.sh"
	says 'not a QEMU tree'
	unset QEMU_TREE
	QEMU_TARBALL=/nowhere one_line "$REPO/kit/fetch.sh"
	says 'QEMU_TARBALL=/nowhere: no such file'
	QEMU_BASE=7.7 one_line "$REPO/kit/fetch.sh"
	says 'no such base: QEMU_BASE=7.7 (known: 8.8)'
	offline
	one_line "$REPO/kit/fetch.sh"
	says 'no source for QEMU 8.8'
	says 'QEMU_TARBALL='
	[ ! -e "$TREE" ]
}

@test "qemu: fetch from the distribution: the newest source package that is a release of the base" {
	[ -f /usr/share/keyrings/debian-archive-keyring.gpg ] || skip 'not on Debian'
	unset QEMU_TREE
	archive "$BATS_TEST_TMPDIR/8.8.2.tar.xz"
	stub curl 'exit 6'
	stub apt-cache 'printf "qemu | %s | mirror Sources\n" 1:8.8.1+ds-1 1:8.8.10+ds-1~bpo1 1:8.8.2+ds-1 1:9.0.0+ds-1 1:8.10.0-1'
	stub apt-get 'case $* in
		indextargets*) echo "Debian|http://mirror/debian" ;;
		*source*--tar-only*qemu=1:8.8.10+ds-1~bpo1) cp "'"$BATS_TEST_TMPDIR"'/8.8.2.tar.xz" qemu_8.8.10+ds.orig.tar.xz ;;
		*update) grep -q "^deb-src .*http://mirror/debian sid main" "'"$REPO"'/build/apt/sources.list" ;;
		*) exit 100 ;; esac'
	run_it "$REPO/kit/fetch.sh"
	[ "$rc" = 0 ]
	has "QEMU 8.8.1 from source package qemu 1:8.8.10\+ds-1~bpo1, .* verified by apt's chain of signatures"
	[ -f "$REPO/build/download/qemu_8.8.10+ds.orig.tar.xz" ]
	rm -rf "$REPO/build/qemu-8.8"
	offline
	run_it "$REPO/kit/fetch.sh"
	[ "$rc" = 0 ]
}

@test "qemu: fetch from upstream: by the pinned sum only" {
	unset QEMU_TREE
	archive "$BATS_TEST_TMPDIR/a.tar.xz"
	stub apt-get 'exit 100'
	stub curl 'cp "'"$BATS_TEST_TMPDIR"'/a.tar.xz" "$3"'
	one_line "$REPO/kit/fetch.sh"
	grep -q 'wrong sum' "$REPO/build/qemu-8.8/log/fetch.log.upstream"
	sed -i "s/BASE_UPSTREAM_SHA256=none/BASE_UPSTREAM_SHA256=$(sha256sum "$BATS_TEST_TMPDIR/a.tar.xz" | cut -d ' ' -f 1)/" "$QUEUE/base"
	run_it "$REPO/kit/fetch.sh"
	has 'verified by the pin in bench/qemu/8.8/base'
}

# ---- meson

old_meson() { # pretend that the system has this one
	echo 'meson = { accepted = ">=1.5.0", installed = "1.9.0" }' >"$QEMU/pythondeps.toml"
	echo 'pycotap = { accepted = ">=1.1.0", installed = "1.3.1" }' >>"$QEMU/pythondeps.toml"
	stub python3 'cat "$PYTHONPATH/versions" 2>/dev/null || echo "'"$1"'"'
	sed -i "s,^PYTHON=.*,PYTHON=$BIN/python3," "$REPO/kit/meson.sh"
}

@test "qemu: a meson that is too old is replaced in build/tools, by the oldest that is not" {
	[ -f /usr/share/keyrings/debian-archive-keyring.gpg ] || skip 'not on Debian'
	old_meson '1.0.1 1.3.1'
	deb=$BATS_TEST_TMPDIR/deb
	mkdir -p "$deb/DEBIAN" "$deb/usr/lib/python3/dist-packages"
	printf 'Package: meson\nVersion: 1.7.0\nArchitecture: all\nMaintainer: A <a@example.com>\nDescription: x\n' >"$deb/DEBIAN/control"
	echo '1.7.0 1.3.1' >"$deb/usr/lib/python3/dist-packages/versions"
	dpkg-deb -b "$deb" "$BATS_TEST_TMPDIR/meson.deb" >/dev/null
	stub apt-cache 'case $* in *meson) v="1.12.1-2 1.0.1-5 1.7.0-1 1.7.0-1~bpo12+1" ;; *) v=1.3.1-2 ;; esac; printf "p | %s | mirror Packages\n" $v'
	stub apt-get 'case $* in
		indextargets*) echo "Debian|http://mirror/debian" ;;
		*"download meson=1.7.0-1~bpo12+1 python3-pycotap=1.3.1-2") cp "'"$BATS_TEST_TMPDIR"'/meson.deb" . ;;
		*update) ;;
		*) exit 100 ;; esac'
	run_it "$REPO/kit/fetch.sh"
	[ "$rc" = 0 ]
	has '^meson: meson=1.7.0-1~bpo12\+1 python3-pycotap=1.3.1-2, for QEMU only'
	offline
	run_it "$REPO/kit/fetch.sh"
	[ "$rc" = 0 ]
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
}

@test "qemu: a meson that is too old and no network; one that is new enough, or comes with the source" {
	offline
	old_meson '1.0.1 1.3.1'
	one_line "$REPO/kit/fetch.sh"
	says 'QEMU needs meson 1.5.0 and pycotap 1.1.0 or later'
	old_meson '1.10.0 1.1.0'
	"$REPO/kit/fetch.sh"
	old_meson '1.0.1 1.3.1'
	mkdir -p "$TREE/python/wheels"
	touch "$TREE/python/wheels/meson-1.9.0-py3-none-any.whl"
	"$REPO/kit/fetch.sh"
}

# ---- the queue

@test "qemu: what is committed becomes the queue, new files lie in bench/qemu; the kernel's queue is not touched" {
	queue_of_two
	grep -qx "$(printf '\t+ tests/qtest/dev-test.c')" "$QUEUE/series"
	cmp "$TREE/tests/qtest/dev-test.c" "$REPO/bench/qemu/tests/qtest/dev-test.c"
	before=$(ids)
	rm -rf "$REPO/build"
	"$REPO/kit/prepare.sh"
	[ "$(ids)" = "$before" ]
	PROJECT=linux "$REPO/kit/prepare.sh"
	[ "$(git -C "$REPO/build/9.9/linux" rev-list --count base..series)" = 0 ]
	git -C "$TREE" reset -q --hard series^
	"$REPO/kit/refresh.sh"
	[ ! -e "$REPO/bench/qemu/tests/qtest/dev-test.c" ]
}

@test "qemu: a file that no queue names, a name without a file" {
	queue_of_two
	mkdir -p "$REPO/bench/qemu/hw/misc"
	touch "$REPO/bench/qemu/hw/misc/orphan.c"
	one_line "$REPO/kit/prepare.sh"
	says 'hw/misc/orphan.c is named by no queue'
	rm "$REPO/bench/qemu/hw/misc/orphan.c" "$REPO/bench/qemu/tests/qtest/dev-test.c"
	one_line "$REPO/kit/prepare.sh"
	says 'bench/qemu/8.8/series names tests/qtest/dev-test.c, which is not there'
}

@test "qemu: an unknown project, a script that is the kernel's" {
	PROJECT=bsd one_line "$REPO/kit/prepare.sh"
	says 'no such project: PROJECT=bsd (known: linux qemu)'
	one_line "$REPO/kit/kunit.sh" um
	says 'PROJECT=qemu is for'
}

@test "qemu: clean removes the build, distclean keeps work that is only in the tree" {
	unset PROJECT
	PROJECT=qemu queue_of_two
	build
	"$REPO/kit/clean.sh" objects
	[ ! -e "$REPO/build/qemu-8.8/build" ] && [ -d "$TREE" ]
	change 's/line 50/line fifty/' 'hw/misc: fifty'
	one_line "$REPO/kit/clean.sh" all
	says "$TREE holds work that is not in the queue"
	FORCE=1 "$REPO/kit/clean.sh" all
	[ ! -e "$REPO/build" ]
}

# ---- building

@test "qemu: built, and again only what has changed; configured again only for another configure" {
	queue_of_two
	O=$REPO/build/qemu-8.8/build
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
	sed -i 's/line 50/line fifty/' "$TREE/hw/misc/dev.c" # not committed
	build
	grep -q 'line fifty' "$O/qemu-system-aarch64"
	echo '# more' >>"$TREE/configure"
	touch "$O/old"
	build
	[ ! -e "$O/old" ]
}

@test "qemu: a build that fails is one line with the first error" {
	queue_of_two
	echo 'syntax error' >>"$TREE/hw/misc/dev.c"
	build
	[ "$rc" = 1 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/err")" = 1 ]
	says 'dev.c:1:1: error: no'
	says 'log/build.log'
	sed -i '$d' "$TREE/hw/misc/dev.c"
	sed -i '2i echo "ERROR: no glib"; exit 1' "$TREE/configure"
	build
	[ "$rc" = 1 ]
	says 'configuration failed: ERROR: no glib'
}

# ---- qtest

@test "qtest: every case counted, QEMU's own too" {
	queue_of_two
	qtest
	[ "$rc" = 0 ]
	has '^ok [0-9]+ - dev-test./sub/first$'
	has '^ok [0-9]+ - dev-test./skipped # SKIP no KVM$'
	has '^ok [0-9]+ - qos-test./virt/generic-pcihost/x$'
	not has 'qos-test./qom'
	has "^qtest: 12 passed, 0 failed, 1 skipped, .*; results in $RESULTS/qtest.tap"
	[ "$(tail -n 1 "$RESULTS/qtest.tap")" = 1..13 ]
}

@test "qtest: failed cases do not hide those behind them" {
	queue_of_two
	sed -i 's/line ten/line 10/; s/line 20/line twenty/' "$TREE/hw/misc/dev.c"
	qtest
	[ "$rc" = 1 ]
	has '^not ok [0-9]+ - dev-test./ten: ERROR:ten: not ten'
	has '^not ok [0-9]+ - dev-test./twenty:'
	has '^ok [0-9]+ - dev-test./last'
	has '10 passed, 2 failed, 1 skipped'
}

@test "qtest: a QEMU that dies or hangs is lost, not a pass" {
	queue_of_two
	sed -i 's/line 30/line thirty/' "$TREE/hw/misc/dev.c"
	qtest
	[ "$rc" = 3 ]
	has '^not ok [0-9]+ - dev-test./thirty: lost: .*QEMU death from signal 6'
	has '^ok [0-9]+ - dev-test./last'
	sed -i 's/line thirty/line 30/; s/line 40/line forty/' "$TREE/hw/misc/dev.c"
	TIMEOUT=1 qtest
	[ "$rc" = 3 ]
	has '^not ok [0-9]+ - dev-test./forty: lost: took too long'
	has '^not ok [0-9]+ - dev-test./last: lost'
}

@test "qtest: a test without any case is lost" {
	sed -i 's/all=.*qom.*/all="" n=0/' "$QEMU/tests/qtest/qos-test.c"
	queue_of_two
	qtest
	[ "$rc" = 3 ]
	has '^not ok [0-9]+ - qos-test.: lost: names no case /virt'
}

@test "qtest: FILTER, named cases, and those that there are not" {
	queue_of_two
	FILTER='dev-test./t*' qtest
	has '^1\.\.3$'
	has '3 passed, 0 failed'
	qtest dev-test./ten qos-test./qom/virt-1
	has '^ok 1 - dev-test./ten'
	has '2 passed, 0 failed'
	one_line "$REPO/kit/qtest.sh" dev-test./eleven
	says 'there is no case dev-test./eleven'
	one_line "$REPO/kit/qtest.sh" ../ten
	FILTER=nothing qtest
	[ "$rc" = 3 ]
	says 'nothing ran'
	[ ! -e "$RESULTS/qtest.tap" ]
}

# ---- mutants

mutant() { # NAME FROM TO EXPECT
	mkdir -p "$QUEUE/mutants"
	{
		printf 'Mutant: %s\nWhat: x\nWhy: x\nRun: qtest\nExpect: %s\n\n' "$1" "$4"
		sed "s/$2/$3/" "$TREE/hw/misc/dev.c" | diff -u --label a/hw/misc/dev.c --label b/hw/misc/dev.c "$TREE/hw/misc/dev.c" - || true
	} >"$QUEUE/mutants/$1.diff"
}

@test "qemu mutants: killed, survived, not applying, not building, lost, an expected case that does not exist" {
	queue_of_two
	mutant killed 'line \(ten\|20\)' 'line x' 'dev-test./ten dev-test./twenty'
	mutant survived 'line 50' 'line fifty' dev-test./ten
	mutant broken 'line 20' 'syntax error' dev-test./twenty
	mutant nocase 'line ten' 'line 10' dev-test./eleven
	mutant lost 'line 30' 'line thirty' dev-test./thirty
	mutant dies 'line 30' 'line thirty' dev-test./thirty
	sed -i 's/^Expect:/Dies: of it\n&/' "$QUEUE/mutants/dies.diff"
	mutant stale 'line ten' 'line 10' dev-test./ten
	sed -i 's/line 9$/line nine/' "$QUEUE/mutants/stale.diff"
	run_it "$REPO/kit/mutants.sh"
	[ "$rc" = 1 ]
	has '^ok .* killed: killed by dev-test./ten dev-test./twenty$'
	has '^not ok .* survived: survived: dev-test./ten passes'
	has '^not ok .* broken: does not build.*error: no'
	has '^not ok .* nocase: .*there is no case dev-test./eleven'
	has '^not ok .* lost: the machine was lost in dev-test./thirty'
	has '^ok .* dies: killed by dev-test./thirty$'
	has '^not ok .* stale: does not apply'
	has "2 killed, 5 survived, .* results in $RESULTS/mutants.tap"
	[ -z "$(git -C "$TREE" status --porcelain)" ]
	MUTANT=killed run_it "$REPO/kit/mutants.sh"
	[ "$rc" = 0 ]
}

@test "qemu mutants: what fails without a mutant tells nothing, Run: is qtest" {
	queue_of_two
	mutant killed 'line ten' 'line 10' dev-test./ten
	change 's/line 20/line twenty/' 'hw/misc: break it'
	"$REPO/kit/refresh.sh"
	run_it "$REPO/kit/mutants.sh"
	[ "$rc" = 1 ]
	has '^not ok 1 - qtest: fails without any mutant'
	sed -i 's/^Run: .*/Run: um/' "$QUEUE/mutants/killed.diff"
	one_line "$REPO/kit/mutants.sh"
	says 'bench/qemu/8.8/mutants/killed.diff: Run: is one of: qtest'
}
