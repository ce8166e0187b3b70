#include "btf.h"
#include <algorithm>
#include <bitset>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

// indexTypes(types: Uint32Array, once: Uint8Array, each: Uint8Array): Uint32Array, the word where
// each type begins, by id from 1 on, and where the last one ends. By kind: how many words a type
// has, 0 for a kind that ends the walk, and how many more for each of its members.
static Napi::Value IndexTypes(const Napi::CallbackInfo &info)
{
	auto types = info[0].As<Napi::Uint32Array>();
	auto once = info[1].As<Napi::Uint8Array>(), each = info[2].As<Napi::Uint8Array>();
	const uint32_t *words = types.Data();
	size_t count = types.ElementLength(), kinds = once.ElementLength(), at = 0;
	std::vector<uint32_t> begins = {0}; // of the type 0, which is not there

	while (at + 1 < count) {
		uint32_t about = words[at + 1], kind = about >> 24 & 0x7f;

		if (kind >= kinds || !once[kind])
			break;
		begins.push_back(at);
		// 16 bits, until Linux needed 24; the others were always 0
		at += once[kind] + (size_t)each[kind] * (about & 0xffffff);
	}
	begins.push_back(at);
	auto found = Napi::Uint32Array::New(info.Env(), begins.size());
	std::copy(begins.begin(), begins.end(), found.Data());
	return found;
}

// The names of types, which a zero ends each, and the last.
class Names
{
      public:
	Names(const Napi::Value &types, const Napi::Value &begins, const Napi::Value &strings)
	    : words(types.As<Napi::Uint32Array>().Data()),
	      begins(begins.As<Napi::Uint32Array>().Data()),
	      end(begins.As<Napi::Uint32Array>().ElementLength() - 1),
	      text((const char *)strings.As<Napi::Uint8Array>().Data()),
	      bytes(strings.As<Napi::Uint8Array>().ElementLength())
	{
	}

	// Behind the last id.
	uint32_t End() const
	{
		return end;
	}

	// How many bytes are left from there on.
	size_t Room(uint32_t id) const
	{
		uint32_t at = words[begins[id]];

		return at < bytes ? bytes - at : 0;
	}

	const char *Of(uint32_t id) const
	{
		return Room(id) ? text + words[begins[id]] : "";
	}

      private:
	const uint32_t *words, *begins;
	uint32_t end;
	const char *text;
	size_t bytes;
};

// firstSorted(types: Uint32Array, begins: Uint32Array, strings: Uint8Array): number, the first of
// the types up to the last that are in the order of their names, by bytes.
static Napi::Value FirstSorted(const Napi::CallbackInfo &info)
{
	Names names(info[0], info[1], info[2]);
	uint32_t id = std::max(names.End(), 2u) - 1;

	while (id > 1 && strcmp(names.Of(id - 1), names.Of(id)) <= 0)
		id--;
	return Napi::Number::New(info.Env(), id);
}

// Of up to four letters of a name that a zero ends, 16 bits.
static uint16_t Beginning(const char *name, size_t room)
{
	uint32_t letters = 0;

	if (room >= sizeof(letters)) // nearly always, and put in line
		memcpy(&letters, name, sizeof(letters));
	else
		memcpy(&letters, name, room);
	uint32_t zeros = (letters - 0x01010101) & ~letters & 0x80808080;
	if (zeros)
		letters &= (zeros & -zeros) - 1; // what comes before the first
	return letters * 0x9e3779b1 >> 16;
}

// findNamed(types: Uint32Array, begins: Uint32Array, strings: Uint8Array, names: string,
// firstSorted: number): Uint32Array, two words of each type that has one of these names, by id:
// which of them, and the id. A zero ends each name.
static Napi::Value FindNamed(const Napi::CallbackInfo &info)
{
	Names known(info[0], info[1], info[2]);
	std::string names = info[3].As<Napi::String>();
	uint32_t first_sorted = info[4].As<Napi::Number>().Uint32Value();
	std::unordered_map<std::string_view, uint32_t> wanted;
	std::bitset<1 << 16> likely; // by their beginnings: most names are something else
	std::vector<std::pair<uint32_t, uint32_t>> found;

	for (size_t at = 0, place = 0; at < names.size(); place++) {
		std::string_view name = names.data() + at;

		likely[Beginning(name.data(), name.size() + 1)] = true;
		wanted.emplace(name, place);
		at += name.size() + 1;
	}
	for (uint32_t id = 1; id < first_sorted; id++) {
		if (!likely[Beginning(known.Of(id), known.Room(id))])
			continue;
		auto name = wanted.find(known.Of(id));
		if (name != wanted.end())
			found.emplace_back(id, name->second);
	}
	for (auto &[name, place] : wanted) {
		uint32_t id = first_sorted, end = known.End();

		while (id < end) {
			uint32_t middle = id + (end - id) / 2;

			if (known.Of(middle) < name)
				id = middle + 1;
			else
				end = middle;
		}
		for (; id < known.End() && known.Of(id) == name; id++)
			found.emplace_back(id, place);
	}
	std::sort(found.begin(), found.end());
	auto pairs = Napi::Uint32Array::New(info.Env(), 2 * found.size());
	for (size_t i = 0; i < found.size(); i++) {
		pairs[2 * i] = found[i].second;
		pairs[2 * i + 1] = found[i].first;
	}
	return pairs;
}

void InitBtf(Napi::Env env, Napi::Object exports)
{
	exports.Set("indexTypes", Napi::Function::New(env, IndexTypes));
	exports.Set("firstSorted", Napi::Function::New(env, FirstSorted));
	exports.Set("findNamed", Napi::Function::New(env, FindNamed));
}
