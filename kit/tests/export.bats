# SPDX-License-Identifier: GPL-2.0
# export, on a kernel of four files: what it writes, what it refuses, and that each of its checks can fail.
load setup

# A queue of three with a cover letter, on a kernel that has the two scripts that are asked.
exportable() {
	mkdir -p "$KERNEL/scripts"
	printf '#!/bin/sh\necho "\\"J\303\266rg Maintainer, PhD\\" <joerg@example.org>"\necho linux-pci@vger.kernel.org\n' >"$KERNEL/scripts/get_maintainer.pl"
	printf '#!/bin/sh\nexit 0\n' >"$KERNEL/scripts/checkpatch.pl"
	chmod +x "$KERNEL"/scripts/*
	{
		echo 'PCI/ATS: All of it'
		for heading in Problem 'What changes' 'How it was tested' 'What was not tested'; do printf '\n%s\n---\n\nWords.\n' "$heading"; done
	} >"$QUEUE/cover.txt"
	queue_of_three
	OUT=$REPO/build/export/9.9
	export FROM='Ann Example <ann@example.org>' V=1
	nothing_is_sent
}
export_sh() { "$REPO/kit/export.sh"; }
refuses() { one_line export_sh; says "$1"; [ ! -e "$REPO/build/export" ]; } # WHAT
fails() { # CHECK: a check that is not met is a failed test, and all others are met
	run export_sh
	[ "$status" = 1 ]
	[ "$(grep -c '^not ok' <<<"$output")" = "${2:-1}" ]
	grep '^not ok' <<<"$output" | grep -qF -- "$1"
}
fix() { # TRAILERS: one more patch
	sed -i 's/line 50/line fifty/' "$TREE/drivers/pci/ats.c"
	git -C "$TREE" commit -qam "PCI/ATS: spell out fifty"$'\n\nBecause.\n\n'"$1"
	"$REPO/kit/refresh.sh"
}

# Whatever could reach another machine leaves a trace instead.
nothing_is_sent() {
	mkdir -p "$BATS_TEST_TMPDIR/bin"
	for command in sendmail msmtp mail mailx b4 curl wget ssh git-send-email git-imap-send; do
		printf '#!/bin/sh\necho "%s $*" >>"%s/sent"\nexit 1\n' $command "$BATS_TEST_TMPDIR" >"$BATS_TEST_TMPDIR/bin/$command"
	done
	cat >"$BATS_TEST_TMPDIR/bin/git" <<-EOC
		#!/bin/sh
		case " \$* " in *" send-email "* | *" imap-send "* | *" push "* | *" fetch "*) echo "git \$*" >>"$BATS_TEST_TMPDIR/sent" ;; esac
		exec /usr/bin/git "\$@"
	EOC
	chmod +x "$BATS_TEST_TMPDIR"/bin/*
	PATH=$BATS_TEST_TMPDIR/bin:$PATH
}
teardown() { [ ! -e "$BATS_TEST_TMPDIR/sent" ]; }

@test "export: a rehearsal keeps nothing, needs nobody, and finds what an export would" {
	exportable
	unset FROM
	V=0 run export_sh
	[ "$status" = 0 ]
	grep -q 'goes to maintainers' "$REPO/build/results/9.9/rehearsal.tap"
	[ ! -e "$REPO/build/export" ]
	not git -C "$TREE" rev-parse -q --verify refs/export/v1
	fix 'Fixes: 0123456 ("PCI/ATS: spell out ten")'
	V=0 fails 'Fixes: and stable'
}

@test "export: mails that a person can send, and nothing is sent" {
	exportable
	run export_sh
	[ "$status" = 0 ]
	not grep -q '^not ok' <<<"$output"
	grep -q 'nothing was sent' <<<"$output"
	[ "$(cd "$OUT/v1" && echo *)" = "v1-0000-cover-letter.patch v1-0001-PCI-ATS-spell-out-ten.patch v1-0002-PCI-ATS-Add-a-test.patch v1-0003-PCI-ATS-spell-out-forty.patch" ]
	mail=$OUT/v1/v1-0002-PCI-ATS-Add-a-test.patch
	grep -qx 'From: Ann Example <ann@example.org>' "$mail"
	grep -qx 'Subject: \[PATCH v1 2/3\] PCI/ATS: Add a test' "$mail"
	grep -qx 'To: =?utf-8?.*?= <joerg@example.org>' "$mail"
	grep -qx 'Cc: linux-pci@vger.kernel.org' "$mail"
	[ "$(grep -c '^Signed-off-by: ' "$mail")" = 1 ]
	grep -qx '+int test;' "$mail"
	not grep -rq Signed-off-by "$QUEUE"
	grep -qx 'To: =?utf-8?.*?= <joerg@example.org>' "$OUT"/v1/*cover*
	grep -qx 'Subject: \[PATCH v1 0/3\] PCI/ATS: All of it' "$OUT"/v1/*cover*
}

@test "export: plain git am on the kernel as it came gives what branch series has" {
	exportable
	export_sh
	cd "$KERNEL"
	git init -q && git add -A && git commit -qm Linux
	git am -q "$OUT"/v1/*000[1-3]*
	[ "$(git rev-parse 'HEAD^{tree}')" = "$(git -C "$TREE" rev-parse 'series^{tree}')" ]
}

@test "export: a name of any script, in headers as mail wants it, and in the sign-off as it is" {
	exportable
	FROM='Jörg Ørsted <joerg@example.org>' export_sh
	[ "$(grep -lE '^From: =\?(utf|UTF)-8\?.*\?= <joerg@example.org>$' "$OUT"/v1/* | wc -l)" = 4 ]
	grep -qx 'Signed-off-by: Jörg Ørsted <joerg@example.org>' "$OUT"/v1/*0003*
}

@test "export: what a mail does not bring over whole is seen" {
	exportable
	printf 'int crlf;\r\n' >"$TREE/drivers/pci/tests/crlf.c"
	git -C "$TREE" add drivers/pci/tests
	commit 'PCI/ATS: Add a file that git am changes'
	"$REPO/kit/refresh.sh"
	fails 'gives the exported tree: it is another tree then'
}

@test "export: MAINTAINERS gets its M: from the sender, and the queue names nobody" {
	printf 'A\nM:\tAnn A <a@example.org>\nS:\tMaintained\n\nZ\nS:\tOrphan\n' >"$KERNEL/MAINTAINERS"
	exportable
	sed -i '5i PCI ADDRESS TRANSLATION SERVICES TESTS\nL:\tlinux-pci@vger.kernel.org\nS:\tMaintained\n' "$TREE/MAINTAINERS"
	commit 'MAINTAINERS: Add the tests'
	sed -i '7a F:\tdrivers/pci/tests/' "$TREE/MAINTAINERS"
	commit 'MAINTAINERS: Add their folder'
	"$REPO/kit/refresh.sh"
	FROM='Jörg Ørsted & Son <joerg@example.org>' export_sh
	[ "$(grep -lx $'+M:\tJörg Ørsted & Son <joerg@example.org>' "$OUT"/v1/* | xargs -n 1 basename)" = v1-0004-MAINTAINERS-Add-the-tests.patch ]
	grep -qx $' M:\tJörg Ørsted & Son <joerg@example.org>' "$OUT"/v1/*0005*
	not grep -rq Ørsted "$QUEUE" "$TREE/MAINTAINERS"
}

@test "export: the base is the release, and no commit of this machine" {
	exportable
	id=0123456789abcdef0123456789abcdef01234567
	export_sh
	grep -qx 'base-tree: v9.9.1 (linux-9.9.1.tar.xz)' "$OUT"/v1/*cover*
	not grep -rqF "$(git -C "$TREE" rev-parse base)" "$OUT"
	BASE_COMMIT=$id export_sh
	grep -qx "base-commit: $id" "$OUT"/v1/*cover*
	echo "BASE_TAG=v9.9.0 BASE_COMMIT=$id" >>"$QUEUE/base" # of another release than the one that is here
	export_sh
	grep -qx 'base-tree: v9.9.1 (linux-9.9.1.tar.xz)' "$OUT"/v1/*cover*
	sed -i 's/v9.9.0/v9.9.1/' "$QUEUE/base"
	export_sh
	grep -qx "base-commit: $id" "$OUT"/v1/*cover*
}

@test "export: the release in an archive, a folder or a git tree; one that is not the same" {
	exportable
	vanilla=$BATS_TEST_TMPDIR/vanilla
	cp -r "$KERNEL" "$vanilla"
	tar -c -C "$vanilla" --transform 's,^\.,linux-9.9.1,' . | xz -0 >"$vanilla.tar.xz"
	VANILLA=$vanilla.tar.xz export_sh | grep -q '^ok .*vanilla.tar.xz makes the same change'
	VANILLA=$vanilla export_sh | grep -q '^ok .*vanilla makes the same change'
	echo '/* not ours */' >>"$vanilla/drivers/pci/ats.c"
	VANILLA=$vanilla export_sh | grep -q 'drivers/pci/ats.c of v9.9.1 is not the same there and here'
	sed -i 's/line 10/line zehn/' "$vanilla/drivers/pci/ats.c"
	VANILLA=$vanilla fails 'makes the same change'
	mkdir "$vanilla/drivers/pci/tests" && touch "$vanilla/drivers/pci/tests/ats_kunit.c"
	cp "$KERNEL/drivers/pci/ats.c" "$vanilla/drivers/pci"
	VANILLA=$vanilla fails 'makes the same change'
	rm -r "$vanilla/drivers/pci/tests"
	sed -i '58,$d' "$vanilla/drivers/pci/ats.c" # less context at the end of the file: what applies is another patch
	change 's/line 57/line fifty-seven/' 'PCI/ATS: spell out fifty-seven'
	"$REPO/kit/refresh.sh"
	FORCE=1 VANILLA=$vanilla fails 'makes the same change'
	VANILLA=$BATS_TEST_TMPDIR/bin fails 'none of the files'
	cp "$KERNEL/drivers/pci/ats.c" "$vanilla/drivers/pci"
	git -C "$vanilla" init -q && git -C "$vanilla" add -A && git -C "$vanilla" commit -qm Linux && git -C "$vanilla" tag v9.9.1
	echo later >>"$vanilla/drivers/pci/ats.c" && git -C "$vanilla" commit -qam later
	VANILLA=$vanilla export_sh
	grep -qx "base-commit: $(git -C "$vanilla" rev-parse 'v9.9.1^{commit}')" "$OUT"/v1/*cover*
}

@test "export: the second version has the range-diff to the first" {
	exportable
	export_sh
	not grep -q Range-diff "$OUT"/v1/*cover*
	change 's/line 50/line fifty/' 'PCI/ATS: spell out fifty'
	"$REPO/kit/refresh.sh"
	V=2 export_sh
	grep -q '^Range-diff against v1:' "$OUT"/v2/*cover*
	grep -q '^-: .* > 4: .*PCI/ATS: spell out fifty' "$OUT"/v2/*cover*
	grep -qx 'Subject: \[PATCH v2 4/4\] PCI/ATS: spell out fifty' "$OUT"/v2/*0004*
	[ -d "$OUT/v1" ]
}

@test "export: a version without the one before it; one that was mailed and is another now" {
	exportable
	V=2 refuses 'v2 is compared with v1, which was not exported'
	export_sh
	export_sh # the same again is no harm
	change 's/line 50/line fifty/' 'PCI/ATS: spell out fifty'
	"$REPO/kit/refresh.sh"
	one_line export_sh
	says 'take V=2'
	FORCE=1 export_sh
	[ -f "$OUT"/v1/*0004* ]
}

@test "export: a stable tree's prefix and list come from the pin; each says what it carries" {
	exportable
	echo "EXPORT_PREFIX='PATCH 9.9' EXPORT_TO=stable@vger.kernel.org" >>"$QUEUE/base"
	fails 'does not say what it carries' 3
	other='commit 0123456789ab ("PCI/ATS: Other")'
	sed -i "s,^Because.,[ Not upstream yet: $other does it otherwise ]\n\n&," "$QUEUE"/0001-*
	sed -i 's,^Because.,[ Not upstream yet ]\n\n&,' "$QUEUE"/0002-*
	sed -i 's,^Because.,[ Not for upstream ]\n\n&,' "$QUEUE"/0003-* # for what else?
	"$REPO/kit/prepare.sh"
	FORCE=1 fails 'does not say what it carries'
	for word in "Not for upstream: $other does the opposite" "Upstream: $other, written anew for 9.9"; do
		sed -i "s|^\[ .* \]$|[ $word ]|" "$QUEUE"/0003-*
		"$REPO/kit/prepare.sh"
		FORCE=1 export_sh
	done
	mail=$OUT/v1/v1-0001-PCI-ATS-spell-out-ten.patch
	grep -qx 'Subject: \[PATCH 9.9 v1 1/3\] PCI/ATS: spell out ten' "$mail"
	grep -qx 'To: stable@vger.kernel.org' "$mail"
	grep -qx 'Cc: =?utf-8?.*?= <joerg@example.org>,' "$mail"
}

@test "export: results of this queue are told, older ones are not" {
	exportable
	export_sh
	grep -qx 'Not run where this was exported.' "$OUT"/v1/*cover*
	json='{"test_cases": [{"name": "a", "status": "PASS"}, {"name": "b", "status": "FAIL"}], "sub_groups": [], "name": "s"}'
	echo "{\"name\": \"all\", \"sub_groups\": [$json]}" >"$REPO/build/results/9.9/kunit-um.json"
	export_sh
	grep -qx '  kunit-um: *1 passed, 1 failed, 0 skipped' "$OUT"/v1/*cover*
	touch -d 2001-01-01 "$REPO/build/results/9.9/kunit-um.json"
	export_sh
	grep -qx 'Not run where this was exported.' "$OUT"/v1/*cover*
}

@test "export: who sends them is missing, or nobody" {
	exportable
	for from in '' Ann ann@example.org '<ann@example.org>' 'Ann <ann>' 'Ann <ann@example>' 'Ann <ann@example.org> x' 'Ann <a@b.org>, Bob <b@b.org>' \
		$'Ann <ann@example.org>\nBob <b@b.org>' 'The series <ats@series.invalid>'; do
		FROM=$from refuses 'FROM='
	done
	(unset FROM && refuses 'FROM= is missing')
}

@test "export: a version that is none, a commit that is none, a release that is not there" {
	exportable
	for version in 01 x -1 1.5 '1 2'; do V=$version refuses "V=$version: the version of an export is a number"; done
	V='' refuses 'V= is missing'
	BASE_COMMIT=0123456789ab refuses 'not a full commit id'
	VANILLA=/nowhere refuses 'VANILLA=/nowhere: no such archive or folder'
}

@test "export: no cover letter, no patch, no such base, work that is not in the queue" {
	exportable
	BASE=8.8 refuses 'no such base: BASE=8.8'
	mv "$QUEUE/cover.txt" "$BATS_TEST_TMPDIR"
	refuses 'series/9.9/cover.txt is missing'
	mv "$BATS_TEST_TMPDIR/cover.txt" "$QUEUE"
	change 's/line 50/line fifty/' 'PCI/ATS: spell out fifty'
	refuses 'not in the queue'
	git -C "$TREE" reset -q --hard base
	FORCE=1 "$REPO/kit/refresh.sh"
	refuses 'has no patch'
}

@test "export: Fixes: with a short id, without a quoted subject, without a stable tree" {
	exportable
	fix $'Fixes: 0123456789ab ("PCI/ATS: An old one")\nCc: stable@vger.kernel.org # 6.11+'
	export_sh
	for trailers in $'Fixes: 0123456789 ("PCI/ATS: An old one")\nCc: stable@vger.kernel.org # 6.11+' \
		$'Fixes: 0123456789ab (PCI/ATS: An old one)\nCc: stable@vger.kernel.org # 6.11+' \
		$'Fixes: 0123456789ab ("PCI/ATS: An old one")\nCc: stable@vger.kernel.org' \
		$'Fixes: 0123456789ab ("PCI/ATS: An old one")'; do
		git -C "$TREE" reset -q --hard series^
		fix "$trailers"
		FORCE=1 fails 'v1-0004-PCI-ATS-spell-out-fifty.patch: Fixes: and stable'
	done
}

@test "export: what upstream has otherwise is not for stable" {
	exportable
	fix $'[ Not for upstream: commit 0123456789ab ("PCI/ATS: Another way") fails ]\n\nFixes: 0123456789ab ("PCI/ATS: An old one")'
	export_sh
	git -C "$TREE" reset -q --hard series^
	fix $'[ Not for upstream: commit 0123456789ab ("PCI/ATS: Another way") fails ]\n\nFixes: 0123456789ab ("PCI/ATS: An old one")\nCc: stable@vger.kernel.org # 6.11+'
	FORCE=1 fails 'v1-0004-PCI-ATS-spell-out-fifty.patch: Fixes: and stable'
}

@test "export: nobody to send it to, a complaint of checkpatch, a cover letter that leaves something out" {
	exportable
	sed -i '/^What was not tested/d' "$QUEUE/cover.txt"
	fails 'says nothing under "What was not tested"'
	git -C "$TREE" checkout -q series
	printf '#!/bin/sh\necho "WARNING: too short"\nexit 1\n' >"$TREE/scripts/checkpatch.pl"
	git -C "$TREE" commit -qam 'scripts: a checkpatch.pl that complains'$'\n\nBecause.'
	"$REPO/kit/refresh.sh"
	printf 'What was not tested\n' >>"$QUEUE/cover.txt"
	FORCE=1 fails 'checkpatch --strict: WARNING: too short' 4
	git -C "$TREE" reset -q --hard series^
	printf '#!/bin/sh\necho "J <j@example.org>"\n' >"$TREE/scripts/get_maintainer.pl"
	git -C "$TREE" commit -qam 'scripts: a get_maintainer.pl without lists'$'\n\nBecause.'
	"$REPO/kit/refresh.sh"
	FORCE=1 fails 'goes to no list' 5
}
