// SPDX-License-Identifier: GPL-2.0
/*
 * DMA map stress: map and unmap one page every stride through a wide IOVA space, from several
 * threads, while the device is moved between domains, and see that the kernel keeps its word
 * about ATS.
 *
 * A device with Address Translation Services caches translations of the IOMMU, and every unmap
 * has to invalidate them. For that the IOMMU driver has to know whether ATS is on. Three things
 * that anybody can look at have to agree:
 *
 *  - the E bit in the ATS Control Register of the device: what the hardware does;
 *  - IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED of IOMMU_GET_HW_INFO: what the kernel says;
 *  - the kernel log: a WARNING, a fault or a timeout is what shows when they do not.
 *
 * They are looked at after each attach, each change of domain and each detach, with VFIO's
 * containers (type1), with the same ioctls on an iommufd (compat), and with iommufd itself.
 * The clock decides when --duration ends a run and how often devices are moved, not the verdict.
 *
 * The device has to be bound to vfio-pci or another VFIO driver before. It is reset, as by any
 * user of VFIO, but it is not asked to do any DMA.
 */
#define _GNU_SOURCE
#define __SANE_USERSPACE_TYPES__
#include <dirent.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <linux/iommufd.h>
#include <linux/pci_regs.h>
#include <linux/vfio.h>

#include "../kselftest.h"

#define PCI_DEVICES "/sys/bus/pci/devices/"
#define IOMMU_GROUPS "/sys/kernel/iommu_groups/"

#define BIND "bind it to vfio-pci, see Documentation/driver-api/vfio.rst"

#define MAX_DEVICES 32
#define MAX_RANGES 64
#define MAX_THREADS 256
#define MAX_SHOWN 10
#define MAX_CAPS ((PCI_CFG_SPACE_EXP_SIZE - PCI_CFG_SPACE_SIZE) / 8)
#define EXIT_USAGE 2
#define EXIT_INTERRUPTED 130
#define CYCLES_NOT_GIVEN ULLONG_MAX

/* What a mode is tested for. */
enum check { CHECK_MAPS, CHECK_CONFIG, CHECK_LOG, NR_CHECKS };

static const char *const check_names[NR_CHECKS] = {
	[CHECK_MAPS] = "every page is mapped and unmapped",
	[CHECK_CONFIG] = "ATS in config space is what the kernel says",
	[CHECK_LOG] = "kernel log is clean",
};

/* Where a group is; the second place is another container or another IOAS. */
enum place { NOWHERE, FIRST, SECOND, HWPT, NR_PLACES };

/* An IOMMU group, which can only be attached as a whole */
struct group {
	int nr;
	int fd;			/* /dev/vfio/nr while it is open, or -1 */
	enum place place;
	__u32 hwpt;		/* its HWPT while place is HWPT */
};

struct device {
	char bdf[16];
	struct group *group;
	int config;		/* its config space */
	int ats;		/* offset of the ATS capability in config space, or 0 */
	int fd;			/* the VFIO device while it is open, or -1 */
	__u32 id;		/* what the iommufd calls it, while it is bound */
	int not_supported;	/* the kernel's last answer about ATS, or -1 */
	bool noted;		/* it has been said why this device is not judged */
};

/* A container, or the iommufd in its place */
struct container {
	int fd;			/* while it is open, or -1 */
	unsigned int groups;	/* how many are in it */
};

/* A thread, and all that it needs to map and unmap, in cache lines of its own */
struct walker {
	int fd;			/* container or iommufd */
	unsigned long map_request, unmap_request;
	__u64 *map_iova, *unmap_iova, *unmap_size;	/* where these are in map and unmap */
	__u64 start;		/* first IOVA of its window */
	__u64 offset;		/* of the next page in the window */
	__u64 step;		/* from one page to the next */
	__u64 todo;		/* pairs of map and unmap to do in this pass */
	__u64 done;		/* pairs that have been done; nobody else writes to it */
	void *memory;
	const char *failed;	/* what has failed, or NULL */
	int error;
	pthread_t thread;
	union {
		struct vfio_iommu_type1_dma_map type1;
		struct iommu_ioas_map ioas;
	} map;
	union {
		struct vfio_iommu_type1_dma_unmap type1;
		struct iommu_ioas_unmap ioas;
	} unmap;
	char apart[128];
};

/* A way to attach a device and to map memory */
struct mode {
	const char *name;
	const char *path;	/* what is opened to get a container or an iommufd */
	bool type1;		/* VFIO's own containers */
	bool native;		/* iommufd itself: asks about ATS and moves devices at any time */
	int (*attach)(void);
	void (*detach)(void);	/* also after an attach that has failed */
	int (*get_ranges)(struct iommu_iova_range *ranges);
	void (*prepare)(struct walker *w);
	int (*change)(void);	/* move one group to somewhere else */
};

static struct {
	__u64 page_size, stride, span, threads, pairs, cycles, duration, seed;
	unsigned int modes;
	int random, changes;
} opt = {
	.stride = 2 << 20,
	.span = 4ULL << 30,
	.threads = 1,
	.cycles = CYCLES_NOT_GIVEN,
	.changes = true,
};

static struct device devices[MAX_DEVICES];
static unsigned int nr_devices;
static struct group groups[MAX_DEVICES];
static unsigned int nr_groups;
static struct container containers[2] = { { .fd = -1 }, { .fd = -1 } };
static int iommufd = -1;
static __u32 ioas[NR_PLACES];
static struct walker *walkers;
static sem_t walker_done;
static int kmsg = -1;
static int kmsg_error;
static __u64 random_state;

/* Set by a signal, and looked at by the main thread only. */
static int interrupted;
/* What tells the walkers to end. */
static int stop;

/* The mode that is being tested, and what was seen in it. */
static const struct mode *mode;
static __u64 cycle;
static unsigned long complaints[NR_CHECKS];
static unsigned long nr_complaints, nr_judged, nr_moves;
static double mode_start, walk_seconds;
static __u64 mode_pairs;
static bool on_terminal;

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* splitmix64 */
static __u64 random_below(__u64 limit)
{
	__u64 x = random_state += 0x9e3779b97f4a7c15ULL;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return (x ^ (x >> 31)) % limit;
}

static bool should_stop(void)
{
	if (__atomic_load_n(&interrupted, __ATOMIC_RELAXED) ||
	    (opt.duration && now() - mode_start >= opt.duration))
		__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	return __atomic_load_n(&stop, __ATOMIC_RELAXED);
}

static void clear_progress(void)
{
	if (on_terminal)
		printf("\r\033[K");
}

/* Something is not as it has to be. The first few of each check are printed, all count. */
static __printf(2, 3) void complain(enum check check, const char *format, ...)
{
	va_list args;

	nr_complaints++;
	if (++complaints[check] > MAX_SHOWN)
		return;
	clear_progress();
	printf("# %s: ", mode->name);
	if (cycle)
		printf("cycle %llu, ", cycle);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
}

/* A system call that has to succeed has not. Nothing more can be done in this mode then. */
static int failed(const char *what, const char *name)
{
	complain(CHECK_MAPS, "%s%s%s: %s%s", what, *name ? " " : "", name, strerror(errno),
		 errno == ENOMEM ? " (locked memory? see ulimit -l)" : "");
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	return -1;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Config space. */

static int config_read(const struct device *d, int offset, void *value, size_t size)
{
	ssize_t done = pread(d->config, value, size, offset);

	if (done < 0)
		return -errno;
	return (size_t)done == size ? 0 : -EPERM;
}

/* Return where the ATS capability is, 0 if there is none, or -errno. */
static int find_ats(const struct device *d)
{
	int offset = PCI_CFG_SPACE_SIZE;
	__u32 header;
	int ret;

	/* Who is not root gets to see the first 64 bytes only. */
	ret = config_read(d, PCI_CFG_SPACE_SIZE - sizeof(header), &header, sizeof(header));
	/* A list with a loop in it is longer than there is room for capabilities. */
	for (int i = 0; !ret && offset >= PCI_CFG_SPACE_SIZE && i < MAX_CAPS; i++) {
		ret = config_read(d, offset, &header, sizeof(header));
		/* It ends here: there is no extended config space. */
		if (ret == -EPERM || header == UINT_MAX)
			return 0;
		if (!ret && PCI_EXT_CAP_ID(header) == PCI_EXT_CAP_ID_ATS)
			return offset;
		offset = PCI_EXT_CAP_NEXT(header);
	}
	return ret;
}

/* Return the E bit, 0 if there is no ATS capability, or -errno. */
static int read_e(const struct device *d)
{
	__u16 control;
	int ret;

	if (!d->ats)
		return 0;
	ret = config_read(d, d->ats + PCI_ATS_CTRL, &control, sizeof(control));
	if (ret)
		return ret;
	/* All ones: the device is gone, or asleep. */
	return control == USHRT_MAX ? -ENXIO : !!(control & PCI_ATS_CTRL_ENABLE);
}

/* What the kernel says. */

static int open_cdev(const struct device *d)
{
	char path[300];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), PCI_DEVICES "%s/vfio-dev", d->bdf);
	dir = opendir(path);
	if (!dir)
		return -1;
	path[0] = '\0';
	while ((entry = readdir(dir)))
		if (!strncmp(entry->d_name, "vfio", 4))
			snprintf(path, sizeof(path), "/dev/vfio/devices/%s", entry->d_name);
	closedir(dir);
	return open(path, O_RDWR | O_CLOEXEC);
}

static int bind_cdev(struct device *d, int fd)
{
	struct vfio_device_bind_iommufd bind = { .argsz = sizeof(bind), .iommufd = fd };

	if (ioctl(d->fd, VFIO_DEVICE_BIND_IOMMUFD, &bind))
		return -1;
	d->id = bind.out_devid;
	return 0;
}

/* Ask a device that is bound to an iommufd. The answer must be the same as long as it lives. */
static void ask(struct device *d, int fd, const char *where)
{
	struct iommu_hw_info info = { .size = sizeof(info), .dev_id = d->id };
	int answer;

	if (ioctl(fd, IOMMU_GET_HW_INFO, &info)) {
		complain(CHECK_CONFIG, "%s: %s: IOMMU_GET_HW_INFO: %s", where, d->bdf,
			 strerror(errno));
		return;
	}
	answer = !!(info.out_capabilities & IOMMU_HW_CAP_PCI_ATS_NOT_SUPPORTED);
	if (d->not_supported >= 0 && d->not_supported != answer)
		complain(CHECK_CONFIG, "%s: %s: the kernel says ATS_NOT_SUPPORTED=%d, before %d",
			 where, d->bdf, answer, d->not_supported);
	d->not_supported = answer;
}

/* In the other modes there is nobody to ask, so the device is bound to an iommufd in between. */
static void ask_by_cdev(const char *where)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	for (struct device *d = devices; fd >= 0 && d < devices + nr_devices; d++) {
		d->fd = open_cdev(d);
		if (d->fd < 0)
			continue;
		/* An iommufd may refuse what type1 takes, but not what it has taken before. */
		if (!bind_cdev(d, fd))
			ask(d, fd, where);
		else if (d->not_supported >= 0)
			complain(CHECK_CONFIG, "%s: %s: VFIO_DEVICE_BIND_IOMMUFD: %s", where,
				 d->bdf, strerror(errno));
		else if (!d->noted)
			ksft_print_msg("%s: not asked about ATS: VFIO_DEVICE_BIND_IOMMUFD: %s\n",
				       d->bdf, strerror(errno));
		d->noted = d->noted || d->not_supported < 0;
		close_fd(&d->fd);
	}
	close_fd(&fd);
}

/*
 * Kernels before 7.1 do not know the bit, and leave it clear whatever the device can do. It may
 * have been backported, though: a bit that is set was set by a kernel that knows it. Where no
 * function has it set, the version decides: from 7.1 on, a clear bit is the kernel's word that
 * ATS can be used, and wrong where there is no ATS capability; before, it says nothing.
 */
static bool kernel_knows_the_bit(void)
{
	for (unsigned int i = 0; i < nr_devices; i++)
		if (devices[i].not_supported > 0)
			return true;
	return ksft_min_kernel_version(7, 1);
}

/*
 * Compare what the kernel says with what the hardware shows. Where the group is not attached by
 * us the IOMMU driver may have ATS on or off, if only the device can do it.
 */
static void judge(struct device *d, bool attached, const char *where)
{
	int e = read_e(d);

	if (e < 0) {
		complain(CHECK_CONFIG, "%s: %s: ATS Control Register: %s", where, d->bdf,
			 strerror(-e));
		return;
	}
	if (d->not_supported < 0 || !kernel_knows_the_bit()) {
		if (!attached || d->noted)
			return;
		d->noted = true;
		clear_progress();
		ksft_print_msg("%s: E is %d, but not judged: %s\n", d->bdf, e,
			       d->not_supported >= 0 ? "this kernel does not report the bit" :
			       "to ask about ATS needs /dev/iommu and /dev/vfio/devices");
		return;
	}
	nr_judged++;
	if (d->not_supported && e)
		complain(CHECK_CONFIG, "%s: %s: the kernel says ATS is not supported, but E is 1",
			 where, d->bdf);
	if (!d->not_supported && !d->ats)
		complain(CHECK_CONFIG, "%s: %s: the kernel says ATS can be used, but there is none",
			 where, d->bdf);
	if (!d->not_supported && d->ats && attached && !e)
		complain(CHECK_CONFIG, "%s: %s: the kernel says ATS can be used, but E is 0",
			 where, d->bdf);
}

/* The kernel log. */

/*
 * A line with any of these is a disagreement. The space in front of some keeps DEBUG: and the
 * like out.
 */
static const char *const splats[] = {
	" WARNING:", " BUG:", "Oops", "INFO: task", "INFO: rcu",
	"possible circular locking", "possible recursive locking", "ailed to enable ATS",
	/* SMMUv3 */
	": event 0x", ": event: F_", ": event: C_", "EVTQ overflow", "CMDQ error", "CMDQ timeout",
	"CMD_SYNC timeout", "Service Failure Mode",
	/* VT-d */
	"DMAR: [DMA", "DRHD: handling fault", "detected Invalidation Queue Error",
	"detected Invalidation Time-out Error", "detected Invalidation Completion Error",
	/* AMD */
	"AMD-Vi: Event logged", "IO_PAGE_FAULT", "Completion-Wait loop timed out",
};

static void open_log(void)
{
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0 || lseek(kmsg, 0, SEEK_END) < 0) {
		kmsg_error = errno;
		close_fd(&kmsg);
	}
}

/* A record is "priority,number,time,flags;text\n", and then what belongs to it, a line each. */
static void read_log(const char *where)
{
	char record[8192];

	while (kmsg >= 0) {
		ssize_t size = read(kmsg, record, sizeof(record) - 1);
		char *text;

		if (size < 0 && errno == EPIPE) {
			complain(CHECK_LOG, "%s: the log was overrun: cannot be judged", where);
			/* Who has lost once could lose for ever against a log that floods. */
			lseek(kmsg, 0, SEEK_END);
			return;
		}
		if (size < 0 && errno == EAGAIN)
			return;
		if (size <= 0) {
			complain(CHECK_LOG, "%s: /dev/kmsg: %s", where, strerror(errno));
			return;
		}
		record[size] = '\0';
		/* The kernel's facility is 0: what others have written does not count. */
		if (strtoul(record, NULL, 10) >> 3)
			continue;
		text = record + strcspn(record, ";");
		*text = ' ';
		text[strcspn(text, "\n")] = '\0';
		for (unsigned int i = 0; i < ARRAY_SIZE(splats); i++)
			if (strstr(text, splats[i])) {
				complain(CHECK_LOG, "%s: kernel log:%s", where, text);
				break;
			}
	}
}

/* A quiet point: see that everything agrees. */
static void check(const char *where)
{
	for (struct device *d = devices; d < devices + nr_devices; d++)
		if (iommufd >= 0 && d->fd >= 0)
			ask(d, iommufd, where);
	for (struct device *d = devices; d < devices + nr_devices; d++)
		judge(d, d->group->place != NOWHERE, where);
	read_log(where);
}

/* Modes type1 and compat: groups in a container, or in an iommufd that behaves like one. */

static void close_devices(const struct group *g)
{
	for (struct device *d = devices; d < devices + nr_devices; d++)
		if (d->group == g)
			close_fd(&d->fd);
}

static int open_container(struct container *c)
{
	c->groups = 0;
	c->fd = open(mode->path, O_RDWR | O_CLOEXEC);
	return c->fd < 0 ? failed("open", mode->path) : 0;
}

static int enter_container(struct group *g, enum place place)
{
	struct container *c = &containers[place - FIRST];

	if (ioctl(g->fd, VFIO_GROUP_SET_CONTAINER, &c->fd))
		return failed("VFIO_GROUP_SET_CONTAINER", "");
	/* A container whose last group has left has forgotten what it was set to. */
	if (!c->groups++ && ioctl(c->fd, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU))
		return failed("VFIO_SET_IOMMU", "");
	for (struct device *d = devices; d < devices + nr_devices; d++) {
		if (d->group != g)
			continue;
		d->fd = ioctl(g->fd, VFIO_GROUP_GET_DEVICE_FD, d->bdf);
		if (d->fd < 0)
			return failed("VFIO_GROUP_GET_DEVICE_FD", d->bdf);
	}
	g->place = place;
	return 0;
}

static int leave_container(struct group *g)
{
	close_devices(g);
	if (ioctl(g->fd, VFIO_GROUP_UNSET_CONTAINER))
		return failed("VFIO_GROUP_UNSET_CONTAINER", "");
	containers[g->place - FIRST].groups--;
	g->place = NOWHERE;
	return 0;
}

static int container_attach(void)
{
	char path[32];

	if (open_container(&containers[0]))
		return -1;
	for (struct group *g = groups; g < groups + nr_groups; g++) {
		snprintf(path, sizeof(path), "/dev/vfio/%d", g->nr);
		g->fd = open(path, O_RDWR | O_CLOEXEC);
		if (g->fd < 0)
			return failed("open", path);
		if (enter_container(g, FIRST))
			return -1;
	}
	return 0;
}

static void container_detach(void)
{
	for (struct group *g = groups; g < groups + nr_groups; g++) {
		if (g->place != NOWHERE)
			leave_container(g);
		/* Half way in or out: closing the files does what is left to do. */
		close_devices(g);
		g->place = NOWHERE;
	}
	check("detached");
	for (struct group *g = groups; g < groups + nr_groups; g++)
		close_fd(&g->fd);
	close_fd(&containers[0].fd);
	close_fd(&containers[1].fd);
}

static int container_get_ranges(struct iommu_iova_range *ranges)
{
	union {
		struct vfio_iommu_type1_info info;
		char bytes[8192];
	} buffer = { .info.argsz = sizeof(buffer) };
	struct vfio_iommu_type1_info_cap_iova_range *cap;
	__u32 offset;
	int nr = 0;

	if (ioctl(containers[0].fd, VFIO_IOMMU_GET_INFO, &buffer))
		return failed("VFIO_IOMMU_GET_INFO", "");
	offset = buffer.info.flags & VFIO_IOMMU_INFO_CAPS ? buffer.info.cap_offset : 0;
	while (offset && offset < sizeof(buffer) - sizeof(*cap)) {
		cap = (void *)(buffer.bytes + offset);
		if (cap->header.id == VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE)
			for (__u32 i = 0; i < cap->nr_iovas && nr < MAX_RANGES; i++, nr++) {
				ranges[nr].start = cap->iova_ranges[i].start;
				ranges[nr].last = cap->iova_ranges[i].end;
			}
		offset = cap->header.next;
	}
	return nr;
}

static void container_prepare(struct walker *w)
{
	w->fd = containers[0].fd;
	w->map.type1 = (struct vfio_iommu_type1_dma_map){
		.argsz = sizeof(w->map.type1),
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE,
		.vaddr = (uintptr_t)w->memory,
		.size = opt.page_size,
	};
	w->unmap.type1 = (struct vfio_iommu_type1_dma_unmap){
		.argsz = sizeof(w->unmap.type1),
		.size = opt.page_size,
	};
	w->map_request = VFIO_IOMMU_MAP_DMA;
	w->unmap_request = VFIO_IOMMU_UNMAP_DMA;
	w->map_iova = &w->map.type1.iova;
	w->unmap_iova = &w->unmap.type1.iova;
	w->unmap_size = &w->unmap.type1.size;
}

/* Only ever while the walkers rest: a container without a group does not map. */
static int container_change(void)
{
	struct group *g = &groups[random_below(nr_groups)];

	if (leave_container(g))
		return -1;
	check("out of the container");
	if (random_below(2)) {
		if (open_container(&containers[1]) || enter_container(g, SECOND))
			return -1;
		check("in another container");
		if (leave_container(g))
			return -1;
		close_fd(&containers[1].fd);
		check("out of the other container");
	}
	if (enter_container(g, FIRST))
		return -1;
	check("back in the container");
	return 0;
}

/* Mode iommufd. */

static int alloc_ioas(enum place place)
{
	struct iommu_ioas_alloc alloc = { .size = sizeof(alloc) };

	if (ioctl(iommufd, IOMMU_IOAS_ALLOC, &alloc))
		return failed("IOMMU_IOAS_ALLOC", "");
	ioas[place] = alloc.out_ioas_id;
	return 0;
}

/* A HWPT on the first IOAS: the walkers' pages are in it. */
static int alloc_hwpt(struct group *g)
{
	struct iommu_hwpt_alloc alloc = { .size = sizeof(alloc), .pt_id = ioas[FIRST] };

	for (struct device *d = devices; d < devices + nr_devices; d++)
		if (d->group == g)
			alloc.dev_id = d->id;
	if (ioctl(iommufd, IOMMU_HWPT_ALLOC, &alloc))
		return failed("IOMMU_HWPT_ALLOC", "");
	g->hwpt = alloc.out_hwpt_id;
	return 0;
}

/* From one table to another this is a replacement: the device is attached all the time. */
static int move_group(struct group *g, enum place place)
{
	static const char *const where[NR_PLACES] = {
		[NOWHERE] = "detached",
		[FIRST] = "attached to the IOAS",
		[SECOND] = "attached to another IOAS",
		[HWPT] = "attached to a HWPT",
	};
	struct iommu_destroy destroy = { .size = sizeof(destroy), .id = g->hwpt };
	struct vfio_device_detach_iommufd_pt detach = { .argsz = sizeof(detach) };
	struct vfio_device_attach_iommufd_pt attach = { .argsz = sizeof(attach) };
	enum place from = g->place;

	if (place == HWPT && alloc_hwpt(g))
		return -1;
	for (struct device *d = devices; d < devices + nr_devices; d++) {
		if (d->group != g)
			continue;
		/* An attach says in it what it has attached to. */
		attach.pt_id = place == HWPT ? g->hwpt : ioas[place];
		if (place == NOWHERE && ioctl(d->fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &detach))
			return failed("VFIO_DEVICE_DETACH_IOMMUFD_PT", d->bdf);
		if (place != NOWHERE && ioctl(d->fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach))
			return failed("VFIO_DEVICE_ATTACH_IOMMUFD_PT", d->bdf);
	}
	g->place = place;
	if (from == HWPT && ioctl(iommufd, IOMMU_DESTROY, &destroy))
		return failed("IOMMU_DESTROY", "");
	check(where[place]);
	return 0;
}

static int ioas_attach(void)
{
	iommufd = open(mode->path, O_RDWR | O_CLOEXEC);
	if (iommufd < 0)
		return failed("open", mode->path);
	if (alloc_ioas(FIRST) || alloc_ioas(SECOND))
		return -1;
	for (struct device *d = devices; d < devices + nr_devices; d++) {
		d->fd = open_cdev(d);
		if (d->fd < 0)
			return failed("open the character device of", d->bdf);
		if (bind_cdev(d, iommufd))
			return failed("VFIO_DEVICE_BIND_IOMMUFD", d->bdf);
	}
	check("bound");
	for (struct group *g = groups; g < groups + nr_groups; g++)
		if (move_group(g, FIRST))
			return -1;
	return 0;
}

static void ioas_detach(void)
{
	for (struct group *g = groups; g < groups + nr_groups; g++) {
		if (g->place != NOWHERE)
			move_group(g, NOWHERE);
		close_devices(g);
		g->place = NOWHERE;
	}
	close_fd(&iommufd);
}

static int ioas_get_ranges(struct iommu_iova_range *ranges)
{
	struct iommu_ioas_iova_ranges get = {
		.size = sizeof(get),
		.ioas_id = ioas[FIRST],
		.num_iovas = MAX_RANGES,
		.allowed_iovas = (uintptr_t)ranges,
	};

	/* EMSGSIZE: there are more than these, which are enough. */
	if (ioctl(iommufd, IOMMU_IOAS_IOVA_RANGES, &get) && errno != EMSGSIZE)
		return failed("IOMMU_IOAS_IOVA_RANGES", "");
	return get.num_iovas < MAX_RANGES ? get.num_iovas : MAX_RANGES;
}

static void ioas_prepare(struct walker *w)
{
	w->fd = iommufd;
	w->map.ioas = (struct iommu_ioas_map){
		.size = sizeof(w->map.ioas),
		.flags = IOMMU_IOAS_MAP_FIXED_IOVA | IOMMU_IOAS_MAP_READABLE |
			 IOMMU_IOAS_MAP_WRITEABLE,
		.ioas_id = ioas[FIRST],
		.user_va = (uintptr_t)w->memory,
		.length = opt.page_size,
	};
	w->unmap.ioas = (struct iommu_ioas_unmap){
		.size = sizeof(w->unmap.ioas),
		.ioas_id = ioas[FIRST],
		.length = opt.page_size,
	};
	w->map_request = IOMMU_IOAS_MAP;
	w->unmap_request = IOMMU_IOAS_UNMAP;
	w->map_iova = (__u64 *)&w->map.ioas.iova;
	w->unmap_iova = (__u64 *)&w->unmap.ioas.iova;
	w->unmap_size = (__u64 *)&w->unmap.ioas.length;
}

static int ioas_change(void)
{
	struct group *g = &groups[random_below(nr_groups)];

	return move_group(g, (g->place + 1 + random_below(NR_PLACES - 1)) % NR_PLACES);
}

/* Move all groups to where the walkers map. */
static int ioas_settle(void)
{
	for (struct group *g = groups; g < groups + nr_groups; g++)
		if (g->place != FIRST && move_group(g, FIRST))
			return -1;
	return 0;
}

/* What this kernel offers. */

static char reason[512];

static __printf(1, 2) const char *because(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(reason, sizeof(reason), format, args);
	va_end(args);
	return reason;
}

static const char *mode_missing(void)
{
	struct iommu_vfio_ioas get = { .size = sizeof(get), .op = IOMMU_VFIO_IOAS_GET };
	int fd = open(mode->path, O_RDWR | O_CLOEXEC);
	const char *why = NULL;
	char path[32];

	if (fd < 0)
		return because("%s: %s", mode->path, strerror(errno));
	/* An iommufd understands this, and has no IOAS yet. */
	if (mode->type1 && (!ioctl(fd, IOMMU_VFIO_IOAS, &get) || errno == ENODEV))
		why = because("/dev/vfio/vfio is an iommufd (CONFIG_IOMMUFD_VFIO_CONTAINER)");
	else if (mode->type1 && ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_TYPE1v2_IOMMU) != 1)
		why = because("VFIO has no type1 IOMMU driver (CONFIG_VFIO_IOMMU_TYPE1)");
	close(fd);
	for (struct device *d = devices; d < devices + nr_devices && !why; d++) {
		snprintf(path, sizeof(path), "/dev/vfio/%d", d->group->nr);
		fd = mode->native ? open_cdev(d) : open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			why = because("%s for %s: %s", mode->native ? "/dev/vfio/devices" : path,
				      d->bdf, strerror(errno));
		close_fd(&fd);
	}
	return why;
}

#define CONTAINER_MODE						\
	.attach = container_attach,				\
	.detach = container_detach,				\
	.get_ranges = container_get_ranges,			\
	.prepare = container_prepare,				\
	.change = container_change

static const struct mode modes[] = {
	{ .name = "type1", .path = "/dev/vfio/vfio", .type1 = true, CONTAINER_MODE },
	{ .name = "compat", .path = "/dev/iommu", CONTAINER_MODE },
	{
		.name = "iommufd",
		.path = "/dev/iommu",
		.native = true,
		.attach = ioas_attach,
		.detach = ioas_detach,
		.get_ranges = ioas_get_ranges,
		.prepare = ioas_prepare,
		.change = ioas_change,
	},
};

/* The walk. */

/*
 * What all this is about. There is nothing in the loop but the two ioctls: each thread has its
 * own page, its own IOVAs and its own counter. (Relaxed accesses are plain loads and stores.)
 *
 * With a table of open files of its own, too, the kernel does not count references to the file
 * in every ioctl, which the threads would fight over. The copies have to be closed before the
 * thread is joined: only the last close of a device gives it back.
 */
static void *walk(void *arg)
{
	struct walker *w = arg;
	bool own_files = !unshare(CLONE_FILES);
	__u64 window = opt.span;

	for (__u64 todo = w->todo; todo; todo--) {
		if (__atomic_load_n(&stop, __ATOMIC_RELAXED))
			break;
		*w->map_iova = w->start + w->offset;
		*w->unmap_iova = w->start + w->offset;
		if (ioctl(w->fd, w->map_request, &w->map)) {
			w->failed = "map";
			break;
		}
		if (ioctl(w->fd, w->unmap_request, &w->unmap)) {
			w->failed = "unmap";
			break;
		}
		if (*w->unmap_size != opt.page_size) {
			w->failed = "unmap";
			errno = 0;
			break;
		}
		__atomic_store_n(&w->done, w->done + 1, __ATOMIC_RELAXED);
		w->offset += w->step;
		if (w->offset >= window)
			w->offset -= window;
	}
	if (w->failed) {
		w->error = errno;
		__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	}
	if (own_files)
		syscall(__NR_close_range, 0, UINT_MAX, 0);
	sem_post(&walker_done);
	return NULL;
}

static __u64 pairs_done(void)
{
	__u64 sum = 0;

	for (unsigned int i = 0; i < opt.threads; i++)
		sum += __atomic_load_n(&walkers[i].done, __ATOMIC_RELAXED);
	return sum;
}

static void show_progress(void)
{
	static double shown_at;
	static __u64 shown;
	double t = now();

	if (!on_terminal || t - shown_at < 1)
		return;
	clear_progress();
	printf("# %s: cycle %llu, %llu maps, %.0f maps/s, %lu disagreements", mode->name, cycle,
	       pairs_done() - mode_pairs, (pairs_done() - shown) / (t - shown_at), nr_complaints);
	fflush(stdout);
	shown_at = t;
	shown = pairs_done();
}

/* Wait until a walker ends, or it is time to look at something else. */
static bool wait_for_walker(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += 200000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	/* A signal ends it, too. */
	return !sem_clockwait(&walker_done, CLOCK_MONOTONIC, &t);
}

/* Have all threads map and unmap a number of pages, and move groups meanwhile if that goes. */
static void run_walkers(__u64 pairs)
{
	bool moving = mode->native && opt.changes;
	unsigned int started = 0, ended = 0;
	double start = now();

	while (started < opt.threads) {
		walkers[started].todo = pairs;
		errno = pthread_create(&walkers[started].thread, NULL, walk, &walkers[started]);
		if (errno) {
			failed("pthread_create", "");
			break;
		}
		started++;
	}
	while (ended < started) {
		bool move = !should_stop() && moving;

		if (move ? !sem_trywait(&walker_done) : wait_for_walker())
			ended++;
		else if (move && !mode->change())
			nr_moves++;
		show_progress();
	}
	for (struct walker *w = walkers; w < walkers + started; w++) {
		pthread_join(w->thread, NULL);
		if (w->failed)
			complain(CHECK_MAPS, "%s of 0x%llx bytes at IOVA 0x%llx: %s", w->failed,
				 opt.page_size, *w->map_iova,
				 w->error ? strerror(w->error) : "another size came back");
	}
	walk_seconds += now() - start;
}

/* Find room for the windows of all threads: the first range that has it. */
static int find_window(__u64 *start)
{
	struct iommu_iova_range ranges[MAX_RANGES], best = {};
	__u64 total = opt.span * opt.threads;
	int nr = mode->get_ranges(ranges);

	for (struct iommu_iova_range *r = ranges; r < ranges + nr; r++) {
		*start = (r->start + opt.page_size - 1) / opt.page_size * opt.page_size;
		if (*start >= r->start && *start <= r->last && r->last - *start >= total - 1)
			return 0;
		if (r->last - r->start > best.last - best.start)
			best = *r;
	}
	if (nr >= 0)
		complain(CHECK_MAPS, "--span: 0x%llx bytes do not fit in 0x%llx to 0x%llx",
			 total, (__u64)best.start, (__u64)best.last);
	return -1;
}

static __u64 gcd(__u64 a, __u64 b)
{
	return b ? gcd(b, a % b) : a;
}

/*
 * A step that has no divisor in common with the number of strides comes by each of them once
 * before it comes by any again: that is the random order, for no more than an addition.
 */
static int prepare_walkers(void)
{
	__u64 strides = opt.span / opt.stride, start;

	if (find_window(&start))
		return -1;
	for (unsigned int i = 0; i < opt.threads; i++) {
		struct walker *w = &walkers[i];
		__u64 step = 1;

		w->start = start + i * opt.span;
		w->offset = 0;
		w->failed = NULL;
		w->error = 0;
		if (opt.random) {
			w->offset = random_below(strides) * opt.stride;
			do
				step = 1 + random_below(strides);
			while (gcd(step, strides) != 1);
		}
		w->step = step * opt.stride;
		mode->prepare(w);
	}
	return 0;
}

static int make_walkers(void)
{
	walkers = calloc(opt.threads, sizeof(*walkers));
	if (!walkers || sem_init(&walker_done, 0, 0))
		return -1;
	for (unsigned int i = 0; i < opt.threads; i++) {
		walkers[i].memory = aligned_alloc(sysconf(_SC_PAGESIZE), opt.page_size);
		if (!walkers[i].memory)
			return -1;
		memset(walkers[i].memory, i, opt.page_size);
	}
	return 0;
}

/* Cycles, modes and their results. */

static void change_domains(void)
{
	for (__u64 n = 1 + random_below(3); n && !should_stop(); n--)
		if (mode->change())
			return;
	if (mode->native && !should_stop())
		ioas_settle();
}

/* From nothing open to nothing open. */
static void one_cycle(void)
{
	__u64 pass = opt.changes ? opt.span / opt.stride : opt.pairs;

	if (!mode->attach()) {
		check("attached");
		if (prepare_walkers())
			__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
		for (__u64 todo = opt.pairs; todo && !should_stop(); todo -= pass) {
			pass = pass < todo ? pass : todo;
			run_walkers(pass);
			if (opt.changes && !should_stop())
				change_domains();
		}
	}
	mode->detach();
	if (!mode->native)
		ask_by_cdev("closed");
	check("closed");
}

static void report_mode(void)
{
	__u64 pairs = pairs_done() - mode_pairs;

	clear_progress();
	ksft_print_msg("%s: %llu cycles, %llu maps and unmaps, %lu moves under load, %.0f maps/s\n",
		       mode->name, cycle, pairs, nr_moves,
		       walk_seconds > 0 ? pairs / walk_seconds : 0.0);
	for (int i = 0; i < NR_CHECKS; i++) {
		bool seen = i == CHECK_CONFIG ? nr_judged : pairs;
		const char *why = i == CHECK_CONFIG ? "the kernel says nothing about ATS" :
						      "nothing was mapped";

		if (complaints[i] > MAX_SHOWN)
			ksft_print_msg("%s: %s: %lu more not shown\n", mode->name, check_names[i],
				       complaints[i] - MAX_SHOWN);
		if (complaints[i] || seen)
			ksft_test_result(!complaints[i], "%s: %s\n", mode->name, check_names[i]);
		else
			ksft_test_result_skip("%s: %s: %s\n", mode->name, check_names[i],
					      interrupted ? "interrupted" : why);
	}
}

static void run_mode(void)
{
	stop = 0;
	mode_pairs = pairs_done();
	walk_seconds = 0;
	cycle = 0;
	nr_complaints = 0;
	nr_judged = 0;
	nr_moves = 0;
	memset(complaints, 0, sizeof(complaints));
	mode_start = now();
	if (kmsg < 0)
		complain(CHECK_LOG, "/dev/kmsg: %s: the kernel log cannot be judged",
			 strerror(kmsg_error));
	if (!mode->native)
		ask_by_cdev("before the first cycle");
	check("before the first cycle");
	while (!should_stop() && (!opt.cycles || cycle < opt.cycles)) {
		cycle++;
		/* How many moves there were under load must not change the next cycle. */
		random_state = opt.seed + cycle;
		one_cycle();
	}
	/* Faults are reported by interrupt threads, which may need a moment. */
	usleep(100000);
	read_log("at the end");
	report_mode();
}

/* Which devices. */

/* The last part of what a link points to. */
static bool read_link(const char *path, char *name, size_t size)
{
	char target[PATH_MAX];

	if (!realpath(path, target))
		return false;
	snprintf(name, size, "%s", strrchr(target, '/') + 1);
	return true;
}

static bool is_vfio(const char *bdf)
{
	char path[128];

	snprintf(path, sizeof(path), PCI_DEVICES "%.40s/vfio-dev", bdf);
	return !access(path, F_OK);
}

/* Why a group cannot be used, or NULL. */
static const char *group_unusable(const char *nr)
{
	const char *why = because("group %s: no device is driven by VFIO", nr);
	char path[300], driver[64];
	struct dirent *entry;
	DIR *dir;
	int fd;

	snprintf(path, sizeof(path), IOMMU_GROUPS "%s/devices", nr);
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), PCI_DEVICES "%.40s/driver", entry->d_name);
		if (is_vfio(entry->d_name)) {
			why = NULL;
		} else if (read_link(path, driver, sizeof(driver)) &&
			   strcmp(driver, "pcieport") && strcmp(driver, "pci-stub")) {
			/* These two leave the group to user space, as does no driver. */
			why = because("group %s: %.40s is driven by %s; " BIND, nr,
				      entry->d_name, driver);
			break;
		}
	}
	if (dir)
		closedir(dir);
	if (why)
		return why;
	/* EBUSY: another has it. If there are no such nodes at all, modes say what they miss. */
	snprintf(path, sizeof(path), "/dev/vfio/%.16s", nr);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 && errno != ENOENT)
		return because("group %s: %s: %s", nr, path, strerror(errno));
	close_fd(&fd);
	return NULL;
}

static void add_device(const char *bdf)
{
	struct device *d = &devices[nr_devices];
	char path[64], group[16];
	const char *why;

	snprintf(path, sizeof(path), PCI_DEVICES "%.15s/iommu_group", bdf);
	if (!read_link(path, group, sizeof(group)))
		ksft_exit_skip("%s is in no IOMMU group: no IOMMU, or it is off\n", bdf);
	why = is_vfio(bdf) ? group_unusable(group) : "not driven by VFIO; " BIND;
	if (why)
		ksft_exit_skip("%s cannot be used: %s\n", bdf, why);
	*d = (struct device){ .group = groups, .fd = -1, .not_supported = -1 };
	snprintf(d->bdf, sizeof(d->bdf), "%.15s", bdf);
	snprintf(path, sizeof(path), PCI_DEVICES "%s/config", d->bdf);
	d->config = open(path, O_RDONLY | O_CLOEXEC);
	d->ats = d->config < 0 ? -errno : find_ats(d);
	if (d->ats < 0)
		ksft_exit_skip("%s: config space cannot be read (%s): run as root\n", bdf,
			       strerror(-d->ats));
	nr_devices++;
	while (d->group < groups + nr_groups && d->group->nr != atoi(group))
		d->group++;
	if (d->group == groups + nr_groups)
		groups[nr_groups++] = (struct group){ .nr = atoi(group), .fd = -1 };
}

/* Take this group and no other. Return whether there is ATS in it. */
static bool take_group(const char *nr)
{
	struct dirent *entry;
	bool ats = false;
	char path[300];
	DIR *dir;

	while (nr_devices)
		close_fd(&devices[--nr_devices].config);
	nr_groups = 0;
	snprintf(path, sizeof(path), IOMMU_GROUPS "%s/devices", nr);
	dir = opendir(path);
	while (dir && (entry = readdir(dir)) && nr_devices < MAX_DEVICES)
		if (is_vfio(entry->d_name)) {
			add_device(entry->d_name);
			ats = ats || devices[nr_devices - 1].ats;
		}
	if (dir)
		closedir(dir);
	return ats;
}

/* Take the first group that can be used and has ATS, else the first that can be used. */
static void find_devices(void)
{
	const char *first = NULL;
	struct dirent **entries = NULL;
	bool ats = false;
	int nr;

	/* The first two are . and .. */
	nr = scandir(IOMMU_GROUPS, &entries, NULL, versionsort);
	for (int i = 2; i < nr && !ats; i++) {
		if (group_unusable(entries[i]->d_name))
			continue;
		first = first ? first : entries[i]->d_name;
		ats = take_group(entries[i]->d_name);
	}
	if (first && !ats)
		take_group(first);
	for (int i = 2; i < nr && !first; i++)
		ksft_print_msg("%s\n", group_unusable(entries[i]->d_name));
	for (int i = 0; i < nr; i++)
		free(entries[i]);
	free(entries);
	if (nr <= 2)
		ksft_exit_skip("no IOMMU groups: no IOMMU, or it is off\n");
	if (!nr_devices)
		ksft_exit_skip("no group can be used: choose a device, and " BIND "\n");
}

/* Options. */

static const char help[] =
	"Usage: dma_map_stress [OPTION]...\n"
	"Map and unmap one page every stride through an IOVA space, move the devices between\n"
	"domains, and see that config space, the kernel's word about ATS and its log agree.\n"
	"\n"
	"A SIZE is a number of bytes, or a number with K, M, G or T.\n"
	"\n"
	"  --device BDF         a PCI device that is bound to vfio-pci, as 0000:01:00.0; may be\n"
	"                       given more than once: they share a container or an IOAS then\n"
	"                       (default: all of an IOMMU group, one with ATS if there is any)\n"
	"  --mode MODE[,MODE]   type1 (VFIO container), compat (iommufd as a container) or iommufd;\n"
	"                       may be given more than once (default: all that the kernel offers)\n"
	"  --page-size SIZE     what is mapped at once (default: the system's page, mostly 4K)\n"
	"  --stride SIZE        from one page to the next (default: 2M)\n"
	"  --span SIZE          IOVA space that a thread walks in one pass (default: 4G); may be\n"
	"                       terabytes, but an IOMMU driver may keep the page tables until the\n"
	"                       detach: with a stride of 2M that is 2G of memory per 1T\n"
	"  --random             walk in an order that the seed decides, not upwards\n"
	"  --threads N          threads, each with a span of its own (default: 1)\n"
	"  --pairs N            maps, each with its unmap, of a thread in a cycle\n"
	"                       (default: as many as are in two passes)\n"
	"  --cycles N           cycles of attach, walk, detach in each mode; 0 is no limit\n"
	"                       (default: 10, or no limit with --duration)\n"
	"  --duration SECONDS   end each mode after this time (default: no limit)\n"
	"  --no-domain-changes  leave the devices attached between attach and detach\n"
	"  --seed N             decides what is random (default: another each time, and printed)\n"
	"  --help               print this\n"
	"\n"
	"Exit status: 0 all agrees, 1 something does not, 2 wrong options, 4 nothing to test,\n"
	"130 interrupted.\n";

static __noreturn __printf(1, 2) void usage_error(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "dma_map_stress: ");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(EXIT_USAGE);
}

/* The options with a number. The ranges keep what is computed from them within 64 bits. */
static const struct number {
	__u64 *value, min, max;
	bool size;		/* may have a unit */
} numbers[] = {
	{ &opt.page_size, 1, 1ULL << 40, true },
	{ &opt.stride, 1, 1ULL << 62, true },
	{ &opt.span, 1, 1ULL << 62, true },
	{ &opt.threads, 1, MAX_THREADS, false },
	{ &opt.pairs, 1, ULLONG_MAX, false },
	{ &opt.cycles, 0, CYCLES_NOT_GIVEN - 1, false },
	{ &opt.duration, 1, ULLONG_MAX, false },
	{ &opt.seed, 0, ULLONG_MAX, false },
};

static const struct option options[] = {
	/* The first are those in numbers[]. */
	{ "page-size", required_argument, NULL, 1 },
	{ "stride", required_argument, NULL, 2 },
	{ "span", required_argument, NULL, 3 },
	{ "threads", required_argument, NULL, 4 },
	{ "pairs", required_argument, NULL, 5 },
	{ "cycles", required_argument, NULL, 6 },
	{ "duration", required_argument, NULL, 7 },
	{ "seed", required_argument, NULL, 8 },
	{ "device", required_argument, NULL, 'd' },
	{ "mode", required_argument, NULL, 'm' },
	{ "random", no_argument, &opt.random, true },
	{ "no-domain-changes", no_argument, &opt.changes, false },
	{ "help", no_argument, NULL, 'h' },
	{}
};

static void parse_number(const char *name, const struct number *n, const char *text)
{
	static const char units[] = "KMGT";
	int shift = 0;
	__u64 value;
	char *rest;

	errno = 0;
	value = strtoull(text, &rest, 0);
	if (n->size && rest != text && *rest && strchr(units, *rest))
		shift = 10 * (strchr(units, *rest++) - units + 1);
	if (rest == text || *rest || *text == '-')
		usage_error("--%s: '%s' is not a %s", name, text,
			    n->size ? "size: give bytes, or a number with K, M, G or T, as 2M" :
				      "number: give it as 10 or 0x10");
	if (errno || value > ULLONG_MAX >> shift || value << shift < n->min ||
	    value << shift > n->max)
		usage_error("--%s: %s is out of range: give it from %llu to %llu", name, text,
			    n->min, n->max);
	*n->value = value << shift;
}

static void parse_modes(char *list)
{
	for (char *name = strtok(list, ","); name; name = strtok(NULL, ",")) {
		unsigned int i = 0;

		while (i < ARRAY_SIZE(modes) && strcmp(name, modes[i].name))
			i++;
		if (i == ARRAY_SIZE(modes))
			usage_error("--mode: no mode '%s': choose from type1, compat and iommufd",
				    name);
		opt.modes |= 1 << i;
	}
	if (!opt.modes)
		usage_error("--mode: no mode is given: choose from type1, compat and iommufd");
}

/* Devices are only looked for here: whether they can be used is no question of options. */
static void parse_device(const char *text, char (*bdfs)[16], unsigned int *nr)
{
	const char *domain = strlen(text) == strlen("01:00.0") ? "0000:" : "";
	char bdf[32], path[64];

	snprintf(bdf, sizeof(bdf), "%s%.20s", domain, text);
	snprintf(path, sizeof(path), PCI_DEVICES "%s", bdf);
	if (strlen(bdf) > 15 || strchr(bdf, '/') || *bdf == '.' || access(path, F_OK))
		usage_error("--device: no PCI device '%s': give it as in lspci -D, as 0000:01:00.0",
			    text);
	for (unsigned int i = 0; i < *nr; i++)
		if (!strcmp(bdfs[i], bdf))
			usage_error("--device: %s is given twice: leave one out", bdf);
	if (*nr == MAX_DEVICES)
		usage_error("--device: no more than %d devices", MAX_DEVICES);
	snprintf(bdfs[(*nr)++], 16, "%.15s", bdf);
}

static void check_options(void)
{
	__u64 system_page = sysconf(_SC_PAGESIZE), total;

	if (opt.page_size % system_page)
		usage_error("--page-size: 0x%llx is not in whole pages: give a multiple of 0x%llx",
			    opt.page_size, system_page);
	if (!opt.stride || opt.stride % opt.page_size)
		usage_error("--stride: 0x%llx is not in whole pages: give a multiple of 0x%llx",
			    opt.stride, opt.page_size);
	if (opt.span < opt.stride)
		usage_error("--span: 0x%llx is less than a stride: give at least 0x%llx", opt.span,
			    opt.stride);
	opt.span -= opt.span % opt.stride;
	if (__builtin_mul_overflow(opt.span, opt.threads, &total))
		usage_error("--span: the spans of all threads end beyond 64 bits: make it smaller");
	if (!opt.pairs)
		opt.pairs = 2 * (opt.span / opt.stride);
	if (!opt.modes)
		opt.modes = (1 << ARRAY_SIZE(modes)) - 1;
	if (opt.cycles == CYCLES_NOT_GIVEN)
		opt.cycles = opt.duration ? 0 : 10;
}

static void parse_options(int argc, char **argv, char (*bdfs)[16], unsigned int *nr)
{
	int at, o, index;

	opterr = 0;
	opt.page_size = sysconf(_SC_PAGESIZE);
	opt.seed = time(NULL) ^ ((__u64)getpid() << 32);
	/* getopt_long() does not say which of the arguments it has trouble with. */
	while (at = optind, (o = getopt_long(argc, argv, ":", options, &index)) != -1) {
		switch (o) {
		case 'd':
			parse_device(optarg, bdfs, nr);
			break;
		case 'm':
			parse_modes(optarg);
			break;
		case 0:
			break;
		case 'h':
			printf("%s", help);
			exit(KSFT_PASS);
		case ':':
			usage_error("%s: the value is missing: see --help", argv[at]);
		case '?':
			usage_error("%s: no such option, or it takes no value: see --help",
				    argv[at]);
		default:
			parse_number(options[index].name, &numbers[index], optarg);
		}
	}
	if (optind < argc)
		usage_error("'%s' is not an option: see --help", argv[optind]);
	check_options();
}

/* The second signal of a kind ends the program at once; the kernel then cleans up. */
static void on_signal(int number)
{
	__atomic_store_n(&interrupted, 1, __ATOMIC_RELAXED);
	signal(number, SIG_DFL);
}

static void print_run(void)
{
	ksft_print_msg("seed %llu\n", opt.seed);
	ksft_print_msg("%llu threads, %llu pairs a cycle, 0x%llx bytes every 0x%llx in 0x%llx\n",
		       opt.threads, opt.pairs, opt.page_size, opt.stride, opt.span);
	for (unsigned int i = 0; i < nr_devices; i++)
		ksft_print_msg("%s (group %d) has %s ATS capability\n", devices[i].bdf,
			       devices[i].group->nr, devices[i].ats ? "an" : "no");
}

int main(int argc, char **argv)
{
	char bdfs[MAX_DEVICES][16];
	unsigned int nr_given = 0;
	bool any = false;

	parse_options(argc, argv, bdfs, &nr_given);
	ksft_print_header();
	for (unsigned int i = 0; i < nr_given; i++)
		add_device(bdfs[i]);
	if (!nr_given)
		find_devices();

	on_terminal = isatty(STDOUT_FILENO);
	ksft_set_plan(__builtin_popcount(opt.modes) * NR_CHECKS);
	print_run();
	if (make_walkers())
		ksft_exit_fail_perror("no memory for the threads");
	open_log();
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);

	for (unsigned int i = 0; i < ARRAY_SIZE(modes); i++) {
		const char *why;

		mode = &modes[i];
		if (!(opt.modes & (1 << i)))
			continue;
		why = interrupted ? "interrupted" : mode_missing();
		for (int c = 0; why && c < NR_CHECKS; c++)
			ksft_test_result_skip("%s: %s: %s\n", mode->name, check_names[c], why);
		if (!why)
			run_mode();
		any = any || !why;
	}
	if (interrupted || !any) {
		ksft_print_cnts();
		return interrupted ? EXIT_INTERRUPTED : KSFT_SKIP;
	}
	ksft_finished();
}
