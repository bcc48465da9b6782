#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""run.py OUT QEMU ARGUMENT...: boot one machine of the bench and keep what it says.

OUT.ktap gets what the guest writes to its result port, OUT.console the kernel's console, OUT.trace QEMU's trace. A line
"@command" on the port is done in QEMU's monitor, and answered with a line. Exit codes: 0 the guest has ended the run with
its final line, 2 QEMU did not start, 3 the machine was lost: it died, or said nothing for SILENCE seconds, before that line, or
that says that its program could not be run, or was killed.
"""
import json
import os
import socket
import subprocess
import sys

SILENCE = int(os.environ.get('SILENCE', '60'))


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
        while True:
            line = self.file.readline()
            if not line:
                return {'error': {'desc': 'QEMU has gone'}}
            answer = json.loads(line)
            if 'return' in answer or 'error' in answer:
                return answer

    def human(self, line):
        """Return what the monitor says to LINE, in one line; it says nothing when all went well."""
        answer = self.execute('human-monitor-command', **{'command-line': line})
        text = answer.get('return', answer.get('error', {}).get('desc', ''))
        return ' '.join(text.split()) or 'ok'


def chardev(name):
    """Return our end of a socket, and QEMU's end as a -chardev and a descriptor."""
    ours, theirs = socket.socketpair()
    return ours, f'socket,id={name},fd={theirs.fileno()}', theirs


def follow(port, monitor, results):
    """Copy what comes from the guest until its final line; True when that came, and its program has come to its end."""
    rest = b''
    while True:
        try:
            data = port.recv(65536)
        except socket.timeout:
            return False
        if not data:
            return False
        *lines, rest = (rest + data).split(b'\n')
        for line in lines:
            text = line.decode(errors='replace').rstrip('\r')
            if text.startswith('@'):
                port.sendall((monitor.human(text[1:]) + '\n').encode())
                text = '# host: ' + text[1:]
            results.write(text + '\n')
            results.flush()
            if text.startswith('# bench: end '):
                return text.startswith('# bench: end status=') and text != '# bench: end status=127'


def main():
    """Start QEMU, follow the guest, and wait for the machine to power off."""
    out, qemu, *arguments = sys.argv[1:]
    port, port_chardev, port_end = chardev('port')
    qmp, qmp_chardev, qmp_end = chardev('qmp')
    command = [qemu, *arguments, '-display', 'none', '-nodefaults', '-no-reboot',
               '-chardev', qmp_chardev, '-mon', 'chardev=qmp,mode=control',
               '-serial', f'file:{out}.console', '-chardev', port_chardev, '-serial', 'chardev:port',
               '-trace', 'ats_testdev_mark', '-D', f'{out}.trace']
    with open(f'{out}.ktap', 'w', encoding='utf-8') as results, open(f'{out}.stderr', 'w', encoding='utf-8') as errors:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=errors,
                              pass_fds=(port_end.fileno(), qmp_end.fileno())) as machine:
            port_end.close()
            qmp_end.close()
            port.settimeout(SILENCE)
            qmp.settimeout(SILENCE)
            try:
                done = follow(port, Monitor(qmp), results)
                if done:
                    machine.wait(SILENCE)
            except (OSError, ValueError, subprocess.TimeoutExpired):
                done = False
            finally:
                machine.kill()
    if done:
        return 0
    with open(f'{out}.stderr', encoding='utf-8') as errors:
        said = errors.read().strip()
    started = os.path.exists(f'{out}.console') and os.path.getsize(f'{out}.console')
    if said and not started:
        print(f'run.py: QEMU did not start: {said.splitlines()[0]}', file=sys.stderr)
        return 2
    return 3


if __name__ == '__main__':
    sys.exit(main())
