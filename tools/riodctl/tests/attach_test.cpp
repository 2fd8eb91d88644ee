// SPDX-License-Identifier: GPL-2.0-only
// attach and detach.
#include <cerrno>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fixture.hpp"

namespace riodctl::test {
namespace {

using nlohmann::json;

using Attach = Verbs;

TEST_F(Attach, PrintsTheFunctionAndTheArguments)
{
	host.add_pci({.address = "0001:00:00.0", .driver = "riod_frontend"});
	EXPECT_EQ(
		host.run({"attach", "192.0.2.1:99", "nvme0", "--limit", "2M", "--profile", "none"}),
		0);
	const AttachRequest &request = host.kernel.attach_requests.front();
	EXPECT_EQ(request.host, "192.0.2.1");
	EXPECT_EQ(request.port, 99);
	EXPECT_EQ(request.export_name, "nvme0");
	EXPECT_EQ(request.limit, 2U << 20);
	EXPECT_EQ(request.profile, "none");
	EXPECT_EQ(request.shadow_bars, 0);
	EXPECT_FALSE(request.sync_writes);
	EXPECT_TRUE(in(host.out, "attached 'nvme0' of 192.0.2.1:99 as attachment 1"));
	EXPECT_TRUE(in(host.out, "  0001:00:00.0 (NVMe, 1b36:0010)\n"));
	EXPECT_TRUE(in(host.out, "  -machine q35,accel=kvm,kernel-irqchip=split\n"
				 "  -device intel-iommu,intremap=on,caching-mode=on\n"
				 "  -device pcie-root-port,id=riod1,bus=pcie.0,chassis=74,slot=1\n"
				 "  -device vfio-pci,host=0001:00:00.0,id=riod1-fn0,bus=riod1\n"));
}

TEST_F(Attach, ByTheTransportOfItsName)
{
	EXPECT_EQ(host.run({"attach", "tcp://192.0.2.1:99"}), 0);
	EXPECT_EQ(host.kernel.attach_requests.back().transport, "tcp");
	EXPECT_EQ(host.kernel.attach_requests.back().host, "192.0.2.1");
	EXPECT_EQ(host.kernel.attach_requests.back().port, 99);
	EXPECT_TRUE(host.loads.empty());
	EXPECT_EQ(host.run({"attach", "rdma://[2001:db8::1]", "--json"}), 0);
	EXPECT_EQ(host.kernel.attach_requests.back().transport, "rdma");
	EXPECT_EQ(document()["transport"], "rdma");
	EXPECT_EQ(host.loads, std::vector<std::string>{"riod-rdma"});
	host.missing = {"riod-pigeon"};
	EXPECT_EQ(host.run({"attach", "pigeon://192.0.2.1"}), 3);
	EXPECT_TRUE(in(host.err, "there is no transport 'pigeon'"));
	EXPECT_EQ(host.run({"list", "pigeon://192.0.2.1"}), 3);
	EXPECT_EQ(host.kernel.attach_requests.size(), 2U);
	EXPECT_EQ(host.run({"list", "rdma://192.0.2.1"}), 0);
	EXPECT_EQ(host.kernel.log, std::vector<std::string>{"discover rdma://192.0.2.1"});
	// what was insmod()ed and is not installed
	host.missing = {"riod-my-own"};
	host.add_module("riod_my_own");
	EXPECT_EQ(host.run({"attach", "my-own://192.0.2.1"}), 0);
}

TEST_F(Attach, TheOffersOfAPeerAreAskedForTheSameWay)
{
	host.kernel.refuse.emplace("attach",
				   KernelError(ECONNREFUSED, "192.0.2.1:7463 refused: which one?"));
	host.kernel.offers = {{.name = "disk0"}, {.name = "nic"}};
	EXPECT_EQ(host.run({"attach", "rdma://192.0.2.1"}), 2);
	EXPECT_EQ(host.kernel.log, std::vector<std::string>{"discover rdma://192.0.2.1"});
	EXPECT_TRUE(in(host.err, "riodctl attach rdma://192.0.2.1:7463 disk0"));
}

TEST_F(Attach, WithoutAnAdapter)
{
	host.kernel.refuse.emplace(
		"attach", KernelError(ENODEV, "192.0.2.1:7463 cannot be reached: no RDMA device "
					      "here leads to it"));
	EXPECT_NE(host.run({"attach", "rdma://192.0.2.1"}), 0);
	EXPECT_TRUE(in(host.err, "no RDMA device here leads to it"));
	EXPECT_TRUE(in(host.err, "rdma link add rxe0 type rxe netdev DEVICE"));
}

TEST_F(Attach, WritesThatWait)
{
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "--sync-writes"}), 0);
	EXPECT_TRUE(host.kernel.attach_requests.front().sync_writes);
}

TEST_F(Attach, WhatALossDoes)
{
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "--on-loss", "stall", "--loss-timeout", "30s"}),
		  0);
	EXPECT_EQ(host.kernel.attach_requests.back().on_loss, RIOD_ON_LOSS_STALL);
	EXPECT_EQ(host.kernel.attach_requests.back().lost_ms, 30000U);
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "--on-loss", "remove"}), 0);
	EXPECT_EQ(host.kernel.attach_requests.back().on_loss, RIOD_ON_LOSS_REMOVE);
	EXPECT_FALSE(host.kernel.attach_requests.back().lost_ms);
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "--on-loss=error", "--loss-timeout=100ms"}), 0);
	EXPECT_EQ(host.kernel.attach_requests.back().on_loss, RIOD_ON_LOSS_ERROR);
	EXPECT_EQ(host.kernel.attach_requests.back().lost_ms, 100U);
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "--loss-timeout", "10m"}), 0);
	EXPECT_FALSE(host.kernel.attach_requests.back().on_loss);
	EXPECT_EQ(host.kernel.attach_requests.back().lost_ms, 600000U);
	EXPECT_EQ(host.kernel.attach_requests.size(), 4U);
	for (const char *time : {"99ms", "601s", "11m", "10", "s", "1h", "-1s", "1.5s"}) {
		EXPECT_EQ(host.run({"attach", "192.0.2.1", "--loss-timeout", time}), 2) << time;
		EXPECT_TRUE(in(host.err, "  try: ")) << time;
	}
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "--on-loss", "pray"}), 2);
	EXPECT_EQ(host.kernel.attach_requests.size(), 4U);
}

TEST_F(Attach, BarsThatAreMemory)
{
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "--shadow-bar", "2", "--shadow-bar=0"}), 0);
	EXPECT_EQ(host.kernel.attach_requests.front().shadow_bars, 5);
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "--shadow-bar", "6"}), 2);
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "--shadow-bar", "-1"}), 2);
	EXPECT_EQ(host.kernel.attach_requests.size(), 1);
}

TEST_F(Attach, WithoutOptionsTheKernelDecides)
{
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "--json"}), 0);
	const AttachRequest &request = host.kernel.attach_requests.front();
	EXPECT_EQ(request.port, 7463);
	EXPECT_FALSE(request.limit);
	EXPECT_FALSE(request.on_loss);
	EXPECT_FALSE(request.lost_ms);
	EXPECT_FALSE(request.profile);
	EXPECT_EQ(request.export_name, "");
	EXPECT_EQ(document()["id"], 1);
	EXPECT_EQ(document()["functions"], json({"0001:00:00.0"}));
	EXPECT_EQ(document()["qemu_args"].size(), 8U);
}

TEST_F(Attach, ShortAddressAsName)
{
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "03:00.0"}), 0);
	EXPECT_EQ(host.kernel.attach_requests.front().export_name, "0000:03:00.0");
}

TEST_F(Attach, TriesTheNextAddress)
{
	host.hosts["server1"] = {"2001:db8::1", "192.0.2.1"};
	host.kernel.refuse.emplace("attach 2001:db8::1", KernelError(ENETUNREACH, "no route"));
	EXPECT_EQ(host.run({"attach", "server1"}), 0);
	EXPECT_EQ(host.kernel.attach_requests.size(), 2U);
	EXPECT_TRUE(in(host.err, "cannot attach at [2001:db8::1]:7463: no route"));
}

TEST_F(Attach, UnreachablePeer)
{
	host.kernel.refuse.emplace("attach", KernelError(ETIMEDOUT));
	EXPECT_EQ(host.run({"attach", "192.0.2.1"}), 6);
	EXPECT_TRUE(host.kernel.log.empty()) << "asked a silent peer twice";
	host.kernel.refuse.clear();
	host.kernel.refuse.emplace("attach", KernelError(ECONNREFUSED));
	host.kernel.refuse.emplace("discover", KernelError(ECONNREFUSED));
	EXPECT_EQ(host.run({"attach", "192.0.2.1"}), 6);
	EXPECT_TRUE(in(host.err, "try: check that the address"));
}

TEST_F(Attach, SeveralExportsAreListed)
{
	host.kernel.refuse.emplace("attach",
				   KernelError(ECONNREFUSED, "192.0.2.1:7463 refused: which one?"));
	host.kernel.offers = {{.name = "disk0", .busy = false}, {.name = "nic", .busy = true}};
	EXPECT_EQ(host.run({"attach", "192.0.2.1"}), 2);
	EXPECT_TRUE(in(host.out, "disk0"));
	EXPECT_TRUE(in(host.out, "busy"));
	EXPECT_TRUE(in(host.err, "has 2 exports, and none was named"));
	EXPECT_TRUE(in(host.err, "riodctl attach 192.0.2.1:7463 disk0"));
}

TEST_F(Attach, WrongName)
{
	host.kernel.refuse.emplace(
		"attach", KernelError(ECONNREFUSED, "192.0.2.1:7463 refused: no such export"));
	host.kernel.offers = {{.name = "disk0"}};
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "disk1"}), 3);
	EXPECT_TRUE(in(host.err, "has no export 'disk1'"));
	EXPECT_TRUE(in(host.out, "disk0"));
}

TEST_F(Attach, TakenExport)
{
	host.kernel.refuse.emplace("attach",
				   KernelError(ECONNREFUSED, "192.0.2.1:7463 refused: it is busy"));
	host.kernel.offers = {{.name = "disk0", .busy = true}};
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "disk0"}), 5);
	EXPECT_TRUE(in(host.err, "cannot attach 'disk0': 192.0.2.1:7463 refused: it is busy"));
	EXPECT_EQ(host.run({"attach", "192.0.2.1"}), 5);
}

// Right after our own failed attempt the export is still busy with it.
TEST_F(Attach, ABadOptionHasItsOwnRemedy)
{
	host.kernel.offers = {{.name = "disk0", .busy = true}};
	host.kernel.refuse.emplace(
		"attach",
		KernelError(ENOENT, "no profile has that name; there are nvme, virtio, none"));
	EXPECT_NE(host.run({"attach", "192.0.2.1", "disk0", "--profile", "nmve"}), 5);
	EXPECT_TRUE(in(host.err, "there are nvme, virtio, none\n"));
	EXPECT_TRUE(in(host.err, "leave out --profile"));
	EXPECT_EQ(host.err.str().find("--force"), std::string::npos);
	host.kernel.refuse.clear();
	host.kernel.refuse.emplace(
		"attach", KernelError(EINVAL, "BAR 2 is smaller than a page: leave it out"));
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "disk0", "--shadow-bar", "2"}), 1);
	EXPECT_TRUE(in(host.err, "BAR 2 is smaller than a page"));
	EXPECT_TRUE(in(host.err, "lspci -v"));
	host.kernel.refuse.clear();
	host.kernel.refuse.emplace("attach", KernelError(ENOMEM, "out of memory"));
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "disk0"}), 1);
	EXPECT_EQ(host.err.str().find("--force"), std::string::npos);
	EXPECT_TRUE(host.kernel.log.empty()) << "asked the peer what this host refused";
}

TEST_F(Attach, PeerThatRefusesUsIsNotUnreachable)
{
	const KernelError refusal(ECONNREFUSED, "192.0.2.1:7463 refused: not in the allow list");
	host.kernel.refuse.emplace("attach", refusal);
	host.kernel.refuse.emplace("discover", refusal);
	EXPECT_EQ(host.run({"attach", "192.0.2.1"}), 1);
	EXPECT_TRUE(in(host.err, "not in the allow list"));
	EXPECT_EQ(host.run({"list", "192.0.2.1"}), 1);
	host.hosts["server1"] = {"192.0.2.1", "192.0.2.2"};
	EXPECT_EQ(host.run({"attach", "server1"}), 1);
	EXPECT_EQ(host.kernel.attach_requests.size(), 2U) << "went on after a refusal";
}

TEST_F(Attach, PeerOfAnotherVersion)
{
	host.kernel.refuse.emplace(
		"attach",
		KernelError(EPROTONOSUPPORT,
			    "192.0.2.1:7463 refused: this host speaks version 7, the peer 1"));
	EXPECT_EQ(host.run({"attach", "192.0.2.1"}), 1);
	EXPECT_TRUE(in(host.err, "this host speaks version 7, the peer 1"));
	EXPECT_TRUE(in(host.err, "same release of riod on both hosts"));
}

TEST_F(Attach, Interrupted)
{
	host.kernel.refuse.emplace("attach", KernelError(EINTR));
	EXPECT_EQ(host.run({"attach", "192.0.2.1"}), 130);
	EXPECT_TRUE(in(host.err, "nothing is attached"));
	// while the server host is asked why it refused
	host.kernel.refuse.clear();
	host.kernel.attach_errors = {
		KernelError(ECONNREFUSED, "192.0.2.1:7463 refused: there is no export 'x'")};
	host.kernel.refuse.emplace("discover", KernelError(EINTR));
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "x"}), 130);
	EXPECT_TRUE(in(host.err, "nothing is attached"));
	// somebody detached the attempt
	host.kernel.refuse.clear();
	host.kernel.attach_errors = {KernelError(ECANCELED, "the attempt was ended by a detach")};
	EXPECT_EQ(host.run({"attach", "192.0.2.1"}), 130);
	EXPECT_TRUE(in(host.err, "ended by a detach"));
}

TEST_F(Attach, SaysWhatItWaitsFor)
{
	EXPECT_EQ(host.run({"attach", "192.0.2.1"}), 0);
	EXPECT_EQ(host.err.str().find("waiting"), std::string::npos);
	host.kernel.slow = true;
	EXPECT_EQ(host.run({"attach", "192.0.2.1"}), 0);
	EXPECT_TRUE(in(host.err, "waiting for 192.0.2.1:7463; Ctrl-C gives up"));
}

TEST_F(Attach, UsageErrors)
{
	EXPECT_EQ(host.run({"attach"}), 2);
	EXPECT_EQ(host.run({"attach", "host:0"}), 2);
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "--limit", "much"}), 2);
	EXPECT_EQ(host.run({"attach", "192.0.2.1", std::string(64, 'x')}), 2);
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "--profile", std::string(32, 'x')}), 2);
	EXPECT_TRUE(host.kernel.attach_requests.empty());
}

using Detach = Verbs;

TEST_F(Detach, ByWhateverNamesIt)
{
	for (const char *target : {"3", "0001:00:00.0", "1:00:00.0", "nvme0"}) {
		host.kernel.attachment_list = {make_attachment(3, "0001:00:00.0"),
					       make_attachment(4, "0001:01:00.0")};
		host.kernel.attachment_list.back().export_name = "3";
		host.kernel.log.clear();
		EXPECT_EQ(host.run({"detach", target}), 0) << target;
		EXPECT_EQ(host.kernel.log, std::vector<std::string>{"detach 3"}) << target;
	}
}

TEST_F(Detach, AmbiguousName)
{
	host.kernel.attachment_list = {make_attachment(3, "0001:00:00.0"),
				       make_attachment(4, "0001:01:00.0")};
	EXPECT_EQ(host.run({"detach", "nvme0"}), 2);
	EXPECT_TRUE(in(host.err, "name one by its number: 3, 4"));
	EXPECT_TRUE(host.kernel.log.empty());
}

TEST_F(Detach, OpenInAGuest)
{
	host.kernel.attachment_list = {make_attachment(3, "0001:00:00.0")};
	host.kernel.refuse.emplace("detach", KernelError(EBUSY, "a guest has it open"));
	EXPECT_EQ(host.run({"detach", "3"}), 5);
	EXPECT_TRUE(in(host.err, "a guest has it open"));
	EXPECT_TRUE(in(host.err, "device_del"));
	EXPECT_EQ(host.err.str().find("(pid"), std::string::npos);
	host.add_pci({.address = "0001:00:00.0", .driver = "riod_frontend", .group = "12"});
	host.add_process(4242, "qemu-system-x86", "/dev/vfio/12");
	EXPECT_EQ(host.run({"detach", "3"}), 5);
	EXPECT_TRUE(in(host.err, "it is open in qemu-system-x86 (pid 4242)"));
	host.kernel.removal = Removal::open;
	EXPECT_EQ(host.run({"detach", "3", "--force"}), 0);
	EXPECT_TRUE(in(host.out, "cut off attachment 3 (0001:00:00.0): the functions leave when "
				 "qemu-system-x86 (pid 4242) closes them"));
	EXPECT_EQ(host.out.str().find("detached"), std::string::npos);
	EXPECT_EQ(host.run({"detach", "3", "--force", "--json"}), 0);
	EXPECT_FALSE(json::parse(host.out.str())["removed"]);
}

// The session is over, and the functions are there.
TEST_F(Detach, DeviceNodeOpen)
{
	host.kernel.attachment_list = {make_attachment(3, "0001:00:00.0")};
	host.kernel.removal = Removal::held;
	EXPECT_EQ(host.run({"detach", "3"}), 5);
	EXPECT_TRUE(in(host.err, "a process has the VFIO device open"));
	host.add_pci({.address = "0001:00:00.0", .driver = "riod_frontend", .group = "12"});
	host.add_process(4242, "sleep", "/dev/vfio/12");
	EXPECT_EQ(host.run({"detach", "3"}), 5);
	EXPECT_TRUE(in(host.err, "sleep (pid 4242) has the VFIO device open"));
}

// It is listed, it can be detached, and it has nothing to give to a guest.
TEST_F(Verbs, Attaching)
{
	Attachment a;
	a.id = 3;
	a.host = "192.0.2.1";
	a.state = RIOD_STATE_ATTACHING;
	host.kernel.attachment_list = {a};
	EXPECT_EQ(host.run({"list"}), 0);
	EXPECT_TRUE(in(host.out, "attaching"));
	EXPECT_EQ(host.out.str().find("0000:0000"), std::string::npos);
	EXPECT_EQ(host.run({"status", "3"}), 0);
	EXPECT_TRUE(in(host.out, "attaching"));
	EXPECT_EQ(host.out.str().find("bus master"), std::string::npos);
	EXPECT_EQ(host.run({"qemu-args", "3"}), 3);
	EXPECT_TRUE(in(host.err, "it is attaching"));
	EXPECT_EQ(host.run({"detach", "3"}), 0);
}

TEST_F(Detach, NotThere)
{
	EXPECT_EQ(host.run({"detach", "3"}), 3);
	host.kernel.is_present = false;
	EXPECT_EQ(host.run({"detach", "3"}), 3);
}

} // namespace
} // namespace riodctl::test
