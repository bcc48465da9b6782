#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The jobs for a lab. No lab is here: what can be seen is that they parse, that what they name exists, and what on-device.sh
# makes of what a kernel and the programs say, with stand-ins for these.
setup() {
	TOP=$(cd "$BATS_TEST_DIRNAME/../.." && pwd) T=$BATS_TEST_TMPDIR
	export DEBUGFS=$T/debugfs SYSFS=$T/sys PROC=$T/proc KSELFTEST=$T/kselftest
	mkdir -p "$DEBUGFS/kunit/pci_ats" "$SYSFS/bus/pci/devices/0000:01:00.0" "$PROC/sys/vm" "$KSELFTEST" "$T/bin"
	PATH=$T/bin:$PATH
	program "$T/bin/modprobe" true
}
program() { printf '#!/bin/sh\n%s\n' "$2" >"$1" && chmod +x "$1"; }
on_device() { run "$TOP/labs/on-device.sh" "$@"; }
has() { grep -qxF -- "$1" <<<"$output" || { echo "$output"; false; }; }
kunit_says() { printf '%b' "$1" >"$DEBUGFS/kunit/pci_ats/results"; }
jobs() { ls "$TOP"/labs/lava/*.yaml "$TOP"/labs/tuxrun/*.sh; }
python() { /usr/bin/python3 - "$@"; } # Debian's, which has its modules

@test "labs: the LAVA jobs parse, deploy, boot and test, and name no host" {
	python "$TOP"/labs/lava/*.yaml <<-'EOC'
		import re, sys, yaml
		assert len(sys.argv) > 1
		for name in sys.argv[1:]:
		    job = yaml.safe_load(open(name))
		    assert [next(iter(a)) for a in job['actions']] == ['deploy', 'boot', 'test'], name
		    assert job['device_type'] == 'DEVICE_TYPE', name
		    steps = [s for d in job['actions'][2]['test']['definitions'] for s in d['repository']['run']['steps']]
		    assert any(s.startswith('/opt/ats/on-device.sh ') for s in steps), name
		    hosts = set(re.findall('[a-z]+://([^/ ]+)', open(name).read()))
		    assert hosts == {'example.invalid'}, (name, hosts)
	EOC
}

@test "labs: the LAVA jobs are valid for LAVA's own schema" {
	/usr/bin/python3 -c 'import lava_common.schemas' 2>/dev/null || skip 'lava-common is not installed'
	python "$TOP"/labs/lava/*.yaml <<-'EOC'
		import sys, yaml
		from lava_common.schemas import validate
		for name in sys.argv[1:]:
		    validate(yaml.safe_load(open(name)))
	EOC
}

@test "labs: each job says in its first lines that it is untested" {
	for job in $(jobs) "$TOP/labs/on-device.sh" "$TOP/labs/README.md"; do head -n 5 "$job" | grep -q Untested; done
}

@test "labs: the suites, programs and files that the jobs name are there" {
	suites=$(sed -n 's/.*on-device\.sh kunit \([^|]*\).*/\1/p' $(jobs) | tr -s ' ' '\n' | sort -u)
	[ -n "$suites" ]
	for suite in $suites; do
		# One is the kernel's own: of that there is the option.
		grep -rqF "\"$suite\"" "$TOP/drivers" || grep -rqx "CONFIG_$(echo "$suite" | tr a-z- A-Z_)=y" "$TOP/drivers"
	done
	for program in ats_policy dma_map_stress; do
		grep -qF "KSELFTEST/$program" "$TOP/labs/on-device.sh"
		[ -f "$TOP/tools/testing/selftests/iommu/$program.c" ]
	done
	for mode in $(sed -n 's/.*on-device\.sh \([a-z]*\).*/\1/p' $(jobs)); do grep -q "^$mode)" "$TOP/labs/on-device.sh"; done
	for option in $(sed -n '/dma_map_stress"/s/.*KSELFTEST//p' "$TOP/labs/on-device.sh" | grep -oE -- '--[a-z-]+'); do
		grep -qF -- "$option" "$TOP/tools/testing/selftests/iommu/dma_map_stress.c"
	done
	for file in $(grep -oE '`[a-z/-]+\.(sh|yaml|config)`' "$TOP/labs/README.md" | tr -d '`'); do [ -f "$TOP/labs/$file" ]; done
	for file in $(grep -oE '[a-z0-9/-]*/\.kunitconfig' "$TOP/labs/README.md"); do [ -f "$TOP/$file" ]; done
}

@test "labs: KUnit's cases, and those with parameters once" {
	kunit_says 'KTAP version 1\n1..1\n    KTAP version 1\n    # Subtest: pci_ats\n    1..4\n    ok 1 a\n    not ok 2 b\n        KTAP version 1\n        1..1\n        not ok 1 x\n    ok 3 c # SKIP no such\n    # c: 1\n    ok 4 d\nok 1 pci_ats\n'
	on_device kunit pci_ats
	[ "$status" = 1 ]
	[ "$output" = '=== start pci_ats
pass: a
fail: b
skip: c
pass: d
pass: all-results-are-there
=== stop pci_ats' ]
}

@test "labs: a suite that passes, one that ended early, one that is not there" {
	kunit_says 'KTAP version 1\n1..1\n    1..2\n    ok 1 a\n    ok 2 b\nok 1 pci_ats\n'
	on_device kunit pci_ats
	[ "$status" = 0 ]
	kunit_says 'KTAP version 1\n1..1\n    1..2\n    ok 1 a\n'
	on_device kunit pci_ats
	[ "$status" = 1 ]
	has 'fail: all-results-are-there'
	on_device kunit no_such
	[ "$status" = 1 ]
	has 'fail: all-results-are-there'
	program "$T/bin/awk" 'exit 1'
	on_device kunit pci_ats
	[ "$status" = 1 ]
	has 'fail: all-results-are-there'
}

@test "labs: LAVA is told, where it is" {
	program "$T/bin/lava-test-case" 'echo "case $*"'
	program "$T/bin/lava-test-set" 'echo "set $*"'
	kunit_says '    1..1\n    not ok 1 a\n'
	on_device kunit pci_ats
	[ "$status" = 1 ]
	has 'set start pci_ats'
	has 'case a --result fail'
	has 'case all-results-are-there --result pass'
}

@test "labs: iommufd's selftests get their huge pages; one that dies is a failure" {
	program "$KSELFTEST/iommufd" 'printf "TAP version 13\n1..2\nok 1 a.b\n#  RUN c\nok 2 a.c # SKIP no\n"'
	program "$KSELFTEST/iommufd_fail_nth" 'printf "TAP version 13\n1..2\nok 1 a.b\n"; kill -9 $$'
	on_device selftests
	[ "$status" = 1 ]
	[ "$(cat "$PROC/sys/vm/nr_hugepages")" = 72 ]
	[ "$(grep -E '^(pass|fail|skip): ' <<<"$output" | paste -sd ,)" = \
		'pass: a.b,skip: a.c,pass: all-results-are-there,pass: a.b,fail: all-results-are-there' ]
}

@test "labs: a device is bound, asked and stressed; a refusal is an answer, no answer is none" {
	program "$KSELFTEST/ats_policy" 'echo "$*"; case $2 in on) exit 1 ;; esac'
	program "$KSELFTEST/dma_map_stress" 'echo "$*"; printf "TAP version 13\n1..1\nok 1 type1: kernel log is clean\n"'
	on_device device 0000:01:00.0
	[ "$status" = 0 ]
	has '--ats auto 0000:01:00.0'
	has 'pass: on'
	has '--device 0000:01:00.0 --span 64G --threads 4 --duration 60'
	has 'pass: type1-kernel-log-is-clean'
	[ "$(cat "$SYSFS/bus/pci/devices/0000:01:00.0/driver_override" "$SYSFS/bus/pci/drivers_probe" | paste -sd ,)" = vfio-pci,0000:01:00.0 ]
	program "$KSELFTEST/ats_policy" 'exit 2'
	on_device device 0000:01:00.0
	[ "$status" = 1 ]
	has 'fail: off'
}

@test "labs: a stress with nothing to test is skipped; a device that is not there fails" {
	program "$KSELFTEST/ats_policy" true
	program "$KSELFTEST/dma_map_stress" 'echo "1..0 # SKIP no device"; exit 4'
	on_device device 0000:01:00.0
	[ "$status" = 0 ]
	has 'skip: dma_map_stress-0000:01:00.0'
	on_device device 0000:02:00.0
	[ "$status" = 1 ]
	has 'fail: bind-0000:02:00.0'
}

@test "labs: bad use is told in one line" {
	for words in '' 'all' 'kunit' 'device' 'selftests x'; do
		# shellcheck disable=SC2086  # words
		on_device $words
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
	done
	for script in "$TOP"/labs/tuxrun/*.sh; do
		run "$script"
		[ "$status" = 2 ]
		[ "${#lines[@]}" = 1 ]
	done
	BASE=7.2 BUILD_DIR=$T/none run "$TOP/labs/pack.sh"
	[ "$status" = 2 ]
	[[ "$output" == *"'make selftest BASE=7.2' builds it" ]]
}

@test "labs: tuxrun is called with what is there" {
	program "$T/bin/tuxrun" 'printf "%s\n" "$@"'
	touch "$T/Image" "$T/lab.tar.xz"
	for script in "$TOP"/labs/tuxrun/*.sh; do
		run "$script" "$T/Image" "$T/lab.tar.xz" --runtime docker
		[ "$status" = 0 ]
		has "$T/Image"
		has docker
		has /opt/ats/on-device.sh
	done
}
