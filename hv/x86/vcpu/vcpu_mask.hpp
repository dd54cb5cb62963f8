// Bitmaps of vCPUs in guest memory.
#pragma once

#include "hv/base/bitmap.hpp"
#include "hv/base/result.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/guest_access.hpp"

namespace hv::x86 {

// As many bytes as the current domain has vCPUs for.
inline Result<Bitmap<kMaxVcpus>> fetch_vcpu_mask(GuestVirtual address) {
    const std::uint32_t count = current_domain().max_vcpus;
    std::uint64_t words[Bitmap<kMaxVcpus>::kWords] = {};
    TRY(copy_from_guest(words, address, (count + 7) / 8));
    Bitmap<kMaxVcpus> mask;
    for (std::size_t i = 0; i < Bitmap<kMaxVcpus>::kWords; ++i) mask.set_word(i, words[i]);
    for (std::uint32_t bit = count; bit < kMaxVcpus; ++bit) mask.clear(bit);
    return mask;
}

}  // namespace hv::x86
