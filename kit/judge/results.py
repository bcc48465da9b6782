# SPDX-License-Identifier: GPL-2.0
"""What came out of a machine or a check, as data: cases with their facts, in JSON between the steps."""
import collections
import dataclasses
import functools
import json
import os
import pathlib
import re

from . import ktap

# The facts that a guest reports, "#@ kind key=value ...", and their keys. What is not here is an error, not something to overlook.
NUMBER, TEXT, HEX = int, str, functools.partial(int, base=16)
FACTS = {
    'state': {'step': TEXT, 'bdf': TEXT, 'e': NUMBER, 'iommu': NUMBER, 'not_supported': NUMBER},
    'commands': dict.fromkeys(('mark', 'unmaps', 'total', 'tlbi', 'sync', 'atc_inv'), NUMBER),
    'failures': dict.fromkeys(('allocations', 'refused', 'missing'), NUMBER),
    'figure': {'operation': TEXT} | dict.fromkeys(('ats', 'commands', 'instructions', 'plain_commands', 'plain_instructions'), NUMBER),
    'id': dict.fromkeys((f'idr{n}' for n in range(6)), HEX),
    'cost': {'mode': TEXT, 'stress': NUMBER, 'bare': NUMBER},
}
LINES = {'splat', 'step'}       # their value is the rest of the line


@dataclasses.dataclass
class Case:
    """One case on one kernel."""

    name: str                   # machine.fixture.variant.test, or suite.case
    status: str                 # pass, fail, skip, lost
    why: str = ''
    facts: list = dataclasses.field(default_factory=list)
    said: list = dataclasses.field(default_factory=list)        # of a case that failed: what its expectations said

    def of(self, kind):
        """Return the facts of one KIND."""
        return [fact for fact in self.facts if fact['kind'] == kind]

    @property
    def splats(self):
        """Return how many complaints the kernel's log had."""
        return len(self.of('splat'))

    def worst(self, key):
        """Return the highest value of KEY in any state; None when it was not to be seen."""
        return max((state[key] for state in self.of('state') if key in state), default=None)

    def costs(self):
        """Return the commands an unmap, of each counted run."""
        return [fact['total'] / fact['unmaps'] for fact in self.of('commands')]


@dataclasses.dataclass
class Run:
    """A machine or a suite, run with one kernel."""

    machine: str
    kernel: str                 # unpatched, patched, tree, ...
    cases: list = dataclasses.field(default_factory=list)
    lost: str = ''              # why it is not whole; empty when it is
    problems: list = dataclasses.field(default_factory=list)    # what was said and cannot be read
    files: str = ''             # the stem of console, trace and raw results
    facts: dict = dataclasses.field(default_factory=dict)       # kernel release, QEMU, ...

    def save(self, path, again=False):
        """Write JSON: under another name first, so that a killed run leaves nothing that is taken for whole. AGAIN: make has to make it anew."""
        path = pathlib.Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix('.tmp')
        temporary.write_text(json.dumps(dataclasses.asdict(self), indent=1) + '\n', encoding='utf-8')
        os.replace(temporary, path)
        if again:
            os.utime(path, (0, 0))


def counted(cases, words=('passed', 'failed')):
    """Return how many of some cases passed, failed and were skipped, in words. What is lost has failed."""
    number = collections.Counter(case.status for case in cases)
    return f'{number["pass"]} {words[0]}, {number["fail"] + number["lost"]} {words[1]}, {number["skip"]} skipped'


def text_of(path):
    """Return what a file says, nothing if there is none."""
    try:
        return pathlib.Path(path).read_text(encoding='utf-8', errors='replace')
    except OSError:
        return ''


def fact_of(line):
    """Return the fact of a line "#@ kind key=value ..."; ValueError when it is none that is known."""
    kind, _, rest = line[3:].partition(' ')
    if kind in LINES:
        return {'kind': kind, 'text': rest}
    keys, fact = FACTS.get(kind), {'kind': kind}
    if keys is None:
        raise ValueError(f'unknown fact "{kind}"')
    for pair in rest.split():
        key, equals, value = pair.partition('=')
        if key not in keys or not equals:
            raise ValueError(f'fact "{kind}" with unknown "{pair}"')
        fact[key] = keys[key](value)
        if keys[key] is NUMBER and fact[key] < 0:
            raise ValueError(f'fact "{kind}": {key} is the error {fact[key]}')
    return fact


def from_ktap(text, machine, kernel, nested=False):
    """Return the Run that TEXT reports. NESTED: the results at the top are suites, as KUnit's, and name their cases."""
    nodes, missing, rest = ktap.read(text.splitlines())
    run = Run(machine, kernel, lost='; '.join(missing))
    for prefix, node in ((n.name, c) for n in nodes for c in n.below) if nested else ((machine, n) for n in nodes):
        case = Case(f'{prefix}.{node.name}', node.status, node.why)
        for line in node.notes:
            if line.startswith('#@ '):
                try:
                    case.facts.append(fact_of(line))
                except ValueError as error:
                    run.problems.append(f'{case.name}: {error}')
            elif node.status in ('fail', 'lost') and not nested and re.match(r'# \S+:\d+:', line):
                case.said.append(line[2:])
        run.cases.append(case)
    # A suite that cannot be set up fails without a case.
    run.cases += [Case(f'{node.name}.(suite)', 'fail', 'the suite fails although none of its cases does') for node in nodes
                  if nested and node.status == 'fail' and all(case.status in ('pass', 'skip') for case in node.below)]
    run.problems += [f'fact after the last result: {line}' for line in rest if line.startswith('#@ ') and not line.startswith('#@ splat')]
    number = collections.Counter(case.name for case in run.cases)
    run.problems += [f'{name}: two results' for name in number if number[name] > 1]
    run.lost = run.lost or ('' if run.cases else 'nothing ran')
    return run


def from_tap(path, check, kernel='tree'):
    """Return the Run of a check's flat TAP; what cannot be told apart from a name is part of it."""
    nodes, missing, _ = ktap.read(pathlib.Path(path).read_text(encoding='utf-8', errors='replace').splitlines())
    return Run(check, kernel, [Case(f'{check}: {node.name}', node.status, node.why) for node in nodes],
               '; '.join(missing) or ('' if nodes else 'nothing ran'), files=str(path))


def read(path):
    """Return the Run of a results file: JSON of ours, or a check's TAP."""
    path = pathlib.Path(path)
    if path.suffix == '.tap':
        return from_tap(path, path.stem)
    data = json.loads(path.read_text(encoding='utf-8'))
    data['cases'] = [Case(**case) for case in data['cases']]
    return Run(**data)
