# SPDX-License-Identifier: GPL-2.0
# Where things are, for the rules: W what there is of one base, R its results; Q and QR the same of QEMU.
SHELL := /bin/sh
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: FORCE
FORCE:

DEFAULT_BASE := 7.2
PROJECT := $(or $(PROJECT),linux)
ASKED_BASE := $(BASE)
BASE := $(or $(BASE),$(DEFAULT_BASE))
QEMU_BASE := $(or $(QEMU_BASE),10.2)
override BUILD_DIR := $(abspath $(or $(BUILD_DIR),build))
export PROJECT BASE QEMU_BASE BUILD_DIR FROM_MAKE := 1
BASES := $(notdir $(wildcard bases/*))
ifeq ($(filter $(BASE),$(BASES)),)
$(error no such base: BASE=$(BASE) (known: $(BASES)))
endif

W := $(BUILD_DIR)/$(BASE)
R := $(BUILD_DIR)/results/$(BASE)
Q := $(BUILD_DIR)/qemu-$(QEMU_BASE)
QR := $(BUILD_DIR)/results/qemu-$(QEMU_BASE)
JUDGE := ./judge
JUDGED_BY := $(shell sed -n "s/^BASE_JUDGED_BY='\(.*\)'/\1/p" bases/$(BASE))
# A step that shares the job server is marked by "+", which would run it even with -n.
DRY := $(findstring n,$(filter-out --%,$(firstword -$(MAKEFLAGS))))
SHARE := $(if $(DRY),,+)
# make check looks at one machine.
MACHINE := $(if $(filter check,$(GOALS)),ats,$(MACHINE))
# AGAIN=1 does again what is up to date.
AGAIN := $(if $(AGAIN),FORCE)
# $(call one-after-the-other,FILES): what uses the tree of one base waits for its turn, so that no job of the server is spent on waiting.
one-after-the-other = $(if $(word 2,$(1)),$(eval $(word 2,$(1)): | $(word 1,$(1)))$(call one-after-the-other,$(wordlist 2,$(words $(1)),$(1))))
