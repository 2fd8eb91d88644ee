// SPDX-License-Identifier: GPL-2.0-only
#include "model.hpp"

#include <fmt/format.h>

namespace riodctl {

const std::vector<StatField> &stat_fields()
{
	// NOLINTBEGIN(modernize-use-designated-initializers): a table, every row alike
	static const std::vector<StatField> fields = {
		{RIOD_A_STATS_TX_FRAMES, "link", "tx_frames", "frames sent"},
		{RIOD_A_STATS_TX_BYTES, "link", "tx_bytes", "bytes sent"},
		{RIOD_A_STATS_RX_FRAMES, "link", "rx_frames", "frames received"},
		{RIOD_A_STATS_RX_BYTES, "link", "rx_bytes", "bytes received"},
		{RIOD_A_STATS_TX_ACKS, "link", "tx_acks", "frames sent that only acknowledge"},
		{RIOD_A_STATS_RX_ACKS, "link", "rx_acks", "frames received that only acknowledge"},
		{RIOD_A_STATS_WINDOW_WAITS, "link", "window_waits",
		 "frames that waited for window space"},
		{RIOD_A_STATS_TX_RETAINED, "link", "tx_retained",
		 "bytes sent and not acknowledged, now"},
		{RIOD_A_STATS_ROUNDS, "memory", "rounds", "times round the pump"},
		{RIOD_A_STATS_EVENTS, "memory", "events", "frames sent as events"},
		{RIOD_A_STATS_THROTTLED, "memory", "throttled", "events that had to wait"},
		{RIOD_A_STATS_CUTS_SENT, "memory", "cuts_sent", "cuts sent"},
		{RIOD_A_STATS_CUTS_APPLIED, "memory", "cuts_applied", "cuts applied"},
		{RIOD_A_STATS_PASSES, "memory", "passes", "passes over the pages"},
		{RIOD_A_STATS_SCANNED, "memory", "scanned", "bytes compared"},
		{RIOD_A_STATS_SEEDED, "memory", "seeded", "bytes seeded"},
		{RIOD_A_STATS_REBASED, "memory", "rebased", "bytes rebased"},
		{RIOD_A_STATS_SENT, "memory", "sent", "bytes of changes sent"},
		{RIOD_A_STATS_APPLIED, "memory", "applied", "bytes of changes applied"},
		{RIOD_A_STATS_DROPPED, "memory", "dropped", "bytes of changes dropped"},
		{RIOD_A_STATS_LATE, "memory", "late", "bytes that came after an unmap"},
		{RIOD_A_STATS_HOLDBACKS, "memory", "holdbacks", "cuts for which work had to wait"},
		{RIOD_A_STATS_FREE_RUNNING, "memory", "free_running", "granules that never rest"},
		{RIOD_A_STATS_FORCED, "memory", "forced", "cuts forced: possible corruption"},
		{RIOD_A_STATS_BACKGROUND, "memory", "background", "cuts that nobody asked for"},
		{RIOD_A_STATS_REG_READS, "device", "reg_reads", "register reads that crossed"},
		{RIOD_A_STATS_REG_WRITES, "device", "reg_writes", "register writes"},
		{RIOD_A_STATS_CFG_READS, "device", "cfg_reads", "config reads that crossed"},
		{RIOD_A_STATS_CFG_WRITES, "device", "cfg_writes", "config writes"},
		{RIOD_A_STATS_IRQS, "device", "irqs", "interrupts"},
		{RIOD_A_STATS_DENIED, "device", "denied", "accesses the filter dropped"},
		{RIOD_A_STATS_MAPS, "device", "maps", "pages mapped"},
		{RIOD_A_STATS_UNMAPS, "device", "unmaps", "pages unmapped"},
		{RIOD_A_STATS_KICKS, "device", "kicks", "doorbells rung by the profile"},
		{RIOD_A_STATS_RAISED, "device", "raised", "interrupts raised by the profile"},
		{RIOD_A_STATS_FOLLOWED, "memory", "followed",
		 "times that events went right behind a cut in flight"},
		{RIOD_A_STATS_MEMORY_HELD, "limits", "memory_held",
		 "bytes held on behalf of the peer, now"},
		{RIOD_A_STATS_MEMORY_MAX, "limits", "memory_max", "most that they may become"},
		{RIOD_A_STATS_MEMORY_HOST_HELD, "limits", "memory_host_held",
		 "bytes held for all sessions, now"},
		{RIOD_A_STATS_MEMORY_HOST_MAX, "limits", "memory_host_max",
		 "most that they may become"},
		{RIOD_A_STATS_BREAKS, "link", "breaks",
		 "connections that broke while the session went on"},
	};
	// NOLINTEND(modernize-use-designated-initializers)
	return fields;
}

std::string state_name(std::uint32_t state)
{
	switch (state) {
	case RIOD_STATE_IDLE:
		return "idle";
	case RIOD_STATE_CONNECTED:
		return "connected";
	case RIOD_STATE_LOST:
		return "lost";
	case RIOD_STATE_DETACHED:
		return "detached";
	case RIOD_STATE_ATTACHING:
		return "attaching";
	case RIOD_STATE_FAILED:
		return "failed";
	case RIOD_STATE_RESUMING:
		return "resuming";
	default:
		return fmt::format("state-{}", state);
	}
}

std::string state_name(const std::optional<std::uint32_t> &state)
{
	return state ? state_name(*state) : "gone";
}

std::string bus_master_name(std::uint32_t bus_master)
{
	switch (bus_master) {
	case RIOD_BUS_MASTER_OFF:
		return "off";
	case RIOD_BUS_MASTER_ON:
		return "on";
	case RIOD_BUS_MASTER_HELD_LIMIT:
		return "held-limit";
	case RIOD_BUS_MASTER_HELD_LOST:
		return "held-lost";
	default:
		return fmt::format("bus-master-{}", bus_master);
	}
}

std::string on_loss_name(std::uint32_t on_loss)
{
	switch (on_loss) {
	case RIOD_ON_LOSS_STALL:
		return "stall";
	case RIOD_ON_LOSS_REMOVE:
		return "remove";
	case RIOD_ON_LOSS_ERROR:
		return "error";
	default:
		return fmt::format("on-loss-{}", on_loss);
	}
}

std::vector<unsigned> bar_numbers(std::uint32_t bars)
{
	std::vector<unsigned> numbers;

	for (unsigned n = 0; n < 6; n++) {
		if ((bars >> n & 1) != 0)
			numbers.push_back(n);
	}
	return numbers;
}

} // namespace riodctl
