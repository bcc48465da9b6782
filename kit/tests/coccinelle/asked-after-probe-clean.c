// SPDX-License-Identifier: GPL-2.0
static bool toy_can_ats(struct toy *toy)
{
	return toy->smmu->ats && pci_ats_supported(to_pci_dev(toy->dev));
}

static u32 toy_capabilities(struct pci_dev *pdev)
{
	u32 flags = 0;

	if (pci_ats_supported(pdev))
		flags |= TOY_ATS;
	return flags;
}

static void toy_decide(struct toy *toy)
{
	toy->flags = toy_capabilities(to_pci_dev(toy->dev));
	toy->ats_prepared = toy_can_ats(toy) && !pci_prepare_ats(to_pci_dev(toy->dev), PAGE_SHIFT);
}

static struct iommu_device *toy_probe_device(struct device *dev)
{
	struct toy *toy = toy_of(dev);

	toy_decide(toy);
	if (pci_ats_supported(to_pci_dev(dev)))
		toy_insert(toy);
	return toy->iommu;
}

static int toy_attach(struct toy *toy)
{
	return toy_write(toy, toy->ats_prepared);
}

static void toy_release_device(struct device *dev)
{
	toy_remove(toy_of(dev));
}

static const struct iommu_ops toy_ops = {
	.probe_device = toy_probe_device,
	.release_device = toy_release_device,
};
