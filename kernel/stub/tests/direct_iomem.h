/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tests use memory as BARs.  UML's emulation of PCI, which software RDMA needs,
 * replaces readl(), ioread32() and the like by functions that know no such memory.
 * Included ahead of all other headers (Kbuild), this selects those of asm-generic.
 */
#undef CONFIG_INDIRECT_IOMEM
#undef CONFIG_GENERIC_IOMAP
