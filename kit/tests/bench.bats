#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0
# The bench's runner and its judges, without QEMU: a script in its place says what it is told to.

setup() {
	T=$BATS_TEST_TMPDIR BENCH=$BATS_TEST_DIRNAME/..
	cat >"$T/qemu" <<'EOC'
#!/usr/bin/env bash
# The descriptors of port and monitor are in the arguments, as QEMU takes them.
port=$(printf '%s\n' "$@" | sed -n 's/^socket,id=port,fd=//p') qmp=$(printf '%s\n' "$@" | sed -n 's/^socket,id=qmp,fd=//p')
console=$(printf '%s\n' "$@" | sed -n 's/^file://p')
[ -z "${STDERR:-}" ] || { echo "$STDERR" >&2; exit 1; }
echo 'Booting Linux' >"$console"
echo '{"QMP": {}}' >&"$qmp"
read -r _ <&"$qmp"
echo '{"return": {}}' >&"$qmp"
printf '%b' "$SAYS" >&"$port"
if [ -n "${ASKS:-}" ]; then
	printf '@%s\n' "$ASKS" >&"$port"
	read -r request <&"$qmp"
	echo "$request" >"$console.request"
	echo '{"event": "SOMETHING"}' >&"$qmp"
	echo '{"return": ""}' >&"$qmp"
	read -r answer <&"$port"
	printf 'answer: %s\n# bench: end status=0\n' "$answer" >&"$port"
fi
[ -z "${HANGS:-}" ] || exec sleep 60
EOC
	chmod +x "$T/qemu"
}

run_machine() { run "$BENCH/run.py" "$T/out" "$T/qemu" -M virt; }

@test "a machine that ends with its final line has run" {
	SAYS='ok 1 a\n# bench: end status=0\n' run_machine
	[ "$status" = 0 ]
	grep -qx 'ok 1 a' "$T/out.ktap"
}

@test "a machine that fails a scenario has run, too: the verdict is not the runner's" {
	SAYS='not ok 1 a\n# bench: end status=1\n' run_machine
	[ "$status" = 0 ]
}

@test "a machine that dies before its final line is lost" {
	SAYS='ok 1 a\n' run_machine
	[ "$status" = 3 ]
}

@test "a machine whose program cannot be run, or is killed, is lost" {
	SAYS='# bench: cannot run /a: No such file or directory\n# bench: end status=127\n' run_machine
	[ "$status" = 3 ]
	SAYS='ok 1 a\n# bench: end signal=11\n' run_machine
	[ "$status" = 3 ]
}

@test "a machine that falls silent is lost" {
	SAYS='ok 1 a\n' HANGS=1 SILENCE=1 run_machine
	[ "$status" = 3 ]
}

@test "a QEMU that does not start is told in one line" {
	STDERR='qemu: no such device' run_machine
	[ "$status" = 2 ]
	[ "$output" = 'run.py: QEMU did not start: qemu: no such device' ]
}

@test "what the guest asks for is done in the monitor, and answered" {
	SAYS='' ASKS='device_add edu' run_machine
	[ "$status" = 0 ]
	grep -q '"command-line": "device_add edu"' "$T/out.console.request"
	grep -qx 'answer: ok' "$T/out.ktap"
}

@test "commands that QEMU has not seen are noticed" {
	mkdir "$T/label"
	printf '#  RUN           a.b ...\n#@ commands mark=5 unmaps=1 total=2 tlbi=1 sync=1 atc_inv=0\nok 1 a.b\n' >"$T/label/ats.ktap"
	printf '%s\n' 'ats_testdev_mark 01:00.0 value 0x5' 'smmuv3_cmdq_opcode <--- SMMU_CMD_TLBI_NH_VA' \
		'smmuv3_cmdq_opcode <--- SMMU_CMD_SYNC' 'ats_testdev_mark 01:00.0 value 0x5' >"$T/label/ats.trace"
	run "$BENCH/facts.py" counts "$T/label"
	[ "$output" = "same ats.a.b: commands of 1 unmaps: 2 in the queue, 2 in QEMU's trace" ]
	sed -i 2d "$T/label/ats.trace"
	run "$BENCH/facts.py" counts "$T/label"
	[ "$output" = "differs ats.a.b: commands of 1 unmaps: 2 in the queue, 1 in QEMU's trace" ]
}

@test "the headline is the dearest unmap as a number, not as a text" {
	for label in unpatched patched; do
		mkdir -p "$T/bench/$label"
		for cost in 9 10; do
			printf '#  RUN           f.%s ...\n#@ state step=told not_supported=1\n#@ commands mark=1 unmaps=1 total=%s\nok 1 f.%s\n' $cost $cost $cost
		done >"$T/bench/$label/ats.ktap"
	done
	: >"$T/list"
	run "$BENCH/facts.py" table "$T/bench" "$T/list"
	[ "$status" = 0 ]
	echo "$output" | grep -q 'cannot use ATS: 10.0 unpatched, 10.0 patched'
}

# Two functions that cannot use ATS and one that can, each unmapped from once: "commands instructions" of each. What has no Capability
# costs 100 instructions in turn with the first, and 106 with the second.
figures() { # LABEL A B C
	mkdir -p "$T/bench/$1"
	ats=0 function=a plain=100
	for cost in "$2" "$3" "$4"; do
		[ "$function" != c ] || ats=1
		printf '#  RUN           figures.%s.iommufd ...\n#@ figure operation=unmap ats=%s commands=%s instructions=%s plain_commands=9 plain_instructions=%s\nok 1 figures.%s.iommufd\n' \
			"$function" "$ats" "${cost% *}" "${cost#* }" "$plain" "$function"
		plain=$((plain + 6))
		function=$(printf %s "$function" | tr ab bc)
	done >"$T/bench/$1/figures.ktap"
}
costs() { "$BENCH/facts.py" costs "$T/bench" | cut -d ' ' -f 1,2 | paste -sd ' '; }

@test "the bench: costs are compared with those of the unpatched kernel, and where ATS cannot be used with what has no Capability" {
	figures unpatched '9 100' '11 200' '11 110'
	figures patched '9 100' '9 106' '11 110'
	[ "$(costs)" = 'holds a.iommufd: holds b.iommufd: holds c.iommufd: holds iommufd:' ]
	figures patched '9 100' '9 106' '12 110'
	[ "$(costs)" = 'holds a.iommufd: holds b.iommufd: fails c.iommufd: holds iommufd:' ]
	figures patched '9 100' '9 106' '11 111'
	[ "$(costs)" = 'holds a.iommufd: holds b.iommufd: fails c.iommufd: holds iommufd:' ]
	sed -i 's/=unmap/=detach/' "$T"/bench/*/figures.ktap
	[ "$(costs)" = 'holds a.iommufd: holds b.iommufd: fails c.iommufd: holds iommufd:' ]
	figures unpatched '9 100' '11 200' '11 110'
	figures patched '9 100' '9 100' '11 110'
	[ "$(costs)" = 'holds a.iommufd: holds b.iommufd: holds c.iommufd: fails iommufd:' ]
	rm "$T/bench/unpatched/figures.ktap"
	[ "$(costs)" = 'fails a.iommufd: fails b.iommufd: fails c.iommufd: fails iommufd:' ]
	rm "$T/bench/patched/figures.ktap"
	[ -z "$(costs)" ]
}

@test "the bench: bad use is told in one line" {
	BUILD_DIR=$T/build run "$BENCH/bench.sh" everything
	[ "$status" = 2 ]
	[ "$output" = 'bench: usage: bench.sh [tree [machine.case...]]' ]
}

@test "the selftests: bad use is told in one line" {
	BUILD_DIR=$T/build run "$BENCH/selftest.sh" everything
	[ "$status" = 2 ]
	[ "$output" = 'selftest: usage: selftest.sh [tree [suite.case...] | build]' ]
}

@test "the x86 bench: bad use is told in one line" {
	BUILD_DIR=$T/build run "$BENCH/bench-x86.sh" everything
	[ "$status" = 2 ]
	[ "$output" = 'bench-x86: usage: bench-x86.sh [tree [machine.case...]]' ]
}

@test "the random walk: bad use is told in one line" {
	BUILD_DIR=$T/build run "$BENCH/walk.sh" everything
	[ "$status" = 2 ]
	[ "$output" = 'walk: usage: [SEED=n] [STEPS=n] walk.sh' ]
	SEED=0x7 BUILD_DIR=$T/build run "$BENCH/walk.sh"
	[ "$status" = 2 ]
	[ "$output" = 'walk: 0x7: SEED= and STEPS= are numbers of up to nine digits' ]
	STEPS='5 6' BUILD_DIR=$T/build run "$BENCH/walk.sh"
	[ "$status" = 2 ]
}
