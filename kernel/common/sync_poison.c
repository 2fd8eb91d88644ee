// SPDX-License-Identifier: GPL-2.0-only
/*
 * The coherence engine: guest memory that may have a hardware error (rule 15).
 *
 * A plain load of a word with an uncorrectable error crashes the host, and a pass loads
 * every word that the guest has mapped.  It survives an error that it finds by itself if
 * the CPU reports it precisely and the load has an exception table entry.
 *
 * The simulator does without this file.
 */
#include <kunit/static_stub.h>
#include <kunit/visibility.h>
#include <linux/export.h>
#include <linux/mm.h>
#include <linux/uaccess.h>

#include "sync.h"
#include "sync_cut.h"

bool riod_sync_has_error(const void *mem)
{
	KUNIT_STATIC_STUB_REDIRECT(riod_sync_has_error, mem);
	return IS_ENABLED(CONFIG_MEMORY_FAILURE) && is_page_hwpoison(virt_to_page(mem));
}
EXPORT_SYMBOL_GPL(riod_sync_has_error);

/**
 * riod_sync_probe() - can a page be read?
 * @live: the page, in the kernel's direct map
 * @buf: scratch memory of RIOD_PAGE_SIZE bytes
 *
 * Asks Linux, then reads the page with copy_mc_to_kernel(), if the architecture has it.
 * The copy is of no further use: it may have torn words, but rule 9 needs each word to be
 * read at once.  So the caller reads @live, which is then in the CPU's cache.
 *
 * Return: false: a memory error.
 */
bool riod_sync_probe(const u8 *live, u8 *buf)
{
	KUNIT_STATIC_STUB_REDIRECT(riod_sync_probe, live, buf);
	if (unlikely(riod_sync_has_error(live)))
		return false;
#ifdef CONFIG_ARCH_HAS_COPY_MC
	return likely(!copy_mc_to_kernel(buf, live, RIOD_PAGE_SIZE));
#else
	return true;
#endif
}
EXPORT_SYMBOL_IF_KUNIT(riod_sync_probe);
