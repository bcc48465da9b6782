#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# make report: what is made of a folder of results. The files here are as short as those that kunit.py and tap() write.
load setup

report() { BUILD_DIR=$REPO/build "$REPO/kit/report.sh" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"; }
has() { grep -qE -- "$1" "$BATS_TEST_TMPDIR/out" || { cat "$BATS_TEST_TMPDIR/out"; false; }; }
folder() { R=$REPO/build/results/${1:-9.9} && mkdir -p "$R"; }
# suites ARCH SUITE:CASE=STATUS...: what kunit.py --json writes. A case without a name never ran.
suites() {
	python3 -c '
import json, sys
groups = {}
for word in sys.argv[2:]:
    suite, case = word.split(":")
    name, status = case.split("=")
    groups.setdefault(suite, []).append({"name": name, "status": status})
print(json.dumps({"name": "KUnit Test Group", "arch": sys.argv[1], "test_cases": groups.pop("", []),
    "sub_groups": [{"name": s, "sub_groups": [], "test_cases": c} for s, c in groups.items()]}))' "$@"
}
# kcidb EXPRESSION: of the report, with "tests" by path, for a kernel and architecture
kcidb() {
	python3 -c '
import json, sys
report = json.load(open(sys.argv[1]))
def tests(build): return {t["path"]: t for t in report["tests"] if t["build_id"] == "ats_series:9.9-" + build}
assert eval(sys.argv[2]), json.dumps(report, indent=1)' "$R/kcidb.json" "$1"
}
four_suites() {
	folder
	suites um pci_ats:a=PASS pci_ats:b=PASS >"$R/kunit-um.json"
	suites '' ats:f.one.x=FAIL ats:f.two.x=PASS >"$R/bench-unpatched.json"
	suites '' ats:f.one.x=PASS ats:f.two.x=PASS >"$R/bench-patched.json"
	printf '%s\n' 'ok 1 - ats.f.one.x: fail unpatched, pass patched' 'ok 2 - ats.f.two.x: pass unpatched, pass patched' 1..2 >"$R/bench.tap"
	printf '%s\n' 'ok 1 - x86.drivers/pci/ats.o' 1..1 >"$R/x86.tap"
	echo version=9.9.1 >"$R/source"
}

@test "report: no results at all" {
	for folder in '' results results/9.9 results/qemu-1.0; do
		mkdir -p "$REPO/build/$folder"
		BUILD_DIR=$REPO/build one_line "$REPO/kit/report.sh"
		says 'holds no results: run make kunit'
	done
	echo version=9.9.1 >"$REPO/build/results/9.9/source"
	one_line "$REPO/kit/report.sh"
	[ ! -e "$REPO/build/results/report.md" ]
}

@test "report: it takes no argument" {
	one_line "$REPO/kit/report.sh" 9.9
	says usage
}

@test "report: base, architecture and suite, before and after; text and Markdown say the same" {
	four_suites
	report
	has '^Linux 9.9.1: cases: 5 passed, 1 fail as expected; checks: 3 passed$'
	has '^kunit.pci_ats +um +2 passed$'
	has '^bench.ats +arm64 +1 passed, 1 fail as expected +2 passed$'
	has '^check.x86 +x86_64 +1 passed$'
	grep -qxF '| `bench.ats` | arm64 | 1 passed, 1 fail as expected | 2 passed |  |' "$REPO/build/results/report.md"
}

@test "report: a suite on two architectures is one suite; a check of two is of none" {
	four_suites
	suites '' ats:f.one.x=FAIL >"$R/bench-x86-unpatched.json"
	printf '%s\n' 'ok 1 - ats.f.one.x: fail unpatched, pass patched' 1..1 >"$R/bench-x86.tap"
	suites arm64 pci_ats:a=PASS >"$R/kunit-arm64-pci_ats.json"
	printf '%s\n' 'ok 1 - a' 1..1 >"$R/bisect-um-x86.tap"
	report
	has '^bench.ats +arm64 +1 passed, 1 fail as expected +2 passed$'
	has '^bench.ats +x86_64 +1 fail as expected$'
	has '^kunit.pci_ats +arm64 +1 passed$'
	has '^check.bench +any +2 passed$'
	has '^check.bench +x86_64 +1 passed$'
	has '^check.bisect-um-x86 +any +1 passed$'
	kcidb 'tests("unpatched-x86_64")["bench.ats.f.one.x"]["misc"]["expected"]'
}

@test "report: a failure on the unpatched kernel that no comparison has asked for is a failure" {
	four_suites
	suites '' ats:f.one.x=FAIL ats:f.two.x=FAIL >"$R/bench-unpatched.json"
	report
	has '^bench.ats +arm64 +1 failed, 1 fail as expected '
	rm "$R/bench.tap"
	report
	has '^bench.ats +arm64 +2 failed '
}

@test "report: a failure on the patched kernel is a failure, whatever the comparison said" {
	four_suites
	suites '' ats:f.one.x=FAIL ats:f.two.x=PASS >"$R/bench-patched.json"
	report
	has '^bench.ats +arm64 +1 passed, 1 fail as expected +1 passed, 1 failed'
	kcidb 'tests("patched-arm64")["bench.ats.f.one.x"]["status"] == "FAIL"'
	kcidb '"expected" not in tests("patched-arm64")["bench.ats.f.one.x"]["misc"]'
	kcidb 'tests("unpatched-arm64")["bench.ats.f.one.x"]["misc"]["expected"]'
}

@test "report: skipped, by kunit.py, by tap and by bats" {
	folder
	suites um pci_ats:a=SKIP pci_ats:b=PASS >"$R/kunit-um.json"
	printf '%s\n' 'ok 1 - a.b: skip unpatched, skip patched # SKIP' 1..1 >"$R/selftest.tap"
	printf '%s\n' 1..2 'ok 1 a: b' 'ok 2 c: d # skip no such command' >"$R/front-door.tap"
	report
	has '^kunit.pci_ats +um +1 passed, 1 skipped'
	has '^check.selftest +any +1 skipped'
	has '^check.front-door +any +1 passed, 1 skipped'
	kcidb 'tests("tree-um")["kunit.pci_ats.a"]["status"] == "SKIP"'
	kcidb 'tests("tree-any")["check.front-door.c"]["status"] == "SKIP"'
}

@test "report: a failed check, with what it said; its name is the same as when it passes" {
	folder
	printf '%s\n' 'not ok 1 - x86.drivers/pci/ats.o: ats.c:3: error: no' 'ok 2 - x86.drivers/pci/quirks.o' 1..2 >"$R/x86.tap"
	report
	has '^check.x86 +x86_64 +1 passed, 1 failed'
	kcidb 'tests("tree-x86_64")["check.x86.x86.drivers_pci_ats.o"]["status"] == "FAIL"'
	kcidb '"error: no" in tests("tree-x86_64")["check.x86.x86.drivers_pci_ats.o"]["comment"]'
	sed -i 's/^not ok 1 - \([^:]*\).*/ok 1 - \1/' "$R/x86.tap"
	report
	kcidb 'tests("tree-x86_64")["check.x86.x86.drivers_pci_ats.o"]["status"] == "PASS"'
}

@test "report: a machine lost among its cases" {
	four_suites
	suites '' ats:f.one.x=PASS ats:f.two.x=ERROR ats:=ERROR ats:=ERROR >"$R/bench-patched.json"
	report
	has '^bench.ats .* LOST, 1 passed, 1 in error'
	has '^Linux 9.9.1: .* 1 lost'
	kcidb 'tests("patched-arm64")["bench.ats"]["status"] == "MISS"'
	kcidb '"2 cases did not run" in tests("patched-arm64")["bench.ats"]["comment"]'
	kcidb 'tests("patched-arm64")["bench.ats.f.two.x"]["status"] == "ERROR"'
}

@test "report: a machine lost before its suite, before its results, or with half a file" {
	folder
	suites um pci_ats:a=PASS :smmu=FAIL :=ERROR >"$R/kunit-um.json"
	suites arm64 >"$R/kunit-arm64-patched.json"
	echo '{"sub_gro' >"$R/bench-patched.json"
	echo 'KTAP version 1' >"$R/selftest-patched.ktap"
	printf '%s\n' 'ok 1 - a' >"$R/no-plan.tap"
	printf '%s\n' 1..3 'ok 1 - a' >"$R/less.tap"
	: >"$R/nothing.tap"
	printf '%s\n' 'ok 1 - a.b: pass unpatched, pass patched' 'not ok 2 - a, patched kernel: the machine was lost; its console ends: x' 1..2 >"$R/bench.tap"
	report
	has '^kunit.smmu +um +LOST$'
	has '^kunit +um +LOST$'
	has '^kunit +arm64 +LOST'
	has '^bench +arm64 +LOST'
	has '^selftest +arm64 +LOST'
	for check in no-plan less; do has "^check.$check +any +LOST, 1 passed$"; done
	has '^check.nothing +any +LOST$'
	has '^check.bench +any +1 passed, 1 in error$'
	kcidb '[t["status"] for t in report["tests"]].count("PASS") == 4'
	kcidb 'tests("tree-any")["check.less"]["comment"] == "lost: ended after 1 of 3"'
}

@test "report: what another base has did not run here; a base without results did not run at all" {
	four_suites
	mkdir "$REPO/series/9.10" "$REPO/series/9.8"
	touch "$REPO/series/9.10/base" "$REPO/series/9.8/base"
	folder 9.10
	suites um pci_ats:a=PASS >"$R/kunit-um.json"
	folder qemu-1.0
	printf '%s\n' 'ok 1 - a' 1..1 >"$R/qtest.tap"
	report
	[ "$(grep -oE '^(Linux|QEMU) [0-9.]+' "$BATS_TEST_TMPDIR/out" | paste -sd ,)" = 'Linux 9.8,Linux 9.9.1,Linux 9.10,QEMU 1.0' ]
	has '^Linux 9.8: not run$'
	has '^bench.ats +arm64 +not run +not run$'
	has '^check.x86 +x86_64 +not run$'
	[ "$(grep -c '^check.qtest' "$BATS_TEST_TMPDIR/out")" = 1 ]
}

@test "report: what mutants and bisect leave is no result of the series" {
	four_suites
	suites um pci_ats:a=FAIL >"$R/kunit-um-mutant.json"
	suites um pci_ats:a=FAIL >"$R/kunit-um-bisect.json"
	printf '%s\n' 'not ok 1 - x86.a.o: no' 1..1 >"$R/x86-mutant.tap"
	printf '%s\n' 'ok 1 - a: killed by b' 1..1 >"$R/mutants.tap"
	report
	has '^Linux 9.9.1: cases: 5 passed, 1 fail as expected; checks: 4 passed$'
}

@test "report: a case with parameters is one case; older kernels count nothing" {
	folder
	suites um pci_ats:a=PASS >"$R/kunit-um.json"
	python3 - "$R/kunit-um.json" <<-'EOC'
		import json, sys
		report = json.load(open(sys.argv[1]))
		report['sub_groups'][0]['sub_groups'] = [
		    {'name': 'each', 'sub_groups': [], 'test_cases': [{'name': 'x', 'status': 'PASS'}, {'name': 'y', 'status': 'FAIL'}]}]
		json.dump(report, open(sys.argv[1], 'w'))
	EOC
	report
	has '^kunit.pci_ats +um +1 passed, 1 failed$'
	[ "$("$REPO/kit/cases.py" "$R/kunit-um.json" | paste -sd ,)" = 'PASS pci_ats.a,FAIL pci_ats.each' ]
}

@test "report: kcidb.json has what version 5 of the format requires, and nothing else" {
	four_suites
	echo 'not ok 3 - what? "so": (no) # 1' >>"$R/x86.tap"
	report
	python3 - "$R/kcidb.json" <<-'EOC'
		import json, re, sys
		report = json.load(open(sys.argv[1]))
		assert set(report) == {'version', 'checkouts', 'builds', 'tests'} and report['version'] == {'major': 5, 'minor': 3}
		known = {
		    'checkouts': {'id', 'origin', 'comment', 'misc'},
		    'builds': {'id', 'origin', 'checkout_id', 'architecture'},
		    'tests': {'id', 'origin', 'build_id', 'path', 'status', 'comment', 'environment', 'misc'},
		}
		ids = {kind: [x['id'] for x in report[kind]] for kind in known}
		for kind, properties in known.items():
		    assert report[kind] and len(ids[kind]) == len(set(ids[kind])) and ids[kind] == sorted(ids[kind]), kind
		    for x in report[kind]:
		        assert set(x) <= properties and None not in x.values(), x
		        assert re.fullmatch('[a-z0-9_]+', x['origin']) and x['id'].startswith(x['origin'] + ':'), x
		assert all(b['checkout_id'] in ids['checkouts'] for b in report['builds'])
		assert all(re.fullmatch('[a-z0-9_]+', b.get('architecture', 'none')) for b in report['builds'])
		for t in report['tests']:
		    assert t['build_id'] in ids['builds'], t
		    assert re.fullmatch(r'[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*', t['path']), t
		    assert t['status'] in ('FAIL', 'ERROR', 'MISS', 'PASS', 'SKIP'), t
		    assert not any(word.isdigit() for word in t['path'].split('.')), t
	EOC
}

@test "report: the same results give the same report, in any order of cases; the worse of two is kept" {
	four_suites
	report
	cp "$R/kcidb.json" "$REPO/build/results/report.md" "$BATS_TEST_TMPDIR"
	suites um pci_ats:b=PASS pci_ats:a=PASS >"$R/kunit-um.json"
	touch -r "$R/x86.tap" "$R"/*.json
	report
	cmp "$R/kcidb.json" "$BATS_TEST_TMPDIR/kcidb.json"
	cmp "$REPO/build/results/report.md" "$BATS_TEST_TMPDIR/report.md"
	suites um pci_ats:a=PASS pci_ats:a=FAIL pci_ats:b=PASS >"$R/kunit-um.json"
	report
	kcidb 'tests("tree-um")["kunit.pci_ats.a"]["status"] == "FAIL"'
}

@test "report: JUnit of what has none, well-formed, and none of what is no more; kunit.py's own stays" {
	four_suites
	printf '<testsuites>\033[K</testsuites>' >"$R/bench-patched.junit.xml"
	printf '%s\n' 'ok 1 - a' 'not ok 2 - b: <&> "no"'$'\033' 'ok 3 - c # SKIP' >"$R/cut.tap"
	touch "$R/gone.junit.xml"
	report
	grep -qxF '<testsuites>?[K</testsuites>' "$R/bench-patched.junit.xml"
	[ ! -e "$R/gone.junit.xml" ]
	python3 - "$R" <<-'EOC'
		import pathlib, sys, xml.etree.ElementTree as ET
		suites = {p.name: ET.parse(p).getroot() for p in pathlib.Path(sys.argv[1]).glob('*.junit.xml')}
		assert len(suites) == 6, suites
		cut = suites['cut.junit.xml'].find('testsuite')
		assert {k: cut.get(k) for k in ('tests', 'failures', 'errors', 'skipped')} == \
		    {'tests': '4', 'failures': '1', 'errors': '1', 'skipped': '1'}, cut.attrib
		assert len(suites['kunit-um.junit.xml'].findall('.//testcase')) == 2
	EOC
	echo 1..3 >>"$R/cut.tap"
	report
	grep -q 'errors="0"' "$R/cut.junit.xml"
}

# bench_ktap E EATS TOLD RESULT [SPLAT]: the bad case, as a machine of the bench writes it
bench_ktap() {
	printf '%s\n' 'KTAP version 1' 1..2 '    # Subtest: ats' '    1..2' '    #  RUN           function.vf_off_on.iommufd_twice ...' \
		"    #@ state step=default bdf=0 e=$1 iommu=$2" "    #@ state step=told bdf=0 not_supported=$3" ${5:+"    #@ splat $5"} \
		"    $4 1 function.vf_off_on.iommufd_twice" '    #  RUN           function.vf_off_on.unmap_costs_of_iommufd ...' \
		"    #@ commands mark=1 unmaps=2 total=$((4 + 4 * $2)) tlbi=2 sync=2 atc_inv=0" \
		'    ok 2 function.vf_off_on.unmap_costs_of_iommufd' "$4 1 ats" '    # Subtest: figures' '    1..1' \
		'    #  RUN           figures.vf_off_on.iommufd ...' \
		"    #@ figure operation=unmap ats=$2 commands=$((2 + 2 * $2)) instructions=$((6000 + 900 * $2))" \
		'    ok 1 figures.vf_off_on.iommufd' 'ok 2 figures'
}

@test "report: the page shows where they part, what an unmap costs, and each scenario" {
	four_suites
	PAGE=$REPO/build/results/report.html
	bench_ktap 0 1 0 'not ok' 'WARNING: <&>' >"$R/bench-unpatched.ktap"
	bench_ktap 0 0 1 ok >"$R/bench-patched.ktap"
	echo 'ats.function.vf_off_on.iommufd_twice | iommufd & a <VF>' >"$QUEUE/scenarios"
	report
	grep -q '^<section><h2>The bad case, on Linux 9.9.1' "$PAGE"
	[ "$(grep -c '^<tr class=parts>' "$PAGE")" = 1 ]
	grep -q '<td class="on">on</td><td>ATS may be used</td><td class="off">off</td>' "$PAGE"
	grep -q '<td class="off">off</td><td>ATS cannot be used</td><td class="off">off</td>' "$PAGE"
	grep -q '<b>unpatched</b>.*class="much".*4\.0<' "$PAGE"
	grep -q '<b>patched</b>.*2\.0<' "$PAGE"
	grep -qF '<td>unmap</td><td>4</td><td class="good">2</td><td>6,900</td><td class="good">6,000</td>' "$PAGE"
	grep -qF '<td>iommufd &amp; a &lt;VF&gt;</td><td class="fail">fails, 1 complaint</td><td class="pass">passes</td>' "$PAGE"
	[ "$(grep -cE '<script|<link|src=|url\(|https?:' "$PAGE")" = 0 ]
}

@test "report: the page shows what could not be read as it is, and what did not run as not run" {
	four_suites
	bench_ktap -5 1 -22 'not ok' >"$R/bench-unpatched.ktap"
	bench_ktap 0 0 1 ok >"$R/bench-patched.ktap"
	printf '%s\n' 'ats.function.vf_off_on.iommufd_twice | a' 'ats.function.vf_on_on.unmap_costs_of_iommufd | b' >"$QUEUE/scenarios"
	report
	grep -q '<td class="on">on</td><td class="fail">-22</td><td class="fail">-5</td>' "$REPO/build/results/report.html"
	grep -q '<td>b</td><td class="faint">not run</td><td class="faint">not run</td>' "$REPO/build/results/report.html"
}

@test "report: the page of what has no bench says so" {
	four_suites
	report
	grep -q '^<p>What was seen on no bench' "$REPO/build/results/report.html"
	[ "$(grep -c 'The bad case' "$REPO/build/results/report.html")" = 0 ]
}
