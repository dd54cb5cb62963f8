#include "hv/domain/grant/shared.hpp"

#include <atomic>

#include "hv/base/nospec.hpp"

namespace hv {

using namespace abi::xen;

namespace {

constexpr std::unexpected<GrantResult> kRefused{GrantResult::GeneralError};

// Flags and domain of an entry are one 32-bit word: they are checked and marked together.
struct Header {
    std::uint32_t word;
    std::uint16_t flags() const { return static_cast<std::uint16_t>(word); }
    DomainId domain() const { return DomainId{static_cast<std::uint16_t>(word >> 16)}; }
};

std::uint32_t& header_word(void* entry) {
    return *static_cast<std::uint32_t*>(entry);
}

bool grants_access(Header header, DomainId user, bool whole) {
    if (header.domain() != user) return false;
    const std::uint16_t type = header.flags() & kGtfTypeMask;
    if (type == kGtfPermitAccess) return !whole || !(header.flags() & kGtfSubPage);
    return type == kGtfTransitive && !whole;
}

template <class T>
T read_once(const T& shared) {
    return std::atomic_ref{const_cast<T&>(shared)}.load(std::memory_order_relaxed);
}

}  // namespace

SharedGrant::SharedGrant(GrantTable& table, GrantRef ref) {
    const std::uint32_t per_frame = table.entries_per_frame();
    ref = index_nospec(ref, std::uint64_t{table.frames_} * per_frame);
    std::byte* page = table.shared_[ref.raw / per_frame].page.bytes();
    if (table.version_ == 1) {
        v1_ = reinterpret_cast<GrantEntryV1*>(page) + ref.raw % per_frame;
        return;
    }
    constexpr std::uint32_t kPerPage = kPageSize / sizeof(GrantStatus);
    v2_ = reinterpret_cast<GrantEntryV2*>(page) + ref.raw % per_frame;
    status_ = reinterpret_cast<GrantStatus*>(table.status_[ref.raw / kPerPage].bytes()) + ref.raw % kPerPage;
}

GrantOutcome<> SharedGrant::mark(DomainId user, bool readonly, bool fresh, bool whole) {
    return v1_ ? mark_v1(user, readonly, fresh, whole) : mark_v2(user, readonly, fresh, whole);
}

GrantOutcome<> SharedGrant::mark_v1(DomainId user, bool readonly, bool fresh, bool whole) {
    constexpr int kTries = 5;  // a guest that keeps changing the entry does not want to grant it
    std::atomic_ref word{header_word(v1_)};
    std::uint32_t seen = word.load(std::memory_order_acquire);
    for (int i = 0; i < kTries; ++i) {
        const Header header{seen};
        if (fresh && ((header.flags() & kGtfTypeMask) != kGtfPermitAccess || !grants_access(header, user, whole)))
            return kRefused;
        if (!readonly && (header.flags() & kGtfReadonly)) return kRefused;
        const std::uint32_t marks = kGtfReading | (readonly ? 0u : kGtfWriting);
        if (word.compare_exchange_strong(seen, seen | marks, std::memory_order_acq_rel)) return {};
    }
    return kRefused;
}

// Version 2 keeps the marks beside the entry: set them first, then check that the entry still says what it said.
GrantOutcome<> SharedGrant::mark_v2(DomainId user, bool readonly, bool fresh, bool whole) {
    std::atomic_ref word{header_word(v2_)};
    const Header before{word.load(std::memory_order_acquire)};
    if (fresh && !grants_access(before, user, whole)) return kRefused;
    if (!readonly && (before.flags() & kGtfReadonly)) return kRefused;
    std::atomic_ref{*status_}.fetch_or(static_cast<GrantStatus>(kGtfReading | (readonly ? 0 : kGtfWriting)),
                                       std::memory_order_seq_cst);
    std::atomic_thread_fence(std::memory_order_seq_cst);
    const Header after{word.load(std::memory_order_seq_cst)};
    if (fresh && !grants_access(after, user, whole)) {
        clear_writing();
        clear_reading();
        return kRefused;
    }
    if (!readonly && (after.flags() & kGtfReadonly)) {
        clear_writing();
        if (fresh) clear_reading();
        return kRefused;
    }
    return {};
}

void SharedGrant::clear_reading() {
    std::uint16_t& marks = v1_ ? v1_->flags : *status_;
    std::atomic_ref{marks}.fetch_and(static_cast<std::uint16_t>(~kGtfReading), std::memory_order_acq_rel);
}

void SharedGrant::clear_writing() {
    std::uint16_t& marks = v1_ ? v1_->flags : *status_;
    std::atomic_ref{marks}.fetch_and(static_cast<std::uint16_t>(~kGtfWriting), std::memory_order_acq_rel);
}

GrantOutcome<GrantContents> SharedGrant::contents() const {
    if (v1_) return GrantContents{.frame = read_once(v1_->frame)};
    const std::uint16_t flags = read_once(v2_->header.flags);
    if ((flags & kGtfTypeMask) == kGtfTransitive) {
        return GrantContents{.transitive = true,
                             .transitive_domain = DomainId{read_once(v2_->transitive.trans_domid)},
                             .transitive_ref = GrantRef{read_once(v2_->transitive.gref)}};
    }
    GrantContents contents{.frame = read_once(v2_->full_page.frame)};
    if (flags & kGtfSubPage) {
        contents.start = read_once(v2_->sub_page.page_off);
        contents.length = read_once(v2_->sub_page.length);
        if (contents.length == 0 || contents.start + contents.length > kPageSize) return kRefused;
    }
    return contents;
}

}  // namespace hv
