#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# What build/results/ holds, as a table of base, architecture and suite, before and after: printed, as Markdown in
# build/results/report.md, and with what the bench has seen on a page for people, build/results/report.html. Each base's folder gets
# kcidb.json, the same in KernelCI's terms, and the JUnit that kunit.py did not write. It tells what is there and judges nothing: a
# failed test is no failure of the report.
set -eu
. "$(dirname -- "$0")/lib.sh"
[ $# = 0 ] || die "usage: report.sh"
need python3
lock
"$KIT/results.py" "$BUILD_DIR/results" "$SERIES"
