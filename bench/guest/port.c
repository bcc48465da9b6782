// SPDX-License-Identifier: GPL-2.0
/* What comes from the host and goes to it: the kernel's command line, results, requests. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "bench.h"

/**
 * port_open() - open the port, as bytes and nothing but bytes: the second UART, or what bench.port= says
 *
 * Return: a descriptor; -errno on failure.
 */
int port_open(void)
{
	char path[64] = "/dev/ttyAMA1";
	struct termios raw;
	int port;

	kernel_parameter("bench.port", path, sizeof(path));
	port = open(path, O_RDWR | O_NOCTTY);
	if (port < 0)
		return -errno;
	if (!tcgetattr(port, &raw)) {
		cfmakeraw(&raw);
		tcsetattr(port, TCSANOW, &raw);
	}
	return port;
}

/**
 * host_request() - have the host do something, and wait until it has
 * @command: a line for QEMU's monitor
 * @answer: where its answer goes: "ok", or what it complained about
 * @size: of @answer
 */
int host_request(const char *command, char *answer, size_t size)
{
	size_t got = 0;
	int port;

	fflush(stdout);
	port = port_open();
	if (port < 0)
		return port;
	dprintf(port, "@%s\n", command);
	/*
	 * Without a limit: the host notices when nothing comes any more. And without sleep: with -icount sleep=off the clock of an idle guest
	 * runs as fast as it can, by half a minute while a busy host plugs a device.
	 */
	fcntl(port, F_SETFL, O_NONBLOCK);
	while (got < size - 1) {
		ssize_t done = read(port, answer + got, 1);

		if (done < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (done != 1 || answer[got] == '\n')
			break;
		got++;
	}
	answer[got] = '\0';
	close(port);
	return got ? 0 : -EIO;
}

/**
 * kernel_parameter() - a parameter of the kernel's command line
 * @name: its name
 * @value: where its value goes
 * @size: of @value
 *
 * Return: whether it is there; if not, @value stays as it is.
 */
bool kernel_parameter(const char *name, char *value, size_t size)
{
	char line[4096], *word, *rest = line;
	size_t length = strlen(name);
	FILE *file = fopen("/proc/cmdline", "r");
	bool found = false;

	if (!file)
		return false;
	if (!fgets(line, sizeof(line), file))
		line[0] = '\0';
	fclose(file);
	while (!found && (word = strsep(&rest, " \n"))) {
		found = !strncmp(word, name, length) && word[length] == '=';
		if (found)
			snprintf(value, size, "%s", word + length + 1);
	}
	return found;
}
