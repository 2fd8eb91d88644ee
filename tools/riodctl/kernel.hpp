// SPDX-License-Identifier: GPL-2.0-only
// Commands of the modules: GenlKernel (genl_kernel.hpp) sends them to the kernel, tests use a fake.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model.hpp"

namespace riodctl {

class Kernel {
public:
	Kernel() = default;
	Kernel(const Kernel &) = delete;
	Kernel &operator=(const Kernel &) = delete;
	virtual ~Kernel() = default;

	// True if the family exists, that is, if riod_core is loaded.
	virtual bool present() = 0;

	// The following throw KernelError if the kernel refuses.
	virtual std::string export_new(const ExportRequest &request) = 0;
	// Returns the attached peer that is no longer allowed, or an empty string.
	virtual std::string export_set(const ExportChange &change) = 0;
	// Waits until the export is gone.  If interrupted it throws KernelError with EINTR, and the
	// removal goes on.  Calls @waiting once if it takes long.
	virtual void export_del(const std::string &name, bool force,
				const std::function<void()> &waiting) = 0;
	virtual std::vector<Export> exports() = 0;
	// Waits until the functions have left the bus or cannot leave it.
	virtual Removal detach(std::uint32_t id, bool force) = 0;
	virtual std::vector<Attachment> attachments() = 0;
	virtual Remote discover(const std::string &host, std::uint16_t port,
				const std::string &transport) = 0;

	// If interrupted (interrupt.hpp) it throws KernelError with EINTR and leaves nothing
	// attached, unless the text says so.  Calls @waiting once if it takes long.
	virtual AttachResult attach(const AttachRequest &request,
				    const std::function<void()> &waiting) = 0;

	// Subscribes, calls @ready once, then @event for each event until either returns false
	// or the process is interrupted.
	virtual void monitor(const std::function<bool()> &ready,
			     const std::function<bool(const Event &)> &event) = 0;
};

} // namespace riodctl
