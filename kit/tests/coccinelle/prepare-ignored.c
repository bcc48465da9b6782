// SPDX-License-Identifier: GPL-2.0
// Finds: toy_probe:result-of-pci_prepare_ats-ignored patch
static int toy_probe(struct toy *toy, struct pci_dev *pdev)
{
	int ret;

	pci_prepare_ats(pdev, PAGE_SHIFT);
	ret = toy_insert(toy);
	if (ret)
		return ret;

	return 0;
}
