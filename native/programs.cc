// BPF programs that are loaded, as targets: what they are, their functions, their types.
#include "programs.h"
#include "errors.h"
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <cerrno>
#include <unistd.h>
#include <vector>

static std::string Tag(const __u8 (&tag)[BPF_TAG_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	std::string hex;

	for (__u8 byte : tag)
		hex += {digits[byte >> 4], digits[byte & 15]};
	return hex;
}

// {id, type, name, tag, jitedBytes, btfId, functions: Uint32Array of BTF ids, of the program first}
static Napi::Object Describe(Napi::Env env, int fd)
{
	struct bpf_prog_info info = {};
	__u32 size = sizeof(info);
	std::vector<struct bpf_func_info> functions;

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		throw MakeError(env, {errno, "bpf_obj_get_info_by_fd", ""});
	auto described = Napi::Object::New(env);
	described.Set("id", info.id);
	described.Set("type", info.type);
	described.Set("name", std::string(info.name));
	described.Set("tag", Tag(info.tag));
	described.Set("jitedBytes", info.jited_prog_len);
	described.Set("btfId", info.btf_id);
	functions.resize(info.nr_func_info);
	info = {};
	info.nr_func_info = functions.size();
	info.func_info_rec_size = sizeof(struct bpf_func_info);
	info.func_info = (__u64)functions.data();
	if (!functions.empty() && bpf_obj_get_info_by_fd(fd, &info, &size))
		throw MakeError(env, {errno, "bpf_obj_get_info_by_fd", ""});
	auto ids = Napi::Uint32Array::New(env, functions.size());
	for (size_t i = 0; i < functions.size(); i++)
		ids[i] = functions[i].type_id;
	described.Set("functions", ids);
	return described;
}

// listPrograms(): of all programs; one that goes meanwhile is left out.
static Napi::Value ListPrograms(const Napi::CallbackInfo &info)
{
	auto programs = Napi::Array::New(info.Env());

	for (__u32 id = 0;;) {
		if (bpf_prog_get_next_id(id, &id)) {
			if (errno == ENOENT)
				return programs;
			throw MakeError(info.Env(), {errno, "bpf_prog_get_next_id", ""});
		}
		int fd = bpf_prog_get_fd_by_id(id);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			throw MakeError(info.Env(), {errno, "bpf_prog_get_fd_by_id", ""});
		programs.Set(programs.Length(), Describe(info.Env(), fd));
		close(fd);
	}
}

// pinnedProgram(path): the id of the program that is pinned there.
static Napi::Value PinnedProgram(const Napi::CallbackInfo &info)
{
	std::string path = info[0].As<Napi::String>();
	struct bpf_prog_info program = {};
	__u32 size = sizeof(program);
	int fd = bpf_obj_get(path.c_str());

	if (fd < 0)
		throw MakeError(info.Env(), {errno, "bpf_obj_get", path});
	int failed = bpf_obj_get_info_by_fd(fd, &program, &size);
	int error = errno;
	close(fd);
	if (failed)
		throw MakeError(info.Env(), {error, "bpf_obj_get_info_by_fd", path});
	return Napi::Number::New(info.Env(), program.id);
}

// readBtf(id): Buffer, the BTF that somebody loaded.
static Napi::Value ReadBtf(const Napi::CallbackInfo &info)
{
	auto id = info[0].As<Napi::Number>().Uint32Value();
	struct bpf_btf_info btf = {};
	__u32 size = sizeof(btf);
	int fd = bpf_btf_get_fd_by_id(id);

	if (fd < 0)
		throw MakeError(info.Env(), {errno, "bpf_btf_get_fd_by_id", ""});
	int failed = bpf_obj_get_info_by_fd(fd, &btf, &size);
	auto bytes = Napi::Buffer<uint8_t>::New(info.Env(), btf.btf_size);
	btf = {};
	btf.btf = (__u64)bytes.Data();
	btf.btf_size = bytes.Length();
	failed = failed || bpf_obj_get_info_by_fd(fd, &btf, &size);
	int error = errno;
	close(fd);
	if (failed)
		throw MakeError(info.Env(), {error, "bpf_obj_get_info_by_fd", ""});
	return bytes;
}

void InitPrograms(Napi::Env env, Napi::Object exports)
{
	exports.Set("listPrograms", Napi::Function::New(env, ListPrograms));
	exports.Set("pinnedProgram", Napi::Function::New(env, PinnedProgram));
	exports.Set("readBtf", Napi::Function::New(env, ReadBtf));
}
