#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A Debian package of the patched kernel, for a real machine, by the kernel's own bindeb-pkg.
#   deb.sh              with CONFIG=file, or the distribution's: the newest in /boot, if this host is of the ARCH wanted, or
#                       that of its package linux-config-<base>. ARCH=arm64 or x86
#   deb.sh config       only that configuration: build/<base>/deb-<arch>/.config
#   deb.sh try [CASE..] with the bench's configuration, or CONFIG=file; then the kernel is taken out of the package and
#                       booted on the bench, where these scenarios have to pass
# The packages are in build/deb/<base>/.
set -eu
WANTED_ARCH=${ARCH:-arm64} # lib.sh clears the name that make gives it
. "$(dirname -- "$0")/lib.sh"
. "$KIT/apt.sh"
MODE=${1:-build}
[ $# = 0 ] || shift
CONFIG=${CONFIG:-}
case $MODE in
build | config) [ $# = 0 ] || die "usage: deb.sh [config | try [machine.case...]]" ;;
try) [ $# != 0 ] || set -- ats.function.vf_off_on.vfio_type1_twice ats.function.vf_off_on.iommufd_twice ats.sriov.off_on.numvfs_up_and_down ;;
*) die "usage: deb.sh [config | try [machine.case...]]" ;;
esac
case $WANTED_ARCH in
arm64) CPU=aarch64 DEBIAN=arm64 TRIPLET=aarch64-linux-gnu ;;
x86) CPU=x86_64 DEBIAN=amd64 TRIPLET=x86_64-linux-gnu ;;
*) die "no package for ARCH=$WANTED_ARCH (known: arm64 x86)" ;;
esac
[ "$MODE$WANTED_ARCH" != tryx86 ] || die "the bench's machine is arm64: a package for x86 can be built here, and not tried"
[ -z "$CONFIG" ] || [ -f "$CONFIG" ] || die "CONFIG=$CONFIG: no such file"
[ -z "$CONFIG" ] || grep -q '^CONFIG_' "$CONFIG" || die "CONFIG=$CONFIG: not the configuration of a kernel"
load_pin
CROSS=''
[ "$(uname -m)" = "$CPU" ] || CROSS=$TRIPLET-
need "${CROSS}gcc" gcc /usr/include/stdlib.h /usr/include/libelf.h /usr/include/openssl/bio.h make flex bison bc perl python3 \
	dpkg-buildpackage dh_listpackages rsync cpio /usr/sbin/depmod
begin
need_prepared_tree
use_ccache

# Beside the other builds, so that ccache knows the objects from there. dpkg leaves what it has made above it.
O=$WORK/deb-$WANTED_ARCH
OUT=$BUILD_DIR/deb/$BASE
LOG=$LOGS/deb-$WANTED_ARCH.log
# What the changelog of a package needs, and no one's own; without it the version would be the tree's local commit.
version=$(sed -n 's/^version=//p' "$WORK/source")
export KDEB_PKGVERSION="$version-1" DEBFULLNAME='The PCIe ATS series' DEBEMAIL=ats@series.invalid KDEB_CHANGELOG_DIST=unstable KBUILD_BUILD_USER=ats KBUILD_BUILD_HOST=series
# What is needed was looked for above. Headers for building modules hold programs of the target, and need its libraries.
[ -z "$CROSS" ] || export DEB_BUILD_PROFILES=pkg.linux-upstream.nokernelheaders

kernel_make() {
	make -C "$TREE" ARCH="$WANTED_ARCH" ${CROSS:+"CROSS_COMPILE=$CROSS"} CC="$CC" HOSTCC="$HOSTCC" O="$O" LOCALVERSION=-ats -j "$JOBS" "$@"
}

# ---- the configuration

bench_config() {
	BUILD_ONLY=1 "$KIT/kunit.sh" arm64
	CONFIG=$WORK/arm64/.config CONFIG_FROM="the bench's configuration"
}

# Of this host's own kernels only where they are for the same processor.
installed_config() {
	[ "$(uname -m)" = "$CPU" ] || return 1
	CONFIG=$(find /boot -maxdepth 1 -name 'config-*' ! -name '*-ats' 2>/dev/null | sort -V | tail -n 1)
	[ -n "$CONFIG" ] && CONFIG_FROM=$CONFIG
}

download_config() { # PACKAGE
	own_apt apt-get -q update || :
	newest=$(versions "$1" | tail -n 1)
	[ -n "$newest" ] || { echo "E: no suite of the mirror has $1"; return 1; }
	rm -rf "${APT:?}/$1"*
	download "$1=$newest" && dpkg-deb -x "$APT/$1"_*.deb "$APT/$1" || return 1
	xz -dc "$APT/$1/usr/src/$1/config.${DEBIAN}_none_$DEBIAN.xz" >"$O/config.tmp" || return 1
	say "package $1 $newest" >"$O/config.from"
	mv "$O/config.tmp" "$O/config.distribution"
}
distribution_config() {
	package=linux-config-${BASE_PACKAGE#linux-source-}
	export ARCHITECTURE="$DEBIAN"
	if [ ! -f "$O/config.distribution" ]; then
		{
			apt_config deb trixie-backports forky sid bookworm-backports trixie &&
				progress "$ME: $package from the distribution" "$LOGS/deb-config.log" meter_none download_config "$package"
		} || die "no configuration for Linux $BASE on $DEBIAN: neither in /boot nor as the package $package; name one with CONFIG="
	fi
	CONFIG=$O/config.distribution CONFIG_FROM=$(cat "$O/config.from")
}

choose_config() {
	CONFIG_FROM=$CONFIG
	[ -z "$CONFIG" ] || return 0
	if [ "$MODE" = try ]; then bench_config; else installed_config || distribution_config; fi
}

# A package with debug information takes an hour and several GB. The distribution's keys are the distribution's.
configure() {
	cp "$CONFIG" "$O/.config"
	"$TREE/scripts/config" --file "$O/.config" -e DEBUG_INFO_NONE -d DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT -d DEBUG_INFO_DWARF4 \
		-d DEBUG_INFO_DWARF5 -d DEBUG_INFO_BTF -d LOCALVERSION_AUTO --set-str LOCALVERSION '' \
		--set-str SYSTEM_TRUSTED_KEYS '' --set-str SYSTEM_REVOCATION_KEYS '' || return 1
	! grep -qx 'CONFIG_MODULE_SIG_KEY=""' "$O/.config" || "$TREE/scripts/config" --file "$O/.config" --set-str MODULE_SIG_KEY certs/signing_key.pem
	kernel_make olddefconfig || return 1
	! grep -qx 'CONFIG_DEBUG_INFO=y' "$O/.config" || { echo "error: debug information is still on"; return 1; }
}

# What the rest of it needs, an hour from now.
need_for_config() {
	! grep -q '^CONFIG_KERNEL_ZSTD=y' "$O/.config" || need zstd
	! grep -q '^CONFIG_MODULE_SIG=y' "$O/.config" || need openssl
}

# ---- the package

objects() { number "$(grep -cE '^  (HOST)?(CC|AS|LD|AR) ' "$LOG")"; }
meter_objects() {
	printf '%s' "$(objects)"
	[ ! -f "$O/objects" ] || [ -f "$O/vmlinux" ] || printf ' of about %s' "$(cat "$O/objects")"
	printf ' objects, '
}
fail() { explain "$LOG" "$1" "$(grep -m 1 -E ' error: |^error: |^E: |^dh_.*: error|dpkg.*: error' "$LOG" || tail -n 1 "$LOG") (log $LOG)"; }

package() {
	rm -f "$WORK"/linux-*.deb "$WORK"/linux-upstream_*
	first_build=$([ -f "$O/vmlinux" ] || echo yes)
	progress "$ME: building for $WANTED_ARCH" "$LOG" meter_objects kernel_make DPKG_FLAGS=-d bindeb-pkg || fail 'the package cannot be built'
	[ -z "$first_build" ] || objects >"$O/objects"
	make_dir "$OUT"
	rm -f "$OUT"/*"_$DEBIAN.deb"
	mv "$WORK"/linux-image-*.deb "$OUT"
	for headers in "$WORK"/linux-headers-*.deb; do [ ! -f "$headers" ] || mv "$headers" "$OUT"; done
	rm -f "$WORK"/linux-*.deb "$WORK"/linux-upstream_*
	PACKAGE=$(echo "$OUT"/linux-image-*"_$DEBIAN.deb")
	[ -f "$PACKAGE" ] || die "bindeb-pkg has left no linux-image (log $LOG)"
	say "$ME: $PACKAGE, $(du -m "$PACKAGE" | cut -f 1) MB, with $CONFIG_FROM, $(elapsed); install it with: apt install $PACKAGE"
}

make_dir "$O"
choose_config
progress "$ME: configuring, with $CONFIG_FROM" "$LOG" meter_none configure || fail 'it cannot be configured'
need_for_config
if [ "$MODE" = config ]; then
	say "$ME: $O/.config, with $CONFIG_FROM: $(grep -c '=y$' "$O/.config") built in, $(grep -c '=m$' "$O/.config" || :) modules"
	exit 0
fi
package
[ "$MODE" = try ] || exit 0
# shellcheck source=kit/compare.sh
. "$KIT/compare.sh"
# shellcheck disable=SC2034  # for compare.sh
COMPARED=deb
. "$KIT/machines.sh"
# The kernel of the package takes the place of the tree's on the bench.
# shellcheck disable=SC2317
tree_kernel() {
	rm -rf "$O/unpacked"
	dpkg-deb -x "$PACKAGE" "$O/unpacked"
	vmlinuz=$(echo "$O"/unpacked/boot/vmlinuz-*)
	[ -f "$vmlinuz" ] || die "$PACKAGE holds no /boot/vmlinuz-*"
	zcat -f "$vmlinuz" >"$BENCH/Image-tree"
	say "$ME: booting ${vmlinuz#"$O/unpacked"} of ${PACKAGE##*/}"
}
# shellcheck disable=SC2317
tree_evidence() {
	if grep -q "Linux version $version-ats " "$RUNS/tree"/*.console; then
		tap ok "the kernel is that of the package"
	else
		tap 'not ok' "the kernel is that of the package: it is another (${RUNS#"$TOP"/}/tree)"
	fi
}

"$KIT/qemu.sh"
guest initramfs.cpio.gz
on_tree "$@"
