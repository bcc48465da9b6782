# SPDX-License-Identifier: GPL-2.0
"""The patches of a project, Linux or QEMU: one order for all bases, and the git tree in which it is laid over one of them.

    series/order                        one line a patch: topic/NNNN-subject.patch [from,until) test -C2, and "+ path" of each new file
    series/topic/NNNN-subject.patch     a mail without the new files; NNNN-subject.6.12.patch in its place where 6.12 needs another
    series/mutants/NAME.diff            a way to break the patched tree; NAME.6.12.diff likewise
    bases/6.12                          where the patches are laid: shell variables

A window names mainline releases; a stable release counts as the one that it comes from. Branch series of the tree has one commit a
patch, branch unpatched the patches marked "test" alone.
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
from pathlib import Path

from .errors import Bad, GOOD
from .mail import Mail, essence, read
from .paths import TOP, build_dir, read_pin
from .versions import Window, version

HEADER = '# SPDX-License-Identifier: GPL-2.0\n# The patches in order. See docs/queue.md.\n\n'
HELD = set()  # the trees that this program has locked
FORM = 1  # of the prepared tree: a new number lays every queue again
PROJECTS = {
    # name: where its files are, the folders of new files, the variable that names the base, its default, the tree in build/, the noun
    'linux': ('.', 'drivers include tools scripts Documentation', 'BASE', '7.2', '{}/linux', 'kernel'),
    'qemu': ('bench/qemu', 'hw include tests docs', 'QEMU_BASE', '10.2', 'qemu-{}/qemu', 'QEMU'),
}
# Objects and output must not depend on the user's git, locale or time zone.
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith(('GIT_', 'LC_'))} | {
    'GIT_CONFIG_NOSYSTEM': '1', 'GIT_CONFIG_GLOBAL': '/dev/null', 'GIT_CONFIG_COUNT': '1', 'GIT_CONFIG_KEY_0': 'safe.directory',
    'GIT_CONFIG_VALUE_0': '*', 'LC_ALL': 'C', 'TZ': 'UTC'}


def digest(text):
    """A sum of a text."""
    return hashlib.sha256(text.encode('utf-8', 'surrogateescape')).hexdigest()


@dataclass
class Entry:
    """One patch in the order."""
    path: str                  # topic/NNNN-subject.patch, the main file
    words: list                # what follows it on its line
    lead: str = ''             # comments and empty lines above it
    new: list = field(default_factory=list)

    @property
    def topic(self):
        """The folder that it is in."""
        return self.path.split('/')[0]

    @property
    def slug(self):
        """The name that stays when the patch gets another number or topic."""
        return self.path.split('/')[1][5:].removesuffix('.patch')

    @property
    def number(self):
        """Its number within the topic."""
        return self.path.split('/')[1][:4]

    def counts(self, base):
        """Whether its window has the base."""
        return all(version(base) in Window.parse(word)[0] for word in self.words if word.startswith('['))

    @property
    def is_test(self):
        """Whether it is laid over the unpatched code too."""
        return 'test' in self.words

    @property
    def context(self):
        """How many lines of context git apply looks at, where that is not all of them."""
        return [word for word in self.words if word.startswith('-C')]

    def __str__(self):
        return ' '.join([self.path, *self.words]) + '\n' + ''.join(f'\t+ {path}\n' for path in self.new)


class Queue:
    """The patches of one project for one base."""

    def __init__(self, project='', base=''):
        self.project = project or os.environ.get('PROJECT') or 'linux'
        if self.project not in PROJECTS:
            raise Bad(f'no such project: PROJECT={self.project} (known: {" ".join(PROJECTS)})')
        root, folders, variable, default, tree, self.noun = PROJECTS[self.project]
        self.base = base or os.environ.get(variable) or default
        self.root, self.folders, self.build = TOP / root, folders.split(), build_dir()
        self.series = self.root / 'series'
        self.tree = self.build / tree.format(self.base)
        self.work, self.record = self.tree.parent, self.tree / '.git/prepared'
        self.bases = sorted((path.name for path in (self.root / 'bases').glob('*')), key=version)
        if self.base not in self.bases:
            raise Bad(f'no such base: {variable}={self.base} (known: {" ".join(self.bases)})')
        self.pin = read_pin(self.root / 'bases' / self.base)
        self.header, self.order, self.end = self.read_order()

    # ---- the model

    def read_order(self):
        """The header of the order, its entries, and what comments there are below the last."""
        text = read(self.series / 'order') if (self.series / 'order').exists() else HEADER
        header = re.match(r'(#.*\n)*\n*', text).group()
        order, lead = [], ''
        for line in text[len(header):].splitlines(keepends=True):
            if not line.strip() or line.startswith('#'):
                lead += line
            elif re.match(r'\s+\+ \S', line) and order:
                order[-1].new.append(line.split()[1])
            elif re.match(r'[\w-]+/\d{4}-\S+\.patch(\s|$)', line):
                path, *words = line.split()
                order.append(Entry(path, words, lead))
                lead = ''
            else:
                raise Bad(f'{self.name("order")}: neither a patch nor a new file: {line.strip()}')
        return header, order, lead

    def name(self, path):
        """How a file of the series is named to the user."""
        return str((self.series / path).relative_to(TOP))

    @property
    def entries(self):
        """The entries whose window has the base."""
        return [entry for entry in self.order if entry.counts(self.base)]

    @property
    def tests(self):
        """Those of them that are laid over the unpatched code too."""
        return [entry for entry in self.entries if entry.is_test]

    def override(self, entry, base=''):
        """The file that counts instead of the main file for a base, if it is there."""
        return self.series / f'{entry.path.removesuffix(".patch")}.{base or self.base}.patch'

    def overrides(self, entry):
        """All of an entry's overrides: {base: file}."""
        return {base: self.override(entry, base) for base in self.bases if self.override(entry, base).exists()}

    def file(self, entry):
        """The file that counts for the base."""
        return self.override(entry) if self.override(entry).exists() else self.series / entry.path

    def move(self, entry, path):
        """Give a patch another path, with its overrides."""
        old = {'': self.series / entry.path} | {f'.{base}': file for base, file in self.overrides(entry).items()}
        entry.path = path
        for base, file in old.items():
            if file.exists():
                file.rename(self.series / f'{path.removesuffix(".patch")}{base}.patch')

    def sums(self):
        """{slug or path: sum} of the base's patches and new files."""
        return {entry.slug: digest(read(self.file(entry))) for entry in self.entries} | {
            path: self.mode(path) + digest(read(self.root / path)) for entry in self.entries for path in entry.new}

    def mode(self, path):
        """The mode of a new file, for git."""
        return '100755' if os.access(self.root / path, os.X_OK) else '100644'

    def subjects(self):
        """{slug: subject} in order."""
        return {entry.slug: Mail(self.file(entry)).subject for entry in self.entries}

    def mutants(self):
        """{name: (fields, diff)} of the base's mutants, and a field a list. A line of a field counts where its window has the base."""
        found = {}
        for path in sorted((self.series / 'mutants').glob('*.diff')):
            name, mine = path.name.removesuffix('.diff'), version(self.base)
            base = next((base for base in self.bases if name.endswith(f'.{base}')), '')
            if base not in ('', self.base) or not base and path.with_suffix(f'.{self.base}.diff').exists():
                continue
            head, mark, diff = read(path).partition('\n--- ')
            lines = [line.partition(': ') for line in head.splitlines() if line]
            lines = [(key, *Window.parse(value)) for key, _, value in lines]
            fields = {}
            for key, window, value in lines:
                if mine in window:
                    fields.setdefault(key, []).append(value)
            if all(mine in window for key, window, _ in lines if key == 'Window'):
                fields.pop('Window', None)
                found[name.removesuffix(f'.{base}')] = fields, mark[1:] + diff
        return found

    # ---- the queue is whole: every name has its file, every file its name

    def check(self, twins=True):
        """Raise Bad where order, files and overrides do not fit together. Without TWINS an override may be like its patch."""
        slugs = [entry.slug for entry in self.order]
        for entry in self.order:
            if slugs.count(entry.slug) > 1:
                raise Bad(f'{self.name("order")} has two patches called {entry.slug}: give one of them another subject')
            for word in entry.words:
                if not word.startswith('[') and word != 'test' and not re.fullmatch('-C[0-9]', word):
                    raise Bad(f'{self.name("order")}: {entry.path}: {word} is neither a window, nor test, nor -C with a number')
            for path in [self.series / entry.path, *(self.root / path for path in entry.new)]:
                if not path.is_file():
                    raise Bad(f'{self.name("order")} names {path.relative_to(self.root)}, which is not there')
            for base, path in self.overrides(entry).items():
                if not entry.counts(base):
                    raise Bad(f'{self.name(path)} is for a base outside of the window of {entry.slug}: remove it, or widen the window')
                if twins and essence(read(path)) == essence(read(self.series / entry.path)):
                    raise Bad(f'{self.name(path)} is the same as {self.name(entry.path)}: remove it')
        known = {self.series / entry.path for entry in self.order} | {path for e in self.order for path in self.overrides(e).values()}
        for path in sorted(self.series.glob('*/*.patch')):
            if path not in known:
                raise Bad(f'{self.name(path)} is not in {self.name("order")}, nor for a base of a patch that is: add a line, or remove it')
        named = {self.root / path for entry in self.order for path in entry.new}
        for folder in self.folders:
            for path in sorted((self.root / folder).rglob('*')):
                if path.is_file() and path not in named:
                    raise Bad(f"{path.relative_to(self.root)} is in no patch: add '+ {path.relative_to(self.root)}' to {self.name('order')}, "
                              'or remove it')

    # ---- git

    def git(self, *arguments, text='', check=True, index=None, **environment):
        """What git says in the tree; '' where it fails and check is false."""
        environment |= ENVIRONMENT | ({'GIT_INDEX_FILE': str(index)} if index else {})
        done = subprocess.run(['git', '-C', str(self.tree), *arguments], input=text.encode('utf-8', 'surrogateescape'), capture_output=True,
                              env=environment, check=False)
        if done.returncode and not check:
            return ''
        if done.returncode:
            error = done.stderr.decode('utf-8', 'replace').strip()
            if re.search('no space left|disk quota exceeded', error, re.I):
                error = f'no space left in {self.build}: free some, or name another place with BUILD_DIR='
            raise Bad(f'git {arguments[0]} failed: {error.splitlines()[0] if error else done.returncode}')
        return done.stdout.decode('utf-8', 'surrogateescape')

    def commit(self, name):
        """The id of a commit, or ''."""
        return self.git('rev-parse', '-q', '--verify', name, check=False).strip()

    def lay(self, entries, over='what comes before it'):
        """Commit the entries on top of the base: the id of the last commit. Branches, index and files of the tree stay as they are.
        The index that is used has the files that the patches touch and no others, which takes a tenth of the time."""
        stream, base = '', self.commit('base')
        with tempfile.TemporaryDirectory(dir=self.work, prefix='prepare.') as folder:
            index = Path(folder) / 'index'
            mails = [Mail(self.file(entry)) for entry in entries]
            paths = sorted({path for mail in mails for path in mail.paths} | {path for entry in entries for path in entry.new})
            state = self.git('ls-tree', '--full-tree', 'base', '--', *paths) if paths else ''
            self.git('update-index', '--index-info', text=state, index=index)
            before = set(self.git('ls-files', '-s', index=index).splitlines())
            for number, (entry, mail) in enumerate(zip(entries, mails), 1):
                self.apply(entry, mail, over, index)
                self.add(entry, index)
                after = set(self.git('ls-files', '-s', index=index).splitlines())
                message = mail.message.encode('utf-8', 'surrogateescape')
                stream += f'commit refs/prepared/next\nmark :{number}\nauthor {mail.author}\ncommitter {mail.author}\n'
                stream += f'data {len(message)}\n{mail.message}\nfrom {f":{number - 1}" if number > 1 else base}\n'
                for line in sorted(before - after):
                    stream += f'D {line.split(chr(9))[1]}\n'
                for line in sorted(after - before):
                    mode, blob, _, path = line.split(maxsplit=3)
                    stream += f'M {mode} {blob} {path}\n'
                before = after
        if not entries:
            return base
        stream += f'get-mark :{len(entries)}\ndone\n'
        tip = self.git('-c', 'fastimport.unpackLimit=100000', 'fast-import', '--quiet', '--done', '--force', '--date-format=rfc2822',
                       text=stream).strip()
        self.git('update-ref', '-d', 'refs/prepared/next')
        return tip

    def apply(self, entry, mail, over, index):
        """Apply the diff of a patch to an index, with offsets and without fuzz."""
        if not mail.diff.strip():
            return
        if '\nnew file mode' in mail.diff:
            raise Bad(f"{entry.path} adds a file: new files live whole at their {self.noun} path, as '+ path' in {self.name('order')}")
        done = subprocess.run(['git', '-C', str(self.tree), 'apply', '--cached', '--whitespace=nowarn', *entry.context, '-'],
                              input=mail.diff.encode('utf-8', 'surrogateescape'), capture_output=True, check=False,
                              env=ENVIRONMENT | {'GIT_INDEX_FILE': str(index)})
        if done.returncode:
            there = re.search('^version=(.*)', read(self.work / 'source'), re.M).group(1)
            other = f'; or take {self.pin["BASE_VERSION"]}, which the queue was made on: this is {there}'
            raise Bad(f'{self.file(entry).relative_to(self.series)} does not apply to {over}: {mail.blame(done.stderr.decode())}; mend the '
                      f"patch, or make it anew with 'make refresh'{other if there != self.pin['BASE_VERSION'] else ''}")

    def add(self, entry, index):
        """Add the new files of a patch to an index."""
        present = {line.split('\t')[1] for line in self.git('ls-files', '-s', index=index).splitlines()}
        for path in entry.new:
            if path in present:
                raise Bad(f'{entry.path} brings {path}, which is there already')
        blobs = self.git('hash-object', '-w', '--no-filters', '--stdin-paths', text=''.join(f'{self.root / path}\n' for path in entry.new))
        self.git('update-index', '--add', '--index-info', index=index,
                 text=''.join(f'{self.mode(path)} {blob}\t{path}\n' for path, blob in zip(entry.new, blobs.split())))

    # ---- prepare

    def begin(self):
        """Lock the build folder and the tree, fetch the source, and undo what a killed run left. False if it is another program's tree, which
        has started this one."""
        if os.environ.get('LOCKED') != str(self.build):
            self.lock(self.build / 'lock', 2)
            os.environ['LOCKED'] = str(self.build)
        if self.tree in HELD or os.environ.get('TREE_LOCKED') == str(self.tree):
            return self.tree in HELD
        self.call(TOP / 'kit/fetch.sh')
        self.lock(self.work / 'tree.lock', 3600)
        os.environ['TREE_LOCKED'] = str(self.tree)
        HELD.add(self.tree)
        self.call('sh', '-eu', '-c', f'. {TOP}/kit/lib.sh; recover', TOP / 'kit/prepare')
        for path in [*self.work.glob('prepare.*'), *self.work.glob('refresh.*')]:
            shutil.rmtree(path, ignore_errors=True)
        return True

    def call(self, *command):
        """Run a script of the front door about this base; what it has to say ends this program."""
        environment = os.environ | {'PROJECT': self.project, PROJECTS[self.project][2]: self.base, 'BUILD_DIR': str(self.build)}
        done = subprocess.run(command, env=environment, check=False)
        if done.returncode:
            sys.exit(done.returncode)

    def lock(self, path, seconds):
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
        """What the tree was prepared from: its stamp, and {slug: sum}."""
        try:
            return json.loads(read(self.record))
        except (OSError, ValueError):
            return {'stamp': '', 'sums': {}}

    def is_clean(self):
        """Whether the tree is as prepare left it."""
        return (self.git('symbolic-ref', '-q', '--short', 'HEAD', check=False).strip() == 'series'
                and self.commit('HEAD') == self.commit('refs/prepared/series') and not self.git('status', '--porcelain'))

    @staticmethod
    def note(path, text):
        """Write a line for make, which does again what depends on it where it is another one."""
        if not path.exists() or read(path) != f'{text}\n':
            path.write_text(f'{text}\n', encoding='utf-8')

    def prepare(self, force=False, without=()):
        """Lay the queue over the base. WITHOUT: subjects of patches that branch without does without."""
        if not self.begin() and self.record.exists():
            return
        self.check()
        sums, record = self.sums(), self.recorded()
        stamp = digest(repr([FORM, self.commit('base'), sums, [(entry.slug, entry.is_test, entry.context, entry.new) for entry in self.entries]]))
        if force or stamp != record['stamp']:
            if not force and not self.is_clean() and sums == record['sums']:
                raise Bad(f"{self.tree} is not as prepare left it: 'make refresh' first, or 'make prepare FORCE=1' to discard what is there")
            if not force and not self.is_clean():
                raise Bad(f"the queue and {self.tree} have both changed: put your work away with 'git format-patch base', 'make prepare "
                          "FORCE=1', and apply it again")
            started = time.time()
            patched, unpatched = self.lay(self.entries), self.lay(self.tests, 'the code without the fixes')
            if force:
                self.git('checkout', '-q', '-f', 'series')
                self.git('clean', '-fdq')
            # Only files that differ are written, so that what was built stays built.
            self.git('reset', '-q', '--hard' if force else '--keep', patched)
            self.git('update-ref', 'refs/prepared/series', patched)
            self.git('branch', '-q', '-f', 'unpatched', unpatched)
            self.record.write_text(json.dumps({'stamp': stamp, 'sums': sums}))
            print(f'prepare: {len(self.entries)} patches on {self.git("log", "-1", "--format=%s", "base").strip()} in {self.tree}, '
                  f'{time.time() - started:.0f} s')
        for name, branch in ('patched', 'refs/prepared/series'), ('unpatched', 'unpatched'):
            self.note(self.work / f'{name}.tree', self.commit(f'{branch}^{{tree}}'))
        if without:
            subjects = self.subjects()
            self.git('update-ref', 'refs/without', self.merge([entry for entry in self.entries if subjects[entry.slug] not in without]))

    def merge(self, entries, tip='base'):
        """Some of the prepared patches on top of a commit: the id of the last one. Each is merged, as it cannot be applied where it lacks its
        context."""
        tip, commits = self.commit(tip), self.git('rev-list', '--reverse', 'base..refs/prepared/series').split()
        for entry, commit in zip(self.entries, commits):
            if entry not in entries:
                continue
            before = self.committed(commit, f'{commit}^')
            sides = self.committed(commit, tip, before), self.committed(commit, commit, before)
            tree = self.git('merge-tree', '--write-tree', *sides, check=False).split('\n')[0]
            if not tree:
                raise Bad(f'{entry.path} cannot do without the patches that are left out before it')
            tip = self.committed(commit, tree, tip)
        return tip

    def needs(self, topic):
        """The topics that a topic's cover letter says it needs, and those that these need, in order."""
        found, left = set(), [topic]
        while left:
            name = left.pop()
            cover = self.series / name / f'cover.{self.base}.txt'
            cover = cover if cover.exists() else self.series / name / 'cover.txt'
            needs = re.search('^Needs: *(.*)$', read(cover), re.M) if cover.exists() else None
            left += set(needs.group(1).split()) - found if needs else []
            found.add(name)
        return [name for name in dict.fromkeys(entry.topic for entry in self.entries) if name in found - {topic}]

    def merge_topic(self, topic):
        """The last commit of what a topic needs, and its own last commit on top of that."""
        needs = self.needs(topic)
        below = self.merge([entry for entry in self.entries if entry.topic in needs])
        return below, self.merge([entry for entry in self.entries if entry.topic == topic], below)

    def committed(self, like, tree, parent=''):
        """A commit that says what another one says, by the same person, of another tree."""
        name, mail, date, message = self.git('log', '-1', '--format=%an%n%ae%n%aD%n%B', like).split('\n', 3)
        person = {f'GIT_{who}_{what}': value for who in ('AUTHOR', 'COMMITTER')
                  for what, value in (('NAME', name), ('EMAIL', mail), ('DATE', date))}
        return self.git('commit-tree', self.commit(f'{tree}^{{tree}}'), *(['-p', parent] if parent else []), text=message, **person).strip()


def listing(queue, what='patches', topic=''):
    """Print for scripts, one a line: patches of the base, with what order says of them; new files; topics; of a topic the topics that it needs;
    or its commits: the last below it, and its last."""
    mine = [entry for entry in queue.entries if entry.topic == topic]
    if what in ('needs', 'topic') and not mine:
        raise Bad(f'no patch for {queue.base} is in a topic {topic}')
    needs = queue.needs(topic) if mine else []
    lines = {
        'patches': lambda: [' '.join([str(queue.file(entry).relative_to(queue.series)), *entry.words]) for entry in queue.entries],
        'new': lambda: [path for entry in queue.entries for path in entry.new],
        'topics': lambda: dict.fromkeys(entry.topic for entry in queue.entries),
        'needs': lambda: needs,
        'topic': lambda: [' '.join(queue.merge_topic(topic))],
    }.get(what)
    if not lines:
        raise Bad('usage: judge queue [patches|new|topics|needs TOPIC|topic TOPIC]')
    sys.stdout.write(''.join(f'{line}\n' for line in lines()))


def main(command, *arguments):
    """The commands prepare and queue of ./judge."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    queue = Queue()
    if command == 'queue':
        listing(queue, *arguments)
    elif arguments[:1] in ((), ('without',)):
        queue.prepare(os.environ.get('FORCE') == '1', arguments[1:])
    else:
        raise Bad('usage: judge prepare [without SUBJECT...]')
    return GOOD
