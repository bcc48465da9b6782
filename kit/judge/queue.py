# SPDX-License-Identifier: GPL-2.0
"""The patches of a project, Linux or QEMU: one order for all bases, and the git tree in which it is laid over one of them. See docs/queue.md.

    series/order                        one line a patch: topic/NNNN-subject.patch [from,until) test -C2, and "+ path" of each new file
    series/topic/NNNN-subject.patch     a mail without the new files; NNNN-subject.6.12.patch in its place where 6.12 needs another
    series/mutants/NAME.diff            a way to break the patched tree; NAME.6.12.diff likewise
    bases/6.12                          where the patches are laid: shell variables

Branch series of the tree has one commit a patch, branch unpatched the patches marked "test" alone.
"""
import fcntl
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field

from .errors import Bad, GOOD
from .mail import Mail, essence, read
from .paths import TOP, build_dir, read_pin
from .versions import Window, version

HEADER = '# SPDX-License-Identifier: GPL-2.0\n# The patches in order. See docs/queue.md.\n\n'
FORM = 1  # of the prepared tree: a new number lays every queue again
PROJECTS = {
    # name: where its files are, the folders of new files, the variable that names the base, its default, the tree in build/
    'linux': ('.', 'drivers include tools scripts Documentation', 'BASE', '7.2', '{}/linux'),
    'qemu': ('bench/qemu', 'hw include tests docs', 'QEMU_BASE', '10.2', 'qemu-{}/qemu'),
}
# Objects and output must not depend on the user's git, locale or time zone.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(('GIT_', 'LC_'))} | {
    'GIT_CONFIG_NOSYSTEM': '1', 'GIT_CONFIG_GLOBAL': '/dev/null', 'GIT_CONFIG_COUNT': '1', 'GIT_CONFIG_KEY_0': 'safe.directory',
    'GIT_CONFIG_VALUE_0': '*', 'LC_ALL': 'C', 'TZ': 'UTC'}
HELD = set()  # the trees that this program has locked
PUT_AWAY = "put your work away with 'git format-patch base', 'make prepare FORCE=1', and apply it again"


def digest(text):
    """Return a sum of a text."""
    return hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()


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

    def __str__(self):
        return ' '.join([self.path, *self.words]) + '\n' + ''.join(f'\t+ {path}\n' for path in self.new)


class Queue:
    """The patches of one project for one base."""

    def __init__(self, project='', base=''):
        self.project = project or os.environ.get('PROJECT') or 'linux'
        if self.project not in PROJECTS:
            raise Bad(f'no such project: PROJECT={self.project} (known: {" ".join(PROJECTS)})')
        root, folders, variable, default, tree = PROJECTS[self.project]
        self.base = base or os.environ.get(variable) or default
        self.root, self.folders, self.build = TOP / root, folders.split(), build_dir()
        self.series, self.tree = self.root / 'series', self.build / tree.format(self.base)
        self.work, self.record = self.tree.parent, self.tree / '.git/prepared'
        self.bases = sorted((path.name for path in (self.root / 'bases').glob('*')), key=version)
        if self.base not in self.bases:
            raise Bad(f'no such base: {variable}={self.base} (known: {" ".join(self.bases)})')
        self.pin = read_pin(self.root / 'bases' / self.base)
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
                raise Bad(f'{self.name("order")}: neither a patch nor a new file: {line.strip()}')
        return header, order, lead

    def name(self, path):
        """Return how a file of the series is named to the user."""
        return str((self.series / path).relative_to(TOP))

    @property
    def entries(self):
        """Return the entries whose window has the base."""
        return [entry for entry in self.order if entry.counts(self.base)]

    def of_topics(self, *topics):
        """Return the entries of the base that are in some topics."""
        return [entry for entry in self.entries if entry.topic in topics]

    def override(self, entry, base=''):
        """Return the file that counts instead of the main file for a base, if it is there."""
        return self.series / f'{entry.path.removesuffix(".patch")}.{base or self.base}.patch'

    def overrides(self, entry):
        """Return all of an entry's overrides: {base: file}."""
        return {base: self.override(entry, base) for base in self.bases if self.override(entry, base).exists()}

    def file(self, entry):
        """Return the file that counts for the base."""
        return self.override(entry) if self.override(entry).exists() else self.series / entry.path

    def mode(self, path):
        """Return the mode of a new file, for git."""
        return '100755' if os.access(self.root / path, os.X_OK) else '100644'

    def sums(self):
        """Return {slug or path: sum} of the base's patches and new files."""
        return {entry.slug: digest(read(self.file(entry))) for entry in self.entries} | {
            path: self.mode(path) + digest(read(self.root / path)) for entry in self.entries for path in entry.new}

    def stamp(self):
        """Return a sum of all that the prepared commits depend on."""
        return digest(repr([FORM, self.commit('base'), self.sums(), [(entry.slug, entry.marks, entry.new) for entry in self.entries]]))

    def subjects(self):
        """Return {slug: subject} in order."""
        return {entry.slug: Mail(self.file(entry)).subject for entry in self.entries}

    def mutants(self):
        """Return {name: (fields, diff)} of the base's mutants, each field a list. A line of a field counts where its window has the base."""
        found, mine = {}, version(self.base)
        for path in sorted((self.series / 'mutants').glob('*.diff')):
            name = path.name.removesuffix('.diff')
            base = next((base for base in self.bases if name.endswith(f'.{base}')), '')
            if base not in ('', self.base) or not base and path.with_suffix(f'.{self.base}.diff').exists():
                continue
            head, mark, diff = read(path).partition('\n--- ')
            lines = [(key, *Window.parse(value)) for key, _, value in (line.partition(': ') for line in head.splitlines() if line)]
            if all(mine in window for key, window, _ in lines if key == 'Window'):
                fields = {}
                for key, window, value in lines:
                    if mine in window and key != 'Window':
                        fields.setdefault(key, []).append(value)
                found[name.removesuffix(f'.{base}')] = fields, mark[1:] + diff
        return found

    def cover(self, topic):
        """Return the file of a topic's cover letter."""
        path = self.series / topic / f'cover.{self.base}.txt'
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
        order, slugs, known, named = self.name('order'), set(), set(), set()
        for entry in self.order:
            patch = self.series / entry.path
            if entry.slug in slugs:
                raise Bad(f'{order} has two patches called {entry.slug}: give one of them another subject')
            for word in entry.marks:
                if word != 'test' and not re.fullmatch('-C[0-9]', word):
                    raise Bad(f'{order}: {entry.path}: {word} is neither a window, nor test, nor -C with a number')
            for path in [patch, *(self.root / path for path in entry.new)]:
                if not path.is_file():
                    raise Bad(f'{order} names {path.relative_to(self.root)}, which is not there')
            for base, path in self.overrides(entry).items():
                if not entry.counts(base):
                    raise Bad(f'{self.name(path)} is for a base outside of the window of {entry.slug}: remove it, or widen the window')
                if twins and essence(read(path)) == essence(read(patch)):
                    raise Bad(f'{self.name(path)} is the same as {self.name(patch)}: remove it')
            slugs.add(entry.slug)
            known |= {patch, *self.overrides(entry).values()}
            named |= {self.root / path for path in entry.new}
        for path in sorted(set(self.series.glob('*/*.patch')) - known):
            raise Bad(f'{self.name(path)} is not in {order}, nor for a base of a patch that is: add a line, or remove it')
        for path in sorted(path for folder in self.folders for path in (self.root / folder).rglob('*') if path.is_file() and path not in named):
            name = path.relative_to(self.root)
            raise Bad(f"{name} is in no patch: add '+ {name}' to {order}, or remove it")

    # ---- git

    def run_git(self, arguments, text='', **environment):
        """Run git in the tree; return its exit code, what it says, and its errors."""
        done = subprocess.run(['git', '-C', str(self.tree), *arguments], input=text.encode('utf-8', 'surrogateescape'), capture_output=True,
                              env=ENVIRONMENT | environment, check=False)
        return done.returncode, done.stdout.decode('utf-8', 'surrogateescape'), done.stderr.decode('utf-8', 'replace').strip()

    def git(self, *arguments, check=True, **more):
        """Return what git says in the tree; '' where it fails and check is false."""
        code, said, error = self.run_git(arguments, **more)
        if code and check:
            if re.search('no space left|disk quota exceeded', error, re.I):
                error = f'no space left in {self.build}: free some, or name another place with BUILD_DIR='
            raise Bad(f'git {arguments[0]} failed: {error.splitlines()[0] if error else code}')
        return '' if code else said

    def commit(self, name):
        """Return the id of a commit, or ''."""
        return self.git('rev-parse', '-q', '--verify', name, check=False).strip()

    def lay(self, entries, over='what comes before it'):
        """Commit the entries on top of the base; return the id of the last commit. Branches, index and files of the tree stay as they are.
        The index that is used has the files that the patches touch and no others, which takes a tenth of the time."""
        stream, tip = '', self.commit('base')
        with tempfile.TemporaryDirectory(dir=self.work, prefix='prepare.') as folder:
            index = {'GIT_INDEX_FILE': f'{folder}/index'}
            mails = [Mail(self.file(entry)) for entry in entries]
            paths = {path for mail in mails for path in mail.paths} | {path for entry in entries for path in entry.new}
            self.git('update-index', '--index-info', text=self.git('ls-tree', '--full-tree', 'base', '--', *paths) if paths else '', **index)
            before = self._staged(index)
            for number, (entry, mail) in enumerate(zip(entries, mails), 1):
                self._apply(entry, mail, over, index)
                self._add(entry, index)
                after = self._staged(index)
                length = len(mail.message.encode('utf-8', 'surrogateescape'))
                stream += (f'commit refs/prepared/next\nmark :{number}\nauthor {mail.author}\ncommitter {mail.author}\ndata {length}\n'
                           f'{mail.message}\nfrom {tip}\n')
                stream += ''.join(f'D {path}\n' for path in before.keys() - after.keys())
                stream += ''.join(f'M {after[path]} {path}\n' for path in sorted(after) if after[path] != before.get(path))
                before, tip = after, f':{number}'
        if entries:
            tip = self.git('-c', 'fastimport.unpackLimit=100000', 'fast-import', '--quiet', '--done', '--force', '--date-format=rfc2822',
                           text=f'{stream}get-mark {tip}\ndone\n').strip()
            self.git('update-ref', '-d', 'refs/prepared/next')
        return tip

    def _staged(self, index):
        lines = (line.split(maxsplit=3) for line in self.git('ls-files', '-s', **index).splitlines())
        return {path: f'{mode} {blob}' for mode, blob, _, path in lines}

    def _apply(self, entry, mail, over, index):
        if '\nnew file mode' in mail.diff:
            raise Bad(f"{entry.path} adds a file: new files live whole at their path in {self.root}, as '+ path' in {self.name('order')}")
        context = [word for word in entry.marks if word.startswith('-C')]
        code, _, errors = self.run_git(['apply', '--cached', '--whitespace=nowarn', *context, '-'], mail.diff, **index) if mail.diff else (0, '', '')
        if code:
            release = re.search('^version=(.*)', read(self.work / 'source'), re.M).group(1)
            other = f'; or take {self.pin["BASE_VERSION"]}, which the patches were made on: this is {release}'
            raise Bad(f'{self.file(entry).relative_to(self.series)} does not apply to {over}: {mail.blame(errors)}; mend the patch, or make it '
                      f"anew with 'make refresh'{other if release != self.pin['BASE_VERSION'] else ''}")

    def _add(self, entry, index):
        for path in self._staged(index).keys() & set(entry.new):
            raise Bad(f'{entry.path} brings {path}, which is there already')
        blobs = self.git('hash-object', '-w', '--no-filters', '--stdin-paths', text=''.join(f'{self.root / path}\n' for path in entry.new))
        info = ''.join(f'{self.mode(path)} {blob}\t{path}\n' for path, blob in zip(entry.new, blobs.split()))
        self.git('update-index', '--add', '--index-info', text=info, **index)

    def merge(self, entries, tip='base'):
        """Commit some of the prepared patches on top of a commit; return the id of the last one. They are merged, as a patch cannot be applied
        where its context is missing."""
        if self.recorded()['stamp'] != self.stamp():
            raise Bad(f"{self.tree} is not prepared: 'make prepare' first")
        tip = self.commit(tip)
        for entry, commit in zip(self.entries, self.git('rev-list', '--reverse', 'base..refs/prepared/series').split()):
            if entry in entries:
                before = self._commit(commit, f'{commit}^')
                sides = self._commit(commit, tip, before), self._commit(commit, commit, before)
                tree = self.git('merge-tree', '--write-tree', *sides, check=False).split('\n')[0]
                if not tree:
                    raise Bad(f'{entry.path} cannot do without the patches that are left out before it')
                tip = self._commit(commit, tree, tip)
        return tip

    def _commit(self, like, tree, parent=''):
        """Return a commit of a tree, which says what another one says, by the same person."""
        name, mail, date, message = self.git('log', '-1', '--format=%an%n%ae%n%aD%n%B', like).split('\n', 3)
        person = {f'GIT_{who}_{what}': value for who in ('AUTHOR', 'COMMITTER') for what, value in (('NAME', name), ('EMAIL', mail), ('DATE', date))}
        return self.git('commit-tree', self.commit(f'{tree}^{{tree}}'), *(['-p', parent] if parent else []), text=message, **person).strip()

    # ---- prepare

    def begin(self):
        """Lock the build folder and the tree, fetch the source, and undo what a killed run left. Return False if the tree is that of another
        program, which has started this one."""
        if os.environ.get('LOCKED') != str(self.build):
            self._lock(self.build / 'lock', 2)
            os.environ['LOCKED'] = str(self.build)
        if self.tree in HELD or os.environ.get('TREE_LOCKED') == str(self.tree):
            return self.tree in HELD
        self._call(TOP / 'kit/fetch.sh')
        self._lock(self.work / 'tree.lock', 3600)
        os.environ['TREE_LOCKED'] = str(self.tree)
        HELD.add(self.tree)
        self._call('sh', '-eu', '-c', f'. {TOP}/kit/lib.sh; recover', TOP / 'kit/prepare')
        for path in [*self.work.glob('prepare.*'), *self.work.glob('refresh.*')]:
            shutil.rmtree(path, ignore_errors=True)
        return True

    def _call(self, *command):
        """Run a script of the front door about this base. If it fails, it has said why."""
        environment = os.environ | {'PROJECT': self.project, PROJECTS[self.project][2]: self.base, 'BUILD_DIR': str(self.build)}
        done = subprocess.run(command, env=environment, check=False)
        if done.returncode:
            sys.exit(done.returncode)

    def _lock(self, path, seconds):
        """Lock a file, which the programs that this one starts keep open."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
        except OSError as error:
            raise Bad(f'cannot write in {self.build}: is the disk full, or not yours to write?') from error
        os.set_inheritable(file, True)
        for _ in range(seconds * 10):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                time.sleep(0.1)
        raise Bad(f'another run is using {path.parent}: wait for it, or end it')

    def recorded(self):
        """Return what the tree was prepared from: its stamp and its sums."""
        try:
            return json.loads(read(self.record))
        except (OSError, ValueError):
            return {'stamp': '', 'sums': {}}

    def is_clean(self):
        """Return whether the tree is as prepare left it, or as a killed one was about to leave it."""
        return (self.git('symbolic-ref', '-q', '--short', 'HEAD', check=False).strip() == 'series'
                and self.commit('HEAD') in (self.commit('refs/prepared/series'), self.commit('refs/prepared/coming'))
                and not self.git('status', '--porcelain'))

    def prepare(self, force=False, without=()):
        """Lay the queue over the base. WITHOUT: the subjects of patches that ref without does without."""
        if not self.begin() and self.record.exists():
            return
        self.check()
        if force or self.stamp() != self.recorded()['stamp']:
            if not force and not self.is_clean():
                raise Bad(f"{self.tree} is not as prepare left it: 'make refresh' first, or 'make prepare FORCE=1' to discard what is there"
                          if self.sums() == self.recorded()['sums'] else f'the series and {self.tree} have both changed: {PUT_AWAY}')
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
        started, clean = time.time(), self.is_clean()
        patched = self.lay(self.entries)
        unpatched = self.lay([entry for entry in self.entries if 'test' in entry.marks], 'the code without the fixes')
        self.git('update-ref', 'refs/prepared/coming', patched)
        if not clean:
            self.git('checkout', '-q', '-f', 'series')
            self.git('clean', '-fdq')
        # Only files that differ are written, so that what was built stays built.
        self.git('reset', '-q', '--keep' if clean else '--hard', patched)
        self.git('update-ref', 'refs/prepared/series', patched)
        self.git('branch', '-q', '-f', 'unpatched', unpatched)
        self.record.write_text(json.dumps({'stamp': self.stamp(), 'sums': self.sums()}), encoding='utf-8')
        release = self.git('log', '-1', '--format=%s', 'base').strip()
        print(f'prepare: {len(self.entries)} patches on {release} in {self.tree}, {time.time() - started:.0f} s')


def listing(queue, what='patches', topic=''):
    """Print for scripts, one a line: patches of the base, with what order says of them; new files; topics; of a topic its cover letter, the
    topics that it needs, or its commits: the last below it and its last."""
    if what in ('cover', 'needs', 'topic') and not queue.of_topics(topic):
        raise Bad(f'no patch for {queue.base} is in a topic {topic}')

    def commits():
        below = queue.merge(queue.of_topics(*queue.needs(topic)))
        return [f'{below} {queue.merge(queue.of_topics(topic), below)}']
    lines = {'patches': lambda: [' '.join([str(queue.file(entry).relative_to(queue.series)), *entry.words]) for entry in queue.entries],
             'new': lambda: [path for entry in queue.entries for path in entry.new],
             'topics': lambda: dict.fromkeys(entry.topic for entry in queue.entries),
             'cover': lambda: [queue.cover(topic)], 'needs': lambda: queue.needs(topic), 'topic': commits}
    if what not in lines:
        raise Bad('usage: judge queue [patches|new|topics|cover TOPIC|needs TOPIC|topic TOPIC]')
    sys.stdout.write(''.join(f'{line}\n' for line in lines[what]()))


def main(command, *arguments):
    """Run judge prepare [without SUBJECT...] or judge queue."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if command == 'queue':
        listing(Queue(), *arguments)
    elif arguments[:1] in ((), ('without',)):
        Queue().prepare(os.environ.get('FORCE') == '1', arguments[1:])
    else:
        raise Bad('usage: judge prepare [without SUBJECT...]')
    return GOOD
