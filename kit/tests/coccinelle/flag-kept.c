// SPDX-License-Identifier: GPL-2.0
// Finds: toy_release:flag-not-cleared-after-pci_disable_ats patch
static void toy_attach(struct toy *toy)
{
	if (!pci_enable_ats(to_pci_dev(toy->dev), PAGE_SHIFT))
		toy->ats_enabled = true;
}

static void toy_release(struct toy *toy)
{
	if (toy->ats_enabled)
		pci_disable_ats(to_pci_dev(toy->dev));
}
