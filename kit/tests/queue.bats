# SPDX-License-Identifier: GPL-2.0
# prepare and refresh, on a kernel of four files.
load setup

@test "prepare: one commit a patch, new files laid in, the tree clean" {
	queue_of_three
	[ "$(git -C "$TREE" rev-list --count base..series)" = 3 ]
	[ -z "$(git -C "$TREE" status --porcelain)" ]
	git -C "$TREE" show --name-only --format= series^ | grep -qx drivers/pci/tests/ats_kunit.c
	not grep -q ats_kunit.c "$QUEUE"/0002*
	[ -f "$REPO/drivers/pci/tests/ats_kunit.c" ]
}

@test "prepare: the unpatched branch has the tests and nothing else" {
	queue_of_three
	[ "$(git -C "$TREE" log --format=%s base..unpatched)" = 'PCI/ATS: Add a test' ]
	[ "$(git -C "$TREE" diff --name-only base unpatched)" = "$(printf 'drivers/pci/Makefile\ndrivers/pci/tests/ats_kunit.c')" ]
}

@test "prepare: twice gives the same commit ids, from nothing too" {
	queue_of_three
	before=$(ids)
	rm "$TREE/.git/prepared"
	"$REPO/kit/prepare.sh"
	[ "$(ids)" = "$before" ]
	rm -rf "$REPO/build"
	TZ=Asia/Tokyo GIT_AUTHOR_NAME=B GIT_COMMITTER_DATE='2001-01-01T00:00:00Z' "$REPO/kit/prepare.sh"
	[ "$(ids)" = "$before" ]
}

@test "prepare: a patch that does not apply names itself, the file and the hunk; the tree stays" {
	queue_of_three
	before=$(ids)
	sed -i 's/^-line 40/-line 41/' "$QUEUE"/0003*
	one_line "$REPO/kit/prepare.sh"
	says 0003-PCI-ATS-spell-out-forty.patch
	says drivers/pci/ats.c
	says 'hunk 1 (@@ -37,7 +37,7 @@)'
	[ "$(ids)" = "$before" ]
	grep -q 'line forty' "$TREE/drivers/pci/ats.c"
	nothing_half_made
}

@test "prepare: of two hunks the second is the one named" {
	queue_of_three
	sed -i 's/line 2$/line two/; s/line 55/line fifty-five/' "$TREE/drivers/pci/ats.c"
	commit 'PCI/ATS: two more'
	"$REPO/kit/refresh.sh"
	sed -i 's/^-line 55/-line 56/' "$QUEUE"/0004*
	one_line "$REPO/kit/prepare.sh"
	says 'hunk 2 (@@ -52,7 +52,7 @@)'
}

@test "prepare: on another release than the queue was made on, a patch that does not apply names both" {
	queue_of_three
	sed -i 's/^-line 40/-line 41/' "$QUEUE"/0003*
	one_line "$REPO/kit/prepare.sh"
	not says 'the queue was made on'
	sed -i 's/BASE_VERSION=9.9.1/BASE_VERSION=9.9.3/' "$QUEUE/base"
	one_line "$REPO/kit/prepare.sh"
	says 'or take 9.9.3, which the queue was made on: this is 9.9.1'
}

@test "prepare: a cut off patch names itself, the file and the hunk" {
	queue_of_three
	patch=$(echo "$QUEUE"/0003*)
	head -n -3 "$patch" >"$patch.cut" && mv "$patch.cut" "$patch"
	one_line "$REPO/kit/prepare.sh"
	says 0003-PCI-ATS-spell-out-forty.patch
	says 'drivers/pci/ats.c, hunk 1'
}

@test "prepare: no fuzz: context that differs in one line is refused" {
	queue_of_three
	sed -i 's/^ line 38/ line 38 and a bit/' "$QUEUE"/0003*
	one_line "$REPO/kit/prepare.sh"
	says drivers/pci/ats.c
}

@test "prepare: a file that no queue names, a name without a file" {
	queue_of_three
	mkdir -p "$REPO/include/linux"
	touch "$REPO/include/linux/orphan.h"
	one_line "$REPO/kit/prepare.sh"
	says include/linux/orphan.h
	rm "$REPO/include/linux/orphan.h" "$REPO/drivers/pci/tests/ats_kunit.c"
	one_line "$REPO/kit/prepare.sh"
	says drivers/pci/tests/ats_kunit.c
}

@test "prepare: a patch that is not in the series file, an entry without a patch" {
	queue_of_three
	cp "$QUEUE"/0003* "$QUEUE/0004-stray.patch"
	one_line "$REPO/kit/prepare.sh"
	says 0004-stray.patch
	rm "$QUEUE"/0004* "$QUEUE"/0003*
	one_line "$REPO/kit/prepare.sh"
	says 0003-PCI-ATS-spell-out-forty.patch
}

@test "prepare: work that is not in the queue is not lost, unless told so" {
	queue_of_three
	sed -i 's/line 50/line fifty/' "$TREE/drivers/pci/ats.c"
	"$REPO/kit/prepare.sh" # the queue is the same: editing and building is the normal case
	sed -i 's/Because/Therefore/' "$QUEUE"/0003*
	one_line "$REPO/kit/prepare.sh"
	says 'have both changed'
	grep -q 'line fifty' "$TREE/drivers/pci/ats.c"
	FORCE=1 "$REPO/kit/prepare.sh"
	not grep -q 'line fifty' "$TREE/drivers/pci/ats.c"
	sed -i 's/line 50/line fifty/' "$TREE/drivers/pci/ats.c"
	FORCE=1 "$REPO/kit/prepare.sh" # also when the queue is the same
	not grep -q 'line fifty' "$TREE/drivers/pci/ats.c"
}

@test "prepare: a tree that was removed comes back with the queue" {
	queue_of_three
	ids >"$BATS_TEST_TMPDIR/before"
	rm -rf "$TREE"
	"$REPO/kit/prepare.sh"
	ids | cmp - "$BATS_TEST_TMPDIR/before"
}

@test "refresh: neither overwrites what a pull has brought, nor empties the queue" {
	queue_of_three
	change 's/line 50/line fifty/' 'PCI/ATS: fifty'
	sed -i 's/Because/Therefore/' "$QUEUE"/0003*
	one_line "$REPO/kit/refresh.sh"
	says 'the queue has changed since it was prepared'
	grep -q Therefore "$QUEUE"/0003*
	FORCE=1 "$REPO/kit/prepare.sh"
	git -C "$TREE" reset -q --hard base
	one_line "$REPO/kit/refresh.sh"
	says 'no commit'
	[ -f "$QUEUE"/0003* ]
}

@test "one run at a time" {
	queue_of_three
	(exec 9>>"$REPO/build/lock"; flock 9; touch "$BATS_TEST_TMPDIR/held"; sleep 20) 3>&- &
	holder=$!
	while [ ! -e "$BATS_TEST_TMPDIR/held" ]; do sleep 0.1; done
	one_line "$REPO/kit/prepare.sh"
	says 'another run is using'
	pkill -P "$holder"
	wait "$holder" || :
	"$REPO/kit/prepare.sh"
}

@test "prepare: files that do not change keep their times" {
	queue_of_three
	touch -d 2001-01-01 "$TREE/drivers/pci/quirks.c"
	git -C "$TREE" update-index -q --refresh
	sed -i 's/+line forty/+line 40.0/' "$QUEUE"/0003*
	"$REPO/kit/prepare.sh"
	grep -q 'line 40.0' "$TREE/drivers/pci/ats.c"
	[ "$(date -r "$TREE/drivers/pci/quirks.c" +%Y)" = 2001 ]
}

@test "refresh: byte for byte stable when nothing changed" {
	queue_of_three
	sed -i '/^0003/i # a word about the third' "$QUEUE/series"
	"$REPO/kit/prepare.sh"
	before=$(cd "$REPO"
	find series drivers -type f -exec sha256sum {} + | sort) ids=$(ids)
	run "$REPO/kit/refresh.sh"
	[ "$status" = 0 ]
	[ "$(cd "$REPO"
	find series drivers -type f -exec sha256sum {} + | sort)" = "$before" ]
	[ "$(ids)" = "$ids" ]
}

@test "refresh: an edit, a new file and a removed commit become the queue" {
	queue_of_three
	git -C "$TREE" reset -q --hard series^
	mkdir -p "$TREE/include/linux"
	echo '#define X' >"$TREE/include/linux/x.h"
	git -C "$TREE" add include
	commit 'PCI/ATS: Add a header'
	change 's/line 20/line twenty/' 'PCI/ATS: a rather long subject that goes on and on, so that a mail header has to be folded somewhere in the middle'
	tip=$(git -C "$TREE" rev-parse 'series^{tree}')
	"$REPO/kit/refresh.sh"
	[ "$(grep -c '^0' "$QUEUE/series")" = 4 ]
	[ "$(find "$QUEUE" -name '*.patch' | wc -l)" = 4 ]
	grep -q '^0002-PCI-ATS-Add-a-test.patch test$' "$QUEUE/series"
	grep -qx "$(printf '\t+ include/linux/x.h')" "$QUEUE/series"
	[ "$(cat "$REPO/include/linux/x.h")" = '#define X' ]
	not ls "$QUEUE"/*forty*
	[ "$(git -C "$TREE" rev-parse 'series^{tree}')" = "$tip" ]
	git -C "$TREE" log -1 --format=%s series | grep -q 'has to be folded somewhere in the middle$'
}

@test "refresh: a new file that is dropped from the tree leaves the repository" {
	queue_of_three
	git -C "$TREE" reset -q --hard base
	FORCE=1 "$REPO/kit/refresh.sh"
	[ ! -e "$REPO/drivers/pci/tests/ats_kunit.c" ]
	not ls "$QUEUE"/*.patch
}

@test "refresh: refuses uncommitted edits" {
	queue_of_three
	echo more >>"$TREE/drivers/pci/ats.c"
	one_line "$REPO/kit/refresh.sh"
	says uncommitted
}

@test "refresh: refuses a sign-off" {
	queue_of_three
	change 's/line 30/line thirty/' $'PCI/ATS: thirty\n\nSigned-off-by: A <a@example.com>'
	one_line "$REPO/kit/refresh.sh"
	says 'sign-off'
}

@test "refresh: refuses an edit of a file that an earlier patch adds" {
	queue_of_three
	echo 'int more;' >>"$TREE/drivers/pci/tests/ats_kunit.c"
	commit 'PCI/ATS: one more test'
	one_line "$REPO/kit/refresh.sh"
	says drivers/pci/tests/ats_kunit.c
	says 'one more test'
}

# Another base that has the same new file, with the same edits.
second_base() {
	cp -r "$QUEUE" "$REPO/series/9.8"
	mkdir -p "$BATS_TEST_TMPDIR/older"
	cp -r "$KERNEL/." "$BATS_TEST_TMPDIR/older"
	sed -i 's/^PATCHLEVEL.*/PATCHLEVEL = 8/' "$BATS_TEST_TMPDIR/older/Makefile"
	older "$REPO/kit/prepare.sh"
}
older() { BASE=9.8 LINUX_TREE=$BATS_TEST_TMPDIR/older "$@"; }
amend_the_test() { # TREE TEXT
	GIT_SEQUENCE_EDITOR='sed -i "2s/^pick/edit/"' git -C "$1" rebase -q -i base
	echo "$2" >"$1/drivers/pci/tests/ats_kunit.c"
	git -C "$1" commit -q -a --amend --no-edit
	GIT_EDITOR=true git -C "$1" rebase --continue
}

@test "refresh: a new file that another base has changed stays, beside the work that is here" {
	queue_of_three
	second_base
	change 's/line 50/line fifty/' 'PCI/ATS: fifty'
	amend_the_test "$REPO/build/9.8/linux" 'int better;'
	older "$REPO/kit/refresh.sh"
	"$REPO/kit/refresh.sh"
	[ "$(cat "$REPO/drivers/pci/tests/ats_kunit.c")" = 'int better;' ]
	[ "$(cat "$TREE/drivers/pci/tests/ats_kunit.c")" = 'int better;' ]
	grep -q 'line fifty' "$TREE/drivers/pci/ats.c" "$QUEUE"/0004*
	[ -z "$(git -C "$TREE" status --porcelain)" ]
}

@test "refresh: a new file that is changed here and by another base is named, and neither is lost" {
	queue_of_three
	second_base
	amend_the_test "$TREE" 'int mine;'
	amend_the_test "$REPO/build/9.8/linux" 'int better;'
	older "$REPO/kit/refresh.sh"
	one_line "$REPO/kit/refresh.sh"
	says 'drivers/pci/tests/ats_kunit.c has changed here and in the repository'
	[ "$(cat "$REPO/drivers/pci/tests/ats_kunit.c")" = 'int better;' ]
	[ "$(cat "$TREE/drivers/pci/tests/ats_kunit.c")" = 'int mine;' ]
	amend_the_test "$TREE" 'int better;' # the same in both is no quarrel
	"$REPO/kit/refresh.sh"
}
