#include "kallsyms.h"
#include <algorithm>
#include <bitset>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
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

// A number of a letter. Added up over a name they tell it from most others, in whatever pieces it
// comes.
static uint32_t Weigh(uint8_t letter)
{
	uint32_t mixed = letter * 0x9e3779b1;

	return (mixed ^ mixed >> 15) * 0x85ebca6b;
}

static uint32_t Weigh(std::string_view letters)
{
	uint32_t sum = 0;

	for (uint8_t letter : letters)
		sum += Weigh(letter);
	return sum;
}

// The symbols one after the other; they end where the names are cut short.
class Reader
{
      public:
	explicit Reader(const Tables &tables)
	    : addresses(tables), name_end(tables.names.Data()),
	      end(name_end + tables.names.ElementLength()), count(tables.offsets.ElementLength())
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
			weights[i] = Weigh({token.text, token.bytes});
			types[i] = token.bytes ? Weigh(token.text[0]) : 0;
			last[i] = token.bytes ? token.text[token.bytes - 1] : 0;
			longest = std::max(longest, token.bytes);
		}
	}

	// False behind the last one.
	bool Next()
	{
		place++;
		name = name_end;
		if (place >= count || end - name < 2)
			return false;
		size_t length = *name++;
		if (length & 0x80)
			length = (length & 0x7f) | *name++ << 7;
		if (length > (size_t)(end - name))
			return false;
		name_end = name + length;
		return true;
	}

	size_t Place() const
	{
		return place;
	}

	// Of the name, without the type.
	uint32_t Weight() const
	{
		uint32_t sum = -types[*name];

		for (const uint8_t *token = name; token < name_end; token++)
			sum += weights[*token];
		return sum;
	}

	// 0 where there is none.
	uint8_t LastLetter() const
	{
		return last[name_end[-1]];
	}

	// What may be written of the type and the name.
	size_t Room() const
	{
		return (name_end - name) * longest;
	}

	// Writes the type and the name; their end.
	char *Spell(char *to) const
	{
		for (const uint8_t *code = name; code < name_end; code++) {
			const Token &token = tokens[*code];

			memcpy(to, &token.beginning, sizeof(token.beginning));
			if (token.bytes > sizeof(token.beginning))
				memcpy(to, token.text, token.bytes);
			to += token.bytes;
		}
		return to;
	}

	const Addresses addresses;

      private:
	const uint8_t *name = nullptr, *name_end, *end;
	size_t count, place = SIZE_MAX;
	Token tokens[tokens_count];
	uint32_t weights[tokens_count], types[tokens_count];
	uint8_t last[tokens_count];
	size_t longest = sizeof(Token::beginning);
};

// The first lines of /proc/kallsyms.
std::vector<char> Print(const Tables &tables, size_t lines)
{
	const size_t line_bytes = 16 + 4; // digits, spaces, a newline
	Reader symbol(tables);
	std::vector<char> text(std::min<size_t>(lines, tables.offsets.ElementLength()) * 48);
	char *to = text.data();

	while (lines-- && symbol.Next()) {
		uint64_t address = symbol.addresses[symbol.Place()];
		size_t used = to - text.data(), room = line_bytes + symbol.Room();

		if (text.size() - used < room) {
			text.resize(2 * text.size() + room);
			to = text.data() + used;
		}
		for (int shift = 60; shift >= 0; shift -= 4)
			*to++ = "0123456789abcdef"[address >> shift & 15];
		*to++ = ' ';
		char *type = to;
		*to++ = ' '; // comes between the type and the name
		to = symbol.Spell(to);
		if (to > type + 1)
			std::swap(type[0], type[1]);
		*to++ = '\n';
	}
	text.resize(to - text.data());
	return text;
}

const int likely_bits = 18;

// Five words of each symbol that has one of these names: which of them, the type, the halves of its
// address, and whether it is the first there.
std::vector<uint32_t> Search(const Tables &tables, const std::vector<std::string> &names)
{
	std::unordered_map<std::string_view, uint32_t> wanted;
	std::bitset<1 << likely_bits> likely; // by the weight
	std::bitset<256> ends;                // by the last letter
	std::vector<char> room;
	std::vector<uint32_t> found;
	Reader symbol(tables);

	auto key = [](uint32_t weight) { return weight >> (32 - likely_bits); };
	for (size_t i = 0; i < names.size(); i++) {
		if (names[i].empty())
			continue;
		wanted.emplace(names[i], i);
		likely[key(Weigh(names[i]))] = true;
		ends[(uint8_t)names[i].back()] = true;
	}
	while (symbol.Next()) {
		if (!ends[symbol.LastLetter()] || !likely[key(symbol.Weight())])
			continue;
		room.resize(std::max(room.size(), symbol.Room()));
		size_t length = symbol.Spell(room.data()) - room.data(), place = symbol.Place();
		auto name = wanted.find({room.data() + 1, std::max<size_t>(length, 1) - 1});
		if (name == wanted.end())
			continue;
		uint64_t address = symbol.addresses[place];
		bool is_first = !place || symbol.addresses[place - 1] != address;
		found.insert(found.end(), {name->second, (uint32_t)room[0], (uint32_t)address,
		                           (uint32_t)(address >> 32), is_first});
	}
	return found;
}

Tables TablesOf(const Napi::Value &value)
{
	auto from = value.As<Napi::Object>();
	bool lossless;

	return {
	        from.Get("names").As<Napi::Uint8Array>(),
	        from.Get("tokens").As<Napi::Uint8Array>(),
	        from.Get("tokenAt").As<Napi::Uint16Array>(),
	        from.Get("offsets").As<Napi::Int32Array>(),
	        from.Get("base").As<Napi::BigInt>().Uint64Value(&lossless),
	        from.Get("isSelf").As<Napi::Boolean>(),
	};
}
} // namespace

// printKallsyms(tables, lines?): Buffer, the first lines, or all.
//   tables: {names: Uint8Array, tokens: Uint8Array, tokenAt: Uint16Array(256), offsets: Int32Array,
//            base: bigint, isSelf: boolean}
static Napi::Value PrintKallsyms(const Napi::CallbackInfo &info)
{
	size_t lines = info.Length() > 1 ? info[1].As<Napi::Number>().Uint32Value() : SIZE_MAX;
	auto text = new std::vector<char>(Print(TablesOf(info[0]), lines));

	return Napi::Buffer<char>::NewOrCopy(
	        info.Env(), text->data(), text->size(),
	        [](Napi::Env, char *, std::vector<char> *owned) { delete owned; }, text);
}

// searchKallsyms(tables, names: [string]): Uint32Array, five words of each symbol with such a name.
static Napi::Value SearchKallsyms(const Napi::CallbackInfo &info)
{
	auto names = info[1].As<Napi::Array>();
	std::vector<std::string> wanted;

	for (uint32_t i = 0; i < names.Length(); i++)
		wanted.push_back(names.Get(i).As<Napi::String>());
	auto found = Search(TablesOf(info[0]), wanted);
	auto words = Napi::Uint32Array::New(info.Env(), found.size());
	std::copy(found.begin(), found.end(), words.Data());
	return words;
}

void InitKallsyms(Napi::Env env, Napi::Object exports)
{
	exports.Set("printKallsyms", Napi::Function::New(env, PrintKallsyms));
	exports.Set("searchKallsyms", Napi::Function::New(env, SearchKallsyms));
}
