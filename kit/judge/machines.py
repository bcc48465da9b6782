# SPDX-License-Identifier: GPL-2.0
"""The bench's functions and machines, as bench/functions and bench/machines describe them, and what QEMU and the guests need of them."""
import dataclasses
import functools
import pathlib
import re
import sys

from judge.errors import GOOD, Bad

BENCH = pathlib.Path(__file__).resolve().parents[2] / 'bench'
QEMU_ARCH = {'arm64': 'aarch64', 'x86': 'x86_64'}

COLUMNS = {'name': '[a-z][a-z0-9_]*', 'slot': '[2-9]|[12][0-9]|30', 'kind': 'function|pf|vf', 'ats': 'on|off'}
OPTIONS = {'count': '[2-8]', 'quirk': '[0-9a-f]{4}:[0-9a-f]{4}', 'vendor': '[0-9a-f]{4}', 'external': 'yes', 'arch': '|'.join(QEMU_ARCH)}
# Properties that a function has only on a machine that sets them.
ON_DEMAND = ('pasid-width', 'cxl-cache')

# The fields of a machine, and what they can be.
ANY, NUMBER = '.+', '[1-9][0-9]*'
FIELDS = {'Machine': '[a-z][a-z0-9_-]*', 'Like': ANY, 'What': ANY, 'Arch': '|'.join(QEMU_ARCH), 'Program': ANY, 'Hardware': ANY,
          'Initramfs': ANY, 'Carries': 'kernel', 'Board': ANY, 'Cpu': ANY, 'Smp': NUMBER, 'Memory': NUMBER, 'Icount': '[0-9]|10',
          'Icount-sanitizers': '[0-9]|10', 'Kvm': ANY, 'Trace': ANY, 'SMMU': '([a-z-]+=[^ ]+ *)+',
          'Device': ANY, 'Set': f"(({'|'.join(ON_DEMAND)}) *)+", 'Functions': 'none', 'Device-tree': '(add|delete) [a-z-]+',
          'Firmware': ANY, 'Roms': ANY, 'Acpi-table': ANY, 'Kernel': ANY, 'Needs': '((firmware|selftests) *)+', 'Results': 'port|console'}
LISTS = ('SMMU', 'Set', 'Kernel', 'Needs')
REQUIRED = ('Machine', 'Arch', 'Board', 'Cpu', 'Smp', 'Memory', 'Kernel', 'Results')
REQUIRED_WITH_FUNCTIONS = ('Program', 'Hardware', 'Initramfs')


def lines_of(path):
    """Yield place and text of each line of PATH that is no comment."""
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        if not line.startswith('#'):
            yield f'{path.parent.name}/{path.name}:{number}', line.strip()


def check(name, value, pattern):
    """Raise Bad unless VALUE is what NAME can be."""
    if not re.fullmatch(pattern, value):
        raise Bad(f'{name} cannot be "{value}": it must match {pattern}')


# ---- functions

@dataclasses.dataclass
class Function:
    """One line of bench/functions; that of a VF may stand for several."""
    name: str
    slot: int
    kind: str
    ats: str
    options: dict
    pf: 'Function | None' = None

    def on(self, arch):
        """Whether machines of ARCH have it."""
        return self.options.get('arch', arch) == arch

    @property
    def count(self):
        """How many there are."""
        return int(self.options.get('count', 1))

    def devices(self):
        """Yield the id and the properties of each of its QEMU devices."""
        vendor, _, device = self.options.get('quirk', self.options.get('vendor', '')).partition(':')
        extra = {key: value for key, value in self.options.items() if '.' not in key and key not in (*OPTIONS, *ON_DEMAND)}
        for number in range(1, self.count + 1):
            at = number if self.pf else 0
            properties = {'driver': 'ats-testdev', 'bus': f'rp{self.slot}', 'addr': f'0x{at >> 3:x}.0x{at & 7:x}',
                          'sriov-pf': self.pf and self.pf.name, 'ats': self.ats, 'vendor-id': vendor and f'0x{vendor}',
                          'device-id': device and f'0x{device}', **extra}
            id_ = f'{self.name}.{number}' if self.count > 1 else self.name
            yield id_, {key: value for key, value in properties.items() if value}


@functools.cache
def device_properties():
    """Return the names of ats-testdev's properties."""
    return re.findall(r'DEFINE_PROP_\w+\("([a-z-]+)"', (BENCH / 'qemu/hw/misc/ats-testdev.c').read_text(encoding='utf-8'))


def read_function(words):
    """Return the function that the WORDS of a line describe."""
    if len(words) < len(COLUMNS):
        raise Bad(f"a line begins with {', '.join(COLUMNS)}")
    for (column, pattern), value in zip(COLUMNS.items(), words):
        check(column, value, pattern)
    name, slot, kind, ats = words[:4]
    options = {}
    for word in words[4:]:
        key, _, value = word.partition('=')
        if key not in OPTIONS and not key.startswith('port.') and key not in device_properties():
            raise Bad(f'unknown column "{key}": ats-testdev has no such property')
        if key in options:
            raise Bad(f'{key} is there twice')
        check(key, value, OPTIONS.get(key, ANY))
        options[key] = value
    if 'count' in options and kind != 'vf':
        raise Bad(f'count= is for VFs only, and {name} is not one')
    return Function(name, int(slot), kind, ats, options)


def read_functions(path=BENCH / 'functions'):
    """Return all functions, in the order of the file."""
    found, taken = [], {}
    for place, line in lines_of(path):
        if not line:
            continue
        try:
            function = read_function(line.split())
            for key in (f'name {function.name}', f"slot {function.slot}{' for VFs' if function.kind == 'vf' else ''}"):
                if key in taken:
                    raise Bad(f'{key} is taken by {taken[key].name}')
                taken[key] = function
            found.append(function)
        except Bad as bad:
            raise Bad(f'{place}: {bad}') from None
    for vf in (f for f in found if f.kind == 'vf'):
        vf.pf = taken.get(f'slot {vf.slot}')
        if not vf.pf or vf.pf.kind != 'pf' or vf.pf.options.get('arch') not in (None, vf.options.get('arch')):
            raise Bad(f'{path.parent.name}/{path.name}: slot {vf.slot} has the VF {vf.name}, and no PF')
    return found


def qemu_config(functions, arch):
    """Return the functions of ARCH as QEMU's -readconfig takes them."""
    devices = {}
    # QEMU wants a VF before its PF.
    for function in sorted((f for f in functions if f.on(arch)), key=lambda f: (f.slot, not f.pf)):
        port = devices.setdefault(f'rp{function.slot}', {'driver': 'pcie-root-port', 'bus': 'pcie.0', 'addr': f'0x{function.slot:x}.0x0',
                                                         'chassis': function.slot, 'slot': function.slot})
        port.update((key[5:], value) for key, value in function.options.items() if key.startswith('port.'))
        devices.update(function.devices())
    return '# SPDX-License-Identifier: GPL-2.0\n# Generated from bench/functions.\n' + ''.join(
        f'\n[device "{id_}"]\n' + ''.join(f'  {key} = "{value}"\n' for key, value in device.items()) for id_, device in devices.items())


def c_header(functions, arch):
    """Return the functions of ARCH as bench/guest has them: struct function_info of bench.h."""
    names, rows = '', ''
    for function in (f for f in functions if f.on(arch)):
        id_, device = next(function.devices())
        flags = {'is_vf': function.pf, 'ats': function.ats == 'on', 'quirked': 'quirk' in function.options,
                 'external': 'external' in function.options, 'unaligned': function.options.get('page-aligned') == 'off',
                 'ignores_inv': function.options.get('ignore-inv') == 'on'}
        device = ','.join([device.pop('driver'), f'id={id_}', *(f'{key}={value}' for key, value in device.items())])
        names += f'\t{function.name.upper()},\n'
        rows += (f'\t[{function.name.upper()}] = {{\n\t\t.id = "{id_}", .slot = {function.slot}, .count = {function.count}, '
                 f'.pf = {(function.pf or function).name.upper()},\n\t\t.device = "{device}",\n'
                 + ''.join(f'\t\t.{flag} = true,\n' for flag, value in flags.items() if value) + '\t},\n')
    return ('/* SPDX-License-Identifier: GPL-2.0 */\n/* Generated from bench/functions; bench.h includes it. */\n'
            f'enum function_name {{\n{names}\tFUNCTIONS\n}};\n\nstatic const struct function_info functions[FUNCTIONS] = {{\n{rows}}};\n')


# ---- machines

def merged(inherited, own):
    """Return the words of both; NAME=VALUE of OWN replaces the word with the same name."""
    return ' '.join({word.partition('=')[0]: word for word in f'{inherited} {own}'.split()}.values())


class Machine:
    """One stanza of bench/machines. Each field is an attribute: machine.device_tree; one that is missing is ''."""

    def __init__(self, fields):
        self.fields = fields
        vars(self).update((field.lower().replace('-', '_'), fields.get(field, '')) for field in FIELDS)
        self.name, self.qemu = self.machine, f'qemu-system-{QEMU_ARCH[self.arch]}'

    def arguments(self, kernel='', initrd='', config='', *, dtb='', acpi_table='', accel='tcg', sanitizers=False):
        """Return QEMU's arguments, but for -append and where the output goes. CONFIG is a file of qemu_config(); DTB and ACPI_TABLE are
        for a machine with Device-tree or Acpi-table; ACCEL=kvm is for a machine with Kvm, elsewhere it has no effect."""
        shift = sanitizers and self.icount_sanitizers or self.icount
        options = [('-icount', shift and f'shift={shift},sleep=off'), ('-accel', self.kvm and accel), ('-M', self.board),
                   ('-cpu', accel == 'kvm' and self.kvm or self.cpu), ('-smp', self.smp), ('-m', self.memory),
                   *(('-global', f'arm-smmuv3.{word}') for word in self.smmu.split()), ('-trace', self.trace), ('-L', self.roms),
                   ('-bios', self.firmware), ('-device', self.device), ('-acpitable', self.acpi_table and f'file={acpi_table}'),
                   ('-dtb', self.device_tree and dtb), ('-kernel', kernel)]
        if not self.functions:
            options += [('-readconfig', config), ('-initrd', initrd)]
            options += [('-set', f'device.{id_}.{key}={function.options[key]}') for function in read_functions() if function.on(self.arch)
                        for id_, _ in function.devices() for key in self.set.split() if key in function.options]
        return [str(word) for option, value in options if value for word in (option, value)]

    def command_line(self, base_args='', filters=(), parameters=()):
        """Return the kernel's command line. BASE_ARGS is what the kernel wants on every machine; FILTERS are the cases to run, without the
        machine's name, none for all; PARAMETERS replace those of the stanza that have the same name."""
        words = [merged(self.kernel, ' '.join(parameters)), self.program and f'bench.machine={self.hardware} bench.program={self.program}', base_args]
        if filters and self.program:
            words.append('bench.filter=' + ','.join(f'-r,{case}' for case in filters))
        elif len(filters) > 1:
            raise Bad(f'{self.name} runs all cases or one glob, not {len(filters)}')
        elif filters:
            words.append(f'kunit.filter_glob={filters[0]}')
        return ' '.join(filter(None, words))


def make_machine(own, machines):
    """Return the machine of a stanza that has the fields OWN; MACHINES are those above it."""
    name, like = own.get('Machine', 'a stanza'), own.get('Like')
    if name in machines:
        raise Bad(f'{name}: another machine has this name')
    if like and like not in machines:
        raise Bad(f'{name}: Like: no machine above is called {like}')
    fields = {field: value for field, value in machines[like].fields.items() if field != 'What'} if like else {}
    fields |= {field: merged(fields.get(field, ''), value) if field in LISTS else value for field, value in own.items()}
    for field in REQUIRED + (() if 'Functions' in fields else REQUIRED_WITH_FUNCTIONS):
        if field not in fields:
            raise Bad(f'{name} has no {field}')
    return Machine(fields)


def read_machines(path=BENCH / 'machines'):
    """Return all machines by name, in the order of the file."""
    machines, own = {}, {}
    for place, line in [*lines_of(path), (path.name, '')]:
        field, _, value = (part.strip() for part in line.partition(':'))
        try:
            if not line and own:
                machine = make_machine(own, machines)
                machines[machine.name], own = machine, {}
            elif field in own:
                raise Bad(f'{field} is there twice')
            elif line and field not in FIELDS:
                raise Bad(f"unknown field \"{field}\": there are {' '.join(FIELDS)}")
            elif line:
                check(field, value, FIELDS[field])
                own[field] = value
        except Bad as bad:
            raise Bad(f'{place}: {bad}') from None
    return machines


def machine_called(name):
    """Return the machine of that name."""
    machines = read_machines()
    if name not in machines:
        raise Bad(f"no machine is called {name}: there are {' '.join(machines)}")
    return machines[name]


def main(command, name, *words):
    """machines config|header ARCH, or arguments|command_line MACHINE KEY=VALUE...: print QEMU's configuration or the C header of the functions;
    or what Machine.arguments() or .command_line() returns. Filters and parameters are lists of words."""
    if command in ('config', 'header'):
        check('ARCH', name, FIELDS['Arch'])
        sys.stdout.write((qemu_config if command == 'config' else c_header)(read_functions(), name))
        return GOOD
    given = dict(word.partition('=')[::2] for word in words)
    given |= {key: given[key].split() for key in ('filters', 'parameters') if key in given}
    try:
        found = {'arguments': Machine.arguments, 'command_line': Machine.command_line}[command](machine_called(name), **given)
    except (KeyError, TypeError):
        raise Bad('usage: judge machines config|header ARCH, or arguments|command_line MACHINE KEY=VALUE...') from None
    print(found if isinstance(found, str) else ' '.join(found))
    return GOOD
