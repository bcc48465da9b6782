# SPDX-License-Identifier: GPL-2.0
"""What the results of the unpatched and of the patched kernel say, held against the holes: rows of pass, fail and skip."""
import collections
import re

from . import holes as model
from .results import Case, text_of

PCI_DISABLE_ATS = 'WARNING: .* pci_disable_ats[+]'
COMPLAINT = re.compile(r'WARNING: |BUG: |INFO: (task|rcu|possible)|Oops|Kernel panic|Unable to handle|UBSAN:|'
                       r'possible (circular|recursive) locking')
# What a kernel with sanitizers may say before, between and after the scenarios. Not every WARNING: when an allocation fails the IOMMU core has some,
# which fail_nth counts.
FINDING = re.compile(r'BUG: |KASAN: |UBSAN: |INFO: (task|rcu)|kmemleak: .*(leaks|disabled)|init: kmemleak|possible (circular|recursive)|'
                     r'inconsistent lock|Invalid wait context|suspicious RCU usage|list_(add|del) corruption|turning off the locking')
MARK = re.compile(r'ats_testdev_mark .*value (0x[0-9a-f]+)')


def claim(text, holds, why=''):
    """Return a claim, as one more row."""
    return Case(text, 'pass' if holds else 'fail', '' if holds else why)


def compare(unpatched, patched, claimed):
    """Return a row for each case of either kernel. Those that a hole claims fail on the unpatched kernel and pass on the patched one; all
    others pass on both. Only a case that no hole claims may be skipped."""
    sides = [({case.name: case.status for run in runs for case in run.cases}, 'lost' if any(run.lost for run in runs) else 'not run')
             for runs in (unpatched, patched)]
    rows = []
    for name in [*claimed, *sorted((sides[0][0].keys() | sides[1][0].keys()) - claimed.keys())]:
        pair = tuple(found.get(name, missing) for found, missing in sides)
        status, both = 'fail', f'{pair[0]} unpatched, {pair[1]} patched'
        if pair == (('fail', 'pass') if name in claimed else ('pass', 'pass')):
            status = 'pass'
        elif name not in claimed and pair in (('skip', 'skip'), ('skip', 'pass')):
            status = 'skip'
        elif name in claimed:
            both += f'; expected: fail unpatched, pass patched ({", ".join(claimed[name])})'
        else:
            both += '; expected: pass unpatched, pass patched: no hole explains it'
        rows.append(Case(name, status, both))
    return rows


def lost_machines(runs):
    """Return a row for each machine that did not get to its end, or that said what nobody can read."""
    return [Case(f'{run.machine}, {run.kernel} kernel', 'lost', f'the machine was lost: {run.lost}') for run in runs if run.lost] + \
           [Case(f'{run.machine}, {run.kernel} kernel', 'fail', problem) for run in runs for problem in run.problems]


def console_of(run):
    """Return a machine's console."""
    return text_of(f'{run.files}.console')


def count_lines(pattern, runs, machines='*'):
    """Return how many lines of the consoles of RUNS match, of those on some machines."""
    return sum(bool(re.search(pattern, line)) for run in runs if model.matches(run.machine, machines) for line in console_of(run).splitlines())


def splats(holes, version, unpatched, patched):
    """Return rows: what a hole prints is there on the unpatched kernel, and what any hole prints is on no patched one."""
    rows = []
    for hole in holes:
        for machine, pattern in hole.globs(version, 'splat'):
            # Where a hole is closed its splat must not be there on either kernel.
            for label, runs, wanted in (('unpatched', unpatched, hole.status(version) == 'present'), ('patched', patched, False)):
                if any(model.matches(run.machine, machine) for run in runs):
                    count = count_lines(pattern, runs, machine)
                    rows.append(claim(f'{label}: {hole.slug}: {"its" if wanted else "no"} splat on {machine}', bool(count) == wanted,
                                      f'{count} lines match "{pattern}"'))
    return rows


def first_trace(run):
    """Return the first call trace of a WARNING in pci_disable_ats(), up to an ioctl, without the entry code."""
    match = re.search(rf'^({PCI_DISABLE_ATS}.*\n)(?:.*\n)*?(Call trace:.*\n(?:.*\n)*?.*_ioctl.*)', console_of(run), re.M)
    return [line for line in ''.join(match.groups()).splitlines() if not re.search('el0|invoke_syscall', line)] if match else []


def counts(run):
    """Return rows: QEMU's trace of the command queue has what the guest has counted, for each counted run of unmaps."""
    between, inside = collections.Counter(), None
    for line in text_of(f'{run.files}.trace').splitlines():
        if match := MARK.search(line):
            value = int(match[1], 16)
            inside = None if inside == value else value
        elif 'smmuv3_cmdq_opcode' in line and inside is not None:
            between[inside] += 1
    return [claim(f"{run.kernel}: {case.name}: commands of {fact['unmaps']} unmaps: {fact['total']} in the queue, "
                  f"{between[fact['mark']]} in QEMU's trace", between[fact['mark']] == fact['total'])
            for case in run.cases for fact in case.of('commands')]


def figures(runs, whose=''):
    """Return {(case, can it use ATS, operation): (commands, instructions)}. With WHOSE 'plain_' those of the function without the Capability
    that took turns with the one of the case."""
    return {(case.name.split('.', 2)[2], fact['ats'] == 1, fact['operation']): (fact[whose + 'commands'], fact[whose + 'instructions'])
            for run in runs for case in run.cases for fact in case.of('figure')}


def costs(unpatched, patched):
    """Return rows: no operation costs more than unpatched, and what cannot use ATS costs what has no Capability."""
    before, after, plain = figures(unpatched), figures(patched), figures(patched, 'plain_')
    rows = []
    for case in dict.fromkeys(key[0] for key in after):
        dearer = [f'{key[2]} in {what}' for n, what in enumerate(('commands', 'instructions')) for key, cost in after.items()
                  if key[0] == case and cost[n] > before.get(key, (-1, -1))[n]]
        rows.append(claim(f'figures: {case}: nothing costs more than on the unpatched kernel', not dearer, ', '.join(dearer)))
    for way in dict.fromkeys(key[0].split('.')[1] for key in after):
        cannot = [key for key in after if key[0].endswith('.' + way) and not key[1]]
        differ = [f"{key[2]} of {key[0].split('.')[0]}" for key in cannot if after[key] != plain[key]]
        rows.append(claim(f'figures: {way}: a function that cannot use ATS costs exactly what a function without the Capability costs',
                          cannot and not differ, ', '.join(differ)))
    return rows or [claim('figures: there are none', False)]


def bench(holes, version, unpatched, patched):
    """Return the rows of the bench: cases, and what else there is to see of both kernels."""
    rows = lost_machines(unpatched + patched)
    by_machine = {label: {run.machine: run for run in runs} for label, runs in (('unpatched', unpatched), ('patched', patched))}
    for label, runs in by_machine.items():
        found = [row for run in runs.values() for row in counts(run)]
        rows += found
        if 'ats' in runs and not found:
            rows.append(claim(f'{label}: commands were counted', False))
        if 'acpi' in runs:
            rows.append(claim(f'{label}: acpi: the kernel has its tables from the firmware', 'ACPI: IORT ' in console_of(runs['acpi'])))
    if 'figures' in by_machine['patched']:
        rows += costs(unpatched, patched)
    if run := by_machine['unpatched'].get('ats'):
        # Whether there is a WARNING at all is for splats() to say.
        warned = bool(count_lines(PCI_DISABLE_ATS, [run]))
        under = bool(re.search(r'pci_disable_ats\+.*\n.* arm_smmu_attach_prepare\+', '\n'.join(first_trace(run)[1:])))
        rows.append(claim(f'unpatched: WARNING in pci_disable_ats() under arm_smmu_attach_prepare(): {"yes" if warned else "no"}', under == warned))
        rows.append(claim('patched: no WARNING in pci_disable_ats()', not count_lines(PCI_DISABLE_ATS, patched)))
    return rows + splats(holes, version, unpatched, patched)


def attribute(holes, version, runs):
    """Return {slug: (has it: True, False, or None when that cannot be shown; what was seen)} of a kernel of VERSION. Only a case or a splat
    that no other hole claims, or that the hole's file lists as decisive, says that the kernel has it."""
    status = {case.name: case.status for run in runs for case in run.cases}
    told, found = model.decisive(holes, version, status), {}
    for hole in model.here(holes, version):
        failed, passed = ([name for name in told[hole.slug] if status[name] == wanted] for wanted in ('fail', 'pass'))
        seen = [f'{count} lines on {machine}' for machine, pattern in hole.globs(version, 'splat')
                if (count := count_lines(pattern, runs, machine))]
        seen += [f'{len(failed)} cases fail, for example {failed[0]}'] if failed else []
        if seen:
            found[hole.slug] = True, '; '.join(seen)
        else:
            found[hole.slug] = (False, f'{len(passed)} cases pass') if passed else (None, hole.unseen or 'none of its cases ran')
    return found


def attribution(holes, version, unpatched, patched):
    """Return rows: of the holes that these cases can show, judge finds each on the unpatched kernel and none on the patched one."""
    return [claim(f'{label}: judge says that it {words} {slug}', has == wanted, why)
            for label, runs, words, wanted in (('unpatched', unpatched, 'has', True), ('patched', patched, 'does not have', False))
            for slug, (has, why) in attribute(holes, version, runs).items() if has is not None]


def findings(runs):
    """Return rows: no sanitizer found anything, from boot to power off, and somebody looked for leaks."""
    rows = []
    for run in runs:
        console = console_of(run)
        found = next(filter(FINDING.search, console.splitlines()), '' if 'init: looked for leaks' in console else 'nothing scanned for leaks')
        rows.append(claim(f'{run.machine}: no finding, from boot to power off', not found, found))
    return rows


def complaints(runs, kernel='the kernel'):
    """Return rows: no console of a run of KUnit has a complaint that KUnit did not print itself."""
    found = [next((line for line in console_of(run).splitlines() if COMPLAINT.search(line) and not re.match(r' *#', line)), '') for run in runs]
    return [claim(f'{kernel} has no complaint', not line, line) for line in found]


def kunit(patched):
    """Return the rows of KUnit beside its cases."""
    return complaints(patched, 'the patched kernel') + [
        claim('the kernel has found the SMMUv3', re.search('arm-smmu-v3 .*oas', console_of(run))) for run in patched]


def steps_of(run):
    """Return the steps that a walk has taken."""
    return [fact['text'] for case in run.cases for fact in case.of('step')]


def walks(unpatched, patched, within, wanted):
    """Return the rows of the random walks: unpatched, each breaks the invariant WITHIN some steps; patched, none of WANTED[machine] does."""
    rows = []
    for before, after in zip(unpatched, patched):
        short, whole = len(steps_of(before)), len(steps_of(after))
        broke = any(case.status == 'fail' for case in before.cases) and 1 <= short <= within
        rows.append(claim(f'unpatched: {before.machine}: the invariant breaks within {within} steps', broke, f'{short} steps taken'))
        rows.append(claim(f'patched: {after.machine}: {whole} steps', whole == wanted[after.machine], f'not {wanted[after.machine]}'))
    return rows
