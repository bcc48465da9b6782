# SPDX-License-Identifier: GPL-2.0
"""The machine of kunit.py --arch=arm64, with an SMMUv3 in front of its PCIe root complex."""
from ..qemu_config import QemuArchParams

QEMU_ARCH = QemuArchParams(
    linux_arch='arm64',
    kconfig='''
CONFIG_SERIAL_AMBA_PL011=y
CONFIG_SERIAL_AMBA_PL011_CONSOLE=y
''',
    qemu_arch='aarch64',
    # Not the Image.gz of upstream's configuration: packing it takes longer than booting it.
    kernel_path='arch/arm64/boot/Image',
    kernel_command_line='console=ttyAMA0',
    # "max" and not a named CPU: the one choice that works with and without hardware virtualisation.
    extra_qemu_params=['-machine', 'virt,iommu=smmuv3,gic-version=max', '-cpu', 'max', '-smp', '1'])
