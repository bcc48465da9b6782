#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""results.py RESULTS QUEUES: one picture of what build/results/ holds, for kit/report.sh.

Every file of a base is read by the same rule, whoever wrote it:

  NAME[-KERNEL].json  kunit.py's, of KTAP: the suites of a machine. KERNEL is unpatched, patched or tree; no KERNEL is
                      tree, what the prepared tree held. A name in which an architecture is a word is of that
                      architecture, and any other of the bench's, arm64.
  NAME.tap            a check of the series, as kit/lib.sh writes it, or bats
  source              which version it was

What mutants and bisect leave of kernels that are broken or cut on purpose is no result. A file without its plan, or with
less than it planned, is of a run that was lost.

Writes RESULTS/<base>/kcidb.json, JUnit of what has none yet, RESULTS/report.md and RESULTS/report.html; prints the table.
"""
import collections
import dataclasses
import json
import pathlib
import re
import sys
import textwrap
import time
import xml.etree.ElementTree as ET

sys.dont_write_bytecode = True
import cases  # noqa: E402
import page  # noqa: E402

# Not KernelCI's name for anything: nothing is sent anywhere.
ORIGIN = 'ats_series'
KERNELS = {
    'unpatched': 'the base, with the tests of the series only',
    'patched': 'the base with the series',
    'tree': 'what the prepared tree held: under "make test" the base with the series',
}
NO_KERNEL_OF_THE_SERIES = ('mutant', 'bisect')
ARCHITECTURES = {'um': 'um', 'arm64': 'arm64', 'x86': 'x86_64', 'x86_64': 'x86_64'}
BENCH, ANY = 'arm64', 'any'
# As KernelCI ranks them.
STATUSES = ('FAIL', 'ERROR', 'MISS', 'PASS', 'SKIP')

TAP_RESULT = re.compile(r'(ok|not ok) \d+(?: -)? (.*?)(?: # (skip|todo)\b.*)?', re.IGNORECASE)
TAP_PLAN = re.compile(r'1\.\.(\d+)')
TAP_LOST = re.compile(r'[:,] lost\b|was lost')
HAS_TO_FAIL = re.compile(r'ok \d+ - (\S+): fail unpatched, pass patched')


@dataclasses.dataclass
class Result:
    """A case of a suite; of a suite that was lost one without a name."""
    stem: str
    architecture: str
    kernel: str
    suite: str
    case: str
    status: str
    comment: str = ''
    expected: bool = False


# ---- reading

def read_name(stem):
    """(name, architecture or '', kernel) of a file; None if it is no result of the series."""
    words = stem.split('-')
    if words[-1] in NO_KERNEL_OF_THE_SERIES and len(words) > 1:
        return None
    kernel = words.pop() if words[-1] in KERNELS and len(words) > 1 else 'tree'
    named = [w for w in words if w in ARCHITECTURES]
    if len(named) != 1:
        return '-'.join(words), '', kernel
    # A path is the same on each architecture: it does not name one, unless there is nothing else to name.
    return '-'.join(w for w in words if w != named[0] or len(words) == 1), ARCHITECTURES[named[0]], kernel


def read_json(path):
    try:
        data = json.loads(path.read_text(encoding='utf-8'))
    except ValueError:
        return {'sub_groups': [], 'test_cases': []}
    return data if isinstance(data, dict) and {'sub_groups', 'test_cases'} <= data.keys() else None


def of_json(path):
    """Results of one JSON of kunit.py, which gives no name to a case that never ran."""
    data, name = read_json(path), read_name(path.stem)
    if not data or not name:
        return []
    run, architecture, kernel = name
    if data.get('arch'):
        # KUnit's own run: what is left of the name is a filter, or a label that says nothing of the kernel.
        rest = run.removeprefix('kunit').removeprefix('-')
        if rest and data['sub_groups'] and rest not in (suite['name'] for suite in data['sub_groups']):
            return []
        run, architecture = 'kunit', ARCHITECTURES.get(data['arch'], data['arch'])
    where = path.stem, architecture or BENCH, kernel
    found = []
    for suite in data['sub_groups']:
        name = f"{run}.{suite['name']}"
        named = [(status, case) for status, case in cases.cases_of(suite) if case]
        found += [Result(*where, name, case, status) for status, case in named]
        lost = len(cases.cases_of(suite)) - len(named)
        if lost:
            found.append(Result(*where, name, '', 'MISS', f'lost: {lost} cases did not run'))
    for suite in data['test_cases']:
        name = f"{run}.{suite['name']}" if suite['name'] else run
        found.append(Result(*where, name, '', 'MISS', 'lost: no case of the suite ran'))
    return found or [Result(*where, run, '', 'MISS', 'lost: nothing ran')]


def names_of(descriptions):
    """Without the details behind it, which change: as many parts of a description as no other one shares."""
    parts = [tuple(d.split(': ')) for d in descriptions]
    shared = collections.Counter(p[:n] for p in parts for n in range(1, len(p) + 1))
    return [': '.join(next((p[:n] for n in range(1, len(p)) if shared[p[:n]] == 1), p)) for p in parts]


def lines_of(path):
    return path.read_text(encoding='utf-8', errors='replace').splitlines()


def of_tap(path):
    """Results of a check. The format is flat: one line a result, and the plan first or last."""
    name = read_name(path.stem)
    if not name:
        return []
    run, architecture, kernel = name
    where = path.stem, architecture or ANY, kernel, f'check.{run}'
    lines = lines_of(path)
    matches = [m for m in map(TAP_RESULT.fullmatch, lines) if m]
    found = []
    for match, case in zip(matches, names_of([m[2] for m in matches])):
        if match[1] == 'ok':
            status = 'SKIP' if match[3] else 'PASS'
        else:
            status = 'ERROR' if TAP_LOST.search(match[2]) else 'FAIL'
        found.append(Result(*where, case, status, '' if case == match[2] else match[2]))
    plan = next((int(m[1]) for m in map(TAP_PLAN.fullmatch, lines) if m), None)
    if plan is None or len(found) < plan or not found:
        done = f"{len(found)} of {'an unknown number' if plan is None else plan}"
        found.append(Result(*where, '', 'MISS', f'lost: ended after {done}'))
    return found


def compared(folder):
    """The cases that had to fail on the unpatched kernel and did, as the comparisons found."""
    lines = [line for path in folder.glob('*.tap') for line in lines_of(path)]
    return {m[1] for m in map(HAS_TO_FAIL.fullmatch, lines) if m}


def expect_failures(files, expected):
    for result in (r for found in files.values() for r in found):
        case = f"{result.suite.split('.', 1)[-1]}.{result.case}"
        result.expected = result.kernel == 'unpatched' and result.status == 'FAIL' and case in expected


def read_base(folder):
    """All results of a base, by file."""
    files = {path: of_json(path) for path in sorted(folder.glob('*.json')) if path.name != 'kcidb.json'}
    files |= {path: of_tap(path) for path in sorted(folder.glob('*.tap'))}
    # kunit.py writes its JSON at the end: a log alone is of a run that did not get there.
    for path in sorted([*folder.glob('*.ktap'), *folder.glob('*.log')]):
        name = read_name(path.stem)
        if name and not path.with_suffix('.json').exists() and not path.with_suffix('.tap').exists():
            run, architecture, kernel = name
            suite = run.split('-')[0]
            files[path] = [Result(path.stem, architecture or BENCH, kernel, suite, '', 'MISS', 'lost: no result')]
    expect_failures(files, compared(folder))
    return {path: found for path, found in files.items() if found}


def read_source(folder):
    for path in (folder / 'source', folder.parent.parent / folder.name / 'source'):
        if path.exists():
            return dict(line.split('=', 1) for line in path.read_text(encoding='utf-8').splitlines() if '=' in line)
    return {}


# ---- KernelCI's terms: the report format of KCIDB, version 5

def path_of(result):
    """A path of KCIDB has no other characters, and this one has no numbers of cases."""
    words = [re.sub(r'[^a-zA-Z0-9_-]+', '_', w).strip('_') for w in f'{result.suite}.{result.case}'.split('.')]
    return '.'.join(w for w in words if w)


def kcidb(base, source, results):
    checkouts, builds, tests = {}, {}, {}
    for r in sorted(results, key=lambda r: (path_of(r), STATUSES.index(r.status))):
        checkout = f'{ORIGIN}:{base}-{r.kernel}'
        build = f'{checkout}-{r.architecture}'
        identity = f'{build}-{path_of(r)}'
        checkouts[checkout] = {
            'id': checkout, 'origin': ORIGIN, 'comment': f'{title_of(base, source)}: {KERNELS[r.kernel]}',
            'misc': {'base': base, 'kernel': r.kernel, 'source': source},
        }
        builds[build] = {'id': build, 'origin': ORIGIN, 'checkout_id': checkout}
        if r.architecture != ANY:
            builds[build]['architecture'] = r.architecture
        if identity in tests:  # the same case once more: sorted, so that the worst stays
            continue
        tests[identity] = {
            'id': identity, 'origin': ORIGIN, 'build_id': build, 'path': path_of(r), 'status': r.status,
            'misc': {'results': r.stem} | ({'expected': 'to fail without the series'} if r.expected else {}),
        }
        if r.comment:
            tests[identity]['comment'] = r.comment
        if not r.suite.startswith('check.'):
            tests[identity]['environment'] = {'misc': {'platform': 'uml' if r.architecture == 'um' else 'qemu'}}
    lists = {'checkouts': checkouts, 'builds': builds, 'tests': tests}
    return {'version': {'major': 5, 'minor': 3}} | {k: [v[i] for i in sorted(v)] for k, v in lists.items()}


# ---- JUnit, where kunit.py has written none: of TAP, and of kernels whose kunit.py cannot

def junit(path, results):
    kinds = {'FAIL': 'failure', 'ERROR': 'error', 'MISS': 'error', 'SKIP': 'skipped'}
    root = ET.Element('testsuites')
    suites = {}
    for r in results:
        suite = suites.setdefault(r.suite, [])
        case = ET.Element('testcase', classname=r.suite, name=r.case or '(lost)')
        if r.status in kinds:
            ET.SubElement(case, kinds[r.status], message=r.comment or f'see {path.stem}.ktap')
        suite.append(case)
    for name, found in suites.items():
        count = {kind: str(sum(c.find(kind) is not None for c in found)) for kind in ('failure', 'error', 'skipped')}
        suite = ET.SubElement(root, 'testsuite', name=name, tests=str(len(found)), failures=count['failure'],
                              errors=count['error'], skipped=count['skipped'])
        suite.extend(found)
    ET.indent(root)
    return ET.tostring(root, encoding='unicode', xml_declaration=True) + '\n'


def write_junit(folder, files):
    for old in folder.glob('*.junit.xml'):
        stem = old.name.removesuffix('.junit.xml')
        if not any((folder / f'{stem}.{kind}').exists() for kind in ('json', 'tap', 'ktap', 'log')):
            old.unlink()
    for path, results in files.items():
        target = path.with_suffix('.junit.xml')
        own = path.suffix == '.tap' and not path.with_suffix('.json').exists()
        text = junit(path, results) if own or not target.exists() else target.read_text(encoding='utf-8', errors='replace')
        target.write_text(printable(text), encoding='utf-8')


def printable(text):
    """XML has no control characters. What a machine says has, and kunit.py hands them on."""
    return re.sub(r'[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]', '?', text)


# ---- the table: what it says, apart from how it looks

def title_of(base, source):
    project, number = ('QEMU', base.removeprefix('qemu-')) if base.startswith('qemu-') else ('Linux', base)
    return f"{project} {source.get('version', number)}"


def count(results):
    """Numbers by what they mean here: what has to fail without the series is no failure."""
    of = collections.Counter('expected' if r.expected else r.status for r in results)
    return {'passed': of['PASS'], 'failed': of['FAIL'], 'fail as expected': of['expected'], 'skipped': of['SKIP'],
            'in error': of['ERROR'], 'lost': of['MISS']}


def words(counts):
    return ', '.join(f'{n} {what}' for what, n in counts.items() if n)


def cell_of(results):
    counts = count(results)
    lost = counts.pop('lost')
    return f"{'LOST' if lost else ''}{', ' if lost and any(counts.values()) else ''}{words(counts)}"


def group(results):
    cells = collections.defaultdict(list)
    for r in results:
        cells[(r.suite.startswith('check.'), r.suite, r.architecture), r.kernel].append(r)
    return cells


def total_of(cells):
    """A comparison counts a case once more: so checks are counted apart."""
    kinds = {'cases': [], 'checks': []}
    for ((is_check, *_), _), results in cells.items():
        kinds['checks' if is_check else 'cases'] += results
    return '; '.join(f'{kind}: {words(count(results))}' for kind, results in kinds.items() if results)


def tables_of(bases):
    """A table for each base: rows of suite and architecture, a column for each kernel. What another base of the same
    project has, and this one has not, did not run."""
    projects = collections.defaultdict(set)
    for base, (_, _, cells) in bases.items():
        projects[base.startswith('qemu-')] |= set(cells)
    for base, (source, files, cells) in bases.items():
        known = projects[base.startswith('qemu-')]
        kernels = [k for k in KERNELS if any(kernel == k for _, kernel in known)]
        rows = []
        for row in sorted({row for row, _ in known}):
            missing = {k: 'not run' if (row, k) in known else '' for k in kernels}
            there = {k: cell_of(cells[row, k]) for k in kernels if (row, k) in cells}
            rows.append([row[1], row[2], *(missing | there).values()])
        times = [time.strftime('%Y-%m-%d %H:%M', time.gmtime(path.stat().st_mtime)) for path in files]
        yield {
            'title': title_of(base, source),
            'header': ['suite', 'on', *kernels],
            'rows': rows if cells else [],
            'total': total_of(cells) or 'not run',
            'when': f'from {min(times)} to {max(times)} UTC' if times else '',
        }


LEGEND = ('"fail as expected": the case has to fail on the unpatched kernel, and does. "tree": what the prepared tree held; '
          'under "make test" that is the series. "not run": another base has such a result, this one has none. '
          '"LOST": the run ended before its last result; what is counted beside it is what it came to.')


def as_text(tables):
    for table in tables:
        yield f"{table['title']}: {table['total']}"
        lines = [table['header'], *table['rows']] if table['rows'] else []
        widths = [max(len(line[i]) for line in lines) for i in range(len(table['header']))] if lines else []
        for n, line in enumerate(lines):
            yield '  '.join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
            if n == 0:
                yield '  '.join('-' * width for width in widths)
        if table['when']:
            yield f"results {table['when']}"
        yield ''
    yield textwrap.fill(LEGEND, 118)


def as_markdown(tables):
    yield '# Results'
    for table in tables:
        yield f"\n## {table['title']}\n\n{table['total'].capitalize()}."
        if table['rows']:
            yield f"\n| {' | '.join(table['header'])} |\n|{' --- |' * len(table['header'])}"
            yield from (f"| `{suite}` | {' | '.join(rest)} |" for suite, *rest in table['rows'])
        if table['when']:
            yield f"\nResults {table['when']}."
    yield f'\n{LEGEND}'


def version_key(base):
    return base.startswith('qemu-'), [int(n) for n in re.findall(r'\d+', base)], base


def main():
    root, queues = map(pathlib.Path, sys.argv[1:])
    known = {pin.parent.name for pin in queues.glob('*/base')}
    folders = {path.name for path in root.glob('*') if path.is_dir()} if root.is_dir() else set()
    bases = {}
    for base in sorted(known | folders, key=version_key):
        folder = root / base
        source, files = read_source(folder), read_base(folder)
        results = [r for found in files.values() for r in found]
        if base in known or results:
            bases[base] = source, files, group(results)
        if results:
            write_junit(folder, files)
            (folder / 'kcidb.json').write_text(json.dumps(kcidb(base, source, results), indent=1) + '\n')
    if not any(files for _, files, _ in bases.values()):
        print(f'report: {root} holds no results: run make kunit, or make test, first', file=sys.stderr)
        return 2
    tables = list(tables_of(bases))
    (root / 'report.md').write_text('\n'.join(as_markdown(tables)) + '\n', encoding='utf-8')
    (root / 'report.html').write_text('\n'.join(page.page(root, queues, list(bases), tables, LEGEND)) + '\n', encoding='utf-8')
    print('\n'.join(as_text(tables)))
    return 0


if __name__ == '__main__':
    sys.exit(main())
