// SPDX-License-Identifier: GPL-2.0
/*
 * PID 1 of the bench: runs a program with its output on the port, and ends the run with a line that says how it went.
 * Whoever reads the port and does not see that line knows that the machine was lost.
 *
 * Of the kernel's command line it takes bench.machine=NAME, bench.program=NAME, which is /scenarios unless said otherwise,
 * bench.filter=A,B,... as arguments of that program, and bench.port=FILE.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "bench.h"

#define MAX_ARGS 256

static void run(char *program, char *filter)
{
	char *args[MAX_ARGS] = { program };
	int count = 1;

	for (char *arg = strtok(filter, ","); arg && count < MAX_ARGS - 1; arg = strtok(NULL, ","))
		args[count++] = arg;
	execv(args[0], args);
	printf("# bench: cannot run %s: %s\n", program, strerror(errno));
	_exit(127);
}

/* What the scenarios have left behind comes to PID 1, too. */
static int wait_for(pid_t child)
{
	int status;
	pid_t pid;

	do
		pid = wait(&status);
	while (pid != child && (pid > 0 || errno == EINTR));
	return status;
}

/*
 * What nobody points to any more is said in the kernel's log, by a kernel that has kmemleak. It takes an object for lost when that is
 * five seconds old, and has been so in two scans.
 */
static void look_for_leaks(void)
{
	int leaks = open("/sys/kernel/debug/kmemleak", O_RDWR | O_CLOEXEC);
	char text[4096];
	ssize_t size;

	if (leaks < 0) {
		if (errno != ENOENT)
			perror("init: kmemleak");
		return;
	}
	for (int i = 0; i < 2; i++) {
		sleep(6);
		if (write(leaks, "scan", 4) != 4)
			perror("init: kmemleak");
	}
	while ((size = read(leaks, text, sizeof(text))) > 0)
		if (write(STDERR_FILENO, text, size) != size)
			break;
	close(leaks);
	fprintf(stderr, "init: looked for leaks\n");
}

int main(void)
{
	char machine[64] = "?", program[64] = "/scenarios", filter[2048] = "";
	struct utsname kernel;
	int port, status;
	pid_t child;

	if (mount("proc", "/proc", "proc", 0, NULL) || mount("sysfs", "/sys", "sysfs", 0, NULL) ||
	    (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) && errno != EBUSY))
		perror("init: mount");
	/* A terminal for a program that wants one. */
	mkdir("/dev/pts", 0755);
	mount("devpts", "/dev/pts", "devpts", 0, NULL);
	/* The iommufd selftests look for fault injection there. A kernel without it is none of ours. */
	mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL);
	port = port_open();
	if (port < 0 || dup2(port, STDOUT_FILENO) < 0) {
		fprintf(stderr, "init: no port for the results: %s\n", strerror(-port));
		reboot(RB_POWER_OFF);
	}
	setlinebuf(stdout);
	uname(&kernel);
	kernel_parameter("bench.machine", machine, sizeof(machine));
	kernel_parameter("bench.program", program + 1, sizeof(program) - 1);
	kernel_parameter("bench.filter", filter, sizeof(filter));
	printf("# bench: machine=%s kernel=%s\n", machine, kernel.release);

	child = fork();
	if (!child)
		run(program, filter);
	status = child < 0 ? 0x7f00 : wait_for(child);
	look_for_leaks();
	if (WIFSIGNALED(status))
		printf("# bench: end signal=%d\n", WTERMSIG(status));
	else
		printf("# bench: end status=%d\n", WEXITSTATUS(status));
	/* What was written has to leave the port before the power goes. */
	fflush(stdout);
	tcdrain(port);
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
