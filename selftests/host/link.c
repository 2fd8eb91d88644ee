// SPDX-License-Identifier: GPL-2.0-only
/*
 * link.c - what TCP does on a link: ping-pong, and streams in either direction
 *
 *   link serve PORT                    answer all others; prints "ready"
 *   link pingpong ADDRESS PORT BYTES COUNT
 *                                      "pingpong NS NS ...": round trips of BYTES each way
 *   link send ADDRESS PORT SECONDS     "send BYTES NS", until the server has all of them
 *   link receive ADDRESS PORT SECONDS  "receive BYTES NS"
 *
 * Streams are random bytes: riod sends bytes that changed, and zeros upon zeros would be none.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE	65536

/* the first thing that a client sends */
struct order {
	char what;		/* first letter of the command */
	uint32_t bytes;		/* of a message of ping-pong */
} __attribute__((packed));

static char buf[PIECE];

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void randomise(void)
{
	size_t have = 0;

	while (have < sizeof(buf)) {
		ssize_t n = getrandom(buf + have, sizeof(buf) - have, 0);

		if (n < 0)
			err(1, "getrandom");
		have += n;
	}
}

static void no_delay(int fd)
{
	int one = 1;

	if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)))
		err(1, "TCP_NODELAY");
}

/* false at the end of the stream */
static int get(int fd, void *to, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t n = read(fd, (char *)to + have, len - have);

		if (n < 0)
			err(1, "read");
		if (!n)
			return 0;
		have += n;
	}
	return 1;
}

static void put(int fd, const void *from, size_t len)
{
	while (len) {
		ssize_t n = write(fd, from, len);

		if (n < 0)
			err(1, "write");
		from = (const char *)from + n;
		len -= n;
	}
}

static void sink(int fd)
{
	uint64_t sum = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		sum += n;
	put(fd, &sum, sizeof(sum));
}

static void serve_one(int fd)
{
	struct order o;

	no_delay(fd);
	if (!get(fd, &o, sizeof(o)) || o.bytes > sizeof(buf))
		errx(1, "no order");
	switch (o.what) {
	case 'p':
		while (get(fd, buf, o.bytes))
			put(fd, buf, o.bytes);
		break;
	case 's':
		sink(fd);
		break;
	case 'r':
		/* until the client has enough, and closes */
		while (write(fd, buf, sizeof(buf)) > 0)
			;
		break;
	}
}

static int serve(int port)
{
	struct sockaddr_in6 at = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int one = 1, fd, s = socket(AF_INET6, SOCK_STREAM, 0);

	if (s < 0 || setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(s, (struct sockaddr *)&at, sizeof(at)) || listen(s, 16))
		err(1, "port %d", port);
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	puts("ready");
	fflush(stdout);
	while ((fd = accept(s, NULL, NULL)) >= 0) {
		if (!fork()) {
			serve_one(fd);
			_exit(0);
		}
		close(fd);
	}
	err(1, "accept");
}

static int call(const char *addr, int port, char what, uint32_t bytes)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct order o = { .what = what, .bytes = bytes };
	int s = socket(AF_INET, SOCK_STREAM, 0);

	if (inet_pton(AF_INET, addr, &to.sin_addr) != 1)
		errx(2, "no address \"%s\"", addr);
	if (s < 0 || connect(s, (struct sockaddr *)&to, sizeof(to)))
		err(1, "%s:%d", addr, port);
	no_delay(s);
	put(s, &o, sizeof(o));
	return s;
}

static void pingpong(int s, uint32_t bytes, unsigned long count)
{
	printf("pingpong");
	for (unsigned long i = 0; i < count; i++) {
		uint64_t begin = now();

		put(s, buf, bytes);
		if (!get(s, buf, bytes))
			errx(1, "the server has closed");
		printf(" %lu", now() - begin);
	}
	putchar('\n');
}

static void stream_out(int s, uint64_t ns)
{
	uint64_t begin = now(), got;

	while (now() - begin < ns)
		put(s, buf, sizeof(buf));
	shutdown(s, SHUT_WR);
	if (!get(s, &got, sizeof(got)))
		errx(1, "the server has closed");
	printf("send %lu %lu\n", got, now() - begin);
}

static void stream_in(int s, uint64_t ns)
{
	uint64_t begin = now(), got = 0;

	while (now() - begin < ns) {
		ssize_t n = read(s, buf, sizeof(buf));

		if (n <= 0)
			err(1, "read");
		got += n;
	}
	printf("receive %lu %lu\n", got, now() - begin);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	randomise();
	if (argc == 3 && !strcmp(what, "serve"))
		return serve(atoi(argv[2]));
	if (argc == 6 && !strcmp(what, "pingpong") && atoi(argv[4]) > 0 && atoi(argv[4]) <= PIECE)
		pingpong(call(argv[2], atoi(argv[3]), 'p', atoi(argv[4])), atoi(argv[4]),
			 atol(argv[5]));
	else if (argc == 5 && !strcmp(what, "send"))
		stream_out(call(argv[2], atoi(argv[3]), 's', 0), atol(argv[4]) * 1000000000ull);
	else if (argc == 5 && !strcmp(what, "receive"))
		stream_in(call(argv[2], atoi(argv[3]), 'r', 0), atol(argv[4]) * 1000000000ull);
	else
		errx(2, "usage: link serve|pingpong|send|receive ... (see link.c)");
	return 0;
}
