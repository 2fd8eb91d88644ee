// SPDX-License-Identifier: GPL-2.0-only
// What make_genl_kernel() makes.  Its methods: attach and detach in genl_attach.cpp,
// export_del in genl_unbind.cpp, monitor in genl_monitor.cpp, the others in genl.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "genl_attr.hpp"
#include "genl_socket.hpp"
#include "interrupt.hpp"
#include "kernel.hpp"

namespace riodctl {

class Following;

class GenlKernel final : public Kernel {
public:
	bool present() override;
	std::string export_new(const ExportRequest &request) override;
	std::string export_set(const ExportChange &change) override;
	void export_del(const std::string &name, bool force,
			const std::function<void()> &waiting) override;
	std::vector<Export> exports() override;
	AttachResult attach(const AttachRequest &request,
			    const std::function<void()> &waiting) override;
	Removal detach(std::uint32_t id, bool force) override;
	std::vector<Attachment> attachments() override;
	Remote discover(const std::string &host, std::uint16_t port,
			const std::string &transport) override;
	void monitor(const std::function<bool()> &ready,
		     const std::function<bool(const Event &)> &event) override;

private:
	nl_sock *socket();
	int resolve();
	int family();
	Message request(int command, int flags);
	void execute(nl_msg *msg);
	Socket subscribe(int more_group);
	bool is_exported(const std::string &name);
	std::optional<Attachment> find_attachment(std::uint32_t id);
	void cancel(Following &following, std::uint32_t id);
	Removal wait_gone(Following &following, std::uint32_t id, bool gone,
			  const InterruptGuard *guard);
	template <typename Decode>
	auto dump(int command, Decode decode) -> std::vector<decltype(decode(Attrs({})))>;

	Socket socket_;
	int family_ = -1; // as resolve() found it last
};

} // namespace riodctl
