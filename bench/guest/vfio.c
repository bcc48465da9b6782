// SPDX-License-Identifier: GPL-2.0
/* A function in the hands of user space: by VFIO's containers, or by iommufd. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "bench.h"
#include "hw/misc/ats-testdev.h"

static int ioctl_errno(int fd, unsigned long request, void *argument)
{
	int ret = ioctl(fd, request, argument);

	return ret < 0 ? -errno : ret;
}

/* Configuration space as user space sees it. */
static int config_read(const struct vfio *v, unsigned int at, void *value, size_t size)
{
	struct vfio_region_info config = { .argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	int ret = ioctl_errno(v->device, VFIO_DEVICE_GET_REGION_INFO, &config);

	if (!ret && pread(v->device, value, size, config.offset + at) != (ssize_t)size)
		ret = -EIO;
	return ret;
}

static int config_write16(const struct vfio *v, unsigned int at, uint16_t value)
{
	struct vfio_region_info config = { .argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	int ret = ioctl_errno(v->device, VFIO_DEVICE_GET_REGION_INFO, &config);

	if (!ret && pwrite(v->device, &value, sizeof(value), config.offset + at) != sizeof(value))
		ret = -EIO;
	return ret;
}

/* Let the device decode its BAR and send requests, and map the BAR. */
static int start_device(struct vfio *v)
{
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	uint16_t command;
	void *map;
	int ret;

	ret = ioctl_errno(v->device, VFIO_DEVICE_GET_REGION_INFO, &bar);
	if (!ret)
		ret = config_read(v, PCI_COMMAND, &command, sizeof(command));
	if (!ret)
		ret = config_write16(v, PCI_COMMAND, command | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER);
	if (ret)
		return ret;
	map = mmap(NULL, ATS_TESTDEV_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, v->device, bar.offset);
	if (map == MAP_FAILED)
		return -errno;
	v->bar = map;
	return testdev_get(v->bar, ATS_TESTDEV_ID) == ATS_TESTDEV_ID_VALUE ? 0 : -ENODEV;
}

static int claim_by(struct vfio *v, const struct function *f, const char *container)
{
	char path[32];
	int group = function_group(f), ret;

	*v = (struct vfio)VFIO_NONE;
	if (group < 0)
		return group;
	v->container = open(container, O_RDWR | O_CLOEXEC);
	if (v->container < 0)
		return -errno;
	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	v->group = open(path, O_RDWR | O_CLOEXEC);
	if (v->group < 0)
		return -errno;
	ret = ioctl_errno(v->group, VFIO_GROUP_SET_CONTAINER, &v->container);
	return ret;
}

/**
 * vfio_claim() - take a function's group out of the kernel's hands: from then on it is in the blocked domain
 * @v: is filled in
 * @f: the function; its driver is vfio-pci
 */
int vfio_claim(struct vfio *v, const struct function *f)
{
	return claim_by(v, f, "/dev/vfio/vfio");
}

/**
 * vfio_claim_compat() - the same, with an iommufd in place of the container
 * @v: is filled in
 * @f: the function; its driver is vfio-pci
 */
int vfio_claim_compat(struct vfio *v, const struct function *f)
{
	return claim_by(v, f, "/dev/iommu");
}

/**
 * vfio_set_iommu() - attach what has been claimed to its container's translation (type 1)
 * @v: who has been claimed
 */
int vfio_set_iommu(const struct vfio *v)
{
	return ioctl_errno(v->container, VFIO_SET_IOMMU, (void *)VFIO_TYPE1v2_IOMMU);
}

/**
 * vfio_open() - start a function whose group is attached to its container's translation
 * @v: who has been attached
 * @f: the function
 */
int vfio_open(struct vfio *v, const struct function *f)
{
	v->device = ioctl_errno(v->group, VFIO_GROUP_GET_DEVICE_FD, (void *)f->bdf);
	return v->device < 0 ? v->device : start_device(v);
}

/**
 * vfio_attach() - attach a function to a container's translation (type 1), and start it
 * @v: is filled in
 * @f: the function; its driver is vfio-pci
 * @with: whose container it is to share, or NULL for one of its own
 */
int vfio_attach(struct vfio *v, const struct function *f, const struct vfio *with)
{
	char path[32];
	int ret;

	if (with) {
		*v = (struct vfio)VFIO_NONE;
		snprintf(path, sizeof(path), "/dev/vfio/%d", function_group(f));
		v->group = open(path, O_RDWR | O_CLOEXEC);
		if (v->group < 0)
			return -errno;
		v->container = dup(with->container);
		ret = ioctl_errno(v->group, VFIO_GROUP_SET_CONTAINER, &v->container);
	} else {
		ret = v->container >= 0 ? 0 : vfio_claim(v, f);
		if (!ret)
			ret = vfio_set_iommu(v);
	}
	return ret ? ret : vfio_open(v, f);
}

/**
 * iommufd_claim() - bind a function to an iommufd: from then on it is in the blocked domain
 * @v: is filled in; with an IOAS
 * @f: the function; its driver is vfio-pci
 * @with: whose iommufd and IOAS it is to share, or NULL for its own
 */
int iommufd_claim(struct vfio *v, const struct function *f, const struct vfio *with)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };
	char path[300];
	struct dirent *entry;
	DIR *folder;
	int ret;

	*v = (struct vfio)VFIO_NONE;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", f->bdf);
	folder = opendir(path);
	if (!folder)
		return -errno;
	while ((entry = readdir(folder)))
		if (!strncmp(entry->d_name, "vfio", 4))
			snprintf(path, sizeof(path), "/dev/vfio/devices/%.32s", entry->d_name);
	closedir(folder);

	v->device = open(path, O_RDWR | O_CLOEXEC);
	if (v->device < 0)
		return -errno;
	v->iommufd = with ? dup(with->iommufd) : open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (v->iommufd < 0)
		return -errno;
	bind.iommufd = v->iommufd;
	ret = ioctl_errno(v->device, VFIO_DEVICE_BIND_IOMMUFD, &bind);
	if (ret)
		return ret;
	v->dev_id = bind.out_devid;
	if (!with)
		ret = ioctl_errno(v->iommufd, IOMMU_IOAS_ALLOC, &alloc);
	v->ioas = with ? with->ioas : alloc.out_ioas_id;
	return ret;
}

/**
 * iommufd_attach() - attach a claimed function to an IOAS or HWPT, and start it
 * @v: the function
 * @pt: what to attach it to
 */
int iommufd_attach(struct vfio *v, uint32_t pt)
{
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach), .pt_id = pt };
	int ret = ioctl_errno(v->device, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach);

	return ret || v->bar ? ret : start_device(v);
}

/**
 * iommufd_detach() - back to the blocked domain
 * @v: the function
 */
int iommufd_detach(struct vfio *v)
{
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };

	return ioctl_errno(v->device, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach);
}

/**
 * vfio_map() - map memory for reading and writing, in the container or the IOAS
 * @v: who has that
 * @memory: what
 * @iova: where
 * @size: bytes
 */
int vfio_map(const struct vfio *v, void *memory, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_map type1 = {
		.argsz = sizeof(type1),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)memory,
		.iova = iova,
		.size = size,
	};
	struct iommu_ioas_map ioas = {
		.size = sizeof(ioas),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = v->ioas,
		.user_va = (uintptr_t)memory,
		.iova = iova,
		.length = size,
	};

	if (v->iommufd >= 0)
		return ioctl_errno(v->iommufd, IOMMU_IOAS_MAP, &ioas);
	return ioctl_errno(v->container, VFIO_IOMMU_MAP_DMA, &type1);
}

/**
 * vfio_unmap() - undo vfio_map(), or a part of it where the kernel allows that
 * @v: who has the container or the IOAS
 * @iova: where
 * @size: bytes
 */
int vfio_unmap(const struct vfio *v, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap type1 = { .argsz = sizeof(type1), .iova = iova, .size = size };
	struct iommu_ioas_unmap ioas = { .size = sizeof(ioas), .ioas_id = v->ioas, .iova = iova, .length = size };

	if (v->iommufd >= 0)
		return ioctl_errno(v->iommufd, IOMMU_IOAS_UNMAP, &ioas);
	return ioctl_errno(v->container, VFIO_IOMMU_UNMAP_DMA, &type1);
}

/**
 * vfio_reset() - reset the function, which is an FLR
 * @v: the function
 */
int vfio_reset(const struct vfio *v)
{
	return ioctl_errno(v->device, VFIO_DEVICE_RESET, NULL);
}

/**
 * vfio_hot_reset() - reset the bus that the function is on, or its slot, as a VMM does when its guest is reset
 * @v: the function; all others that are there have to be in the same hands
 */
int vfio_hot_reset(const struct vfio *v)
{
	uint32_t space[(sizeof(struct vfio_pci_hot_reset) + sizeof(int32_t)) / sizeof(uint32_t)] = { 0 };
	struct vfio_pci_hot_reset *reset = (void *)space;

	/* A group says whose hands these are, an iommufd is known. */
	reset->argsz = sizeof(space);
	reset->count = v->group >= 0;
	reset->group_fds[0] = v->group;
	return ioctl_errno(v->device, VFIO_DEVICE_PCI_HOT_RESET, reset);
}

/**
 * vfio_power() - put a function into a power state, as a guest would
 * @v: the function; in D3hot its BAR must not be touched
 * @state: 0 for D0, 3 for D3hot
 *
 * Return: 0; -ENODEV if it has no Power Management Capability, -EIO if it is not in @state afterwards; another -errno.
 */
int vfio_power(const struct vfio *v, unsigned int state)
{
	uint8_t at, id = 0;
	uint16_t pmcsr;
	int ret = config_read(v, PCI_CAPABILITY_LIST, &at, sizeof(at));

	while (!ret && at && !config_read(v, at + PCI_CAP_LIST_ID, &id, sizeof(id)) && id != PCI_CAP_ID_PM)
		ret = config_read(v, at + PCI_CAP_LIST_NEXT, &at, sizeof(at));
	if (!ret && id != PCI_CAP_ID_PM)
		ret = -ENODEV;
	if (!ret)
		ret = config_write16(v, at + PCI_PM_CTRL, state);
	if (!ret)
		ret = config_read(v, at + PCI_PM_CTRL, &pmcsr, sizeof(pmcsr));
	if (!ret && (pmcsr & PCI_PM_CTRL_STATE_MASK) != state)
		ret = -EIO;
	return ret;
}

/**
 * vfio_removal_eventfd() - be told when the kernel wants the device back
 * @v: the function
 *
 * Return: an eventfd that becomes readable then; -errno on failure.
 */
int vfio_removal_eventfd(const struct vfio *v)
{
	struct {
		struct vfio_irq_set set;
		int fd;
	} request = {
		.set = {
			.argsz = sizeof(request),
			.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			.index = VFIO_PCI_REQ_IRQ_INDEX,
			.count = 1,
		},
	};
	int ret;

	request.fd = eventfd(0, EFD_CLOEXEC);
	if (request.fd < 0)
		return -errno;
	ret = ioctl_errno(v->device, VFIO_DEVICE_SET_IRQS, &request);
	if (!ret)
		return request.fd;
	close(request.fd);
	return ret;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/**
 * vfio_close() - give a function back; also after a claim or an attach that failed
 * @v: the function
 */
void vfio_close(struct vfio *v)
{
	if (v->bar)
		munmap((void *)v->bar, ATS_TESTDEV_BAR_SIZE);
	v->bar = NULL;
	close_fd(&v->device);
	close_fd(&v->group);
	close_fd(&v->container);
	close_fd(&v->iommufd);
}

/**
 * iommufd_not_supported() - IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED of a claimed function
 * @v: the function
 *
 * Return: 0 or 1; -errno on failure.
 */
int iommufd_not_supported(const struct vfio *v)
{
	struct iommu_hw_info info = { .size = sizeof(info), .dev_id = v->dev_id };
	int ret = ioctl_errno(v->iommufd, IOMMU_GET_HW_INFO, &info);

	return ret ? ret : !!(info.out_capabilities & IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED);
}

/**
 * capability_not_supported() - the same of a function that nobody has claimed
 * @f: the function; its driver is vfio-pci
 */
int capability_not_supported(const struct function *f)
{
	struct vfio v;
	int ret = iommufd_claim(&v, f, NULL);

	if (!ret)
		ret = iommufd_not_supported(&v);
	vfio_close(&v);
	return ret;
}
