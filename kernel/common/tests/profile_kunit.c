// SPDX-License-Identifier: GPL-2.0-only
/*
 * Selection of a profile.
 */
#include <kunit/test.h>
#include <linux/err.h>
#include <linux/module.h>

#include "compat_export.h"
#include "profile.h"

#define NVME_CLASS	0x010802

struct find_case {
	const char *desc;
	const char *name;
	u32 class;
	const char *found;	/* NULL: no profile; "?": no such profile */
};

static const struct find_case find_cases[] = {
	{ "nvme_by_class", "", NVME_CLASS, "nvme" },
	{ "nvme_null_name", NULL, NVME_CLASS, "nvme" },
	{ "other_class", "", 0x020000, NULL },
	{ "nvme_other_interface", "", 0x010803, NULL },
	{ "by_name", "nvme", 0x020000, "nvme" },
	{ "none", "none", NVME_CLASS, NULL },
	{ "unknown", "nvm", NVME_CLASS, "?" },
};

static void find_desc(const struct find_case *c, char *desc)
{
	strscpy(desc, c->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(find, find_cases, find_desc);

static void find(struct kunit *test)
{
	const struct find_case *c = test->param_value;
	const struct riod_profile *p = riod_profile_find(c->name, 0x1b36, 0x10, c->class);

	if (!c->found)
		KUNIT_EXPECT_NULL(test, p);
	else if (*c->found == '?')
		KUNIT_EXPECT_EQ(test, PTR_ERR(p), -ENOENT);
	else
		KUNIT_EXPECT_STREQ(test, p->name, c->found);
}

/* the list for messages has every name, and is truncated if it does not fit */
static void names(struct kunit *test)
{
	char text[48], small[8];
	char *rest = text, *name;
	unsigned int n = 0;

	riod_profile_names(text, sizeof(text));
	KUNIT_EXPECT_LT(test, strlen(text), sizeof(text) - 1);
	riod_profile_names(small, sizeof(small));
	KUNIT_EXPECT_EQ(test, strncmp(small, text, sizeof(small) - 1), 0);
	while ((name = strsep(&rest, ","))) {
		KUNIT_EXPECT_FALSE(test, IS_ERR_OR_NULL(riod_profile_find(strim(name), 0, 0, 0)));
		n++;
	}
	KUNIT_EXPECT_GT(test, n, 2);
}

static struct kunit_case profile_cases[] = {
	KUNIT_CASE_PARAM(find, find_gen_params),
	KUNIT_CASE(names),
	{}
};

static struct kunit_suite profile_suite = {
	.name = "riod_profile",
	.test_cases = profile_cases,
};

kunit_test_suite(profile_suite);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("KUnit tests of the device profiles");
RIOD_COMPAT_IMPORT_NS(RIOD);
RIOD_COMPAT_IMPORT_NS(EXPORTED_FOR_KUNIT_TESTING);
