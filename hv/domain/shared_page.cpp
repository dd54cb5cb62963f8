#include "hv/domain/shared_page.hpp"

#include "hv/base/log.hpp"
#include "hv/domain/domain.hpp"
#include "hv/memory/allocator.hpp"
#include "hv/memory/frame.hpp"

namespace hv {
namespace {

// hv's reference and its type reference: whatever is beyond them belongs to mappings.
constexpr std::uint64_t kOwnReferences = 1;

}  // namespace

Result<SharedPage> SharedPage::allocate(Domain& domain) {
    return allocate(domain, domain.id);
}

Result<SharedPage> SharedPage::allocate_withdrawn(Domain& domain) {
    return allocate(domain, kOwnerHv);
}

Result<SharedPage> SharedPage::allocate(Domain& domain, DomainId owner) {
    const Mfn frame = TRY(allocate_frames({}));
    FrameInfo& info = frame_info(frame);
    set_m2p(frame, kInvalidM2pEntry);
    info.type.store(FrameInfo::type_bits(FrameType::Writable) | FrameInfo::kValidated | 1);
    info.count.store(FrameInfo::owner_bits(owner) | FrameInfo::kShared | kOwnReferences, std::memory_order_release);
    domain.hv_bytes += kPageSize;
    return SharedPage{domain, info};
}

Mfn SharedPage::frame() const {
    return frame_number(*info_);
}

std::byte* SharedPage::bytes() const {
    return info_ ? static_cast<std::byte*>(frame_pointer(frame())) : nullptr;
}

bool SharedPage::withdraw() {
    std::uint64_t word = info_->count.load(std::memory_order_relaxed);
    do {
        if ((word & FrameInfo::kReferenceMask) != kOwnReferences) return false;
    } while (!info_->count.compare_exchange_weak(
        word, (word & ~FrameInfo::kOwnerMask) | FrameInfo::owner_bits(kOwnerHv), std::memory_order_acq_rel));
    return true;
}

void SharedPage::offer() {
    HV_ASSERT(info_->owner() == kOwnerHv);
    // There can be no other reference, so no other CPU changes the word.
    info_->count.store(FrameInfo::owner_bits(domain_->id) | FrameInfo::kShared | kOwnReferences,
                       std::memory_order_release);
}

void SharedPage::free() {
    if (!info_) return;
    FrameInfo& info = *std::exchange(info_, nullptr);
    domain_->hv_bytes -= kPageSize;
    std::uint64_t word = info.count.load(std::memory_order_relaxed);
    while (!info.count.compare_exchange_weak(word, (word & ~FrameInfo::kOwnerMask) | FrameInfo::owner_bits(kOwnerHv),
                                             std::memory_order_acq_rel)) {
    }
    put_frame_and_type(info);
}

}  // namespace hv
