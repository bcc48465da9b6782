# SPDX-License-Identifier: GPL-2.0
"""Where things are. The environment says which base: BASE=, for QEMU QEMU_BASE=, and BUILD_DIR=."""
import os
import pathlib
import re
import shlex

from .versions import version
from .errors import Bad

TOP = pathlib.Path(__file__).resolve().parents[2]
DEFAULT_BASE = '7.2'
PROJECTS = {
    # name: where its files are, the folders of new files, the variable that names the base, its default, the tree in build/
    'linux': ('.', 'drivers include tools scripts Documentation', 'BASE', DEFAULT_BASE, '{}/linux'),
    'qemu': ('bench/qemu', 'hw include tests docs', 'QEMU_BASE', '10.2', 'qemu-{}/qemu'),
}


def build_dir():
    """Return the build folder."""
    return pathlib.Path(os.environ.get('BUILD_DIR') or TOP / 'build').absolute()


def read_pin(path):
    """Return the KEY=value of a pin, which is a piece of shell."""
    text = re.sub(r'^\s*#.*$', '', path.read_text(encoding='utf-8'), flags=re.M)
    return dict(word.split('=', 1) for word in shlex.split(text) if '=' in word)


class Base:
    """A kernel of bases/, or a QEMU, and what there is of it in the build folder."""

    def __init__(self, name=None, project='linux'):
        if project not in PROJECTS:
            raise Bad(f'no such project: PROJECT={project} (known: {" ".join(PROJECTS)})')
        root, folders, self.variable, default, tree = PROJECTS[project]
        self.name, self.project = name or os.environ.get(self.variable) or default, project
        self.root, self.folders = TOP / root, folders.split()
        self.bases = sorted((path.name for path in (self.root / 'bases').iterdir()), key=version)
        if self.name not in self.bases:
            raise Bad(f'no such base: {self.variable}={self.name} (known: {" ".join(self.bases)})')
        self.pin = read_pin(self.root / 'bases' / self.name)
        self.tree = build_dir() / tree.format(self.name)
        self.work = self.tree.parent
        self.results = build_dir() / 'results' / self.work.name

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
