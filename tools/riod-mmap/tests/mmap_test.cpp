// SPDX-License-Identifier: GPL-2.0-only
// The library as a program uses it: a file in memory stands for the device.  preload.cpp is
// part of this program, so mmap() and the other functions are the library's.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/vfio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "regions.hpp"

namespace {

constexpr std::size_t page = 4096;
constexpr std::size_t bar_size = 4 * page;
constexpr off_t bar_offset = 16 * page;

class Mmap : public testing::Test {
protected:
	void SetUp() override
	{
		file = memfd_create("device", MFD_CLOEXEC);
		ASSERT_GE(file, 0);
		ASSERT_EQ(ftruncate(file, bar_offset + bar_size), 0);
		info.argsz = sizeof(info);
		info.index = VFIO_PCI_BAR0_REGION_INDEX;
		info.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
		info.size = bar_size;
		info.offset = bar_offset;
		riod_mmap::region_described(file, info);
		ASSERT_TRUE(info.flags & VFIO_REGION_INFO_FLAG_MMAP);
		bar = map(bar_size, bar_offset);
	}

	void TearDown() override
	{
		munmap(bar, bar_size);
		close(file);
	}

	unsigned char *map(std::size_t length, off_t offset) const
	{
		void *const start =
			mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, file, offset);

		EXPECT_NE(start, MAP_FAILED);
		return static_cast<unsigned char *>(start);
	}

	// Value at offset @at of the device
	std::uint64_t device(std::size_t at) const
	{
		std::uint64_t value = 0;

		EXPECT_EQ(pread(file, &value, sizeof(value), bar_offset + static_cast<off_t>(at)),
			  sizeof(value));
		return value;
	}

	void set_device(std::size_t at, std::uint64_t value) const
	{
		ASSERT_EQ(pwrite(file, &value, sizeof(value), bar_offset + static_cast<off_t>(at)),
			  sizeof(value));
	}

	int file = -1;
	vfio_region_info info{};
	unsigned char *bar = nullptr;
};

constexpr std::uint64_t pattern = 0x8877665544332211;
constexpr std::uint64_t filled = 0xa5a5a5a5a5a5a5a5;

// NOLINTBEGIN(bugprone-macro-parentheses,misc-const-correctness): text of assembly language

// A load instruction; its register contains "filled" before
#define LOAD(name, instruction, want)                                                              \
	TEST_F(Mmap, Load##name)                                                                   \
	{                                                                                          \
		std::uint64_t value = filled;                                                      \
		set_device(8, pattern);                                                            \
		asm volatile(instruction : "+a"(value) : "c"(bar) : "memory", "rdx", "r13");       \
		EXPECT_EQ(value, std::uint64_t{want});                                             \
	}

LOAD(Byte, "movb 8(%1), %%al", 0xa5a5a5a5a5a5a511)
LOAD(HighByte, "movb 8(%1), %%ah", 0xa5a5a5a5a5a511a5)
LOAD(Word, "movw 8(%1), %%ax", 0xa5a5a5a5a5a52211)
LOAD(Long, "movl 8(%1), %%eax", 0x44332211)
LOAD(Quad, "movq 8(%1), %%rax", pattern)
LOAD(UpperLong, "movl 12(%1), %%eax", 0x88776655)
LOAD(ZeroExtendedByte, "movzbl 8(%1), %%eax", 0x11)
LOAD(ZeroExtendedWord, "movzwl 14(%1), %%eax", 0x8877)
LOAD(SignExtendedByte, "movsbl 15(%1), %%eax", 0xffffff88)
LOAD(SignExtendedByteToWord, "movsbw 15(%1), %%ax", 0xa5a5a5a5a5a5ff88)
LOAD(SignExtendedWordToQuad, "movswq 14(%1), %%rax", 0xffffffffffff8877)
LOAD(SignExtendedLong, "movslq 12(%1), %%rax", 0xffffffff88776655)
LOAD(Indexed, "mov $2, %%edx; movl (%1,%%rdx,4), %%eax", 0x44332211)
LOAD(IntoItsBase, "mov %1, %0; movl 8(%0), %%eax", 0x44332211)
LOAD(HighRegister, "mov %1, %%r13; movl 8(%%r13), %%r13d; mov %%r13, %0", 0x44332211)

// A store instruction; its register contains "pattern"
#define STORE(name, instruction, want)                                                             \
	TEST_F(Mmap, Store##name)                                                                  \
	{                                                                                          \
		const std::uint64_t value = pattern;                                               \
		set_device(8, filled);                                                             \
		set_device(16, filled);                                                            \
		asm volatile(instruction : : "a"(value), "c"(bar) : "memory");                     \
		EXPECT_EQ(device(8), std::uint64_t{want});                                         \
		EXPECT_EQ(device(16), filled);                                                     \
	}

STORE(Byte, "movb %%al, 8(%1)", 0xa5a5a5a5a5a5a511)
STORE(HighByte, "movb %%ah, 8(%1)", 0xa5a5a5a5a5a5a522)
STORE(Word, "movw %%ax, 8(%1)", 0xa5a5a5a5a5a52211)
STORE(Long, "movl %%eax, 8(%1)", 0xa5a5a5a544332211)
STORE(Quad, "movq %%rax, 8(%1)", pattern)
STORE(ByteConstant, "movb $0x7f, 9(%1)", 0xa5a5a5a5a5a57fa5)
STORE(LongConstant, "movl $0x89abcdef, 8(%1)", 0xa5a5a5a589abcdef)
STORE(SignExtendedConstant, "movq $-2, 8(%1)", 0xfffffffffffffffe)
STORE(NonTemporal, "movnti %%eax, 8(%1)", 0xa5a5a5a544332211)

// NOLINTEND(bugprone-macro-parentheses,misc-const-correctness)

TEST_F(Mmap, PartOfABar)
{
	unsigned char *const part = map(page, bar_offset + 2 * page);

	set_device(2 * page + 4, 0x1234);
	EXPECT_EQ(*reinterpret_cast<volatile std::uint32_t *>(part + 4), 0x1234U);
	munmap(part, page);
}

TEST_F(Mmap, WhereTheProgramWantsIt)
{
	void *const reserved =
		mmap(nullptr, bar_size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *const start = mmap(reserved, bar_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				 file, bar_offset);

	EXPECT_EQ(start, reserved);
	*static_cast<volatile std::uint32_t *>(start) = 7;
	EXPECT_EQ(device(0) & 0xffffffff, 7U);
	munmap(start, bar_size);
}

// A window outlives the descriptor, as a mapping does
TEST_F(Mmap, OutlivesTheDescriptor)
{
	set_device(0, 0x77);
	const int kept = dup(file);
	close(file);
	file = kept;
	EXPECT_EQ(*reinterpret_cast<volatile std::uint8_t *>(bar), 0x77);
}

// A hole in the middle becomes memory again, and the window continues on both sides
TEST_F(Mmap, PartlyUnmapped)
{
	munmap(bar + page, page);
	void *const memory = mmap(bar + page, page, PROT_READ | PROT_WRITE,
				  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	ASSERT_EQ(memory, bar + page);
	bar[page] = 1;
	EXPECT_EQ(device(page), 0U);
	*reinterpret_cast<volatile std::uint16_t *>(bar + 2) = 0x1111;
	*reinterpret_cast<volatile std::uint16_t *>(bar + 2 * page) = 0x2222;
	EXPECT_EQ(device(0), 0x11110000U);
	EXPECT_EQ(device(2 * page), 0x2222U);
}

TEST_F(Mmap, DeviceThatIsGoneReadsAsOnes)
{
	ASSERT_EQ(ftruncate(file, 0), 0);
	EXPECT_EQ(*reinterpret_cast<volatile std::uint32_t *>(bar), 0xffffffffU);
	EXPECT_EQ(*reinterpret_cast<volatile std::uint8_t *>(bar + 1), 0xffU);
}

TEST_F(Mmap, ErrnoIsTheProgramsOwn)
{
	errno = EXDEV;
	ASSERT_EQ(ftruncate(file, 0), 0);
	(void)*reinterpret_cast<volatile std::uint32_t *>(bar);
	EXPECT_EQ(errno, EXDEV);
}

TEST_F(Mmap, SeveralThreads)
{
	constexpr std::uint32_t rounds = 2000;
	std::array<std::thread, 4> threads;
	std::array<bool, 4> good{};

	for (std::size_t n = 0; n < threads.size(); n++) {
		threads.at(n) = std::thread([this, n, &good] {
			auto *const own =
				reinterpret_cast<volatile std::uint32_t *>(bar + n * page);
			bool equal = true;

			for (std::uint32_t i = 0; i < rounds; i++) {
				*own = i * 5;
				equal = equal && *own == i * 5;
			}
			good.at(n) = equal;
		});
	}
	for (auto &thread : threads)
		thread.join();
	for (const bool one : good)
		EXPECT_TRUE(one);
}

// ---- mappings that the library ignores ----

TEST_F(Mmap, OnlyBarsOfWholePages)
{
	vfio_region_info other = info;

	other.index = VFIO_PCI_CONFIG_REGION_INDEX;
	other.flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
	other.offset = 0;
	riod_mmap::region_described(file, other);
	EXPECT_FALSE(other.flags & VFIO_REGION_INFO_FLAG_MMAP);
	other.index = VFIO_PCI_BAR1_REGION_INDEX;
	other.size = 32; // ports
	riod_mmap::region_described(file, other);
	EXPECT_FALSE(other.flags & VFIO_REGION_INFO_FLAG_MMAP);
	other.size = 0;
	riod_mmap::region_described(file, other);
	EXPECT_FALSE(other.flags & VFIO_REGION_INFO_FLAG_MMAP);
}

// A BAR that the kernel can map, at a descriptor that was another device's
TEST_F(Mmap, BarsThatCanBeMappedAreMapped)
{
	vfio_region_info other = info;

	other.flags |= VFIO_REGION_INFO_FLAG_MMAP;
	riod_mmap::region_described(file, other);
	unsigned char *const start = map(page, bar_offset);
	set_device(0, 0x55);
	EXPECT_EQ(*start, 0x55);
	ASSERT_EQ(ftruncate(file, 0), 0);
	EXPECT_EXIT((void)*const_cast<volatile unsigned char *>(start),
		    testing::KilledBySignal(SIGBUS), "");
	munmap(start, page);
}

TEST_F(Mmap, BeyondTheBarIsNoWindow)
{
	EXPECT_FALSE(riod_mmap::region_covers(file, bar_offset, bar_size + 1));
	EXPECT_FALSE(riod_mmap::region_covers(file, bar_offset - 1, 1));
	EXPECT_FALSE(riod_mmap::region_covers(file, bar_offset + bar_size, 1));
	EXPECT_FALSE(riod_mmap::region_covers(file + 1, bar_offset, 1));
	EXPECT_TRUE(riod_mmap::region_covers(file, bar_offset + page, 3 * page));
}

// ---- other faults ----

volatile int *const nowhere = nullptr;

TEST_F(Mmap, OtherInstructionsAreSaidAndFatal)
{
	EXPECT_EXIT(asm volatile("addl $1, (%0)" : : "r"(bar) : "memory"),
		    testing::KilledBySignal(SIGSEGV), "no plain move");
}

TEST_F(Mmap, OtherFaultsAreFatal)
{
	EXPECT_EXIT(*nowhere = 1, testing::KilledBySignal(SIGSEGV), "^$");
}

TEST_F(Mmap, AfterUnmapItIsFatal)
{
	unsigned char *const part = map(page, bar_offset);

	munmap(part, 1); // rounded up
	EXPECT_EXIT(*const_cast<volatile unsigned char *>(part) = 1,
		    testing::KilledBySignal(SIGSEGV), "^$");
}

void end_well(int number)
{
	_exit(number == SIGSEGV ? 33 : 34);
}

TEST_F(Mmap, TheProgramsHandlerGetsOtherFaults)
{
	EXPECT_EXIT(
		{
			(void)signal(SIGSEGV, end_well);
			*reinterpret_cast<volatile std::uint32_t *>(bar) = 3;
			if (device(0) == 3)
				*nowhere = 1;
		},
		testing::ExitedWithCode(33), "");
}

TEST_F(Mmap, TheProgramSeesItsOwnHandler)
{
	const auto was = signal(SIGSEGV, end_well);

	EXPECT_EQ(signal(SIGSEGV, was), end_well);
}

} // namespace
