# SPDX-License-Identifier: GPL-2.0
# Checks of the code, of the series as mails, and of the emulated hardware. Each leaves TAP in build/results/.
.PHONY: attribution lint checkpatch coccinelle x86 hot-path htmldocs export bisect deb deb-try bench-off mutants qtest

# With -n what hands the job server on runs all the same.
DRY := $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
# A check that finds something leaves TAP that says so, and an old date: it runs again. $(call check,COMMAND)
check = $(if $(DRY),,rm -f $@; )rc=0; $(1) || rc=$$?; [ $$rc -le 1 ] || exit $$rc; [ $$rc = 0 ] || touch -d @0 $@
TREE_INPUTS := $(W)/patched.tree $(W)/unpatched.tree $(AGAIN)
define simple
$(R)/$(1).tap: $(TREE_INPUTS) kit/$(1).sh $(2)
	@+$$(call check,QUIET=1 kit/$(1).sh)
endef
$(eval $(call simple,coccinelle,$(wildcard kit/tests/coccinelle/*) $(wildcard holes/*)))
$(eval $(call simple,x86,kit/config/x86.config))
$(eval $(call simple,hot-path,kit/config/hot-path.config))
$(eval $(call simple,htmldocs))
$(R)/lint.tap: $(TREE_INPUTS) $(wildcard kit/*.sh kit/judge/*.py kit/tests/*.py) .pylintrc MAINTAINERS
	@+$(call check,QUIET=1 kit/lint.sh)
$(R)/rehearsal.tap: $(TREE_INPUTS) kit/export.sh $(wildcard series/*/cover*.txt)
	@+$(call check,QUIET=1 V=0 kit/export.sh)
$(R)/off.tap: $(W)/kernels/patched/Image $(W)/guest/arm64/initramfs.cpio.gz $(QEMU) $(QEMU_PLAIN) kit/off.sh $(AGAIN)
	@+$(call check,QUIET=1 kit/off.sh)
# The kernel of a package takes the place of ours on the bench.
$(W)/kernels/deb/Image: $(W)/kernels/patched/Image kit/deb.sh
	@+kit/deb.sh try
$(R)/deb-tree.json: export CASES := $(or $(CASES),ats.function.vf_off_on.vfio_type1_twice ats.function.vf_off_on.iommufd_twice ats.sriov.off_on.numvfs_up_and_down)
$(R)/deb-tree.json: $(R)/deb/ats.json
	@$(JUDGE) own $@ deb ats
$(QR)/qtest.json: $(QEMU) $(Q)/prepared kit/judge/qtest.py $(AGAIN) $(if $(filter qtest,$(GOALS)),FORCE)
	@$(JUDGE) qtest $@
MUTANTS_NEED := $(W)/kernels/patched/Image $(W)/guest/arm64/initramfs.cpio.gz $(BUILD_DIR)/bench/functions-arm64.cfg $(QEMU) kit/judge/mutants.py
$(R)/mutants.json $(R)/mutants-some.json: $(MUTANTS_NEED) $(wildcard series/mutants/*) $(AGAIN)
	@+$(JUDGE) mutants $@ $(if $(findstring some,$@),some,all)
$(R)/attribution.json: $(MUTANTS_NEED) $(W)/guest/arm64/selftest.cpio.gz $(wildcard holes/*) kit/judge/attribution.py kit/judge/verdict.py
	@+$(JUDGE) attribution $@
$(QR)/mutants.json: $(QEMU) $(wildcard bench/qemu/series/mutants/*) kit/judge/mutants.py
	@+PROJECT=qemu $(JUDGE) mutants $@ all

lint: $(R)/lint.tap ## the kernel's own checks over what the series touches, before and after: nothing new; shellcheck and pylint over our own
	@$(JUDGE) show $<
checkpatch: $(W)/prepared ## of these, the kernel's checkpatch.pl --strict over each patch, and get_maintainer.pl
	@+kit/lint.sh checkpatch get_maintainer
coccinelle: $(R)/coccinelle.tap ## the semantic patch that the series adds, on the base, on the tree and on planted defects
	@$(JUDGE) show $<
x86: $(R)/x86.tap ## compile what the series edits in the Intel and AMD drivers, with warnings as errors
	@$(JUDGE) show $<
hot-path: $(R)/hot-path.tap ## the tests of the series leave no trace in the driver's code
	@$(JUDGE) show $<
htmldocs: $(R)/htmldocs.tap ## the documentation that the series adds, by the tree's own htmldocs
	@$(JUDGE) show $<
qtest: $(QR)/qtest.json ## the tests of what QEMU's queue adds, and QEMU's own for PCI; FILTER=
	@$(JUDGE) show $<
mutants: $(if $(MUTANT),FORCE) $(if $(filter qemu,$(PROJECT)),$(QR),$(R))/mutants$(if $(MUTANT),-one).json ## break each fix of the series, one at a time, and see a test fail; MUTANT=
	@$(JUDGE) show $(lastword $^)
$(R)/mutants-one.json: $(MUTANTS_NEED) FORCE
	@+$(JUDGE) mutants $@ all
$(QR)/mutants-one.json: $(QEMU) FORCE
	@+$(JUDGE) mutants $@ all
attribution: $(R)/attribution.json ## judge names the right hole: the series without the patches of one hole, for each
	@$(JUDGE) show $<
bench-off: $(R)/off.tap ## without ats=on QEMU's machine is that of upstream
	@$(JUDGE) show $<
bisect: ## each patch by itself, also with ATS disabled, builds without a new warning and passes the tests there are; TOPIC=
	@+BASE=$(ASKED_BASE) kit/bisect.sh
export: $(W)/prepared ## a topic of the series as mails for FROM= to send, as version V=; nothing is sent
	@kit/export.sh
deb: $(W)/prepared ## a Debian package of the patched kernel, for a real machine
	@+kit/deb.sh
deb-try: $(R)/deb-tree.json ## a package with the bench's configuration, booted on the bench
	@$(JUDGE) show $<
