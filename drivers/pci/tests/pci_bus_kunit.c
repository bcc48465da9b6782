// SPDX-License-Identifier: GPL-2.0
/*
 * A PCI bus for KUnit tests: real struct pci_dev, made-up config space.
 *
 * The bus is scanned by the PCI core as any other, so that the functions on it
 * go through header fixups, capability discovery and device_add(). Reads and
 * writes are answered from an array a function. Only the registers that the
 * PCIe spec makes writable take what is written, everything is logged.
 */

#include <kunit/pci_bus.h>
#include <kunit/test.h>
#include <linux/acpi.h>
#include <linux/bitfield.h>
#include <linux/pci-ats.h>
#include <linux/unaligned.h>
#include <uapi/linux/pci_regs.h>

#define KUNIT_PCI_VENDOR	0xfeed
#define KUNIT_PCI_PCIE_CAP	0x40

/* Out of the way of what the machine itself has, if there is but one domain */
#define KUNIT_PCI_BUSNR		0x80

struct kunit_pci_fn {
	struct list_head	elm;
	u8			devfn;
	struct pci_dev		*physfn;
	u8			config[PCI_CFG_SPACE_EXP_SIZE];
	/* What a reset restores, and the bits that a write can change */
	u8			initial[PCI_CFG_SPACE_EXP_SIZE];
	u8			writable[PCI_CFG_SPACE_EXP_SIZE];
};

static struct kunit_pci_bus *to_kbus(struct pci_bus *bus)
{
	return pci_find_host_bridge(bus)->sysdata;
}

static struct kunit_pci_fn *kunit_pci_find_fn(struct kunit_pci_bus *kbus,
					      unsigned int devfn)
{
	struct kunit_pci_fn *fn;

	list_for_each_entry(fn, &kbus->fns, elm)
		if (fn->devfn == devfn)
			return fn;
	return NULL;
}

static u32 kunit_pci_get(const u8 *p, int size)
{
	return size == 1 ? *p : size == 2 ? get_unaligned_le16(p) :
					    get_unaligned_le32(p);
}

static int kunit_pci_read(struct pci_bus *bus, unsigned int devfn, int where,
			  int size, u32 *val)
{
	struct kunit_pci_fn *fn = kunit_pci_find_fn(to_kbus(bus), devfn);

	if (!fn) {
		*val = ~0U;
		return PCIBIOS_DEVICE_NOT_FOUND;
	}

	*val = kunit_pci_get(fn->config + where, size);
	return PCIBIOS_SUCCESSFUL;
}

static int kunit_pci_write(struct pci_bus *bus, unsigned int devfn, int where,
			   int size, u32 val)
{
	struct kunit_pci_bus *kbus = to_kbus(bus);
	struct kunit_pci_fn *fn = kunit_pci_find_fn(kbus, devfn);
	int i;

	if (!fn)
		return PCIBIOS_DEVICE_NOT_FOUND;

	if (kbus->num_writes < ARRAY_SIZE(kbus->writes))
		kbus->writes[kbus->num_writes] = (struct kunit_pci_write) {
			.devfn = devfn,
			.where = where,
			.size = size,
			.val = val,
		};
	kbus->num_writes++;

	if (where == KUNIT_PCI_PASID_CAP + PCI_PASID_CTRL &&
	    kunit_pci_get(fn->config + KUNIT_PCI_ATS_CAP + PCI_ATS_CTRL, 2) &
		    PCI_ATS_CTRL_ENABLE)
		kbus->num_undefined++;

	for (i = 0; i < size; i++, val >>= 8)
		fn->config[where + i] =
			(fn->config[where + i] & ~fn->writable[where + i]) |
			(val & fn->writable[where + i]);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops kunit_pci_ops = {
	.read = kunit_pci_read,
	.write = kunit_pci_write,
};

static void kunit_pci_set16(struct kunit_pci_fn *fn, int where, u16 val,
			    u16 writable)
{
	put_unaligned_le16(val, fn->config + where);
	put_unaligned_le16(writable, fn->writable + where);
}

/* Returns the offset of the header's next pointer, to be linked by the next */
static int kunit_pci_ext_cap(struct kunit_pci_fn *fn, int where, u16 id,
			     int prev)
{
	put_unaligned_le32(id | 1 << 16, fn->config + where);
	if (prev)
		put_unaligned_le32(get_unaligned_le32(fn->config + prev) |
					   where << 20,
				   fn->config + prev);
	return where;
}

static void kunit_pci_init_config(struct kunit_pci_fn *fn,
				  const struct kunit_pci_fn_desc *desc)
{
	bool vf = desc->physfn;
	int prev = 0;

	kunit_pci_set16(fn, PCI_VENDOR_ID, desc->vendor ?: KUNIT_PCI_VENDOR, 0);
	kunit_pci_set16(fn, PCI_DEVICE_ID, desc->device, 0);
	kunit_pci_set16(fn, PCI_COMMAND, 0, 0x0547);
	kunit_pci_set16(fn, PCI_STATUS, PCI_STATUS_CAP_LIST, 0);
	fn->config[PCI_REVISION_ID] = desc->revision;
	kunit_pci_set16(fn, PCI_CLASS_DEVICE, PCI_CLASS_NETWORK_ETHERNET, 0);
	kunit_pci_set16(fn, PCI_SUBSYSTEM_VENDOR_ID, desc->subsystem_vendor, 0);
	kunit_pci_set16(fn, PCI_SUBSYSTEM_ID, desc->subsystem_device, 0);
	fn->config[PCI_CAPABILITY_LIST] = KUNIT_PCI_PCIE_CAP;

	/* On a root bus without root ports, so it is an integrated endpoint */
	fn->config[KUNIT_PCI_PCIE_CAP] = PCI_CAP_ID_EXP;
	kunit_pci_set16(fn, KUNIT_PCI_PCIE_CAP + PCI_EXP_FLAGS,
			2 | PCI_EXP_TYPE_RC_END << 4, 0);
	/* PASID takes an End-End TLP Prefix */
	put_unaligned_le32(PCI_EXP_DEVCAP2_EE_PREFIX,
			   fn->config + KUNIT_PCI_PCIE_CAP + PCI_EXP_DEVCAP2);

	/*
	 * The first capability must be at 0x100. A null one, ID 0, stands there
	 * for a function without ATS.
	 */
	prev = kunit_pci_ext_cap(fn, KUNIT_PCI_ATS_CAP,
				 desc->ats ? PCI_EXT_CAP_ID_ATS : 0, 0);
	if (desc->ats) {
		/* PCIe r6.0, sec 10.5.1: STU of a VF is hardwired to 0 */
		u16 stu = vf ? 0 : PCI_ATS_CTRL_STU(~0);

		kunit_pci_set16(fn, KUNIT_PCI_ATS_CAP + PCI_ATS_CAP,
				PCI_ATS_CAP_QDEP(desc->ats_qdep) |
				(desc->ats_page_aligned ?
					 PCI_ATS_CAP_PAGE_ALIGNED : 0), 0);
		kunit_pci_set16(fn, KUNIT_PCI_ATS_CAP + PCI_ATS_CTRL,
				desc->ats_ctrl, PCI_ATS_CTRL_ENABLE | stu);
	}
	if (desc->pasid) {
		prev = kunit_pci_ext_cap(fn, KUNIT_PCI_PASID_CAP,
					 PCI_EXT_CAP_ID_PASID, prev);
		kunit_pci_set16(fn, KUNIT_PCI_PASID_CAP + PCI_PASID_CAP,
				FIELD_PREP(PCI_PASID_CAP_WIDTH, 20), 0);
		kunit_pci_set16(fn, KUNIT_PCI_PASID_CAP + PCI_PASID_CTRL, 0,
				PCI_PASID_CTRL_ENABLE);
	}
	if (desc->pri) {
		prev = kunit_pci_ext_cap(fn, KUNIT_PCI_PRI_CAP,
					 PCI_EXT_CAP_ID_PRI, prev);
		kunit_pci_set16(fn, KUNIT_PCI_PRI_CAP + PCI_PRI_CTRL, 0,
				PCI_PRI_CTRL_ENABLE);
		kunit_pci_set16(fn, KUNIT_PCI_PRI_CAP + PCI_PRI_STATUS,
				PCI_PRI_STATUS_STOPPED, 0);
		kunit_pci_set16(fn, KUNIT_PCI_PRI_CAP + PCI_PRI_MAX_REQ, 64, 0);
		kunit_pci_set16(fn, KUNIT_PCI_PRI_CAP + PCI_PRI_ALLOC_REQ, 0,
				~0);
	}
	if (desc->cxl_cache) {
		kunit_pci_ext_cap(fn, KUNIT_PCI_CXL_DVSEC, PCI_EXT_CAP_ID_DVSEC,
				  prev);
		kunit_pci_set16(fn, KUNIT_PCI_CXL_DVSEC + PCI_DVSEC_HEADER1,
				PCI_VENDOR_ID_CXL, 0);
		kunit_pci_set16(fn, KUNIT_PCI_CXL_DVSEC + PCI_DVSEC_HEADER2,
				PCI_DVSEC_CXL_DEVICE, 0);
		kunit_pci_set16(fn, KUNIT_PCI_CXL_DVSEC + PCI_DVSEC_CXL_CAP,
				PCI_DVSEC_CXL_CACHE_CAPABLE, 0);
	}

	/* A reset does not bring back what firmware has set */
	memcpy(fn->initial, fn->config, sizeof(fn->initial));
	if (desc->ats)
		put_unaligned_le16(0, fn->initial + KUNIT_PCI_ATS_CAP +
					      PCI_ATS_CTRL);
}

/*
 * Ahead of the IOMMU core's notifier: what makes the function a VF, and what
 * firmware tables would say about it, must be in place when a driver probes.
 */
static int kunit_pci_bus_notify(struct notifier_block *nb, unsigned long action,
				void *data)
{
	struct kunit_pci_bus *kbus =
		container_of(nb, struct kunit_pci_bus, nb);
	struct pci_dev *pdev = to_pci_dev((struct device *)data);
	struct kunit_pci_fn *fn;

	if (pdev->bus != kbus->bus || action != BUS_NOTIFY_ADD_DEVICE)
		return NOTIFY_DONE;

	fn = kunit_pci_find_fn(kbus, pdev->devfn);
	if (fn->physfn) {
		pdev->is_virtfn = 1;
		pdev->physfn = fn->physfn;
	}

	if (kbus->add_device)
		return notifier_from_errno(kbus->add_device(kbus, pdev));
	return NOTIFY_DONE;
}

/**
 * kunit_pci_bus_create - Create an empty root bus
 * @test: the test context; aborted on failure, skipped where the architecture
 *	  takes the bridge's sysdata for its own
 *
 * Must be undone by kunit_pci_bus_destroy(), which is not done automatically:
 * the order matters to those who have an IOMMU driver attached.
 *
 * Return: the bus.
 */
struct kunit_pci_bus *kunit_pci_bus_create(struct kunit *test)
{
	struct kunit_pci_bus *kbus;
	struct pci_host_bridge *bridge;
	int ret;

	if (!acpi_disabled)
		kunit_skip(test, "boot with a device tree, not with ACPI");

	kbus = kunit_kzalloc(test, sizeof(*kbus), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, kbus);
	INIT_LIST_HEAD(&kbus->fns);

	bridge = pci_alloc_host_bridge(0);
	KUNIT_ASSERT_NOT_NULL(test, bridge);
	bridge->ops = &kunit_pci_ops;
	bridge->busnr = KUNIT_PCI_BUSNR;
	bridge->sysdata = kbus;

	pci_lock_rescan_remove();
	ret = pci_scan_root_bus_bridge(bridge);
	pci_unlock_rescan_remove();
	if (ret) {
		pci_free_host_bridge(bridge);
		KUNIT_FAIL_AND_ABORT(test, "cannot create a root bus: %d", ret);
	}
	kbus->bridge = bridge;
	kbus->bus = bridge->bus;

	kbus->nb.notifier_call = kunit_pci_bus_notify;
	kbus->nb.priority = INT_MAX;
	bus_register_notifier(&pci_bus_type, &kbus->nb);
	return kbus;
}

static void kunit_pci_remove_fn(struct kunit_pci_bus *kbus,
				struct kunit_pci_fn *fn)
{
	struct pci_dev *pdev = pci_get_slot(kbus->bus, fn->devfn);

	if (pdev) {
		pci_stop_and_remove_bus_device_locked(pdev);
		pci_dev_put(pdev);
	}
	pci_dev_put(fn->physfn);
	list_del(&fn->elm);
}

/**
 * kunit_pci_bus_destroy - Remove a bus and all functions on it
 * @kbus: the bus; NULL is ignored
 */
void kunit_pci_bus_destroy(struct kunit_pci_bus *kbus)
{
	struct kunit_pci_fn *fn, *tmp;

	if (!kbus)
		return;

	/* The list has the newest function first, VFs go before their PF */
	list_for_each_entry_safe(fn, tmp, &kbus->fns, elm)
		kunit_pci_remove_fn(kbus, fn);

	bus_unregister_notifier(&pci_bus_type, &kbus->nb);
	pci_lock_rescan_remove();
	pci_stop_root_bus(kbus->bus);
	pci_remove_root_bus(kbus->bus);
	pci_unlock_rescan_remove();
	pci_free_host_bridge(kbus->bridge);
}

/**
 * kunit_pci_bus_add - Plug a function and scan it
 * @test: the test context; aborted on failure
 * @kbus: the bus
 * @desc: what it is
 *
 * Each function gets a device number of its own, so that functions do not share
 * an IOMMU group. As after a hotplug, the function has been added, but not yet
 * been offered to a driver: this, and the FINAL fixups, are left to
 * pci_bus_add_device(). The log of config writes is empty afterwards.
 *
 * Return: the device, without a reference: it lives as long as the function.
 */
struct pci_dev *kunit_pci_bus_add(struct kunit *test,
				  struct kunit_pci_bus *kbus,
				  const struct kunit_pci_fn_desc *desc)
{
	struct kunit_pci_fn *fn;
	struct pci_dev *pdev;
	u8 slot = 0;

	while (kunit_pci_find_fn(kbus, PCI_DEVFN(slot, 0)))
		slot++;

	fn = kunit_kzalloc(test, sizeof(*fn), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, fn);
	fn->devfn = PCI_DEVFN(slot, 0);
	fn->physfn = desc->physfn ? pci_dev_get(desc->physfn) : NULL;
	kunit_pci_init_config(fn, desc);
	list_add(&fn->elm, &kbus->fns);

	pci_lock_rescan_remove();
	pdev = pci_scan_single_device(kbus->bus, fn->devfn);
	pci_unlock_rescan_remove();
	KUNIT_ASSERT_NOT_NULL_MSG(test, pdev, "function %02x not found",
				  fn->devfn);

	kunit_pci_bus_clear_writes(kbus);
	return pdev;
}

/**
 * kunit_pci_bus_reset_fn - Reset a function's config space, as an FLR does
 * @kbus: the bus
 * @pdev: the function
 *
 * This is what the hardware does; saving and restoring is up to the caller.
 */
void kunit_pci_bus_reset_fn(struct kunit_pci_bus *kbus, struct pci_dev *pdev)
{
	struct kunit_pci_fn *fn = kunit_pci_find_fn(kbus, pdev->devfn);

	memcpy(fn->config, fn->initial, sizeof(fn->config));
}

/**
 * kunit_pci_bus_peek - Look at a register from the hardware's side
 * @kbus: the bus
 * @pdev: the function
 * @where: offset in config space
 * @size: 1, 2 or 4 bytes
 *
 * Return: the value of the register.
 */
u32 kunit_pci_bus_peek(struct kunit_pci_bus *kbus, struct pci_dev *pdev,
		       int where, int size)
{
	return kunit_pci_get(kunit_pci_find_fn(kbus, pdev->devfn)->config +
				     where, size);
}

/**
 * kunit_pci_bus_clear_writes - Empty the log of config writes
 * @kbus: the bus
 */
void kunit_pci_bus_clear_writes(struct kunit_pci_bus *kbus)
{
	kbus->num_writes = 0;
}
