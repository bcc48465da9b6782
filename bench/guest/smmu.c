// SPDX-License-Identifier: GPL-2.0
/*
 * The SMMU from outside its driver: its registers, its command queue and its stream table are read through /dev/mem,
 * as a debugger would. See IHI 0070 for the layouts.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench.h"

#define DRIVER "/sys/bus/platform/drivers/arm-smmu-v3"

#define GERROR 0x60
#define GERRORN 0x64
#define STRTAB_BASE 0x80
#define STRTAB_BASE_CFG 0x88
#define CMDQ_BASE 0x90
#define CMDQ_PROD 0x98
#define EVENTQ_PROD 0x100a8

#define ADDR_MASK 0x000fffffffffffc0ULL

#define CMD_TLBI_FIRST 0x10
#define CMD_TLBI_LAST 0x30
#define CMD_ATC_INV 0x40
#define CMD_SYNC 0x46

#define STE_WORDS 8

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

static int ram_read(uint64_t address, void *to, size_t size)
{
	return pread(mem, to, size, address) == (ssize_t)size ? 0 : -EIO;
}

/* A device of the device tree has its address in its name, one of ACPI has not. */
static unsigned long iomem_of(const char *device)
{
	unsigned long start, base = 0;
	char line[256];
	FILE *iomem = fopen("/proc/iomem", "re");

	while (iomem && !base && fgets(line, sizeof(line), iomem))
		if (strstr(line, device) && sscanf(line, "%lx-", &start) == 1)
			base = start;
	if (iomem)
		fclose(iomem);
	return base;
}

/**
 * iommu_open() - find the SMMU that the driver is bound to, once
 *
 * Return: 0, or -errno when there is none or /dev/mem cannot be used.
 */
int iommu_open(void)
{
	unsigned long base;
	struct dirent *entry;
	DIR *driver;
	void *map;
	int fd;

	if (regs)
		return 0;
	driver = opendir(DRIVER);
	if (!driver)
		return -errno;
	for (base = 0; !base && (entry = readdir(driver));)
		if (entry->d_type == DT_LNK)
			base = iomem_of(entry->d_name);
	closedir(driver);
	if (!base)
		return -ENODEV;

	/* Device memory is mapped, and uncached; RAM is read. */
	fd = open("/dev/mem", O_RDONLY | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	map = mmap(NULL, 0x20000, PROT_READ, MAP_SHARED, fd, base);
	close(fd);
	if (map == MAP_FAILED)
		return -errno;
	mem = open("/dev/mem", O_RDONLY | O_CLOEXEC);
	if (mem < 0) {
		munmap(map, 0x20000);
		return -errno;
	}
	regs = map;
	return 0;
}

/**
 * smmu_cmdq_prod() - how far the driver has got in the command queue
 *
 * Return: the PROD register, to be handed to smmu_commands().
 */
uint32_t smmu_cmdq_prod(void)
{
	return reg32(CMDQ_PROD);
}

/**
 * iommu_events() - how many events the SMMU has recorded
 *
 * Return: the PROD register of the event queue; it changes with each event.
 */
uint32_t iommu_events(void)
{
	return reg32(EVENTQ_PROD);
}

/**
 * smmu_commands() - count the commands between two looks at the queue
 * @from: smmu_cmdq_prod() before
 * @to: smmu_cmdq_prod() after; at most one round of the queue later
 * @sid: the function whose invalidations are told apart
 */
struct commands smmu_commands(uint32_t from, uint32_t to, uint32_t sid)
{
	uint64_t base = reg64(CMDQ_BASE);
	unsigned int shift = base & 0x1f;
	uint32_t wrap = (2U << shift) - 1;
	struct commands seen = {};
	uint64_t command[2];

	for (; (from & wrap) != (to & wrap); from++) {
		uint32_t index = from & ((1U << shift) - 1);
		uint8_t opcode;

		seen.total++;
		if (ram_read((base & ADDR_MASK) + index * sizeof(command), command, sizeof(command)))
			continue;
		opcode = command[0] & 0xff;
		if (opcode >= CMD_TLBI_FIRST && opcode <= CMD_TLBI_LAST)
			seen.tlbi++;
		else if (opcode == CMD_SYNC)
			seen.sync++;
		else if (opcode == CMD_ATC_INV && command[0] >> 32 == sid)
			seen.atc_inv++;
		else if (opcode == CMD_ATC_INV)
			seen.atc_inv_others++;
	}
	return seen;
}

/**
 * iommu_errors() - the global errors that nobody has acknowledged
 */
uint32_t iommu_errors(void)
{
	return reg32(GERROR) ^ reg32(GERRORN);
}

/**
 * smmu_idr() - an ID register
 * @n: which, 0 to 5
 */
uint32_t smmu_idr(unsigned int n)
{
	return reg32(4 * n);
}

static int read_ste(uint32_t sid, uint64_t ste[STE_WORDS])
{
	uint32_t cfg = reg32(STRTAB_BASE_CFG);
	uint64_t address = reg64(STRTAB_BASE) & ADDR_MASK, l1;
	unsigned int split = cfg >> 6 & 0x1f;

	memset(ste, 0, STE_WORDS * sizeof(*ste));
	if ((cfg >> 16 & 3) == 1) {
		if (ram_read(address + (sid >> split) * sizeof(l1), &l1, sizeof(l1)))
			return -EIO;
		/* Span 0: no STE, which is as good as one that is not valid */
		if (!(l1 & 0x1f))
			return 0;
		address = l1 & ADDR_MASK;
		sid &= (1U << split) - 1;
	}
	return ram_read(address + sid * STE_WORDS * sizeof(*ste), ste, STE_WORDS * sizeof(*ste));
}

/**
 * iommu_ats() - STE.EATS of a function, whatever the rest of the STE says
 * @sid: its StreamID
 *
 * Return: the field; -errno when the stream table cannot be read.
 */
int iommu_ats(uint32_t sid)
{
	uint64_t ste[STE_WORDS];
	int ret = read_ste(sid, ste);

	return ret ? ret : (int)(ste[1] >> 28 & 3);
}

/**
 * smmu_config() - STE.Config of a function
 * @sid: its StreamID
 *
 * Return: the field: 0 abort, 4 bypass, 5 stage 1, 6 stage 2, 7 both; -EINVAL when the STE is not valid; another -errno
 * when the stream table cannot be read.
 */
int smmu_config(uint32_t sid)
{
	uint64_t ste[STE_WORDS];
	int ret = read_ste(sid, ste);

	if (ret)
		return ret;
	return ste[0] & 1 ? (int)(ste[0] >> 1 & 7) : -EINVAL;
}

/**
 * smmu_s1dss() - STE.S1DSS of a function, whose PASIDs are in use
 * @sid: its StreamID
 *
 * Return: the field: 0 terminate, 1 skip stage 1, 2 the CD of SubstreamID 0; -errno when the stream table cannot be read.
 */
int smmu_s1dss(uint32_t sid)
{
	uint64_t ste[STE_WORDS];
	int ret = read_ste(sid, ste);

	return ret ? ret : (int)(ste[1] & 3);
}

/**
 * smmu_forgets() - wait until the driver has let go of a function that is gone
 * @sid: its StreamID
 *
 * The function has left its group a moment earlier, on a machine with two CPUs even visibly.
 *
 * Return: whether STE.EATS and STE.Config have become 0 within ten seconds.
 */
bool smmu_forgets(uint32_t sid)
{
	for (int i = 0; i < 1000; i++) {
		if (!iommu_ats(sid) && !smmu_config(sid))
			return true;
		usleep(10000);
	}
	return false;
}

/**
 * iommu_attached() - is a function attached to this kind of thing, as STE.Config has it?
 * @sid: its StreamID
 * @attachment: which kind
 */
bool iommu_attached(uint32_t sid, enum attachment attachment)
{
	int config = smmu_config(sid);

	switch (attachment) {
	case TRANSLATED:
		return config == 5 || config == 6 || config == 7;
	case IDENTITY:
		return config == 4;
	default:
		return config == 0;
	}
}

/**
 * iommu_takes_translated() - does QEMU's model of it know a Translated Request?
 */
bool iommu_takes_translated(void)
{
	return true;
}
