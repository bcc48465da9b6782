// SPDX-License-Identifier: GPL-2.0
/*
 * What a function's ATS goes through. Each step is followed by a look from outside the driver: the E bit in
 * configuration space, STE.EATS in the stream table, the commands in the SMMU's queue, what the device's ATC holds, and
 * what user space is told. They have to agree, and to be what the place of the function allows: see usable().
 *
 * Lines that begin with "#@" are facts: see docs/guest-protocol.md.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cycles.h"

/* Single pages that are far apart; IOVA is in steps.h. */
#define FAR_IOVA 0x40000000UL
#define FAR_STRIDE (2UL << 20)
#define FAR_PAGES 64

/* Unmaps the buffer: the ATC is told of it, if there is one, and nobody else is. */
static void check_unmap(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v)
{
	uint32_t told = testdev_get(v->bar, ATS_TESTDEV_INVS), in_vain = testdev_get(v->bar, ATS_TESTDEV_INVS_UR);
	uint32_t before = smmu_cmdq_prod();
	struct commands seen;

	EXPECT_LE(0, vfio_unmap(v, IOVA, BUFFER));
	seen = smmu_commands(before, smmu_cmdq_prod(), f->sid);
	told = testdev_get(v->bar, ATS_TESTDEV_INVS) - told;
	EXPECT_LT(0, seen.tlbi);
	EXPECT_EQ(usable(f), seen.atc_inv > 0) {
		TH_LOG("%s: %u invalidations for its ATC", f->bdf, seen.atc_inv);
	}
	EXPECT_EQ(0, seen.atc_inv_others);
	EXPECT_EQ(usable(f) ? seen.atc_inv : 0, told);
	EXPECT_EQ(in_vain, testdev_get(v->bar, ATS_TESTDEV_INVS_UR)) {
		TH_LOG("%s: invalidations that it could not answer", f->bdf);
	}
	EXPECT_EQ(0, testdev_get(v->bar, ATS_TESTDEV_ATC_VALID));
	EXPECT_EQ(usable(f) ? ATS_TESTDEV_DENIED : ATS_TESTDEV_DISABLED,
		  testdev_do(v->bar, ATS_TESTDEV_CMD_TREQ, IOVA + OFFSET, LENGTH));
}

/* The cost of unmapping a page: TLBI and SYNC, and with ATS another two. */
static void check_cost(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v, uint8_t *memory)
{
	static unsigned int mark;
	uint32_t before;
	struct commands seen;

	for (unsigned int i = 0; i < FAR_PAGES; i++)
		ASSERT_EQ(0, vfio_map(v, memory + i * PAGE % BUFFER, FAR_IOVA + i * FAR_STRIDE, PAGE));

	/* The mark differs in each scenario: each is a process of its own. */
	mark = mark ? mark + 1 : (unsigned int)getpid() << 4;
	before = smmu_cmdq_prod();
	testdev_mark(v->bar, mark);
	for (unsigned int i = 0; i < FAR_PAGES; i++)
		EXPECT_LE(0, vfio_unmap(v, FAR_IOVA + i * FAR_STRIDE, PAGE));
	testdev_mark(v->bar, mark);
	seen = smmu_commands(before, smmu_cmdq_prod(), f->sid);

	printf("#@ commands mark=%u unmaps=%u total=%u tlbi=%u sync=%u atc_inv=%u\n", mark, FAR_PAGES, seen.total,
	       seen.tlbi, seen.sync, seen.atc_inv + seen.atc_inv_others);
	EXPECT_EQ(FAR_PAGES, seen.tlbi);
	EXPECT_EQ(usable(f) ? FAR_PAGES : 0, seen.atc_inv);
	EXPECT_EQ(usable(f) ? 2 * FAR_PAGES : FAR_PAGES, seen.sync);
	EXPECT_EQ((usable(f) ? 4 : 2) * FAR_PAGES, seen.total);
}

/* ---- one function, in the hands of VFIO */

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
FIXTURE_VARIANT_ADD(function, pf_off_of_vf_on) { PF_OFF_OF_VF_ON };
FIXTURE_VARIANT_ADD(function, pf_on_of_vf_on) { PF_ON_OF_VF_ON };
FIXTURE_VARIANT_ADD(function, pf_of_quirked_vf) { PF_OF_QUIRKED_VF };

FIXTURE_SETUP(function)
{
	bench_begin(_metadata, &self->b, variant->function);
	/* No expectations here: when one fails, the harness leaves out the test, and the teardown. */
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
}

FIXTURE_TEARDOWN(function)
{
	bench_end(_metadata, &self->b);
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

TEST_F(function, unmap_costs_of_vfio_type1)
{
	check_told(_metadata, &self->b.f, capability_not_supported(&self->b.f));
	ASSERT_EQ(0, vfio_attach(&self->b.v, &self->b.f, NULL));
	check(_metadata, &self->b.f, &self->b.v, "attached", TRANSLATED);
	check_cost(_metadata, &self->b.f, &self->b.v, self->b.memory);
}

TEST_F(function, unmap_costs_of_iommufd)
{
	ASSERT_EQ(0, iommufd_claim(&self->b.v, &self->b.f, NULL));
	ASSERT_EQ(0, iommufd_attach(&self->b.v, self->b.v.ioas));
	check(_metadata, &self->b.f, &self->b.v, "attached", TRANSLATED);
	check_told(_metadata, &self->b.f, iommufd_not_supported(&self->b.v));
	check_cost(_metadata, &self->b.f, &self->b.v, self->b.memory);
}

TEST_F(function, user_space_is_told)
{
	check(_metadata, &self->b.f, NULL, "default", TRANSLATED);
	check_told(_metadata, &self->b.f, capability_not_supported(&self->b.f));
	check(_metadata, &self->b.f, NULL, "released", TRANSLATED);
}

TEST_F(function, identity_and_back)
{
	ASSERT_EQ(0, function_unbind(&self->b.f));
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, set_type(&self->b.f, "identity"));
		check(_metadata, &self->b.f, &self->b.v, "identity", IDENTITY);
		ASSERT_EQ(0, set_type(&self->b.f, "DMA"));
		check(_metadata, &self->b.f, &self->b.v, "default", TRANSLATED);
	}
}

TEST_F(function, unbind_and_rebind)
{
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, function_unbind(&self->b.f));
		check(_metadata, &self->b.f, &self->b.v, "unbound", TRANSLATED);
		ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
		check(_metadata, &self->b.f, &self->b.v, "bound", TRANSLATED);
	}
}

/* What a reset takes away, E and the STU, the kernel has to bring back. */
static void reset_while_attached(struct __test_metadata *_metadata, struct bench *b, int (*reset)(const struct vfio *v))
{
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	for (int i = 0; i < 2; i++) {
		check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
		ASSERT_EQ(0, reset(&b->v));
		check(_metadata, &b->f, &b->v, "reset", TRANSLATED);
		EXPECT_EQ(0, testdev_get(b->v.bar, ATS_TESTDEV_ATC_VALID));
		EXPECT_EQ(0, testdev_get(b->v.bar, ATS_TESTDEV_LEN)) {
			TH_LOG("%s: there was no reset", b->f.bdf);
		}
	}
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	check_unmap(_metadata, &b->f, &b->v);
}

TEST_F(function, flr_while_attached)
{
	ASSERT_EQ(0, vfio_attach(&self->b.v, &self->b.f, NULL));
	reset_while_attached(_metadata, &self->b, vfio_reset);
}

/* ---- a function that has its bus for itself: that can be reset as a whole */

FIXTURE(alone) {
	struct bench b;
};

FIXTURE_VARIANT(alone) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(alone, plain_off) { PLAIN_OFF };
FIXTURE_VARIANT_ADD(alone, pf_on_of_vf_on) { PF_ON_OF_VF_ON };

FIXTURE_SETUP(alone)
{
	bench_begin(_metadata, &self->b, variant->function);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
}

FIXTURE_TEARDOWN(alone)
{
	bench_end(_metadata, &self->b);
}

TEST_F(alone, bus_reset_of_vfio_type1)
{
	ASSERT_EQ(0, vfio_attach(&self->b.v, &self->b.f, NULL));
	reset_while_attached(_metadata, &self->b, vfio_hot_reset);
}

TEST_F(alone, bus_reset_of_iommufd)
{
	ASSERT_EQ(0, iommufd_claim(&self->b.v, &self->b.f, NULL));
	ASSERT_EQ(0, iommufd_attach(&self->b.v, self->b.v.ioas));
	reset_while_attached(_metadata, &self->b, vfio_hot_reset);
}

/* ---- a function that has power states, which a VF has not */

FIXTURE(power) {
	struct bench b;
};

FIXTURE_VARIANT(power) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(power, plain_on) { PLAIN_ON };
FIXTURE_VARIANT_ADD(power, plain_off) { PLAIN_OFF };
FIXTURE_VARIANT_ADD(power, pf_off_of_vf_on) { PF_OFF_OF_VF_ON };
FIXTURE_VARIANT_ADD(power, pf_on_of_vf_on) { PF_ON_OF_VF_ON };

FIXTURE_SETUP(power)
{
	bench_begin(_metadata, &self->b, variant->function);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
}

FIXTURE_TEARDOWN(power)
{
	bench_end(_metadata, &self->b);
}

/* The kernel suspends what nobody has opened, and does not wait for that. When it is opened it is reset. */
TEST_F(power, type1_attaches_what_sleeps)
{
	struct bench *b = &self->b;

	EXPECT_TRUE(wait_until_asleep(&b->f));
	check(_metadata, &b->f, NULL, "asleep", TRANSLATED);
	ASSERT_EQ(0, vfio_claim(&b->v, &b->f));
	check(_metadata, &b->f, NULL, "claimed", BLOCKED);
	ASSERT_EQ(0, vfio_set_iommu(&b->v));
	check(_metadata, &b->f, NULL, "attached-asleep", TRANSLATED);
	EXPECT_TRUE(is_asleep(&b->f));
	ASSERT_EQ(0, vfio_open(&b->v, &b->f));
	EXPECT_FALSE(is_asleep(&b->f));
	check(_metadata, &b->f, &b->v, "awake", TRANSLATED);
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	check_unmap(_metadata, &b->f, &b->v);
	vfio_close(&b->v);
	check(_metadata, &b->f, NULL, "released", TRANSLATED);
}

TEST_F(power, d3hot_and_back_with_vfio_type1)
{
	ASSERT_EQ(0, vfio_attach(&self->b.v, &self->b.f, NULL));
	reset_while_attached(_metadata, &self->b, d3hot_and_back);
}

TEST_F(power, d3hot_and_back_with_iommufd)
{
	ASSERT_EQ(0, iommufd_claim(&self->b.v, &self->b.f, NULL));
	ASSERT_EQ(0, iommufd_attach(&self->b.v, self->b.v.ioas));
	reset_while_attached(_metadata, &self->b, d3hot_and_back);
}

TEST_F(power, machine_sleeps_while_attached_by_vfio_type1)
{
	ASSERT_EQ(0, vfio_attach(&self->b.v, &self->b.f, NULL));
	reset_while_attached(_metadata, &self->b, machine_sleeps);
}

TEST_F(power, machine_sleeps_while_attached_by_iommufd)
{
	ASSERT_EQ(0, iommufd_claim(&self->b.v, &self->b.f, NULL));
	ASSERT_EQ(0, iommufd_attach(&self->b.v, self->b.v.ioas));
	reset_while_attached(_metadata, &self->b, machine_sleeps);
}

/* What it sleeps through: nothing of it may be left to happen when it is awake. */
TEST_F(power, attached_and_detached_in_d3hot)
{
	struct bench *b = &self->b;
	struct commands seen;
	uint32_t before;

	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	/* The first time it is also started. */
	ASSERT_EQ(0, iommufd_attach(&b->v, b->v.ioas));
	ASSERT_EQ(0, iommufd_detach(&b->v));
	ASSERT_EQ(0, vfio_power(&b->v, 3));
	ASSERT_EQ(0, iommufd_attach(&b->v, b->v.ioas));
	check(_metadata, &b->f, NULL, "attached-asleep", TRANSLATED);
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	ASSERT_EQ(0, vfio_power(&b->v, 0));
	check(_metadata, &b->f, &b->v, "awake", TRANSLATED);
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));

	ASSERT_EQ(0, vfio_power(&b->v, 3));
	check(_metadata, &b->f, NULL, "asleep", TRANSLATED);
	before = smmu_cmdq_prod();
	EXPECT_LE(0, vfio_unmap(&b->v, IOVA, BUFFER));
	seen = smmu_commands(before, smmu_cmdq_prod(), b->f.sid);
	EXPECT_EQ(usable(&b->f), seen.atc_inv > 0);
	ASSERT_EQ(0, iommufd_detach(&b->v));
	check(_metadata, &b->f, NULL, "detached-asleep", BLOCKED);
	ASSERT_EQ(0, vfio_power(&b->v, 0));
	check(_metadata, &b->f, &b->v, "awake-again", BLOCKED);
}

/* ---- an error that the PF reports */

FIXTURE(error) {
	struct bench b;
};

FIXTURE_SETUP(error)
{
	bench_begin(_metadata, &self->b, PF_ON_OF_VF_ON);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
}

FIXTURE_TEARDOWN(error)
{
	bench_end(_metadata, &self->b);
}

/*
 * A fatal one: recovery resets the bus, and has the driver restore what is lost. vfio-pci does not, so E stays clear; but all agree
 * again when the function is given back.
 */
TEST_F(error, fatal_while_attached)
{
	static const char *const recovery[] = { "device recovery successful", "AER: ", NULL };
	struct bench *b = &self->b;
	char command[256], answer[256];
	int said[2] = { 0 };

	ASSERT_EQ(0, vfio_attach(&b->v, &b->f, NULL));
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	snprintf(command, sizeof(command), "pcie_aer_inject_error %s DLP", functions[b->f.name].id);
	ASSERT_EQ(0, host_request(command, answer, sizeof(answer)));
	ASSERT_EQ(0, strncmp(answer, "OK", 2)) {
		TH_LOG("%s", answer);
	}
	for (int i = 0; i < 1000 && !said[0]; i++) {
		usleep(10000);
		EXPECT_EQ(0, log_scan_but(b->log, recovery, said));
	}
	EXPECT_EQ(1, said[0]);
	EXPECT_EQ(0, function_e(&b->f));
	vfio_close(&b->v);
	check(_metadata, &b->f, NULL, "released", TRANSLATED);
	type1_cycle(_metadata, b);
}

/* ---- whatever is there in place of the first function: for a machine that has no test device, see kit/off.sh */

TEST(any_device_maps_and_unmaps)
{
	uint8_t *memory = memory_get(BUFFER);
	struct function f;
	struct vfio v;

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, iommu_open());
	printf("#@ id idr0=%x idr1=%x idr2=%x idr3=%x idr4=%x idr5=%x\n", smmu_idr(0), smmu_idr(1), smmu_idr(2), smmu_idr(3),
	       smmu_idr(4), smmu_idr(5));
	ASSERT_EQ(0, function_find(&f, PF_OFF_OF_VF_OFF));
	ASSERT_EQ(0, function_bind(&f, "vfio-pci"));
	ASSERT_EQ(0, vfio_claim(&v, &f));
	ASSERT_EQ(0, vfio_set_iommu(&v));
	for (unsigned int i = 0; i < FAR_PAGES; i++)
		EXPECT_EQ(0, vfio_map(&v, memory + i * PAGE % BUFFER, FAR_IOVA + i * FAR_STRIDE, PAGE));
	for (unsigned int i = 0; i < FAR_PAGES; i++)
		EXPECT_LE(0, vfio_unmap(&v, FAR_IOVA + i * FAR_STRIDE, PAGE));
	vfio_close(&v);
	EXPECT_EQ(0, function_unbind(&f));
}

/* ---- nested translation: this process is the VMM and the guest's driver in one, see nested.c */

#ifdef IOMMU_VIOMMU_ALLOC
static void nested(struct __test_metadata *_metadata, struct bench *b, bool eats)
{
	uint8_t *ram = memory_get(GUEST_RAM_SIZE);
	bool ats = eats && usable(&b->f);
	struct commands seen;
	uint32_t viommu = 0, handled, before;

	ASSERT_NE(NULL, ram);
	guest_tables((uint64_t *)ram);
	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	ASSERT_EQ(0, vfio_map(&b->v, ram, GUEST_RAM, GUEST_RAM_SIZE));
	ASSERT_EQ(0, nested_attach(&b->v, eats, &viommu));
	check_ats(_metadata, &b->f, &b->v, eats ? "nested-eats" : "nested", TRANSLATED, eats);
	check_told(_metadata, &b->f, iommufd_not_supported(&b->v));
	check_dma(_metadata, &b->f, &b->v, ram + GUEST_BUFFER, GUEST_BUFFER, ats);

	before = smmu_cmdq_prod();
	EXPECT_EQ(usable(&b->f) ? 0 : -EIO, guest_atc_inv(&b->v, viommu, &handled));
	seen = smmu_commands(before, smmu_cmdq_prod(), b->f.sid);
	EXPECT_EQ(usable(&b->f), handled);
	/* If the function could, but the guest has not allowed it: no matter, it may come or not. */
	if (ats || !usable(&b->f))
		EXPECT_EQ(ats, seen.atc_inv) {
			TH_LOG("%s: the guest's ATC_INV in the host's queue", b->f.bdf);
		}
	EXPECT_EQ(0, seen.atc_inv_others);
	EXPECT_EQ(ats, testdev_get(b->v.bar, ATS_TESTDEV_INVS));
	EXPECT_EQ(0, testdev_get(b->v.bar, ATS_TESTDEV_ATC_VALID));
	EXPECT_EQ(ats ? ATS_TESTDEV_MISS : ATS_TESTDEV_DISABLED,
		  testdev_do(b->v.bar, ATS_TESTDEV_CMD_WRITE_ATC, GUEST_BUFFER + OFFSET, LENGTH));
	check_dma(_metadata, &b->f, &b->v, ram + GUEST_BUFFER, GUEST_BUFFER, ats);

	ASSERT_EQ(0, iommufd_detach(&b->v));
	check(_metadata, &b->f, &b->v, "detached", BLOCKED);
	vfio_close(&b->v);
	check(_metadata, &b->f, &b->v, "released", TRANSLATED);
	munmap(ram, GUEST_RAM_SIZE);
}

TEST_F(function, nested_with_the_guests_eats)
{
	nested(_metadata, &self->b, true);
}

TEST_F(function, nested_without_the_guests_eats)
{
	nested(_metadata, &self->b, false);
}
#else
TEST(nested)
{
	SKIP(return, "this kernel has no vIOMMUs");
}
#endif

/* ---- VFs come and go */

FIXTURE(sriov) {
	struct bench b;
};

FIXTURE_VARIANT(sriov) {
	enum function_name vf;
};

FIXTURE_VARIANT_ADD(sriov, off_off) { VF_OFF_OFF };
FIXTURE_VARIANT_ADD(sriov, off_on) { VF_OFF_ON };
FIXTURE_VARIANT_ADD(sriov, on_off) { VF_ON_OFF };
FIXTURE_VARIANT_ADD(sriov, on_on) { VF_ON_ON };

FIXTURE_SETUP(sriov)
{
	bench_begin(_metadata, &self->b, functions[variant->vf].pf);
}

FIXTURE_TEARDOWN(sriov)
{
	vfs_set(self->b.f.name, 0);
	bench_end(_metadata, &self->b);
}

TEST_F(sriov, numvfs_up_and_down)
{
	struct function vf[functions[variant->vf].count];

	for (unsigned int count = 1; count <= functions[variant->vf].count; count++) {
		ASSERT_EQ(0, vfs_set(self->b.f.name, count));
		check(_metadata, &self->b.f, &self->b.v, "pf", TRANSLATED);
		for (unsigned int i = 1; i <= count; i++) {
			ASSERT_EQ(0, function_find_vf(&vf[i - 1], variant->vf, i));
			ASSERT_EQ(0, function_introduce(&vf[i - 1]));
			check(_metadata, &vf[i - 1], NULL, "vf", TRANSLATED);
		}
		ASSERT_EQ(0, vfs_set(self->b.f.name, 0));
		for (unsigned int i = 0; i < count; i++) {
			EXPECT_EQ(0, iommu_ats(vf[i].sid));
			EXPECT_EQ(0, smmu_config(vf[i].sid));
		}
		check(_metadata, &self->b.f, &self->b.v, "pf", TRANSLATED);
	}
}

/* ---- plugged and unplugged */

FIXTURE(hotplug) {
	struct bench b;
};

FIXTURE_SETUP(hotplug)
{
	/* It would say so at the first unplug, and nothing after that. */
	if (!access("/proc/lockdep", F_OK))
		SKIP(return, "lockdep: upstream's pciehp takes its reset_lock under pci_rescan_remove_lock");
	bench_begin(_metadata, &self->b, PLAIN_ON);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
}

FIXTURE_TEARDOWN(hotplug)
{
	bench_end(_metadata, &self->b);
}

/* The kernel asks VFIO for the function, and waits: so this is done by another process. */
static pid_t power_off(struct vfio *v)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	vfio_close(v);
	_exit(slot_power_off(PLAIN_ON) ? 1 : 0);
}

/* In use, with something in its ATC, and with an eventfd for when the kernel wants it back. */
static int in_use(struct __test_metadata *_metadata, struct bench *b)
{
	int request;

	ASSERT_EQ(0, vfio_attach(&b->v, &b->f, NULL));
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	request = vfio_removal_eventfd(&b->v);
	ASSERT_LE(0, request);
	return request;
}

static void gone(struct __test_metadata *_metadata, struct bench *b)
{
	ASSERT_TRUE(wait_until(false, &b->f));
	EXPECT_TRUE(smmu_forgets(b->f.sid)) {
		TH_LOG("%s: EATS %d, Config %d", b->f.bdf, iommu_ats(b->f.sid), smmu_config(b->f.sid));
	}
}

/* Another one in its place is as good as the first. */
static void replug(struct __test_metadata *_metadata, struct bench *b)
{
	ASSERT_EQ(0, slot_plug(PLAIN_ON));
	ASSERT_TRUE(wait_until(true, &b->f));
	ASSERT_EQ(0, function_find(&b->f, PLAIN_ON));
	check(_metadata, &b->f, &b->v, "plugged", TRANSLATED);
	ASSERT_EQ(0, function_bind(&b->f, "vfio-pci"));
	type1_cycle(_metadata, b);
}

TEST_F(hotplug, unplug_while_attached_and_replug)
{
	struct bench *b = &self->b;
	int request = in_use(_metadata, b), status = -1;
	pid_t pid = power_off(&b->v);

	ASSERT_LT(0, pid);
	give_back(_metadata, b, request);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	gone(_metadata, b);
	replug(_metadata, b);
}

/* Pulled, which nobody was asked about: it is gone before it is detached. */
TEST_F(hotplug, pull_while_attached_and_replug)
{
	struct bench *b = &self->b;
	int request = in_use(_metadata, b);

	ASSERT_EQ(0, slot_pull(PLAIN_ON));
	give_back(_metadata, b, request);
	gone(_metadata, b);
	/* The slot's driver ignores for a second what comes of its power being switched off. */
	sleep(2);
	replug(_metadata, b);
}

/* ---- functions that a quirk forbids ATS */

FIXTURE(quirked) {
	struct bench b;
};

FIXTURE_VARIANT(quirked) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(quirked, function) { PLAIN_QUIRKED };
FIXTURE_VARIANT_ADD(quirked, vf) { VF_QUIRKED };
FIXTURE_VARIANT_ADD(quirked, pf) { PF_QUIRKED };
FIXTURE_VARIANT_ADD(quirked, vf_of_pf) { VF_OF_QUIRKED_PF };
FIXTURE_VARIANT_ADD(quirked, amd_gpu) { AMD_GPU };

FIXTURE_SETUP(quirked)
{
	bench_begin(_metadata, &self->b, variant->function);
}

FIXTURE_TEARDOWN(quirked)
{
	bench_end(_metadata, &self->b);
}

TEST_F(quirked, e_bit_stays_clear)
{
	struct bench *b = &self->b;

	ASSERT_EQ(0, function_introduce(&b->f));
	check(_metadata, &b->f, &b->v, "boot", TRANSLATED);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, function_bind(&b->f, "vfio-pci"));
		type1_cycle(_metadata, b);
		check_told(_metadata, &b->f, capability_not_supported(&b->f));
		ASSERT_EQ(0, function_unbind(&b->f));
		ASSERT_EQ(0, add_again(&b->f));
		check(_metadata, &b->f, &b->v, "added", TRANSLATED);
	}
}

/* ---- two functions in one domain */

FIXTURE(two) {
	struct bench b;
	struct function other;
	struct vfio other_v;
};

FIXTURE_VARIANT(two) {
	enum function_name function;
};

/* Each beside the plain function that has ATS. */
FIXTURE_VARIANT_ADD(two, plain_off) { PLAIN_OFF };
FIXTURE_VARIANT_ADD(two, vf_off_on) { VF_OFF_ON };
FIXTURE_VARIANT_ADD(two, vf_on_on) { VF_ON_ON };

FIXTURE_SETUP(two)
{
	self->other_v = (struct vfio)VFIO_NONE;
	bench_begin(_metadata, &self->b, variant->function);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
	ASSERT_EQ(0, function_find(&self->other, PLAIN_ON));
	ASSERT_EQ(0, function_bind(&self->other, "vfio-pci"));
}

FIXTURE_TEARDOWN(two)
{
	vfio_close(&self->other_v);
	function_unbind(&self->other);
	bench_end(_metadata, &self->b);
}

/* Each that has an ATC is told once, and the other is not. */
static void check_both(struct __test_metadata *_metadata, const struct vfio *v, const struct function *f,
		       const struct function *other, uint8_t *memory)
{
	uint32_t before, after;

	check(_metadata, f, NULL, "attached", TRANSLATED);
	check(_metadata, other, NULL, "attached", TRANSLATED);
	ASSERT_EQ(0, vfio_map(v, memory, FAR_IOVA, PAGE));
	before = smmu_cmdq_prod();
	EXPECT_LE(0, vfio_unmap(v, FAR_IOVA, PAGE));
	after = smmu_cmdq_prod();
	EXPECT_EQ(usable(f), smmu_commands(before, after, f->sid).atc_inv);
	EXPECT_EQ(usable(other), smmu_commands(before, after, other->sid).atc_inv);
	EXPECT_EQ(1, smmu_commands(before, after, f->sid).tlbi);
}

TEST_F(two, in_a_container)
{
	ASSERT_EQ(0, vfio_attach(&self->b.v, &self->b.f, NULL));
	ASSERT_EQ(0, vfio_attach(&self->other_v, &self->other, &self->b.v));
	check_both(_metadata, &self->b.v, &self->b.f, &self->other, self->b.memory);
}

TEST_F(two, in_an_ioas)
{
	struct commands seen;
	uint32_t before;

	ASSERT_EQ(0, iommufd_claim(&self->b.v, &self->b.f, NULL));
	ASSERT_EQ(0, iommufd_attach(&self->b.v, self->b.v.ioas));
	ASSERT_EQ(0, iommufd_claim(&self->other_v, &self->other, &self->b.v));
	ASSERT_EQ(0, iommufd_attach(&self->other_v, self->b.v.ioas));
	check_both(_metadata, &self->b.v, &self->b.f, &self->other, self->b.memory);

	/* Who has left is told no more. */
	ASSERT_EQ(0, iommufd_detach(&self->other_v));
	check(_metadata, &self->other, &self->other_v, "detached", BLOCKED);
	ASSERT_EQ(0, vfio_map(&self->b.v, self->b.memory, FAR_IOVA, PAGE));
	before = smmu_cmdq_prod();
	EXPECT_LE(0, vfio_unmap(&self->b.v, FAR_IOVA, PAGE));
	seen = smmu_commands(before, smmu_cmdq_prod(), self->b.f.sid);
	EXPECT_EQ(usable(&self->b.f), seen.atc_inv);
	EXPECT_EQ(0, seen.atc_inv_others);
	EXPECT_EQ(usable(&self->b.f) ? 4 : 2, seen.total) {
		TH_LOG("%u commands, %u of them syncs", seen.total, seen.sync);
	}
}

/* ---- what is left in an ATC */

FIXTURE(stale) {
	struct bench b;
};

FIXTURE_VARIANT(stale) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(stale, plain_on) { PLAIN_ON };
FIXTURE_VARIANT_ADD(stale, vf_on_on) { VF_ON_ON };
/* The control: this one ignores invalidations, and that has to be seen. */
FIXTURE_VARIANT_ADD(stale, ignores_invalidations) { IGNORES_INVALIDATIONS };

FIXTURE_SETUP(stale)
{
	bench_begin(_metadata, &self->b, variant->function);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
}

FIXTURE_TEARDOWN(stale)
{
	bench_end(_metadata, &self->b);
}

TEST_F(stale, write_after_unmap)
{
	struct bench *b = &self->b;
	bool lands = functions[b->f.name].ignores_inv && usable(&b->f);
	uint32_t missed = usable(&b->f) ? ATS_TESTDEV_MISS : ATS_TESTDEV_DISABLED;

	ASSERT_EQ(0, vfio_attach(&b->v, &b->f, NULL));
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	memset(b->memory, 0, BUFFER);
	EXPECT_LE(0, vfio_unmap(&b->v, IOVA, BUFFER));

	/* From here on the memory is nobody's but ours. */
	testdev_fill(b->v.bar, 0x5a, LENGTH);
	EXPECT_EQ(lands ? ATS_TESTDEV_OK : missed,
		  testdev_do(b->v.bar, ATS_TESTDEV_CMD_WRITE_ATC, IOVA + OFFSET, LENGTH));
	EXPECT_EQ(lands, memory_holds(b->memory + OFFSET, 0x5a, LENGTH));
	if (!lands)
		for (size_t i = 0; i < BUFFER; i++)
			ASSERT_EQ(0, b->memory[i]);
}

/* ---- what firmware has left, or the kernel before this one; last, because without the fix it stays like that */

FIXTURE(left_over) {
	struct bench b;
};

FIXTURE_VARIANT(left_over) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(left_over, function) { PLAIN_ON };
FIXTURE_VARIANT_ADD(left_over, quirked) { PLAIN_QUIRKED };

FIXTURE_SETUP(left_over)
{
	if (!functions[variant->function].quirked && !machine_is("ats") && !machine_is("noats"))
		SKIP(return, "ATS is allowed, and nobody uses it: the bit may be a hypervisor's");
	bench_begin(_metadata, &self->b, variant->function);
}

FIXTURE_TEARDOWN(left_over)
{
	bench_end(_metadata, &self->b);
}

/* Where the kernel uses ATS it clears the bit when it lets go of the function; where ATS is not allowed it finds it set. */
TEST_F(left_over, e_bit_is_cleared)
{
	struct bench *b = &self->b;

	ASSERT_EQ(0, function_introduce(&b->f));
	ASSERT_EQ(0, function_set_e(&b->f));
	ASSERT_EQ(0, add_again(&b->f));
	check(_metadata, &b->f, &b->v, "found", TRANSLATED);
}

TEST_HARNESS_MAIN
