// SPDX-License-Identifier: GPL-2.0-only
#include "error.hpp"

#include <cerrno>
#include <system_error>

#include <fmt/format.h>

namespace riodctl {

namespace {

std::string usual_remedy(int err)
{
	if (err == EPERM)
		return "run riodctl as root; it needs CAP_SYS_ADMIN in the initial user namespace";
	if (exit_of_errno(err) == Exit::unreachable) {
		return "check that the address and the port are right, that the server host has an "
		       "export ('riodctl list' there) and that no firewall is in the way";
	}
	return {};
}

// Removes a full stop or line feed at the end of a kernel text, as it becomes part of a sentence.
std::string_view trimmed(std::string_view text)
{
	while (!text.empty() && (text.back() == '.' || text.back() == '\n' || text.back() == ' '))
		text.remove_suffix(1);
	return text;
}

} // namespace

Exit exit_of_errno(int err)
{
	switch (err) {
	case 0:
		return Exit::ok;
	case ENOENT:
	case ENODEV:
	case ENXIO:
	case ESRCH:
		return Exit::not_found;
	case EPERM:
	case EACCES:
		return Exit::permission;
	case EBUSY:
	case EADDRINUSE:
		return Exit::busy;
	case ECONNREFUSED:
	case ECONNRESET:
	case ECONNABORTED:
	case ENOTCONN:
	case EPIPE:
	case ETIMEDOUT:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN:
	case EADDRNOTAVAIL:
		return Exit::unreachable;
	case EINTR:
		return Exit::interrupted;
	default:
		return Exit::failed;
	}
}

Error explain(std::string_view action, const KernelError &error, std::string remedy)
{
	const std::string_view text = trimmed(error.what());
	const std::string why =
		text.empty() ? std::generic_category().message(error.err()) : std::string(text);

	// A kernel text includes its remedy; the usual one for the errno would be a guess.
	if (remedy.empty() && (text.empty() || error.err() == EPERM))
		remedy = usual_remedy(error.err());
	return {exit_of_errno(error.err()), fmt::format("cannot {}: {}", action, why),
		std::move(remedy)};
}

Error explain_peer(std::string_view action, std::string_view peer, const KernelError &error)
{
	const std::string_view text = error.what();
	const bool named = text.find(peer) != std::string_view::npos;
	Error plain =
		explain(named ? std::string(action) : fmt::format("{} at {}", action, peer), error);

	// "PEER refused: ..." comes from the peer, whatever the errno; a closed port refuses
	// "the connection".
	if (text.find(" refused: ") != std::string_view::npos) {
		return {Exit::failed, plain.what(),
			error.err() == EPROTONOSUPPORT
				? "install the same release of riod on both hosts"
				: plain.remedy()};
	}
	if (text.find("no RDMA device") != std::string_view::npos)
		return {plain.exit(), plain.what(), rdma_remedy};
	// a firewall refused the connection, and root could not do more
	if (error.err() == EPERM && !text.empty())
		return {plain.exit(), plain.what()};
	return plain;
}

Error usage_error(const std::string &message, std::string remedy)
{
	return {Exit::usage, message, std::move(remedy)};
}

} // namespace riodctl
