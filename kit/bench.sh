#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The scenarios of bench/guest on emulated hardware.
#   bench.sh                 on the unpatched and on the patched kernel, and what differs: series/<base>/scenarios lists
#                            what has to fail without the series. MACHINE=name takes one machine.
#   SAN=1 bench.sh           on the patched kernel alone, with kit/config/sanitizers.config: nothing fails, and nothing is found
#   bench.sh tree [CASE...]  on what the prepared tree holds, committed or not: all scenarios, or machine.case...
# Results: build/results/<base>/bench*; each machine's console and trace: build/<base>/bench/<label>/.
set -eu
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=kit/compare.sh
. "$KIT/compare.sh"
MODE=${1:-compare}
[ $# = 0 ] || shift
[ "${SAN:-0}" != 0 ] || SAN=''
export SAN
case $MODE in
compare) [ $# = 0 ] || die "usage: bench.sh [tree [machine.case...]]" ;;
tree) ;;
*) die "usage: bench.sh [tree [machine.case...]]" ;;
esac
# shellcheck disable=SC2034  # for compare.sh and lib.sh
COMPARED=bench LIST=$WORK/scenarios WANTED=''

load_pin
[ "$MODE" = tree ] || [ -f "$QUEUE/scenarios" ] || die "series/$BASE/scenarios is missing: nothing to compare"
begin
. "$KIT/machines.sh"
MACHINES="$HARDWARE ${BASE_FIRMWARE:-} fail_nth timeouts pasid kexec-ats kexec-noats figures"
# Where all bases are run, what forbids ATS as a whole is compared on the default one; so is what the kernel before has left.
if [ "${AMONG_ALL:-0}" = 1 ] && [ "$BASE" != "$DEFAULT_BASE" ] && [ "$MODE" = compare ]; then
	MACHINES='ats fail_nth timeouts pasid figures'
fi
[ "$MODE" = tree ] || need_prepared_tree
[ -z "${MACHINE:-}" ] || case " $MACHINES " in
*" $MACHINE "*) MACHINES=$MACHINE ;;
*) die "no machine is called $MACHINE (known: $MACHINES)" ;;
esac

# What differs with a device tree has to differ with ACPI.
with_acpi() { if [ -n "${BASE_FIRMWARE:-}" ]; then sed '/^ats\./{ p; s/^ats\.\([^ |]*\).*/acpi.\1 |/; }' "$1"; else cat "$1"; fi; }
of_machines() { grep -E "^($(say "$MACHINES" | tr -s ' ' '|'))\\." || :; }
[ "$MODE" = tree ] || with_acpi "$QUEUE/scenarios" | of_machines >"$LIST"

# QEMU's trace has to show what the guest has read from the command queue.
report_counts() { # LABEL
	"$KIT/facts.py" counts "$BENCH/$1" >"$BENCH/$1/counts" || tap 'not ok' "$1: the commands cannot be compared with QEMU's trace"
	case " $MACHINES " in *' ats '*) [ -s "$BENCH/$1/counts" ] || tap 'not ok' "$1: no commands were counted" ;; esac
	while read -r verdict text; do
		case $verdict in
		same) tap ok "$1: $text" ;;
		*) tap 'not ok' "$1: $text" ;;
		esac
	done <"$BENCH/$1/counts"
}

# The bug itself: pci_disable_ats() warns, and arm_smmu_attach_prepare() has called it.
warnings() { # LABEL
	number "$(cat "$BENCH/$1"/*.console | grep -c '^WARNING: .* pci_disable_ats+')"
}
calls() { # LABEL: the first such call trace
	awk '/^WARNING: .* pci_disable_ats\+/ { on = 1; print }
		on && /^Call trace:/ { trace = 1 }
		on && trace && !/el0|invoke_syscall|do_el0/ { print }
		on && trace && /_ioctl/ { exit }' "$BENCH/$1"/ats.console
}
attach_warns() {
	calls unpatched | awk '/ pci_disable_ats\+/ { n = NR } / arm_smmu_attach_prepare\+/ && NR == n + 1 { ok = 1 } END { exit !ok }'
}
report_costs() {
	"$KIT/facts.py" costs "$BENCH" >"$BENCH/costs" || :
	[ -s "$BENCH/costs" ] || tap 'not ok' 'figures: there are none'
	while read -r verdict text; do
		case $verdict in
		holds) tap ok "figures: $text" ;;
		*) tap 'not ok' "figures: $text" ;;
		esac
	done <"$BENCH/costs"
}
# With a device tree the same scenarios would pass.
report_firmware() { # LABEL
	if grep -q 'ACPI: IORT ' "$BENCH/$1/acpi.console"; then
		tap ok "$1: acpi: the kernel has its tables from the firmware"
	else
		tap 'not ok' "$1: acpi: the kernel has no IORT"
	fi
}
evidence() {
	report_counts unpatched
	report_counts patched
	case " $MACHINES " in *' figures '*) report_costs ;; esac
	case " $MACHINES " in *' acpi '*) report_firmware unpatched; report_firmware patched ;; esac
	case " $MACHINES " in *' ats '*) ;; *) return ;; esac
	seen=no
	! attach_warns || seen=yes
	case $seen in
	"$BASE_WARNS") tap ok "unpatched: WARNING in pci_disable_ats() under arm_smmu_attach_prepare(): $seen" ;;
	*) tap 'not ok' "unpatched: WARNING in pci_disable_ats() under arm_smmu_attach_prepare(): $seen, expected: $BASE_WARNS" ;;
	esac
	if [ "$(warnings patched)" = 0 ]; then
		tap ok 'patched: no WARNING in pci_disable_ats()'
	else
		tap 'not ok' "patched: $(warnings patched) WARNINGs in pci_disable_ats()"
	fi
}
table() {
	show_scenarios ''
	case " $MACHINES " in *' figures '*) "$KIT/facts.py" figures "$BENCH" | tee "$RESULTS/figures.txt" ;; esac
	case " $MACHINES " in *' ats '*) ;; *) return ;; esac
	say "WARNINGs in pci_disable_ats(): $(warnings unpatched) unpatched, $(warnings patched) patched."
	[ "$(warnings unpatched)" = 0 ] || { say "The first ($BENCH/unpatched/ats.console):"; calls unpatched | sed 's/^/    /'; }
	echo
}

# A scenario sees what the log has got while it ran; this is what was found before, between and after them. Not every WARNING: when an
# allocation fails the IOMMU core has some, which fail_nth counts.
FINDINGS='BUG: |KASAN: |UBSAN: |INFO: (task|rcu)|kmemleak: .*(leaks|disabled)|init: kmemleak|possible (circular|recursive)|inconsistent lock|Invalid wait context|suspicious RCU usage|list_(add|del) corruption|turning off the locking'
findings() { # LABEL
	for console in "$BENCH/$1"/*.console; do
		machine=$(basename "$console" .console)
		if found=$(grep -m 1 -E "$FINDINGS" "$console"); then
			tap 'not ok' "$machine: $found (console $console)"
		elif ! grep -q 'init: looked for leaks' "$console"; then
			tap 'not ok' "$machine: nobody has looked for leaks (console $console)"
		else
			tap ok "$machine: no finding, from boot to power off"
		fi
	done
}
tree_evidence() { [ -z "$SAN" ] || findings tree; }
sanitized() {
	CONFIGS="$CONFIGS $KIT/config/sanitizers.config"
	kernel series san
	before_boot san
	run san
	tap_begin "$COMPARED-san"
	report_cases san
	findings san
	tap_end passed failed || { ! lost san || exit 3; exit 1; }
}

case " $MACHINES " in *' acpi '*) need "$FIRMWARE" ;; esac
make_qemu
guest initramfs.cpio.gz
case $MODE${SAN:+-san} in
compare) compare ;;
compare-san) sanitized ;;
tree*) on_tree "$@" ;;
esac
