// Registers what the addon offers: verbs over libbpf and bpf(2), without meaning of their own.
#include "errors.h"
#include "link.h"
#include "object.h"
#include "ring.h"

static Napi::Object Init(Napi::Env env, Napi::Object exports)
{
	InitErrors(env, exports);
	Object::Init(env, exports);
	Link::Init(env, exports);
	Ring::Init(env, exports);
	return exports;
}

NODE_API_MODULE(fsnoop, Init)
