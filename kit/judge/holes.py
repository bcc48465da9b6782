# SPDX-License-Identifier: GPL-2.0
"""The holes: named defects, read from holes/, and what they say about results. docs/holes.md describes the format.

A release is a tuple of versions.version(). A name is of a case, machine.fixture.variant.test or suite.case, or of a finding of the
semantic patch, file:function:what-is-wrong. """
import functools
import re
from collections import defaultdict
from pathlib import Path

from judge.errors import Bad
from judge.versions import Window, bounds, reached

MUST = ('Title', 'Since', 'Seen-as')
WINDOWED = {'Patches': 1, 'Cases': 1, 'Decisive': 1, 'Findings': 1, 'Rows': 2, 'Splat': 2}  # and how many parts a line has
FIELDS = (*MUST, *WINDOWED, 'Until', 'Behind', 'Introduced-by', 'Upstream', 'Read', 'Unseen', 'Known-as')
SEEN_AS = {'warning', 'silent', 'time-out', 'stale', 'wrong answer', 'use after free'}
TITLE = 110  # characters


@functools.cache
def braces(glob):
    """The alternatives of a glob, as in a shell: a{b,c} is ab and ac."""
    match = re.search(r'\{([^{}]*)\}', glob)
    if not match:
        return [glob]
    wholes = (braces(glob[:match.start()] + part + glob[match.end():]) for part in match[1].split(','))
    return list(dict.fromkeys(sum(wholes, [])))  # one that has no braces within is met again for each of those that have


@functools.cache
def _pattern(glob):
    return re.compile('|'.join(re.escape(part).replace(r'\*', '[^.]*') for part in braces(glob)))


def matches(name, glob):
    """Whether a glob has a name. "*" does not cross a dot. Machine acpi is machine ats with firmware: a glob of ats has both."""
    names = [name, 'ats.' + name.removeprefix('acpi.')] if name.startswith('acpi.') else [name]
    return any(_pattern(glob).fullmatch(n) for n in names)


class Hole:
    """One file. self.windowed has what may begin with a window: {field: [(window, part, ...)]}."""

    def __init__(self, slug, content):
        self.slug = slug
        head, _, text = content.partition('\n\n')
        fields, self.text = self._parse(head), text.strip()
        words = {field: ' '.join(fields.get(field, [])) for field in FIELDS}
        self.title, self.unseen, self.seen_as = words['Title'], words['Unseen'], words['Seen-as'].split(', ')
        self.since, self.until = bounds(words['Since']), bounds(words['Until'])
        self.behind, self.introduced_by = words['Behind'].split(), words['Introduced-by'].split()
        self.upstream = re.findall(r'(\w+) \("', words['Upstream'])
        self.windowed = {field.lower(): [self._windowed(field, line) for line in fields.get(field, [])] for field in WINDOWED}
        # Of the findings those that patch mode mends.
        self.windowed['mended'] = [(window, line.split()[0]) for window, line in self.windowed['findings'] if line.endswith(' patch')]
        self.windowed['findings'] = [(window, line.split()[0]) for window, line in self.windowed['findings']]
        lacks = [field for field in sorted(MUST) if field not in fields]
        for wrong, problem in (
                (lacks, f'has no {", ".join(lacks)}'),
                (not re.fullmatch('[a-z0-9-]+', slug), 'is not a valid name: use a-z, 0-9 and "-"'),
                (len(self.title) > TITLE, f'has a title of {len(self.title)} characters: at most {TITLE}'),
                (set(self.seen_as) - SEEN_AS, f'Seen-as: takes {", ".join(sorted(SEEN_AS))}'),
                (not (self.windowed['cases'] or self.unseen), 'has neither Cases nor Unseen: say what shows it, or why nothing does'),
                (not self.text, 'has no text below its fields')):
            if wrong:
                self._bad(problem)

    def _bad(self, problem):
        raise Bad(f'holes/{self.slug}: {problem}')

    def _parse(self, head):
        """{field: its lines}"""
        fields, lines = {}, []
        for line in head.splitlines():
            if line.startswith('\t') and fields and line[1:2] != '#':
                lines.append(line.strip())
            elif not line.lstrip().startswith('#'):
                field, _, value = line.partition(':')
                if field not in FIELDS or field in fields:
                    self._bad(f'{line!r}: unknown or repeated field: docs/holes.md lists the fields')
                fields[field] = lines = [value.strip()] if value.strip() else []
        return fields

    def _windowed(self, field, line):
        window, rest = Window.parse(line)
        parts = [part.strip() for part in rest.split('|', WINDOWED[field] - 1)]
        if len(parts) != WINDOWED[field]:
            self._bad(f'{field}: {line!r} wants {WINDOWED[field]} parts with "|" between them')
        return window, *parts

    def status(self, release):
        """present, absent or unknown, by the release alone."""
        has, gone = reached(release, self.since), reached(release, self.until)
        if has is False or gone:
            return 'absent'
        return 'unknown' if None in (has, gone) else 'present'

    def globs(self, release, kind='cases'):
        """Return the values of a field that hold for a release; those of rows and splat are pairs (machine, pattern of a line)."""
        return [parts[0] if len(parts) == 1 else tuple(parts) for window, *parts in self.windowed[kind] if release in window]

    def hits(self, release, names, kind='cases'):
        """Those of the names that its globs have."""
        globs = self.globs(release, kind)
        return [name for name in names if any(matches(name, glob) for glob in globs)]


def load(folder):
    """All holes of a folder, by name."""
    holes = [Hole(path.name, path.read_text(encoding='utf-8')) for path in sorted(Path(folder).iterdir()) if path.name[0] != '.']
    for hole in holes:
        for slug in set(hole.behind) - {other.slug for other in holes}:
            raise Bad(f'holes/{hole.slug}: Behind: there is no holes/{slug}')
    return holes


def here(holes, release):
    """Those that a release has or may have."""
    return [hole for hole in holes if hole.status(release) != 'absent']


def claims(holes, release, names):
    """{name: slugs}: the holes that explain why a case fails."""
    claimed = defaultdict(list)
    for hole in here(holes, release):
        for name in hole.hits(release, names):
            claimed[name].append(hole.slug)
    return dict(claimed)


def decisive(holes, release, names):
    """{slug: names}: the cases each of which, when it fails, says alone that the kernel has the hole."""
    claimed = claims(holes, release, names)
    return {hole.slug: [name for name in hole.hits(release, names)
                        if claimed[name] == [hole.slug] or hole.hits(release, [name], 'decisive')] for hole in here(holes, release)}


def rows(holes, release, names, order=()):
    """[(name, text)]: the rows of the table. order: the subjects of a queue; the holes that its first patch closes come first."""
    place = {subject: n for n, subject in enumerate(order)}

    def first(hole):
        return min((place[subject] for subject in hole.globs(release, 'patches') if subject in place), default=len(place))
    return [(name, text) for hole in sorted(here(holes, release), key=first) for name, text in hole.globs(release, 'rows')
            if name in names and hole.hits(release, [name])]


def check_globs(holes, release, names):
    """Globs that match nothing. names: those of whole machines and suites; one that did not run is not missed."""
    ran = {name.split('.')[0] for name in names}
    return [f'holes/{hole.slug}: {part} matches nothing: correct it, or give it a window'
            for hole in here(holes, release) for kind in ('cases', 'decisive') for glob in hole.globs(release, kind) for part in braces(glob)
            if any(matches(suite, part.split('.')[0]) for suite in ran) and not any(matches(name, part) for name in names)]
