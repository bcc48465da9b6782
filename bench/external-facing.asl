// SPDX-License-Identifier: GPL-2.0
// Firmware marks a port that leads out of the machine: the kernel does not trust what is behind it. It is the port of the functions
// with external=yes in bench/functions. Its name in QEMU's DSDT is its device number and function: 0x10 << 3.
DefinitionBlock ("", "SSDT", 2, "ATS", "EXTERNAL", 1)
{
	External (\_SB.PCI0.S80, DeviceObj)

	Scope (\_SB.PCI0.S80)
	{
		Name (_DSD, Package ()
		{
			ToUUID ("efcc06cc-73ac-4bc3-bff0-76143807c389"),
			Package () { Package () { "ExternalFacingPort", 1 } }
		})
	}
}
