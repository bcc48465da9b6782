#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Untested on a lab's machine: kit/tests/labs.bats has stand-ins for kernel and programs, and a guest is no lab.
# What the jobs in labs/ run on the device under test, each case a result for LAVA, or a line where there is no LAVA:
#   on-device.sh kunit SUITE...   what KUnit did at boot: the kernel wants kunit.enable=1 and CONFIG_KUNIT_DEBUGFS
#   on-device.sh selftests        iommufd's own selftests, on the kernel's mock IOMMU (CONFIG_IOMMUFD_TEST)
#   on-device.sh device BDF...    binds these PCI functions to vfio-pci; what a VMM decides of each, and the DMA map stress
# KSELFTEST= is the folder of the programs, SPAN= and DURATION= (of each mode, in seconds) are of the stress.
set -u
DEBUGFS=${DEBUGFS:-/sys/kernel/debug} SYSFS=${SYSFS:-/sys} PROC=${PROC:-/proc}
KSELFTEST=${KSELFTEST:-/opt/ats/kselftest/iommu} SPAN=${SPAN:-64G} DURATION=${DURATION:-60}
failed=0 ran=0
usage() { echo 'usage: on-device.sh kunit SUITE... | selftests | device BDF...' >&2; exit 2; }

report() { # CASE pass|fail|skip
	if command -v lava-test-case >/dev/null; then lava-test-case "$1" --result "$2"; else echo "$2: $1"; fi
	ran=$((ran + 1))
	[ "$2" != fail ] || failed=$((failed + 1))
}
suite() { # start|stop SUITE
	if command -v lava-test-set >/dev/null; then lava-test-set "$1" "$2"; else echo "=== $1 $2"; fi
}

# LAVA has no nested results: of KTAP those at one level, and whether all are there that were planned.
results() { # INDENT
	awk -v indent="$1" '
		substr($0, 1, length(indent)) != indent { next }
		{ line = substr($0, length(indent) + 1) }
		line ~ /^1\.\.[0-9]+/ && !plan { plan = substr(line, 4) + 0 }
		line ~ /^(not )?ok [0-9]+/ {
			result = (line ~ /^not/) ? "fail" : (line ~ /# SKIP/) ? "skip" : "pass"
			sub(/^(not )?ok [0-9]+ (- )?/, "", line)
			sub(/ *# .*/, "", line)
			gsub(/[^A-Za-z0-9_.-]+/, "-", line)
			print line, result
			done++
		}
		END { print "all-results-are-there", (plan && done >= plan) ? "pass" : "fail" }'
}
report_ktap() { # SUITE INDENT FILE
	suite start "$1"
	results "$2" <"$3" >"$work/results" && [ -s "$work/results" ] || echo all-results-are-there fail >"$work/results"
	while read -r case result; do report "$case" "$result"; done <"$work/results"
	suite stop "$1"
}

need_debugfs() { [ -d "$DEBUGFS/iommu" ] || [ -d "$DEBUGFS/kunit" ] || mount -t debugfs none "$DEBUGFS"; }

run_kunit() { # SUITE...
	need_debugfs
	for name; do
		cat "$DEBUGFS/kunit/$name/results" >"$work/ktap"
		report_ktap "$name" '    ' "$work/ktap"
	done
}

# Exit status 4 is a test that found nothing to do.
run_program() { # SUITE COMMAND...
	name=$1
	shift
	rc=0
	"$@" >"$work/ktap" 2>&1 || rc=$?
	cat "$work/ktap"
	if [ "$rc" = 4 ]; then report "$name" skip; else report_ktap "$name" '' "$work/ktap"; fi
}
run_selftests() {
	need_debugfs # for the failures that they inject
	# The largest buffer of these tests, twice.
	echo 72 >"$PROC/sys/vm/nr_hugepages"
	for name in iommufd iommufd_fail_nth; do run_program "$name" "$KSELFTEST/$name"; done
}

bind() { # BDF
	modprobe vfio-pci || :
	echo vfio-pci >"$SYSFS/bus/pci/devices/$1/driver_override" || return 1
	[ ! -e "$SYSFS/bus/pci/devices/$1/driver" ] || echo "$1" >"$SYSFS/bus/pci/devices/$1/driver/unbind"
	echo "$1" >"$SYSFS/bus/pci/drivers_probe"
}
# "on" may be refused (1): a device that cannot deliver is. No answer at all is a failure.
run_policy() { # BDF
	suite start "ats_policy-$1"
	for policy in off on auto; do
		rc=0
		"$KSELFTEST/ats_policy" --ats "$policy" "$1" || rc=$?
		case $policy,$rc in *,0 | on,1) report "$policy" pass ;; *) report "$policy" fail ;; esac
	done
	suite stop "ats_policy-$1"
}
run_device() { # BDF
	if ! bind "$1"; then report "bind-$1" fail; return; fi
	run_policy "$1"
	run_program "dma_map_stress-$1" "$KSELFTEST/dma_map_stress" --device "$1" --span "$SPAN" --threads 4 --duration "$DURATION"
}

work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
kind=${1:-}
[ $# = 0 ] || shift
case $kind in
kunit) [ $# != 0 ] || usage; run_kunit "$@" ;;
selftests) [ $# = 0 ] || usage; run_selftests ;;
device) [ $# != 0 ] || usage; for bdf; do run_device "$bdf"; done ;;
*) usage ;;
esac
[ "$failed" = 0 ] && [ "$ran" != 0 ]
