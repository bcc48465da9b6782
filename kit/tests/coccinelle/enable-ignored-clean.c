// SPDX-License-Identifier: GPL-2.0
static void toy_enable(struct toy *toy, struct pci_dev *pdev)
{
	toy->ats_enabled = !pci_enable_ats(pdev, PAGE_SHIFT);
}

static int toy_return(struct toy *toy, struct pci_dev *pdev)
{
	int ret;

	ret = pci_enable_ats(pdev, PAGE_SHIFT);
	if (!ret)
		toy->ats_enabled = true;
	return ret;
}
