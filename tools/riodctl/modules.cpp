// SPDX-License-Identifier: GPL-2.0-only
#include "modules.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <memory>
#include <system_error>

#include <fmt/format.h>
#include <libkmod.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "error.hpp"
#include "model.hpp"

namespace riodctl {

namespace {

struct ContextFree {
	void operator()(kmod_ctx *context) const { kmod_unref(context); }
};
struct ModuleFree {
	void operator()(kmod_module *module) const { kmod_module_unref(module); }
};
struct ListFree {
	void operator()(kmod_list *list) const { kmod_module_unref_list(list); }
};

// libkmod prints to standard error by default; its return value has the reason.
void ignore_log(void * /*data*/, int /*priority*/, const char * /*file*/, int /*line*/,
		const char * /*fn*/, const char * /*format*/, va_list /*args*/)
{
}

std::string kernel_release()
{
	utsname name{};

	return uname(&name) == 0 ? name.release : "this kernel";
}

// insmod commands in the order of dependencies.
std::string insmod_line(const std::string &module)
{
	if (module == "riod_core")
		return "insmod riod_core.ko";
	return fmt::format("insmod riod_core.ko && insmod {}.ko", module);
}

// An error text like modprobe's, with a remedy.
Error load_error(const std::string &module, int err)
{
	const std::string what = fmt::format("cannot load the module {}: ", module);
	const std::string why = std::generic_category().message(err);

	switch (err) {
	case ENOENT:
		return {Exit::failed,
			what + fmt::format("it is not installed for Linux {}", kernel_release()),
			fmt::format("'make install' in riod's sources, or DKMS, installs it; "
				    "without that: {}",
				    insmod_line(module))};
	case ENOKEY:
	case EKEYREJECTED:
	case EKEYEXPIRED:
	case EKEYREVOKED:
		return {Exit::failed, what + why,
			"this kernel loads signed modules only (Secure Boot): sign riod's modules "
			"with a key that 'mokutil --import' has enrolled"};
	case ENOEXEC:
	case EINVAL:
		return {Exit::failed, what + why,
			"see 'dmesg'; rebuild modules of another kernel for Linux " +
				kernel_release()};
	default:
		return {exit_of_errno(err), what + why, "see 'dmesg'"};
	}
}

[[noreturn]] void refuse(const std::string &module, int err)
{
	if (geteuid() != 0) {
		throw Error(Exit::permission,
			    fmt::format("the module {} is not loaded, and only root may load it",
					module),
			    "run riodctl as root");
	}
	throw load_error(module, err == 0 ? ENOENT : err);
}

} // namespace

int load_module(const std::string &name, bool dry_run)
{
	const std::unique_ptr<kmod_ctx, ContextFree> context(kmod_new(nullptr, nullptr));
	kmod_list *raw = nullptr;
	// the blacklist applies to aliases, not to names
	unsigned int flags = KMOD_PROBE_APPLY_BLACKLIST_ALIAS_ONLY;
	int first = 0;

	if (!context)
		return ENOMEM;
	if (dry_run)
		flags |= KMOD_PROBE_DRY_RUN;
	kmod_set_log_fn(context.get(), ignore_log, nullptr);
	if (const int rc = kmod_module_new_from_lookup(context.get(), name.c_str(), &raw); rc < 0)
		return -rc;
	const std::unique_ptr<kmod_list, ListFree> list(raw);
	if (!list)
		return ENOENT;
	for (auto *item = list.get(); item; item = kmod_list_next(list.get(), item)) {
		const std::unique_ptr<kmod_module, ModuleFree> module(kmod_module_get_module(item));
		const int rc = kmod_module_probe_insert_module(module.get(), flags, nullptr,
							       nullptr, nullptr, nullptr);
		if (rc < 0 && rc != -EEXIST && first == 0)
			first = -rc;
	}
	return first;
}

bool Modules::loaded(const std::string &module) const
{
	return sysfs_.exists("sys/module/" + module);
}

void Modules::require(const std::string &module) const
{
	if (loaded(module))
		return;
	const int err = load_(module, false);
	if (err != 0 || !loaded(module))
		refuse(module, err);
}

void Modules::check(const std::string &module) const
{
	if (loaded(module))
		return;
	const int err = load_(module, true);
	if (err != 0 || geteuid() != 0)
		refuse(module, err);
}

// The module may have another name and "riod-NAME" as an alias, so success of the loader is the
// only test.
void Modules::transport(const std::string &name, bool dry_run) const
{
	std::string module = "riod_" + name;

	std::ranges::replace(module, '-', '_');
	if (name == default_transport || loaded(module))
		return;
	switch (const int err = load_("riod-" + name, dry_run)) {
	case 0:
		return;
	case ENOENT:
		throw Error(
			Exit::not_found,
			fmt::format("there is no transport '{}': no module riod-{} is installed "
				    "for Linux {}",
				    name, name, kernel_release()),
			fmt::format("use {}, which is part of riod_core, or install the "
				    "transport's module",
				    default_transport));
	default:
		refuse(module, err);
	}
}

void Modules::load_for(const std::string &modalias) const
{
	if (!modalias.empty())
		load_(modalias, false);
}

} // namespace riodctl
