// Where machine code calls and jumps to.
#pragma once
#include <napi.h>

void InitDisassemble(Napi::Env env, Napi::Object exports);
