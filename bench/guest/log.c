// SPDX-License-Identifier: GPL-2.0
/* The kernel's log: what it complained about while a scenario ran. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

/* Any of these in a line is a complaint. */
static const char *const splats[] = {
	"WARNING: ", "BUG: ", "Oops", "Kernel panic", "Unable to handle", "UBSAN: ", "KASAN: ", "INFO: task ", "INFO: rcu",
	"rcu_sched self-detected", "possible recursive locking", "possible circular locking", "inconsistent lock state",
	"suspicious RCU usage", "kmemleak: ", "CMDQ error", "CMD_SYNC timeout", "unexpected global error",
	"GERROR", "PRIQ overflow", "EVTQ overflow", "event 0x", "event: ", "AER: ", "failed to enable ATS", "Failed to enable ATS",
	"handling fault status", "Invalidation Queue Error", "Event logged [", "Completion-Wait loop timed out",
};

/**
 * log_open() - start to listen to the log
 *
 * Return: a descriptor at the log's end, for log_scan(); -errno on failure.
 */
int log_open(void)
{
	int log = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (log < 0)
		return -errno;
	if (lseek(log, 0, SEEK_END) < 0) {
		close(log);
		return -errno;
	}
	return log;
}

/* Which of @count texts is in @line, or @count. */
static size_t which_of(const char *line, const char *const *texts, size_t count)
{
	size_t i = 0;

	while (i < count && !strstr(line, texts[i]))
		i++;
	return i;
}

/**
 * log_scan_but() - read what the log has got since, and print each complaint
 * @log: from log_open()
 * @known: texts that make a complaint one that was to be expected, up to a NULL; NULL if there are none
 * @seen: how many complaints there were with each of these
 *
 * Return: how many other complaints there were; -errno when that cannot be told, as after records were overwritten (-EPIPE).
 */
int log_scan_but(int log, const char *const known[], int *seen)
{
	const size_t splat_count = sizeof(splats) / sizeof(splats[0]);
	char record[8192];
	size_t count = 0, which;
	int found = 0;

	for (; known && known[count]; count++)
		seen[count] = 0;
	for (;;) {
		ssize_t size = read(log, record, sizeof(record) - 1);
		char *text;

		if (size < 0 && errno == EINTR)
			continue;
		if (size < 0)
			return errno == EAGAIN ? found : -errno;
		record[size] = '\0';
		text = strchr(record, ';');
		text = text ? text + 1 : record;
		text[strcspn(text, "\n")] = '\0';
		if (which_of(text, splats, splat_count) == splat_count)
			continue;
		which = which_of(text, known, count);
		if (which < count) {
			seen[which]++;
			continue;
		}
		printf("#@ splat %s\n", text);
		found++;
	}
}

/**
 * log_scan() - log_scan_but() where no complaint is to be expected
 * @log: from log_open()
 *
 * Return: as log_scan_but().
 */
int log_scan(int log)
{
	return log_scan_but(log, NULL, NULL);
}
