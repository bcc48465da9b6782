# SPDX-License-Identifier: GPL-2.0
"""Versions of a kernel, and windows of them.

A version is a tuple: (7, 2, 13). Tuples compare as releases do, and a stable release lies between the mainline release that it comes
from and the next one. So a window of mainline releases holds for their stable releases too.
"""
import re
from dataclasses import dataclass

from judge.errors import Bad


def version(text):
    """The version at the start of a text: 7.2.13, 7.3-rc4, 6.12.117+deb13-arm64. A release candidate counts as its release."""
    match = re.match(r'\d+(?:\.\d+)+', text)
    if not match:
        raise Bad(f'{text!r} is not a version: write it as 7.2 or 6.12.117')
    return tuple(map(int, match[0].split('.')))


@dataclass(frozen=True)
class Window:
    """[since, until) of mainline releases. An end that is () is open."""
    since: tuple = ()
    until: tuple = ()

    @classmethod
    def parse(cls, line):
        """The window at the start of a line, which may be missing, and the rest of the line."""
        if not line.startswith('['):
            return cls(), line
        match = re.fullmatch(r'\[\s*([\d.]*)\s*,\s*([\d.]*)\s*\)\s*(.*)', line)
        if not match:
            raise Bad(f'{line!r} does not begin with a window: write [7.1,7.3), and leave out an end that is open')
        window = cls(*(version(end) if end else () for end in match.groups()[:2]))
        if window.until and window.since >= window.until:
            raise Bad(f'{line!r}: the window is empty')
        return window, match[3]

    def __contains__(self, release):
        return release >= self.since and (not self.until or release < self.until)


def bounds(text):
    """[(early, late)] of a list of releases. A..B stands for one of A to B. "ever" is before all releases."""
    words = [word.partition('..') for word in text.split() if word != 'ever']
    return [(version(early), version(late or early)) for early, _, late in words] or [((), ())] * (text == 'ever')


def reached(release, changed):
    """Whether a release has a change. changed: bounds() of its mainline release, then of stable branches. None: nobody knows."""
    states = [release >= late or None for n, (early, late) in enumerate(changed) if release >= early and (not n or release[:2] == late[:2])]
    return True if True in states else None if states else False
