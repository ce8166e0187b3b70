// A program attached to something, until the link is closed.
#include "link.h"
#include <bpf/bpf.h>
#include <cerrno>
#include <unistd.h>
#include <utility>

static Napi::FunctionReference constructor;

void Link::Init(Napi::Env env, Napi::Object)
{
	constructor =
	        Napi::Persistent(DefineClass(env, "Link",
	                                     {
	                                             InstanceMethod<&Link::Detach>("detach"),
	                                             InstanceMethod<&Link::Skipped>("skipped"),
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

Napi::Value Link::Make(Napi::Env env, int fd, int program)
{
	Napi::Object object = constructor.New({});

	(void)env;
	Unwrap(object)->fd = fd;
	Unwrap(object)->program = program;
	return object;
}

Link::Link(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Link>(info)
{
}

Link::~Link()
{
	CloseNow();
	CloseProgram();
}

void Link::CloseNow()
{
	if (struct bpf_link *old = std::exchange(link, nullptr))
		bpf_link__destroy(old);
	int old = std::exchange(fd, -1);
	if (old >= 0)
		close(old);
}

void Link::CloseProgram()
{
	int old = std::exchange(program, -1);
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

// skipped(): how many runs of the link's own program the kernel skipped; until it is closed.
Napi::Value Link::Skipped(const Napi::CallbackInfo &)
{
	return Napi::Number::New(Env(), (double)ProgramInfoOf(Env(), program).recursion_misses);
}

// close(): detaches now, and frees the link's own program.
void Link::Close(const Napi::CallbackInfo &)
{
	CloseNow();
	CloseProgram();
}

struct bpf_prog_info ProgramInfoOf(Napi::Env env, int fd)
{
	struct bpf_prog_info program = {};
	__u32 size = sizeof(program);

	if (bpf_obj_get_info_by_fd(fd, &program, &size))
		throw MakeError(env, {errno, "bpf_obj_get_info_by_fd", ""});
	return program;
}
