// A BPF object: its programs, its maps and its global data.
#pragma once
#include "errors.h"
#include <bpf/libbpf.h>
#include <map>
#include <vector>

// What it takes to load a program again for another function, besides its instructions.
struct Prepared {
	std::vector<uint8_t> functions;
	__u32 function_count = 0, function_bytes = 0;
};

class Object : public Napi::ObjectWrap<Object>
{
      public:
	static void Init(Napi::Env env, Napi::Object exports);
	explicit Object(const Napi::CallbackInfo &info);
	~Object() override;

      private:
	Napi::Value Load(const Napi::CallbackInfo &info);
	Napi::Value ReadGlobal(const Napi::CallbackInfo &info);
	void WriteGlobal(const Napi::CallbackInfo &info);
	Napi::Value Attach(const Napi::CallbackInfo &info);
	Napi::Value AttachMulti(const Napi::CallbackInfo &info);
	Napi::Value AttachKprobes(const Napi::CallbackInfo &info);
	Napi::Value AttachCopy(const Napi::CallbackInfo &info);
	Napi::Value AttachMark(const Napi::CallbackInfo &info);
	Napi::Value Iterate(const Napi::CallbackInfo &info);
	Napi::Value ProgramId(const Napi::CallbackInfo &info);
	Napi::Value OpenRing(const Napi::CallbackInfo &info);
	void Close(const Napi::CallbackInfo &info);

	struct bpf_program *Program(const Napi::Value &name);
	struct bpf_map *Map(const Napi::Value &name);

	struct bpf_object *object = nullptr;
	std::map<std::string, Prepared> prepared; // by program
};
