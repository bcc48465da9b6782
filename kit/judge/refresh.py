# SPDX-License-Identifier: GPL-2.0
"""What is committed on branch series of the prepared tree becomes the series again, for all bases that have the patch."""
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .errors import Bad, FAILED, GOOD
from .paths import TOP
from .queue import PUT_AWAY, Entry, Queue, essence, read

# One patch a commit, without the files that it adds. The output must not depend on anybody's configuration.
FORMAT = ('format-patch -k --always --diff-filter=a --no-renames --abbrev=12 --diff-algorithm=myers --zero-commit --no-signature --no-stat '
          '--no-base --no-encode-email-headers -o').split()
SUBJECT = re.compile('^Subject: .*\n([ \t].*\n)*', re.M)
TAGS = re.compile('^(Signed-off|Reviewed|Acked|Tested)-by:', re.M)


@dataclass
class Commit:
    """A commit of the tree: its mail, and the files that it adds and edits."""
    mail: str
    added: list
    edited: list

    @property
    def change(self):
        """Return what it changes, whatever it is called."""
        return tuple(essence(self.mail.partition('\ndiff --git')[2])), tuple(self.added)


def commits(queue, tip):
    """Return {slug: Commit} of what is on top of the base."""
    with tempfile.TemporaryDirectory(dir=queue.work, prefix='prepare.') as folder:
        mails = [(Path(name).stem[5:], read(Path(name))) for name in queue.git(*FORMAT, folder, f'base..{tip}').splitlines()]
    files = queue.git('log', '--reverse', '--no-renames', '--name-status', '--format=%x00', f'base..{tip}').split('\0')[1:]
    found = {slug: Commit(mail, *(re.findall(f'^{kind}\t(.*)', names, re.M) for kind in ('A', '[^A]'))) for (slug, mail), names in zip(mails, files)}
    if len(found) != len(mails):
        raise Bad('branch series has two commits with the same subject: change one of them')
    return found


class Refresh:
    """What the tree has (mine), what it was prepared from (then), and what the repository has by now. Nothing is written before all is known
    to be good."""

    def __init__(self, queue, force):
        self.queue, self.force = queue, force
        self.check_tree()
        self.mine, self.then = commits(queue, 'series'), commits(queue, 'refs/prepared/series')
        self.check_commits()
        queue.check(twins=False)
        self.now, self.record = queue.state(), queue.recorded()
        self.texts = {entry.slug: {base: read(path) for base, path in queue.overrides(entry).items()} | {'': read(queue.series / entry.path)}
                      for entry in queue.order}
        self.new = {path for entry in queue.order for path in entry.new}
        gone = {commit.change: slug for slug, commit in self.then.items() if slug in self.texts and slug not in self.mine}
        self.renamed = {slug: gone[commit.change] for slug, commit in self.mine.items() if slug not in self.texts and commit.change in gone}
        self.removed = [entry for entry in queue.entries if entry.slug not in {*self.mine, *self.renamed.values()}]
        self.check_order()

    # ---- what must not be

    def check_tree(self):
        """Raise Bad where the tree is not in a state to be taken."""
        queue = self.queue
        if queue.git('symbolic-ref', '-q', '--short', 'HEAD', check=False).strip() != 'series':
            raise Bad(f"{queue.tree} is not on branch series: 'git -C {queue.tree} checkout series' first")
        if queue.git('status', '--porcelain'):
            raise Bad(f"{queue.tree} has uncommitted edits: commit them, or put them away with 'git stash'")
        if queue.git('rev-list', '--merges', 'base..series'):
            raise Bad('branch series has a merge: rebase it onto base')

    def check_commits(self):
        """Raise Bad where a commit cannot become a patch."""
        if self.queue.entries and not self.mine and not self.force:
            raise Bad("branch series has no commit, and the series has patches: 'make prepare', or FORCE=1 to remove them")
        added = set()
        for slug, mine in self.mine.items():
            for path in added & set(mine.edited):
                raise Bad(f'{slug} edits {path}, which an earlier patch adds: squash the two')
            if TAGS.search(mine.mail):
                raise Bad(f'{slug} has a sign-off or review tag: people add their own when they mail the series')
            added |= set(mine.added)

    def check_order(self):
        """Raise Bad where the order is not for the tree to change."""
        base, order, current = self.queue.name, self.queue.shown('order'), {entry.slug for entry in self.queue.entries}
        if self.record and not self.force and current not in ({key for key in self.record if key and '/' not in key}, set(self.mine)):
            raise Bad(f"{order} has changed since it was prepared: 'make prepare' if {self.queue.tree} holds no work; or else {PUT_AWAY}")
        for slug in self.mine.keys() & self.texts.keys() - current:
            raise Bad(f'{slug} is in {order}, but not for {base}: give it a window that has it')
        for entry in self.removed if not self.force else ():
            others = ' '.join(other for other in self.queue.bases if other != base and entry.counts(other))
            if others:
                raise Bad(f'{entry.path} is not in the tree, and also for {others}: give it a window without {base} in {order}, or FORCE=1 to '
                          'remove it for all')

    def takes(self, key, mine, then, here):
        """Return whether the repository takes what the tree has. What has changed only here stays; what has changed in both is for a person."""
        if mine in (then, here):
            return False
        if not self.force and self.record and self.now.get(key) != self.record.get(key):
            raise Bad(f'{key} has changed here and in the tree since it was prepared: {PUT_AWAY}')
        return True

    # ---- what the repository shall have

    def take_patches(self, apart):
        """Take what the commits say: with APART as overrides for this base. Return the slugs of the main files that change."""
        shared, base = set(), self.queue.name
        for slug, mine in self.mine.items():
            old = self.renamed.get(slug, slug)
            texts = self.texts.setdefault(old, {})
            then = self.then[old].mail if old in self.then else ''
            if self.takes(old, *map(essence, (mine.mail, then, texts.get(base) or texts.get('', '')))):
                if slug != old:
                    texts.update({other: SUBJECT.sub(lambda _, mail=mine.mail: SUBJECT.search(mail)[0], text, 1) for other, text in texts.items()})
                kind = base if base in texts or apart and texts else ''
                texts[kind] = mine.mail
                shared |= set() if kind else {slug}
                for other in [other for other, text in texts.items() if other and essence(text) == essence(texts[''])]:
                    del texts[other]
                    print(f'refresh: {slug}: the override for {other} is like its patch now')
            self.texts[slug] = self.texts.pop(old)
        return shared

    def take_files(self):
        """Return the new files that change."""
        def version(tip, path):
            return self.queue.git('ls-tree', tip, path).split()[:3:2]

        def here(path):
            file = self.queue.root / path
            return ['100755' if os.access(file, os.X_OK) else '100644', *self.queue.git('hash-object', '--no-filters', file, check=False).split()]
        return [path for mine in self.mine.values() for path in mine.added
                if self.takes(path, version('series', path), version('refs/prepared/series', path), here(path))]

    def take_order(self):
        """Bring the order into that of the tree. Patches of a topic are numbered as they come."""
        order, before, found = self.queue.order, None, []
        known = {entry.slug: entry for entry in order}
        for slug, mine in self.mine.items():
            entry = known.get(self.renamed.get(slug, slug))
            if not entry:
                entry = Entry(f'{before.topic if before else order[0].topic if order else "new"}/0000-{slug}.patch', [])
                order.insert(order.index(before) + 1 if before else 0, entry)
                print(f"refresh: {slug} is new, in topic {entry.topic}, for all bases: edit {self.queue.shown('order')} if it belongs elsewhere")
            elif slug in self.renamed:
                print(f'refresh: {entry.path} is {slug} now')
                entry.path = f'{entry.topic}/0000-{slug}.patch'
            entry.new, before = mine.added, entry
            found.append(entry)
        for entry in self.removed:
            order.remove(entry)
        if list(self.mine) != list(self.then):
            slots = [number for number, entry in enumerate(order) if entry.slug in self.mine]
            for number, entry in zip(slots, found):
                order[number] = entry
        count = {}
        for entry in order:
            count[entry.topic] = count.get(entry.topic, 0) + 1
            entry.path = f'{entry.topic}/{count[entry.topic]:04d}-{entry.slug}.patch'

    def write(self, files):
        """Write what differs, each file whole or not at all, and remove what is in no patch any more."""
        queue = self.queue
        wanted = {queue.series / entry.file(base): text for entry in queue.order for base, text in self.texts[entry.slug].items()} | {
            queue.series / 'order': queue.header + ''.join(entry.lead + str(entry) for entry in queue.order) + queue.end} | {
            queue.root / path: queue.git('cat-file', 'blob', f'series:{path}') for path in files}
        for path, text in wanted.items():
            if not path.exists() or read(path) != text:
                path.parent.mkdir(parents=True, exist_ok=True)
                temporary = path.with_name(f'{path.name}.tmp')
                temporary.write_bytes(text.encode('utf-8', 'surrogateescape'))
                temporary.replace(path)
                print(f'refresh: {path.relative_to(TOP)}')
        for path in files:
            (queue.root / path).chmod(int(queue.git('ls-tree', 'series', path)[3:6], 8))
        old = self.new - {path for entry in queue.order for path in entry.new}
        for path in sorted({*queue.series.glob('*/*.patch')} - wanted.keys() | {queue.root / path for path in old}):
            path.unlink()
            print(f'refresh: removed {path.relative_to(TOP)}')


def see_others(queue, shared):
    """See whether the patches whose main file has changed apply for the other bases that have them; return the exit code."""
    good = True
    for other in (Queue(queue.project, base) for base in queue.bases if base != queue.name):
        mine = [entry for entry in other.entries if entry.slug in shared]
        own = [entry for entry in mine if other.name in other.overrides(entry)]
        for entry in own:
            print(f'refresh: {other.name}: {other.shown(other.file(entry))} stays as it is')
        if mine == own:
            continue
        if not other.commit('base'):
            print(f'refresh: {other.name}: not checked, its source is not in {other.tree}')
            continue
        try:
            other.lay(other.entries)
            print(f'refresh: {other.name}: applies')
        except Bad as error:
            good = False
            print(f'refresh: {other.name}: {error}; or give {other.name} an override, see docs/queue.md')
    return GOOD if good else FAILED


def main():
    """refresh: take over what branch series has, and see whether it applies for the other bases."""
    queue = Queue()
    queue.hold()
    work = Refresh(queue, os.environ.get('FORCE') == '1')
    shared, files = work.take_patches(os.environ.get('OVERRIDE') == '1'), work.take_files()
    work.take_order()
    work.write(files)
    # The series now holds all of the tree's work. Preparing it must give the very same files back, but for what has changed only here.
    tip = queue.commit('series')
    queue.git('update-ref', 'refs/prepared/series', tip)
    queue = Queue(queue.project, queue.name)
    queue.prepare()
    newer = {key for key, was in work.record.items() if key and was != work.now.get(key, was)}
    newer |= {path for entry in queue.entries if entry.slug in newer for path in re.findall('^--- a/(.*)$', read(queue.file(entry)), re.M)}
    if queue.git('diff', '--name-only', tip, 'series', '--', '.', *(f':!{path}' for path in newer)):
        raise Bad(f'the series that was written does not reproduce the tree: your work is in commit {tip}')
    print(f'refresh: {len(queue.entries)} patches for {queue.name}')
    return see_others(queue, shared)
