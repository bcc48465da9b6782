// SPDX-License-Identifier: GPL-2.0
// Finds: toy_enable:result-of-pci_enable_ats-ignored patch
// Finds: toy_overwrite:result-of-pci_enable_ats-ignored
static void toy_enable(struct toy *toy, struct pci_dev *pdev)
{
	pci_enable_ats(pdev, PAGE_SHIFT);
	toy->ats_enabled = true;
}

static int toy_overwrite(struct toy *toy, struct pci_dev *pdev)
{
	int ret;

	ret = pci_enable_ats(pdev, PAGE_SHIFT);
	ret = toy_insert(toy);
	return ret;
}
