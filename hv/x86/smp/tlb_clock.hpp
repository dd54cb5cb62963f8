// Between ipi.cpp and tlb.cpp.
#pragma once

#include <cstdint>

namespace hv::x86 {

enum Request : std::uint32_t { kRequestCall = 1, kRequestFlush = 2 };

// Asks every CPU to flush some time soon; does not wait.
void request_flush_everywhere();

}  // namespace hv::x86
