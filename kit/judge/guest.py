# SPDX-License-Identifier: GPL-2.0
"""Boots one machine of the bench, keeps what it says, does what it asks for, and tells when it was lost."""
import json
import os
import socket
import subprocess
import time

from .errors import BAD_USE, GOOD, LOST
from .results import text_of

# Seconds without a word after which a machine is lost: of processor time, as others may keep the host busy, or five times as many on the clock.
SILENCE = int(os.environ.get('SILENCE', '60'))
CALM = 5


class Patience:
    """How long a machine has said nothing."""

    def __init__(self, machine):
        self.machine = machine
        self.heard()

    def now(self):
        """Return the processor time of the machine and the clock, in seconds."""
        try:
            with open(f'/proc/{self.machine.pid}/stat', encoding='ascii', errors='replace') as stat:
                used = stat.read().rpartition(')')[2].split()[11:13]
        except OSError:
            used = ()
        return sum(int(ticks) for ticks in used) / os.sysconf('SC_CLK_TCK'), time.monotonic()

    def heard(self):
        """Begin again."""
        self.since = self.now()

    def lost(self):
        """Return why it is lost, or ''."""
        used, passed = (now - then for now, then in zip(self.now(), self.since))
        return f'no output for {SILENCE} s' if used > SILENCE or passed > CALM * SILENCE else ''


class Monitor:
    """QEMU's monitor, by way of QMP."""

    def __init__(self, connection):
        self.file = connection.makefile('rw', encoding='utf-8')
        self.file.readline()  # the greeting
        self.execute('qmp_capabilities')

    def execute(self, command, **arguments):
        """Return the answer to COMMAND, leaving out the events that come before it."""
        self.file.write(json.dumps({'execute': command, 'arguments': arguments}) + '\n')
        self.file.flush()
        for line in self.file:
            answer = json.loads(line)
            if 'return' in answer or 'error' in answer:
                return answer
        return {'error': {'desc': 'QEMU has ended'}}

    def human(self, line):
        """Return what the monitor says to LINE, in one line; it says nothing when all went well."""
        answer = self.execute('human-monitor-command', **{'command-line': line})
        text = answer['error']['desc'] if 'error' in answer else answer['return']
        return ' '.join(text.split()) or 'ok'


def follow(port, monitor, results, patience):
    """Copy what comes from the guest until its final line; return why the machine is lost, or ''."""
    rest = b''
    while True:
        try:
            data = port.recv(65536)
        except socket.timeout:
            if why := patience.lost():
                return why
            continue
        patience.heard()
        if not data:
            return 'it ended before its final line'
        *lines, rest = (rest + data).split(b'\n')
        for line in lines:
            text = line.decode(errors='replace').rstrip('\r')
            if text.startswith('@'):
                port.sendall((monitor.human(text[1:]) + '\n').encode())
                text = '# host: ' + text[1:]
            results.write(text + '\n')
            results.flush()
            if text.startswith('# bench: end '):
                if not text.startswith('# bench: end status='):
                    return f'its program was killed: {text[13:]}'
                return 'its program could not be run' if text == '# bench: end status=127' else ''


def outcome(out, why):
    """Return (exit code, why) of a machine that was lost for some reason, if any. It is no fault of the machine's if QEMU did not even start."""
    said, console = (text_of(f'{out}.{suffix}').strip().rpartition('\n')[2].strip() for suffix in ('stderr', 'console'))
    if why and said and not console:
        return BAD_USE, f'QEMU did not start: {said}'
    return (LOST, f'{why}; its console ends: {console}') if why else (GOOD, '')


def boot(out, arguments):
    """Boot QEMU with ARGUMENTS. OUT.ktap gets what the guest writes to its port, OUT.console the kernel's console, OUT.trace QEMU's
    trace. A line "@command" on the port is done in QEMU's monitor, and answered with a line. Return (0 whole, 2 not started, 3 lost; why)."""
    port, port_end = socket.socketpair()
    qmp, qmp_end = socket.socketpair()
    command = [*arguments, '-display', 'none', '-nodefaults', '-no-reboot',
               '-chardev', f'socket,id=qmp,fd={qmp_end.fileno()}', '-mon', 'chardev=qmp,mode=control', '-serial', f'file:{out}.console',
               '-chardev', f'socket,id=port,fd={port_end.fileno()}', '-serial', 'chardev:port', '-trace', 'ats_testdev_mark', '-D', f'{out}.trace']
    with port, qmp, open(f'{out}.ktap', 'w', encoding='utf-8') as results, open(f'{out}.stderr', 'w', encoding='utf-8') as errors:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=errors, pass_fds=(port_end.fileno(), qmp_end.fileno())) as machine:
            for end in (port_end, qmp_end):
                end.close()
            port.settimeout(1)
            qmp.settimeout(CALM * SILENCE)
            try:
                why = follow(port, Monitor(qmp), results, Patience(machine))
                if not why:
                    machine.wait(CALM * SILENCE)
            except (OSError, ValueError):
                why = 'QEMU ended unexpectedly'
            except subprocess.TimeoutExpired:
                why = 'it did not power off'
            finally:
                machine.kill()
    return outcome(out, why)


def boot_console(out, arguments):
    """Boot what reports on its console alone, QEMU or UML, and wait for its end. The console goes to a file and is read when it is whole:
    UML drops output when the reader of a pipe is slow. Return as boot()."""
    with open(f'{out}.console', 'wb') as log, open(f'{out}.stderr', 'wb') as errors:
        with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=errors) as machine:
            size, patience, why = -1, Patience(machine), ''
            while machine.poll() is None and not why:
                time.sleep(0.05)
                if os.path.getsize(log.name) != size:
                    size = os.path.getsize(log.name)
                    patience.heard()
                else:
                    why = patience.lost()
            machine.kill()
    return outcome(out, why)
