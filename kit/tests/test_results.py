# SPDX-License-Identifier: GPL-2.0
"""From what a machine says to a verdict: ktap.py, results.py, verdict.py, bench.py, tally.py, guest.py, mutants.py."""
import itertools
import os
import subprocess
import types
import unittest
from unittest import mock

from common import Folder, said
from judge import bench, guest, holes, ktap, mutants, results, tally, verdict
from judge.errors import BAD_USE, FAILED, GOOD, LOST, Bad
from judge.results import Case, Run

KUNIT = '''Booting Linux
KTAP version 1
1..2
    KTAP version 1
    # Subtest: pci_ats
    1..3
    ok 1 plain
WARNING: something between
        KTAP version 1
        # Subtest: each
        ok 1 1=one
        not ok 2 2=two
    # each: pass:1 fail:1 skip:0 total:2
    not ok 2 each
    ok 3 other # SKIP needs a PF
not ok 1 pci_ats
    KTAP version 1
    # Subtest: smmu
    1..1
    ok 1 only
ok 2 smmu
reboot: Restarting system
'''

HOLE = 'Title: A hole\nSince: 7.0\nSeen-as: silent\nCases:\n\t{}\n\nText.\n'


def read(*lines, machine='ats', label='patched', plan=None, **more):
    """Return the Run of a machine that has said these lines, before its plan or after it."""
    plan = sum(line.startswith(('ok', 'not ok')) for line in lines) if plan is None else plan
    return results.from_ktap('\n'.join(['# bench: machine=ats kernel=9.9', 'TAP version 13', f'1..{plan}', *lines]), machine, label, **more)


def statuses(rows):
    """Return {name: status}."""
    return {row.name: row.status for row in rows}


def in_order(rows):
    """Return the statuses, in one string."""
    return ' '.join(row.status for row in rows)


class Reading(Folder):
    """ktap.py and results.py."""

    def test_kunit_with_parameters_and_console_prefixes(self):
        stamped = ''.join(f'[    0.{number:06}] {line}\n' for number, line in enumerate(KUNIT.splitlines()))
        for text in (KUNIT, stamped, KUNIT.replace('\n', '\r\n')):
            run = results.from_ktap(text, 'kunit', 'patched', nested=True)
            self.assertEqual(statuses(run.cases), {'pci_ats.plain': 'pass', 'pci_ats.each': 'fail', 'pci_ats.other': 'skip', 'smmu.only': 'pass'})
            self.assertEqual((run.lost, run.problems, run.cases[2].why), ('', [], 'needs a PF'))

    def test_kunit_lost_at_each_line(self):
        lines = KUNIT.splitlines()
        runs = [results.from_ktap('\n'.join(lines[:end]), 'kunit', 'patched', nested=True) for end in range(len(lines))]
        self.assertEqual([not run.lost for run in runs], [False] * (len(lines) - 1) + [True])
        self.assertEqual(statuses(runs[12].cases), {'pci_ats.plain': 'pass', 'pci_ats.each': 'lost'})
        self.assertIn('pci_ats: has no result', runs[12].lost)
        self.assertEqual(results.from_ktap(KUNIT.replace('ok 1 plain', ''), 'kunit', 'patched', nested=True).lost, 'pci_ats: 2 of 3 results')

    def test_kunit_suite_that_fails_without_a_case(self):
        run = read('    # failed to initialize (-12)', 'not ok 1 smmu', '    1..1', '    ok 1 a', 'ok 2 b', nested=True)
        self.assertEqual(statuses(run.cases), {'smmu.(suite)': 'fail', 'b.a': 'pass'})

    def test_facts(self):
        run = read('#  RUN           f.a ...', '#@ state step=default bdf=0 e=0 iommu=1', '#@ state step=told not_supported=0',
                   '#@ commands mark=16 unmaps=2 total=8 tlbi=2 sync=4 atc_inv=2', '#@ id idr0=0x1f', '#@ splat WARNING: a=b', 'ok 1 f.a',
                   '#  RUN           f.b ...', '# steps.h:3:b:Expected 0 == e (1)', '# other', 'not ok 2 f.b', '#@ splat after the last')
        case = run.cases[0]
        self.assertEqual([case.worst(key) for key in ('iommu', 'e', 'not_supported', 'x')], [1, 0, 0, None])
        self.assertEqual((case.costs(), case.splats, case.of('id')[0]['idr0'], run.problems), ([4.0], 1, 31, []))
        self.assertEqual(run.cases[1].said, ['steps.h:3:b:Expected 0 == e (1)'])

    def test_facts_that_nobody_can_read(self):
        for fact, problem in (('state step=a iomu=1', 'fact "state" with unknown "iomu=1"'), ('state e=-5', 'fact "state": e is the error -5'),
                              ('stat e=1', 'unknown fact "stat"'), ('state e', 'fact "state" with unknown "e"'), ('state e=yes', 'invalid literal')):
            run = read(f'#@ {fact}', 'ok 1 a')
            self.assertRegex('; '.join(run.problems), f'^ats.a: {problem}')
            self.assertEqual(statuses(verdict.lost_machines([run])), {'ats, patched kernel': 'fail'})
        run = read('ok 1 a', 'ok 2 a', '#@ state e=1')
        self.assertEqual(run.problems, ['fact after the last result: #@ state e=1', 'ats.a: two results'])

    def test_lost(self):
        for text, lost in (('', 'there is no plan'), ('1..0\n', 'nothing ran'), ('ok 1 a\n', 'there is no plan'), ('1..2\nok 1 a', '1 of 2 results')):
            self.assertEqual(results.from_ktap(text, 'ats', 'patched').lost, lost)
        run = read('ok 1 a', '#  RUN           b ...', '#@ state e=1', plan=2)
        self.assertEqual((statuses(run.cases), run.problems, run.cases[1].worst('e')), ({'ats.a': 'pass', 'ats.b': 'lost'}, [], 1))

    def test_files(self):
        run = read('#@ state step=a e=1', 'not ok 1 a')
        run.save(self.results / 'ats.json')
        self.assertEqual(results.read(self.results / 'ats.json'), run)
        for text, wanted in ((ktap.write([('a', 'pass', 'x'), ('b', 'fail', 'y'), ('c', 'skip', 'z')]), {'a': 'pass', 'b: y': 'fail', 'c': 'skip'}),
                             ('1..2\nok 1 one: of bats\nok 2 two # skip no such command\n', {'one: of bats': 'pass', 'two': 'skip'})):
            found = results.read(self.write('lint.tap', text))
            self.assertEqual((statuses(found.cases), found.lost), ({f'lint: {name}': status for name, status in wanted.items()}, ''))
        self.assertEqual(results.read(self.write('lint.tap')).lost, 'there is no plan')
        self.assertEqual(ktap.write([('a', 'lost', 'why'), ('b', 'skip', '')], 'KTAP version 1'),
                         'KTAP version 1\n1..2\n# why\nnot ok 1 - a\nok 2 - b # SKIP\n')


class Judging(Folder):
    """verdict.py and bench.py."""

    def run_of(self, *lines, label='patched', machine='ats', console='', trace=''):
        """Return the Run of a machine that has said all this."""
        run = read(*lines or ['ok 1 a'], label=label, machine=machine)
        run.files = str(self.build / f'{label}-{machine}')
        for suffix, text in (('console', console), ('trace', trace)):
            self.write(f'{run.files}.{suffix}', text)
        return run

    def test_every_pair_of_statuses(self):
        for old, new in itertools.product(('pass', 'fail', 'skip', None), repeat=2):
            before, after = ([Run('m', 'x', [Case('m.a', status)] if status else [Case('m.b', 'pass')])] for status in (old, new))
            claimed, free = (statuses(verdict.compare(before, after, claims)).get('m.a') for claims in ({'m.a': ['hole']}, {}))
            self.assertEqual(claimed, 'pass' if (old, new) == ('fail', 'pass') else 'fail', (old, new))
            wanted = {('pass', 'pass'): 'pass', ('skip', 'skip'): 'skip', ('skip', 'pass'): 'skip', (None, None): None}.get((old, new), 'fail')
            self.assertEqual(free, wanted, (old, new))
        after[0].lost = 'it died'
        self.assertEqual(verdict.compare(before, after, {'m.a': ['hole']})[0].why,
                         'not run unpatched, lost patched; expected: fail unpatched, pass patched (hole)')
        self.assertEqual(statuses(verdict.lost_machines(before + after)), {'m, x kernel': 'lost'})

    def test_commands_that_qemu_has_not_seen(self):
        trace = ['ats_testdev_mark 01:00.0 value 0x10', 'smmuv3_cmdq_opcode <--- TLBI', 'smmuv3_cmdq_opcode <--- SYNC',
                 'ats_testdev_mark 01:00.0 value 0x10', 'smmuv3_cmdq_opcode <--- SYNC']
        for lines, status in ((trace, 'pass'), (trace[:1] + trace[2:], 'fail')):
            run = self.run_of('#@ commands mark=16 unmaps=1 total=2 tlbi=1 sync=1 atc_inv=0', 'ok 1 a', trace='\n'.join(lines))
            self.assertEqual(in_order(verdict.counts(run)), status)

    @staticmethod
    def figures(three, operation='unmap'):
        """Return the Run of three functions, of which the last can use ATS; each has (commands, instructions). What has no Capability costs 100
        instructions in turn with the first, and 106 with the second."""
        return [read(*(line for number, (commands, instructions) in enumerate(three) for line in (
            f'#@ figure operation={operation} ats={number // 2} commands={commands} instructions={instructions} plain_commands=9 '
            f'plain_instructions={100 + 6 * number}', f'ok {number + 1} figures.{"abc"[number]}.iommufd')), machine='figures')]

    def test_costs(self):
        old, new = [(9, 100), (11, 200), (11, 110)], [(9, 100), (9, 106), (11, 110)]
        for before, after, operation, wanted in (
                (old, new, 'unmap', 'pass pass pass pass'), (old, [*new[:2], (12, 110)], 'unmap', 'pass pass fail pass'),
                (old, [*new[:2], (11, 111)], 'unmap', 'pass pass fail pass'), (old, [new[0], (9, 100), new[2]], 'unmap', 'pass pass pass fail'),
                (old, new, 'detach', 'fail fail fail pass'), ([], new, 'unmap', 'fail fail fail pass'), (old, [], 'unmap', 'fail')):
            self.assertEqual(in_order(verdict.costs(self.figures(before), self.figures(after, operation))), wanted)
        with mock.patch.object(verdict, 'figures', lambda runs, whose='': {('a.iommufd', True, 'unmap'): (1, 1)}):
            self.assertEqual(in_order(verdict.costs([], [])), 'pass fail')

    def test_splats_and_the_warning(self):
        hole = holes.Hole('h', HOLE.format('ats.a\nSplat: [,7.3) ats | WARNING: .* pci_disable'))
        warning = 'WARNING: ats.c:1 at pci_disable_ats+0x1\nCall trace:\n pci_disable_ats+0x1\n arm_smmu_attach_prepare+0x2\n el0_svc\n a_ioctl\n b\n'
        for old, new, bad in ((warning, '', 0), ('', '', 1), (warning, warning, 2), (warning.replace('prepare', 'commit'), '', 1)):
            runs = [[self.run_of('#@ commands mark=1 unmaps=1 total=0 tlbi=0 sync=0 atc_inv=0', 'ok 1 a', label=label, console=text)]
                    for label, text in (('unpatched', old), ('patched', new))]
            self.assertEqual(in_order(verdict.bench([hole], (7, 2), *runs)).count('fail'), bad)
        self.assertEqual(verdict.first_trace(runs[0][0])[-2:], [' arm_smmu_attach_commit+0x2', ' a_ioctl'])
        self.assertEqual(verdict.splats([hole], (7, 3), *runs), [])
        self.assertEqual(in_order(verdict.splats([hole], (6, 9), *runs)), 'fail pass')

    def test_attribution(self):
        every = [holes.Hole(slug, HOLE.format(glob)) for slug, glob in (('a', 'ats.f.*'), ('b', 'ats.{f.two,g.x}'), ('c', 'ats.h.x'))]
        for lines, wanted in ((['ok 1 f.one', 'not ok 2 f.two', 'not ok 3 g.x'], {'a': False, 'b': True, 'c': None}),
                              (['not ok 1 f.one', 'not ok 2 f.two', 'ok 3 g.x', 'ok 4 h.x'], {'a': True, 'b': False, 'c': False})):
            self.assertEqual({slug: has for slug, (has, _) in verdict.attribute(every, (7, 2), [self.run_of(*lines)]).items()}, wanted)
        self.assertEqual(in_order(verdict.attribution(every[:1], (7, 2), [read('not ok 1 f.one')], [read('ok 1 f.one')])), 'pass pass')

    def test_walks(self):
        short = read('#@ step n=1 slot=2 reset', '#@ step n=2 slot=2 attach', 'not ok 1 walk', machine='walk-1')
        whole = read('#@ step n=1 slot=2 reset', 'ok 1 walk', machine='walk-1')
        for before, within, wanted, rows in ((short, 2, 1, 'pass pass'), (short, 1, 1, 'fail pass'), (short, 2, 2, 'pass fail'),
                                             (whole, 9, 1, 'fail pass')):
            self.assertEqual(in_order(verdict.walks([before], [whole], within, {'walk-1': wanted})), rows)

    def test_findings_and_complaints(self):
        for console, wanted in (('init: looked for leaks', 'pass'), ('', 'fail'), ('BUG: KASAN: x\ninit: looked for leaks', 'fail')):
            self.assertEqual(in_order(verdict.findings([self.run_of(console=console)])), wanted)
        for console, wanted in (('    # WARNING: of KUnit', 'pass fail'), ('arm-smmu-v3 1.smmu: oas 44-bit\nWARNING: x', 'fail pass')):
            self.assertEqual(in_order(verdict.kunit([self.run_of(console=console)])), wanted)

    def test_some_cases_are_not_taken_for_all(self):
        self.patch(mock.patch.object(bench, 'run_machine', lambda *_: read('ok 1 a')))
        for cases, old in (('', False), ('ats.a', True)):
            os.environ['CASES'] = cases
            self.assertEqual(bench.run('ats', 'tree'), GOOD)
            self.assertEqual((self.results / '7.2/tree/ats.json').stat().st_mtime == 0, old)

    def test_exit_codes(self):
        for rows, lost, code in (([Case('a', 'pass'), Case('b', 'skip')], '', GOOD), ([Case('a', 'fail')], '', FAILED), ([], '', FAILED),
                                 ([Case('a', 'lost')], '', LOST), ([Case('a', 'pass')], 'it died', LOST)):
            Run('ats', 'tree', rows, lost).save(self.build / 'x.json')
            self.assertEqual(said(bench.show, self.build / 'x.json')[0], code)
        for words in (['report', 'x'], ['run', 'ats'], ['nothing'], []):
            done = subprocess.run([bench.TOP / 'judge', *words], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stderr.count('\n'), done.stdout), (BAD_USE, 1, ''), done.stderr)


class Counting(Folder):
    """tally.py."""

    def tally(self, *names, made='0', **files):
        """Count files of the results; return the exit code, the last line, and all."""
        for name, text in files.items():
            self.write(f'results/7.2/{name}.tap', text)
        code, text = said(tally.main, made, *(str(self.results / name) for name in names))
        return code, text.splitlines()[-1], text

    def test_counted(self):
        code, last, text = self.tally('7.2/lint.tap', '7.2/x86.tap', lint='1..2\nok 1 a\nok 2 b # SKIP no net\n', x86='1..1\nok 1 a\n')
        self.assertEqual((code, last), (GOOD, '2 passed, 0 failed, 1 skipped'))
        self.assertIn('skipped 1: no net\n', text)
        code, last, text = self.tally('7.2/lint.tap', '7.2/x86.tap', lint='1..2\nok 1 a\nnot ok 2 b: why\n', x86='1..2\nok 1 a\n')
        self.assertEqual((code, last), (FAILED, '2 passed, 2 failed, 0 skipped'))
        self.assertRegex(text, '(?s)    fail: 7.2 lint: lint: b: why\n.*    lost: 7.2 x86: 1 of 2 results\n')
        self.assertIn('7.2 x86: 1 passed, 1 failed, 0 skipped\n', text)

    def test_missing(self):
        code, last, text = self.tally('7.2/bench.json', '7.2/lint.tap', '6.12/bench.json', lint='1..1\nok 1 a\n')
        self.assertEqual((code, last), (FAILED, '1 passed, 1 failed, 1 skipped'))
        self.assertRegex(text, '(?s)lost: 7.2 bench: no result.*the source of Linux 6.12 is not available')
        self.write('6.12/source')
        self.assertEqual(self.tally('7.2/lint.tap', '6.12/bench.json')[:2], (FAILED, '1 passed, 1 failed, 0 skipped'))
        for names in (['7.2/x86.tap'], []):
            self.assertEqual(self.tally(*names, x86='1..1\nok 1 a # SKIP no net\n')[0], FAILED)

    def test_old_verdict_of_a_step_that_failed(self):
        self.assertEqual(self.tally('7.2/lint.tap', made='2', lint='1..1\nok 1 a\n')[:2], (FAILED, '1 passed, 1 failed, 0 skipped'))

    def test_unit_tests_as_results(self):
        class Sample(unittest.TestCase):
            """One of each."""
            def test_good(self):
                self.assertTrue(self)

            def test_bad(self):
                for number in (1, 2):
                    with self.subTest(number):
                        self.assertEqual(number, 1)

            @unittest.skip('no net')
            def test_skipped(self):
                pass
        suite = unittest.defaultTestLoader.loadTestsFromTestCase(Sample)
        self.patch(mock.patch.object(tally.framework.defaultTestLoader, 'discover', lambda folder: suite))
        code, text = said(tally.unittest)
        self.assertEqual((code, sorted(node.status for node in ktap.read(text.splitlines())[0])), (FAILED, ['fail', 'pass', 'skip']))


QEMU = '''#!/usr/bin/python3
import os, re, socket, sys, time
words = ' '.join(sys.argv)
def end(name): return socket.socket(fileno=int(re.search(f'id={name},fd=([0-9]+)', words)[1])).makefile('rw')
def say(file, text): file.write(text); file.flush()
if 'STDERR' in os.environ:
    sys.exit(os.environ['STDERR'])
console = re.search('file:([^ ]*)', words)[1]
open(console, 'w').write('Booting Linux\\n')
port, qmp = end('port'), end('qmp')
say(qmp, '{"QMP": {}}\\n'); qmp.readline(); say(qmp, '{"return": {}}\\n')
say(port, os.environ['SAYS'])
if os.environ['SAYS'].startswith('@'):
    open(console + '.request', 'w').write(qmp.readline())
    say(qmp, '{"event": "SOMETHING"}\\n{"return": "as it\\\\r\\\\nsaid"}\\n')
    say(port, 'answer: ' + port.readline() + '# bench: end status=0\\n')
time.sleep(float(os.environ.get('HANGS', 0)))
'''


class Booting(Folder):
    """guest.py, with a program in place of QEMU that says what it is told to."""

    def boot(self, says, **environment):
        """Boot; return the exit code, why, and what was kept."""
        out = self.build / 'ats'
        out.with_suffix('.console').unlink(missing_ok=True)
        with mock.patch.dict(os.environ, {'SAYS': says, **environment}), mock.patch.object(guest, 'SILENCE', 0.5 if environment else 20):
            code, why = guest.boot(out, [str(self.write('qemu', QEMU)), '-M', 'virt'])
        return code, why, out.with_suffix('.ktap').read_text(encoding='utf-8')

    def test_port(self):
        for text in ('ok 1 a\n# bench: end status=0\n', 'not ok 1 a\n# bench: end status=1\n'):
            self.assertEqual(self.boot(text), (GOOD, '', text))
        for says, why in (('ok 1 a\n', 'it ended before its final line'), ('# bench: end status=127\n', 'its program could not be run'),
                          ('# bench: end signal=11\n', 'its program was killed: signal=11')):
            self.assertEqual(self.boot(says)[:2], (LOST, f'{why}; its console ends: Booting Linux'))
        self.assertRegex(self.boot('ok 1 a\n', HANGS='30')[1], '^no output for')
        self.assertRegex(self.boot('# bench: end status=0\n', HANGS='30')[1], '^it did not power off')
        self.assertEqual(self.boot('', STDERR='qemu: no such device')[:2], (BAD_USE, 'QEMU did not start: qemu: no such device'))
        self.assertEqual(self.boot('@device_add edu\n'), (GOOD, '', '# host: device_add edu\nanswer: as it said\n# bench: end status=0\n'))
        self.assertIn('"command-line": "device_add edu"', (self.build / 'ats.console.request').read_text(encoding='utf-8'))

    def test_console(self):
        out = self.build / 'kunit'
        self.assertEqual(guest.boot_console(out, ['/bin/echo', 'ok']), (GOOD, ''))
        self.assertEqual(out.with_suffix('.console').read_text(encoding='utf-8'), 'ok\n')
        with mock.patch.object(guest, 'SILENCE', 0.2):
            for hangs in ('exec sleep 30', 'while :; do :; done'):
                self.assertEqual(guest.boot_console(out, ['/bin/sh', '-c', f'echo alive; {hangs}'])[0], LOST)

    def test_a_busy_host_loses_no_machine(self):
        with mock.patch.object(guest, 'SILENCE', 60), mock.patch('time.monotonic') as clock:
            clock.return_value = 0
            patience = guest.Patience(mock.Mock(pid=os.getpid()))
            for passed, lost in ((61, False), (299, False), (301, True)):
                clock.return_value = passed
                self.assertEqual(bool(patience.lost()), lost)
            with mock.patch.object(patience, 'now', return_value=(patience.since[0] + 61, 61)):
                self.assertTrue(patience.lost())


class Breaking(Folder):
    """mutants.py."""

    @staticmethod
    def mutant(expect='s.ten', **fields):
        """Return a mutant."""
        words = {'What': 'x', 'Why': 'x', 'Run': 'kunit', 'Expect': expect} | fields
        return mutants.Mutant('x', {key: [value] for key, value in words.items()}, '--- a/a\n+++ b/a\n@@ -1 +1 @@\n-ten\n+10\n')

    def test_verdicts(self):
        ten, both, dies = self.mutant(), self.mutant(Bench='ats.a'), self.mutant(Dies='of it')
        for mutant, found, on_bench, against, wanted in (
                (ten, {'s.ten': 'fail'}, {}, '', 'killed by s.ten'), (ten, {'s.ten': 'pass'}, {}, '', 'survived: s.ten passes'),
                (ten, {}, {}, 'no such line', 'does not apply: no such line'), (ten, {}, {}, '', 'does not build or run'),
                (ten, {'s.ten': 'lost'}, {}, '', 'the machine was lost in s.ten'), (dies, {'s.ten': 'lost'}, {}, '', 'killed by s.ten'),
                (ten, {'s.other': 'fail'}, {}, '', 's.ten did not run'), (ten, {'s.ten': 'skip'}, {}, '', 's.ten did not run'),
                (self.mutant('s.a s.b'), {'s.a': 'fail', 's.b': 'pass'}, {}, '', 'survived: s.b passes'),
                (both, {'s.ten': 'fail'}, {'ats.a': 'fail'}, '', 'killed by s.ten ats.a'),
                (both, {'s.ten': 'fail'}, {'ats.a': 'pass'}, '', 'survived on the bench: ats.a passes')):
            field = mock.Mock(**{'plant.return_value': against, 'statuses.return_value': found, 'on_machines.return_value': on_bench})
            row = said(mutants.verdict_on, field, mutant)[0]
            self.assertEqual((row.status, row.why), ('pass' if 'killed' in wanted else 'fail', wanted))
            self.assertEqual(field.pull.call_count, 0 if against else 1)
        with self.assertRaisesRegex(Bad, 'mutant x lacks "Expect:" in its header'):
            self.mutant('')

    def run_main(self, found, which='all', **more):
        """Run main() over three mutants; return its rows."""
        headers = {name: ({'What': ['x'], 'Why': ['x'], 'Run': [run], 'Expect': [case]} | more, 'diff')
                   for name, run, case in (('one', 'um', 's.one'), ('two', 'kunit', 's.two'), ('three', 'bench', 'ats.three'))}
        patches = types.SimpleNamespace(project='linux', name='9.9', mutants=lambda: headers, shown=str)
        field = mock.Mock(log=self.build / 'log', base=mutants.Base(), **{'plant.return_value': '', 'applies.return_value': '',
                                                                          'statuses.side_effect': found})
        with mock.patch.object(mutants.queue, 'Queue', lambda: patches), mock.patch.object(mutants, 'Field', lambda queue: field):
            self.assertEqual(said(mutants.main, self.build / 'mutants.json', which)[0], GOOD)
        return {row.name: f'{row.status}: {row.why}'.split(' (log')[0] for row in results.read(self.build / 'mutants.json').cases}

    def test_all_some_and_one(self):
        self.assertEqual(self.run_main([{'s.one': 'pass', 's.two': 'pass'}, {'s.one': 'fail'}, {'s.two': 'pass'}, {'ats.three': 'skip'}]), {
            'mutant one': 'pass: killed by s.one', 'mutant two': 'fail: survived: s.two passes',
            'mutants: bench': 'fail: without any mutant ats.three does not pass, so nothing can be told'})
        self.assertEqual((self.build / 'mutants.json').stat().st_mtime, 0)
        self.assertEqual(list(self.run_main([{'s.one': 'pass'}, {'s.one': 'fail'}], 'some', Hole=['h'])), [
            'mutant one applies', 'mutant two applies', 'mutant three applies', 'mutant one'])
        os.environ['MUTANT'] = 'two'
        self.assertEqual(self.run_main([{'s.two': 'pass'}, {'s.two': 'fail'}]), {'mutant two': 'pass: killed by s.two'})
        os.environ['MUTANT'] = 'four'
        with self.assertRaisesRegex(Bad, 'no mutant is called four'):
            self.run_main([])

    def test_tree(self):
        source = self.write('tree/a', 'ten\n')
        subprocess.run(['git', 'init', '-q', source.parent], check=True)
        script = self.write('kit/lint.sh', '#!/bin/sh\ncd "$BUILD_DIR" && mkdir -p results/7.2 && exec >results/7.2/lint-mutant.tap\n'
                            'echo 1..1\nread -r a <tree/a\n[ $a = ten ] && echo "ok 1 - a" || echo "not ok 1 - a: a finding"\n')
        self.patch(mock.patch.object(mutants, 'TOP', script.parents[1]))
        patches = types.SimpleNamespace(project='linux', work=self.build, tree=source.parent, is_clean=lambda: True, hold=lambda: True)
        patches.run_git = lambda *words, **more: mutants.queue.Queue().run_git(*words, at=source.parent, **more)
        field = mutants.Field(patches)
        self.assertEqual(field.statuses('lint', ['a']), {'a': 'pass'})
        self.assertEqual((field.applies(self.mutant()), field.plant(self.mutant()), field.note.exists()), ('', '', True))
        self.assertEqual(field.statuses('lint', ['a']), {'a': 'fail'})
        self.assertIn('patch failed', field.applies(self.mutant()))
        field.pull()
        self.assertEqual((source.read_text(encoding='utf-8'), field.note.exists()), ('ten\n', False))
