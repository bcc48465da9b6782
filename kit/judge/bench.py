# SPDX-License-Identifier: GPL-2.0
"""Runs machines with a kernel of a base, and judges what came out. Called by the rules of kit/mk/run.mk, which see to what is needed."""
import functools
import gzip
import os
import pathlib
import re
import subprocess
import sys
import threading
import time

from . import guest, holes, machines, queue, results, tables, verdict
from .errors import BAD_USE, Bad, GOOD, FAILED, LOST
from .paths import DEFAULT_BASE, TOP, Base, build_dir
from .results import text_of

HOLES = TOP / 'holes'
WITHIN = 50     # steps after which each random walk has broken the invariant of an unpatched kernel
LABELS = ('unpatched', 'patched')
UML = 'um'      # KUnit under UML: no machine of bench/machines


# ---- which machines a base has

def set_of(machine):
    """Return the set of machines that MACHINE belongs to: what is compared, and reported, together."""
    if machine.arch == 'x86':
        return 'x86'
    if machine.functions == 'none':
        return 'kunit'
    if machine.initramfs == 'selftest':
        return 'selftests'
    return 'walk' if machine.program == 'walk' else 'bench'


def sets(base):
    """Return {set: machine names} of a base."""
    found = {}
    suites = base.pin.get('BASE_SUITES', 'iommufd iommufd_fail_nth tools').split()
    for machine in machines.read_machines().values():
        kind = set_of(machine)
        if (('bench' if kind == 'walk' else kind) in base.judged_by and (kind != 'selftests' or machine.name in suites)
                and ('firmware' not in machine.needs or 'BASE_FIRMWARE' in base.pin)):
            found.setdefault(kind, []).append(machine.name)
    return found


def make():
    """Print the machines of the base as Make variables."""
    for kind, names in sets(Base()).items():
        print(f'MACHINES_{kind} := {" ".join(names)}')
    for machine in machines.read_machines().values():
        initramfs = f'{machine.arch}/{machine.initramfs}.cpio.gz' if machine.initramfs else ''
        print(f'IMAGE_{machine.name} := {"bzImage" if machine.arch == "x86" else "Image"}\nGUEST_{machine.name} := {initramfs}')
    return GOOD


# ---- booting one

def output_of(*command, **more):
    """Return what a program prints that has to succeed."""
    return subprocess.run(command, check=True, capture_output=True, **more).stdout


def qemu_of(machine):
    """Return the emulator, which make has built."""
    return build_dir() / f'qemu-{os.environ.get("QEMU_BASE") or "10.2"}' / 'build' / machine.qemu


def device_tree(machine, out):
    """Return QEMU's device tree of the machine, edited as its stanza says. QEMU's has ats-supported for both, SMMU and root complex, or for
    neither; fdtput also packs it, as dumped it is too big."""
    path, (verb, name) = f'{out}.dtb', machine.device_tree.split()
    output_of(qemu_of(machine), *machine.arguments(), '-M', f'dumpdtb={path}', '-display', 'none', '-nodefaults', *['-serial', 'null'] * 2)
    root = next(node for node in output_of('fdtget', '-l', path, '/', text=True).split() if node.startswith('pcie@'))
    output_of('fdtput', *['-d'] * (verb == 'delete'), path, f'/{root}', name)
    return path


def pack_kernel(out, image, initramfs):
    """Return an initramfs that holds the kernel and itself, for a kexec."""
    listing = f'file /Image {image} 0644 0 0\nfile /initramfs.cpio.gz {initramfs} 0644 0 0\n'
    cpio = output_of(initramfs.parent / 'gen_init_cpio', '-', input=listing.encode())
    path = pathlib.Path(f'{out}.initramfs')
    path.write_bytes(initramfs.read_bytes() + gzip.compress(cpio, 1, mtime=0))
    return path


@functools.lru_cache
def accelerator(image):
    """Return kvm where this kernel boots by it, and tcg elsewhere: KVM may be there and yet not boot it, as in some virtual machines."""
    wanted = os.environ.get('ACCEL')
    if wanted:
        if wanted not in ('kvm', 'tcg'):
            raise Bad(f'ACCEL={wanted}: must be kvm or tcg')
        return wanted
    if os.uname().machine != 'x86_64' or not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return 'tcg'
    machine = machines.machine_called('vtd')
    try:
        tried = subprocess.run([qemu_of(machine), '-accel', 'kvm', '-cpu', 'host', '-M', machine.board, '-m', '512', '-L', machine.roms, '-bios',
                                machine.firmware, '-display', 'none', '-nodefaults', '-no-reboot', '-serial', 'stdio', '-kernel', image,
                                '-append', 'console=ttyS0 panic=-1'], capture_output=True, timeout=10, stdin=subprocess.DEVNULL, check=False)
    except subprocess.TimeoutExpired:
        return 'tcg'
    return 'kvm' if b'Kernel panic' in tried.stdout else 'tcg'


def command_of(base, name, label, out, filters=(), parameters=()):
    """Return how this machine is started with the kernel of LABEL."""
    kernels = base.work / 'kernels' / label
    if name == UML:
        return [str(kernels / 'linux'), 'mem=1G', 'console=tty', 'kunit_shutdown=halt', *parameters, *(f'kunit.filter_glob={one}' for one in filters)]
    machine = machines.machine_called(name)
    image = kernels / ('bzImage' if machine.arch == 'x86' else 'Image')
    suffix = '-tree' if label == 'tree' and machine.initramfs == 'selftest' else ''
    initramfs = base.work / 'guest' / machine.arch / f'{machine.initramfs}{suffix}.cpio.gz' if machine.initramfs else None
    if machine.carries:
        initramfs = pack_kernel(out, image, initramfs)
    if machine.acpi_table:
        output_of('iasl', '-p', out, TOP / 'bench' / f'{machine.acpi_table}.asl')
    arguments = machine.arguments(
        image, initramfs, build_dir() / 'bench' / f'functions-{machine.arch}.cfg', dtb=machine.device_tree and device_tree(machine, out),
        acpi_table=f'{out}.aml', accel=accelerator(image) if machine.arch == 'x86' else 'tcg', sanitizers=label == 'san')
    return [str(qemu_of(machine)), *arguments, '-append', machine.command_line(base.pin.get('BASE_ARGS', ''), filters, parameters),
            *(['-display', 'none', '-nodefaults', '-no-reboot', '-serial', 'stdio'] if machine.results == 'console' else [])]


def progress(what, out, raw):
    """Say every 15 s how far a machine is; return the event that ends it."""
    over, started = threading.Event(), time.monotonic()

    def tell():
        while not over.wait(15):
            count = len(re.findall(r'^ *(?:not )?ok ', text_of(raw), re.M))
            print(f'judge: {what}: {count} results, {time.monotonic() - started:.0f} s, log {out}.console', flush=True)
    threading.Thread(target=tell, daemon=True).start()
    return over


def run_machine(base, name, label, filters=(), parameters=()):
    """Boot one machine, or UML, and return its Run."""
    console = name == UML or machines.machine_called(name).results == 'console'
    out = base.work / 'run' / label / name
    out.parent.mkdir(parents=True, exist_ok=True)
    for old in out.parent.glob(f'{name}.*'):
        if old.is_file():
            old.unlink()
    raw = f'{out}.{"console" if console else "ktap"}'
    over, started = progress(f'{base.name} {label}: {name}', out, raw), time.monotonic()
    command = command_of(base, name, label, out, filters, parameters)
    code, why = (guest.boot_console if console else guest.boot)(out, command)
    over.set()
    if code == BAD_USE and name != UML:      # UML always writes to stderr
        raise Bad(f'{name}: {why}')
    found = results.from_ktap(text_of(raw), name, label, nested=console)
    found.lost, found.files, found.facts = why or found.lost, str(out), {'base': base.name, 'release': base.release}
    print(f'judge: {base.name} {label}: {name}: {results.counted(found.cases)}{", LOST: " + found.lost if found.lost else ""}, '
          f'{time.monotonic() - started:.0f} s', flush=True)
    return found


def result_path(base, label, name):
    """Return where the results of one machine with one kernel are."""
    return base.results / label / f'{name}.json'


def run(name, label):
    """run MACHINE LABEL: boot it, and write what came out."""
    base, words = Base(), {key: os.environ.get(key, '').split() for key in ('FILTER', 'KERNEL_ARGS', 'CASES')}
    if name in ('kunit', UML):
        filters, parameters = words['FILTER'], words['KERNEL_ARGS']
    else:
        filters, parameters = [case.partition('.')[2] for case in words['CASES'] if case.startswith(name + '.')], []
    # The next call, without them, has to run all.
    run_machine(base, name, label, filters, parameters).save(result_path(base, label, name), again=filters or parameters)
    return GOOD


def boot_command(out, *arguments):
    """boot OUT QEMU ARGUMENT...: boot a machine that bench/machines does not have, see guest.boot()."""
    code, why = guest.boot(out, arguments)
    if why:
        print(f'boot: {out}: {why}', file=sys.stderr)
    return code


# ---- judging

def order_of_patches(base):
    """Return the subjects of the queue, which order the rows of tables: that of the default base first."""
    return list(dict.fromkeys(subject for name in (DEFAULT_BASE, base.name) for subject in queue.Queue('linux', name).subjects().values()))


def claims_of(kind, every, version, names):
    """Return {case: why it fails on the unpatched kernel}."""
    return {name: ['the walk'] for name in names} if kind == 'walk' else holes.claims(every, version, names)


def compared_rows(kind, every, version, names, unpatched, patched):
    """Return the rows of one set of machines on both kernels."""
    rows = verdict.compare(unpatched, patched, claims_of(kind, every, version, names))
    if kind in ('bench', 'x86'):
        rows += verdict.bench(every, version, unpatched, patched)
    else:
        rows += verdict.lost_machines(unpatched + patched)
    if kind == 'kunit':
        rows += verdict.kunit(patched)
    if kind == 'walk':
        known = machines.read_machines()
        wanted = {run.machine: int(re.search(r'bench\.steps=(\d+)', known[run.machine].kernel)[1]) for run in patched}
        return rows + verdict.walks(unpatched, patched, WITHIN, wanted)
    rows += [verdict.claim(problem, False) for problem in holes.check_globs(every, version, names)]
    return rows + verdict.attribution(every, version, unpatched, patched)


def table(kind, base, every, names, unpatched, patched):
    """Return the lines that a person reads."""
    if kind == 'walk':
        return tables.walks(unpatched, patched)
    if kind == 'selftests':
        return tables.suites(unpatched, patched)
    rows = holes.rows(every, base.version, names, order_of_patches(base))
    if kind == 'kunit':
        return tables.situations(rows, unpatched, patched)
    qemu = output_of(qemu_of(machines.machine_called(unpatched[0].machine)), '--version', text=True).splitlines()[0]
    return ['', f'Linux {base.release}{", x86" if kind == "x86" else ""}; {qemu}, with ats-testdev', *tables.scenarios(rows, unpatched, patched),
            *(tables.figures(unpatched, patched) if any(run.machine == 'figures' for run in patched) else []),
            *(tables.warnings(unpatched, patched) if kind == 'bench' else [])]


def keep(base, target, found, runs, lines=()):
    """Write a verdict, and beside it LINES for a person. What was not as expected is run again by the next call: its results count as older than
    anything that they were made from."""
    found.facts = {'base': base.name, 'release': base.release} | found.facts
    found.save(target)
    listing = pathlib.Path(target).with_suffix('.txt')
    listing.unlink(missing_ok=True)
    if lines:
        listing.write_text('\n'.join(lines) + '\n', encoding='utf-8')
    bad = ' '.join(row.name for row in found.cases if row.status in ('fail', 'lost'))
    for one in runs:
        path = result_path(base, one.kernel, one.machine)
        if (one.lost or one.problems or one.machine in bad) and path.exists():
            os.utime(path, (0, 0))
    return GOOD


def compare(kind, target, *names):
    """compare SET FILE MACHINE...: hold the results of both kernels against the holes, into FILE."""
    base, every = Base(), holes.load(HOLES)
    unpatched, patched = ([results.read(result_path(base, label, name)) for name in names] for label in LABELS)
    cases = sorted({case.name for run in unpatched + patched for case in run.cases})
    rows = compared_rows(kind, every, base.version, cases, unpatched, patched)
    return keep(base, target, results.Run(kind, 'compared', rows, facts={'machines': list(names)}), unpatched + patched,
                table(kind, base, every, cases, unpatched, patched))


def own(target, label, *names):
    """own FILE LABEL MACHINE...: the results of one kernel by themselves, into FILE: every case that ran has to pass."""
    base = Base()
    runs = [results.read(result_path(base, label, name)) for name in names]
    rows = [case for one in runs for case in one.cases] + verdict.lost_machines(runs)
    if label == 'san':
        rows += verdict.findings(runs)
    if label == 'deb':
        rows += [verdict.claim("the booted kernel is the package's", f'Linux version {base.release}-ats ' in verdict.console_of(one)) for one in runs]
    if 'kunit' in names or UML in names:
        rows += verdict.complaints(runs)
    wanted = [case for case in os.environ.get('CASES', '').split() if case.split('.')[0] in names]
    ran = {row.name for row in rows}
    rows += [results.Case(case, 'fail', 'there is no such case') for case in wanted if case not in ran]
    told = not wanted and UML not in names and label != 'san'
    return keep(base, target, results.Run('-'.join(names), label, rows), runs,
                tables.holes_of(verdict.attribute(holes.load(HOLES), base.version, runs)) if told else ())


def code_of(found):
    """Return the exit code that a verdict stands for."""
    if found.lost or any(row.status == 'lost' for row in found.cases):
        return LOST
    return FAILED if not found.cases or any(row.status == 'fail' for row in found.cases) else GOOD


def show(target):
    """show FILE: print what it says, and exit as it was."""
    path = pathlib.Path(target)
    found = results.read(path)
    print(text_of(path.with_suffix('.txt')) + '\n'.join(tables.summary(found)) + f'; results in {path}')
    return code_of(found)


def walk(seed, count):
    """walk SEED STEPS: one random walk on the tree."""
    base = Base()
    for number in (seed, count):
        if not re.fullmatch(r'\d{1,9}', number):
            raise Bad(f'{number}: SEED= and STEPS= are numbers of up to nine digits')
    found = run_machine(base, 'walk-1', 'tree', parameters=[f'bench.seed={seed}', f'bench.steps={count}'])
    found.save(result_path(base, 'tree', 'walk-seed'))
    return GOOD


def steps(target):
    """steps FILE: print what a walk did and where it ended, and exit as it was."""
    found = results.read(target)
    for case in found.cases:
        if case.status != 'pass':
            print('\n'.join([*(f'#@ step {fact["text"]}' for fact in case.of('step')), *(f'# {line}' for line in case.said)]))
        print(f'judge: walk: {case.status}, {len(case.of("step"))} steps')
    return code_of(found)


def findings_of_holes():
    """findings: print what the semantic patch has to find in the unpatched code of BASE=; "patch" behind what its patch mode mends."""
    base = Base()
    for hole in holes.here(holes.load(HOLES), base.version):
        for finding in hole.globs(base.version, 'findings'):
            print(finding + (' patch' if finding in hole.globs(base.version, 'mended') else ''))
    return GOOD
