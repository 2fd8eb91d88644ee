// SPDX-License-Identifier: GPL-2.0-only
// exec: starts a VFIO program that has to map the registers of a function.
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "verbs.hpp"

namespace riodctl {

namespace fs = std::filesystem;

namespace {

// PREFIX/lib/riod, if riodctl is in PREFIX/sbin
fs::path installed_library()
{
	std::error_code ec;
	const fs::path self = fs::read_symlink("/proc/self/exe", ec);

	return (self.parent_path() / "../lib/riod/riod-mmap.so").lexically_normal();
}

fs::path find_library(const std::string &wanted)
{
	std::error_code ec;
	const fs::path library = wanted.empty() ? installed_library() : fs::absolute(wanted, ec);

	// ld.so only warns if it cannot find the library, and splits paths at blanks and colons
	if (!fs::exists(library, ec)) {
		throw Error(Exit::not_found, fmt::format("{} is not there", library.string()),
			    "install it with 'make install', or give its path with --library");
	}
	if (library.string().find_first_of(" :") != std::string::npos) {
		throw usage_error(fmt::format("'{}' has a blank or a colon", library.string()),
				  "the dynamic linker does not support that in LD_PRELOAD");
	}
	return library;
}

} // namespace

void exec(const ExecOptions &options)
{
	std::string preload = find_library(options.library).string();
	std::vector<char *> words;

	if (const char *others = std::getenv("LD_PRELOAD"); others && *others)
		preload += fmt::format(":{}", others);
	if (setenv("LD_PRELOAD", preload.c_str(), 1))
		throw Error(Exit::failed, "no memory for the environment");
	for (const auto &word : options.command)
		words.push_back(const_cast<char *>(word.c_str())); // NOLINT: execvp() is older
	words.push_back(nullptr);
	execvp(words[0], words.data());
	throw explain(fmt::format("start '{}'", options.command[0]), KernelError(errno));
}

} // namespace riodctl
