# SPDX-License-Identifier: GPL-2.0
"""report.py and page.py: what is made of a folder of results; and which release has which hole."""
import json
import re
import unittest
import xml.etree.ElementTree as ET
from unittest import mock

from common import Folder, said
from judge import bench, ktap, paths, report, results
from judge.errors import FAILED, GOOD, Bad

HOLE = '''# SPDX-License-Identifier: GPL-2.0
Title: A {0} hole
Since: 7.0
{1}Seen-as: warning
Cases:
\tats.*.vf_off_on.*
Rows:
\tats.function.vf_off_on.iommufd_twice | iommufd & a <VF>

Text.
'''
BAD, COST, FINE = 'function.vf_off_on.iommufd_twice', 'function.vf_off_on.unmap_costs_of_iommufd', 'f.two.x'
FIELDS = {'checkouts': 'id origin comment misc', 'builds': 'id origin checkout_id architecture',
          'tests': 'id origin build_id path status comment environment misc'}


class Holes(Folder):
    """Two holes, and three bases without results."""

    def setUp(self):
        super().setUp()
        for base in ('7.2', '7.10', '6.12'):
            self.write(f'bases/{base}')
        for slug, patches in (('shut', 'Patches: PCI/ATS: Mend it\n'), ('wide', '')):
            self.write(f'holes/{slug}', HOLE.format(slug, patches))
        self.patch(mock.patch.object(paths, 'TOP', self.build),
                   mock.patch.object(bench, 'HOLES', self.build / 'holes'),
                   mock.patch.object(bench, 'order_of_patches', lambda base: []))


class Report(Holes):
    """judge report."""

    def machine(self, name, label, *lines, base='7.2', planned=0, nested=False):
        """Save what a machine says."""
        plan = planned or sum(line.startswith(('ok', 'not ok')) for line in lines)
        run = results.from_ktap('\n'.join([f'1..{plan}', *lines]), name, label, nested)
        run.facts = {'release': base + '.1'}
        run.save(self.results / base / label / f'{name}.json')

    def fill(self, patched='ok', fine='ok'):
        """Save what the bench says, KUnit and two checks."""
        for label, bad, eats in (('unpatched', 'not ok', 1), ('patched', patched, 0)):
            self.machine('ats', label, *(f'#@ state step={step} bdf=0 e=0 iommu={eats}' for step in ('default', 'released', 'default')),
                         f'#@ state step=told not_supported={1 - eats}', *['#@ splat WARNING: <&>'] * eats, f'{bad} 1 {BAD}',
                         f'#@ commands mark=1 unmaps=2 total={4 + 4 * eats} tlbi=2 sync=2 atc_inv=0', f'ok 2 {COST}', f'{fine} 3 {FINE}')
            self.machine('figures', label, f'#@ figure operation=unmap ats=0 commands={2 + 2 * eats} instructions={6000 + 900 * eats} '
                         'plain_commands=2 plain_instructions=6000', 'ok 1 figures.vf_off_on.iommufd')
        self.machine('um', 'tree', '    1..2', '    ok 1 a', '    ok 2 b # SKIP no PF', 'ok 1 pci_ats', nested=True)
        results.Run('bench', 'compared', [results.Case('ats.x', 'pass', 'fail unpatched, pass patched')]).save(self.results / '7.2/bench.json')
        self.write('results/7.2/x86.tap', '1..2\nok 1 - x86.drivers/pci/ats.o: 5 s\nnot ok 2 - x86.quirks.o: ats.c:3: error: no\n')

    def report(self):
        """Make the report; return the text, the Markdown, the page, and {path: test} of KCIDB by build."""
        code, text = said(report.main)
        self.assertEqual(code, GOOD)
        tests = {}
        for test in json.loads((self.results / '7.2/kcidb.json').read_text(encoding='utf-8'))['tests']:
            tests.setdefault(test['build_id'].removeprefix('ats_series:7.2-'), {})[test['path']] = test
        return text, *((self.results / name).read_text(encoding='utf-8') for name in ('report.md', 'report.html')), tests

    def test_no_results(self):
        (self.results / '7.2/patched').mkdir(parents=True)
        with self.assertRaisesRegex(Bad, 'holds no results'):
            report.main()
        self.assertFalse((self.results / 'report.md').exists())

    def test_table(self):
        self.fill()
        for name in ('unit', 'qemu-10.2/qtest', '7.2/x86-mutant'):
            self.write(f'results/{name}.tap', '1..1\nok 1 a\n')
        text, markdown, _, tests = self.report()
        self.assertEqual(re.findall('^(Linux [0-9.]+|QEMU [0-9.]+|This repository): ', text, re.M),
                         ['Linux 6.12', 'Linux 7.2.1', 'Linux 7.10', 'QEMU 10.2', 'This repository'])
        for line in ('Linux 7.2.1: cases: 8 passed, 1 fail as expected, 1 skipped; checks: 2 passed, 1 failed', 'Linux 6.12: not run',
                     'bench.ats +arm64 +2 passed, 1 fail as expected  +3 passed', 'kunit.pci_ats +um +1 passed, 1 skipped',
                     'check.x86 +1 passed, 1 failed'):
            self.assertRegex(text, f'(?m)^{line}$')
        self.assertIn('\n| bench.ats | arm64 | 2 passed, 1 fail as expected | 3 passed |  |  |\n', markdown)
        test = tests['unpatched-arm64']['bench.ats.' + BAD]
        self.assertEqual((test['status'], test['misc']['expected']), ('FAIL', 'to fail without the series'))
        self.assertEqual({path: test['status'] for path, test in tests['checks-any'].items()}, {
            'check.x86.x86.drivers_pci_ats.o': 'PASS', 'check.x86.x86.quirks.o': 'FAIL', 'check.bench.ats.x': 'PASS'})
        self.assertEqual(tests['checks-any']['check.x86.x86.quirks.o']['comment'], 'ats.c:3: error: no')
        self.assertEqual(tests['tree-um']['kunit.pci_ats.b']['environment']['misc']['platform'], 'uml')

    def test_failures_that_no_hole_explains(self):
        self.fill(patched='not ok', fine='not ok')
        self.machine('walk-3', 'unpatched', 'not ok 1 walk.keeps')
        text, _, _, tests = self.report()
        self.assertRegex(text, r'\nbench.ats +arm64 +1 passed, 1 failed, 1 fail as expected  +1 passed, 2 failed\n')
        self.assertNotIn('expected', tests['patched-arm64']['bench.ats.' + BAD]['misc'])
        self.assertRegex(text, r'\nwalk +arm64 +1 fail as expected\n')

    def test_lost_and_not_run(self):
        self.fill()
        self.machine('ats', 'patched', '#  RUN           f.y ...', 'ok 1 f.y', '#  RUN           f.x ...', '#@ stat e=1', planned=2)
        self.machine('kunit', 'patched', '    # Subtest: smmu', '    ok 1 a', nested=True, planned=1)
        self.machine('noats', 'patched', 'ok 1 f.a', base='7.10')
        for name, text in (('patched/pasid.json', '{"cas'), ('less.tap', '1..3\nok 1 a\n'), ('nothing.tap', '')):
            self.write(f'results/7.2/{name}', text)
        text, _, page, tests = self.report()
        for line in ('bench.ats .*  LOST, 1 passed, 1 failed, 1 lost', 'bench.pasid +arm64 +LOST', 'kunit +arm64 +LOST',
                     'kunit.smmu +arm64 +1 passed', 'check.less +LOST, 1 passed', 'check.nothing +LOST',
                     'bench.noats +arm64 +not run', 'bench.ats +arm64 +not run +not run',
                     'bench.noats +arm64 +1 passed'):
            self.assertRegex(text, f'(?m)^{line}$')
        self.assertEqual([tests['patched-arm64'][f'bench.{name}']['status'] for name in ('ats', 'ats.f.x', 'pasid')], ['MISS', 'ERROR', 'MISS'])
        self.assertEqual(tests['checks-any']['check.less']['comment'], '1 of 3 results')
        self.assertIn('<td class="faint">not run</td>' * 2 + '<td class="fail">fails, 1 complaint</td><td class="lost">LOST</td>', page)

    def test_kcidb_has_what_version_5_requires_and_nothing_else(self):
        self.fill()
        self.write('results/7.2/odd.tap', '1..1\nnot ok 1 - what? "so": (no) # 1\n')
        self.report()
        found = json.loads((self.results / '7.2/kcidb.json').read_text(encoding='utf-8'))
        self.assertEqual((found.pop('version'), found.keys()), ({'major': 5, 'minor': 3}, FIELDS.keys()))
        ids = {kind: [one['id'] for one in those] for kind, those in found.items()}
        for kind, those in found.items():
            self.assertEqual(ids[kind], sorted(set(ids[kind])))
            for one in those:
                self.assertLessEqual(set(one), set(FIELDS[kind].split()))
                self.assertTrue(None not in one.values() and one['id'].startswith(one['origin'] + ':'), one)
        for one in found['builds']:
            self.assertIn(one['checkout_id'], ids['checkouts'])
        for one in found['tests']:
            self.assertIn(one['build_id'], ids['builds'])
            self.assertRegex(one['path'], r'^[a-zA-Z0-9_-]+(\.[a-zA-Z0-9_-]+)*$')
            self.assertIn(one['status'], ('FAIL', 'ERROR', 'MISS', 'PASS', 'SKIP'))

    def test_the_same_results_give_the_same_report_and_the_worse_of_two_counts(self):
        self.fill()
        found = []
        for lines in (['ok 1 f.a', 'ok 2 f.b'], ['ok 1 f.b', 'ok 2 f.a'], ['ok 1 f.a', 'not ok 2 f.a', 'ok 3 f.b']):
            self.machine('noats', 'patched', *lines)
            found.append(self.report()[3])
        self.assertEqual(found[0], found[1])
        self.assertEqual(found[2]['patched-arm64']['bench.noats.f.a']['status'], 'FAIL')

    def test_junit_and_ktap(self):
        self.fill()
        self.write('results/7.2/cut.tap', '1..4\nok 1 - a\nnot ok 2 - b: <&> "no"\033\nok 3 - c # SKIP\n')
        self.write('results/7.2/gone.junit.xml')
        self.report()
        found = {path.relative_to(self.results / '7.2').as_posix(): ET.parse(path).getroot() for path in self.results.glob('7.2/**/*.junit.xml')}
        self.assertEqual(sorted(found), [f'{name}.junit.xml' for name in (
            'bench', 'cut', 'patched/ats', 'patched/figures', 'tree/um', 'unpatched/ats', 'unpatched/figures', 'x86')])
        self.assertEqual(found['cut.junit.xml'][0].attrib, {'name': 'check.cut', 'tests': '4', 'failures': '1', 'errors': '1', 'skipped': '1'})
        self.assertEqual(found['unpatched/ats.junit.xml'][0].attrib['skipped'], '1')
        nodes, problems, _ = ktap.read((self.results / '7.2/unpatched/ats.ktap').read_text(encoding='utf-8').splitlines())
        self.assertEqual(([(node.name.removeprefix('bench.ats.'), node.status) for node in nodes], problems),
                         ([(BAD, 'fail'), (COST, 'pass'), (FINE, 'pass')], []))

    def test_page(self):
        self.fill()
        page = self.report()[2]
        self.assertEqual((page.count('The bad case, on Linux 7.2.1<'), page.count('<tr class="parts">')), (1, 2))
        for piece in ('<td class="on">1</td><td>ATS may be used</td><td class="off">0</td>', '<b>patched</b>',
                      '<td class="off">0</td><td>ATS cannot be used</td><td class="off">0</td>', 'class="much"\n style="width:80.0%"></span>4.0<',
                      '<td>unmap</td><td>4</td><td class="good">2</td><td>6,900</td><td class="good">6,000</td>',
                      '<td>iommufd &amp; a &lt;VF&gt;</td><td class="fail">fails, 1 complaint</td><td class="pass">passes</td>'):
            self.assertIn(piece, page)
        self.assertNotRegex(page, '<script|<link|src=|url\\(|https?:')

    def test_page_without_the_bench(self):
        self.write('results/7.2/lint.tap', '1..1\nok 1 a\n')
        page = self.report()[2]
        self.assertEqual((page.count('<p>The bench has not run.</p>'), page.count('<h2>')), (1, 1))


class Exposure(Holes):
    """judge holes."""

    def test_printed_and_in_the_readme(self):
        code, text = said(report.exposure)
        self.assertEqual(code, GOOD)
        self.assertRegex(text, r'^what goes wrong +6.12.95 .* 7.3.4 +file\n')
        self.assertRegex(text, r'\nA shut hole +–  .*has it +has it +holes/shut\nA wide hole \(open\) +–  .*holes/wide\n')
        readme = self.write('README.md', 'Before\n')
        with self.assertRaisesRegex(Bad, 'README.md has no place for the holes'):
            report.exposure('--write')
        self.write('README.md', 'Before\n<!-- holes -->\nold\n<!-- /holes -->\nAfter\n')
        code, text = said(report.exposure, '--check')
        self.assertEqual((code, text.count('\n')), (FAILED, 1))
        self.assertEqual([said(report.exposure, option) for option in ('--write', '--check')], [(GOOD, '')] * 2)
        self.assertRegex(readme.read_text(encoding='utf-8'), r'(?s)^Before\n<!-- holes -->\n\| what goes wrong \| 6.12.95 \|.*\n'
                         r'\| \[A shut hole\]\(holes/shut\) \| – \|.* \|\n<!-- /holes -->\nAfter\n$')


class Readme(unittest.TestCase):
    """README.md of this repository."""

    def test_holes(self):
        self.assertEqual(said(report.exposure, '--check'), (GOOD, ''))
