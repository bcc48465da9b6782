# SPDX-License-Identifier: GPL-2.0
"""All results of all bases: as a table, as a page, and in the formats of other programs. It judges nothing. Also which release has which hole.

    build/results/<base>/<kernel>/<machine>.json    cases
    build/results/<base>/*.json, *.tap              checks, among them the comparison of the cases of two kernels
    build/results/*.tap                             checks that belong to no base
"""
import collections
import json
import re
import sys
import textwrap
import time
import xml.etree.ElementTree as ET

from . import bench, holes, ktap, machines, page, paths, results, tables, versions
from .errors import FAILED, GOOD, Bad

ORIGIN = 'ats_series'       # KCIDB wants one. Nothing is sent anywhere.
CHECKS = 'checks'
COLUMNS = {
    'unpatched': 'the base, with the tests of the series only', 'patched': 'the base with the series', 'tree': 'what the prepared tree held',
    'san': 'the base with the series, and with sanitizers', CHECKS: 'checks of the series, and comparisons of unpatched and patched',
}
# {status: (words, KCIDB's, JUnit's)}, the worst first. "LOST" is of a whole run.
STATUSES = {
    'fail': ('failed', 'FAIL', 'failure'), 'lost': ('lost', 'ERROR', 'error'), 'LOST': ('LOST', 'MISS', 'error'),
    'expected': ('fail as expected', 'FAIL', 'skipped'), 'pass': ('passed', 'PASS', ''), 'skip': ('skipped', 'SKIP', 'skipped'),
}
LEGEND = ('"fail as expected": the kernel is unpatched, and a hole that it has explains the failure. "tree": what build/<base>/linux held. '
          '"not run": another base has such a result, this one has none. "LOST": a run ended before its last result; the counts beside it are '
          'what it reached.')
RELEASES = ('6.12.95', '6.12.117', '6.18', '7.1.8', '7.2.13', '7.3.4')
HAS = {'present': 'has it', 'absent': '–', 'unknown': '?'}
MARKED = re.compile(r'(?<=<!-- holes -->\n).*?(?=<!-- /holes -->)', re.S)

# One result, and its place in the table. A run that was lost has one more, without a name.
Row = collections.namedtuple('Row', 'suite on column name status why')


# ---- reading

def read(path):
    """Return the Run that a file has; one that was lost if nobody can read it."""
    try:
        return results.read(path)
    except (ValueError, KeyError, TypeError):
        return results.Run(path.stem, path.parent.name, lost='the file cannot be read')


class Group:
    """A base, or QEMU, or what belongs to neither; named like its folder."""

    def __init__(self, root, name, every):
        self.name, self.folder, self.every = name, root / name, every
        source = results.text_of(root.parent / name / 'source') if name else ''
        self.source = dict(line.split('=', 1) for line in source.splitlines() if '=' in line)
        found = [*self.folder.glob('*.json'), *self.folder.glob('*.tap'), *(self.folder.glob('*/*.json') if name else ())]
        # What mutants leave is of a tree that was broken on purpose.
        runs = {path: read(path) for path in sorted(found) if path.name != 'kcidb.json' and not path.stem.endswith('-mutant')}
        self.release = next((run.facts['release'] for run in runs.values() if 'release' in run.facts), self.source.get('version', ''))
        self.project, number = ('QEMU', name.removeprefix('qemu-')) if name.startswith('qemu-') else ('Linux', name)
        self.title = f'{self.project} {self.release or number}' if name else 'This repository'
        known, self.bench = machines.read_machines(), {label: [] for label in bench.LABELS}
        self.files, self.cells = {}, collections.defaultdict(list)
        for path, run in runs.items():
            label, (kind, on) = path.parent.name, place_of(path.stem, known)
            of_machine = path.parent != self.folder
            self.files[path] = self.cases(label, run, kind, on) if of_machine else checks(path.stem, run)
            if of_machine and label in self.bench and kind in ('bench', 'x86'):
                self.bench[label].append(run)
            for row in self.files[path]:
                self.cells[row.suite, row.on, row.column].append(row)

    @property
    def version(self):
        """Return the version of a kernel."""
        return versions.version(self.release or self.name)

    def cases(self, label, run, kind, on):
        """Return the rows of a machine. On an unpatched kernel a hole may explain a failure."""
        rows, claimed = [], {}
        if label == 'unpatched':
            claimed = bench.claims_of(kind, self.every, self.version, {case.name for case in run.cases})
        for case in run.cases:
            suite, name = ('walk', case.name) if kind == 'walk' else case.name.split('.', 1)
            status = 'expected' if case.status == 'fail' and case.name in claimed else case.status
            rows.append(Row(kind if kind == 'walk' else f'{kind}.{suite}', on, label, name, status, case.why or ''.join(case.said[:1])))
        return rows + wrong(run, kind if kind in ('kunit', 'walk') else f'{kind}.{run.machine}', on, label)


def place_of(name, known):
    """Return the set and the architecture of a machine, also of one that there is no more."""
    if name in known:
        return bench.set_of(known[name]), known[name].arch.replace('x86', 'x86_64')
    return ('kunit', 'um') if name == bench.UML else ('walk' if name.startswith('walk') else 'bench', 'arm64')


def checks(stem, run):
    """Return the rows of a check. What no other description shares is its name: as many parts as that takes; the rest is a reason."""
    texts = [case.name.removeprefix(f'{stem}: ') for case in run.cases]
    parts = [tuple(text.split(': ')) for text in texts]
    shared = collections.Counter(part[:n] for part in parts for n in range(1, len(part) + 1))
    names = [': '.join(next((part[:n] for n in range(1, len(part)) if shared[part[:n]] == 1), part)) for part in parts]
    return [Row(f'check.{stem}', '', CHECKS, name, case.status, case.why or text[len(name) + 2:])
            for name, text, case in zip(names, texts, run.cases)] + wrong(run, f'check.{stem}', '', CHECKS)


def wrong(run, *place):
    """Return the rows that say what is missing, or cannot be read."""
    return [Row(*place, problem, 'fail', problem) for problem in run.problems] + [Row(*place, '', 'LOST', run.lost)] * bool(run.lost)


# ---- the formats of others

def kcidb(group):
    """Return the report format of KCIDB, version 5.3: of the same case twice the worse."""
    found = {'checkouts': {}, 'builds': {}, 'tests': {}}
    every = [(path, row) for path, rows in group.files.items() for row in rows]
    for path, row in sorted(every, key=lambda pair: list(STATUSES).index(pair[1].status)):
        # A path has no other characters.
        words = (re.sub(r'[^a-zA-Z0-9_-]+', '_', word).strip('_') for word in f'{row.suite}.{row.name}'.split('.'))
        name, checkout = '.'.join(filter(None, words)), f'{ORIGIN}:{group.name or "repository"}-{row.column}'
        build = f'{checkout}-{row.on or "any"}'
        expected = {'expected': 'to fail without the series'} if row.status == 'expected' else {}
        for kind, one in (
                ('checkouts', {'id': checkout, 'origin': ORIGIN, 'comment': f'{group.title}: {COLUMNS.get(row.column, row.column)}',
                               'misc': {'base': group.name, 'kernel': row.column, 'source': group.source}}),
                ('builds', {'id': build, 'origin': ORIGIN, 'checkout_id': checkout} | ({'architecture': row.on} if row.on else {})),
                ('tests', {'id': f'{build}-{name}', 'origin': ORIGIN, 'build_id': build, 'path': name, 'status': STATUSES[row.status][1],
                           'misc': {'results': str(path.relative_to(group.folder))} | expected} | ({'comment': row.why} if row.why else {})
                 | ({'environment': {'misc': {'platform': 'uml' if row.on == 'um' else 'qemu'}}} if row.on else {}))):
            found[kind].setdefault(one['id'], one)
    return {'version': {'major': 5, 'minor': 3}} | {kind: [those[key] for key in sorted(those)] for kind, those in found.items()}


def junit(rows):
    """Return the rows of a file as JUnit."""
    root = ET.Element('testsuites')
    for name in dict.fromkeys(row.suite for row in rows):
        suite, number = ET.SubElement(root, 'testsuite', name=name), collections.Counter()
        for row in (row for row in rows if row.suite == name):
            case, kind = ET.SubElement(suite, 'testcase', classname=name, name=row.name or '(lost)'), STATUSES[row.status][2]
            number[kind] += 1
            if kind:
                ET.SubElement(case, kind, message=row.why)
        for key, value in (('tests', number.total()), ('failures', number['failure']), ('errors', number['error']), ('skipped', number['skipped'])):
            suite.set(key, str(value))
    ET.indent(root)
    return ET.tostring(root, encoding='unicode', xml_declaration=True) + '\n'


def write(group):
    """Write what other programs read, beside each file, and remove what is of no file any more."""
    forms = {'.junit.xml': junit,
             '.ktap': lambda rows: ktap.write([(f'{row.suite}.{row.name}', row.status, row.why) for row in rows], 'KTAP version 1')}
    for folder in {group.folder, *(path.parent for path in group.files)}:
        for old in [*folder.glob('*.junit.xml'), *folder.glob('*.ktap')]:
            old.unlink()
    for path, rows in group.files.items():
        for suffix in forms if path.suffix == '.json' else ['.junit.xml']:
            # Machines print control characters, and XML has none.
            text = re.sub(r'[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]', '?', forms[suffix](rows))
            path.with_suffix(suffix).write_text(text, encoding='utf-8')
    if group.files:
        (group.folder / 'kcidb.json').write_text(json.dumps(kcidb(group), indent=1) + '\n', encoding='utf-8')


# ---- the table: what it says, apart from how it looks

def words_of(rows):
    """Return how many ROWS are what."""
    number = collections.Counter(row.status for row in rows)
    lost = ['LOST'] if number.pop('LOST', 0) else []
    return ', '.join(lost + [f'{number[status]} {STATUSES[status][0]}' for status in sorted(number, key=(['pass'] + list(STATUSES)).index)])


def table_of(group, peers):
    """Return the table of a group. What its PEERS have, and it has not, did not run."""
    known = {key for peer in peers for key in peer.cells}
    columns = [column for column in dict.fromkeys([*COLUMNS, *sorted(key[2] for key in known)]) if any(key[2] == column for key in known)]
    lines, kinds, dates = [], {'cases': [], 'checks': []}, [path.stat().st_mtime for path in group.files]
    for place in sorted({key[:2] for key in known}, key=lambda place: (place[0].startswith('check.'), place)):
        keys = [(*place, column) for column in columns]
        lines.append([*place, *(words_of(group.cells[key]) if key in group.cells else 'not run' if key in known else '' for key in keys)])
    for key, rows in group.cells.items():
        kinds['checks' if key[2] == CHECKS else 'cases'] += rows
    # What has to be done again has the date 0.
    times = [time.strftime('%Y-%m-%d %H:%M', time.gmtime(date)) for date in dates if date]
    return {'title': group.title, 'heads': ['suite', 'on', *columns], 'rows': lines if group.cells else [],
            'total': '; '.join(f'{kind}: {words_of(rows)}' for kind, rows in kinds.items() if rows) or 'not run',
            'when': f'Results from {min(times)} to {max(times)} UTC.' if times else ''}


def markdown(heads, rows):
    """Return the lines of a table."""
    return [f'| {" | ".join(row)} |' for row in [heads, ['---'] * len(heads), *rows]]


def as_text(every, layout=tables.layout, title='{}: {}\n', last=''):
    """Return all tables as text; MARKDOWN."""
    blocks = [title.format(one['title'], one['total']) + '\n'.join([*(layout(one['heads'], one['rows']) if one['rows'] else []), last + one['when']])
              for one in every]
    return '\n\n'.join([*blocks, textwrap.fill(LEGEND, 118)]) + '\n'


def main():
    """report: print all results, and write them for people and programs."""
    root, every = paths.build_dir() / 'results', holes.load(bench.HOLES)
    bases = {path.name for path in (paths.TOP / 'bases').iterdir()}
    names = bases | {path.name for path in root.glob('qemu-*')} | {''}
    by_version = sorted(names, key=lambda name: (not name, name.startswith('qemu-'), [int(number) for number in re.findall(r'\d+', name)], name))
    groups = [group for group in (Group(root, name, every) for name in by_version) if group.files or group.name in bases]
    if not any(group.files for group in groups):
        raise Bad(f"{root} holds no results: run 'make kunit', or 'make test', first")
    linux = [group for group in groups if group.name and group.project == 'Linux']
    found = [table_of(group, linux if group in linux else [group]) for group in groups]
    for group in groups:
        write(group)
    (root / 'report.md').write_text('# Results\n\n' + as_text(found, markdown, '## {}\n\n{}\n\n', '\n'), encoding='utf-8')
    (root / 'report.html').write_text(page.page(linux[::-1], found, LEGEND), encoding='utf-8')
    sys.stdout.write(as_text(found))
    return GOOD


# ---- which release has which hole

def exposure(option=''):
    """holes [--write|--check]: print which release has which hole, write it into README.md, or check that README.md says the same."""
    if option not in ('', '--write', '--check'):
        raise Bad('usage: judge holes [--write|--check]')
    heads, rows, readme = ['what goes wrong', *RELEASES], [], paths.TOP / 'README.md'
    for hole in holes.load(bench.HOLES):
        title, file = hole.title + ('' if hole.windowed['patches'] or hole.until else ' (open)'), f'holes/{hole.slug}'
        cells = [HAS[hole.status(versions.version(release))] for release in RELEASES]
        rows.append([f'[{title}]({file})', *cells] if option else [title, *cells, file])
    if not option:
        print('\n'.join(tables.layout([*heads, 'file'], rows)))
        return GOOD
    text = readme.read_text(encoding='utf-8')
    wanted, places = MARKED.subn(lambda _: '\n'.join([*markdown(heads, rows), '']), text)
    if places != 1:
        raise Bad('README.md has no place for the holes: add the lines <!-- holes --> and <!-- /holes -->')
    if option == '--write':
        readme.write_text(wanted, encoding='utf-8')
    elif wanted != text:
        print("holes: README.md does not say what holes/ says: run './judge holes --write'", file=sys.stderr)
        return FAILED
    return GOOD
