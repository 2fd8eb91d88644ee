// SPDX-License-Identifier: GPL-2.0-only
// riodctl - controls riod's modules.  cli.cpp has the table of verbs.
#include <cstdio>
#include <exception>
#include <iostream>

#include "cli.hpp"
#include "error.hpp"
#include "genl.hpp"

int main(int argc, char **argv)
{
	try {
		riodctl::Sysfs sysfs;
		const auto kernel = riodctl::make_genl_kernel();
		const riodctl::Modules modules(sysfs);
		const riodctl::Probes probes = riodctl::system_probes();

		return riodctl::run(argc, argv, sysfs, *kernel, modules, probes, std::cout,
				    std::cerr);
	} catch (const std::exception &error) {
		// Errors that run() cannot print, such as lack of memory.
		(void)std::fprintf(stderr, "riodctl: %s\n", error.what());
		return static_cast<int>(riodctl::Exit::failed);
	}
}
