# SPDX-License-Identifier: GPL-2.0
"""Breaks the prepared tree in one way at a time, and sees the named cases fail. docs/queue.md describes the header of a mutant."""
import os
import pathlib
import subprocess
import sys

from . import bench, holes, qtest, queue, results, verdict
from .errors import BAD_USE, Bad, GOOD
from .paths import Base, TOP

ON_MACHINES, CHECKS = ('vtd', 'bench', 'selftest'), ('x86', 'htmldocs', 'lint', 'coccinelle')
KINDS = {'linux': ('kunit', *ON_MACHINES, *CHECKS), 'qemu': ('qtest',)}
OLD_NAMES = {'um': 'kunit', 'arm64': 'kunit'}


class Mutant:
    """One way to break the patched tree."""

    def __init__(self, name, fields, diff):
        self.name, self.diff = name, diff
        words = {key: ' '.join(value) for key, value in fields.items()}
        for key in ('What', 'Why', 'Run', 'Expect'):
            if not words.get(key):
                raise Bad(f'mutant {name} lacks "{key}:" in its header')
        self.kind = OLD_NAMES.get(words['Run'], words['Run'])
        self.expect, self.bench = words['Expect'].split(), words.get('Bench', '').split()
        self.hole, self.dies = words.get('Hole', ''), 'Dies' in words


class Field:
    """The tree in which the mutants are planted, one at a time."""

    def __init__(self, patches):
        patches.hold()
        if not patches.is_clean():
            raise Bad(f"{patches.tree} has work that is not in the queue: commit it and run 'make refresh', or put it away with 'git stash'")
        self.queue = patches
        self.base = Base() if patches.project == 'linux' else None
        self.log, self.planted, self.note = (patches.work / name for name in ('log/mutants.log', 'mutant.diff', 'borrowed'))
        self.log.parent.mkdir(parents=True, exist_ok=True)

    def call(self, *command, **environment):
        """Run a program of the front door into the log; return its exit code."""
        with open(self.log, 'ab') as log:
            return subprocess.run([str(word) for word in command], stdout=log, stderr=log, cwd=TOP, stdin=subprocess.DEVNULL,
                                  env=os.environ | environment, close_fds=False, check=False).returncode

    def make(self, target):
        """Build a file of the base; return whether that went well."""
        return not self.call(os.environ.get('MAKE', 'make'), target)

    def applies(self, mutant, *options):
        """Return what git says against a mutant that is only tried."""
        code, _, errors = self.queue.run_git('apply', '--whitespace=nowarn', *(options or ['--check']), '-', text=mutant.diff)
        return errors.splitlines()[0] if code else ''

    def plant(self, mutant):
        """Apply a mutant, with a note for whoever comes after a killed run; return what git says against it."""
        self.planted.write_text(mutant.diff, encoding='utf-8', errors='surrogateescape')
        said = self.applies(mutant, '--apply')
        if not said:
            self.note.write_text(f'mutant {self.planted}\n', encoding='utf-8')
        return said

    def pull(self):
        """Undo it."""
        if self.queue.run_git('apply', '-R', '--whitespace=nowarn', str(self.planted))[0]:
            raise Bad(f'{self.planted} cannot be removed from {self.queue.tree}: look at git diff there')
        self.note.unlink()

    # ---- running cases on the tree as it is: {case: status}, nothing if it does not build or run

    def statuses(self, kind, cases):
        """Run CASES of a KIND; return {case: status}."""
        if kind == 'kunit':
            return self.kunit(cases)
        if kind in ON_MACHINES:
            return self.on_machines(kind, cases)
        return self.qtest(cases) if kind == 'qtest' else self.check(kind, cases)

    def kunit(self, cases):
        """Run KUnit on the arm64 kernel: a suite alone where one has all CASES."""
        if not self.make(self.base.work / 'kernels/tree/Image'):
            return {}
        suites = sorted({case.split('.')[0] for case in cases})
        run = bench.run_machine(self.base, 'kunit', 'tree', suites if len(suites) == 1 else ())
        return {case.name: case.status for case in run.cases}

    def on_machines(self, kind, cases):
        """Run scenarios or selftests in guests."""
        base, found = self.base, {}
        image = 'bzImage' if kind == 'vtd' else 'Image'
        targets = [base.work / 'kernels/tree' / image]
        if kind == 'selftest':
            targets.append(base.work / 'guest/arm64/selftest-tree.cpio.gz')
        if not all(self.make(target) for target in targets):
            return {}
        for name in dict.fromkeys(case.split('.')[0] for case in cases):
            mine = [case.split('.', 1)[1] for case in cases if case.startswith(name + '.')]
            run = bench.run_machine(base, name, 'tree', mine)
            found |= {case.name: case.status for case in run.cases}
            if run.lost:
                found |= {f'{name}.{case}': found.get(f'{name}.{case}', 'lost') for case in mine}
        return found

    def check(self, kind, cases):
        """Run a check, which leaves TAP."""
        tap = self.base.results / f'{kind}-mutant.tap'
        tap.unlink(missing_ok=True)
        code = self.call(TOP / 'kit' / f'{kind}.sh', 'tree', *cases, LABEL='mutant', QUIET='1')
        if code == BAD_USE or not tap.exists():
            return {}
        found = results.from_tap(tap, kind).cases
        return {case.name.removeprefix(f'{kind}: ').partition(': ')[0]: case.status for case in found}

    def qtest(self, cases):
        """Build QEMU and run cases of its tests."""
        return {} if self.call(TOP / 'kit/qemu.sh') else qtest.statuses(cases)


def reprieve(mutant, cases, found, where=''):
    """Return why a mutant is not killed by CASES; '' if it is."""
    if not found:
        return f'does not build or run{where}'
    for case in cases:
        status = found.get(case, 'not run')
        if status == 'pass':
            return f'survived{where}: {case} passes'
        if status == 'lost' and not mutant.dies:
            return f'the machine was lost in {case}'
        if status in ('not run', 'skip'):
            return f'{case} did not run'
    return ''


def verdict_on(field, mutant):
    """Plant a mutant, run its cases, and return the row."""
    against = field.plant(mutant)
    if against:
        return verdict.claim(f'mutant {mutant.name}', False, f'does not apply: {against}')
    try:
        alive = reprieve(mutant, mutant.expect, field.statuses(mutant.kind, mutant.expect))
        if not alive and mutant.bench:
            alive = reprieve(mutant, mutant.bench, field.on_machines('bench', mutant.bench), ' on the bench')
    finally:
        field.pull()
    row = verdict.claim(f'mutant {mutant.name}', not alive, alive)
    row.why = row.why or f'killed by {" ".join(mutant.expect + mutant.bench)}'
    print(f'mutants: {mutant.name}: {row.why}', flush=True)
    return row


def hole_of(mutant, every, version):
    """Return the hole that a mutant opens again: the one that claims all of its cases; '' if there is none, or more than one."""
    claiming = [{hole.slug for hole in holes.here(every, version) if hole.hits(version, [case])} for case in mutant.expect + mutant.bench]
    common = set.intersection(*claiming)
    return mutant.hole or (common.pop() if len(common) == 1 else '')


def one_a_hole(mutants, base):
    """Return the first mutant that opens each hole by KUnit."""
    chosen, every = {}, holes.load(bench.HOLES)
    for mutant in mutants:
        slug = mutant.kind == 'kunit' and hole_of(mutant, every, base.version)
        if slug:
            chosen.setdefault(slug, mutant)
    return list(chosen.values())


def whole(field, kind, mutants):
    """Return the rows that say that without a mutant the cases pass, if one does not."""
    cases = sorted({case for mutant in mutants for case in mutant.expect})
    beside = sorted({case for mutant in mutants for case in mutant.bench})
    found = field.statuses(kind, cases)
    found |= field.on_machines('bench', beside) if beside else {}
    # A check names what it finds: without a mutant it finds nothing there.
    bad = [case for case in cases if (found.get(case) == 'fail' if kind in CHECKS else found.get(case) != 'pass')]
    bad += [case for case in beside if found.get(case) != 'pass']
    if found and not bad:
        return []
    why = f'{bad[0]} does not pass' if bad else 'nothing runs'
    return [verdict.claim(f'mutants: {kind}', False, f'without any mutant {why}, so nothing can be told (log {field.log})')]


def main(target, which='all'):
    """mutants FILE [all|some]: all mutants, or MUTANT=; "some": apply each, and run one KUnit mutant a hole. The rows go into FILE."""
    patches = queue.Queue()
    mutants = [Mutant(name, *parts) for name, parts in patches.mutants().items()]
    for mutant in mutants:
        if mutant.kind not in KINDS[patches.project]:
            raise Bad(f'mutant {mutant.name}: Run: is one of {" ".join(KINDS[patches.project])}')
    wanted = os.environ.get('MUTANT')
    if wanted and wanted not in [mutant.name for mutant in mutants]:
        raise Bad(f'no mutant is called {wanted}: {patches.shown("mutants")} has them')
    field, rows = Field(patches), []
    field.log.write_bytes(b'')
    chosen = [mutant for mutant in mutants if mutant.name == wanted] if wanted else one_a_hole(mutants, field.base) if which == 'some' else mutants
    if which == 'some':
        for mutant in mutants:
            against = field.applies(mutant)
            rows.append(verdict.claim(f'mutant {mutant.name} applies', not against, against))
    for kind in KINDS[patches.project]:
        mine = [mutant for mutant in chosen if mutant.kind == kind]
        bad = whole(field, kind, mine) if mine else []
        rows += bad or [verdict_on(field, mutant) for mutant in mine]
    found = results.Run('mutants', 'tree', rows, facts={'base': patches.name, 'chosen': which})
    pathlib.Path(target).parent.mkdir(parents=True, exist_ok=True)
    found.save(target)
    if any(row.status == 'fail' for row in rows):
        os.utime(target, (0, 0))
    sys.stdout.flush()
    return GOOD
