// Physical memory through the direct map. Valid for RAM (and firmware tables in RAM); device registers need
// map_device().
#pragma once

#include <cstdint>

#include "hv/base/types.hpp"
#include "hv/x86/paging/layout.hpp"

namespace hv::x86 {

inline void* direct_map(std::uint64_t physical) {
    return reinterpret_cast<void*>(physical + kDirectMapBase);
}
inline void* direct_map(Mfn frame) {
    return direct_map(frame.raw << kPageShift);
}
template <class T>
T* direct_map_as(std::uint64_t physical) {
    return static_cast<T*>(direct_map(physical));
}
// Physical address of something in the direct map or in hv's image.
inline std::uint64_t physical_of(const void* pointer) {
    const auto address = reinterpret_cast<std::uint64_t>(pointer);
    if (address >= kDirectMapBase && address < kDirectMapEnd) return address - kDirectMapBase;
    return address - kImageBase + kImagePhysical;
}

}  // namespace hv::x86
