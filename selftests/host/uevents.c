// SPDX-License-Identifier: GPL-2.0-only
/*
 * uevents.c - print the uevents that a command causes
 *
 *   uevents COMMAND [ARG...]
 *
 * One line for each event: ACTION@DEVPATH and its variables.  This program triggers the last
 * event by itself, to know when it has seen all events of the command.
 */
#include <linux/netlink.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAST	"/sys/devices/virtual/mem/null/uevent"

static void run(char **argv)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		err(2, "fork");
	if (!pid) {
		execvp(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	if (waitpid(pid, &status, 0) < 0 || status)
		errx(2, "%s failed", argv[0]);
}

static void ask_for_last(void)
{
	FILE *f = fopen(LAST, "w");

	if (!f || fputs("change\n", f) < 0 || fclose(f))
		err(2, LAST);
}

int main(int argc, char **argv)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = 1 };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_KOBJECT_UEVENT);
	int size = 1 << 20;
	char buf[8192];
	ssize_t n;

	if (argc < 2)
		errx(2, "usage: uevents COMMAND [ARG...]");
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		err(2, "netlink");
	run(argv + 1);
	ask_for_last();
	while ((n = recv(fd, buf, sizeof(buf) - 1, 0)) > 0) {
		buf[n] = '\0';
		for (ssize_t i = 0; i < n; i++)
			if (!buf[i])
				buf[i] = ' ';
		puts(buf);
		if (strstr(buf, "DEVNAME=null"))
			return 0;
	}
	err(2, "recv");
}
