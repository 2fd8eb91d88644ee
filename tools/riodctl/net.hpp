// SPDX-License-Identifier: GPL-2.0-only
// Hosts, ports and address ranges.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model.hpp"

namespace riodctl {

// HOST, HOST:PORT, [V6]:PORT or a bare IPv6 address, with or without TRANSPORT:// before it.
// Throws a usage Error.
struct Endpoint {
	std::string transport = default_transport;
	std::string host;
	std::uint16_t port = default_port;

	static Endpoint parse(const std::string &whole);
};

// "192.0.2.1:7463", "[2001:db8::1]:7463"
std::string endpoint_str(const std::string &host, std::uint16_t port);
// "tcp://192.0.2.1:7463"
std::string url_str(const std::string &transport, const std::string &host, std::uint16_t port);

// Throws a usage Error unless it can be the name of a transport.
void check_transport_name(const std::string &name);

// ADDRESS or ADDRESS/LENGTH; clears host bits and sets @masked if there were any.
// Throws a usage Error.
Cidr parse_cidr(const std::string &text, bool *masked = nullptr);
std::string cidr_str(const Cidr &cidr);

// Numeric addresses of @host in the resolver's order, without duplicates.  Throws Error, also if
// interrupted (interrupt.hpp).
std::vector<std::string> resolve(const std::string &host);

// The same with another resolver, which may run on after an interruption.
using Lookup = std::function<std::vector<std::string>(const std::string &host)>;
std::vector<std::string> resolve_with(const Lookup &lookup, const std::string &host);

} // namespace riodctl
