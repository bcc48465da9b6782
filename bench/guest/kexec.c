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
#include <termios.h>
#include <unistd.h>

#include "bench.h"
#include "hw/misc/ats-testdev.h"

#define USED PLAIN_ON
#define IDLE PF_ON_OF_VF_ON
#define IOVA 0x10000000UL

/* Without the next kernel there are no results, and a machine that has none has failed. */
static void need(bool holds, const char *what)
{
	if (holds)
		return;
	printf("# kexec: no %s\n", what);
	exit(1);
}

static void load(void)
{
	char line[2048], next[4096], machine[64];
	int image = open("/Image", O_RDONLY | O_CLOEXEC), initramfs = open("/initramfs.cpio.gz", O_RDONLY | O_CLOEXEC);

	need(image >= 0 && initramfs >= 0, "next kernel, or no initramfs for it");
	need(kernel_parameter("bench.next", machine, sizeof(machine)), "bench.next=");
	need(!sysfs_read(line, sizeof(line), "/proc/cmdline"), "/proc/cmdline");
	/* Of a parameter that is there twice, the bench takes the first. */
	snprintf(next, sizeof(next), "bench.program=inherited bench.machine=%s %s%s", machine, strcmp(machine, "noats") ? "" : "pci=noats ", line);
	if (syscall(SYS_kexec_file_load, image, initramfs, strlen(next) + 1, next, 0)) {
		printf("# kexec: kexec_file_load(): %s\n", strerror(errno));
		exit(1);
	}
}

int main(void)
{
	uint8_t *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	struct vfio v = VFIO_NONE;
	struct function f, idle;

	need(memory != MAP_FAILED, "memory");
	load();
	/* Whom nobody uses has ATS as well, for as long as it has a DMA domain. */
	need(!function_find(&idle, IDLE) && !function_introduce(&idle) && function_e(&idle) == 1, "E of a function that is idle");
	need(!function_find(&f, USED) && !function_bind(&f, "vfio-pci"), "function for VFIO");
	need(!vfio_attach(&v, &f, NULL) && !vfio_map(&v, memory, IOVA, PAGE), "VFIO");
	need(testdev_do(v.bar, ATS_TESTDEV_CMD_TREQ, IOVA, PAGE) == ATS_TESTDEV_OK, "translation for the ATC");
	need(function_e(&f) == 1 && testdev_get(v.bar, ATS_TESTDEV_ATC_VALID), "E, or nothing in the ATC");
	printf("#@ state step=handed_over bdf=%s e=%d\n", f.bdf, function_e(&f));
	/* As with a power off, what was written has to leave the port first. */
	fflush(stdout);
	tcdrain(STDOUT_FILENO);
	syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC, NULL);
	printf("# kexec: reboot(): %s\n", strerror(errno));
	return 1;
}
