# SPDX-License-Identifier: GPL-2.0
# bisect, on a kernel of two files that are compiled and linked, with ATS and without.
load setup

kernel() {
	cat >>"$KERNEL/Makefile" <<-'EOC'
		.RECIPEPREFIX = >
		objects := $(patsubst %.c,$(O)/%.o,$(wildcard drivers/pci/*.c))
		allnoconfig:
		>(grep '=y' $(KCONFIG_ALLCONFIG); echo CONFIG_PCI_QUIRKS=y) >$(O)/.config
		>! grep -qE 'PCI_(IOV|PRI|PASID)=|(AMD|INTEL)_IOMMU=' $(O)/.config || echo CONFIG_PCI_ATS=y >>$(O)/.config
		>sort $(KCONFIG_ALLCONFIG) | uniq -d | sed 's/^CONFIG/fragment:1:warning: override: reassigning to symbol /'
		>sed 's/^/#define /; s/=y/ 1/' $(O)/.config >$(O)/autoconf.h.new
		>cmp -s $(O)/autoconf.h.new $(O)/autoconf.h || cp $(O)/autoconf.h.new $(O)/autoconf.h
		vmlinux: $(objects)
		>$(CC) -nostdlib -static -Wl,-e,0 -o $(O)/vmlinux $^
		$(O)/%.o: %.c $(O)/autoconf.h include/linux/one.h
		>mkdir -p $(@D)
		>$(CC) -Wall -I$(CURDIR)/include -include $(O)/autoconf.h -c -o $@ $(CURDIR)/$<
		>$(CC) -M -I$(CURDIR)/include -include $(O)/autoconf.h $(CURDIR)/$< >$(@D)/.$(@F).cmd
	EOC
	printf '#ifdef CONFIG_PCI_ATS\nint ats(void) { return 1; }\n#endif\n' >"$KERNEL/drivers/pci/ats.c"
	printf 'static int of_the_base(void) { return 1; }\nint quirk;\n' >"$KERNEL/drivers/pci/quirks.c"
	mkdir -p "$KERNEL/include/linux"
	echo '#define ONE 1' >"$KERNEL/include/linux/one.h"
	cp "$BATS_TEST_DIRNAME"/../config/{x86,hot-path}.config "$REPO/kit/config"
	"$REPO/kit/prepare.sh"
}
more() { echo "$2" >>"$TREE/drivers/pci/$1"; commit "$3"; }
bisect() { "$REPO/kit/refresh.sh" && run "$REPO/kit/bisect.sh" "$@" && echo "$output"; }
tap() { grep -E '^(not )?ok' "$REPO"/build/results/9.9/bisect*.tap; }

@test "bisect: a patch that breaks only what is built without ATS is named, and the one that mends it" {
	kernel
	more ats.c 'int more;' 'PCI/ATS: fine'
	more quirks.c 'int ats(void); int quirk_ats(void) { return ats(); }' 'PCI: lacks a stub'
	sed -i '$d' "$TREE/drivers/pci/quirks.c"
	commit 'PCI: mends it'
	bisect x86 x86-PCI_ATS
	[ "$status" = 1 ]
	[ "$(tap | grep -c ^ok)" = 5 ]
	tap | grep '^not ok' | grep -q '5 - PCI: lacks a stub: x86-PCI_ATS: .*undefined reference to `ats'
	[ "$(tap | grep -c '^not ok')" = 1 ]
	tap | grep -q '^ok 2 - PCI: lacks a stub: x86: builds and links'
	[ "$(git -C "$TREE" symbolic-ref --short HEAD)" = series ]
}

@test "bisect: a warning that the base does not have, the second time too; the base's own are no failure" {
	kernel
	more ats.c 'static int new(void) { return 1; }' 'PCI/ATS: unused'
	more quirks.c 'int quirk2;' 'PCI: another quirk'
	for _ in first second; do
		bisect x86-IOMMUFD
		[ "$status" = 1 ]
		tap | grep -q "^not ok 1 - PCI/ATS: unused: x86-IOMMUFD: .*warning: 'new' defined but not used"
		tap | grep -q '^ok 2 - PCI: another quirk: x86-IOMMUFD: builds and links'
	done
}

@test "bisect: a suite's own fragment may ask for what is asked for already" {
	kernel
	mkdir -p "$TREE/drivers/pci/tests"
	printf 'CONFIG_%s=y\n' PCI PCI_IOV PCI_ATS_KUNIT_TEST >"$TREE/drivers/pci/tests/.kunitconfig"
	git -C "$TREE" add drivers/pci/tests
	commit 'PCI/ATS: Add KUnit tests'
	bisect arm64-IOMMUFD
	[ "$status" = 0 ]
	tap | grep -q '^ok 1 - PCI/ATS: Add KUnit tests: arm64-IOMMUFD: builds and links'
	grep -q '^CONFIG_PCI_ATS_KUNIT_TEST=y' "$REPO/build/9.9/bisect/arm64-IOMMUFD/.config"
}

@test "bisect: what a patch does not touch is not built again, and said so; what was broken is" {
	kernel
	mkdir -p "$TREE/Documentation"
	echo text >"$TREE/Documentation/ats.rst"
	git -C "$TREE" add Documentation
	commit 'Documentation: text'
	more ats.c '#error broken' 'PCI/ATS: broken'
	echo maintainer >"$TREE/MAINTAINERS"
	git -C "$TREE" add MAINTAINERS
	commit 'MAINTAINERS: somebody'
	bisect x86
	[ "$status" = 1 ]
	tap | grep -q '^ok 1 - Documentation: text: x86: as before'
	tap | grep -q '^not ok 2 - PCI/ATS: broken: x86: .*error: #error broken'
	tap | grep -q '^not ok 3 - MAINTAINERS: somebody: x86: .*error: #error broken'
}

@test "bisect: a header's users are built again" {
	kernel
	sed -i '1i #include <linux/one.h>\nint one = ONE;' "$TREE/drivers/pci/ats.c"
	commit 'PCI/ATS: uses it'
	sed -i 's/ONE 1/TWO 2/' "$TREE/include/linux/one.h"
	commit 'PCI: takes it away'
	bisect x86
	[ "$status" = 1 ]
	tap | grep -q '^ok 1 - PCI/ATS: uses it: x86: builds and links'
	tap | grep -q '^not ok 2 - PCI: takes it away: x86: .*error'
}

@test "bisect: an option that does not go off, one that is lost, a base that does not build" {
	kernel
	sed -i 's/PCI_(IOV/(IOMMUFD|PCI_IOV/' "$TREE/Makefile"
	commit 'a Makefile that selects PCI_ATS'
	bisect x86-PCI_ATS
	[ "$status" = 1 ]
	tap | grep -q 'not ok 1 - a Makefile that selects PCI_ATS: x86-PCI_ATS: configuration error: PCI_ATS is on'
	sed -i '/CONFIG_AMD_IOMMU=y/d' "$REPO/kit/config/x86.config"
	run "$REPO/kit/bisect.sh" x86
	[ "$status" = 1 ]
	tap | grep -q 'not ok 1 - the base: x86: configuration error: AMD_IOMMU is off'
}

@test "bisect: an option that the base lacks is skipped by name; a name that is none" {
	kernel
	more ats.c 'int more;' 'PCI/ATS: fine'
	echo "BASE_LACKS='CONFIG_IOMMUFD'" >>"$QUEUE/base"
	bisect x86-IOMMUFD
	tap | grep -q '^ok 1 - x86-IOMMUFD # SKIP Linux 9.9 has no IOMMUFD'
	one_line "$REPO/kit/bisect.sh" x86-NOTHING
	says 'x86-NOTHING: no such configuration (known: um arm64 '
}

@test "bisect: without BASE= every base; one without a source is skipped by name" {
	kernel
	more ats.c 'int more;' 'PCI/ATS: fine'
	"$REPO/kit/refresh.sh"
	cp -r "$QUEUE" "$REPO/series/9.8"
	unset BASE
	one_line "$REPO/kit/bisect.sh" x86
	says 'say which with BASE='
	unset LINUX_TREE
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\nexit 100\n' >"$BATS_TEST_TMPDIR/bin/apt-get"
	printf '#!/bin/sh\nexit 6\n' >"$BATS_TEST_TMPDIR/bin/curl"
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
	run "$REPO/kit/bisect.sh" x86
	[ "$status" = 1 ] # the default base is missing
	grep -q '9.8: skipped' <<<"$output"
	grep -q 'bases: 1 good, 1 bad, 1 skipped' <<<"$output"
	sed -i 's/DEFAULT_BASE=7.2/DEFAULT_BASE=9.9/' "$REPO/kit/lib.sh"
	run "$REPO/kit/bisect.sh" x86
	[ "$status" = 0 ]
	grep -q 'bases: 1 good, 0 bad, 1 skipped' <<<"$output"
	tap | grep -q '^ok 1 - PCI/ATS: fine: x86: builds and links'
}
