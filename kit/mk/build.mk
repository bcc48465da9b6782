# SPDX-License-Identifier: GPL-2.0
# Kernels, guests, QEMU. kbuild and ninja decide what to compile.
.PHONY: qemu

KERNEL_INPUTS := bases/$(BASE) kit/kernel.sh $(wildcard kit/config/*.config)
$(W)/kernels/unpatched/%: $(W)/unpatched.tree $(KERNEL_INPUTS)
	@$(SHARE)kit/kernel.sh unpatched $*
$(W)/kernels/patched/%: $(W)/patched.tree $(KERNEL_INPUTS)
	@$(SHARE)kit/kernel.sh patched $*
$(W)/kernels/san/%: $(W)/patched.tree $(KERNEL_INPUTS)
	@$(SHARE)kit/kernel.sh san $*
# Branch without: the patches without those of one hole. See kit/judge/attribution.py.
$(W)/kernels/without/%: FORCE | $(W)/prepared
	@$(SHARE)kit/kernel.sh without $*
$(W)/kernels/tree/%: FORCE | $(W)/prepared
	@$(SHARE)kit/kernel.sh tree $*

# What switches the branches of the tree does so in turn.
ifneq ($(filter show-demo bench kunit-compare selftest walk,$(GOALS)),)
$(call one-after-the-other,$(foreach kernel,unpatched patched,$(W)/kernels/$(kernel)/Image) $(if $(filter show-demo bench walk,$(GOALS)),$(W)/guest/arm64/initramfs.cpio.gz))
endif
ifneq ($(filter bench-x86,$(GOALS)),)
$(call one-after-the-other,$(foreach kernel,unpatched patched,$(W)/kernels/$(kernel)/bzImage) $(W)/guest/x86/vtd.cpio.gz)
endif

# QEMU's configuration, of bench/functions; the guest makes its header of it.
$(BUILD_DIR)/bench/functions-%.cfg: bench/functions kit/judge/machines.py
	@mkdir -p $(@D)
	@$(JUDGE) machines config $* >$@

# What the guests start with. The kernel's headers and its own selftests come from the patched code.
GUEST_INPUTS := $(wildcard bench/guest/*) bench/functions kit/judge/machines.py bench/qemu/include/hw/misc/ats-testdev.h kit/guest.sh
$(W)/guest/arm64/selftest-tree.cpio.gz: $(GUEST_INPUTS) FORCE | $(W)/prepared
	@$(SHARE)kit/guest.sh selftest tree
$(W)/guest/arm64/%.cpio.gz $(W)/guest/x86/%.cpio.gz: $(W)/patched.tree $(GUEST_INPUTS)
	@$(SHARE)kit/guest.sh $*

# A run over several bases builds QEMU once: QEMU_READY is set for the rest.
QEMU := $(Q)/build/qemu-system-aarch64
QEMU_X86 := $(Q)/build/qemu-system-x86_64
ifeq ($(if $(DRY),,$(QEMU_READY)),)
$(QEMU): $(Q)/prepared FORCE
	@$(SHARE)kit/qemu.sh
$(QEMU_X86): $(Q)/prepared FORCE | $(QEMU)
	@$(SHARE)kit/qemu.sh x86
endif
# QEMU without the queue, to compare with.
QEMU_PLAIN := $(Q)/base/build/qemu-system-aarch64
$(QEMU_PLAIN): $(Q)/prepared FORCE | $(QEMU)
	@$(SHARE)kit/qemu.sh base
qemu: $(QEMU) ## build QEMU for the bench, with our patches
