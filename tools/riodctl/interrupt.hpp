// SPDX-License-Identifier: GPL-2.0-only
// Ctrl-C (and SIGTERM, SIGHUP) where an immediate exit would skip a clean-up.
#pragma once

#include <csignal>

namespace riodctl {

// During its lifetime SIGINT, SIGTERM and SIGHUP only set a flag and end ppoll() with EINTR.  A
// SIGHUP that is ignored (nohup) stays so.
// May be nested; the outermost one clears the flag at its start.
class InterruptGuard {
public:
	InterruptGuard();
	InterruptGuard(const InterruptGuard &) = delete;
	InterruptGuard &operator=(const InterruptGuard &) = delete;
	~InterruptGuard();

	// The signals are blocked except in ppoll() with this mask, so
	// that a signal between the test of the flag and the wait is not lost.
	const sigset_t &wait_mask() const { return wait_mask_; }

private:
	struct sigaction old_int_{};
	struct sigaction old_term_{};
	struct sigaction old_hup_;
	bool hup_; // SIGHUP is handled
	sigset_t old_mask_{};
	sigset_t wait_mask_{};
};

bool interrupted();

// Waits.  Returns false if interrupted.
bool pause(double seconds);

} // namespace riodctl
