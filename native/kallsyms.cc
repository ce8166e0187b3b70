#include "kallsyms.h"
#include <algorithm>
#include <cstring>
#include <vector>

namespace
{
// As src/symbols/kallsyms-tables.ts describes them.
struct Tables {
	Napi::Uint8Array names, tokens;
	Napi::Uint16Array token_at;
	Napi::Int32Array offsets;
	uint64_t base;
	bool is_self;
};

// Addresses of symbols. Until Linux 6.14, x86 has the variables of each CPU at their offsets from
// zero: an offset that is not negative is such an address, a negative one is counted down from the
// base.
class Addresses
{
      public:
	explicit Addresses(const Tables &tables)
	    : offsets(tables.offsets.Data()), base(tables.base), is_self(tables.is_self)
	{
		for (size_t i = 0; !is_self && i < tables.offsets.ElementLength(); i++)
			has_absolute |= offsets[i] < 0;
	}

	uint64_t operator[](size_t i) const
	{
		int64_t offset = offsets[i];

		if (is_self)
			return base + i * sizeof(*offsets) + offset;
		if (!has_absolute)
			return base + offset;
		return offset < 0 ? base - 1 - offset : offset;
	}

      private:
	const int32_t *offsets;
	uint64_t base;
	bool is_self, has_absolute = false;
};

// What a byte of a name stands for; its first eight bytes once more, to be copied at once: most
// have no more than two or three.
struct Token {
	const char *text = nullptr;
	size_t bytes = 0;
	uint64_t beginning = 0;
};
const size_t tokens_count = 256;

// The lines of /proc/kallsyms that are of vmlinux; cut short where the names are.
class Printer
{
      public:
	explicit Printer(const Tables &tables)
	    : at(tables.names.Data()), end(at + tables.names.ElementLength()), addresses(tables),
	      count(tables.offsets.ElementLength())
	{
		const char *text = (const char *)tables.tokens.Data();
		size_t bytes = tables.tokens.ElementLength();

		for (size_t i = 0; i < tokens_count; i++) {
			size_t begin = std::min<size_t>(tables.token_at[i], bytes);
			Token &token = tokens[i];

			token.text = text + begin;
			token.bytes = strnlen(token.text, bytes - begin);
			memcpy(&token.beginning, token.text,
			       std::min(token.bytes, sizeof(token.beginning)));
			longest = std::max(longest, token.bytes);
		}
	}

	std::vector<char> Print()
	{
		std::vector<char> text(count * 48);
		char *to = text.data();

		for (size_t i = 0; i < count; i++) {
			size_t length = ReadLength(), used = to - text.data();

			if (length > (size_t)(end - at))
				break;
			if (text.size() - used < line_bytes + length * longest) {
				text.resize(2 * text.size() + line_bytes + length * longest);
				to = text.data() + used;
			}
			to = AddLine(to, addresses[i], length);
		}
		text.resize(to - text.data());
		return text;
	}

      private:
	static const size_t line_bytes = 16 + 4; // digits, spaces, a newline

	// More than what is left, where there is none.
	size_t ReadLength()
	{
		if (end - at < 2)
			return SIZE_MAX;
		size_t length = *at++;
		return length & 0x80 ? (length & 0x7f) | *at++ << 7 : length;
	}

	char *AddLine(char *to, uint64_t address, size_t length)
	{
		for (int shift = 60; shift >= 0; shift -= 4)
			*to++ = "0123456789abcdef"[address >> shift & 15];
		*to++ = ' ';
		char *type = to;
		*to++ = ' '; // comes between the type and the name
		for (const uint8_t *name_end = at + length; at < name_end; at++) {
			const Token &token = tokens[*at];

			memcpy(to, &token.beginning, sizeof(token.beginning));
			if (token.bytes > sizeof(token.beginning))
				memcpy(to, token.text, token.bytes);
			to += token.bytes;
		}
		if (to > type + 1)
			std::swap(type[0], type[1]);
		*to++ = '\n';
		return to;
	}

	const uint8_t *at, *end;
	Addresses addresses;
	size_t count;
	Token tokens[tokens_count];
	size_t longest = sizeof(Token::beginning);
};
} // namespace

// printKallsyms({names: Uint8Array, tokens: Uint8Array, tokenAt: Uint16Array(256),
//                offsets: Int32Array, base: bigint, isSelf: boolean}): Buffer
static Napi::Value PrintKallsyms(const Napi::CallbackInfo &info)
{
	auto from = info[0].As<Napi::Object>();
	bool lossless;
	Printer printer({
	        from.Get("names").As<Napi::Uint8Array>(),
	        from.Get("tokens").As<Napi::Uint8Array>(),
	        from.Get("tokenAt").As<Napi::Uint16Array>(),
	        from.Get("offsets").As<Napi::Int32Array>(),
	        from.Get("base").As<Napi::BigInt>().Uint64Value(&lossless),
	        from.Get("isSelf").As<Napi::Boolean>(),
	});

	auto text = new std::vector<char>(printer.Print());

	return Napi::Buffer<char>::NewOrCopy(
	        info.Env(), text->data(), text->size(),
	        [](Napi::Env, char *, std::vector<char> *owned) { delete owned; }, text);
}

void InitKallsyms(Napi::Env env, Napi::Object exports)
{
	exports.Set("printKallsyms", Napi::Function::New(env, PrintKallsyms));
}
