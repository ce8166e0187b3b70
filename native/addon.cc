// Registers what the addon offers: verbs over libbpf, bpf(2) and capstone, without meaning of their
// own.
#include "btf.h"
#include "disassemble.h"
#include "errors.h"
#include "kallsyms.h"
#include "link.h"
#include "object.h"
#include "programs.h"
#include "ring.h"
#include <cerrno>
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

// hasReader(fd): false when the other end of a pipe is closed. poll(2) knows it without a write.
static Napi::Value HasReader(const Napi::CallbackInfo &info)
{
	struct pollfd end = {info[0].As<Napi::Number>().Int32Value(), 0, 0};

	return Napi::Boolean::New(info.Env(), poll(&end, 1, 0) < 1 || !(end.revents & POLLERR));
}

// mapFile(path): Buffer, the file itself in memory: it must not be written.
static Napi::Value MapFile(const Napi::CallbackInfo &info)
{
	std::string path = info[0].As<Napi::String>();
	struct stat file = {};
	int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		throw MakeError(info.Env(), {errno, "open", path});
	fstat(fd, &file);
	size_t size = file.st_size;
	void *data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
	int error = errno;
	close(fd);
	if (data == MAP_FAILED)
		throw MakeError(info.Env(), {error, "mmap", path});
	return Napi::Buffer<char>::NewOrCopy(
	        info.Env(), (char *)data, size,
	        [size](Napi::Env, char *mapped) { munmap(mapped, size); });
}

static Napi::Object Init(Napi::Env env, Napi::Object exports)
{
	InitErrors(env, exports);
	Object::Init(env, exports);
	Link::Init(env, exports);
	Ring::Init(env, exports);
	InitDisassemble(env, exports);
	InitBtf(env, exports);
	InitKallsyms(env, exports);
	InitPrograms(env, exports);
	exports.Set("mapFile", Napi::Function::New(env, MapFile));
	exports.Set("hasReader", Napi::Function::New(env, HasReader));
	return exports;
}

NODE_API_MODULE(fsnoop, Init)
