// SPDX-License-Identifier: GPL-2.0
static int toy_either(struct toy *toy, struct pci_dev *pdev)
{
	int ret;

	ret = pci_prepare_ats(pdev, PAGE_SHIFT);
	ret = ret ?: toy_insert(toy);
	return ret;
}

static void toy_keep(struct toy *toy, struct pci_dev *pdev)
{
	int ret;

	ret = pci_prepare_ats(pdev, PAGE_SHIFT);
	toy->ats_prepared = !ret;
}

static void toy_declare(struct toy *toy, struct pci_dev *pdev)
{
	int ret = pci_prepare_ats(pdev, PAGE_SHIFT);

	toy_record(toy, ret);
}
