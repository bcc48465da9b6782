# SPDX-License-Identifier: GPL-2.0
"""Boots one machine of the bench, keeps what it says, does what it asks for, and tells when it was lost."""
import json
import os
import socket
import subprocess
import time

SILENCE = int(os.environ.get('SILENCE', '60'))  # seconds without a word after which a machine is lost


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
    """Return our end of a socket, QEMU's end as a -chardev, and its descriptor."""
    ours, theirs = socket.socketpair()
    return ours, f'socket,id={name},fd={theirs.fileno()}', theirs


def follow(port, monitor, results):
    """Copy what comes from the guest until its final line; return why the machine is lost, or ''."""
    rest = b''
    while True:
        try:
            data = port.recv(65536)
        except socket.timeout:
            return f'it said nothing for {SILENCE} s'
        if not data:
            return 'it died before its final line'
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


def last_line(path):
    """Return the last line of a file that says something."""
    try:
        with open(path, encoding='utf-8', errors='replace') as lines:
            return next((line.strip() for line in reversed(lines.readlines()) if line.strip()), '')
    except OSError:
        return ''


def outcome(out, why):
    """Return (exit code, why) of a machine that was lost: 2 if QEMU did not even start."""
    if not why:
        return 0, ''
    said = last_line(f'{out}.stderr')
    if said and not (os.path.exists(f'{out}.console') and os.path.getsize(f'{out}.console')):
        return 2, f'QEMU did not start: {said}'
    return 3, f'{why}; its console ends: {last_line(f"{out}.console")}'


def boot(out, arguments):
    """Boot QEMU with ARGUMENTS. OUT.ktap gets what the guest writes to its port, OUT.console the kernel's console, OUT.trace QEMU's
    trace. A line "@command" on the port is done in QEMU's monitor, and answered with a line. Return (0 whole, 2 not started, 3 lost; why)."""
    port, port_chardev, port_end = chardev('port')
    qmp, qmp_chardev, qmp_end = chardev('qmp')
    command = [*arguments, '-display', 'none', '-nodefaults', '-no-reboot',
               '-chardev', qmp_chardev, '-mon', 'chardev=qmp,mode=control',
               '-serial', f'file:{out}.console', '-chardev', port_chardev, '-serial', 'chardev:port',
               '-trace', 'ats_testdev_mark', '-D', f'{out}.trace']
    with port, qmp, open(f'{out}.ktap', 'w', encoding='utf-8') as results, open(f'{out}.stderr', 'w', encoding='utf-8') as errors:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=errors,
                              pass_fds=(port_end.fileno(), qmp_end.fileno())) as machine:
            port_end.close()
            qmp_end.close()
            port.settimeout(SILENCE)
            qmp.settimeout(SILENCE)
            try:
                why = follow(port, Monitor(qmp), results)
                if not why:
                    machine.wait(SILENCE)
            except (OSError, ValueError):
                why = 'QEMU died'
            except subprocess.TimeoutExpired:
                why = 'it did not power off'
            finally:
                machine.kill()
    return outcome(out, why)


def boot_console(out, arguments):
    """Boot what reports on its console alone, QEMU or UML, and wait for its end. The console goes to a file and is read when it is whole:
    UML drops output when the reader of a pipe is slow. Return as boot()."""
    console = f'{out}.console'
    with open(console, 'wb') as log, open(f'{out}.stderr', 'wb') as errors:
        with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=errors) as machine:
            size, since, why = -1, time.monotonic(), ''
            while machine.poll() is None and not why:
                time.sleep(0.05)
                if os.path.getsize(console) != size:
                    size, since = os.path.getsize(console), time.monotonic()
                elif time.monotonic() - since > SILENCE:
                    why = f'it said nothing for {SILENCE} s'
            machine.kill()
    return outcome(out, why)
