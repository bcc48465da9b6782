# SPDX-License-Identifier: GPL-2.0
# The front door. Every target is one script of series/ or bench/; each script sees to what it needs (kunit prepares,
# prepare fetches). make exits with 2 for any failed recipe, and names the script's own code in its "Error" line.
.SILENT:
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help deps fetch prepare refresh kunit kunit-arm64 x86 bench bench-x86 bench-tree bench-off walk selftest htmldocs situations qemu qtest mutants demo test bisect lint coccinelle checkpatch report export deb deb-try clean distclean

help: ## print this
	sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/\1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 14
	echo
	sed -n 's/^#   //p' $(firstword $(MAKEFILE_LIST))

demo: ## all from nothing: packages, sources, QEMU, unpatched and patched kernel; boot both, print the table
	kit/deps.sh
	kit/bench.sh
test: ## everything that is checked; the last line is "N passed, N failed, N skipped"
	kit/test.sh
deps: ## install the distribution packages that are missing (the only step that needs root)
	kit/deps.sh
fetch: ## find, verify and unpack the kernel source, once
	kit/fetch.sh
prepare: ## lay the series over it, in git: build/BASE/linux
	./judge prepare
refresh: ## make what is committed in build/BASE/linux the series again
	kit/refresh.sh
kunit: ## the PCI ATS suite, under UML
	kit/kunit.sh um
kunit-arm64: ## the PCI ATS and SMMUv3 suites, on an arm64 kernel under QEMU
	kit/kunit.sh arm64
x86: ## compile what the series edits in the Intel and AMD drivers
	kit/x86.sh
bench: ## the scenarios on emulated hardware, on the unpatched and on the patched kernel, and the table; SAN=1
	kit/bench.sh
bench-x86: ## the same with VT-d, on an x86 kernel with KASAN
	kit/bench-x86.sh
bench-tree: ## the scenarios on what build/BASE/linux holds, committed or not
	kit/bench.sh tree $(CASES)
bench-off: ## without ats=on QEMU's machine is what it was
	kit/off.sh
walk: ## random walks over what can be done to the functions, on both kernels; SEED= or STEPS= is one on build/BASE/linux
	kit/walk.sh
selftest: ## iommufd's selftests, the DMA map stress and a VMM's decision, on the unpatched and on the patched kernel
	kit/selftest.sh
situations: ## the KUnit cases on the unpatched and on the patched kernel, and the table
	kit/situations.sh
qemu: ## build the QEMU of the bench: its queue over its source
	kit/qemu.sh
qtest: ## the tests of what that queue adds, and QEMU's own for PCI
	kit/qtest.sh
mutants: ## break each fix of the series, one at a time, and see a test fail
	kit/mutants.sh
htmldocs: ## the documentation that the series adds, by the tree's own htmldocs
	kit/htmldocs.sh
lint: ## the kernel's own checks over what the series touches, before and after: nothing new
	kit/lint.sh
checkpatch: ## of these, the kernel's checkpatch.pl --strict over each patch, and get_maintainer.pl
	kit/lint.sh checkpatch get_maintainer
coccinelle: ## the semantic patch that the series adds, over the base and over the tree
	kit/coccinelle.sh
bisect: ## each patch of every queue, also with ATS off: builds without a new warning, passes the tests there are
	kit/bisect.sh
report: ## all results there are, as one table of base, architecture and suite, and in KernelCI's terms
	kit/report.sh
export: ## the series as mails for FROM= to send, as version V=; nothing is sent
	kit/export.sh
deb: ## a Debian package of the patched kernel, for a real machine
	kit/deb.sh
deb-try: ## one with the bench's configuration, taken out of its package and booted on the bench
	kit/deb.sh try $(CASES)
clean: ## remove objects and results
	kit/clean.sh objects
distclean: ## remove all of build/
	kit/clean.sh all

#   BASE=7.2            the kernel: one of the folders in series/
#   SAN=1               bench, bench-tree: the kernel has what looks for mistakes while it runs
#   PROJECT=qemu        fetch, prepare, refresh, mutants: of QEMU's queue, bench/qemu/10.2, instead of the kernel's
#   LINUX_TARBALL=file  take the source from this archive
#   LINUX_TREE=folder   take it from this tree (of a git tree: its HEAD); it is left untouched
#   QEMU_TARBALL=  QEMU_TREE=  the same for QEMU
#   DOWNLOAD_CACHE=     folder where archives are looked for, and never written; downloads are kept in build/download
#   BUILD_DIR=          instead of build/
#   FORCE=1             prepare, distclean: discard work that is not in the series
#   MACHINE=name        bench: only this machine: ats, smmu-without-ats, root-without-ats, noats, acpi, fail_nth, timeouts, pasid, kexec-ats, kexec-noats, figures; bench-x86: vtd, vtd-scalable
#   ACCEL=tcg           bench-x86: do without KVM
#   CASES=...           bench-tree, deb-try: only these scenarios, as ats.function.vf_off_on.vfio_type1_twice
#   SEED=n  STEPS=n     walk: which one, and how long it is
#   MUTANT=name         mutants: only this one
#   FILTER=glob         kunit: only these cases, as kunit.py takes them; qtest: only these of the queue's, test./path
#   KERNEL_ARGS=        kunit: for the kernel's command line, as arm_smmu_v3_ats_test.seed=7 for another random walk
#   FROM='Name <mail>'  export: who sends the mails, and signs them off
#   V=n                 export: the version of the mails; the cover letter of V=2 has the range-diff to V=1; V=0 rehearses
#   BASE_COMMIT=id      export: the public commit of the release that the mails apply to, where it is not known
#   VANILLA=            export: kernel.org's archive or a tree of that release: the mails have to apply there too
#   ARCH=arm64          deb: or x86
#   CONFIG=file         deb: the kernel's configuration, instead of the distribution's
#   JOBS=n  V=1         jobs of a build; show the log itself (but see export)
