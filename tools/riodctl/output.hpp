// SPDX-License-Identifier: GPL-2.0-only
// Text for people, or JSON for programs: a verb supplies both, one is printed.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "error.hpp"
#include "model.hpp"

namespace riodctl {

class Output {
public:
	Output(std::ostream &out, std::ostream &err, bool json = false)
		: out_(out), err_(err), json_(json)
	{
	}

	void use_json(bool json) { json_ = json; }
	bool wants_json() const { return json_; }

	// Text only.
	void line(std::string_view text);
	// Additional information; in JSON, the member "notes" of the document.
	void note(const std::string &text);
	// The JSON document, an object; ends the output.
	void document(const nlohmann::json &object);
	// From now on the output is a stream of lines, also if the next one is an error.  Notes
	// go to standard error.
	void stream() { streaming_ = true; }
	// Prints one line of a stream and flushes.
	void record(std::string_view text, const nlohmann::json &object);
	// The same with the time, and @object gets a member "time".
	void event(std::string_view text, nlohmann::json object);
	// Prints no text if the message is empty, as for an interrupted stream.
	void error(const Error &error);

private:
	std::ostream &out_;
	std::ostream &err_;
	bool json_;
	bool streaming_ = false; // one line per object
	std::vector<std::string> notes_;
};

// Columns as wide as their widest cell; the first row is the heading.
std::string table(const std::vector<std::vector<std::string>> &rows);

// Truncates the line to @width columns; 0: no limit.
std::string cut(const std::string &line, std::size_t width);
// Wraps the text to indented lines of at most @width columns; 0: one line.
std::string wrapped(const std::string &text, std::size_t width, std::size_t indent);

nlohmann::json to_json(const Export &exported);
nlohmann::json to_json(const Attachment &attachment);
nlohmann::json to_json(const Offer &offer);
nlohmann::json to_json(const Stats &stats);
nlohmann::json to_json(const Identity &identity);

} // namespace riodctl
