// SPDX-License-Identifier: GPL-2.0-only
// riodctl - control riod's modules.  cli.cpp holds the table of verbs.
#include <iostream>

#include "cli.hpp"
#include "genl.hpp"

int main(int argc, char **argv)
{
	riodctl::Sysfs sysfs;
	const auto kernel = riodctl::make_genl_kernel();
	const riodctl::Modules modules(sysfs);
	const riodctl::Probes probes = riodctl::system_probes();

	return riodctl::run(argc, argv, sysfs, *kernel, modules, probes, std::cout, std::cerr);
}
