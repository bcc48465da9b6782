// SPDX-License-Identifier: GPL-2.0
/* The test device, by its registers. */
#include "bench.h"
#include "hw/misc/ats-testdev.h"

/**
 * testdev_get() - read a register
 * @bar: BAR 0
 * @reg: its offset
 */
uint32_t testdev_get(volatile uint32_t *bar, uint32_t reg)
{
	return bar[reg / 4];
}

/**
 * testdev_do() - have a command done
 * @bar: BAR 0
 * @cmd: one of enum ats_testdev_cmd
 * @addr: its address
 * @len: its length in bytes
 *
 * Return: one of enum ats_testdev_status.
 */
uint32_t testdev_do(volatile uint32_t *bar, uint32_t cmd, uint64_t addr, uint32_t len)
{
	bar[ATS_TESTDEV_ADDR_LO / 4] = addr;
	bar[ATS_TESTDEV_ADDR_HI / 4] = addr >> 32;
	bar[ATS_TESTDEV_LEN / 4] = len;
	bar[ATS_TESTDEV_CMD / 4] = cmd;
	return bar[ATS_TESTDEV_STATUS / 4];
}

/**
 * testdev_mark() - leave a mark in QEMU's trace
 * @bar: BAR 0
 * @value: any
 */
void testdev_mark(volatile uint32_t *bar, uint32_t value)
{
	bar[ATS_TESTDEV_MARK / 4] = value;
}

/**
 * pattern() - a byte that tells where it belongs
 * @seed: of the transfer
 * @i: the byte's place in it
 */
uint8_t pattern(uint8_t seed, uint32_t i)
{
	return seed ^ i ^ i >> 8;
}

static uint32_t pattern32(uint8_t seed, uint32_t i)
{
	return pattern(seed, i) | pattern(seed, i + 1) << 8 | pattern(seed, i + 2) << 16 |
	       (uint32_t)pattern(seed, i + 3) << 24;
}

/**
 * testdev_fill() - put a pattern into the device's buffer
 * @bar: BAR 0
 * @seed: which pattern
 * @len: bytes, a multiple of 4
 */
void testdev_fill(volatile uint32_t *bar, uint8_t seed, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 4)
		bar[(ATS_TESTDEV_BUF + i) / 4] = pattern32(seed, i);
}

/**
 * testdev_holds() - does the device's buffer hold a pattern?
 * @bar: BAR 0
 * @seed: which pattern
 * @len: bytes, a multiple of 4
 */
bool testdev_holds(volatile uint32_t *bar, uint8_t seed, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 4)
		if (bar[(ATS_TESTDEV_BUF + i) / 4] != pattern32(seed, i))
			return false;
	return true;
}
