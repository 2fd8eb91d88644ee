// SPDX-License-Identifier: GPL-2.0-only
#include "modules.hpp"

#include <array>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "error.hpp"

namespace riodctl {

namespace {

// Not by PATH alone: a shell got by 'su' has no /sbin in it.
constexpr std::array<const char *, 3> modprobe_places = {"/sbin/modprobe", "/usr/sbin/modprobe",
							 "modprobe"};

// The order in which insmod wants them.
std::string insmod_line(const std::string &module)
{
	if (module == "riod_core")
		return "insmod riod_core.ko";
	return fmt::format("insmod riod_core.ko && insmod {}.ko", module);
}

} // namespace

int run_program(const std::vector<std::string> &argv)
{
	std::vector<char *> words;
	posix_spawn_file_actions_t actions;
	pid_t pid = -1;
	int status = 0;

	words.reserve(argv.size() + 1);
	for (const auto &word : argv)
		words.push_back(const_cast<char *>(word.c_str())); // NOLINT: posix_spawn's type
	words.push_back(nullptr);

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	const int rc = posix_spawnp(&pid, words.front(), &actions, nullptr, words.data(), environ);
	posix_spawn_file_actions_destroy(&actions);
	if (rc != 0)
		return 127;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool Modules::loaded(const std::string &module) const
{
	return sysfs_.exists("sys/module/" + module);
}

int Modules::modprobe(const std::string &what) const
{
	int rc = 127;

	for (const char *place : modprobe_places) {
		rc = run_({place, "-q", "--", what});
		if (rc != 127)
			break;
	}
	return rc;
}

void Modules::require(const std::string &module) const
{
	if (loaded(module))
		return;
	const int rc = modprobe(module);
	if (rc == 0 && loaded(module))
		return;
	if (geteuid() != 0) {
		throw Error(Exit::permission,
			    fmt::format("the module {} is not loaded, and only root may load it",
					module),
			    "run riodctl as root");
	}
	throw Error(Exit::failed,
		    fmt::format("the module {} is not loaded, and 'modprobe {}' {}", module, module,
				rc == 127 ? "is not there" : "failed"),
		    fmt::format("see 'dmesg'; where the modules are not installed, load them in "
				"order: {}",
				insmod_line(module)));
}

void Modules::load_for(const std::string &modalias) const
{
	if (!modalias.empty())
		modprobe(modalias);
}

} // namespace riodctl
