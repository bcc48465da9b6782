# SPDX-License-Identifier: GPL-2.0
"""The patches of a project, Linux or QEMU: one order for all bases, and the git tree in which it is laid over one of them. See docs/queue.md.

    series/order                        one line a patch: topic/NNNN-subject.patch [from,until) test -C2, and "+ path" of each new file
    series/topic/NNNN-subject.patch     a mail without the new files; NNNN-subject.6.12.patch in its place where 6.12 needs another
    series/mutants/NAME.diff            a way to break the patched tree; NAME.6.12.diff likewise

Branch series of the tree has one commit a patch, branch unpatched the patches marked "test" alone. refs/prepared/series is branch series as
prepare left it.
"""
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from email import message_from_string, policy

from .errors import Bad, GOOD
from .paths import TOP, Base, build_dir
from .versions import Window, version

HEADER = '# SPDX-License-Identifier: GPL-2.0\n# The patches in order. See docs/queue.md.\n\n'
FORM = 2  # of the prepared tree: a new number lays every queue again
# Commits and output must not depend on the user's git, locale or time zone.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(('GIT_', 'LC_'))} | {
    'GIT_CONFIG_NOSYSTEM': '1', 'GIT_CONFIG_GLOBAL': '/dev/null', 'GIT_CONFIG_COUNT': '1', 'GIT_CONFIG_KEY_0': 'safe.directory',
    'GIT_CONFIG_VALUE_0': '*', 'LC_ALL': 'C', 'TZ': 'UTC', 'GIT_AUTHOR_NAME': 'series', 'GIT_AUTHOR_EMAIL': 'series@localhost',
    'GIT_COMMITTER_NAME': 'series', 'GIT_COMMITTER_EMAIL': 'series@localhost'}
AM = 'am -q --no-3way --keep --keep-cr --empty=keep --whitespace=nowarn'.split()
PUT_AWAY = "save your work with 'git format-patch base', run 'make prepare FORCE=1', and apply it again"
# Lock the build folder and the tree, with the source there and what a killed run left undone, and run the program again.
HOLD = '. "${0%/*}/lib.sh"; lock; "$KIT/fetch.sh"; lock_tree; export MAKEFLAGS="$flags" TREE_HOLDER=$$; exec "$TOP/judge" "$@"'


def read(path):
    """Return a text file, whatever its bytes are."""
    return path.read_bytes().decode('utf-8', 'surrogateescape')


def essence(mail):
    """Return a mail without what depends on where its hunks lie: two of the same essence are the same patch."""
    return [re.sub('^@@ .*', '@@', line) for line in mail.split('\n') if not line.startswith('index ')]


@dataclass
class Entry:
    """One patch in the order."""
    path: str                                   # topic/NNNN-subject.patch, the main file
    words: list                                 # what follows it on its line
    lead: str = ''                              # comments and empty lines above it
    new: list = field(default_factory=list)     # the new files that it brings

    @property
    def topic(self):
        """Return the folder that it is in."""
        return self.path.split('/')[0]

    @property
    def slug(self):
        """Return the name that stays when the patch gets another number or topic."""
        return self.path.split('/')[1][5:].removesuffix('.patch')

    @property
    def marks(self):
        """Return what its line says besides its window: test, -C2."""
        return [word for word in self.words if not word.startswith('[')]

    def counts(self, base):
        """Return whether its window has the base."""
        return all(version(base) in Window.parse(word)[0] for word in self.words if word.startswith('['))

    def file(self, base=''):
        """Return the name of its override for a base, or of its main file."""
        return f'{self.path.removesuffix(".patch")}.{base}.patch' if base else self.path

    def __str__(self):
        return ' '.join([self.path, *self.words]) + '\n' + ''.join(f'\t+ {path}\n' for path in self.new)


class Queue(Base):
    """The patches of one project for one base."""

    def __init__(self, project='', name=''):
        super().__init__(name, project or os.environ.get('PROJECT') or 'linux')
        self.series, self.record = self.root / 'series', self.tree / '.git/prepared'
        self.header, self.order, self.end = self._read_order()

    # ---- the model

    def _read_order(self):
        text = read(self.series / 'order') if (self.series / 'order').exists() else HEADER
        header, order, lead = re.match(r'(#.*\n)*\n*', text).group(), [], ''
        for line in text[len(header):].splitlines(keepends=True):
            words = line.split()
            if not words or line.startswith('#'):
                lead += line
            elif line[0].isspace() and words[0] == '+' and len(words) == 2 and order:
                order[-1].new.append(words[1])
            elif re.fullmatch(r'[\w-]+/\d{4}-\S+\.patch', words[0]) and not line[0].isspace():
                order.append(Entry(words[0], words[1:], lead))
                lead = ''
            else:
                raise Bad(f'{self.shown("order")}: neither a patch nor a new file: {line.strip()}')
        return header, order, lead

    def shown(self, path):
        """Return how a file of the series is named to the user."""
        return str((self.series / path).relative_to(TOP))

    @property
    def entries(self):
        """Return the entries whose window has the base."""
        return [entry for entry in self.order if entry.counts(self.name)]

    def of_topics(self, *topics):
        """Return the entries of the base that are in some topics."""
        return [entry for entry in self.entries if entry.topic in topics]

    def overrides(self, entry):
        """Return all of an entry's overrides: {base: file}."""
        return {base: self.series / entry.file(base) for base in self.bases if (self.series / entry.file(base)).exists()}

    def file(self, entry):
        """Return the file that counts for the base."""
        return self.overrides(entry).get(self.name, self.series / entry.path)

    def state(self):
        """Return all that the prepared commits depend on: a sum of each patch by its slug, of each new file by its path, and the rest as ''."""
        files = {entry.slug: self.file(entry) for entry in self.entries} | {path: self.root / path for entry in self.entries for path in entry.new}
        return {key: f'{os.access(path, os.X_OK)} {hashlib.sha256(path.read_bytes()).hexdigest()}' for key, path in files.items()} | {
            '': [FORM, self.commit('base'), [[entry.slug, entry.marks, entry.new] for entry in self.entries]]}

    def recorded(self):
        """Return the state that the tree was prepared from."""
        try:
            return json.loads(read(self.record))
        except (OSError, ValueError):
            return {}

    def subjects(self):
        """Return {slug: subject} in order."""
        return {entry.slug: message_from_string(read(self.file(entry)), policy=policy.default)['Subject'] for entry in self.entries}

    def mutants(self):
        """Return {name: (fields, diff)} of the base's mutants, each field a list. A line of a field counts where its window has the base."""
        found, mine = {}, version(self.name)
        for path in sorted((self.series / 'mutants').glob('*.diff')):
            name = path.name.removesuffix('.diff')
            base = next((base for base in self.bases if name.endswith(f'.{base}')), '')
            if base not in ('', self.name) or not base and path.with_suffix(f'.{self.name}.diff').exists():
                continue
            head, mark, diff = read(path).partition('\n--- ')
            fields = {}
            for key, _, value in (line.partition(': ') for line in head.splitlines() if line):
                window, value = Window.parse(value)
                if mine not in window and key == 'Window':
                    break
                if mine in window and key != 'Window':
                    fields.setdefault(key, []).append(value)
            else:
                found[name.removesuffix(f'.{base}')] = fields, mark[1:] + diff
        return found

    def cover(self, topic):
        """Return the file of a topic's cover letter."""
        path = self.series / topic / f'cover.{self.name}.txt'
        return path if path.exists() else self.series / topic / 'cover.txt'

    def needs(self, topic):
        """Return the topics that a topic's cover letter says it needs, and those that these need, in order."""
        found, left = set(), [topic]
        while left:
            name = left.pop()
            found.add(name)
            line = re.search('^Needs: *(.*)$', read(self.cover(name)), re.M) if self.cover(name).exists() else None
            left += set(line.group(1).split()) - found if line else []
        return [name for name in dict.fromkeys(entry.topic for entry in self.entries) if name in found - {topic}]

    # ---- the queue is whole: every name has its file, every file its name

    def check(self, twins=True):
        """Raise Bad where order, files and overrides do not fit together. Without TWINS an override may be like its patch."""
        order, slugs, known = self.shown('order'), set(), set()
        for entry in self.order:
            patch, new = self.series / entry.path, {self.root / path for path in entry.new}
            if entry.slug in slugs:
                raise Bad(f'{order} has two patches called {entry.slug}: give one of them another subject')
            for word in entry.marks:
                if word != 'test' and not re.fullmatch('-C[0-9]', word):
                    raise Bad(f'{order}: {entry.path}: {word} is neither a window, nor test, nor -C with a number')
            for path in {patch, *new}:
                if not path.is_file():
                    raise Bad(f'{order} names {path.relative_to(self.root)}, which does not exist')
            for base, path in self.overrides(entry).items():
                if not entry.counts(base):
                    raise Bad(f'{self.shown(path)} is for a base outside of the window of {entry.slug}: remove it, or widen the window')
                if twins and essence(read(path)) == essence(read(patch)):
                    raise Bad(f'{self.shown(path)} is the same as {self.shown(patch)}: remove it')
            slugs.add(entry.slug)
            known |= {patch, *new, *self.overrides(entry).values()}
        for path in sorted(set(self.series.glob('*/*.patch')) - known):
            raise Bad(f'{self.shown(path)} is used by no line of {order}: add a line, or remove it')
        for path in sorted(path for folder in self.folders for path in (self.root / folder).rglob('*') if path.is_file() and path not in known):
            name = path.relative_to(self.root)
            raise Bad(f"{name} is in no patch: add '+ {name}' to {order}, or remove it")

    # ---- git

    def run_git(self, *arguments, text='', at='', **environment):
        """Run git in the tree, or at another place; return its exit code, what it says, and its errors."""
        done = subprocess.run(['git', '-C', at or self.tree, *arguments], input=text.encode('utf-8', 'surrogateescape'), capture_output=True,
                              env=ENVIRONMENT | {'GIT_COMMITTER_DATE': self.pin['BASE_DATE']} | environment, check=False)
        return done.returncode, done.stdout.decode('utf-8', 'surrogateescape'), done.stderr.decode('utf-8', 'replace').strip()

    def git(self, *arguments, check=True, **more):
        """Return what git says in the tree; '' where it fails and check is false."""
        code, said, error = self.run_git(*arguments, **more)
        if code and check:
            if re.search('no space left|disk quota exceeded', error, re.I):
                error = f'no space left in {build_dir()}: free some, or name another place with BUILD_DIR='
            raise Bad(f'git {arguments[0]} failed: {error.splitlines()[0] if error else code}')
        return '' if code else said

    def commit(self, name, **more):
        """Return the id of a commit, or ''."""
        return self.git('rev-parse', '-q', '--verify', name, check=False, **more).strip()

    def _mail(self, entry):
        """Return a patch with its new files, for git am."""
        path = self.file(entry)
        head, text = read(path).split('\n\n', 1)[0], read(path)
        if not text.startswith('From ') or any(f'\n{name}: ' not in head for name in ('From', 'Date', 'Subject')):
            raise Bad(f'{self.shown(path)} is not a mail made by git format-patch')
        if '\nnew file mode' in text:
            raise Bad(f"{entry.path} adds a file: put it at its path in {self.root}, and '+ path' into {self.shown('order')}")
        # The configuration of the repository does not count.
        here = {'at': self.root, 'GIT_DIR': str(self.tree / '.git')}
        return text + ''.join(self.run_git('diff', '--no-index', '--binary', '--', '/dev/null', path, **here)[1] for path in entry.new)

    def lay(self, entries, over='what comes before it'):
        """Commit the entries on top of the base; return the id of the last commit. Branches, index and files of the tree stay as they are.
        git am works beside it, on a commit that has the files of the patches and no others, which takes a tenth of the time."""
        folder, mails = tempfile.mkdtemp(dir=self.work, prefix='prepare.'), list(map(self._mail, entries))
        paths = {path for mail in mails for path in re.findall('^diff --git a/.* b/(.*)', mail, re.M)}
        try:
            self.git('worktree', 'add', '-q', '--detach', '--no-checkout', folder, 'base')
            self.git('update-index', '--index-info', text=self.git('ls-tree', '--full-tree', 'base', '--', *paths) if paths else '', at=folder)
            small = self.git('commit-tree', '-m', 'base', self.git('write-tree', at=folder).strip()).strip()
            self.git('reset', '-q', '--soft', small, at=folder)
            for context, group in itertools.groupby(zip(entries, mails), lambda pair: [word for word in pair[0].marks if word.startswith('-C')]):
                code, _, errors = self.run_git(*AM, *context, text=''.join(mail for _, mail in group), at=folder)
                if code:
                    bad = self.file(entries[int(self.git('rev-list', '--count', f'{small}..HEAD', at=folder))]).relative_to(self.series)
                    why = re.search('^(?:error|fatal): (?:patch failed: )?(.*)', errors, re.M)
                    pinned = self.pin['BASE_VERSION']
                    other = '' if self.release == pinned else f'; or take {pinned}, which the patches were made on: this is {self.release}'
                    raise Bad(f"{bad} does not apply to {over}: {why[1] if why else errors[:99]}; fix the patch, or write it again with "
                              f"'make refresh'{other}")
            self.git('update-ref', 'refs/prepared/next', 'HEAD', at=folder)
        finally:
            shutil.rmtree(folder)
            self.run_git('worktree', 'prune')
        stream = self.git('fast-export', '--no-data', '--reference-excluded-parents', 'refs/prepared/next', f'^{small}')
        self.git('-c', 'fastimport.unpackLimit=100000', 'fast-import', '--quiet', '--force',
                 text=stream.replace(f'from {small}', f'from {self.commit("base")}'))
        return self.commit('refs/prepared/next')

    def merge(self, entries, tip='base'):
        """Commit some of the prepared patches on top of a commit; return the id of the last one. They are merged, as a patch cannot be applied
        where its context is missing."""
        if self.recorded() != self.state():
            raise Bad(f"{self.tree} is not prepared: run 'make prepare' first")
        tip = self.commit(tip)
        for entry, commit in zip(self.entries, self.git('rev-list', '--reverse', 'base..refs/prepared/series').split()):
            if entry in entries:
                # The two sides begin at what the commit was made on.
                sides = [self._commit_tree(commit, tree, f'{commit}^') for tree in (tip, commit)]
                tree = self.git('merge-tree', '--write-tree', *sides, check=False).split('\n')[0]
                if not tree:
                    raise Bad(f'{entry.path} needs patches before it that are left out')
                tip = self._commit_tree(commit, tree, tip)
        return tip

    def _commit_tree(self, like, tree, parent):
        """Return a commit of a tree, which says what another one says, by the same person."""
        *author, message = self.git('log', '-1', '--format=%an%n%ae%n%aD%n%B', like).split('\n', 3)
        environment = dict(zip(('GIT_AUTHOR_NAME', 'GIT_AUTHOR_EMAIL', 'GIT_AUTHOR_DATE'), author))
        return self.git('commit-tree', f'{tree}^{{tree}}', '-p', parent, text=message, **environment).strip()

    # ---- prepare

    def hold(self):
        """Lock the build folder and the tree: this starts the program again. Return False if the tree is that of another program, which has
        started this one."""
        if os.environ.get('TREE_LOCKED') != str(self.tree):
            sys.stdout.flush()
            os.execvpe('sh', ['sh', '-eu', '-c', HOLD, TOP / 'kit' / sys.argv[1], *sys.argv[1:]],
                       os.environ | {'PROJECT': self.project, self.variable: self.name, 'BUILD_DIR': str(build_dir())})
        return os.environ.get('TREE_HOLDER') == str(os.getpid())

    def is_clean(self):
        """Return whether the tree is as prepare left it, or as a killed one was about to leave it."""
        return (self.git('symbolic-ref', '-q', '--short', 'HEAD', check=False).strip() == 'series'
                and self.commit('HEAD') in (self.commit('refs/prepared/series'), self.commit('refs/prepared/coming'))
                and not self.git('status', '--porcelain'))

    def prepare(self, force=False, without=()):
        """Lay the queue over the base. WITHOUT: the subjects of patches that ref without does without."""
        if not self.hold() and self.record.exists():
            return
        for path in self.work.glob('prepare.*'):    # of a killed run
            shutil.rmtree(path)
        self.check()
        if force or self.state() != self.recorded():
            if not force and not self.is_clean():
                raise Bad(f"the series and {self.tree} have both changed: 'make refresh' takes commits that do not conflict; or {PUT_AWAY}")
            self._move()
        for name, ref in ('patched', 'refs/prepared/series'), ('unpatched', 'unpatched'):
            path, tree = self.work / f'{name}.tree', self.commit(f'{ref}^{{tree}}')
            if not path.exists() or read(path) != tree:     # make does again what depends on them where they are newer
                path.write_text(tree, encoding='utf-8')
        if without:
            subjects = self.subjects()
            self.git('update-ref', 'refs/without', self.merge([entry for entry in self.entries if subjects[entry.slug] not in without]))

    def _move(self):
        """Lay the queue, and move the tree there. Nothing is lost: the tree is clean, or the user has said that it may be."""
        started = time.time()
        patched = self.lay(self.entries)
        unpatched = self.lay([entry for entry in self.entries if 'test' in entry.marks], 'the code without the fixes')
        self.git('update-ref', 'refs/prepared/coming', patched)
        # Only files that differ are written, so that what was built stays built.
        self.git('checkout', '-q', '-f', '-B', 'series', patched)
        self.git('clean', '-fdq')
        self.git('update-ref', 'refs/prepared/series', patched)
        self.git('branch', '-q', '-f', 'unpatched', unpatched)
        self.record.write_text(json.dumps(self.state()), encoding='utf-8')
        release = self.git('log', '-1', '--format=%s', 'base').strip()
        print(f'prepare: {len(self.entries)} patches on {release} in {self.tree}, {time.time() - started:.0f} s')


def listing(what='patches', topic=''):
    """queue [patches|new|topics|cover TOPIC|needs TOPIC|topic TOPIC]: print for scripts, one a line: patches of the base, with what order
    says of them; new files; topics; of a topic its cover letter, the topics that it needs, or its commits: the last below it and its last."""
    queue = Queue()
    if what in ('cover', 'needs', 'topic') and not queue.of_topics(topic):
        raise Bad(f'{queue.name} has no topic {topic}')
    if what == 'patches':
        lines = [' '.join([str(queue.file(entry).relative_to(queue.series)), *entry.words]) for entry in queue.entries]
    elif what == 'new':
        lines = [path for entry in queue.entries for path in entry.new]
    elif what == 'topics':
        lines = dict.fromkeys(entry.topic for entry in queue.entries)
    elif what == 'cover':
        lines = [queue.cover(topic)]
    elif what == 'needs':
        lines = queue.needs(topic)
    elif what == 'topic':
        below = queue.merge(queue.of_topics(*queue.needs(topic)))
        lines = [f'{below} {queue.merge(queue.of_topics(topic), below)}']
    else:
        raise Bad('usage: judge queue [patches|new|topics|cover TOPIC|needs TOPIC|topic TOPIC]')
    sys.stdout.write(''.join(f'{line}\n' for line in lines))
    return GOOD


def prepare(*words):
    """prepare [without SUBJECT...]: lay the queue over the base, and on ref without those patches that are not named."""
    if words[:1] not in ((), ('without',)):
        raise Bad('usage: judge prepare [without SUBJECT...]')
    Queue().prepare(os.environ.get('FORCE') == '1', words[1:])
    return GOOD
