# SPDX-License-Identifier: GPL-2.0
"""Runs tests of the QEMU that is built: those that the queue adds, and of QEMU's own those that touch what the queue touches and are quick.

A case is test./path. A failed assertion, or a QEMU that dies, ends a test in the middle: what comes behind that case is run once more, without it.
"""
import fnmatch
import os
import pathlib
import re
import subprocess
import tempfile
import time

from . import queue, results
from .errors import Bad, GOOD

OTHERS = {'qos-test': '/virt/generic-pcihost/*', 'device-introspect-test': '*', 'qom-test': '/qom/virt-*', 'cxl-test': '*'}
PREFIX = '/aarch64'
RESULT = re.compile(rf'(not )?ok .*?{PREFIX}(/\S*)\s*(# SKIP)?[ -]*(.*)')
LATE = (124, 137)       # how timeout(1) ends


class Tests:
    """The tests of a build of QEMU."""

    def __init__(self, folder, seconds=300):
        self.patches, self.folder = queue.Queue('qemu'), pathlib.Path(folder)
        self.seconds = os.environ.get('TIMEOUT') or str(seconds)
        self.build = self.patches.work / 'build'
        self.environment = os.environ | {'TMPDIR': str(folder), 'QTEST_QEMU_BINARY': str(self.build / 'qemu-system-aarch64')}

    def names(self):
        """Return {test: glob of its paths}. The queue's own are those that the tree adds, committed or at least known to git."""
        added = self.patches.git('diff', '--name-only', '--no-renames', '--diff-filter=A', 'base', '--', 'tests/qtest')
        return dict.fromkeys(re.findall(r'^tests/qtest/(.*-test)\.c$', added, re.M), '*') | OTHERS

    def run(self, test, *arguments):
        """Run a test; return its exit code and its output. What it leaves behind, as sockets with short paths, goes with the folder."""
        with open(self.folder / 'output', 'w+b') as output:
            done = subprocess.run(['timeout', '-k', '5', self.seconds, self.build / 'tests/qtest' / test, *arguments],
                                  stdout=output, stderr=output, stdin=subprocess.DEVNULL, env=self.environment, check=False)
            output.seek(0)
            return done.returncode, output.read().decode(errors='replace')

    def paths(self, test, glob='*'):
        """Return the paths of the cases that a test names, and what it says in the end."""
        output = self.run(test, '-l')[1]
        return fnmatch.filter(re.findall(rf'^{PREFIX}(/\S*)$', output, re.M), glob), (output.splitlines() or [''])[-1]

    def cases(self, test, left):
        """Run the cases of a test; return them."""
        found, started = [], time.monotonic()
        while left:
            code, output = self.run(test, '--tap', *(word for path in left for word in ('-p', PREFIX + path)))
            new = read(output, code, left)
            found += [results.Case(f'{test}.{path}', *outcome) for path, outcome in new.items()]
            left = [path for path in left if path not in new]
        print(f'qtest: {test}: {len(found)} cases, {bad(found)} failed, {time.monotonic() - started:.0f} s', flush=True)
        return found


def bad(found):
    """Return how many cases failed or were lost."""
    return sum(case.status in ('fail', 'lost') for case in found)


def read(output, code, left):
    """Return {path: (status, why)} of GLib's TAP. It does not say which case it was that ended the test: the first of LEFT that has no
    result, unless the last result was that failure."""
    found, failed, error = {}, False, ''
    for line in output.splitlines():
        if match := RESULT.match(line):
            failed = bool(match[1])
            found[match[2]] = ('fail', match[4] or error) if failed else ('skip', match[4]) if match[3] else ('pass', '')
            error = ''
        elif line.startswith('ERROR:') and not error:
            error = line
    found = {path: found[path] for path in left if path in found}
    rest = [path for path in left if path not in found]
    if code in LATE:
        return found | dict.fromkeys(rest, ('lost', 'timed out, or came after a case that did'))
    if rest and not failed:
        bail, death = (re.findall(pattern, output, re.M) for pattern in (r'^Bail out! ?(.*)', r'.*kill_qemu\(\).*'))
        said = re.findall('^qemu-system.*', output.rpartition('\nok ')[2], re.M)
        found[rest[0]] = ('fail', bail[-1]) if bail and not death else ('lost', f'ended early: {[*said, *death, f"exit code {code}"][0]}')
    return found


def statuses(cases):
    """Return {case: status} of some cases, as far as there are such. They are quick, or a mutant hangs."""
    with tempfile.TemporaryDirectory() as folder:
        tests = Tests(folder, 60)
        chosen = {test: [path for path in tests.paths(test)[0] if f'{test}.{path}' in cases] for test in {case.split('.')[0] for case in cases}}
        return {case.name: case.status for test, left in chosen.items() for case in tests.cases(test, left)}


def main(target):
    """qtest FILE: run them all, or the queue's own cases that match FILTER=; the results go into FILE."""
    with tempfile.TemporaryDirectory() as folder:
        tests, like, rows = Tests(folder), os.environ.get('FILTER'), []
        for test, glob in sorted(tests.names().items()):
            if like and test in OTHERS:
                continue
            paths, said = tests.paths(test, glob)
            if not paths:
                rows.append(results.Case(f'{test}.', 'lost', f'lists no case {glob}: {said}'))
            left = [path for path in paths if not like or fnmatch.fnmatchcase(f'{test}.{path}', like)]
            rows += tests.cases(test, left) if left else []
    if not rows:
        raise Bad(f'no case is called {like}')
    results.Run('qtest', 'tree', rows).save(target, again=bad(rows))
    return GOOD


def listing():
    """qtests: print the names of the tests, for qemu.sh to build."""
    print('\n'.join(Tests('.').names()))
    return GOOD
