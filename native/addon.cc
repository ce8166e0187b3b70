// Registers what the addon offers: verbs over libbpf, bpf(2) and capstone, without meaning of their
// own.
#include "disassemble.h"
#include "errors.h"
#include "kallsyms.h"
#include "link.h"
#include "object.h"
#include "ring.h"
#include <poll.h>

// hasReader(fd): false when the other end of a pipe is closed. poll(2) knows it without a write.
static Napi::Value HasReader(const Napi::CallbackInfo &info)
{
	struct pollfd end = {info[0].As<Napi::Number>().Int32Value(), 0, 0};

	return Napi::Boolean::New(info.Env(), poll(&end, 1, 0) < 1 || !(end.revents & POLLERR));
}

static Napi::Object Init(Napi::Env env, Napi::Object exports)
{
	InitErrors(env, exports);
	Object::Init(env, exports);
	Link::Init(env, exports);
	Ring::Init(env, exports);
	InitDisassemble(env, exports);
	InitKallsyms(env, exports);
	exports.Set("hasReader", Napi::Function::New(env, HasReader));
	return exports;
}

NODE_API_MODULE(fsnoop, Init)
