/* SPDX-License-Identifier: GPL-2.0 */
/* The steps that scenarios of any IOMMU are made of, each with its look from outside. */
#ifndef STEPS_H
#define STEPS_H

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "hw/misc/ats-testdev.h"

/* Where the buffer is mapped. */
#define IOVA 0x10000000UL

/* Of a transfer, and where in the buffer: both cross pages. */
#define LENGTH (5 * PAGE)
#define OFFSET 0x804UL

/* The invariant: ATS is on if it can be and there is something to translate, and then everywhere. @v may be NULL. */
static inline void expect_ats(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v,
			      const char *step, enum attachment attachment, bool wanted, int e, int iommu)
{
	int expected = wanted && usable(f) && (attachment == TRANSLATED || kept_on());

	EXPECT_EQ(expected, e) {
		TH_LOG("%s, %s: the E bit", step, f->bdf);
	}
	EXPECT_EQ(expected, iommu) {
		TH_LOG("%s, %s: ATS in the IOMMU's entry", step, f->bdf);
	}
	EXPECT_TRUE(iommu_attached(f->sid, attachment)) {
		TH_LOG("%s, %s: what the IOMMU's entry translates with", step, f->bdf);
	}
	if (!v || !v->bar)
		return;
	EXPECT_EQ(e, testdev_get(v->bar, ATS_TESTDEV_ENABLED));
	if (!e)
		EXPECT_EQ(0, testdev_get(v->bar, ATS_TESTDEV_ATC_VALID));
}

/* The same, as a fact for the table. */
static inline void check_ats(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v,
			     const char *step, enum attachment attachment, bool wanted)
{
	int e = function_e(f), iommu = iommu_ats(f->sid);

	printf("#@ state step=%s bdf=%s e=%d iommu=%d\n", step, f->bdf, e, iommu);
	expect_ats(_metadata, f, v, step, attachment, wanted, e, iommu);
}

static inline void check(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v,
			 const char *step, enum attachment attachment)
{
	check_ats(_metadata, f, v, step, attachment, true);
}

/* What user space is told does not depend on the attachment. */
static inline void check_told(struct __test_metadata *_metadata, const struct function *f, int not_supported)
{
	printf("#@ state step=told bdf=%s not_supported=%d\n", f->bdf, not_supported);
	EXPECT_EQ(!usable(f), not_supported) {
		TH_LOG("%s: IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED", f->bdf);
	}
}

static inline bool memory_holds(const uint8_t *memory, uint8_t seed, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (memory[i] != pattern(seed, i))
			return false;
	return true;
}

/* Both ways by one kind of request. */
static inline void transfer(struct __test_metadata *_metadata, const struct vfio *v, uint8_t *memory, uint64_t iova,
			    uint32_t write, uint32_t read)
{
	testdev_fill(v->bar, 0x5a, LENGTH);
	EXPECT_EQ(ATS_TESTDEV_OK, testdev_do(v->bar, write, iova + OFFSET, LENGTH));
	EXPECT_EQ(LENGTH, testdev_get(v->bar, ATS_TESTDEV_DONE));
	EXPECT_TRUE(memory_holds(memory + OFFSET, 0x5a, LENGTH));

	for (uint32_t i = 0; i < LENGTH; i++)
		memory[OFFSET + i] = pattern(0xa7, i);
	EXPECT_EQ(ATS_TESTDEV_OK, testdev_do(v->bar, read, iova + OFFSET, LENGTH));
	EXPECT_TRUE(testdev_holds(v->bar, 0xa7, LENGTH));
}

/* Where the kernel has the page at @address; 0 if nowhere. */
static inline uint64_t physical(const void *address)
{
	uint64_t entry = 0;
	int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	if (map >= 0) {
		if (pread(map, &entry, sizeof(entry), (uintptr_t)address / PAGE * sizeof(entry)) != sizeof(entry))
			entry = 0;
		close(map);
	}
	return entry >> 63 ? (entry & ((1ULL << 55) - 1)) * PAGE : 0;
}

/* What the ATC has for each page is where the page is. */
static inline void check_translations(struct __test_metadata *_metadata, const struct vfio *v, const uint8_t *memory,
				      uint64_t iova)
{
	for (uint64_t page = 0; page < OFFSET + LENGTH; page += PAGE) {
		EXPECT_EQ(ATS_TESTDEV_OK, testdev_do(v->bar, ATS_TESTDEV_CMD_LOOKUP, iova + page, PAGE));
		EXPECT_NE(0, physical(memory + page));
		EXPECT_EQ(physical(memory + page), testdev_get(v->bar, ATS_TESTDEV_PA_LO) |
			  (uint64_t)testdev_get(v->bar, ATS_TESTDEV_PA_HI) << 32);
		EXPECT_EQ(ATS_TESTDEV_PERM_R | ATS_TESTDEV_PERM_W, testdev_get(v->bar, ATS_TESTDEV_PERM));
	}
}

/* The device reaches mapped memory, and by its ATC if and only if ATS is on. */
static inline void check_dma(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v,
			     uint8_t *memory, uint64_t iova, bool ats)
{
	transfer(_metadata, v, memory, iova, ATS_TESTDEV_CMD_WRITE, ATS_TESTDEV_CMD_READ);
	EXPECT_EQ(ats ? ATS_TESTDEV_OK : ATS_TESTDEV_DISABLED,
		  testdev_do(v->bar, ATS_TESTDEV_CMD_TREQ, iova + OFFSET, LENGTH)) {
		TH_LOG("%s: the answer to a Translation Request", f->bdf);
	}
	if (ats && iommu_takes_translated())
		transfer(_metadata, v, memory, iova, ATS_TESTDEV_CMD_WRITE_ATC, ATS_TESTDEV_CMD_READ_ATC);
	if (ats)
		check_translations(_metadata, v, memory, iova);
	EXPECT_EQ(ats, testdev_get(v->bar, ATS_TESTDEV_ATC_VALID) > 0);
}

static inline int set_type(const struct function *f, const char *type)
{
	return sysfs_write(type, "/sys/kernel/iommu_groups/%d/type", function_group(f));
}

/* As if it had just been plugged: a VF by its PF, any other by the bus. */
static inline int add_again(struct function *f)
{
	int ret;

	if (f->vf) {
		ret = vfs_set(functions[f->name].pf, 0);
		if (!ret)
			ret = vfs_set(functions[f->name].pf, f->vf);
	} else {
		ret = sysfs_write("1", "/sys/bus/pci/devices/%s/remove", f->bdf);
		if (!ret)
			ret = sysfs_write("1", "/sys/bus/pci/rescan");
	}
	if (!ret)
		ret = function_find_vf(f, f->name, f->vf);
	return ret ? ret : function_introduce(f);
}

/* It is there when the IOMMU's driver knows it. */
static inline bool wait_until(bool there, const struct function *f)
{
	for (int i = 0; i < 1000; i++) {
		if (there)
			function_introduce(f);
		if ((function_group(f) >= 0) == there)
			return true;
		usleep(10000);
	}
	return false;
}

static inline bool is_asleep(const struct function *f)
{
	char state[16];

	return !sysfs_read(state, sizeof(state), "/sys/bus/pci/devices/%s/power_state", f->bdf) && !strcmp(state, "D3hot");
}

static inline bool wait_until_asleep(const struct function *f)
{
	for (int i = 0; i < 1000; i++) {
		if (is_asleep(f))
			return true;
		usleep(1000);
	}
	return false;
}

/* The way from D3hot to D0 is a reset: see ats-testdev's no-soft-reset. */
static inline int d3hot_and_back(const struct vfio *v)
{
	int ret = vfio_power(v, 3);

	return ret ? ret : vfio_power(v, 0);
}

/* The functions of vfio-pci are in D3hot then, @v among them. That it is only a test of the way there is what wakes the machine up. */
static inline int machine_sleeps(const struct vfio *v)
{
	int ret = sysfs_write("0", "/sys/module/suspend/parameters/pm_test_delay");

	(void)v;
	if (!ret)
		ret = sysfs_write("platform", "/sys/power/pm_test");
	return ret ? ret : sysfs_write("freeze", "/sys/power/state");
}

/* The text of @name: from its symbol to the next. */
static inline int text_of(const char *name, char *start, char *end, size_t size)
{
	char symbol[128], address[32];
	FILE *symbols = fopen("/proc/kallsyms", "re");
	int ret = -ENOENT;

	if (!symbols)
		return -errno;
	while (ret && fscanf(symbols, "%31s %*c %127s%*[^\n]", address, symbol) == 2) {
		if (strcmp(symbol, name))
			continue;
		snprintf(start, size, "0x%s", address);
		while (ret && fscanf(symbols, "%31s %*c %127s%*[^\n]", address, symbol) == 2) {
			snprintf(end, size, "0x%s", address);
			ret = strcmp(start, end) ? 0 : -ENOENT;
		}
	}
	fclose(symbols);
	return ret;
}

/* From 7.0 on the core blocks a function that has ATS while it is reset. */
static inline bool resets_block(void)
{
	char start[40], end[40];

	return !text_of("pci_dev_reset_iommu_done", start, end, sizeof(start));
}

/* The kernel wants the function back, and says so by an eventfd. */
static inline void give_back(struct __test_metadata *_metadata, struct bench *b, int eventfd)
{
	struct pollfd request = { .fd = eventfd, .events = POLLIN };

	EXPECT_EQ(1, poll(&request, 1, 10000)) {
		TH_LOG("nobody asked for the device");
	}
	close(eventfd);
	vfio_close(&b->v);
}

#endif
