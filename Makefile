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

# Runs lock build/: one at a time. A run has as many jobs as the machine has processors, and everything that it calls shares them.
ifeq ($(LOCKED)$(filter help,$(GOALS)),)
.PHONY: $(GOALS)
$(firstword $(GOALS)):
	@+exec kit/run.sh $(MAKE) $(GOALS)
$(wordlist 2,$(words $(GOALS)),$(GOALS)): $(firstword $(GOALS)) ;
else
include kit/mk/paths.mk kit/mk/source.mk kit/mk/build.mk kit/mk/run.mk kit/mk/check.mk kit/mk/tiers.mk
endif

#   BASE=7.2            the kernel: one of bases/
#   KERNEL=tree         judge, kunit, selftest: the kernel in build/BASE/linux, with your edits; or unpatched, patched
#   MACHINE=name        bench, judge: only this machine of bench/machines
#   CASES=...           judge: only these cases, for example ats.function.vf_off_on.vfio_type1_twice
#   PROJECT=qemu        fetch, prepare, refresh, queue, mutants: the patches for QEMU, not those for the kernel
#   TOPIC=name          export, bisect: one topic of series/
#   LINUX_TARBALL=file  take the kernel source from this archive
#   LINUX_TREE=folder   take the kernel source from this tree, which is left untouched; of a git tree, its HEAD
#   QEMU_TARBALL=  QEMU_TREE=  the same for QEMU
#   DOWNLOAD_CACHE=     look for archives in this folder, which is only read; downloads go to build/download
#   BUILD_DIR=folder    use this folder instead of build/
#   AGAIN=1             run again what is up to date
#   FORCE=1             prepare, distclean: discard work that is not in the series (also refresh, export: see docs/)
#   OVERRIDE=1          refresh: write what has changed as overrides for BASE=, and leave the other kernels as they are
#   SAN=1               bench: only the patched kernel, with sanitizers
#   ACCEL=tcg           bench-x86: do not use KVM
#   SEED=n  STEPS=n     walk: one walk, on the kernel in build/BASE/linux
#   MUTANT=name         mutants: only this one
#   FILTER=glob         kunit: only these cases, suite.case; qtest: only these of our own tests, test./path
#   KERNEL_ARGS=        kunit: kernel parameters, for example arm_smmu_v3_ats_test.seed=7 for another random walk
#   FROM='Name <mail>'  export: who sends the mails and signs them off
#   V=n                 export: version of the mails; V=2 has the range-diff to V=1; V=0 is a rehearsal
#   BASE_COMMIT=id      export: public commit of the release that the mails apply to, if the pin does not have it
#   VANILLA=            export: kernel.org's archive or tree of that release; the mails must apply there too
#   ARCH=arm64          deb: or x86
#   CONFIG=file         deb: use this kernel configuration, not the distribution's
#   JOBS=n  V=1         number of jobs; print build logs to the terminal (for export, V= is the version)
