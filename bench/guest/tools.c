// SPDX-License-Identifier: GPL-2.0
/*
 * The programs that the series adds to tools/testing/selftests/iommu, on functions of which the bench knows what ATS can
 * be: what they say has to be what the hardware does. What they print is a comment here, their exit codes are judged.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "fixture.h"
#include "hw/misc/ats-testdev.h"

#define SKIPPED 4
#define INTERRUPTED 130

/*
 * Pairs of map and unmap whose cost is compared. Both come by the same few IOVAs again and again, the first that there are, and find
 * their page tables there: what a new one costs is what others have left in the page allocator.
 */
#define PAIRS 2048
#define COST_STRIDES 32
#define COST_STRIDE (2UL << 20)

#define NOT_MAPPED 0x8100000UL

/* ---- running them */

struct program {
	pid_t pid;
	FILE *output;
};

/* Its end and ours of what it prints to: a pipe, or a terminal. */
static int output_open(int ends[2], bool terminal)
{
	if (!terminal)
		return pipe2(ends, O_CLOEXEC) ? -errno : 0;
	ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (ends[0] < 0 || unlockpt(ends[0]))
		return -errno;
	ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
	return ends[1] < 0 ? -errno : 0;
}

static int program_start_on(struct program *p, char *const argv[], bool terminal)
{
	int pipes[2], ret;

	ret = output_open(pipes, terminal);
	if (ret)
		return ret;
	fflush(stdout);
	p->pid = fork();
	if (!p->pid) {
		dup2(pipes[1], STDOUT_FILENO);
		dup2(pipes[1], STDERR_FILENO);
		execv(argv[0], argv);
		fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	close(pipes[1]);
	p->output = fdopen(pipes[0], "r");
	return p->pid < 0 || !p->output ? -EAGAIN : 0;
}

static int program_start(struct program *p, char *const argv[])
{
	return program_start_on(p, argv, false);
}

/* The next line that it prints, which becomes one of our comments; false after the last one. */
static bool program_line(struct program *p, char *line, size_t size)
{
	if (!fgets(line, size, p->output))
		return false;
	line[strcspn(line, "\n")] = '\0';
	printf("#   %s\n", line);
	return true;
}

/* Return: its exit code, -1 if it was killed. */
static int program_end(struct program *p, struct rusage *usage)
{
	char line[512];
	int status;

	while (program_line(p, line, sizeof(line)))
		;
	fclose(p->output);
	if (wait4(p->pid, &status, 0, usage) != p->pid)
		return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int program_run(char *const argv[])
{
	struct program p;

	return program_start(&p, argv) ? -1 : program_end(&p, NULL);
}

/* ---- a function */

FIXTURE(tools) {
	struct bench b;
};

FIXTURE_VARIANT(tools) {
	enum function_name function;
};

FIXTURE_VARIANT_ADD(tools, vf_off_off) { VF_OFF_OFF };
FIXTURE_VARIANT_ADD(tools, vf_off_on) { VF_OFF_ON };
FIXTURE_VARIANT_ADD(tools, vf_on_off) { VF_ON_OFF };
FIXTURE_VARIANT_ADD(tools, vf_on_on) { VF_ON_ON };
FIXTURE_VARIANT_ADD(tools, plain_on) { PLAIN_ON };
FIXTURE_VARIANT_ADD(tools, plain_off) { PLAIN_OFF };
FIXTURE_VARIANT_ADD(tools, plain_quirked) { PLAIN_QUIRKED };
FIXTURE_VARIANT_ADD(tools, vf_quirked) { VF_QUIRKED };
FIXTURE_VARIANT_ADD(tools, vf_of_quirked_pf) { VF_OF_QUIRKED_PF };
FIXTURE_VARIANT_ADD(tools, pf_off_of_vf_on) { PF_OFF_OF_VF_ON };
FIXTURE_VARIANT_ADD(tools, pf_on_of_vf_on) { PF_ON_OF_VF_ON };

FIXTURE_SETUP(tools)
{
	bench_begin(_metadata, &self->b, variant->function);
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
}

FIXTURE_TEARDOWN(tools)
{
	bench_end(_metadata, &self->b);
}

/* ---- ats_policy: what a VMM decides */

/* Runs it; its decision is the word after the first ": ". */
static int decide(const char *bdf, char *policy, char *decision, size_t size)
{
	char *argv[] = { "/ats_policy", "--ats", policy, (char *)bdf, NULL };
	struct program p;
	char line[256] = "", *word;

	if (program_start(&p, argv))
		return -1;
	program_line(&p, line, sizeof(line));
	word = strstr(line, ": ");
	snprintf(decision, size, "%s", word ? word + 2 : "");
	decision[strcspn(decision, ":")] = '\0';
	return program_end(&p, NULL);
}

TEST_F(tools, the_policy_is_what_the_hardware_does)
{
	struct bench *b = &self->b;
	char on[16], off[16], by_itself[16];
	int refused, e;

	refused = decide(b->f.bdf, "on", on, sizeof(on));
	EXPECT_EQ(0, decide(b->f.bdf, "off", off, sizeof(off)));
	EXPECT_EQ(0, decide(b->f.bdf, "auto", by_itself, sizeof(by_itself)));

	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
	ASSERT_EQ(0, iommufd_attach(&b->v, b->v.ioas));
	e = function_e(&b->f);
	EXPECT_EQ(usable(&b->f), e);
	EXPECT_EQ(!e, refused);
	EXPECT_STREQ(e ? "show" : "refuse", on);
	EXPECT_STREQ(e ? "show" : "hide", by_itself);
	EXPECT_STREQ("hide", off);
}

/* ---- dma_map_stress */

/* Only its own verdict counts: what it has to find in the log is not found again at the end of the test. */
static int stress(struct bench *b, const char *other, char *mode)
{
	char *argv[] = { "/dma_map_stress", "--mode", mode, "--cycles", "3", "--span", "64M", "--threads", "2", "--seed", "1",
			 "--device", b->f.bdf, other ? "--device" : NULL, (char *)other, NULL };
	int status = program_run(argv);

	lseek(b->log, 0, SEEK_END);
	return status;
}

TEST_F(tools, stress_of_type1)
{
	EXPECT_EQ(0, stress(&self->b, NULL, "type1"));
}

TEST_F(tools, stress_of_compat)
{
	EXPECT_EQ(0, stress(&self->b, NULL, "compat"));
}

TEST_F(tools, stress_of_iommufd)
{
	EXPECT_EQ(0, stress(&self->b, NULL, "iommufd"));
}

/* The first group that user space has is the function's, as nothing else is given to it. */
TEST_F(tools, stress_finds_a_group)
{
	char *argv[] = { "/dma_map_stress", "--mode", "iommufd", "--cycles", "1", "--span", "16M", NULL };
	struct program p;
	bool found = false;
	char line[512];

	ASSERT_EQ(0, program_start(&p, argv));
	while (program_line(&p, line, sizeof(line)))
		found |= !!strstr(line, self->b.f.bdf);
	EXPECT_EQ(0, program_end(&p, NULL));
	EXPECT_TRUE(found);
}

/* ---- two functions in one container */

FIXTURE(pair) {
	struct bench b;
	struct function other;
};

FIXTURE_VARIANT(pair) {
	enum function_name function;
};

/* The other one is a plain function with ATS. */
FIXTURE_VARIANT_ADD(pair, vf_off_on) { VF_OFF_ON };
FIXTURE_VARIANT_ADD(pair, vf_on_on) { VF_ON_ON };
FIXTURE_VARIANT_ADD(pair, plain_off) { PLAIN_OFF };

FIXTURE_SETUP(pair)
{
	bench_begin(_metadata, &self->b, variant->function);
	ASSERT_EQ(0, function_find(&self->other, PLAIN_ON));
	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
	ASSERT_EQ(0, function_bind(&self->other, "vfio-pci"));
}

FIXTURE_TEARDOWN(pair)
{
	function_unbind(&self->other);
	bench_end(_metadata, &self->b);
}

TEST_F(pair, stress_of_type1)
{
	EXPECT_EQ(0, stress(&self->b, self->other.bdf, "type1"));
}

TEST_F(pair, stress_of_compat)
{
	EXPECT_EQ(0, stress(&self->b, self->other.bdf, "compat"));
}

TEST_F(pair, stress_of_iommufd)
{
	EXPECT_EQ(0, stress(&self->b, self->other.bdf, "iommufd"));
}

/* ---- how it behaves, on a function that all kernels are right about */

FIXTURE(tool) {
	struct bench b;
};

FIXTURE_SETUP(tool)
{
	bench_begin(_metadata, &self->b, PLAIN_OFF);
}

FIXTURE_TEARDOWN(tool)
{
	bench_end(_metadata, &self->b);
}

/* No function belongs to user space: that is a skip, and it says whose they are. */
TEST_F(tool, stress_without_a_group)
{
	char *argv[] = { "/dma_map_stress", NULL };
	struct program p;
	bool reason = false;
	char line[512];

	ASSERT_EQ(0, program_start(&p, argv));
	while (program_line(&p, line, sizeof(line)))
		reason |= strstr(line, "SKIP") && strstr(line, "vfio-pci");
	EXPECT_EQ(SKIPPED, program_end(&p, NULL));
	EXPECT_TRUE(reason);
}

/* Interrupted in the middle of its work it ends, and the function is free at once. */
static void check_interrupted(struct __test_metadata *_metadata, struct bench *b, char *mode)
{
	char *argv[] = { "/dma_map_stress", "--mode", mode, "--cycles", "0", "--device", b->f.bdf, NULL };
	struct timespec while_working = { .tv_nsec = 300000000 };
	struct program p;
	char line[512];

	ASSERT_EQ(0, function_bind(&b->f, "vfio-pci"));
	ASSERT_EQ(0, program_start(&p, argv));
	ASSERT_TRUE(program_line(&p, line, sizeof(line)));
	nanosleep(&while_working, NULL);
	ASSERT_EQ(0, kill(p.pid, SIGINT));
	EXPECT_EQ(INTERRUPTED, program_end(&p, NULL));
	ASSERT_EQ(0, iommufd_claim(&b->v, &b->f, NULL));
}

TEST_F(tool, stress_of_type1_interrupted)
{
	check_interrupted(_metadata, &self->b, "type1");
}

TEST_F(tool, stress_of_iommufd_interrupted)
{
	check_interrupted(_metadata, &self->b, "iommufd");
}

/* Devices are moved while others map, not only in between. */
TEST_F(tool, stress_moves_under_load)
{
	char *argv[] = { "/dma_map_stress", "--mode", "iommufd", "--cycles", "1", "--seed", "1", "--device", self->b.f.bdf, NULL };
	unsigned int moves = 0;
	struct program p;
	char line[512], *where;

	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
	ASSERT_EQ(0, program_start(&p, argv));
	while (program_line(&p, line, sizeof(line))) {
		where = strstr(line, " moves under load");
		while (where && where > line && where[-1] >= '0' && where[-1] <= '9')
			where--;
		if (where)
			moves = atoi(where);
	}
	EXPECT_EQ(0, program_end(&p, NULL));
	EXPECT_LT(0, moves);
}

/* A person who watches sees a line with the rate that is drawn again and again; KTAP has none. */
TEST_F(tool, stress_shows_progress_on_a_terminal)
{
	char *argv[] = { "/dma_map_stress", "--mode", "iommufd", "--duration", "3", "--device", self->b.f.bdf, NULL };

	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
	for (int terminal = 0; terminal < 2; terminal++) {
		struct program p;
		char line[4096];
		bool seen = false;

		ASSERT_EQ(0, program_start_on(&p, argv, terminal));
		while (program_line(&p, line, sizeof(line)))
			seen |= !!strstr(line, " disagreements");
		EXPECT_EQ(0, program_end(&p, NULL));
		EXPECT_EQ(terminal, seen);
	}
}

/* ---- the controls: what is wrong is seen */

static int write_ats_control(const struct function *f, uint16_t value)
{
	char path[64];
	int config, ret;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", f->bdf);
	config = open(path, O_RDWR | O_CLOEXEC);
	ret = pwrite(config, &value, sizeof(value), f->ats + PCI_ATS_CTRL) == sizeof(value) ? 0 : -EIO;
	close(config);
	return ret;
}

/*
 * Behind the kernel's back the ATS Control Register of an attached function gets @value, again and again. Beside it is one
 * without ATS: on an old kernel that is the proof that it knows the capability bit.
 */
static void check_seen(struct __test_metadata *_metadata, struct bench *b, enum function_name name, uint16_t value,
		       const char *complaint)
{
	struct timespec moment = { .tv_nsec = 1000000 };
	struct function f;
	char *argv[] = { "/dma_map_stress", "--mode", "iommufd", "--cycles", "0", "--seed", "1", "--device", f.bdf, "--device",
			 b->f.bdf, NULL };
	struct program p;
	bool seen = false;
	char line[512];

	ASSERT_EQ(0, function_find(&f, name));
	ASSERT_EQ(0, function_bind(&f, "vfio-pci"));
	ASSERT_EQ(0, function_bind(&b->f, "vfio-pci"));
	ASSERT_EQ(0, program_start(&p, argv));
	for (int i = 0; i < 300; i++) {
		EXPECT_EQ(0, write_ats_control(&f, value));
		nanosleep(&moment, NULL);
	}
	ASSERT_EQ(0, kill(p.pid, SIGINT));
	while (program_line(&p, line, sizeof(line)))
		seen |= strstr(line, f.bdf) && strstr(line, complaint);
	EXPECT_EQ(INTERRUPTED, program_end(&p, NULL));
	EXPECT_TRUE(seen);
	EXPECT_EQ(0, write_ats_control(&f, 0));
	function_unbind(&f);
}

TEST_F(tool, stress_sees_an_e_bit_that_is_not_set)
{
	check_seen(_metadata, &self->b, PLAIN_ON, 0, "E is 0");
}

TEST_F(tool, stress_sees_an_e_bit_that_should_not_be_set)
{
	check_seen(_metadata, &self->b, PLAIN_QUIRKED, PCI_ATS_CTRL_ENABLE, "E is 1");
}

/* Another function writes where nothing is mapped: the SMMU records an event, and the kernel says so. */
TEST_F(tool, stress_sees_the_log)
{
	char *argv[] = { "/dma_map_stress", "--mode", "iommufd", "--cycles", "0", "--device", self->b.f.bdf, NULL };
	struct timespec while_working = { .tv_nsec = 100000000 };
	struct vfio other_v = VFIO_NONE;
	struct function other;
	struct program p;
	bool seen = false;
	char line[512];

	ASSERT_EQ(0, function_bind(&self->b.f, "vfio-pci"));
	ASSERT_EQ(0, function_find(&other, PLAIN_ON));
	ASSERT_EQ(0, function_bind(&other, "vfio-pci"));
	ASSERT_EQ(0, vfio_attach(&other_v, &other, NULL));
	ASSERT_EQ(0, program_start(&p, argv));
	ASSERT_TRUE(program_line(&p, line, sizeof(line)));
	nanosleep(&while_working, NULL);
	EXPECT_NE(ATS_TESTDEV_OK, testdev_do(other_v.bar, ATS_TESTDEV_CMD_WRITE, NOT_MAPPED, PAGE));
	nanosleep(&while_working, NULL);
	ASSERT_EQ(0, kill(p.pid, SIGINT));
	while (program_line(&p, line, sizeof(line)))
		seen |= !!strstr(line, "kernel log: ");
	EXPECT_EQ(INTERRUPTED, program_end(&p, NULL));
	EXPECT_TRUE(seen);
	vfio_close(&other_v);
	function_unbind(&other);
	/* This one event was wanted. */
	self->b.events = iommu_events();
	lseek(self->b.log, 0, SEEK_END);
}

/* ---- what it costs */

static uint64_t cpu_time(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) * 1000000UL + usage->ru_utime.tv_usec +
	       usage->ru_stime.tv_usec;
}

static int attach_by(struct vfio *v, const struct function *f, const char *mode)
{
	int ret = 0;

	if (!strcmp(mode, "iommufd")) {
		ret = iommufd_claim(v, f, NULL);
		return ret ? ret : iommufd_attach(v, v->ioas);
	}
	if (!strcmp(mode, "compat"))
		ret = vfio_claim_compat(v, f);
	return ret ? ret : vfio_attach(v, f, NULL);
}

/* The same ioctls with nothing around them, in a process of its own. */
static void bare_loop(const struct function *f, const char *mode, unsigned int pairs)
{
	struct vfio v = VFIO_NONE;
	uint8_t *memory = memory_get(PAGE);

	if (!memory || attach_by(&v, f, mode))
		_exit(1);
	for (unsigned int i = 0; i < pairs; i++) {
		uint64_t iova = i % COST_STRIDES * COST_STRIDE;

		if (vfio_map(&v, memory, iova, PAGE) || vfio_unmap(&v, iova, PAGE) < 0)
			_exit(1);
	}
	vfio_close(&v);
	_exit(0);
}

static uint64_t bare_cost(const struct function *f, const char *mode, unsigned int pairs)
{
	struct rusage usage;
	pid_t pid = fork();
	int status;

	if (!pid)
		bare_loop(f, mode, pairs);
	return wait4(pid, &status, 0, &usage) == pid && !status ? cpu_time(&usage) : 0;
}

static uint64_t stress_cost(const struct function *f, const char *mode, unsigned int pairs)
{
	char count[16];
	char *argv[] = { "/dma_map_stress", "--mode", (char *)mode, "--cycles", "1", "--no-domain-changes", "--span", "64M",
			 "--pairs", count, "--device", (char *)f->bdf, NULL };
	struct program p;
	struct rusage usage;

	snprintf(count, sizeof(count), "%u", pairs);
	return program_start(&p, argv) || program_end(&p, &usage) ? 0 : cpu_time(&usage);
}

/*
 * The guest's time is its instructions, see bench/machines, so CPU time is a count of them. What is paid once drops out of
 * the difference between a run and one of twice the length.
 */
static void check_cost_of(struct __test_metadata *_metadata, const struct function *f, const char *mode)
{
	uint64_t stress_once, stress_twice, bare_once, bare_twice, stress, bare;

	ASSERT_EQ(0, function_bind(f, "vfio-pci"));
	stress_once = stress_cost(f, mode, PAIRS);
	stress_twice = stress_cost(f, mode, 2 * PAIRS);
	bare_once = bare_cost(f, mode, PAIRS);
	bare_twice = bare_cost(f, mode, 2 * PAIRS);
	ASSERT_LT(0, stress_once);
	ASSERT_LT(0, bare_once);
	ASSERT_LT(stress_once, stress_twice);
	ASSERT_LT(bare_once, bare_twice);
	stress = (stress_twice - stress_once) * 1000 / PAIRS;
	bare = (bare_twice - bare_once) * 1000 / PAIRS;
	printf("#@ cost mode=%s stress=%lu bare=%lu\n", mode, (unsigned long)stress, (unsigned long)bare);
	EXPECT_LE(stress * 100, bare * 102) {
		TH_LOG("%lu instructions a pair, a bare loop needs %lu", (unsigned long)stress, (unsigned long)bare);
	}
}

TEST_F(tool, stress_costs_of_type1)
{
	check_cost_of(_metadata, &self->b.f, "type1");
}

TEST_F(tool, stress_costs_of_compat)
{
	check_cost_of(_metadata, &self->b.f, "compat");
}

TEST_F(tool, stress_costs_of_iommufd)
{
	check_cost_of(_metadata, &self->b.f, "iommufd");
}

TEST_HARNESS_MAIN
