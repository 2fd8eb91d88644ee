// SPDX-License-Identifier: GPL-2.0-only
/*
 * peer.c - a malicious or broken server host
 *
 *   peer [OPTION...]
 *     --port N       listen on 127.0.0.1:N (17463)
 *     --ids V:D      PCI vendor and device id of the function it offers (1234:5678), hex
 *     --class C      class code, hex (ff0000)
 *     --lost-ms N    lost time that it proposes (10000)
 *     --silent       take connections, say "connection" on stdout, and nothing to the client
 *
 * Offers one function with one memory BAR that reads as 0, to one client after the other,
 * and answers all requests.  Prints "listening" when it listens.  After SIGUSR1 it still
 * acknowledges and sends keepalives, but answers no request.
 */
#include "wire.h"

#include <arpa/inet.h>
#include <endian.h>
#include <err.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define KEEPALIVE_MS	1000
#define BAR_SIZE	4096
#define CFG_SIZE	256

static struct {
	int port;
	unsigned int vendor, device, class, lost_ms;
	bool silent;
} opt = { 17463, 0x1234, 0x5678, 0xff0000, 10000, false };

static volatile sig_atomic_t mute;

/* the connection */
static int conn;
static uint64_t tx_seq, rx_seq;

static void be_mute(int sig)
{
	(void)sig;
	mute = 1;
}

static bool get(void *buf, size_t len)
{
	return recv(conn, buf, len, MSG_WAITALL) == (ssize_t)len;
}

/* sends a frame; @numbered: a frame of a session that is not an ACK */
static void put(uint8_t type, const void *body, size_t len, bool numbered)
{
	struct riod_frame_hdr h = {
		.len = htole32(sizeof(h) + len),
		.type = type,
		.seq = htole64(numbered ? ++tx_seq : 0),
		.ack = htole64(rx_seq),
	};

	send(conn, &h, sizeof(h), MSG_NOSIGNAL | (len ? MSG_MORE : 0));
	if (len)
		send(conn, body, len, MSG_NOSIGNAL);
}

static void list(void)
{
	struct {
		struct riod_wire_exports x;
		struct riod_wire_export e;
	} body = {
		.x = { htole32(RIOD_WIRE_MAGIC), htole32(1), htole32(1), 0 },
		.e = { .name = "peer", .vendor = htole16(opt.vendor),
		       .device = htole16(opt.device), .class = htole32(opt.class), .nfuncs = 1 },
	};

	put(RIOD_FRAME_EXPORTS, &body, sizeof(body), false);
}

static void welcome(void)
{
	struct riod_wire_welcome w = {
		.magic = htole32(RIOD_WIRE_MAGIC),
		.version = htole16(RIOD_VERSION_1),
		.nfuncs = 1,
		.window = htole32(RIOD_WINDOW_DEFAULT),
		.max_frame = htole32(RIOD_FRAME_MAX),
		.session = { 1 },
		.keepalive_ms = htole32(KEEPALIVE_MS),
		.lost_ms = htole32(opt.lost_ms),
	};

	put(RIOD_FRAME_WELCOME, &w, sizeof(w), false);
}

static void describe(void)
{
	struct {
		struct riod_wire_describe d;
		uint8_t cfg[CFG_SIZE];
	} body = {
		.d = { .cfg_size = htole16(CFG_SIZE),
		       .aperture = { 0, htole64((1ull << 48) - 1) },
		       .bars[0] = { .size = htole64(BAR_SIZE) } },
	};

	struct riod_wire_ready ready = { .shadow_max = htole64(1 << 30) };

	body.cfg[0] = opt.vendor;
	body.cfg[1] = opt.vendor >> 8;
	body.cfg[2] = opt.device;
	body.cfg[3] = opt.device >> 8;
	body.cfg[9] = opt.class;
	body.cfg[10] = opt.class >> 8;
	body.cfg[11] = opt.class >> 16;
	put(RIOD_FRAME_DESCRIBE, &body, sizeof(body), true);
	put(RIOD_FRAME_READY, &ready, sizeof(ready), true);
}

/* requests begin with their tag; frames without a tag, or with tag 0, get no answer */
static void answer(uint8_t type, const void *body, size_t len)
{
	struct riod_wire_reply r = {};

	if (type < RIOD_FRAME_REG || type > RIOD_FRAME_BAR_MAP || type == RIOD_FRAME_MAP ||
	    type == RIOD_FRAME_UNMAP || len < sizeof(r.tag))
		return;
	memcpy(&r.tag, body, sizeof(r.tag));
	if (r.tag && !mute)
		put(RIOD_FRAME_REPLY, &r, sizeof(r), true);
}

static bool one_frame(void)
{
	static uint8_t body[RIOD_FRAME_MAX];
	struct riod_frame_hdr h;
	size_t len;

	if (!get(&h, sizeof(h)))
		return false;
	len = le32toh(h.len) - sizeof(h);
	if (len > sizeof(body) || (len && !get(body, len)))
		return false;
	if (h.seq)
		rx_seq = le64toh(h.seq);
	answer(h.type, body, len);
	return h.type != RIOD_FRAME_BYE;
}

static void session(void)
{
	struct pollfd p = { .fd = conn, .events = POLLIN };
	bool more = true;
	int n;

	welcome();
	tx_seq = 0;
	rx_seq = 0;
	describe();
	while (more) {
		n = poll(&p, 1, KEEPALIVE_MS / 2);
		if (n > 0)
			more = one_frame();
		/* acknowledge at once, even if no answer follows */
		if (more)
			put(RIOD_FRAME_ACK, NULL, 0, false);
	}
}

/* until the client gives up */
static void say_nothing(void)
{
	char byte;

	puts("connection");
	fflush(stdout);
	while (recv(conn, &byte, 1, 0) > 0)
		;
}

static void client(void)
{
	struct riod_frame_hdr h;
	struct riod_wire_hello hello;

	tx_seq = 0;
	rx_seq = 0;
	if (!get(&h, sizeof(h)) || le32toh(h.len) != sizeof(h) + sizeof(hello) ||
	    !get(&hello, sizeof(hello)))
		return;
	if (hello.intent == RIOD_INTENT_LIST)
		list();
	else
		session();
}

static void options(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "port", required_argument, NULL, 'p' },
		{ "ids", required_argument, NULL, 'i' },
		{ "class", required_argument, NULL, 'c' },
		{ "lost-ms", required_argument, NULL, 'l' },
		{ "silent", no_argument, NULL, 's' },
		{}
	};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'p')
			opt.port = atoi(optarg);
		else if (c == 'c')
			opt.class = strtoul(optarg, NULL, 16);
		else if (c == 'l')
			opt.lost_ms = atoi(optarg);
		else if (c == 's')
			opt.silent = true;
		else if (c != 'i' || sscanf(optarg, "%x:%x", &opt.vendor, &opt.device) != 2)
			errx(2, "see the head of peer.c");
	}
}

int main(int argc, char **argv)
{
	struct sigaction act = { .sa_handler = be_mute, .sa_flags = SA_RESTART };
	struct sockaddr_in addr = { .sin_family = AF_INET };
	int one = 1, fd;

	options(argc, argv);
	sigaction(SIGUSR1, &act, NULL);
	addr.sin_port = htons(opt.port);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 4))
		err(1, "port %d", opt.port);
	puts("listening");
	fflush(stdout);
	for (;;) {
		conn = accept(fd, NULL, NULL);
		if (conn < 0)
			continue;
		if (opt.silent)
			say_nothing();
		else
			client();
		close(conn);
	}
}
