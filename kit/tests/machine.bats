# SPDX-License-Identifier: GPL-2.0
# kunit, mutants and situations: the verdicts, with a stand-in for kunit.py. What it "runs" is kernel/log, if there is one, or
# else a suite of two cases, of which "ten" fails unless drivers/pci/ats.c spells out ten.
load setup

teardown() { :; }

fake_machine() {
	mkdir -p "$KERNEL/tools/testing/kunit"
	printf 'linux Image:\n\t@! grep -n "syntax error" drivers/pci/ats.c >/dev/null || { echo "ats.c:1: error: no"; false; }\n\t@mkdir -p $(O)/arch/arm64/boot; cp drivers/pci/ats.c $(O)/arch/arm64/boot/Image; touch $(O)/vmlinux\n' >>"$KERNEL/Makefile"
	cat >"$KERNEL/tools/testing/kunit/kunit.py" <<-'EOC'
		import json, os, sys
		def option(name): return next((a.split('=', 1)[1] for a in sys.argv if a.startswith(name + '=')), None)
		def log():
		    if os.path.exists('log'): return open('log').read()
		    ten = 'ok' if 'line ten' in open('drivers/pci/ats.c').read() else 'not ok'
		    return f'KTAP version 1\n1..1\n    1..2\n    {ten} 1 ten\n    ok 2 other\n{ten} 1 pci_ats\narm-smmu-v3 oas\n'
		old = os.path.exists('old')
		if '--help' in sys.argv: sys.exit(print('--json' if old else '--json --junit'))
		if old and option('--junit'): sys.exit('kunit.py: error: unrecognized arguments: --junit')
		if sys.argv[1] == 'exec':
		    text = log()
		    open(option('--build_dir') + '/test.log', 'w').write(text)
		    cases = [{'name': l.split()[-1], 'status': 'FAIL' if 'not ok' in l else 'PASS'} for l in text.split('\n') if l.startswith('    ') and 'ok ' in l]
		    suites = [{'name': 'pci_ats', 'test_cases': cases, 'sub_groups': []}] if cases else []
		    json.dump({'sub_groups': suites}, open(option('--json'), 'w'))
		if sys.argv[1] == 'parse': print(open(sys.argv[-1]).read())
	EOC
	queue_of_three
	mkdir -p "$QUEUE/mutants"
	cp "$BATS_TEST_DIRNAME"/../../kit/machines.sh "$REPO/kit"
	touch "$REPO/series/um.config" "$REPO/series/arm64.config" "$REPO/kit/config/bench.config"
}
log_is() { printf '%b' "$1" >"$TREE/log"; }
kunit() { rc=0; "$REPO/kit/kunit.sh" um "$@" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || rc=$?; cat "$BATS_TEST_TMPDIR/err"; }
mutant() { # NAME FROM TO EXPECT
	{
		printf 'Mutant: %s\nWhat: x\nWhy: x\nRun: um\nExpect: %s\n\n' "$1" "$4"
		sed "s/$2/$3/" "$TREE/drivers/pci/ats.c" | diff -u --label a/drivers/pci/ats.c --label b/drivers/pci/ats.c "$TREE/drivers/pci/ats.c" - || true
	} >"$QUEUE/mutants/$1.diff"
}
mutants() { rc=0; "$REPO/kit/mutants.sh" >"$BATS_TEST_TMPDIR/out" 2>&1 || rc=$?; cat "$BATS_TEST_TMPDIR/out"; }
has() { grep -qE -- "$1" "$BATS_TEST_TMPDIR/out"; }

@test "kunit: passed" {
	fake_machine
	kunit
	[ "$rc" = 0 ]
	has '2 passed, 0 failed, 0 skipped'
	[ -s "$REPO/build/results/9.9/kunit-um.ktap" ] || [ -s "$REPO/build/results/9.9/kunit-arm64-pci_ats.ktap" ]
}

@test "kunit: an older kunit.py, which writes no JUnit" {
	fake_machine
	touch "$TREE/old"
	kunit
	[ "$rc" = 0 ]
	has '2 passed, 0 failed, 0 skipped'
}

@test "kunit: a failed case" {
	fake_machine
	sed -i 's/line ten/line 10/' "$TREE/drivers/pci/ats.c"
	kunit
	[ "$rc" = 1 ]
	has '1 passed, 1 failed'
	has 'failed: pci_ats.ten'
}

@test "kunit: a lost machine is not a pass" {
	fake_machine
	log_is 'KTAP version 1\n1..2\n    1..1\n    ok 1 a\nok 1 pci_ats\nKernel panic\n'
	kunit
	[ "$rc" = 3 ]
	says lost
	log_is 'Booting\n'
	kunit
	[ "$rc" = 3 ]
	says lost
}

@test "kunit: nothing ran is not a pass" {
	fake_machine
	log_is 'KTAP version 1\n1..0\n'
	kunit
	[ "$rc" = 3 ]
	says 'nothing ran'
}

@test "kunit: what the kernel complains about fails the run, unpatched it does not" {
	fake_machine
	log_is 'KTAP version 1\n1..1\n    1..1\n# WARNING: in a diagnostic\nWARNING: drivers/pci/ats.c:1\n    ok 1 a\nok 1 pci_ats\n'
	kunit
	[ "$rc" = 1 ]
	says 'WARNING: drivers/pci/ats.c:1'
	kunit unpatched
	[ "$rc" = 0 ]
}

@test "kunit: a build that fails is one line with the first error" {
	fake_machine
	echo 'syntax error' >>"$TREE/drivers/pci/ats.c"
	kunit
	[ "$rc" = 1 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/err")" = 1 ]
	says 'ats.c:1: error: no'
}

@test "kunit: in a borrowed tree, of source with one object that object is built; of anything else all is looked through" {
	fake_machine
	uname -m | grep -qx x86_64 || skip 'the suite is an arm64 kernel here'
	O=$REPO/build/9.9/um
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	cat >"$BATS_TEST_TMPDIR/bin/make" <<-EOC
		#!/bin/sh
		for each; do case \$each in *.o | linux | build-dir=*) printf '%s ' "\$each" ;; esac; done >>"$BATS_TEST_TMPDIR/goals"
		case "\$* " in *'.o ') ;; *) exec /usr/bin/make "\$@" ;; esac
	EOC
	chmod +x "$BATS_TEST_TMPDIR/bin/make"
	export PATH=$BATS_TEST_TMPDIR/bin:$PATH BORROWER=$$
	sed -i "/^import/a if sys.argv[1] == 'config': open('$BATS_TEST_TMPDIR/goals', 'a').write('configured ')" "$TREE/tools/testing/kunit/kunit.py"
	mkdir -p "$O/drivers/pci"
	touch "$O/drivers/pci/ats.o" "$O/drivers/pci/quirks.o" "$O/.config"
	(cd "$O" && ar cDPrST vmlinux.a drivers/pci/ats.o)
	for object in ats quirks; do echo "source := /its/drivers/pci/$object.c" >"$O/drivers/pci/.$object.o.cmd"; done
	builds() { # GOALS, with the tree as it is
		: >"$BATS_TEST_TMPDIR/goals"
		kunit
		echo "built: $(cat "$BATS_TEST_TMPDIR/goals")"
		[ "$(sed 's/ $//' "$BATS_TEST_TMPDIR/goals")" = "$1" ]
	}
	builds 'configured linux'
	builds ''
	sed -i 's/line 20/line twenty/' "$TREE/drivers/pci/ats.c"
	builds 'drivers/pci/ats.o build-dir=usr linux'
	git -C "$TREE" checkout -q drivers/pci/ats.c
	builds 'drivers/pci/ats.o build-dir=usr linux'
	sed -i 's/line 20/syntax error/' "$TREE/drivers/pci/ats.c"
	builds 'drivers/pci/ats.o build-dir=usr linux'
	[ "$rc" = 1 ]
	git -C "$TREE" checkout -q drivers/pci/ats.c
	builds linux # what a build that failed has left nobody knows
	sed -i 's/quirk 20/quirk twenty/' "$TREE/drivers/pci/quirks.c"
	builds linux # its object is in no archive
	sed -i 's/line 20/line twenty/' "$TREE/drivers/pci/ats.c"
	echo "source := /its/drivers/pci/ats.c" >"$O/.asm-offsets.s.cmd"
	builds linux # it has two users
	rm "$O/.asm-offsets.s.cmd"
	sed -i 's/line 21/line twenty-one/' "$TREE/drivers/pci/ats.c"
	echo >>"$TREE/drivers/pci/Makefile"
	builds linux
	sed -i 's/line 22/line twenty-two/' "$TREE/drivers/pci/ats.c"
	git -C "$TREE" commit -qm other drivers/pci/Makefile
	builds 'configured linux'
	echo 'config X' >"$TREE/drivers/pci/Kconfig"
	git -C "$TREE" add -N drivers/pci/Kconfig
	builds 'configured linux'
	sed -i 's/line 23/line twenty-three/' "$TREE/drivers/pci/ats.c"
	builds 'drivers/pci/ats.o build-dir=usr linux'
	git -C "$TREE" rm -q --cached drivers/pci/Kconfig
	rm "$TREE/drivers/pci/Kconfig"
	builds 'configured linux'
}

@test "mutants: killed, survived, not applying, not building, an expected case that does not exist" {
	fake_machine
	mutant killed 'line ten' 'line 10' pci_ats.ten
	mutant survived 'line 20' 'line twenty' pci_ats.ten
	mutant broken 'line 20' 'syntax error' pci_ats.ten
	mutant nocase 'line ten' 'line 10' pci_ats.eleven
	mutant stale 'line ten' 'line 10' pci_ats.ten
	sed -i 's/line 9$/line nine/' "$QUEUE/mutants/stale.diff"
	mutants
	[ "$rc" = 1 ]
	has '^ok .* killed: killed by pci_ats.ten'
	has '^not ok .* survived: survived'
	has '^not ok .* broken: does not build.*error: no'
	has '^not ok .* nocase: pci_ats.eleven did not run'
	has '^not ok .* stale: does not apply'
	has '1 killed, 4 survived'
	[ -z "$(git -C "$TREE" status --porcelain)" ]
}

@test "mutants: in a run over all bases those of the default base are not run again, if nothing in them differs" {
	fake_machine
	mutant same 'line ten' 'line 10' pci_ats.ten
	mutant other 'line ten' 'line 11' pci_ats.ten
	mkdir -p "$REPO/series/7.2/mutants"
	cp "$QUEUE/mutants"/*.diff "$REPO/series/7.2/mutants"
	sed -i 's/^+line 11/+line 12/' "$REPO/series/7.2/mutants/other.diff"
	AMONG_ALL=1 mutants
	has '^ok 1 - 1 mutants are those of 7.2, line for line # SKIP'
	has '^ok .* other: killed'
	not has ' same: '
	sed -i 's/pci_ats.ten/pci_ats.ten arm64/' "$REPO/series/7.2/mutants/same.diff"
	AMONG_ALL=1 mutants
	has '^ok .* same: killed'
	not has SKIP
	mutants
	has '2 killed, 0 survived'
}

@test "mutants: those for which there is no time are counted as skipped" {
	fake_machine
	mutant ten 'line ten' 'line 10' pci_ats.ten
	AMONG_ALL=1 NO_TIME_FOR='vtd um' mutants
	[ "$rc" = 0 ]
	has '^ok 1 - 1 mutants of um # SKIP there is no time for them among all bases; make mutants BASE=9.9 runs them$'
	not has 'killed by'
	AMONG_ALL=1 NO_TIME_FOR=vtd mutants
	has '^ok 1 - ten: killed by'
}

@test "mutants: what has just passed without a mutant is not run so again" {
	fake_machine
	mutant ten 'line ten' 'line 10' pci_ats.ten
	mutants
	not has 'has passed already'
	has '^kunit: kunit-um-mutant: '
	PASSED='arm64 bench um' mutants
	has '^mutants: um has passed already$'
	not has '^kunit: kunit-um-mutant: '
	has '1 killed, 0 survived'
}

@test "mutants: what a killed run leaves is undone, edits made since are kept" {
	fake_machine
	mutant killed 'line ten' 'line 10' pci_ats.ten
	cp "$REPO/kit/kunit.sh" "$REPO/kunit.real"
	printf '#!/bin/sh\n[ -n "${FILTER:-}" ] || exit 0\nkill -9 "$PPID"\n' >"$REPO/kit/kunit.sh"
	mutants
	[ "$rc" != 0 ]
	not grep -q 'line ten' "$TREE/drivers/pci/ats.c"
	sed -i 's/line 50/line fifty/' "$TREE/drivers/pci/ats.c"
	"$REPO/kit/prepare.sh"
	grep -q 'line ten' "$TREE/drivers/pci/ats.c"
	grep -q 'line fifty' "$TREE/drivers/pci/ats.c"
}

@test "mutants: Bench: cases have to fail on the bench as well, and to pass there without a mutant" {
	fake_machine
	mkdir -p "$REPO/bench"
	# On this bench "ten" fails without line ten, and "lost" is lost then.
	cat >"$REPO/kit/bench.sh" <<-'EOC'
		#!/bin/sh
		tree=$(dirname "$0")/../build/9.9/linux n=0
		[ "$1" = tree ] && shift
		for case; do
			n=$((n + 1))
			case $case in
			*.broken) echo "not ok $n - $case: fail" ;;
			*) if grep -q 'line ten' "$tree/drivers/pci/ats.c" || [ "${case#*.}" = other ]; then echo "ok $n - $case"
			elif [ "${case#*.}" = lost ]; then echo "not ok $n - $case: lost"
			else echo "not ok $n - $case: fail"; fi ;;
			esac
		done >"$(dirname "$0")/../build/results/9.9/bench-tree.tap"
		echo "$*" >>"$(dirname "$0")/../benched"
	EOC
	chmod +x "$REPO/kit/bench.sh"
	mutant both 'line ten' 'line 10' pci_ats.ten
	mutant alive 'line ten' 'line 10' pci_ats.ten
	mutant lost 'line ten' 'line 10' pci_ats.ten
	sed -i 's/^Expect:/Bench: ats.ten noats.ten\n&/' "$QUEUE/mutants/both.diff"
	sed -i 's/^Expect:/Bench: ats.ten ats.other\n&/' "$QUEUE/mutants/alive.diff"
	sed -i 's/^Expect:/Bench: ats.lost\n&/' "$QUEUE/mutants/lost.diff"
	mutants
	[ "$rc" = 1 ]
	has '^ok .* both: killed by pci_ats.ten, and on the bench by ats.ten noats.ten$'
	has '^not ok .* alive: survived on the bench: ats.other passes'
	has '^not ok .* lost: the machine was lost in ats.lost'
	[ "$(head -n 1 "$REPO/benched")" = 'ats.lost ats.other ats.ten noats.ten' ]
	sed -i 's/^Bench:.*/Bench: ats.broken/' "$QUEUE/mutants/both.diff"
	mutants
	[ "$rc" = 1 ]
	has '^not ok .* um: the bench fails without any mutant'
	not has '^ok'
}

@test "mutants: of the selftests, of the bench alone, of VT-d, of the documentation and of lint" {
	fake_machine
	mkdir -p "$REPO/bench"
	# These suites need line ten, and the documentation line 50.
	cat >"$REPO/kit/selftest.sh" <<-'EOC'
		#!/bin/sh
		tree=$(dirname "$0")/../build/9.9/linux
		[ "$1" = tree ] && shift
		for case; do
			if grep -q 'line ten' "$tree/drivers/pci/ats.c"; then echo "ok 1 - $case"; else echo "not ok 1 - $case: fail"; fi
		done >"$(dirname "$0")/../build/results/9.9/selftest-tree.tap"
	EOC
	sed 's/selftest-tree/bench-x86-tree/' "$REPO/kit/selftest.sh" >"$REPO/kit/bench-x86.sh"
	cat >"$REPO/kit/htmldocs.sh" <<-'EOC'
		#!/bin/sh
		results=$(dirname "$0")/../build/results/9.9
		case=htmldocs.drivers/pci/ats.c
		if grep -q 'line 50' "$results/../../9.9/linux/drivers/pci/ats.c"; then echo "ok 1 - $case"; else echo "not ok 1 - $case: a warning"; fi \
			>"$results/htmldocs-$LABEL.tap"
	EOC
	# lint.sh is asked for the expected cases only.
	cat >"$REPO/kit/lint.sh" <<-'EOC'
		#!/bin/sh
		results=$(dirname "$0")/../build/results/9.9
		[ "$*" = 'tree lint.codespell.drivers/pci/ats.c' ] || exit 2
		if grep -q 'line 50' "$results/../../9.9/linux/drivers/pci/ats.c"; then echo "ok 1 - $2"; else echo "not ok 1 - $2: a finding"; fi \
			>"$results/lint-$LABEL.tap"
	EOC
	sed 's/selftest-tree/bench-tree/' "$REPO/kit/selftest.sh" >"$REPO/kit/bench.sh"
	chmod +x "$REPO/kit/selftest.sh" "$REPO/kit/bench-x86.sh" "$REPO/kit/bench.sh" "$REPO/kit/htmldocs.sh" "$REPO/kit/lint.sh"
	mutant suite 'line ten' 'line 10' iommufd.ten
	mutant seen 'line ten' 'line 10' ats.function.ten
	mutant unseen 'line 50' 'line fifty' ats.function.ten
	mutant page 'line 50' 'line fifty' htmldocs.drivers/pci/ats.c
	mutant alive 'line 50' 'line fifty' iommufd.ten
	mutant guest 'line ten' 'line 10' vtd.ten
	mutant idle 'line 50' 'line fifty' vtd.ten
	sed -i 's/^Run:.*/Run: selftest/' "$QUEUE/mutants/suite.diff" "$QUEUE/mutants/alive.diff"
	sed -i 's/^Run:.*/Run: bench/' "$QUEUE/mutants/seen.diff" "$QUEUE/mutants/unseen.diff"
	sed -i 's/^Run:.*/Run: htmldocs/' "$QUEUE/mutants/page.diff"
	mutant word 'line 50' 'line fifty' lint.codespell.drivers/pci/ats.c
	sed -i 's/^Run:.*/Run: lint/' "$QUEUE/mutants/word.diff"
	sed -i 's/^Run:.*/Run: vtd/' "$QUEUE/mutants/guest.diff" "$QUEUE/mutants/idle.diff"
	mutants
	[ "$rc" = 1 ]
	has '^ok .* suite: killed by iommufd.ten$'
	has '^ok .* guest: killed by vtd.ten$'
	has '^not ok .* idle: survived: vtd.ten passes$'
	has '^not ok .* alive: survived: iommufd.ten passes$'
	has '^ok .* seen: killed by ats.function.ten$'
	has '^not ok .* unseen: survived: ats.function.ten passes$'
	has '^ok .* page: killed by htmldocs.drivers/pci/ats.c$'
	has '^ok .* word: killed by lint.codespell.drivers/pci/ats.c$'
}

@test "mutants: refuses a tree with edits, and none at all" {
	fake_machine
	one_line "$REPO/kit/mutants.sh"
	says 'no *.diff'
	echo edit >>"$TREE/drivers/pci/ats.c"
	one_line "$REPO/kit/mutants.sh"
	says 'uncommitted edits'
}

situations() { rc=0; "$REPO/kit/situations.sh" >"$BATS_TEST_TMPDIR/out" 2>&1 || rc=$?; cat "$BATS_TEST_TMPDIR/out"; }

@test "situations: the listed case fails without and passes with the series, the others pass" {
	fake_machine
	echo 'pci_ats.ten | ten is a number' >"$QUEUE/situations"
	situations
	[ "$rc" = 0 ]
	has '^ten is a number +fail +pass$'
	has '2 as expected, 0 not'
	[ "$(git -C "$TREE" symbolic-ref --short HEAD)" = series ]
	# Both are kept for the bench.
	grep -q 'line 10' "$REPO/build/9.9/bench/Image-unpatched"
	grep -q 'line ten' "$REPO/build/9.9/bench/Image-patched"
	[ -s "$REPO/build/9.9/bench/Image-unpatched.key" ]
}

@test "situations: one failure missing, one too many" {
	fake_machine
	echo 'pci_ats.other | not broken at all' >"$QUEUE/situations"
	situations
	[ "$rc" = 1 ]
	has 'not ok .* pci_ats.other: pass unpatched, pass patched'
	has 'not ok .* pci_ats.ten: fail unpatched'
}

@test "situations: an unpatched machine that is lost proves nothing" {
	fake_machine
	echo 'pci_ats.ten | ten is a number' >"$QUEUE/situations"
	sed -i "s/^if sys.argv\[1\] == 'exec':/&\n    if 'line ten' not in open('drivers\/pci\/ats.c').read(): open('log', 'w').write('KTAP version 1\\\\n1..1\\\\n    1..2\\\\n    ok 2 other\\\\n')\n    elif os.path.exists('log'): os.remove('log')/" "$TREE/tools/testing/kunit/kunit.py"
	commit 'kunit.py: lose the unpatched machine'
	"$REPO/kit/refresh.sh"
	sed -i 's/^0004.*/& test/' "$QUEUE/series"
	"$REPO/kit/prepare.sh"
	echo /log >>"$TREE/.git/info/exclude"
	situations
	[ "$rc" = 3 ]
	has '^ten is a number +lost +pass$'
}

@test "situations: results of an earlier run do not stand in for a kernel that does not build" {
	fake_machine
	echo 'pci_ats.ten | ten is a number' >"$QUEUE/situations"
	situations
	[ "$rc" = 0 ]
	change 's/line 30/syntax error/' 'PCI/ATS: break it'
	"$REPO/kit/refresh.sh"
	situations
	[ "$rc" != 0 ]
	not has '^ten is a number'
}

@test "situations: a patched kernel that complains is not as expected" {
	fake_machine
	echo 'pci_ats.ten | ten is a number' >"$QUEUE/situations"
	sed -i 's/^arm-smmu-v3 oas/WARNING: drivers\/pci\/ats.c:1\n&/; s/arm-smmu-v3 oas.n/arm-smmu-v3 oas\\nWARNING: drivers\/pci\/ats.c:1\\n/' "$TREE/tools/testing/kunit/kunit.py"
	commit 'kunit.py: complain'
	"$REPO/kit/refresh.sh"
	sed -i 's/^0004.*/& test/' "$QUEUE/series"
	"$REPO/kit/prepare.sh"
	situations
	[ "$rc" = 1 ]
	has 'the patched kernel: a case failed, or the kernel complained'
}

@test "cc.sh: C comes from ccache, an object with something else in it does not" {
	cd "$BATS_TEST_TMPDIR"
	export CCACHE_DIR=$BATS_TEST_TMPDIR/ccache CCACHE_DEPEND=1
	echo '.incbin "blob"' >piggy.S
	echo 'int x;' >x.c
	for content in one two; do
		echo "$content" >blob
		"$REPO/kit/cc.sh" gcc -Wp,-MMD,piggy.d -c -o piggy.o piggy.S
		grep -q "$content" piggy.o
		"$REPO/kit/cc.sh" gcc -Wp,-MMD,x.d -c -o x.o x.c
	done
	ccache -s -v | grep -qE 'Hits: +1 '
}
