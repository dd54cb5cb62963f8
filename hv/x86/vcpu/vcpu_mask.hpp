// Bitmaps of vCPUs in guest memory.
#pragma once

#include "hv/base/bitmap.hpp"
#include "hv/base/result.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv::x86 {

// As many bytes as the current domain has vCPUs for.
inline Result<VcpuSet> fetch_vcpu_mask(GuestVirtual address) {
    const std::uint32_t count = current_domain().max_vcpus;
    std::uint64_t words[VcpuSet::kWords] = {};
    TRY(copy_from_guest(words, address, (count + 7) / 8));
    VcpuSet mask;
    for (std::size_t i = 0; i < VcpuSet::kWords; ++i) mask.set_word(i, words[i]);
    for (VcpuId id{count}; id.raw < kMaxVcpus; ++id) mask.clear(id);
    return mask;
}

}  // namespace hv::x86
