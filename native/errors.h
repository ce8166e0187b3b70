// Failed system calls as values, and their way to JavaScript.
#pragma once
#include <functional>
#include <napi.h>
#include <string>

// What a system call or libbpf answered. A number of 0 means that it worked.
struct Status {
	int number = 0;      // errno
	std::string syscall; // what was called
	std::string log;     // what libbpf and the verifier said
};

// Must be the first to run: `setErrorClass(class)` stores the JavaScript class of all errors.
void InitErrors(Napi::Env env, Napi::Object exports);

// A JavaScript error made of a failed status.
Napi::Error MakeError(Napi::Env env, const Status &status);

// Everything that libbpf says on this thread while an instance lives.
class LibbpfLog
{
      public:
	LibbpfLog();
	~LibbpfLog();
	const std::string &Text() const;
};

// Runs `work` on a thread of the pool; the promise is resolved with what `done` makes of it on the
// main thread, or rejected with the error of the status. `self` lives until then.
Napi::Promise RunAsync(Napi::Env env, Napi::Object self, std::function<Status()> work,
                       std::function<Napi::Value(Napi::Env)> done);
