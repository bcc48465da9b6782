// SPDX-License-Identifier: GPL-2.0
/*
 * Each allocation on a function's way fails once, one after the other: the n-th that the operation makes, for n from 1 to as many as
 * there are. After each, ATS is what the function's place and attachment make it, whether the operation has failed or has done
 * without, and the function is as good as new when it is back in the kernel's hands.
 *
 * Only what the process itself allocates can fail: a function is added by its PF or by a rescan, as a plugged one is found by a thread.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/iommufd.h>

#include "steps.h"

/* More than any operation makes: a loop that comes here does not end. */
#define MOST 3000

FIXTURE(fail_nth) {
	struct bench b;
	int nth;
};

FIXTURE_VARIANT(fail_nth) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(fail_nth, vf_off_on) { VF_OFF_ON };
FIXTURE_VARIANT_ADD(fail_nth, vf_on_on) { VF_ON_ON };
FIXTURE_VARIANT_ADD(fail_nth, plain_on) { PLAIN_ON };

static int set_failures(const char *file, const char *value)
{
	int ret = sysfs_write(value, "/sys/kernel/debug/failslab/%s", file);

	return ret ? ret : sysfs_write(value, "/sys/kernel/debug/fail_page_alloc/%s", file);
}

/*
 * Only allocations with the function @within among their callers are counted, and fail; all if it is NULL. It is not said in the log
 * that one was made to fail.
 */
static int setup_failures(const char *within)
{
	char start[40] = "0", end[40] = "0xffffffffffffffff";
	int ret = within ? text_of(within, start, end, sizeof(start)) : 0;

	if (!ret)
		ret = set_failures("require-start", start);
	if (!ret)
		ret = set_failures("require-end", end);
	if (!ret)
		ret = set_failures("ignore-gfp-wait", "N");
	if (!ret)
		ret = set_failures("verbose", "0");
	return ret ? ret : sysfs_write("0", "/sys/kernel/debug/fail_page_alloc/min-order");
}

/* But not those with @within among their callers. */
static int setup_exception(const char *within)
{
	char start[40] = "0", end[40] = "0";
	int ret = within ? text_of(within, start, end, sizeof(start)) : 0;

	if (!ret)
		ret = set_failures("reject-start", start);
	return ret ? ret : set_failures("reject-end", end);
}

FIXTURE_SETUP(fail_nth)
{
	ASSERT_EQ(0, setup_failures(NULL));
	ASSERT_EQ(0, setup_exception(NULL));
	self->nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->nth);
	bench_begin(_metadata, &self->b, variant->function);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
}

FIXTURE_TEARDOWN(fail_nth)
{
	close(self->nth);
	bench_end(_metadata, &self->b);
}

static int fail(int nth, unsigned int n)
{
	char value[16];
	int size = snprintf(value, sizeof(value), "%u", n);

	return pwrite(nth, value, size, 0) == size ? 0 : -errno;
}

/* Were there fewer allocations than that? Then none has failed. */
static bool still_to_come(int nth)
{
	char value[16] = "";
	ssize_t size = pread(nth, value, sizeof(value) - 1, 0);

	return size < 0 || atoi(value);
}

static const char *failed(bool over)
{
	return over ? "fewer allocations than" : "what failed is allocation";
}

/**
 * struct operation - what fails
 * @prepare: brings the function to where it begins
 * @take: the operation
 * @before: what the function is attached to when it begins, and stays attached to when it fails
 * @after: and when it succeeds
 */
struct operation {
	int (*prepare)(struct bench *b);
	int (*take)(struct bench *b);
	enum attachment before, after;
};

/* How often an operation has allocated something, and how often it was refused for it. */
struct failures {
	unsigned int allocations, refused;
};

static struct failures fail_each(struct __test_metadata *_metadata, struct bench *b, int nth, const struct operation *operation)
{
	unsigned int n, refused = 0;
	bool over = false;
	int ret;

	for (n = 1; !over && n < MOST; n++) {
		ASSERT_EQ(0, operation->prepare(b));
		check(_metadata, &b->f, &b->v, "before", operation->before);
		ASSERT_EQ(0, fail(nth, n));
		ret = operation->take(b);
		over = still_to_come(nth);
		ASSERT_EQ(0, fail(nth, 0));
		if (over)
			EXPECT_EQ(0, ret);
		refused += !!ret;
		check(_metadata, &b->f, &b->v, ret ? "refused" : "done", ret ? operation->before : operation->after);
		vfio_close(&b->v);
		check(_metadata, &b->f, NULL, "released", TRANSLATED);
		EXPECT_EQ(0, log_scan(b->log));
		ASSERT_TRUE(__test_passed(_metadata)) {
			TH_LOG("%s: %s %u, and the operation returned %d", b->f.bdf, failed(over), n, ret);
		}
	}
	ASSERT_GT(MOST, n);
	printf("#@ failures allocations=%u refused=%u\n", n - 2, refused);
	return (struct failures){ n - 2, refused };
}

static int nothing(struct bench *b)
{
	(void)b;
	return 0;
}

static int claim(struct bench *b)
{
	return vfio_claim(&b->v, &b->f);
}

static int attach_type1(struct bench *b)
{
	return vfio_set_iommu(&b->v);
}

static int claim_cdev(struct bench *b)
{
	int ret = iommufd_claim(&b->v, &b->f, NULL);

	return ret ? ret : vfio_map(&b->v, b->memory, IOVA, BUFFER);
}

/* Started, so that attaching it again is nothing but that. */
static int attached(struct bench *b)
{
	int ret = claim_cdev(b);

	return ret ? ret : iommufd_attach(&b->v, b->v.ioas);
}

static int detached(struct bench *b)
{
	int ret = attached(b);

	return ret ? ret : iommufd_detach(&b->v);
}

/* Attached, and there is another IOAS to go to. */
static int attached_elsewhere(struct bench *b)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	int ret = attached(b);

	if (!ret && ioctl(b->v.iommufd, IOMMU_IOAS_ALLOC, &alloc))
		ret = -errno;
	if (ret)
		return ret;
	b->v.ioas = alloc.out_ioas_id;
	return vfio_map(&b->v, b->memory, IOVA, BUFFER);
}

static int attach_ioas(struct bench *b)
{
	return iommufd_attach(&b->v, b->v.ioas);
}

static int detach(struct bench *b)
{
	return iommufd_detach(&b->v);
}

TEST_F(fail_nth, claim)
{
	static const struct operation operation = { nothing, claim, TRANSLATED, BLOCKED };

	EXPECT_LT(0, fail_each(_metadata, &self->b, self->nth, &operation).refused);
}

TEST_F(fail_nth, attach_type1)
{
	static const struct operation operation = { claim, attach_type1, BLOCKED, TRANSLATED };

	EXPECT_LT(0, fail_each(_metadata, &self->b, self->nth, &operation).refused);
}

TEST_F(fail_nth, attach_ioas)
{
	static const struct operation operation = { detached, attach_ioas, BLOCKED, TRANSLATED };

	EXPECT_LT(0, fail_each(_metadata, &self->b, self->nth, &operation).refused);
}

TEST_F(fail_nth, replace_ioas)
{
	static const struct operation operation = { attached_elsewhere, attach_ioas, TRANSLATED, TRANSLATED };

	EXPECT_LT(0, fail_each(_metadata, &self->b, self->nth, &operation).refused);
}

#ifdef IOMMU_VIOMMU_ALLOC
static int attach_nested(struct bench *b)
{
	uint32_t viommu = 0;

	return nested_attach(&b->v, true, &viommu);
}

/* The guest's SMMU, its Stream ID, its STE, and the function attached to it. */
TEST_F(fail_nth, attach_nested)
{
	static const struct operation operation = { attached, attach_nested, TRANSLATED, TRANSLATED };

	EXPECT_LT(0, fail_each(_metadata, &self->b, self->nth, &operation).refused);
}

static uint32_t guests_smmu;
static unsigned int handled_in_vain;

static int nested(struct bench *b)
{
	int ret = attached(b);

	guests_smmu = 0;
	return ret ? ret : nested_attach(&b->v, true, &guests_smmu);
}

static int invalidate(struct bench *b)
{
	uint32_t handled;
	int ret = guest_tlbi(&b->v, guests_smmu, &handled);

	handled_in_vain += ret && handled;
	return ret;
}

/* A VMM tells its guest which commands were handled. */
TEST_F(fail_nth, guests_invalidation)
{
	static const struct operation operation = { nested, invalidate, TRANSLATED, TRANSLATED };

	EXPECT_LT(0, fail_each(_metadata, &self->b, self->nth, &operation).refused);
	EXPECT_EQ(0, handled_in_vain);
}
#endif

/* To be blocked is what nobody can be refused: it must not need memory. */
TEST_F(fail_nth, detach)
{
	static const struct operation operation = { attached, detach, TRANSLATED, BLOCKED };

	EXPECT_EQ(0, fail_each(_metadata, &self->b, self->nth, &operation).allocations);
}

/*
 * A function has to come back to the kernel's domain after a reset, and when user space lets go of it; the first time it is attached,
 * the driver may not refuse it either. When it has no memory for that the IOMMU core warns, and blocks the function, or lets its
 * probe fail. The driver then warns as well when the function leaves a domain that it never came to. All that is upstream's; no
 * other warning may come, and ATS has to be off, in the function and in its STE.
 */
static const char *const not_attached[] = {
	"arm_smmu_invs_unref+", "pci_dev_reset_iommu_done+", "iommu_setup_default_domain+", "__iommu_release_dma_ownership+",
	"iommu_detach_group+", NULL
};

struct complaints {
	int of_driver, of_core;
};

static struct complaints complaints(struct __test_metadata *_metadata, const struct bench *b)
{
	int seen[sizeof(not_attached) / sizeof(not_attached[0])], core = 0;

	EXPECT_EQ(0, log_scan_but(b->log, not_attached, seen));
	for (int i = 1; not_attached[i]; i++)
		core += seen[i];
	return (struct complaints){ seen[0], core };
}

/* Where @take has to attach the function again: it is attached, or it is blocked and the core has warned. */
static struct failures park_each(struct __test_metadata *_metadata, struct bench *b, int nth, const struct operation *operation)
{
	unsigned int n, refused = 0;
	bool over = false;

	for (n = 1; !over && n < MOST; n++) {
		struct complaints seen;
		bool parked;

		ASSERT_EQ(0, operation->prepare(b));
		check(_metadata, &b->f, &b->v, "before", operation->before);
		EXPECT_EQ(0, log_scan(b->log));
		ASSERT_EQ(0, fail(nth, n));
		EXPECT_EQ(0, operation->take(b));
		over = still_to_come(nth);
		ASSERT_EQ(0, fail(nth, 0));
		seen = complaints(_metadata, b);
		EXPECT_GE(!over, seen.of_core);
		EXPECT_GE(seen.of_core, seen.of_driver);
		/* A release resets the function first, and may yet attach it when that could not. */
		parked = iommu_attached(b->f.sid, BLOCKED);
		EXPECT_GE(seen.of_core, parked);
		check(_metadata, &b->f, &b->v, parked ? "parked" : "done", parked ? BLOCKED : operation->after);
		refused += seen.of_core;
		/* It is attached when it is given back, or taken once more. */
		vfio_close(&b->v);
		ASSERT_EQ(0, claim(b));
		vfio_close(&b->v);
		check(_metadata, &b->f, NULL, "released", TRANSLATED);
		EXPECT_GE(seen.of_core, seen.of_driver + complaints(_metadata, b).of_driver);
		ASSERT_TRUE(__test_passed(_metadata)) {
			TH_LOG("%s: %s %u", b->f.bdf, failed(over), n);
		}
	}
	ASSERT_GT(MOST, n);
	printf("#@ failures allocations=%u refused=%u\n", n - 2, refused);
	return (struct failures){ n - 2, refused };
}

static int reset(struct bench *b)
{
	return vfio_reset(&b->v);
}

static int release(struct bench *b)
{
	vfio_close(&b->v);
	return 0;
}

static int attached_type1(struct bench *b)
{
	return vfio_attach(&b->v, &b->f, NULL);
}

/* Where nothing is attached for it, nothing is allocated either. */
TEST_F(fail_nth, reset)
{
	static const struct operation operation = { attached, reset, TRANSLATED, TRANSLATED };
	bool attaches = usable(&self->b.f) && resets_block();
	struct failures seen = park_each(_metadata, &self->b, self->nth, &operation);

	EXPECT_EQ(attaches, seen.refused > 0);
	EXPECT_EQ(attaches, seen.allocations > 0);
}

TEST_F(fail_nth, release_of_type1)
{
	static const struct operation operation = { attached_type1, release, TRANSLATED, TRANSLATED };

	EXPECT_LT(0, park_each(_metadata, &self->b, self->nth, &operation).refused);
}

TEST_F(fail_nth, release_of_iommufd)
{
	static const struct operation operation = { attached, release, TRANSLATED, TRANSLATED };

	EXPECT_LT(0, park_each(_metadata, &self->b, self->nth, &operation).refused);
}

/* ---- a function that is added: by its PF, or by a rescan */

FIXTURE(fail_nth_added) {
	struct bench b;
	struct function pf;
	int nth;
};

FIXTURE_VARIANT(fail_nth_added) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(fail_nth_added, vf_off_on) { VF_OFF_ON };
FIXTURE_VARIANT_ADD(fail_nth_added, vf_on_on) { VF_ON_ON };
FIXTURE_VARIANT_ADD(fail_nth_added, plain_on) { PLAIN_ON };

FIXTURE_SETUP(fail_nth_added)
{
	/* Nowhere else: when device_add() fails pci_device_add() only warns, and later device_del() dereferences NULL. */
	ASSERT_EQ(0, setup_failures("iommu_probe_device"));
	/* And not in the IOVA allocator: 6.12's frees what it has not got. */
	ASSERT_EQ(0, setup_exception("iova_domain_init_rcaches"));
	self->nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->nth);
	bench_begin(_metadata, &self->b, variant->function);
	ASSERT_EQ(0, function_find(&self->pf, functions[variant->function].pf));
}

FIXTURE_TEARDOWN(fail_nth_added)
{
	close(self->nth);
	bench_end(_metadata, &self->b);
}

static int set_numvfs(const struct function *pf, const char *count)
{
	return sysfs_write(count, "/sys/bus/pci/devices/%s/sriov_numvfs", pf->bdf);
}

/* Where the IOMMU's driver comes to know of a function when it is bound, that is part of it. */
static void add(const struct function *f, const struct function *pf)
{
	if (f->vf)
		set_numvfs(pf, "1");
	else
		sysfs_write("1", "/sys/bus/pci/rescan");
	function_introduce(f);
}

/* What is only half there has to go, too. */
static int take_away(const struct function *f, const struct function *pf)
{
	if (f->vf)
		return set_numvfs(pf, "0");
	if (!sysfs_there("/sys/bus/pci/devices/%s", f->bdf))
		return 0;
	return sysfs_write("1", "/sys/bus/pci/devices/%s/remove", f->bdf);
}

/* Without a group the IOMMU's driver has refused it: then nobody may have switched ATS on. */
static void check_added(struct __test_metadata *_metadata, const struct function *f)
{
	struct function found;

	if (function_find_vf(&found, f->name, f->vf)) {
		EXPECT_EQ(0, iommu_ats(f->sid));
	} else if (function_group(&found) < 0) {
		EXPECT_EQ(0, function_e(&found));
		EXPECT_EQ(0, iommu_ats(found.sid));
	} else {
		check(_metadata, &found, NULL, "added", TRANSLATED);
	}
}

TEST_F_TIMEOUT(fail_nth_added, add, 300)
{
	struct bench *b = &self->b;
	unsigned int n, missing = 0;
	bool over = false;

	for (n = 1; !over && n < MOST; n++) {
		struct complaints seen;
		bool known;

		ASSERT_EQ(0, take_away(&b->f, &self->pf));
		EXPECT_EQ(0, log_scan(b->log));
		ASSERT_EQ(0, fail(self->nth, n));
		add(&b->f, &self->pf);
		over = still_to_come(self->nth);
		ASSERT_EQ(0, fail(self->nth, 0));
		known = function_group(&b->f) >= 0;
		EXPECT_GE(known, over);
		missing += !known;
		seen = complaints(_metadata, b);
		EXPECT_GE(!known, seen.of_core);
		EXPECT_GE(seen.of_core, seen.of_driver);
		check_added(_metadata, &b->f);
		ASSERT_TRUE(__test_passed(_metadata)) {
			TH_LOG("%s: %s %u", b->f.bdf, failed(over), n);
		}
	}
	ASSERT_GT(MOST, n);
	printf("#@ failures allocations=%u missing=%u\n", n - 2, missing);
	EXPECT_LT(0, missing);

	/* And then it is as good as any. */
	ASSERT_EQ(0, function_find(&b->f, variant->function));
	ASSERT_EQ(0, function_bind(&b->f, "vfio-pci"));
	ASSERT_EQ(0, vfio_attach(&b->v, &b->f, NULL));
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	check(_metadata, &b->f, &b->v, "attached", TRANSLATED);
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
}

TEST_HARNESS_MAIN
