// SPDX-License-Identifier: GPL-2.0
/*
 * What attaching, mapping, unmapping and detaching cost: commands in the SMMU's queue, and instructions. The machine's time is counted
 * in instructions, and its counter has a tick for each: see bench/machines. Every operation is done a few times, as now and then a timer
 * interrupt falls into one: the least is its cost, and the same on every run.
 *
 * What an operation allocates is given back by the next, so if it takes the last object that the allocator has at hand, it does so each
 * time, and costs a little more. Half of the times another function is held the same way, and has taken as many objects before.
 *
 * It also is a matter of a few instructions where the allocator finds a page: type1 maps two by way of trial when it attaches. So what a
 * function costs is compared with what one without the Capability costs in turn with it, which is given what the other has given back.
 */
#include <stdio.h>
#include <unistd.h>

#include "steps.h"

#define TIMES 48

/* The other function; a quirk denies ATS to it. */
#define HELD AMD_GPU

/* Functions without the Capability, of which no VF has it either. */
#define PLAIN PLAIN_OFF
#define OTHER_PLAIN PF_OFF_OF_VF_OFF

FIXTURE(figures) {
	struct bench b;
	struct function other, plain;
	struct vfio held, beside;
};

FIXTURE_VARIANT(figures) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(figures, vf_off_off) { VF_OFF_OFF };
FIXTURE_VARIANT_ADD(figures, vf_off_on) { VF_OFF_ON };
FIXTURE_VARIANT_ADD(figures, plain_off) { PLAIN };
FIXTURE_VARIANT_ADD(figures, vf_on_on) { VF_ON_ON };
FIXTURE_VARIANT_ADD(figures, plain_on) { PLAIN_ON };

FIXTURE_SETUP(figures)
{
	bench_begin(_metadata, &self->b, variant->function);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
	self->held = self->beside = (struct vfio)VFIO_NONE;
	ASSERT_EQ(0, function_find(&self->other, HELD));
	ASSERT_EQ(0, function_bind(&self->other, "vfio-pci"));
	ASSERT_EQ(0, function_find(&self->plain, variant->function == PLAIN ? OTHER_PLAIN : PLAIN));
	ASSERT_EQ(0, function_bind(&self->plain, "vfio-pci"));
}

FIXTURE_TEARDOWN(figures)
{
	vfio_close(&self->held);
	vfio_close(&self->beside);
	function_unbind(&self->other);
	function_unbind(&self->plain);
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

/* What @f costs, and what the function without the Capability does. */
static void report(struct __test_metadata *_metadata, const struct function *f, const struct figure figures[], const struct figure plain[],
		   size_t count)
{
	for (size_t i = 0; i < count; i++) {
		printf("#@ figure operation=%s ats=%d commands=%u instructions=%lu plain_commands=%u plain_instructions=%lu\n",
		       figures[i].name, usable(f), figures[i].commands, (unsigned long)figures[i].instructions, plain[i].commands,
		       (unsigned long)plain[i].instructions);
		EXPECT_EQ(figures[i].commands, figures[i].most_commands) {
			TH_LOG("%s: the number of commands is not always the same", figures[i].name);
		}
		EXPECT_EQ(plain[i].commands, plain[i].most_commands) {
			TH_LOG("%s without the Capability: the number of commands is not always the same", plain[i].name);
		}
	}
}

/* Measures the expression, which returns a negative number if it fails. */
#define COST(figure, function, operation) ({ \
	uint32_t prod = smmu_cmdq_prod(); \
	uint64_t begun = instructions(); \
	int ret = operation; \
	take(figure, (function)->sid, begun, prod); \
	ASSERT_LE(0, ret); \
})

/* Another one each time: it may matter where a page is. */
static uint8_t *page(const struct bench *b, unsigned int i)
{
	return b->memory + i % (BUFFER / PAGE) * PAGE;
}

static void iommufd_costs(struct __test_metadata *_metadata, const struct function *f, struct vfio *v, uint8_t *memory,
			  struct figure figures[])
{
	COST(&figures[0], f, iommufd_attach(v, v->ioas));
	COST(&figures[1], f, vfio_map(v, memory, IOVA, PAGE));
	COST(&figures[2], f, vfio_unmap(v, IOVA, PAGE));
	COST(&figures[3], f, iommufd_detach(v));
}

TEST_F(figures, iommufd)
{
	struct figure figures[] = { { "attach" }, { "map" }, { "unmap" }, { "detach" } };
	struct figure plain[] = { { "attach" }, { "map" }, { "unmap" }, { "detach" } };
	struct bench *b = &self->b;

	ASSERT_EQ(1000000000, counter_frequency());
	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	ASSERT_EQ(0, iommufd_claim(&self->beside, &self->plain, NULL));
	/* The first one also opens the device. */
	ASSERT_EQ(0, iommufd_attach(&b->v, b->v.ioas));
	ASSERT_EQ(0, iommufd_detach(&b->v));
	ASSERT_EQ(0, iommufd_attach(&self->beside, self->beside.ioas));
	ASSERT_EQ(0, iommufd_detach(&self->beside));
	for (int i = 0; i < 2 * TIMES; i++) {
		if (i == TIMES) {
			ASSERT_EQ(0, iommufd_claim(&self->held, &self->other, NULL));
			ASSERT_EQ(0, iommufd_attach(&self->held, self->held.ioas));
			ASSERT_EQ(0, vfio_map(&self->held, b->memory + PAGE, IOVA, PAGE));
		}
		iommufd_costs(_metadata, &b->f, &b->v, page(b, i), figures);
		iommufd_costs(_metadata, &self->plain, &self->beside, page(b, i), plain);
	}
	report(_metadata, &b->f, figures, plain, 4);
}

static void type1_costs(struct __test_metadata *_metadata, const struct function *f, struct vfio *v, uint8_t *memory,
			struct figure figures[])
{
	ASSERT_EQ(0, vfio_claim(v, f));
	COST(&figures[0], f, vfio_set_iommu(v));
	COST(&figures[1], f, vfio_map(v, memory, IOVA, PAGE));
	COST(&figures[2], f, vfio_unmap(v, IOVA, PAGE));
	vfio_close(v);
}

TEST_F(figures, vfio_type1)
{
	struct figure figures[] = { { "attach" }, { "map" }, { "unmap" } }, plain[] = { { "attach" }, { "map" }, { "unmap" } };
	struct bench *b = &self->b;

	ASSERT_EQ(1000000000, counter_frequency());
	for (int i = 0; i < 2 * TIMES; i++) {
		if (i == TIMES) {
			ASSERT_EQ(0, vfio_claim(&self->held, &self->other));
			ASSERT_EQ(0, vfio_set_iommu(&self->held));
			ASSERT_EQ(0, vfio_map(&self->held, b->memory + PAGE, IOVA, PAGE));
		}
		type1_costs(_metadata, &b->f, &b->v, page(b, i), figures);
		type1_costs(_metadata, &self->plain, &self->beside, page(b, i), plain);
	}
	report(_metadata, &b->f, figures, plain, 3);
}

TEST_HARNESS_MAIN
