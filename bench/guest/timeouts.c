// SPDX-License-Identifier: GPL-2.0
/*
 * Invalidate Requests that take their time, or are never answered: a machine whose CMD_SYNC waits for Invalidate Completions and
 * fails with CERROR_ATC_INV_SYNC when they do not come, as on hardware. There the wait is a minute and more; here it is what
 * bench/machines says, which is less than the second after which Linux no longer waits.
 *
 * Linux polls for the CMD_SYNC with interrupts off, so the error has to be seen by another CPU: the machine has two, and who may have
 * to wait in vain does so on the second.
 */
#include <errno.h>
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cycles.h"

/* In microseconds: within the time that the machine waits. */
#define LATE 1000

/* Nearly all of it: what is to meet an invalidation on its way has that long to begin. */
#define IN_FLIGHT 4000

/* Looks at a register, until somebody else has come to unmap: more than that takes. */
#define MANY_LOOKS 20000000

/* How the driver says it, in two lines. */
static const char *const timed_out[] = { "ATC invalidate timeout", "unexpected global error reported (0x00000001)", NULL };

static void check_unmap(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v)
{
	EXPECT_LE(0, vfio_unmap(v, IOVA, BUFFER));
	EXPECT_EQ(0, testdev_get(v->bar, ATS_TESTDEV_ATC_VALID)) {
		TH_LOG("%s: unmapped, and the ATC still has it", f->bdf);
	}
}

static int go_to_cpu(int cpu)
{
	cpu_set_t cpus;

	CPU_ZERO(&cpus);
	CPU_SET(cpu, &cpus);
	return sched_setaffinity(0, sizeof(cpus), &cpus);
}

FIXTURE(timeouts) {
	struct bench b;
};

FIXTURE_VARIANT(timeouts) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(timeouts, vf_off_off) { VF_OFF_OFF };
FIXTURE_VARIANT_ADD(timeouts, vf_off_on) { VF_OFF_ON };
FIXTURE_VARIANT_ADD(timeouts, vf_on_on) { VF_ON_ON };
FIXTURE_VARIANT_ADD(timeouts, plain_on) { PLAIN_ON };
FIXTURE_VARIANT_ADD(timeouts, plain_off) { PLAIN_OFF };

FIXTURE_SETUP(timeouts)
{
	ASSERT_EQ(0, go_to_cpu(1));
	bench_begin(_metadata, &self->b, variant->function);
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

/* ---- an invalidation that is on its way when something else befalls the function */

/*
 * Another process unmaps the buffer on the second CPU, and waits; this one is on the first from here on. It is by iommufd: VFIO's own
 * interface has a lock for a container, which keeps such things apart.
 */
static pid_t unmap_in_flight(struct __test_metadata *_metadata, struct bench *b)
{
	uint32_t asked = testdev_get(b->v.bar, ATS_TESTDEV_INVS);
	pid_t other;

	b->v.bar[ATS_TESTDEV_INV_DELAY / 4] = IN_FLIGHT;
	ASSERT_EQ(0, go_to_cpu(0));
	other = fork();
	ASSERT_LE(0, other);
	if (!other)
		_exit(go_to_cpu(1) || vfio_unmap(&b->v, IOVA, BUFFER) < 0);
	for (int i = 0; i < MANY_LOOKS && testdev_get(b->v.bar, ATS_TESTDEV_INVS) == asked; i++)
		;
	EXPECT_EQ(asked + 1, testdev_get(b->v.bar, ATS_TESTDEV_INVS));
	EXPECT_LT(0, testdev_get(b->v.bar, ATS_TESTDEV_ATC_VALID));
	return other;
}

static void await_unmap(struct __test_metadata *_metadata, pid_t other)
{
	int status;

	ASSERT_EQ(other, waitpid(other, &status, 0));
	EXPECT_EQ(0, status);
}

static void attach_and_fill_atc(struct __test_metadata *_metadata, struct bench *b)
{
	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	ASSERT_EQ(0, iommufd_attach(&b->v, b->v.ioas));
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, true);
}

FIXTURE(in_flight) {
	struct bench b;
};

FIXTURE_VARIANT(in_flight) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(in_flight, vf_on_on) { VF_ON_ON };
FIXTURE_VARIANT_ADD(in_flight, plain_on) { PLAIN_ON };

FIXTURE_SETUP(in_flight)
{
	bench_begin(_metadata, &self->b, variant->function);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
	attach_and_fill_atc(_metadata, &self->b);
}

FIXTURE_TEARDOWN(in_flight)
{
	bench_end(_metadata, &self->b);
}

/* Otherwise there was no race. */
static void check_cut(struct __test_metadata *_metadata, const struct bench *b, uint32_t before)
{
	EXPECT_EQ(before + 1, testdev_get(b->v.bar, ATS_TESTDEV_INVS_CUT)) {
		TH_LOG("%s: nothing was on its way", b->f.bdf);
	}
}

/* What is left is as if nobody had been in a hurry. */
static void check_goes_on(struct __test_metadata *_metadata, struct bench *b)
{
	b->v.bar[ATS_TESTDEV_INV_DELAY / 4] = 0;
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, true);
	check_unmap(_metadata, &b->f, &b->v);
	vfio_close(&b->v);
	check(_metadata, &b->f, NULL, "released", TRANSLATED);
}

/* E is cleared while the function is busy with what it has been asked, which it still answers. */
TEST_F(in_flight, detach)
{
	struct bench *b = &self->b;
	uint32_t cut = testdev_get(b->v.bar, ATS_TESTDEV_INVS_CUT);
	pid_t other = unmap_in_flight(_metadata, b);

	ASSERT_EQ(0, iommufd_detach(&b->v));
	await_unmap(_metadata, other);
	check_cut(_metadata, b, cut);
	check(_metadata, &b->f, &b->v, "detached", BLOCKED);
	ASSERT_EQ(0, iommufd_attach(&b->v, b->v.ioas));
	check_goes_on(_metadata, b);
}

/* A reset takes away what the function has been asked. Where the core blocks it first, the SMMU has had its answer by then. */
TEST_F(in_flight, reset)
{
	struct bench *b = &self->b;
	uint32_t cut = testdev_get(b->v.bar, ATS_TESTDEV_INVS_CUT);
	pid_t other = unmap_in_flight(_metadata, b);
	int seen[2];

	ASSERT_EQ(0, vfio_reset(&b->v));
	await_unmap(_metadata, other);
	check_cut(_metadata, b, cut);
	EXPECT_EQ(0, log_scan_but(b->log, timed_out, seen));
	EXPECT_EQ(!resets_block(), seen[0]) {
		TH_LOG("%s: %d time-outs", b->f.bdf, seen[0]);
	}
	EXPECT_EQ(seen[0], seen[1]);
	check(_metadata, &b->f, &b->v, "reset", TRANSLATED);
	check_goes_on(_metadata, b);
}

/* ---- gone */

FIXTURE(pulled) {
	struct bench b;
};

FIXTURE_SETUP(pulled)
{
	if (!access("/proc/lockdep", F_OK))
		SKIP(return, "lockdep: see the hotplug of scenarios.c");
	ASSERT_EQ(0, go_to_cpu(1));
	bench_begin(_metadata, &self->b, PLAIN_ON);
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
	ASSERT_EQ(0, slot_pull(PLAIN_ON));
	return request;
}

static void release_and_replug(struct __test_metadata *_metadata, struct bench *b, int request)
{
	give_back(_metadata, b, request);
	ASSERT_TRUE(wait_until(false, &b->f));
	EXPECT_TRUE(smmu_forgets(b->f.sid)) {
		TH_LOG("%s: EATS %d, Config %d", b->f.bdf, iommu_ats(b->f.sid), smmu_config(b->f.sid));
	}
	/* The slot's driver ignores for a second what comes of its power being switched off. */
	sleep(2);
	ASSERT_EQ(0, slot_plug(PLAIN_ON));
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

/* Whoever waits for its answer gets none, and goes on. Then nothing is mapped. */
TEST_F(pulled, in_flight)
{
	struct bench *b = &self->b;
	int seen[2], request;
	pid_t other;

	attach_and_fill_atc(_metadata, b);
	other = unmap_in_flight(_metadata, b);
	request = pull(_metadata, b);
	await_unmap(_metadata, other);
	ASSERT_EQ(0, go_to_cpu(1));
	EXPECT_EQ(0, log_scan_but(b->log, timed_out, seen));
	EXPECT_EQ(1, seen[0]);
	EXPECT_EQ(seen[0], seen[1]);
	EXPECT_EQ(0, iommu_errors());
	release_and_replug(_metadata, b, request);
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
	EXPECT_EQ(-ENODEV, guest_atc_inv(&b->v, viommu, &handled));
	EXPECT_EQ(0, handled);
	release_and_replug(_metadata, b, wanted.fd);
	munmap(ram, GUEST_RAM_SIZE);
}
#endif

TEST_HARNESS_MAIN
