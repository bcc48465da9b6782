# SPDX-License-Identifier: GPL-2.0
"""bench/functions and bench/machines, and what is made of them."""
from common import Folder, said
from judge import machines
from judge.errors import Bad

FUNCTIONS = machines.read_functions()
MACHINES = machines.read_machines()
MACHINE = 'Machine: a\nArch: arm64\nProgram: p\nHardware: ats\nInitramfs: i\nBoard: virt\nCpu: c\nSmp: 1\nMemory: 512\n' \
    'Kernel: k=1 l\nResults: port\n'


def options(arguments):
    """Return the values of each of QEMU's options."""
    found = {}
    for option, value in zip(arguments[::2], arguments[1::2]):
        found.setdefault(option, []).append(value)
    return found


class Case(Folder):
    """A test that reads a text of its own."""

    def read(self, reader, text):
        """Return what READER makes of TEXT."""
        return reader(self.write('file', text))

    def refuses(self, reader, text, says):
        """READER has to refuse TEXT in one line that SAYS what is wrong."""
        with self.subTest(text=text), self.assertRaises(Bad) as caught:
            self.read(reader, text)
        self.assertIn(says, str(caught.exception))
        self.assertNotIn('\n', str(caught.exception))


class Functions(Case):
    """The reader of bench/functions."""

    def test_errors(self):
        for text, says in (('a 2 pf\n', ':1: a line begins with name, slot, kind, ats'),
                           ('# x\na 1 pf on\n', ':2: slot cannot be "1"'),
                           ('a 2 fp on\n', 'kind cannot be "fp"'),
                           ('a 2 pf maybe\n', 'ats cannot be "maybe"'),
                           ('a 2 pf on aers=on\n', 'unknown column "aers"'),
                           ('a 2 pf on aer\n', 'aer cannot be ""'),
                           ('a 2 pf on aer=on aer=off\n', 'aer is there twice'),
                           ('a 2 pf on quirk=1234\n', 'quirk cannot be "1234"'),
                           ('a 2 pf on count=2\n', 'count= is for VFs only'),
                           ('a 2 pf on\nb 2 function on\n', ':2: slot 2 is taken by a'),
                           ('a 2 pf on\nb 2 vf on\nc 2 vf on\n', ':3: slot 2 for VFs is taken by b'),
                           ('a 2 pf on\na 3 pf on\n', 'name a is taken by a'),
                           ('b 2 vf on\n', 'slot 2 has the VF b, and no PF'),
                           ('a 2 function on\nb 2 vf on\n', 'slot 2 has the VF b, and no PF'),
                           ('a 2 pf on arch=x86\nb 2 vf on\n', 'slot 2 has the VF b, and no PF')):
            self.refuses(machines.read_functions, text, says)

    def test_config(self):
        found = self.read(machines.read_functions, 'a 2 pf off port.hotplug=off quirk=8086:1452 pasid-width=4\nb 2 vf on count=8 aer=on\n')
        config = machines.qemu_config(found, 'arm64')
        self.assertEqual(['rp2', *(f'b.{n}' for n in range(1, 9)), 'a'],
                         [line.split('"')[1] for line in config.splitlines() if line.startswith('[')])
        self.assertIn('[device "rp2"]\n  driver = "pcie-root-port"\n  bus = "pcie.0"\n  addr = "0x2.0x0"\n  chassis = "2"\n  slot = "2"\n'
                      '  hotplug = "off"\n', config)
        self.assertIn('[device "b.8"]\n  driver = "ats-testdev"\n  bus = "rp2"\n  addr = "0x1.0x0"\n  sriov-pf = "a"\n  ats = "on"\n'
                      '  aer = "on"\n', config)
        self.assertIn('  addr = "0x0.0x0"\n  ats = "off"\n  vendor-id = "0x8086"\n  device-id = "0x1452"\n', config)
        self.assertNotIn('pasid', config)

    def test_arch(self):
        for make in (machines.qemu_config, machines.c_header):
            self.assertNotIn('unaligned', make(FUNCTIONS, 'arm64').lower())
            self.assertIn('unaligned', make(FUNCTIONS, 'x86').lower())

    def test_header(self):
        found = self.read(machines.read_functions, 'a 2 pf off\nb 2 vf on quirk=8086:1452 ignore-inv=on\n')
        header = machines.c_header(found, 'arm64')
        self.assertIn('enum function_name {\n\tA,\n\tB,\n\tFUNCTIONS\n};', header)
        self.assertIn('[A] = {\n\t\t.id = "a", .slot = 2, .count = 1, .pf = A,\n'
                      '\t\t.device = "ats-testdev,id=a,bus=rp2,addr=0x0.0x0,ats=off",\n\t},', header)
        for flag in ('is_vf', 'ats', 'quirked', 'ignores_inv'):
            self.assertEqual(1, header.count(f'.{flag} = true,'))
        self.assertNotIn('external', header)

    def test_port_of_the_acpi_table(self):
        slot, = {f.slot for f in FUNCTIONS if 'external' in f.options}
        self.assertIn(f'PCI0.S{slot << 3:02X}', (machines.BENCH / 'external-facing.asl').read_text(encoding='utf-8'))


class Machines(Case):
    """The reader of bench/machines, and what a machine is started with."""

    def test_errors(self):
        for text, says in (('Machine: a\nArhc: x86\n', ':2: unknown field "Arhc"'),
                           ('Machine: a\nMachine: b\n', ':2: Machine is there twice'),
                           ('Machine: a\nArch: mips\n', ':2: Arch cannot be "mips"'),
                           ('Machine: a\nSmp: two\n', ':2: Smp cannot be "two"'),
                           ('Machine: a\nSet: ats\n', ':2: Set cannot be "ats"'),
                           ('Machine: a\nNeeds:\n', ':2: Needs cannot be ""'),
                           ('Arch: x86\n', 'a stanza has no Machine'),
                           (MACHINE.replace('Smp: 1\n', ''), 'a has no Smp'),
                           (MACHINE.replace('Program: p\n', ''), 'a has no Program'),
                           (MACHINE + '\n' + MACHINE, 'a: another machine has this name'),
                           ('Machine: b\nLike: a\n', 'b: Like: no machine above is called a')):
            self.refuses(machines.read_machines, text, says)

    def test_like(self):
        found = self.read(machines.read_machines, MACHINE + 'What: w\nSMMU: ats=on\n\nMachine: b\nLike: a\nSmp: 2\nSMMU: fwb=on ats=off\n'
                                                            'Kernel: m k=2\n')
        self.assertEqual(['a', 'b'], list(found))
        self.assertEqual(('2', '512', '', 'ats=off fwb=on', 'k=2 l m'),
                         (found['b'].smp, found['b'].memory, found['b'].what, found['b'].smmu, found['b'].kernel))
        self.assertEqual('1', found['a'].smp)

    def test_arguments(self):
        given = {name: options(machine.arguments('K', 'I', 'C', dtb='D', acpi_table='A')) for name, machine in MACHINES.items()}
        self.assertEqual(['shift=0,sleep=off'], given['ats']['-icount'])
        self.assertEqual(['shift=3,sleep=off'], given['timeouts']['-icount'])
        self.assertEqual(['arm-smmuv3.fwb=on', 'arm-smmuv3.ats=on'], given['ats']['-global'])
        self.assertEqual(['arm-smmuv3.fwb=on', 'arm-smmuv3.ats=off'], given['smmu-without-ats']['-global'])
        self.assertEqual({'smmu-without-ats', 'root-without-ats'}, {name for name, found in given.items() if '-dtb' in found})
        self.assertEqual(['/usr/share/qemu-efi-aarch64/QEMU_EFI.fd'], given['acpi']['-bios'])
        self.assertIn('device.pf_on_of_vf_off.cxl-cache=on', given['pasid']['-set'])
        self.assertEqual({'pasid'}, {name for name, found in given.items() if '-set' in found})
        self.assertEqual(['file=A'], given['vtd']['-acpitable'])
        self.assertEqual(['K'], given['kunit']['-kernel'])
        self.assertEqual({'kunit'}, {name for name, found in given.items() if not {'-readconfig', '-initrd'} <= found.keys()})

    def test_sanitizers_and_kvm(self):
        self.assertIn('shift=0,sleep=off', MACHINES['timeouts'].arguments('K', sanitizers=True))
        for accel, name, cpu in (('kvm', 'vtd', 'host'), ('tcg', 'vtd', 'max'), ('kvm', 'ats', 'cortex-a72')):
            found = options(MACHINES[name].arguments('K', accel=accel))
            self.assertEqual([cpu], found['-cpu'])
            self.assertEqual([accel] if name == 'vtd' else None, found.get('-accel'))

    def test_command_line(self):
        self.assertEqual('console=ttyAMA0 kunit.enable=0 panic=-1 pcie_port_pm=off pci=noats bench.machine=noats bench.program=scenarios '
                         'pci=x bench.filter=-r,a.b,-r,c.d', MACHINES['noats'].command_line('pci=x', ['a.b', 'c.d']))
        self.assertIn(' bench.seed=35 bench.steps=1 ', MACHINES['walk-1'].command_line(parameters=['bench.seed=35', 'bench.steps=1']))
        self.assertIn('bench.machine=ats bench.program=pasid', MACHINES['pasid'].command_line())
        self.assertIn('bench.next=noats ', MACHINES['kexec-noats'].command_line())
        self.assertTrue(MACHINES['kunit'].command_line(filters=['pci_ats.*']).endswith(' kunit.filter_glob=pci_ats.*'))
        with self.assertRaises(Bad):
            MACHINES['kunit'].command_line(filters=['a', 'b'])

    def test_programs(self):
        for machine in MACHINES.values():
            with self.subTest(machine=machine.name):
                self.assertTrue(machine.functions or (machines.BENCH / 'guest' / f'{machine.initramfs}.list').exists())
                self.assertTrue(machine.functions or machine.needs == 'selftests' or
                                (machines.BENCH / 'guest' / f'{machine.program}.c').exists())
                self.assertTrue(not machine.acpi_table or (machines.BENCH / f'{machine.acpi_table}.asl').exists())

    def test_command(self):
        for arguments, says in (('config arm64', 'id'), ('header x86', 'enum'), ('arguments ats kernel=K', '-kernel K'),
                                ('command_line walk-1 parameters=bench.seed=2', ' bench.seed=2 ')):
            self.assertIn(says, said(machines.main, *arguments.split())[1])
        for arguments, says in (('config mips', 'ARCH cannot be "mips"'), ('arguments nobody kernel=K', 'no machine is called nobody'),
                                ('arguments ats x=1', 'usage'), ('other ats', 'usage')):
            self.assertRaisesRegex(Bad, says, machines.main, *arguments.split())
