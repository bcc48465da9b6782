// SPDX-License-Identifier: GPL-2.0
/*
 * What a function's ATS goes through on a PC with VT-d: see steps.h for what is looked at. The kernel has KASAN, and what
 * that says is a complaint as any other: see log.c.
 */
#include "cycles.h"

/* ---- one function, in the hands of VFIO */

/* What Linux takes for a function from outside the machine it does not trust, and calls removable. */
static bool is_external(const struct function *f)
{
	char removable[16];

	return !sysfs_read(removable, sizeof(removable), "/sys/bus/pci/devices/%s/removable", f->bdf) && !strcmp(removable, "removable");
}

FIXTURE(function) {
	struct bench b;
};

FIXTURE_VARIANT(function) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(function, vf_off_off) { VF_OFF_OFF };
FIXTURE_VARIANT_ADD(function, vf_off_on) { VF_OFF_ON };
FIXTURE_VARIANT_ADD(function, vf_on_off) { VF_ON_OFF };
FIXTURE_VARIANT_ADD(function, vf_on_on) { VF_ON_ON };
FIXTURE_VARIANT_ADD(function, plain_on) { PLAIN_ON };
FIXTURE_VARIANT_ADD(function, plain_off) { PLAIN_OFF };
FIXTURE_VARIANT_ADD(function, plain_unaligned) { PLAIN_UNALIGNED };
FIXTURE_VARIANT_ADD(function, vf_of_unaligned_pf) { VF_OF_UNALIGNED_PF };
FIXTURE_VARIANT_ADD(function, vf_unaligned) { VF_UNALIGNED };
FIXTURE_VARIANT_ADD(function, pf_of_unaligned_vf) { PF_OF_UNALIGNED_VF };
FIXTURE_VARIANT_ADD(function, untrusted) { PF_UNTRUSTED };
FIXTURE_VARIANT_ADD(function, vf_untrusted) { VF_UNTRUSTED };

FIXTURE_SETUP(function)
{
	bench_begin(_metadata, &self->b, variant->function);
	ASSERT_EQ(functions[variant->function].external, is_external(&self->b.f));
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
}

FIXTURE_TEARDOWN(function)
{
	bench_end(_metadata, &self->b);
}

/* After that the device's ATC is empty, and as far as it has one it was told. */
static void check_unmap(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v)
{
	uint32_t told = testdev_get(v->bar, ATS_TESTDEV_INVS), in_vain = testdev_get(v->bar, ATS_TESTDEV_INVS_UR);

	EXPECT_LE(0, vfio_unmap(v, IOVA, BUFFER));
	EXPECT_EQ(usable(f), testdev_get(v->bar, ATS_TESTDEV_INVS) > told);
	EXPECT_EQ(in_vain, testdev_get(v->bar, ATS_TESTDEV_INVS_UR)) {
		TH_LOG("%s: invalidations that it could not answer", f->bdf);
	}
	EXPECT_EQ(0, testdev_get(v->bar, ATS_TESTDEV_ATC_VALID));
	EXPECT_NE(ATS_TESTDEV_OK, testdev_do(v->bar, ATS_TESTDEV_CMD_LOOKUP, IOVA + OFFSET, PAGE));
}

TEST_F(function, vfio_type1_twice)
{
	type1_cycle(_metadata, &self->b);
	type1_cycle(_metadata, &self->b);
}

TEST_F(function, iommufd_twice)
{
	iommufd_cycle(_metadata, &self->b);
	iommufd_cycle(_metadata, &self->b);
}

/* ---- functions that come again, some of which a quirk forbids ATS */

FIXTURE(again) {
	struct bench b;
};

FIXTURE_VARIANT(again) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(again, plain_on) { PLAIN_ON };
FIXTURE_VARIANT_ADD(again, vf_on_on) { VF_ON_ON };
FIXTURE_VARIANT_ADD(again, quirked) { PLAIN_QUIRKED };
FIXTURE_VARIANT_ADD(again, vf_quirked) { VF_QUIRKED };
FIXTURE_VARIANT_ADD(again, pf_quirked) { PF_QUIRKED };
FIXTURE_VARIANT_ADD(again, vf_of_quirked_pf) { VF_OF_QUIRKED_PF };

FIXTURE_SETUP(again)
{
	bench_begin(_metadata, &self->b, variant->function);
}

FIXTURE_TEARDOWN(again)
{
	bench_end(_metadata, &self->b);
}

/* What the IOMMU driver keeps of a function has to go when it does: KASAN sees whoever looks at the rest. */
TEST_F(again, removed_and_found_again)
{
	struct bench *b = &self->b;

	check(_metadata, &b->f, &b->v, "boot", TRANSLATED);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, add_again(&b->f));
		check(_metadata, &b->f, &b->v, "added", TRANSLATED);
		ASSERT_EQ(0, function_bind(&b->f, "vfio-pci"));
		type1_cycle(_metadata, b);
		check_told(_metadata, &b->f, capability_not_supported(&b->f));
		ASSERT_EQ(0, function_unbind(&b->f));
	}
}

TEST_HARNESS_MAIN
