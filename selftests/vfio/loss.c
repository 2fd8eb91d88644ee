// SPDX-License-Identifier: GPL-2.0-only
/*
 * loss.c - a program that has a function open, and reports its loss
 *
 *   loss PCI-ADDRESS [BAR]
 *
 * Prints "running" when it drives the function, and "request" or "error" whenever VFIO's
 * request or error interrupt is signalled.  Commands on standard input:
 *
 *   read     read the first register of BAR (0), print "read VALUE in MILLISECONDS"
 *   close    close the function, print "closed", end
 */
#include "device.h"

#include <err.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static struct device dev;
static int bar;

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void read_register(void)
{
	long from = now_ms();
	uint64_t value = device_read(&dev, bar, 0, 4);

	printf("read %#x in %ld\n", (unsigned int)value, now_ms() - from);
}

static void report(int fd, const char *what)
{
	uint64_t count;

	if (read(fd, &count, sizeof(count)) == sizeof(count))
		puts(what);
}

/* false: close.  A line arrives in one piece: the writer is a shell's echo */
static bool take_line(void)
{
	char line[64];
	ssize_t n = read(0, line, sizeof(line) - 1);

	if (n <= 0)
		return false;
	line[n] = 0;
	if (!strcmp(line, "close\n"))
		return false;
	if (strcmp(line, "read\n"))
		errx(2, "unknown command: %s", line);
	read_register();
	return true;
}

int main(int argc, char **argv)
{
	struct pollfd p[3] = { { .fd = 0 } };
	int n;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: %s PCI-ADDRESS [BAR]\n", argv[0]);
		return 2;
	}
	if (argc == 3)
		bar = atoi(argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	device_open(&dev, argv[1]);
	p[1].fd = irq_enable(&dev, VFIO_PCI_REQ_IRQ_INDEX, 0);
	p[2].fd = irq_enable(&dev, VFIO_PCI_ERR_IRQ_INDEX, 0);
	for (n = 0; n < 3; n++)
		p[n].events = POLLIN;
	device_enable(&dev);
	read_register();
	puts("running");
	for (;;) {
		if (poll(p, 3, -1) < 0)
			err(1, "poll");
		if (p[1].revents)
			report(p[1].fd, "request");
		if (p[2].revents)
			report(p[2].fd, "error");
		if (p[0].revents && !take_line())
			break;
	}
	device_close(&dev);
	puts("closed");
	return 0;
}
