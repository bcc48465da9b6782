// SPDX-License-Identifier: GPL-2.0
static int toy_probe(struct toy *toy, struct pci_dev *pdev)
{
	int ret;

	ret = pci_prepare_ats(pdev, PAGE_SHIFT);
	if (ret)
		return ret;
	ret = toy_insert(toy);
	if (ret)
		return ret;

	return 0;
}

static void toy_decide(struct toy *toy, struct pci_dev *pdev)
{
	if (!pci_prepare_ats(pdev, PAGE_SHIFT))
		toy->ats_prepared = true;
}

static int toy_pass_on(struct pci_dev *pdev)
{
	return pci_prepare_ats(pdev, PAGE_SHIFT);
}
