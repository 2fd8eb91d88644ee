// SPDX-License-Identifier: GPL-2.0-only
// Parsing and printing of single values.
#include <csignal>
#include <future>

#include <gtest/gtest.h>

#include <sys/socket.h>

#include "error.hpp"
#include "interrupt.hpp"
#include "net.hpp"
#include "output.hpp"
#include "pci.hpp"
#include "units.hpp"

namespace riodctl {
namespace {

TEST(Pci, ParsesFullAndShortAddresses)
{
	EXPECT_EQ(PciAddress::parse("0000:03:00.0")->str(), "0000:03:00.0");
	EXPECT_EQ(PciAddress::parse("03:1f.7")->str(), "0000:03:1f.7");
	EXPECT_EQ(PciAddress::parse("10000:ff:00.1")->str(), "10000:ff:00.1");
}

TEST(Pci, RefusesWhatIsNoAddress)
{
	for (const char *text :
	     {"", "03", "03:00", "03:20.0", "03:00.8", "03:00.00", "100:00.0", "0000:03:00.0 ",
	      "x:03:00.0", ":03:00.0", "0000::00.0", "nvme0", "0:0:0:0.0", "-1:00.0"})
		EXPECT_FALSE(PciAddress::parse(text)) << text;
}

TEST(Pci, NamesClasses)
{
	EXPECT_EQ(class_name(0x010802), "NVMe");
	EXPECT_EQ(class_name(0x020000), "Ethernet");
	EXPECT_EQ(class_name(0xff0000), "class 0xff00");
}

TEST(Net, EndpointForms)
{
	// NOLINTBEGIN(modernize-use-designated-initializers): a table, every row alike
	const struct {
		const char *text = nullptr;
		const char *host = nullptr;
		unsigned int port = 0;
		const char *transport = "tcp";
	} cases[] = {
		{"server1", "server1", 7463},
		{"server1:1", "server1", 1},
		{"192.0.2.1:65535", "192.0.2.1", 65535},
		{"2001:db8::1", "2001:db8::1", 7463},
		{"[2001:db8::1]", "2001:db8::1", 7463},
		{"[2001:db8::1]:99", "2001:db8::1", 99},
		{"fe80::1%eth0", "fe80::1%eth0", 7463},
		{"tcp://server1", "server1", 7463},
		{"tcp://server1:1", "server1", 1},
		{"rdma://[2001:db8::1]:99", "2001:db8::1", 99, "rdma"},
		{"A-1_z://2001:db8::1", "2001:db8::1", 7463, "A-1_z"},
	};
	// NOLINTEND(modernize-use-designated-initializers)

	for (const auto &c : cases) {
		const Endpoint e = Endpoint::parse(c.text);
		EXPECT_EQ(e.host, c.host) << c.text;
		EXPECT_EQ(e.port, c.port) << c.text;
		EXPECT_EQ(e.transport, c.transport) << c.text;
	}
}

TEST(Net, EndpointErrorsAreUsageErrors)
{
	for (const char *text :
	     {"", ":7463", "host:", "host:0", "host:65536", "host:x", "[::1", "[::1]x", "[]:1",
	      "://host", "tcp://", "tcp://:7463", "two words://host", "a.b://host", "x/y://host",
	      "tcp://host:0", "sixteencharacter://host"}) {
		try {
			Endpoint::parse(text);
			ADD_FAILURE() << text;
		} catch (const Error &error) {
			EXPECT_EQ(error.exit(), Exit::usage) << text;
		}
	}
}

TEST(Net, EndpointPrintsAsItIsRead)
{
	EXPECT_EQ(endpoint_str("192.0.2.1", 7463), "192.0.2.1:7463");
	EXPECT_EQ(endpoint_str("2001:db8::1", 7463), "[2001:db8::1]:7463");
	EXPECT_EQ(url_str("tcp", "2001:db8::1", 7463), "tcp://[2001:db8::1]:7463");
}

TEST(Net, CidrMasksHostBits)
{
	bool masked = false;

	EXPECT_EQ(cidr_str(parse_cidr("192.0.2.7/24", &masked)), "192.0.2.0/24");
	EXPECT_TRUE(masked);
	EXPECT_EQ(cidr_str(parse_cidr("192.0.2.0/24", &masked)), "192.0.2.0/24");
	EXPECT_FALSE(masked);
	EXPECT_EQ(cidr_str(parse_cidr("10.255.255.255/9")), "10.128.0.0/9");
	EXPECT_EQ(cidr_str(parse_cidr("192.0.2.7")), "192.0.2.7/32");
	EXPECT_EQ(cidr_str(parse_cidr("1.2.3.4/0")), "0.0.0.0/0");
	EXPECT_EQ(cidr_str(parse_cidr("2001:db8::5/33")), "2001:db8::/33");
	EXPECT_EQ(cidr_str(parse_cidr("::1")), "::1/128");
	EXPECT_EQ(cidr_str(parse_cidr("2001:db8:ffff::/33")), "2001:db8:8000::/33");
}

TEST(Net, CidrRefusesNonsense)
{
	for (const char *text : {"", "/24", "192.0.2.0/33", "::/129", "192.0.2/24", "host/24",
				 "192.0.2.0/", "192.0.2.0/-1", "192.0.2.0/24x", "1.2.3.4/0x8"})
		EXPECT_THROW(parse_cidr(text), Error) << text;
}

TEST(Net, ResolvesNumericAddresses)
{
	EXPECT_EQ(resolve("127.0.0.1"), std::vector<std::string>{"127.0.0.1"});
	EXPECT_EQ(resolve("0:0::1"), std::vector<std::string>{"::1"});
	EXPECT_EQ(resolve_with([](const std::string &host) { return std::vector{host}; }, "x"),
		  std::vector<std::string>{"x"});
	const Lookup fails = [](const std::string &) -> std::vector<std::string> {
		throw Error(Exit::not_found, "no");
	};
	EXPECT_THROW(resolve_with(fails, "x"), Error);
}

// The name server does not answer, and the user presses Ctrl-C.
TEST(Net, ResolvingCanBeInterrupted)
{
	const InterruptGuard guard;
	std::promise<void> answers;
	const std::shared_future<void> answered = answers.get_future().share();
	const Lookup waits = [answered](const std::string &host) {
		answered.wait();
		return std::vector{host};
	};

	(void)std::raise(SIGINT);
	try {
		resolve_with(waits, "x");
		ADD_FAILURE() << "not interrupted";
	} catch (const Error &error) {
		EXPECT_EQ(error.exit(), Exit::interrupted);
	}
	answers.set_value();
}

TEST(Interrupt, TheTerminalIsGone)
{
	for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
		const InterruptGuard guard;

		EXPECT_FALSE(interrupted());
		(void)std::raise(signal);
		EXPECT_TRUE(interrupted()) << signal;
		EXPECT_FALSE(pause(60));
	}
	// nohup
	auto *const old = std::signal(SIGHUP, SIG_IGN);
	{
		const InterruptGuard guard;

		(void)std::raise(SIGHUP);
		EXPECT_FALSE(interrupted());
	}
	EXPECT_EQ(std::signal(SIGHUP, old), SIG_IGN);
}

TEST(Units, Sizes)
{
	EXPECT_EQ(parse_size("0"), 0U);
	EXPECT_EQ(parse_size("4096"), 4096U);
	EXPECT_EQ(parse_size("64M"), 64ULL << 20);
	EXPECT_EQ(parse_size("64MiB"), 64ULL << 20);
	EXPECT_EQ(parse_size("1g"), 1ULL << 30);
	EXPECT_EQ(parse_size("15E"), 15ULL << 60);
	for (const char *text :
	     {"", "M", "-1", "1.5G", "16E", "18446744073709551616", "1X", "1Mx", "1iB", "1 M"})
		EXPECT_THROW(parse_size(text), Error) << text;
}

TEST(Units, SizesInPrint)
{
	EXPECT_EQ(size_str(0), "0 B");
	EXPECT_EQ(size_str(1023), "1023 B");
	EXPECT_EQ(size_str(64ULL << 20), "64 MiB");
	EXPECT_EQ(size_str((1ULL << 30) + (1ULL << 29)), "1.5 GiB");
	EXPECT_EQ(size_str(UINT64_MAX), "16 EiB");
}

TEST(Units, Durations)
{
	EXPECT_EQ(duration_str(812), "812 ns");
	EXPECT_EQ(duration_str(1300), "1.3 us");
	EXPECT_EQ(duration_str(45'000'000), "45 ms");
	EXPECT_EQ(duration_str(12'000'000'000), "12 s");
}

TEST(Errors, ExitStatusOfErrno)
{
	EXPECT_EQ(exit_of_errno(ENOENT), Exit::not_found);
	EXPECT_EQ(exit_of_errno(EPERM), Exit::permission);
	EXPECT_EQ(exit_of_errno(EBUSY), Exit::busy);
	EXPECT_EQ(exit_of_errno(ETIMEDOUT), Exit::unreachable);
	EXPECT_EQ(exit_of_errno(EINTR), Exit::interrupted);
	EXPECT_EQ(exit_of_errno(EINVAL), Exit::failed);
}

TEST(Errors, KernelTextIsASentenceAndKeepsItsRemedy)
{
	const Error error = explain("attach 'x'", KernelError(EINVAL, "the moon is full.\n"));

	EXPECT_STREQ(error.what(), "cannot attach 'x': the moon is full");
	EXPECT_EQ(error.remedy(), "");
	EXPECT_EQ(explain("go", KernelError(EPERM)).exit(), Exit::permission);
	EXPECT_NE(explain("go", KernelError(EPERM)).remedy().find("root"), std::string::npos);
	EXPECT_STREQ(explain("go", KernelError(EINVAL)).what(), "cannot go: Invalid argument");
}

TEST(Table, AlignsColumns)
{
	EXPECT_EQ(table({{"A", "LONG"}, {"bbb", "c"}, {"d", ""}}), "A    LONG\nbbb  c\nd");
}

} // namespace
} // namespace riodctl
