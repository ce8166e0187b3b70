// Where machine code of x86-64 calls and jumps to.
#include "code.h"
#include <algorithm>
#include <capstone/capstone.h>
#include <cerrno>

namespace
{
// Where the opcode stands behind the prefixes that code of 64 bits can have.
const uint8_t *FindOpcode(const cs_insn &instruction)
{
	const uint8_t *at = instruction.bytes;
	const uint8_t *last = instruction.bytes + instruction.size - 1;

	for (; at < last; at++) {
		bool legacy = *at == 0xf0 || *at == 0xf2 || *at == 0xf3 || *at == 0x66 ||
		              *at == 0x67 || *at == 0x64 || *at == 0x65 || *at == 0x2e ||
		              *at == 0x36 || *at == 0x3e || *at == 0x26;

		if (!legacy && (*at & 0xf0) != 0x40)
			break;
	}
	return at;
}

// Bytes of a ModRM byte with its SIB byte and displacement.
size_t OperandBytes(const uint8_t *at, size_t room)
{
	uint8_t mod = at[0] >> 6, rm = at[0] & 7;

	if (mod == 3)
		return 1;
	bool sib = rm == 4;
	bool wide = mod == 2 || (mod == 0 && (rm == 5 || (sib && room > 1 && (at[1] & 7) == 5)));
	return 1 + sib + (wide ? 4 : mod == 1 ? 1 : 0);
}

// Bytes of what the library does not know. AVX-512 has instructions that are newer than capstone 4;
// of anything else take a byte, as objdump does.
size_t UnknownBytes(const uint8_t *at, size_t room)
{
	if (at[0] != 0x62 || room < 7)
		return 1;
	uint8_t map = at[1] & 7, opcode = at[4];
	bool immediate =
	        map == 3 || (map == 1 && ((opcode >= 0x70 && opcode <= 0x73) || opcode == 0xc2 ||
	                                  (opcode >= 0xc4 && opcode <= 0xc6)));

	return std::min(room, 5 + OperandBytes(at + 5, room - 5) + immediate);
}

// A jump to an entry of a table, as a switch makes: `jmp *table(,%rax,8)`.
bool IsTableJump(const uint8_t *opcode)
{
	return opcode[1] == 0x24 && (opcode[2] & 7) == 5 && (opcode[2] & 0x38) != 0x20;
}

class X64Reader : public CodeReader
{
      public:
	~X64Reader() override
	{
		if (instruction)
			cs_free(instruction, 1);
		if (handle)
			cs_close(&handle);
	}

	Status Open() override
	{
		cs_err error = cs_open(CS_ARCH_X86, CS_MODE_64, &handle);

		if (error == CS_ERR_OK && !(instruction = cs_malloc(handle)))
			error = CS_ERR_MEM;
		return error == CS_ERR_OK ? Status{}
		                          : Status{ENOMEM, "cs_open", cs_strerror(error)};
	}

	void Add(const Function &function, const uint8_t *code,
	         std::vector<address_t> &out) override
	{
		size_t head = out.size();
		uint64_t address = function.start;
		size_t room = function.bytes;

		out.insert(out.end(), {0, 0});
		while (room > 0) {
			if (!cs_disasm_iter(handle, &code, &room, &address, instruction)) {
				size_t more = UnknownBytes(code, room);

				code += more, address += more, room -= more;
				continue;
			}
			if (instruction->id == X86_INS_UD0 || instruction->id == X86_INS_UD2B) {
				// ends before its operand in capstone 4, and WARN() has one
				size_t more = std::min(room, room ? OperandBytes(code, room) : 0);
				code += more, address += more, room -= more;
				continue;
			}
			Take(function, head, out);
		}
	}

      private:
	void Take(const Function &function, size_t head, std::vector<address_t> &out)
	{
		const uint8_t *opcode = FindOpcode(*instruction);
		const uint8_t *operand = opcode + 1;
		bool byte_wide;

		if (*opcode == 0xff) {
			int what = operand[0] >> 3 & 7;

			out[head] += what == 2 || (what == 4 && !IsTableJump(opcode));
			return;
		}
		if (*opcode == 0x0f && (*operand & 0xf0) == 0x80)
			operand++, byte_wide = false;
		else if (*opcode == 0xe8 || *opcode == 0xe9)
			byte_wide = false;
		else if (*opcode == 0xeb || (*opcode & 0xf0) == 0x70 || (*opcode & 0xfc) == 0xe0)
			byte_wide = true;
		else
			return;
		address_t next = instruction->address + instruction->size;
		address_t target = next + (byte_wide ? (int8_t)operand[0] : ReadInt(operand));

		if (target - function.start < function.bytes)
			return;
		out.push_back(target);
		out[head + 1]++;
	}

	static int32_t ReadInt(const uint8_t *at)
	{
		return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
	}

	csh handle = 0;
	cs_insn *instruction = nullptr;
};
} // namespace

std::unique_ptr<CodeReader> MakeX64Reader()
{
	return std::make_unique<X64Reader>();
}
