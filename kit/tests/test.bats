# SPDX-License-Identifier: GPL-2.0
# make test: what is counted, over which bases. Each stage is a stand-in that leaves what is in $SAYS, or one case.
load setup

stand_in() { # SCRIPT RESULT
	mkdir -p "$(dirname "$REPO/$1")"
	cat >"$REPO/$1" <<-EOC
		#!/bin/sh
		. "$REPO/kit/lib.sh"
		file=\$BUILD_DIR/results/$2
		mkdir -p "\$(dirname "\$file")"
		printf '%b' "\${SAYS:-ok 1 - case\\n}" >"\$file"
		! grep -q '^not ok' "\$file"
	EOC
	chmod +x "$REPO/$1"
}

# The default base, with a list for the bench and none for KUnit, and an older one.
setup_stages() {
	export SAN_BEFORE=0 # where one wants it, it says so
	unset BASE
	bin=$BATS_TEST_TMPDIR/bin
	mkdir -p "$bin" "$REPO/series/7.2"
	touch "$REPO/series/7.2/scenarios"
	cp "$QUEUE/base" "$REPO/series/7.2"
	echo BASE_FIRMWARE=acpi >>"$REPO/series/7.2/base"
	printf '#!/bin/sh\necho "ok 1 of the front door"\n' >"$bin/bats"
	chmod +x "$bin"/*
	PATH=$bin:$PATH
	for script in lint x86 htmldocs; do stand_in series/$script.sh "\$BASE/$script.tap"; done
	for script in off walk; do stand_in bench/$script.sh "\$BASE/$script.tap"; done
	stand_in kit/bench.sh "\$BASE/bench\${SAN:+-san}.tap"
	stand_in kit/deb.sh "\$BASE/deb-tree.tap"
	stand_in kit/qtest.sh qemu-10.2/qtest.tap
	stand_in kit/mutants.sh qemu-10.2/mutants.tap
	for script in kit/deps kit/prepare kit/fetch kit/libcap kit/qemu; do
		printf '#!/bin/sh\n' >"$REPO/$script.sh"
		chmod +x "$REPO/$script.sh"
	done
}
last() { tail -n 1 "$BATS_TEST_TMPDIR/out"; }
run_test() { "$REPO/kit/test.sh" >"$BATS_TEST_TMPDIR/out" 2>&1; }

@test "test: one base: its stages; a list that it does not have is named, and counted as skipped" {
	setup_stages
	BASE=7.2 run_test
	[ "$(last)" = '8 passed, 0 failed, 8 skipped' ]
	grep -q 'KUnit, UML: skipped: series/7.2 has no situations' "$BATS_TEST_TMPDIR/out"
}

@test "test: all bases, and what belongs to none" {
	setup_stages
	run_test
	grep -q '^=== Linux 9.9$' "$BATS_TEST_TMPDIR/out"
	grep -q '^=== the bench, with sanitizers: skipped: there is no time for it among all bases; make test BASE=7.2 runs it$' "$BATS_TEST_TMPDIR/out"
	for what in 'KUnit, UML' 'the bench, without ats=on' 'the machine that UEFI boots and ACPI describes' 'a Debian package, booted'; do
		grep -q "^=== $what: skipped: there is no time for it among all bases; make test BASE=7.2 runs it$" "$BATS_TEST_TMPDIR/out"
	done
	[ "$(last)" = "$((1 + 2 + 5 + 1)) passed, 0 failed, $((12 + 16)) skipped" ]
	grep -q '^=== the machines whose SMMU, root complex or command line forbids ATS, and those that start another kernel: skipped: as on 7.2; make test BASE=9.9 runs it$' "$BATS_TEST_TMPDIR/out"
	front_door=$(grep -n '^=== the front door: [0-9]* s$' "$BATS_TEST_TMPDIR/out" | cut -d : -f 1)
	[ "$front_door" -gt "$(grep -n '^=== mutants of QEMU: ' "$BATS_TEST_TMPDIR/out" | cut -d : -f 1)" ]
	[ "$front_door" -lt "$(grep -n '^=== Linux 7.2$' "$BATS_TEST_TMPDIR/out" | cut -d : -f 1)" ]
}

@test "test: over all bases, what takes an x86 kernel or one with sanitizers where there is time for it; of one base always" {
	setup_stages
	touch "$REPO/series/7.2/scenarios-x86"
	stand_in kit/bench-x86.sh "\$BASE/bench-x86.tap"
	cat >"$REPO/kit/mutants.sh" <<-EOC
		#!/bin/sh
		. "$REPO/kit/lib.sh"
		echo "without \${NO_TIME_FOR:-nothing}"
		mkdir -p "\$RESULTS"
		echo 'ok 1 - a' >"\$RESULTS/mutants.tap"
	EOC
	mkdir "$REPO/series/7.2/mutants"
	SAN_BEFORE=300 run_test
	grep -q '^=== the bench with VT-d, unpatched against patched: [0-9]* s' "$BATS_TEST_TMPDIR/out"
	grep -q '^=== the bench, with sanitizers: [0-9]* s' "$BATS_TEST_TMPDIR/out"
	grep -q '^=== the bench, with sanitizers: skipped: as on 7.2; make test BASE=9.9 runs it$' "$BATS_TEST_TMPDIR/out"
	grep -q '^without nothing$' "$BATS_TEST_TMPDIR/out"
	X86_BEFORE=0 run_test
	grep -q '^=== the bench with VT-d, unpatched against patched: skipped: there is no time for it among all bases; make test BASE=7.2 runs it$' "$BATS_TEST_TMPDIR/out"
	grep -q '^=== the bench, with sanitizers: skipped: there is no time for it among all bases; make test BASE=7.2 runs it$' "$BATS_TEST_TMPDIR/out"
	grep -q '^=== the bench, with sanitizers: skipped: there is no time for it among all bases; make test BASE=9.9 runs it$' "$BATS_TEST_TMPDIR/out"
	grep -q '^without  *vtd san$' "$BATS_TEST_TMPDIR/out"
	X86_BEFORE=0 BASE=7.2 run_test
	grep -q '^=== the bench with VT-d, unpatched against patched: [0-9]* s' "$BATS_TEST_TMPDIR/out"
	grep -q '^=== the bench, with sanitizers: [0-9]* s' "$BATS_TEST_TMPDIR/out"
}

@test "test: a base whose source cannot be had is skipped by name; the default one is not" {
	setup_stages
	cat >"$REPO/kit/fetch.sh" <<-'EOC'
		#!/bin/sh
		[ "$BASE" != "$GONE" ] || { echo "fetch: no source for Linux $BASE: mend the network" >&2; exit 2; }
	EOC
	printf '#!/bin/sh\nexec %s\n' "$REPO/kit/fetch.sh" >"$REPO/kit/prepare.sh"
	GONE=9.9 run_test
	grep -q '^=== Linux 9.9: skipped: its source cannot be had$' "$BATS_TEST_TMPDIR/out"
	last | grep -q ' 0 failed, 13 skipped$'
	not env GONE=7.2 "$REPO/kit/test.sh" >"$BATS_TEST_TMPDIR/out" 2>&1
	last | grep -q ' 1 failed, 16 skipped$'
}

@test "test: a failed case, a stage that dies, and one where nothing ran" {
	setup_stages
	not env BASE=7.2 SAYS='ok 1 - a\nnot ok 2 - b\n' "$REPO/kit/test.sh" >"$BATS_TEST_TMPDIR/out" 2>&1
	[ "$(last)" = '8 passed, 8 failed, 8 skipped' ]
	[ "$(grep -c '^    .*: b$' "$BATS_TEST_TMPDIR/out")" = 8 ]
	printf '#!/bin/sh\nexit 3\n' >"$REPO/kit/bench.sh"
	not env BASE=7.2 "$REPO/kit/test.sh" >"$BATS_TEST_TMPDIR/out" 2>&1
	[ "$(last)" = '6 passed, 2 failed, 8 skipped' ]
	grep -q '^    the bench, unpatched against patched: exit code 3$' "$BATS_TEST_TMPDIR/out"
	printf '#!/bin/sh\nexit 0\n' >"$REPO/kit/bench.sh"
	not env BASE=7.2 "$REPO/kit/test.sh" >"$BATS_TEST_TMPDIR/out" 2>&1
	[ "$(last)" = '6 passed, 2 failed, 8 skipped' ]
	not "$REPO/kit/test.sh" >"$BATS_TEST_TMPDIR/out" 2>&1
	last | grep -q ' 1 failed, '
	grep -q '^    Linux 7.2: the bench, unpatched against patched: exit code 3$' "$BATS_TEST_TMPDIR/out"
}

@test "test: a case of the front door that fails, and a front door that is killed" {
	setup_stages
	for how in 'echo "not ok 1 x"' 'kill -KILL $PPID'; do
		printf '#!/bin/sh\n%s\nexit 1\n' "$how" >"$bin/bats"
		not "$REPO/kit/test.sh" >"$BATS_TEST_TMPDIR/out" 2>&1
		last | grep -q ' 1 failed, '
		grep '^    the front door: ' "$BATS_TEST_TMPDIR/out" >>"$BATS_TEST_TMPDIR/told"
	done
	[ "$(cat "$BATS_TEST_TMPDIR/told")" = "$(printf '    the front door: %s\n' 'bats: x' 'exit code 3')" ]
}

@test "test: the other bases: a failed case is told with its base, and one that is killed is a failure" {
	setup_stages
	mv "$REPO/kit/lint.sh" "$REPO/kit/stand-in.sh"
	for how in "export SAYS='not ok 1 - x'" 'kill -KILL $PPID'; do
		printf '#!/bin/sh\n[ "$BASE" != 9.9 ] || %s\nexec %s\n' "$how" "$REPO/kit/stand-in.sh" >"$REPO/kit/lint.sh"
		chmod +x "$REPO/kit/lint.sh"
		not "$REPO/kit/test.sh" >"$BATS_TEST_TMPDIR/out" 2>&1
		last | grep -q ' 1 failed, '
		grep "^    Linux 9.9: " "$BATS_TEST_TMPDIR/out" >>"$BATS_TEST_TMPDIR/told"
	done
	sed -n 1p "$BATS_TEST_TMPDIR/told" | grep -q "Linux 9.9: the kernel's own checks: .*: x$"
	[ "$(sed -n '2,$p' "$BATS_TEST_TMPDIR/told")" = '    Linux 9.9: exit code 3' ]
}

@test "test: the other bases: what has not been begun when the default one has ended does not wait" {
	setup_stages
	mkdir "$REPO/series/9.8"
	sed 's/9\.9/9.8/g' "$REPO/series/9.9/base" >"$REPO/series/9.8/base"
	touch "$REPO/series/9.8/series"
	mv "$REPO/kit/lint.sh" "$REPO/kit/stand-in.sh"
	cat >"$REPO/kit/lint.sh" <<-EOC
		#!/bin/sh
		case \$BASE in
		9.8) for i in \$(seq 100); do [ ! -e "$REPO/other" ] || exec "$REPO/kit/stand-in.sh"; sleep 0.2; done; exit 1 ;;
		9.9) touch "$REPO/other" ;;
		esac
		exec "$REPO/kit/stand-in.sh"
	EOC
	chmod +x "$REPO/kit/lint.sh"
	run_test
	last | grep -q ' 0 failed, '
	for base in 9.8 9.9; do
		[ "$(grep -c "^=== Linux $base$" "$BATS_TEST_TMPDIR/out")" = 1 ]
		[ "$(cat "$REPO/build/results/$base/verdict")" = '1 0 16' ]
	done
}
