// SPDX-License-Identifier: GPL-2.0-only
// Attempts to attach: one, or again and again.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "error.hpp"
#include "net.hpp"
#include "verbs.hpp"

namespace riodctl {

// What a failed attempt means for the next one.
enum class Outlook : std::uint8_t {
	passing,  // it may succeed
	lasting,  // it would fail in the same way: this command or a host's software has to change
	detached, // somebody ended the attempt (riodctl detach) and wants none
};

class AttachError : public Error {
public:
	AttachError(const Error &error, Outlook outlook) : Error(error), outlook_(outlook) {}

	Outlook outlook() const { return outlook_; }

private:
	Outlook outlook_;
};

// Throws a usage Error.
AttachRequest attach_request(const Endpoint &endpoint, const AttachOptions &options);

// Tries the addresses in turn; the first that answers decides, even if it refuses.  Sets the
// host in @request.  @again: the same was tried before, so nothing is printed, and the exports
// of a server host that refuses are not listed, unless one has to be named.  Throws AttachError, or
// Error if interrupted.
AttachResult attach_once(const Context &context, AttachRequest &request,
			 const std::vector<std::string> &addresses, bool again);

nlohmann::json attached_json(const Context &context, const AttachRequest &request,
			     const AttachResult &result);

// attach --persist
void persist(const Context &context, const Endpoint &endpoint, const AttachRequest &request);

} // namespace riodctl
