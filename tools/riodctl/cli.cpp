// SPDX-License-Identifier: GPL-2.0-only
#include "cli.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace riodctl {

namespace {

using Action = std::function<void(const Context &)>;

struct Cli {
	CLI::App app{
		"Plug a PCI device of one host into a KVM guest on another, over TCP or RDMA."};
	bool json = false;
	Action action;                    // action of the given verb
	std::vector<std::string> program; // PROGRAM [ARG...] of exec

	// Adds a verb with its one-line help, its examples, and the options of all verbs.
	CLI::App *verb(const char *name, const char *help, const char *examples);
};

CLI::App *Cli::verb(const char *name, const char *help, const char *examples)
{
	CLI::App *sub = app.add_subcommand(name, help);

	sub->add_flag("--json", json, "Print JSON (see riodctl(8))");
	sub->footer(fmt::format("Examples:\n{}", examples));
	return sub;
}

void add_bind(Cli &cli)
{
	auto options = std::make_shared<BindOptions>();
	CLI::App *sub = cli.verb(
		"bind", "Take PCI functions from this host's drivers; export them with --export",
		"  riodctl bind 0000:03:00.0 --export --allow 192.0.2.0/24\n"
		"  riodctl bind 03:00.0 03:00.1 --export --name nic   # a whole IOMMU group\n"
		"  riodctl bind 0000:03:00.0 --export --transport tcp --transport rdma\n"
		"  riodctl bind 0000:03:00.0 --dry-run                # only check");

	sub->add_option("ADDR", options->addresses, "PCI addresses")->required();
	auto *exported = sub->add_flag("--export", options->exported, "Export them to peers");
	sub->add_option("--name", options->name, "Name of the export (default: the first address)")
		->needs(exported);
	sub->add_option("--allow", options->allow,
			"Peers that may attach, as ADDRESS[/LENGTH]; may be repeated.\n"
			"Without it only peers on this host may attach")
		->needs(exported)
		->allow_extra_args(false);
	sub->add_option("--port", options->port, "Port, of each transport (default 7463)")
		->needs(exported)
		->check(CLI::Range(1, 65535));
	sub->add_option("--transport", options->transports,
			"Transport that peers may come by (default tcp); may be repeated: the\n"
			"export listens on each")
		->needs(exported)
		->allow_extra_args(false)
		->type_name("NAME");
	sub->add_flag("--no-reset", options->no_reset, "Accept functions without a reset method");
	sub->add_flag("--force", options->force, "Take them even if they are in use");
	sub->add_flag("--dry-run", options->dry_run, "Only check, change nothing");
	sub->callback([&cli, options] {
		cli.action = [options](const Context &context) { bind(context, *options); };
	});
}

void add_allow(Cli &cli)
{
	auto options = std::make_shared<AllowOptions>();
	CLI::App *sub =
		cli.verb("allow", "Show or change which peers may attach an export",
			 "  riodctl allow nvme0                           # show them\n"
			 "  riodctl allow nvme0 192.0.2.0/24 2001:db8::7  # these, and no others\n"
			 "  riodctl allow nvme0 192.0.2.30 --add\n"
			 "  riodctl allow nvme0 192.0.2.20 --remove --force");

	sub->add_option("NAME", options->target, "Export: its name, or a function of it")
		->required();
	sub->add_option("CIDR", options->networks,
			"Peers, as ADDRESS[/LENGTH]: from now on these and no others may attach");
	auto *add = sub->add_flag("--add", options->add, "These, too");
	auto *remove = sub->add_flag("--remove", options->remove, "These no longer");
	auto *clear = sub->add_flag("--clear", options->clear, "Only peers on this host");
	sub->add_flag("--force", options->force,
		      "End the session of an attached peer that may not attach any more");
	add->excludes(remove)->excludes(clear);
	remove->excludes(clear);
	sub->callback([&cli, options] {
		cli.action = [options](const Context &context) { allow(context, *options); };
	});
}

void add_unbind(Cli &cli)
{
	auto options = std::make_shared<UnbindOptions>();
	CLI::App *sub =
		cli.verb("unbind", "Give functions back to this host's drivers",
			 "  riodctl unbind 0000:03:00.0\n"
			 "  riodctl unbind nic                    # an export, by name\n"
			 "  riodctl unbind 03:00.0 --driver vfio-pci\n"
			 "  riodctl unbind nic --force            # even if a guest uses it");

	sub->add_option("ADDR|NAME", options->targets, "PCI addresses or names of exports")
		->required();
	sub->add_option("--driver", options->driver,
			"Driver to bind them to (default: the former driver)");
	sub->add_flag("--force", options->force, "Even if a peer is attached");
	sub->callback([&cli, options] {
		cli.action = [options](const Context &context) { unbind(context, *options); };
	});
}

void add_attach(Cli &cli)
{
	auto options = std::make_shared<AttachOptions>();
	CLI::App *sub =
		cli.verb("attach", "Attach a PCI device that another host exports",
			 "  riodctl attach server1\n"
			 "  riodctl attach tcp://192.0.2.1:7463 nvme0\n"
			 "  riodctl attach [2001:db8::1]:7463 0000:03:00.0 --profile none\n"
			 "  riodctl attach 192.0.2.1 ivshmem0 --shadow-bar 2\n"
			 "  riodctl attach server1 nvme0 --on-loss stall --loss-timeout 30s\n"
			 "  riodctl attach server1 nvme0 --persist");

	sub->add_option("HOST", options->host,
			"Server host, as [TRANSPORT://]HOST[:PORT]; tcp and 7463 by default")
		->required();
	sub->add_option("EXPORT", options->export_name,
			"Export, as 'riodctl list HOST' shows it; optional if there is only one");
	sub->add_option("--limit", options->limit,
			"Hold off DMA while the guest maps more writable memory than this\n"
			"(default 64M; rule 18)");
	sub->add_option("--profile", options->profile,
			"Device profile to use instead of the default one; 'none': no profile");
	sub->add_option("--shadow-bar", options->shadow_bars,
			"BAR that contains only memory: map it into the guest and keep the pages\n"
			"that were accessed coherent between both hosts (may be repeated)")
		->check(CLI::Range(0U, 5U))
		->type_name("N");
	sub->add_flag("--sync-writes", options->sync_writes,
		      "Register writes wait until the device has them. Slower; for drivers that\n"
		      "add to a ring after its doorbell (e100)");
	sub->add_option(
		   "--on-loss", options->on_loss,
		   "If the connection breaks: 'stall' accesses until the session resumes, for\n"
		   "at most the --loss-timeout; 'remove': the device is lost at once, and QEMU\n"
		   "is asked to unplug it; 'error': as 'remove', and QEMU stops the VM\n"
		   "(default stall)")
		->check(CLI::IsMember({"stall", "remove", "error"}))
		->type_name("POLICY");
	sub->add_option("--loss-timeout", options->loss_timeout,
			"Lose the device after this time without the server host, which has a\n"
			"maximum: 100ms to 10m (default: the server host's, 10s)")
		->type_name("TIME");
	sub->add_flag("--persist", options->persist,
		      "Stay, and attach again whenever an attempt fails or the session is lost.\n"
		      "Ctrl-C detaches, unless a process has the device open");
	sub->callback([&cli, options] {
		cli.action = [options](const Context &context) { attach(context, *options); };
	});
}

void add_detach(Cli &cli)
{
	auto options = std::make_shared<DetachOptions>();
	CLI::App *sub = cli.verb("detach", "Detach a PCI device of another host",
				 "  riodctl detach 1\n"
				 "  riodctl detach 0001:00:00.0\n"
				 "  riodctl detach nvme0 --force   # even if a guest has it open");

	sub->add_option("ID|ADDR|EXPORT", options->target,
			"Attachment: its number, a function of it, or the export's name")
		->required();
	sub->add_flag("--force", options->force, "Even if a guest has it open");
	sub->callback([&cli, options] {
		cli.action = [options](const Context &context) { detach(context, *options); };
	});
}

void add_list(Cli &cli)
{
	auto options = std::make_shared<ListOptions>();
	CLI::App *sub = cli.verb("list", "Show exports and attachments, or another host's exports",
				 "  riodctl list\n"
				 "  riodctl list server1              # exports for this host\n"
				 "  riodctl list --devices            # candidates for 'bind'");

	auto *host = sub->add_option("HOST", options->host,
				     "Server host to query, as [TRANSPORT://]HOST[:PORT]");
	sub->add_flag("--devices", options->devices, "This host's PCI functions, for 'bind'")
		->excludes(host);
	sub->add_flag("--names", options->names)->group("")->excludes(host);
	sub->callback([&cli, options] {
		cli.action = [options](const Context &context) { list(context, *options); };
	});
}

void add_status(Cli &cli)
{
	auto target = std::make_shared<std::string>();
	CLI::App *sub = cli.verb("status", "Show exports and attachments in detail",
				 "  riodctl status\n"
				 "  riodctl status 1\n"
				 "  riodctl status 0000:03:00.0 --json");

	sub->add_option("ID|NAME", *target,
			"Attachment or export, by number, name or PCI address of a function");
	sub->callback([&cli, target] {
		cli.action = [target](const Context &context) { status(context, *target); };
	});
}

void add_stats(Cli &cli)
{
	auto options = std::make_shared<StatsOptions>();
	CLI::App *sub = cli.verb("stats", "Show traffic, accesses and interrupts, with rates",
				 "  riodctl stats 1\n"
				 "  riodctl stats 1 --watch 2        # rates, every 2 s\n"
				 "  riodctl stats 1 --all            # every counter\n"
				 "  riodctl stats --json");

	sub->add_option("ID|NAME", options->target,
			"Attachment or export, by number, name or PCI address of a function");
	sub->add_option("--watch", options->watch, "Show rates at this interval, in seconds")
		->check(CLI::Range(0.1, 86400.0));
	sub->add_flag("--all", options->all, "Show every counter");
	sub->callback([&cli, options] {
		cli.action = [options](const Context &context) { stats(context, *options); };
	});
}

void add_monitor(Cli &cli)
{
	auto options = std::make_shared<MonitorOptions>();
	CLI::App *sub = cli.verb("monitor", "Print events until Ctrl-C",
				 "  riodctl monitor\n"
				 "  riodctl monitor --json --count 1");

	sub->add_option("--count", options->count, "Exit after this many events");
	sub->callback([&cli, options] {
		cli.action = [options](const Context &context) { monitor(context, *options); };
	});
}

void add_qemu_args(Cli &cli)
{
	auto options = std::make_shared<QemuOptions>();
	CLI::App *sub = cli.verb(
		"qemu-args", "Print the QEMU or libvirt configuration for an attachment",
		"  riodctl qemu-args 1\n"
		"  qemu-system-x86_64 $(riodctl qemu-args 1) -m 4G ...\n"
		"  riodctl qemu-args 1 --virtio-iommu\n"
		"  riodctl qemu-args 1 --libvirt > fn.xml && virsh attach-device GUEST fn.xml\n"
		"  riodctl qemu-args 1 --libvirt-domain   # other elements of the domain");

	sub->add_option("ID|ADDR", options->target, "Attachment, or a function of it")->required();
	sub->add_flag(
		"--virtio-iommu", options->virtio_iommu,
		"virtio-iommu instead of intel-iommu (needs no kernel argument in the guest)");
	auto *libvirt = sub->add_flag("--libvirt", options->libvirt,
				      "XML of the function, for 'virsh attach-device'");
	sub->add_flag("--libvirt-domain", options->libvirt_domain,
		      "XML of the domain's other elements: a vIOMMU and a port")
		->excludes(libvirt);
	sub->callback([&cli, options] {
		cli.action = [options](const Context &context) { qemu(context, *options); };
	});
}

void add_exec(Cli &cli)
{
	auto options = std::make_shared<ExecOptions>();
	CLI::App *sub = cli.verb(
		"exec",
		"Start [--] PROGRAM [ARG...], a VFIO program that has to map registers, as DPDK "
		"does",
		"  riodctl exec dpdk-testpmd -a 0001:00:00.0 -- --auto-start\n"
		"  riodctl exec --library build/mmap/riod-mmap.so -- ./vfio_program 0001:00:00.0");

	sub->add_option("--library", options->library,
			"Path of riod-mmap.so (default: in ../lib/riod, relative to riodctl)");
	sub->callback([&cli, options] {
		options->command = cli.program;
		if (options->command.empty())
			throw CLI::RequiredError("PROGRAM");
		cli.action = [options](const Context &) { exec(*options); };
	});
}

// Adds "help" to the list of verbs; rewrite_help() turns it into options.
void add_help(Cli &cli)
{
	cli.app.add_subcommand("help", "Show help for riodctl, or for a verb: help [VERB]");
}

constexpr std::array verbs = {add_bind,    add_allow,     add_unbind, add_attach,
			      add_detach,  add_list,      add_status, add_stats,
			      add_monitor, add_qemu_args, add_exec,   add_help};

constexpr const char *exit_statuses =
	"Exit status: 0 done, 1 refused or failed, 2 usage, 3 not found, 4 no permission,\n"
	"5 busy, 6 peer unreachable, 130 interrupted.  See riodctl(8).";

using Words = std::vector<std::string>;

// riodctl's global options have no values, so the first other word is the verb.
Words::iterator find_verb(Words &words)
{
	return std::ranges::find_if(words,
				    [](const std::string &word) { return !word.starts_with('-'); });
}

// "help VERB" becomes "VERB --help".
void rewrite_help(Words &words)
{
	const auto verb = find_verb(words);

	if (verb == words.end() || *verb != "help")
		return;
	words.erase(verb);
	words.emplace_back("--help");
}

void check_verb(const Cli &cli, Words &words)
{
	const auto verb = find_verb(words);

	if (verb == words.end())
		return;
	const auto known = cli.app.get_subcommands(
		[&](const CLI::App *sub) { return sub->get_name() == *verb; });
	if (!known.empty())
		return;
	throw usage_error(fmt::format("there is no verb '{}'", *verb),
			  "'riodctl help' lists the verbs");
}

// In "exec [OPTION...] [--] PROGRAM [ARG...]" all words from PROGRAM on belong to the program,
// even if they look like options.
void split_program(Cli &cli, Words &words)
{
	auto word = find_verb(words);

	if (word == words.end() || *word != "exec")
		return;
	for (++word; word != words.end() && word->starts_with('-') && *word != "--"; ++word) {
		if (*word == "--library" && std::next(word) != words.end())
			++word;
	}
	if (word == words.end())
		return;
	cli.program.assign(*word == "--" ? std::next(word) : word, words.end());
	words.erase(word, words.end());
}

void parse_words(Cli &cli, Words words)
{
	rewrite_help(words);
	check_verb(cli, words);
	split_program(cli, words);
	std::ranges::reverse(words); // CLI11 pops them from the end
	cli.app.parse(std::move(words));
}

// With --json, usage errors are objects, too.
int parse_failed(Cli &cli, const CLI::ParseError &error, Output &out, std::ostream &text)
{
	if (error.get_exit_code() == 0) {
		cli.app.exit(error, text, text);
		return 0;
	}
	std::string where = "riodctl --help";
	for (const auto *sub : cli.app.get_subcommands())
		where = fmt::format("riodctl {} --help", sub->get_name());
	out.use_json(cli.json);
	out.error({Exit::usage, error.what(), where});
	return static_cast<int>(Exit::usage);
}

int act(const Action &action, const Context &context)
{
	try {
		action(context);
		return 0;
	} catch (const Error &error) {
		context.out.error(error);
		return static_cast<int>(error.exit());
	} catch (const KernelError &error) {
		const Error explained = explain("do that", error);
		context.out.error(explained);
		return static_cast<int>(explained.exit());
	} catch (const std::length_error &error) {
		context.out.error(usage_error(error.what(), "give fewer or shorter values"));
		return static_cast<int>(Exit::usage);
	} catch (const std::exception &error) {
		context.out.error({Exit::failed, error.what()});
		return static_cast<int>(Exit::failed);
	}
}

} // namespace

int run(int argc, const char *const *argv, Sysfs &sysfs, Kernel &kernel, const Modules &modules,
	const Probes &probes, std::ostream &out, std::ostream &err)
{
	Output output(out, err);
	Cli cli;

	cli.app.name("riodctl");
	cli.app.set_version_flag("--version", "riodctl " RIODCTL_VERSION);
	cli.app.add_flag("--json", cli.json, "Print JSON (see riodctl(8))");
	cli.app.require_subcommand(1);
	cli.app.footer(exit_statuses);
	for (const auto &add : verbs)
		add(cli);
	try {
		parse_words(cli, Words(argv + 1, argv + argc));
	} catch (const CLI::ParseError &error) {
		return parse_failed(cli, error, output, out);
	} catch (const Error &error) {
		output.use_json(std::ranges::find(argv, argv + argc, std::string_view("--json")) !=
				argv + argc);
		output.error(error);
		return static_cast<int>(error.exit());
	}
	output.use_json(cli.json);
	return act(cli.action, {.sysfs = sysfs,
				.kernel = kernel,
				.modules = modules,
				.probes = probes,
				.out = output});
}

} // namespace riodctl
