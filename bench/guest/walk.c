// SPDX-License-Identifier: GPL-2.0
/*
 * A random walk over what can be done to the functions of the bench, and after each step the invariant, of each of them: the
 * E bit, STE.EATS and STE.Config are what the function's place and attachment make them, no ATC holds what it must not, user
 * space is told the truth, and neither the SMMU nor the log has a complaint.
 *
 * bench.seed= says which walk, bench.steps= how long it is. Each step is said before it is taken, so the last one is known also of
 * a machine that was lost. The walk ends with the first step after which the invariant does not hold: no shorter prefix breaks
 * it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "steps.h"

/* Each mapping has a place of its own, so that containers and IOASes can be shared. Nothing else is up there. */
#define WALK_IOVA 0x100000000UL
#define WALK_STRIDE (2UL << 20)

/* In whose hands a function is. */
enum use { FREE, GROUP, TYPE1, CDEV, IOAS, NESTED, NESTED_EATS };

/**
 * struct place - a function, and what the walk has made of it
 * @name: which one
 * @vf: 0, or the number of the VF
 * @f: the function itself, if it is there
 * @v: it in the hands of user space
 * @use: whose hands these are
 * @there: it can be found; a VF only when its PF has enabled it
 * @vfio: its driver is vfio-pci
 * @identity: the type of its default domain
 * @viommu: its vIOMMU, 0 if it has had none since it was claimed
 * @iova: where its memory is mapped, 0 if it is not
 * @memory: BUFFER bytes
 */
struct place {
	enum function_name name;
	unsigned int vf;
	struct function f;
	struct vfio v;
	enum use use;
	bool there, vfio, identity;
	uint32_t viommu;
	uint64_t iova;
	uint8_t *memory;
};

/* Of several VFs a walk uses that many. */
#define MOST_VFS 3

static struct place places[FUNCTIONS * MOST_VFS];
static unsigned int place_count;

/* All but functions that ignore invalidations, whose ATC is stale by design. */
static void set_places(void)
{
	for (unsigned int name = 0; name < FUNCTIONS; name++) {
		const struct function_info *info = &functions[name];

		for (unsigned int n = 0; n < info->count && n < MOST_VFS && !info->ignores_inv; n++)
			places[place_count++] = (struct place){ .name = name, .vf = info->is_vf ? n + 1 : 0 };
	}
}

/* What all places share: the state of the random numbers, where the last mapping is, the guests' RAM, what was there to be seen. */
static struct {
	unsigned int state;
	uint64_t iova;
	uint8_t *ram;
	int log;
	uint32_t events;
} walk;

static unsigned int random_below(unsigned int limit)
{
	return rand_r(&walk.state) % limit;
}

/* The VF of that number, if it has one. */
static struct place *vf_of(const struct place *pf, unsigned int vf)
{
	for (struct place *p = places; p < places + place_count; p++)
		if (functions[p->name].pf == pf->name && p->vf == vf)
			return p;
	return NULL;
}

static unsigned int vfs_of(const struct place *p)
{
	unsigned int count = 0;

	while (vf_of(p, count + 1))
		count++;
	return count;
}

static bool has_vfs(const struct place *p)
{
	return vfs_of(p) && vf_of(p, 1)->there;
}

/* Who else has a container, or an iommufd, that can be shared; chosen at random. */
static struct place *partner(const struct place *p, enum use from, enum use to)
{
	unsigned int first = random_below(place_count);

	for (unsigned int i = 0; i < place_count; i++) {
		struct place *other = &places[(first + i) % place_count];

		if (other != p && other->use >= from && other->use <= to)
			return other;
	}
	return NULL;
}

static int found(struct place *p)
{
	int ret = function_find_vf(&p->f, p->name, p->vf);

	p->there = !ret;
	p->identity = false;
	return ret ? ret : function_introduce(&p->f);
}

/* ---- when a step can be taken */

static bool is_free(const struct place *p)
{
	return p->use == FREE;
}

static bool has_no_driver(const struct place *p)
{
	return is_free(p) && !p->vfio && !has_vfs(p);
}

static bool could_be_identity(const struct place *p)
{
	return has_no_driver(p) && !p->identity;
}

static bool is_identity(const struct place *p)
{
	return has_no_driver(p) && p->identity;
}

static bool can_be_claimed(const struct place *p)
{
	return is_free(p) && p->vfio;
}

static bool can_share_type1(const struct place *p)
{
	return can_be_claimed(p) && partner(p, TYPE1, TYPE1);
}

static bool can_share_iommufd(const struct place *p)
{
	return can_be_claimed(p) && partner(p, CDEV, NESTED_EATS);
}

static bool is_group(const struct place *p)
{
	return p->use == GROUP;
}

static bool has_iommufd(const struct place *p)
{
	return p->use >= CDEV;
}

static bool is_attached_by_iommufd(const struct place *p)
{
	return p->use >= IOAS;
}

static bool is_in_use(const struct place *p)
{
	return !is_free(p);
}

static bool runs(const struct place *p)
{
	return p->v.bar && p->use != CDEV && p->use != GROUP;
}

static bool has_power_states(const struct place *p)
{
	return runs(p) && !p->vf;
}

static bool can_map(const struct place *p)
{
	return !p->iova && (p->use == TYPE1 || p->use == IOAS);
}

static bool is_mapped(const struct place *p)
{
	return p->iova && (p->use == TYPE1 || p->use == IOAS);
}

static bool can_be_reset_by_kernel(const struct place *p)
{
	/* A PF's reset takes its VFs' state with it. */
	return is_free(p) && !has_vfs(p);
}

static bool is_pf(const struct place *p)
{
	return vfs_of(p) && is_free(p) && !p->vfio;
}

static bool can_be_removed(const struct place *p)
{
	return !p->vf && has_no_driver(p);
}

static bool can_be_unplugged(const struct place *p)
{
	return p->name == PLAIN_ON && has_no_driver(p);
}

/* ---- the steps */

#define STEP(name) static void name(struct __test_metadata *_metadata, struct place *p)

STEP(bind)
{
	ASSERT_EQ(0, function_bind(&p->f, "vfio-pci"));
	p->vfio = true;
}

STEP(unbind)
{
	ASSERT_EQ(0, function_unbind(&p->f));
	p->vfio = false;
}

STEP(identity)
{
	ASSERT_EQ(0, set_type(&p->f, "identity"));
	p->identity = true;
}

STEP(translated)
{
	ASSERT_EQ(0, set_type(&p->f, "DMA"));
	p->identity = false;
}

STEP(claim_group)
{
	ASSERT_EQ(0, vfio_claim(&p->v, &p->f));
	p->use = GROUP;
}

STEP(attach_type1)
{
	ASSERT_EQ(0, vfio_attach(&p->v, &p->f, NULL));
	p->use = TYPE1;
}

STEP(share_type1)
{
	ASSERT_EQ(0, vfio_attach(&p->v, &p->f, &partner(p, TYPE1, TYPE1)->v));
	p->use = TYPE1;
}

STEP(claim_cdev)
{
	ASSERT_EQ(0, iommufd_claim(&p->v, &p->f, NULL));
	ASSERT_EQ(0, vfio_map(&p->v, walk.ram, GUEST_RAM, GUEST_RAM_SIZE));
	p->use = CDEV;
}

STEP(share_iommufd)
{
	ASSERT_EQ(0, iommufd_claim(&p->v, &p->f, &partner(p, CDEV, NESTED_EATS)->v));
	p->use = CDEV;
}

STEP(attach_ioas)
{
	ASSERT_EQ(0, iommufd_attach(&p->v, p->v.ioas));
	p->use = IOAS;
}

STEP(detach)
{
	ASSERT_EQ(0, iommufd_detach(&p->v));
	p->use = CDEV;
}

STEP(release)
{
	vfio_close(&p->v);
	p->use = FREE;
	p->viommu = 0;
	p->iova = 0;
}

#ifdef IOMMU_VIOMMU_ALLOC
static void nest(struct __test_metadata *_metadata, struct place *p, bool eats)
{
	uint32_t handled;

	ASSERT_EQ(0, nested_attach(&p->v, eats, &p->viommu));
	p->use = eats ? NESTED_EATS : NESTED;
	EXPECT_EQ(usable(&p->f) ? 0 : -EIO, guest_atc_inv(&p->v, p->viommu, &handled));
	EXPECT_EQ(usable(&p->f), handled);
}

STEP(attach_nested)
{
	nest(_metadata, p, false);
}

STEP(attach_nested_with_eats)
{
	nest(_metadata, p, true);
}
#endif

STEP(map)
{
	walk.iova += WALK_STRIDE;
	ASSERT_EQ(0, vfio_map(&p->v, p->memory, walk.iova, BUFFER));
	p->iova = walk.iova;
}

/* Leaves translations in the ATC, for what comes next to deal with. */
STEP(dma)
{
	check_dma(_metadata, &p->f, &p->v, p->memory, p->iova, usable(&p->f));
}

STEP(unmap)
{
	uint32_t before = smmu_cmdq_prod();
	struct commands seen;

	EXPECT_LE(0, vfio_unmap(&p->v, p->iova, BUFFER));
	seen = smmu_commands(before, smmu_cmdq_prod(), p->f.sid);
	EXPECT_LT(0, seen.tlbi);
	EXPECT_EQ(usable(&p->f), seen.atc_inv > 0) {
		TH_LOG("%s: %u invalidations for its ATC", p->f.bdf, seen.atc_inv);
	}
	p->iova = 0;
}

static void reset_by(struct __test_metadata *_metadata, const struct place *p, int (*how)(const struct vfio *v))
{
	/* Leaves its operands behind, and nothing else. */
	testdev_do(p->v.bar, ATS_TESTDEV_CMD_LOOKUP, IOVA, PAGE);
	ASSERT_EQ(0, how(&p->v));
	EXPECT_EQ(0, testdev_get(p->v.bar, ATS_TESTDEV_LEN));
	EXPECT_EQ(0, testdev_get(p->v.bar, ATS_TESTDEV_ATC_VALID));
}

STEP(reset)
{
	reset_by(_metadata, p, vfio_reset);
}

STEP(d3hot)
{
	reset_by(_metadata, p, d3hot_and_back);
}

/* All others as well, as far as they are vfio-pci's and no VFs. */
STEP(sleep_and_wake)
{
	reset_by(_metadata, p, machine_sleeps);
}

STEP(reset_by_kernel)
{
	ASSERT_EQ(0, sysfs_write("1", "/sys/bus/pci/devices/%s/reset", p->f.bdf));
}

/* To another number of VFs, which are released first. */
STEP(set_vfs)
{
	unsigned int before = 0, count;
	struct place *vf;

	for (count = 1; (vf = vf_of(p, count)); count++) {
		if (!vf->there)
			continue;
		release(_metadata, vf);
		unbind(_metadata, vf);
		vf->there = false;
		before = count;
	}
	do
		count = random_below(vfs_of(p) + 1);
	while (count == before);
	ASSERT_EQ(0, vfs_set(p->name, count));
	for (; count; count--)
		ASSERT_EQ(0, found(vf_of(p, count)));
}

STEP(remove_and_rescan)
{
	ASSERT_EQ(0, add_again(&p->f));
	p->identity = false;
}

STEP(unplug_and_plug)
{
	ASSERT_EQ(0, slot_power_off(p->name));
	ASSERT_TRUE(wait_until(false, &p->f));
	ASSERT_EQ(0, slot_plug(p->name));
	ASSERT_TRUE(wait_until(true, &p->f));
	ASSERT_EQ(0, found(p));
}

/*
 * All are equally likely, but for some that come more often, by @more: what brings a function to where it has not been yet is
 * seldom possible, and without it much of the rest is out of reach.
 */
static const struct step {
	const char *name;
	bool (*possible)(const struct place *p);
	void (*take)(struct __test_metadata *_metadata, struct place *p);
	unsigned int more;
} steps[] = {
	{ "bind to vfio-pci", has_no_driver, bind },
	{ "unbind", can_be_claimed, unbind },
	{ "to the identity domain", could_be_identity, identity },
	{ "to a DMA domain", is_identity, translated },
	{ "claim by group", can_be_claimed, claim_group },
	{ "attach by type1", can_be_claimed, attach_type1 },
	{ "attach what is claimed by type1", is_group, attach_type1 },
	{ "attach to another's container", can_share_type1, share_type1 },
	{ "claim by iommufd", can_be_claimed, claim_cdev },
	{ "claim by another's iommufd", can_share_iommufd, share_iommufd },
	{ "attach to the IOAS", has_iommufd, attach_ioas },
	{ "detach", is_attached_by_iommufd, detach },
#ifdef IOMMU_VIOMMU_ALLOC
	{ "attach to a nested domain", has_iommufd, attach_nested },
	{ "attach to a nested domain with EATS", has_iommufd, attach_nested_with_eats },
#endif
	{ "release", is_in_use, release },
	{ "map", can_map, map, .more = 1 },
	{ "DMA", is_mapped, dma, .more = 3 },
	{ "unmap", is_mapped, unmap },
	{ "reset", runs, reset },
	{ "to D3hot and back", has_power_states, d3hot },
	{ "the machine sleeps", has_power_states, sleep_and_wake },
	{ "reset by the kernel", can_be_reset_by_kernel, reset_by_kernel },
	{ "set the number of VFs", is_pf, set_vfs, .more = 2 },
	{ "remove and rescan", can_be_removed, remove_and_rescan, .more = 1 },
	{ "unplug and plug", can_be_unplugged, unplug_and_plug },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

static const struct step *random_step(void)
{
	unsigned int chances = 0, chance;
	const struct step *step;

	for (step = steps; step < steps + STEPS; step++)
		chances += 1 + step->more;
	chance = random_below(chances);
	for (step = steps; chance > step->more; step++)
		chance -= 1 + step->more;
	return step;
}

/* ---- the invariant */

static enum attachment attachment_of(const struct place *p)
{
	switch (p->use) {
	case FREE:
		return p->identity ? IDENTITY : TRANSLATED;
	case GROUP:
	case CDEV:
		return BLOCKED;
	default:
		return TRANSLATED;
	}
}

static void check_place(struct __test_metadata *_metadata, const struct place *p, const char *step)
{
	if (!p->there) {
		/* None that has never been there is known. */
		if (p->f.bdf[0])
			EXPECT_EQ(0, iommu_ats(p->f.sid));
		return;
	}
	expect_ats(_metadata, &p->f, &p->v, step, attachment_of(p), p->use != NESTED, function_e(&p->f), iommu_ats(p->f.sid));
	if (has_iommufd(p))
		EXPECT_EQ(!usable(&p->f), iommufd_not_supported(&p->v)) {
			TH_LOG("%s: IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED", p->f.bdf);
		}
	/* All that a place does DMA to is its own mapping. */
	if (p->v.bar && !is_mapped(p))
		EXPECT_EQ(0, testdev_get(p->v.bar, ATS_TESTDEV_ATC_VALID)) {
			TH_LOG("%s: its ATC holds what is not mapped", p->f.bdf);
		}
	/* The driver sends one to a function that can before it sets E, which is nobody's harm. */
	if (runs(p) && !usable(&p->f))
		EXPECT_EQ(0, testdev_get(p->v.bar, ATS_TESTDEV_INVS_UR)) {
			TH_LOG("%s: invalidations that it cannot answer", p->f.bdf);
		}
}

static void check_all(struct __test_metadata *_metadata, const char *step)
{
	for (const struct place *p = places; p < places + place_count; p++)
		check_place(_metadata, p, step);
	EXPECT_EQ(walk.events, iommu_events()) {
		TH_LOG("the IOMMU has recorded events");
	}
	EXPECT_EQ(0, iommu_errors()) {
		TH_LOG("the IOMMU has global errors");
	}
	EXPECT_EQ(0, log_scan(walk.log)) {
		TH_LOG("the kernel complained, or its log could not be read");
	}
}

/* ---- the walk */

FIXTURE(walk) {
	unsigned int seed, steps, taken;
};

static unsigned int parameter(const char *name, unsigned int otherwise)
{
	char value[16];

	return kernel_parameter(name, value, sizeof(value)) ? strtoul(value, NULL, 10) : otherwise;
}

FIXTURE_SETUP(walk)
{
	set_places();
	self->seed = parameter("bench.seed", 1);
	self->steps = parameter("bench.steps", 50);
	walk.state = self->seed;
	walk.iova = WALK_IOVA;
	walk.log = log_open();
	ASSERT_LE(0, walk.log);
	ASSERT_EQ(0, iommu_open());
	walk.events = iommu_events();
	walk.ram = memory_get(GUEST_RAM_SIZE);
	ASSERT_NE(NULL, walk.ram);
#ifdef IOMMU_VIOMMU_ALLOC
	guest_tables((uint64_t *)walk.ram);
#endif
	for (struct place *p = places; p < places + place_count; p++) {
		p->v = (struct vfio)VFIO_NONE;
		p->memory = memory_get(BUFFER);
		ASSERT_NE(NULL, p->memory);
		if (!p->vf)
			ASSERT_EQ(0, found(p));
	}
}

FIXTURE_TEARDOWN(walk)
{
	if (!__test_passed(_metadata))
		TH_LOG("no shorter prefix fails than these steps: %u; again: make walk SEED=%u STEPS=%u", self->taken, self->seed,
		       self->taken);
	for (struct place *p = places; p < places + place_count; p++)
		vfio_close(&p->v);
	close(walk.log);
}

/* The machine's own time is all that it may take: a step that hangs is found by the kernel's hung task, or from outside. */
TEST_F_TIMEOUT(walk, invariant_holds, 100000)
{
	printf("# the walk of seed %u, %u steps\n", self->seed, self->steps);
	check_all(_metadata, "before the first step");
	while (self->taken < self->steps && __test_passed(_metadata)) {
		struct place *p = &places[random_below(place_count)];
		const struct step *step = random_step();

		if (!p->there || !step->possible(p))
			continue;
		self->taken++;
		printf("#@ step n=%u slot=%u vf=%u %s\n", self->taken, functions[p->name].slot, p->vf, step->name);
		step->take(_metadata, p);
		check_all(_metadata, step->name);
	}
}

TEST_HARNESS_MAIN
