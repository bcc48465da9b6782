# SPDX-License-Identifier: GPL-2.0
"""How the front door's programs end."""

# Exit codes of every program: see docs/results.md.
GOOD, FAILED, BAD_USE, LOST = 0, 1, 2, 3


class Bad(Exception):
    """A mistake of the user's: one line says what is wrong and how to mend it."""
