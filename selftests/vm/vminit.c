// SPDX-License-Identifier: GPL-2.0-only
/*
 * vminit - /init of the initramfs of host VMs and guests
 *
 * Sets up the whole system without starting a process, because a process costs tens of
 * milliseconds under TCG and far more in a nested guest. Loads the modules of the
 * initramfs (in the order of their names) and mounts
 *
 *   /                   the disk riod-root, under a writable tmpfs overlay
 *   /run/riod/kernel    the disk riod-kernel; its modules on /lib/modules, overlaid with
 *                       the share "modules" (the project's, and an index of both)
 *   /run/riod/gkernel   the disk riod-gkernel, if there is one: the kernel of nested
 *                       guests; else a link to kernel
 *   /riod, /riod-build, /results   the 9p shares riod, build, results
 *
 * Disks are identified by their serials. Then it names links (by MAC) and virtio ports.
 * /job and /riodctl, which run appends to the initramfs, are copied to /run/riod; the line
 * RIOD_VM=NAME of job has this VM's name. A host continues with selftests/vm/init; a guest
 * needs only the command agent, so this process stays its process 1.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define AGENT_PORT "7400"
#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

enum { MAX_PATH = 512, MAX_SHARES = 16 };

static char vm_name[64] = "host";
static char shares[MAX_SHARES][64];
static int nr_shares;

/* Writes to the kernel log, which reaches every console. */
static void say(const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int fd, n;

	n = snprintf(text, sizeof(text), "riod-vm: %s ", vm_name);
	va_start(ap, fmt);
	vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* a failure cannot be reported anywhere */
	n = write(fd, text, strlen(text));
	(void)n;
	close(fd);
}

static void fail(const char *what)
{
	say("init: %s: %s", what, strerror(errno));
	reboot(LINUX_REBOOT_CMD_POWER_OFF);
	for (;;)
		pause();
}

/* Reads the first line of a file, without its newline; false if it cannot be read. */
static bool read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		return false;
	buf[n] = 0;
	buf[strcspn(buf, "\n")] = 0;
	return true;
}

static void copy_file(const char *from, const char *to, mode_t mode)
{
	static char buf[1 << 16];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	ssize_t n;

	if (in < 0 || out < 0)
		fail(to);
	while ((n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			fail(to);
	close(in);
	close(out);
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Calls @fn for each entry of @dir, in the order of the names. */
static void for_each(const char *dir, void (*fn)(const char *path, const char *name))
{
	struct dirent **list;
	char path[MAX_PATH];
	int i, n = scandir(dir, &list, visible, alphasort);

	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		fn(path, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
}

static void load_module(const char *path, const char *name)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		say("init: module %s: %s", name, strerror(errno));
	close(fd);
}

/* ---- mounts ---- */

static void must_mount(const char *src, const char *dst, const char *type,
		       unsigned long flags, const char *opts)
{
	mkdir(dst, 0755);
	if (mount(src, dst, type, flags, opts))
		fail(dst);
}

/* For file systems that the kernel may lack. */
static void may_mount(const char *type, const char *dst, const char *opts)
{
	mkdir(dst, 0755);
	mount(type, dst, type, 0, opts);
}

static bool mount_disk(const char *name, const char *dst)
{
	char path[MAX_PATH], want[64], serial[64];
	int c;

	snprintf(want, sizeof(want), "riod-%s", name);
	for (c = 'a'; c <= 'z'; c++) {
		snprintf(path, sizeof(path), "/sys/block/vd%c/serial", c);
		if (!read_file(path, serial, sizeof(serial)) || strcmp(serial, want))
			continue;
		snprintf(path, sizeof(path), "/dev/vd%c", c);
		must_mount(path, dst, "ext4", MS_RDONLY, NULL);
		return true;
	}
	return false;
}

static void find_share(const char *path, const char *name)
{
	char tag[MAX_PATH];

	(void)name;
	snprintf(tag, sizeof(tag), "%s/mount_tag", path);
	if (nr_shares < MAX_SHARES && read_file(tag, shares[nr_shares], sizeof(shares[0])))
		nr_shares++;
}

static bool mount_share(const char *tag, const char *dst, unsigned long flags, const char *cache)
{
	char opts[MAX_PATH];
	int i;

	for (i = 0; i < nr_shares; i++) {
		if (strcmp(shares[i], tag))
			continue;
		snprintf(opts, sizeof(opts),
			 "trans=virtio,version=9p2000.L,msize=262144,cache=%s", cache);
		must_mount(tag, dst, "9p", flags, opts);
		return true;
	}
	return false;
}

/* Mounts @lower on @dst with a writable layer in memory. */
static void mount_overlay(const char *lower, const char *name, const char *dst)
{
	char upper[64], work[64], opts[MAX_PATH];

	snprintf(upper, sizeof(upper), "/rw/%s", name);
	snprintf(work, sizeof(work), "/rw/%s.work", name);
	mkdir(upper, 0755);
	mkdir(work, 0755);
	snprintf(opts, sizeof(opts), "lowerdir=%s,upperdir=%s,workdir=%s", lower, upper, work);
	must_mount(name, dst, "overlay", 0, opts);
}

static void mount_root(void)
{
	mkdir("/base", 0755);
	must_mount("rw", "/rw", "tmpfs", 0, "size=75%");
	if (!mount_disk("root", "/base"))
		fail("no root disk");
	mount_overlay("/base", "root", "/new");
	must_mount("run", "/new/run", "tmpfs", 0, "mode=755");
	mkdir("/new/run/riod", 0755);
	if (!mount_disk("kernel", "/new/run/riod/kernel"))
		fail("no kernel disk");
	if (!mount_disk("gkernel", "/new/run/riod/gkernel") &&
	    symlink("kernel", "/new/run/riod/gkernel"))
		fail("gkernel");
	mount_overlay(mount_share("modules", "/delta", MS_RDONLY, "loose") ?
		      "/delta:/new/run/riod/kernel/lib/modules" :
		      "/new/run/riod/kernel/lib/modules", "modules", "/new/lib/modules");
	/* cached, because read-only shares do not change during a test */
	if (!mount_share("riod", "/new/riod", MS_RDONLY, "loose"))
		fail("no checkout");
	mount_share("build", "/new/riod-build", MS_RDONLY, "loose");
	mount_share("results", "/new/results", 0, "none");
}

static void mount_system(void)
{
	may_mount("tmpfs", "/new/tmp", "mode=1777");
	may_mount("devpts", "/dev/pts", "gid=5,mode=620");
	may_mount("tmpfs", "/dev/shm", "mode=1777");
	may_mount("hugetlbfs", "/dev/hugepages", NULL);
	may_mount("debugfs", "/sys/kernel/debug", NULL);
	may_mount("tracefs", "/sys/kernel/tracing", NULL);
	if (symlink("/proc/self/fd", "/dev/fd") || symlink("fd/0", "/dev/stdin") ||
	    symlink("fd/1", "/dev/stdout") || symlink("fd/2", "/dev/stderr"))
		say("init: /dev/fd: %s", strerror(errno));
}

static void enter_root(void)
{
	static const char * const moved[] = { "/proc", "/sys", "/dev" };
	char dst[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(moved); i++) {
		snprintf(dst, sizeof(dst), "/new%s", moved[i]);
		if (mount(moved[i], dst, NULL, MS_MOVE, NULL))
			fail(dst);
	}
	if (chdir("/new") || mount(".", "/", NULL, MS_MOVE, NULL) || chroot(".") || chdir("/"))
		fail("enter the root");
}

/* ---- links and ports ---- */

static int net_socket;

static void set_address(struct ifreq *ifr, unsigned long what, const char *address)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)&ifr->ifr_addr;

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	inet_pton(AF_INET, address, &sin->sin_addr);
	if (ioctl(net_socket, what, ifr))
		say("init: address %s: %s", address, strerror(errno));
}

static void link_up(const char *dev, const char *address)
{
	struct ifreq ifr = { 0 };

	strncpy(ifr.ifr_name, dev, IFNAMSIZ - 1);
	if (address) {
		set_address(&ifr, SIOCSIFADDR, address);
		set_address(&ifr, SIOCSIFNETMASK, "255.255.255.0");
	}
	ifr.ifr_flags = IFF_UP | IFF_RUNNING;
	if (ioctl(net_socket, SIOCSIFFLAGS, &ifr))
		say("init: %s up: %s", dev, strerror(errno));
}

static void rename_link(const char *dev, const char *name)
{
	struct ifreq ifr = { 0 };

	strncpy(ifr.ifr_name, dev, IFNAMSIZ - 1);
	strncpy(ifr.ifr_newname, name, IFNAMSIZ - 1);
	if (ioctl(net_socket, SIOCSIFNAME, &ifr))
		say("init: name %s: %s", name, strerror(errno));
}

/* vm.sh and devices.sh encode the kind of link in the fourth byte of its MAC. */
static void name_link(const char *path, const char *dev)
{
	int host = !strcmp(vm_name, "server") ? 1 : !strcmp(vm_name, "guest") ? 15 : 2;
	char file[MAX_PATH], mac[32], name[IFNAMSIZ], address[32];
	unsigned int kind, last;

	snprintf(file, sizeof(file), "%s/address", path);
	if (!read_file(file, mac, sizeof(mac)) ||
	    sscanf(mac, "52:54:00:%x:%*x:%x", &kind, &last) != 2)
		return;
	if (kind == 0x55) {
		snprintf(name, sizeof(name), "peer%u", last & 0xff);
		rename_link(dev, name);
	} else if (kind == 0x77 || kind == 0x99) {
		snprintf(name, sizeof(name), kind == 0x77 ? "data0" : "ctl0");
		snprintf(address, sizeof(address), "10.%d.0.%d", kind == 0x77 ? 77 : 99, host);
		rename_link(dev, name);
		link_up(name, address);
	}
}

static void name_port(const char *path, const char *dev)
{
	char file[MAX_PATH], name[64], node[MAX_PATH];

	snprintf(file, sizeof(file), "%s/name", path);
	if (!read_file(file, name, sizeof(name)) || !name[0])
		return;
	snprintf(file, sizeof(file), "/dev/virtio-ports/%s", name);
	snprintf(node, sizeof(node), "/dev/%s", dev);
	if (symlink(node, file))
		say("init: port %s: %s", name, strerror(errno));
}

static void links_and_ports(void)
{
	net_socket = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	link_up("lo", NULL);
	for_each("/sys/class/net", name_link);
	mkdir("/dev/virtio-ports", 0755);
	for_each("/sys/class/virtio-ports", name_port);
}

/* ---- main ---- */

static int nr_unbound;

static void count_unbound(const char *path, const char *name)
{
	char file[MAX_PATH], vendor[16];

	(void)name;
	snprintf(file, sizeof(file), "%s/vendor", path);
	if (!read_file(file, vendor, sizeof(vendor)) || strncmp(vendor, "0x1af4", 6))
		return;
	snprintf(file, sizeof(file), "%s/driver", path);
	nr_unbound += access(file, F_OK) != 0;
}

/*
 * Behind a virtio-iommu other devices are probed in the background, after its driver is
 * bound; otherwise loading a module binds its devices.
 */
static void wait_for_virtio(void)
{
	const struct timespec moment = { .tv_nsec = 20000000 };
	int tries;

	for (tries = 0; tries < 1500; tries++) {
		nr_unbound = 0;
		for_each("/sys/bus/pci/devices", count_unbound);
		if (!nr_unbound)
			return;
		nanosleep(&moment, NULL);
	}
	say("init: %d virtio devices have no driver", nr_unbound);
}

static void read_job(void)
{
	FILE *job = fopen("/job", "re");
	char line[4096];

	if (!job)
		fail("/job");
	while (fgets(line, sizeof(line), job))
		sscanf(line, "RIOD_VM=%63[a-z0-9]", vm_name);
	fclose(job);
}

static void be_a_guest(void)
{
	static char * const agent[] = { "vmtool", "serve", AGENT_PORT, NULL };
	pid_t pid;

	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	setenv("HOME", "/", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("RIOD_VM", vm_name, 1);
	pid = fork();
	if (!pid) {
		setsid();
		execv("/run/riod/vmtool", agent);
		_exit(127);
	}
	say("ready");
	for (;;)
		if (wait(NULL) == pid)
			fail("the agent ended");
}

int main(void)
{
	static char * const next[] = { "init", NULL };
	char host[80];

	umask(022);
	must_mount("proc", "/proc", "proc", 0, NULL);
	must_mount("sys", "/sys", "sysfs", 0, NULL);
	must_mount("dev", "/dev", "devtmpfs", 0, NULL);
	read_job();
	for_each("/modules", load_module);
	wait_for_virtio();
	for_each("/sys/bus/virtio/drivers/9pnet_virtio", find_share);
	mount_root();
	copy_file("/job", "/new/run/riod/job", 0644);
	copy_file("/bin/vmtool", "/new/run/riod/vmtool", 0755);
	if (!access("/riodctl", F_OK))
		copy_file("/riodctl", "/new/run/riod/riodctl", 0755);
	snprintf(host, sizeof(host), "riod-%s", vm_name);
	if (sethostname(host, strlen(host)))
		say("init: host name: %s", strerror(errno));
	links_and_ports();
	mount_system();
	enter_root();
	if (!strcmp(vm_name, "guest"))
		be_a_guest();
	execv("/riod/selftests/vm/init", next);
	fail("/riod/selftests/vm/init");
}
