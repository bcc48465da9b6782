# SPDX-License-Identifier: GPL-2.0
"""Proves that judge names the right hole: the series without the patches of one hole has that hole, those behind it, and no other."""
import os
import subprocess

from . import bench, holes, queue, results, verdict
from .errors import Bad, GOOD
from .paths import TOP, Base


def machines_of(hole, base, known):
    """Return the machines whose cases can tell that a kernel has HOLE: the first words of its globs."""
    words = {glob.split('.')[0] for glob in hole.globs(base.version)}
    arm64 = [name for kind, names in known.items() if kind in ('kunit', 'bench', 'selftests') for name in names]
    return [name for name in arm64 if name == 'kunit' or any(holes.matches(name, word) for word in words)]


def row_of(hole, every, base, known):
    """Leave out the patches of one hole, judge that kernel, and return the row."""
    text = f'without its patches judge says that the kernel has {hole.slug}'
    subjects = hole.globs(base.version, 'patches')
    try:
        queue.Queue('linux', base.name).prepare(without=subjects)
    except Bad as error:
        return results.Case(text, 'skip', f'its patches cannot be left out: {error}')
    names = machines_of(hole, base, known)
    if subprocess.run([os.environ.get('MAKE', 'make'), base.work / 'kernels/without/Image'], cwd=TOP, close_fds=False, check=False).returncode:
        return results.Case(text, 'skip', 'what is left does not build')
    runs = [bench.run_machine(base, name, 'without') for name in names]
    has = {slug for slug, (found, _) in verdict.attribute(every, base.version, runs).items() if found}
    wanted = {hole.slug} | {other.slug for other in every if hole.slug in other.behind}
    return verdict.claim(text, hole.slug in has and has <= wanted, f'it says {", ".join(sorted(has)) or "none"}')


def main(target):
    """attribution FILE: try each hole that the queue of BASE= closes and that a machine here can show."""
    base, every = Base(), holes.load(bench.HOLES)
    known = bench.sets(base)
    rows = []
    for hole in holes.here(every, base.version):
        if hole.globs(base.version, 'patches') and machines_of(hole, base, known):
            rows.append(row_of(hole, every, base, known))
            print(f'attribution: {hole.slug}: {rows[-1].status} {rows[-1].why}', flush=True)
    results.Run('attribution', 'without', rows, facts={'base': base.name}).save(target)
    if any(row.status == 'fail' for row in rows):
        os.utime(target, (0, 0))
    return GOOD
