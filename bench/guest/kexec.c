// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel before: a function is attached, its ATC holds a translation, and in the midst of that the next kernel is started (kexec).
 * On that way nobody resets a function, or disables its ATS. What the next kernel makes of it is seen by inherited.c, which it runs as
 * the machine that bench.next= names.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bench.h"
#include "hw/misc/ats-testdev.h"

#define SLOT 6
#define IOVA 0x10000000UL

/* Without the next kernel there are no results, and a machine that has none has failed. */
static void need(bool holds, const char *what)
{
	if (holds)
		return;
	printf("# kexec: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void load(void)
{
	char line[2048], next[4096], machine[64];
	int image = open("/Image", O_RDONLY | O_CLOEXEC), initramfs = open("/initramfs.cpio.gz", O_RDONLY | O_CLOEXEC);

	need(image >= 0 && initramfs >= 0, "the next kernel and its initramfs");
	need(kernel_parameter("bench.next", machine, sizeof(machine)), "bench.next=, the machine that the next kernel is to run as");
	need(!sysfs_read(line, sizeof(line), "/proc/cmdline"), "/proc/cmdline");
	/* Of a parameter that is there twice, the bench takes the first. */
	snprintf(next, sizeof(next), "bench.program=inherited bench.machine=%s %s%s", machine, strcmp(machine, "noats") ? "" : "pci=noats ", line);
	need(!syscall(SYS_kexec_file_load, image, initramfs, strlen(next) + 1, next, 0), "kexec_file_load()");
}

int main(void)
{
	uint8_t *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct vfio v = VFIO_NONE;
	struct function f;

	need(memory != MAP_FAILED, "memory");
	load();
	need(!function_find(&f, SLOT, 0), "the function");
	need(!function_bind(&f, "vfio-pci"), "its driver");
	need(!vfio_attach(&v, &f, NULL) && !vfio_map(&v, memory, IOVA, PAGE), "VFIO");
	need(testdev_do(v.bar, ATS_TESTDEV_CMD_TREQ, IOVA, PAGE) == ATS_TESTDEV_OK, "a translation for the ATC");
	need(function_e(&f) == 1 && testdev_get(v.bar, ATS_TESTDEV_ATC_VALID), "E, and what the ATC holds");
	printf("#@ state step=handed_over bdf=%s e=%d\n", f.bdf, function_e(&f));
	fflush(stdout);
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	need(false, "the next kernel");
}
