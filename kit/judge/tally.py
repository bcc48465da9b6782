# SPDX-License-Identifier: GPL-2.0
"""Counts verdicts: the end of make test and make test-all."""
import collections
import os
import pathlib
import sys
import time
import unittest as framework

from . import ktap, queue, results
from .errors import FAILED, GOOD
from .paths import DEFAULT_BASE, TOP, build_dir


def title_of(path):
    """Return how a verdict is named: 7.2 bench."""
    return ' '.join(path.relative_to(build_dir() / 'results').with_suffix('').parts)


def rows_of(path):
    """Return the rows of one verdict. One that there is not is lost, or skipped where the source of a base cannot be had."""
    base = path.parent.name
    if path.exists():
        found = results.read(path)
        lost = [results.Case(found.lost, 'lost')] if found.lost else []
        rows = [*found.cases, *lost]
    elif base in queue.Queue('linux').bases and base != DEFAULT_BASE and not (build_dir() / base / 'source').exists():
        rows = [results.Case(f'the source of Linux {base} is not available', 'skip')]
    else:
        rows = [results.Case('no result: the step was lost or did not start; see above', 'lost')]
    return [results.Case(f'{title_of(path)}: {row.name}', row.status, row.why) for row in rows]


def age(path):
    """Say of a verdict that this run found up to date when it was made."""
    made = path.stat().st_mtime if path.exists() else 0
    if not made or made >= float(os.environ.get('STARTED') or 0):
        return ''
    return time.strftime(' (result of %Y-%m-%d %H:%M UTC, still up to date)', time.gmtime(made))


def main(made, *targets):
    """tally CODE FILE...: name what failed and why something was skipped, count all, and end with the one line. CODE is that of the make
    that has made the files."""
    count, skips = collections.Counter(), collections.Counter()
    for target in map(pathlib.Path, targets):
        rows = rows_of(target)
        count.update(row.status for row in rows)
        print(f'{title_of(target)}: {results.counted(rows)}{age(target)}')
        for row in rows:
            if row.status in ('fail', 'lost'):
                print(f'    {row.status}: {row.name}{": " if row.why else ""}{row.why}')
            if row.status == 'skip':
                skips[row.why or row.name] += 1
    if made != '0' and not count['fail'] + count['lost'] and all(pathlib.Path(target).exists() for target in targets):
        # What make did not come to has its verdict of before.
        print('    lost: a step failed, and its result of an earlier run was counted; see above')
        count['lost'] += 1
    for why, number in skips.most_common():
        print(f'skipped {number}: {why}')
    bad = count['fail'] + count['lost']
    print(f'{count["pass"]} passed, {bad} failed, {count["skip"]} skipped')
    return FAILED if bad or not count['pass'] else GOOD


class Recorder(framework.TestResult):
    """Also keeps which tests passed."""

    passed = ()

    def addSuccess(self, test):
        self.passed = *self.passed, (test.id(), 'pass', '')


def unittest():
    """unittest: run the tests of this package, and print TAP."""
    found = Recorder()
    framework.defaultTestLoader.discover(str(TOP / 'kit/tests')).run(found)
    bad = [(test.id(), 'fail', text.strip().splitlines()[-1]) for test, text in found.failures + found.errors]
    sys.stdout.write(ktap.write([*found.passed, *bad, *((test.id(), 'skip', why) for test, why in found.skipped)]))
    return FAILED if bad else GOOD
