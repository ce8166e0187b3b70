// Failed system calls as values, and their way to JavaScript.
#include "errors.h"
#include <bpf/libbpf.h>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

static Napi::FunctionReference error_class;
static thread_local std::string *current_log;

static int CollectLog(enum libbpf_print_level level, const char *format, va_list args)
{
	char *text; // a verifier log has no bound

	if (level == LIBBPF_DEBUG || !current_log || vasprintf(&text, format, args) < 0)
		return 0;
	current_log->append(text);
	free(text);
	return 0;
}

LibbpfLog::LibbpfLog()
{
	current_log = new std::string;
}

LibbpfLog::~LibbpfLog()
{
	delete current_log;
	current_log = nullptr;
}

const std::string &LibbpfLog::Text() const
{
	return *current_log;
}

void InitErrors(Napi::Env env, Napi::Object exports)
{
	libbpf_set_print(CollectLog);
	exports.Set("setErrorClass", Napi::Function::New(env, [](const Napi::CallbackInfo &info) {
		            error_class = Napi::Persistent(info[0].As<Napi::Function>());
		            error_class.SuppressDestruct();
	            }));
}

Napi::Error MakeError(Napi::Env env, const Status &status)
{
	return Napi::Error(
	        env,
	        error_class.New({Napi::Number::New(env, status.number),
	                         Napi::String::New(env, strerrorname_np(status.number)
	                                                        ? strerrorname_np(status.number)
	                                                        : "EUNKNOWN"),
	                         Napi::String::New(env, status.syscall),
	                         Napi::String::New(env, status.log)}));
}

namespace
{
class Worker : public Napi::AsyncWorker
{
      public:
	Worker(Napi::Env env, Napi::Object self, std::function<Status()> work,
	       std::function<Napi::Value(Napi::Env)> done)
	    : Napi::AsyncWorker(env), deferred(Napi::Promise::Deferred::New(env)),
	      self(Napi::Persistent(self)), work(std::move(work)), done(std::move(done))
	{
	}

	Napi::Promise Promise() const
	{
		return deferred.Promise();
	}

      protected:
	void Execute() override
	{
		status = work();
	}

	void OnOK() override
	{
		if (status.number)
			deferred.Reject(MakeError(Env(), status).Value());
		else
			deferred.Resolve(done(Env()));
	}

      private:
	Napi::Promise::Deferred deferred;
	Napi::ObjectReference self;
	std::function<Status()> work;
	std::function<Napi::Value(Napi::Env)> done;
	Status status;
};
} // namespace

Napi::Promise RunAsync(Napi::Env env, Napi::Object self, std::function<Status()> work,
                       std::function<Napi::Value(Napi::Env)> done)
{
	auto *worker = new Worker(env, self, std::move(work), std::move(done));
	Napi::Promise promise = worker->Promise();

	worker->Queue();
	return promise;
}
