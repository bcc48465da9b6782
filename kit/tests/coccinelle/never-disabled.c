// SPDX-License-Identifier: GPL-2.0
// Finds: toy_attach:pci_enable_ats-without-any-pci_disable_ats
static struct iommu_device *toy_probe_device(struct device *dev)
{
	return toy_of(dev)->iommu;
}

static void toy_attach(struct toy *toy)
{
	if (!pci_enable_ats(to_pci_dev(toy->dev), PAGE_SHIFT))
		toy->ats_enabled = true;
}

static void toy_release_device(struct device *dev)
{
	toy_remove(toy_of(dev));
}

static const struct iommu_ops toy_ops = {
	.probe_device = toy_probe_device,
	.release_device = toy_release_device,
};
