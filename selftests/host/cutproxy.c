// SPDX-License-Identifier: GPL-2.0-only
/*
 * cutproxy.c - a TCP proxy that cuts connections, between and inside frames of riod
 *
 *   cutproxy --listen PORT --to ADDRESS:PORT [--cuts N] [--bytes MAX] [--seed S]
 *
 * Each connection is cut after a random number of bytes up to MAX, in alternation between two
 * frames and inside one, until N cuts were made; later connections stay.  The bytes behind the
 * cut are dropped, in both directions.  Commands on standard input:
 *
 *   cut       cut the present connections now, wherever they are
 *   refuse    accept nothing more, and cut
 *   drop      pass nothing more, without a word: a network that is gone
 *   up        undo "refuse" and "drop" (a connection that lost bytes is cut)
 *
 * Prints "listening", then at each cut "ended KIND BYTES", BYTES: passed since the connection
 * began.  SIGUSR1: prints the totals.
 */
#include "wire.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNS	8
#define BUF	65536

/* one direction: bytes of a frame that are still to come, and its header so far */
struct flow {
	uint32_t left;
	unsigned int got;
	unsigned char len[4];
};

struct conn {
	int fd[2];		/* client, server; -1: free */
	struct flow flow[2];	/* from fd[n] */
	unsigned long passed;
	unsigned long cut_at;	/* 0: never */
	bool inside;
	bool lossy;		/* bytes were dropped */
};

static struct conn conns[CONNS];
static struct sockaddr_in to;
static unsigned long max_bytes = 262144;
static unsigned int cuts_left, ncuts[2];
static bool refuse, drop;
static volatile sig_atomic_t asked;

static void on_usr1(int sig)
{
	(void)sig;
	asked = 1;
}

static void cut(struct conn *c, const char *kind)
{
	struct linger hard = { .l_onoff = 1 };
	int n;

	for (n = 0; n < 2; n++) {
		/* a reset, as from a host that was restarted; or an orderly end */
		if (random() & 1)
			setsockopt(c->fd[n], SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
		close(c->fd[n]);
		c->fd[n] = -1;
	}
	if (kind)
		printf("ended %s %lu\n", kind, c->passed);
}

/* bytes of @buf up to which the flow may pass; frames are followed in @f */
static size_t follow(struct conn *c, struct flow *f, const unsigned char *buf, size_t n,
		     bool *now)
{
	size_t i;

	for (i = 0; i < n; i++) {
		bool start = !f->left && !f->got;

		if (c->cut_at && c->passed + i >= c->cut_at && start != c->inside) {
			*now = true;
			return i;
		}
		if (f->left) {
			f->left--;
			continue;
		}
		f->len[f->got++] = buf[i];
		if (f->got < sizeof(f->len))
			continue;
		f->left = f->len[0] | f->len[1] << 8 | f->len[2] << 16 | (uint32_t)f->len[3] << 24;
		f->left = f->left < sizeof(f->len) ? 0 : f->left - sizeof(f->len);
		f->got = 0;
	}
	return n;
}

static bool send_all(int fd, const unsigned char *buf, size_t n)
{
	while (n) {
		ssize_t ret = send(fd, buf, n, MSG_NOSIGNAL);

		if (ret < 0 && errno == EINTR)
			continue;
		if (ret <= 0)
			return false;
		buf += ret;
		n -= ret;
	}
	return true;
}

static void pass(struct conn *c, int from)
{
	static unsigned char buf[BUF];
	bool now = false;
	ssize_t n = recv(c->fd[from], buf, sizeof(buf), 0);
	size_t may;

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		cut(c, NULL);
		return;
	}
	if (drop) {
		c->lossy = true;
		return;
	}
	may = follow(c, &c->flow[from], buf, n, &now);
	if (!send_all(c->fd[!from], buf, may)) {
		cut(c, NULL);
		return;
	}
	c->passed += may;
	if (!now)
		return;
	cuts_left--;
	ncuts[c->inside]++;
	cut(c, c->inside ? "inside" : "between");
}

static void plan(struct conn *c)
{
	memset(c->flow, 0, sizeof(c->flow));
	c->passed = 0;
	c->lossy = false;
	c->inside = (ncuts[0] + ncuts[1]) & 1;
	c->cut_at = cuts_left ? 1 + random() % max_bytes : 0;
}

static void take(int listener)
{
	int near = accept(listener, NULL, NULL), far, n;
	struct conn *c = NULL;

	if (near < 0)
		return;
	for (n = 0; n < CONNS && !c; n++) {
		if (conns[n].fd[0] < 0)
			c = &conns[n];
	}
	far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (refuse || !c || far < 0 || connect(far, (struct sockaddr *)&to, sizeof(to))) {
		close(near);
		close(far);
		return;
	}
	c->fd[0] = near;
	c->fd[1] = far;
	plan(c);
}

static void cut_all(const char *kind)
{
	int n;

	for (n = 0; n < CONNS; n++) {
		if (conns[n].fd[0] >= 0)
			cut(&conns[n], kind);
	}
}

/* false: standard input is closed */
static bool command(void)
{
	char line[64];
	int n;

	if (!fgets(line, sizeof(line), stdin))
		return false;
	if (!strcmp(line, "cut\n")) {
		cut_all("asked");
	} else if (!strcmp(line, "refuse\n")) {
		refuse = true;
		cut_all("asked");
	} else if (!strcmp(line, "drop\n")) {
		drop = true;
	} else if (!strcmp(line, "up\n")) {
		refuse = false;
		drop = false;
		for (n = 0; n < CONNS; n++) {
			if (conns[n].fd[0] >= 0 && conns[n].lossy)
				cut(&conns[n], NULL);
		}
	} else {
		errx(2, "unknown: %s", line);
	}
	printf("done %s", line);
	return true;
}

static void run(int listener)
{
	struct pollfd p[2 + 2 * CONNS];
	bool input = true;
	int n, k;

	for (;;) {
		if (asked) {
			asked = 0;
			printf("total between=%u inside=%u left=%u\n", ncuts[0], ncuts[1],
			       cuts_left);
		}
		p[0] = (struct pollfd){ listener, POLLIN, 0 };
		p[1] = (struct pollfd){ input ? 0 : -1, POLLIN, 0 };
		for (n = 0; n < CONNS; n++) {
			for (k = 0; k < 2; k++)
				p[2 + 2 * n + k] = (struct pollfd){ conns[n].fd[k], POLLIN, 0 };
		}
		if (poll(p, 2 + 2 * CONNS, -1) < 0)
			continue;
		for (n = 0; n < CONNS; n++) {
			for (k = 0; k < 2; k++) {
				if (p[2 + 2 * n + k].revents && conns[n].fd[k] >= 0)
					pass(&conns[n], k);
			}
		}
		if (p[0].revents)
			take(listener);
		if (p[1].revents)
			input = command();
	}
}

static int listen_on(unsigned int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 16))
		err(2, "port %u", port);
	return fd;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "to", required_argument, NULL, 't' },
		{ "cuts", required_argument, NULL, 'c' },
		{ "bytes", required_argument, NULL, 'b' },
		{ "seed", required_argument, NULL, 's' },
		{ }
	};
	unsigned int port = 0;
	char *colon;
	int opt, n;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'l':
			port = atoi(optarg);
			break;
		case 't':
			colon = strrchr(optarg, ':');
			if (!colon)
				errx(2, "--to ADDRESS:PORT");
			*colon = 0;
			to.sin_family = AF_INET;
			to.sin_port = htons(atoi(colon + 1));
			if (inet_pton(AF_INET, optarg, &to.sin_addr) != 1)
				errx(2, "%s: no IPv4 address", optarg);
			break;
		case 'c':
			cuts_left = atoi(optarg);
			break;
		case 'b':
			max_bytes = atol(optarg);
			break;
		case 's':
			srandom(atoi(optarg));
			break;
		default:
			return 2;
		}
	}
	if (!port || !to.sin_port || !max_bytes)
		errx(2, "usage: cutproxy --listen PORT --to ADDRESS:PORT [--cuts N] [--bytes MAX]");
	for (n = 0; n < CONNS; n++) {
		conns[n].fd[0] = -1;
		conns[n].fd[1] = -1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	sigaction(SIGUSR1, &(struct sigaction){ .sa_handler = on_usr1 }, NULL);
	n = listen_on(port);
	puts("listening");
	run(n);
}
