// The reading end of the ring that bpf/record.h describes.
#include <linux/types.h>
#include "ring.h"
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <sys/mman.h>
#include <utility>

static Napi::FunctionReference constructor;

static size_t MappedBytes(size_t ring_bytes)
{
	return offsetof(struct ring, data) + ring_bytes + RING_MARGIN;
}

void Ring::Init(Napi::Env env, Napi::Object)
{
	constructor =
	        Napi::Persistent(DefineClass(env, "Ring",
	                                     {
	                                             InstanceMethod<&Ring::Read>("read"),
	                                             InstanceMethod<&Ring::Progress>("progress"),
	                                             InstanceMethod<&Ring::Close>("close"),
	                                     }));
	constructor.SuppressDestruct();
}

Napi::Value Ring::Make(Napi::Env env, int map_fd, size_t ring_bytes, size_t slack_bytes,
                       Napi::Float64Array counts)
{
	void *address = mmap(nullptr, MappedBytes(ring_bytes), PROT_READ | PROT_WRITE, MAP_SHARED,
	                     map_fd, 0);

	if (address == MAP_FAILED)
		throw MakeError(env, {errno, "mmap", ""});
	Napi::Object object = constructor.New({});
	Ring *self = Unwrap(object);
	self->ring = (struct ring *)address;
	self->ring_bytes = ring_bytes;
	self->limit = ring_bytes - slack_bytes;
	self->counts_reference = Napi::Persistent(counts);
	self->counts = counts.Data();
	self->functions = counts.ElementLength();
	self->ring->end = self->limit;
	return object;
}

Ring::Ring(const Napi::CallbackInfo &info) : Napi::ObjectWrap<Ring>(info)
{
}

Ring::~Ring()
{
	Unmap();
}

void Ring::Unmap()
{
	if (struct ring *old = std::exchange(ring, nullptr))
		munmap(old, MappedBytes(ring_bytes));
}

// read(into: Uint8Array): number of bytes; whole records only, 0 when there is none.
Napi::Value Ring::Read(const Napi::CallbackInfo &info)
{
	auto into = info[0].As<Napi::Uint8Array>();
	size_t room = into.ByteLength();
	uint8_t *out = into.Data();
	size_t n = 0;

	for (;;) {
		char *at = ring->data + (position & (ring_bytes - 1));
		auto *record = (struct record *)at;
		__u32 size = __atomic_load_n(&record->size, __ATOMIC_ACQUIRE);
		__u32 function = record->function & (COOKIE_ROOT - 1);

		if (!size || n + size > room)
			break;
		if (function < functions)
			counts[function]++;
		records++;
		memcpy(out + n, at, size);
		memset(at, 0, size);
		n += size;
		position += size;
	}
	__atomic_store_n(&ring->end, position + limit, __ATOMIC_RELEASE);
	return Napi::Number::New(Env(), n);
}

// progress(): {writtenBytes, readBytes, readRecords} since the ring was opened.
Napi::Value Ring::Progress(const Napi::CallbackInfo &info)
{
	auto result = Napi::Object::New(info.Env());

	result.Set("writtenBytes", (double)__atomic_load_n(&ring->head, __ATOMIC_RELAXED));
	result.Set("readBytes", (double)position);
	result.Set("readRecords", (double)records);
	return result;
}

void Ring::Close(const Napi::CallbackInfo &)
{
	Unmap();
}
