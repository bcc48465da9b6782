# SPDX-License-Identifier: GPL-2.0
"""What judges a kernel: holes, kernels, machines, verdicts."""
