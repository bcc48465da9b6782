// SPDX-License-Identifier: GPL-2.0
// Finds: toy_attach:ATS-left-enabled-on-an-error
static int toy_attach(struct toy *toy, struct pci_dev *pdev)
{
	int ret;

	ret = pci_enable_ats(pdev, PAGE_SHIFT);
	if (ret)
		return ret;

	ret = toy_insert(toy);
	if (ret)
		return ret;

	toy->ats_enabled = true;
	return 0;
}
