// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests for PCI Address Translation Services.
 *
 * Each case names a situation and the outcome. The outcome is taken from the
 * hardware's side, the control register and the log of all config writes, as
 * well as from struct pci_dev. A config write or a warning that a case does not
 * expect fails it.
 */

#include <kunit/pci_bus.h>
#include <kunit/test.h>
#include <linux/pci-ats.h>

#include "../pci.h"

#define E	PCI_ATS_CTRL_ENABLE
/* Two page shifts that a real IOMMU has, and their encodings */
#define PS_4K	12
#define PS_64K	16
#define STU_4K	PCI_ATS_CTRL_STU(PS_4K - PCI_ATS_MIN_STU)
#define STU_64K	PCI_ATS_CTRL_STU(PS_64K - PCI_ATS_MIN_STU)

static const struct kunit_pci_fn_desc plain = {};
static const struct kunit_pci_fn_desc ats = { .ats = true };

struct ats_ctx {
	struct kunit_pci_bus *kbus;
	struct kunit_suppressed_warning *warnings;
	int expected_warnings;
	struct pci_dev *pf;
	struct pci_dev *vf;
};

static int ats_init(struct kunit *test)
{
	struct ats_ctx *ctx;

	ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx);
	ctx->kbus = kunit_pci_bus_create(test);
	ctx->warnings = kunit_start_suppress_warning(test);
	test->priv = ctx;
	return 0;
}

static struct pci_dev *ats_add(struct kunit *test,
			       const struct kunit_pci_fn_desc *desc)
{
	struct ats_ctx *ctx = test->priv;

	return kunit_pci_bus_add(test, ctx->kbus, desc);
}

static struct pci_dev *ats_add_vf(struct kunit *test, struct pci_dev *pf,
				  const struct kunit_pci_fn_desc *desc)
{
	struct kunit_pci_fn_desc vf = *desc;

	vf.physfn = pf;
	return ats_add(test, &vf);
}

/* A PF and a VF that can use ATS, not prepared */
static struct ats_ctx *ats_add_pair(struct kunit *test)
{
	struct ats_ctx *ctx = test->priv;

	ctx->pf = ats_add(test, &ats);
	ctx->vf = ats_add_vf(test, ctx->pf, &ats);
	return ctx;
}

static void ats_expect_warnings(struct kunit *test, int n)
{
	struct ats_ctx *ctx = test->priv;

	ctx->expected_warnings += n;
}

/* What was written since the last call, the log compared whole */
static void ats_expect_writes(struct kunit *test,
			      const struct kunit_pci_write *expected,
			      unsigned int num)
{
	struct kunit_pci_bus *kbus = ((struct ats_ctx *)test->priv)->kbus;
	unsigned int i;

	KUNIT_EXPECT_EQ_MSG(test, kbus->num_writes, num, "config writes");
	for (i = 0; i < min(kbus->num_writes, KUNIT_PCI_MAX_WRITES); i++) {
		const struct kunit_pci_write *w = &kbus->writes[i];

		if (i >= num) {
			KUNIT_FAIL(test, "stray write of %#x, size %u, to %02x at %#x",
				   w->val, w->size, w->devfn, w->where);
			continue;
		}
		KUNIT_EXPECT_EQ_MSG(test, w->devfn, expected[i].devfn,
				    "write %u: function", i);
		KUNIT_EXPECT_EQ_MSG(test, w->where, expected[i].where,
				    "write %u: offset", i);
		KUNIT_EXPECT_EQ_MSG(test, w->size, expected[i].size,
				    "write %u: size", i);
		KUNIT_EXPECT_EQ_MSG(test, w->val, expected[i].val,
				    "write %u: value", i);
	}
	kunit_pci_bus_clear_writes(kbus);
}

static void ats_expect_no_writes(struct kunit *test)
{
	ats_expect_writes(test, NULL, 0);
}

/* One write to the ATS Control register of @pdev, and what that holds now */
static void ats_expect_ctrl_write(struct kunit *test, struct pci_dev *pdev,
				  u16 val)
{
	const struct kunit_pci_write expected = {
		.devfn = pdev->devfn,
		.where = KUNIT_PCI_ATS_CAP + PCI_ATS_CTRL,
		.size = 2,
		.val = val,
	};

	ats_expect_writes(test, &expected, 1);
}

/* The control register, and that the kernel agrees with it on the E bit */
static void ats_expect_ctrl(struct kunit *test, struct pci_dev *pdev, u16 ctrl)
{
	struct ats_ctx *ctx = test->priv;

	KUNIT_EXPECT_EQ_MSG(test, ctrl,
			    kunit_pci_bus_peek(ctx->kbus, pdev,
					       KUNIT_PCI_ATS_CAP + PCI_ATS_CTRL,
					       2),
			    "ATS Control of %s", pci_name(pdev));
	KUNIT_EXPECT_EQ_MSG(test, !!(ctrl & E), !!pdev->ats_enabled,
			    "ats_enabled of %s", pci_name(pdev));
}

static void ats_count_warnings(struct kunit *test,
			       struct kunit_suppressed_warning *warnings, int n)
{
	int seen = kunit_suppressed_warning_count(warnings);

	KUNIT_EXPECT_EQ_MSG(test, n, seen,
			    "kernel warnings should be %d, are %d", n, seen);
	kunit_end_suppress_warning(test, warnings);
}

static void ats_exit(struct kunit *test)
{
	struct ats_ctx *ctx = test->priv;

	if (!ctx)
		return;

	ats_expect_no_writes(test);

	/* Warnings are counted by task, and this runs in one of its own */
	ats_count_warnings(test, ctx->warnings, ctx->expected_warnings);
	ctx->warnings = kunit_start_suppress_warning(test);
	kunit_pci_bus_destroy(ctx->kbus);
	ats_count_warnings(test, ctx->warnings, 0);
}

static void ats_prepare(struct kunit *test, struct pci_dev *pdev, int ps)
{
	KUNIT_ASSERT_EQ(test, 0, pci_prepare_ats(pdev, ps));
	if (pdev->is_virtfn)
		ats_expect_no_writes(test);
	else
		ats_expect_ctrl_write(test, pdev, ps - PCI_ATS_MIN_STU);
}

static void ats_enable(struct kunit *test, struct pci_dev *pdev, int ps)
{
	KUNIT_ASSERT_EQ(test, 0, pci_enable_ats(pdev, ps));
	ats_expect_ctrl_write(test, pdev, pdev->is_virtfn ?
			      E : E | (ps - PCI_ATS_MIN_STU));
}

/*
 * Support
 */

/* Unsupported means: says so, cannot be prepared, and nobody writes to it */
static void ats_expect_unsupported(struct kunit *test, struct pci_dev *pdev)
{
	KUNIT_EXPECT_FALSE(test, pci_ats_supported(pdev));
	KUNIT_EXPECT_FALSE(test, pci_ats_required(pdev));
	KUNIT_EXPECT_EQ(test, -EINVAL, pci_prepare_ats(pdev, PS_4K));
	KUNIT_EXPECT_FALSE(test, pdev->ats_enabled);
	ats_expect_no_writes(test);
}

static void function_with_capability_is_supported(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, pci_ats_supported(ats_add(test, &ats)));
}

static void function_without_capability_is_unsupported(struct kunit *test)
{
	ats_expect_unsupported(test, ats_add(test, &plain));
}

static void untrusted_function_is_unsupported(struct kunit *test)
{
	struct pci_dev *pdev = ats_add(test, &ats);

	pdev->untrusted = 1;
	ats_expect_unsupported(test, pdev);
}

static void vf_of_good_pf_is_supported(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, pci_ats_supported(ats_add_pair(test)->vf));
}

static void vf_without_capability_is_unsupported(struct kunit *test)
{
	struct pci_dev *pf = ats_add(test, &ats);

	ats_prepare(test, pf, PS_4K);
	ats_expect_unsupported(test, ats_add_vf(test, pf, &plain));
}

static void vf_of_pf_without_capability_is_unsupported(struct kunit *test)
{
	struct pci_dev *pf = ats_add(test, &plain);

	ats_expect_unsupported(test, ats_add_vf(test, pf, &ats));
}

static void vf_of_untrusted_pf_is_unsupported(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ctx->pf->untrusted = 1;
	ats_expect_unsupported(test, ctx->vf);
}

static void untrusted_vf_of_good_pf_is_unsupported(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_4K);
	ctx->vf->untrusted = 1;
	ats_expect_unsupported(test, ctx->vf);
}

/*
 * Quirks. An IOMMU driver sees a function that is added later between
 * device_add(), after which kunit_pci_bus_add() returns, and the FINAL fixups
 * of pci_bus_add_device(). Take its part in between.
 */
static void ats_add_behind_iommu(struct kunit *test, struct pci_dev *pdev)
{
	if (pci_ats_supported(pdev)) {
		ats_prepare(test, pdev, PS_4K);
		ats_enable(test, pdev, PS_4K);
	}
	pci_lock_rescan_remove();
	pci_bus_add_device(pdev);
	pci_unlock_rescan_remove();
}

#define AMD(id)		{ .vendor = PCI_VENDOR_ID_ATI, .device = id, .ats = true }
#define INTEL(id)	{ .vendor = PCI_VENDOR_ID_INTEL, .device = id, .ats = true }

/* Everything that quirks.c forbids ATS for */
static const struct kunit_pci_fn_desc quirked[] = {
	AMD(0x98e4), AMD(0x6900), AMD(0x7310), AMD(0x7312), AMD(0x7318),
	AMD(0x7319), AMD(0x731a), AMD(0x731b), AMD(0x731e), AMD(0x731f),
	AMD(0x7340), AMD(0x7341), AMD(0x7347), AMD(0x734f),
	{
		.vendor = PCI_VENDOR_ID_ATI,
		.device = 0x15d8,
		.revision = 0xcf,
		.subsystem_vendor = 0xea50,
		.subsystem_device = 0xce19,
		.ats = true,
	},
	INTEL(0x1451), INTEL(0x1452), INTEL(0x1453), INTEL(0x1454),
	INTEL(0x1455), INTEL(0x1457), INTEL(0x1459), INTEL(0x145a),
	INTEL(0x145c),
};

static void quirked_desc(const struct kunit_pci_fn_desc *fn, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%04x_%04x", fn->vendor,
		 fn->device);
}

KUNIT_ARRAY_PARAM(quirked, quirked, quirked_desc);

/* The same IDs, but not what the quirk is after */
static const struct kunit_pci_fn_desc not_quirked[] = {
	{
		.vendor = PCI_VENDOR_ID_INTEL,
		.device = 0x1452,
		.revision = 0x20,
		.ats = true,
	},
	{
		.vendor = PCI_VENDOR_ID_ATI,
		.device = 0x15d8,
		.revision = 0xcf,
		.ats = true,
	},
};

KUNIT_ARRAY_PARAM(not_quirked, not_quirked, quirked_desc);

static void quirked_function_is_unsupported_when_added(struct kunit *test)
{
	ats_expect_unsupported(test, ats_add(test, test->param_value));
}

static void quirked_function_never_gets_enabled(struct kunit *test)
{
	struct pci_dev *pdev = ats_add(test, test->param_value);

	ats_add_behind_iommu(test, pdev);
	ats_expect_ctrl(test, pdev, 0);
	ats_expect_unsupported(test, pdev);
}

static void quirked_vf_never_gets_enabled(struct kunit *test)
{
	struct pci_dev *pf = ats_add(test, &ats);
	struct pci_dev *vf;

	ats_prepare(test, pf, PS_4K);
	vf = ats_add_vf(test, pf, test->param_value);
	ats_add_behind_iommu(test, vf);
	ats_expect_ctrl(test, vf, 0);
	ats_expect_unsupported(test, vf);
}

static void vf_of_quirked_pf_is_unsupported(struct kunit *test)
{
	struct pci_dev *pf = ats_add(test, test->param_value);
	struct pci_dev *vf;

	ats_add_behind_iommu(test, pf);
	vf = ats_add_vf(test, pf, &ats);
	ats_expect_unsupported(test, vf);
}

/* By firmware, or by a kernel that has used ATS on it */
static struct pci_dev *ats_add_left_enabled(struct kunit *test,
					    const struct kunit_pci_fn_desc *desc)
{
	struct kunit_pci_fn_desc left_enabled = *desc;

	left_enabled.ats_ctrl = E | STU_64K;
	return ats_add(test, &left_enabled);
}

static void quirked_function_loses_an_e_bit_left_over(struct kunit *test)
{
	struct pci_dev *pdev = ats_add_left_enabled(test, test->param_value);

	ats_expect_ctrl(test, pdev, STU_64K);
}

/* Until it is prepared: it may be somebody else's, as under a hypervisor */
static void left_over_e_bit_stays_where_ats_is_allowed(struct kunit *test)
{
	struct ats_ctx *ctx = test->priv;
	struct pci_dev *pdev = ats_add_left_enabled(test, &ats);

	KUNIT_EXPECT_EQ(test, E | STU_64K,
			kunit_pci_bus_peek(ctx->kbus, pdev,
					   KUNIT_PCI_ATS_CAP + PCI_ATS_CTRL, 2));
}

static void function_that_resembles_a_quirked_one_gets_enabled(struct kunit *test)
{
	struct pci_dev *pdev = ats_add(test, test->param_value);

	ats_add_behind_iommu(test, pdev);
	ats_expect_ctrl(test, pdev, E | STU_4K);
	KUNIT_EXPECT_TRUE(test, pci_ats_supported(pdev));
}

/*
 * pci_prepare_ats()
 */

static const int page_shifts[] = { 12, 13, 14, 16, 21, 30 };

static void page_shift_desc(const int *ps, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "page_shift_%d", *ps);
}

KUNIT_ARRAY_PARAM(page_shift, page_shifts, page_shift_desc);

static void prepare_pf_writes_stu(struct kunit *test)
{
	const int ps = *(const int *)test->param_value;
	struct pci_dev *pdev = ats_add(test, &ats);

	KUNIT_EXPECT_EQ(test, 0, pci_prepare_ats(pdev, ps));
	ats_expect_ctrl_write(test, pdev, ps - 12);
	ats_expect_ctrl(test, pdev, ps - 12);
	KUNIT_EXPECT_EQ(test, ps, pdev->ats_stu);
}

static void prepare_pf_clears_a_stale_enable_bit(struct kunit *test)
{
	struct pci_dev *pdev;

	pdev = ats_add(test, &(struct kunit_pci_fn_desc) {
		.ats = true,
		.ats_ctrl = E | 1,
	});
	KUNIT_EXPECT_EQ(test, 0, pci_prepare_ats(pdev, PS_64K));
	ats_expect_ctrl_write(test, pdev, STU_64K);
	ats_expect_ctrl(test, pdev, STU_64K);
}

static void prepare_vf_of_prepared_pf_writes_nothing(struct kunit *test)
{
	const int ps = *(const int *)test->param_value;
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, ps);
	KUNIT_EXPECT_EQ(test, 0, pci_prepare_ats(ctx->vf, ps));
	ats_expect_no_writes(test);
	ats_expect_ctrl(test, ctx->vf, 0);
	ats_expect_ctrl(test, ctx->pf, ps - 12);
}

static void ats_expect_prepare_fails(struct kunit *test, struct pci_dev *pdev,
				     int ps)
{
	const int stu = pdev->ats_stu;

	KUNIT_EXPECT_EQ(test, -EINVAL, pci_prepare_ats(pdev, ps));
	KUNIT_EXPECT_EQ(test, stu, pdev->ats_stu);
	ats_expect_no_writes(test);
}

static void prepare_vf_before_its_pf_fails(struct kunit *test)
{
	ats_expect_prepare_fails(test, ats_add_pair(test)->vf, PS_4K);
}

static void prepare_vf_with_smaller_stu_than_its_pf_fails(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_64K);
	ats_expect_prepare_fails(test, ctx->vf, PS_4K);
}

static void prepare_vf_with_larger_stu_than_its_pf_fails(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_4K);
	ats_expect_prepare_fails(test, ctx->vf, PS_64K);
}

static void prepare_below_minimum_page_shift_fails(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_expect_prepare_fails(test, ctx->pf, PCI_ATS_MIN_STU - 1);
	/* An unprepared PF has an ats_stu of 0: must not be taken for equal */
	ats_expect_prepare_fails(test, ctx->vf, 0);
	ats_expect_prepare_fails(test, ctx->pf, 0);
}

static void prepare_enabled_function_warns(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_4K);
	ats_enable(test, ctx->pf, PS_4K);
	KUNIT_EXPECT_EQ(test, -EBUSY, pci_prepare_ats(ctx->pf, PS_64K));
	ats_expect_warnings(test, 1);
	ats_expect_no_writes(test);
	ats_expect_ctrl(test, ctx->pf, E | STU_4K);
}

/*
 * pci_enable_ats(), pci_disable_ats()
 */

static void enable_pf_sets_e_and_stu(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_64K);
	KUNIT_EXPECT_EQ(test, 0, pci_enable_ats(ctx->pf, PS_64K));
	ats_expect_ctrl_write(test, ctx->pf, E | STU_64K);
	ats_expect_ctrl(test, ctx->pf, E | STU_64K);
	ats_expect_ctrl(test, ctx->vf, 0);
}

static void enable_vf_sets_e_only(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_64K);
	ats_prepare(test, ctx->vf, PS_64K);
	KUNIT_EXPECT_EQ(test, 0, pci_enable_ats(ctx->vf, PS_64K));
	ats_expect_ctrl_write(test, ctx->vf, E);
	ats_expect_ctrl(test, ctx->vf, E);
	ats_expect_ctrl(test, ctx->pf, STU_64K);
}

/* A bug of the caller: warned about, refused, nothing written */
static void ats_expect_enable_warns(struct kunit *test, struct pci_dev *pdev,
				    int ps)
{
	KUNIT_EXPECT_EQ(test, -EINVAL, pci_enable_ats(pdev, ps));
	ats_expect_warnings(test, 1);
	KUNIT_EXPECT_FALSE(test, pdev->ats_enabled);
	ats_expect_no_writes(test);
}

static void enable_unsupported_function_warns(struct kunit *test)
{
	ats_expect_enable_warns(test, ats_add(test, &plain), PS_4K);
}

static void enable_unprepared_pf_warns(struct kunit *test)
{
	ats_expect_enable_warns(test, ats_add_pair(test)->pf, PS_4K);
}

static void enable_vf_of_unprepared_pf_warns(struct kunit *test)
{
	ats_expect_enable_warns(test, ats_add_pair(test)->vf, PS_4K);
}

static void enable_unprepared_pf_with_page_shift_zero_warns(struct kunit *test)
{
	ats_expect_enable_warns(test, ats_add_pair(test)->pf, 0);
}

static void enable_pf_with_another_stu_warns(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_4K);
	ats_expect_enable_warns(test, ctx->pf, PS_64K);
	ats_expect_ctrl(test, ctx->pf, STU_4K);
}

static void enable_vf_with_another_stu_warns(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_64K);
	ats_expect_enable_warns(test, ctx->vf, PS_4K);
}

static void double_enable_warns(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_4K);
	ats_enable(test, ctx->pf, PS_4K);
	KUNIT_EXPECT_EQ(test, -EBUSY, pci_enable_ats(ctx->pf, PS_4K));
	ats_expect_warnings(test, 1);
	ats_expect_no_writes(test);
	ats_expect_ctrl(test, ctx->pf, E | STU_4K);
}

static void disable_pf_keeps_its_stu(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_64K);
	ats_enable(test, ctx->pf, PS_64K);
	pci_disable_ats(ctx->pf);
	ats_expect_ctrl_write(test, ctx->pf, STU_64K);
	ats_expect_ctrl(test, ctx->pf, STU_64K);
	/* and is still prepared */
	ats_prepare(test, ctx->vf, PS_64K);
	ats_enable(test, ctx->pf, PS_64K);
}

/* As after a fatal error, where nobody has restored the state */
static void disable_pf_writes_the_stu_that_is_recorded(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_64K);
	ats_enable(test, ctx->pf, PS_64K);
	kunit_pci_bus_reset_fn(ctx->kbus, ctx->pf);
	pci_disable_ats(ctx->pf);
	ats_expect_ctrl_write(test, ctx->pf, STU_64K);
	ats_expect_ctrl(test, ctx->pf, STU_64K);
}

static void disable_vf_leaves_its_pf_alone(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_64K);
	ats_enable(test, ctx->pf, PS_64K);
	ats_enable(test, ctx->vf, PS_64K);
	pci_disable_ats(ctx->vf);
	ats_expect_ctrl_write(test, ctx->vf, 0);
	ats_expect_ctrl(test, ctx->vf, 0);
	ats_expect_ctrl(test, ctx->pf, E | STU_64K);
}

static void disable_without_enable_warns(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_4K);
	pci_disable_ats(ctx->pf);
	ats_expect_warnings(test, 1);
	ats_expect_no_writes(test);
}

static void disable_with_capability_lost_warns_and_writes_nothing(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_4K);
	ats_enable(test, ctx->pf, PS_4K);
	ctx->pf->ats_cap = 0;
	pci_disable_ats(ctx->pf);
	ats_expect_warnings(test, 1);
	ats_expect_no_writes(test);
	ats_expect_ctrl(test, ctx->pf, E | STU_4K);
}

/*
 * Save and restore, around a reset
 */

static void ats_reset(struct kunit *test, struct pci_dev *pdev)
{
	struct ats_ctx *ctx = test->priv;

	kunit_pci_bus_reset_fn(ctx->kbus, pdev);
	kunit_pci_bus_clear_writes(ctx->kbus);
	pci_restore_ats_state(pdev);
}

static void restore_enabled_pf(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_64K);
	ats_enable(test, ctx->pf, PS_64K);
	ats_reset(test, ctx->pf);
	ats_expect_ctrl_write(test, ctx->pf, E | STU_64K);
	ats_expect_ctrl(test, ctx->pf, E | STU_64K);
}

static void restore_enabled_vf(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_64K);
	ats_enable(test, ctx->vf, PS_64K);
	ats_reset(test, ctx->vf);
	ats_expect_ctrl_write(test, ctx->vf, E);
	ats_expect_ctrl(test, ctx->vf, E);
}

static void restore_prepared_pf_keeps_its_stu(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_64K);
	ats_reset(test, ctx->pf);
	ats_expect_ctrl_write(test, ctx->pf, STU_64K);
	ats_expect_ctrl(test, ctx->pf, STU_64K);
}

static void restore_disabled_pf_keeps_its_stu(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_64K);
	ats_enable(test, ctx->pf, PS_64K);
	pci_disable_ats(ctx->pf);
	ats_reset(test, ctx->pf);
	ats_expect_ctrl_write(test, ctx->pf, STU_64K);
	ats_expect_ctrl(test, ctx->pf, STU_64K);
}

/* There is nothing to restore, and an attach may be setting E meanwhile */
static void restore_prepared_pf_of_4k_writes_nothing(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_4K);
	ats_reset(test, ctx->pf);
	ats_expect_no_writes(test);
	ats_expect_ctrl(test, ctx->pf, STU_4K);
}

static void restore_prepared_vf_writes_nothing(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_64K);
	ats_prepare(test, ctx->vf, PS_64K);
	ats_reset(test, ctx->vf);
	ats_expect_no_writes(test);
}

static void restore_unprepared_pf_writes_nothing(struct kunit *test)
{
	ats_reset(test, ats_add_pair(test)->pf);
	ats_expect_no_writes(test);
}

static void restore_function_without_capability_writes_nothing(struct kunit *test)
{
	ats_reset(test, ats_add(test, &plain));
	ats_expect_no_writes(test);
}

/* The way that a reset takes, with all the other state that is restored */
static void save_and_restore_of_a_prepared_pf_keep_its_stu(struct kunit *test)
{
	struct ats_ctx *ctx = ats_add_pair(test);

	ats_prepare(test, ctx->pf, PS_64K);
	KUNIT_ASSERT_EQ(test, 0, pci_save_state(ctx->pf));
	kunit_pci_bus_reset_fn(ctx->kbus, ctx->pf);
	pci_restore_state(ctx->pf);
	ats_expect_ctrl(test, ctx->pf, STU_64K);
	kunit_pci_bus_clear_writes(ctx->kbus);
}

/*
 * Queries
 */

static void ats_expect_queue_depth(struct kunit *test, u8 encoded, int depth)
{
	struct pci_dev *pdev;

	pdev = ats_add(test, &(struct kunit_pci_fn_desc) {
		.ats = true,
		.ats_qdep = encoded,
	});
	KUNIT_EXPECT_EQ(test, depth, pci_ats_queue_depth(pdev));
}

static void queue_depth_is_as_encoded(struct kunit *test)
{
	ats_expect_queue_depth(test, 1, 1);
	ats_expect_queue_depth(test, 31, 31);
}

static void queue_depth_zero_reads_as_32(struct kunit *test)
{
	ats_expect_queue_depth(test, 0, 32);
}

static void queue_depth_of_vf_is_that_of_its_pf(struct kunit *test)
{
	struct pci_dev *pf = ats_add(test, &ats);
	struct pci_dev *vf;

	/* 0 stands for "shared", whatever the VF's own register may say */
	vf = ats_add_vf(test, pf, &(struct kunit_pci_fn_desc) {
		.ats = true,
		.ats_qdep = 7,
	});
	KUNIT_EXPECT_EQ(test, 0, pci_ats_queue_depth(vf));
	KUNIT_EXPECT_EQ(test, 32, pci_ats_queue_depth(pci_physfn(vf)));
}

static void queue_depth_without_capability_is_an_error(struct kunit *test)
{
	KUNIT_EXPECT_EQ(test, -EINVAL,
			pci_ats_queue_depth(ats_add(test, &plain)));
}

static void page_aligned_is_as_the_capability_says(struct kunit *test)
{
	struct pci_dev *aligned = ats_add(test, &(struct kunit_pci_fn_desc) {
		.ats = true,
		.ats_page_aligned = true,
	});

	KUNIT_EXPECT_EQ(test, 1, pci_ats_page_aligned(aligned));
	KUNIT_EXPECT_EQ(test, 0, pci_ats_page_aligned(ats_add(test, &ats)));
	KUNIT_EXPECT_EQ(test, 0, pci_ats_page_aligned(ats_add(test, &plain)));
}

static const struct kunit_pci_fn_desc cxl = { .ats = true, .cxl_cache = true };

static void cxl_cache_device_requires_ats(struct kunit *test)
{
	KUNIT_EXPECT_TRUE(test, pci_ats_required(ats_add(test, &cxl)));
	KUNIT_EXPECT_FALSE(test, pci_ats_required(ats_add(test, &ats)));
}

static void vf_of_cxl_cache_pf_requires_ats(struct kunit *test)
{
	struct pci_dev *pf = ats_add(test, &cxl);

	KUNIT_EXPECT_TRUE(test, pci_ats_required(ats_add_vf(test, pf, &ats)));
}

static void vf_of_cxl_cache_pf_without_ats_does_not_require_it(struct kunit *test)
{
	struct pci_dev *pf = ats_add(test, &(struct kunit_pci_fn_desc) {
		.cxl_cache = true,
	});

	ats_expect_unsupported(test, ats_add_vf(test, pf, &ats));
}

/*
 * Neighbours
 */

static void pasid_and_pri_are_untouched(struct kunit *test)
{
	const u16 from = KUNIT_PCI_PASID_CAP, to = KUNIT_PCI_CXL_DVSEC;
	struct ats_ctx *ctx = test->priv;
	struct pci_dev *pdev = ats_add(test, &(struct kunit_pci_fn_desc) {
		.ats = true,
		.pasid = true,
		.pri = true,
	});
	u8 before[KUNIT_PCI_CXL_DVSEC - KUNIT_PCI_PASID_CAP];
	u8 after[sizeof(before)];
	int i;

	/* Both on, for there would be nothing to clear otherwise */
	KUNIT_ASSERT_EQ(test, 0, pci_enable_pasid(pdev, 0));
	KUNIT_ASSERT_EQ(test, 0, pci_enable_pri(pdev, 32));
	for (i = from; i < to; i++)
		before[i - from] = kunit_pci_bus_peek(ctx->kbus, pdev, i, 1);
	kunit_pci_bus_clear_writes(ctx->kbus);

	ats_prepare(test, pdev, PS_64K);
	ats_enable(test, pdev, PS_64K);
	pci_restore_ats_state(pdev);
	ats_expect_ctrl_write(test, pdev, E | STU_64K);
	pci_disable_ats(pdev);
	ats_expect_ctrl_write(test, pdev, STU_64K);
	pci_restore_ats_state(pdev);
	ats_expect_ctrl_write(test, pdev, STU_64K);

	for (i = from; i < to; i++)
		after[i - from] = kunit_pci_bus_peek(ctx->kbus, pdev, i, 1);
	KUNIT_EXPECT_MEMEQ(test, before, after, sizeof(before));
	KUNIT_EXPECT_TRUE(test, pdev->pasid_enabled);
	KUNIT_EXPECT_TRUE(test, pdev->pri_enabled);
}

static struct kunit_case ats_cases[] = {
	KUNIT_CASE(function_with_capability_is_supported),
	KUNIT_CASE(function_without_capability_is_unsupported),
	KUNIT_CASE(untrusted_function_is_unsupported),
	KUNIT_CASE(vf_of_good_pf_is_supported),
	KUNIT_CASE(vf_without_capability_is_unsupported),
	KUNIT_CASE(vf_of_pf_without_capability_is_unsupported),
	KUNIT_CASE(vf_of_untrusted_pf_is_unsupported),
	KUNIT_CASE(untrusted_vf_of_good_pf_is_unsupported),
	KUNIT_CASE_PARAM(quirked_function_is_unsupported_when_added,
			 quirked_gen_params),
	KUNIT_CASE_PARAM(quirked_function_never_gets_enabled,
			 quirked_gen_params),
	KUNIT_CASE_PARAM(quirked_vf_never_gets_enabled, quirked_gen_params),
	KUNIT_CASE_PARAM(vf_of_quirked_pf_is_unsupported, quirked_gen_params),
	KUNIT_CASE_PARAM(function_that_resembles_a_quirked_one_gets_enabled,
			 not_quirked_gen_params),
	KUNIT_CASE_PARAM(quirked_function_loses_an_e_bit_left_over,
			 quirked_gen_params),
	KUNIT_CASE(left_over_e_bit_stays_where_ats_is_allowed),
	KUNIT_CASE_PARAM(prepare_pf_writes_stu, page_shift_gen_params),
	KUNIT_CASE(prepare_pf_clears_a_stale_enable_bit),
	KUNIT_CASE_PARAM(prepare_vf_of_prepared_pf_writes_nothing,
			 page_shift_gen_params),
	KUNIT_CASE(prepare_vf_before_its_pf_fails),
	KUNIT_CASE(prepare_vf_with_smaller_stu_than_its_pf_fails),
	KUNIT_CASE(prepare_vf_with_larger_stu_than_its_pf_fails),
	KUNIT_CASE(prepare_below_minimum_page_shift_fails),
	KUNIT_CASE(prepare_enabled_function_warns),
	KUNIT_CASE(enable_pf_sets_e_and_stu),
	KUNIT_CASE(enable_vf_sets_e_only),
	KUNIT_CASE(enable_unsupported_function_warns),
	KUNIT_CASE(enable_unprepared_pf_warns),
	KUNIT_CASE(enable_vf_of_unprepared_pf_warns),
	KUNIT_CASE(enable_unprepared_pf_with_page_shift_zero_warns),
	KUNIT_CASE(enable_pf_with_another_stu_warns),
	KUNIT_CASE(enable_vf_with_another_stu_warns),
	KUNIT_CASE(double_enable_warns),
	KUNIT_CASE(disable_pf_keeps_its_stu),
	KUNIT_CASE(disable_pf_writes_the_stu_that_is_recorded),
	KUNIT_CASE(disable_vf_leaves_its_pf_alone),
	KUNIT_CASE(disable_without_enable_warns),
	KUNIT_CASE(disable_with_capability_lost_warns_and_writes_nothing),
	KUNIT_CASE(restore_enabled_pf),
	KUNIT_CASE(restore_enabled_vf),
	KUNIT_CASE(restore_prepared_pf_keeps_its_stu),
	KUNIT_CASE(restore_disabled_pf_keeps_its_stu),
	KUNIT_CASE(save_and_restore_of_a_prepared_pf_keep_its_stu),
	KUNIT_CASE(restore_prepared_pf_of_4k_writes_nothing),
	KUNIT_CASE(restore_prepared_vf_writes_nothing),
	KUNIT_CASE(restore_unprepared_pf_writes_nothing),
	KUNIT_CASE(restore_function_without_capability_writes_nothing),
	KUNIT_CASE(queue_depth_is_as_encoded),
	KUNIT_CASE(queue_depth_zero_reads_as_32),
	KUNIT_CASE(queue_depth_of_vf_is_that_of_its_pf),
	KUNIT_CASE(queue_depth_without_capability_is_an_error),
	KUNIT_CASE(page_aligned_is_as_the_capability_says),
	KUNIT_CASE(cxl_cache_device_requires_ats),
	KUNIT_CASE(vf_of_cxl_cache_pf_requires_ats),
	KUNIT_CASE(vf_of_cxl_cache_pf_without_ats_does_not_require_it),
	KUNIT_CASE(pasid_and_pri_are_untouched),
	{}
};

static struct kunit_suite ats_suite = {
	.name = "pci_ats",
	.init = ats_init,
	.exit = ats_exit,
	.test_cases = ats_cases,
};

kunit_test_suite(ats_suite);

MODULE_DESCRIPTION("KUnit tests for PCI Address Translation Services");
MODULE_LICENSE("GPL");
