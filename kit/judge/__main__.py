# SPDX-License-Identifier: GPL-2.0
"""./judge COMMAND: see COMMANDS."""
import sys

from judge import queue
from judge.errors import Bad

COMMANDS = {'prepare': queue.main, 'refresh': queue.main, 'queue': queue.main}


def main(words):
    """Run a command; its exit code."""
    command = words[0] if words else ''
    try:
        if command not in COMMANDS:
            raise Bad(f'no such command (known: {" ".join(COMMANDS)})')
        return COMMANDS[command](*words)
    except Bad as error:
        print(f'{command or "judge"}: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


sys.exit(main(sys.argv[1:]))
