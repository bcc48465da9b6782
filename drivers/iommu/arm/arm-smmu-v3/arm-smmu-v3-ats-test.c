// SPDX-License-Identifier: GPL-2.0
/*
 * KUnit tests for ATS in the arm-smmu-v3 driver.
 *
 * A made-up SMMU is registered with the IOMMU core, and the functions of a
 * made-up PCI bus are probed and attached by way of the core, as VFIO and
 * iommufd do. After each step, what the driver believes, what the functions'
 * config space and the stream table hold, and what user space is told must
 * agree, and the commands in the SMMU's queue must be those that are expected.
 */

#include <kunit/platform_device.h>
#include <kunit/pci_bus.h>
#include <kunit/test.h>
#include <linux/io-pgtable.h>
#include <linux/kprobes.h>
#include <linux/error-injection.h>
#include <linux/mman.h>
#include <linux/pci-ats.h>
#include <linux/platform_device.h>
#include <linux/prandom.h>
#include <linux/property.h>
#include <linux/seq_buf.h>

#include "arm-smmu-v3.h"
#include "../../iommu-priv.h"
/* The driver looks up a vDEVICE's struct device, which is behind iommufd's */
#include "../../iommufd/iommufd_private.h"

static unsigned int seed = 1;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "Seed of the random walk, 0 for a random one");

static unsigned int steps = 10000;
module_param(steps, uint, 0444);
MODULE_PARM_DESC(steps, "Steps of the random walk");

#define ATS_CTRL	(KUNIT_PCI_ATS_CAP + PCI_ATS_CTRL)

#define CMDQ_SHIFT	10
#define NUM_SIDS	256
#define SSID_BITS	3
#define MAX_FNS		8
#define MAX_DOMAINS	16

/* The RID and the PASIDs that tests use */
#define MAX_SSIDS	3

/* What the guest's STE says */
enum { NESTED_ATS, NESTED_NO_ATS, NESTED_BYPASS, NUM_NESTED };

/**
 * struct smmu_fn - A function behind the SMMU
 * @pdev: the function
 * @group: its IOMMU group; NULL if the probe failed
 * @handle: for the IOMMU core, which wants one
 * @can_ats: ATS can be used on it
 * @ats_required: ATS is on for an identity domain, too
 * @domains: what is attached to the RID, at index 0, and to PASIDs
 */
struct smmu_fn {
	struct pci_dev			*pdev;
	struct iommu_group		*group;
	struct iommu_attach_handle	handle;
	bool				can_ats;
	bool				ats_required;
	struct iommu_domain		*domains[MAX_SSIDS];
};

/**
 * struct smmu_ctx - What a case works with
 * @smmu: the SMMU
 * @platform: its device
 * @fwnode: its firmware node, by which functions refer to it
 * @kbus: the bus whose functions are behind it
 * @warnings: counts kernel warnings
 * @expected_warnings: how many there should be by the end of the case
 * @registered: the IOMMU core knows of the SMMU
 * @behind_smmu: whether functions that are added are behind the SMMU
 * @rc_ats: whether firmware says that the root complex supports ATS
 * @fns: all functions
 * @num_fns: how many
 * @paging: all paging domains, for the accounting to be verified
 * @num_paging: how many
 * @s1: two stage 1 domains
 * @s2: a stage 2 domain that can be a nesting parent
 * @cmdq_regs: prod and cons register of the command queue in one
 * @cmdq_seen: prod when the test looked at the queue last
 * @num_asids: ASIDs in use when the test began
 * @vsmmu: the vIOMMU, if viommu_init() was called
 * @vdev: its vDEVICE
 * @idev: what links @vdev to the function
 * @nested: nested domains on @s2, by what the guest's STE says
 * @ubuf: a page of user memory
 */
struct smmu_ctx {
	struct arm_smmu_device		smmu;
	struct platform_device		*platform;
	struct fwnode_handle		*fwnode;
	struct kunit_pci_bus		*kbus;
	struct kunit_suppressed_warning	*warnings;
	int				expected_warnings;
	bool				registered;
	bool				behind_smmu;
	bool				rc_ats;
	struct smmu_fn			fns[MAX_FNS];
	unsigned int			num_fns;
	struct iommu_domain		*paging[MAX_DOMAINS];
	unsigned int			num_paging;
	struct iommu_domain		*s1[2];
	struct iommu_domain		*s2;
	u32				cmdq_regs;
	u32				cmdq_seen;
	unsigned int			num_asids;
	struct arm_vsmmu		*vsmmu;
	struct iommufd_vdevice		vdev;
	struct iommufd_device		idev;
	struct iommu_domain		*nested[NUM_NESTED];
	void __user			*ubuf;
};

/*
 * What ought to be
 */

static bool is_attached(struct smmu_fn *fn, struct iommu_domain *domain,
			int ssid)
{
	struct iommu_domain *cur = fn->domains[ssid];

	if (cur && cur->type == IOMMU_DOMAIN_NESTED)
		cur = &to_smmu_nested_domain(cur)->vsmmu->s2_parent->domain;
	return cur == domain;
}

static bool has_pasids(struct smmu_fn *fn)
{
	return fn->domains[1] || fn->domains[2];
}

static bool ats_should_be_on(struct smmu_fn *fn,
			     struct iommu_domain *nested_bypass)
{
	struct iommu_domain *domain = fn->domains[0];

	if (!fn->can_ats || !domain)
		return false;

	switch (domain->type) {
	case IOMMU_DOMAIN_NESTED:
		/* A bypass vSTE translates by the parent alone */
		return domain == nested_bypass ||
		       to_smmu_nested_domain(domain)->enable_ats;
	case IOMMU_DOMAIN_IDENTITY:
		return fn->ats_required || has_pasids(fn);
	case IOMMU_DOMAIN_BLOCKED:
		return has_pasids(fn);
	default:
		return true;
	}
}

/*
 * What is
 */

static struct arm_smmu_master *to_master(struct smmu_fn *fn)
{
	return dev_iommu_priv_get(&fn->pdev->dev);
}

static u32 fn_sid(struct smmu_fn *fn)
{
	return fn->pdev->devfn;
}

static bool fn_e_bit(struct smmu_ctx *ctx, struct smmu_fn *fn)
{
	return fn->pdev->ats_cap &&
	       kunit_pci_bus_peek(ctx->kbus, fn->pdev, ATS_CTRL, 2) &
		       PCI_ATS_CTRL_ENABLE;
}

static bool fn_eats(struct smmu_ctx *ctx, struct smmu_fn *fn)
{
	struct arm_smmu_ste *ste =
		&ctx->smmu.strtab_cfg.linear.table[fn_sid(fn)];

	return FIELD_GET(STRTAB_STE_1_EATS, le64_to_cpu(ste->data[1])) ==
	       STRTAB_STE_1_EATS_TRANS;
}

/* Users of the ATS entry of @fn and @ssid, or of all if @fn is NULL */
static int count_ats_invs(struct iommu_domain *domain, struct smmu_fn *fn,
			  int ssid)
{
	struct arm_smmu_invs *invs =
		rcu_dereference_protected(to_smmu_domain(domain)->invs, true);
	int i, users = 0;

	for (i = 0; i < invs->num_invs; i++) {
		struct arm_smmu_inv *inv = &invs->inv[i];

		if (arm_smmu_inv_is_ats(inv) &&
		    (!fn || (inv->id == fn_sid(fn) && inv->ssid == ssid)))
			users += READ_ONCE(inv->users);
	}
	return users;
}

/*
 * The invariant: at every quiescent point, the E bit, pdev->ats_enabled, the
 * driver's ats_enabled and STE.EATS are the same, the invalidation arrays and
 * nr_ats_masters have the function if and only if that is true, and user space
 * is told that ATS cannot be used if and only if it never can.
 */
static bool invariant_holds(struct kunit *test, const char *what)
{
	struct smmu_ctx *ctx = test->priv;
	bool ok = true;
	int d, f, ssid;

#define CHECK(name, expected, seen, fmt, ...)				\
	do {								\
		long __e = (expected), __s = (seen);			\
									\
		if (__e != __s) {					\
			KUNIT_FAIL(test,				\
				   "after %s: " fmt ": " name		\
				   " should be %ld, is %ld",		\
				   what, ##__VA_ARGS__, __e, __s);	\
			ok = false;					\
		}							\
	} while (0)

	for (f = 0; f < ctx->num_fns; f++) {
		struct smmu_fn *fn = &ctx->fns[f];
		const char *name = pci_name(fn->pdev);
		bool on = ats_should_be_on(fn, ctx->nested[NESTED_BYPASS]);

		if (!pci_dev_is_disconnected(fn->pdev))
			CHECK("the E bit", on, fn_e_bit(ctx, fn), "%s", name);
		CHECK("pdev->ats_enabled", on, fn->pdev->ats_enabled, "%s",
		      name);
		CHECK("STE.EATS", on, fn_eats(ctx, fn), "%s", name);
		if (!fn->group)
			continue;
		CHECK("master->ats_enabled", on, to_master(fn)->ats_enabled,
		      "%s", name);
		/* Sized for an ASID, or two VMIDs, and its StreamID */
		CHECK("max_invs", fn->can_ats ? 3 : 2,
		      to_master(fn)->build_invs->max_invs, "%s", name);
		CHECK("the capability", fn->can_ats,
		      device_iommu_capable(&fn->pdev->dev,
					   IOMMU_CAP_PCI_ATS_SUPPORTED),
		      "%s", name);
	}

	for (d = 0; d < ctx->num_paging; d++) {
		struct iommu_domain *domain = ctx->paging[d];
		int attached = 0, total = 0;

		for (f = 0; f < ctx->num_fns; f++) {
			struct smmu_fn *fn = &ctx->fns[f];

			for (ssid = 0; ssid < MAX_SSIDS; ssid++) {
				int on = is_attached(fn, domain, ssid) &&
					 ats_should_be_on(fn, ctx->nested[NESTED_BYPASS]);

				CHECK("ATS invs", on,
				      count_ats_invs(domain, fn, ssid),
				      "domain %d, %s, SSID %d", d,
				      pci_name(fn->pdev), ssid);
				attached += is_attached(fn, domain, ssid);
				total += on;
			}
		}
		CHECK("devices", attached,
		      list_count_nodes(&to_smmu_domain(domain)->devices),
		      "domain %d", d);
		CHECK("ATS invs of all masters", total,
		      count_ats_invs(domain, NULL, 0), "domain %d", d);
		CHECK("nr_ats_masters", total,
		      atomic_read(&to_smmu_domain(domain)->nr_ats_masters),
		      "domain %d", d);
	}
#undef CHECK
	return ok;
}

/*
 * The command queue. Its prod and cons register are one and the same memory: an
 * SMMU that consumes whatever it is given at once. The commands stay in the
 * ring, where the test finds them afterwards. So no thread has to play the SMMU
 * and the driver's path of issuing commands has nothing added to it.
 */

static const char *cmd_name(u64 op)
{
	switch (op) {
	case CMDQ_OP_CFGI_STE:		return "CFGI_STE";
	case CMDQ_OP_CFGI_CD:		return "CFGI_CD";
	case CMDQ_OP_CFGI_CD_ALL:	return "CFGI_CD_ALL";
	case CMDQ_OP_TLBI_NH_ALL:	return "TLBI_ALL";
	case CMDQ_OP_TLBI_NH_ASID:	return "TLBI_ASID";
	case CMDQ_OP_TLBI_NH_VA:	return "TLBI_VA";
	case CMDQ_OP_TLBI_S12_VMALL:	return "TLBI_VMALL";
	case CMDQ_OP_TLBI_S2_IPA:	return "TLBI_IPA";
	case CMDQ_OP_ATC_INV:		return "ATC_INV";
	default:			return "?";
	}
}

static struct smmu_fn *sid_to_fn(struct smmu_ctx *ctx, u32 sid)
{
	int f;

	for (f = 0; f < ctx->num_fns; f++)
		if (fn_sid(&ctx->fns[f]) == sid)
			return &ctx->fns[f];
	return NULL;
}

/*
 * Take the commands off the queue, and write them to @s if it is not NULL. A
 * CMD_SYNC is written as a "." behind the command that it follows. A command
 * with the StreamID of another function than @fn gets a "!".
 */
static bool drain_cmdq(struct kunit *test, struct smmu_fn *fn,
		       struct seq_buf *s)
{
	struct smmu_ctx *ctx = test->priv;
	struct arm_smmu_queue *q = &ctx->smmu.cmdq.q;
	const u32 mask = (1 << (CMDQ_SHIFT + 1)) - 1;
	bool ok = true;

	for (; ctx->cmdq_seen != (ctx->cmdq_regs & mask);
	     ctx->cmdq_seen = (ctx->cmdq_seen + 1) & mask) {
		u32 idx = ctx->cmdq_seen & ((1 << CMDQ_SHIFT) - 1);
		__le64 *ent = &q->base[idx * q->ent_dwords];
		u64 cmd = le64_to_cpu(ent[0]);
		u64 op = FIELD_GET(CMDQ_0_OP, cmd);
		bool for_sid = op <= CMDQ_OP_CFGI_CD_ALL ||
			       op == CMDQ_OP_ATC_INV;
		/* The StreamID is at the same place in all of them */
		struct smmu_fn *target =
			for_sid ? sid_to_fn(ctx, FIELD_GET(CMDQ_ATC_0_SID, cmd)) :
				  NULL;

		if (op == CMDQ_OP_ATC_INV && (!target || !target->can_ats)) {
			KUNIT_FAIL(test, "ATC_INV for StreamID %#llx, which cannot use ATS",
				   FIELD_GET(CMDQ_ATC_0_SID, cmd));
			ok = false;
		}
		if (s && op == CMDQ_OP_CMD_SYNC)
			seq_buf_puts(s, ".");
		else if (s)
			seq_buf_printf(s, "%s%s%s", s->len ? " " : "",
				       cmd_name(op),
				       for_sid && target != fn ? "!" : "");
	}
	return ok;
}

/*
 * The commands since the last look must be those in @expected. What is in
 * brackets is expected only if @fn can use ATS.
 */
static void expect_cmds(struct kunit *test, struct smmu_fn *fn,
			const char *what, const char *expected)
{
	DECLARE_SEQ_BUF(seen, 512);
	DECLARE_SEQ_BUF(want, 512);
	bool skip = false, gap = false;

	for (; *expected; expected++) {
		if (*expected == '[') {
			skip = !fn->can_ats;
		} else if (*expected == ']') {
			skip = false;
		} else if (*expected == ' ') {
			gap = true;
		} else if (!skip) {
			if (gap && want.len && *expected != '.')
				seq_buf_putc(&want, ' ');
			gap = false;
			seq_buf_putc(&want, *expected);
		}
	}

	drain_cmdq(test, fn, &seen);
	KUNIT_EXPECT_STREQ_MSG(test, seq_buf_str(&want), seq_buf_str(&seen),
			       "commands after %s of %s", what,
			       pci_name(fn->pdev));
}

/* The verifier of a step: its commands, and the state it leaves behind */
static void expect_step(struct kunit *test, struct smmu_fn *fn,
			const char *what, const char *cmds)
{
	expect_cmds(test, fn, what, cmds);
	invariant_holds(test, what);
}

/*
 * Set-up
 */

static unsigned int count_asids(void)
{
	unsigned long asid;
	unsigned int n = 0;
	void *entry;

	xa_for_each(&arm_smmu_asid_xa, asid, entry)
		n++;
	return n;
}

static void track_paging(struct kunit *test, struct iommu_domain *domain)
{
	struct smmu_ctx *ctx = test->priv;

	KUNIT_ASSERT_LT(test, ctx->num_paging, MAX_DOMAINS);
	ctx->paging[ctx->num_paging++] = domain;
}

/* What firmware tables would say of the function, see of_iommu_configure() */
static int smmu_fn_configure(struct kunit_pci_bus *kbus, struct pci_dev *pdev)
{
	struct smmu_ctx *ctx = kbus->priv;
	u32 sid = pdev->devfn;
	int ret;

	if (!ctx->behind_smmu)
		return 0;

	mutex_lock(&iommu_probe_device_lock);
	ret = iommu_fwspec_init(&pdev->dev, ctx->fwnode);
	if (!ret)
		ret = iommu_fwspec_add_ids(&pdev->dev, &sid, 1);
	if (!ret && ctx->rc_ats)
		dev_iommu_fwspec_get(&pdev->dev)->flags |=
			IOMMU_FWSPEC_PCI_RC_ATS;
	mutex_unlock(&iommu_probe_device_lock);
	return ret;
}

/* If it has been probed, it is in its default domain until it is claimed */
static void adopt_fn(struct kunit *test, struct smmu_fn *fn)
{
	struct device *dev = &fn->pdev->dev;

	fn->group = iommu_group_get(dev);
	if (!fn->group)
		return;
	fn->domains[0] = iommu_get_domain_for_dev(dev);
	if (fn->domains[0]->type & __IOMMU_DOMAIN_PAGING)
		track_paging(test, fn->domains[0]);
}

static struct smmu_fn *add_fn(struct kunit *test,
			      const struct kunit_pci_fn_desc *desc,
			      bool can_ats)
{
	struct smmu_ctx *ctx = test->priv;
	struct smmu_fn *fn = &ctx->fns[ctx->num_fns];
	struct pci_dev *pdev;

	KUNIT_ASSERT_LT(test, ctx->num_fns, MAX_FNS);
	pdev = kunit_pci_bus_add(test, ctx->kbus, desc);
	*fn = (struct smmu_fn) {
		.pdev = pdev,
		.can_ats = can_ats,
		.ats_required = desc->cxl_cache,
	};
	ctx->num_fns++;
	adopt_fn(test, fn);
	return fn;
}

static void claim(struct kunit *test, struct smmu_fn *fn)
{
	KUNIT_ASSERT_EQ(test, 0, iommu_group_claim_dma_owner(fn->group, test));
	fn->domains[0] = arm_smmu_ops.blocked_domain;
}

static const struct kunit_pci_fn_desc plain = { .pasid = true };
static const struct kunit_pci_fn_desc ats = { .ats = true, .pasid = true };
static const struct kunit_pci_fn_desc cxl = {
	.ats = true,
	.pasid = true,
	.cxl_cache = true,
};

enum fn_kind {
	PF,
	VF_OF_GOOD_PF,
	VF_OF_PF_WITHOUT_ATS,
	FUNCTION_WITHOUT_ATS,
	NUM_KINDS,
};

static const struct {
	const char *name;
	enum fn_kind kind;
} kinds[] = {
	{ "pf", PF },
	{ "vf_of_good_pf", VF_OF_GOOD_PF },
	{ "vf_of_pf_without_ats", VF_OF_PF_WITHOUT_ATS },
	{ "function_without_ats", FUNCTION_WITHOUT_ATS },
};

KUNIT_ARRAY_PARAM_DESC(kind, kinds, name);

/* A function of the kind, in its default domain. A VF has its PF added first. */
static struct smmu_fn *add_kind(struct kunit *test, enum fn_kind kind)
{
	struct kunit_pci_fn_desc vf = { .ats = true };
	bool vf_can_ats = kind == VF_OF_GOOD_PF;

	switch (kind) {
	case PF:
		return add_fn(test, &ats, true);
	case VF_OF_GOOD_PF:
	case VF_OF_PF_WITHOUT_ATS:
		vf.physfn = add_fn(test, vf_can_ats ? &ats : &plain,
				   vf_can_ats)->pdev;
		return add_fn(test, &vf, vf_can_ats);
	default:
		return add_fn(test, &plain, false);
	}
}

/* The function that a parametrised case is about, blocked and quiescent */
static struct smmu_fn *add_param_fn(struct kunit *test)
{
	const typeof(kinds[0]) *param = test->param_value;
	struct smmu_fn *fn = add_kind(test, param->kind);

	KUNIT_ASSERT_NOT_NULL(test, fn->group);
	invariant_holds(test, "probe");
	claim(test, fn);
	drain_cmdq(test, NULL, NULL);
	invariant_holds(test, "claiming the group");
	return fn;
}

static struct iommu_domain *alloc_domain(struct kunit *test, struct device *dev,
					 u32 flags)
{
	struct iommu_domain *domain =
		iommu_paging_domain_alloc_flags(dev, flags);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
	track_paging(test, domain);
	return domain;
}

static void alloc_domains(struct kunit *test, struct smmu_fn *fn)
{
	struct smmu_ctx *ctx = test->priv;

	ctx->s1[0] = alloc_domain(test, &fn->pdev->dev, 0);
	ctx->s1[1] = alloc_domain(test, &fn->pdev->dev, 0);
	ctx->s2 = alloc_domain(test, &fn->pdev->dev,
			       IOMMU_HWPT_ALLOC_NEST_PARENT);
}

static void smmu_init_hw(struct kunit *test, struct smmu_ctx *ctx)
{
	struct arm_smmu_device *smmu = &ctx->smmu;
	struct arm_smmu_queue *q = &smmu->cmdq.q;

	smmu->dev = &ctx->platform->dev;
	smmu->features = ARM_SMMU_FEAT_TT_LE | ARM_SMMU_FEAT_TRANS_S1 |
			 ARM_SMMU_FEAT_TRANS_S2 | ARM_SMMU_FEAT_COHERENCY |
			 ARM_SMMU_FEAT_ATS | ARM_SMMU_FEAT_NESTING |
			 ARM_SMMU_FEAT_S2FWB;
	/* A hint that would only clutter the queue */
	smmu->options = ARM_SMMU_OPT_SKIP_PREFETCH;
	smmu->pgsize_bitmap = SZ_4K | SZ_2M | SZ_1G;
	smmu->oas = 44;
	smmu->asid_bits = 16;
	smmu->vmid_bits = 16;
	smmu->ssid_bits = SSID_BITS;
	smmu->iommu.max_pasids = 1 << SSID_BITS;
	smmu->sid_bits = ilog2(NUM_SIDS);
	ida_init(&smmu->vmid_map);
	smmu->streams = RB_ROOT;
	mutex_init(&smmu->streams_mutex);

	smmu->strtab_cfg.linear.num_ents = NUM_SIDS;
	smmu->strtab_cfg.linear.table =
		kunit_kcalloc(test, NUM_SIDS, sizeof(struct arm_smmu_ste),
			      GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, smmu->strtab_cfg.linear.table);

	q->llq.max_n_shift = CMDQ_SHIFT;
	q->ent_dwords = CMDQ_ENT_DWORDS;
	q->base = kunit_kcalloc(test, q->ent_dwords << CMDQ_SHIFT,
				sizeof(*q->base), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, q->base);
	q->prod_reg = (u32 __iomem *)&ctx->cmdq_regs;
	q->cons_reg = (u32 __iomem *)&ctx->cmdq_regs;
	KUNIT_ASSERT_EQ(test, 0, arm_smmu_cmdq_init(smmu, &smmu->cmdq));
}

static int smmu_init(struct kunit *test)
{
	struct smmu_ctx *ctx;

	ctx = kunit_kzalloc(test, sizeof(*ctx), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx);
	test->priv = ctx;
	/* First of all, for this is what may be skipped */
	ctx->kbus = kunit_pci_bus_create(test);
	ctx->kbus->priv = ctx;
	ctx->kbus->add_device = smmu_fn_configure;
	ctx->behind_smmu = true;
	ctx->rc_ats = true;
	ctx->num_asids = count_asids();

	ctx->platform = kunit_platform_device_alloc(test, "kunit-smmu",
						    PLATFORM_DEVID_AUTO);
	KUNIT_ASSERT_NOT_NULL(test, ctx->platform);
	KUNIT_ASSERT_EQ(test, 0,
			device_create_managed_software_node(&ctx->platform->dev,
							    NULL, NULL));
	ctx->fwnode = dev_fwnode(&ctx->platform->dev);
	KUNIT_ASSERT_EQ(test, 0, kunit_platform_device_add(test, ctx->platform));
	platform_set_drvdata(ctx->platform, &ctx->smmu);

	smmu_init_hw(test, ctx);
	KUNIT_ASSERT_EQ(test, 0,
			iommu_device_sysfs_add(&ctx->smmu.iommu, ctx->smmu.dev,
					       NULL, "kunit-smmu"));
	KUNIT_ASSERT_EQ(test, 0,
			iommu_device_register(&ctx->smmu.iommu, &arm_smmu_ops,
					      ctx->smmu.dev));
	ctx->registered = true;
	ctx->warnings = kunit_start_suppress_warning(test);
	return 0;
}

static void set_pasid(struct kunit *test, struct smmu_fn *fn, ioasid_t pasid,
		      struct iommu_domain *domain)
{
	KUNIT_EXPECT_EQ(test, 0,
			iommu_attach_device_pasid(domain, &fn->pdev->dev, pasid,
						  NULL));
	fn->domains[pasid] = domain;
}

static void remove_pasid(struct smmu_fn *fn, ioasid_t pasid)
{
	iommu_detach_device_pasid(fn->domains[pasid], &fn->pdev->dev, pasid);
	fn->domains[pasid] = NULL;
}

/* Back to the default domain, whatever has happened */
static void release(struct smmu_fn *fn)
{
	int pasid;

	if (!fn->group)
		return;
	for (pasid = 1; pasid < MAX_SSIDS; pasid++)
		if (fn->domains[pasid])
			remove_pasid(fn, pasid);
	if (iommu_group_dma_owner_claimed(fn->group)) {
		iommu_detach_group_handle(fn->domains[0], fn->group);
		iommu_group_release_dma_owner(fn->group);
	}
	iommu_group_put(fn->group);
	fn->group = NULL;
}

static void viommu_exit(struct kunit *test);

/* Of what has been attached to it, nothing may be left */
static void free_domain(struct kunit *test, struct iommu_domain *domain)
{
	struct arm_smmu_domain *smmu_domain;

	if (!domain)
		return;
	smmu_domain = to_smmu_domain(domain);
	KUNIT_EXPECT_TRUE(test, list_empty(&smmu_domain->devices));
	KUNIT_EXPECT_EQ(test, 0, rcu_dereference_protected(smmu_domain->invs,
							   true)->num_invs);
	iommu_domain_free(domain);
}

static void expect_warnings(struct kunit *test,
			    struct kunit_suppressed_warning *warnings, int n)
{
	int seen = kunit_suppressed_warning_count(warnings);

	KUNIT_EXPECT_EQ_MSG(test, n, seen,
			    "kernel warnings should be %d, are %d", n, seen);
	kunit_end_suppress_warning(test, warnings);
}

static void smmu_exit(struct kunit *test)
{
	struct smmu_ctx *ctx = test->priv;
	int d, f;

	if (!ctx || !ctx->registered) {
		kunit_pci_bus_destroy(ctx ? ctx->kbus : NULL);
		return;
	}

	/* Warnings are counted by task, and this runs in one of its own */
	expect_warnings(test, ctx->warnings, ctx->expected_warnings);
	ctx->warnings = kunit_start_suppress_warning(test);

	for (f = 0; f < ctx->num_fns; f++)
		release(&ctx->fns[f]);
	viommu_exit(test);

	/* Default domains are freed with their groups, ours by ourselves */
	kunit_pci_bus_destroy(ctx->kbus);
	KUNIT_EXPECT_EQ_MSG(test, 0, ctx->kbus->num_undefined,
			    "PASID Control was written while ATS was enabled");
	for (d = 0; d < ARRAY_SIZE(ctx->s1); d++)
		free_domain(test, ctx->s1[d]);
	free_domain(test, ctx->s2);

	/* Nothing may be left of it */
	KUNIT_EXPECT_TRUE(test, RB_EMPTY_ROOT(&ctx->smmu.streams));
	KUNIT_EXPECT_TRUE(test, ida_is_empty(&ctx->smmu.vmid_map));
	KUNIT_EXPECT_EQ(test, ctx->num_asids, count_asids());

	iommu_device_unregister(&ctx->smmu.iommu);
	iommu_device_sysfs_remove(&ctx->smmu.iommu);
	kunit_platform_device_unregister(test, ctx->platform);
	expect_warnings(test, ctx->warnings, 0);
}

/*
 * Steps
 */

static int try_attach(struct smmu_fn *fn, struct iommu_domain *domain)
{
	int ret = iommu_replace_group_handle(fn->group, domain, &fn->handle);

	if (!ret)
		fn->domains[0] = domain;
	return ret;
}

static void attach(struct kunit *test, struct smmu_fn *fn,
		   struct iommu_domain *domain, const char *what,
		   const char *cmds)
{
	KUNIT_EXPECT_EQ_MSG(test, 0, try_attach(fn, domain), "%s", what);
	expect_step(test, fn, what, cmds);
}

/*
 * Nested domains: the part of iommufd that the driver gets to see
 */

#define VSID	0x42

#if IS_ENABLED(CONFIG_ARM_SMMU_V3_IOMMUFD)
static struct iommu_domain *alloc_nested(struct kunit *test, u64 ste0, u64 ste1)
{
	struct smmu_ctx *ctx = test->priv;
	struct iommufd_viommu *viommu = &ctx->vsmmu->core;
	struct iommu_hwpt_arm_smmuv3 arg = {
		.ste = { cpu_to_le64(ste0), cpu_to_le64(ste1) },
	};
	struct iommu_user_data data = {
		.type = IOMMU_HWPT_DATA_ARM_SMMUV3,
		.uptr = ctx->ubuf,
		.len = sizeof(arg),
	};
	struct iommu_domain *domain;

	KUNIT_ASSERT_EQ(test, 0, copy_to_user(ctx->ubuf, &arg, sizeof(arg)));
	domain = viommu->ops->alloc_domain_nested(viommu, 0, &data);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, domain);
	return domain;
}

/* A vIOMMU on ctx->s2 with @fn as its only vDEVICE, and three vSTEs */
static void viommu_init(struct kunit *test, struct smmu_fn *fn)
{
	const u64 s1 = STRTAB_STE_0_V |
		       FIELD_PREP(STRTAB_STE_0_CFG, STRTAB_STE_0_CFG_S1_TRANS) |
		       (STRTAB_STE_0_S1CTXPTR_MASK & SZ_4K);
	const u64 bypass = STRTAB_STE_0_V |
			   FIELD_PREP(STRTAB_STE_0_CFG, STRTAB_STE_0_CFG_BYPASS);
	const u64 eats = FIELD_PREP(STRTAB_STE_1_EATS, STRTAB_STE_1_EATS_TRANS);
	struct smmu_ctx *ctx = test->priv;
	struct iommufd_viommu *viommu;
	unsigned long uaddr;

	uaddr = kunit_vm_mmap(test, NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE,
			      MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, 0, uaddr);
	ctx->ubuf = (void __user *)uaddr;

	ctx->vsmmu = kunit_kzalloc(test, sizeof(*ctx->vsmmu), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ctx->vsmmu);
	viommu = &ctx->vsmmu->core;
	viommu->iommu_dev = &ctx->smmu.iommu;
	viommu->type = IOMMU_VIOMMU_TYPE_ARM_SMMUV3;
	xa_init(&viommu->vdevs);
	KUNIT_ASSERT_EQ(test, 0,
			arm_smmu_ops.viommu_init(viommu, ctx->s2, NULL));

	ctx->idev.dev = &fn->pdev->dev;
	ctx->vdev.viommu = viommu;
	ctx->vdev.idev = &ctx->idev;
	ctx->vdev.virt_id = VSID;
	KUNIT_ASSERT_FALSE(test, xa_is_err(xa_store(&viommu->vdevs, VSID,
						    &ctx->vdev, GFP_KERNEL)));

	ctx->nested[NESTED_ATS] = alloc_nested(test, s1, eats);
	ctx->nested[NESTED_NO_ATS] = alloc_nested(test, s1, 0);
	ctx->nested[NESTED_BYPASS] = alloc_nested(test, bypass, 0);
}

static void viommu_exit(struct kunit *test)
{
	struct smmu_ctx *ctx = test->priv;
	int i;

	for (i = 0; i < ARRAY_SIZE(ctx->nested); i++)
		if (ctx->nested[i])
			ctx->nested[i]->ops->free(ctx->nested[i]);
	if (ctx->vsmmu)
		xa_destroy(&ctx->vsmmu->core.vdevs);
}

/* What IOMMU_HWPT_INVALIDATE does. Returns its result, and entry_num. */
static int invalidate(struct kunit *test, const u64 (*cmds)[2], u32 *num)
{
	struct smmu_ctx *ctx = test->priv;
	struct iommufd_viommu *viommu = &ctx->vsmmu->core;
	struct iommu_user_data_array array = {
		.type = IOMMU_VIOMMU_INVALIDATE_DATA_ARM_SMMUV3,
		.uptr = ctx->ubuf,
		.entry_len = sizeof(*cmds),
		.entry_num = *num,
	};
	int ret;

	KUNIT_ASSERT_EQ(test, 0,
			copy_to_user(ctx->ubuf, cmds, *num * sizeof(*cmds)));
	ret = viommu->ops->cache_invalidate(viommu, &array);
	*num = array.entry_num;
	return ret;
}
#else
static void viommu_init(struct kunit *test, struct smmu_fn *fn)
{
	kunit_skip(test, "needs ARM_SMMU_V3_IOMMUFD");
}

static void viommu_exit(struct kunit *test) {}

static int invalidate(struct kunit *test, const u64 (*cmds)[2], u32 *num)
{
	return -EOPNOTSUPP;
}
#endif

/*
 * Allocation failures, for the task of the test only
 */

#if IS_ENABLED(CONFIG_KPROBES) && IS_ENABLED(CONFIG_FAILSLAB) && \
	IS_ENABLED(CONFIG_FUNCTION_ERROR_INJECTION)
static struct task_struct *fail_task;
static int fail_countdown;

static int fail_slab(struct kprobe *kp, struct pt_regs *regs)
{
	gfp_t gfp = (__force gfp_t)regs_get_kernel_argument(regs, 1);

	if (!in_task() || current != fail_task || (gfp & __GFP_NOFAIL) ||
	    --fail_countdown)
		return 0;

	regs_set_return_value(regs, -ENOMEM);
	override_function_with_return(regs);
	return 1;
}

static struct kprobe fail_kprobe = {
	.symbol_name = "should_failslab",
	.pre_handler = fail_slab,
};

static void fail_disarm(void *unused)
{
	fail_task = NULL;
	unregister_kprobe(&fail_kprobe);
}

static void fail_init(struct kunit *test)
{
	memset(&fail_kprobe.addr, 0, sizeof(fail_kprobe.addr));
	fail_kprobe.flags = 0;
	KUNIT_ASSERT_EQ(test, 0, register_kprobe(&fail_kprobe));
	KUNIT_ASSERT_EQ(test, 0,
			kunit_add_action_or_reset(test, fail_disarm, NULL));
}

static void fail_nth(int n)
{
	fail_countdown = n;
	fail_task = current;
}

/* Returns whether the allocation to fail has been reached */
static bool fail_done(void)
{
	fail_task = NULL;
	return fail_countdown <= 0;
}
#else
static void fail_init(struct kunit *test)
{
	kunit_skip(test, "needs KPROBES, FAILSLAB and FUNCTION_ERROR_INJECTION");
}

static void fail_nth(int n) {}

static bool fail_done(void)
{
	return false;
}
#endif

/*
 * Have each allocation on the way from the current domain to @domain fail once,
 * on the RID or on a PASID. Each time, either nothing has changed and no command
 * was issued, or the attach has coped.
 */
static void fail_each_allocation(struct kunit *test, struct smmu_fn *fn,
				 struct iommu_domain *domain, ioasid_t pasid,
				 const char *what)
{
	struct iommu_domain *old = fn->domains[pasid];
	int n, ret, failures = 0;
	bool reached = true;

	for (n = 1; reached && n < 100; n++) {
		fail_nth(n);
		if (pasid)
			ret = iommu_attach_device_pasid(domain, &fn->pdev->dev,
							pasid, NULL);
		else
			ret = try_attach(fn, domain);
		reached = fail_done();

		if (!ret) {
			if (pasid)
				fn->domains[pasid] = domain;
			drain_cmdq(test, fn, NULL);
			invariant_holds(test, what);
			if (pasid)
				remove_pasid(fn, pasid);
			else
				KUNIT_ASSERT_EQ(test, 0, try_attach(fn, old));
			drain_cmdq(test, fn, NULL);
			invariant_holds(test, "going back");
			continue;
		}

		failures++;
		KUNIT_EXPECT_EQ_MSG(test, -ENOMEM, ret, "%s, allocation %d",
				    what, n);
		expect_step(test, fn, what, "");
	}
	KUNIT_EXPECT_FALSE_MSG(test, reached, "%s: no end of allocations", what);
	KUNIT_EXPECT_GT_MSG(test, failures, 0, "%s: nothing has failed", what);
}

/*
 * Cases for each kind of function
 */

static void probe_reports_what_the_function_can(struct kunit *test)
{
	add_param_fn(test);
}

static void attach_and_reattach_of_stage_1(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;

	alloc_domains(test, fn);
	attach(test, fn, ctx->s1[0], "attach",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. [ATC_INV.]");
	attach(test, fn, ctx->s1[1], "attach of another",
	       "CFGI_CD. CFGI_CD. CFGI_CD. [ATC_INV.] TLBI_ASID.");
	attach(test, fn, ctx->s1[0], "re-attach",
	       "CFGI_CD. CFGI_CD. CFGI_CD. [ATC_INV.] TLBI_ASID.");
	attach(test, fn, arm_smmu_ops.blocked_domain, "detach",
	       "CFGI_STE. CFGI_STE. [ATC_INV.] TLBI_ASID. CFGI_CD. CFGI_CD.");
	attach(test, fn, ctx->s1[0], "attach after detach",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. [ATC_INV.]");
}

static void attach_and_reattach_of_stage_2(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;

	alloc_domains(test, fn);
	attach(test, fn, ctx->s2, "attach", "CFGI_STE. CFGI_STE. [ATC_INV.]");
	attach(test, fn, ctx->s1[0], "attach of stage 1",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. CFGI_STE. [ATC_INV.] TLBI_VMALL.");
	attach(test, fn, ctx->s2, "re-attach",
	       "CFGI_STE. CFGI_STE. CFGI_STE. CFGI_CD. CFGI_CD. [ATC_INV.] TLBI_ASID.");
	attach(test, fn, arm_smmu_ops.blocked_domain, "detach",
	       "CFGI_STE. CFGI_STE. [ATC_INV.] TLBI_VMALL.");
}

static void paging_to_blocked_to_identity_and_back(struct kunit *test)
{
	struct iommu_domain *blocked = arm_smmu_ops.blocked_domain;
	struct iommu_domain *identity = arm_smmu_ops.identity_domain;
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;

	alloc_domains(test, fn);
	attach(test, fn, ctx->s1[0], "paging",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. [ATC_INV.]");
	attach(test, fn, blocked, "paging to blocked",
	       "CFGI_STE. CFGI_STE. [ATC_INV.] TLBI_ASID. CFGI_CD. CFGI_CD.");
	attach(test, fn, identity, "blocked to identity", "CFGI_STE.");
	attach(test, fn, ctx->s1[0], "identity to paging",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. [ATC_INV.]");
	attach(test, fn, identity, "paging to identity",
	       "CFGI_STE. CFGI_STE. [ATC_INV.] TLBI_ASID. CFGI_CD. CFGI_CD.");
	attach(test, fn, blocked, "identity to blocked", "CFGI_STE.");
}

static void unmap_invalidates_what_can_be_stale(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;

	alloc_domains(test, fn);
	attach(test, fn, ctx->s1[0], "attach",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. [ATC_INV.]");
	KUNIT_EXPECT_EQ(test, 0, iommu_map(ctx->s1[0], SZ_2M, SZ_2M, SZ_4K,
					   IOMMU_READ, GFP_KERNEL));
	expect_step(test, fn, "map", "");
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(ctx->s1[0], SZ_2M, SZ_4K));
	expect_step(test, fn, "unmap", "TLBI_VA. [ATC_INV.]");
}

static void pasid_with_stage_1_on_the_rid(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;

	alloc_domains(test, fn);
	attach(test, fn, ctx->s1[0], "attach",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. [ATC_INV.]");
	set_pasid(test, fn, 1, ctx->s1[1]);
	expect_step(test, fn, "PASID 1", "CFGI_CD. CFGI_CD. [ATC_INV.]");
	set_pasid(test, fn, 2, ctx->s1[0]);
	expect_step(test, fn, "PASID 2", "CFGI_CD. CFGI_CD. [ATC_INV.]");
	remove_pasid(fn, 1);
	expect_step(test, fn, "no PASID 1",
		    "CFGI_CD. CFGI_CD. [ATC_INV.] TLBI_ASID.");
	attach(test, fn, arm_smmu_ops.blocked_domain, "detach",
	       "CFGI_STE. [ATC_INV.] CFGI_CD. CFGI_CD.");
	remove_pasid(fn, 2);
	expect_step(test, fn, "no PASID 2",
		    "CFGI_CD. CFGI_CD. [ATC_INV.] TLBI_ASID. CFGI_STE. CFGI_STE. [ATC_INV.]");
}

static void pasid_with_identity_and_blocked_on_the_rid(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;

	alloc_domains(test, fn);
	set_pasid(test, fn, 1, ctx->s1[0]);
	expect_step(test, fn, "PASID on blocked",
		    "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. [ATC_INV.]");
	attach(test, fn, arm_smmu_ops.identity_domain, "blocked to identity",
	       "CFGI_STE. [ATC_INV.]");
	remove_pasid(fn, 1);
	expect_step(test, fn, "no PASID on identity",
		    "CFGI_CD. CFGI_CD. [ATC_INV.] TLBI_ASID. CFGI_STE. CFGI_STE. [ATC_INV.]");
}

static void reset_restores_the_attachment(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;

	alloc_domains(test, fn);
	attach(test, fn, ctx->s1[0], "attach",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. [ATC_INV.]");
	pci_save_state(fn->pdev);
	KUNIT_EXPECT_EQ(test, 0, pci_dev_reset_iommu_prepare(fn->pdev));
	KUNIT_EXPECT_FALSE(test, fn_e_bit(ctx, fn));
	expect_cmds(test, fn, "reset, before",
		    "[CFGI_STE. CFGI_STE. ATC_INV. TLBI_ASID. CFGI_CD. CFGI_CD.]");
	kunit_pci_bus_reset_fn(ctx->kbus, fn->pdev);
	pci_restore_state(fn->pdev);
	pci_dev_reset_iommu_done(fn->pdev);
	expect_step(test, fn, "reset, after",
		    "[CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. ATC_INV.]");
}

/* Pulled out. pciehp marks the PF, and not the VFs on other buses than that */
static void detach_of_what_is_gone_sends_no_atc_inv(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct pci_dev *pf = pci_physfn(fn->pdev);
	struct smmu_ctx *ctx = test->priv;

	alloc_domains(test, fn);
	attach(test, fn, ctx->s1[0], "attach",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. [ATC_INV.]");
	WRITE_ONCE(pf->error_state, pci_channel_io_perm_failure);
	attach(test, fn, arm_smmu_ops.blocked_domain, "detach",
	       "CFGI_STE. CFGI_STE. TLBI_ASID. CFGI_CD. CFGI_CD.");
}

/* As vfio_iommu_type1 does, the way that the bug was found */
static void vfio_type1_cycle_twice(struct kunit *test)
{
	const typeof(kinds[0]) *param = test->param_value;
	struct smmu_fn *fn = add_kind(test, param->kind);
	struct smmu_ctx *ctx = test->priv;
	struct iommu_domain *boot = fn->domains[0];
	int i;

	if (!(boot->type & __IOMMU_DOMAIN_PAGING))
		kunit_skip(test, "iommu.passthrough is set");

	alloc_domains(test, fn);
	drain_cmdq(test, NULL, NULL);
	for (i = 0; i < 2; i++) {
		claim(test, fn);
		expect_step(test, fn, "claim",
			    "CFGI_STE. CFGI_STE. [ATC_INV.] TLBI_ASID. CFGI_CD. CFGI_CD.");
		KUNIT_EXPECT_EQ(test, 0,
				iommu_attach_group(ctx->s1[0], fn->group));
		fn->domains[0] = ctx->s1[0];
		expect_step(test, fn, "attach",
			    "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. [ATC_INV.]");
		iommu_detach_group(ctx->s1[0], fn->group);
		fn->domains[0] = arm_smmu_ops.blocked_domain;
		expect_step(test, fn, "detach",
			    "CFGI_STE. CFGI_STE. [ATC_INV.] TLBI_ASID. CFGI_CD. CFGI_CD.");
		iommu_group_release_dma_owner(fn->group);
		fn->domains[0] = boot;
		expect_step(test, fn, "release",
			    "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. [ATC_INV.]");
	}
}

static void nested_follows_the_guests_eats(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;

	alloc_domains(test, fn);
	viommu_init(test, fn);
	attach(test, fn, ctx->s2, "parent", "CFGI_STE. CFGI_STE. [ATC_INV.]");
	attach(test, fn, ctx->nested[NESTED_ATS], "nested, EATS",
	       "CFGI_STE. CFGI_STE. [ATC_INV.]");
	attach(test, fn, ctx->nested[NESTED_NO_ATS], "nested, no EATS",
	       "[CFGI_STE. ATC_INV.]");
	attach(test, fn, ctx->nested[NESTED_ATS], "nested, EATS again",
	       "[CFGI_STE. ATC_INV.]");
	attach(test, fn, arm_smmu_ops.blocked_domain, "detach",
	       "CFGI_STE. CFGI_STE. [ATC_INV.] TLBI_VMALL.");
}

static const u64 guest_cmds[][2] = {
	{ CMDQ_OP_TLBI_NH_ALL },
	{ CMDQ_OP_ATC_INV | FIELD_PREP_CONST(CMDQ_ATC_0_SID, VSID) },
	{ CMDQ_OP_TLBI_NH_ALL },
};

static void guests_atc_inv_reaches_only_functions_with_ats(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;
	u32 num = 1;
	int ret;

	alloc_domains(test, fn);
	viommu_init(test, fn);
	attach(test, fn, ctx->nested[NESTED_ATS], "nested",
	       "CFGI_STE. CFGI_STE. [ATC_INV.]");
	ret = invalidate(test, &guest_cmds[1], &num);
	KUNIT_EXPECT_EQ(test, fn->can_ats ? 0 : -EIO, ret);
	KUNIT_EXPECT_EQ(test, fn->can_ats ? 1 : 0, num);
	expect_step(test, fn, "ATC_INV", "[ATC_INV.]");
}

static void guests_other_commands_reach_any_function(struct kunit *test)
{
	static const u64 cmds[][2] = {
		{ CMDQ_OP_CFGI_CD | FIELD_PREP_CONST(CMDQ_CFGI_0_SID, VSID) },
		{ CMDQ_OP_CFGI_CD_ALL | FIELD_PREP_CONST(CMDQ_CFGI_0_SID, VSID) },
	};
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;
	u32 num = ARRAY_SIZE(cmds);

	alloc_domains(test, fn);
	viommu_init(test, fn);
	attach(test, fn, ctx->nested[NESTED_ATS], "nested",
	       "CFGI_STE. CFGI_STE. [ATC_INV.]");
	KUNIT_EXPECT_EQ(test, 0, invalidate(test, cmds, &num));
	KUNIT_EXPECT_EQ(test, ARRAY_SIZE(cmds), num);
	expect_step(test, fn, "two commands", "CFGI_CD CFGI_CD_ALL.");
}

static void guests_commands_before_a_bad_one_are_issued(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;
	u32 num = ARRAY_SIZE(guest_cmds);
	int ret;

	alloc_domains(test, fn);
	viommu_init(test, fn);
	attach(test, fn, ctx->nested[NESTED_ATS], "nested",
	       "CFGI_STE. CFGI_STE. [ATC_INV.]");
	ret = invalidate(test, guest_cmds, &num);
	KUNIT_EXPECT_EQ(test, fn->can_ats ? 0 : -EIO, ret);
	KUNIT_EXPECT_EQ(test, fn->can_ats ? 3 : 1, num);
	expect_step(test, fn, "three commands",
		    "TLBI_ALL [ATC_INV TLBI_ALL].");
}

/* An SMMU that has stopped consuming commands. It takes a second to tell. */
static void guests_commands_that_time_out_are_not_counted(struct kunit *test)
{
	struct smmu_fn *fn = add_kind(test, PF);
	struct smmu_ctx *ctx = test->priv;
	u32 stuck, num = 2;

	claim(test, fn);
	alloc_domains(test, fn);
	viommu_init(test, fn);
	KUNIT_ASSERT_EQ(test, 0, try_attach(fn, ctx->nested[NESTED_ATS]));
	drain_cmdq(test, NULL, NULL);
	stuck = ctx->cmdq_regs;
	ctx->smmu.cmdq.q.cons_reg = (u32 __iomem *)&stuck;
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, invalidate(test, guest_cmds, &num));
	KUNIT_EXPECT_EQ(test, 0, num);
	ctx->smmu.cmdq.q.cons_reg = ctx->smmu.cmdq.q.prod_reg;
	expect_step(test, fn, "time-out", "TLBI_ALL ATC_INV.");
}

static void failed_allocations_change_nothing(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;

	fail_init(test);
	alloc_domains(test, fn);
	fail_each_allocation(test, fn, ctx->s1[0], 0, "blocked to stage 1");
	fail_each_allocation(test, fn, ctx->s1[0], 1, "PASID on blocked");
	fail_each_allocation(test, fn, ctx->s2, 0, "blocked to stage 2");
	KUNIT_ASSERT_EQ(test, 0, try_attach(fn, ctx->s1[0]));
	drain_cmdq(test, fn, NULL);
	fail_each_allocation(test, fn, ctx->s1[1], 0, "stage 1 to stage 1");
	fail_each_allocation(test, fn, ctx->s1[1], 1, "PASID on stage 1");
	fail_each_allocation(test, fn, ctx->s2, 0, "stage 1 to stage 2");
}

static void failed_allocations_with_nesting_change_nothing(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;

	fail_init(test);
	alloc_domains(test, fn);
	viommu_init(test, fn);
	fail_each_allocation(test, fn, ctx->nested[NESTED_ATS], 0,
			     "blocked to nested");
	KUNIT_ASSERT_EQ(test, 0, try_attach(fn, ctx->nested[NESTED_NO_ATS]));
	drain_cmdq(test, fn, NULL);
	fail_each_allocation(test, fn, ctx->nested[NESTED_ATS], 0,
			     "nested to nested");
}

/* The last step of the preparation that can fail, and not for want of memory */
static void refused_attach_changes_nothing(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;

	alloc_domains(test, fn);
	/* No root complex here has IOMMU_FWSPEC_PCI_RC_CANWBS */
	KUNIT_ASSERT_TRUE(test, ctx->s1[1]->ops->enforce_cache_coherency(ctx->s1[1]));
	KUNIT_EXPECT_EQ(test, -EINVAL, try_attach(fn, ctx->s1[1]));
	expect_step(test, fn, "refusal", "");
	attach(test, fn, ctx->s1[0], "attach",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. [ATC_INV.]");
	KUNIT_EXPECT_EQ(test, -EINVAL, try_attach(fn, ctx->s1[1]));
	expect_step(test, fn, "refusal", "");
}

/*
 * Cases for special functions
 */

static void expect_probe_fails(struct kunit *test, struct smmu_fn *fn)
{
	struct smmu_ctx *ctx = test->priv;

	KUNIT_EXPECT_NULL(test, fn->group);
	KUNIT_EXPECT_TRUE(test, RB_EMPTY_ROOT(&ctx->smmu.streams));
	expect_step(test, fn, "probe", "");
}

static void vf_of_pf_that_is_not_prepared_fails_to_probe(struct kunit *test)
{
	struct kunit_pci_fn_desc vf = { .ats = true };
	struct smmu_ctx *ctx = test->priv;

	ctx->behind_smmu = false;
	vf.physfn = add_fn(test, &ats, false)->pdev;
	ctx->behind_smmu = true;
	expect_probe_fails(test, add_fn(test, &vf, false));
}

/* smmu_exit() sees to it that PASID was not touched before */
static void probe_clears_the_e_bit_that_firmware_has_left(struct kunit *test)
{
	struct kunit_pci_fn_desc desc = ats;
	struct smmu_ctx *ctx = test->priv;
	struct smmu_fn *fn;

	desc.ats_ctrl = PCI_ATS_CTRL_ENABLE;
	fn = add_fn(test, &desc, true);
	claim(test, fn);
	drain_cmdq(test, NULL, NULL);
	invariant_holds(test, "claim");
	KUNIT_EXPECT_TRUE(test, fn->pdev->pasid_enabled);
	KUNIT_EXPECT_FALSE(test, fn_e_bit(ctx, fn));
}

static void ats_is_unsupported_without_the_root_complex(struct kunit *test)
{
	struct smmu_ctx *ctx = test->priv;
	struct smmu_fn *fn;

	ctx->rc_ats = false;
	fn = add_fn(test, &ats, false);
	claim(test, fn);
	drain_cmdq(test, NULL, NULL);
	alloc_domains(test, fn);
	attach(test, fn, ctx->s1[0], "attach",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE.");
}

static void ats_is_unsupported_without_the_smmu(struct kunit *test)
{
	struct smmu_ctx *ctx = test->priv;
	struct smmu_fn *fn;

	ctx->smmu.features &= ~ARM_SMMU_FEAT_ATS;
	fn = add_fn(test, &ats, false);
	claim(test, fn);
	drain_cmdq(test, NULL, NULL);
	alloc_domains(test, fn);
	attach(test, fn, ctx->s1[0], "attach",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE.");
}

/* What the probe has found is final */
static void support_is_not_asked_again_after_probe(struct kunit *test)
{
	struct smmu_ctx *ctx = test->priv;
	struct smmu_fn *can = add_kind(test, PF);
	struct smmu_fn *cannot;

	ctx->rc_ats = false;
	cannot = add_fn(test, &ats, false);
	claim(test, can);
	claim(test, cannot);
	drain_cmdq(test, NULL, NULL);
	alloc_domains(test, can);
	dev_iommu_fwspec_get(&can->pdev->dev)->flags &= ~IOMMU_FWSPEC_PCI_RC_ATS;
	dev_iommu_fwspec_get(&cannot->pdev->dev)->flags |= IOMMU_FWSPEC_PCI_RC_ATS;
	attach(test, can, ctx->s1[0], "attach",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. ATC_INV.");
	attach(test, cannot, ctx->s1[1], "attach",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE.");
	attach(test, can, arm_smmu_ops.blocked_domain, "detach",
	       "CFGI_STE. CFGI_STE. ATC_INV. TLBI_ASID. CFGI_CD. CFGI_CD.");
	attach(test, cannot, arm_smmu_ops.blocked_domain, "detach",
	       "CFGI_STE. CFGI_STE. TLBI_ASID. CFGI_CD. CFGI_CD.");
}

static void two_functions_in_one_domain_are_counted_apart(struct kunit *test)
{
	struct smmu_fn *can = add_kind(test, VF_OF_GOOD_PF);
	struct smmu_fn *cannot = add_kind(test, VF_OF_PF_WITHOUT_ATS);
	struct smmu_ctx *ctx = test->priv;

	claim(test, can);
	claim(test, cannot);
	drain_cmdq(test, NULL, NULL);
	alloc_domains(test, can);
	attach(test, cannot, ctx->s1[0], "attach of the one without",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE.");
	attach(test, can, ctx->s1[0], "attach of the one with",
	       "CFGI_CD. CFGI_CD. CFGI_STE. CFGI_STE. ATC_INV.");
	KUNIT_EXPECT_EQ(test, 0, iommu_map(ctx->s1[0], SZ_2M, SZ_2M, SZ_4K,
					   IOMMU_READ, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(ctx->s1[0], SZ_2M, SZ_4K));
	expect_step(test, can, "unmap", "TLBI_VA. ATC_INV.");
	attach(test, can, arm_smmu_ops.blocked_domain, "detach",
	       "CFGI_STE. CFGI_STE. ATC_INV. CFGI_CD. CFGI_CD.");
	KUNIT_EXPECT_EQ(test, 0, iommu_map(ctx->s1[0], SZ_2M, SZ_2M, SZ_4K,
					   IOMMU_READ, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, SZ_4K, iommu_unmap(ctx->s1[0], SZ_2M, SZ_4K));
	expect_step(test, cannot, "unmap", "TLBI_VA.");
}

static void always_on_is_on_for_identity_and_off_for_blocked(struct kunit *test)
{
	struct smmu_ctx *ctx = test->priv;
	struct smmu_fn *fn = add_fn(test, &cxl, true);

	invariant_holds(test, "probe");
	claim(test, fn);
	drain_cmdq(test, NULL, NULL);
	invariant_holds(test, "claim");
	alloc_domains(test, fn);
	attach(test, fn, arm_smmu_ops.identity_domain, "identity",
	       "CFGI_STE. CFGI_STE. ATC_INV.");
	attach(test, fn, ctx->s1[0], "identity to paging",
	       "CFGI_CD. CFGI_CD. CFGI_STE. ATC_INV.");
	attach(test, fn, arm_smmu_ops.identity_domain, "paging to identity",
	       "CFGI_STE. ATC_INV. TLBI_ASID. CFGI_CD. CFGI_CD.");
	set_pasid(test, fn, 1, ctx->s1[1]);
	expect_step(test, fn, "PASID", "CFGI_CD. CFGI_CD. ATC_INV.");
	remove_pasid(fn, 1);
	expect_step(test, fn, "no PASID",
		    "CFGI_CD. CFGI_CD. ATC_INV. TLBI_ASID.");
	attach(test, fn, arm_smmu_ops.blocked_domain, "identity to blocked",
	       "CFGI_STE. CFGI_STE. ATC_INV.");
}

static void vf_of_always_on_pf_is_always_on(struct kunit *test)
{
	struct kunit_pci_fn_desc vf = { .ats = true };
	struct smmu_fn *fn;

	vf.physfn = add_fn(test, &cxl, true)->pdev;
	fn = add_fn(test, &vf, true);
	fn->ats_required = true;
	claim(test, fn);
	drain_cmdq(test, NULL, NULL);
	alloc_domains(test, fn);
	attach(test, fn, arm_smmu_ops.identity_domain, "identity",
	       "CFGI_STE. CFGI_STE. ATC_INV.");
}

/* It must not fail to probe for want of what its PF cannot give */
static void vf_of_always_on_pf_without_ats_probes(struct kunit *test)
{
	struct kunit_pci_fn_desc pf = { .pasid = true, .cxl_cache = true };
	struct kunit_pci_fn_desc vf = { .ats = true };
	struct smmu_fn *fn;

	vf.physfn = add_fn(test, &pf, false)->pdev;
	fn = add_fn(test, &vf, false);
	KUNIT_ASSERT_NOT_NULL(test, fn->group);
	claim(test, fn);
	drain_cmdq(test, NULL, NULL);
	alloc_domains(test, fn);
	attach(test, fn, arm_smmu_ops.identity_domain, "identity", "CFGI_STE.");
}

/*
 * Each allocation of the driver's probe fails once. An always-on device has the
 * most of them, up to the CD table after PASID has been enabled.
 */
static void failed_allocations_of_the_probe_leave_nothing(struct kunit *test)
{
	struct smmu_ctx *ctx = test->priv;
	struct arm_smmu_master *master;
	struct iommu_device *iommu;
	int n, failures = 0;
	bool reached = true;
	struct device *dev;

	fail_init(test);
	ctx->behind_smmu = false;
	dev = &add_fn(test, &cxl, true)->pdev->dev;
	ctx->behind_smmu = true;
	KUNIT_ASSERT_EQ(test, 0, smmu_fn_configure(ctx->kbus, to_pci_dev(dev)));

	for (n = 1; reached && n < 100; n++) {
		/* What the IOMMU core does before and after */
		mutex_lock(&iommu_probe_device_lock);
		dev_iommu_priv_set(dev, NULL);
		fail_nth(n);
		iommu = arm_smmu_ops.probe_device(dev);
		reached = fail_done();
		if (!IS_ERR(iommu)) {
			master = dev_iommu_priv_get(dev);
			/* Identity with ATS on is a CD table with S1DSS */
			KUNIT_EXPECT_TRUE(test,
					  arm_smmu_cdtab_allocated(&master->cd_table));
			/* And with room for what enabling PASID has found */
			KUNIT_EXPECT_EQ(test, SSID_BITS,
					master->cd_table.s1cdmax);
			arm_smmu_ops.release_device(dev);
		}
		mutex_unlock(&iommu_probe_device_lock);

		if (IS_ERR(iommu)) {
			failures++;
			KUNIT_EXPECT_PTR_EQ(test, iommu, ERR_PTR(-ENOMEM));
		}
		KUNIT_EXPECT_TRUE(test, RB_EMPTY_ROOT(&ctx->smmu.streams));
		KUNIT_EXPECT_FALSE(test, to_pci_dev(dev)->pasid_enabled);
		KUNIT_EXPECT_EQ(test, 0,
				kunit_pci_bus_peek(ctx->kbus, to_pci_dev(dev),
						   KUNIT_PCI_PASID_CAP +
						   PCI_PASID_CTRL, 2));
	}
	KUNIT_EXPECT_FALSE_MSG(test, reached, "no end of allocations");
	/* The master, its streams, its invalidation array and the CD table */
	KUNIT_EXPECT_GE(test, failures, 4);
}

/* Allocations are not the only thing that can fail in an attach */
static void nested_domain_without_a_vdevice_is_refused(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;

	alloc_domains(test, fn);
	viommu_init(test, fn);
	xa_erase(&ctx->vsmmu->core.vdevs, VSID);
	KUNIT_EXPECT_EQ(test, -ENOENT,
			try_attach(fn, ctx->nested[NESTED_ATS]));
	expect_step(test, fn, "refusal", "");
}

static int dummy_iopf_handler(struct iopf_group *group)
{
	return -EINVAL;
}

static void domain_whose_faults_cannot_be_handled_is_refused(struct kunit *test)
{
	struct smmu_fn *fn = add_param_fn(test);
	struct smmu_ctx *ctx = test->priv;
	struct iopf_queue *queue;

	if (!IS_ENABLED(CONFIG_ARM_SMMU_V3_SVA))
		kunit_skip(test, "needs ARM_SMMU_V3_SVA");

	alloc_domains(test, fn);
	queue = iopf_queue_alloc("kunit");
	KUNIT_ASSERT_NOT_NULL(test, queue);
	/* Added already, so that the driver cannot add it */
	KUNIT_EXPECT_EQ(test, 0, iopf_queue_add_device(queue, &fn->pdev->dev));
	ctx->smmu.evtq.iopf = queue;
	to_master(fn)->stall_enabled = true;
	ctx->s1[0]->iopf_handler = dummy_iopf_handler;
	KUNIT_EXPECT_EQ(test, -EBUSY, try_attach(fn, ctx->s1[0]));
	expect_step(test, fn, "refusal", "");

	to_master(fn)->stall_enabled = false;
	ctx->smmu.evtq.iopf = NULL;
	iopf_queue_remove_device(queue, &fn->pdev->dev);
	iopf_queue_free(queue);
}

static void always_on_without_pasid_in_the_smmu_fails_to_probe(struct kunit *test)
{
	struct smmu_ctx *ctx = test->priv;

	ctx->smmu.ssid_bits = 0;
	expect_probe_fails(test, add_fn(test, &cxl, false));
}

static void always_on_without_ats_in_the_smmu_fails_to_probe(struct kunit *test)
{
	struct smmu_ctx *ctx = test->priv;

	ctx->smmu.features &= ~ARM_SMMU_FEAT_ATS;
	expect_probe_fails(test, add_fn(test, &cxl, false));
}

/* Nothing in the kernel does that; the driver must not believe in the E bit */
static void failed_enable_is_not_taken_for_enabled(struct kunit *test)
{
	struct smmu_ctx *ctx = test->priv;
	struct smmu_fn *fn = add_kind(test, VF_OF_GOOD_PF);

	claim(test, fn);
	alloc_domains(test, fn);
	pci_physfn(fn->pdev)->ats_stu = 16;
	KUNIT_EXPECT_EQ(test, 0, try_attach(fn, ctx->s1[0]));
	ctx->expected_warnings++;
	KUNIT_EXPECT_FALSE(test, fn_e_bit(ctx, fn));
	KUNIT_EXPECT_FALSE(test, to_master(fn)->ats_enabled);
	/* and detaching it is not yet another warning */
	KUNIT_EXPECT_EQ(test, 0, try_attach(fn, arm_smmu_ops.blocked_domain));
	KUNIT_EXPECT_FALSE(test, to_master(fn)->ats_enabled);
	drain_cmdq(test, NULL, NULL);
	invariant_holds(test, "detach");
	pci_physfn(fn->pdev)->ats_stu = PCI_ATS_MIN_STU;
}

/*
 * The random walk
 */

struct walk {
	struct kunit *test;
	struct rnd_state rnd;
	struct smmu_fn *nesting;
	char what[80];
};

static u32 walk_pick(struct walk *w, u32 n)
{
	return prandom_u32_state(&w->rnd) % n;
}

static void walk_attach(struct walk *w, struct smmu_fn *fn)
{
	struct smmu_ctx *ctx = w->test->priv;
	static const char *const names[] = {
		"blocked", "identity", "stage 1 a", "stage 1 b", "stage 2",
		"nested, EATS", "nested, no EATS", "nested bypass",
	};
	struct iommu_domain *domains[] = {
		arm_smmu_ops.blocked_domain, arm_smmu_ops.identity_domain,
		ctx->s1[0], ctx->s1[1], ctx->s2,
		ctx->nested[0], ctx->nested[1], ctx->nested[2],
	};
	u32 pick = walk_pick(w, fn == w->nesting ? ARRAY_SIZE(domains) : 5);
	struct iommu_domain *domain = domains[pick];
	/* Without a CD table in the STE there is no place for PASIDs */
	int expected = pick >= 4 && has_pasids(fn) &&
		       fn->domains[0] != domain ? -EBUSY : 0;

	snprintf(w->what, sizeof(w->what), "%s: attach %s", pci_name(fn->pdev),
		 names[pick]);
	KUNIT_EXPECT_EQ_MSG(w->test, expected, try_attach(fn, domain), "%s",
			    w->what);
}

static void walk_pasid(struct walk *w, struct smmu_fn *fn)
{
	struct smmu_ctx *ctx = w->test->priv;
	ioasid_t pasid = 1 + walk_pick(w, MAX_SSIDS - 1);
	struct iommu_domain *rid = fn->domains[0];
	struct iommu_domain *domain = ctx->s1[walk_pick(w, 2)];
	int expected, ret;

	if (fn->domains[pasid]) {
		snprintf(w->what, sizeof(w->what), "%s: remove PASID %u",
			 pci_name(fn->pdev), pasid);
		remove_pasid(fn, pasid);
		return;
	}

	snprintf(w->what, sizeof(w->what), "%s: set PASID %u",
		 pci_name(fn->pdev), pasid);
	expected = rid == ctx->s2 || rid->type == IOMMU_DOMAIN_NESTED ? -EINVAL :
									0;
	ret = iommu_attach_device_pasid(domain, &fn->pdev->dev, pasid, NULL);
	KUNIT_EXPECT_EQ_MSG(w->test, expected, ret, "%s", w->what);
	if (!ret)
		fn->domains[pasid] = domain;
}

static void walk_reset(struct walk *w, struct smmu_fn *fn)
{
	struct smmu_ctx *ctx = w->test->priv;

	snprintf(w->what, sizeof(w->what), "%s: reset", pci_name(fn->pdev));
	pci_save_state(fn->pdev);
	KUNIT_EXPECT_EQ(w->test, 0, pci_dev_reset_iommu_prepare(fn->pdev));
	KUNIT_EXPECT_FALSE_MSG(w->test, fn_e_bit(ctx, fn), "%s", w->what);
	kunit_pci_bus_reset_fn(ctx->kbus, fn->pdev);
	pci_restore_state(fn->pdev);
	pci_dev_reset_iommu_done(fn->pdev);
}

static void walk_unmap(struct walk *w, struct iommu_domain *domain)
{
	snprintf(w->what, sizeof(w->what), "unmap");
	KUNIT_EXPECT_EQ(w->test, 0, iommu_map(domain, SZ_2M, SZ_2M, SZ_4K,
					      IOMMU_READ, GFP_KERNEL));
	KUNIT_EXPECT_EQ(w->test, SZ_4K, iommu_unmap(domain, SZ_2M, SZ_4K));
}

static void random_walk_keeps_the_invariant(struct kunit *test)
{
	struct smmu_ctx *ctx = test->priv;
	struct walk w = { .test = test };
	u32 used = seed ?: get_random_u32();
	unsigned int step, f;

	kunit_info(test, "seed %u, %u steps\n", used, steps);
	prandom_seed_state(&w.rnd, used);

	w.nesting = add_kind(test, VF_OF_GOOD_PF);
	add_kind(test, VF_OF_PF_WITHOUT_ATS);
	add_fn(test, &cxl, true);
	for (f = 0; f < ctx->num_fns; f++)
		claim(test, &ctx->fns[f]);
	alloc_domains(test, w.nesting);
	if (IS_ENABLED(CONFIG_ARM_SMMU_V3_IOMMUFD))
		viommu_init(test, w.nesting);
	else
		w.nesting = NULL;
	drain_cmdq(test, NULL, NULL);

	for (step = 0; step < steps; step++) {
		struct smmu_fn *fn = &ctx->fns[walk_pick(&w, ctx->num_fns)];

		switch (walk_pick(&w, 8)) {
		case 0 ... 3:
			walk_attach(&w, fn);
			break;
		case 4 ... 5:
			walk_pasid(&w, fn);
			break;
		case 6:
			walk_reset(&w, fn);
			break;
		case 7:
			walk_unmap(&w, ctx->s1[walk_pick(&w, 2)]);
			break;
		}
		if (!drain_cmdq(test, fn, NULL) ||
		    !invariant_holds(test, w.what) ||
		    kunit_suppressed_warning_count(ctx->warnings)) {
			KUNIT_FAIL(test, "seed %u, step %u: %s", used, step,
				   w.what);
			return;
		}
		cond_resched();
	}
}

static struct kunit_case smmu_ats_cases[] = {
	KUNIT_CASE_PARAM(probe_reports_what_the_function_can, kind_gen_params),
	KUNIT_CASE_PARAM(attach_and_reattach_of_stage_1, kind_gen_params),
	KUNIT_CASE_PARAM(attach_and_reattach_of_stage_2, kind_gen_params),
	KUNIT_CASE_PARAM(paging_to_blocked_to_identity_and_back,
			 kind_gen_params),
	KUNIT_CASE_PARAM(unmap_invalidates_what_can_be_stale, kind_gen_params),
	KUNIT_CASE_PARAM(pasid_with_stage_1_on_the_rid, kind_gen_params),
	KUNIT_CASE_PARAM(pasid_with_identity_and_blocked_on_the_rid,
			 kind_gen_params),
	KUNIT_CASE_PARAM(reset_restores_the_attachment, kind_gen_params),
	KUNIT_CASE_PARAM(detach_of_what_is_gone_sends_no_atc_inv,
			 kind_gen_params),
	KUNIT_CASE_PARAM(vfio_type1_cycle_twice, kind_gen_params),
	KUNIT_CASE_PARAM(nested_follows_the_guests_eats, kind_gen_params),
	KUNIT_CASE_PARAM(guests_atc_inv_reaches_only_functions_with_ats,
			 kind_gen_params),
	KUNIT_CASE_PARAM(guests_other_commands_reach_any_function,
			 kind_gen_params),
	KUNIT_CASE_PARAM(guests_commands_before_a_bad_one_are_issued,
			 kind_gen_params),
	KUNIT_CASE_SLOW(guests_commands_that_time_out_are_not_counted),
	KUNIT_CASE_PARAM(failed_allocations_change_nothing, kind_gen_params),
	KUNIT_CASE_PARAM(failed_allocations_with_nesting_change_nothing,
			 kind_gen_params),
	KUNIT_CASE_PARAM(refused_attach_changes_nothing, kind_gen_params),
	KUNIT_CASE_PARAM(nested_domain_without_a_vdevice_is_refused,
			 kind_gen_params),
	KUNIT_CASE_PARAM(domain_whose_faults_cannot_be_handled_is_refused,
			 kind_gen_params),
	KUNIT_CASE(vf_of_pf_that_is_not_prepared_fails_to_probe),
	KUNIT_CASE(probe_clears_the_e_bit_that_firmware_has_left),
	KUNIT_CASE(ats_is_unsupported_without_the_root_complex),
	KUNIT_CASE(ats_is_unsupported_without_the_smmu),
	KUNIT_CASE(support_is_not_asked_again_after_probe),
	KUNIT_CASE(two_functions_in_one_domain_are_counted_apart),
	KUNIT_CASE(always_on_is_on_for_identity_and_off_for_blocked),
	KUNIT_CASE(vf_of_always_on_pf_is_always_on),
	KUNIT_CASE(vf_of_always_on_pf_without_ats_probes),
	KUNIT_CASE(failed_allocations_of_the_probe_leave_nothing),
	KUNIT_CASE(always_on_without_pasid_in_the_smmu_fails_to_probe),
	KUNIT_CASE(always_on_without_ats_in_the_smmu_fails_to_probe),
	KUNIT_CASE(failed_enable_is_not_taken_for_enabled),
	KUNIT_CASE_SLOW(random_walk_keeps_the_invariant),
	{}
};

static struct kunit_suite smmu_ats_suite = {
	.name = "arm-smmu-v3-ats",
	.init = smmu_init,
	.exit = smmu_exit,
	.test_cases = smmu_ats_cases,
};

kunit_test_suite(smmu_ats_suite);

MODULE_DESCRIPTION("KUnit tests for ATS in the arm-smmu-v3 driver");
MODULE_LICENSE("GPL");
