// SPDX-License-Identifier: GPL-2.0-only
#include "net.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "error.hpp"
#include "interrupt.hpp"

namespace riodctl {

namespace {

std::optional<unsigned int> number(std::string_view text, unsigned int max)
{
	unsigned int value = 0;
	const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);

	if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value > max)
		return std::nullopt;
	return value;
}

std::uint16_t parse_port(std::string_view text, const std::string &whole)
{
	const auto port = number(text, 65535);

	if (!port || *port == 0) {
		throw usage_error(fmt::format("'{}' has no valid port after the colon", whole),
				  "a port is a number from 1 to 65535");
	}
	return static_cast<std::uint16_t>(*port);
}

bool mask_host_bits(Cidr &cidr)
{
	bool changed = false;

	for (unsigned int i = 0; i < cidr.address.size(); i++) {
		const unsigned int first = i * 8;
		const unsigned int keep =
			cidr.prefix_len <= first ? 0 : std::min(8U, cidr.prefix_len - first);
		const auto masked =
			static_cast<std::uint8_t>(cidr.address.at(i) & (0xff00U >> keep));
		changed |= masked != cidr.address.at(i);
		cidr.address.at(i) = masked;
	}
	return changed;
}

} // namespace

// Accepts the same characters as riod_transport_name_valid() of the modules.
void check_transport_name(const std::string &name)
{
	const bool valid = std::ranges::all_of(name, [](unsigned char c) {
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		       c == '-' || c == '_';
	});

	if (name.empty() || name.size() > 15 || !valid) {
		throw usage_error(
			fmt::format("'{}' is no name of a transport", name),
			"a name has up to 15 letters, digits, hyphens and underscores: tcp");
	}
}

Endpoint Endpoint::parse(const std::string &whole)
{
	const auto scheme = whole.find("://");
	const std::string text = scheme == std::string::npos ? whole : whole.substr(scheme + 3);
	const auto colon = text.rfind(':');
	Endpoint e;

	if (scheme != std::string::npos) {
		e.transport = whole.substr(0, scheme);
		check_transport_name(e.transport);
	}
	if (!text.empty() && text.front() == '[') {
		const auto close = text.find(']');
		if (close == std::string::npos ||
		    (close + 1 != text.size() && text.at(close + 1) != ':'))
			throw usage_error(fmt::format("'{}' is not an [ADDRESS]:PORT", text));
		e.host = text.substr(1, close - 1);
		if (close + 1 != text.size())
			e.port = parse_port(std::string_view(text).substr(close + 2), text);
	} else if (colon != std::string::npos && text.find(':') == colon) {
		e.host = text.substr(0, colon);
		e.port = parse_port(std::string_view(text).substr(colon + 1), text);
	} else {
		e.host = text; // no colon: a name; several: a bare IPv6 address
	}
	if (e.host.empty())
		throw usage_error(fmt::format("'{}' contains no host", whole));
	return e;
}

std::string endpoint_str(const std::string &host, std::uint16_t port)
{
	if (host.find(':') != std::string::npos)
		return fmt::format("[{}]:{}", host, port);
	return fmt::format("{}:{}", host, port);
}

std::string url_str(const std::string &transport, const std::string &host, std::uint16_t port)
{
	return fmt::format("{}://{}", transport, endpoint_str(host, port));
}

Cidr parse_cidr(const std::string &text, bool *masked)
{
	const auto slash = text.find('/');
	const std::string address = text.substr(0, slash);
	Cidr cidr;

	cidr.family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
	const unsigned int bits = cidr.family == AF_INET ? 32 : 128;
	const auto length = slash == std::string::npos
				    ? bits
				    : number(std::string_view(text).substr(slash + 1), bits);
	if (!length || inet_pton(cidr.family, address.c_str(), cidr.address.data()) != 1) {
		throw usage_error(fmt::format("'{}' is not an address range", text),
				  "write it as 192.0.2.0/24, 192.0.2.7 or 2001:db8::/32");
	}
	cidr.prefix_len = static_cast<std::uint8_t>(*length);
	const bool changed = mask_host_bits(cidr);
	if (masked)
		*masked = changed;
	return cidr;
}

std::string cidr_str(const Cidr &cidr)
{
	std::array<char, INET6_ADDRSTRLEN> text{};

	if (!inet_ntop(cidr.family, cidr.address.data(), text.data(), text.size()))
		return fmt::format("family-{}", cidr.family);
	return fmt::format("{}/{}", text.data(), cidr.prefix_len);
}

namespace {

// @flags: AI_*
std::vector<std::string> lookup(const std::string &host, int flags)
{
	addrinfo hints{};
	addrinfo *list = nullptr;
	std::vector<std::string> found;

	hints.ai_socktype = SOCK_STREAM;
	hints.ai_flags = flags;
	const int rc = getaddrinfo(host.c_str(), nullptr, &hints, &list);
	if (rc != 0) {
		throw Error(rc == EAI_NONAME ? Exit::not_found : Exit::unreachable,
			    fmt::format("cannot resolve '{}': {}", host,
					rc == EAI_SYSTEM ? std::strerror(errno) : gai_strerror(rc)),
			    "give a name that 'getent hosts' finds, or a numeric address");
	}
	const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(list, freeaddrinfo);
	for (const addrinfo *a = list; a; a = a->ai_next) {
		std::array<char, NI_MAXHOST> text{};
		if (getnameinfo(a->ai_addr, a->ai_addrlen, text.data(), text.size(), nullptr, 0,
				NI_NUMERICHOST) == 0 &&
		    std::ranges::find(found, text.data()) == found.end())
			found.emplace_back(text.data());
	}
	return found;
}

// The result of a lookup, which the thread that waits for it may have left.
class Answer {
public:
	Answer() : event_(eventfd(0, EFD_CLOEXEC))
	{
		if (event_ < 0)
			throw Error(Exit::failed, "out of file descriptors");
	}
	Answer(const Answer &) = delete;
	Answer &operator=(const Answer &) = delete;
	~Answer() { close(event_); }

	void run(const Lookup &lookup, const std::string &host)
	{
		try {
			addresses_ = lookup(host);
		} catch (...) {
			error_ = std::current_exception();
		}
		const std::uint64_t one = 1;
		// it cannot fail: the counter is 0
		(void)!write(event_, &one, sizeof(one));
	}

	// Returns false if interrupted.
	bool wait(const InterruptGuard &guard) const
	{
		pollfd fd = {.fd = event_, .events = POLLIN, .revents = 0};

		while (!interrupted()) {
			if (ppoll(&fd, 1, nullptr, &guard.wait_mask()) > 0)
				return true;
		}
		return false;
	}

	// After wait().
	std::vector<std::string> take()
	{
		if (error_)
			std::rethrow_exception(error_);
		return std::move(addresses_);
	}

private:
	int event_;
	std::vector<std::string> addresses_;
	std::exception_ptr error_;
};

} // namespace

// In a thread of its own: getaddrinfo() waits for half a minute if no name server answers, and
// no signal ends that.  The thread inherits the blocked signals, so this one gets them.
std::vector<std::string> resolve_with(const Lookup &lookup, const std::string &host)
{
	const InterruptGuard guard;
	const auto answer = std::make_shared<Answer>();

	std::thread([answer, lookup, host] { answer->run(lookup, host); }).detach();
	if (!answer->wait(guard))
		throw Error(Exit::interrupted, {});
	return answer->take();
}

std::vector<std::string> resolve(const std::string &host)
{
	try {
		return lookup(host, AI_NUMERICHOST);
	} catch (const Error &) {
		return resolve_with([](const std::string &name) { return lookup(name, 0); }, host);
	}
}

} // namespace riodctl
