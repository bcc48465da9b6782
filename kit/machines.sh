# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# What the machines of the bench are made of, for bench/*.sh: kernels, guest, device trees; how one is booted, and what
# comes out of it. The caller has kit/lib.sh, has begun, and sets
#   WANTED    the cases it wants, none for all
#   COMPARED  the name of its results
#   GUEST     x86_64, if it is not about arm64; it then has its own tree_kernel(), before_boot()
# shellcheck disable=SC2034  # the scripts that source this file use these
GUEST=${GUEST:-aarch64}
case $GUEST in
aarch64) KARCH=arm64 BENCH=$WORK/bench IMAGE=Image CONFIGS="$KIT/config/bench.config ${BASE_FIRMWARE:+$KIT/config/firmware.config} $KIT/config/arm64.config" ;;
x86_64) KARCH=x86 BENCH=$WORK/bench-x86 IMAGE=bzImage CONFIGS="$KIT/config/x86.config $KIT/config/bench.config $KIT/config/bench-x86.config" ;;
esac
RUNS=$BENCH
QEMU=$BUILD_DIR/qemu-${QEMU_BASE:-10.2}/build/qemu-system-$GUEST
HARDWARE='ats smmu-without-ats root-without-ats noats' MACHINES=$HARDWARE
INITRAMFS=$BENCH/guest/initramfs.cpio.gz
FIRMWARE=/usr/share/qemu-efi-aarch64/QEMU_EFI.fd
CROSS=''
[ "$(uname -m)" = "$GUEST" ] || CROSS=$(say "$GUEST" | tr _ -)-linux-gnu-
need "${CROSS}gcc" python3
make_dir "$BENCH"
make_dir "$RESULTS"
make_dir "$LOGS"

# A kernel is built again only when the code or its configuration is another.
kernel() { # BRANCH LABEL
	if [ "$(key "$1")" = "$(cat "$BENCH/$IMAGE-$2.key" 2>/dev/null)" ] && [ -f "$BENCH/$IMAGE-$2" ]; then return; fi
	rm -f "$BENCH/$IMAGE-$2.key"
	borrow branch series
	tree_git checkout -q "$1"
	tree_kernel "$2"
	give_back
	key "$1" >"$BENCH/$IMAGE-$2.key"
}
key() { # BRANCH
	# shellcheck disable=SC2086  # a list of files
	{ tree_git rev-parse "$1^{tree}"; cat $CONFIGS; } | sha256sum
}

# What the tree holds.
tree_kernel() { # LABEL
	BUILD_ONLY=1 "$KIT/kunit.sh" arm64
	built "$1"
}
built() { cp "$WORK/arm64${SAN:+-san}/arch/arm64/boot/Image" "$BENCH/Image-$1"; } # LABEL
# Of the tree at BRANCH the kernel was built for another reason: it need not be built again.
keep() { # BRANCH LABEL
	rm -f "$BENCH/$IMAGE-$2.key"
	built "$2"
	key "$1" >"$BENCH/$IMAGE-$2.key"
}

# While a mutant of the kernel is in the tree nobody edits QEMU, and ninja takes a second to see that.
make_qemu() {
	if [ -n "${BORROWER:-}" ] && [ -x "$QEMU" ]; then return; fi
	case $GUEST in
	aarch64) "$KIT/qemu.sh" ;;
	x86_64) "$KIT/qemu.sh" x86 ;;
	esac
}

make_headers() { make -C "$TREE" ARCH="$KARCH" O="$BENCH/headers" headers; }
make_guest() { # CPIO [VARIABLE=...]
	cpio=$1
	shift
	make_headers || return 1
	make -C "$TOP/bench/guest" CC="${CROSS}gcc" HEADERS="$BENCH/headers/usr/include" KSELFTEST="$TREE/tools/testing/selftests" \
		GEN_INIT_CPIO="$TREE/usr/gen_init_cpio.c" ARCH="$KARCH" O="$BENCH/guest" "$@" "$BENCH/guest/$cpio" &&
		judge_machines config "$KARCH" >"$BENCH/functions.cfg"
}
guest() { # CPIO
	progress "bench: building the guest" "$LOGS/guest.log" meter_none make_guest "$1" ||
		explain "$LOGS/guest.log" 'the guest does not build' "$(grep -m 1 -E 'error|Error' "$LOGS/guest.log") (log $LOGS/guest.log)"
}

# The SMMU and the root complex say independently whether they have ATS. QEMU's device tree has it for both or for
# neither; for what is between, that of the whole machine is changed. (fdtput also packs it: as dumped it is too big.)
dump_device_trees() { # LABEL
	# shellcheck disable=SC2046  # a list of words
	"$QEMU" $(arguments ats "$1") -machine dumpdtb="$BENCH/ats.dtb" -display none -nodefaults -serial null -serial null -append x || return 1
	root=/$(fdtget -l "$BENCH/ats.dtb" / | grep '^pcie@')
	cp "$BENCH/ats.dtb" "$BENCH/smmu-without-ats.dtb"
	cp "$BENCH/ats.dtb" "$BENCH/root-without-ats.dtb"
	fdtput "$BENCH/smmu-without-ats.dtb" "$root" ats-supported && fdtput -d "$BENCH/root-without-ats.dtb" "$root" ats-supported
}
device_trees() { # LABEL
	need fdtput
	dump_device_trees "$1" >"$LOGS/device-trees.log" 2>&1 ||
		explain "$LOGS/device-trees.log" 'QEMU does not write its device tree' "$(head -n 1 "$LOGS/device-trees.log") (log $LOGS/device-trees.log)"
}
before_boot() { device_trees "$1"; } # LABEL

# What starts another kernel has it in its initramfs: the same, with what its initramfs was before that.
initramfs_of() { case $1 in kexec-*) say "$BENCH/guest/kexec-$2.initramfs" ;; *) say "$INITRAMFS" ;; esac; } # MACHINE LABEL
pack_kernel() { # LABEL
	next=$BENCH/guest/kexec-$1
	printf 'file /Image %s 0644 0 0\nfile /initramfs.cpio.gz %s 0644 0 0\n' "$BENCH/Image-$1" "$INITRAMFS" >"$next.list" &&
		"$BENCH/guest/gen_init_cpio" "$next.list" >"$next.cpio" && gzip -1nf "$next.cpio" && cat "$INITRAMFS" "$next.cpio.gz" >"$next.initramfs"
}

# What a machine is comes from bench/functions and bench/machines. A walk of any seed is walk-1 with its own parameters.
judge_machines() { PYTHONPATH=$KIT PYTHONDONTWRITEBYTECODE=1 python3 -m judge.machines "$@"; }
stanza_of() { case $1 in walk-*) say walk-1 ;; *) say "$1" ;; esac; }
arguments() { # MACHINE LABEL
	judge_machines arguments "$(stanza_of "$1")" kernel="$BENCH/$IMAGE-$2" initrd="$(initramfs_of "$1" "$2")" config="$BENCH/functions.cfg" \
		dtb="$BENCH/$1.dtb" acpi_table="${PORTS:-}.aml" accel="${ACCEL:-tcg}" ${SAN:+sanitizers=yes}
}
# What a program of its own takes besides: see who sources this.
parameters() { :; } # MACHINE
command_line() { # MACHINE
	judge_machines command_line "$(stanza_of "$1")" base_args="${BASE_ARGS:-}" parameters="$(parameters "$1")" \
		filters="$(cases_of "$1" | paste -sd ' ')"
}

# Of the cases named on the command line those of one machine: none named is all.
cases_of() { for case in $WANTED; do case $case in "$1".*) say "${case#*.}" ;; esac; done; }

boot() { # MACHINE LABEL
	mkdir -p "$RUNS/$2"
	rm -f "$RUNS/$2/$1".*
	rc=0
	case $1 in
	kexec-*) pack_kernel "$2" || { say 2 >"$RUNS/$2/$1.rc"; return; } ;;
	esac
	# shellcheck disable=SC2046  # a list of words
	"$KIT/run.py" "$RUNS/$2/$1" "$QEMU" $(arguments "$1" "$2") -append "$(command_line "$1")" || rc=$?
	say "$rc" >"$RUNS/$2/$1.rc"
}

# ---- running them

# The kernels to be compared run beside each other, machine by machine.
boot_all() { # LABEL...
	for machine in $MACHINES; do
		[ -z "$WANTED" ] || [ -n "$(cases_of "$machine")" ] || continue
		booting=''
		for label; do
			boot "$machine" "$label" &
			booting="$booting $!"
		done
		# shellcheck disable=SC2086  # a list of numbers
		wait $booting
	done
}
seen() { for label in $RUNNING; do cat "$RUNS/$label"/*.ktap 2>/dev/null; done | grep -cE '^(not )?ok ' || :; }
meter_boots() { printf '%s results, ' "$(seen)"; }

run() { # LABEL...
	RUNNING=$*
	for label; do rm -rf "${RUNS:?}/$label" "$RESULTS/$COMPARED-$label".*; done
	progress "$ME: running $*" "$LOGS/$COMPARED.log" meter_boots boot_all "$@" || :
	grep -h '^run.py: ' "$LOGS/$COMPARED.log" >&2 || :
	for label; do collect "$label"; done
}

# One KTAP of all machines of a kernel, each a suite, for kunit.py to make JUnit and JSON of.
collect() { # LABEL
	out=$RESULTS/$COMPARED-$1
	booted=$(cd "$RUNS/$1" && echo *.rc | sed 's/\.rc//g')
	{
		echo 'KTAP version 1'
		say "1..$(say "$booted" | wc -w)"
		n=0
		for machine in $booted; do
			n=$((n + 1)) verdict=ok
			printf '    KTAP version 1\n    # Subtest: %s\n' "$machine"
			grep -v '^TAP version' "$RUNS/$1/$machine.ktap" | sed 's/^/    /'
			! grep -q '^not ok' "$RUNS/$1/$machine.ktap" && [ "$(cat "$RUNS/$1/$machine.rc")" = 0 ] || verdict='not ok'
			say "$verdict $n $machine"
		done
	} >"$out.ktap"
	junit=''
	! grep -q -e --junit "$TREE/tools/testing/kunit/kunit.py" || junit=--junit=$out.junit.xml # older ones have none
	(cd "$TREE" && PYTHONDONTWRITEBYTECODE=1 python3 tools/testing/kunit/kunit.py parse --json="$out.json" ${junit:+"$junit"} \
		"$out.ktap" >/dev/null) || :
	"$KIT/cases.py" "$out.json" | awk '{ print $2, tolower($1) }' >"$(cases_file "$1")"
	lost "$1" || return 0
	echo '- lost' >>"$(cases_file "$1")"
}
lost() { grep -qvx 0 "$RUNS/$1"/*.rc; }
report_lost() { # LABEL
	for rc in "$RUNS/$1"/*.rc; do
		machine=$(basename "$rc" .rc)
		if [ "$(cat "$rc")" = 0 ]; then
			grep -q "^$machine\\." "$(cases_file "$1")" || tap 'not ok' "$machine, $1 kernel: nothing ran (log $RUNS/$1/$machine.ktap)"
			continue
		fi
		tap 'not ok' "$machine, $1 kernel: the machine was lost; its console ends: $(tail -n 1 "$RUNS/$1/$machine.console" 2>/dev/null)"
	done
}

# Both kernels, and what differs. Of the caller: evidence() adds results beyond the cases, table() prints what there is to see.
compare() {
	kernel unpatched unpatched
	kernel series patched
	before_boot patched
	run unpatched patched
	tap_begin "$COMPARED"
	judge_all
	if [ "$(say "$MACHINES" | wc -w)" = 1 ]; then sed -i "/ - $MACHINES\\./!d" "$WORK/judged.tap" "$TAP"; fi
	{ report_lost unpatched; report_lost patched; evidence; } >>"$WORK/judged.tap"
	table
	show_surprises
	tap_end 'as expected' 'not as expected' || { ! lost unpatched && ! lost patched || exit 3; exit 1; }
}
show_scenarios() { # SUFFIX of the kernel's version
	echo
	say "Linux $(sed -n 's/^version=//p' "$WORK/source")$1; $("$QEMU" --version | head -n 1), with ats-testdev"
	"$KIT/facts.py" table "$RUNS" "$LIST" | tee "$RESULTS/$COMPARED.txt"
}

report_cases() { # LABEL
	while read -r case status; do
		case $status in
		pass) tap ok "$case" ;;
		skip) tap ok "$case # SKIP" ;;
		-) ;;
		*) tap 'not ok' "$case: $status" ;;
		esac
	done <"$(cases_file "$1")"
	report_lost "$1"
}

# What there is to see beside the cases, when the tree is judged by itself: of the caller.
tree_evidence() { :; }
# What the tree holds, judged by itself: all cases, or machine.case...
on_tree() { # CASE...
	WANTED=$*
	for case; do
		case " $MACHINES " in *" ${case%%.*} "*) ;; *) die "$case: no machine is called ${case%%.*} (known: $MACHINES)" ;; esac
	done
	tree_kernel tree
	before_boot tree
	run tree
	tap_begin "$COMPARED-tree"
	report_cases tree
	for case in $WANTED; do
		[ "$(status_on tree "$case")" != 'not run' ] || tap 'not ok' "$case: there is no such case"
	done
	tree_evidence
	tap_end passed failed || { ! lost tree || exit 3; exit 1; }
}
