// SPDX-License-Identifier: GPL-2.0
// Finds: toy_commit:ats_enabled-set-after-pci_enable_ats-failed
static void toy_enable(struct toy *toy)
{
	if (pci_enable_ats(to_pci_dev(toy->dev), PAGE_SHIFT))
		dev_err(toy->dev, "Failed to enable ATS\n");
}

static void toy_commit(struct toy_state *state, struct toy *toy)
{
	if (state->ats_enabled && !toy->ats_enabled)
		toy_enable(toy);
	toy->ats_enabled = state->ats_enabled;
}
