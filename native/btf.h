// The places and the names of the kernel's types.
#pragma once
#include <napi.h>

void InitBtf(Napi::Env env, Napi::Object exports);
