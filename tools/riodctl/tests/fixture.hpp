// SPDX-License-Identifier: GPL-2.0-only
// What tests of verbs share: a host, and looks at what riodctl printed.
#pragma once

#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fake.hpp"

namespace riodctl::test {

class Verbs : public testing::Test {
protected:
	bool in(const std::ostringstream &stream, const std::string &text) const
	{
		if (stream.str().find(text) != std::string::npos)
			return true;
		ADD_FAILURE() << "not said: " << text << "\nout: " << host.out.str()
			      << "\nerr: " << host.err.str();
		return false;
	}

	nlohmann::json document() const { return nlohmann::json::parse(host.out.str()); }

	Host host;
};

} // namespace riodctl::test
