// SPDX-License-Identifier: GPL-2.0-only
// riodctl's verbs: one function each, in the file of that name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel.hpp"
#include "modules.hpp"
#include "output.hpp"
#include "sysfs.hpp"
#include "uses.hpp"

namespace riodctl {

// Environment of the verbs; tests fill it with fakes.
struct Context {
	Sysfs &sysfs;
	Kernel &kernel;
	const Modules &modules;
	const Probes &probes;
	Output &out;
};

struct BindOptions {
	std::vector<std::string> addresses;
	bool exported = false;
	std::string name;
	std::vector<std::string> allow;
	std::uint16_t port = default_port;
	std::vector<std::string> transports; // none: the default
	bool no_reset = false;
	bool force = false;
	bool dry_run = false;
};

struct AllowOptions {
	std::string target;
	std::vector<std::string> networks;
	bool add = false;
	bool remove = false;
	bool clear = false;
	bool force = false;
};

struct UnbindOptions {
	std::vector<std::string> targets;
	std::string driver;
	bool force = false;
};

struct AttachOptions {
	std::string host;
	std::string export_name;
	std::string limit;
	std::string profile;
	std::vector<unsigned> shadow_bars;
	bool sync_writes = false;
	std::string on_loss;      // empty: the modules' default
	std::string loss_timeout; // empty: the server host's
	bool persist = false;
};

struct DetachOptions {
	std::string target;
	bool force = false;
};

struct ListOptions {
	std::string host;
	bool devices = false;
	bool names = false;
};

struct StatsOptions {
	std::string target;
	double watch = 0; // seconds; 0: once
	bool all = false; // every counter
};

struct MonitorOptions {
	unsigned int count = 0; // 0: for ever
};

struct QemuOptions {
	std::string target;
	bool virtio_iommu = false;
	bool libvirt = false;
	bool libvirt_domain = false;
};

struct ExecOptions {
	std::string library;              // empty: the installed one
	std::vector<std::string> command; // at least one word
};

// Each throws Error or KernelError.
void bind(const Context &context, const BindOptions &options);
void allow(const Context &context, const AllowOptions &options);
void unbind(const Context &context, const UnbindOptions &options);
void attach(const Context &context, const AttachOptions &options);
void detach(const Context &context, const DetachOptions &options);
void list(const Context &context, const ListOptions &options);
void status(const Context &context, const std::string &target);
void stats(const Context &context, const StatsOptions &options);
void monitor(const Context &context, const MonitorOptions &options);
void qemu(const Context &context, const QemuOptions &options);
// Returns only by throwing.
[[noreturn]] void exec(const ExecOptions &options);

} // namespace riodctl
