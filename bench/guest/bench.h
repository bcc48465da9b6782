/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the scenarios stand on. A function of the PCI bus, the IOMMU as seen from outside its driver, VFIO and iommufd,
 * the test device, the kernel's log, and the port to the host.
 *
 * Unless said otherwise, a helper that returns int returns 0 or a descriptor, and -errno on failure.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/iommufd.h>
#include <linux/vfio.h>

#define PAGE 4096UL

/* ---- functions.h, which is generated from bench/functions */

/**
 * struct function_info - a function as its line in bench/functions describes it
 * @id: QEMU's id; that of the first one, if it stands for several VFs
 * @device: what QEMU's device_add takes
 * @slot: device and slot number of its root port
 * @count: how many it stands for
 * @pf: of a VF, its PF; of any other function, the function itself
 * @is_vf: its PF enables it
 * @ats: has an ATS Capability
 * @quirked: the kernel has a quirk that denies ATS to it
 * @external: its port leads out of the machine, so that the kernel does not trust it
 * @unaligned: its Translation Requests are not aligned to a page
 * @ignores_inv: ignores Invalidate Requests
 */
struct function_info {
	const char *id, *device;
	unsigned int slot, count, pf;
	bool is_vf, ats, quirked, external, unaligned, ignores_inv;
};

#include "functions.h"

/* ---- pci.c */

/**
 * struct function - a function that the kernel has found
 * @bdf: its name in sysfs
 * @sid: its StreamID, which is its Requester ID here
 * @name: which one it is
 * @vf: of a VF its number, from 1 on; otherwise 0
 * @ats: offset of its ATS Capability, 0 if it has none
 */
struct function {
	char bdf[16];
	uint32_t sid;
	enum function_name name;
	unsigned int vf;
	int ats;
};

int sysfs_write(const char *value, const char *format, ...) __attribute__((format(printf, 2, 3)));
int sysfs_read(char *value, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
bool sysfs_there(const char *format, ...) __attribute__((format(printf, 1, 2)));
int sysfs_link(char *name, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));
int function_find(struct function *f, enum function_name name);
int function_find_vf(struct function *f, enum function_name name, unsigned int vf);
int function_e(const struct function *f);
int function_set_e(const struct function *f);
int function_bind(const struct function *f, const char *driver);
int function_unbind(const struct function *f);
int function_group(const struct function *f);
int function_introduce(const struct function *f);
volatile uint32_t *function_bar(const struct function *f);
int vfs_set(enum function_name name, unsigned int count);
int slot_power_off(enum function_name name);
int slot_pull(enum function_name name);
int slot_plug(enum function_name name);

/* ---- smmu.c or dmar.c: the IOMMU as seen from outside its driver */

/* What a function is attached to. */
enum attachment { TRANSLATED, IDENTITY, BLOCKED };

int iommu_open(void);
uint32_t iommu_events(void);
uint32_t iommu_errors(void);
int iommu_ats(uint32_t sid);
bool iommu_attached(uint32_t sid, enum attachment attachment);
bool iommu_takes_translated(void);

/* ---- smmu.c */

/**
 * struct commands - what was in the command queue between two looks at it
 * @total: all of them
 * @tlbi: TLB invalidations of any kind
 * @sync: CMD_SYNC
 * @atc_inv: CMD_ATC_INV for the function asked about
 * @atc_inv_others: CMD_ATC_INV for anybody else
 */
struct commands {
	unsigned int total;
	unsigned int tlbi;
	unsigned int sync;
	unsigned int atc_inv;
	unsigned int atc_inv_others;
};

uint32_t smmu_cmdq_prod(void);
struct commands smmu_commands(uint32_t from, uint32_t to, uint32_t sid);
uint32_t smmu_idr(unsigned int n);
int smmu_config(uint32_t sid);
int smmu_s1dss(uint32_t sid);
bool smmu_forgets(uint32_t sid);

/* ---- vfio.c */

/**
 * struct vfio - a function in the hands of user space
 * @container: VFIO container, or -1 when attached by iommufd
 * @group: VFIO group, or -1
 * @iommufd: or -1
 * @device: the device itself
 * @dev_id: what iommufd calls it
 * @ioas: the IOAS of @iommufd
 * @bar: BAR 0, or NULL
 */
struct vfio {
	int container, group, iommufd, device;
	uint32_t dev_id, ioas;
	volatile uint32_t *bar;
};

#define VFIO_NONE { .container = -1, .group = -1, .iommufd = -1, .device = -1 }

int vfio_claim(struct vfio *v, const struct function *f);
int vfio_claim_compat(struct vfio *v, const struct function *f);
int vfio_set_iommu(const struct vfio *v);
int vfio_open(struct vfio *v, const struct function *f);
int vfio_attach(struct vfio *v, const struct function *f, const struct vfio *with);
int iommufd_claim(struct vfio *v, const struct function *f, const struct vfio *with);
int iommufd_attach(struct vfio *v, uint32_t pt);
int iommufd_detach(struct vfio *v);
int vfio_map(const struct vfio *v, void *memory, uint64_t iova, uint64_t size);
int vfio_unmap(const struct vfio *v, uint64_t iova, uint64_t size);
int vfio_reset(const struct vfio *v);
int vfio_hot_reset(const struct vfio *v);
int vfio_power(const struct vfio *v, unsigned int state);
int vfio_removal_eventfd(const struct vfio *v);
void vfio_close(struct vfio *v);
int iommufd_not_supported(const struct vfio *v);
int capability_not_supported(const struct function *f);

/* ---- nested.c, where the kernel has vIOMMUs */

#define GUEST_RAM 0x40000000UL
#define GUEST_RAM_SIZE (2UL << 20)
/* What the guest's RAM begins with belongs to its SMMU driver. */
#define GUEST_BUFFER (16 * PAGE)

void guest_tables(uint64_t *ram);
int nested_attach(struct vfio *v, bool eats, uint32_t *viommu);
int guest_atc_inv(const struct vfio *v, uint32_t viommu, uint32_t *handled);
int guest_tlbi(const struct vfio *v, uint32_t viommu, uint32_t *handled);

/* ---- testdev.c */

uint32_t testdev_do(volatile uint32_t *bar, uint32_t cmd, uint64_t addr, uint32_t len);
uint32_t testdev_get(volatile uint32_t *bar, uint32_t reg);
void testdev_mark(volatile uint32_t *bar, uint32_t value);
void testdev_fill(volatile uint32_t *bar, uint8_t seed, uint32_t len);
bool testdev_holds(volatile uint32_t *bar, uint8_t seed, uint32_t len);
uint8_t pattern(uint8_t seed, uint32_t i);

/* ---- log.c */

int log_open(void);
int log_scan(int log);
int log_scan_but(int log, const char *const known[], int *seen);

/* ---- port.c */

int port_open(void);
bool kernel_parameter(const char *name, char *value, size_t size);
int host_request(const char *command, char *answer, size_t size);

#endif
