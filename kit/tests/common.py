# SPDX-License-Identifier: GPL-2.0
"""What the tests share."""
import contextlib
import io
import os
import pathlib
import shutil
import tempfile
import unittest
from unittest import mock


def said(function, *words):
    """Return the exit code of a command, and what it printed."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        return function(*words), out.getvalue()


class Folder(unittest.TestCase):
    """A build folder for each test."""

    def setUp(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        self.build, self.results = pathlib.Path(folder), pathlib.Path(folder, 'results')
        kept = {key: value for key, value in os.environ.items() if key in ('PATH', 'PYTHONPATH', 'HOME')}
        self.patch(mock.patch.dict(os.environ, kept | {'BUILD_DIR': folder}, clear=True))

    def patch(self, *patches):
        """Start patches that end with the test."""
        for patch in patches:
            patch.start()
            self.addCleanup(patch.stop)

    def write(self, name, text=''):
        """Write a file of the build folder, and return its path."""
        path = self.build / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')
        path.chmod(0o755)
        return path
