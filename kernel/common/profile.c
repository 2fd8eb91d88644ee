// SPDX-License-Identifier: GPL-2.0-only
/* The list of profiles: the only place that names all of them. */
#include <linux/err.h>
#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/string.h>

#include "profile.h"

static const struct riod_profile *const profiles[] = {
	&riod_profile_nvme,
	&riod_profile_virtio,
	&riod_profile_e1000,
};

static const struct riod_profile *find_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(profiles); i++) {
		if (!strcmp(profiles[i]->name, name))
			return profiles[i];
	}
	return ERR_PTR(-ENOENT);
}

const struct riod_profile *riod_profile_find(const char *name, u16 vendor,
					     u16 device, u32 class)
{
	size_t i;

	if (name && !strcmp(name, "none"))
		return NULL;
	if (name && *name)
		return find_by_name(name);
	for (i = 0; i < ARRAY_SIZE(profiles); i++) {
		if (profiles[i]->match(vendor, device, class))
			return profiles[i];
	}
	return NULL;
}
EXPORT_SYMBOL_GPL(riod_profile_find);

void riod_profile_names(char *text, size_t size)
{
	size_t i, len = 0;

	*text = '\0';
	for (i = 0; i < ARRAY_SIZE(profiles); i++)
		len += scnprintf(text + len, size - len, "%s%s", i ? ", " : "", profiles[i]->name);
}
EXPORT_SYMBOL_GPL(riod_profile_names);
