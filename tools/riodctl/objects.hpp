// SPDX-License-Identifier: GPL-2.0-only
// Finds exports and attachments by name, number or address.
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

// All objects of this host; empty if riod_core is not loaded.  Throws Error.
Objects all_objects(const Context &context);

// Loads riod_core if it is missing, because an empty answer is only meaningful from loaded
// modules.  Throws Error.
void require_core(const Context &context);

// The objects that @target selects: an export's name, an attachment's number, the PCI
// address of a function of either.  All objects if it is empty; throws Error if
// there is none.
Objects select_objects(const Context &context, const std::string &target);

// The export that @target selects.  Throws Error.
Export select_export(const Context &context, const std::string &target);

// The attachment that @target selects.  Throws Error if it is not exactly one.
Attachment select_attachment(const Context &context, const std::string &target);

// Full form of a PCI address; other texts are returned unchanged.
std::string canonical_address(const std::string &text);

bool holds(const std::vector<std::string> &devices, const std::string &address);

} // namespace riodctl
