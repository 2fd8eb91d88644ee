// SPDX-License-Identifier: GPL-2.0-only
// Values passed between parsing, kernel access and output.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <linux/riod.h>

namespace riodctl {

constexpr std::uint16_t default_port = 7463;
constexpr const char *default_transport = "tcp"; // RIOD_TRANSPORT_DEFAULT of the modules

struct Cidr {
	std::uint16_t family = 0; // AF_INET or AF_INET6
	std::array<std::uint8_t, 16> address{};
	std::uint8_t prefix_len = 0;

	auto operator<=>(const Cidr &) const = default;
};

struct Stats {
	std::array<std::uint64_t, RIOD_A_STATS_MAX + 1> values{}; // by attribute

	std::uint64_t operator[](int attr) const { return values.at(attr); }
};

struct Identity {
	std::uint16_t vendor = 0;
	std::uint16_t device = 0;
	std::uint32_t class_code = 0; // base class in bits 23 to 16
};

struct Export {
	std::string name;
	std::vector<std::string> devices;
	std::vector<Cidr> allow;
	std::uint16_t port = default_port; // of each transport
	std::vector<std::string> transports = {default_transport};
	std::optional<std::uint32_t> state; // none: the object is gone (event)
	std::string peer;
	std::string peer_transport; // the one that the peer came by
	Identity identity;
	bool resettable = false;
	std::optional<std::uint64_t> fence_ns;
	std::uint32_t bus_master = RIOD_BUS_MASTER_OFF;
	Stats stats;
};

struct Attachment {
	std::uint32_t id = 0;
	std::string host;
	std::uint16_t port = default_port;
	std::string transport = default_transport;
	std::string export_name;
	std::vector<std::string> devices;
	std::optional<std::uint32_t> state; // none: the object is gone (event)
	std::string reason;
	std::uint32_t error = 0; // errno with which attaching failed
	bool in_use = false;
	std::uint32_t bus_master = RIOD_BUS_MASTER_OFF;
	std::uint64_t mapped_ro = 0;
	std::uint64_t mapped_rw = 0;
	std::uint64_t limit = 0;
	std::uint64_t peer_limit = 0;
	Identity identity;
	std::string profile;
	std::uint32_t shadow_bars = 0;
	std::uint64_t shadowed = 0;
	std::optional<std::uint64_t> iova_last; // none: not reported by the modules
	bool sync_writes = false;
	// none: not reported by the modules, or it is attaching
	std::optional<std::uint32_t> on_loss;
	std::optional<std::uint32_t> lost_ms;
	Stats stats;
};

struct Offer {
	std::string name;
	Identity identity{};
	std::uint16_t subvendor = 0;
	std::uint16_t subdevice = 0;
	unsigned int functions = 1;
	bool busy = false;
};

struct Remote {
	std::string host;
	std::uint16_t port = default_port;
	std::string transport = default_transport;
	std::vector<Offer> offers;
	std::uint32_t total = 0;
	std::uint32_t error = 0; // errno with which asking failed
	std::string reason;
};

struct ExportRequest {
	std::string name;
	std::vector<std::string> devices;
	std::vector<Cidr> allow;
	bool no_reset = false;
	std::uint16_t port = default_port;
	std::vector<std::string> transports = {default_transport};
};

struct ExportChange {
	std::string name;
	riod_allow_op op = RIOD_ALLOW_OP_REPLACE;
	std::vector<Cidr> allow;
	bool force = false;
};

struct AttachRequest {
	std::string host; // numeric
	std::uint16_t port = default_port;
	std::string transport = default_transport;
	std::string export_name;
	std::optional<std::uint64_t> limit;
	std::optional<std::string> profile;
	std::uint32_t shadow_bars = 0;
	bool sync_writes = false;
	std::optional<std::uint32_t> on_loss; // none: the modules' default
	std::optional<std::uint32_t> lost_ms; // none: the server host's
};

struct AttachResult {
	std::uint32_t id = 0;
	std::vector<std::string> devices;
	std::string export_name;
};

// Result of a detach: the functions have left the bus; or the session is over and they
// stay, while a process has one open (the guest was cut off), or has its VFIO device open
// without using it.
enum class Removal : std::uint8_t { gone, open, held };

// One multicast event: the object, with the fields that the event has.
struct Event {
	std::optional<Export> exported;
	std::optional<Attachment> attachment;
	bool lost = false; // the kernel dropped events before this one
};

// How a counter is printed.  Its key in JSON is the name in the spec with underscores.
struct StatField {
	int attr;
	std::string_view group;
	std::string_view key;
	std::string_view doc;
};

const std::vector<StatField> &stat_fields();

std::string state_name(std::uint32_t state);
std::string state_name(const std::optional<std::uint32_t> &state);
std::string bus_master_name(std::uint32_t bus_master);
std::string on_loss_name(std::uint32_t on_loss);
// Numbers of the BARs in a mask.
std::vector<unsigned> bar_numbers(std::uint32_t bars);

} // namespace riodctl
