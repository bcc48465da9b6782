#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Print what kunit.py --json wrote, one case a line: STATUS suite.case

STATUS is kunit.py's: PASS, FAIL, SKIP, or ERROR for a case that never ended. A case with parameters is one case.
"""
import json
import sys


def status_of(group):
    """One status of a group; that of older kernels has no counts."""
    counts = group.get('misc', {})
    below = {status for status, _ in cases_of(group)}
    if counts.get('failed') or 'FAIL' in below:
        return 'FAIL'
    if counts.get('crashed') or counts.get('errors') or 'ERROR' in below:
        return 'ERROR'
    return 'PASS' if 'PASS' in below else 'SKIP'


def cases_of(suite):
    """(status, case) of each case of a suite."""
    cases = [(c['status'], c['name']) for c in suite['test_cases']]
    return cases + [(status_of(g), g['name']) for g in suite['sub_groups']]


def main():
    with open(sys.argv[1], encoding='utf-8') as results:
        for suite in json.load(results)['sub_groups']:
            for status, name in cases_of(suite):
                print(status, f"{suite['name']}.{name}")


if __name__ == '__main__':
    main()
