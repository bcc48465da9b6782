// SPDX-License-Identifier: GPL-2.0
/*
 * What a VMM does with IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED: decide whether its
 * guest gets to see the ATS Capability of an assigned device.
 *
 * A guest that sees the capability enables ATS, and expects it to work.  So
 * there are three policies:
 *
 *   off	the guest does not see the capability
 *   on		it does; a device that cannot deliver is refused
 *   auto	it does if the device can deliver
 *
 * The device is bound to an iommufd for as long as it takes to ask, and is not
 * attached to anything: the answer does not depend on that.
 */
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

/* Exit codes: a decision, a refusal, or no answer at all */
#define DECIDED 0
#define REFUSED 1
#define FAILED 2

enum policy { OFF, ON, AUTO };

static const char *const policies[] = {
	[OFF] = "off",
	[ON] = "on",
	[AUTO] = "auto",
};

enum decision { HIDE, SHOW, REFUSE };

static const char *const decisions[] = {
	[HIDE] = "hide",
	[SHOW] = "show",
	[REFUSE] = "refuse",
};

static void usage(FILE *stream)
{
	fputs("Usage: ats_policy [--ats off|on|auto] BDF\n"
	      "\n"
	      "Decide whether a guest gets to see the ATS Capability of the PCI function\n"
	      "BDF (as 0000:01:00.1), which a VFIO driver has to be bound to.\n"
	      "\n"
	      "  -a, --ats POLICY  off: hide it; on: show it, or refuse the device;\n"
	      "                    auto: show it if ATS may be used (default)\n"
	      "  -h, --help        print this\n"
	      "\n"
	      "Prints \"BDF: hide|show|refuse: reason\". Exits with 0, with 1 if the device\n"
	      "is refused, with 2 if that cannot be told.\n", stream);
}

/*
 * The whole policy.  NOT_SUPPORTED means that the kernel never enables ATS, and
 * is final.  A kernel that does not know the flag leaves it clear, as it does
 * when ATS may be used: what a VMM has always believed then stays as it was.
 */
static enum decision decide(enum policy policy, bool capable,
			    bool not_supported, const char **reason)
{
	*reason = "this is the policy";
	if (policy == OFF)
		return HIDE;

	if (!capable)
		*reason = "the device has no ATS Capability";
	else if (not_supported)
		*reason = "the kernel never enables ATS for it";
	else
		*reason = "ATS may be used";

	if (capable && !not_supported)
		return SHOW;
	return policy == ON ? REFUSE : HIDE;
}

/* The function's own device node, /dev/vfio/devices/vfioN */
static int open_device(const char *bdf)
{
	struct dirent *entry;
	char path[512] = "";
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s", bdf);
	if (access(path, F_OK))
		errx(FAILED, "%s: there is no such PCI function: 'lspci -D' lists them", bdf);

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vfio-dev", bdf);
	dir = opendir(path);
	if (!dir)
		errx(FAILED, "%s: bind vfio-pci to it, on a kernel with CONFIG_VFIO_DEVICE_CDEV",
		     bdf);
	path[0] = '\0';
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vfio", 4))
			snprintf(path, sizeof(path), "/dev/vfio/devices/%s",
				 entry->d_name);
	closedir(dir);

	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		err(FAILED, "%s: cannot open '%s'", bdf, path);
	return fd;
}

static uint64_t hw_capabilities(const char *bdf, int device)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind) };
	struct iommu_hw_info info = { .size = sizeof(info) };

	bind.iommufd = open("/dev/iommu", O_RDWR | O_CLOEXEC);
	if (bind.iommufd < 0)
		err(FAILED, "cannot open /dev/iommu, which is CONFIG_IOMMUFD");
	if (ioctl(device, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		err(FAILED, "%s: cannot bind it to an iommufd", bdf);

	/* No data is asked for: the capabilities come without */
	info.dev_id = bind.out_devid;
	if (ioctl(bind.iommufd, IOMMU_GET_HW_INFO, &info))
		err(FAILED, "%s: IOMMU_GET_HW_INFO", bdf);
	return info.out_capabilities;
}

static uint32_t config_read(const char *bdf, int device, uint64_t offset)
{
	uint32_t value;

	if (pread(device, &value, sizeof(value), offset) != sizeof(value))
		errx(FAILED, "%s: cannot read its configuration space", bdf);
	return value;
}

/* What the device claims.  The guest would believe it. */
static bool has_ats_capability(const char *bdf, int device)
{
	struct vfio_region_info config = {
		.argsz = sizeof(config),
		.index = VFIO_PCI_CONFIG_REGION_INDEX,
	};
	unsigned int pos = PCI_CFG_SPACE_SIZE, left;

	if (ioctl(device, VFIO_DEVICE_GET_REGION_INFO, &config))
		err(FAILED, "%s: it has no configuration space", bdf);

	/* Not longer than there can be capabilities: a list may be a circle */
	left = (PCI_CFG_SPACE_EXP_SIZE - PCI_CFG_SPACE_SIZE) / 8;
	while (pos >= PCI_CFG_SPACE_SIZE && pos < config.size && left--) {
		uint32_t header = config_read(bdf, device, config.offset + pos);

		if (PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_ATS)
			return true;
		pos = PCI_EXT_CAP_NEXT(header);
	}
	return false;
}

static enum policy parse_policy(const char *name)
{
	for (enum policy i = OFF; i <= AUTO; i++)
		if (!strcmp(name, policies[i]))
			return i;
	errx(FAILED, "'%s' is no policy: off, on or auto", name);
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "ats", required_argument, NULL, 'a' },
		{ "help", no_argument, NULL, 'h' },
		{}
	};
	enum policy policy = AUTO;
	enum decision decision;
	const char *reason, *bdf;
	uint64_t capabilities;
	int device, option;

	while ((option = getopt_long(argc, argv, "a:h", options, NULL)) != -1) {
		switch (option) {
		case 'a':
			policy = parse_policy(optarg);
			break;
		case 'h':
			usage(stdout);
			return DECIDED;
		default:
			return FAILED;
		}
	}
	if (optind != argc - 1)
		errx(FAILED, "one PCI function, please: see --help");

	bdf = argv[optind];
	device = open_device(bdf);
	/* VFIO grants access to a device only once it is bound */
	capabilities = hw_capabilities(bdf, device);
	decision = decide(policy, has_ats_capability(bdf, device),
			  capabilities & IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED,
			  &reason);
	printf("%s: %s: %s\n", bdf, decisions[decision], reason);
	return decision == REFUSE ? REFUSED : DECIDED;
}
