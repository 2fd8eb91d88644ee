// SPDX-License-Identifier: GPL-2.0-only
// attach --persist.
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fixture.hpp"

namespace riodctl::test {
namespace {

using nlohmann::json;

Event event(std::uint32_t id, std::optional<std::uint32_t> state, const std::string &reason = "")
{
	Event e;

	e.attachment = make_attachment(id, "0001:00:00.0");
	e.attachment->state = state;
	e.attachment->reason = reason;
	return e;
}

KernelError refusal(const std::string &text)
{
	return KernelError(ECONNREFUSED, "192.0.2.1:7463 refused: " + text);
}

class Persist : public Verbs {
protected:
	void SetUp() override { host.kernel.lists = true; }

	// Runs "attach --persist --json 192.0.2.1 WORDS..."; its events are then in lines().
	int run(std::vector<std::string> words = {})
	{
		words.insert(words.begin(), {"attach", "--persist", "--json", "192.0.2.1"});
		return host.run(words);
	}

	std::vector<json> lines() const
	{
		std::istringstream text(host.out.str());
		std::vector<json> found;
		std::string line;

		while (std::getline(text, line))
			found.push_back(json::parse(line));
		return found;
	}

	std::vector<std::string> names() const
	{
		std::vector<std::string> found;

		for (const auto &line : lines())
			found.push_back(line.value("event", "error"));
		return found;
	}
};

using Names = std::vector<std::string>;

// A fake monitor() that has no more events was interrupted.
TEST_F(Persist, CtrlCDetaches)
{
	EXPECT_EQ(run({"nvme0"}), 130);
	EXPECT_EQ(names(), (Names{"attached", "detached"}));
	EXPECT_EQ(host.kernel.log, std::vector<std::string>{"detach 1"});
	const json attached = lines().front();
	EXPECT_EQ(attached["id"], 1);
	EXPECT_EQ(attached["export"], "nvme0");
	EXPECT_EQ(attached["functions"], json({"0001:00:00.0"}));
	EXPECT_EQ(attached["host"], "192.0.2.1");
	EXPECT_EQ(attached["qemu_args"].size(), 8U);
	EXPECT_TRUE(attached.contains("time"));
	EXPECT_TRUE(host.pauses.empty());
}

TEST_F(Persist, WhatIsInUseStays)
{
	host.kernel.refuse.emplace("detach", KernelError(EBUSY, "a process has it open"));
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names(), (Names{"attached", "kept"}));
	EXPECT_EQ(host.kernel.log, std::vector<std::string>{"detach 1"}) << "by force";
	EXPECT_EQ(host.run({"attach", "--persist", "192.0.2.1"}), 130);
	EXPECT_TRUE(in(host.out, "attachment 1 stays: a process has it open (a VM?); "
				 "later: riodctl detach 1"));
	host.kernel.refuse.clear();
	host.kernel.removal = Removal::held;
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names().back(), "kept");
}

TEST_F(Persist, BreaksAreTold)
{
	host.kernel.streams = {{event(1, RIOD_STATE_RESUMING), event(1, RIOD_STATE_RESUMING),
				event(2, RIOD_STATE_LOST), event(1, RIOD_STATE_CONNECTED)}};
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names(), (Names{"attached", "resuming", "resumed", "detached"}));
}

// The next attachment is of the same export, and begins when the old functions are gone.
TEST_F(Persist, AttachesAgainAfterALoss)
{
	host.kernel.streams = {
		{event(1, RIOD_STATE_RESUMING),
		 event(1, RIOD_STATE_LOST, "the server host no longer has the session"),
		 event(1, std::nullopt)}};
	EXPECT_EQ(run({"--on-loss", "stall", "--limit", "2M"}), 130);
	EXPECT_EQ(names(), (Names{"attached", "resuming", "lost", "gone", "attached", "detached"}));
	EXPECT_EQ(lines()[2]["reason"], "the server host no longer has the session");
	EXPECT_EQ(lines()[3]["id"], 1);
	EXPECT_EQ(lines()[4]["id"], 2);
	ASSERT_EQ(host.kernel.attach_requests.size(), 2U);
	EXPECT_EQ(host.kernel.attach_requests[0].export_name, "");
	EXPECT_EQ(host.kernel.attach_requests[1].export_name, "nvme0");
	EXPECT_EQ(host.kernel.attach_requests[1].limit, 2U << 20);
	EXPECT_EQ(host.kernel.log, std::vector<std::string>{"detach 2"});
	EXPECT_EQ(host.pauses.size(), 1U);
}

// Between the attempt and the first look, or while events were lost.
TEST_F(Persist, ALossThatNoEventTold)
{
	Event lost;
	lost.lost = true;
	// the list is read to adopt, to print the arguments, when monitor() is ready, and
	// because events were lost
	for (const int when : {3, 4}) {
		host.kernel.attachment_list.clear();
		host.kernel.streams = {{lost}};
		host.kernel.on_attachments = [this, when, n = 0]() mutable {
			if (++n == when)
				host.kernel.attachment_list.clear();
		};
		EXPECT_EQ(run(), 130);
		EXPECT_EQ(names(), (Names{"attached", "gone", "attached", "detached"})) << when;
	}
}

TEST_F(Persist, TriesAgainWithGrowingPauses)
{
	host.kernel.attach_errors.assign(6,
					 KernelError(ETIMEDOUT, "192.0.2.1:7463 does not answer"));
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names(), (Names{"failed", "failed", "failed", "failed", "failed", "failed",
				  "attached", "detached"}));
	EXPECT_EQ(lines().front()["exit"], 6);
	ASSERT_EQ(host.pauses.size(), 6U);
	for (const auto &[n, base] :
	     {std::pair<int, double>(0, 1.0), {1, 2.0}, {2, 4.0}, {3, 8.0}, {4, 15.0}, {5, 15.0}}) {
		EXPECT_GE(host.pauses.at(n), base);
		EXPECT_LE(host.pauses.at(n), 2 * base);
	}
	EXPECT_DOUBLE_EQ(lines()[5]["retry_s"], host.pauses[5]);
}

// A session that ends again and again at once is no reason to hurry; one that lasted is.
TEST_F(Persist, OnlyASessionThatLastedBringsBackShortPauses)
{
	for (std::uint32_t id = 1; id <= 5; id++) {
		host.kernel.streams.push_back(
			{event(id, RIOD_STATE_LOST, "the device failed"), event(id, std::nullopt)});
	}
	EXPECT_EQ(run(), 130);
	ASSERT_EQ(host.pauses.size(), 5U);
	EXPECT_GE(host.pauses[4], 15);
	host.kernel.attachment_list.clear();
	host.pauses.clear();
	for (std::uint32_t id = 7; id <= 9; id++) {
		host.kernel.streams.push_back(
			{event(id, RIOD_STATE_LOST, "the device failed"), event(id, std::nullopt)});
	}
	host.kernel.on_attachments = [this] { host.now += 31; };
	EXPECT_EQ(run(), 130);
	ASSERT_EQ(host.pauses.size(), 3U);
	EXPECT_LE(host.pauses[2], 2);
}

TEST_F(Persist, RefusalsMayPass)
{
	host.kernel.attach_errors = {refusal("in use by 192.0.2.7"),
				     refusal("there is no export 'nvme0'"),
				     refusal("not open to 192.0.2.20"),
				     refusal("its device is still being reset after its last peer"),
				     KernelError(ENOSPC, "this host has 32 attachments"),
				     KernelError(ESHUTDOWN, "this host shuts down"),
				     KernelError(ENOMEM)};
	EXPECT_EQ(run({"nvme0"}), 130);
	EXPECT_EQ(host.pauses.size(), 7U);
	EXPECT_EQ(names().at(7), "attached");
	// the server host is asked for its exports once
	EXPECT_EQ(host.kernel.log, (std::vector<std::string>{"discover 192.0.2.1", "detach 1"}));
}

TEST_F(Persist, WhatCannotPassEndsItAtOnce)
{
	// NOLINTBEGIN(modernize-use-designated-initializers): a table, every row alike
	struct {
		KernelError error;
		std::string text;
		int exit;
	} const cases[] = {
		{KernelError(ENOENT, "no profile has that name; there are nvme, none"),
		 "no profile has that name", 3},
		{KernelError(EINVAL, "BAR 2 is smaller than a page: leave it out"), "BAR 2", 1},
		{KernelError(EPROTONOSUPPORT,
			     "192.0.2.1:7463 refused: this host speaks version 7, the peer 1"),
		 "version 7", 1},
		{KernelError(ERANGE, "--loss-timeout (100 ms) is below twice the server's "
				     "keepalive_ms (2000)"),
		 "--loss-timeout", 1},
		{KernelError(EPERM), "cannot attach", 4},
		{KernelError(ENODEV, "riod_frontend is not loaded"), "not loaded", 3},
	};
	// NOLINTEND(modernize-use-designated-initializers)
	for (const auto &one : cases) {
		host.kernel.attach_errors = {one.error};
		EXPECT_EQ(run({"--profile", "nmve", "--shadow-bar", "2"}), one.exit) << one.text;
		EXPECT_TRUE(host.pauses.empty()) << one.text;
		EXPECT_EQ(lines().size(), 1U) << "one object per line: " << host.out.str();
		EXPECT_NE(lines().front()["error"]["message"].get<std::string>().find(one.text),
			  std::string::npos)
			<< host.out.str();
	}
	// also later
	host.kernel.attach_errors = {KernelError(ETIMEDOUT), cases[0].error};
	EXPECT_EQ(run({"--profile", "nmve"}), 3);
	EXPECT_EQ(names(), (Names{"failed", "error"}));
	// which one is meant?
	host.kernel.attach_errors = {refusal("several exports, one must be named")};
	host.kernel.offers = {{.name = "disk0"}, {.name = "nic"}};
	EXPECT_EQ(run(), 2);
	EXPECT_EQ(host.run({"attach", "--persist", "192.0.2.1", "--limit", "much"}), 2);
}

TEST_F(Persist, NamesThatCannotBeResolved)
{
	int tries = 0;
	Exit exit = Exit::unreachable; // the name server
	host.probes.resolve = [&](const std::string &) -> std::vector<std::string> {
		if (++tries <= 3)
			throw Error(exit, "cannot resolve");
		return {"192.0.2.1"};
	};
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names(), (Names{"failed", "failed", "attached", "detached"}));
	tries = 0;
	host.pauses.clear();
	exit = Exit::not_found; // there is no such name
	EXPECT_EQ(run(), 3);
	EXPECT_TRUE(host.pauses.empty());
}

TEST_F(Persist, InterruptedWhileItWaits)
{
	host.kernel.attach_errors.assign(6, KernelError(ETIMEDOUT));
	host.max_pauses = 2;
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names(), (Names{"failed", "failed", "failed"}));
	EXPECT_TRUE(host.kernel.log.empty());
	host.kernel.attach_errors = {KernelError(EINTR)};
	EXPECT_EQ(run(), 130);
	EXPECT_TRUE(in(host.err, "nothing is attached"));
}

TEST_F(Persist, ADetachEndsIt)
{
	for (const auto &[state, reason] :
	     {std::pair(RIOD_STATE_DETACHED, ""), {RIOD_STATE_LOST, "the VMM host detached"}}) {
		host.kernel.attachment_list.clear();
		host.kernel.streams = {{event(host.kernel.last_id() + 1, state, reason)}};
		EXPECT_EQ(run(), 0);
		EXPECT_EQ(names(), (Names{"attached", "detached"}));
	}
	EXPECT_TRUE(host.kernel.log.empty());
}

// The modules have the text; this is a copy.
TEST_F(Persist, TheReasonOfADetach)
{
	const char *src = std::getenv("RIODCTL_SRC");
	if (!src)
		GTEST_SKIP() << "RIODCTL_SRC is not set";
	const std::ifstream file(std::string(src) + "/../../kernel/common/negotiate.c");
	std::ostringstream text;
	text << file.rdbuf();
	EXPECT_NE(text.str().find("[RIOD_REASON_DETACH]		= \"the VMM host detached\""),
		  std::string::npos);
}

// After a restart of the service: a guest kept it in use.
TEST_F(Persist, FollowsAnAttachmentThatIsThere)
{
	Attachment other = make_attachment(3, "0001:00:00.0");
	other.export_name = "nic";
	Attachment leaving = make_attachment(4, "0001:01:00.0");
	leaving.state = RIOD_STATE_DETACHED;
	Attachment cut_off = make_attachment(5, "0001:02:00.0");
	cut_off.state = RIOD_STATE_LOST;
	cut_off.reason = "the VMM host detached";
	Attachment mine = make_attachment(6, "0001:03:00.0");
	mine.state = RIOD_STATE_LOST;
	mine.reason = "the connection broke";
	host.kernel.attachment_list = {other, leaving, cut_off, mine};
	host.kernel.streams = {{event(6, std::nullopt)}};
	EXPECT_EQ(run({"nvme0"}), 130);
	EXPECT_EQ(names(), (Names{"adopted", "lost", "gone", "attached", "detached"}));
	EXPECT_EQ(lines().front()["id"], 6);
	EXPECT_EQ(host.kernel.attach_requests.size(), 1U);
	host.kernel.attachment_list = {other, leaving, cut_off};
	EXPECT_EQ(run({"nvme0"}), 130);
	EXPECT_EQ(names(), (Names{"attached", "detached"}));
}

TEST_F(Persist, EventsAsText)
{
	host.kernel.attach_errors = {KernelError(ECONNREFUSED), KernelError(ECONNREFUSED)};
	host.kernel.refuse.emplace("discover", KernelError(ECONNREFUSED));
	host.kernel.streams = {{event(1, RIOD_STATE_RESUMING), event(1, RIOD_STATE_CONNECTED),
				event(1, RIOD_STATE_LOST, "the peer fell silent"),
				event(1, std::nullopt)}};
	EXPECT_EQ(host.run({"attach", "192.0.2.1", "nvme0", "--persist"}), 130);
	EXPECT_TRUE(in(host.out, "; next attempt in "));
	const std::string text = host.out.str();
	const auto remedy = text.find("  try: check that the address");
	EXPECT_NE(remedy, std::string::npos);
	EXPECT_EQ(text.find("  try: check that the address", remedy + 1), std::string::npos);
	EXPECT_TRUE(in(host.out, " attached 'nvme0' of 192.0.2.1:7463 as attachment 1 "
				 "(0001:00:00.0)\n"));
	EXPECT_TRUE(
		in(host.out, " the connection to 192.0.2.1:7463 broke; accesses wait for it\n"));
	EXPECT_TRUE(in(host.out, " the session goes on\n"));
	EXPECT_TRUE(in(host.out, " the session is over: the peer fell silent; waiting until"));
	EXPECT_TRUE(in(host.out, " its functions have left\n"));
	EXPECT_TRUE(in(host.out, " detached 'nvme0'\n"));
	EXPECT_EQ(host.err.str(), "");
}

TEST_F(Persist, ModulesThatLeave)
{
	host.kernel.refuse.emplace("monitor", KernelError(ENODEV, "riod_core was unloaded"));
	EXPECT_EQ(run(), 3);
	EXPECT_TRUE(in(host.err, "cannot follow the attachment: riod_core was unloaded"));
}

} // namespace
} // namespace riodctl::test
