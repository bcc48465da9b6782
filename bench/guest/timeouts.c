// SPDX-License-Identifier: GPL-2.0
/*
 * Invalidate Requests that take their time, or are never answered: a machine whose CMD_SYNC waits for Invalidate Completions and
 * fails with CERROR_ATC_INV_SYNC when they do not come, as on hardware. There the wait is a minute and more; here it is what
 * bench/lib.sh says, which is less than the second after which Linux no longer waits.
 *
 * Linux polls for the CMD_SYNC with interrupts off, so the error has to be seen by another CPU: the machine has two, and this
 * program leaves the first one alone.
 */
#include <errno.h>
#include <sched.h>
#include <unistd.h>

#include "cycles.h"

/* In microseconds: within the time that the machine waits. */
#define LATE 1000

/* How the driver says it, in two lines. */
static const char *const timed_out[] = { "ATC invalidate timeout", "unexpected global error reported (0x00000001)", NULL };

static void check_unmap(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v)
{
	EXPECT_LE(0, vfio_unmap(v, IOVA, BUFFER));
	EXPECT_EQ(0, testdev_get(v->bar, ATS_TESTDEV_ATC_VALID)) {
		TH_LOG("%s: unmapped, and the ATC still has it", f->bdf);
	}
}

static void leave_first_cpu(struct __test_metadata *_metadata)
{
	cpu_set_t second;

	CPU_ZERO(&second);
	CPU_SET(1, &second);
	ASSERT_EQ(0, sched_setaffinity(0, sizeof(second), &second));
}

FIXTURE(timeouts) {
	struct bench b;
};

FIXTURE_VARIANT(timeouts) {
	unsigned int slot, vf;
};

FIXTURE_VARIANT_ADD(timeouts, vf_off_off) { .slot = 2, .vf = 1 };
FIXTURE_VARIANT_ADD(timeouts, vf_off_on) { .slot = 3, .vf = 1 };
FIXTURE_VARIANT_ADD(timeouts, vf_on_on) { .slot = 5, .vf = 1 };
FIXTURE_VARIANT_ADD(timeouts, plain_on) { .slot = 6 };
FIXTURE_VARIANT_ADD(timeouts, plain_off) { .slot = 7 };

FIXTURE_SETUP(timeouts)
{
	leave_first_cpu(_metadata);
	bench_begin(_metadata, &self->b, variant->slot, variant->vf);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
}

FIXTURE_TEARDOWN(timeouts)
{
	bench_end(_metadata, &self->b);
}

/* Nobody is asked who does not answer: the queue never stands still. */
TEST_F(timeouts, vfio_type1)
{
	type1_cycle(_metadata, &self->b);
}

TEST_F(timeouts, iommufd)
{
	iommufd_cycle(_metadata, &self->b);
}

#ifdef IOMMU_VIOMMU_ALLOC
/* A guest may ask for it, whatever its function is. */
TEST_F(timeouts, guests_invalidation)
{
	uint8_t *ram = memory_get(GUEST_RAM_SIZE);
	struct bench *b = &self->b;
	uint32_t viommu = 0, handled;

	ASSERT_NE(NULL, ram);
	guest_tables((uint64_t *)ram);
	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	ASSERT_EQ(0, vfio_map(&b->v, ram, GUEST_RAM, GUEST_RAM_SIZE));
	ASSERT_EQ(0, nested_attach(&b->v, true, &viommu));
	EXPECT_EQ(usable(&b->f) ? 0 : -EIO, guest_atc_inv(&b->v, viommu, &handled));
	vfio_close(&b->v);
	munmap(ram, GUEST_RAM_SIZE);
}
#endif

/* Unmapping ends when the ATC has forgotten, and not before; attaching and detaching work as well. */
TEST_F(timeouts, late)
{
	struct bench *b = &self->b;

	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, iommufd_attach(&b->v, b->v.ioas));
		check(_metadata, &b->f, &b->v, "attached", TRANSLATED);
		b->v.bar[ATS_TESTDEV_INV_DELAY / 4] = LATE;
		ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
		check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
		check_unmap(_metadata, &b->f, &b->v);
		ASSERT_EQ(0, iommufd_detach(&b->v));
		check(_metadata, &b->f, &b->v, "detached", BLOCKED);
		EXPECT_EQ(LATE, testdev_get(b->v.bar, ATS_TESTDEV_INV_DELAY));
	}
	vfio_close(&b->v);
	check(_metadata, &b->f, NULL, "released", TRANSLATED);
}

/*
 * With ATS the driver is told, and says so; then the queue goes on, and so does the function that did not answer. Without, nobody has
 * asked it.
 */
TEST_F(timeouts, never)
{
	struct bench *b = &self->b;
	int seen[2];

	ASSERT_EQ(0, vfio_attach(&b->v, &b->f, NULL));
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	b->v.bar[ATS_TESTDEV_INV_DELAY / 4] = ATS_TESTDEV_INV_NEVER;
	EXPECT_LE(0, vfio_unmap(&b->v, IOVA, BUFFER));
	EXPECT_EQ(0, log_scan_but(b->log, timed_out, seen));
	EXPECT_EQ(usable(&b->f), seen[0] > 0) {
		TH_LOG("%s: %d time-outs", b->f.bdf, seen[0]);
	}
	EXPECT_EQ(seen[0], seen[1]);
	EXPECT_EQ(usable(&b->f), testdev_get(b->v.bar, ATS_TESTDEV_ATC_VALID) > 0);
	EXPECT_EQ(0, iommu_errors());

	b->v.bar[ATS_TESTDEV_INV_DELAY / 4] = 0;
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	check_unmap(_metadata, &b->f, &b->v);
	vfio_close(&b->v);
	check(_metadata, &b->f, NULL, "released", TRANSLATED);
}

/* ---- gone */

FIXTURE(pulled) {
	struct bench b;
};

FIXTURE_SETUP(pulled)
{
	if (!access("/proc/lockdep", F_OK))
		SKIP(return, "lockdep: see the hotplug of scenarios.c");
	leave_first_cpu(_metadata);
	bench_begin(_metadata, &self->b, 6, 0);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
}

FIXTURE_TEARDOWN(pulled)
{
	bench_end(_metadata, &self->b);
}

static int pull(struct __test_metadata *_metadata, struct bench *b)
{
	int request = vfio_removal_eventfd(&b->v);

	ASSERT_LE(0, request);
	ASSERT_EQ(0, slot_pull(6));
	return request;
}

static void release_and_replug(struct __test_metadata *_metadata, struct bench *b, int request)
{
	give_back(_metadata, b, request);
	ASSERT_TRUE(wait_until(false, &b->f));
	EXPECT_EQ(0, iommu_ats(b->f.sid));
	EXPECT_EQ(0, smmu_config(b->f.sid));
	/* The slot's driver ignores for a second what comes of its power being switched off. */
	sleep(2);
	ASSERT_EQ(0, slot_plug());
	ASSERT_TRUE(wait_until(true, &b->f));
}

/* Nothing is mapped: an unmap before the detach still asks the function, with the fix as well. */
TEST_F(pulled, while_attached)
{
	struct bench *b = &self->b;

	ASSERT_EQ(0, vfio_attach(&b->v, &b->f, NULL));
	check(_metadata, &b->f, &b->v, "attached", TRANSLATED);
	release_and_replug(_metadata, b, pull(_metadata, b));
}

#ifdef IOMMU_VIOMMU_ALLOC
/* The kernel wants it back, and the VMM has not let go of it yet. */
TEST_F(pulled, guests_invalidation)
{
	uint8_t *ram = memory_get(GUEST_RAM_SIZE);
	struct bench *b = &self->b;
	uint32_t viommu = 0, handled;
	struct pollfd wanted = { .events = POLLIN };

	ASSERT_NE(NULL, ram);
	guest_tables((uint64_t *)ram);
	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	ASSERT_EQ(0, vfio_map(&b->v, ram, GUEST_RAM, GUEST_RAM_SIZE));
	ASSERT_EQ(0, nested_attach(&b->v, true, &viommu));
	EXPECT_EQ(0, guest_atc_inv(&b->v, viommu, &handled));
	wanted.fd = pull(_metadata, b);
	ASSERT_EQ(1, poll(&wanted, 1, 10000));
	EXPECT_EQ(-EIO, guest_atc_inv(&b->v, viommu, &handled));
	EXPECT_EQ(0, handled);
	release_and_replug(_metadata, b, wanted.fd);
	munmap(ram, GUEST_RAM_SIZE);
}
#endif

TEST_HARNESS_MAIN
