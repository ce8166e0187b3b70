// A program attached to something, until the link is closed.
#include "link.h"
#include <unistd.h>
#include <utility>

static Napi::FunctionReference constructor;

void Link::Init(Napi::Env env, Napi::Object)
{
	constructor = Napi::Persistent(DefineClass(env, "Link",
	                                           {
	                                                   InstanceMethod<&Link::Detach>("detach"),
	                                                   InstanceMethod<&Link::Close>("close"),
	                                           }));
	constructor.SuppressDestruct();
}

Napi::Value Link::Make(Napi::Env env, struct bpf_link *link)
{
	Napi::Object object = constructor.New({});

	(void)env;
	Unwrap(object)->link = link;
	return object;
}

Napi::Value Link::Make(Napi::Env env, int fd)
{
	Napi::Object object = constructor.New({});

	(void)env;
	Unwrap(object)->fd = fd;
	return object;
}

Link::Link(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Link>(info)
{
}

Link::~Link()
{
	CloseNow();
}

void Link::CloseNow()
{
	if (struct bpf_link *old = std::exchange(link, nullptr))
		bpf_link__destroy(old);
	int old = std::exchange(fd, -1);
	if (old >= 0)
		close(old);
}

// detach(): Promise<void>. With thousands of functions it takes seconds.
Napi::Value Link::Detach(const Napi::CallbackInfo &)
{
	return RunAsync(
	        Env(), Value(),
	        [this] {
		        CloseNow();
		        return Status{};
	        },
	        [](Napi::Env env) { return env.Undefined(); });
}

// close(): the same, now.
void Link::Close(const Napi::CallbackInfo &)
{
	CloseNow();
}
