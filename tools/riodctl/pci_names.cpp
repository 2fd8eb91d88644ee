// SPDX-License-Identifier: GPL-2.0-only
#include "pci_names.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>

extern "C" {
#include <pci/pci.h>
}

namespace riodctl {

namespace {

struct AccessFree {
	void operator()(pci_access *access) const { pci_cleanup(access); }
};
using Access = std::unique_ptr<pci_access, AccessFree>;

// libpci requires print functions; only the text of a fatal error matters.
// NOLINTBEGIN(cert-dcl50-cpp): their type is libpci's, and clang's [[noreturn]] is not of the type
__attribute__((noreturn)) void fatal(char *text, ...)
{
	(void)std::fprintf(stderr, "riodctl: cannot read pci.ids: %s\n", text);
	std::exit(1);
}

void ignore(char * /*text*/, ...) {}

// NOLINTEND(cert-dcl50-cpp)

// No pci_init(): it searches for an access method to devices, which names do not need.
Access open_names()
{
	Access access(pci_alloc());

	access->error = fatal;
	access->warning = ignore;
	access->debug = ignore;
	return access;
}

} // namespace

std::string pci_device_name(const Identity &identity)
{
	static const Access access = open_names();
	std::array<char, 256> buffer{};
	constexpr int flags = PCI_LOOKUP_VENDOR | PCI_LOOKUP_DEVICE | PCI_LOOKUP_NO_NUMBERS;
	const char *name = pci_lookup_name(access.get(), buffer.data(), buffer.size(), flags,
					   int{identity.vendor}, int{identity.device});

	return name ? name : "";
}

} // namespace riodctl
