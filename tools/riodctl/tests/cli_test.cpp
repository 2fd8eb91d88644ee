// SPDX-License-Identifier: GPL-2.0-only
// The command line itself: help, usage errors, and that the manual and the completion
// know what it knows.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "fake.hpp"

namespace riodctl::test {
namespace {

constexpr std::array verbs = {"bind",   "allow", "unbind",  "attach",    "detach", "list",
			      "status", "stats", "monitor", "qemu-args", "exec"};

std::string slurp(const std::string &name)
{
	const char *src = std::getenv("RIODCTL_SRC");
	const std::ifstream file(std::string(src ? src : ".") + "/" + name);
	std::ostringstream text;

	text << file.rdbuf();
	return text.str();
}

std::set<std::string> options_of(const std::string &help)
{
	const std::regex option("(^|[ ,])(--[a-z][a-z-]+)");
	const std::string before_examples = help.substr(0, help.find("Examples:"));
	std::set<std::string> found;

	for (std::sregex_iterator i(before_examples.begin(), before_examples.end(), option), end;
	     i != end; ++i)
		found.insert((*i)[2].str());
	return found;
}

class Cli : public testing::Test {
protected:
	std::string help(const std::string &verb)
	{
		EXPECT_EQ(host.run({verb, "--help"}), 0) << verb;
		return host.out.str() + host.err.str();
	}

	Host host;
};

TEST_F(Cli, EveryVerbHasHelpWithExamples)
{
	for (const std::string verb : verbs) {
		const std::string text = help(verb);
		EXPECT_NE(text.find("Examples:\n  riodctl " + verb), std::string::npos) << text;
		EXPECT_TRUE(options_of(text).contains("--json")) << verb;
	}
}

// CLI11 2.4 throws on these names before it parses anything, 2.1 accepts them.
TEST_F(Cli, NoArgumentHasANameThatNewerCli11Refuses)
{
	for (const std::string verb : verbs) {
		const std::string text = help(verb);
		const std::string prefix = "Usage: riodctl " + verb + " ";
		const auto start = text.find(prefix);
		ASSERT_NE(start, std::string::npos) << text;
		const std::string usage = text.substr(
			start + prefix.size(), text.find('\n', start) - start - prefix.size());
		EXPECT_EQ(usage.find_first_of(":={"), std::string::npos) << verb << ' ' << usage;
	}
}

TEST_F(Cli, UsageErrors)
{
	EXPECT_EQ(host.run({}), 2);
	EXPECT_EQ(host.run({"frobnicate"}), 2);
	EXPECT_EQ(host.run({"list", "--frobnicate"}), 2);
	EXPECT_EQ(host.run({"detach"}), 2);
	EXPECT_NE(host.err.str().find("riodctl detach --help"), std::string::npos);
}

TEST_F(Cli, UnknownVerbIsNamed)
{
	EXPECT_EQ(host.run({"frobnicate", "--force"}), 2);
	EXPECT_NE(host.err.str().find("there is no verb 'frobnicate'"), std::string::npos)
		<< host.err.str();
	EXPECT_NE(host.err.str().find("riodctl help"), std::string::npos) << host.err.str();
	EXPECT_EQ(host.run({"--json", "frobnicate"}), 2);
	EXPECT_NE(host.out.str().find("there is no verb 'frobnicate'"), std::string::npos);
	EXPECT_EQ(host.run({"help", "frobnicate"}), 2);
}

TEST_F(Cli, HelpIsAVerb)
{
	EXPECT_EQ(host.run({"--help"}), 0);
	const std::string whole = host.out.str();
	EXPECT_NE(whole.find("help [VERB]"), std::string::npos) << whole;
	EXPECT_EQ(host.run({"help"}), 0);
	EXPECT_EQ(host.out.str(), whole);
	for (const std::string verb : verbs) {
		// only the options: CLI11 orders "Excludes" by the addresses of its options
		const auto known = options_of(help(verb));
		EXPECT_EQ(host.run({"help", verb}), 0) << verb;
		EXPECT_EQ(options_of(host.out.str()), known);
		EXPECT_NE(host.out.str().find("Usage: riodctl " + verb), std::string::npos);
	}
}

TEST_F(Cli, UsageErrorAsJson)
{
	EXPECT_EQ(host.run({"--json", "detach"}), 2);
	EXPECT_NE(host.out.str().find("\"exit\": 2"), std::string::npos);
}

TEST_F(Cli, Version)
{
	EXPECT_EQ(host.run({"--version"}), 0);
	EXPECT_EQ(host.out.str(), "riodctl " RIODCTL_VERSION "\n");
}

TEST_F(Cli, ManualKnowsEveryVerbAndOption)
{
	const std::string manual = slurp("man/riodctl.8");

	for (const std::string verb : verbs) {
		for (const auto &option : options_of(help(verb))) {
			// groff requires escaped hyphens in options
			const std::string escaped =
				std::regex_replace(option, std::regex("-"), "\\-");
			EXPECT_NE(manual.find(escaped), std::string::npos) << verb << ' ' << option;
		}
		const std::string name = std::regex_replace(verb, std::regex("-"), "\\-");
		EXPECT_NE(manual.find(".SS " + name + " "), std::string::npos) << verb;
	}
	for (const char *status : {"0", "1", "2", "3", "4", "5", "6", "130"}) {
		EXPECT_NE(manual.find(std::string(".B ") + status + "\n"), std::string::npos)
			<< status;
	}
}

TEST_F(Cli, CompletionKnowsEveryVerbAndOption)
{
	const std::string completion = slurp("completion/riodctl.bash");

	for (const std::string verb : verbs) {
		EXPECT_NE(completion.find(verb), std::string::npos) << verb;
		for (const auto &option : options_of(help(verb))) {
			EXPECT_NE(completion.find(option), std::string::npos)
				<< verb << ' ' << option;
		}
	}
}

TEST_F(Cli, TheServiceUsesWhatThereIs)
{
	const std::string unit = slurp("riod-attach@.service");
	const std::string known = help("attach");
	std::smatch words;

	ASSERT_TRUE(std::regex_search(
		unit, words, std::regex("ExecStart=@SBINDIR@/riodctl attach (--[a-z-]+) ")));
	EXPECT_TRUE(options_of(known).contains(words[1].str())) << words[1].str();
	// what an interrupt makes of it
	EXPECT_NE(unit.find("\nSuccessExitStatus=130\n"), std::string::npos);
	EXPECT_NE(slurp("Makefile").find("/riod-attach@.service"), std::string::npos);
}

// riodctl has no list of profiles: the modules have, and these are its copies.
TEST_F(Cli, ManualAndCompletionKnowTheProfilesOfTheModules)
{
	const std::string completion = slurp("completion/riodctl.bash");
	const std::string manual = slurp("man/riodctl.8");
	const std::string list = slurp("../../kernel/common/profile.c");
	const std::regex entry("&riod_profile_([a-z0-9_]+),");
	std::smatch words;
	unsigned int found = 0;

	ASSERT_TRUE(
		std::regex_search(completion, words, std::regex("--profile\\) echo ([^;]+) ;;")));
	const std::string offered = " " + words[1].str() + " ";
	const auto start = manual.find(".BI \\-\\-profile");
	ASSERT_NE(start, std::string::npos);
	const std::string option = manual.substr(start, manual.find(".TP", start) - start);
	for (std::sregex_iterator i(list.begin(), list.end(), entry), end; i != end; ++i, found++) {
		const std::string source =
			slurp("../../kernel/common/profile_" + (*i)[1].str() + ".c");
		ASSERT_TRUE(std::regex_search(source, words, std::regex("\\.name = \"([^\"]+)\"")));
		const std::string name = words[1].str();
		EXPECT_NE(offered.find(" " + name + " "), std::string::npos) << name;
		EXPECT_NE(option.find(name), std::string::npos) << name;
	}
	EXPECT_GT(found, 0U);
	// and no other ones
	const auto offers = std::count(offered.begin(), offered.end(), ' ') - 1;
	EXPECT_EQ(static_cast<unsigned int>(offers), found + 1) << "with 'none': " << offered;
}

} // namespace
} // namespace riodctl::test
