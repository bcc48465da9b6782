# SPDX-License-Identifier: GPL-2.0
# Checks of the code, of the series as mails, and of the emulated hardware. Each leaves TAP in build/results/.
.PHONY: attribution lint checkpatch coccinelle x86 hot-path htmldocs export bisect deb deb-try bench-off mutants qtest

# A check that finds something leaves TAP that says so, and an old date: it runs again. $(call check,COMMAND)
check = rm -f $@; rc=0; $(1) || rc=$$?; [ $$rc -le 1 ] || exit $$rc; [ $$rc = 0 ] || touch -d @0 $@
TREE_INPUTS := $(W)/patched.tree $(W)/unpatched.tree $(AGAIN)
define simple
$(R)/$(1).tap: $(TREE_INPUTS) kit/$(1).sh $(2)
	@$(SHARE)$$(call check,QUIET=1 kit/$(1).sh)
endef
$(eval $(call simple,coccinelle,$(wildcard kit/tests/coccinelle/*) $(wildcard holes/*)))
$(eval $(call simple,x86,kit/config/x86.config))
$(eval $(call simple,hot-path,kit/config/hot-path.config))
$(eval $(call simple,htmldocs))
$(R)/lint.tap: $(TREE_INPUTS) kit/lint.sh MAINTAINERS
	@$(SHARE)$(call check,QUIET=1 kit/lint.sh)
$(R)/rehearsal.tap: $(TREE_INPUTS) kit/export.sh $(wildcard series/*/cover*.txt)
	@$(SHARE)$(call check,QUIET=1 V=0 kit/export.sh)
$(R)/off.tap: $(W)/kernels/patched/Image $(W)/guest/arm64/initramfs.cpio.gz $(QEMU) $(QEMU_PLAIN) kit/off.sh $(AGAIN)
	@$(SHARE)$(call check,QUIET=1 kit/off.sh)
# The kernel of a package takes the place of ours on the bench.
$(W)/kernels/deb/Image: $(W)/kernels/patched/Image kit/deb.sh
	@$(SHARE)kit/deb.sh try
$(R)/deb-tree.json: export CASES := $(or $(CASES),ats.function.vf_off_on.vfio_type1_twice ats.function.vf_off_on.iommufd_twice ats.sriov.off_on.numvfs_up_and_down)
$(R)/deb-tree.json: $(R)/deb/ats.json
	@$(JUDGE) own $@ deb ats
$(QR)/qtest.json: $(QEMU) $(Q)/prepared kit/judge/qtest.py $(AGAIN) $(if $(filter qtest,$(GOALS)),FORCE)
	@$(JUDGE) qtest $@
MUTANTS_NEED := $(W)/kernels/patched/Image $(W)/guest/arm64/initramfs.cpio.gz $(BUILD_DIR)/bench/functions-arm64.cfg $(QEMU) kit/judge/mutants.py
$(R)/mutants.json $(R)/mutants-some.json: $(MUTANTS_NEED) $(wildcard series/mutants/*) $(AGAIN)
	@$(SHARE)$(JUDGE) mutants $@ $(if $(findstring some,$@),some,all)
$(R)/attribution.json: $(MUTANTS_NEED) $(W)/guest/arm64/selftest.cpio.gz $(wildcard holes/*) kit/judge/attribution.py kit/judge/verdict.py
	@$(SHARE)$(JUDGE) attribution $@
$(QR)/mutants.json: $(QEMU) $(wildcard bench/qemu/series/mutants/*) kit/judge/mutants.py
	@$(SHARE)PROJECT=qemu $(JUDGE) mutants $@ all

lint: $(R)/lint.tap $(BUILD_DIR)/results/style.tap ## run the kernel's own checks on the files that the series touches (only what the base does not have counts); shellcheck and pylint on ours
	@rc=0; for each in $^; do $(JUDGE) show $$each || rc=$$?; done; exit $$rc
checkpatch: $(W)/prepared ## only checkpatch.pl --strict on each patch, and get_maintainer.pl
	@$(SHARE)kit/lint.sh checkpatch get_maintainer
coccinelle: $(R)/coccinelle.tap ## run the semantic patch that the series adds on the base, on the patched tree and on planted defects
	@$(JUDGE) show $<
x86: $(R)/x86.tap ## compile what the series edits in the Intel and AMD drivers, with warnings as errors
	@$(JUDGE) show $<
hot-path: $(R)/hot-path.tap ## check that without KUNIT the tests leave the SMMUv3 driver's machine code unchanged
	@$(JUDGE) show $<
htmldocs: $(R)/htmldocs.tap ## build the documentation that the series touches, with the kernel's own htmldocs
	@$(JUDGE) show $<
qtest: $(QR)/qtest.json ## run the tests that our patches add to QEMU, and QEMU's own PCI tests; FILTER=
	@$(JUDGE) show $<
mutants: $(if $(MUTANT),FORCE) $(if $(filter qemu,$(PROJECT)),$(QR),$(R))/mutants$(if $(MUTANT),-one).json ## break each fix of the series, one at a time, and check that a test fails; MUTANT=
	@$(JUDGE) show $(lastword $^)
$(R)/mutants-one.json: $(MUTANTS_NEED) FORCE
	@$(SHARE)$(JUDGE) mutants $@ all
$(QR)/mutants-one.json: $(QEMU) FORCE
	@$(SHARE)$(JUDGE) mutants $@ all
attribution: $(R)/attribution.json ## leave out the patches of one hole at a time, and check that judge reports that hole
	@$(JUDGE) show $<
bench-off: $(R)/off.tap ## check that without ats=on QEMU's machine is the same as upstream's
	@$(JUDGE) show $<
bisect: ## check that each patch builds, also with ATS disabled, without a new warning, and passes the tests so far; TOPIC=
	@$(SHARE)BASE=$(ASKED_BASE) kit/bisect.sh
export: $(W)/prepared ## write a topic as mails, TOPIC=, FROM=, V=; nothing is sent
	@kit/export.sh
deb: $(W)/prepared ## build a Debian package of the patched kernel, for a real machine
	@$(SHARE)kit/deb.sh
deb-try: $(R)/deb-tree.json ## build a package with the bench's configuration, and boot its kernel on the bench
	@$(JUDGE) show $<
