// Each CPU has a window of 16 pages for the GDT and one of 16 for the LDT of the vCPU that it runs.
#pragma once

#include "hv/memory/frame.hpp"

namespace hv::x86 {

inline constexpr unsigned kWindowPages = 16;

// This CPU's window shows `info` in page `page` (the LDT's follow the GDT's), or nothing.
void show_in_window(unsigned page, const FrameInfo* info);

}  // namespace hv::x86
