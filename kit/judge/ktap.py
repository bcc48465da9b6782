# SPDX-License-Identifier: GPL-2.0
"""The one reader of TAP and KTAP: of guests, of KUnit's console, of the checks.

The format is that of Documentation/dev-tools/ktap.rst. The kernel's own parser is of no use here, as a kernel can be judged without its source, and
the facts ("#@ ...") belong to the case before whose result they stand.
"""
import collections
import dataclasses
import re

HEADER = re.compile(r'(.*?)(K?TAP version \d+)\s*$')
PLAN = re.compile(r'1\.\.(\d+)')
SUBTEST = re.compile(r'# Subtest: (.*)')
RESULT = re.compile(r'(not )?ok (\d+)(?:\s+-)?\s*(.*?)(?:\s*#\s*(SKIP|skip)\b:?\s*(.*))?$')
RUN = re.compile(r'#\s+RUN\s+(\S+) \.\.\.')
INDENT = 4


@dataclasses.dataclass
class Node:
    """A result line: a case, or a suite with those below it."""

    name: str
    status: str                                     # pass, fail, skip; lost: it never came
    why: str = ''                                   # the reason of a skip
    notes: list = dataclasses.field(default_factory=list)     # other lines since the result before
    below: list = dataclasses.field(default_factory=list)


def read(lines):
    """Return (results, problems, notes after the last result) of LINES. A problem is something that was planned and did not come."""
    prefix, running, notes, problems = None, None, [], []
    levels, plans, titles = collections.defaultdict(list), {}, {}   # by depth: nodes that no result above has taken yet, and what is said of them

    def close(depth, name):
        below, plan = levels.pop(depth, []), plans.pop(depth, 0)
        titles.pop(depth, None)
        if len(below) < plan:
            problems.append(f'{name}: {len(below)} of {plan} results')
        return below

    for line in lines:
        line = line.rstrip('\r\n')
        if match := HEADER.match(line):
            if prefix is None:
                prefix = len(match[1]) - (0 if match[1].strip() else len(match[1]) % INDENT)
            continue
        text = line[prefix or 0:]
        stripped = text.lstrip(' ')
        depth = (len(text) - len(stripped)) // INDENT
        if match := PLAN.match(stripped):
            plans[depth] = int(match[1])
        elif match := RESULT.match(stripped):
            status = 'fail' if match[1] else 'skip' if match[4] else 'pass'
            levels[depth].append(Node(match[3] or match[2], status, match[5] or '', notes, close(depth + 1, match[3])))
            notes, running = [], None
        elif match := SUBTEST.match(stripped):
            titles[depth] = match[1]
        else:
            if match := RUN.match(stripped):
                running = match[1]
            notes.append(text)
    # What never ended is lost.
    for depth in sorted((levels.keys() | titles.keys()) - {0}, reverse=True):
        title = titles.get(depth, '?')
        problems.append(f'{title}: has no result')
        levels[depth - 1].append(Node(title, 'lost', below=close(depth, title)))
    top = levels[0]
    if 0 not in plans:
        problems.append('there is no plan')
    elif len(top) < plans[0]:
        problems.append(f'{len(top)} of {plans[0]} results')
    if running:
        top.append(Node(running, 'lost', notes=notes))
        notes = []
    return top, problems, notes


def write(cases, version='TAP version 13'):
    """Return flat TAP of (description, status, reason); pass, fail, skip or lost. In KTAP the reason of a failure is a comment above it, so
    that the name is always the same."""
    lines = [version, f'1..{len(cases)}']
    for number, (name, status, why) in enumerate(cases, 1):
        word, tail = 'ok' if status in ('pass', 'skip') else 'not ok', ''
        if status == 'skip':
            tail = f' # SKIP {why}'
        elif status != 'pass' and why and version.startswith('TAP'):
            tail = f': {why}'
        elif status != 'pass' and why:
            lines.append(f'# {why}')
        lines.append(f'{word} {number} - {name}{tail}'.rstrip())
    return '\n'.join([*lines, ''])
