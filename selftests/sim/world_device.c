// SPDX-License-Identifier: GPL-2.0-only
/*
 * The devices of the world: DMA through the stub's IOMMU, registers, interrupts.
 */
#include "world_priv.h"

/* ------------------------------------------------------------ the device */

static u8 *dma(u32 att, iova_t addr, u32 prot, u32 width)
{
	struct att *a = &sim_w.atts[att];
	struct st_map *map = &a->iommu[addr / RIOD_PAGE_SIZE % SIM_IOVAS];

	if (a->lost)
		return NULL;
	if (!map->shadow || !(map->prot & prot)) {
		sim_fail("iommu", "device %u: %s of %u bytes at %x, which is not mapped",
			 att, prot == RIOD_PROT_READ ? "load" : "store", width, addr);
		return NULL;
	}
	return map->shadow + addr % RIOD_PAGE_SIZE;
}

bool sim_dma_store_tag(u32 att, iova_t addr)
{
	struct att *a = &sim_w.atts[att];
	struct st_map *map = &a->iommu[addr / RIOD_PAGE_SIZE % SIM_IOVAS];

	sim_step();
	if (a->lost || !map->shadow || !(map->prot & RIOD_PROT_WRITE) || !map->tag)
		return false;
	sim_trace("stores %x: tag %02x", addr, map->tag);
	map->shadow[addr % RIOD_PAGE_SIZE] = map->tag;
	return true;
}

u64 sim_dma_load(u32 att, iova_t addr, u32 width)
{
	struct att *a = &sim_w.atts[att];
	u64 value;
	u8 *p;

	sim_step();
	p = dma(att, addr, RIOD_PROT_READ, width);
	if (!p)
		return U64_MAX;
	if (a->st.in_apply)
		sim_window(WIN_DMA_LOAD_IN_APPLY);
	value = sim_mem_load(p, width);
	if (sim_tracing)
		sim_trace("loads  %x: %llx", addr, value);
	return value;
}

void sim_dma_store(u32 att, iova_t addr, u32 width, u64 value)
{
	struct att *a = &sim_w.atts[att];
	u8 *p;

	sim_step();
	p = dma(att, addr, RIOD_PROT_WRITE, width);
	if (!p)
		return;
	if (a->st.in_collect)
		sim_window(WIN_DMA_IN_PASS);
	if (a->st.in_apply)
		sim_window(WIN_DMA_IN_APPLY);
	if (a->st.broken)
		sim_window(WIN_BROKEN_DMA);
	if (sim_tracing)
		sim_trace("stores %x: %llx", addr, value);
	sim_mem_store(p, width, value);
}

bool sim_dma_exchange8(u32 att, iova_t addr, u8 old, u8 new)
{
	u8 *p;

	if (sim_dma_load(att, addr, 1) != old)
		return false;
	p = dma(att, addr, RIOD_PROT_WRITE, 1);
	if (p)
		*p = new;
	return p;
}

u64 sim_reg(u32 att, u32 reg)
{
	return sim_w.atts[att].regs[reg];
}

bool sim_over(u32 att)
{
	return sim_w.guest_done || sim_w.atts[att].lost;
}

static bool reg_is_new(void *arg)
{
	struct wait *wait = arg;

	return wait->a->regs[wait->n] != wait->value || sim_over(wait->a->nr);
}

static bool write_is_new(void *arg)
{
	struct wait *wait = arg;

	return wait->a->writes[wait->n] != wait->value || sim_over(wait->a->nr);
}

bool sim_wait_write(u32 att, u32 reg, u32 *seen)
{
	struct wait wait = { &sim_w.atts[att], reg, *seen };

	sim_step();
	sim_wait(write_is_new, &wait);
	*seen = wait.a->writes[reg];
	return !sim_over(att);
}

bool sim_wait_reg(u32 att, u32 reg, u64 not_value)
{
	struct wait wait = { &sim_w.atts[att], reg, not_value };

	sim_step();
	sim_wait(reg_is_new, &wait);
	return !sim_over(att);
}

void sim_irq(u32 att, u32 vector)
{
	struct att *a = &sim_w.atts[att];

	sim_step();
	if (a->lost)
		return;
	sim_trace("raises vector %u", vector);
	if (a->st.in_collect)
		sim_window(WIN_IRQ_IN_PASS);
	if (a->st.broken)
		sim_window(WIN_BROKEN_IRQ);
	a->irqs_raised[vector] = 1;
}
