// SPDX-License-Identifier: GPL-2.0
/*
 * PASIDs: a machine whose SMMU has SubstreamIDs, and functions with a PASID Capability. A domain or a process is attached to a PASID,
 * while the function itself, its RID, is blocked or has another domain. ATS is on if it can be and either of them has something to
 * translate.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cycles.h"

#define PASID 1

/* Without a PASID: for cycles.h. */
static void check_unmap(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v)
{
	EXPECT_LE(0, vfio_unmap(v, IOVA, BUFFER));
	EXPECT_EQ(0, testdev_get(v->bar, ATS_TESTDEV_ATC_VALID)) {
		TH_LOG("%s: unmapped, and the ATC still has it", f->bdf);
	}
}

FIXTURE(pasid) {
	struct bench b;
};

FIXTURE_VARIANT(pasid) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(pasid, plain_on) { PLAIN_ON };
FIXTURE_VARIANT_ADD(pasid, plain_off) { PLAIN_OFF };
FIXTURE_VARIANT_ADD(pasid, pf_off_of_vf_on) { PF_OFF_OF_VF_ON };
FIXTURE_VARIANT_ADD(pasid, pf_on_of_vf_on) { PF_ON_OF_VF_ON };
FIXTURE_VARIANT_ADD(pasid, quirked) { PLAIN_QUIRKED };
/* A VF uses the PASID Capability of its PF, and has an ATS Capability of its own. */
FIXTURE_VARIANT_ADD(pasid, vf_off_on) { VF_OFF_ON };
FIXTURE_VARIANT_ADD(pasid, vf_on_on) { VF_ON_ON };

FIXTURE_SETUP(pasid)
{
#ifndef VFIO_DEVICE_ATTACH_PASID
	SKIP(return, "this kernel's VFIO has no PASIDs");
#endif
	bench_begin(_metadata, &self->b, variant->function);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
}

FIXTURE_TEARDOWN(pasid)
{
	bench_end(_metadata, &self->b);
}

/* What the commands of the device that follow are for. */
static void with_pasid(const struct vfio *v, uint32_t pasid)
{
	v->bar[ATS_TESTDEV_PASID / 4] = ATS_TESTDEV_PASID_VALID | pasid;
}

/* The ATC has nothing of @pasid, of any of the pages. */
static void check_forgotten(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v, uint32_t pasid,
			    uint64_t iova)
{
	with_pasid(v, pasid);
	for (uint64_t page = 0; page < OFFSET + LENGTH; page += PAGE) {
		EXPECT_EQ(ATS_TESTDEV_MISS, testdev_do(v->bar, ATS_TESTDEV_CMD_LOOKUP, iova + page, PAGE)) {
			TH_LOG("%s: the ATC still has what is at %lx", f->bdf, (unsigned long)(iova + page));
		}
	}
}

/*
 * Since @before the ATC was told of the PASID, if there is one, and nobody else was. @iova is where the PASID had something, of which it
 * has @left now: the ATC has forgotten all, and so has the SMMU, or it would give the device again what it gave before.
 */
static void check_invalidated(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v, uint32_t before,
			      uint32_t pasid, uint64_t iova, uint32_t left)
{
	struct commands seen = smmu_commands(before, smmu_cmdq_prod(), f->sid);
	uint32_t answer = usable(f) ? left ? ATS_TESTDEV_OK : ATS_TESTDEV_DENIED : ATS_TESTDEV_DISABLED;

	EXPECT_EQ(usable(f), seen.atc_inv > 0) {
		TH_LOG("%s: %u invalidations for its ATC", f->bdf, seen.atc_inv);
	}
	EXPECT_EQ(0, seen.atc_inv_others);
	if (usable(f))
		EXPECT_EQ(ATS_TESTDEV_PASID_VALID | pasid, testdev_get(v->bar, ATS_TESTDEV_INV_PASID));
	check_forgotten(_metadata, f, v, pasid, iova);
	EXPECT_EQ(answer, testdev_do(v->bar, ATS_TESTDEV_CMD_TREQ, iova + OFFSET, LENGTH));
	if (usable(f))
		EXPECT_EQ(left, testdev_get(v->bar, ATS_TESTDEV_PERM));
}

#ifdef VFIO_DEVICE_ATTACH_PASID
/* A translation of the IOAS @ioas that PASIDs can be attached to, and a RID beside them. */
static int hwpt_of(const struct vfio *v, uint32_t ioas, uint32_t *hwpt)
{
	struct iommu_hwpt_alloc alloc = {
		.size = sizeof(alloc), .flags = IOMMU_HWPT_ALLOC_PASID, .dev_id = v->dev_id, .pt_id = ioas,
	};

	if (ioctl(v->iommufd, IOMMU_HWPT_ALLOC, &alloc))
		return -errno;
	*hwpt = alloc.out_hwpt_id;
	return 0;
}

static int attach_pasid(const struct vfio *v, uint32_t hwpt)
{
	struct vfio_device_attach_iommufd_pt attach = {
		.argsz = sizeof(attach), .flags = VFIO_DEVICE_ATTACH_PASID, .pt_id = hwpt, .pasid = PASID,
	};

	return ioctl(v->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach) ? -errno : 0;
}

static int detach_pasid(const struct vfio *v)
{
	struct vfio_device_detach_iommufd_pt detach = {
		.argsz = sizeof(detach), .flags = VFIO_DEVICE_DETACH_PASID, .pasid = PASID,
	};

	return ioctl(v->device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach) ? -errno : 0;
}

/* The function is started, as an attach does the first time, and blocked; @hwpt is for its PASID. */
static void claim_blocked(struct __test_metadata *_metadata, struct bench *b, uint32_t *hwpt)
{
	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	ASSERT_EQ(0, hwpt_of(&b->v, b->v.ioas, hwpt));
	ASSERT_EQ(0, iommufd_attach(&b->v, *hwpt));
	ASSERT_EQ(0, iommufd_detach(&b->v));
}

static void without_pasid(const struct vfio *v)
{
	v->bar[ATS_TESTDEV_PASID / 4] = 0;
}

/* The PASID translates, the RID does not: what comes without a PASID is terminated. */
static void check_rid_is_blocked(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v)
{
	check(_metadata, f, v, "pasid-of-a-blocked-rid", TRANSLATED);
	EXPECT_EQ(0, smmu_s1dss(f->sid));
	without_pasid(v);
	EXPECT_EQ(usable(f) ? ATS_TESTDEV_CA : ATS_TESTDEV_DISABLED,
		  testdev_do(v->bar, ATS_TESTDEV_CMD_TREQ, IOVA + OFFSET, LENGTH));
}

static void check_unmap_of_pasid(struct __test_metadata *_metadata, const struct function *f, const struct vfio *v)
{
	uint32_t before = smmu_cmdq_prod();

	EXPECT_LE(0, vfio_unmap(v, IOVA, BUFFER));
	check_invalidated(_metadata, f, v, before, PASID, IOVA, 0);
}

TEST_F(pasid, of_a_blocked_rid)
{
	struct bench *b = &self->b;
	uint32_t hwpt;

	claim_blocked(_metadata, b, &hwpt);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, attach_pasid(&b->v, hwpt));
		check_rid_is_blocked(_metadata, &b->f, &b->v);
		ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
		with_pasid(&b->v, PASID);
		check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
		check_unmap_of_pasid(_metadata, &b->f, &b->v);
		ASSERT_EQ(0, detach_pasid(&b->v));
		check(_metadata, &b->f, &b->v, "detached", BLOCKED);
	}
}

TEST_F(pasid, beside_its_rid)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	uint8_t *memory = memory_get(BUFFER);
	struct bench *b = &self->b;
	uint32_t hwpt, hwpt_of_pasid;
	struct vfio of_pasid;

	ASSERT_NE(NULL, memory);
	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	ASSERT_EQ(0, ioctl(b->v.iommufd, IOMMU_IOAS_ALLOC, &alloc));
	ASSERT_EQ(0, hwpt_of(&b->v, b->v.ioas, &hwpt));
	ASSERT_EQ(0, hwpt_of(&b->v, alloc.out_ioas_id, &hwpt_of_pasid));
	ASSERT_EQ(0, iommufd_attach(&b->v, hwpt));
	ASSERT_EQ(0, attach_pasid(&b->v, hwpt_of_pasid));
	check(_metadata, &b->f, &b->v, "both", TRANSLATED);

	/* The same address, in each of them another page. */
	of_pasid = b->v;
	of_pasid.ioas = alloc.out_ioas_id;
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	ASSERT_EQ(0, vfio_map(&of_pasid, memory, IOVA, BUFFER));
	without_pasid(&b->v);
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	with_pasid(&b->v, PASID);
	check_dma(_metadata, &b->f, &b->v, memory, IOVA, usable(&b->f));
	check_unmap_of_pasid(_metadata, &b->f, &of_pasid);
	without_pasid(&b->v);
	if (usable(&b->f))
		check_translations(_metadata, &b->v, b->memory, IOVA);

	/* E stays set, so that the device forgets nothing of its own accord. */
	ASSERT_EQ(0, vfio_map(&of_pasid, memory, IOVA, BUFFER));
	with_pasid(&b->v, PASID);
	check_dma(_metadata, &b->f, &b->v, memory, IOVA, usable(&b->f));
	ASSERT_EQ(0, detach_pasid(&b->v));
	check(_metadata, &b->f, &b->v, "pasid-detached", TRANSLATED);
	check_forgotten(_metadata, &b->f, &b->v, PASID, IOVA);
	ASSERT_EQ(0, attach_pasid(&b->v, hwpt_of_pasid));

	ASSERT_EQ(0, iommufd_detach(&b->v));
	check_rid_is_blocked(_metadata, &b->f, &b->v);
	with_pasid(&b->v, PASID);
	check_dma(_metadata, &b->f, &b->v, memory, IOVA, usable(&b->f));
	ASSERT_EQ(0, detach_pasid(&b->v));
	check(_metadata, &b->f, &b->v, "detached", BLOCKED);
	munmap(memory, BUFFER);
}

/* What a reset takes away besides E: PASID Enable, which a VF does not have, nor power states. */
TEST_F(pasid, reset_while_attached)
{
	struct bench *b = &self->b;
	uint32_t hwpt;

	claim_blocked(_metadata, b, &hwpt);
	ASSERT_EQ(0, attach_pasid(&b->v, hwpt));
	ASSERT_EQ(0, vfio_map(&b->v, b->memory, IOVA, BUFFER));
	for (int i = 0; i < 2; i++) {
		with_pasid(&b->v, PASID);
		check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
		ASSERT_EQ(0, i && !b->f.vf ? d3hot_and_back(&b->v) : vfio_reset(&b->v));
		EXPECT_EQ(0, testdev_get(b->v.bar, ATS_TESTDEV_LEN));
		check_rid_is_blocked(_metadata, &b->f, &b->v);
	}
	with_pasid(&b->v, PASID);
	check_dma(_metadata, &b->f, &b->v, b->memory, IOVA, usable(&b->f));
	check_unmap_of_pasid(_metadata, &b->f, &b->v);
}
#else
/* A fixture must have a test. */
TEST_F(pasid, of_a_blocked_rid)
{
}
#endif

/* ---- a function that is Cache_Capable, and so does not work without ATS: its RID has it in an identity domain, too */

FIXTURE(always) {
	struct bench b;
};

FIXTURE_SETUP(always)
{
#ifndef VFIO_DEVICE_ATTACH_PASID
	SKIP(return, "this kernel knows of no device that needs ATS");
#endif
	bench_begin(_metadata, &self->b, PF_ON_OF_VF_OFF);
}

FIXTURE_TEARDOWN(always)
{
	bench_end(_metadata, &self->b);
}

TEST_F(always, identity_and_back)
{
	struct bench *b = &self->b;

	for (int i = 0; i < 2; i++) {
		check(_metadata, &b->f, NULL, "default", TRANSLATED);
		ASSERT_EQ(0, set_type(&b->f, "identity"));
		printf("#@ state step=identity-always bdf=%s e=%d iommu=%d\n", b->f.bdf, function_e(&b->f), iommu_ats(b->f.sid));
		EXPECT_EQ(1, function_e(&b->f));
		EXPECT_EQ(1, iommu_ats(b->f.sid));
		/* Stage 1, which is skipped: in a bypass the SMMU would refuse all requests. */
		EXPECT_EQ(5, smmu_config(b->f.sid));
		EXPECT_EQ(1, smmu_s1dss(b->f.sid));
		ASSERT_EQ(0, set_type(&b->f, "DMA"));
	}
	check(_metadata, &b->f, NULL, "default", TRANSLATED);
}

TEST_F(always, blocked_and_back)
{
	struct bench *b = &self->b;

	ASSERT_EQ(0, function_bind(&b->f, "vfio-pci"));
	iommufd_cycle(_metadata, b);
	type1_cycle(_metadata, b);
}

/* ---- SVA: who opens the function's UIO device has its address space attached to a PASID, until it is closed */

#define UIO_SVA "uio_pci_sva"
#define NO_SVA "this kernel has no driver that binds any function to a process"

FIXTURE(sva) {
	struct bench b;
	int uio;
	pid_t child;
};

FIXTURE_VARIANT(sva) {
	enum function_name function;
	bool identity;
};

FIXTURE_VARIANT_ADD(sva, plain_on) { PLAIN_ON };
FIXTURE_VARIANT_ADD(sva, plain_on_identity) { PLAIN_ON, .identity = true };
FIXTURE_VARIANT_ADD(sva, plain_off) { PLAIN_OFF };
FIXTURE_VARIANT_ADD(sva, vf_off_on) { VF_OFF_ON };
FIXTURE_VARIANT_ADD(sva, vf_off_on_identity) { VF_OFF_ON, .identity = true };
FIXTURE_VARIANT_ADD(sva, vf_on_on) { VF_ON_ON };

static bool has_sva(void)
{
	return sysfs_there("/sys/bus/pci/drivers/" UIO_SVA);
}

static void sva_begin(struct __test_metadata *_metadata, struct bench *b, enum function_name name, bool identity)
{
	bench_begin(_metadata, b, name);
	if (identity)
		ASSERT_EQ(0, set_type(&b->f, "identity"));
	ASSERT_EQ(0, function_bind(&b->f, UIO_SVA));
	b->v.bar = function_bar(&b->f);
	ASSERT_NE(NULL, b->v.bar);
}

FIXTURE_SETUP(sva)
{
	self->uio = -1;
	if (!has_sva())
		SKIP(return, NO_SVA);
	sva_begin(_metadata, &self->b, variant->function, variant->identity);
}

/* Of a test that ended early: what is unbound while somebody has it open stays bound to the process. */
static void sva_end(pid_t child, int uio)
{
	if (child > 0) {
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
	}
	if (uio >= 0)
		close(uio);
}

FIXTURE_TEARDOWN(sva)
{
	sva_end(self->child, self->uio);
	EXPECT_EQ(0, function_unbind(&self->b.f));
	if (variant->identity)
		EXPECT_EQ(0, set_type(&self->b.f, "DMA"));
	bench_end(_metadata, &self->b);
}

static int uio_close(int *uio)
{
	int fd = *uio;

	*uio = -1;
	return close(fd) ? -errno : 0;
}

static int uio_open(const struct function *f)
{
	char path[300];
	struct dirent *entry;
	DIR *folder;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/uio", f->bdf);
	folder = opendir(path);
	if (!folder)
		return -errno;
	while ((entry = readdir(folder)))
		if (!strncmp(entry->d_name, "uio", 3))
			snprintf(path, sizeof(path), "/dev/%.32s", entry->d_name);
	closedir(folder);
	fd = open(path, O_RDWR | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The PASID of who has opened it last. */
static uint32_t uio_pasid(const struct function *f)
{
	char value[16] = "";

	sysfs_read(value, sizeof(value), "/sys/bus/pci/devices/%s/pasid", f->bdf);
	return strtoul(value, NULL, 10);
}

/* The RID's domain has SubstreamID 0, or, if there is nothing to translate, skips stage 1. */
static void check_bound(struct __test_metadata *_metadata, const struct bench *b, bool identity)
{
	check(_metadata, &b->f, &b->v, "bound-to-a-process", TRANSLATED);
	EXPECT_EQ(identity ? 1 : 2, smmu_s1dss(b->f.sid));
}

static void check_rid_alone(struct __test_metadata *_metadata, const struct bench *b, bool identity)
{
	check(_metadata, &b->f, &b->v, "bound-to-none", identity ? IDENTITY : TRANSLATED);
	EXPECT_EQ(0, testdev_get(b->v.bar, ATS_TESTDEV_ATC_VALID));
}

/* It ends with its parent at the latest. */
static pid_t fork_child(void)
{
	pid_t child = fork();

	if (!child)
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	return child;
}

static int kill_child(pid_t *child)
{
	pid_t pid = *child;

	*child = 0;
	return kill(pid, SIGKILL) || waitpid(pid, NULL, 0) != pid ? -errno : 0;
}

/* An address is the same for the process and for the device. */
TEST_F(sva, process_unmaps)
{
	struct bench *b = &self->b;

	check_rid_alone(_metadata, b, variant->identity);
	for (int i = 0; i < 2; i++) {
		uint8_t *memory = memory_get(BUFFER);
		uint32_t pasid, before;

		self->uio = uio_open(&b->f);
		pasid = uio_pasid(&b->f);
		ASSERT_NE(NULL, memory);
		ASSERT_LE(0, self->uio);
		ASSERT_NE(0, pasid);
		check_bound(_metadata, b, variant->identity);
		with_pasid(&b->v, pasid);
		check_dma(_metadata, &b->f, &b->v, memory, (uintptr_t)memory, usable(&b->f));
		before = smmu_cmdq_prod();
		ASSERT_EQ(0, munmap(memory, BUFFER));
		check_invalidated(_metadata, &b->f, &b->v, before, pasid, (uintptr_t)memory, 0);
		ASSERT_EQ(0, uio_close(&self->uio));
		check_rid_alone(_metadata, b, variant->identity);
	}
}

/* The ATC is full of what the process still has, and where the RID has a DMA domain, ATS stays on. */
TEST_F(sva, process_closes)
{
	uint8_t *memory = memory_get(BUFFER);
	struct bench *b = &self->b;

	ASSERT_NE(NULL, memory);
	self->uio = uio_open(&b->f);
	ASSERT_LE(0, self->uio);
	with_pasid(&b->v, uio_pasid(&b->f));
	check_dma(_metadata, &b->f, &b->v, memory, (uintptr_t)memory, usable(&b->f));
	ASSERT_EQ(0, uio_close(&self->uio));
	check_rid_alone(_metadata, b, variant->identity);
	munmap(memory, BUFFER);
}

/* After a fork() neither may write to what both have: the device would write to the child's memory. */
TEST_F(sva, process_forks)
{
	uint8_t *memory = memory_get(BUFFER);
	struct bench *b = &self->b;
	uint32_t pasid, before;
	pid_t child;

	self->uio = uio_open(&b->f);
	pasid = uio_pasid(&b->f);
	ASSERT_NE(NULL, memory);
	ASSERT_LE(0, self->uio);
	with_pasid(&b->v, pasid);
	check_dma(_metadata, &b->f, &b->v, memory, (uintptr_t)memory, usable(&b->f));
	before = smmu_cmdq_prod();
	child = fork_child();
	ASSERT_LE(0, child);
	if (!child) {
		pause();
		_exit(0);
	}
	self->child = child;
	check_invalidated(_metadata, &b->f, &b->v, before, pasid, (uintptr_t)memory, ATS_TESTDEV_PERM_R);
	EXPECT_EQ(0, kill_child(&self->child));
	ASSERT_EQ(0, uio_close(&self->uio));
	check_rid_alone(_metadata, b, variant->identity);
	munmap(memory, BUFFER);
}

/*
 * Its page tables go before what it has opened is closed, and here somebody else still has that open: the function remains bound to
 * an address space of which nothing is left.
 */
TEST_F(sva, process_is_killed)
{
	uint8_t *memory = mmap(NULL, BUFFER, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct bench *b = &self->b;
	uint32_t pasid, before;
	int told[2], uio, of;
	pid_t child;

	ASSERT_NE(MAP_FAILED, memory);
	ASSERT_EQ(0, pipe(told));
	child = fork_child();
	ASSERT_LE(0, child);
	if (!child) {
		memset(memory, 0, BUFFER);
		uio = uio_open(&b->f);
		if (uio >= 0 && write(told[1], &uio, sizeof(uio)) == sizeof(uio))
			pause();
		_exit(1);
	}
	self->child = child;
	close(told[1]);
	ASSERT_EQ(sizeof(uio), read(told[0], &uio, sizeof(uio)));
	close(told[0]);
	of = pidfd_open(self->child, 0);
	ASSERT_LE(0, of);
	self->uio = pidfd_getfd(of, uio, 0);
	close(of);
	ASSERT_LE(0, self->uio);
	pasid = uio_pasid(&b->f);
	ASSERT_NE(0, pasid);
	check_bound(_metadata, b, variant->identity);
	with_pasid(&b->v, pasid);
	check_dma(_metadata, &b->f, &b->v, memory, (uintptr_t)memory, usable(&b->f));
	before = smmu_cmdq_prod();
	EXPECT_EQ(0, kill_child(&self->child));
	check_invalidated(_metadata, &b->f, &b->v, before, pasid, (uintptr_t)memory, 0);
	check_bound(_metadata, b, variant->identity);
	ASSERT_EQ(0, uio_close(&self->uio));
	check_rid_alone(_metadata, b, variant->identity);
	munmap(memory, BUFFER);
}

/* A process has one domain for all functions that it has bound, with and without ATS. */
FIXTURE(sva_of_two) {
	struct bench b;
	struct function g;
	struct vfio w;
	int uio, uio_of_g;
};

FIXTURE_SETUP(sva_of_two)
{
	self->uio = self->uio_of_g = -1;
	if (!has_sva())
		SKIP(return, NO_SVA);
	self->w = (struct vfio)VFIO_NONE;
	sva_begin(_metadata, &self->b, VF_OFF_ON, false);
	ASSERT_EQ(0, function_find(&self->g, PLAIN_ON));
	ASSERT_EQ(0, function_bind(&self->g, UIO_SVA));
	self->w.bar = function_bar(&self->g);
	ASSERT_NE(NULL, self->w.bar);
}

FIXTURE_TEARDOWN(sva_of_two)
{
	sva_end(0, self->uio);
	sva_end(0, self->uio_of_g);
	vfio_close(&self->w);
	EXPECT_EQ(0, function_unbind(&self->g));
	EXPECT_EQ(0, function_unbind(&self->b.f));
	bench_end(_metadata, &self->b);
}

TEST_F(sva_of_two, process_unmaps)
{
	uint8_t *memory = memory_get(BUFFER);
	uint32_t pasid, before;

	self->uio = uio_open(&self->b.f);
	self->uio_of_g = uio_open(&self->g);
	pasid = uio_pasid(&self->g);
	ASSERT_NE(NULL, memory);
	ASSERT_LE(0, self->uio);
	ASSERT_LE(0, self->uio_of_g);
	EXPECT_EQ(pasid, uio_pasid(&self->b.f));
	with_pasid(&self->b.v, pasid);
	with_pasid(&self->w, pasid);
	check_dma(_metadata, &self->b.f, &self->b.v, memory, (uintptr_t)memory, usable(&self->b.f));
	check_dma(_metadata, &self->g, &self->w, memory, (uintptr_t)memory, usable(&self->g));
	before = smmu_cmdq_prod();
	ASSERT_EQ(0, munmap(memory, BUFFER));
	check_invalidated(_metadata, &self->g, &self->w, before, pasid, (uintptr_t)memory, 0);
	ASSERT_EQ(0, uio_close(&self->uio));
	ASSERT_EQ(0, uio_close(&self->uio_of_g));
}

/* What these tests are there to see: a device that ignores invalidations writes to the memory of a child, which it was never given. */
FIXTURE(deaf) {
	struct bench b;
	int uio;
	pid_t child;
};

FIXTURE_SETUP(deaf)
{
	self->uio = -1;
	if (!has_sva())
		SKIP(return, NO_SVA);
	sva_begin(_metadata, &self->b, IGNORES_INVALIDATIONS, false);
}

FIXTURE_TEARDOWN(deaf)
{
	sva_end(self->child, self->uio);
	EXPECT_EQ(0, function_unbind(&self->b.f));
	bench_end(_metadata, &self->b);
}

TEST_F(deaf, writes_to_a_childs_memory)
{
	struct bench *b = &self->b;
	int written[2], status;
	pid_t child;
	char byte;

	self->uio = uio_open(&b->f);
	ASSERT_LE(0, self->uio);
	ASSERT_EQ(0, pipe(written));
	with_pasid(&b->v, uio_pasid(&b->f));
	check_dma(_metadata, &b->f, &b->v, b->memory, (uintptr_t)b->memory, true);
	child = fork_child();
	ASSERT_LE(0, child);
	if (!child)
		_exit(read(written[0], &byte, 1) == 1 && memory_holds(b->memory + OFFSET, 0x3c, LENGTH) ? 0 : 1);
	self->child = child;
	testdev_fill(b->v.bar, 0x3c, LENGTH);
	EXPECT_EQ(ATS_TESTDEV_OK, testdev_do(b->v.bar, ATS_TESTDEV_CMD_WRITE_ATC, (uintptr_t)b->memory + OFFSET, LENGTH));
	EXPECT_EQ(1, write(written[1], "", 1));
	EXPECT_EQ(child, waitpid(child, &status, 0));
	self->child = 0;
	EXPECT_EQ(0, status);
	close(written[0]);
	close(written[1]);
	ASSERT_EQ(0, uio_close(&self->uio));
}

TEST_HARNESS_MAIN
