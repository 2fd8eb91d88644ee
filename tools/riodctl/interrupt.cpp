// SPDX-License-Identifier: GPL-2.0-only
#include "interrupt.hpp"

#include <csignal>
#include <ctime>

#include <poll.h>

namespace riodctl {

namespace {

volatile std::sig_atomic_t flag = 0;
int depth = 0;

void on_signal(int /*signal*/)
{
	flag = 1;
}

struct sigaction action_of(int signal)
{
	struct sigaction action = {};

	sigaction(signal, nullptr, &action);
	return action;
}

// As nohup does it.
bool is_ignored(const struct sigaction &action)
{
	return action.sa_handler == SIG_IGN;
}

} // namespace

InterruptGuard::InterruptGuard() : old_hup_(action_of(SIGHUP)), hup_(!is_ignored(old_hup_))
{
	struct sigaction action = {};
	action.sa_handler = on_signal;
	sigemptyset(&action.sa_mask);

	sigset_t block;
	sigemptyset(&block);
	sigaddset(&block, SIGINT);
	sigaddset(&block, SIGTERM);
	if (hup_)
		sigaddset(&block, SIGHUP);

	if (depth++ == 0)
		flag = 0;
	sigprocmask(SIG_BLOCK, &block, &old_mask_);
	wait_mask_ = old_mask_;
	sigdelset(&wait_mask_, SIGINT);
	sigdelset(&wait_mask_, SIGTERM);
	if (hup_)
		sigdelset(&wait_mask_, SIGHUP);
	sigaction(SIGINT, &action, &old_int_);
	sigaction(SIGTERM, &action, &old_term_);
	if (hup_)
		sigaction(SIGHUP, &action, nullptr);
}

InterruptGuard::~InterruptGuard()
{
	depth--;
	// Unblock first, so that a pending signal sets the flag and does not reach the old handler.
	sigprocmask(SIG_SETMASK, &old_mask_, nullptr);
	sigaction(SIGINT, &old_int_, nullptr);
	sigaction(SIGTERM, &old_term_, nullptr);
	if (hup_)
		sigaction(SIGHUP, &old_hup_, nullptr);
}

bool interrupted()
{
	sigset_t pending;

	if (flag)
		return true;
	sigpending(&pending);
	return sigismember(&pending, SIGINT) == 1 || sigismember(&pending, SIGTERM) == 1 ||
	       sigismember(&pending, SIGHUP) == 1;
}

bool pause(double seconds)
{
	const InterruptGuard guard;
	const auto whole = static_cast<std::time_t>(seconds);
	const timespec time = {
		.tv_sec = whole,
		.tv_nsec = static_cast<long>((seconds - static_cast<double>(whole)) * 1e9)};

	return !interrupted() && ppoll(nullptr, 0, &time, &guard.wait_mask()) == 0;
}

} // namespace riodctl
