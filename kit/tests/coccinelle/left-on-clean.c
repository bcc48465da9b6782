// SPDX-License-Identifier: GPL-2.0
static int toy_attach(struct toy *toy, struct pci_dev *pdev)
{
	int ret;

	ret = pci_enable_ats(pdev, PAGE_SHIFT);
	if (ret)
		return ret;

	ret = toy_insert(toy);
	if (ret) {
		pci_disable_ats(pdev);
		return ret;
	}

	toy->ats_enabled = true;
	return 0;
}

static int toy_attach_and_record(struct toy *toy, struct pci_dev *pdev)
{
	int ret;

	if (pci_enable_ats(pdev, PAGE_SHIFT))
		return -EIO;

	toy->ats_enabled = true;
	ret = toy_insert(toy);
	if (ret)
		return ret;

	return 0;
}
