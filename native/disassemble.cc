// Where machine code calls and jumps to.
#include "disassemble.h"
#include "code.h"
#include "errors.h"
#include <algorithm>
#include <cstring>
#include <string>

// disassemble(code: Uint8Array, functions: Uint32Array, architecture: string): Promise<Uint32Array>
// `functions` has address and bytes of each, `code` holds them one behind the other; the answer has
// for each how many indirect calls it makes, how many direct ones leave it, and where those lead
// to.
static Napi::Value Disassemble(const Napi::CallbackInfo &info)
{
	auto code = info[0].As<Napi::Uint8Array>();
	auto pairs = info[1].As<Napi::Uint32Array>();
	bool is_arm64 = info[2].As<Napi::String>().Utf8Value() == "arm64";
	const uint8_t *bytes = code.Data();
	std::vector<Function> functions(pairs.ElementLength() / 2);
	auto found = std::make_shared<std::vector<address_t>>();

	memcpy(functions.data(), pairs.Data(), functions.size() * sizeof(Function));
	return RunAsync(
	        info.Env(), code,
	        [bytes, functions, found, is_arm64] {
		        auto reader = is_arm64 ? MakeArm64Reader() : MakeX64Reader();
		        Status opened = reader->Open();
		        const uint8_t *at = bytes;

		        if (opened.number)
			        return opened;
		        for (const Function &function : functions) {
			        reader->Add(function, at, *found);
			        at += function.bytes;
		        }
		        return Status{};
	        },
	        [found](Napi::Env env) {
		        auto out = Napi::Uint32Array::New(env, found->size());

		        std::copy(found->begin(), found->end(), out.Data());
		        return out;
	        });
}

void InitDisassemble(Napi::Env env, Napi::Object exports)
{
	exports.Set("disassemble", Napi::Function::New(env, Disassemble));
}
