# SPDX-License-Identifier: GPL-2.0
"""judge COMMAND [ARGUMENT...]: see COMMANDS."""
import inspect
import os
import re
import sys

from . import attribution, bench, machines, mutants, qtest, queue, refresh, report, tally
from .errors import BAD_USE, GOOD, Bad

COMMANDS = {
    'prepare': queue.prepare, 'refresh': refresh.main, 'queue': queue.listing,
    'make': bench.make, 'run': bench.run, 'compare': bench.compare, 'own': bench.own, 'show': bench.show, 'walk': bench.walk, 'steps': bench.steps,
    'boot': bench.boot_command, 'findings': bench.findings_of_holes, 'qtest': qtest.main, 'qtests': qtest.listing,
    'machines': machines.main, 'mutants': mutants.main, 'attribution': attribution.main,
    'tally': tally.main, 'unittest': tally.unittest,
    'report': report.main, 'holes': report.exposure,
}


def main(words):
    """Run a command; return its exit code."""
    command, *words = words or ['']
    try:
        if command not in COMMANDS:
            raise Bad(f'no such command: {command or "none given"} (known: {" ".join(COMMANDS)})')
        try:
            inspect.signature(COMMANDS[command]).bind(*words)
        except TypeError:
            raise Bad(f'usage: judge {inspect.getdoc(COMMANDS[command]).partition(":")[0]}') from None
        # With make -n a rule that hands the job server on runs all the same.
        if re.match('[a-zA-Z]*n', os.environ.get('MAKEFLAGS', '')) and command in ('mutants', 'attribution'):
            print('judge', command, *words)
            return GOOD
        return COMMANDS[command](*words)
    except Bad as error:
        print(f'{command or "judge"}: {error}', file=sys.stderr)
        return BAD_USE
    except KeyboardInterrupt:
        return 130


sys.exit(main(sys.argv[1:]))
