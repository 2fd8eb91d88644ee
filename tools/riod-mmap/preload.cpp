// SPDX-License-Identifier: GPL-2.0-only
// riod-mmap.so - for VFIO programs that require mapped BARs (DPDK, for example).
//
// riod's functions offer registers only by read() and write(), because each access crosses to
// another host.  This library, preloaded, makes the program see BARs that can be mapped.  Such a
// mapping is address space without access rights: an access faults, and the handler makes it
// through the program's own VFIO descriptor.  "riodctl exec" starts programs with the library.
//
// DPDK also recognizes VFIO functions only by the driver name "vfio-pci".
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <dlfcn.h>
#include <linux/vfio.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <ucontext.h>
#include <unistd.h>

#include "access.hpp"
#include "regions.hpp"
#include "windows.hpp"

namespace {

using namespace riod_mmap;

// The C library's functions, which the functions below replace
struct Libc {
	template <typename Function>
	static Function find(const char *name)
	{
		return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
	}

	int (*ioctl)(int, unsigned long, ...) = find<decltype(ioctl)>("ioctl");
	void *(*mmap)(void *, std::size_t, int, int, int, off_t) = find<decltype(mmap)>("mmap");
	int (*munmap)(void *, std::size_t) = find<decltype(munmap)>("munmap");
	ssize_t (*readlink)(const char *, char *,
			    std::size_t) = find<decltype(readlink)>("readlink");
	int (*sigaction)(int, const struct sigaction *,
			 struct sigaction *) = find<decltype(sigaction)>("sigaction");
};

// Looked up on first use, as other libraries' constructors may run before this one's.
const Libc &libc()
{
	static const Libc functions;

	return functions;
}

// ---- faults ----

// The program's own action for SIGSEGV.  The handler reads it without a lock: a program that
// changes it while another thread faults has this race without the library, too.
struct sigaction programs_action;

void complain()
{
	static constexpr std::string_view text =
		"riod-mmap: a register of a remote device was reached by an instruction that is no "
		"plain move of 1, 2, 4 or 8 bytes; only those can be done there\n";

	(void)!write(STDERR_FILENO, text.data(), text.size());
}

void pass_on(int number, siginfo_t *info, void *context)
{
	const struct sigaction action = programs_action;

	if (action.sa_flags & SA_SIGINFO) {
		action.sa_sigaction(number, info, context);
	} else if (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN) {
		action.sa_handler(number);
	} else {
		// the instruction faults again and kills the program
		struct sigaction fatal = {};
		fatal.sa_handler = SIG_DFL;
		libc().sigaction(SIGSEGV, &fatal, nullptr);
	}
}

void on_fault(int number, siginfo_t *info, void *context)
{
	const int saved = errno;
	const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
	Window window;

	if (window_at(address, window)) {
		if (access_carry_out(*static_cast<ucontext_t *>(context), address, window)) {
			errno = saved;
			return;
		}
		complain();
	}
	errno = saved;
	pass_on(number, info, context);
}

// Installs the handler once, before the first window exists
bool handle_faults()
{
	static const bool done = [] {
		struct sigaction ours = {};
		ours.sa_sigaction = on_fault;
		ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
		return libc().sigaction(SIGSEGV, &ours, &programs_action) == 0;
	}();

	return done;
}

// ---- windows ----

// Reserves address space for @length bytes of a BAR, where mmap() would have put them
void *map_window(void *where, std::size_t length, int flags, int file, off_t offset)
{
	constexpr int kept = MAP_FIXED | MAP_FIXED_NOREPLACE;

	if (!handle_faults())
		return MAP_FAILED;
	void *const start =
		libc().mmap(where, length, PROT_NONE,
			    (flags & kept) | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (start == MAP_FAILED)
		return start;
	const auto address = reinterpret_cast<std::uintptr_t>(start);
	window_remove(address, length);
	if (!window_add(address, length, file, offset)) {
		const int why = errno;
		libc().munmap(start, length);
		errno = why;
		return MAP_FAILED;
	}
	return start;
}

// ---- the program's own handler ----

int change_action(const struct sigaction *wanted, struct sigaction *was)
{
	if (!handle_faults())
		return -1;
	if (was)
		*was = programs_action;
	if (wanted)
		programs_action = *wanted;
	return 0;
}

} // namespace

// ---- functions that the program calls ----

// NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the C library's names
// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): and its parameters'

#pragma GCC visibility push(default)

extern "C" {

int ioctl(int file, unsigned long request, ...) noexcept
{
	std::va_list arguments;

	va_start(arguments, request);
	void *const argument = va_arg(arguments, void *);
	va_end(arguments);
	const int result = libc().ioctl(file, request, argument);
	if (!result && request == VFIO_DEVICE_GET_REGION_INFO)
		region_described(file, *static_cast<vfio_region_info *>(argument));
	return result;
}

void *mmap(void *where, std::size_t length, int protection, int flags, int file,
	   off_t offset) noexcept
{
	if (file >= 0 && region_covers(file, offset, length))
		return map_window(where, length, flags, file, offset);
	void *const start = libc().mmap(where, length, protection, flags, file, offset);
	if (start != MAP_FAILED)
		window_remove(reinterpret_cast<std::uintptr_t>(start), length);
	return start;
}

void *mmap64(void *where, std::size_t length, int protection, int flags, int file,
	     off64_t offset) noexcept
{
	return mmap(where, length, protection, flags, file, offset);
}

int munmap(void *start, std::size_t length) noexcept
{
	window_remove(reinterpret_cast<std::uintptr_t>(start), length);
	return libc().munmap(start, length);
}

ssize_t readlink(const char *path, char *buffer, std::size_t size) noexcept
{
	constexpr std::string_view ours = "/riod_frontend";
	constexpr std::string_view known = "/vfio-pci";
	const ssize_t length = libc().readlink(path, buffer, size);

	if (length < 0 || !std::string_view(path).ends_with("/driver"))
		return length;
	std::string_view target(buffer, static_cast<std::size_t>(length));
	if (!target.ends_with(ours))
		return length;
	target.remove_suffix(ours.size());
	std::memcpy(buffer + target.size(), known.data(), known.size());
	return static_cast<ssize_t>(target.size() + known.size());
}

// readlink() in programs built with _FORTIFY_SOURCE
ssize_t __readlink_chk(const char *path, char *buffer, std::size_t size, std::size_t room)
{
	if (size > room)
		std::abort();
	return readlink(path, buffer, size);
}

int sigaction(int number, const struct sigaction *wanted, struct sigaction *was) noexcept
{
	if (number == SIGSEGV)
		return change_action(wanted, was);
	return libc().sigaction(number, wanted, was);
}

sighandler_t signal(int number, sighandler_t handler) noexcept
{
	struct sigaction wanted = {};
	struct sigaction was = {};

	wanted.sa_handler = handler;
	wanted.sa_flags = SA_RESTART;
	return sigaction(number, &wanted, &was) ? SIG_ERR : was.sa_handler;
}

} // extern "C"

#pragma GCC visibility pop

// NOLINTEND(readability-inconsistent-declaration-parameter-name)
// NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp)
