// Where machine code of arm64 calls and jumps to.
#include "code.h"

namespace
{
// The bits that tell an instruction, and what they are in it.
struct Pattern {
	uint32_t mask, bits;

	bool Matches(uint32_t word) const
	{
		return (word & mask) == bits;
	}
};

// A branch to a place that is so many instructions from its own: a number of `width` bits from
// `shift` on.
struct Branch {
	Pattern pattern;
	int shift, width;
};

const Branch branches[] = {
        {{0x7c000000, 0x14000000}, 0, 26}, // b, bl
        {{0xff000000, 0x54000000}, 5, 19}, // b.cond, bc.cond
        {{0x7e000000, 0x34000000}, 5, 19}, // cbz, cbnz
        {{0x7e000000, 0x36000000}, 5, 14}, // tbz, tbnz
};
const Pattern call_register = {0xfffffc1f, 0xd63f0000}; // blr
const Pattern jump_register = {0xfffffc1f, 0xd61f0000}; // br
// add x0, x1, w2, sxtb #2, or sxth, sxtw
const Pattern add_offset = {0xffe09c00, 0x8b208800};

const int word_bytes = 4;

int32_t Distance(uint32_t word, const Branch &branch)
{
	return (int32_t)(word << (32 - branch.shift - branch.width)) >> (32 - branch.width);
}

uint32_t WordAt(const uint8_t *at)
{
	return at[0] | at[1] << 8 | at[2] << 16 | (uint32_t)at[3] << 24;
}

// A jump to what an entry of a table says, as a switch makes: `add x0, …; br x0`.
bool IsTableJump(uint32_t before, uint32_t jump)
{
	return add_offset.Matches(before) && (before & 31) == (jump >> 5 & 31);
}

// Before each function the kernel keeps an address of ftrace's, and the function before seems to
// end with it. No instruction has the upper half of such an address.
bool IsAddress(address_t at, uint32_t upper)
{
	return at % 8 == 0 && upper >= 0xffff0000;
}

class Arm64Reader : public CodeReader
{
      public:
	Status Open() override
	{
		return {};
	}

	void Add(const Function &function, const uint8_t *code,
	         std::vector<address_t> &out) override
	{
		size_t head = out.size();
		uint32_t before = 0;

		out.insert(out.end(), {0, 0});
		for (uint32_t at = 0; at + word_bytes <= function.bytes; at += word_bytes) {
			uint32_t word = WordAt(code + at);
			bool has_next = at + 2 * word_bytes <= function.bytes;

			if (has_next &&
			    IsAddress(function.start + at, WordAt(code + at + word_bytes))) {
				at += word_bytes;
				continue;
			}
			out[head] += call_register.Matches(word) ||
			             (jump_register.Matches(word) && !IsTableJump(before, word));
			for (const Branch &branch : branches)
				if (branch.pattern.Matches(word))
					Take(function, at + Distance(word, branch) * word_bytes,
					     head, out);
			before = word;
		}
	}

      private:
	// `to` is counted from the function's start.
	static void Take(const Function &function, uint32_t to, size_t head,
	                 std::vector<address_t> &out)
	{
		if (to < function.bytes)
			return;
		out.push_back(function.start + to);
		out[head + 1]++;
	}
};
} // namespace

std::unique_ptr<CodeReader> MakeArm64Reader()
{
	return std::make_unique<Arm64Reader>();
}
