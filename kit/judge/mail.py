# SPDX-License-Identifier: GPL-2.0
"""A patch as git format-patch writes it."""
import re
from email.header import decode_header, make_header

from .errors import Bad


def read(path):
    """Return a text file, whatever its bytes are."""
    return path.read_bytes().decode('utf-8', 'surrogateescape')


def essence(mail):
    """Return a mail without what depends on where its hunks lie: two of the same essence are the same patch."""
    return [re.sub('^@@ .*', '@@', line) for line in mail.split('\n') if not line.startswith('index ')]


class Mail:
    """A patch: subject, message, author with date, diff, and the paths that it touches."""

    def __init__(self, path):
        head, _, text = read(path).partition('\n\n')
        fields = dict(re.findall('^([A-Za-z-]+): (.*)$', re.sub(r'\n[ \t]+', ' ', head), re.M))
        for name in ('From', 'Date', 'Subject'):
            if name not in fields:
                raise Bad(f'{path.name} lacks {name}: it is not a mail made by git format-patch')
        self.subject = str(make_header(decode_header(fields['Subject'])))
        self.author = f'{make_header(decode_header(fields["From"]))} {fields["Date"]}'
        start = re.search(r'^(---$|diff --git |--- )', text, re.M)
        lines = [line.rstrip() for line in text[:start.start() if start else None].strip('\n').split('\n')]
        self.message = re.sub('\n{3,}', '\n\n', '\n'.join([self.subject, '', *lines])).strip('\n') + '\n'
        self.diff = text[start.start():] if start else ''
        self.paths = re.findall('^--- a/(.*)$', self.diff, re.M)

    def blame(self, errors):
        """Return the hunk that git apply meant. It names the line where the hunk starts in the old file, or the line of the patch."""
        corrupt = re.search('error: corrupt patch at .*?([0-9]+)$', errors, re.M)
        failed = re.search('error: patch failed: (.*):([0-9]+)$', errors, re.M)
        file, number, hunk = '', 0, ''
        for at, line in enumerate(self.diff.split('\n'), 1):
            if line.startswith('--- a/'):
                file, number = line[6:], 0
            elif line.startswith('@@'):
                number += 1
                hunk = f'{file}, hunk {number} ({" ".join(line.split()[:4])})'
                if failed and (file, line.split()[1][1:].split(',')[0]) == failed.groups():
                    return hunk
            if corrupt and at >= int(corrupt.group(1)) and hunk:
                return hunk
        return hunk if corrupt and hunk else errors.strip().split('\n')[0]
