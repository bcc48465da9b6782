# SPDX-License-Identifier: GPL-2.0
"""What was seen, as text for a terminal: what a person reads. No program reads this again."""
from . import results, verdict

NONE = results.Case('', 'lost')
WORDS = {True: 'HAS IT', False: 'does not have it', None: 'cannot be shown'}


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
    widths = [max(map(len, column)) for column in zip(heads, *rows)]
    return ['  '.join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [heads, ['-' * width for width in widths], *rows]]


def scenarios(rows, unpatched, patched):
    """Return the table of scenarios: ROWS are (case, what has to be true). Below it is what it costs at most to unmap a page from a function that
    cannot use ATS, as the patched kernel says."""
    before, after = cases(unpatched), cases(patched)
    lines = []
    for name, text in rows:
        if name in before:
            sides = [[case.status, case.splats, *map(case.worst, ('e', 'iommu', 'not_supported')), dearest([case])]
                     for case in (before[name], after.get(name, NONE))]
            lines.append([text, *('' if pair == (None, None) else f'{dash(pair[0])} > {dash(pair[1])}' for pair in zip(*sides))])
    heads = ['scenario', 'verdict', 'splats', 'E bit', 'kernel believes', 'NOT_SUPPORTED', 'commands/unmap']
    found = ['', 'Each pair: unpatched > patched.', *layout(heads, lines)]
    counted = [name for name, case in after.items() if case.of('commands')]
    if counted:
        cannot = [name for name in counted if after[name].worst('not_supported') == 1]
        cost = [dash(dearest(side[name] for name in cannot if name in side)) for side in (before, after)]
        found += ['', f'SMMU commands per unmap, for a function that cannot use ATS: {cost[0]} unpatched, {cost[1]} patched; '
                  'the least possible is 2.0 (TLBI and SYNC)', '']
    return found


def figures(unpatched, patched):
    """Return what each operation costs."""
    before, after = verdict.figures(unpatched), verdict.figures(patched)
    row = '{:10}  {:22}  {:9}  {:>8}  {}'
    lines = ['', 'Each pair: unpatched > patched. Instructions are the least of several runs.',
             row.format('function', 'by', 'operation', 'commands', 'instructions')]
    for key, cost in after.items():
        function, way = key[0].split('.')
        pairs = [f'{old} > {new}' for old, new in zip(before.get(key, ('-', '-')), cost)]
        lines.append(row.format(function, way + (', has ATS' if key[1] else ''), key[2], *pairs))
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
    rows = [[before.machine, results.counted(before.cases), results.counted(after.cases)] for before, after in zip(unpatched, patched)]
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
        steps, last = verdict.steps_of(before), 'none'
        if steps and any(case.status == 'fail' for case in before.cases):
            last = f'{len(steps)}: {steps[-1].split(" ", 1)[1]}'        # without its number
        rows.append([before.machine.removeprefix('walk-'), last, str(len(verdict.steps_of(after)))])
    return ['', *layout(['seed', 'unpatched: the step that breaks the invariant', 'patched: steps'], rows), '']


def holes_of(found):
    """Return a line a hole: FOUND is verdict.attribute()'s."""
    return ['', *layout(['hole', 'this kernel', 'what was seen'], [[slug, WORDS[has], why] for slug, (has, why) in found.items()]), '']


def summary(run):
    """Return the rows of a verdict that are not as expected, and how many are what, in words."""
    bad = [f'{row.status}: {row.name}: {row.why}' for row in run.cases if row.status in ('fail', 'lost')]
    words = ('as expected', 'not as expected') if run.kernel == 'compared' else ('passed', 'failed')
    return [*bad, f'judge: {run.machine}: {results.counted(run.cases, words)}{"; LOST: " + run.lost if run.lost else ""}']
