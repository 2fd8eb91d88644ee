// SPDX-License-Identifier: GPL-2.0-only
// Finding exports and attachments by what people call them.
#pragma once

#include <string>
#include <vector>

#include "model.hpp"
#include "verbs.hpp"

namespace riodctl {

struct Objects {
	std::vector<Export> exports;
	std::vector<Attachment> attachments;
};

// All of this host; empty where riod_core is not loaded.  Throws Error.
Objects all_objects(const Context &context);

// Loads riod_core where it is missing: that there is nothing can be said only of modules
// that are there.  Throws Error.
void require_core(const Context &context);

// Those that @target names: an export's name, an attachment's number, the PCI
// address of a function of either.  All where it is empty; throws Error where
// it names none.
Objects select_objects(const Context &context, const std::string &target);

// The export that @target names.  Throws Error.
Export select_export(const Context &context, const std::string &target);

// The one attachment that @target names.  Throws Error.
Attachment select_attachment(const Context &context, const std::string &target);

// Full form of a PCI address, or @text as it is.
std::string canonical_address(const std::string &text);

bool holds(const std::vector<std::string> &devices, const std::string &address);

} // namespace riodctl
