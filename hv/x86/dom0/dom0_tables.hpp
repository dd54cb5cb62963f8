// Dom0's first page tables.
#pragma once

#include <optional>

#include "hv/x86/dom0/dom0_layout.hpp"
#include "hv/x86/dom0/dom0_memory.hpp"

namespace hv::x86 {

void write_tables(Dom0Memory& memory, const Dom0Layout& layout, std::optional<std::uint64_t> init_p2m);

}  // namespace hv::x86
