# SPDX-License-Identifier: GPL-2.0
# The front door. The rules are in kit/mk/; docs/results.md has the exit codes. make exits with 2 for any failed recipe, and names the program's own code
# in its "Error" line.
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory -rR
GOALS := $(or $(MAKECMDGOALS),help)

help: ## print this
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1	\2/p' Makefile kit/mk/*.mk | expand -t 14
	@echo
	@sed -n 's/^#   //p' Makefile

# One run at a time has build/. It has as many jobs as the machine has processors, and all that it calls shares them.
ifeq ($(LOCKED)$(filter help,$(GOALS)),)
.PHONY: $(GOALS)
$(firstword $(GOALS)):
	@+exec kit/run.sh $(MAKE) $(GOALS)
$(wordlist 2,$(words $(GOALS)),$(GOALS)): $(firstword $(GOALS)) ;
else
include kit/mk/paths.mk kit/mk/source.mk kit/mk/build.mk kit/mk/run.mk kit/mk/check.mk kit/mk/tiers.mk
endif

#   BASE=7.2            the kernel: one of bases/
#   KERNEL=tree         judge, kunit, selftest: what build/BASE/linux holds, committed or not; or unpatched, patched
#   MACHINE=name        bench, judge: only this machine of bench/machines
#   CASES=...           judge: only these cases, as ats.function.vf_off_on.vfio_type1_twice
#   PROJECT=qemu        fetch, prepare, refresh, mutants: of QEMU's queue, bench/qemu/series, instead of the kernel's
#   TOPIC=name          export, bisect: one topic of series/
#   LINUX_TARBALL=file  take the source from this archive
#   LINUX_TREE=folder   take it from this tree (of a git tree: its HEAD); it is left untouched
#   QEMU_TARBALL=  QEMU_TREE=  the same for QEMU
#   DOWNLOAD_CACHE=     folder where archives are looked for; nothing is written there. Downloads go to build/download
#   BUILD_DIR=          instead of build/
#   AGAIN=1             do again what is up to date
#   FORCE=1             prepare, distclean: discard work that is not in the series
#   OVERRIDE=1          refresh: what has changed becomes overrides for BASE=, and the other kernels stay as they are
#   SAN=1               bench: only the patched kernel, with sanitizers
#   ACCEL=tcg           bench-x86: do without KVM
#   SEED=n  STEPS=n     walk: one walk on build/BASE/linux
#   MUTANT=name         mutants: only this one
#   FILTER=glob         kunit: only these cases, suite.case; qtest: only these of the queue's tests, test./path
#   KERNEL_ARGS=        kunit: for the kernel's command line, as arm_smmu_v3_ats_test.seed=7 for another random walk
#   FROM='Name <mail>'  export: who sends the mails, and signs them off
#   V=n                 export: the version of the mails; V=2 has the range-diff to V=1; V=0 rehearses
#   BASE_COMMIT=id      export: the public commit of the release that the mails apply to, where it is not known
#   VANILLA=            export: kernel.org's archive or a tree of that release: the mails have to apply there too
#   ARCH=arm64          deb: or x86
#   CONFIG=file         deb: the kernel's configuration, instead of the distribution's
#   JOBS=n  V=1         jobs of a build; show the log itself (but see export)
