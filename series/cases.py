#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Print what kunit.py --json wrote, one case a line: STATUS suite.case

STATUS is kunit.py's: PASS, FAIL, SKIP, or ERROR for a case that never ended. A case with parameters is one case.
"""
import json
import sys


def status_of(group):
    counts = group['misc']
    if counts['failed']:
        return 'FAIL'
    if counts['crashed'] or counts['errors']:
        return 'ERROR'
    return 'PASS' if counts['passed'] else 'SKIP'


with open(sys.argv[1], encoding='utf-8') as results:
    for suite in json.load(results)['sub_groups']:
        cases = [(c['name'], c['status']) for c in suite['test_cases']]
        cases += [(g['name'], status_of(g)) for g in suite['sub_groups']]
        for name, status in cases:
            print(status, f"{suite['name']}.{name}")
