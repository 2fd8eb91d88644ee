// SPDX-License-Identifier: GPL-2.0-only
#include "access.hpp"

#include <array>
#include <cstddef>
#include <cstring>

#include <unistd.h>

#include <Zydis/Zydis.h>

namespace riod_mmap {

namespace {

constexpr std::size_t code_page = 4096;

// Indexes of the general registers in a signal's context, in the order of their numbers.
constexpr std::array<int, 16> greg_of = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
					 REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
					 REG_R12, REG_R13, REG_R14, REG_R15};

struct Instruction {
	ZydisDecodedInstruction itself;
	std::array<ZydisDecodedOperand, ZYDIS_MAX_OPERAND_COUNT> operands;

	const ZydisDecodedOperand &to() const { return operands[0]; }
	const ZydisDecodedOperand &from() const { return operands[1]; }
};

// The processor has fetched the instruction, so its bytes are readable; bytes behind it may not be.
bool decode(const void *code, Instruction &instruction)
{
	const auto address = reinterpret_cast<std::uintptr_t>(code);
	std::size_t length = code_page - address % code_page;
	ZydisDecoder decoder;

	if (!ZYAN_SUCCESS(
		    ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64)))
		return false;
	length = length < ZYDIS_MAX_INSTRUCTION_LENGTH ? length : ZYDIS_MAX_INSTRUCTION_LENGTH;
	ZyanStatus status = ZydisDecoderDecodeFull(&decoder, code, length, &instruction.itself,
						   instruction.operands.data());
	if (status == ZYDIS_STATUS_NO_MORE_DATA) {
		status = ZydisDecoderDecodeFull(&decoder, code, ZYDIS_MAX_INSTRUCTION_LENGTH,
						&instruction.itself, instruction.operands.data());
	}
	return ZYAN_SUCCESS(status);
}

bool is_plain_move(const Instruction &instruction)
{
	switch (instruction.itself.mnemonic) {
	case ZYDIS_MNEMONIC_MOV:
	case ZYDIS_MNEMONIC_MOVNTI:
	case ZYDIS_MNEMONIC_MOVZX:
	case ZYDIS_MNEMONIC_MOVSX:
	case ZYDIS_MNEMONIC_MOVSXD:
		return instruction.itself.operand_count_visible == 2;
	default:
		return false;
	}
}

bool is_general(ZydisRegister reg)
{
	switch (ZydisRegisterGetClass(reg)) {
	case ZYDIS_REGCLASS_GPR8:
	case ZYDIS_REGCLASS_GPR16:
	case ZYDIS_REGCLASS_GPR32:
	case ZYDIS_REGCLASS_GPR64:
		return true;
	default:
		return false;
	}
}

// AH, CH, DH and BH are the second byte of a register
unsigned int shift_of(ZydisRegister reg)
{
	return reg >= ZYDIS_REGISTER_AH && reg <= ZYDIS_REGISTER_BH ? 8 : 0;
}

greg_t &greg(ucontext_t &context, ZydisRegister reg)
{
	const ZydisRegister whole =
		ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, reg);
	const auto number = static_cast<std::uint8_t>(ZydisRegisterGetId(whole));

	return context.uc_mcontext.gregs[greg_of.at(number)];
}

std::uint64_t mask_of(unsigned int bits)
{
	return bits < 64 ? (std::uint64_t{1} << bits) - 1 : ~std::uint64_t{0};
}

// Writing 32 bits clears the upper half, writing 8 or 16 keeps the other bits (Intel SDM
// volume 1, 3.4.1.1).
void set_register(ucontext_t &context, const ZydisDecodedOperand &operand, std::uint64_t value)
{
	greg_t &whole = greg(context, operand.reg.value);
	const unsigned int shift = shift_of(operand.reg.value);
	std::uint64_t mask = mask_of(operand.size);

	if (operand.size == 32)
		mask = ~std::uint64_t{0};
	value &= mask;
	mask <<= shift;
	whole = static_cast<greg_t>((static_cast<std::uint64_t>(whole) & ~mask) | value << shift);
}

std::uint64_t sign_extended(std::uint64_t value, unsigned int bits)
{
	const std::uint64_t sign = std::uint64_t{1} << (bits - 1);

	return bits < 64 ? ((value & mask_of(bits)) ^ sign) - sign : value;
}

void load(ucontext_t &context, const Instruction &instruction, const Window &window, off_t offset)
{
	const unsigned int bits = instruction.from().size;
	const std::size_t size = bits / 8;
	std::uint64_t value = 0;

	if (pread(window.file, &value, size, offset) != static_cast<ssize_t>(size))
		value = mask_of(bits);
	if (instruction.itself.mnemonic == ZYDIS_MNEMONIC_MOVSX ||
	    instruction.itself.mnemonic == ZYDIS_MNEMONIC_MOVSXD) {
		value = sign_extended(value, bits) & mask_of(instruction.to().size);
	}
	set_register(context, instruction.to(), value);
}

void store(ucontext_t &context, const Instruction &instruction, const Window &window, off_t offset)
{
	const ZydisDecodedOperand &from = instruction.from();
	std::uint64_t value = from.imm.value.u;

	if (from.type == ZYDIS_OPERAND_TYPE_REGISTER) {
		value = static_cast<std::uint64_t>(greg(context, from.reg.value)) >>
			shift_of(from.reg.value);
	}
	// if the device is gone the write is lost
	(void)!pwrite(window.file, &value, instruction.to().size / 8, offset);
}

bool is_register(const ZydisDecodedOperand &operand)
{
	return operand.type == ZYDIS_OPERAND_TYPE_REGISTER && is_general(operand.reg.value);
}

} // namespace

bool access_carry_out(ucontext_t &context, std::uintptr_t address, const Window &window)
{
	greg_t &ip = context.uc_mcontext.gregs[REG_RIP];
	Instruction instruction{};

	// NOLINTNEXTLINE(performance-no-int-to-ptr): the context has an integer
	if (!decode(reinterpret_cast<const void *>(ip), instruction) || !is_plain_move(instruction))
		return false;
	const bool loads = instruction.from().type == ZYDIS_OPERAND_TYPE_MEMORY;
	const ZydisDecodedOperand &memory = loads ? instruction.from() : instruction.to();
	const ZydisDecodedOperand &other = loads ? instruction.to() : instruction.from();
	const std::size_t at = address - window.start;
	const off_t offset = window.offset + static_cast<off_t>(at);

	if (memory.type != ZYDIS_OPERAND_TYPE_MEMORY || memory.size > 64 || !memory.size ||
	    memory.size / 8 > window.length - at)
		return false;
	if (!is_register(other) && (loads || other.type != ZYDIS_OPERAND_TYPE_IMMEDIATE))
		return false;
	if (loads) {
		load(context, instruction, window, offset);
	} else {
		store(context, instruction, window, offset);
	}
	ip += instruction.itself.length;
	return true;
}

} // namespace riod_mmap
