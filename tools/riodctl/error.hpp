// SPDX-License-Identifier: GPL-2.0-only
// Errors: a sentence with a remedy and an exit status.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace riodctl {

// Documented in riodctl(8); scripts depend on the numbers.
enum class Exit : std::uint8_t {
	ok = 0,
	failed = 1,
	usage = 2,
	not_found = 3,
	permission = 4,
	busy = 5,
	unreachable = 6,
	interrupted = 130,
};

class Error : public std::runtime_error {
public:
	Error(Exit exit, const std::string &message, std::string remedy = {})
		: std::runtime_error(message), exit_(exit), remedy_(std::move(remedy))
	{
	}

	Exit exit() const { return exit_; }
	const std::string &remedy() const { return remedy_; }

private:
	Exit exit_;
	std::string remedy_;
};

// The kernel refused a command: the errno, and the extended-ack text if any.
class KernelError : public std::runtime_error {
public:
	explicit KernelError(int err, const std::string &text = {})
		: std::runtime_error(text), err_(err)
	{
	}

	int err() const { return err_; }

private:
	int err_;
};

Exit exit_of_errno(int err);

// "cannot attach nvme0: the export is busy", with @remedy
// or, if that is empty, the usual one for the errno.
Error explain(std::string_view action, const KernelError &error, std::string remedy = {});

// Like explain(), for a request to @peer ("192.0.2.1:7463"), which the text names once, either
// the kernel's part or ours.  Exit::unreachable means that no peer answered.
Error explain_peer(std::string_view action, std::string_view peer, const KernelError &error);

// For a host without an RDMA adapter that leads to the peer.
constexpr const char *rdma_remedy = "on Ethernet: modprobe rdma_rxe && "
				    "rdma link add rxe0 type rxe netdev DEVICE";

Error usage_error(const std::string &message, std::string remedy = {});

} // namespace riodctl
