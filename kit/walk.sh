#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# A random walk over what can be done to the functions of the bench, with the invariant after each step: bench/guest/walk.c.
#   walk.sh                    ten walks, each on a machine of its own, on the unpatched kernel, where each has to break the
#                              invariant within 50 steps, and on the patched one, where none may; the first has 2000 steps there
#   SEED=n STEPS=n walk.sh     one walk on what the prepared tree holds, committed or not
# Results: build/results/<base>/walk*; what each walk did: build/<base>/walk/<label>/*.ktap.
set -eu
. "$(dirname -- "$0")/lib.sh"
# shellcheck source=kit/compare.sh
. "$KIT/compare.sh"
[ $# = 0 ] || die "usage: [SEED=n] [STEPS=n] walk.sh"
MODE=compare SEEDS='1 2 3 4 5 6 7 8 9 10'
[ -z "${SEED:-}${STEPS:-}" ] || MODE=tree SEEDS=${SEED:-1}
for number in "${SEED:-1}" "${STEPS:-1}"; do
	case $number in *[!0-9]* | ??????????*) die "$number: SEED= and STEPS= are numbers of up to nine digits" ;; esac
done
# shellcheck disable=SC2034  # for compare.sh
COMPARED=walk WITHIN=50
load_pin
begin
. "$KIT/machines.sh"
[ "$MODE" = tree ] || need_prepared_tree
LIST=$WORK/walks
MACHINES=$(for seed in $SEEDS; do say "walk-$seed"; done | paste -sd ' ')
# shellcheck disable=SC2034  # for lib.sh
RUNS=$WORK/walk WANTED=''
for machine in $MACHINES; do say "$machine.walk.invariant_holds |"; done >"$LIST"

steps() { # MACHINE
	case $MODE:$1 in
	tree:*) say "${STEPS:-2000}" ;;
	compare:walk-1) say 2000 ;;
	*) say "$WITHIN" ;;
	esac
}
parameters() { say "bench.seed=${1#walk-} bench.steps=$(steps "$1")"; } # MACHINE

taken() { number "$(grep -c '^#@ step' "$RUNS/$1/$2.ktap" 2>/dev/null || :)"; } # LABEL MACHINE
last_step() { sed -n 's/^#@ step n=[0-9]* //p' "$RUNS/$1/$2.ktap" | tail -n 1; } # LABEL MACHINE
broke() { [ "$(status_on unpatched "$1.walk.invariant_holds")" = fail ]; } # MACHINE
evidence() {
	for machine in $MACHINES; do
		taken=$(taken unpatched "$machine")
		if broke "$machine" && [ "$taken" -ge 1 ] && [ "$taken" -le "$WITHIN" ]; then
			tap ok "unpatched: $machine: the invariant breaks within $WITHIN steps"
		else
			tap 'not ok' "unpatched: $machine: the invariant did not break by one of the first $WITHIN steps"
		fi
		taken=$(taken patched "$machine")
		if [ "$taken" = "$(steps "$machine")" ]; then
			tap ok "patched: $machine: $taken steps"
		else
			tap 'not ok' "patched: $machine: $taken steps, not $(steps "$machine")"
		fi
	done
}
table() {
	row='%-4s  %-58s  %s\n'
	# shellcheck disable=SC2059  # the row
	{
		echo
		printf "$row" seed 'unpatched: the step that breaks the invariant' 'patched: steps'
		printf "$row" ---- ---------------------------------------------- --------------
		for machine in $MACHINES; do
			end=none
			! broke "$machine" || end="$(taken unpatched "$machine"): $(last_step unpatched "$machine")"
			printf "$row" "${machine#walk-}" "$end" "$(taken patched "$machine")"
		done
		echo
	} | tee "$RESULTS/walk.txt"
}

make_qemu
guest initramfs.cpio.gz
case $MODE in
compare) compare ;;
tree)
	# What an earlier walk has left is none of this one's steps.
	said=$RUNS/tree/$MACHINES.ktap rc=0
	rm -f "$said"
	(on_tree "$@") || rc=$?
	[ "$rc" = 0 ] || [ ! -f "$said" ] || sed -n '/^#@ step/p; /^# .*:invariant_holds:/p' "$said"
	exit "$rc"
	;;
esac
