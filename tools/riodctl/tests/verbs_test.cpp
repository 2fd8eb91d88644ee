// SPDX-License-Identifier: GPL-2.0-only
// allow, and the verbs that print.
#include <algorithm>
#include <cerrno>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fixture.hpp"
#include "net.hpp"

namespace riodctl::test {
namespace {

using nlohmann::json;

class Allow : public Verbs {
protected:
	Allow()
	{
		host.kernel.export_list = {make_export("disk", {"0000:03:00.0"}),
					   make_export("nic", {"0000:04:00.0"})};
		host.kernel.export_list.front().allow = {parse_cidr("192.0.2.0/24")};
	}

	std::string list_of(const std::string &name)
	{
		EXPECT_EQ(host.run({"allow", name, "--json"}), 0);
		return document()["allow"].dump();
	}
};

TEST_F(Allow, ShowsTheList)
{
	EXPECT_EQ(host.run({"allow", "disk"}), 0);
	EXPECT_EQ(host.out.str(), "peers that may attach 'disk': 192.0.2.0/24\n");
	EXPECT_EQ(host.run({"allow", "04:00.0"}), 0);
	EXPECT_EQ(host.out.str(), "peers that may attach 'nic': those on this host (loopback)\n");
	EXPECT_EQ(list_of("disk"), R"(["192.0.2.0/24"])");
	EXPECT_TRUE(host.kernel.changes.empty());
	EXPECT_EQ(host.run({"list"}), 0);
	EXPECT_TRUE(in(host.out, "-     192.0.2.0/24\n"));
	EXPECT_TRUE(in(host.out, "-     this host\n"));
}

TEST_F(Allow, ChangesTheList)
{
	EXPECT_EQ(host.run({"allow", "disk", "203.0.113.0/24", "2001:db8::7"}), 0);
	EXPECT_TRUE(in(host.out, "peers that may attach 'disk': 203.0.113.0/24, 2001:db8::7/128"));
	EXPECT_EQ(host.kernel.changes.back().op, RIOD_ALLOW_OP_REPLACE);
	EXPECT_FALSE(host.kernel.changes.back().force);
	EXPECT_EQ(host.run({"allow", "disk", "--add", "198.51.100.7"}), 0);
	EXPECT_EQ(host.kernel.changes.back().op, RIOD_ALLOW_OP_ADD);
	EXPECT_EQ(host.run({"allow", "disk", "203.0.113.0/24", "2001:db8::7", "--remove"}), 0);
	EXPECT_EQ(host.kernel.changes.back().op, RIOD_ALLOW_OP_REMOVE);
	EXPECT_EQ(list_of("disk"), R"(["198.51.100.7/32"])");
	EXPECT_EQ(host.run({"allow", "0000:03:00.0", "--clear", "--force"}), 0);
	EXPECT_EQ(host.kernel.changes.back().name, "disk");
	EXPECT_EQ(host.kernel.changes.back().op, RIOD_ALLOW_OP_REPLACE);
	EXPECT_TRUE(host.kernel.changes.back().force);
	EXPECT_EQ(list_of("disk"), "[]");
	EXPECT_EQ(list_of("nic"), "[]");
}

TEST_F(Allow, HostBitsAreSaid)
{
	EXPECT_EQ(host.run({"allow", "disk", "192.0.2.7/24", "192.0.2.0/24"}), 0);
	EXPECT_TRUE(in(host.err, "192.0.2.7/24 is taken as 192.0.2.0/24"));
	EXPECT_EQ(host.kernel.changes.back().allow.size(), 1U);
}

TEST_F(Allow, APeerThatStaysIsNamed)
{
	host.kernel.not_allowed = "192.0.2.20:4711";
	EXPECT_EQ(host.run({"allow", "disk", "203.0.113.0/24", "198.51.100.7"}), 0);
	EXPECT_TRUE(in(host.err, "192.0.2.20:4711 is attached, and stays"));
	EXPECT_TRUE(in(host.err, "riodctl allow disk 203.0.113.0/24 198.51.100.7/32 --force\n"));
	EXPECT_EQ(host.run({"allow", "disk", "--clear", "--json"}), 0);
	EXPECT_EQ(document()["peer_not_allowed"], "192.0.2.20:4711");
	EXPECT_NE(document()["notes"][0].get<std::string>().find("allow disk --clear --force"),
		  std::string::npos);
}

TEST_F(Allow, Refused)
{
	EXPECT_EQ(host.run({"allow", "tape", "192.0.2.7"}), 3);
	EXPECT_TRUE(in(host.err, "there is no export 'tape'"));
	EXPECT_TRUE(host.kernel.changes.empty());
	host.kernel.refuse.emplace("export_set",
				   KernelError(ENOENT, "192.0.2.7/32 is not in the allow list"));
	EXPECT_EQ(host.run({"allow", "disk", "--remove", "192.0.2.7"}), 3);
	EXPECT_TRUE(in(host.err, "cannot change the allow list of 'disk': 192.0.2.7/32 is not in"));
	EXPECT_TRUE(in(host.err, "riodctl allow disk\n"));
	host.kernel.refuse.clear();
	host.kernel.refuse.emplace("export_set", KernelError(EPERM));
	EXPECT_EQ(host.run({"allow", "disk", "--add", "192.0.2.7"}), 4);
}

TEST_F(Allow, UsageErrors)
{
	const std::vector<std::vector<std::string>> wrong = {
		{"allow"},
		{"allow", "disk", "nonsense"},
		{"allow", "disk", "192.0.2.0/33"},
		{"allow", "disk", "--add"},
		{"allow", "disk", "--remove"},
		{"allow", "disk", "--force"},
		{"allow", "disk", "--clear", "192.0.2.7"},
		{"allow", "disk", "--clear", "--add", "192.0.2.7"},
		{"allow", "disk", "--remove", "--add", "192.0.2.7"},
	};
	std::vector<std::string> many = {"allow", "disk"};

	for (const auto &words : wrong)
		EXPECT_EQ(host.run(words), 2) << words.back();
	for (int i = 0; i <= 64; i++)
		many.push_back(fmt::format("192.0.2.{}", i));
	EXPECT_EQ(host.run(many), 2);
	EXPECT_TRUE(in(host.err, "at most 64 networks"));
	EXPECT_TRUE(host.kernel.changes.empty());
}

using List = Verbs;

TEST_F(List, NothingIsNoError)
{
	host.kernel.is_present = false;
	EXPECT_EQ(host.run({"list"}), 0);
	EXPECT_TRUE(in(host.out, "nothing is exported or attached"));
	EXPECT_EQ(host.run({"list", "--json"}), 0);
	EXPECT_EQ(document()["exports"], json::array());
}

TEST_F(List, ModulesThatCannotBeLoadedAreNotNothing)
{
	std::filesystem::remove(host.dir.path() / "sys/module/riod_core");
	host.kernel.is_present = false;
	host.load_error = EKEYREJECTED;
	for (const char *verb : {"list", "status", "stats"}) {
		EXPECT_EQ(host.run({verb}), 1) << verb;
		EXPECT_EQ(host.out.str(), "") << verb;
		EXPECT_TRUE(in(host.err, "cannot load the module riod_core: Key was rejected"));
	}
	// completion requests names, and must not load modules
	host.loads.clear();
	EXPECT_EQ(host.run({"list", "--names"}), 0);
	EXPECT_TRUE(host.loads.empty());
	host.load_error = 0;
	EXPECT_EQ(host.run({"list"}), 0);
	EXPECT_TRUE(in(host.out, "nothing is exported or attached"));
	EXPECT_EQ(host.loads, std::vector<std::string>{"riod_core"});
}

TEST_F(List, Both)
{
	host.kernel.export_list = {make_export("disk", {"0000:03:00.0"})};
	host.kernel.attachment_list = {make_attachment(3, "0001:00:00.0")};
	EXPECT_EQ(host.run({"list"}), 0);
	EXPECT_TRUE(in(host.out,
		       "disk    0000:03:00.0  NVMe 1b36:0010  7463/tcp  idle   -     this host\n"));
	EXPECT_TRUE(in(host.out, "nvme0   tcp://192.0.2.1:7463\n"));
	EXPECT_EQ(host.run({"list", "--json"}), 0);
	EXPECT_EQ(document()["attachments"][0]["export"], "nvme0");
	EXPECT_EQ(host.run({"list", "--names"}), 0);
	EXPECT_EQ(host.out.str(), "export disk\nattachment 3\n");
}

TEST_F(List, Remote)
{
	host.kernel.offers = {
		{.name = "disk0",
		 .identity = {.vendor = 0x8086, .device = 0x10c9, .class_code = 0x020000}}};
	EXPECT_EQ(host.run({"list", "192.0.2.1"}), 0);
	EXPECT_TRUE(in(host.out, "disk0   Ethernet 8086:10c9  1          free"));
	EXPECT_EQ(host.run({"list", "192.0.2.1", "--json"}), 0);
	EXPECT_EQ(document()["offers"][0]["device_id"], "0x10c9");
	host.kernel.refuse.emplace("discover", KernelError(ETIMEDOUT));
	EXPECT_EQ(host.run({"list", "192.0.2.1"}), 6);
}

TEST_F(List, DevicesAndWhyNot)
{
	host.add_pci({.address = "0000:03:00.0", .driver = "nvme"});
	host.add_pci({.address = "0000:04:00.0", .group = ""});
	host.add_pci({.address = "0000:00:1c.0", .class_code = 0x060400, .header_type = 1});
	EXPECT_EQ(host.run({"list", "--devices", "--json"}), 0);
	ASSERT_EQ(document()["devices"].size(), 2U);
	EXPECT_TRUE(document()["devices"][0]["obstacle"].is_null());
	EXPECT_NE(document()["devices"][1]["obstacle"].get<std::string>().find("no IOMMU"),
		  std::string::npos);
	EXPECT_EQ(host.run({"list", "--devices", "host"}), 2);
}

TEST_F(List, DevicesFitANarrowTerminal)
{
	host.add_pci({.address = "0000:03:00.0", .driver = "nvme"});
	host.add_pci({.address = "0000:04:00.0", .driver = "uio_pci_generic", .group = ""});
	host.device_name = "Red Hat, Inc. QEMU NVM Express Controller with a name that is long";
	host.columns = 60;
	EXPECT_EQ(host.run({"list", "--devices"}), 0);
	std::istringstream lines(host.out.str());
	std::string line;
	while (std::getline(lines, line))
		EXPECT_LE(line.size(), 80U) << line;
	EXPECT_TRUE(in(host.out, "NVMe: Red Hat, Inc."));
	EXPECT_TRUE(in(host.out, "...\n"));
	EXPECT_TRUE(in(host.out, "\n    is behind no IOMMU"));
	host.columns = 0; // no terminal: no line is cut
	EXPECT_EQ(host.run({"list", "--devices"}), 0);
	EXPECT_TRUE(in(host.out, host.device_name + "\n"));
	EXPECT_EQ(host.run({"list", "--devices", "--json"}), 0);
	EXPECT_EQ(document()["devices"][0]["name"], host.device_name);
	host.device_name.clear();
	EXPECT_EQ(host.run({"list", "--devices"}), 0);
	EXPECT_TRUE(in(host.out, "NVMe: 1b36:0010\n"));
}

TEST_F(List, OneModuleAloneIsFine)
{
	host.kernel.attachment_list = {make_attachment(3, "0001:00:00.0")};
	host.kernel.refuse.emplace("exports", KernelError(EOPNOTSUPP, "riod_stub is not loaded"));
	EXPECT_EQ(host.run({"list"}), 0);
	EXPECT_TRUE(in(host.out, "nvme0"));
	host.kernel.refuse.clear();
	host.kernel.refuse.emplace("attachments", KernelError(EPERM));
	EXPECT_EQ(host.run({"list"}), 4);
}

using Status = Verbs;

TEST_F(Status, ExportWithoutReset)
{
	Export e = make_export("disk", {"0000:03:00.0"});
	e.resettable = false;
	e.state = RIOD_STATE_CONNECTED;
	e.peer = "192.0.2.7:4711";
	e.peer_transport = "tcp";
	e.fence_ns = 812'000;
	host.kernel.export_list = {e};
	EXPECT_EQ(host.run({"status", "disk"}), 0);
	EXPECT_TRUE(in(host.out, "connected, peer 192.0.2.7:4711 by tcp\n"));
	EXPECT_TRUE(in(host.out, "7463, transport tcp"));
	EXPECT_TRUE(in(host.out, "peers on this host only"));
	EXPECT_TRUE(in(host.out, "no (--no-reset)"));
	EXPECT_TRUE(in(host.out, "812 us"));
}

TEST_F(Status, ExportOnSeveralTransports)
{
	Export e = make_export("disk", {"0000:03:00.0"});
	e.transports = {"tcp", "rdma"};
	host.kernel.export_list = {e};
	EXPECT_EQ(host.run({"status", "--json"}), 0);
	EXPECT_EQ(document()["exports"][0]["transports"], json({"tcp", "rdma"}));
	EXPECT_TRUE(document()["exports"][0]["peer_transport"].is_null());
	host.kernel.export_list[0].state = RIOD_STATE_CONNECTED;
	host.kernel.export_list[0].peer = "192.0.2.7:4711";
	host.kernel.export_list[0].peer_transport = "rdma";
	EXPECT_EQ(host.run({"status"}), 0);
	EXPECT_TRUE(in(host.out, "connected, peer 192.0.2.7:4711 by rdma\n"));
	EXPECT_EQ(host.run({"list", "--json"}), 0);
	EXPECT_EQ(document()["exports"][0]["peer_transport"], "rdma");
	EXPECT_EQ(host.run({"stats"}), 0);
	EXPECT_TRUE(in(host.out, "export disk (tcp, rdma)"));
}

TEST_F(Status, HeldBusMasterAndItsRemedy)
{
	Attachment t = make_attachment(3, "0001:00:00.0");
	t.bus_master = RIOD_BUS_MASTER_HELD_LIMIT;
	t.mapped_rw = 1ULL << 30;
	t.in_use = true;
	t.profile = "nvme";
	t.shadow_bars = 0x14;
	t.shadowed = 2U << 20;
	t.sync_writes = true;
	host.kernel.attachment_list = {t};
	EXPECT_EQ(host.run({"status", "3"}), 0);
	EXPECT_TRUE(in(host.out, "held: the guest has mapped 1 GiB writable, the limit is 64 MiB"));
	EXPECT_TRUE(in(host.out, "2 MiB of BAR 2, 4"));
	EXPECT_TRUE(in(host.out, "riodctl qemu-args 3"));
	EXPECT_TRUE(in(host.out, "yes, through VFIO"));
	EXPECT_TRUE(in(host.out, "wait for the device (--sync-writes)"));
	EXPECT_EQ(host.run({"status", "3", "--json"}), 0);
	EXPECT_EQ(document()["attachments"][0]["bus_master"], "held-limit");
	EXPECT_EQ(document()["attachments"][0]["mapped_rw"], 1ULL << 30);
	EXPECT_EQ(document()["attachments"][0]["shadow_bars"], json({2, 4}));
	EXPECT_EQ(document()["attachments"][0]["shadowed"], 2U << 20);
	EXPECT_EQ(document()["attachments"][0]["sync_writes"], true);
}

TEST_F(Status, LostSession)
{
	Attachment t = make_attachment(3, "0001:00:00.0");
	t.state = RIOD_STATE_LOST;
	t.bus_master = RIOD_BUS_MASTER_HELD_LOST;
	t.reason = "nothing heard for 10 s";
	host.kernel.attachment_list = {t};
	EXPECT_EQ(host.run({"status", "0001:00:00.0"}), 0);
	EXPECT_TRUE(in(host.out, "lost: nothing heard for 10 s"));
	EXPECT_TRUE(in(host.out, "riodctl detach 3, then attach again"));
}

TEST_F(Status, ABrokenConnection)
{
	Export e = make_export("disk", {"0000:03:00.0"});
	Attachment t = make_attachment(3, "0001:00:00.0");
	e.state = t.state = RIOD_STATE_RESUMING;
	e.peer = "192.0.2.20:4711";
	t.on_loss = RIOD_ON_LOSS_STALL;
	t.lost_ms = 10000;
	t.stats.values.at(RIOD_A_STATS_BREAKS) = 2;
	e.stats.values.at(RIOD_A_STATS_BREAKS) = 1;
	host.kernel.export_list = {e};
	host.kernel.attachment_list = {t};
	EXPECT_EQ(host.run({"status"}), 0);
	EXPECT_TRUE(in(host.out, "state       resuming: the connection to 192.0.2.1:7463 broke; "
				 "accesses wait, the device is lost after 10 s without it\n"));
	EXPECT_TRUE(in(host.out, "-> check the network and the server host, or give up: riodctl "
				 "detach 3\n"));
	EXPECT_TRUE(in(host.out, "resuming: the connection to 192.0.2.20:4711 broke; the device "
				 "waits for it\n"));
	EXPECT_TRUE(in(host.out, "breaks      1 of the connection"));
	EXPECT_TRUE(in(host.out, "breaks      2 of the connection"));
	EXPECT_EQ(host.run({"status", "--json"}), 0);
	EXPECT_EQ(document()["attachments"][0]["on_loss"], "stall");
	EXPECT_EQ(document()["attachments"][0]["lost_ms"], 10000);
	EXPECT_EQ(document()["attachments"][0]["breaks"], 2);
	EXPECT_EQ(document()["exports"][0]["breaks"], 1);
	EXPECT_EQ(host.run({"list"}), 0);
	EXPECT_TRUE(in(host.out, "resuming"));
	EXPECT_TRUE(in(host.err, "attachment 3 has no connection to 192.0.2.1:7463, and accesses "
				 "wait for it; see 'riodctl status 3'"));
}

TEST_F(Status, WhatALossDoes)
{
	Attachment t = make_attachment(3, "0001:00:00.0");
	t.lost_ms = 1500;
	const auto says = [&](std::uint32_t policy, const std::string &text) {
		t.on_loss = policy;
		host.kernel.attachment_list = {t};
		EXPECT_EQ(host.run({"status"}), 0);
		EXPECT_TRUE(in(host.out, "on loss     " + text));
	};
	says(RIOD_ON_LOSS_STALL, "stall: accesses wait up to 1.5 s for the connection\n");
	says(RIOD_ON_LOSS_REMOVE, "remove: the device is lost at once, after 1.5 s of silence\n");
	says(RIOD_ON_LOSS_ERROR, "error: the device is lost at once, after 1.5 s of silence, and "
				 "QEMU stops the VM\n");
	says(77, "on-loss-77\n");
	// modules that do not report it
	t.on_loss.reset();
	t.lost_ms.reset();
	host.kernel.attachment_list = {t};
	EXPECT_EQ(host.run({"status"}), 0);
	EXPECT_EQ(host.out.str().find("on loss"), std::string::npos);
	EXPECT_EQ(host.run({"status", "--json"}), 0);
	EXPECT_TRUE(document()["attachments"][0]["on_loss"].is_null());
	EXPECT_TRUE(document()["attachments"][0]["lost_ms"].is_null());
}

TEST_F(Status, ForcedCutsAreAWarning)
{
	Attachment t = make_attachment(3, "0001:00:00.0");
	t.stats.values.at(RIOD_A_STATS_FORCED) = 2;
	host.kernel.attachment_list = {t};
	EXPECT_EQ(host.run({"status"}), 0);
	EXPECT_TRUE(in(host.out, "2 forced cuts"));
}

TEST_F(Status, MemoryHeldForThePeer)
{
	Export e = make_export("disk", {"0000:03:00.0"});
	Attachment t = make_attachment(3, "0001:00:00.0");
	for (Stats *stats : {&e.stats, &t.stats}) {
		stats->values.at(RIOD_A_STATS_MEMORY_HELD) = 3ULL << 20;
		stats->values.at(RIOD_A_STATS_MEMORY_MAX) = 8ULL << 30;
		stats->values.at(RIOD_A_STATS_MEMORY_HOST_HELD) = 5ULL << 20;
		stats->values.at(RIOD_A_STATS_MEMORY_HOST_MAX) = 2ULL << 30;
	}
	host.kernel.export_list = {e};
	host.kernel.attachment_list = {t};
	for (const char *target : {"disk", "3"}) {
		EXPECT_EQ(host.run({"status", target}), 0);
		EXPECT_TRUE(in(host.out, "3 MiB held for the peer, at most 8 GiB; all sessions of "
					 "this host 5 MiB, at most 2 GiB (memory_max_mib)"));
	}
	EXPECT_EQ(host.run({"status", "--json"}), 0);
	EXPECT_EQ(document()["exports"][0]["memory"]["held"], 3ULL << 20);
	EXPECT_EQ(document()["attachments"][0]["memory"]["max"], 8ULL << 30);
	EXPECT_EQ(document()["attachments"][0]["memory"]["host_held"], 5ULL << 20);
	EXPECT_EQ(document()["attachments"][0]["memory"]["host_max"], 2ULL << 30);
}

TEST_F(Status, NoSessionHoldsNoMemory)
{
	host.kernel.export_list = {make_export("disk", {"0000:03:00.0"})};
	EXPECT_EQ(host.run({"status"}), 0);
	EXPECT_EQ(host.out.str().find("memory"), std::string::npos);
	EXPECT_EQ(host.run({"status", "--json"}), 0);
	EXPECT_TRUE(document()["exports"][0]["memory"].is_null());
}

TEST_F(Status, Unknown)
{
	EXPECT_EQ(host.run({"status", "nope"}), 3);
	EXPECT_EQ(host.run({"status"}), 0);
}

TEST_F(Status, ControlCharactersOfAPeerStayOut)
{
	Attachment t = make_attachment(3, "0001:00:00.0");
	t.state = RIOD_STATE_LOST;
	t.reason = "\x1b[2Jgone\x80";
	host.kernel.attachment_list = {t};
	EXPECT_EQ(host.run({"status"}), 0);
	EXPECT_EQ(host.out.str().find('\x1b'), std::string::npos);
	EXPECT_EQ(host.run({"status", "--json"}), 0);
	EXPECT_NO_THROW(document());
}

using StatsVerb = Verbs;

TEST_F(StatsVerb, AllCounters)
{
	Export e = make_export("disk", {"0000:03:00.0"});
	e.stats.values.at(RIOD_A_STATS_TX_FRAMES) = 17;
	host.kernel.export_list = {e};
	EXPECT_EQ(host.run({"stats", "--all"}), 0);
	EXPECT_TRUE(in(host.out, "export disk (tcp)\n  link:\n    tx_frames                   17"));
	// each group once, and every counter in one of them
	const std::string text = host.out.str();
	for (const char *group : {"  link:\n", "  memory:\n", "  device:\n", "  limits:\n"})
		EXPECT_EQ(text.find(group), text.rfind(group)) << group;
	EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 5 + stat_fields().size());
	EXPECT_LT(text.find("    followed "), text.find("  device:\n"));
	EXPECT_EQ(host.run({"stats", "disk", "--json"}), 0);
	EXPECT_EQ(document()["stats"][0]["export"], "disk");
	EXPECT_EQ(document()["stats"][0]["transports"], json({"tcp"}));
	EXPECT_EQ(document()["stats"][0]["stats"]["tx_frames"], 17);
	EXPECT_EQ(document()["stats"][0]["stats"].size(), stat_fields().size());
	EXPECT_EQ(host.run({"stats", "--watch", "0"}), 2);
}

TEST_F(StatsVerb, SummaryWithUnitsAndRates)
{
	Export e = make_export("disk", {"0000:03:00.0"});
	e.stats.values.at(RIOD_A_STATS_TX_BYTES) = 3U << 20;
	e.stats.values.at(RIOD_A_STATS_IRQS) = 17;
	host.kernel.export_list = {e};
	EXPECT_EQ(host.run({"stats"}), 0);
	EXPECT_TRUE(in(host.out, "  network sent                         3 MiB         0 B/s\n"));
	EXPECT_TRUE(in(host.out, "  interrupts                              17           0/s\n"));
	EXPECT_EQ(host.out.str().find("warning"), std::string::npos);
	// each reading has one MiB and 100 interrupts more
	host.kernel.on_dump = [this] {
		auto &values = host.kernel.export_list.front().stats.values;
		values.at(RIOD_A_STATS_TX_BYTES) += 1U << 20;
		values.at(RIOD_A_STATS_IRQS) += 100;
		values.at(RIOD_A_STATS_FORCED) = 2;
		values.at(RIOD_A_STATS_BREAKS) = 3;
	};
	EXPECT_EQ(host.run({"stats"}), 0);
	EXPECT_TRUE(in(host.out, "warning: 3 breaks of the connection"));
	EXPECT_TRUE(in(host.out, "MiB/s\n"));
	EXPECT_TRUE(in(host.out, "warning: 2 forced cuts"));
	EXPECT_EQ(host.out.str().find(" 0/s\n  pages mapped"), std::string::npos);
}

using Monitor = Verbs;

TEST_F(Monitor, EventsUntilTheCount)
{
	Event first;
	Event second;
	Event third;
	first.exported = make_export("disk", {});
	first.exported->state = RIOD_STATE_LOST;
	first.exported->fence_ns = 1500;
	second.attachment = make_attachment(3, "0001:00:00.0");
	third.lost = true;
	host.kernel.events = {first, second, third, first};
	EXPECT_EQ(host.run({"monitor", "--count", "3"}), 0);
	EXPECT_TRUE(in(host.out, "export disk lost fenced in 1.5 us\n"));
	EXPECT_TRUE(in(host.out, "attachment 3 connected nvme0 of tcp://192.0.2.1:7463"));
	EXPECT_TRUE(in(host.out, "events were lost"));
}

TEST_F(Monitor, ABreakIsNoLoss)
{
	Event near;
	Event far;
	near.attachment = make_attachment(3, "0001:00:00.0");
	near.attachment->state = RIOD_STATE_RESUMING;
	far.exported = make_export("disk", {});
	far.exported->state = RIOD_STATE_RESUMING;
	host.kernel.events = {near, far};
	EXPECT_EQ(host.run({"monitor", "--count", "2"}), 0);
	EXPECT_TRUE(in(host.out, "attachment 3 resuming nvme0"));
	EXPECT_TRUE(in(host.out, "(the connection broke; accesses wait for it)\n"));
	EXPECT_TRUE(in(host.out, "export disk resuming (the connection broke; the device waits"));
	EXPECT_EQ(host.run({"monitor", "--count", "1", "--json"}), 0);
	EXPECT_EQ(document()["state"], "resuming");
}

/* scripts rely on it to detect the loss of a session */
TEST_F(Monitor, DetachedIsNotLost)
{
	Event event;
	event.attachment = make_attachment(3, "0001:00:00.0");
	event.attachment->state = RIOD_STATE_DETACHED;
	host.kernel.events = {event};
	EXPECT_EQ(host.run({"monitor", "--count", "1", "--json"}), 0);
	EXPECT_EQ(document()["state"], "detached");
}

TEST_F(Monitor, OneJsonObjectPerLine)
{
	Event event;
	event.exported = make_export("disk", {});
	host.kernel.events = {event, event};
	EXPECT_EQ(host.run({"monitor", "--json"}), 130);
	std::istringstream lines(host.out.str());
	std::string line;
	std::getline(lines, line);
	EXPECT_EQ(json::parse(line)["name"], "disk");
	EXPECT_EQ(json::parse(line)["event"], "export");
	EXPECT_EQ(json::parse(line)["transports"], json({"tcp"}));
	EXPECT_TRUE(json::parse(line)["peer_transport"].is_null());
	EXPECT_TRUE(json::parse(line).contains("time"));
}

TEST_F(Monitor, TheTransportOfAPeer)
{
	Event event;
	event.exported = make_export("disk", {});
	event.exported->transports = {"tcp", "rdma"};
	event.exported->state = RIOD_STATE_CONNECTED;
	event.exported->peer = "192.0.2.7:4711";
	event.exported->peer_transport = "rdma";
	host.kernel.events = {event};
	EXPECT_EQ(host.run({"monitor", "--count", "1"}), 0);
	EXPECT_TRUE(in(host.out, "export disk connected peer 192.0.2.7:4711 by rdma\n"));
	EXPECT_EQ(host.run({"monitor", "--count", "1", "--json"}), 0);
	EXPECT_EQ(document()["transports"], json({"tcp", "rdma"}));
	EXPECT_EQ(document()["peer_transport"], "rdma");
}

TEST_F(Monitor, AnInterruptedStreamJustEnds)
{
	Event event;
	event.exported = make_export("disk", {});
	host.kernel.events = {event};
	EXPECT_EQ(host.run({"monitor", "--json"}), 130);
	const std::string out = host.out.str();
	EXPECT_EQ(std::count(out.begin(), out.end(), '\n'), 1);
	EXPECT_EQ(host.err.str(), "");
}

TEST_F(Monitor, AnAttemptHasNoFunctionsYet)
{
	Event event;
	event.attachment = make_attachment(3, "");
	event.attachment->devices.clear();
	event.attachment->export_name.clear();
	host.kernel.events = {event};
	EXPECT_EQ(host.run({"monitor", "--count", "1"}), 0);
	EXPECT_TRUE(
		in(host.out, "attachment 3 connected of tcp://192.0.2.1:7463 bus-master off\n"));
}

TEST_F(Monitor, AnExportThatIsGoneHasNoState)
{
	Event event;
	event.exported = make_export("disk", {});
	event.exported->state.reset();
	host.kernel.events = {event};
	EXPECT_EQ(host.run({"monitor", "--count", "1"}), 0);
	EXPECT_TRUE(in(host.out, "export disk gone\n"));
}

TEST_F(Monitor, AnAttachmentThatIsGoneHasNoState)
{
	Event event;
	event.attachment = make_attachment(3, "0001:00:00.0");
	event.attachment->state.reset();
	event.attachment->reason = "the VMM host detached";
	host.kernel.events = {event};
	EXPECT_EQ(host.run({"monitor", "--count", "1"}), 0);
	EXPECT_TRUE(in(host.out, "attachment 3 gone nvme0"));
	EXPECT_TRUE(in(host.out, "(the VMM host detached)\n"));
	EXPECT_EQ(host.run({"monitor", "--count", "1", "--json"}), 0);
	EXPECT_EQ(document()["state"], "gone");
}

TEST_F(Monitor, Refused)
{
	host.kernel.refuse.emplace("monitor", KernelError(EPERM));
	EXPECT_EQ(host.run({"monitor"}), 4);
}

using QemuArgs = Verbs;

TEST_F(QemuArgs, IntelAndVirtio)
{
	host.kernel.attachment_list = {make_attachment(3, "0001:00:00.0")};
	EXPECT_EQ(host.run({"qemu-args", "3"}), 0);
	EXPECT_EQ(host.out.str(), "-machine q35,accel=kvm,kernel-irqchip=split\n"
				  "-device intel-iommu,intremap=on,caching-mode=on\n"
				  "-device pcie-root-port,id=riod3,bus=pcie.0,chassis=74,slot=3\n"
				  "-device vfio-pci,host=0001:00:00.0,id=riod3-fn0,bus=riod3\n");
	EXPECT_EQ(host.run({"qemu-args", "0001:00:00.0", "--virtio-iommu"}), 0);
	EXPECT_EQ(host.out.str(), "-machine q35,accel=kvm\n-device virtio-iommu-pci\n"
				  "-device pcie-root-port,id=riod3,bus=pcie.0,chassis=74,slot=3\n"
				  "-device vfio-pci,host=0001:00:00.0,id=riod3-fn0,bus=riod3\n");
	EXPECT_EQ(host.run({"qemu-args", "3", "--json"}), 0);
	EXPECT_EQ(document()["arguments"].size(), 8U);
}

TEST_F(QemuArgs, NarrowIommuOfTheServerHost)
{
	Attachment t = make_attachment(3, "0001:00:00.0");
	t.iova_last = (1ULL << 39) - 1;
	host.kernel.attachment_list = {t};
	EXPECT_EQ(host.run({"qemu-args", "3"}), 0);
	EXPECT_TRUE(in(host.out, "intel-iommu,intremap=on,caching-mode=on,aw-bits=39\n"));
	EXPECT_EQ(host.run({"qemu-args", "3", "--libvirt-domain"}), 0);
	EXPECT_TRUE(in(host.out, "aw_bits='39'"));
	EXPECT_EQ(host.run({"status", "3"}), 0);
	EXPECT_TRUE(in(host.out, "39 bits of address"));
	EXPECT_EQ(host.run({"attach", "192.0.2.1"}), 0);
	EXPECT_EQ(host.out.str().find("aw-bits"), std::string::npos) << "of another attachment";
	host.kernel.attachment_list.front().id = 1;
	EXPECT_EQ(host.run({"attach", "192.0.2.1"}), 0);
	EXPECT_TRUE(in(host.out, "aw-bits=39"));
	host.kernel.attachment_list.front().iova_last = (1ULL << 48) - 1;
	EXPECT_EQ(host.run({"qemu-args", "1"}), 0);
	EXPECT_EQ(host.out.str().find("aw-bits"), std::string::npos);
	host.kernel.attachment_list.front().iova_last = (1ULL << 32) - 1;
	EXPECT_EQ(host.run({"qemu-args", "1"}), 0);
	EXPECT_TRUE(in(host.err, "translates 32 bits"));
	EXPECT_TRUE(in(host.err, "--virtio-iommu"));
}

TEST_F(QemuArgs, FunctionsOfOneGroupKeepTheirNumbers)
{
	Attachment t = make_attachment(3, "0001:00:00.7");
	host.add_pci({.address = "0001:00:00.7", .driver = "riod_frontend"});
	for (const char *device : {"0001:00:00.0", "0001:00:00.1"}) {
		t.devices.emplace_back(device);
		host.add_pci({.address = device, .driver = "riod_frontend"});
	}
	host.kernel.attachment_list = {t};
	EXPECT_EQ(host.run({"qemu-args", "3"}), 0);
	EXPECT_TRUE(in(host.out,
		       "-device pcie-root-port,id=riod3,bus=pcie.0,chassis=74,slot=3\n"
		       "-device pcie-pci-bridge,id=riod3-pci,bus=riod3\n"
		       "-device vfio-pci,host=0001:00:00.0,id=riod3-fn0,bus=riod3-pci,addr=1.0,"
		       "multifunction=on\n"
		       "-device vfio-pci,host=0001:00:00.1,id=riod3-fn1,bus=riod3-pci,addr=1.1\n"
		       "-device vfio-pci,host=0001:00:00.7,id=riod3-fn7,bus=riod3-pci,addr=1.7\n"));
	EXPECT_EQ(host.run({"qemu-args", "3", "--libvirt"}), 0);
	EXPECT_TRUE(in(host.out, "bus='0x08' slot='0x01' function='0x0' multifunction='on'/>"));
	EXPECT_TRUE(in(host.out, "bus='0x08' slot='0x01' function='0x7'/>"));
	EXPECT_TRUE(in(host.err, "virsh edit"));
	EXPECT_EQ(host.run({"qemu-args", "3", "--libvirt-domain"}), 0);
	EXPECT_TRUE(in(host.out, "index='8' model='pcie-to-pci-bridge'"));
	// a guest does not find function 1 without a function 0
	host.kernel.attachment_list.front().devices = {"0001:00:00.1", "0001:00:00.7"};
	EXPECT_EQ(host.run({"qemu-args", "3"}), 0);
	EXPECT_TRUE(in(host.out, "host=0001:00:00.1,id=riod3-fn0,bus=riod3-pci,addr=1.0,"));
	EXPECT_TRUE(in(host.out, "host=0001:00:00.7,id=riod3-fn7,bus=riod3-pci,addr=1.7\n"));
}

TEST_F(QemuArgs, LibvirtPrintsOneElement)
{
	host.kernel.attachment_list = {make_attachment(3, "0001:00:1f.7")};
	EXPECT_EQ(host.run({"qemu-args", "3", "--libvirt"}), 0);
	EXPECT_EQ(host.out.str(),
		  "<hostdev mode='subsystem' type='pci' managed='no'>\n"
		  "  <source>\n"
		  "    <address domain='0x0001' bus='0x00' slot='0x1f' function='0x7'/>\n"
		  "  </source>\n"
		  "</hostdev>\n");
	EXPECT_EQ(host.run({"qemu-args", "3", "--libvirt-domain"}), 0);
	EXPECT_TRUE(in(host.out, "<ioapic driver='qemu'/>"));
	EXPECT_TRUE(in(host.out, "<iommu model='intel'>"));
	EXPECT_TRUE(in(host.out, "model='pcie-root-port'"));
	EXPECT_EQ(host.out.str().find("hostdev"), std::string::npos);
	EXPECT_EQ(host.run({"qemu-args", "3", "--libvirt-domain", "--virtio-iommu"}), 0);
	EXPECT_TRUE(in(host.out, "<iommu model='virtio'/>"));
	EXPECT_EQ(host.run({"qemu-args", "3", "--libvirt", "--libvirt-domain"}), 2);
	EXPECT_EQ(host.run({"qemu-args", "3", "--json"}), 0);
	EXPECT_TRUE(document()["libvirt"].get<std::string>().starts_with("<hostdev"));
	EXPECT_TRUE(document()["libvirt_domain"].get<std::string>().ends_with("</devices>"));
}

TEST_F(QemuArgs, FirmwareThatPolls)
{
	host.kernel.attachment_list = {make_attachment(3, "0001:00:00.0")};
	EXPECT_EQ(host.run({"qemu-args", "3"}), 0);
	EXPECT_TRUE(in(host.err, "firmware does not use the vIOMMU"));
	EXPECT_TRUE(in(host.err, "device_add"));
	host.kernel.attachment_list.front().identity.class_code = 0x040100;
	EXPECT_EQ(host.run({"qemu-args", "3"}), 0);
	EXPECT_EQ(host.err.str(), "");
	host.kernel.attachment_list.front().bus_master = RIOD_BUS_MASTER_HELD_LIMIT;
	EXPECT_EQ(host.run({"status", "3"}), 0);
	EXPECT_TRUE(in(host.out, "hangs in its firmware"));
}

TEST_F(QemuArgs, Unknown)
{
	EXPECT_EQ(host.run({"qemu-args", "3"}), 3);
}

using Exec = Verbs;

TEST_F(Exec, EverythingBehindTheProgramIsItsOwn)
{
	EXPECT_EXIT(
		host.run({"exec", "--library", "/dev/null", "/bin/sh", "-c",
			  "echo \"$LD_PRELOAD|$*\" >&2; exit 7", "x", "--json", "--", "--help"}),
		testing::ExitedWithCode(7), R"(/dev/null\|--json -- --help)");
}

TEST_F(Exec, TwoHyphensEndTheOptions)
{
	EXPECT_EXIT(host.run({"exec", "--library", "/dev/null", "--", "/bin/sh", "-c",
			      "echo \"$LD_PRELOAD|$*\" >&2; exit 7", "x", "--", "--json"}),
		    testing::ExitedWithCode(7), R"(/dev/null\|-- --json)");
	EXPECT_EXIT(host.run({"exec", "--library=/dev/null", "--", "/bin/sh", "-c", "exit 7"}),
		    testing::ExitedWithCode(7), "");
	EXPECT_EQ(host.run({"exec", "--library", "/dev/null", "--"}), 2);
	EXPECT_EQ(host.run({"exec", "--frobnicate", "/bin/true"}), 2);
	EXPECT_EQ(host.run({"exec", "--help"}), 0);
}

TEST_F(Exec, WhatWasPreloadedStays)
{
	EXPECT_EXIT(
		{
			setenv("LD_PRELOAD", "other.so", 1);
			host.run({"exec", "--library", "/dev/null", "/bin/sh", "-c",
				  "echo \"$LD_PRELOAD\" >&2"});
		},
		testing::ExitedWithCode(0), "/dev/null:other.so");
}

TEST_F(Exec, Refused)
{
	EXPECT_EQ(host.run({"exec"}), 2);
	EXPECT_EQ(host.run({"exec", "--library", "/nowhere.so", "true"}), 3);
	EXPECT_TRUE(in(host.err, "/nowhere.so is not there"));
	EXPECT_TRUE(in(host.err, "--library"));
	EXPECT_EQ(host.run({"exec", "--library", "/dev/null", "/nowhere"}), 3);
	EXPECT_TRUE(in(host.err, "cannot start '/nowhere'"));
}

} // namespace
} // namespace riodctl::test
