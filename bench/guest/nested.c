// SPDX-License-Identifier: GPL-2.0
/*
 * Nested translation: a VMM, and the SMMU driver of its guest, for one function. For kernels that have vIOMMUs: the
 * Makefile leaves this file out where the headers have none.
 */
#include <errno.h>
#include <sys/ioctl.h>

#include "bench.h"

#define GUEST_SID 0x42
/* Within the guest's RAM: its CD, its only translation table. */
#define GUEST_CD 0UL
#define GUEST_TABLE PAGE

/**
 * guest_tables() - what the guest's driver writes to its RAM: addresses of the function are addresses in that RAM
 * @ram: GUEST_RAM_SIZE bytes
 */
void guest_tables(uint64_t *ram)
{
	uint64_t *cd = ram + GUEST_CD / 8;

	/* CD: 4K granule, 39 bits, walks in write-back memory, AA64, A, R, no second table, valid. */
	cd[0] = 25 | 1 << 8 | 1 << 10 | 3 << 12 | 1ULL << 30 | 1ULL << 31 | 4ULL << 32 | 1ULL << 41 | 1ULL << 45 |
		1ULL << 46 | 1ULL << 47 | 1ULL << 48;
	cd[1] = GUEST_RAM + GUEST_TABLE;
	cd[3] = 0xff;
	/* The first GiB of its addresses is the GiB that its RAM is in: a block, AF, inner shareable, unprivileged. */
	ram[GUEST_TABLE / 8] = GUEST_RAM | 1 << 10 | 3 << 8 | 1 << 6 | 1;
}

/**
 * nested_attach() - attach a claimed function to a nested domain, and start it
 * @v: the function; its IOAS has the guest's RAM
 * @eats: STE.EATS in the guest's stream table
 * @viommu: the function's vIOMMU, which has its vDEVICE, or 0: then both are made, and this is filled in
 */
int nested_attach(struct vfio *v, bool eats, uint32_t *viommu)
{
	struct iommu_hwpt_alloc parent = {
		.size = sizeof(parent), .flags = IOMMU_HWPT_ALLOC_NEST_PARENT, .dev_id = v->dev_id, .pt_id = v->ioas,
	};
	struct iommu_viommu_alloc alloc = {
		.size = sizeof(alloc), .type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3, .dev_id = v->dev_id,
	};
	struct iommu_vdevice_alloc vdevice = { .size = sizeof(vdevice), .dev_id = v->dev_id, .virt_id = GUEST_SID };
	/* V, Config stage 1, the CD; CD reads in write-back memory, EATS */
	struct iommu_hwpt_arm_smmuv3 ste = {
		.ste = { 1 | 5 << 1 | (GUEST_RAM + GUEST_CD), 1 << 2 | 1 << 4 | 3 << 6 | (uint64_t)eats << 28 },
	};
	struct iommu_hwpt_alloc nested = {
		.size = sizeof(nested), .dev_id = v->dev_id, .data_type = IOMMU_HWPT_DATA_ARM_SMMUV3,
		.data_len = sizeof(ste), .data_uptr = (uintptr_t)&ste,
	};

	if (!*viommu) {
		if (ioctl(v->iommufd, IOMMU_HWPT_ALLOC, &parent))
			return -errno;
		alloc.hwpt_id = parent.out_hwpt_id;
		if (ioctl(v->iommufd, IOMMU_VIOMMU_ALLOC, &alloc))
			return -errno;
		vdevice.viommu_id = alloc.out_viommu_id;
		if (ioctl(v->iommufd, IOMMU_VDEVICE_ALLOC, &vdevice))
			return -errno;
		*viommu = alloc.out_viommu_id;
	}
	nested.pt_id = *viommu;
	if (ioctl(v->iommufd, IOMMU_HWPT_ALLOC, &nested))
		return -errno;
	return iommufd_attach(v, nested.out_hwpt_id);
}

static int guest_command(const struct vfio *v, uint32_t viommu, uint64_t low, uint64_t high, uint32_t *handled)
{
	struct iommu_viommu_arm_smmuv3_invalidate command = { .cmd = { low, high } };
	struct iommu_hwpt_invalidate invalidate = {
		.size = sizeof(invalidate), .hwpt_id = viommu, .data_uptr = (uintptr_t)&command,
		.data_type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3, .entry_len = sizeof(command), .entry_num = 1,
	};
	int ret = ioctl(v->iommufd, IOMMU_HWPT_INVALIDATE, &invalidate) ? -errno : 0;

	*handled = invalidate.entry_num;
	return ret;
}

/**
 * guest_atc_inv() - the guest's CMD_ATC_INV for all that it knows of the function
 * @v: the function
 * @viommu: as nested_attach() has filled it in
 * @handled: is filled in: how many commands the kernel says it has handled
 */
int guest_atc_inv(const struct vfio *v, uint32_t viommu, uint32_t *handled)
{
	return guest_command(v, viommu, 0x40 | (uint64_t)GUEST_SID << 32, 52, handled);
}

/**
 * guest_tlbi() - the guest's CMD_TLBI_NH_ALL
 * @v: a function
 * @viommu: as nested_attach() has filled it in
 * @handled: is filled in: how many commands the kernel says it has handled
 */
int guest_tlbi(const struct vfio *v, uint32_t viommu, uint32_t *handled)
{
	return guest_command(v, viommu, 0x10, 0, handled);
}
