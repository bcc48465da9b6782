// SPDX-License-Identifier: GPL-2.0
// Finds: toy_release:pci_disable_ats-without-a-check
// Finds: toy_disable:pci_disable_ats-without-a-check
static void toy_release(struct toy *toy)
{
	pci_disable_ats(to_pci_dev(toy->dev));
	toy_free(toy);
}

static void toy_disable(struct toy *toy)
{
	pci_disable_ats(to_pci_dev(toy->dev));
	toy->ats_enabled = false;
}

static void toy_suspend(struct toy *toy)
{
	if (toy->ats_enabled)
		toy_disable(toy);
}

static void toy_shutdown(struct toy *toy)
{
	toy_disable(toy);
}
