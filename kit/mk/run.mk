# SPDX-License-Identifier: GPL-2.0
# Machines, run with a kernel, and held against the holes.
.PHONY: bench bench-x86 kunit kunit-arm64 kunit-compare selftest walk judge

include $(W)/machines.mk
$(W)/machines.mk: bench/machines bases/$(BASE) kit/judge/machines.py kit/judge/bench.py
	@mkdir -p $(@D)
	@$(JUDGE) make >$@

# MACHINE= takes one of a set.
machines = $(if $(MACHINE),$(filter $(MACHINE),$(MACHINES_$(1))),$(MACHINES_$(1)))
emulator = $(if $(filter x86/%,$(GUEST_$(1))),$(QEMU_X86),$(QEMU))
generated = $(BUILD_DIR)/bench/functions-$(if $(filter x86/%,$(GUEST_$(1))),x86,arm64).cfg
initramfs = $(if $(GUEST_$(1)),$(W)/guest/$(if $(filter tree,$(2)),$(subst /selftest.,/selftest-tree.,$(GUEST_$(1))),$(GUEST_$(1))))

define run
$(R)/$(2)/$(1).json: $(W)/kernels/$(2)/$(IMAGE_$(1)) $(call initramfs,$(1),$(2)) $(call generated,$(1)) bench/machines $(call emulator,$(1)) $(AGAIN)
	@$$(JUDGE) run $(1) $(2)
endef
ALL_MACHINES := $(foreach set,kunit bench walk selftests x86,$(MACHINES_$(set)))
$(foreach machine,$(ALL_MACHINES),$(foreach kernel,unpatched patched tree san deb,$(eval $(call run,$(machine),$(kernel)))))
$(R)/%/um.json: $(W)/kernels/%/linux
	@$(JUDGE) run um $*

# Both kernels, held against the holes: a whole set, or one machine of it.
both = $(foreach kernel,unpatched patched,$(patsubst %,$(R)/$(kernel)/%.json,$(1)))
named = $(R)/$(1)$(if $(MACHINE),-$(MACHINE)).json
define compared
$(R)/$(1)$(2).json: $(call both,$(3)) $(wildcard holes/* kit/judge/*.py)
	@$$(JUDGE) compare $(1) $$@ $(3)
endef
$(foreach set,kunit bench walk selftests x86,$(eval $(call compared,$(set),,$(MACHINES_$(set)))))
$(foreach set,bench selftests x86,$(foreach machine,$(MACHINES_$(set)),$(eval $(call compared,$(set),-$(machine),$(machine)))))
known = $(if $(filter $(MACHINE),$(MACHINES_$(1))),,$(if $(MACHINE),$(error no machine is called $(MACHINE) (known: $(MACHINES_$(1))))))
shown = $(call known,$(1))@$(JUDGE) show $(call named,$(1))

# KERNEL=tree, unpatched or patched by itself.
KERNEL := $(or $(KERNEL),tree)
alone = $(R)/$(KERNEL)-$(1).json
define by-itself
$(call alone,$(1)): $(patsubst %,$(R)/$(KERNEL)/%.json,$(2)) FORCE
	@$$(JUDGE) own $$@ $(KERNEL) $(2)
endef
CASE_MACHINES = $(sort $(foreach case,$(CASES),$(firstword $(subst ., ,$(case)))))
JUDGED := $(or $(CASE_MACHINES),$(call machines,bench))
$(eval $(call by-itself,judge,$(JUDGED)))
$(eval $(call by-itself,um,um))
$(eval $(call by-itself,kunit,kunit))
$(eval $(call by-itself,selftest,$(MACHINES_selftests)))
$(R)/san.json: $(patsubst %,$(R)/san/%.json,$(call machines,bench)) kit/judge/verdict.py
	@$(JUDGE) own $@ san $(call machines,bench)
ifneq ($(strip $(CASES)$(FILTER)$(KERNEL_ARGS)),)
$(patsubst %,$(R)/$(KERNEL)/%.json,$(ALL_MACHINES) um): FORCE
endif

bench: $(if $(SAN),$(R)/san.json,$(call named,bench)) ## run the scenarios on both kernels and print the table; SAN=1, MACHINE=
	$(if $(SAN),@$(JUDGE) show $(R)/san.json,$(call shown,bench))
bench-x86: $(call named,x86) ## run the VT-d scenarios, on x86 kernels with KASAN
	$(call shown,x86)
judge: ## print which holes one kernel has: KERNEL=tree (default), unpatched or patched; MACHINE=, CASES=
	@kit/deps.sh
	@+$(MAKE) show-judge
.PHONY: show-judge
show-judge: $(call alone,judge)
	@$(JUDGE) show $<
kunit: $(if $(filter x86_64,$(shell uname -m)),$(call alone,um),$(call alone,kunit)) ## run the PCI ATS suite of the tree, under UML; on an arm64 host, as kunit-arm64
	@$(JUDGE) show $<
kunit-arm64: $(call alone,kunit) ## run the PCI ATS and SMMUv3 suites of the tree, in an arm64 guest
	@$(JUDGE) show $<
kunit-compare: $(R)/kunit.json ## run the KUnit suites on both kernels and print the table
	@$(JUDGE) show $<
selftest: $(if $(filter file,$(origin KERNEL)),$(R)/selftests.json,$(call alone,selftest)) ## run iommufd's selftests, dma_map_stress and ats_policy on both kernels; KERNEL=
	@$(JUDGE) show $<
walk: $(R)/$(if $(SEED)$(STEPS),tree/walk-seed.json,walk.json) ## run random walks on both kernels; with SEED= or STEPS=, one walk on the tree
	@$(JUDGE) $(if $(SEED)$(STEPS),steps,show) $<
$(R)/tree/walk-seed.json: $(W)/kernels/tree/Image $(W)/guest/arm64/initramfs.cpio.gz $(BUILD_DIR)/bench/functions-arm64.cfg $(QEMU) FORCE
	@$(JUDGE) walk $(or $(SEED),1) $(or $(STEPS),2000)
