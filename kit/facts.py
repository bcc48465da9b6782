#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What the scenarios have seen, beside their verdicts.

facts.py table BENCH LIST   print the rows that LIST names: splats, E bit, what the kernel believes (ATS in the IOMMU's
                            entry, as STE.EATS), what user space is told, commands per unmap, unpatched and patched
facts.py counts FOLDER      for each counted run of unmaps: is QEMU's trace of the command queue what the guest has seen?
facts.py figures BENCH      print what each operation costs, unpatched and patched
facts.py costs BENCH        does the patched kernel need more than the unpatched one, or for ATS where there can be none?

The facts are the lines "#@ ..." in a machine's KTAP; bench/README.md has their form.
"""
import collections
import glob
import os
import re
import sys

RESULT = re.compile(r'(not )?ok \d+ (\S+)')
RUN = re.compile(r'#\s+RUN\s+(\S+)')
MARK = re.compile(r'ats_testdev_mark .*value (0x[0-9a-f]+)')


class Case:
    """What one scenario has reported."""

    def __init__(self):
        self.verdict = 'lost'
        self.splats = 0
        self.states = []
        self.commands = []
        self.figures = []

    def worst(self, key):
        """Return the highest value of KEY in any state, as text; '-' when it was not to be seen."""
        values = [state[key] for state in self.states if state.get(key, '-') != '-']
        return max(values) if values else '-'

    def costs(self):
        """Return the commands an unmap, of each run."""
        return [int(c['total']) / int(c['unmaps']) for c in self.commands]


def dearest(cases):
    """Return the commands an unmap, of the most expensive run of all CASES, as text; '-' when none was counted."""
    costs = [cost for case in cases for cost in case.costs()]
    return f'{max(costs):.1f}' if costs else '-'


def read_lines(lines):
    """Return the cases in the lines of one machine's KTAP, by name."""
    cases = collections.defaultdict(Case)
    current = None
    for line in lines:
        if match := RUN.match(line):
            current = cases[match.group(1)]
        elif match := RESULT.match(line):
            cases[match.group(2)].verdict = 'skip' if '# SKIP' in line else 'fail' if match.group(1) else 'pass'
        elif line.startswith('#@ splat') and current:
            current.splats += 1
        elif line.startswith('#@ ') and current:
            kind, *pairs = line[3:].split()
            fact = dict(pair.split('=', 1) for pair in pairs if '=' in pair)
            {'state': current.states, 'commands': current.commands, 'figure': current.figures}.get(kind, []).append(fact)
    return cases


def read_cases(path):
    """Return the cases of one machine's KTAP, by name."""
    with open(path, encoding='utf-8', errors='replace') as lines:
        return read_lines(lines)


def read_collected(path):
    """Return all cases of a KTAP that has a suite for each machine, named machine.case."""
    machines = collections.defaultdict(list)
    machine = None
    with open(path, encoding='utf-8', errors='replace') as lines:
        for line in lines:
            if line.startswith('    # Subtest: '):
                machine = line.split(': ', 1)[1].strip()
            elif line.startswith('    ') and machine:
                machines[machine].append(line[4:])
    found = {}
    for machine, said in machines.items():
        found.update((f'{machine}.{name}', case) for name, case in read_lines(said).items())
    return found


def read_machines(folder):
    """Return all cases under FOLDER, named machine.case."""
    found = {}
    for path in glob.glob(os.path.join(folder, '*.ktap')):
        machine = os.path.basename(path)[:-len('.ktap')]
        found.update((f'{machine}.{name}', case) for name, case in read_cases(path).items())
    return found


def table(bench, listing):
    """Print one row for each case of LISTING that has a text."""
    rows = []
    before, after = (read_machines(os.path.join(bench, label)) for label in ('unpatched', 'patched'))
    with open(listing, encoding='utf-8') as lines:
        for line in lines:
            name, _, text = (part.strip() for part in line.partition('|'))
            if line.startswith('#') or not text or name not in before:
                continue
            old, new = before[name], after.get(name, Case())
            rows.append((text, f'{old.verdict} {new.verdict}', f'{old.splats} {new.splats}',
                         *(f"{old.worst(key)} {new.worst(key)}" for key in ('e', 'iommu', 'not_supported')),
                         f'{dearest([old])} {dearest([new])}'))
    heads = ('scenario', 'verdict', 'splats', 'E bit', 'kernel believes', 'NOT_SUPPORTED', 'commands/unmap')
    widths = [max(len(row[i].replace(' ', ' > ') if i else row[i]) for row in [heads, *rows]) for i in range(len(heads))]
    print('\nEach pair: unpatched > patched.')
    for row in [heads, tuple('-' * width for width in widths), *rows]:
        cells = [cell if i == 0 or row is heads else '' if cell == '- -' else cell.replace(' ', ' > ')
                 for i, cell in enumerate(row)]
        print('  '.join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())
    headline(before, after)


def headline(before, after):
    """Print what it costs at most to unmap a page from a function that cannot use ATS, as the patched kernel says."""
    if not any(case.commands for case in after.values()):
        return
    cannot = [name for name, case in after.items() if case.commands and case.worst('not_supported') == '1']
    cost = {label: dearest(cases[name] for name in cannot if name in cases)
            for label, cases in (('unpatched', before), ('patched', after))}
    print(f"\nSMMU commands per unmap, for a function that cannot use ATS: {cost['unpatched']} unpatched, "
          f"{cost['patched']} patched; the least possible is 2.0 (TLBI and SYNC)\n")


def counts(folder):
    """Print "same" or "differs", and what, for each counted run of unmaps."""
    for path in sorted(glob.glob(os.path.join(folder, '*.ktap'))):
        machine = path[:-len('.ktap')]
        between = collections.Counter()
        inside = None
        with open(machine + '.trace', encoding='utf-8', errors='replace') as lines:
            for line in lines:
                if match := MARK.search(line):
                    value = int(match.group(1), 16)
                    inside = None if inside == value else value
                elif 'smmuv3_cmdq_opcode' in line and inside is not None:
                    between[inside] += 1
        for name, case in read_cases(path).items():
            for fact in case.commands:
                traced = between[int(fact['mark'])]
                verdict = 'same' if traced == int(fact['total']) else 'differs'
                print(f"{verdict} {os.path.basename(machine)}.{name}: commands of {fact['unmaps']} unmaps: "
                      f"{fact['total']} in the queue, {traced} in QEMU's trace")


def read_figures(bench, whose=''):
    """Return the figures of both kernels: case, whether it can use ATS, operation, to (commands, instructions). With WHOSE 'plain_' they
    are those of the function without the Capability that took turns with the one of the case."""
    both = []
    for label in ('unpatched', 'patched'):
        both.append({(name.split('.', 2)[2], fact['ats'] == '1', fact['operation']):
                     (int(fact[whose + 'commands']), int(fact[whose + 'instructions']))
                     for name, case in read_machines(os.path.join(bench, label)).items() for fact in case.figures})
    return both


def figures(bench):
    """Print what each operation costs."""
    before, after = read_figures(bench)
    row = '{:10}  {:22}  {:9}  {:>8}  {}'
    print('\nEach pair: unpatched > patched. Instructions are the least of several runs.')
    print(row.format('function', 'by', 'operation', 'commands', 'instructions'))
    for key, cost in after.items():
        function, way = key[0].split('.')
        commands, instructions = zip(before.get(key, ('-', '-')), cost)
        print(row.format(function, way + (', has ATS' if key[1] else ''), key[2], '{} > {}'.format(*commands),
                         '{} > {}'.format(*instructions)))
    print()


def costs(bench):
    """Print "holds" or "fails", and what, for each claim about the figures."""
    before, after = read_figures(bench)
    _, plain = read_figures(bench, 'plain_')
    nothing = (-1, -1)
    for case in dict.fromkeys(key[0] for key in after):
        mine = [key for key in after if key[0] == case]
        dearer = [f'{key[2]} in commands' for key in mine if after[key][0] > before.get(key, nothing)[0]]
        dearer += [f'{key[2]} in instructions' for key in mine if after[key][1] > before.get(key, nothing)[1]]
        print(f"{'fails' if dearer else 'holds'} {case}: nothing costs more than on the unpatched kernel"
              f"{': not so: ' if dearer else ''}{', '.join(dearer)}")
    for way in dict.fromkeys(key[0].split('.')[1] for key in after):
        cannot = [key for key in after if key[0].endswith('.' + way) and not key[1]]
        differ = [f"{key[2]} of {key[0].split('.')[0]}" for key in cannot if after[key] != plain[key]]
        print(f"{'fails' if differ or not cannot else 'holds'} {way}: what cannot use ATS costs the same, to the instruction, as what "
              f"has no Capability{': not so: ' if differ else ''}{', '.join(differ)}")


if __name__ == '__main__':
    if len(sys.argv) == 4 and sys.argv[1] == 'table':
        table(*sys.argv[2:])
    elif len(sys.argv) == 3 and sys.argv[1] in ('counts', 'figures', 'costs'):
        {'counts': counts, 'figures': figures, 'costs': costs}[sys.argv[1]](sys.argv[2])
    else:
        sys.exit(__doc__)
