// SPDX-License-Identifier: GPL-2.0-only
// GoogleTest's main() with KTAP output.
#include <iostream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace {

class KtapPrinter final : public testing::EmptyTestEventListener {
public:
	void OnTestProgramStart(const testing::UnitTest &unit) override
	{
		std::cout << "KTAP version 1\n1.." << unit.test_to_run_count() << '\n'
			  << std::flush;
	}

	void OnTestPartResult(const testing::TestPartResult &part) override
	{
		std::istringstream text(part.message());

		if (part.skipped()) {
			skip_ = part.message();
			return;
		}
		if (!part.failed())
			return;
		std::cout << "# " << (part.file_name() ? part.file_name() : "?") << ':'
			  << part.line_number() << '\n';
		for (std::string line; std::getline(text, line);)
			std::cout << "# " << line << '\n';
	}

	void OnTestEnd(const testing::TestInfo &test) override
	{
		const bool failed = test.result()->Failed();

		std::cout << (failed ? "not ok " : "ok ") << ++number_ << ' '
			  << test.test_suite_name() << '.' << test.name();
		if (!failed && test.result()->Skipped())
			std::cout << " # SKIP " << skip_;
		std::cout << '\n' << std::flush;
		skip_.clear();
	}

private:
	int number_ = 0;
	std::string skip_;
};

} // namespace

int main(int argc, char **argv)
{
	testing::InitGoogleTest(&argc, argv);
	auto &listeners = testing::UnitTest::GetInstance()->listeners();
	delete listeners.Release(listeners.default_result_printer()); // NOLINT: gtest's ownership
	listeners.Append(new KtapPrinter);                            // NOLINT: gtest's ownership
	return RUN_ALL_TESTS();
}
