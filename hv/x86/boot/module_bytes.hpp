// A boot module's contents, until Dom0 is built.
#pragma once

#include <cstddef>
#include <span>

#include "hv/x86/boot/boot_info.hpp"
#include "hv/x86/paging/direct_map.hpp"

namespace hv::x86 {

inline std::span<const std::byte> bytes_of(const BootModule& module) {
    return {direct_map_as<const std::byte>(module.start), module.size};
}

}  // namespace hv::x86
