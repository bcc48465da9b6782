// SPDX-License-Identifier: GPL-2.0
static void toy_enable(struct toy *toy, struct pci_dev *pdev)
{
	if (pci_enable_ats(pdev, PAGE_SHIFT))
		dev_err(&pdev->dev, "Failed to enable ATS\n");
	else
		toy->ats_enabled = true;
}

static void toy_enable_later(struct toy *toy, struct pci_dev *pdev)
{
	int ret;

	ret = pci_enable_ats(pdev, PAGE_SHIFT);
	if (ret)
		dev_err(&pdev->dev, "Failed to enable ATS\n");
	toy_flush(toy);
	toy->ats_enabled = !ret;
}

static void toy_enable_loudly(struct toy *toy, struct pci_dev *pdev)
{
	if (WARN_ON(pci_enable_ats(pdev, PAGE_SHIFT)))
		return;
	toy->ats_enabled = true;
}
