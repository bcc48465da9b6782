# SPDX-License-Identifier: GPL-2.0
"""What is committed on branch series of the prepared tree becomes the series again, for all bases that have the patch."""
import os
import re
import signal
import sys
import tempfile
from pathlib import Path

from .errors import Bad, FAILED, GOOD
from .mail import Mail, essence, read
from .paths import TOP
from .queue import PUT_AWAY, Entry, Queue

# One patch a commit, without the files that it adds. The output must not depend on anybody's configuration.
FORMAT = ('format-patch -k --always --diff-filter=a --no-renames --abbrev=12 --diff-algorithm=myers --zero-commit --no-signature --no-stat '
          '--no-base --no-encode-email-headers -o').split()
SUBJECT = re.compile('^Subject: .*\n([ \t].*\n)*', re.M)
TAGS = re.compile('^(Signed-off|Reviewed|Acked|Tested)-by:', re.M)


def write(path, text):
    """Write a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f'{path.name}.tmp')
    temporary.write_bytes(text.encode('utf-8', 'surrogateescape'))
    temporary.replace(path)
    print(f'refresh: {path.relative_to(TOP)}')


class Commit:
    """A commit of the tree: its mail, and the files that it adds and edits."""

    def __init__(self, queue, commit, mail):
        self.mail, self.subject = mail, queue.git('log', '-1', '--format=%s', commit).strip()
        self.added, self.edited = (queue.git('diff-tree', '-r', '--no-renames', f'--diff-filter={kind}', '--name-only', f'{commit}^',
                                             commit).split() for kind in 'Aa')
        # What it changes, whatever it is called.
        self.change = tuple(essence(mail.partition('\ndiff --git')[2])), tuple(self.added)


def commits(queue, tip):
    """Return {slug: Commit} of what is on top of the base."""
    with tempfile.TemporaryDirectory(dir=queue.work, prefix='refresh.') as folder:
        files = [Path(name) for name in queue.git(*FORMAT, folder, f'base..{tip}').split('\n')[:-1]]
        ids = queue.git('rev-list', '--reverse', f'base..{tip}').split()
        found = {file.stem[5:]: Commit(queue, commit, read(file)) for file, commit in zip(files, ids)}
    if len(found) != len(ids):
        raise Bad('branch series has two commits with the same subject: change one of them')
    return found


class Refresh:
    """What the tree has (mine), what it was prepared from (then), and what the repository has by now (here). Nothing is written before all
    is known to be good."""

    def __init__(self, queue, force, apart):
        self.queue, self.force, self.apart = queue, force, apart    # apart: what has changed becomes overrides for this base
        self.check_tree()
        self.mine, self.then = commits(queue, 'series'), commits(queue, 'refs/prepared/series')
        self.check_commits()
        queue.check(twins=False)
        self.now, self.record = queue.sums(), queue.recorded()['sums']
        self.known, self.current = {entry.slug: entry for entry in queue.order}, [entry.slug for entry in queue.entries]
        gone = {self.then[slug].change: slug for slug in self.current if slug not in self.mine and slug in self.then}
        self.renamed = {slug: gone[mine.change] for slug, mine in self.mine.items() if slug not in self.known and mine.change in gone}
        self.removed = [entry for entry in queue.entries if entry.slug not in {*self.mine, *self.renamed.values()}]
        self.check_order()
        self.newer, self.shared = set(), set()      # keys of what stays as the repository has it; slugs whose main file is written
        self.patches = [slug for slug in self.mine if self.takes(*self.patch(slug))]
        self.files = [path for mine in self.mine.values() for path in mine.added if self.takes(*self.new_file(path))]

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
        for mine in self.mine.values():
            for path in added & set(mine.edited):
                raise Bad(f'"{mine.subject}" edits {path}, which an earlier patch adds: squash the two')
            if TAGS.search(mine.mail):
                raise Bad(f'"{mine.subject}" has a sign-off or review tag: people add their own when they mail the series')
            added |= set(mine.added)

    def check_order(self):
        """Raise Bad where the order is not for the tree to change."""
        base, order = self.queue.base, self.queue.name('order')
        recorded = {key for key in self.record if '/' not in key}
        if self.record and not self.force and set(self.current) not in (recorded, set(self.mine)):
            raise Bad(f"{order} has changed since it was prepared: 'make prepare' if {self.queue.tree} holds no work; or else {PUT_AWAY}")
        for slug in self.mine.keys() & (self.known.keys() - set(self.current)):
            raise Bad(f'{slug} is in {order}, but not for {base}: give it a window that has it')
        for entry in self.removed if not self.force else ():
            others = ' '.join(other for other in self.queue.bases if other != base and entry.counts(other))
            if others:
                raise Bad(f'{entry.path} is not in the tree, and also for {others}: give it a window without {base} in {order}, or FORCE=1 to '
                          'remove it for all')

    def patch(self, slug):
        """Return the key of a patch, and its essence in the tree, in what was prepared, and here."""
        old = self.renamed.get(slug, slug)
        path = self.queue.file(self.known[old]) if old in self.known else None
        return old, essence(self.mine[slug].mail), essence(self.then[old].mail) if old in self.then else None, essence(read(path)) if path else None

    def new_file(self, path):
        """Return the path of a new file, and its mode and blob in the tree, in what was prepared, and here."""
        mine, then = (' '.join(self.queue.git('ls-tree', tip, path).split()[:3]) for tip in ('series', 'refs/prepared/series'))
        file = self.queue.root / path
        here = f'{self.queue.mode(path)} blob {self.queue.git("hash-object", "--no-filters", str(file)).strip()}' if file.exists() else ''
        return path, mine, then, here

    def takes(self, key, mine, then, here):
        """Return whether the repository takes what the tree has. What has changed only here stays; what has changed in both is for a person."""
        if mine == then and not self.force:
            self.newer |= {key} if here != mine else set()
            return False
        if not self.force and mine != here and self.record and self.now.get(key) != self.record.get(key):
            raise Bad(f'{key} has changed here and in the tree since it was prepared: {PUT_AWAY}')
        return mine != here

    # ---- into the repository

    def write_order(self):
        """Bring the order into that of the tree: {slug: entry}. Patches of a topic are numbered as they come."""
        queue, found, before = self.queue, {}, None
        for slug, mine in self.mine.items():
            entry = self.known.get(self.renamed.get(slug, slug)) or self.insert(slug, before)
            if slug in self.renamed:
                print(f'refresh: {entry.path} is {slug} now')
                for path in queue.overrides(entry).values():
                    write(path, SUBJECT.sub(lambda _, text=mine.mail: SUBJECT.search(text).group(), read(path), 1))
                self.move(entry, f'{entry.path[:-len(entry.slug) - 6]}{slug}.patch')
            self.drop(set(entry.new) - set(mine.added))
            found[slug], before, entry.new = entry, entry, mine.added
        for entry in self.removed:
            queue.order.remove(entry)
            for path in [queue.series / entry.path, *queue.overrides(entry).values()]:
                path.unlink()
            print(f'refresh: removed {entry.path}')
            self.drop(entry.new)
        if list(self.mine) != list(self.then):
            slots = [number for number, entry in enumerate(queue.order) if entry.slug in found]
            for number, entry in zip(slots, found.values()):
                queue.order[number] = entry
        for topic in {entry.topic for entry in queue.order}:
            for number, entry in enumerate((entry for entry in queue.order if entry.topic == topic), 1):
                self.move(entry, f'{topic}/{number:04d}-{entry.slug}.patch')
        text, path = queue.header + ''.join(entry.lead + str(entry) for entry in queue.order) + queue.end, queue.series / 'order'
        if not path.exists() or text != read(path):
            write(path, text)
        return found

    def insert(self, slug, before):
        """Put a new commit where its predecessor is."""
        order = self.queue.order
        entry = Entry(f'{before.topic if before else order[0].topic if order else "new"}/0000-{slug}.patch', [])
        order.insert(order.index(before) + 1 if before else 0, entry)
        print(f"refresh: {slug} is new, in topic {entry.topic}, for all bases: edit {self.queue.name('order')} if it belongs elsewhere")
        return entry

    def move(self, entry, path):
        """Give a patch another path, with its overrides."""
        files = {'': self.queue.series / entry.path} | {f'.{base}': file for base, file in self.queue.overrides(entry).items()}
        entry.path = path
        for base, file in files.items():
            if file.exists():
                file.rename(self.queue.series / f'{path.removesuffix(".patch")}{base}.patch')

    def drop(self, paths):
        """Remove new files that no patch brings any more."""
        named = {path for entry in self.queue.order for path in entry.new} | {path for mine in self.mine.values() for path in mine.added}
        for path in set(paths) - named:
            (self.queue.root / path).unlink(missing_ok=True)
            print(f'refresh: removed {path}')

    def write_patches(self, found):
        """Write the patches that have changed, and do without overrides that are like their patch then."""
        queue = self.queue
        for slug in self.patches:
            entry = found[slug]
            shared = queue.series / entry.path
            path = queue.override(entry) if self.apart and shared.exists() else queue.file(entry)
            write(path, self.mine[slug].mail)
            self.shared |= {slug} if path == shared else set()
            for other in queue.overrides(entry).values():
                if essence(read(other)) == essence(read(shared)):
                    other.unlink()
                    print(f'refresh: removed {queue.name(other)}, which is like its patch now')
        for path in self.files:
            write(queue.root / path, queue.git('cat-file', 'blob', f'series:{path}'))
            (queue.root / path).chmod(0o755 if queue.git('ls-tree', 'series', path).startswith('100755') else 0o644)

    def see_others(self):
        """See whether the patches that were written apply for the other bases that have them; return the exit code."""
        good = True
        for base in self.queue.bases:
            other = Queue(self.queue.project, base)
            mine = [other.file(entry) for entry in other.entries if entry.slug in self.shared and base != self.queue.base]
            for path in mine:
                if path.name.endswith(f'.{base}.patch'):
                    print(f'refresh: {base}: {other.name(path)} stays as it is')
            if all(path.name.endswith(f'.{base}.patch') for path in mine):
                continue
            if not other.commit('base'):
                print(f'refresh: {base}: not checked, its source is not in {other.tree}')
                continue
            try:
                other.lay(other.entries)
                print(f'refresh: {base}: applies')
            except Bad as error:
                good = False
                print(f'refresh: {base}: {error}; or give {base} an override, see docs/queue.md')
        return GOOD if good else FAILED


def refresh(queue, force=False, apart=False):
    """Take over what branch series has; return whether it applies for the other bases, as an exit code."""
    queue.begin()
    work = Refresh(queue, force, apart)
    work.write_patches(work.write_order())
    # The series now holds all of the tree's work. Preparing it must give the very same files back.
    tip = queue.commit('series')
    queue.git('update-ref', 'refs/prepared/series', tip)
    queue = Queue(queue.project, queue.base)
    queue.prepare()
    newer = {path for entry in queue.entries if entry.slug in work.newer for path in Mail(queue.file(entry)).paths} | work.newer
    if queue.git('diff', '--name-only', tip, 'series', '--', '.', *(f':!{path}' for path in newer)):
        raise Bad(f'the series does not give the tree back: the work is safe as commit {tip}')
    print(f'refresh: {len(queue.entries)} patches for {queue.base}')
    return work.see_others()


def main(_command):
    """Run judge refresh."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    return refresh(Queue(), os.environ.get('FORCE') == '1', os.environ.get('OVERRIDE') == '1')
