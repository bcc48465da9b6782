# SPDX-License-Identifier: GPL-2.0
# The board of the bench, what is plugged into it, and what QEMU's own tests in tests.sh ask for: not the other boards.
CONFIG_ARM_VIRT=y
CONFIG_PCIE_PORT=y
CONFIG_ATS_TESTDEV=y
CONFIG_EDU=y
CONFIG_PCI_TESTDEV=y
CONFIG_VIRTIO_PCI=y
CONFIG_VIRTIO_NET=y
CONFIG_VIRTIO_BLK=y
CONFIG_VIRTIO_RNG=y
CONFIG_VIRTIO_IOMMU=y
CONFIG_CXL=y
CONFIG_CXL_MEM_DEVICE=y
CONFIG_PXB=y
