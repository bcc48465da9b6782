// SPDX-License-Identifier: GPL-2.0
static void toy_attach(struct toy_state *state, struct toy *toy)
{
	if (!pci_enable_ats(to_pci_dev(toy->dev), PAGE_SHIFT))
		toy->ats_enabled = true;
}

/* Commit follows prepare, and has the flag follow */
static void toy_prepare(struct toy_state *state, struct toy *toy)
{
	if (toy->ats_enabled)
		pci_disable_ats(to_pci_dev(toy->dev));
}

static void toy_commit(struct toy_state *state, struct toy *toy)
{
	toy->ats_enabled = state->ats_wanted;
}

static void toy_reset(struct pci_dev *pdev)
{
	if (pdev->ats_enabled)
		pci_disable_ats(pdev);
}
