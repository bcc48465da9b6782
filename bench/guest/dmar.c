// SPDX-License-Identifier: GPL-2.0
/*
 * A remapping unit of VT-d from outside its driver: its registers and its tables are read through /dev/mem, as a debugger
 * would. See chapters 9 and 11 of the specification for the layouts.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define ADDR_MASK 0x000ffffffffff000ULL

#define ADDRESS "/sys/class/iommu/dmar0/intel-iommu/address"
#define REGS_SIZE 0x1000

#define RTADDR 0x20
#define FSTS 0x34
/* Everything that is a fault, or an error of the queue */
#define FSTS_ALL 0x73

/* Of a context entry: the translation type, and in scalable mode the device TLB enable */
#define CONTEXT_TT(context) ((context) >> 2 & 3)
#define TT_DEVICE_TLB 1
#define TT_PASS_THROUGH 2
#define CONTEXT_DTE 0x4

/* Of a PASID table entry: the translation type */
#define PASID_PGTT(pasid) ((pasid) >> 6 & 7)
#define PGTT_PASS_THROUGH 4

static volatile uint8_t *regs;
static int mem = -1;

static uint32_t reg32(unsigned int offset)
{
	return *(volatile uint32_t *)(regs + offset);
}

static uint64_t reg64(unsigned int offset)
{
	return *(volatile uint64_t *)(regs + offset);
}

/**
 * iommu_open() - find the remapping unit, once; the bench has one
 *
 * Return: 0, or -errno when there is none or /dev/mem cannot be used.
 */
int iommu_open(void)
{
	char base[32];
	void *map;
	int fd, ret;

	if (regs)
		return 0;
	ret = sysfs_read(base, sizeof(base), ADDRESS);
	if (ret)
		return ret;
	/* Device memory is mapped, and uncached; RAM is read. */
	fd = open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	map = mmap(NULL, REGS_SIZE, PROT_READ, MAP_SHARED, fd, strtoull(base, NULL, 16));
	close(fd);
	if (map == MAP_FAILED)
		return -errno;
	mem = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	if (mem < 0) {
		munmap(map, REGS_SIZE);
		return -errno;
	}
	regs = map;
	return 0;
}

/**
 * iommu_events() - faults are no events: the driver takes them away, and logs them
 */
uint32_t iommu_events(void)
{
	return 0;
}

/**
 * iommu_errors() - the faults and errors that nobody has taken away yet
 */
uint32_t iommu_errors(void)
{
	return reg32(FSTS) & FSTS_ALL;
}

/* An entry of @size bytes in a table that may not be there, which is as good as an entry that is all zero. */
static int read_entry(uint64_t table, unsigned int index, void *entry, size_t size)
{
	memset(entry, 0, size);
	if (!table)
		return 0;
	return pread(mem, entry, size, table + index * size) == (ssize_t)size ? 0 : -EIO;
}

static uint64_t present(uint64_t entry)
{
	return entry & 1 ? entry & ADDR_MASK : 0;
}

static bool scalable(void)
{
	return reg64(RTADDR) >> 10 & 1;
}

/* Of scalable mode twice the size, and so in two tables. */
static int read_context(uint32_t sid, uint64_t context[4])
{
	uint64_t root[2];
	int ret = read_entry(reg64(RTADDR) & ADDR_MASK, sid >> 8, root, sizeof(root));

	memset(context, 0, 4 * sizeof(*context));
	if (ret)
		return ret;
	if (scalable())
		return read_entry(present(root[sid >> 7 & 1]), sid & 0x7f, context, 4 * sizeof(*context));
	return read_entry(present(root[0]), sid & 0xff, context, 2 * sizeof(*context));
}

/**
 * iommu_ats() - may a function send Translation Requests and Translated Requests, as its entry has it?
 * @sid: its Requester ID
 *
 * Return: 0 or 1; -errno when the tables cannot be read.
 */
int iommu_ats(uint32_t sid)
{
	uint64_t context[4];
	int ret = read_context(sid, context);

	if (ret)
		return ret;
	if (!(context[0] & 1))
		return 0;
	return scalable() ? !!(context[0] & CONTEXT_DTE) : CONTEXT_TT(context[0]) == TT_DEVICE_TLB;
}

static int attachment_of(uint32_t sid)
{
	uint64_t context[4], directory, pasid[8];

	if (read_context(sid, context))
		return -EIO;
	if (!(context[0] & 1))
		return BLOCKED;
	if (!scalable())
		return CONTEXT_TT(context[0]) == TT_PASS_THROUGH ? IDENTITY : TRANSLATED;
	/* What comes without a PASID has PASID 0: the first of the first. */
	if (read_entry(context[0] & ADDR_MASK, 0, &directory, sizeof(directory)) ||
	    read_entry(present(directory), 0, pasid, sizeof(pasid)))
		return -EIO;
	if (!(pasid[0] & 1))
		return BLOCKED;
	return PASID_PGTT(pasid[0]) == PGTT_PASS_THROUGH ? IDENTITY : TRANSLATED;
}

/**
 * iommu_attached() - is a function attached to this kind of thing, as its entry has it?
 * @sid: its Requester ID
 * @attachment: which kind
 */
bool iommu_attached(uint32_t sid, enum attachment attachment)
{
	return attachment_of(sid) == (int)attachment;
}

/**
 * iommu_takes_translated() - does QEMU's model of it know a Translated Request? It translates it once more.
 */
bool iommu_takes_translated(void)
{
	return false;
}
