# SPDX-License-Identifier: GPL-2.0
"""The holes: named defects, read from holes/, and what they say about results. docs/holes.md describes the format.

A release is a tuple of versions.version(). A name is of a case, machine.fixture.variant.test or suite.case, or of a finding of the
semantic patch, file:function:what-is-wrong. The check_*() functions return one line a problem.
"""
import functools
import re
from collections import defaultdict
from pathlib import Path

from judge.errors import Bad
from judge.versions import Window, bounds, reached

MUST = {'Title', 'Since', 'Seen-as'}
MAY = {'Until', 'Behind', 'Introduced-by', 'Upstream', 'Patches', 'Read', 'Splat', 'Cases', 'Decisive', 'Findings', 'Rows', 'Unseen',
       'Known-as'}
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


class Hole:  # pylint: disable=too-many-instance-attributes
    """One file. Cases, patches, rows and what else may begin with a window are lists of tuples that begin with it."""

    def __init__(self, slug, content):
        self.slug = slug
        head, _, text = content.partition('\n\n')
        self._fields = self._parse(head)
        self.text = text.strip()
        self.title, self.unseen, self.known_as = self._one('Title'), self._one('Unseen'), self._one('Known-as')
        self.seen_as = self._one('Seen-as').split(', ')
        self.since, self.until = bounds(self._one('Since')), bounds(self._one('Until'))
        self.behind, self.introduced_by, self.read = (self._one(f).split() for f in ('Behind', 'Introduced-by', 'Read'))
        self.upstream = dict(re.findall(r'(\w+) \("([^"]*)"\)', self._one('Upstream')))  # {commit: subject}
        self.patches, self.cases, self.decisive = map(self._windowed, ('Patches', 'Cases', 'Decisive'))
        self.splats = self._windowed('Splat', 2)  # (window, machine, pattern of a line of its console)
        self.rows = self._windowed('Rows', 2)  # (window, name, text)
        findings = self._windowed('Findings')
        self.findings = [(window, line.split()[0]) for window, line in findings]
        self.mended = [(window, line.split()[0]) for window, line in findings if line.endswith(' patch')]  # by patch mode
        lacks = MUST - self._fields.keys()
        for wrong, problem in (
                (lacks, f'has no {", ".join(sorted(lacks))}'),
                (not re.fullmatch('[a-z0-9-]+', slug), 'is no name for a hole: use a-z, 0-9 and "-"'),
                (len(self.title) > TITLE, f'has a title of {len(self.title)} characters: at most {TITLE}'),
                (set(self.seen_as) - SEEN_AS, f'Seen-as: takes {", ".join(sorted(SEEN_AS))}'),
                (not (self.cases or self.unseen), 'has neither Cases nor Unseen: say what shows it, or why nothing does'),
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
                if field not in MUST | MAY or field in fields:
                    self._bad(f'{line!r} is no field, or the field is there twice: docs/holes.md lists them')
                fields[field] = lines = [value.strip()] if value.strip() else []
        return fields

    def _one(self, field):
        return ' '.join(self._fields.get(field, []))

    def _windowed(self, field, parts=1):
        values = []
        for line in self._fields.get(field, []):
            window, rest = Window.parse(line)
            values.append((window, *(part.strip() for part in rest.split('|', parts - 1))))
            if len(values[-1]) != 1 + parts:
                self._bad(f'{field}: {line!r} wants {parts} parts with "|" between them')
        return values

    def status(self, release):
        """present, absent or unknown, by the release alone."""
        has, gone = reached(release, self.since), reached(release, self.until)
        if has is False or gone:
            return 'absent'
        return 'unknown' if None in (has, gone) else 'present'

    def globs(self, release, kind='cases'):
        """What it has for a release of cases, decisive, findings, mended or patches."""
        return [glob for window, glob in getattr(self, kind) if release in window]

    def hits(self, release, names, kind='cases'):
        """Those of the names that its globs have."""
        globs = self.globs(release, kind)
        return [name for name in names if any(matches(name, glob) for glob in globs)]


def load(folder):
    """All holes of a folder, by name."""
    holes = [Hole(path.name, path.read_text(encoding='utf-8')) for path in sorted(Path(folder).iterdir()) if path.name[0] != '.']
    for hole in holes:
        for slug in set(hole.behind) - {other.slug for other in holes}:
            raise Bad(f'holes/{hole.slug}: Behind: {slug} is no file of holes/')
    return holes


def here(holes, release):
    """Those that a release has or may have."""
    return [hole for hole in holes if hole.status(release) != 'absent']


def claims(holes, release, names, kind='cases'):
    """{name: slugs}: the holes that explain why a case fails, or that a finding is found."""
    claimed = defaultdict(list)
    for hole in here(holes, release):
        for name in hole.hits(release, names, kind):
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
    return [(name, text) for hole in sorted(here(holes, release), key=first) for window, name, text in hole.rows
            if release in window and name in names and hole.hits(release, [name])]


def not_shown(holes, release, names):
    """[(slug, reason)]: the holes of a release that none of the names shows. They are counted and printed."""
    return [(hole.slug, hole.unseen or f'needs {" ".join(sorted({glob.split(".")[0] for glob in hole.globs(release)}))}')
            for hole in here(holes, release) if not hole.hits(release, names)]


def check_globs(holes, release, names, kind='cases'):
    """Globs that match nothing. names: those of whole machines and suites; one that did not run is not missed."""
    ran = {name.split('.')[0] for name in names}
    return [f'holes/{hole.slug}: {part} matches nothing: correct it, or give it a window'
            for hole in here(holes, release) for glob in hole.globs(release, kind) for part in braces(glob)
            if (kind == 'findings' or any(matches(suite, part.split('.')[0]) for suite in ran))
            and not any(matches(name, part) for name in names)]


def check_results(holes, release, failed, passed, kind='cases'):
    """Failures of an unpatched kernel that no hole explains, and cases that pass although a hole claims them."""
    claimed = claims(holes, release, [*failed, *passed], kind)
    return ([f'{name} fails, and no hole explains it: add it to the Cases of one' for name in failed if name not in claimed]
            + [f'{name} passes, and {", ".join(claimed[name])} claims it: give the glob a window, or the hole an Until'
               for name in passed if name in claimed])


def check_shown(holes, release):
    """Holes of a pinned release that nothing shows, without a reason, and those of which nobody knows whether it has them."""
    return ([f'holes/{hole.slug}: nothing shows it: add a case, or Unseen with a reason'
             for hole in here(holes, release) if not (hole.globs(release) or hole.unseen)]
            + [f'holes/{hole.slug}: this release may have it or not: correct Since or Until'
               for hole in holes if hole.status(release) == 'unknown'])


def check_queue(holes, release, messages, exempt=()):
    """The queue of a release, {subject: message}, against the holes. exempt: the subjects of tests and documentation."""
    problems, closes = [], defaultdict(list)
    for hole in here(holes, release):
        for subject in hole.globs(release, 'patches'):
            closes[subject].append(hole)
            if subject not in messages:
                problems.append(f'holes/{hole.slug}: the queue has no patch "{subject}"')
    for subject, message in messages.items():
        if subject not in closes and subject not in exempt:
            problems.append(f'"{subject}" closes no hole: name it in the Patches of one')
        for field, pattern in (('introduced_by', r'^Fixes: (\w+)'), ('upstream', r'^\[ (?:Upstream|Not for upstream): commit\s+(\w+)')):
            problems += [f'"{subject}" names {commit}, which no hole that it closes has in {field.capitalize().replace("_", "-")}'
                         for commit in re.findall(pattern, message, re.M)
                         if subject in closes and not any(commit in getattr(hole, field) for hole in closes[subject])]
    return problems
