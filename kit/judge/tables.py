# SPDX-License-Identifier: GPL-2.0
"""What was seen, as text for a terminal: what a person reads. No program reads this again."""
from . import verdict
from .results import Case

NONE = Case('', 'lost')


def cases(runs):
    """Return {name: Case} of RUNS."""
    return {case.name: case for run in runs for case in run.cases}


def dash(value):
    """Return VALUE as text, '-' where there is none."""
    return '-' if value is None else str(value)


def dearest(found):
    """Return the commands an unmap, of the most expensive run of all cases FOUND; None when none was counted."""
    costs = [cost for case in found for cost in case.costs()]
    return f'{max(costs):.1f}' if costs else None


def layout(heads, rows):
    """Return lines of columns as wide as they have to be."""
    widths = [max(len(row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    return ['  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in [heads, ['-' * width for width in widths], *rows]]


def scenarios(rows, unpatched, patched):
    """Return the table of scenarios: ROWS are (case, what has to be true)."""
    before, after = cases(unpatched), cases(patched)
    lines = []
    for name, text in rows:
        if name not in before:
            continue
        old, new = before[name], after.get(name, NONE)
        pairs = [(old.status, new.status), (old.splats, new.splats), *((old.worst(key), new.worst(key)) for key in ('e', 'iommu', 'not_supported')),
                 (dearest([old]), dearest([new]))]
        lines.append([text, *('' if pair == (None, None) else f'{dash(pair[0])} > {dash(pair[1])}' for pair in pairs)])
    heads = ['scenario', 'verdict', 'splats', 'E bit', 'kernel believes', 'NOT_SUPPORTED', 'commands/unmap']
    return ['', 'Each pair: unpatched > patched.', *layout(heads, lines), *headline(before, after)]


def headline(before, after):
    """Return what it costs at most to unmap a page from a function that cannot use ATS, as the patched kernel says."""
    cannot = [name for name, case in after.items() if case.of('commands') and case.worst('not_supported') == 1]
    if not any(case.of('commands') for case in after.values()):
        return []
    cost = [dash(dearest(side[name] for name in cannot if name in side)) for side in (before, after)]
    return ['', f'SMMU commands per unmap, for a function that cannot use ATS: {cost[0]} unpatched, {cost[1]} patched; '
            'the least possible is 2.0 (TLBI and SYNC)', '']


def figures(unpatched, patched):
    """Return what each operation costs."""
    before, after = verdict.figures(unpatched), verdict.figures(patched)
    row = '{:10}  {:22}  {:9}  {:>8}  {}'
    lines = ['', 'Each pair: unpatched > patched. Instructions are the least of several runs.',
             row.format('function', 'by', 'operation', 'commands', 'instructions')]
    for key, cost in after.items():
        function, way = key[0].split('.')
        commands, instructions = zip(before.get(key, ('-', '-')), cost)
        lines.append(row.format(function, way + (', has ATS' if key[1] else ''), key[2],
                                *(f'{old} > {new}' for old, new in (commands, instructions))))
    return [*lines, '']


def warnings(unpatched, patched):
    """Return how often pci_disable_ats() has warned, and the first call trace."""
    count = [verdict.count_lines(verdict.PCI_DISABLE_ATS, runs) for runs in (unpatched, patched)]
    lines = [f'WARNINGs in pci_disable_ats(): {count[0]} unpatched, {count[1]} patched.']
    for run in unpatched:
        if run.machine == 'ats' and count[0]:
            lines[0] += f' The first ({run.files}.console):'
            lines += [f'    {line}' for line in verdict.first_trace(run)]
    return [*lines, '']


def suites(unpatched, patched):
    """Return how many cases of each suite passed, failed and were skipped."""
    rows = []
    for before, after in zip(unpatched, patched):
        cells = []
        for run in (before, after):
            number = [sum(case.status in status for case in run.cases) for status in (('pass',), ('fail', 'lost'), ('skip',))]
            cells.append(f'{number[0]} passed, {number[1]} failed, {number[2]} skipped')
        rows.append([before.machine, *cells])
    return ['', *layout(['suite', 'unpatched', 'patched'], rows), '']


def situations(rows, unpatched, patched):
    """Return the table of KUnit: ROWS are (case, what has to be true)."""
    before, after = cases(unpatched), cases(patched)
    lines = [[text, before[name].status, after.get(name, NONE).status] for name, text in rows if name in before]
    return ['', *layout(['situation', 'unpatched', 'patched'], lines), '']


def walks(unpatched, patched):
    """Return what each random walk has come to."""
    rows = []
    for before, after in zip(unpatched, patched):
        steps = verdict.steps_of(before)
        broke = any(case.status == 'fail' for case in before.cases) and steps
        last = steps[-1].split(' ', 1)[1] if broke else ''      # without its number
        rows.append([before.machine.removeprefix('walk-'), f'{len(steps)}: {last}' if broke else 'none', str(len(verdict.steps_of(after)))])
    return ['', *layout(['seed', 'unpatched: the step that breaks the invariant', 'patched: steps'], rows), '']


def holes_of(found):
    """Return a line a hole: FOUND is verdict.attribute()'s."""
    words = {True: 'HAS IT', False: 'does not have it', None: 'cannot be shown'}
    return ['', *layout(['hole', 'this kernel', 'what was seen'], [[slug, words[has], why] for slug, (has, why) in found.items()]), '']


def surprises(rows):
    """Return the rows that are not as expected, and skips with a reason of their own."""
    return [f'{row.status}: {row.name}: {row.why}' for row in rows if row.status in ('fail', 'lost')]


def summary(run):
    """Return how many rows of a verdict are what, in words."""
    count = {status: sum(row.status == status for row in run.cases) for status in ('pass', 'fail', 'skip', 'lost')}
    words = ('as expected', 'not as expected') if run.kernel == 'compared' else ('passed', 'failed')
    return f'{count["pass"]} {words[0]}, {count["fail"] + count["lost"]} {words[1]}, {count["skip"]} skipped' + \
        (f'; LOST: {run.lost}' if run.lost else '')
