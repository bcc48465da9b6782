#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# run.sh MAKE GOAL...: run make with the lock on the build folder and one job server for all that it calls.
set -eu
. "$(dirname -- "$0")/lib.sh"
ME='make'
lock
# The user's -n, -k and variables, which lib.sh has put into flags, stay; how many jobs there are is JOBS='s to say.
export MAKEFLAGS="$flags" FROM_MAKE=1 STARTED
exec "$@" -j "$JOBS" LOCKED="$LOCKED"
