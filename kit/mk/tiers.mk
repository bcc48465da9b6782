# SPDX-License-Identifier: GPL-2.0
# What belongs together. The content of a target does not depend on the clock or on the machine's speed.
.PHONY: demo check test test-all parts base-parts report clean distclean FORCE

demo: ## get and build all that is needed, boot Linux unpatched and patched on all machines, print the table
	@kit/deps.sh
	@+$(MAKE) show-demo
.PHONY: show-demo
show-demo: $(R)/bench.json
	@$(JUDGE) show $<

check: $(R)/tree-kunit.json $(R)/tree-judge.json ## the quick check while editing: KUnit, and the scenarios on machine ats, on the tree
	@rc=0; for each in $^; do $(JUDGE) show $$each || rc=$$?; done; exit $$rc

# What one base is judged by: the default one by everything, the others by what may differ there.
has = $(if $(filter $(1),$(JUDGED_BY)),$(2))
ALL_PARTS := $(call has,kunit,$(R)/kunit.json) $(call has,covers,$(R)/rehearsal.tap) $(call has,selftests,$(R)/selftests.json)
ifeq ($(BASE),$(DEFAULT_BASE))
TEST_PARTS := $(ALL_PARTS) $(R)/bench.json $(R)/coccinelle.tap $(R)/x86.tap $(R)/hot-path.tap $(R)/htmldocs.tap $(R)/lint.tap $(R)/mutants-some.json
MORE_PARTS := $(R)/patched-um.json $(R)/walk.json $(R)/san.json $(R)/x86.json $(R)/off.tap $(R)/mutants.json $(R)/attribution.json $(R)/deb-tree.json
else
TEST_PARTS := $(ALL_PARTS) $(R)/bench-ats.json
MORE_PARTS := $(R)/bench.json $(call has,coccinelle,$(R)/coccinelle.tap) $(R)/lint.tap $(R)/mutants.json
endif
$(R)/patched-um.json: $(R)/patched/um.json
	@$(JUDGE) own $@ patched um

# All that uses the tree, in turn.
LANE := $(foreach kernel,unpatched patched,$(W)/kernels/$(kernel)/Image) $(foreach name,initramfs selftest,$(W)/guest/arm64/$(name).cpio.gz) \
	$(foreach kernel,unpatched patched,$(W)/kernels/$(kernel)/bzImage) $(W)/guest/x86/vtd.cpio.gz $(W)/kernels/patched/linux $(W)/kernels/san/Image \
	$(foreach name,x86 coccinelle hot-path htmldocs rehearsal lint,$(R)/$(name).tap) $(W)/kernels/deb/Image $(foreach name,mutants-some mutants attribution,$(R)/$(name).json)
parts_of = $(TEST_PARTS) $(if $(filter all,$(1)),$(MORE_PARTS))
ifdef PARTS
# Of the lane only what this run needs: a link of the chain would be built for the next one's sake.
IN_LANE := $(if $(filter all$(DEFAULT_BASE),$(PARTS)$(BASE)),$(LANE),$(filter %/unpatched/Image %/patched/Image $(W)/guest/arm64/% $(call parts_of,$(PARTS)),$(LANE)))
$(call one-after-the-other,$(IN_LANE))
base-parts: $(call parts_of,$(PARTS))
list-parts:
	@printf '%s\n' $(call parts_of,$(PARTS))
endif

# What belongs to no base, and the bases beside each other. QEMU is built first, because all of them boot it.
$(BUILD_DIR)/results/front-door.tap: $(wildcard kit/*.sh kit/tests/*.bats kit/tests/*.bash kit/judge/*.py Makefile kit/mk/*.mk) $(AGAIN)
	@mkdir -p $(@D)
	@$(call check,env -u LOCKED -u FROM_MAKE -u MAKEFLAGS bats --tap --jobs 2 kit/tests >$@ 2>&1)
$(BUILD_DIR)/results/unit.tap: $(wildcard kit/judge/*.py kit/tests/*.py holes/* README.md bench/functions bench/machines bases/* series/order series/*/*.patch kit/judge/page.*) $(AGAIN)
	@mkdir -p $(@D)
	@$(call check,env -u LOCKED -u FROM_MAKE -u MAKEFLAGS $(JUDGE) unittest >$@)
$(BUILD_DIR)/results/style.tap: .ci/run .pylintrc .shellcheckrc $(wildcard kit/*.sh kit/judge/*.py kit/tests/*.py kit/tests/*.bash) $(AGAIN)
	@$(SHARE)$(call check,QUIET=1 kit/style.sh)
SHARED_PARTS := $(BUILD_DIR)/results/style.tap $(BUILD_DIR)/results/unit.tap $(BUILD_DIR)/results/front-door.tap $(QR)/qtest.json
bases_in_order := $(DEFAULT_BASE) $(filter-out $(DEFAULT_BASE),$(BASES))
$(addprefix base-,$(BASES)): base-%: $(QEMU) $(if $(filter all,$(PARTS)),$(QEMU_X86))
	@+$(MAKE) -k BASE=$* QEMU_READY=1 base-parts
parts: $(SHARED_PARTS) $(if $(filter all,$(PARTS)),$(QR)/mutants.json bisect-all) $(addprefix base-,$(bases_in_order))
bisect-all: $(BUILD_DIR)/results/bisect.done
$(BUILD_DIR)/results/bisect.done: $(wildcard series/order series/*/*.patch)
	@$(SHARE)BASE= kit/bisect.sh && touch $@
define tier
	@kit/deps.sh
	@+$(MAKE) -k PARTS=$(1) parts; $(if $(DRY),:,$(JUDGE) tally) $$? $(SHARED_PARTS) $(if $(filter all,$(1)),$(QR)/mutants.json) \
		$$(for base in $(bases_in_order); do $(MAKE) -s BASE=$$base QEMU_READY=1 PARTS=$(1) list-parts; done)
endef
test: ## run everything that CI runs; the last line is "N passed, N failed, N skipped"
	$(call tier,some)
test-all: ## run every check; after an interruption it continues where it stopped
	$(call tier,all)

report: ## print all results; write them as one page, build/results/report.html, and in KernelCI's format
	@$(JUDGE) report
clean: ## remove builds and results
	@kit/clean.sh objects
distclean: ## remove all of build/
	@kit/clean.sh all
