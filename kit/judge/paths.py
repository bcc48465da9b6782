# SPDX-License-Identifier: GPL-2.0
"""Where things are. The environment says which base: BASE=, BUILD_DIR=."""
import os
import pathlib
import re
import shlex

from .versions import version
from .errors import Bad

TOP = pathlib.Path(__file__).resolve().parents[2]
DEFAULT_BASE = '7.2'


def build_dir():
    """Return the build folder."""
    return pathlib.Path(os.environ.get('BUILD_DIR') or TOP / 'build').absolute()


def read_pin(path):
    """Return the KEY=value of a pin, which is a piece of shell."""
    text = re.sub(r'^\s*#.*$', '', path.read_text(encoding='utf-8'), flags=re.M)
    return dict(word.split('=', 1) for word in shlex.split(text) if '=' in word)


class Base:
    """A kernel of bases/, and what there is of it in the build folder."""

    def __init__(self, name=None):
        self.name = name or os.environ.get('BASE') or DEFAULT_BASE
        pin = TOP / 'bases' / self.name
        if not pin.is_file():
            raise Bad(f'no such base: BASE={self.name} (known: {" ".join(sorted(p.name for p in pin.parent.iterdir()))})')
        self.pin = read_pin(pin)
        self.work = build_dir() / self.name
        self.tree = self.work / 'linux'
        self.results = build_dir() / 'results' / self.name

    @property
    def release(self):
        """Return the release whose source is there, or else the one of the pin."""
        source = self.work / 'source'
        found = re.search('^version=(.*)', source.read_text(encoding='utf-8'), re.M) if source.exists() else None
        return found[1] if found else self.pin['BASE_VERSION']

    @property
    def version(self):
        """Return it as holes and windows compare it."""
        return version(self.release)

    @property
    def judged_by(self):
        """Return what this base can be judged by: kunit, bench, x86, selftests, coccinelle, covers."""
        return self.pin.get('BASE_JUDGED_BY', '').split()
