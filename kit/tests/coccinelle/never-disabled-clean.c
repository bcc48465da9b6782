// SPDX-License-Identifier: GPL-2.0
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
	struct toy *toy = toy_of(dev);

	if (toy->ats_enabled)
		pci_disable_ats(to_pci_dev(dev));
	toy->ats_enabled = false;
}

static const struct iommu_ops toy_ops = {
	.probe_device = toy_probe_device,
	.release_device = toy_release_device,
};
