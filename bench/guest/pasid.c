// SPDX-License-Identifier: GPL-2.0
/*
 * PASIDs: a machine whose SMMU has SubstreamIDs, and functions with a PASID Capability. A domain is attached to a PASID, while the
 * function itself, its RID, is blocked or has another one. ATS is on if it can be and either of them has something to translate.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "cycles.h"

#define PASID 1

/* Without a PASID: for cycles.h. */
static void check_unmap(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v)
{
	EXPECT_LE(0, vfio_unmap(v, IOVA, BUFFER));
	EXPECT_EQ(0, testdev_get(v->bar, ATS_TESTDEV_ATC_VALID)) {
		TH_LOG("%s: unmapped, and the ATC still has it", f->bdf);
	}
}

FIXTURE(pasid) {
	struct bench b;
};

FIXTURE_VARIANT(pasid) {
	unsigned int slot, vf;
};

FIXTURE_VARIANT_ADD(pasid, plain_on) { .slot = 6 };
FIXTURE_VARIANT_ADD(pasid, plain_off) { .slot = 7 };
FIXTURE_VARIANT_ADD(pasid, pf_off_of_vf_on) { .slot = 3 };
FIXTURE_VARIANT_ADD(pasid, pf_on_of_vf_on) { .slot = 5 };
FIXTURE_VARIANT_ADD(pasid, quirked) { .slot = 9 };
/* A VF uses the PASID Capability of its PF, and has an ATS Capability of its own. */
FIXTURE_VARIANT_ADD(pasid, vf_off_on) { .slot = 3, .vf = 1 };
FIXTURE_VARIANT_ADD(pasid, vf_on_on) { .slot = 5, .vf = 1 };

FIXTURE_SETUP(pasid)
{
#ifndef VFIO_DEVICE_ATTACH_PASID
	SKIP(return, "this kernel's VFIO has no PASIDs");
#endif
	bench_begin(_metadata, &self->b, variant->slot, variant->vf);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
}

FIXTURE_TEARDOWN(pasid)
{
	bench_end(_metadata, &self->b);
}

#ifdef VFIO_DEVICE_ATTACH_PASID
/* A translation of the IOAS @ioas that PASIDs can be attached to, and a RID beside them. */
static int hwpt_of(const struct vfio *v, uint32_t ioas, uint32_t *hwpt)
{
	struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc), .flags = IOMMU_HWPT_ALLOC_PASID, .dev_id = v->dev_id, .pt_id = ioas,
	};

	if (ioctl(v->iommufd, IOMMU_HWPT_ALLOC, &alloc))
		return -errno;
	*hwpt = alloc.out_hwpt_id;
	return 0;
}

static int attach_pasid(const struct vfio *v, uint32_t hwpt)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach), .flags = VFIO_DEVICE_ATTACH_PASID, .pt_id = hwpt, .pasid = PASID,
	};

	return ioctl(v->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ? -errno : 0;
}

static int detach_pasid(const struct vfio *v)
{
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = sizeof(detach), .flags = VFIO_DEVICE_DETACH_PASID, .pasid = PASID,
	};

	return ioctl(v->device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach) ? -errno : 0;
}

/* The function is started, as an attach does the first time, and blocked; @hwpt is for its PASID. */
static void claim_blocked(struct __test_metadata *_metadata, struct bench *b, uint32_t *hwpt)
{
	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	ASSERT_EQ(0, hwpt_of(&b->v, b->v.ioas, hwpt));
	ASSERT_EQ(0, iommufd_attach(&b->v, *hwpt));
	ASSERT_EQ(0, iommufd_detach(&b->v));
}

/* What the commands of the device that follow are for. */
static void with_pasid(const struct vfio *v)
{
	v->bar[ATS_TESTDEV_PASID / 4] = ATS_TESTDEV_PASID_VALID | PASID;
}

static void without_pasid(const struct vfio *v)
{
	v->bar[ATS_TESTDEV_PASID / 4] = 0;
}

/* The PASID translates, the RID does not: what comes without a PASID is terminated. */
static void check_rid_is_blocked(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v)
{
	check(_metadata, f, v, "pasid-of-a-blocked-rid", TRANSLATED);
	EXPECT_EQ(0, smmu_s1dss(f->sid));
	without_pasid(v);
	EXPECT_EQ(usable(f) ? ATS_TESTDEV_CA : ATS_TESTDEV_DISABLED,
		  testdev_do(v->bar, ATS_TESTDEV_CMD_TREQ, IOVA + OFFSET, LENGTH));
}

/* The ATC is told of the PASID, if there is one, and of nothing else. */
static void check_unmap_of_pasid(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v)
{
	uint32_t in_vain = testdev_get(v->bar, ATS_TESTDEV_INVS_UR), before = smmu_cmdq_prod();
	struct commands seen;

	EXPECT_LE(0, vfio_unmap(v, IOVA, BUFFER));
	seen = smmu_commands(before, smmu_cmdq_prod(), f->sid);
	EXPECT_EQ(usable(f), seen.atc_inv > 0) {
		TH_LOG("%s: %u invalidations for its ATC", f->bdf, seen.atc_inv);
	}
	EXPECT_EQ(0, seen.atc_inv_others);
	EXPECT_EQ(in_vain, testdev_get(v->bar, ATS_TESTDEV_INVS_UR));
	if (usable(f))
		EXPECT_EQ(ATS_TESTDEV_PASID_VALID | PASID, testdev_get(v->bar, ATS_TESTDEV_INV_PASID));
	with_pasid(v);
	EXPECT_EQ(usable(f) ? ATS_TESTDEV_MISS : ATS_TESTDEV_DISABLED,
		  testdev_do(v->bar, ATS_TESTDEV_CMD_READ_ATC, IOVA + OFFSET, LENGTH));
}

TEST_F(pasid, of_a_blocked_rid)
{
	struct bench *b = &self->b;
	uint32_t hwpt;

	claim_blocked(_metadata, b, &hwpt);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, attach_pasid(&b->v, hwpt));
		check_rid_is_blocked(_metadata, &b->f, &b->v);
		ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
		with_pasid(&b->v);
		check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
		check_unmap_of_pasid(_metadata, &b->f, &b->v);
		ASSERT_EQ(0, detach_pasid(&b->v));
		check(_metadata, &b->f, &b->v, "detached", BLOCKED);
	}
}

TEST_F(pasid, beside_its_rid)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	uint8_t *memory = memory_get(BUFFER);
	struct bench *b = &self->b;
	uint32_t hwpt, hwpt_of_pasid;
	struct vfio of_pasid;

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	ASSERT_EQ(0, ioctl(b->v.iommufd, IOMMU_IOAS_ALLOC, &alloc));
	ASSERT_EQ(0, hwpt_of(&b->v, b->v.ioas, &hwpt));
	ASSERT_EQ(0, hwpt_of(&b->v, alloc.out_ioas_id, &hwpt_of_pasid));
	ASSERT_EQ(0, iommufd_attach(&b->v, hwpt));
	ASSERT_EQ(0, attach_pasid(&b->v, hwpt_of_pasid));
	check(_metadata, &b->f, &b->v, "both", TRANSLATED);

	/* The same address, in each of them another page. */
	of_pasid = b->v;
	of_pasid.ioas = alloc.out_ioas_id;
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	ASSERT_EQ(0, vfio_map(&of_pasid, memory, IOVA, BUFFER));
	without_pasid(&b->v);
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	with_pasid(&b->v);
	check_dma(_metadata, &b->f, &b->v, memory, IOVA, usable(&b->f));
	check_unmap_of_pasid(_metadata, &b->f, &of_pasid);
	without_pasid(&b->v);
	if (usable(&b->f))
		check_translations(_metadata, &b->v, b->memory, IOVA);

	ASSERT_EQ(0, iommufd_detach(&b->v));
	check_rid_is_blocked(_metadata, &b->f, &b->v);
	ASSERT_EQ(0, vfio_map(&of_pasid, memory, IOVA, BUFFER));
	with_pasid(&b->v);
	check_dma(_metadata, &b->f, &b->v, memory, IOVA, usable(&b->f));
	ASSERT_EQ(0, detach_pasid(&b->v));
	check(_metadata, &b->f, &b->v, "detached", BLOCKED);
	munmap(memory, BUFFER);
}

/* What a reset takes away besides E: PASID Enable, which a VF does not have, nor power states. */
TEST_F(pasid, reset_while_attached)
{
	struct bench *b = &self->b;
	uint32_t hwpt;

	claim_blocked(_metadata, b, &hwpt);
	ASSERT_EQ(0, attach_pasid(&b->v, hwpt));
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	for (int i = 0; i < 2; i++) {
		with_pasid(&b->v);
		check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
		ASSERT_EQ(0, i && !b->f.vf ? d3hot_and_back(&b->v) : vfio_reset(&b->v));
		EXPECT_EQ(0, testdev_get(b->v.bar, ATS_TESTDEV_LEN));
		check_rid_is_blocked(_metadata, &b->f, &b->v);
	}
	with_pasid(&b->v);
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	check_unmap_of_pasid(_metadata, &b->f, &b->v);
}
#else
/* A fixture must have a test. */
TEST_F(pasid, of_a_blocked_rid)
{
}
#endif

/* ---- a function that is Cache_Capable, and so does not work without ATS: its RID has it in an identity domain, too */

FIXTURE(always) {
	struct bench b;
};

FIXTURE_SETUP(always)
{
#ifndef VFIO_DEVICE_ATTACH_PASID
	SKIP(return, "this kernel knows of no device that needs ATS");
#endif
	bench_begin(_metadata, &self->b, 4, 0);
}

FIXTURE_TEARDOWN(always)
{
	bench_end(_metadata, &self->b);
}

TEST_F(always, identity_and_back)
{
	struct bench *b = &self->b;

	for (int i = 0; i < 2; i++) {
		check(_metadata, &b->f, NULL, "default", TRANSLATED);
		ASSERT_EQ(0, set_type(&b->f, "identity"));
		printf("#@ state step=identity-always bdf=%s e=%d iommu=%d\n", b->f.bdf, function_e(&b->f), iommu_ats(b->f.sid));
		EXPECT_EQ(1, function_e(&b->f));
		EXPECT_EQ(1, iommu_ats(b->f.sid));
		/* Stage 1, which is skipped: in a bypass the SMMU would refuse all requests. */
		EXPECT_EQ(5, smmu_config(b->f.sid));
		EXPECT_EQ(1, smmu_s1dss(b->f.sid));
		ASSERT_EQ(0, set_type(&b->f, "DMA"));
	}
	check(_metadata, &b->f, NULL, "default", TRANSLATED);
}

TEST_F(always, blocked_and_back)
{
	struct bench *b = &self->b;

	ASSERT_EQ(0, function_bind(&b->f, "vfio-pci"));
	iommufd_cycle(_metadata, b);
	type1_cycle(_metadata, b);
}

TEST_HARNESS_MAIN
