/* SPDX-License-Identifier: GPL-2.0 */
/* How a test of the bench begins and ends, for programs on the kselftest harness: its macros want to be in their file. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What an expectation has to say belongs to the results. */
#define TH_LOG_STREAM stdout
#include "kselftest_harness.h"
#include "bench.h"

#define BUFFER (16 * PAGE)

static inline bool machine_is(const char *name)
{
	char machine[64] = "ats";

	kernel_parameter("bench.machine", machine, sizeof(machine));
	return !strcmp(machine, name);
}

static inline bool allows_ats(const struct function_info *info)
{
	return info->ats && !info->quirked && !info->external;
}

/* The machine has to allow ATS, and for a VF its PF as well. Alignment is each function's own. */
static inline bool usable(const struct function *f)
{
	const struct function_info *info = &functions[f->name];

	if (!machine_is("ats") && !machine_is("vtd") && !machine_is("vtd-scalable"))
		return false;
	return allows_ats(info) && allows_ats(&functions[info->pf]) && !info->unaligned;
}

/* In VT-d's scalable mode ATS is on as long as the function is there, also with nothing to translate. */
static inline bool kept_on(void)
{
	return machine_is("vtd-scalable");
}

/* Memory of which every page is there, and stays where it is. */
static inline uint8_t *memory_get(size_t size)
{
	uint8_t *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	return memory == MAP_FAILED ? NULL : memory;
}

/**
 * struct bench - what every scenario begins with and leaves behind
 * @f: the function
 * @v: it in the hands of user space
 * @memory: BUFFER bytes
 * @log: the kernel's log from here on
 * @events: how many events the IOMMU had recorded
 */
struct bench {
	struct function f;
	struct vfio v;
	uint8_t *memory;
	int log;
	uint32_t events;
};

static inline void bench_begin(struct __test_metadata *_metadata, struct bench *b, enum function_name name)
{
	const struct function_info *info = &functions[name];

	b->v = (struct vfio)VFIO_NONE;
	/* What a test has left behind that ended early is not this one's. */
	if (info->is_vf)
		ASSERT_EQ(0, vfs_set(info->pf, 0));
	b->log = log_open();
	ASSERT_LE(0, b->log);
	ASSERT_EQ(0, iommu_open());
	b->events = iommu_events();
	b->memory = memory_get(BUFFER);
	ASSERT_NE(NULL, b->memory);
	if (info->is_vf)
		ASSERT_EQ(0, vfs_set(info->pf, 1));
	ASSERT_EQ(0, function_find(&b->f, name));
}

static inline void bench_end(struct __test_metadata *_metadata, struct bench *b)
{
	vfio_close(&b->v);
	if (b->f.bdf[0])
		function_unbind(&b->f);
	if (b->f.vf)
		EXPECT_EQ(0, vfs_set(functions[b->f.name].pf, 0));
	munmap(b->memory, BUFFER);
	EXPECT_EQ(b->events, iommu_events()) {
		TH_LOG("the IOMMU has recorded events");
	}
	EXPECT_EQ(0, iommu_errors()) {
		TH_LOG("the IOMMU has global errors");
	}
	EXPECT_EQ(0, log_scan(b->log)) {
		TH_LOG("the kernel complained, or its log could not be read");
	}
	close(b->log);
}

#endif
