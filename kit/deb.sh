#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A Debian package of the patched kernel, for a real machine, by the kernel's own bindeb-pkg.
#   deb.sh          with CONFIG=file, or the distribution's: the newest in /boot, if this host is of the ARCH wanted, or that of its package
#                   linux-config-<base>. ARCH=arm64 or x86
#   deb.sh try      with the bench's configuration, or CONFIG=file; then the kernel is taken out of the package, for the bench to boot:
#                   build/<base>/kernels/deb/Image. Called by kit/mk/check.mk
# The packages are in build/deb/<base>/.
set -eu
WANTED_ARCH=${ARCH:-arm64} # lib.sh clears the name that make gives it
. "$(dirname -- "$0")/lib.sh"
. "$KIT/apt.sh"
CONFIG=${CONFIG:-}
case $* in '' | try) ;; *) die 'usage: deb.sh [try]' ;; esac
case $WANTED_ARCH in
arm64) CPU=aarch64 DEBIAN=arm64 ;;
x86) CPU=x86_64 DEBIAN=amd64 ;;
*) die "ARCH=$WANTED_ARCH: not supported (known: arm64 x86)" ;;
esac
[ "$*$WANTED_ARCH" != tryx86 ] || die "ARCH=x86: the bench boots arm64 packages only: 'make deb ARCH=x86' builds one"
if [ -n "$CONFIG" ]; then
	[ -f "$CONFIG" ] || die "CONFIG=$CONFIG: no such file"
	grep -q '^CONFIG_' "$CONFIG" || die "CONFIG=$CONFIG: not a kernel configuration"
fi
set_cross "$WANTED_ARCH"
need "${CROSS}gcc" gcc /usr/include/stdlib.h /usr/include/libelf.h /usr/include/openssl/bio.h make flex bison bc perl python3 \
	dpkg-buildpackage dh_listpackages rsync cpio /usr/sbin/depmod
begin
need_prepared_tree

# dpkg leaves what it has made above the objects.
O=$WORK/objects/deb-$WANTED_ARCH MADE=$WORK/objects OUT=$BUILD_DIR/deb/$BASE LOG=$LOGS/deb-$WANTED_ARCH.log
# What the changelog of a package needs, and no one's own; without it the version would be the tree's local commit.
version=$(sed -n 's/^version=//p' "$WORK/source")
export KDEB_PKGVERSION="$version-1" DEBFULLNAME='The PCIe ATS series' DEBEMAIL=ats@series.invalid KDEB_CHANGELOG_DIST=unstable
export KBUILD_BUILD_USER=ats KBUILD_BUILD_HOST=series
# What is needed was looked for above. Headers for building modules hold programs of the target, and need its libraries.
[ -z "$CROSS" ] || export DEB_BUILD_PROFILES=pkg.linux-upstream.nokernelheaders
deb_make() { kernel_make "$WANTED_ARCH" "$O" LOCALVERSION=-ats "$@"; }

# The newest of this host's own kernels, if they are for the same processor, or else the distribution's.
find_config() {
	[ "$(uname -m)" != "$CPU" ] || CONFIG=$(find /boot -maxdepth 1 -name 'config-*' ! -name '*-ats' 2>/dev/null | sort -V | tail -n 1)
	FROM=$CONFIG
	[ -z "$CONFIG" ] || return 0
	package=linux-config-${BASE_PACKAGE#linux-source-} FOLDER=$O/distribution
	CONFIG=$FOLDER/usr/src/$package/config.${DEBIAN}_none_$DEBIAN.xz
	export ARCHITECTURE="$DEBIAN"
	[ -f "$CONFIG" ] || get_packages "$FOLDER" deb "$SUITES" newest "$package" ||
		die "no configuration for Linux $BASE on $DEBIAN (looked in /boot and for the package $package, log $LOG): set CONFIG="
	FROM="package $(cat "$FOLDER/source")"
}
# A package with debug information takes an hour and several GB. The distribution's keys are the distribution's.
configure() {
	xz -dcf "$CONFIG" >"$O/.config" || return 1 # this copies what xz has not packed
	"$TREE/scripts/config" --file "$O/.config" -e DEBUG_INFO_NONE -d DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT -d DEBUG_INFO_DWARF4 \
		-d DEBUG_INFO_DWARF5 -d DEBUG_INFO_BTF -d LOCALVERSION_AUTO --set-str LOCALVERSION '' \
		--set-str SYSTEM_TRUSTED_KEYS '' --set-str SYSTEM_REVOCATION_KEYS '' || return 1
	! grep -qx 'CONFIG_MODULE_SIG_KEY=""' "$O/.config" || "$TREE/scripts/config" --file "$O/.config" --set-str MODULE_SIG_KEY certs/signing_key.pem
	deb_make olddefconfig || return 1
	! grep -qx 'CONFIG_DEBUG_INFO=y' "$O/.config" || { echo "error: CONFIG_DEBUG_INFO is still enabled"; return 1; }
}

make_dir "$O"
[ -n "$CONFIG" ] || [ $# = 0 ] || CONFIG=$WORK/objects/arm64/.config
FROM=$CONFIG
[ -n "$CONFIG" ] || find_config
progress "$ME: configuring, with $FROM" "$LOG" configure || failed 'configuring the kernel'
# What the rest of it needs, an hour from now.
! grep -q '^CONFIG_KERNEL_ZSTD=y' "$O/.config" || need zstd
! grep -q '^CONFIG_MODULE_SIG=y' "$O/.config" || need openssl

rm -f "$MADE"/linux-*.deb
progress "$ME: building for $WANTED_ARCH" "$LOG" deb_make DPKG_FLAGS=-d bindeb-pkg || failed 'building the package'
make_dir "$OUT"
rm -f "$OUT"/*"_$DEBIAN.deb" "$MADE"/linux-libc-dev*.deb "$MADE"/linux-upstream_*
mv "$MADE"/linux-*.deb "$OUT"
PACKAGE=$(echo "$OUT"/linux-image-*"_$DEBIAN.deb")
[ -f "$PACKAGE" ] || die "bindeb-pkg wrote no linux-image package (log $LOG)"
say "$ME: $PACKAGE, $(du -m "$PACKAGE" | cut -f 1) MB, with $FROM, $(elapsed); install it with: apt install $PACKAGE"
[ $# != 0 ] || exit 0

rm -rf "$O/unpacked"
dpkg-deb -x "$PACKAGE" "$O/unpacked"
make_dir "$WORK/kernels/deb"
zcat -f "$O"/unpacked/boot/vmlinuz-* >"$WORK/kernels/deb/Image.tmp" || die "$PACKAGE has no /boot/vmlinuz-*"
mv "$WORK/kernels/deb/Image.tmp" "$WORK/kernels/deb/Image"
