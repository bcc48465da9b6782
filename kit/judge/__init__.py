# SPDX-License-Identifier: GPL-2.0
"""judge: runs programs on machines with a kernel, and reads the results against the holes."""
