// SPDX-License-Identifier: GPL-2.0
static void toy_detach(struct toy *toy)
{
	if (!toy->wants_ats && toy->ats_enabled) {
		pci_disable_ats(to_pci_dev(toy->dev));
		toy->ats_enabled = false;
	}
}

static void toy_release(struct toy *toy)
{
	if (!toy->ats_enabled)
		return;

	toy_flush(toy);
	pci_disable_ats(to_pci_dev(toy->dev));
	toy->ats_enabled = false;
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

static void toy_resume(struct toy *toy)
{
	if (toy->ats_enabled && !toy->wants_ats)
		toy_disable(toy);
}

static void toy_test(struct kunit *test)
{
	pci_disable_ats(test->priv);
}
