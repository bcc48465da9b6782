# SPDX-License-Identifier: GPL-2.0
"""The queue: prepare, refresh, export and bisect, in a copy of the front door around a kernel of four files, called 9.9 and 9.8."""
import fcntl
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
PIN = """BASE_VERSION={0}.1 BASE_PACKAGE=none BASE_ARCHIVE=linux.tar.xz BASE_SHA256=none BASE_DATE='2020-01-01T00:00:00Z' BASE_DISK_MB=1
BASE_UPSTREAM=https://localhost:1/linux-{0}.1.tar.xz
"""
TEN, TEST, FORTY = 'one/0001-PCI-ATS-spell-out-ten', 'two/0001-PCI-ATS-Add-a-test', 'one/0002-PCI-ATS-spell-out-forty'
MAINTAINERS = '#!/bin/sh\nprintf \'"J\\303\\266rg Maintainer, PhD" <joerg@example.org>\\nlinux-pci@vger.kernel.org\\n\'\n'
HEADINGS = 'Problem', 'What changes', 'How it was tested', 'What was not tested'
PEOPLE = {f'GIT_{who}_{what}': value for who in ('AUTHOR', 'COMMITTER') for what, value in (('NAME', 'A'), ('EMAIL', 'a@example.com'))}


def run(*command, cwd=None, **environment):
    """Run a program with nothing of the environment that the front door would take for its own."""
    kept = {key: value for key, value in os.environ.items() if key in ('PATH', 'HOME')}
    return subprocess.run([str(word) for word in command], cwd=cwd, env=kept | PEOPLE | environment, capture_output=True, text=True, check=False)


class Sandbox(unittest.TestCase):
    """A repository with a series of three, prepared for 9.9: ten in topic one, a test in topic two, forty in topic one."""
    template = kernel = None

    @classmethod
    def setUpClass(cls):
        cls.template = pathlib.Path(tempfile.mkdtemp())
        cls.addClassCleanup(shutil.rmtree, cls.template)
        self = cls()
        self.repo = cls.template / 'repo'
        for name in ('judge', 'kit', 'bench/functions', 'bench/machines'):
            (self.repo / name).parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if (TOP / name).is_dir() else shutil.copy)(TOP / name, self.repo / name)
        for base, minor in (('9.9', 9), ('9.8', 8)):
            self.put(f'bases/{base}', PIN.format(base))
            for name, text in (('Makefile', f'VERSION = 9\nPATCHLEVEL = {minor}\nSUBLEVEL = 1\nNAME = none\n'),
                               ('drivers/pci/ats.c', ''.join(f'line {n}\n' for n in range(1, 61))),
                               ('drivers/pci/quirks.c', 'quirk\n'), ('drivers/pci/Makefile', 'obj-y += ats.o\n'),
                               ('MAINTAINERS', 'A\nM:\tAnn A <a@example.org>\nS:\tMaintained\n\nZ\nS:\tOrphan\n'),
                               ('scripts/checkpatch.pl', '#!/bin/sh\n'), ('scripts/get_maintainer.pl', MAINTAINERS)):
                self.put(f'../kernel-{base}/{name}', text)
                (cls.template / f'kernel-{base}' / name).chmod(0o755 if 'scripts' in name else 0o644)
        self.put('series/order', '# In order\n')
        self.judge('prepare')
        self.edit('line 10', 'line ten', 'PCI/ATS: spell out ten')
        self.new('drivers/pci/tests/ats_kunit.c', 'int test;\n')
        self.edit('obj-y += ats.o', 'obj-y += ats.o tests/', 'PCI/ATS: Add a test', 'drivers/pci/Makefile')
        self.edit('line 40', 'line forty', 'PCI/ATS: spell out forty')
        self.judge('refresh')
        for old, name in (('0001', TEN), ('0002', TEST), ('0003', FORTY)):
            (self.repo / f'series/{name}.patch').parent.mkdir(exist_ok=True)
            (self.repo / f'series/new/{old}{name[8:]}.patch').rename(self.repo / f'series/{name}.patch')
        self.put('series/order', f'# In order\n\n{TEN}.patch\n{TEST}.patch test\n\t+ drivers/pci/tests/ats_kunit.c\n# of forty\n{FORTY}.patch\n')
        for topic, needs in (('one', ''), ('two', 'Needs: one\n')):
            self.put(f'series/{topic}/cover.txt', f'PCI/ATS: All of {topic}\n{needs}' + ''.join(f'\n{each}\n---\n\nWords.\n' for each in HEADINGS))
        self.judge('prepare')

    def setUp(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.top = pathlib.Path(folder)
        self.repo = self.top / 'repo'
        subprocess.run(['cp', '-a', self.template / 'repo', self.repo], check=True)

    # ---- what a person does

    def put(self, name, text):
        """Write a file of the repository."""
        path = self.repo / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')

    def read(self, name):
        """The text of a file of the repository."""
        return (self.repo / name).read_text(encoding='utf-8')

    def replace(self, name, old, new):
        """Edit a file of the repository."""
        text = self.read(name)
        self.assertIn(old, text)
        (self.repo / name).write_text(text.replace(old, new), encoding='utf-8')

    def call(self, *command, base='9.9', code=0, **environment):
        """Run a program of the front door; what it printed."""
        environment = {'BASE': base, 'LINUX_TREE': str(self.kernel or self.template / f'kernel-{base}')} | environment
        done = run(self.repo / command[0], *command[1:], **environment)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        if code == 2:
            self.assertEqual(done.stderr.count('\n'), 1, done.stderr)
        return done.stdout + done.stderr

    def judge(self, *words, **more):
        """Run ./judge."""
        return self.call('judge', *words, **more)

    def fails(self, text, *words, **more):
        """Run ./judge, which has to fail with one line that has TEXT in it."""
        self.assertIn(text, self.judge(*words, code=2, **more))

    def git(self, *words, base='9.9'):
        """What git says in the tree."""
        done = run('git', '-C', self.repo / f'build/{base}/linux', *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def tree(self, name='', base='9.9'):
        """A file of the tree."""
        return self.repo / f'build/{base}/linux' / name

    def new(self, name, text, base='9.9'):
        """Add a file to the tree."""
        self.tree(name, base).parent.mkdir(parents=True, exist_ok=True)
        self.tree(name, base).write_text(text, encoding='utf-8')
        self.git('add', '-f', name, base=base)

    def edit(self, old, new, subject, name='drivers/pci/ats.c', base='9.9', body='Because.'):
        """Edit a file of the tree; commit it, or without SUBJECT put it into the commit that last touched that line."""
        path = self.tree(name, base)
        path.write_text(path.read_text(encoding='utf-8').replace(f'{old}\n', f'{new}\n'), encoding='utf-8')
        self.git('commit', '-qam', f'{subject}\n\n{body}', base=base)

    def amend(self, number, change, base='9.9'):
        """Stop at a commit of the tree, make a change there, and go on."""
        done = run('git', '-C', self.tree(base=base), 'rebase', '-q', '-i', 'base', GIT_SEQUENCE_EDITOR=f"sed -i '{number}s/^pick/edit/'")
        self.assertEqual(done.returncode, 0, done.stderr)
        change()
        done = run('git', '-C', self.tree(base=base), '-c', 'core.editor=true', 'rebase', '--continue')
        self.assertEqual(done.returncode, 0, done.stderr)

    def swap(self, old, new, name='drivers/pci/ats.c', base='9.9'):
        """A change for amend()."""
        def change():
            self.replace(self.tree(name, base).relative_to(self.repo), old, new)
            self.git('commit', '-qa', '--amend', '--no-edit', base=base)
        return change

    def ids(self):
        """The commits of both branches."""
        return self.git('log', '--format=%H %s', 'base..series') + self.git('log', '--format=%H %s', 'base..unpatched')

    def files(self):
        """All files of the repository that refresh may write."""
        return {path: path.read_bytes() for part in ('series', 'drivers', 'include') for path in (self.repo / part).rglob('*') if path.is_file()}

    def second(self):
        """Prepare 9.8 as well."""
        self.judge('prepare', base='9.8')
        return self.git('rev-parse', 'series', base='9.8')


class Prepare(Sandbox):
    """judge prepare"""

    def test_one_commit_a_patch(self):
        self.assertEqual(self.git('log', '--reverse', '--format=%s', 'base..series').splitlines(),
                         ['PCI/ATS: spell out ten', 'PCI/ATS: Add a test', 'PCI/ATS: spell out forty'])
        self.assertEqual(self.git('diff', '--name-only', 'base', 'unpatched'), 'drivers/pci/Makefile\ndrivers/pci/tests/ats_kunit.c')
        self.assertNotIn('int test', self.read(f'series/{TEST}.patch'))
        self.assertEqual(self.git('status', '--porcelain'), '')
        before = self.ids()
        shutil.rmtree(self.repo / 'build')
        self.judge('prepare', TZ='Asia/Tokyo', GIT_AUTHOR_NAME='B', GIT_COMMITTER_DATE='2001-01-01T00:00:00Z')
        self.assertEqual(self.ids(), before)
        shutil.rmtree(self.tree())
        self.judge('prepare')
        files = self.files()
        self.judge('refresh')
        self.assertEqual((self.files(), self.ids()), (files, before))

    def test_the_hunk_that_does_not_apply_is_named(self):
        self.edit('line 2', 'line two', 'PCI/ATS: two more')
        self.amend(4, self.swap('line 55\n', 'line fifty-five\n'))
        self.judge('refresh')
        before, patch = self.ids(), 'series/one/0003-PCI-ATS-two-more.patch'
        good = self.read(patch)
        for old, new, says in (('-line 55', '-line 56', 'drivers/pci/ats.c:52'),
                               (' line 57\n line 58\n', '', 'corrupt patch at '),     # cut off
                               (' line 53', ' line 53 and a bit', 'drivers/pci/ats.c:52')):     # no fuzz
            self.put(patch, good.replace(old, new))
            self.fails(f'one/0003-PCI-ATS-two-more.patch does not apply to what comes before it: {says}', 'prepare')
            self.assertEqual(self.ids(), before)
        self.replace('bases/9.9', '9.9.1', '9.9.3')
        self.fails('or take 9.9.3, which the patches were made on: this is 9.9.1', 'prepare')
        self.assertEqual([path.name for path in (self.repo / 'build/9.9').glob('prepare.*')], [])

    def test_names_and_files_that_do_not_fit(self):
        order, forty = self.read('series/order'), self.read(f'series/{FORTY}.patch')
        for name, text, says in (
                ('include/linux/orphan.h', '', 'include/linux/orphan.h is in no patch'),
                ('series/one/0009-stray.patch', forty, 'series/one/0009-stray.patch is used by no line of series/order'),
                (f'series/{FORTY}.9.8.patch', forty, f'{FORTY}.9.8.patch is the same as series/{FORTY}.patch: remove it'),
                (f'series/{FORTY}.9.7.patch', forty, f'{FORTY}.9.7.patch is used by no line of series/order'),
                ('series/order', f'{order}one/0007-none.patch\n', 'names series/one/0007-none.patch, which does not exist'),
                ('series/order', f'{order}\t+ include/none.h\n', 'names include/none.h, which does not exist'),
                ('series/order', order + order, 'has two patches called PCI-ATS-spell-out-ten'),
                ('series/order', order.replace(' test', ' tset'), 'tset is neither a window, nor test'),
                ('series/order', order.replace(' test', ' [9.9,9.8)'), 'the window is empty'),
                (f'series/{FORTY}.patch', forty.replace('Date: ', 'Day: '), 'is not a mail made by git format-patch'),
                (f'series/{FORTY}.patch', f'{forty}new file mode 100644\n', 'adds a file: put it at its path'),
                ('series/order', f'{order}what\n', 'neither a patch nor a new file: what')):
            with self.subTest(says):
                old = self.read(name) if (self.repo / name).exists() else None
                self.put(name, text)
                self.fails(says, 'prepare')
                (self.repo / name).unlink()
                if old is not None:
                    self.put(name, old)
        self.judge('prepare')

    def test_work_is_not_lost(self):
        self.put('build/9.9/linux/drivers/pci/ats.c', 'work\n')
        self.judge('prepare')       # the series is the same: editing and building is the normal case
        self.replace(f'series/{FORTY}.patch', 'Because', 'Therefore')
        self.fails('have both changed', 'prepare')
        self.fails('have both changed', 'prepare', FORCE='0')
        self.assertEqual(self.tree('drivers/pci/ats.c').read_text(encoding='utf-8'), 'work\n')
        self.judge('prepare', FORCE='1')
        self.assertIn('line forty', self.tree('drivers/pci/ats.c').read_text(encoding='utf-8'))

    def test_what_does_not_change_keeps_its_time(self):
        for name in ('build/9.9/unpatched.tree', 'build/9.9/linux/drivers/pci/quirks.c'):
            os.utime(self.repo / name, (1000000000, 1000000000))
        self.git('update-index', '-q', '--refresh')
        self.replace(f'series/{FORTY}.patch', '+line forty', '+line 40.0')
        self.judge('prepare')
        self.assertIn('line 40.0', self.tree('drivers/pci/ats.c').read_text(encoding='utf-8'))
        for name in ('build/9.9/unpatched.tree', 'build/9.9/linux/drivers/pci/quirks.c'):
            self.assertEqual((self.repo / name).stat().st_mtime, 1000000000)
        self.assertNotEqual((self.repo / 'build/9.9/patched.tree').stat().st_mtime, 1000000000)

    def test_one_run_at_a_time_and_what_a_killed_one_left(self):
        with open(self.repo / 'build/lock', 'a', encoding='utf-8') as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.fails('another run is using', 'prepare')
        self.git('checkout', '-q', 'unpatched')
        self.put('build/9.9/borrowed', 'branch series\n')
        (self.repo / 'build/9.9/prepare.x').mkdir()
        self.assertIn('restoring the tree after a killed run', self.judge('prepare'))
        self.assertEqual(self.git('symbolic-ref', '--short', 'HEAD'), 'series')
        self.assertFalse((self.repo / 'build/9.9/prepare.x').exists())
        self.git('update-ref', 'refs/prepared/series', 'base')      # killed after it had moved the tree, and before it recorded that
        (self.repo / 'build/9.9/linux/.git/prepared').unlink()
        self.judge('prepare')
        self.assertEqual(self.git('rev-parse', 'refs/prepared/series'), self.git('rev-parse', 'series'))

    def test_windows_overrides_and_less_context(self):
        self.replace('series/order', f'{TEN}.patch', f'{TEN}.patch [9.9,)')
        self.put(f'series/{FORTY}.9.8.patch', self.read(f'series/{FORTY}.patch').replace('line forty', 'line 40.8'))
        self.second()
        text = self.tree('drivers/pci/ats.c', '9.8').read_text(encoding='utf-8')
        self.assertTrue('line 10\n' in text and 'line 40.8\n' in text)
        self.judge('prepare')
        self.assertEqual(self.judge('queue', base='9.8'), f'{TEST}.patch test\n{FORTY}.9.8.patch\n')
        self.assertEqual(self.judge('queue', 'new'), 'drivers/pci/tests/ats_kunit.c\n')
        self.replace(f'series/{TEN}.patch', ' line 7\n', ' line seven\n')
        self.fails('does not apply', 'prepare')
        self.replace('series/order', '[9.9,)', '[9.9,) -C2')
        self.judge('prepare')

    def test_some_patches_are_left_out(self):
        self.judge('prepare', 'without', 'PCI/ATS: spell out ten')
        self.assertEqual(self.git('diff', '-U0', 'without', 'series').count('\n+line'), 1)
        self.edit('line ten', 'line 0xa', 'PCI/ATS: hexadecimal')
        self.judge('refresh')
        self.fails('PCI-ATS-hexadecimal.patch needs patches', 'prepare', 'without', 'PCI/ATS: spell out ten')

    def test_mutants_have_windows(self):
        diff = '--- a/x\n+++ b/x\n'
        self.put('series/mutants/a.diff', f'What: x\nRun: [9.9,) um\nRun: [,9.9) bench\n\n{diff}')
        self.put('series/mutants/b.diff', f'Window: [9.9,)\nWhat: y\n\n{diff}')
        self.put('series/mutants/c.diff', f'What: z\n\n{diff}')
        self.put('series/mutants/c.9.8.diff', f'What: of 9.8\n\n{diff}')
        code = 'from judge.queue import Queue; print({name: fields for name, (fields, diff) in Queue().mutants().items()})'
        for base, says in (('9.9', "{'a': {'What': ['x'], 'Run': ['um']}, 'b': {'What': ['y']}, 'c': {'What': ['z']}}\n"),
                           ('9.8', "{'a': {'What': ['x'], 'Run': ['bench']}, 'c': {'What': ['of 9.8']}}\n")):
            self.assertEqual(run('/usr/bin/python3', '-c', code, BASE=base, PYTHONPATH=str(self.repo / 'kit')).stdout, says)


class Refresh(Sandbox):
    """judge refresh"""

    def test_the_tree_becomes_the_series(self):
        self.git('reset', '-q', '--hard', 'series^')
        self.new('include/linux/x.h', '#define X\n')
        self.git('commit', '-qm', 'PCI/ATS: Add a header\n\nBecause.')
        long = 'PCI/ATS: a rather long subject that goes on and on, so that a mail header has to be folded somewhere in the middle'
        self.edit('line 20', 'line twenty', long)
        tree = self.git('rev-parse', 'series^{tree}')
        self.fails('one/0002-PCI-ATS-spell-out-forty.patch is not in the tree, and also for 9.8', 'refresh')
        self.judge('refresh', FORCE='1')
        self.assertEqual(re.sub('a-rather.*', '...', self.read('series/order')),
                         f'# In order\n\n{TEN}.patch\n{TEST}.patch test\n\t+ drivers/pci/tests/ats_kunit.c\n'
                         'two/0002-PCI-ATS-Add-a-header.patch\n\t+ include/linux/x.h\ntwo/0003-PCI-ATS-...\n')
        self.assertEqual(self.read('include/linux/x.h'), '#define X\n')
        self.assertEqual(self.git('rev-parse', 'series^{tree}'), tree)
        self.assertEqual(self.git('log', '-1', '--format=%s'), long)
        self.git('reset', '-q', '--hard', 'series~3')
        self.judge('refresh', FORCE='1')
        self.assertEqual(len(self.files()), 4)      # the order, two cover letters and one patch

    def test_another_subject_keeps_place_marks_and_overrides_and_another_order_counts(self):
        self.put(f'series/{TEST}.9.8.patch', self.read(f'series/{TEST}.patch').replace('Because', 'On 9.8'))
        self.amend(2, lambda: self.git('commit', '-q', '--amend', '-m', 'PCI/ATS: Add the test\n\nBecause.'))
        self.judge('refresh')
        self.assertIn('\ntwo/0001-PCI-ATS-Add-the-test.patch test\n\t+ drivers', self.read('series/order'))
        self.second()
        self.assertIn('PCI/ATS: Add the test\n\nOn 9.8.\n', self.git('log', '--format=%B', base='9.8'))
        done = run('git', '-C', self.tree(), 'rebase', '-q', '-i', 'base', GIT_SEQUENCE_EDITOR="sed -i '1{h;d};2{G}'")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.judge('refresh')
        self.assertEqual(re.findall('(?:one|two)/.*-(.*)', self.read('series/order')), ['test.patch test', 'ten.patch', 'forty.patch'])

    def test_what_cannot_become_a_series(self):
        self.put('build/9.9/linux/drivers/pci/quirks.c', 'more\n')
        self.fails('has uncommitted edits', 'refresh')
        self.git('reset', '-q', '--hard')
        for body, name, says in (('Signed-off-by: A <a@example.com>', 'drivers/pci/ats.c', 'has a sign-off or review tag'),
                                 ('Because.', 'drivers/pci/tests/ats_kunit.c', 'edits drivers/pci/tests/ats_kunit.c, which an earlier patch adds')):
            self.edit('int test;' if 'tests' in name else 'line 30', 'x', 'PCI/ATS: x', name, body=body)
            self.fails(says, 'refresh')
            self.git('reset', '-q', '--hard', 'series^')
        self.git('checkout', '-q', '--detach')
        self.fails('is not on branch series', 'refresh')
        self.git('checkout', '-q', 'series')
        self.git('reset', '-q', '--hard', 'base')
        self.fails('branch series has no commit', 'refresh')
        self.judge('refresh', FORCE='1')
        self.assertEqual(len(self.files()), 3)      # the order, two cover letters

    def test_what_a_pull_has_brought_stays(self):
        self.edit('line 50', 'line fifty', 'PCI/ATS: fifty')
        self.replace(f'series/{FORTY}.patch', 'Because', 'Therefore')
        self.replace('drivers/pci/tests/ats_kunit.c', 'test', 'better')
        self.judge('refresh')
        self.assertIn('Therefore', self.read(f'series/{FORTY}.patch'))
        self.assertEqual(self.git('show', 'series:drivers/pci/tests/ats_kunit.c'), 'int better;')
        self.assertIn('line fifty', self.tree('drivers/pci/ats.c').read_text(encoding='utf-8'))
        for name, text, says in ((f'series/{TEN}.patch', ('Because', 'Therefore'), 'PCI-ATS-spell-out-ten has changed here and in the tree'),
                                 ('series/order', (f'{TEN}.patch\n', ''), 'has changed since it was prepared')):
            self.amend(1, self.swap('line ten', 'line X'))
            self.replace(name, *text)
            if name == 'series/order':
                (self.repo / f'series/{TEN}.patch').unlink()
            self.fails(says, 'refresh')
            self.assertIn('line X', self.tree('drivers/pci/ats.c').read_text(encoding='utf-8'))
            self.judge('prepare', FORCE='1')

    def test_an_edit_is_for_all_kernels(self):
        self.second()
        self.amend(1, self.swap('line ten', 'line X', base='9.8'), base='9.8')
        self.assertIn('refresh: 9.9: applies', self.judge('refresh', base='9.8'))
        self.judge('prepare')
        self.assertIn('line X\n', self.tree('drivers/pci/ats.c').read_text(encoding='utf-8'))
        shutil.rmtree(self.repo / 'build/9.8')
        self.amend(1, self.swap('line X', 'line ten'))
        self.assertIn('refresh: 9.8: not checked', self.judge('refresh'))

    def test_where_an_edit_does_not_apply_it_is_named_and_an_override_helps(self):
        older = self.top / 'older'
        shutil.copytree(self.template / 'kernel-9.8', older)
        (older / 'drivers/pci/ats.c').write_text(''.join(f'line {n}\n' for n in [*range(1, 50), 'old', *range(50, 61)]), encoding='utf-8')
        tree = {'base': '9.8', 'LINUX_TREE': str(older)}
        self.judge('prepare', **tree)
        old = self.read(f'series/{FORTY}.patch')
        self.amend(3, self.swap('line 50\n', 'line fifty\n'))
        said = self.judge('refresh', code=1)
        self.assertRegex(said, f'refresh: 9.8: {FORTY}.patch does not apply .*; or give 9.8 an override')
        self.put(f'series/{FORTY}.9.8.patch', old)
        self.judge('prepare', **tree)
        self.amend(3, self.swap('line 50\n', 'line fifty\n', base='9.8'), base='9.8')
        self.amend(3, self.swap('line fifty\n', 'line 50.0\n'))
        self.assertIn(f'9.8: series/{FORTY}.9.8.patch stays as it is', self.judge('refresh'))
        before = self.read(f'series/{FORTY}.patch')
        self.judge('refresh', **tree)
        self.assertIn('line old\n', self.read(f'series/{FORTY}.9.8.patch'))
        self.assertEqual(self.read(f'series/{FORTY}.patch'), before)

    def test_an_override_like_its_patch_goes(self):
        self.second()
        self.amend(3, self.swap('line forty', 'line 40.8', base='9.8'), base='9.8')
        self.judge('refresh', base='9.8', OVERRIDE='1')
        self.assertIn('line forty', self.read(f'series/{FORTY}.patch'))
        self.assertIn('line 40.8', self.read(f'series/{FORTY}.9.8.patch'))
        self.amend(3, self.swap('line 40.8', 'line forty', base='9.8'), base='9.8')
        self.assertIn('is like its patch now', self.judge('refresh', base='9.8'))
        self.assertFalse((self.repo / f'series/{FORTY}.9.8.patch').exists())


class Qemu(Sandbox):
    """The same form for QEMU."""

    def test_its_queue_is_its_own(self):
        qemu = {'PROJECT': 'qemu', 'QEMU_BASE': '8.8', 'QEMU_TREE': str(self.top / 'qemu')}
        self.put('bench/qemu/bases/8.8', PIN.format('8.8').replace('9.9', '8.8'))
        for name, text in (('VERSION', '8.8.1\n'), ('hw/misc/dev.c', 'one\ntwo\n'), ('python/wheels/meson-1.9.0-py3-none-any.whl', '')):
            self.put(f'../qemu/{name}', text)
        self.judge('prepare', **qemu)
        tree = self.repo / 'build/qemu-8.8/qemu'
        (tree / 'hw/misc/new.c').write_text('int x;\n', encoding='utf-8')
        run('git', '-C', tree, 'add', '-f', 'hw/misc/new.c')
        run('git', '-C', tree, 'commit', '-qm', 'hw/misc: new\n\nBecause.')
        self.judge('refresh', **qemu)
        self.assertEqual(self.read('bench/qemu/hw/misc/new.c'), 'int x;\n')
        self.assertEqual(self.read('bench/qemu/series/order'), '# SPDX-License-Identifier: GPL-2.0\n# The patches in order. See docs/queue.md.\n\n'
                         'new/0001-hw-misc-new.patch\n\t+ hw/misc/new.c\n')
        self.fails('no such project: PROJECT=bsd', 'prepare', PROJECT='bsd')
        self.fails('no such base: BASE=7.7 (known: 9.8 9.9)', 'prepare', base='7.7')


class Export(Sandbox):
    """kit/export.sh: what it writes, what it refuses, and that each of its checks can fail."""

    def setUp(self):
        super().setUp()
        for command in ('sendmail', 'msmtp', 'mail', 'mailx', 'b4', 'curl', 'wget', 'ssh', 'git-send-email', 'git-imap-send'):
            self.put(f'../bin/{command}', f'#!/bin/sh\necho {command} >>{self.top}/sent\nexit 1\n')
            (self.top / 'bin' / command).chmod(0o755)
        self.addCleanup(lambda: self.assertFalse((self.top / 'sent').exists()))

    def export(self, code=0, **variables):
        """Export topic one, unless told otherwise."""
        variables = {'FROM': 'Ann Example <ann@example.org>', 'V': '1', 'TOPIC': 'one', 'PATH': f'{self.top}/bin:{os.environ["PATH"]}'} | variables
        return self.call('kit/export.sh', code=code, **variables)

    def refuses(self, text, **variables):
        """Nothing is written, and one line says why."""
        self.assertIn(text, self.export(2, **variables))

    def finds(self, text, number=1, **variables):
        """A check is not met, and all others are."""
        bad = re.findall('^not ok.*', self.export(1, FORCE='1', **variables), re.M)
        self.assertTrue(text in bad[0] and len(bad) == number, bad)

    def mails(self, topic='one', version='v1'):
        """{number: text} of the mails, 0 the cover letter."""
        folder = self.repo / f'build/export/9.9/{topic}/{version}'
        return {int(path.name.split('-')[1]): path.read_text(encoding='utf-8') for path in sorted(folder.iterdir())}

    def fix(self, *messages):
        """A patch more in topic one for each message, of which the last paragraph is given."""
        for number, message in enumerate(messages, 42):
            self.edit(f'line {number}', f'line {number}.0', f'PCI/ATS: spell out {number}', body=f'Because.\n\n{message}')
        self.judge('refresh')

    def test_mails_that_a_person_can_send(self):
        said = self.export(FROM='Jörg Ørsted <joerg@example.org>')
        self.assertIn('nothing was sent', said)
        cover, ten, forty = self.mails().values()
        for line in ('Subject: [PATCH v1 1/2] PCI/ATS: spell out ten', 'Cc: linux-pci@vger.kernel.org',
                     'Signed-off-by: Jörg Ørsted <joerg@example.org>'):
            self.assertIn(f'\n{line}\n', ten)
        for mail in cover, ten, forty:
            self.assertRegex(mail, r'(?m)^From: =\?(utf|UTF)-8\?.*\?= <joerg@example.org>$')
            self.assertRegex(mail, r'(?m)^To: =\?utf-8\?.*\?= <joerg@example.org>$')
        for line in ('Subject: [PATCH v1 0/2] PCI/ATS: All of one', 'base-tree: v9.9.1 (linux-9.9.1.tar.xz)',
                     'No results: the tests were not run where this was exported.'):
            self.assertIn(f'\n{line}\n', cover)
        self.assertEqual(ten.count('Signed-off-by'), 1)
        self.assertNotIn(self.git('rev-parse', 'base'), cover + ten + forty)
        self.assertNotIn('Signed-off-by', self.read(f'series/{TEN}.patch'))
        self.assertIn(f'\nbase-commit: {"1" * 40}\n', (self.export(FORCE='1', BASE_COMMIT='1' * 40), self.mails()[0])[1])

    def test_a_topic_is_laid_on_what_it_needs(self):
        self.export(TOPIC='')
        cover, test = self.mails('two').values()
        self.assertIn('\nThis applies after the series\n\n  "PCI/ATS: All of one"\n', cover)
        self.assertNotIn('Needs:', cover)
        self.assertIn('\n+int test;\n', test)
        vanilla = self.top / 'vanilla'
        shutil.copytree(self.template / 'kernel-9.9', vanilla)
        for command in ('init -q', 'add -A', 'commit -qm Linux', f'am -q {self.repo}/build/export/9.9/one/v1/v1-0001-PCI-ATS-spell-out-ten.patch',
                        f'am -q {self.repo}/build/export/9.9/one/v1/v1-0002-PCI-ATS-spell-out-forty.patch',
                        f'am -q {self.repo}/build/export/9.9/two/v1/v1-0001-PCI-ATS-Add-a-test.patch'):
            done = run('git', '-C', vanilla, *command.split())
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(run('git', '-C', vanilla, 'rev-parse', 'HEAD^{tree}').stdout.strip(), self.git('rev-parse', 'series^{tree}'))

    def test_a_rehearsal_keeps_nothing(self):
        self.export(V='0', FROM='', TOPIC='')
        self.assertIn('goes to maintainers', self.read('build/results/9.9/rehearsal.tap'))
        self.assertFalse((self.repo / 'build/export').exists())
        self.fix('Fixes: 0123456 ("PCI/ATS: spell out ten")')
        self.finds('Fixes: and stable', V='0')

    def test_versions(self):
        self.refuses('v2 is compared with v1, which was not exported', V='2')
        self.export()
        self.export()               # the same again is no harm
        self.fix('More.')
        self.refuses('use V=2')
        self.export(V='2')
        self.assertRegex(self.mails(version='v2')[0], r'(?m)^Range-diff against v1:\n(.*\n)*-: .* > 3: .*PCI/ATS: spell out 42')
        self.export(FORCE='1')

    def test_what_is_missing_or_none(self):
        for sender in ('', 'Ann', 'ann@example.org', '<ann@example.org>', 'Ann <ann>', 'Ann <ann@example>', 'Ann <ann@example.org> x',
                       'Ann <a@b.org>, Bob <b@b.org>', 'Ann <ann@example.org>\nBob <b@b.org>', 'The series <ats@series.invalid>'):
            self.refuses('FROM=', FROM=sender)
        for version in ('', '01', 'x', '-1', '1.5', '1 2'):
            self.refuses('V=', V=version)
        self.refuses('not a full commit id', BASE_COMMIT='0123456789ab')
        self.refuses('VANILLA=/nowhere: no such archive or folder', VANILLA='/nowhere')
        self.refuses('no such topic: TOPIC=three (known for 9.9: one two)', TOPIC='three')
        (self.repo / 'series/one/cover.txt').unlink()
        self.refuses('series/one/cover.txt is missing')
        self.edit('line 50', 'line fifty', 'PCI/ATS: spell out fifty')
        self.refuses("run 'make refresh'")
        self.assertFalse((self.repo / 'build/export').exists())

    def test_vanilla(self):
        vanilla = self.top / 'vanilla'
        shutil.copytree(self.template / 'kernel-9.9', vanilla)
        subprocess.run(['tar', '-cJf', f'{vanilla}.tar.xz', '-C', self.top, '--transform', 's,^vanilla,linux-9.9.1,', 'vanilla'], check=True)
        for source in (vanilla, f'{vanilla}.tar.xz'):
            self.assertRegex(self.export(VANILLA=str(source), TOPIC='two'), '(?m)^ok .*makes the same change')
        ats = vanilla / 'drivers/pci/ats.c'
        text = ats.read_text(encoding='utf-8')
        ats.write_text(f'{text}/* not ours */\n', encoding='utf-8')
        self.assertIn('drivers/pci/ats.c of v9.9.1 is not the same there and here', self.export(VANILLA=str(vanilla)))
        ats.write_text(text.replace('line 10', 'line zehn'), encoding='utf-8')
        self.finds('makes the same change', VANILLA=str(vanilla))
        self.finds('none of the files', VANILLA=f'{self.top}/bin')

    def test_what_a_mail_says_of_mainline(self):
        self.put('bases/9.9', PIN.format('9.9') + "EXPORT_PREFIX='PATCH 9.9' EXPORT_TO=stable@vger.kernel.org\n")
        other = 'commit 0123456789ab ("PCI/ATS: Other")'
        self.fix(f'[ Upstream: {other}, written anew ]', '[ Not upstream yet ]', f'[ Not upstream yet: {other} is ]',
                 f'[ Not for upstream: {other} is ]')
        self.finds('names no mainline commit, and does not say that there is none', 2)      # ten and forty
        self.assertRegex(self.mails()[1], r'(?s)Subject: \[PATCH 9.9 v1 1/6\].*To: stable@vger.kernel.org\nCc: =\?utf-8')

    def test_fixes_and_stable(self):
        fixes, stable = 'Fixes: 0123456789ab ("PCI/ATS: An old one")', 'Cc: stable@vger.kernel.org # 6.11+'
        note = '[ Not for upstream: commit 0123456789ab ("PCI/ATS: Another way") fails ]\n\n'
        self.fix(f'{fixes}\n{stable}', note + fixes, f'Fixes: 0123456789 ("PCI/ATS: An old one")\n{stable}', fixes,
                 f'Fixes: 0123456789ab (PCI/ATS: An old one)\n{stable}', f'{fixes}\nCc: stable@vger.kernel.org', f'{note}{fixes}\n{stable}')
        self.finds('one/v1-0005-PCI-ATS-spell-out-44.patch: Fixes: and stable', 5)

    def test_nobody_to_send_it_to_checkpatch_and_a_cover_letter_with_gaps(self):
        self.replace('series/one/cover.txt', 'What was not tested', 'And')
        self.edit('#!/bin/sh', '#!/bin/sh\necho WARNING: too short; exit 1', 'scripts: a checkpatch.pl that complains', 'scripts/checkpatch.pl')
        self.edit('#!/bin/sh', '#!/bin/sh\necho "J <j@example.org>"; exit', 'scripts: a get_maintainer.pl without lists', 'scripts/get_maintainer.pl')
        self.judge('refresh')
        said = self.export(1)
        for text, number in (('has no section "What was not tested"', 1), ('checkpatch --strict: WARNING: too short', 4), ('goes to no list', 1)):
            self.assertEqual(said.count(text), number, said)

    def test_what_a_mail_does_not_bring_over_whole(self):
        self.new('drivers/pci/tests/crlf.c', 'int crlf;\r\n')
        self.git('commit', '-qm', 'PCI/ATS: Add a file that git am changes\n\nBecause.')
        self.judge('refresh')
        self.finds('the mails make another change there')

    def test_the_sender_maintains_the_new_section(self):
        self.edit('Z', 'PCI ADDRESS TRANSLATION SERVICES TESTS\nS:\tMaintained\n\nZ', 'MAINTAINERS: Add the tests', 'MAINTAINERS')
        self.edit('S:\tMaintained\n\nZ', 'S:\tMaintained\nF:\tdrivers/pci/tests/\n\nZ', 'MAINTAINERS: Add their folder', 'MAINTAINERS')
        self.judge('refresh')
        self.export(FROM='Jörg Ørsted & Son <joerg@example.org>')
        self.assertEqual([number for number, mail in self.mails().items() if '\n+M:\tJörg Ørsted & Son <joerg@example.org>\n' in mail], [3])
        self.assertIn('\n M:\tJörg Ørsted & Son <joerg@example.org>\n', self.mails()[4])
        self.assertNotIn('Ørsted', self.read('series/one/0003-MAINTAINERS-Add-the-tests.patch'))


KERNEL = r"""VERSION = 9
PATCHLEVEL = 9
SUBLEVEL = 1
NAME = none
.RECIPEPREFIX = >
objects := $(patsubst %.c,$(O)/%.o,$(wildcard drivers/pci/*.c))
allnoconfig:
>(grep '=y' $(KCONFIG_ALLCONFIG); echo CONFIG_PCI_QUIRKS=y) >$(O)/.config
>! grep -qE 'PCI_(IOV|PRI|PASID)=|(AMD|INTEL)_IOMMU=' $(O)/.config || echo CONFIG_PCI_ATS=y >>$(O)/.config
>sed 's/^/#define /; s/=y/ 1/' $(O)/.config >$(O)/autoconf.h.new
>cmp -s $(O)/autoconf.h.new $(O)/autoconf.h || cp $(O)/autoconf.h.new $(O)/autoconf.h
vmlinux: $(objects)
>$(CC) -nostdlib -static -Wl,-e,0 -o $(O)/vmlinux $^
$(O)/%.o: %.c $(O)/autoconf.h include/linux/one.h
>mkdir -p $(@D)
>$(CC) -Wall -I$(CURDIR)/include -include $(O)/autoconf.h -c -o $@ $(CURDIR)/$<
>$(CC) -M -I$(CURDIR)/include -include $(O)/autoconf.h $(CURDIR)/$< >$(@D)/.$(@F).cmd
"""


class Bisect(Sandbox):
    """kit/bisect.sh, on a kernel of two files that are compiled and linked, with ATS and without."""

    def setUp(self):
        super().setUp()
        self.kernel = self.top / 'small'
        for name, text in (('Makefile', KERNEL), ('include/linux/one.h', '#define ONE 1\n'), ('scripts/x', 'x\n'),
                           ('drivers/pci/ats.c', '#ifdef CONFIG_PCI_ATS\nint ats(void) { return 1; }\n#endif\n'),
                           ('drivers/pci/quirks.c', 'static int of_the_base(void) { return 1; }\nint quirk;\n')):
            self.put(f'../small/{name}', text)
        shutil.rmtree(self.repo / 'build')
        shutil.rmtree(self.repo / 'series')
        shutil.rmtree(self.repo / 'drivers')
        self.judge('prepare')

    def more(self, name, text, subject):
        """Commit a line more."""
        path = self.tree(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text((path.read_text(encoding='utf-8') if path.exists() else '') + f'{text}\n', encoding='utf-8')
        self.git('add', '-f', name)
        self.git('commit', '-qam', f'{subject}\n\nBecause.')

    def bisect(self, *names, code=0, **variables):
        """Refresh and bisect; the results."""
        self.judge('refresh')
        return re.findall('^(?:not )?ok.*', self.call('kit/bisect.sh', *names, code=code, **variables), re.M)

    def check(self, found, *patterns):
        """As many results as patterns, and each as its pattern."""
        self.assertEqual(len(found), len(patterns), found)
        for line, pattern in zip(found, patterns):
            self.assertRegex(line, pattern)

    def test_the_patch_that_breaks_what_is_built_without_ats_is_named(self):
        self.more('drivers/pci/ats.c', 'int more;', 'PCI/ATS: fine')
        self.more('drivers/pci/quirks.c', 'int ats(void); int quirk_ats(void) { return ats(); }', 'PCI: lacks a stub')
        self.check(self.bisect('x86', 'x86-PCI_ATS', code=1), '^ok 1 - PCI/ATS: fine: x86: builds and links', '^ok 2 - PCI: lacks a stub: x86',
                   '^ok 3', 'not ok 4 - PCI: lacks a stub: x86-PCI_ATS: .*undefined reference to `ats')
        self.assertEqual(self.git('symbolic-ref', '--short', 'HEAD'), 'series')

    def test_warnings_headers_and_what_is_not_touched(self):
        self.more('Documentation/ats.rst', 'text', 'Documentation: text')
        self.more('drivers/pci/ats.c', 'static int new(void) { return 1; }', 'PCI/ATS: unused')
        self.more('drivers/pci/quirks.c', '#include <linux/one.h>\nint one = ONE;', 'PCI: uses it')
        self.more('include/linux/one.h', '#undef ONE', 'PCI: takes it away')
        self.more('MAINTAINERS', 'x', 'MAINTAINERS: somebody')
        for _ in 'first', 'second':
            self.check(self.bisect('x86-IOMMUFD', code=1), 'ok 1 - .* unchanged', "not ok 2 - PCI/ATS: unused: .*warning: 'new' defined but not used",
                       'ok 3 .*builds and links', 'not ok 4 - PCI: takes it away', 'not ok 5 - MAINTAINERS: somebody: .*error')

    def test_options(self):
        self.more('drivers/pci/ats.c', 'int more;', 'PCI/ATS: fine')
        self.replace('kit/config/x86.config', 'CONFIG_AMD_IOMMU=y\n', '')
        self.check(self.bisect('x86', code=1), 'not ok 1 - the base: x86: configuration error: AMD_IOMMU is off')
        self.put('bases/9.9', PIN.format('9.9') + "BASE_LACKS='CONFIG_IOMMUFD'\n")
        self.check(self.bisect('x86-IOMMUFD'), 'ok 1 - x86-IOMMUFD # SKIP Linux 9.9 has no IOMMUFD')
        self.assertIn('x86-NOTHING: no such configuration (known: um arm64 ', self.call('kit/bisect.sh', 'x86-NOTHING', code=2))

    def test_a_topic_is_laid_on_what_it_needs(self):
        for name, topic in (('one', 'a'), ('two', 'b'), ('three', 'c')):
            self.more('drivers/pci/ats.c', f'int {name};\n\n\n\n', f'PCI/ATS: {name}')
        self.judge('refresh')
        for number, (name, topic) in enumerate((('one', 'a'), ('two', 'b'), ('three', 'c')), 1):
            (self.repo / 'series' / topic).mkdir()
            (self.repo / f'series/new/000{number}-PCI-ATS-{name}.patch').rename(self.repo / f'series/{topic}/0001-PCI-ATS-{name}.patch')
        self.put('series/order', 'a/0001-PCI-ATS-one.patch\nb/0001-PCI-ATS-two.patch\nc/0001-PCI-ATS-three.patch\n')
        self.put('series/c/cover.txt', 'C\nNeeds: b\n')
        self.put('series/b/cover.txt', 'B\nNeeds: a\n')
        self.check(self.bisect('x86', TOPIC='c'), '^ok 1 - PCI/ATS: three: x86: builds and links')

    def test_every_base_without_base(self):
        self.more('drivers/pci/ats.c', 'int more;', 'PCI/ATS: fine')
        self.judge('refresh')
        self.assertIn('say which with BASE=', self.call('kit/bisect.sh', 'x86', code=2, base=''))
        for command, code in (('apt-get', 100), ('curl', 6)):
            self.put(f'../bin/{command}', f'#!/bin/sh\nexit {code}\n')
            (self.top / 'bin' / command).chmod(0o755)
        self.replace('kit/lib.sh', 'DEFAULT_BASE=7.2', 'DEFAULT_BASE=9.9')
        said = self.call('kit/bisect.sh', 'x86', base='', LINUX_TREE='', PATH=f'{self.top}/bin:{os.environ["PATH"]}')
        self.assertIn('9.8: skipped', said)
        self.assertIn('bases: 1 good, 0 bad', said)
