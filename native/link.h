// A program attached to something, until the link is closed.
#pragma once
#include "errors.h"
#include <bpf/libbpf.h>
#include <memory>

// When the kernel was at work on something, in ms of CLOCK_MONOTONIC.
struct Span {
	double begin = 0, end = 0;

	Napi::Value Tell(Napi::Env env) const;
};

// Notes in a span what passes while it lives.
class Timing
{
      public:
	explicit Timing(std::shared_ptr<Span> span);
	~Timing();

      private:
	std::shared_ptr<Span> span;
};

class Link : public Napi::ObjectWrap<Link>
{
      public:
	static void Init(Napi::Env env, Napi::Object exports);
	static Napi::Value Make(Napi::Env env, struct bpf_link *link);
	static Napi::Value Make(Napi::Env env, int fd, int program, const Span &attached);
	explicit Link(const Napi::CallbackInfo &info);
	~Link() override;

      private:
	Napi::Value Detach(const Napi::CallbackInfo &info);
	Napi::Value Skipped(const Napi::CallbackInfo &info);
	Napi::Value Missed(const Napi::CallbackInfo &info);
	void Close(const Napi::CallbackInfo &info);
	void CloseNow();
	void CloseProgram();
	void ReadMissed();

	struct bpf_link *link = nullptr; // made by libbpf
	int fd = -1;                     // or by bpf(2)
	int program = -1;                // that it has for itself
	__u64 missed = 0;                // calls, when it was last asked
};

// What the kernel knows of a program.
struct bpf_prog_info ProgramInfoOf(Napi::Env env, int fd);
