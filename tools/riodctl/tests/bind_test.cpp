// SPDX-License-Identifier: GPL-2.0-only
// bind and unbind, with their checks and roll-backs.
#include <algorithm>
#include <cerrno>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fixture.hpp"

namespace riodctl::test {
namespace {

using nlohmann::json;

constexpr const char *a = "0000:03:00.0";
constexpr const char *b = "0000:03:00.1";

class Bind : public Verbs {
protected:
	bool untouched(const char *address, const char *driver)
	{
		return host.driver(address) == driver &&
		       host.read(std::string("sys/bus/pci/devices/") + address +
				 "/driver_override") == "(null)";
	}

	void mount_on(const char *address)
	{
		host.add_disk(address, "nvme0n1", "259:0");
		host.file("proc/self/mountinfo", "1 1 259:0 / /mnt rw - ext4 /dev/nvme0n1 rw\n");
	}
};

TEST_F(Bind, TakesTheDeviceAndExportsIt)
{
	host.add_pci({.address = a, .driver = "nvme"});
	EXPECT_EQ(host.run({"bind", "03:00.0", "--export", "--name", "disk", "--allow",
			    "192.0.2.9/24", "--allow", "2001:db8::/32", "--port", "99"}),
		  0);
	EXPECT_EQ(host.driver(a), "riod_stub");
	EXPECT_EQ(host.read(std::string("sys/bus/pci/devices/") + a + "/driver_override"),
		  "riod_stub");
	ASSERT_EQ(host.kernel.new_requests.size(), 1U);
	const ExportRequest &request = host.kernel.new_requests.front();
	EXPECT_EQ(request.name, "disk");
	EXPECT_EQ(request.devices, std::vector<std::string>{a});
	EXPECT_EQ(request.allow.size(), 2U);
	EXPECT_EQ(request.port, 99);
	EXPECT_FALSE(request.no_reset);
	EXPECT_TRUE(in(host.out, "0000:03:00.0 (NVMe, 1b36:0010): nvme -> riod_stub"));
	EXPECT_TRUE(in(host.out, "exported as 'disk' on tcp port 99"));
	EXPECT_TRUE(in(host.err, "192.0.2.9/24 is taken as 192.0.2.0/24"));
}

TEST_F(Bind, WithoutAllowListItSaysHowToOpenIt)
{
	host.add_pci({.address = a, .driver = "nvme"});
	EXPECT_EQ(host.run({"bind", a, "--export"}), 0);
	EXPECT_TRUE(in(host.err, "only peers on this host (loopback) may attach"));
	EXPECT_TRUE(in(host.err, "'riodctl allow 0000:03:00.0 CIDR'"));
}

TEST_F(Bind, WithoutExportNothingIsOffered)
{
	host.add_pci({.address = a, .driver = "nvme"});
	EXPECT_EQ(host.run({"bind", a}), 0);
	EXPECT_EQ(host.driver(a), "riod_stub");
	EXPECT_TRUE(host.kernel.new_requests.empty());
}

TEST_F(Bind, Json)
{
	host.add_pci({.address = a, .driver = "nvme"});
	EXPECT_EQ(host.run({"bind", a, "--export", "--json"}), 0);
	const json document = json::parse(host.out.str());
	EXPECT_EQ(document["export"], a);
	EXPECT_EQ(document["functions"][0]["driver_before"], "nvme");
	EXPECT_EQ(document["functions"][0]["vendor"], "0x1b36");
	EXPECT_EQ(document["notes"].size(), 1U);
	EXPECT_EQ(host.err.str(), "");
}

TEST_F(Bind, LoadsTheModule)
{
	std::filesystem::remove(host.dir.path() / "sys/module/riod_stub");
	host.add_pci({.address = a, .driver = "nvme"});
	EXPECT_EQ(host.run({"bind", a}), 0);
	EXPECT_EQ(host.loads, std::vector<std::string>{"riod_stub"});
}

TEST_F(Bind, ModuleThatCannotBeLoadedChangesNothing)
{
	std::filesystem::remove(host.dir.path() / "sys/module/riod_stub");
	host.load_error = EKEYREJECTED;
	host.add_pci({.address = a, .driver = "nvme"});
	EXPECT_EQ(host.run({"bind", a}), 1);
	EXPECT_TRUE(untouched(a, "nvme"));
	EXPECT_TRUE(in(host.err, "cannot load the module riod_stub: Key was rejected"));
	EXPECT_TRUE(in(host.err, "mokutil"));
	host.load_error = ENOENT;
	EXPECT_EQ(host.run({"bind", a}), 1);
	EXPECT_TRUE(in(host.err, "it is not installed for Linux"));
	EXPECT_TRUE(in(host.err, "insmod riod_core.ko && insmod riod_stub.ko"));
	host.load_error = ENOEXEC;
	EXPECT_EQ(host.run({"bind", a}), 1);
	EXPECT_TRUE(in(host.err, "Exec format error"));
}

TEST_F(Bind, UnknownDevice)
{
	EXPECT_EQ(host.run({"bind", a}), 3);
	EXPECT_TRUE(in(host.err, "there is no PCI device 0000:03:00.0"));
}

TEST_F(Bind, NoAddressIsUsage)
{
	EXPECT_EQ(host.run({"bind", "disk"}), 2);
	EXPECT_EQ(host.run({"bind"}), 2);
	EXPECT_EQ(host.run({"bind", a, "--allow", "192.0.2.0/24"}), 2);
	EXPECT_EQ(host.run({"bind", a, "--export", "--allow", "192.0.2.0/40"}), 2);
	EXPECT_EQ(host.run({"bind", a, "--export", "--port", "0"}), 2);
	EXPECT_EQ(host.run({"bind", a, "--export", "--port", "65536"}), 2);
	EXPECT_EQ(host.run({"bind", a, "--export", "--name", std::string(64, 'x')}), 2);
}

TEST_F(Bind, Bridge)
{
	host.add_pci(
		{.address = a, .driver = "pcieport", .class_code = 0x060400, .header_type = 1});
	EXPECT_EQ(host.run({"bind", a, "--force"}), 1);
	EXPECT_TRUE(in(host.err, "is a bridge"));
	EXPECT_TRUE(untouched(a, "pcieport"));
}

TEST_F(Bind, AnAttachmentIsNotExportedOn)
{
	host.add_pci({.address = a, .driver = "riod_frontend"});
	EXPECT_EQ(host.run({"bind", a, "--force"}), 1);
	EXPECT_TRUE(in(host.err, "is an attachment"));
}

TEST_F(Bind, InUseIsRefusedUnlessForced)
{
	host.add_pci({.address = a, .driver = "nvme"});
	mount_on(a);
	EXPECT_EQ(host.run({"bind", a, "--export"}), 5);
	EXPECT_TRUE(in(host.err, "is in use: nvme0n1 is mounted on /mnt"));
	EXPECT_TRUE(in(host.err, "umount /mnt"));
	EXPECT_TRUE(in(host.err, "--force"));
	EXPECT_TRUE(untouched(a, "nvme"));
	EXPECT_EQ(host.run({"bind", a, "--export", "--force"}), 0);
	EXPECT_TRUE(in(host.err, "forced: "));
	EXPECT_EQ(host.driver(a), "riod_stub");
}

TEST_F(Bind, ErrorAsJson)
{
	host.add_pci({.address = a, .driver = "nvme"});
	mount_on(a);
	EXPECT_EQ(host.run({"bind", a, "--json"}), 5);
	const json document = json::parse(host.out.str());
	EXPECT_EQ(document["error"]["exit"], 5);
	EXPECT_NE(document["error"]["message"].get<std::string>().find("mounted"),
		  std::string::npos);
}

TEST_F(Bind, NoIommu)
{
	host.add_pci({.address = a, .driver = "nvme", .group = ""});
	EXPECT_EQ(host.run({"bind", a}), 1);
	EXPECT_TRUE(in(host.err, "behind no IOMMU"));
	EXPECT_TRUE(in(host.err, "intel_iommu=on"));
}

TEST_F(Bind, GroupIsTakenTogether)
{
	host.add_pci({.address = a, .driver = "igb", .class_code = 0x0b4000});
	host.add_pci({.address = b, .driver = "igb", .class_code = 0x0b4000});
	host.add_pci({.address = "0000:00:1c.0",
		      .driver = "pcieport",
		      .class_code = 0x060400,
		      .header_type = 1});
	EXPECT_EQ(host.run({"bind", a}), 1);
	EXPECT_TRUE(in(host.err, "shares IOMMU group 7 with 0000:03:00.1"));
	EXPECT_TRUE(in(host.err, "riodctl bind 0000:03:00.0 0000:03:00.1\n"));
	EXPECT_TRUE(untouched(a, "igb"));
	EXPECT_EQ(host.run({"bind", a, b, "--export"}), 0);
	EXPECT_EQ(host.driver(b), "riod_stub");
	EXPECT_EQ(host.kernel.new_requests.front().devices, (std::vector<std::string>{a, b}));
}

TEST_F(Bind, NoResetMustBeAccepted)
{
	host.add_pci({.address = a, .driver = "nvme", .reset = false});
	EXPECT_EQ(host.run({"bind", a, "--export"}), 1);
	EXPECT_TRUE(in(host.err, "no way of being reset"));
	EXPECT_TRUE(in(host.err, "--no-reset"));
	EXPECT_EQ(host.run({"bind", a, "--export", "--no-reset"}), 0);
	EXPECT_TRUE(host.kernel.new_requests.front().no_reset);
}

TEST_F(Bind, DryRunOnlyChecks)
{
	host.add_pci({.address = a, .driver = "nvme"});
	EXPECT_EQ(host.run({"bind", a, "--export", "--dry-run"}), 0);
	EXPECT_TRUE(untouched(a, "nvme"));
	EXPECT_TRUE(host.sysfs.writes.empty());
	EXPECT_TRUE(host.kernel.new_requests.empty());
}

// Each of these is detected before any function is taken from its driver.
TEST_F(Bind, EverythingIsCheckedBeforeADriverIsUnbound)
{
	host.add_pci({.address = a, .driver = "nvme"});
	host.add_pci({.address = "0000:04:00.0", .driver = "nvme", .group = "8"});
	ASSERT_EQ(host.run({"bind", "0000:04:00.0", "--export", "--name", "disk"}), 0);
	host.taken_ports = {99};
	const std::vector<std::pair<std::vector<std::string>, int>> cases = {
		{{"--name", "disk"}, 1},
		{{"--port", "99"}, 5},
		{{"--name", "a b"}, 2},
		{{"0000:04:00.0"}, 5},
	};
	for (const auto &[words, exit] : cases) {
		for (const bool dry_run : {false, true}) {
			std::vector<std::string> command = {"bind", a, "--export", "--force"};
			command.insert(command.end(), words.begin(), words.end());
			if (dry_run)
				command.emplace_back("--dry-run");
			host.sysfs.writes.clear();
			EXPECT_EQ(host.run(command), exit) << words.back() << host.err.str();
			EXPECT_TRUE(host.sysfs.writes.empty()) << words.back();
			EXPECT_EQ(host.driver(a), "nvme") << words.back();
		}
	}
}

TEST_F(Bind, ForceDoesNotExportWhatTheModulesWouldRefuse)
{
	host.add_pci({.address = a, .driver = "nvme", .group = ""});
	EXPECT_EQ(host.run({"bind", a, "--export", "--force"}), 1);
	EXPECT_TRUE(in(host.err, "behind no IOMMU"));
	EXPECT_TRUE(host.sysfs.writes.empty());
	EXPECT_EQ(host.run({"bind", a, "--force"}), 0);
	host.add_pci({.address = "0000:04:00.0", .driver = "nvme", .group = "8", .reset = false});
	EXPECT_EQ(host.run({"bind", "0000:04:00.0", "--export", "--force"}), 1);
	EXPECT_TRUE(in(host.err, "--no-reset"));
	EXPECT_EQ(host.driver("0000:04:00.0"), "nvme");
}

TEST_F(Bind, DryRunGivesTheVerdict)
{
	std::filesystem::remove(host.dir.path() / "sys/module/riod_stub");
	host.add_pci({.address = a, .driver = "nvme"});
	host.load_error = ENOENT;
	EXPECT_EQ(host.run({"bind", a, "--dry-run"}), 1);
	EXPECT_TRUE(in(host.err, "cannot load the module riod_stub"));
	host.load_error = 0;
	EXPECT_EQ(host.run({"bind", a, "--dry-run"}), 0);
	EXPECT_TRUE(host.loads.empty());
	std::filesystem::remove(host.dir.path() / "sys/devices/pci0000:00" / a / "driver_override");
	EXPECT_EQ(host.run({"bind", a, "--dry-run"}), 4);
	EXPECT_EQ(host.run({"bind", a}), 4);
	EXPECT_TRUE(host.sysfs.writes.empty());
}

TEST_F(Bind, TwiceIsTheSameAsOnce)
{
	host.add_pci({.address = a, .driver = "nvme"});
	EXPECT_EQ(host.run({"bind", a, "--export", "--allow", "192.0.2.0/24"}), 0);
	const auto writes = host.sysfs.writes.size();
	EXPECT_EQ(host.run({"bind", a, "--export", "--allow", "192.0.2.0/24"}), 0);
	EXPECT_TRUE(in(host.err, "bound to riod_stub already"));
	EXPECT_TRUE(in(host.err, "exported already, as '0000:03:00.0'"));
	EXPECT_EQ(host.sysfs.writes.size(), writes);
	EXPECT_EQ(host.kernel.new_requests.size(), 1U);
}

TEST_F(Bind, OtherSettingsAreRefused)
{
	host.add_pci({.address = a, .driver = "nvme"});
	EXPECT_EQ(host.run({"bind", a, "--export"}), 0);
	EXPECT_EQ(host.run({"bind", a, "--export", "--allow", "192.0.2.0/24"}), 5);
	EXPECT_TRUE(in(host.err, "with another allow list"));
	EXPECT_TRUE(in(host.err, "try: riodctl allow 0000:03:00.0 192.0.2.0/24\n"));
	EXPECT_EQ(host.run({"bind", a, "--export", "--allow", "192.0.2.0/24", "--port", "99"}), 5);
	EXPECT_TRUE(in(host.err, "with another allow list, port"));
	EXPECT_TRUE(in(host.err, "riodctl unbind 0000:03:00.0"));
	EXPECT_EQ(host.driver(a), "riod_stub");
}

TEST_F(Bind, OnAnotherTransport)
{
	host.add_pci({.address = a, .driver = "nvme"});
	host.missing = {"riod-pigeon"};
	EXPECT_EQ(host.run({"bind", a, "--export", "--transport", "pigeon"}), 3);
	EXPECT_TRUE(in(host.err, "there is no transport 'pigeon': no module riod-pigeon"));
	EXPECT_TRUE(in(host.err, "try: use tcp"));
	EXPECT_TRUE(untouched(a, "nvme"));
	EXPECT_EQ(host.run({"bind", a, "--export", "--transport", "pigeon", "--dry-run"}), 3);
	EXPECT_EQ(host.run({"bind", a, "--export", "--transport", "no good"}), 2);
	EXPECT_EQ(host.run({"bind", a, "--transport", "rdma"}), 2);
	EXPECT_TRUE(untouched(a, "nvme"));
	// a port of TCP that is taken is none of its own
	host.taken_ports = {7463};
	EXPECT_EQ(host.run({"bind", a, "--export"}), 5);
	EXPECT_EQ(host.run({"bind", a, "--export", "--transport", "rdma"}), 0);
	EXPECT_TRUE(in(host.out, "on rdma port 7463"));
	EXPECT_TRUE(in(host.err, "no RDMA device yet; on Ethernet: modprobe rdma_rxe"));
	EXPECT_EQ(host.kernel.new_requests.back().transports, std::vector<std::string>{"rdma"});
	EXPECT_NE(std::ranges::find(host.loads, "riod-rdma"), host.loads.end());
	EXPECT_EQ(host.run({"list"}), 0);
	EXPECT_TRUE(in(host.out, "7463/rdma"));
	EXPECT_EQ(host.run({"bind", a, "--export"}), 5);
	EXPECT_TRUE(in(host.err, "with another transport"));
}

TEST_F(Bind, OnSeveralTransports)
{
	const std::vector<std::string> words = {
		"bind", a, "--export", "--transport", "tcp", "--transport", "rdma"};

	host.add_pci({.address = a, .driver = "nvme"});
	// one that cannot be loaded is refused before the device is taken
	host.missing = {"riod-rdma"};
	EXPECT_EQ(host.run(words), 3);
	EXPECT_TRUE(in(host.err, "there is no transport 'rdma'"));
	EXPECT_TRUE(untouched(a, "nvme"));
	host.missing.clear();
	host.taken_ports = {7463};
	EXPECT_EQ(host.run(words), 5);
	EXPECT_TRUE(in(host.err, "TCP port 7463 is used by another program"));
	EXPECT_TRUE(untouched(a, "nvme"));
	host.taken_ports.clear();
	EXPECT_EQ(host.run({"bind", a, "--export", "--transport", "t1", "--transport", "t2",
			    "--transport", "t3", "--transport", "t4", "--transport", "t5"}),
		  2);
	EXPECT_TRUE(in(host.err, "at most 4 transports"));
	// each option has one value: a function may follow
	EXPECT_EQ(host.run({"bind", "--export", "--transport", "tcp", "--transport", "rdma",
			    "--transport", "tcp", a}),
		  0);
	EXPECT_TRUE(in(host.out, "on tcp and rdma port 7463"));
	EXPECT_EQ(host.kernel.new_requests.back().transports,
		  (std::vector<std::string>{"tcp", "rdma"}));
	EXPECT_EQ(host.run({"list"}), 0);
	EXPECT_TRUE(in(host.out, "7463/tcp,rdma"));
	EXPECT_EQ(host.run({"status", a}), 0);
	EXPECT_TRUE(in(host.out, "7463, transport tcp and rdma"));
	// the order says nothing; fewer are others
	EXPECT_EQ(host.run({"bind", a, "--export", "--transport", "rdma", "--transport", "tcp"}),
		  0);
	EXPECT_TRUE(in(host.err, "exported already"));
	EXPECT_EQ(host.run({"bind", a, "--export"}), 5);
	EXPECT_TRUE(in(host.err, "with another transport"));
	EXPECT_EQ(host.kernel.new_requests.size(), 1U);
}

// The port of an export that listens on TCP, too, is taken by riod.
TEST_F(Bind, SharesThePortOfSeveralTransports)
{
	host.add_pci({.address = a, .driver = "nvme"});
	host.add_pci({.address = b, .driver = "nvme", .group = "8"});
	EXPECT_EQ(host.run({"bind", a, "--export", "--transport", "rdma", "--transport", "tcp"}),
		  0);
	host.taken_ports = {7463};
	EXPECT_EQ(host.run({"bind", b, "--export"}), 0);
}

TEST_F(Bind, RefusedExportGivesTheDeviceBack)
{
	host.add_pci({.address = a, .driver = "nvme"});
	host.kernel.refuse.emplace("export_new",
				   KernelError(EINVAL, "interrupt remapping is off; boot with it"));
	EXPECT_EQ(host.run({"bind", a, "--export"}), 1);
	EXPECT_TRUE(in(host.err, "cannot export 0000:03:00.0: interrupt remapping is off"));
	EXPECT_TRUE(in(host.err, "0000:03:00.0 is back with nvme"));
	EXPECT_TRUE(untouched(a, "nvme"));
}

TEST_F(Bind, RefusedExportLeavesWhatWasBoundBefore)
{
	host.add_pci({.address = a, .driver = "nvme"});
	EXPECT_EQ(host.run({"bind", a}), 0);
	host.kernel.refuse.emplace("export_new", KernelError(EBUSY));
	EXPECT_EQ(host.run({"bind", a, "--export"}), 5);
	EXPECT_EQ(host.driver(a), "riod_stub");
}

TEST_F(Bind, RefusedProbeGivesAllBack)
{
	host.add_pci({.address = a, .driver = "nvme"});
	host.add_pci({.address = b, .driver = "igb"});
	host.sysfs.probe_error["riod_stub"] = ENOMEM;
	EXPECT_EQ(host.run({"bind", a, b}), 1);
	EXPECT_TRUE(in(host.err, "cannot bind riod_stub to 0000:03:00.0"));
	EXPECT_TRUE(untouched(a, "nvme"));
	EXPECT_TRUE(untouched(b, "igb"));
}

TEST_F(Bind, RollBackKeepsAnOverride)
{
	host.add_pci({.address = a, .driver = "vfio-pci"});
	host.file("sys/devices/pci0000:00/0000:03:00.0/driver_override", "vfio-pci\n");
	host.kernel.refuse.emplace("export_new", KernelError(EINVAL));
	EXPECT_EQ(host.run({"bind", a, "--export"}), 1);
	EXPECT_EQ(host.driver(a), "vfio-pci");
	EXPECT_EQ(host.read(std::string("sys/bus/pci/devices/") + a + "/driver_override"),
		  "vfio-pci");
}

TEST_F(Bind, NotRoot)
{
	host.add_pci({.address = a, .driver = "nvme"});
	host.kernel.refuse.emplace("export_new", KernelError(EPERM));
	EXPECT_EQ(host.run({"bind", a, "--export"}), 4);
	EXPECT_TRUE(in(host.err, "as root"));
}

class Unbind : public Bind {
protected:
	void exported(const std::vector<std::string> &addresses, const std::string &name)
	{
		std::vector<std::string> words = {"bind", "--export", "--name", name};

		for (const auto &address : addresses) {
			host.add_pci({.address = address, .driver = "nvme"});
			words.push_back(address);
		}
		ASSERT_EQ(host.run(words), 0);
	}
};

TEST_F(Unbind, ByAddress)
{
	exported({a}, "disk");
	EXPECT_EQ(host.run({"unbind", "03:00.0"}), 0);
	EXPECT_EQ(host.kernel.log, std::vector<std::string>{"export_del disk"});
	EXPECT_TRUE(untouched(a, "nvme"));
	EXPECT_TRUE(in(host.out, "0000:03:00.0: riod_stub -> nvme"));
}

TEST_F(Unbind, ByNameGivesAllFunctionsBack)
{
	exported({a, b}, "nic");
	EXPECT_EQ(host.run({"unbind", "nic"}), 0);
	EXPECT_TRUE(untouched(a, "nvme"));
	EXPECT_TRUE(untouched(b, "nvme"));
}

TEST_F(Unbind, BothFunctionsNamedIsOneExport)
{
	exported({a, b}, "nic");
	EXPECT_EQ(host.run({"unbind", a, b, "--json"}), 0);
	EXPECT_EQ(host.kernel.log.size(), 1U);
	const json document = json::parse(host.out.str());
	EXPECT_EQ(document["exports"], json({"nic"}));
	EXPECT_EQ(document["functions"].size(), 2U);
}

TEST_F(Unbind, BoundWithoutExport)
{
	host.add_pci({.address = a, .driver = "nvme"});
	ASSERT_EQ(host.run({"bind", a}), 0);
	EXPECT_EQ(host.run({"unbind", a}), 0);
	EXPECT_TRUE(untouched(a, "nvme"));
}

TEST_F(Unbind, WithoutTheFamily)
{
	host.add_pci({.address = a, .driver = "nvme"});
	ASSERT_EQ(host.run({"bind", a}), 0);
	host.kernel.is_present = false;
	EXPECT_EQ(host.run({"unbind", a}), 0);
	EXPECT_TRUE(untouched(a, "nvme"));
}

TEST_F(Unbind, AttachedPeer)
{
	exported({a}, "disk");
	host.kernel.export_list.front().peer = "192.0.2.7:4711";
	host.kernel.refuse.emplace("export_del", KernelError(EBUSY, "192.0.2.7 is attached"));
	EXPECT_EQ(host.run({"unbind", "disk"}), 5);
	EXPECT_TRUE(in(host.err, "192.0.2.7 is attached"));
	EXPECT_TRUE(in(host.err, "--force"));
	EXPECT_EQ(host.driver(a), "riod_stub");
	EXPECT_EQ(host.run({"unbind", "disk", "--force"}), 0);
	EXPECT_EQ(host.driver(a), "nvme");
}

TEST_F(Unbind, TakesLong)
{
	exported({a}, "disk");
	host.kernel.slow = true;
	EXPECT_EQ(host.run({"unbind", "disk"}), 0);
	EXPECT_TRUE(in(host.err, "waiting until 'disk' is reset"));
	EXPECT_TRUE(untouched(a, "nvme"));
}

// the export goes all the same, but its function stays with riod_stub for a later unbind
TEST_F(Unbind, Interrupted)
{
	exported({a}, "disk");
	host.kernel.refuse.emplace("export_del", KernelError(EINTR));
	EXPECT_EQ(host.run({"unbind", "disk"}), 130);
	EXPECT_TRUE(in(host.err, "'disk' is being taken back all the same"));
	EXPECT_TRUE(in(host.err, "riodctl unbind 0000:03:00.0"));
	EXPECT_EQ(host.driver(a), "riod_stub");
}

TEST_F(Unbind, TheFormerDriverNotTheMatchingOne)
{
	host.add_pci({.address = a, .driver = "vfio-pci"});
	host.sysfs.native[a] = "nvme";
	host.file("sys/devices/pci0000:00/0000:03:00.0/driver_override", "vfio-pci\n");
	ASSERT_EQ(host.run({"bind", a, "--export"}), 0);
	EXPECT_EQ(host.run({"unbind", a}), 0);
	EXPECT_EQ(host.driver(a), "vfio-pci");
	EXPECT_EQ(host.read(std::string("sys/bus/pci/devices/") + a + "/driver_override"),
		  "vfio-pci");
	// bound by an ID written to new_id, so there is no override
	host.file("sys/devices/pci0000:00/0000:03:00.0/driver_override", "(null)\n");
	ASSERT_EQ(host.run({"bind", a}), 0);
	EXPECT_EQ(host.run({"unbind", a}), 0);
	EXPECT_TRUE(untouched(a, "vfio-pci"));
	EXPECT_FALSE(host.sysfs.exists(std::string("run/riodctl/") + a));
}

TEST_F(Unbind, AFormerDriverThatRefuses)
{
	host.add_pci({.address = a, .driver = "igb"});
	host.sysfs.native[a] = "nvme";
	ASSERT_EQ(host.run({"bind", a}), 0);
	host.sysfs.probe_error["igb"] = ENODEV;
	EXPECT_EQ(host.run({"unbind", a}), 0);
	EXPECT_TRUE(untouched(a, "nvme"));
}

TEST_F(Unbind, AfterTheStubWasUnloaded)
{
	host.add_pci({.address = a, .driver = "vfio-pci"});
	host.sysfs.native[a] = "nvme";
	ASSERT_EQ(host.run({"bind", a}), 0);
	std::filesystem::remove(host.dir.path() / "sys/bus/pci/devices" / a / "driver");
	std::filesystem::remove_all(host.dir.path() / "sys/bus/pci/drivers/riod_stub");
	host.kernel.is_present = false;
	EXPECT_EQ(host.run({"unbind", a}), 0);
	EXPECT_TRUE(in(host.out, "0000:03:00.0: no driver -> vfio-pci"));
	EXPECT_TRUE(untouched(a, "vfio-pci"));
}

TEST_F(Unbind, BoundAgainAfterTheStubWasUnloaded)
{
	host.add_pci({.address = a, .driver = "nvme"});
	ASSERT_EQ(host.run({"bind", a}), 0);
	std::filesystem::remove(host.dir.path() / "sys/bus/pci/devices" / a / "driver");
	ASSERT_EQ(host.run({"bind", a}), 0);
	host.sysfs.native.erase(a);
	EXPECT_EQ(host.run({"unbind", a}), 0);
	EXPECT_TRUE(untouched(a, "nvme"));
}

TEST_F(Bind, AFailedBindLeavesNoRecord)
{
	host.add_pci({.address = a, .driver = "nvme"});
	host.kernel.refuse.emplace("export_new", KernelError(EINVAL));
	EXPECT_EQ(host.run({"bind", a, "--export"}), 1);
	EXPECT_FALSE(host.sysfs.exists(std::string("run/riodctl/") + a));
}

TEST_F(Unbind, OtherDriver)
{
	exported({a}, "disk");
	EXPECT_EQ(host.run({"unbind", a, "--driver", "vfio-pci"}), 0);
	EXPECT_EQ(host.driver(a), "vfio-pci");
}

TEST_F(Unbind, NotBound)
{
	host.add_pci({.address = a, .driver = "nvme"});
	EXPECT_EQ(host.run({"unbind", a}), 0);
	EXPECT_TRUE(in(host.err, "is not bound to riod_stub; its driver is nvme"));
	EXPECT_TRUE(host.sysfs.writes.empty());
}

TEST_F(Unbind, UnknownTargetTouchesNothing)
{
	exported({a}, "disk");
	EXPECT_EQ(host.run({"unbind", "disk", "dsik"}), 3);
	EXPECT_EQ(host.driver(a), "riod_stub");
	EXPECT_TRUE(host.kernel.log.empty());
	EXPECT_EQ(host.run({"unbind", "0000:09:00.0"}), 3);
}

TEST_F(Unbind, NoDriverOfItsOwn)
{
	exported({a}, "disk");
	host.sysfs.native.clear();
	host.sysfs.probe_error["nvme"] = ENODEV;
	EXPECT_EQ(host.run({"unbind", a}), 0);
	EXPECT_TRUE(in(host.err, "no driver of this host took 0000:03:00.0"));
}

} // namespace
} // namespace riodctl::test
