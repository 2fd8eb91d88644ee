// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmtool - command agent of the harness's virtual machines, and its client
 *
 *   vmtool serve PORT                  run commands for clients that connect
 *   vmtool call HOST:PORT SECS CMD     run CMD (a bash command line) there
 *   vmtool hmp SOCKET SECS CMD         run CMD in QEMU's monitor, print its answer
 *   vmtool wait SECS FILE              wait until FILE exists (a socket, a flag)
 *   vmtool raw FILE                    put a terminal or port in raw mode
 *   vmtool json                        print standard input's JSON, one line per value:
 *                                      "exports.0.name=nvme" (jq takes a second to
 *                                      start under TCG)
 *
 * serve and call forward standard input, output, error and the exit status. If the
 * client disconnects, serve kills the command's process group. When the command
 * exits, serve sends its remaining output and ends the call, even if a background
 * process still holds the output open. SECS is a deadline, 0 for none. A call exits
 * with 124 at the deadline, and with 255 if it cannot connect or loses its peer.
 *
 * Frame: type (1 byte), length (4 bytes, little-endian), payload.
 *
 * Linked statically, because it also runs from the initramfs. Built and cached by
 * kernel.sh.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum frame_type { F_EXEC = 1, F_STDIN, F_STDIN_EOF, F_STDOUT, F_STDERR, F_EXIT };

enum {
	MAX_COMMAND = 1 << 20,
	CHUNK = 32768,
	EXIT_DEADLINE = 124,
	EXIT_LOST = 255,
};

static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("vmtool: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(EXIT_LOST);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static bool write_all(int fd, const void *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0) {
			if (errno == EINTR)
				continue;
			if (errno == EAGAIN) {
				poll(&(struct pollfd){ fd, POLLOUT, 0 }, 1, -1);
				continue;
			}
			return false;
		}
		buf = (const char *)buf + n;
		len -= n;
	}
	return true;
}

static bool read_all(int fd, void *buf, size_t len)
{
	while (len) {
		ssize_t n = read(fd, buf, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		buf = (char *)buf + n;
		len -= n;
	}
	return true;
}

static bool send_frame(int fd, enum frame_type type, const void *buf, uint32_t len)
{
	char head[5];
	uint32_t le = htole32(len);

	head[0] = type;
	memcpy(head + 1, &le, 4);
	return write_all(fd, head, sizeof(head)) && write_all(fd, buf, len);
}

/* Returns the payload's length; -1 if the peer is gone or the frame is invalid. */
static ssize_t recv_frame(int fd, enum frame_type *type, char *buf, size_t size)
{
	unsigned char head[5];
	uint32_t len;

	if (!read_all(fd, head, sizeof(head)))
		return -1;
	*type = head[0];
	memcpy(&len, head + 1, 4);
	len = le32toh(len);
	if (len > size || !read_all(fd, buf, len))
		return -1;
	return len;
}

/* ---- serve ---- */

struct child {
	pid_t pid;
	int in, out, err;
};

static volatile sig_atomic_t child_exited;
static int wake_pipe[2];

static void on_sigchld(int sig)
{
	int saved = errno;
	ssize_t n;

	(void)sig;
	child_exited = 1;
	/* fails if the pipe is full; then a wake-up is already pending */
	n = write(wake_pipe[1], "", 1);
	(void)n;
	errno = saved;
}

static struct child spawn(const char *command)
{
	struct child c;
	int in[2], out[2], err[2];

	if (pipe2(in, O_CLOEXEC) || pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		die("pipe: %m");
	c.pid = fork();
	if (c.pid < 0)
		die("fork: %m");
	if (!c.pid) {
		setsid();
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		signal(SIGPIPE, SIG_DFL);
		signal(SIGCHLD, SIG_DFL);
		execl("/bin/bash", "bash", "-c", command, NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	c.in = in[1];
	c.out = out[0];
	c.err = err[0];
	return c;
}

/* Forwards the data that @fd has; false at its end. */
static bool forward(int fd, int conn, enum frame_type type)
{
	static char buf[CHUNK];
	ssize_t n = read(fd, buf, sizeof(buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0)
		return false;
	return send_frame(conn, type, buf, n);
}

/* The command has exited: send the data in its pipes, without waiting for more. */
static void drain(struct child *c, int conn)
{
	struct pollfd p[2] = { { c->out, POLLIN, 0 }, { c->err, POLLIN, 0 } };

	while (poll(p, 2, 0) > 0) {
		if (p[0].revents && !forward(c->out, conn, F_STDOUT))
			p[0].fd = -1;
		if (p[1].revents && !forward(c->err, conn, F_STDERR))
			p[1].fd = -1;
	}
}

/* Handles one frame from the client; false if the client is gone. */
static bool from_client(int conn, struct child *c)
{
	static char buf[CHUNK];
	enum frame_type type;
	ssize_t n = recv_frame(conn, &type, buf, sizeof(buf));

	if (n < 0)
		return false;
	if (type == F_STDIN && c->in >= 0 && !write_all(c->in, buf, n)) {
		close(c->in);
		c->in = -1;
	} else if (type == F_STDIN_EOF && c->in >= 0) {
		close(c->in);
		c->in = -1;
	}
	return true;
}

static void serve_one(int conn)
{
	static char command[MAX_COMMAND + 1];
	enum frame_type type;
	struct child c;
	ssize_t n;
	int status;
	uint32_t code;

	n = recv_frame(conn, &type, command, MAX_COMMAND);
	if (n < 0 || type != F_EXEC)
		return;
	command[n] = 0;
	if (pipe2(wake_pipe, O_CLOEXEC | O_NONBLOCK))
		die("pipe: %m");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGCHLD, on_sigchld);
	c = spawn(command);

	struct pollfd p[4] = {
		{ conn, POLLIN, 0 }, { c.out, POLLIN, 0 }, { c.err, POLLIN, 0 },
		{ wake_pipe[0], POLLIN, 0 },
	};
	while (!child_exited) {
		if (poll(p, 4, -1) < 0 && errno != EINTR)
			die("poll: %m");
		if (p[0].revents && !from_client(conn, &c)) {
			kill(-c.pid, SIGKILL);
			break;
		}
		if (p[1].revents && !forward(c.out, conn, F_STDOUT))
			p[1].fd = -1;
		if (p[2].revents && !forward(c.err, conn, F_STDERR))
			p[2].fd = -1;
	}
	if (waitpid(c.pid, &status, 0) != c.pid)
		return;
	drain(&c, conn);
	code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	code = htole32(code);
	send_frame(conn, F_EXIT, &code, sizeof(code));
}

static int serve(const char *port)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET,
		.sin_port = htons(atoi(port)),
		.sin_addr.s_addr = htonl(INADDR_ANY),
	};
	int one = 1, conn, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 64))
		die("listen on port %s: %m", port);
	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (conn < 0)
			continue;
		setsockopt(conn, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		setsockopt(conn, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
		if (!fork()) {
			serve_one(conn);
			_exit(0);
		}
		close(conn);
	}
}

/* ---- call ---- */

static int64_t deadline_after(const char *secs)
{
	double s = atof(secs);

	return s > 0 ? now_ms() + (int64_t)(s * 1000) : INT64_MAX;
}

/* Milliseconds left for poll(); exits the program at the deadline. */
static int left(int64_t deadline, const char *what)
{
	int64_t ms;

	if (deadline == INT64_MAX)
		return -1;
	ms = deadline - now_ms();
	if (ms <= 0) {
		fprintf(stderr, "vmtool: %s: no answer in time\n", what);
		exit(EXIT_DEADLINE);
	}
	return ms > 1000 ? 1000 : (int)ms;
}

static int connect_tcp(const char *where, int64_t deadline)
{
	char host[64];
	const char *colon = strrchr(where, ':');
	struct sockaddr_in addr = { .sin_family = AF_INET };
	struct pollfd p;
	int one = 1, err = 0;
	socklen_t len = sizeof(err);

	if (!colon || (size_t)(colon - where) >= sizeof(host))
		die("not HOST:PORT: %s", where);
	memcpy(host, where, colon - where);
	host[colon - where] = 0;
	addr.sin_port = htons(atoi(colon + 1));
	if (inet_pton(AF_INET, host, &addr.sin_addr) != 1)
		die("not an address: %s", host);

	p.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	p.events = POLLOUT;
	if (connect(p.fd, (struct sockaddr *)&addr, sizeof(addr)) && errno != EINPROGRESS)
		die("%s: %m", where);
	while (!poll(&p, 1, left(deadline, where)))
		;
	if (getsockopt(p.fd, SOL_SOCKET, SO_ERROR, &err, &len) || err) {
		errno = err;
		die("%s: %m", where);
	}
	fcntl(p.fd, F_SETFL, 0);
	setsockopt(p.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return p.fd;
}

static int call(const char *where, const char *secs, const char *command)
{
	static char buf[CHUNK];
	int64_t deadline = deadline_after(secs);
	int fd = connect_tcp(where, deadline);
	struct pollfd p[2] = { { fd, POLLIN, 0 }, { 0, POLLIN, 0 } };
	enum frame_type type;
	uint32_t code;
	ssize_t n;

	signal(SIGPIPE, SIG_IGN);
	if (strlen(command) > MAX_COMMAND || !send_frame(fd, F_EXEC, command, strlen(command)))
		die("%s: cannot send the command", where);
	for (;;) {
		if (poll(p, 2, left(deadline, where)) < 0)
			continue;
		if (p[1].revents) {
			n = read(0, buf, sizeof(buf));
			if (n > 0) {
				send_frame(fd, F_STDIN, buf, n);
			} else {
				send_frame(fd, F_STDIN_EOF, NULL, 0);
				p[1].fd = -1;
			}
		}
		if (!p[0].revents)
			continue;
		n = recv_frame(fd, &type, buf, sizeof(buf));
		if (n < 0)
			die("%s: connection lost", where);
		if (type == F_STDOUT || type == F_STDERR) {
			write_all(type == F_STDOUT ? 1 : 2, buf, n);
		} else if (type == F_EXIT && n == sizeof(code)) {
			memcpy(&code, buf, sizeof(code));
			return le32toh(code);
		}
	}
}

/* ---- hmp: QEMU's human monitor, carried by QMP ---- */

static char qmp_buf[1 << 20];
static size_t qmp_len;

/* Reads QEMU's next line, without its newline. */
static char *qmp_line(int fd, int64_t deadline, const char *path)
{
	static size_t used;
	char *end;
	ssize_t n;

	memmove(qmp_buf, qmp_buf + used, qmp_len - used);
	qmp_len -= used;
	used = 0;
	while (!(end = memchr(qmp_buf, '\n', qmp_len))) {
		struct pollfd p = { fd, POLLIN, 0 };

		if (poll(&p, 1, left(deadline, path)) <= 0)
			continue;
		n = read(fd, qmp_buf + qmp_len, sizeof(qmp_buf) - 1 - qmp_len);
		if (n <= 0)
			die("%s: QEMU has gone", path);
		qmp_len += n;
	}
	*end = 0;
	used = end + 1 - qmp_buf;
	return qmp_buf;
}

/* Prints a JSON string (from after its opening quote) as text. */
static void print_json_string(const char *s)
{
	for (; *s && *s != '"'; s++) {
		if (*s != '\\') {
			putchar(*s);
			continue;
		}
		switch (*++s) {
		case 'n':
			putchar('\n');
			break;
		case 'r':
			break;
		case 't':
			putchar('\t');
			break;
		case 'u':
			putchar('?');
			s += strnlen(s + 1, 4);
			break;
		case 0:
			return;
		default:
			putchar(*s);
		}
	}
}

static int hmp(const char *path, const char *secs, const char *command)
{
	int64_t deadline = deadline_after(secs);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char *line, *answer;
	const char *c;

	if (strlen(path) >= sizeof(addr.sun_path))
		die("path too long: %s", path);
	strcpy(addr.sun_path, path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		die("%s: %m", path);
	dprintf(fd, "{\"execute\":\"qmp_capabilities\"}\n");
	dprintf(fd, "{\"execute\":\"human-monitor-command\",\"id\":\"riod\",");
	dprintf(fd, "\"arguments\":{\"command-line\":\"");
	for (c = command; *c; c++)
		dprintf(fd, *c == '"' || *c == '\\' ? "\\%c" : "%c", *c);
	dprintf(fd, "\"}}\n");
	if (!strcmp(command, "quit"))
		return 0;
	for (;;) {
		line = qmp_line(fd, deadline, path);
		if (!strstr(line, "\"id\": \"riod\""))
			continue;
		answer = strstr(line, "\"return\": \"");
		if (!answer) {
			fprintf(stderr, "%s\n", line);
			return 1;
		}
		print_json_string(answer + strlen("\"return\": \""));
		return 0;
	}
}

static int wait_file(const char *secs, const char *path)
{
	int64_t deadline = deadline_after(secs);
	struct stat st;

	while (stat(path, &st)) {
		left(deadline, path);
		usleep(10000);
	}
	return 0;
}

static int raw(const char *path)
{
	int fd = open(path, O_RDWR | O_NOCTTY);
	struct termios t;

	if (fd < 0 || tcgetattr(fd, &t))
		return 1;
	cfmakeraw(&t);
	return tcsetattr(fd, TCSANOW, &t) != 0;
}

/* A JSON text, and the path to the reader's position. */
struct json {
	const char *at;
	char path[512];
};

static void json_space(struct json *j)
{
	j->at += strspn(j->at, " \t\r\n");
}

/* Returns the closing quote of the string that begins at @at. */
static const char *json_string_end(const char *at)
{
	for (at++; *at && *at != '"'; at++) {
		if (*at == '\\' && at[1])
			at++;
	}
	if (!*at)
		die("json: a string has no end");
	return at;
}

/* Appends a member's name or an index to the path; the caller truncates it again. */
static void json_push(struct json *j, size_t base, const char *name, int len)
{
	int n = snprintf(j->path + base, sizeof(j->path) - base, "%s%.*s", base ? "." : "", len,
			 name);

	if (n < 0 || (size_t)n >= sizeof(j->path) - base)
		die("json: too deep at %s", j->path);
}

static void json_value(struct json *j);

static void json_members(struct json *j, char end)
{
	size_t base = strlen(j->path);
	const char *name;
	char number[16];

	j->at++;
	json_space(j);
	for (int i = 0; *j->at != end; i++) {
		if (end == '}') {
			name = j->at + 1;
			if (*j->at != '"')
				die("json: no name at: %.20s", j->at);
			j->at = json_string_end(j->at);
			json_push(j, base, name, j->at++ - name);
			json_space(j);
			if (*j->at++ != ':')
				die("json: no value for %s", j->path);
		} else {
			json_push(j, base, number, snprintf(number, sizeof(number), "%d", i));
		}
		json_value(j);
		j->path[base] = 0;
		if (*j->at == ',') {
			j->at++;
			json_space(j);
		} else if (*j->at != end) {
			die("json: neither , nor %c at: %.20s", end, j->at);
		}
	}
	j->at++;
}

static void json_value(struct json *j)
{
	const char *end;

	json_space(j);
	if (*j->at == '{' || *j->at == '[') {
		json_members(j, *j->at == '{' ? '}' : ']');
	} else if (*j->at == '"') {
		end = json_string_end(j->at);
		printf("%s=", j->path);
		print_json_string(j->at + 1);
		putchar('\n');
		j->at = end + 1;
	} else {
		end = j->at + strcspn(j->at, ",]} \t\r\n");
		if (end == j->at)
			die("json: no value for %s", j->path);
		printf("%s=%.*s\n", j->path, (int)(end - j->at), j->at);
		j->at = end;
	}
	json_space(j);
}

static int print_json(void)
{
	struct json j = { .path = "" };
	size_t size = 0, got;
	char *text = NULL;

	do {
		text = realloc(text, size + CHUNK + 1);
		if (!text)
			die("json: out of memory");
		got = fread(text + size, 1, CHUNK, stdin);
		size += got;
	} while (got);
	text[size] = 0;
	j.at = text;
	json_value(&j);
	if (*j.at)
		die("json: more text: %.20s", j.at);
	free(text);
	return 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (argc == 3 && !strcmp(verb, "serve"))
		return serve(argv[2]);
	if (argc == 5 && !strcmp(verb, "call"))
		return call(argv[2], argv[3], argv[4]);
	if (argc == 5 && !strcmp(verb, "hmp"))
		return hmp(argv[2], argv[3], argv[4]);
	if (argc == 4 && !strcmp(verb, "wait"))
		return wait_file(argv[2], argv[3]);
	if (argc == 3 && !strcmp(verb, "raw"))
		return raw(argv[2]);
	if (argc == 2 && !strcmp(verb, "json"))
		return print_json();
	fputs("usage: vmtool serve PORT\n"
	      "       vmtool call HOST:PORT SECS CMD\n"
	      "       vmtool hmp SOCKET SECS CMD\n"
	      "       vmtool wait SECS FILE\n"
	      "       vmtool raw FILE\n"
	      "       vmtool json\n",
	      stderr);
	return 2;
}
