#include "hv/x86/cpu/smap.hpp"

#include <cstdint>

#include "hv/x86/cpu/cpuid.hpp"
#include "hv/x86/cpu/registers.hpp"
#include "hv/x86/paging/direct_map.hpp"

namespace hv::x86 {
namespace {

struct Patch {
    std::int32_t target;     // relative to this field
    std::uint8_t last_byte;  // 0f 01 xx
    std::uint8_t padding[3];
};
extern "C" const Patch smap_patches_start[], smap_patches_end[];

}  // namespace

void patch_smap() {
    if (!(hv_cr4() & kCr4Smap)) return;
    for (const Patch* patch = smap_patches_start; patch != smap_patches_end; ++patch) {
        const auto address =
            reinterpret_cast<std::uint64_t>(&patch->target) + static_cast<std::uint64_t>(std::int64_t{patch->target});
        auto* code = direct_map_as<volatile std::uint8_t>(physical_of(reinterpret_cast<const void*>(address)));
        code[0] = 0x0f;
        code[1] = 0x01;
        code[2] = patch->last_byte;
    }
}

}  // namespace hv::x86
