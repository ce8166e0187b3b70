// What is known of loaded BPF programs.
#pragma once
#include <napi.h>

void InitPrograms(Napi::Env env, Napi::Object exports);
