# SPDX-License-Identifier: GPL-2.0
"""Runs machines with a kernel of a base, and judges what came out. Called by the rules of kit/mk/run.mk, which see to what is needed."""
import functools
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time

from . import guest, holes, machines, queue, results, tables, verdict
from .errors import Bad, GOOD, FAILED, LOST
from .paths import DEFAULT_BASE, TOP, Base, build_dir

HOLES = TOP / 'holes'
WITHIN = 50     # steps after which each random walk has broken the invariant of an unpatched kernel
LABELS = ('unpatched', 'patched')


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
        if ('bench' if kind == 'walk' else kind) not in base.judged_by:
            continue
        if 'firmware' in machine.needs and 'BASE_FIRMWARE' not in base.pin or kind == 'selftests' and machine.name not in suites:
            continue
        found.setdefault(kind, []).append(machine.name)
    return found


def make():
    """Print the machines of the base as Make variables."""
    base = Base()
    for kind, names in sets(base).items():
        print(f'MACHINES_{kind} := {" ".join(names)}')
    for machine in machines.read_machines().values():
        initramfs = f'{machine.arch}/{machine.initramfs}.cpio.gz' if machine.initramfs else ''
        print(f'IMAGE_{machine.name} := {"bzImage" if machine.arch == "x86" else "Image"}\nGUEST_{machine.name} := {initramfs}')
    return GOOD


# ---- booting one

def qemu_of(machine):
    """Return the emulator, which make has built."""
    return build_dir() / f'qemu-{os.environ.get("QEMU_BASE") or "10.2"}' / 'build' / machine.qemu


def device_tree(machine, out, arguments):
    """Return QEMU's device tree of the machine, edited as its stanza says. QEMU's has ats-supported for both, SMMU and root complex, or for
    neither; fdtput also packs it, as dumped it is too big."""
    path = pathlib.Path(f'{out}.dtb')
    at = arguments.index('-M') + 1
    dump = [*arguments[:at], arguments[at] + f',dumpdtb={path}', *arguments[at + 1:]]
    for option in ('-readconfig', '-initrd', '-kernel'):
        if option in dump:
            del dump[dump.index(option):dump.index(option) + 2]
    subprocess.run([*dump, '-display', 'none', '-nodefaults', '-serial', 'null', '-serial', 'null'], check=True, capture_output=True)
    nodes = subprocess.run(['fdtget', '-l', path, '/'], check=True, capture_output=True, text=True).stdout.split()
    subprocess.run(machine.edit_device_tree(path, '/' + next(node for node in nodes if node.startswith('pcie@'))), check=True)
    return path


def pack_kernel(out, image, initramfs):
    """Return an initramfs that holds the kernel and itself, for a kexec."""
    work = pathlib.Path(f'{out}.next')
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    listing = work / 'list'
    listing.write_text(f'file /Image {image} 0644 0 0\nfile /initramfs.cpio.gz {initramfs} 0644 0 0\n', encoding='utf-8')
    packer = initramfs.parent / 'gen_init_cpio'
    cpio = subprocess.run([packer, listing], check=True, capture_output=True).stdout
    packed = subprocess.run(['gzip', '-1n'], input=cpio, check=True, capture_output=True).stdout
    path = pathlib.Path(f'{out}.initramfs')
    path.write_bytes(initramfs.read_bytes() + packed)
    shutil.rmtree(work)
    return path


@functools.lru_cache
def accelerator(image):
    """Return kvm where this kernel boots by it, and tcg elsewhere: KVM may be there and yet not boot it, as in some virtual machines."""
    wanted = os.environ.get('ACCEL')
    if wanted:
        if wanted not in ('kvm', 'tcg'):
            raise Bad(f'ACCEL={wanted}: it is kvm or tcg')
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


def command_of(base, machine, label, out, filters=(), parameters=()):
    """Return how this machine is started with the kernel of LABEL."""
    kernels = base.work / 'kernels' / label
    image = kernels / ('bzImage' if machine.arch == 'x86' else 'Image')
    generated = build_dir() / 'bench' / f'functions-{machine.arch}.cfg'
    suffix = '-tree' if label == 'tree' and machine.initramfs == 'selftest' else ''
    initramfs = base.work / 'guest' / machine.arch / f'{machine.initramfs}{suffix}.cpio.gz' if machine.initramfs else None
    if machine.carries:
        initramfs = pack_kernel(out, image, initramfs)
    options = {'sanitizers': label == 'san', 'accel': accelerator(image) if machine.arch == 'x86' else 'tcg'}
    if machine.device_tree:
        options['dtb'] = device_tree(machine, out, [qemu_of(machine), *machine.arguments(image, initramfs, generated)])
    if machine.acpi_table:
        options['acpi_table'] = f'{out}.aml'
        subprocess.run(['iasl', '-p', out, TOP / 'bench' / f'{machine.acpi_table}.asl'], check=True, capture_output=True)
    line = machine.command_line(base.pin.get('BASE_ARGS', ''), filters, parameters)
    return [str(word) for word in [qemu_of(machine), *machine.arguments(image, initramfs, generated, **options), '-append', line]]


def progress(what, out, machine):
    """Say every 15 s how far a machine is; return the event that ends it."""
    over, started = threading.Event(), time.monotonic()
    raw = f'{out}.{"console" if machine.results == "console" else "ktap"}'

    def tell():
        while not over.wait(15):
            count = len(re.findall(r'^ *(?:not )?ok ', verdict.text_of(raw), re.M))
            print(f'judge: {what}: {count} results, {time.monotonic() - started:.0f} s, log {out}.console', flush=True)
    threading.Thread(target=tell, daemon=True).start()
    return over


def run_machine(base, name, label, filters=(), parameters=()):
    """Boot one machine and return its Run."""
    machine = machines.machine_called(name)
    out = base.work / 'run' / label / name
    out.parent.mkdir(parents=True, exist_ok=True)
    for old in out.parent.glob(f'{name}.*'):
        if old.is_file():
            old.unlink()
    over = progress(f'{base.name} {label}: {name}', out, machine)
    command = command_of(base, machine, label, out, filters, parameters)
    started = time.monotonic()
    if machine.results == 'console':
        code, why = guest.boot_console(out, [*command, '-display', 'none', '-nodefaults', '-no-reboot', '-serial', 'stdio'])
        found = results.from_ktap(verdict.text_of(f'{out}.console'), name, label, nested=True)
    else:
        code, why = guest.boot(out, command)
        found = results.from_ktap(verdict.text_of(f'{out}.ktap'), name, label)
    over.set()
    if code == 2:
        raise Bad(f'{name}: {why}')
    found.lost = why or found.lost
    found.files = str(out)
    found.facts = {'base': base.name, 'release': base.release}
    count = {status: sum(case.status == status for case in found.cases) for status in ('pass', 'fail', 'skip')}
    print(f'judge: {base.name} {label}: {name}: {count["pass"]} passed, {count["fail"]} failed, {count["skip"]} skipped'
          f'{", LOST: " + found.lost if found.lost else ""}, {time.monotonic() - started:.0f} s', flush=True)
    return found


def run_uml(base, label, filters=(), parameters=()):
    """Run KUnit under UML and return its Run."""
    out = base.work / 'run' / label / 'um'
    out.parent.mkdir(parents=True, exist_ok=True)
    words = [*parameters, *(f'kunit.filter_glob={glob}' for glob in filters)]
    _, why = guest.boot_console(out, [str(base.work / 'kernels' / label / 'linux'), 'mem=1G', 'console=tty', 'kunit_shutdown=halt', *words])
    found = results.from_ktap(verdict.text_of(f'{out}.console'), 'um', label, nested=True)
    found.lost, found.files = why or found.lost, str(out)
    return found


def result_path(base, label, name):
    """Return where the results of one machine with one kernel are."""
    return base.results / label / f'{name}.json'


def filters_of(name):
    """Return the cases of CASES= of one machine, without its name."""
    return [case.split('.', 1)[1] for case in os.environ.get('CASES', '').split() if case.startswith(name + '.')]


def run(name, label):
    """run MACHINE LABEL: boot it, and write what came out."""
    base, kunit = Base(), name in ('kunit', 'um')
    filters = os.environ.get('FILTER', '').split() if kunit else filters_of(name)
    parameters = os.environ.get('KERNEL_ARGS', '').split() if kunit else []
    if name == 'um':
        found = run_uml(base, label, filters, parameters)
    else:
        found = run_machine(base, name, label, filters, parameters)
    path = result_path(base, label, name)
    found.save(path)
    if filters or parameters:
        # The next call, without them, has to run all.
        os.utime(path, (0, 0))
    return GOOD


def boot_command(out, *arguments):
    """boot OUT QEMU ARGUMENT...: boot a machine that bench/machines does not have, see guest.boot()."""
    code, why = guest.boot(out, arguments)
    if why:
        print(f'boot: {out}: {why}', file=sys.stderr)
    return code


# ---- judging

def read_runs(base, label, names):
    """Return the results of machines with one kernel."""
    return [results.load(result_path(base, label, name)) for name in names]


def order_of_patches(base):
    """Return the subjects of the queue, which order the rows of tables: that of the default base first."""
    return list(dict.fromkeys(subject for name in (DEFAULT_BASE, base.name) for subject in queue.Queue('linux', name).subjects().values()))


def walk_steps(names):
    """Return {machine: how many steps it takes}."""
    known = machines.read_machines()
    return {name: int(re.search(r'bench\.steps=(\d+)', known[name].kernel)[1]) for name in names}


def claims_of(kind, every, version, names):
    """Return {case: why it fails on the unpatched kernel}."""
    return {name: ['the walk'] for name in names} if kind == 'walk' else holes.claims(every, version, names)


def compared_rows(kind, base, every, unpatched, patched):
    """Return the rows of one set of machines on both kernels."""
    names = {case.name for run in unpatched + patched for case in run.cases}
    claimed = claims_of(kind, every, base.version, names)
    rows = verdict.compare(unpatched, patched, claimed)
    if kind in ('bench', 'x86'):
        rows += verdict.bench(every, base.version, unpatched, patched)
    else:
        rows += verdict.lost_machines(unpatched + patched)
    if kind == 'kunit':
        rows += verdict.kunit(patched)
    if kind != 'walk':
        rows += [verdict.claim(problem, False) for problem in holes.check_globs(every, base.version, names)]
        rows += verdict.attribution(every, base.version, unpatched, patched)
    if kind == 'walk':
        rows += verdict.walks(unpatched, patched, WITHIN, walk_steps([run.machine for run in patched]))
    return rows


def table(kind, base, every, unpatched, patched):
    """Return the lines that a person reads."""
    names = {case.name for run in unpatched + patched for case in run.cases}
    rows = holes.rows(every, base.version, names, order_of_patches(base))
    if kind in ('bench', 'x86'):
        qemu = subprocess.run([qemu_of(machines.machine_called(unpatched[0].machine)), '--version'], capture_output=True, text=True, check=False)
        lines = ['', f'Linux {base.release}{", x86" if kind == "x86" else ""}; {qemu.stdout.splitlines()[0]}, with ats-testdev',
                 *tables.scenarios(rows, unpatched, patched)]
        if any(run.machine == 'figures' for run in patched):
            lines += tables.figures(unpatched, patched)
        return lines + (tables.warnings(unpatched, patched) if kind == 'bench' else [])
    return {'kunit': lambda: tables.situations(rows, unpatched, patched), 'walk': lambda: tables.walks(unpatched, patched),
            'selftests': lambda: tables.suites(unpatched, patched)}[kind]()


def forget(base, rows, runs):
    """What was not as expected is run again by the next call: its results count as older than anything that they were made from."""
    bad = ' '.join(row.name for row in rows if row.status in ('fail', 'lost'))
    for one in runs:
        if one.lost or one.problems or one.machine in bad:
            path = result_path(base, one.kernel, one.machine)
            if path.exists():
                os.utime(path, (0, 0))


def compare(kind, target, *names):
    """compare SET FILE MACHINE...: hold the results of both kernels against the holes, into FILE."""
    base, every = Base(), holes.load(HOLES)
    unpatched, patched = (read_runs(base, label, names) for label in LABELS)
    rows = compared_rows(kind, base, every, unpatched, patched)
    lines = table(kind, base, every, unpatched, patched)
    found = results.Run(kind, 'compared', rows, facts={'base': base.name, 'release': base.release, 'machines': list(names)})
    pathlib.Path(target).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(target).with_suffix('.txt').write_text('\n'.join(lines) + '\n', encoding='utf-8')
    found.save(target)
    forget(base, rows, unpatched + patched)
    return GOOD


def own(target, label, *names):
    """own FILE LABEL MACHINE...: the results of one kernel by themselves, into FILE: every case that ran has to pass."""
    base = Base()
    runs = read_runs(base, label, names)
    rows = [case for one in runs for case in one.cases] + verdict.lost_machines(runs)
    if label == 'san':
        rows += verdict.findings(runs)
    if label == 'deb':
        rows += [verdict.claim("the booted kernel is the package's", f'Linux version {base.release}-ats ' in verdict.console_of(one)) for one in runs]
    if 'kunit' in names or 'um' in names:
        rows += [verdict.claim('the kernel has no complaint', not verdict.complaints(one), verdict.complaints(one)) for one in runs]
    wanted = [case for case in os.environ.get('CASES', '').split() if case.split('.')[0] in names]
    ran = {case.name for one in runs for case in one.cases}
    rows += [results.Case(case, 'fail', 'there is no such case') for case in wanted if case not in ran]
    found = results.Run('-'.join(names), label, rows, facts={'base': base.name, 'release': base.release})
    listing = pathlib.Path(target).with_suffix('.txt')
    listing.unlink(missing_ok=True)
    if not wanted and 'um' not in names and label != 'san':
        listing.write_text('\n'.join(tables.holes_of(verdict.attribute(holes.load(HOLES), base.version, runs))) + '\n', encoding='utf-8')
    found.save(target)
    forget(base, rows, runs)
    return GOOD


def show(target):
    """show FILE: print what it says, and exit as it was."""
    path = pathlib.Path(target)
    found = results.read(path)
    text = verdict.text_of(path.with_suffix('.txt'))
    if text:
        sys.stdout.write(text)
    print('\n'.join([*tables.surprises(found.cases), f'judge: {found.machine}: {tables.summary(found)}; results in {path}']))
    return code_of(found)


def code_of(found):
    """Return the exit code that a verdict stands for."""
    if found.lost or any(row.status == 'lost' for row in found.cases):
        return LOST
    return FAILED if not found.cases or any(row.status == 'fail' for row in found.cases) else GOOD


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
    found = results.load(target)
    for case in found.cases:
        if case.status != 'pass':
            print('\n'.join([*(f'#@ step {fact["text"]}' for fact in case.of('step')), *(f'# {line}' for line in case.said)]))
        print(f'judge: walk: {case.status}, {len(case.of("step"))} steps')
    return code_of(found)


def findings_of_holes():
    """findings: print what the semantic patch has to find in the unpatched code of BASE=; "patch" behind what its patch mode mends."""
    base, every = Base(), holes.load(HOLES)
    for hole in holes.here(every, base.version):
        for finding in hole.globs(base.version, 'findings'):
            print(finding + (' patch' if finding in hole.globs(base.version, 'mended') else ''))
    return GOOD
