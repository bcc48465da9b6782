# shellcheck shell=sh
# SPDX-License-Identifier: GPL-2.0
# What the machines of the bench are made of, for bench/*.sh: kernels, guest, device trees, and how one is booted. The
# caller has series/lib.sh, has begun, and sets WANTED to the cases it wants, none for all.
# shellcheck disable=SC2034  # the scripts that source this file use these
BENCH=$WORK/bench
QEMU=$BUILD_DIR/qemu-10.2/build/qemu-system-aarch64
MACHINES='ats smmu-without-ats root-without-ats noats'
CROSS=''
[ "$(uname -m)" = aarch64 ] || CROSS=aarch64-linux-gnu-
need "${CROSS}gcc" fdtput python3
make_dir "$BENCH"
make_dir "$RESULTS"
make_dir "$LOGS"

# A kernel is built again only when the code or its configuration is another.
kernel() { # BRANCH LABEL
	key=$({ tree_git rev-parse "$1^{tree}"; cat "$TOP/bench/kernel.config" "$SERIES/arm64.config"; } | sha256sum)
	if [ "$key" = "$(cat "$BENCH/Image-$2.key" 2>/dev/null)" ] && [ -f "$BENCH/Image-$2" ]; then return; fi
	rm -f "$BENCH/Image-$2.key"
	borrow branch series
	tree_git checkout -q "$1"
	BUILD_ONLY=1 "$SERIES/kunit.sh" arm64
	cp "$WORK/arm64/arch/arm64/boot/Image" "$BENCH/Image-$2"
	give_back
	say "$key" >"$BENCH/Image-$2.key"
}

tree_kernel() {
	BUILD_ONLY=1 "$SERIES/kunit.sh" arm64
	cp "$WORK/arm64/arch/arm64/boot/Image" "$BENCH/Image-tree"
}

make_guest() {
	if [ ! -f "$BENCH/headers/usr/include/linux/iommufd.h" ]; then
		make -C "$TREE" ARCH=arm64 O="$BENCH/headers" headers || return 1
	fi
	make -C "$TOP/bench/guest" CC="${CROSS}gcc" HEADERS="$BENCH/headers/usr/include" \
		KSELFTEST="$TREE/tools/testing/selftests" GEN_INIT_CPIO="$TREE/usr/gen_init_cpio.c" O="$BENCH/guest"
}
guest() {
	progress "bench: building the guest" "$LOGS/guest.log" meter_none make_guest ||
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
	dump_device_trees "$1" >"$LOGS/device-trees.log" 2>&1 ||
		explain "$LOGS/device-trees.log" 'QEMU does not write its device tree' "$(head -n 1 "$LOGS/device-trees.log") (log $LOGS/device-trees.log)"
}

# The guest's time is counted in its instructions, and skipped while it sleeps: a run takes as long as there is work, and
# gives the same again.
arguments() { # MACHINE LABEL
	say -icount shift=0,sleep=off -M virt,iommu=smmuv3,gic-version=3 -cpu cortex-a72 -smp 1 -m 512 -global arm-smmuv3.fwb=on
	say -readconfig "$TOP/bench/machine.cfg" -kernel "$BENCH/Image-$2" -initrd "$BENCH/guest/initramfs.cpio.gz"
	[ "$1" = smmu-without-ats ] || say -global arm-smmuv3.ats=on
	case $1 in *-without-ats) say -dtb "$BENCH/$1.dtb" ;; esac
}
command_line() { # MACHINE
	printf 'console=ttyAMA0 kunit.enable=0 panic=-1 bench.machine=%s' "$1"
	[ "$1" != noats ] || printf ' pci=noats'
	tests=$(cases_of "$1" | sed 's/^/-r,/' | paste -sd ,)
	[ -z "$tests" ] || printf ' bench.filter=%s' "$tests"
}

# Of the cases named on the command line those of one machine: none named is all.
cases_of() { for case in $WANTED; do case $case in "$1".*) say "${case#*.}" ;; esac; done; }

boot() { # MACHINE LABEL
	mkdir -p "$BENCH/$2"
	rm -f "$BENCH/$2/$1".*
	rc=0
	# shellcheck disable=SC2046  # a list of words
	"$TOP/bench/run.py" "$BENCH/$2/$1" "$QEMU" $(arguments "$1" "$2") -append "$(command_line "$1")" || rc=$?
	say "$rc" >"$BENCH/$2/$1.rc"
}
