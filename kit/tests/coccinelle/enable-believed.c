// SPDX-License-Identifier: GPL-2.0
// Finds: toy_enable:ats_enabled-set-after-pci_enable_ats-failed patch
// Finds: toy_enable_later:ats_enabled-set-after-pci_enable_ats-failed
// Finds: toy_enable_loudly:ats_enabled-set-after-pci_enable_ats-failed patch
static void toy_enable(struct toy *toy, struct pci_dev *pdev)
{
	if (pci_enable_ats(pdev, PAGE_SHIFT))
		dev_err(&pdev->dev, "Failed to enable ATS\n");
	toy->ats_enabled = true;
}

static void toy_enable_later(struct toy *toy, struct pci_dev *pdev)
{
	int ret;

	ret = pci_enable_ats(pdev, PAGE_SHIFT);
	if (ret)
		dev_err(&pdev->dev, "Failed to enable ATS\n");
	toy_flush(toy);
	toy->ats_enabled = true;
}

static void toy_enable_loudly(struct toy *toy, struct pci_dev *pdev)
{
	WARN_ON(pci_enable_ats(pdev, PAGE_SHIFT));
	toy->ats_enabled = true;
}
