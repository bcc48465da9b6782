// SPDX-License-Identifier: GPL-2.0
// Finds: toy_overwrite:result-of-pci_prepare_ats-ignored
// Finds: toy_forget:result-of-pci_prepare_ats-ignored
// Finds: toy_cast:result-of-pci_prepare_ats-ignored
// Finds: toy_declare:result-of-pci_prepare_ats-ignored
static int toy_overwrite(struct toy *toy, struct pci_dev *pdev)
{
	int ret;

	ret = pci_prepare_ats(pdev, PAGE_SHIFT);
	ret = toy_insert(toy);
	return ret;
}

static void toy_forget(struct toy *toy, struct pci_dev *pdev)
{
	int ret;

	toy_insert(toy);
	ret = pci_prepare_ats(pdev, PAGE_SHIFT);
}

static void toy_cast(struct toy *toy, struct pci_dev *pdev)
{
	(void)pci_prepare_ats(pdev, PAGE_SHIFT);
}

static void toy_declare(struct toy *toy, struct pci_dev *pdev)
{
	int ret = pci_prepare_ats(pdev, PAGE_SHIFT);

	toy_insert(toy);
}
