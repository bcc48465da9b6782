# SPDX-License-Identifier: GPL-2.0
"""What is committed on branch series of the prepared tree becomes the series again, for all bases that have the patch."""
import os
import re
import tempfile
from pathlib import Path

from .errors import Bad, FAILED, GOOD
from .mail import Mail, essence, read
from .paths import TOP
from .queue import Entry, Queue

# One patch a commit, without the files that it adds. The output must not depend on anybody's configuration.
FORMAT = ('format-patch -k --always --diff-filter=a --no-renames --abbrev=12 --diff-algorithm=myers --zero-commit --no-signature --no-stat '
          '--no-base --no-encode-email-headers -o').split()
PUT_AWAY = "put your work away with 'git format-patch base', 'make prepare FORCE=1', and apply it again"


def patches(queue, tip):
    """{slug: (commit, mail)} of the commits up to TIP."""
    with tempfile.TemporaryDirectory(dir=queue.work, prefix='refresh.') as folder:
        files = [Path(name) for name in queue.git(*FORMAT, folder, f'base..{tip}').split('\n')[:-1]]
        commits = queue.git('rev-list', '--reverse', f'base..{tip}').split()
        found = {file.stem[5:]: (commit, read(file)) for file, commit in zip(files, commits)}
    if len(found) != len(commits):
        raise Bad('branch series has two commits with the same subject: change one of them')
    return found


def changed(queue, commit, kind):
    """The files that a commit adds, kind A, or edits and removes, kind a."""
    return queue.git('diff-tree', '-r', '--no-renames', f'--diff-filter={kind}', '--name-only', f'{commit}^', commit).split()


def check_tree(queue, mine, force):
    """Raise Bad where the commits cannot become the series."""
    if queue.git('symbolic-ref', '-q', '--short', 'HEAD', check=False).strip() != 'series':
        raise Bad(f"{queue.tree} is not on branch series: 'git -C {queue.tree} checkout series' first")
    if queue.git('status', '--porcelain'):
        raise Bad(f"{queue.tree} has uncommitted edits: commit them, or put them away with 'git stash'")
    if queue.git('rev-list', '--merges', 'base..series'):
        raise Bad('branch series has a merge: rebase it onto base')
    if queue.entries and not mine and not force:
        raise Bad("branch series has no commit, and the series has patches: 'make prepare', or FORCE=1 to remove them")
    added = set()
    for commit, mail in mine.values():
        subject = queue.git('log', '-1', '--format=%s', commit).strip()
        for path in added & set(changed(queue, commit, 'a')):
            raise Bad(f'"{subject}" edits {path}, which an earlier patch adds: squash the two')
        if re.search('^(Signed-off|Reviewed|Acked|Tested)-by:', mail, re.M):
            raise Bad(f'"{subject}" has a sign-off or review tag: people add their own when they mail the series')
        added |= set(changed(queue, commit, 'A'))


class Refresh:
    """One refresh: what the tree has (mine), what it was prepared from (then), and what the repository has by now (here)."""

    def __init__(self, queue, force):
        self.queue, self.force = queue, force
        self.mine, self.then = patches(queue, 'series'), patches(queue, 'refs/prepared/series')
        check_tree(queue, self.mine, force)
        queue.check(twins=False)
        self.now, self.record = queue.sums(), queue.recorded()['sums']
        self.shared, self.newer = set(), set()   # slugs whose main file is written; keys of what stays as the repository has it

    # ---- the order

    def take_order(self):
        """Give the order what the tree has, and no more: {slug: entry}."""
        queue, current = self.queue, [entry.slug for entry in self.queue.entries]
        recorded = {key for key in self.record if '/' not in key}
        if self.record and not self.force and set(current) not in (recorded, set(self.mine)):
            raise Bad(f"{queue.name('order')} has changed since it was prepared: 'make prepare' if {queue.tree} holds no work; or else {PUT_AWAY}")
        known, found, before = {entry.slug: entry for entry in queue.order}, {}, None
        gone = {self.change(slug, self.then): slug for slug in current if slug not in self.mine and slug in self.then}
        for slug in self.mine:
            if slug in known and slug not in current:
                raise Bad(f"{slug} is in {queue.name('order')}, but not for {queue.base}: give it a window that has it")
            old = '' if slug in known else gone.pop(self.change(slug, self.mine), '')
            if old:
                self.rename(known[old], slug)
                known[slug] = known[old]
            found[slug] = known.get(slug) or self.insert(slug, found.get(before))
            before = slug
        for entry in queue.entries:
            if entry.slug not in found:
                self.remove(entry)
        if list(self.mine) != list(self.then):
            slots = [number for number, entry in enumerate(queue.order) if entry.slug in found]
            for number, slug in zip(slots, found):
                queue.order[number] = found[slug]
        for slug, entry in found.items():
            added = changed(queue, self.mine[slug][0], 'A')
            gone, entry.new = set(entry.new) - set(added), added
            self.unlink(gone)
        return found

    def change(self, slug, commits):
        """What a commit changes, whatever it is called."""
        commit, mail = commits[slug]
        return tuple(essence(mail.partition('\ndiff --git')[2])), tuple(changed(self.queue, commit, 'A'))

    def rename(self, entry, slug):
        """A commit has another subject: its files are called by it, and the mails of other bases have it."""
        header = re.compile('^Subject: .*\n([ \t].*\n)*', re.M)
        subject, old = header.search(self.mine[slug][1]).group(), entry.path
        for path in self.queue.overrides(entry).values():
            self.write(path, header.sub(lambda _: subject, read(path), 1))
        self.queue.move(entry, f'{entry.topic}/{entry.number}-{slug}.patch')
        self.now[slug], self.record[slug] = self.now[Entry(old, []).slug], self.record.get(Entry(old, []).slug)
        print(f'refresh: {old} is {entry.path} now')

    def insert(self, slug, before):
        """A new commit goes where its predecessor is."""
        order = self.queue.order
        topic = before.topic if before else order[0].topic if order else 'new'
        entry = Entry(f'{topic}/0000-{slug}.patch', [])
        order.insert(order.index(before) + 1 if before else 0, entry)
        print(f"refresh: {slug} is new, in topic {topic}, for all bases: {self.queue.name('order')} says so, and may say another")
        return entry

    def remove(self, entry):
        """A commit has gone: its patch goes, for all bases."""
        others = [base for base in self.queue.bases if base != self.queue.base and entry.counts(base)]
        for path in [self.queue.series / entry.path, *self.queue.overrides(entry).values()]:
            path.unlink()
        self.queue.order.remove(entry)
        self.unlink(entry.new)
        print(f'refresh: removed {entry.path}{", which " + " and ".join(others) + " had too" if others else ""}')

    def unlink(self, paths):
        """Remove new files that no patch brings any more."""
        for path in set(paths) - {path for entry in self.queue.order for path in entry.new}:
            (self.queue.root / path).unlink(missing_ok=True)
            print(f'refresh: removed {path}')

    def number(self):
        """Number the patches of each topic, and write the order."""
        numbers, queue = {}, self.queue
        for entry in queue.order:
            numbers[entry.topic] = numbers.get(entry.topic, 0) + 1
            queue.move(entry, f'{entry.topic}/{numbers[entry.topic]:04d}-{entry.slug}.patch')
        text = queue.header + ''.join(entry.lead + str(entry) for entry in queue.order) + queue.end
        if not (queue.series / 'order').exists() or text != read(queue.series / 'order'):
            self.write(queue.series / 'order', text)

    # ---- patches and new files

    def takes(self, key, mine, then, here):
        """Whether the repository takes what the tree has. What has changed here only stays, and what has changed in both is for a person."""
        if mine == then and not self.force:
            self.newer |= {key} if here != mine else set()
            return False
        if not self.force and mine != here and self.record and self.now.get(key) != self.record.get(key):
            raise Bad(f'{key} has changed here and in the tree since it was prepared: {PUT_AWAY}')
        return mine != here

    def take_patches(self, found):
        """Write the patches that have changed in the tree, and do without overrides that are like their patch then."""
        queue = self.queue
        for slug, entry in found.items():
            path, mail = queue.file(entry), self.mine[slug][1]
            here = essence(read(path)) if path.exists() else None
            if self.takes(slug, essence(mail), essence(self.then.get(slug, ('', ''))[1]), here):
                self.write(path, mail)
                self.shared |= {slug} if path == queue.series / entry.path else set()
            for path in queue.overrides(entry).values():
                if essence(read(path)) == essence(read(queue.series / entry.path)):
                    path.unlink()
                    print(f'refresh: removed {queue.name(path)}, which is like its patch now')

    def take_new_files(self, found):
        """Write the new files that have changed in the tree, with their modes."""
        queue = self.queue
        for path in [path for entry in found.values() for path in entry.new]:
            mine, then = (queue.git('ls-tree', tip, path).split('\t')[0] for tip in ('series', 'refs/prepared/series'))
            file, here = queue.root / path, ''
            if file.exists():
                here = f'{queue.mode(path)} blob {queue.git("hash-object", "--no-filters", str(file)).strip()}'
            if self.takes(path, mine, then, here):
                self.write(file, queue.git('cat-file', 'blob', mine.split()[2]))
                file.chmod(0o755 if mine.startswith('100755') else 0o644)

    @staticmethod
    def write(path, text):
        """Write a file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f'{path.name}.tmp')
        temporary.write_bytes(text.encode('utf-8', 'surrogateescape'))
        temporary.replace(path)
        print(f'refresh: {path.relative_to(TOP)}')

    def others(self):
        """See whether the patches that were written apply for the other bases that have them."""
        good = True
        for base in self.queue.bases:
            other = Queue(self.queue.project, base)
            mine = [entry for entry in other.entries if entry.slug in self.shared and not other.override(entry).exists()]
            if base == self.queue.base or not mine:
                continue
            if not other.commit('base'):
                print(f'refresh: {base}: not checked, its source is not in {other.tree}')
                continue
            try:
                other.lay(other.entries)
                print(f'refresh: {base}: applies')
            except Bad as error:
                good = False
                print(f'refresh: {base}: {error}, or give {base} an override: see docs/queue.md')
        return GOOD if good else FAILED


def refresh(queue, force=False):
    """Take over what branch series has; the exit code says whether it applies for the other bases."""
    queue.begin()
    work = Refresh(queue, force)
    found = work.take_order()
    work.number()
    work.take_patches(found)
    work.take_new_files(found)
    # The series now holds all of the tree's work. Preparing it must give the very same files back.
    tip = queue.commit('series')
    queue.git('update-ref', 'refs/prepared/series', tip)
    queue = Queue(queue.project, queue.base)
    queue.prepare()
    newer = {path for entry in queue.entries if entry.slug in work.newer for path in Mail(queue.file(entry)).paths} | work.newer
    if queue.git('diff', '--name-only', tip, 'series', '--', '.', *(f':!{path}' for path in newer)):
        raise Bad(f'the series does not give the tree back: the work is safe as commit {tip}')
    print(f'refresh: {len(queue.entries)} patches for {queue.base}')
    return work.others()


def main(_command):
    """The command refresh of ./judge."""
    return refresh(Queue(), os.environ.get('FORCE') == '1')
