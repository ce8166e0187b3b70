// A BPF object: its programs, its maps and its global data.
#include "object.h"
#include "link.h"
#include "ring.h"
#include <bpf/bpf.h>
#include <cerrno>
#include <fcntl.h>
#include <cstring>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

// The head of union bpf_attr for BPF_LINK_CREATE of a tracing_multi link, v7.2; libbpf 1.1 is
// older.
struct link_create_tracing_multi {
	__u32 prog_fd, target_fd, attach_type, flags;
	__u64 ids, cookies;
	__u32 count;
	__u8 zero[100];
};

static const enum bpf_attach_type attach_type_fsession = (enum bpf_attach_type)58;       // v7.0
static const enum bpf_attach_type attach_type_fsession_multi = (enum bpf_attach_type)61; // v7.2

// What is asked of the object that this thread loads, and what is to be known of it.
struct Preparing {
	std::map<std::string, Prepared> *prepared;
	std::map<__s32, __s32> masks;
};
static thread_local Preparing preparing;

// Puts masks in the place of those that stand for them. 0, or -errno.
static int SetMasks(struct bpf_program *program)
{
	const struct bpf_insn *first = bpf_program__insns(program);
	std::vector<struct bpf_insn> insns(first, first + bpf_program__insn_cnt(program));

	for (auto &insn : insns) {
		auto mask = preparing.masks.find(insn.imm);

		if (insn.code == (BPF_ALU | BPF_AND | BPF_K) && mask != preparing.masks.end())
			insn.imm = mask->second;
	}
	return bpf_program__set_insns(program, insns.data(), insns.size());
}

// Called before a program of one of the sections below is loaded: libbpf 1.1 tells nobody else
// which functions it made the program of.
static int Prepare(struct bpf_program *program, struct bpf_prog_load_opts *options, long)
{
	auto *functions = (const uint8_t *)options->func_info;
	__u32 count = options->func_info_cnt, bytes = options->func_info_rec_size;

	(*preparing.prepared)[bpf_program__name(program)] = {
	        {functions, functions + count * bytes}, count, bytes};
	return preparing.masks.empty() ? 0 : SetMasks(program);
}

void Object::Init(Napi::Env env, Napi::Object exports)
{
	LIBBPF_OPTS(libbpf_prog_handler_opts, handler, .prog_prepare_load_fn = Prepare);

	for (auto section : {"fsession", "fsession.multi", "fentry", "fexit", "kprobe.session",
	                     "kprobe.multi", "kretprobe.multi", "mark"})
		libbpf_register_prog_handler(section, BPF_PROG_TYPE_TRACING,
		                             (enum bpf_attach_type)0, &handler);
	exports.Set("Object",
	            DefineClass(env, "Object",
	                        {
	                                InstanceMethod<&Object::Load>("load"),
	                                InstanceMethod<&Object::ReadGlobal>("readGlobal"),
	                                InstanceMethod<&Object::WriteGlobal>("writeGlobal"),
	                                InstanceMethod<&Object::Attach>("attach"),
	                                InstanceMethod<&Object::AttachMulti>("attachMulti"),
	                                InstanceMethod<&Object::AttachKprobes>("attachKprobes"),
	                                InstanceMethod<&Object::AttachCopy>("attachCopy"),
	                                InstanceMethod<&Object::AttachMark>("attachMark"),
	                                InstanceMethod<&Object::Iterate>("iterate"),
	                                InstanceMethod<&Object::ProgramId>("programId"),
	                                InstanceMethod<&Object::OpenRing>("openRing"),
	                                InstanceMethod<&Object::Close>("close"),
	                        }));
}

// new Object(path): opens the file; nothing is in the kernel yet.
Object::Object(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Object>(info)
{
	std::string path = info[0].As<Napi::String>();
	LibbpfLog log;

	object = bpf_object__open_file(path.c_str(), nullptr);
	if (!object)
		throw MakeError(info.Env(), {errno, "bpf_object__open_file", log.Text()});
}

Object::~Object()
{
	bpf_object__close(object);
}

struct bpf_program *Object::Program(const Napi::Value &name)
{
	std::string text = name.As<Napi::String>();
	struct bpf_program *program = bpf_object__find_program_by_name(object, text.c_str());

	if (!program)
		throw MakeError(Env(), {ENOENT, "bpf_object__find_program_by_name", text});
	return program;
}

struct bpf_map *Object::Map(const Napi::Value &name)
{
	std::string text = name.As<Napi::String>();
	struct bpf_map *map = bpf_object__find_map_by_name(object, text.c_str());

	if (!map)
		throw MakeError(Env(), {ENOENT, "bpf_object__find_map_by_name", text});
	return map;
}

// Creates the maps of zeroed global data. libbpf would do that too, and then fill each with the
// zeros that it has of it: half of the time that loading takes.
static Status CreateZeroed(struct bpf_object *object)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, object)
	{
		LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_MMAPABLE);

		if (strncmp(bpf_map__name(map), ".bss", 4))
			continue;
		int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bss", sizeof(__u32),
		                        bpf_map__value_size(map), 1, &options);
		if (fd < 0)
			return {errno, "bpf_map_create", bpf_map__name(map)};
		int error = bpf_map__reuse_fd(map, fd);
		close(fd);
		if (error)
			return {-error, "bpf_map__reuse_fd", bpf_map__name(map)};
	}
	return {};
}

// load({programs: {name: {type, attachType, target?}}, skipped: [name], globals: {map: bytes},
//       valueBytes: {map: number}, masks: [[number, number]]}): Promise<void>
Napi::Value Object::Load(const Napi::CallbackInfo &info)
{
	auto options = info[0].As<Napi::Object>();
	auto programs = options.Get("programs").As<Napi::Object>();
	auto skipped = options.Get("skipped").As<Napi::Array>();
	auto globals = options.Get("globals").As<Napi::Object>();
	auto value_bytes = options.Get("valueBytes").As<Napi::Object>();
	auto pairs = options.Get("masks").As<Napi::Array>();

	std::map<__s32, __s32> masks;
	std::vector<std::pair<struct bpf_program *, std::string>> targets;

	for (auto entry : programs) {
		auto types = Napi::Value(entry.second).As<Napi::Object>();
		struct bpf_program *program = Program(entry.first);
		auto type = types.Get("type").As<Napi::Number>().Uint32Value();
		auto attach_type = types.Get("attachType").As<Napi::Number>().Uint32Value();

		bpf_program__set_type(program, (enum bpf_prog_type)type);
		bpf_program__set_expected_attach_type(program, (enum bpf_attach_type)attach_type);
		if (types.Has("target"))
			targets.emplace_back(program, types.Get("target").As<Napi::String>());
	}
	for (uint32_t i = 0; i < skipped.Length(); i++)
		bpf_program__set_autoload(Program(skipped[i]), false);
	for (auto entry : globals) {
		auto bytes = Napi::Value(entry.second).As<Napi::Uint8Array>();
		int error = bpf_map__set_initial_value(Map(entry.first), bytes.Data(),
		                                       bytes.ByteLength());
		if (error)
			throw MakeError(Env(), {-error, "bpf_map__set_initial_value", ""});
	}
	for (auto entry : value_bytes) {
		auto bytes = Napi::Value(entry.second).As<Napi::Number>().Uint32Value();
		int error = bpf_map__set_value_size(Map(entry.first), bytes);

		if (error)
			throw MakeError(Env(), {-error, "bpf_map__set_value_size", ""});
	}
	for (uint32_t i = 0; i < pairs.Length(); i++) {
		auto pair = Napi::Value(pairs[i]).As<Napi::Array>();

		masks[Napi::Value(pair[0u]).As<Napi::Number>().Int32Value()] =
		        Napi::Value(pair[1u]).As<Napi::Number>().Int32Value();
	}
	return RunAsync(
	        Env(), Value(),
	        [this, targets, masks] {
		        LibbpfLog log;
		        Status zeroed = CreateZeroed(object);

		        if (zeroed.number)
			        return zeroed;
		        for (auto &[program, function] : targets) {
			        int error = bpf_program__set_attach_target(program, 0,
			                                                   function.c_str());
			        if (error)
				        return Status{-error, "bpf_program__set_attach_target",
				                      log.Text()};
		        }
		        preparing = {&prepared, masks};
		        int error = bpf_object__load(object);

		        return Status{-error, "bpf_object__load", log.Text()};
	        },
	        [](Napi::Env env) { return env.Undefined(); });
}

// Runs `use` on a part of the memory of a global section: mapping all of a large one takes time,
// and counts as our memory. Not bpf_map__initial_value(): libbpf maps that memory anew after
// loading only for its skeletons.
static void WithGlobal(Napi::Env env, struct bpf_map *map, size_t offset, size_t size,
                       const std::function<void(uint8_t *)> &use)
{
	size_t before = offset % sysconf(_SC_PAGESIZE);
	void *data = mmap(nullptr, before + size, PROT_READ | PROT_WRITE, MAP_SHARED,
	                  bpf_map__fd(map), offset - before);

	if (data == MAP_FAILED)
		throw MakeError(env, {errno, "mmap", ""});
	use((uint8_t *)data + before);
	munmap(data, before + size);
}

// readGlobal(map, offset?, size?): the bytes of a global section, or of a part, as they are now.
Napi::Value Object::ReadGlobal(const Napi::CallbackInfo &info)
{
	struct bpf_map *map = Map(info[0]);
	size_t offset = info[1].IsNumber() ? info[1].As<Napi::Number>().Int64Value() : 0;
	size_t size = info[2].IsNumber() ? info[2].As<Napi::Number>().Int64Value()
	                                 : bpf_map__value_size(map) - offset;
	Napi::Buffer<uint8_t> bytes;

	WithGlobal(Env(), map, offset, size,
	           [&](uint8_t *data) { bytes = Napi::Buffer<uint8_t>::Copy(Env(), data, size); });
	return bytes;
}

// writeGlobal(map, offset, bytes)
void Object::WriteGlobal(const Napi::CallbackInfo &info)
{
	auto offset = info[1].As<Napi::Number>().Uint32Value();
	auto bytes = info[2].As<Napi::Uint8Array>();

	if (!bytes.ByteLength())
		return;
	WithGlobal(Env(), Map(info[0]), offset, bytes.ByteLength(),
	           [&](uint8_t *data) { memcpy(data, bytes.Data(), bytes.ByteLength()); });
}

// attach(program): Promise<Link>, to what its section names.
Napi::Value Object::Attach(const Napi::CallbackInfo &info)
{
	struct bpf_program *program = Program(info[0]);
	auto link = std::make_shared<struct bpf_link *>();

	return RunAsync(
	        Env(), Value(),
	        [program, link] {
		        LibbpfLog log;

		        *link = bpf_program__attach(program);
		        return Status{*link ? 0 : errno, "bpf_program__attach", log.Text()};
	        },
	        [link](Napi::Env env) { return Link::Make(env, *link); });
}

// The BTF of a module: its fd, or -errno.
static int OpenBtf(const std::string &module)
{
	for (__u32 id = 0;;) {
		char name[64] = "";
		struct bpf_btf_info info = {};
		__u32 size = sizeof(info);

		if (bpf_btf_get_next_id(id, &id))
			return -errno;
		int fd = bpf_btf_get_fd_by_id(id);
		if (fd < 0)
			return -errno;
		info.name = (__u64)name;
		info.name_len = sizeof(name);
		if (!bpf_obj_get_info_by_fd(fd, &info, &size) && info.kernel_btf && module == name)
			return fd;
		close(fd);
	}
}

// The instructions of a copy, with the attach cookie of what it is for in them.
static std::vector<struct bpf_insn> WithCookie(const struct bpf_program *program, __u64 cookie)
{
	const struct bpf_insn *first = bpf_program__insns(program);
	std::vector<struct bpf_insn> insns(first, first + bpf_program__insn_cnt(program));

	for (size_t i = 0; i + 1 < insns.size(); i++) {
		struct bpf_insn *load = &insns[i];

		if (load->code != (BPF_LD | BPF_IMM | BPF_DW) || load->src_reg ||
		    load[0].imm != (__s32)COOKIE_BLANK ||
		    load[1].imm != (__s32)(COOKIE_BLANK >> 32))
			continue;
		load[0].imm = cookie;
		load[1].imm = cookie >> 32;
	}
	return insns;
}

// What functions are in: nothing for the kernel itself, the BTF of a module, or a BPF program, as
// `bpf:12`.
class Whose
{
      public:
	explicit Whose(const Napi::Value &module)
	{
		if (module.IsString())
			name = module.As<Napi::String>();
	}

	bool IsKernel() const
	{
		return name.empty();
	}

	// Loads a program again for functions of it: for one by its id and attach cookie, or for
	// many. Its fd, or -errno.
	int LoadCopy(struct bpf_object *object, struct bpf_program *program, const Prepared &known,
	             enum bpf_attach_type type, __u32 id, __u64 cookie) const
	{
		LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = type,
		            .prog_btf_fd = (__u32)bpf_object__btf_fd(object), .attach_btf_id = id,
		            .func_info = known.functions.data(),
		            .func_info_cnt = known.function_count,
		            .func_info_rec_size = known.function_bytes);
		bool is_program = !name.compare(0, 4, "bpf:");
		int whose = is_program ? bpf_prog_get_fd_by_id(std::stoul(name.substr(4))) : 0;

		if (!is_program && !IsKernel())
			whose = OpenBtf(name);
		if (whose < 0)
			return is_program ? -errno : whose;
		(is_program ? options.attach_prog_fd : options.attach_btf_obj_fd) = whose;
		auto insns = WithCookie(program, cookie);
		int copy = bpf_prog_load(BPF_PROG_TYPE_TRACING, bpf_program__name(program), "GPL",
		                         insns.data(), insns.size(), &options);
		int error = errno;

		if (whose)
			close(whose);
		return copy < 0 ? -error : copy;
	}

      private:
	std::string name;
};

// attachMulti(program, ids: Uint32Array, cookies: BigUint64Array, whose?: string): Promise<Link>,
// to the functions of these BTF ids, all or none; those of a module by a copy of the program.
Napi::Value Object::AttachMulti(const Napi::CallbackInfo &info)
{
	struct bpf_program *program = Program(info[0]);
	auto ids = info[1].As<Napi::Uint32Array>();
	auto cookies = info[2].As<Napi::BigUint64Array>();
	Whose whose(info[3]);
	const Prepared &known = prepared[bpf_program__name(program)];
	auto own_ids =
	        std::make_shared<std::vector<__u32>>(ids.Data(), ids.Data() + ids.ElementLength());
	auto own_cookies = std::make_shared<std::vector<__u64>>(
	        cookies.Data(), cookies.Data() + cookies.ElementLength());
	auto fd = std::make_shared<int>(-1), copy = std::make_shared<int>(-1);
	auto span = std::make_shared<Span>();

	return RunAsync(
	        Env(), Value(),
	        [this, program, whose, &known, own_ids, own_cookies, fd, copy, span] {
		        Timing timing(span);
		        struct link_create_tracing_multi attr = {};

		        auto type = bpf_program__expected_attach_type(program);

		        *copy = whose.IsKernel()
		                        ? fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0)
		                        : whose.LoadCopy(object, program, known, type, 0,
		                                         COOKIE_BLANK);
		        if (*copy < 0)
			        return Status{whose.IsKernel() ? errno : -*copy,
			                      "bpf(BPF_PROG_LOAD)", ""};
		        attr.prog_fd = *copy;
		        attr.attach_type = type;
		        attr.ids = (__u64)own_ids->data();
		        attr.cookies = (__u64)own_cookies->data();
		        attr.count = own_ids->size();
		        *fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
		        int error = *fd < 0 ? errno : 0;
		        if (error)
			        close(*copy);
		        return Status{error, "bpf(BPF_LINK_CREATE)", ""};
	        },
	        [fd, copy, span](Napi::Env env) { return Link::Make(env, *fd, *copy, *span); });
}

// attachKprobes(program, names: [string], cookies: BigUint64Array, flags): Promise<Link>, to the
// functions of these names by fprobe, all or none.
Napi::Value Object::AttachKprobes(const Napi::CallbackInfo &info)
{
	struct bpf_program *program = Program(info[0]);
	auto names = info[1].As<Napi::Array>();
	auto cookies = info[2].As<Napi::BigUint64Array>();
	auto flags = info[3].As<Napi::Number>().Uint32Value();
	auto own_names = std::make_shared<std::vector<std::string>>();
	auto own_cookies = std::make_shared<std::vector<__u64>>(
	        cookies.Data(), cookies.Data() + cookies.ElementLength());
	auto fd = std::make_shared<int>(-1), own = std::make_shared<int>(-1);
	auto span = std::make_shared<Span>();

	for (uint32_t i = 0; i < names.Length(); i++)
		own_names->push_back(Napi::Value(names[i]).As<Napi::String>());
	return RunAsync(
	        Env(), Value(),
	        [program, own_names, own_cookies, flags, fd, own, span] {
		        Timing timing(span);
		        std::vector<const char *> symbols;
		        union bpf_attr attr = {};

		        for (auto &name : *own_names)
			        symbols.push_back(name.c_str());
		        attr.link_create.prog_fd = bpf_program__fd(program);
		        attr.link_create.attach_type = bpf_program__expected_attach_type(program);
		        attr.link_create.kprobe_multi.flags = flags;
		        attr.link_create.kprobe_multi.cnt = symbols.size();
		        attr.link_create.kprobe_multi.syms = (__u64)symbols.data();
		        attr.link_create.kprobe_multi.cookies = (__u64)own_cookies->data();
		        *fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
		        if (*fd < 0)
			        return Status{errno, "bpf(BPF_LINK_CREATE)", ""};
		        *own = fcntl(bpf_program__fd(program), F_DUPFD_CLOEXEC, 0);
		        return Status{*own < 0 ? errno : 0, "fcntl", ""};
	        },
	        [fd, own, span](Napi::Env env) { return Link::Make(env, *fd, *own, *span); });
}

// attachCopy(program, id, cookie: bigint, whose?: string): Promise<Link>, of a copy of its own to
// the function of this BTF id.
Napi::Value Object::AttachCopy(const Napi::CallbackInfo &info)
{
	struct bpf_program *program = Program(info[0]);
	auto id = info[1].As<Napi::Number>().Uint32Value();
	bool lossless;
	__u64 cookie = info[2].As<Napi::BigInt>().Uint64Value(&lossless);
	Whose whose(info[3]);
	const Prepared &known = prepared[bpf_program__name(program)];
	auto fd = std::make_shared<int>(-1), copy = std::make_shared<int>(-1);
	auto span = std::make_shared<Span>();

	return RunAsync(
	        Env(), Value(),
	        [this, program, whose, &known, id, cookie, fd, copy, span] {
		        Timing timing(span);
		        union bpf_attr attr = {};
		        auto type = bpf_program__expected_attach_type(program);

		        if (type == attach_type_fsession_multi) // which is not for BPF programs
			        type = attach_type_fsession;

		        *copy = whose.LoadCopy(object, program, known, type, id, cookie);
		        if (*copy < 0)
			        return Status{-*copy, "bpf(BPF_PROG_LOAD)", ""};
		        attr.link_create.prog_fd = *copy;
		        attr.link_create.attach_type = type;
		        attr.link_create.tracing.cookie = cookie;
		        *fd = syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
		        int error = *fd < 0 ? errno : 0;
		        if (error)
			        close(*copy);
		        return Status{error, "bpf(BPF_LINK_CREATE)", ""};
	        },
	        [fd, copy, span](Napi::Env env) { return Link::Make(env, *fd, *copy, *span); });
}

// attachMark(program, name, cookie: bigint): Promise<Link>, of a copy of its own.
Napi::Value Object::AttachMark(const Napi::CallbackInfo &info)
{
	struct bpf_program *program = Program(info[0]);
	std::string name = info[1].As<Napi::String>();
	bool lossless;
	__u64 cookie = info[2].As<Napi::BigInt>().Uint64Value(&lossless);
	const Prepared &known = prepared[bpf_program__name(program)];
	auto fd = std::make_shared<int>(-1), copy = std::make_shared<int>(-1);
	auto span = std::make_shared<Span>();

	return RunAsync(
	        Env(), Value(),
	        [this, program, name, cookie, &known, fd, copy, span] {
		        Timing timing(span);
		        auto insns = WithCookie(program, cookie);
		        LIBBPF_OPTS(bpf_prog_load_opts, options,
		                    .prog_btf_fd = (__u32)bpf_object__btf_fd(object),
		                    .func_info = known.functions.data(),
		                    .func_info_cnt = known.function_count,
		                    .func_info_rec_size = known.function_bytes);

		        *copy = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT,
		                              bpf_program__name(program), "GPL", insns.data(),
		                              insns.size(), &options);
		        if (*copy < 0)
			        return Status{errno, "bpf(BPF_PROG_LOAD)", ""};
		        *fd = bpf_raw_tracepoint_open(name.c_str(), *copy);
		        int error = *fd < 0 ? errno : 0;
		        if (error)
			        close(*copy);
		        return Status{error, "bpf(BPF_RAW_TRACEPOINT_OPEN)", ""};
	        },
	        [fd, copy, span](Napi::Env env) { return Link::Make(env, *fd, *copy, *span); });
}

// iterate(program): Promise<Buffer>, all that an iterator program writes.
Napi::Value Object::Iterate(const Napi::CallbackInfo &info)
{
	struct bpf_program *program = Program(info[0]);
	auto bytes = std::make_shared<std::vector<uint8_t>>();

	return RunAsync(
	        Env(), Value(),
	        [program, bytes] {
		        LibbpfLog log;
		        struct bpf_link *link = bpf_program__attach_iter(program, nullptr);
		        uint8_t chunk[16384];
		        ssize_t n = 0;

		        if (!link)
			        return Status{errno, "bpf_program__attach_iter", log.Text()};
		        int fd = bpf_iter_create(bpf_link__fd(link));
		        int error = fd < 0 ? errno : 0;
		        while (!error && (n = read(fd, chunk, sizeof(chunk))) > 0)
			        bytes->insert(bytes->end(), chunk, chunk + n);
		        if (n < 0)
			        error = errno;
		        if (fd >= 0)
			        close(fd);
		        bpf_link__destroy(link);
		        return Status{error, "bpf_iter", log.Text()};
	        },
	        [bytes](Napi::Env env) {
		        return Napi::Buffer<uint8_t>::Copy(env, bytes->data(), bytes->size());
	        });
}

// programId(program): what the kernel calls it, once it is loaded.
Napi::Value Object::ProgramId(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(Env(), ProgramInfoOf(Env(), bpf_program__fd(Program(info[0]))).id);
}

// openRing(map, ringBytes, slackBytes, counts: Float64Array): Ring; writers begin no record when
// fewer than slackBytes are free. Records that are read are counted by their function.
Napi::Value Object::OpenRing(const Napi::CallbackInfo &info)
{
	return Ring::Make(Env(), bpf_map__fd(Map(info[0])), info[1].As<Napi::Number>().Int64Value(),
	                  info[2].As<Napi::Number>().Int64Value(),
	                  info[3].As<Napi::Float64Array>());
}

// close(): frees programs and maps; the JavaScript side closes links and rings before.
void Object::Close(const Napi::CallbackInfo &)
{
	bpf_object__close(object);
	object = nullptr;
}
