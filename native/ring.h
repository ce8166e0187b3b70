// The reading end of the ring that bpf/record.h describes.
#pragma once
#include "errors.h"
#include "../bpf/record.h"

class Ring : public Napi::ObjectWrap<Ring>
{
      public:
	static void Init(Napi::Env env, Napi::Object exports);
	static Napi::Value Make(Napi::Env env, int map_fd, size_t ring_bytes, size_t slack_bytes,
	                        Napi::Float64Array counts);
	explicit Ring(const Napi::CallbackInfo &info);
	~Ring() override;

      private:
	Napi::Value Read(const Napi::CallbackInfo &info);
	Napi::Value Progress(const Napi::CallbackInfo &info);
	void Close(const Napi::CallbackInfo &info);
	void Unmap();

	struct ring *ring = nullptr;
	size_t ring_bytes = 0;
	size_t limit = 0;
	__u64 position = 0; // of the next record to be read
	__u64 records = 0;  // that were read
	Napi::Reference<Napi::Float64Array> counts_reference;
	double *counts = nullptr; // of them, by function
	size_t functions = 0;
};
