// SPDX-License-Identifier: GPL-2.0-only
// attach --persist.
#include <cerrno>
#include <csignal>
#include <filesystem>
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
	host.kernel.attachment_list.clear();
	EXPECT_EQ(host.run({"attach", "--persist", "192.0.2.1"}), 130);
	EXPECT_TRUE(in(host.out, "attachment 2 stays: a process has it open (a VM?); "
				 "later: riodctl detach 2"));
	host.kernel.refuse.clear();
	host.kernel.attachment_list.clear();
	host.kernel.removal = Removal::held;
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names().back(), "kept");
}

TEST_F(Persist, BreaksAreReported)
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
TEST_F(Persist, ALossThatNoEventReported)
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
				     KernelError(ESHUTDOWN, "this host shuts down or suspends"),
				     KernelError(ENOMEM)};
	EXPECT_EQ(run({"nvme0"}), 130);
	EXPECT_EQ(host.pauses.size(), 7U);
	EXPECT_EQ(names().at(7), "attached");
	// the server host is asked for its exports once
	EXPECT_EQ(host.kernel.log, (std::vector<std::string>{"discover 192.0.2.1", "detach 1"}));
}

// A firewall that is loaded again, an RDMA device that comes late, modules that were unloaded.
TEST_F(Persist, TheStateOfThisHostMayPass)
{
	host.kernel.attach_errors = {
		KernelError(EPERM, "192.0.2.1:7463 cannot be reached: this host forbids it"),
		KernelError(ENODEV, "192.0.2.1:7463 cannot be reached: no RDMA device here leads "
				    "to it"),
		KernelError(EOPNOTSUPP, "riod_frontend is not loaded; run modprobe riod_frontend"),
		KernelError(ENODEV, "riod_core is not loaded"), KernelError(ENOENT)};
	EXPECT_EQ(run({"nvme0"}), 130);
	EXPECT_EQ(names(), (Names{"failed", "failed", "failed", "failed", "failed", "attached",
				  "detached"}));
	EXPECT_EQ(lines()[0]["remedy"], "") << "root cannot do more";
	EXPECT_EQ(lines()[1]["remedy"], rdma_remedy);
}

TEST_F(Persist, LoadsModulesThatWereUnloaded)
{
	const auto unload = [this] {
		std::filesystem::remove(host.dir.path() / "sys/module/riod_frontend");
	};

	host.kernel.attach_errors = {KernelError(ETIMEDOUT), KernelError(ETIMEDOUT)};
	host.on_pause = unload;
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(host.loads, (std::vector<std::string>{"riod_frontend", "riod_frontend"}));
	EXPECT_EQ(names(), (Names{"failed", "failed", "attached", "detached"}));

	// an upgrade has removed the old ones, and not yet installed the new ones
	host.kernel.attachment_list.clear();
	host.kernel.attach_errors = {KernelError(ETIMEDOUT)};
	host.missing = {"riod_frontend"};
	host.pauses.clear();
	host.on_pause = [&] {
		unload();
		if (host.pauses.size() == 2)
			host.missing.clear();
	};
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names(), (Names{"failed", "failed", "attached", "detached"}));
	EXPECT_NE(lines()[1]["message"].get<std::string>().find("riod_frontend"),
		  std::string::npos);

	// they were never there
	host.missing = {"riod_frontend"};
	host.pauses.clear();
	unload();
	EXPECT_NE(run(), 130);
	EXPECT_TRUE(host.pauses.empty());
	EXPECT_EQ(names(), Names{"error"});
}

// The host suspends, or something else ends the attempt that is no signal.
TEST_F(Persist, OnlyASignalInterruptsIt)
{
	host.kernel.attach_errors = {KernelError(EINTR)};
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names(), (Names{"failed", "attached", "detached"}));
	host.kernel.attachment_list.clear();
	host.kernel.attach_errors = {KernelError(ETIMEDOUT), KernelError(EINTR)};
	host.on_pause = [] { (void)std::raise(SIGTERM); };
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names(), (Names{"failed", "error"}));
	EXPECT_TRUE(in(host.err, "nothing is attached"));
}

// The attempt is in the list of attachments, and somebody detaches it.
TEST_F(Persist, ADetachOfTheAttemptEndsIt)
{
	host.kernel.attach_errors = {KernelError(ETIMEDOUT),
				     KernelError(ECANCELED, "the attempt was ended by a detach")};
	EXPECT_EQ(run(), 0);
	EXPECT_EQ(names(), (Names{"failed", "detached"}));
	EXPECT_TRUE(host.kernel.log.empty());
}

// What is printed about a new attachment is read after it was made.
TEST_F(Persist, AnErrorAfterTheAttach)
{
	host.kernel.on_attachments = [n = 0]() mutable {
		if (++n == 2)
			throw KernelError(ENOBUFS, "no buffer");
	};
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(host.kernel.attach_requests.size(), 1U);
	EXPECT_EQ(names(), (Names{"attached", "detached"}));
	EXPECT_EQ(lines().front()["id"], 1);
	// nor does one while it is followed
	host.kernel.attachment_list.clear();
	host.kernel.attach_requests.clear();
	host.kernel.on_attachments = [n = 0]() mutable {
		if (++n == 3)
			throw KernelError(ENOBUFS, "no buffer");
	};
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(host.kernel.attach_requests.size(), 1U);
	EXPECT_EQ(names(), (Names{"attached", "failed", "detached"}));
}

// Which one is meant?  Also when the server host answers late.
TEST_F(Persist, SeveralExportsEndIt)
{
	host.kernel.offers = {{.name = "disk0"}, {.name = "nic"}};
	for (const bool late : {false, true}) {
		host.kernel.attach_errors.clear();
		if (late)
			host.kernel.attach_errors.emplace_back(ETIMEDOUT);
		host.kernel.attach_errors.push_back(refusal("several exports, one must be named"));
		EXPECT_EQ(run(), 2);
		EXPECT_EQ(names(), late ? (Names{"failed", "error"}) : Names{"error"});
		EXPECT_EQ(lines().back()["error"]["message"],
			  "192.0.2.1:7463 has 2 exports, and none was named: disk0, nic");
	}
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
	EXPECT_EQ(host.run({"attach", "--persist", "192.0.2.1", "--limit", "much"}), 2);
}

TEST_F(Persist, NamesThatCannotBeResolved)
{
	int tries = 0;
	Exit exit = Exit::unreachable; // the name server
	host.probes.resolve = [&](const std::string &) -> std::vector<std::string> {
		if (++tries <= 2)
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
}

TEST_F(Persist, ADetachEndsIt)
{
	host.kernel.streams = {{event(1, RIOD_STATE_DETACHED)}};
	EXPECT_EQ(run(), 0);
	EXPECT_EQ(names(), (Names{"attached", "detached"}));
	// by force, of one that was lost and that a guest has open
	host.kernel.attachment_list.clear();
	host.kernel.streams = {{event(2, RIOD_STATE_LOST, "the connection broke"),
				event(2, RIOD_STATE_DETACHED, "the connection broke"),
				event(2, std::nullopt)}};
	EXPECT_EQ(run(), 0);
	EXPECT_EQ(names(), (Names{"attached", "lost", "detached"}));
	EXPECT_TRUE(host.kernel.log.empty());
	// the server host's word is no detach here
	host.kernel.attachment_list.clear();
	host.kernel.streams = {
		{event(3, RIOD_STATE_LOST, "the VMM host detached"), event(3, std::nullopt)}};
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names(), (Names{"attached", "lost", "gone", "attached", "detached"}));
}

// After a restart of the service: a guest kept it in use.
TEST_F(Persist, FollowsAnAttachmentThatIsThere)
{
	Attachment other = make_attachment(3, "0001:00:00.0");
	other.export_name = "nic";
	Attachment leaving = make_attachment(4, "0001:01:00.0");
	leaving.state = RIOD_STATE_DETACHED;
	Attachment cut_off = make_attachment(5, "0001:02:00.0");
	cut_off.state = RIOD_STATE_DETACHED;
	cut_off.in_use = true;
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

// Somebody else made it, and may use it: another process of this kind, or "riodctl attach".
TEST_F(Persist, WhatItAdoptedStays)
{
	host.kernel.attachment_list = {make_attachment(6, "0001:03:00.0")};
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names(), (Names{"adopted", "kept"}));
	EXPECT_TRUE(host.kernel.log.empty());
	EXPECT_EQ(host.run({"attach", "--persist", "192.0.2.1"}), 130);
	EXPECT_TRUE(in(host.out, "attachment 6 stays: this process did not make it; "
				 "riodctl detach 6\n"));
	// the next one is its own
	host.kernel.streams = {
		{event(6, RIOD_STATE_LOST, "the connection broke"), event(6, std::nullopt)}};
	host.on_pause = [this] { host.kernel.attachment_list.clear(); };
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names(), (Names{"adopted", "lost", "gone", "attached", "detached"}));
}

// The other one attached during a pause: the server host refuses a second attachment.
TEST_F(Persist, FollowsOneThatCameMeanwhile)
{
	host.kernel.attach_errors = {refusal("in use by 192.0.2.20")};
	host.on_pause = [this] {
		host.kernel.attachment_list = {make_attachment(6, "0001:03:00.0")};
	};
	EXPECT_EQ(run({"nvme0"}), 130);
	EXPECT_EQ(names(), (Names{"failed", "adopted", "kept"}));
	EXPECT_EQ(host.kernel.attach_requests.size(), 1U);
}

TEST_F(Persist, FollowsOneWhoseNameWasNotResolvedAtFirst)
{
	int tries = 0;
	host.kernel.attachment_list = {make_attachment(6, "0001:03:00.0")};
	host.probes.resolve = [&](const std::string &) -> std::vector<std::string> {
		if (++tries == 1)
			throw Error(Exit::unreachable, "cannot resolve");
		return {"192.0.2.1"};
	};
	EXPECT_EQ(run({"nvme0"}), 130);
	EXPECT_EQ(names(), (Names{"failed", "adopted", "kept"}));
	EXPECT_TRUE(host.kernel.attach_requests.empty());
}

// A second Ctrl-C ends the wait for the functions, not the removal.
TEST_F(Persist, InterruptedWhileItLeaves)
{
	host.kernel.refuse.emplace("detach",
				   KernelError(EINTR, "interrupted; the removal goes on"));
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names(), (Names{"attached", "leaving"}));
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
	host.on_pause = [this] {
		host.kernel.refuse.clear();
		host.kernel.attachment_list.clear();
	};
	EXPECT_EQ(run(), 130);
	EXPECT_EQ(names(), (Names{"attached", "gone", "attached", "detached"}));
}

} // namespace
} // namespace riodctl::test
