# SPDX-License-Identifier: GPL-2.0
"""Errors that a user can mend."""


class Bad(Exception):
    """A mistake of the user's: one line says what is wrong and how to mend it."""
