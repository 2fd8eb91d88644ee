// SPDX-License-Identifier: GPL-2.0-only
// A fake host: sysfs as files, modules as vectors.
#pragma once

#include <deque>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "error.hpp"
#include "kernel.hpp"
#include "verbs.hpp"

namespace riodctl::test {

// A directory that the destructor removes with its contents.
class TempDir {
public:
	TempDir();
	TempDir(const TempDir &) = delete;
	TempDir &operator=(const TempDir &) = delete;
	~TempDir();

	const std::filesystem::path &path() const { return path_; }

private:
	std::filesystem::path path_;
};

// sysfs whose driver files behave like those of the kernel's driver core.
class FakeSysfs final : public Sysfs {
public:
	explicit FakeSysfs(const std::filesystem::path &root) : Sysfs(root) {}

	void write(const std::filesystem::path &relative, const std::string &value) override;

	// Driver that matches a function without an override.
	std::map<std::string, std::string> native;
	// errno of a driver's probe.
	std::map<std::string, int> probe_error;
	std::vector<std::string> writes; // "path=value"

private:
	void attach(const std::string &address, const std::string &driver);
};

struct PciSpec {
	std::string address;
	// Bound and matching driver.  Without the braces g++ warns about omitted members.
	std::string driver{}; // NOLINT(readability-redundant-member-init)
	std::uint32_t class_code = 0x010802;
	std::string group = "7"; // empty: no IOMMU
	bool reset = true;
	unsigned int header_type = 0;
};

class FakeKernel final : public Kernel {
public:
	bool present() override { return is_present; }
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

	std::uint32_t last_id() const { return last_id_; }

	bool is_present = true;
	std::vector<Export> export_list;
	std::vector<Attachment> attachment_list;
	std::vector<ExportRequest> new_requests;
	std::vector<ExportChange> changes;
	std::string not_allowed; // what export_set() returns
	std::vector<AttachRequest> attach_requests;
	std::vector<std::string> log; // "export_del nvme0 force"
	std::vector<Event> events;
	std::deque<std::vector<Event>> streams; // instead of @events, one for each monitor()
	std::deque<KernelError> attach_errors;  // of the first attempts
	bool lists = false;                     // attach() adds to attachment_list
	std::function<void()> on_dump;          // before each answer of exports()
	std::function<void()> on_attachments;   // of attachments()
	std::vector<Offer> offers;
	bool slow = false;               // attaching, or taking back, takes long
	Removal removal = Removal::gone; // result of a detach
	// Errors by command: "attach", or "attach 192.0.2.1" for one host.
	std::map<std::string, KernelError> refuse;

private:
	void maybe_refuse(const std::string &command) const;

	std::uint32_t last_id_ = 0;
};

// Everything that a verb needs; run() is the whole program except main().
class Host {
public:
	Host();

	PciDevice add_pci(const PciSpec &spec);
	// Adds a disk below a function (or below none: "virtual"), or a partition of a disk.
	void add_disk(const std::string &below, const std::string &name,
		      const std::string &number) const;
	void add_partition(const std::string &below, const std::string &disk,
			   const std::string &name, const std::string &number) const;
	void add_holder(const std::string &node_dir, const std::string &holder) const;
	void add_net(const std::string &below, const std::string &name, unsigned int flags) const;
	void add_module(const std::string &name) const { mkdir("sys/module/" + name); }
	void add_process(int pid, const std::string &comm, const std::string &open_file) const;

	void mkdir(const std::filesystem::path &relative) const;
	void file(const std::filesystem::path &relative, const std::string &text) const;
	void link(const std::filesystem::path &relative, const std::filesystem::path &to) const;
	std::string driver(const std::string &address);
	std::string read(const std::string &relative);

	// Exit status of "riodctl WORDS..."
	int run(const std::vector<std::string> &words);

	TempDir dir;
	FakeSysfs sysfs{dir.path()};
	FakeKernel kernel;
	std::vector<std::string> loads; // modules and modaliases requested
	int load_error = 0;             // errno of loading
	std::set<std::string> missing;  // names that no module has
	Modules modules;
	std::vector<std::string> claimed_nodes;
	std::map<std::string, std::vector<std::string>> addresses;
	std::map<std::string, std::vector<std::string>> hosts;
	std::set<std::uint16_t> taken_ports; // by other programs
	std::size_t columns = 0;
	std::vector<double> pauses;     // that a verb made
	std::size_t max_pauses = 1000;  // the next one is interrupted
	std::function<void()> on_pause; // in each pause
	double now = 0;
	std::string device_name = "Red Hat, Inc. QEMU NVM Express Controller";
	Probes probes;
	std::ostringstream out;
	std::ostringstream err;
};

Export make_export(const std::string &name, const std::vector<std::string> &devices);
Attachment make_attachment(std::uint32_t id, const std::string &device);

} // namespace riodctl::test
