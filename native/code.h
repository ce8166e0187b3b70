// Machine code of functions: one reader for each architecture.
#pragma once
#include "errors.h"
#include <cstdint>
#include <memory>
#include <vector>

// The lower half of an address: the kernel's code is in 2 GiB.
using address_t = uint32_t;

struct Function {
	address_t start;
	uint32_t bytes;
};

class CodeReader
{
      public:
	virtual ~CodeReader() = default;
	virtual Status Open() = 0;
	// Appends to `out` how many indirect calls there are, how many direct ones leave the
	// function, and where each of those leads to.
	virtual void Add(const Function &function, const uint8_t *code,
	                 std::vector<address_t> &out) = 0;
};

std::unique_ptr<CodeReader> MakeX64Reader();
std::unique_ptr<CodeReader> MakeArm64Reader();
