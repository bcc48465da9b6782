# SPDX-License-Identifier: GPL-2.0
"""The one reader of TAP and KTAP: of guests, of KUnit's console, of the checks.

The format is that of Documentation/dev-tools/ktap.rst. The kernel's own parser is of no use here, as a kernel can be judged without its source, and
the facts ("#@ ...") belong to the case before whose result they stand.
"""
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


class Reader:
    """Takes lines one by one; results() are those at the top, missing() says what was planned and did not come."""

    def __init__(self):
        self.prefix = None
        self.levels = {}        # depth: nodes that no result above has taken yet
        self.plans = {}
        self.titles = {}
        self.notes = []
        self.problems = []
        self.running = None

    def feed(self, line):
        """Read one line, without its end."""
        line = line.rstrip('\r\n')
        header = HEADER.match(line)
        if header:
            if self.prefix is None:
                self.prefix = len(header[1]) - len(header[1]) % INDENT if not header[1].strip() else len(header[1])
            return
        text = line[self.prefix or 0:]
        stripped = text.lstrip(' ')
        depth = (len(text) - len(stripped)) // INDENT
        if match := PLAN.match(stripped):
            self.plans[depth] = int(match[1])
        elif match := RESULT.match(stripped):
            self.result(depth, match)
        elif match := SUBTEST.match(stripped):
            self.titles[depth] = match[1]
        else:
            if match := RUN.match(stripped):
                self.running = match[1]
            self.notes.append(text)

    def result(self, depth, match):
        """Read a result line: it closes what is below it."""
        status = 'fail' if match[1] else 'skip' if match[4] else 'pass'
        node = Node(match[3] or match[2], status, match[5] or '', self.notes, self.close(depth + 1, match[3]))
        self.notes, self.running = [], None
        self.levels.setdefault(depth, []).append(node)

    def close(self, depth, name):
        """Return the results of a suite that has ended."""
        below, plan = self.levels.pop(depth, []), self.plans.pop(depth, None)
        self.titles.pop(depth, None)
        if plan is not None and len(below) < plan:
            self.problems.append(f'{name}: {len(below)} of {plan} results')
        return below

    def results(self):
        """Return the results at the top; call it once, after the last line. What never ended is lost."""
        for depth in sorted((d for d in self.levels.keys() | self.titles.keys() if d), reverse=True):
            title = self.titles.get(depth, '?')
            self.problems.append(f'{title}: has no result')
            node = Node(title, 'lost', below=self.close(depth, title))
            self.levels.setdefault(depth - 1, []).append(node)
        top = self.levels.get(0, [])
        if 0 not in self.plans:
            self.problems.append('there is no plan')
        elif len(top) < self.plans[0]:
            self.problems.append(f'{len(top)} of {self.plans[0]} results')
        if self.running:
            top.append(Node(self.running, 'lost', notes=self.notes))
            self.notes = []
        return top


def read(lines):
    """Return (results, problems, notes after the last result) of LINES. A problem is something that was planned and did not come."""
    reader = Reader()
    for line in lines:
        reader.feed(line)
    results = reader.results()
    return results, reader.problems, reader.notes


def read_file(path):
    """read() of a file."""
    with open(path, encoding='utf-8', errors='replace') as lines:
        return read(lines)


def write(cases, version='TAP version 13'):
    """Return flat TAP of (description, status, reason); pass, fail, skip or lost. In KTAP the reason of a failure is a comment above it, so
    that the name is always the same."""
    lines = [version, f'1..{len(cases)}']
    for number, (name, status, why) in enumerate(cases, 1):
        word, reason = 'ok' if status in ('pass', 'skip') else 'not ok', why if status != 'pass' else ''
        tail = f' # SKIP {reason}' if status == 'skip' else f': {reason}' if reason and version.startswith('TAP') else ''
        if reason and not tail:
            lines.append(f'# {reason}')
        lines.append(f'{word} {number} - {name}{tail}'.rstrip())
    return '\n'.join([*lines, ''])
