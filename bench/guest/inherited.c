// SPDX-License-Identifier: GPL-2.0
/*
 * What a kernel finds that another one has started (kexec): functions whose ATS is enabled, and one whose ATC holds translations of page
 * tables that are no more. See kexec.c, which is the kernel before.
 */
#include "steps.h"

FIXTURE(inherited) {
	struct bench b;
};

FIXTURE_VARIANT(inherited) {
	enum function_name function;
	bool in_use;
};

FIXTURE_VARIANT_ADD(inherited, in_use) { PLAIN_ON, .in_use = true };
FIXTURE_VARIANT_ADD(inherited, idle) { PF_ON_OF_VF_ON };

FIXTURE_SETUP(inherited)
{
	bench_begin(_metadata, &self->b, variant->function);
	ASSERT_EQ(0, function_introduce(&self->b.f));
	/* None that would have it reset, or ask for something, has had it yet. */
	ASSERT_EQ(0, sysfs_write("1", "/sys/bus/pci/devices/%s/enable", self->b.f.bdf));
	self->b.v.bar = function_bar(&self->b.f);
	ASSERT_NE(NULL, self->b.v.bar);
}

FIXTURE_TEARDOWN(inherited)
{
	bench_end(_metadata, &self->b);
}

TEST_F(inherited, agrees)
{
	struct bench *b = &self->b;

	/* That it has counted says that nobody has reset it. */
	if (variant->in_use)
		EXPECT_LT(0, testdev_get(b->v.bar, ATS_TESTDEV_TREQS));
	check(_metadata, &b->f, &b->v, "found", TRANSLATED);
	EXPECT_EQ(0, testdev_get(b->v.bar, ATS_TESTDEV_ATC_VALID));

	/* And it can be used, as any other. */
	vfio_close(&b->v);
	ASSERT_EQ(0, sysfs_write("0", "/sys/bus/pci/devices/%s/enable", b->f.bdf));
	ASSERT_EQ(0, function_bind(&b->f, "vfio-pci"));
	ASSERT_EQ(0, vfio_attach(&b->v, &b->f, NULL));
	check(_metadata, &b->f, &b->v, "attached", TRANSLATED);
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	EXPECT_LE(0, vfio_unmap(&b->v, IOVA, BUFFER));
	EXPECT_EQ(0, testdev_get(b->v.bar, ATS_TESTDEV_ATC_VALID));
	vfio_close(&b->v);
	check(_metadata, &b->f, NULL, "released", TRANSLATED);
}

/* From the first message on. */
TEST(boot_is_quiet)
{
	static const char *const known[] = { "AER: enabled with IRQ", "kmemleak: Kernel memory leak detector initialized", NULL };
	int log = log_open(), seen[2];

	ASSERT_LE(0, log);
	ASSERT_EQ(0, lseek(log, 0, SEEK_SET));
	EXPECT_EQ(0, log_scan_but(log, known, seen));
	close(log);
}

TEST_HARNESS_MAIN
