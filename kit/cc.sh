#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# cc.sh COMPILER ARGUMENT...: the compiler through ccache, but for assembler. That may take in a file by .incbin, as the vDSO and
# x86's compressed kernel do, of which the compiler says nothing: ccache would give back an object with an old one in it.
for last; do :; done
case $last in
*.S) exec "$@" ;;
*) exec ccache "$@" ;;
esac
