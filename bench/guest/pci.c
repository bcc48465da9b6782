// SPDX-License-Identifier: GPL-2.0
/* Functions of the PCI bus, by way of sysfs. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "bench.h"
#include "hw/misc/ats-testdev.h"

#define DEVICES "/sys/bus/pci/devices/"

/* What linux/pci_regs.h calls its own way */
#define ATS_CTRL_E 0x8000

static int open_path(int flags, const char *format, va_list args)
{
	char path[256];
	int fd;

	vsnprintf(path, sizeof(path), format, args);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/**
 * sysfs_write() - write a string to a file
 * @value: the string
 * @format: the file's path
 */
int sysfs_write(const char *value, const char *format, ...)
{
	ssize_t done;
	va_list args;
	int fd;

	va_start(args, format);
	fd = open_path(O_WRONLY, format, args);
	va_end(args);
	if (fd < 0)
		return fd;
	done = write(fd, value, strlen(value));
	if (done < 0)
		done = -errno;
	close(fd);
	return done < 0 ? done : 0;
}

/**
 * sysfs_read() - read the first line of a file
 * @value: where it goes, without the newline
 * @size: of @value
 * @format: the file's path
 */
int sysfs_read(char *value, size_t size, const char *format, ...)
{
	ssize_t done;
	va_list args;
	int fd;

	va_start(args, format);
	fd = open_path(O_RDONLY, format, args);
	va_end(args);
	if (fd < 0)
		return fd;
	done = read(fd, value, size - 1);
	if (done < 0)
		done = -errno;
	close(fd);
	if (done < 0)
		return done;
	value[done] = '\0';
	value[strcspn(value, "\n")] = '\0';
	return 0;
}

/**
 * sysfs_there() - is there such a file?
 * @format: its path
 */
bool sysfs_there(const char *format, ...)
{
	char path[256];
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	return !access(path, F_OK);
}

/**
 * sysfs_link() - the last part of what a link points to
 * @name: where it goes
 * @size: of @name
 * @format: the link's path
 */
int sysfs_link(char *name, size_t size, const char *format, ...)
{
	char path[256], target[512];
	ssize_t done;
	va_list args;

	va_start(args, format);
	vsnprintf(path, sizeof(path), format, args);
	va_end(args);
	done = readlink(path, target, sizeof(target) - 1);
	if (done < 0)
		return -errno;
	target[done] = '\0';
	snprintf(name, size, "%s", strrchr(target, '/') ? strrchr(target, '/') + 1 : target);
	return 0;
}

static int config_access(const struct function *f, int offset, void *value, size_t size, bool write)
{
	char path[64];
	ssize_t done;
	int fd;

	snprintf(path, sizeof(path), DEVICES "%s/config", f->bdf);
	fd = open(path, (write ? O_WRONLY : O_RDONLY) | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	done = write ? pwrite(fd, value, size, offset) : pread(fd, value, size, offset);
	if (done < 0)
		done = -errno;
	close(fd);
	if (done < 0)
		return done;
	return (size_t)done == size ? 0 : -EIO;
}

static int config_read(const struct function *f, int offset, void *value, size_t size)
{
	return config_access(f, offset, value, size, false);
}

static int find_cap(const struct function *f, uint8_t id)
{
	uint8_t offset = 0, entry[2];

	if (config_read(f, PCI_CAPABILITY_LIST, &offset, sizeof(offset)))
		return 0;
	while (offset && !config_read(f, offset, entry, sizeof(entry))) {
		if (entry[0] == id)
			return offset;
		offset = entry[1];
	}
	return 0;
}

static int find_ext_cap(const struct function *f, uint16_t id)
{
	int offset = 0x100;
	uint32_t header;

	while (offset && !config_read(f, offset, &header, sizeof(header)) && header) {
		if (PCI_EXT_CAP_ID(header) == id)
			return offset;
		offset = PCI_EXT_CAP_NEXT(header);
	}
	return 0;
}

/**
 * function_find() - find a function by its name; of several VFs, the first one
 * @f: is filled in
 * @name: which one; a VF has to be enabled
 */
int function_find(struct function *f, enum function_name name)
{
	return function_find_vf(f, name, functions[name].is_vf);
}

/**
 * function_find_vf() - find one of several VFs
 * @f: is filled in
 * @name: which VFs
 * @vf: the number of the VF, which has to be enabled; 0 if the function is none
 */
int function_find_vf(struct function *f, enum function_name name, unsigned int vf)
{
	unsigned int domain, bus, device, fn;
	char value[32];
	int ret;

	memset(f, 0, sizeof(*f));
	f->name = name;
	f->vf = vf;
	ret = sysfs_read(value, sizeof(value), DEVICES "0000:00:%02x.0/secondary_bus_number", functions[name].slot);
	if (ret)
		return ret;
	bus = strtoul(value, NULL, 10);
	snprintf(f->bdf, sizeof(f->bdf), "0000:%02x:00.0", bus);
	if (vf) {
		ret = sysfs_link(value, sizeof(value), DEVICES "%s/virtfn%u", f->bdf, vf - 1);
		if (ret)
			return ret;
		snprintf(f->bdf, sizeof(f->bdf), "%.15s", value);
	}
	if (!sysfs_there(DEVICES "%s", f->bdf))
		return -ENODEV;
	if (sscanf(f->bdf, "%x:%x:%x.%x", &domain, &bus, &device, &fn) != 4)
		return -EINVAL;
	f->sid = bus << 8 | device << 3 | fn;
	f->ats = find_ext_cap(f, PCI_EXT_CAP_ID_ATS);
	return 0;
}

/**
 * function_e() - the E bit of a function's ATS Control Register
 * @f: the function
 *
 * Return: 0 or 1; 0 also when it has no ATS Capability; -errno when its configuration space cannot be read.
 */
int function_e(const struct function *f)
{
	uint16_t control;
	int ret;

	if (!f->ats)
		return 0;
	ret = config_read(f, f->ats + PCI_ATS_CTRL, &control, sizeof(control));
	return ret ? ret : !!(control & ATS_CTRL_E);
}

/**
 * function_set_e() - set the E bit behind the kernel's back
 * @f: the function
 *
 * Return: 0, or -errno; -ENODEV when it has no ATS Capability.
 */
int function_set_e(const struct function *f)
{
	uint16_t control;
	int ret;

	if (!f->ats)
		return -ENODEV;
	ret = config_read(f, f->ats + PCI_ATS_CTRL, &control, sizeof(control));
	if (ret)
		return ret;
	control |= ATS_CTRL_E;
	return config_access(f, f->ats + PCI_ATS_CTRL, &control, sizeof(control), true);
}

/**
 * function_unbind() - take a function from its driver, if it has one
 * @f: the function
 */
int function_unbind(const struct function *f)
{
	int ret = 0;

	if (sysfs_there(DEVICES "%s/driver", f->bdf))
		ret = sysfs_write(f->bdf, DEVICES "%s/driver/unbind", f->bdf);
	sysfs_write("\n", DEVICES "%s/driver_override", f->bdf);
	return ret;
}

/**
 * function_bind() - give a function to a driver, and to no other
 * @f: the function
 * @driver: the driver's name
 */
int function_bind(const struct function *f, const char *driver)
{
	char bound[64];
	int ret = function_unbind(f);

	if (!ret)
		ret = sysfs_write(driver, DEVICES "%s/driver_override", f->bdf);
	if (!ret)
		ret = sysfs_write(f->bdf, "/sys/bus/pci/drivers_probe");
	if (!ret)
		ret = sysfs_link(bound, sizeof(bound), DEVICES "%s/driver", f->bdf);
	return ret ? ret : strcmp(bound, driver) ? -ENODEV : 0;
}

/**
 * function_group() - the number of a function's IOMMU group
 * @f: the function
 */
int function_group(const struct function *f)
{
	char name[16];
	int ret = sysfs_link(name, sizeof(name), DEVICES "%s/iommu_group", f->bdf);

	return ret ? ret : atoi(name);
}

/**
 * function_introduce() - have the IOMMU's driver know a function that has been added
 * @f: the function; no driver has it
 *
 * Adding it is enough since 6.15. With a device tree, the kernels before that ask for the IOMMU when the function is bound to
 * a driver: bench.iommu_known=bound says that this is one of them. vfio-pci would have it sleep, and so reset.
 */
int function_introduce(const struct function *f)
{
	char known[16];
	int ret;

	if (!kernel_parameter("bench.iommu_known", known, sizeof(known)) || function_group(f) >= 0)
		return 0;
	ret = function_bind(f, "pci-pf-stub");
	return ret ? ret : function_unbind(f);
}

/**
 * function_bar() - map BAR 0 of a test device that VFIO does not have
 * @f: the function; its driver has enabled it
 *
 * Return: the registers, until munmap(); NULL on failure.
 */
volatile uint32_t *function_bar(const struct function *f)
{
	char path[64];
	void *map;
	int fd;

	snprintf(path, sizeof(path), DEVICES "%s/resource0", f->bdf);
	fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);
	if (fd < 0)
		return NULL;
	map = mmap(NULL, ATS_TESTDEV_BAR_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	return map == MAP_FAILED ? NULL : map;
}

/**
 * slot_power_off() - ask for a function to be unplugged: its driver is unbound, then its slot is switched off
 * @name: which one
 */
int slot_power_off(enum function_name name)
{
	return sysfs_write("0", "/sys/bus/pci/slots/%u/power", functions[name].slot);
}

/**
 * slot_pull() - take a function out of its slot without asking
 * @name: which one
 *
 * QEMU takes it out when power and indicator of the slot are off. For that moment the slot has no interrupts: what its driver then
 * comes to see is an empty slot that is not switched off.
 *
 * Return: 0, or -errno.
 */
int slot_pull(enum function_name name)
{
	struct function port = { 0 };
	uint16_t on, off;
	int express, ret;

	snprintf(port.bdf, sizeof(port.bdf), "0000:00:%02x.0", functions[name].slot);
	express = find_cap(&port, PCI_CAP_ID_EXP);
	if (!express)
		return -ENODEV;
	ret = config_read(&port, express + PCI_EXP_SLTCTL, &on, sizeof(on));
	if (ret)
		return ret;
	off = (on & ~PCI_EXP_SLTCTL_HPIE) | PCI_EXP_SLTCTL_PCC | PCI_EXP_SLTCTL_PIC;
	ret = config_access(&port, express + PCI_EXP_SLTCTL, &off, sizeof(off), true);
	return ret ? ret : config_access(&port, express + PCI_EXP_SLTCTL, &on, sizeof(on), true);
}

/**
 * slot_plug() - have the host plug a function that has been unplugged
 * @name: which one
 *
 * Return: 0, or -errno when the host could not.
 */
int slot_plug(enum function_name name)
{
	char command[256], answer[256];
	int ret;

	snprintf(command, sizeof(command), "device_add %s", functions[name].device);
	ret = host_request(command, answer, sizeof(answer));
	return ret ? ret : strcmp(answer, "ok") ? -EIO : 0;
}

/**
 * vfs_set() - have a PF enable a number of VFs, none of which a driver takes
 * @name: the PF
 * @count: how many; 0 also takes the PF from its driver
 */
int vfs_set(enum function_name name, unsigned int count)
{
	struct function pf;
	char value[16];
	int ret = function_find(&pf, name);

	if (ret)
		return ret;
	if (!sysfs_there(DEVICES "%s/driver", pf.bdf)) {
		if (!count)
			return 0;
		ret = function_bind(&pf, "pci-pf-stub");
		if (ret)
			return ret;
	}
	sysfs_write("0", DEVICES "%s/sriov_drivers_autoprobe", pf.bdf);
	/* From one number to another the way is by none. */
	sysfs_write("0", DEVICES "%s/sriov_numvfs", pf.bdf);
	snprintf(value, sizeof(value), "%u", count);
	ret = sysfs_write(value, DEVICES "%s/sriov_numvfs", pf.bdf);
	return ret || count ? ret : function_unbind(&pf);
}
