#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# style.sh: shellcheck and pylint over this repository's own scripts. A case is style.<file>.
set -eu
. "$(dirname -- "$0")/lib.sh"
need shellcheck pylint
LOG=$BUILD_DIR/log/style.log RESULTS=$BUILD_DIR/results
make_dir "${LOG%/*}"
cd "$TOP"
shell=$(find judge .ci kit -name judge -type f -o -name run -o -name '*.sh' -o -name '*.bash' | sort)
python=$(find kit/judge kit/tests -name '*.py' | sort)

findings() {
	# shellcheck disable=SC2086  # lists of names
	{ shellcheck -f gcc $shell; PYTHONPATH=kit pylint -j "$JOBS" $python; } || :
}
tap_begin style
progress "$ME: shellcheck, pylint" "$LOG" findings
for file in $shell $python; do
	first=$(grep -m 1 "^$file:" "$LOG") || first=''
	if [ -z "$first" ]; then tap ok "style.$file"; else tap 'not ok' "style.$file: ${first#"$file":}"; fi
done
# pylint ends with a rating. If the log has none, pylint did not run.
grep -q 'Your code has been rated' "$LOG" || tap 'not ok' "style: pylint did not run: $(tail -n 1 "$LOG") (log $LOG)"
tap_end
