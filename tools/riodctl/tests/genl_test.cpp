// SPDX-License-Identifier: GPL-2.0-only
// Attributes that the kernel sends, and those that later kernels may send.
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <regex>
#include <sstream>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netlink/genl/genl.h>

#include "genl_attr.hpp"
#include "net.hpp"

namespace riodctl {
namespace {

struct MessageFree {
	void operator()(nl_msg *msg) const { nlmsg_free(msg); }
};

class Attributes : public testing::Test {
protected:
	Attrs attrs() const
	{
		const nlmsghdr *header = nlmsg_hdr(msg.get());

		return Attrs({static_cast<const std::byte *>(nlmsg_data(header)),
			      static_cast<std::size_t>(nlmsg_datalen(header))});
	}

	std::unique_ptr<nl_msg, MessageFree> msg{nlmsg_alloc()};
};

TEST_F(Attributes, IntegersByTheirLength)
{
	std::vector<std::uint64_t> values;

	nla_put_u8(msg.get(), 1, 0xf1);
	nla_put_u16(msg.get(), 1, 0xf123);
	nla_put_u32(msg.get(), 1, 0xf1234567);
	nla_put_u64(msg.get(), 1, 0xf123456789abcdef);
	nla_put(msg.get(), 1, 3, "abc");
	nla_put(msg.get(), 1, 0, nullptr);
	attrs().each([&](const nlattr *a) { values.push_back(attr_integer(a)); });
	EXPECT_EQ(values,
		  (std::vector<std::uint64_t>{0xf1, 0xf123, 0xf1234567, 0xf123456789abcdef, 0, 0}));
}

TEST_F(Attributes, StringsWithAndWithoutTheirEnd)
{
	std::vector<std::string> values;

	nla_put_string(msg.get(), 1, "abc");
	nla_put(msg.get(), 1, 3, "abc");
	nla_put(msg.get(), 1, 7, "abc\0def");
	nla_put(msg.get(), 1, 0, nullptr);
	attrs().each([&](const nlattr *a) { values.push_back(attr_string(a)); });
	EXPECT_EQ(values, (std::vector<std::string>{"abc", "abc", "abc", ""}));
}

TEST_F(Attributes, Export)
{
	nla_put_string(msg.get(), RIOD_A_EXPORT_NAME, "disk");
	nla_put_string(msg.get(), RIOD_A_EXPORT_DEVICE, "0000:03:00.0");
	nla_put_string(msg.get(), RIOD_A_EXPORT_DEVICE, "0000:03:00.1");
	for (const char *range : {"192.0.2.0/24", "2001:db8::/32"}) {
		const Cidr cidr = parse_cidr(range);
		nlattr *nest = nla_nest_start(msg.get(), RIOD_A_EXPORT_ALLOW);
		nla_put_u16(msg.get(), RIOD_A_ALLOW_FAMILY, cidr.family);
		nla_put(msg.get(), RIOD_A_ALLOW_ADDRESS, cidr.family == AF_INET ? 4 : 16,
			cidr.address.data());
		nla_put_u8(msg.get(), RIOD_A_ALLOW_PREFIX_LEN, cidr.prefix_len);
		nla_nest_end(msg.get(), nest);
	}
	nla_put_u16(msg.get(), RIOD_A_EXPORT_PORT, 99);
	nla_put_u32(msg.get(), RIOD_A_EXPORT_STATE, RIOD_STATE_CONNECTED);
	nla_put_flag(msg.get(), RIOD_A_EXPORT_RESET);
	nla_put_u32(msg.get(), RIOD_A_EXPORT_FENCE_NS, 7); // a small "uint"
	nla_put_u32(msg.get(), 4000, 1);                   // from a newer kernel

	const Export e = decode_export(attrs());
	EXPECT_EQ(e.name, "disk");
	EXPECT_EQ(e.devices.size(), 2U);
	ASSERT_EQ(e.allow.size(), 2U);
	EXPECT_EQ(cidr_str(e.allow.at(0)), "192.0.2.0/24");
	EXPECT_EQ(cidr_str(e.allow.at(1)), "2001:db8::/32");
	EXPECT_EQ(e.port, 99);
	EXPECT_EQ(e.state, RIOD_STATE_CONNECTED);
	EXPECT_TRUE(e.resettable);
	EXPECT_EQ(e.fence_ns, 7U);
}

TEST_F(Attributes, CountersThatNobodyKnowsAreLeftOut)
{
	nlattr *nest = nla_nest_start(msg.get(), RIOD_A_ATTACHMENT_STATS);
	nla_put_u32(msg.get(), RIOD_A_STATS_TX_FRAMES, 5);
	nla_put_u64(msg.get(), RIOD_A_STATS_KICKS, 1ULL << 40);
	nla_put_u64(msg.get(), RIOD_A_STATS_MAX + 1, 1);
	nla_put_u64(msg.get(), 0x3fff, 1);
	nla_nest_end(msg.get(), nest);

	const Attachment a = decode_attachment(attrs());
	EXPECT_EQ(a.stats[RIOD_A_STATS_TX_FRAMES], 5U);
	EXPECT_EQ(a.stats[RIOD_A_STATS_KICKS], 1ULL << 40);
}

TEST_F(Attributes, ATruncatedTailEndsTheRun)
{
	nla_put_string(msg.get(), RIOD_A_EXPORT_NAME, "disk");
	nla_put_string(msg.get(), RIOD_A_EXPORT_PEER, "192.0.2.7:4711");
	const nlmsghdr *header = nlmsg_hdr(msg.get());
	const std::size_t size = nlmsg_datalen(header);

	for (std::size_t cut = 0; cut < size; cut++) {
		std::vector<std::byte> bytes(cut); // own allocation: sanitizers detect overruns
		std::memcpy(bytes.data(), nlmsg_data(header), cut);
		const Export e = decode_export(Attrs(bytes));
		EXPECT_TRUE(e.name.empty() || e.name == "disk");
		EXPECT_TRUE(e.peer.empty() || e.peer == "192.0.2.7:4711");
	}
}

TEST_F(Attributes, RequestsReadBack)
{
	ExportRequest request;
	request.name = "disk";
	request.devices = {"0000:03:00.0", "0000:03:00.1"};
	request.allow = {parse_cidr("192.0.2.0/24"), parse_cidr("::/0")};
	request.port = 99;
	encode(msg.get(), request);

	const Export e = decode_export(attrs());
	EXPECT_EQ(e.name, request.name);
	EXPECT_EQ(e.devices, request.devices);
	EXPECT_EQ(e.allow, request.allow);
	EXPECT_EQ(e.port, 99);
}

TEST_F(Attributes, ChangeReadsBack)
{
	ExportChange change;
	change.name = "disk";
	change.op = RIOD_ALLOW_OP_REMOVE;
	change.allow = {parse_cidr("192.0.2.0/24"), parse_cidr("::/0")};
	change.force = true;
	encode(msg.get(), change);

	const Export e = decode_export(attrs());
	EXPECT_EQ(e.name, "disk");
	EXPECT_EQ(e.allow, change.allow);
	std::vector<int> types;
	std::uint64_t op = 0;
	attrs().each([&](const nlattr *a) {
		types.push_back(nla_type(a));
		if (nla_type(a) == RIOD_A_EXPORT_ALLOW_OP)
			op = attr_integer(a);
	});
	EXPECT_EQ(op, RIOD_ALLOW_OP_REMOVE);
	EXPECT_EQ(types.back(), RIOD_A_EXPORT_FORCE);
}

TEST_F(Attributes, AttachRequestLeavesOutWhatWasNotSaid)
{
	AttachRequest request;
	request.host = "192.0.2.1";
	encode(msg.get(), request);
	std::vector<int> types;
	attrs().each([&](const nlattr *a) { types.push_back(nla_type(a)); });
	EXPECT_EQ(types, (std::vector<int>{RIOD_A_ATTACHMENT_HOST, RIOD_A_ATTACHMENT_PORT}));
	EXPECT_EQ(decode_attachment(attrs()).transport, "tcp");
}

TEST_F(Attributes, WhatALossDoes)
{
	AttachRequest request;
	request.host = "192.0.2.1";
	EXPECT_FALSE(decode_attachment(attrs()).on_loss);
	EXPECT_FALSE(decode_attachment(attrs()).lost_ms);
	request.on_loss = RIOD_ON_LOSS_STALL; // 0, which is sent, too
	request.lost_ms = 30000;
	encode(msg.get(), request);
	const Attachment a = decode_attachment(attrs());
	EXPECT_EQ(a.on_loss, RIOD_ON_LOSS_STALL);
	EXPECT_EQ(a.lost_ms, 30000U);
}

TEST_F(Attributes, Transports)
{
	ExportRequest exported;
	AttachRequest attached;
	attached.transport = "rdma";
	exported.transports = {"rdma", "tcp"};
	encode(msg.get(), exported);
	EXPECT_EQ(decode_export(attrs()).transports, exported.transports);
	msg.reset(nlmsg_alloc());
	// the default is left out when it is the only one
	encode(msg.get(), ExportRequest());
	attrs().each([](const nlattr *a) { EXPECT_NE(nla_type(a), RIOD_A_EXPORT_TRANSPORT); });
	EXPECT_EQ(decode_export(attrs()).transports, std::vector<std::string>{"tcp"});
	EXPECT_EQ(decode_export(attrs()).peer_transport, "");
	ASSERT_EQ(nla_put_string(msg.get(), RIOD_A_EXPORT_PEER_TRANSPORT, "rdma"), 0);
	EXPECT_EQ(decode_export(attrs()).peer_transport, "rdma");
	msg.reset(nlmsg_alloc());
	encode(msg.get(), attached);
	EXPECT_EQ(decode_attachment(attrs()).transport, "rdma");
	msg.reset(nlmsg_alloc());
	encode_discover(msg.get(), "192.0.2.1", 7463, "rdma");
	std::vector<std::string> texts;
	attrs().each([&](const nlattr *a) {
		if (nla_type(a) == RIOD_A_REMOTE_TRANSPORT)
			texts.push_back(attr_string(a));
	});
	EXPECT_EQ(texts, std::vector<std::string>{"rdma"});
}

TEST_F(Attributes, TooMuchIsSaid)
{
	ExportRequest request;
	request.allow.assign(5000, parse_cidr("::/0"));
	EXPECT_THROW(encode(msg.get(), request), std::length_error);
}

TEST(Spec, EveryCounterHasItsNameFromTheSpec)
{
	const char *src = std::getenv("RIODCTL_SRC");
	if (!src)
		GTEST_SKIP() << "RIODCTL_SRC is not set";
	const std::ifstream file(std::string(src) + "/../../Documentation/netlink/specs/riod.yaml");
	ASSERT_TRUE(file.good());
	std::ostringstream text;
	text << file.rdbuf();
	std::string spec = text.str();
	spec = spec.substr(spec.find("Counters since the session began"));
	spec = spec.substr(0, spec.find("name: remote"));

	std::vector<std::string> wanted;
	const std::regex name("name: ([a-z0-9-]+)");
	for (std::sregex_iterator i(spec.begin(), spec.end(), name), end; i != end; ++i)
		wanted.push_back(std::regex_replace((*i)[1].str(), std::regex("-"), "_"));
	std::vector<std::string> have;
	int attr = 0;
	for (const auto &field : stat_fields()) {
		have.emplace_back(field.key);
		EXPECT_EQ(field.attr, ++attr) << field.key;
	}
	EXPECT_EQ(have, wanted);
}

} // namespace
} // namespace riodctl
