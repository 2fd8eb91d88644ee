# SPDX-License-Identifier: GPL-2.0-only
#
# riod: PCI functions of one machine in KVM guests of another.  "make help" lists
# the targets.  Targets that build and install the product install no packages, except
# "make deps"; targets that demonstrate or test it install the packages they need (as root).

BUILD ?= build
KDIR ?= stock
PREFIX ?= /usr
DESTDIR ?=
TRANSPORT ?= tcp

.PHONY: all need deps modules tools fixtures check check-debug check-newest check-releases check-dkms zoo zoo-pair zoo-debug soak soak-debug soak-net sim sim-mutants kunit selftests bench bench-quick vfio-selftests demo gates install uninstall clean help
.DEFAULT_GOAL := all

build := $(abspath $(BUILD))
destdir := $(if $(DESTDIR),$(abspath $(DESTDIR)))
jobs = $(if $(findstring -j,$(MAKEFLAGS)),,-j$(shell nproc))
riodctl = $(MAKE) -s $(jobs) -C tools/riodctl BUILD=$(build)/riodctl
mmap = $(MAKE) -s -C tools/riod-mmap BUILD=$(build)/mmap

all: modules tools

# Report all missing dependencies at once, before anything is built
need:
	+@rc=0; \
	scripts/kbuild.sh --need $(KDIR) || rc=1; \
	$(riodctl) need || rc=1; \
	$(mmap) need || rc=1; \
	exit $$rc

# Install the build dependencies (Debian)
deps:
	scripts/deps.sh build

# The modules, for the newest installed 6.12 headers unless KDIR is set
modules: need
	scripts/kbuild.sh --install $(BUILD) $(KDIR) $(BUILD)/kernel $(KBUILD_ARGS)

tools: need
	@echo building riodctl
	+@$(riodctl) all
	+@$(mmap) all

# Programs that tests run in VMs and guests
fixtures:
	@$(MAKE) -s -C selftests/vfio BUILD=$(build)/vfio
	@$(MAKE) -s -C selftests/guest BUILD=$(build)/guest
	@$(MAKE) -s -C selftests/host BUILD=$(build)/host
	scripts/kbuild.sh --src selftests/rdmacut $(KDIR) $(BUILD)/rdmacut

# The VFIO selftests of the newest kernel in Debian
vfio-selftests:
	scripts/vfio-selftests.sh $(BUILD)/vfio-selftests

check:
	scripts/check.sh stock

check-debug:
	scripts/check.sh debug

check-newest:
	scripts/check.sh newest

check-releases:
	scripts/check-releases.sh

check-dkms:
	scripts/check-dkms.sh

zoo zoo-pair zoo-debug soak soak-debug soak-net:
	scripts/check.sh $@

# The engine in userspace: two million schedules (SCHEDULES=N, FIRST=SEED), or with rules disabled
sim:
	@scripts/deps.sh build
	@$(MAKE) -s -C selftests/sim rings

sim-mutants:
	@scripts/deps.sh build
	@$(MAKE) -s -C selftests/sim mutants

kunit:
	scripts/kunit.sh

# One or several selftests: make selftests TESTS="selftests/riod_attach.sh"
selftests:
	@scripts/deps.sh build test vm
	@$(MAKE) all fixtures
	selftests/vm/run $(TESTS)

# Measure riod and its peers; BENCH_TRANSPORT=rdma: over software RDMA
bench bench-quick:
	@scripts/deps.sh build vm
	@$(MAKE) all fixtures
	selftests/bench/run $(if $(filter %-quick,$@),--quick) --out $(build)/$@

demo:
	@scripts/deps.sh build vm
	@$(MAKE) all fixtures
	selftests/vm/demo $(TRANSPORT)

gates:
	scripts/gates.sh

# Modules are compressed and signed as their kernel requires
install: tools
	scripts/kbuild.sh --destdir "$(destdir)" $(KDIR) $(BUILD)/kernel $(KBUILD_ARGS)
	$(riodctl) install DESTDIR=$(destdir) PREFIX=$(PREFIX)
	$(mmap) install DESTDIR=$(destdir) PREFIX=$(PREFIX)

# Removes the modules of all kernels for which they were installed
uninstall:
	scripts/uninstall-modules.sh "$(destdir)"
	$(riodctl) uninstall DESTDIR=$(destdir) PREFIX=$(PREFIX)
	$(mmap) uninstall DESTDIR=$(destdir) PREFIX=$(PREFIX)

clean:
	rm -rf $(BUILD)

help:
	@echo 'make              build the modules and riodctl into $(BUILD)/; installs nothing'
	@echo 'make deps         install the build dependencies (Debian 12 and 13)'
	@echo 'make demo         demonstration: a guest on one VM drives an NVMe drive of another'
	@echo '                  (TRANSPORT=rdma: over software RDMA)'
	@echo 'make check        all tests: KUnit, riodctl, VMs with the stock kernel'
	@echo 'make check-debug  the VM tests on a kernel with KASAN, lockdep, kmemleak'
	@echo 'make check-newest  builds and VM tests with the newest kernel in Debian'
	@echo 'make check-releases  builds on the other Debian release, 12 or 13; part of make check'
	@echo 'make check-dkms   dkms on Debian 12 and 13'
	@echo 'make zoo          devices of many kinds, each with the guest'"'"'s own driver'
	@echo 'make zoo-pair     the same on two hosts; zoo-debug: on the debug kernel. They, and'
	@echo '                  check-newest, resume where they were interrupted'
	@echo 'make soak         long-running VM tests; soak-debug: on the debug kernel'
	@echo 'make soak-net     CUTS=1000 cuts under I/O, bad networks, 300 attachments; TCP and RDMA'
	@echo 'make sim          the coherence engine in two million simulated schedules (FIRST=SEED)'
	@echo 'make sim-mutants  disable one rule of the engine at a time: each must be caught'
	@echo 'make kunit        only the KUnit suites, on User Mode Linux'
	@echo 'make selftests TESTS="..."  selftests in VMs'
	@echo 'make bench        measure riod and its peers: JSON, Markdown, plots in $(BUILD)/bench/; an hour'
	@echo '                  (BENCH_TRANSPORT=rdma: over software RDMA; BENCH_ROUNDS=N)'
	@echo 'make bench-quick  storage only, some minutes'
	@echo 'make vfio-selftests  the kernel'"'"'s own VFIO selftests, for selftests/riod_programs.sh'
	@echo 'make gates        W=1, sparse, checkpatch, shellcheck, clang-format, clang-tidy, ...'
	@echo 'make install      modules, riodctl, man page, completion [DESTDIR= PREFIX=]'
	@echo 'make uninstall    remove what make install installed'
	@echo 'make clean        remove $(BUILD)/'
	@echo 'KDIR=DIR builds against the headers of another kernel.'
