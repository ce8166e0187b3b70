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

// findNamed(types: Uint32Array, begins: Uint32Array, strings: Uint8Array, names: string):
// Uint32Array, two words of each type that has one of these names: which of them, and the id. A
// zero ends each name, and the strings.
static Napi::Value FindNamed(const Napi::CallbackInfo &info)
{
	auto types = info[0].As<Napi::Uint32Array>(), places = info[1].As<Napi::Uint32Array>();
	auto strings = info[2].As<Napi::Uint8Array>();
	std::string names = info[3].As<Napi::String>();
	const uint32_t *words = types.Data(), *begins = places.Data();
	const char *text = (const char *)strings.Data();
	size_t count = places.ElementLength(), bytes = strings.ElementLength();
	std::unordered_map<std::string_view, uint32_t> wanted;
	std::bitset<1 << 16> likely; // by their beginnings: most names are something else
	std::vector<uint32_t> found;

	for (size_t at = 0, place = 0; at < names.size(); place++) {
		std::string_view name = names.data() + at;

		likely[Beginning(name.data(), name.size() + 1)] = true;
		wanted.emplace(name, place);
		at += name.size() + 1;
	}
	for (size_t id = 1; id + 1 < count; id++) {
		uint32_t at = words[begins[id]];

		if (at >= bytes || !likely[Beginning(text + at, bytes - at)])
			continue;
		auto name = wanted.find(text + at);
		if (name != wanted.end())
			found.insert(found.end(), {name->second, (uint32_t)id});
	}
	auto pairs = Napi::Uint32Array::New(info.Env(), found.size());
	std::copy(found.begin(), found.end(), pairs.Data());
	return pairs;
}

void InitBtf(Napi::Env env, Napi::Object exports)
{
	exports.Set("indexTypes", Napi::Function::New(env, IndexTypes));
	exports.Set("findNamed", Napi::Function::New(env, FindNamed));
}
