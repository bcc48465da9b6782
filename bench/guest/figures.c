// SPDX-License-Identifier: GPL-2.0
/*
 * What attaching, mapping, unmapping and detaching cost: commands in the SMMU's queue, and instructions. The machine's time is counted
 * in instructions, and its counter has a tick for each: see bench/lib.sh. Every operation is done a few times, as now and then a timer
 * interrupt falls into one: the least is its cost, and the same on every run.
 *
 * What an operation allocates is given back by the next, so if it takes the last object that the allocator has at hand, it does so each
 * time, and costs a little more. Half of the times another function is held the same way, and has taken as many objects before.
 */
#include <stdio.h>
#include <unistd.h>

#include "steps.h"

#define TIMES 48

/* Where the other function is, on which a quirk forbids ATS. */
#define HELD_SLOT 12

FIXTURE(figures) {
	struct bench b;
	struct function other;
	struct vfio held;
};

FIXTURE_VARIANT(figures) {
	unsigned int slot, vf;
};

/*
 * What is compared with each other comes one after the other: type1 maps two pages by way of trial when it attaches, and where the
 * allocator finds these can be a matter of three instructions.
 */
FIXTURE_VARIANT_ADD(figures, vf_off_off) { .slot = 2, .vf = 1 };
FIXTURE_VARIANT_ADD(figures, vf_off_on) { .slot = 3, .vf = 1 };
FIXTURE_VARIANT_ADD(figures, plain_off) { .slot = 7 };
FIXTURE_VARIANT_ADD(figures, vf_on_on) { .slot = 5, .vf = 1 };
FIXTURE_VARIANT_ADD(figures, plain_on) { .slot = 6 };

FIXTURE_SETUP(figures)
{
	bench_begin(_metadata, &self->b, variant->slot, variant->vf);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
	self->held = (struct vfio)VFIO_NONE;
	ASSERT_EQ(0, function_find(&self->other, HELD_SLOT, 0));
	ASSERT_EQ(0, function_bind(&self->other, "vfio-pci"));
}

FIXTURE_TEARDOWN(figures)
{
	vfio_close(&self->held);
	function_unbind(&self->other);
	bench_end(_metadata, &self->b);
}

static uint64_t instructions(void)
{
	uint64_t count;

	asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r" (count) :: "memory");
	return count;
}

static uint64_t counter_frequency(void)
{
	uint64_t frequency;

	asm volatile("mrs %0, cntfrq_el0" : "=r" (frequency));
	return frequency;
}

/**
 * struct figure - what an operation costs
 * @name: the operation
 * @times: how often it was done
 * @instructions: the least of them
 * @commands: the least of them
 * @most_commands: which has to be as many
 */
struct figure {
	const char *name;
	unsigned int times;
	uint64_t instructions;
	unsigned int commands, most_commands;
};

static void take(struct figure *figure, uint32_t sid, uint64_t begun, uint32_t prod)
{
	uint64_t count = instructions() - begun;
	struct commands seen = smmu_commands(prod, smmu_cmdq_prod(), sid);

	if (!figure->times || count < figure->instructions)
		figure->instructions = count;
	if (!figure->times || seen.total < figure->commands)
		figure->commands = seen.total;
	if (seen.total > figure->most_commands)
		figure->most_commands = seen.total;
	figure->times++;
}

static void report(struct __test_metadata *_metadata, const struct function *f, const struct figure figures[], size_t count)
{
	for (size_t i = 0; i < count; i++) {
		printf("#@ figure operation=%s ats=%d commands=%u instructions=%lu\n", figures[i].name, usable(f), figures[i].commands,
		       (unsigned long)figures[i].instructions);
		EXPECT_EQ(figures[i].commands, figures[i].most_commands) {
			TH_LOG("%s: the number of commands is not always the same", figures[i].name);
		}
	}
}

/* Measures the expression, which returns a negative number if it fails. */
#define COST(figure, operation) ({ \
	uint32_t prod = smmu_cmdq_prod(); \
	uint64_t begun = instructions(); \
	int ret = operation; \
	take(figure, self->b.f.sid, begun, prod); \
	ASSERT_LE(0, ret); \
})

/* Another one each time: it may matter where a page is. */
static uint8_t *page(const struct bench *b, unsigned int i)
{
	return b->memory + i % (BUFFER / PAGE) * PAGE;
}

TEST_F(figures, iommufd)
{
	struct figure attach = { "attach" }, map = { "map" }, unmap = { "unmap" }, detach = { "detach" };
	struct bench *b = &self->b;

	ASSERT_EQ(1000000000, counter_frequency());
	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	/* The first one also opens the device. */
	ASSERT_EQ(0, iommufd_attach(&b->v, b->v.ioas));
	ASSERT_EQ(0, iommufd_detach(&b->v));
	for (int i = 0; i < 2 * TIMES; i++) {
		if (i == TIMES) {
			ASSERT_EQ(0, iommufd_claim(&self->held, &self->other, NULL));
			ASSERT_EQ(0, iommufd_attach(&self->held, self->held.ioas));
			ASSERT_EQ(0, vfio_map(&self->held, b->memory + PAGE, IOVA, PAGE));
		}
		COST(&attach, iommufd_attach(&b->v, b->v.ioas));
		COST(&map, vfio_map(&b->v, page(b, i), IOVA, PAGE));
		COST(&unmap, vfio_unmap(&b->v, IOVA, PAGE));
		COST(&detach, iommufd_detach(&b->v));
	}
	report(_metadata, &b->f, (struct figure[]){ attach, map, unmap, detach }, 4);
}

TEST_F(figures, vfio_type1)
{
	struct figure attach = { "attach" }, map = { "map" }, unmap = { "unmap" };
	struct bench *b = &self->b;

	ASSERT_EQ(1000000000, counter_frequency());
	for (int i = 0; i < 2 * TIMES; i++) {
		if (i == TIMES) {
			ASSERT_EQ(0, vfio_claim(&self->held, &self->other));
			ASSERT_EQ(0, vfio_set_iommu(&self->held));
			ASSERT_EQ(0, vfio_map(&self->held, b->memory + PAGE, IOVA, PAGE));
		}
		ASSERT_EQ(0, vfio_claim(&b->v, &b->f));
		COST(&attach, vfio_set_iommu(&b->v));
		COST(&map, vfio_map(&b->v, page(b, i), IOVA, PAGE));
		COST(&unmap, vfio_unmap(&b->v, IOVA, PAGE));
		vfio_close(&b->v);
	}
	report(_metadata, &b->f, (struct figure[]){ attach, map, unmap }, 3);
}

TEST_HARNESS_MAIN
