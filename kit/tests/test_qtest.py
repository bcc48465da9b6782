# SPDX-License-Identifier: GPL-2.0
"""What a test of QEMU says, and when it was a QEMU that died."""
import unittest

from judge import qtest

LEFT = ['/x/one', '/x/two', '/x/three']
ONE = '# starting QEMU\nok 1 /aarch64/x/one\n'


class Read(unittest.TestCase):
    """read(), of outputs as GLib writes them."""

    def outcome(self, output, code=0):
        """Return {path: (status, why)} of a test whose first case has passed."""
        found = qtest.read(ONE + output, code, LEFT)
        self.assertEqual(found.pop('/x/one'), ('pass', ''))
        return found

    def test_whole(self):
        """Passed, skipped and failed; what is not asked for is left out."""
        self.assertEqual(self.outcome('ok 2 /aarch64/x/two # SKIP no KVM\nnot ok 3 /aarch64/x/three - ERROR:x.c:1: no\nok 4 /aarch64/y\n', 1),
                         {'/x/two': ('skip', 'no KVM'), '/x/three': ('fail', 'ERROR:x.c:1: no')})

    def test_failed_assertion(self):
        """The test ends, with or without a result of the case; the last is run again."""
        self.assertEqual(self.outcome('**\nBail out! ERROR:x.c:2: no\n', 134), {'/x/two': ('fail', 'ERROR:x.c:2: no')})
        self.assertEqual(self.outcome('ERROR:x.c:2: no\nnot ok 2 /aarch64/x/two\nBail out!\n', 134), {'/x/two': ('fail', 'ERROR:x.c:2: no')})

    def test_death(self):
        """QEMU dies: of itself, or it says why it does not start."""
        death = 'tests/libqtest.c:1: kill_qemu() detected QEMU death from signal 6\n'
        self.assertEqual(self.outcome(f'{death}Bail out!\n', 134), {'/x/two': ('lost', f'ended early: {death.strip()}')})
        self.assertEqual(self.outcome('qemu-system-aarch64: no such device\n' + death, 134),
                         {'/x/two': ('lost', 'ended early: qemu-system-aarch64: no such device')})
        self.assertEqual(self.outcome('', 139), {'/x/two': ('lost', 'ended early: exit code 139')})

    def test_late(self):
        """A case hangs: those behind it cannot be told from it."""
        self.assertEqual([(path, status) for path, (status, _) in self.outcome('', 124).items()], [('/x/two', 'lost'), ('/x/three', 'lost')])
