// A program attached to something, until the link is closed.
#include "link.h"
#include <bpf/bpf.h>
#include <cerrno>
#include <ctime>
#include <unistd.h>
#include <utility>

static Napi::FunctionReference constructor;

// struct bpf_link_info of a kprobe_multi link, v6.7; before that the kernel tells no more than its
// head. libbpf 1.1 is older.
struct link_info_kprobe_multi {
	__u32 type, id, prog_id, unused;
	__u64 addrs;
	__u32 count, flags;
	__u64 missed;
};

static double NowMs()
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

Timing::Timing(std::shared_ptr<Span> span) : span(std::move(span))
{
	this->span->begin = NowMs();
}

Timing::~Timing()
{
	span->end = NowMs();
}

// {beginMs, endMs}
Napi::Value Span::Tell(Napi::Env env) const
{
	auto told = Napi::Object::New(env);

	told.Set("beginMs", begin);
	told.Set("endMs", end);
	return told;
}

void Link::Init(Napi::Env env, Napi::Object)
{
	constructor =
	        Napi::Persistent(DefineClass(env, "Link",
	                                     {
	                                             InstanceMethod<&Link::Detach>("detach"),
	                                             InstanceMethod<&Link::Skipped>("skipped"),
	                                             InstanceMethod<&Link::Missed>("missed"),
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

// Its attached: when that was done.
Napi::Value Link::Make(Napi::Env env, int fd, int program, const Span &attached)
{
	Napi::Object object = constructor.New({});

	object.Set("attached", attached.Tell(env));
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
	ReadMissed();
	int old = std::exchange(fd, -1);
	if (old >= 0)
		close(old);
}

void Link::ReadMissed()
{
	struct link_info_kprobe_multi info = {};
	__u32 size = sizeof(info);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, (struct bpf_link_info *)&info, &size))
		return;
	if (info.type == BPF_LINK_TYPE_KPROBE_MULTI)
		missed = info.missed;
}

void Link::CloseProgram()
{
	int old = std::exchange(program, -1);
	if (old >= 0)
		close(old);
}

// detach(): Promise<{beginMs, endMs}>. With thousands of functions it takes seconds.
Napi::Value Link::Detach(const Napi::CallbackInfo &)
{
	auto span = std::make_shared<Span>();

	return RunAsync(
	        Env(), Value(),
	        [this, span] {
		        Timing timing(span);

		        CloseNow();
		        return Status{};
	        },
	        [span](Napi::Env env) { return span->Tell(env); });
}

// skipped(): how many runs of the link's own program the kernel skipped; until it is closed.
Napi::Value Link::Skipped(const Napi::CallbackInfo &)
{
	return Napi::Number::New(Env(), (double)ProgramInfoOf(Env(), program).recursion_misses);
}

// missed(): how many calls the kernel did not hand to the program, until it was detached.
Napi::Value Link::Missed(const Napi::CallbackInfo &)
{
	ReadMissed();
	return Napi::Number::New(Env(), (double)missed);
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
