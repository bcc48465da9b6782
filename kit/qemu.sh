#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# qemu.sh [x86|base]: build QEMU for arm64 guests, and the tests of it that are run here, from what the prepared tree holds, committed or not;
# or that for x86 guests, without tests; or QEMU for arm64 guests without the queue, to compare with, in build/qemu-<base>/base.
set -eu
PROJECT=qemu
. "$(dirname -- "$0")/lib.sh"
case $#,${1:-} in 0, | 1,x86 | 1,base) ;; *) die "usage: qemu.sh [x86|base]" ;; esac
begin
"$KIT/meson.sh"
O=$WORK/build LOG=$LOGS/build${1:+-$1}.log DEVICES=$TOP/bench/qemu/devices
make_dir "$LOGS"
case ${1:-} in
x86) TARGETS=qemu-system-x86_64 ;;
base)
	[ -d "$WORK/base/qemu" ] || tree_git worktree add -q -f --detach "$WORK/base/qemu" base ||
		die "cannot check out QEMU in $WORK/base/qemu: check free space"
	TREE=$WORK/base/qemu TARGETS=qemu-system-aarch64 O=$WORK/base/build
	;;
*) TARGETS="qemu-system-aarch64 $("$TOP/judge" qtests | sed 's,^,tests/qtest/,' | paste -sd ' ')" ;;
esac
CROSS=''
need gcc ninja pkg-config /usr/bin/python3 '/usr/lib/python3.*/ensurepip' /usr/include/stdlib.h /usr/include/zlib.h \
	/usr/include/glib-2.0/glib.h /usr/include/libfdt.h
use_ccache
# The two builds of QEMU are in different folders, and have most objects in common.
export CCACHE_NOHASHDIR=1
unset CFLAGS CPPFLAGS CXXFLAGS LDFLAGS NINJA NINJAFLAGS NINJA_STATUS
export PYTHONPATH="$BUILD_DIR/tools/usr/lib/python3/dist-packages" PYTHONDONTWRITEBYTECODE=1

# As little as boots a kernel on the machines of the bench: from nothing it is built in the time that a kernel takes.
ARGUMENTS='--python=/usr/bin/python3 --target-list=aarch64-softmmu,x86_64-softmmu --without-default-features --enable-system
	--without-default-devices --with-devices-aarch64=bench --with-devices-x86_64=bench --enable-tcg --enable-kvm
	--enable-fdt=system --disable-debug-info --disable-docs --disable-tools --disable-werror --disable-install-blobs'
# What meson does not look at by itself before it builds.
configuration() {
	say "$CC" "$ARGUMENTS"
	cat "$DEVICES"/*.mak "$TREE"/configs/devices/*/bench.mak
	(cd "$TREE" && cat configure pythondeps.toml) | sha256sum
}
# Configure takes a list of devices from the tree alone, where it is nobody's to commit. QEMU without the queue has no test device.
devices() {
	echo 'configs/devices/*/bench.mak' >"$(tree_git rev-parse --path-format=absolute --git-path info/exclude)" || return 1
	for list in "$DEVICES"/*.mak; do
		copy=$TREE/configs/devices/$(basename "$list" .mak)/bench.mak
		cp "$list" "$copy" || return 1
		grep -q 'config ATS_TESTDEV' "$TREE/hw/misc/Kconfig" || sed -i '/^CONFIG_ATS_TESTDEV=/d' "$copy" || return 1
	done
}
# In a git tree configure leaves werror for meson to find when it runs again, and all would be built again with -Werror. A network card does not
# start without its ROM, which nothing here runs: so none of the real ones has to be there.
configure() {
	rm -rf "$O" && mkdir "$O" && devices && cd "$O" || return 1
	# shellcheck disable=SC2086  # a list of words
	"../${TREE##*/}/configure" --cc="$CC" $ARGUMENTS && sed -i '/^werror = /d' config-meson.cross || return 1
	roms=qemu-bundle/usr/local/share/qemu
	mkdir -p "$roms"
	sed -n "s/^ *'\(.*\.rom\)',\$/\1/p" "$TREE/pc-bios/meson.build" | while read -r rom; do head -c 512 /dev/zero >"$roms/$rom"; done
	configuration >made-from
}
# All objects include a list of the names that they must not use. The queue adds one, which no object of either uses: with the same list ccache
# has most of the second build.
build() {
	if [ "$O" != "$WORK/build" ] && [ -f "$WORK/build/config-poison.h" ]; then
		ninja -C "$O" config-poison.h && cp "$WORK/build/config-poison.h" "$O" || return 1
	fi
	# shellcheck disable=SC2086  # a list of words
	ninja -C "$O" -j "$JOBS" $TARGETS
}
configuration 2>/dev/null | cmp -s - "$O/made-from" || progress "$ME: configuring" "$LOG" configure || failed 'configuring QEMU'
progress "$ME: building" "$LOG" build || failed 'building QEMU'
say "$ME: QEMU $(sed -n 's/^version=//p' "$WORK/source")$([ "${1:-}" != base ] || say ' without the queue') in $O, $(elapsed)"
