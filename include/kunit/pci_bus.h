/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A PCI bus for KUnit tests: real struct pci_dev, made-up config space.
 */
#ifndef _KUNIT_PCI_BUS_H
#define _KUNIT_PCI_BUS_H

#include <linux/list.h>
#include <linux/notifier.h>
#include <linux/pci.h>

struct kunit;

/* Where a function's extended capabilities are, if it has them */
#define KUNIT_PCI_ATS_CAP	0x100
#define KUNIT_PCI_PASID_CAP	0x120
#define KUNIT_PCI_PRI_CAP	0x140
#define KUNIT_PCI_CXL_DVSEC	0x160

/**
 * struct kunit_pci_write - One config write that reached a function
 * @devfn: device and function number of the function
 * @where: offset in its config space
 * @size: 1, 2 or 4 bytes
 * @val: the value written, whether or not the register took it
 */
struct kunit_pci_write {
	u8	devfn;
	u16	where;
	u8	size;
	u32	val;
};

#define KUNIT_PCI_MAX_WRITES	128

/**
 * struct kunit_pci_bus - A root bus of its own, empty at first
 * @bus: the bus, for lookups
 * @add_device: optional; called for each function that is added, after its
 *		capabilities are known and before an IOMMU driver can probe it
 * @priv: for the user of @add_device
 * @writes: config writes since kunit_pci_bus_clear_writes(), oldest first
 * @num_writes: how many there were; those beyond the array are only counted
 * @num_undefined: writes so far that have undefined behaviour: to PASID Control
 *		   while the E bit of ATS Control is set (PCIe r6.0, sec
 *		   10.5.1.3)
 */
struct kunit_pci_bus {
	struct pci_bus		*bus;
	int			(*add_device)(struct kunit_pci_bus *kbus,
					      struct pci_dev *pdev);
	void			*priv;

	struct kunit_pci_write	writes[KUNIT_PCI_MAX_WRITES];
	unsigned int		num_writes;
	unsigned int		num_undefined;

	/* private: */
	struct pci_host_bridge	*bridge;
	struct notifier_block	nb;
	struct list_head	fns;
};

/**
 * struct kunit_pci_fn_desc - What function to add
 * @physfn: makes the function a VF of this one; its STU field is hardwired to 0
 * @vendor: vendor ID, an unassigned one if 0
 * @device: device ID
 * @revision: revision ID
 * @subsystem_vendor: subsystem vendor ID
 * @subsystem_device: subsystem ID
 * @ats: has the ATS Capability
 * @ats_page_aligned: ATS Capability: Page Aligned Request
 * @ats_qdep: ATS Capability: Invalidate Queue Depth as encoded, 0 means 32
 * @ats_ctrl: ATS Control register as firmware left it
 * @pasid: has the PASID Capability, of 20 bits
 * @pri: has the PRI Capability
 * @cxl_cache: has the CXL device DVSEC with Cache_Capable, i.e. requires ATS
 */
struct kunit_pci_fn_desc {
	struct pci_dev	*physfn;
	u16		vendor;
	u16		device;
	u8		revision;
	u16		subsystem_vendor;
	u16		subsystem_device;
	bool		ats;
	bool		ats_page_aligned;
	u8		ats_qdep;
	u16		ats_ctrl;
	bool		pasid;
	bool		pri;
	bool		cxl_cache;
};

struct kunit_pci_bus *kunit_pci_bus_create(struct kunit *test);
void kunit_pci_bus_destroy(struct kunit_pci_bus *kbus);
struct pci_dev *kunit_pci_bus_add(struct kunit *test,
				  struct kunit_pci_bus *kbus,
				  const struct kunit_pci_fn_desc *desc);
void kunit_pci_bus_reset_fn(struct kunit_pci_bus *kbus, struct pci_dev *pdev);
u32 kunit_pci_bus_peek(struct kunit_pci_bus *kbus, struct pci_dev *pdev,
		       int where, int size);
void kunit_pci_bus_clear_writes(struct kunit_pci_bus *kbus);

#endif /* _KUNIT_PCI_BUS_H */
