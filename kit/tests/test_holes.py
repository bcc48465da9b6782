# SPDX-License-Identifier: GPL-2.0
"""Holes and versions, on small holes made here; and holes/ itself."""
# pylint: disable=missing-function-docstring,invalid-name
import re
import tempfile
import unittest
from pathlib import Path

from judge import holes, queue
from judge.errors import Bad
from judge.paths import TOP
from judge.versions import Window, bounds, reached, version

V72, V73, V612 = (7, 2, 13), (7, 3, 4), (6, 12, 117)


def hole(slug, *fields, since='ever', cases='Cases: ats.a.b'):
    """A hole with some fields besides those that it must have."""
    return holes.Hole(slug, '\n'.join(['# SPDX-License-Identifier: GPL-2.0', 'Title: It breaks', f'Since: {since}', 'Seen-as: silent',
                                       *fields, *[cases] * bool(cases)]) + '\n\nIt does.\n')


class Versions(unittest.TestCase):
    """versions.py"""

    def test_a_version_is_what_a_text_begins_with(self):
        for text, wanted in (('7.2', (7, 2)), ('7.3-rc4', (7, 3)), ('6.12.117+deb13-arm64', V612), ('10.2.2', (10, 2, 2))):
            self.assertEqual(version(text), wanted)
        for text in ('', '7', 'v7.2', 'ever'):
            self.assertRaises(Bad, version, text)

    def test_a_stable_release_counts_as_its_mainline_release(self):
        window, rest = Window.parse('[6.13, 7.3) a case')
        self.assertEqual(rest, 'a case')
        self.assertEqual([v in window for v in (V612, (6, 13), V72, (7, 3), V73)], [False, True, True, False, False])

    def test_an_end_of_a_window_may_be_open(self):
        self.assertEqual([V72 in Window.parse(line)[0] for line in ('[7.2,) x', '[,7.2) x', '[,) x', 'x', '[7.3,) x')],
                         [True, False, True, True, False])

    def test_what_is_no_window(self):
        for line in ('[7.2] x', '[7.2,7.3 x', '[7.3,7.2) x', '[a,b) x'):
            self.assertRaises(Bad, Window.parse, line)

    def test_a_change_reaches_mainline_and_stable_branches(self):
        changed = bounds('7.3 6.12.108..6.12.117 6.18.5')
        for release, wanted in (('6.12.107', False), ('6.12.110', None), ('6.12.117', True), ('6.18.4', False), ('6.18.5', True),
                                ('7.2.13', False), ('7.3', True), ('7.4', True)):
            self.assertIs(reached(version(release), changed), wanted, release)
        self.assertIs(reached((6, 18, 5), bounds('6.13..7.1 6.18.5')), True)
        self.assertIs(reached((2, 6), bounds('ever')), True)
        self.assertIs(reached(V73, bounds('')), False)


class Format(unittest.TestCase):
    """One file."""

    def test_fields(self):
        h = hole('a-b', 'Until: 7.3', 'Behind: c d', 'Introduced-by: 123456789abc', 'Upstream: abc ("PCI: One") def ("PCI: Two")',
                 'Patches:', '\t[7.2,) PCI: A', '\t# why', '\tPCI: B', 'Splat: ats | WARNING: (a|b)', 'Read: 6.12.95', 'Known-as: H1',
                 'Rows:', '\tats.a.b | a | b', 'Findings:', '\tx.c:f:ignored patch', '\tx.c:g:ignored', 'Decisive: ats.a.b')
        self.assertEqual((h.slug, h.title, h.seen_as, h.behind, h.text), ('a-b', 'It breaks', ['silent'], ['c', 'd'], 'It does.'))
        self.assertEqual((h.introduced_by, h.upstream, h.unseen), (['123456789abc'], ['abc', 'def'], ''))
        for version_, kind, wanted in ((V612, 'patches', ['PCI: B']), (V72, 'patches', ['PCI: A', 'PCI: B']), (V72, 'mended', ['x.c:f:ignored']),
                                       (V72, 'splat', [('ats', 'WARNING: (a|b)')]), (V72, 'rows', [('ats.a.b', 'a | b')]),
                                       (V72, 'findings', ['x.c:f:ignored', 'x.c:g:ignored'])):
            self.assertEqual(h.globs(version_, kind), wanted)

    def test_what_is_wrong_with_a_file(self):
        good = 'Title: T\nSince: ever\nSeen-as: silent\nCases: a.b\n\nText\n'
        holes.Hole('ok', good)
        for old, new, message in (
                ('Since: ever\n', '', 'has no Since'), ('Since', 'Sinse', 'unknown or repeated field'), ('Cases', 'Since', 'repeated field'),
                ('silent', 'funny', 'Seen-as: takes'), ('T\n', 'T' * 111 + '\n', 'a title of 111'),
                ('Cases: a.b\n', '', 'neither Cases nor Unseen'), ('Text', '', 'has no text'),
                ('Cases: a.b', 'Cases: [7 a.b', 'does not begin with a window'), ('\n\n', '\nRows: a.b\n\n', 'wants 2 parts')):
            with self.subTest(message), self.assertRaisesRegex(Bad, message):
                holes.Hole('ok', good.replace(old, new, 1))
        self.assertRaisesRegex(Bad, 'is not a valid name', holes.Hole, 'Not_ok', good)

    def test_behind_is_another_file(self):
        with tempfile.TemporaryDirectory() as folder:
            for slug, behind in (('one', ''), ('two', 'Behind: one\n')):
                Path(folder, slug).write_text(f'Title: T\nSince: ever\nSeen-as: silent\nCases: a.b\n{behind}\nText\n', encoding='utf-8')
            self.assertEqual([h.slug for h in holes.load(folder)], ['one', 'two'])
            Path(folder, 'one').unlink()
            self.assertRaises(Bad, holes.load, folder)

    def test_status(self):
        h = hole('a', 'Until: 7.3 6.12.108..6.12.117', since='6.11')
        self.assertEqual([h.status(version(v)) for v in ('6.10.3', '6.11', '6.12.107', '6.12.108', '6.12.117', '7.2.13', '7.3')],
                         ['absent', 'present', 'present', 'unknown', 'absent', 'present', 'absent'])
        self.assertEqual(hole('a', since='6.15 6.12.28..6.12.117').status((6, 12, 90)), 'unknown')


class Repository(unittest.TestCase):
    """holes/ against bases/ and series/."""

    def test_holes_of_each_base(self):
        every = holes.load(TOP / 'holes')
        for name in queue.Queue('linux').bases:
            release = version(queue.Queue('linux', name).pin['BASE_VERSION'])
            for h in every:
                with self.subTest(base=name, hole=h.slug):
                    self.assertNotEqual(h.status(release), 'unknown', 'this release may have it or not: correct Since or Until')
                    self.assertTrue(h.status(release) == 'absent' or h.globs(release) or h.unseen, 'nothing shows it: add a case, or Unseen')

    def test_patches_of_each_base(self):
        every = holes.load(TOP / 'holes')
        for name in queue.Queue('linux').bases:
            patches = queue.Queue('linux', name)
            release, subjects = version(patches.pin['BASE_VERSION']), patches.subjects()
            wanted = {subject for h in holes.here(every, release) for subject in h.globs(release, 'patches')}
            self.assertEqual(wanted - set(subjects.values()), set(), 'a hole names a patch that the queue does not have')
            for entry in patches.entries:
                subject, message = subjects[entry.slug], patches.file(entry).read_text(encoding='utf-8')
                with self.subTest(base=name, patch=subject):
                    closes = [h for h in holes.here(every, release) if subject in h.globs(release, 'patches')]
                    # The last one is a comment in a header.
                    self.assertTrue(closes or 'test' in entry.marks or entry.topic in ('cocci', 'docs', 'kunit', 'selftests')
                                    or subject.startswith('iommufd: Say what'), 'closes no hole: name it in the Patches of one')
                    for field, pattern in (('introduced_by', r'^Fixes: (\w+)'), ('upstream', r'^\[ (?:Upstream|Not for upstream): commit\s+(\w+)')):
                        for commit in re.findall(pattern, message, re.M) if closes else ():
                            self.assertTrue(any(commit in getattr(h, field) for h in closes), f'no hole that it closes names {commit}')


class Globs(unittest.TestCase):
    """Names of cases."""

    def test_braces_are_as_in_a_shell(self):
        self.assertEqual(holes.braces('a{b,c{d,e}}.{f,g}'), ['ab.f', 'ab.g', 'acd.f', 'acd.g', 'ace.f', 'ace.g'])

    def test_a_star_does_not_cross_a_dot(self):
        for name, glob, wanted in (('ats.a.b', 'ats.*.b', True), ('ats.a.x.b', 'ats.*.b', False), ('ats.a.b', 'ats.*', False),
                                   ('noats.a', '{*-without-ats,noats}.a', True), ('x-without-ats.a', '{*-without-ats,noats}.a', True),
                                   ('vtd-scalable.again.x', '{tools.tools,vtd*.again}.x', True), ('atsXa', 'ats.a', False),
                                   ('drivers/x.c:f:a', 'drivers/x.c:f:a', True)):
            self.assertEqual(holes.matches(name, glob), wanted, (name, glob))

    def test_machine_acpi_is_machine_ats(self):
        self.assertTrue(holes.matches('acpi.a.b', '{ats,noats}.a.*'))
        self.assertFalse(holes.matches('acpi.a.b', 'noats.a.*'))


class Says(unittest.TestCase):
    """What holes say about names."""

    def setUp(self):
        self.holes = [hole('first', 'Rows:', '\tats.a.b | first', '\tats.x.y | not its own', 'Patches: P2', cases='Cases: ats.{a,c}.b'),
                      hole('gone', 'Until: 7.0', 'Rows: ats.c.b | gone', cases='Cases: ats.c.b'),
                      hole('second', 'Rows:', '\t[7.3,) ats.a.b | second', '\tats.d.b | d', 'Patches: P1', 'Decisive: ats.a.b',
                           cases='Cases:\n\t[7.0,) ats.a.b\n\tats.d.b')]
        self.names = ['ats.a.b', 'ats.c.b', 'ats.d.b', 'ats.e.b', 'acpi.a.b']

    def test_claims(self):
        self.assertEqual(holes.claims(self.holes, V72, self.names),
                         {'ats.a.b': ['first', 'second'], 'acpi.a.b': ['first', 'second'], 'ats.c.b': ['first'], 'ats.d.b': ['second']})
        self.assertEqual(holes.claims(self.holes, V612, ['ats.a.b', 'ats.c.b']), {'ats.a.b': ['first'], 'ats.c.b': ['first', 'gone']})

    def test_decisive(self):
        self.assertEqual(holes.decisive(self.holes, V72, self.names),
                         {'first': ['ats.c.b'], 'second': ['ats.a.b', 'ats.d.b', 'acpi.a.b']})

    def test_rows(self):
        self.assertEqual(holes.rows(self.holes, V72, self.names), [('ats.a.b', 'first'), ('ats.d.b', 'd')])
        self.assertEqual(holes.rows(self.holes, V72, self.names, ['P1', 'P2']), [('ats.d.b', 'd'), ('ats.a.b', 'first')])
        self.assertEqual(holes.rows(self.holes, V72, ['ats.d.b'], ['P2']), [('ats.d.b', 'd')])

    def test_a_glob_that_matches_nothing(self):
        h = hole('a', cases='Cases: {ats,vtd}.{a,b}.c')
        self.assertEqual(holes.check_globs([h], V72, ['ats.a.c', 'ats.b.c']), [])
        self.assertRegex('|'.join(holes.check_globs([h], V72, ['ats.a.c'])), '^holes/a: ats.b.c matches nothing[^|]*$')
        for h in (hole('a', since='7.3'), hole('a', cases='Cases: [7.3,) ats.a.b')):
            self.assertEqual(holes.check_globs([h], V72, ['ats.x.y']), [])
        self.assertRegex('|'.join(holes.check_globs([hole('a', 'Decisive: ats.z.b')], V72, ['ats.a.b'])), '^holes/a: ats.z.b[^|]*$')
