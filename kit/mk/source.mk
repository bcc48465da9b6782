# SPDX-License-Identifier: GPL-2.0
# Packages, sources, and the queue laid over them.
.PHONY: deps fetch prepare refresh queue

deps: ## install missing distribution packages (the only step that needs root)
	@kit/deps.sh
fetch: ## get, verify and unpack the kernel source, once
	@kit/fetch.sh
prepare: ## apply the series to the kernel source, in git: build/BASE/linux (called "the tree" here)
	@$(JUDGE) prepare
refresh: ## write the commits of build/BASE/linux back to the series, for all kernels
	@$(JUDGE) refresh
queue: ## print the list of patches for BASE=
	@$(JUDGE) queue

new_files = $(addprefix $(1),$(shell sed -n 's/^[[:space:]]*+ //p' $(1)series/order))
# A source that is named has to be the one that is there.
$(W)/source: bases/$(BASE) $(if $(LINUX_TARBALL)$(LINUX_TREE),FORCE)
	@PROJECT=linux kit/fetch.sh
	@test $@ -nt $< || touch $@
$(W)/prepared: $(W)/source $(wildcard series/order series/*/*.patch) $(call new_files,) kit/judge/queue.py
	@FORCE= PROJECT=linux $(JUDGE) prepare
	@touch $@
# prepare writes these, and only where the code has become another.
$(W)/unpatched.tree $(W)/patched.tree: $(W)/prepared ;

$(Q)/source: bench/qemu/bases/$(QEMU_BASE) $(if $(QEMU_TARBALL)$(QEMU_TREE),FORCE)
	@PROJECT=qemu kit/fetch.sh
	@test $@ -nt $< || touch $@
$(Q)/prepared: $(Q)/source $(wildcard bench/qemu/series/order bench/qemu/series/*/*.patch) $(call new_files,bench/qemu/) kit/judge/queue.py
	@FORCE= PROJECT=qemu $(JUDGE) prepare
	@touch $@
