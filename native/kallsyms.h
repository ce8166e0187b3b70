// The kernel's symbols, printed from its tables.
#pragma once
#include <napi.h>

void InitKallsyms(Napi::Env env, Napi::Object exports);
